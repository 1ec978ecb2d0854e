//! Ends of the process, wanted and unwanted.

use daybreak_core::RunStatus;
use daybreak_protocol::{AliasHistoryQuery, Error, Orchestrator, Outcome, VersionsQuery};
use daybreak_server::http::Engine;
use daybreak_server::{Server, Timings};

use crate::support::{FIRST, FakeWorker, SECOND, World, at, config, name};

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_goes_on_with_the_night_and_ends_it_once() {
    let world = World::new().await;
    world.advance(FIRST).await;
    let (features, train) = {
        let worker = world.worker().await;
        let features = worker.take("features").await;
        worker.succeed(&features).await;
        let tasks = worker.poll().await;
        (features, tasks.into_iter().find(|task| task.task.as_str() == "train").expect("train is ready"))
    };
    let world = world.killed_and_opened_again().await;
    let worker = world.worker().await;
    let late = worker.report(&train, Outcome::HandedBack).await;
    assert!(matches!(late, Err(Error::StaleAttempt)), "{late:?}");
    worker.finish(&world.server, &train.run_id).await;
    let run = world.server.run_detail(&train.run_id).await.expect("the run");
    assert_eq!(run.summary.state, RunStatus::Succeeded);
    let again = run.tasks.iter().find(|task| task.name.as_str() == "train").expect("the task");
    assert_eq!((again.attempt, again.lost), (1, 0), "the child of a killed server is nobody's fault");
    assert_eq!(world.runs().await.len(), 1);
    let builds = world.server.builds(&name("weather"), at(FIRST), at(FIRST)).await.expect("builds");
    assert_eq!((builds.len(), features.fence), (1, 1));
    assert!(world.server.model_version(&name("late_arrival"), 2).await.is_err(), "one version, not two");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_opens_with_the_project_and_the_time_it_had() {
    let world = World::new().await;
    world.advance(FIRST).await;
    let world = world.killed_and_opened_again().await;
    assert_eq!(world.server.next_firing(), Some(at(SECOND)));
    let back = world.server.advance_clock(at("2013-03-09T00:00:00Z")).await;
    assert!(back.is_err_and(|error| error.to_string().contains("never goes back")));
    world.advance(SECOND).await;
    assert_eq!(world.runs().await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_server_on_the_same_folder_is_refused() {
    let world = World::new().await;
    let second = Server::open(config(world.folder.path(), Timings::default())).await;
    assert!(matches!(second.err(), Some(daybreak_server::Error::Locked { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_to_end_hands_out_no_more_work_and_waits_for_what_runs() {
    let world = World::new().await;
    world.advance(FIRST).await;
    let worker = world.worker().await;
    let features = worker.take("features").await;
    let (polled, ()) = tokio::join!(worker.poll_for(20_000), async {
        world.stop.send(true).expect("the server runs");
    });
    assert!(polled.expect("it is known").is_empty());
    worker.report(&features, Outcome::HandedBack).await.expect("the server still takes reports");
    world.ended().await;
}

/// Takes and reports tasks until so many calls were made, in the middle of whatever that is.
async fn work_for(worker: &FakeWorker, calls: usize) {
    let mut made = 0;
    while made < calls {
        let tasks = worker.poll().await;
        made += 1;
        for task in tasks {
            if made == calls {
                return;
            }
            worker.succeed(&task).await;
            made += 1;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_night_killed_after_any_call_ends_once_and_leaves_the_same() {
    for calls in 0..9 {
        let world = World::new().await;
        world.advance(FIRST).await;
        let worker = world.worker().await;
        work_for(&worker, calls).await;
        drop(worker);
        let world = world.killed_and_opened_again().await;
        let run = world.server.wait_firing("nightly", at(FIRST));
        let worker = world.worker().await;
        let run = tokio::select! {
            run = run => run.expect("it ran"),
            () = work_for(&worker, usize::MAX) => panic!("work without end"),
        };
        assert_eq!(run.state, RunStatus::Succeeded, "killed after {calls} calls: {:?}", run.reason);
        let model = name("late_arrival");
        let versions = world.server.model_versions(&model, VersionsQuery::default()).await.expect("versions").versions;
        let moves = world.server.alias_history(&model, AliasHistoryQuery::default()).await.expect("moves").moves;
        assert_eq!((versions.len(), moves.len()), (1, 1), "killed after {calls} calls");
        let builds = world.server.builds(&name("weather"), at(FIRST), at(FIRST)).await.expect("builds");
        assert_eq!((builds.len(), world.runs().await.len()), (1, 1), "killed after {calls} calls");
    }
}
