//! Workers: fences, lost ones, lost replies, cancellation.

use std::time::{Duration, Instant};

use daybreak_core::{RunStatus, TaskStatus};
use daybreak_protocol::{
    AliasMove, BuildRecord, CancelRequest, Client, Error, Held, MAX_PAGE, MintPublication, OLDEST_PROTOCOL,
    Orchestrator, Outcome, PROTOCOL_VERSION, Register, TaskResult,
};
use daybreak_server::Origin;
use daybreak_server::http::{Access, Engine};
use daybreak_spec::{Labels, Timestamp};
use serde_json::{Map, json};

use crate::support::{FIRST, World, at, name, nights, short_leases};

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_fence_is_refused_and_the_same_report_again_is_not() {
    let world = World::new().await;
    world.advance(FIRST).await;
    let worker = world.worker().await;
    let features = worker.take("features").await;
    let mut stale = features.clone();
    stale.fence -= 1;
    let refused = worker.report(&stale, Outcome::Succeeded(Box::default())).await;
    assert!(matches!(refused, Err(Error::StaleAttempt)), "{refused:?}");
    worker.succeed(&features).await;
    worker.succeed(&features).await;
    let builds = world.server.builds(&name("weather"), at(FIRST), at(FIRST)).await.expect("builds");
    assert_eq!(builds.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_falls_silent_loses_its_task_to_another() {
    let world = World::with(nights(), short_leases()).await;
    world.advance(FIRST).await;
    let silent = world.worker().await;
    let features = silent.take("features").await;
    let again = loop {
        let other = world.worker().await;
        if let Some(task) = other.poll_for(30).await.unwrap_or_default().pop() {
            break task;
        }
    };
    assert_eq!((again.task.as_str(), again.attempt), ("features", 1));
    assert!(again.fence > features.fence);
    let late = silent.report(&features, Outcome::Succeeded(Box::default())).await;
    assert!(matches!(late, Err(Error::StaleAttempt)), "{late:?}");
    let run = world.server.run_detail(&features.run_id).await.expect("the run");
    assert!(run.tasks[0].lost >= 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_never_reached_its_worker_is_taken_back_after_two_heartbeats() {
    let world = World::new().await;
    world.advance(FIRST).await;
    let worker = world.worker().await;
    let lost_reply = worker.take("features").await;
    worker.beat(&[]).await;
    worker.beat(&[]).await;
    let again = worker.take("features").await;
    assert!(again.fence > lost_reply.fence);
    let reply = worker.beat(&[&lost_reply, &again]).await;
    assert_eq!(reply.revoked, [Held { task_run_id: lost_reply.task_run_id, fence: lost_reply.fence }]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_run_is_told_to_its_worker_and_ends() {
    let world = World::new().await;
    world.advance(FIRST).await;
    let worker = world.worker().await;
    let features = worker.take("features").await;
    world.server.cancel(&features.run_id, CancelRequest::default(), &Origin::cli()).await.expect("it runs");
    assert_eq!(worker.beat(&[&features]).await.cancel.len(), 1);
    worker.report(&features, Outcome::Cancelled).await.expect("it holds the task");
    let run = world.server.wait_run(&features.run_id).await.expect("the run");
    assert_eq!((run.state, run.reason.as_deref()), (RunStatus::Cancelled, Some("somebody asked for its end")));
    let again = world.server.cancel(&features.run_id, CancelRequest::default(), &Origin::cli()).await;
    assert!(matches!(again, Err(daybreak_server::Error::Refused(_))), "{again:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancellation_reaches_a_waiting_worker_without_a_heartbeat() {
    let world = World::new().await;
    world.advance(FIRST).await;
    let (worker, other) = (world.worker().await, world.worker().await);
    let features = worker.take("features").await;
    let (waiting, server, run) = (worker.cancelled(&[]), world.server.clone(), features.run_id.clone());
    let cancelling =
        async move { server.cancel(&run, CancelRequest::default(), &Origin::cli()).await.expect("it runs") };
    let begun = Instant::now();
    let (told, ()) = tokio::join!(waiting, cancelling);
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    let held = [Held { task_run_id: features.task_run_id.clone(), fence: features.fence }];
    assert_eq!(told, held);
    assert_eq!(worker.cancelled(&[]).await, held, "who asks later is told too");
    assert_eq!(other.cancelled_within(&[], 100).await, [], "other workers are not");
    assert_eq!(worker.cancelled_within(&held, 100).await, held, "what is known is no news");
    worker.report(&features, Outcome::Cancelled).await.expect("it holds the task");
    assert_eq!(worker.cancelled(&held).await, [], "nothing is left to end");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_that_cannot_be_committed_fails_the_task_with_the_reason() {
    let world = World::new().await;
    world.advance(FIRST).await;
    let worker = world.worker().await;
    let features = worker.take("features").await;
    let alias_move =
        AliasMove { model: name("late_arrival"), alias: "champion".to_owned(), version: 9, as_of: at(FIRST) };
    let result = TaskResult { alias_move: Some(alias_move), ..TaskResult::default() };
    worker.report(&features, Outcome::Succeeded(Box::new(result))).await.expect("the report is taken");
    let run = world.server.wait_run(&features.run_id).await.expect("the run");
    let reason = "task `features` failed: its result was refused: model `late_arrival` has no version 9";
    assert_eq!(run.reason.as_deref(), Some(reason));
}

#[tokio::test(flavor = "multi_thread")]
async fn outputs_beyond_their_limit_fail_the_task() {
    let world = World::new().await;
    world.advance(FIRST).await;
    let worker = world.worker().await;
    let features = worker.take("features").await;
    let outputs = Map::from_iter([("text".to_owned(), json!("x".repeat(66_000)))]);
    let result = TaskResult { outputs, ..TaskResult::default() };
    worker.report(&features, Outcome::Succeeded(Box::new(result))).await.expect("the report is taken");
    let run = world.server.run_detail(&features.run_id).await.expect("the run");
    assert_eq!(run.tasks[0].state, TaskStatus::Failed);
    let reason = run.tasks[0].reason.clone().unwrap_or_default();
    assert!(reason.contains("at most 65536 are handed on: write what is large to a file"), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_token_dies_with_its_fence() {
    let world = World::new().await;
    world.advance(FIRST).await;
    let worker = world.worker().await;
    let features = worker.take("features").await;
    let attempt = Access::Attempt { task_run_id: features.task_run_id.clone(), fence: features.fence };
    assert_eq!(world.server.authorises(&features.token).await, attempt);
    assert!(matches!(world.server.authorises("secret").await, Access::Token(_)));
    assert_eq!(world.server.authorises("Secret").await, Access::None);
    worker.succeed(&features).await;
    assert_eq!(world.server.authorises(&features.token).await, Access::None);
}

#[tokio::test(flavor = "multi_thread")]
async fn publications_are_minted_under_the_fence_only() {
    let world = World::new().await;
    world.advance(FIRST).await;
    let worker = world.worker().await;
    let features = worker.take("features").await;
    let request = |fence| MintPublication {
        task_run_id: features.task_run_id.clone(),
        fence,
        view: name("weather"),
        as_of: at(FIRST),
    };
    assert_eq!(worker.orchestrator.mint_publication(request(features.fence)).await.expect("it holds the task"), 1);
    let stale = worker.orchestrator.mint_publication(request(features.fence + 1)).await;
    assert!(matches!(stale, Err(Error::StaleAttempt)), "{stale:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_worker_is_told_to_register() {
    let world = World::new().await;
    let mut worker = world.worker().await;
    worker.registration.epoch += 1;
    world.advance(FIRST).await;
    assert!(matches!(worker.poll_for(5_000).await, Err(Error::ReRegister)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_of_another_protocol_is_refused_before_it_has_a_task() {
    let world = World::new().await;
    let of = |protocol| Register {
        label: "other".to_owned(),
        version: "9.9.9".to_owned(),
        protocol,
        host: "here".to_owned(),
        queues: None,
        labels: Labels::new(),
        light_slots: 100,
        heavy_slots: 100,
    };
    for protocol in [OLDEST_PROTOCOL - 1, PROTOCOL_VERSION + 1] {
        let refused = world.server.register(of(protocol)).await;
        let told = format!("(daybreak 9.9.9) speaks protocol {protocol}");
        assert!(matches!(&refused, Err(Error::OtherProtocol(why)) if why.contains(&told)), "{refused:?}");
    }
    world.server.register(of(OLDEST_PROTOCOL)).await.expect("the oldest that is taken");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_lies_is_refused_and_the_others_go_on() {
    let world = World::new().await;
    world.advance(FIRST).await;
    let (honest, liar) = (world.worker().await, world.worker().await);
    let features = honest.take("features").await;
    let forged = daybreak_protocol::Registration { epoch: liar.registration.epoch + 1, ..liar.registration.clone() };
    let forged = crate::support::FakeWorker { orchestrator: liar.orchestrator.clone(), registration: forged };
    assert!(matches!(forged.poll_for(100).await, Err(Error::ReRegister)), "an epoch that was never given");
    let mut nowhere = features.clone();
    nowhere.task_run_id = "01ARZ3NDEKTSV4RRFFQ69G5FAV".to_owned();
    let refused = liar.report(&nowhere, Outcome::Succeeded(Box::default())).await;
    assert!(matches!(refused, Err(Error::StaleAttempt | Error::NotFound(_))), "of no run: {refused:?}");
    for fence in [features.fence - 1, features.fence + 1, i64::MAX, i64::MIN] {
        let guessed = daybreak_protocol::Assignment { fence, ..features.clone() };
        let refused =
            liar.report(&guessed, Outcome::Failed { reason: "no".into(), cause: "x".into(), retry: false }).await;
        assert!(matches!(refused, Err(Error::StaleAttempt)), "{fence}: {refused:?}");
        let minted = MintPublication {
            task_run_id: features.task_run_id.clone(),
            fence,
            view: name("weather"),
            as_of: at(FIRST),
        };
        assert!(matches!(world.server.mint_publication(minted).await, Err(Error::StaleAttempt)), "{fence}");
    }
    let told = liar.beat(&[&features, &nowhere]).await;
    assert_eq!(told.revoked.len(), 2, "what it says it holds is not its own");
    honest.succeed(&features).await;
    assert_eq!(honest.poll().await.len(), 2, "the others go on");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_reads_all_builds_of_a_range_however_many_pages_they_are() {
    let world = World::new().await;
    world.advance(FIRST).await;
    let worker = world.worker().await;
    let task = worker.take("features").await;
    let build = |hour: i64| BuildRecord {
        view: name("weather"),
        as_of: Timestamp::from_micros(at(FIRST).micros + hour * 3_600_000_000),
        definition_hash: "0a".repeat(32),
        object: format!("build {hour}"),
        rows: 1,
        size_bytes: 1,
    };
    let hours = i64::from(MAX_PAGE) * 2;
    let builds: Vec<BuildRecord> = (0..=hours).map(build).collect();
    let result = TaskResult { builds: builds.clone(), ..TaskResult::default() };
    worker.report(&task, Outcome::Succeeded(Box::new(result))).await.expect("it holds the task");
    let (from, to) = (builds[1].as_of, builds[builds.len() - 1].as_of);
    let far = Client::new(&world.serve().await, "secret").builds(&name("weather"), from, to).await.expect("builds");
    assert!(far == builds[1..], "{} of {hours} builds over HTTP", far.len());
    let near = world.server.builds(&name("weather"), from, to).await.expect("builds");
    assert!(near == builds[1..], "{} of {hours} builds in the process", near.len());
}
