//! Attempts: fences, repetition, failure, cancellation.

use daybreak_core::{AttemptEnd, Awaited, Deferral, Failure, OnReject, Resumption, RunStatus, TaskStatus, Wait};
use daybreak_protocol::{MintPublication, TaskResult};
use daybreak_store::{Claim, Error, ReportedEnd};
use serde_json::{Map, json};

use crate::support::{SECOND, World, at, caller, name, not_yet};

crate::stories! {
    a_statement_that_goes_round_the_table_of_transitions_is_refused,
    a_task_that_gives_its_slot_back_is_kept_with_what_it_waits_for,
    a_run_goes_from_task_to_task_and_ends,
    a_task_sees_the_outputs_of_all_it_stands_on,
    a_gate_that_says_no_skips_the_gated_task,
    a_repeated_report_is_a_success_and_a_stale_one_is_refused,
    a_failure_is_tried_again_after_its_backoff_and_then_fails_the_run,
    handing_back_charges_nothing,
    a_cancelled_run_ends_when_its_worker_says_so,
    a_cancelled_task_that_its_worker_does_not_end_is_ended_after_the_grace,
    an_attempt_past_its_deadline_is_ended_by_the_sweep,
    a_publication_number_is_minted_once_per_attempt_and_rises_with_the_next,
}

fn failed(retry: bool) -> ReportedEnd {
    let failure = Failure { cause: "task_error".to_owned(), reason: "no rows".to_owned() };
    ReportedEnd::Other(AttemptEnd::Failed { failure, retry })
}

async fn a_run_goes_from_task_to_task_and_ends(world: World) {
    let (worker, run) = (world.worker().await, world.run().await);
    for expected in ["first", "second", "third"] {
        let task = world.claim_one(&worker).await;
        assert_eq!((task.task.as_str(), task.attempt, task.fence), (expected, 1, 1));
        assert_eq!(task.params["day"], json!("monday"));
        world.succeed(&task).await.expect("it holds the task");
    }
    let detail = world.store.run(&run).await.expect("the run");
    assert_eq!(detail.summary.state, RunStatus::Succeeded);
    assert!(detail.tasks.iter().all(|task| task.busy_us == 5 && task.start_us == 1 && task.ended_at.is_some()));
}

async fn a_task_sees_the_outputs_of_all_it_stands_on(world: World) {
    let worker = world.worker().await;
    world.run().await;
    for number in [1, 2] {
        let task = world.claim_one(&worker).await;
        let outputs = Map::from_iter([("number".to_owned(), json!(number))]);
        world.succeed_with(&task, TaskResult { outputs, ..TaskResult::default() }).await.expect("it holds the task");
    }
    let third = world.claim_one(&worker).await;
    assert_eq!(third.outputs[&name("first")]["number"], json!(1));
    assert_eq!(third.outputs[&name("second")]["number"], json!(2));
}

async fn a_gate_that_says_no_skips_the_gated_task(world: World) {
    let (worker, run) = (world.worker().await, world.run().await);
    world.succeed(&world.claim_one(&worker).await).await.expect("it holds the task");
    let second = world.claim_one(&worker).await;
    let outputs = Map::from_iter([("passed".to_owned(), json!(false)), ("reason".to_owned(), json!("too low"))]);
    world.succeed_with(&second, TaskResult { outputs, ..TaskResult::default() }).await.expect("it holds the task");
    let detail = world.store.run(&run).await.expect("the run");
    assert_eq!(detail.summary.state, RunStatus::Succeeded);
    assert_eq!(detail.tasks[2].reason.as_deref(), Some("`second` did not pass: too low"));
}

async fn a_repeated_report_is_a_success_and_a_stale_one_is_refused(world: World) {
    let worker = world.worker().await;
    world.run().await;
    let first = world.claim_one(&worker).await;
    world.succeed(&first).await.expect("it holds the task");
    world.succeed(&first).await.expect("the same report again");
    let mut stale = first.clone();
    stale.fence -= 1;
    assert!(matches!(world.succeed(&stale).await, Err(Error::Stale)));
}

async fn a_failure_is_tried_again_after_its_backoff_and_then_fails_the_run(world: World) {
    let (worker, run) = (world.worker().await, world.run().await);
    world.report(&world.claim_one(&worker).await, failed(true)).await.expect("it holds the task");
    assert_eq!(world.sweep().await.retried, 0, "the wait is not over");
    assert_eq!(world.task_status(&run, "first").await, TaskStatus::RetryWait);
    world.pass(10);
    assert_eq!(world.sweep().await.retried, 1);
    let second = world.claim_one(&worker).await;
    assert_eq!((second.attempt, second.fence), (2, 2));
    world.report(&second, failed(true)).await.expect("it holds the task");
    let detail = world.store.run(&run).await.expect("the run");
    assert_eq!(detail.summary.reason.as_deref(), Some("task `first` failed: no rows"));
    assert_eq!(detail.tasks[1].reason.as_deref(), Some("`first`, which it needs, did not succeed"));
    assert_eq!(world.store.attempts(&run, &name("first")).await.expect("attempts").len(), 2);
}

async fn handing_back_charges_nothing(world: World) {
    let worker = world.worker().await;
    world.run().await;
    let first = world.claim_one(&worker).await;
    world.report(&first, ReportedEnd::Other(AttemptEnd::HandedBack)).await.expect("it holds the task");
    let again = world.claim_one(&worker).await;
    assert_eq!((again.attempt, again.fence), (1, 3));
    assert!(matches!(world.succeed(&first).await, Ok(()) | Err(Error::Stale)));
    world.succeed(&again).await.expect("it holds the task");
}

async fn a_cancelled_run_ends_when_its_worker_says_so(world: World) {
    let (worker, run) = (world.worker().await, world.run().await);
    let first = world.claim_one(&worker).await;
    world.store.cancel(run.clone(), "by hand".to_owned(), caller()).await.expect("it runs");
    let held = world.store.beat(worker.clone(), SECOND, false).await.expect("it is known");
    assert!(held[0].cancel_requested);
    world.report(&first, ReportedEnd::Other(AttemptEnd::Cancelled)).await.expect("it holds the task");
    assert_eq!(world.run_status(&run).await, RunStatus::Cancelled);
    let again = world.store.cancel(run, "by hand".to_owned(), caller()).await;
    assert!(matches!(again, Err(Error::Refused(_))), "{again:?}");
}

async fn a_cancelled_task_that_its_worker_does_not_end_is_ended_after_the_grace(world: World) {
    let (worker, run) = (world.worker().await, world.run().await);
    let first = world.claim_one(&worker).await;
    world.store.cancel(run.clone(), "by hand".to_owned(), caller()).await.expect("it runs");
    world.pass(31);
    world.store.beat(worker.clone(), 60 * SECOND, false).await.expect("it is known");
    assert_eq!(world.sweep().await.forced, 1);
    assert_eq!(world.run_status(&run).await, RunStatus::Cancelled);
    assert!(matches!(world.succeed(&first).await, Err(Error::Stale)));
}

async fn an_attempt_past_its_deadline_is_ended_by_the_sweep(world: World) {
    let (worker, run) = (world.worker().await, world.run().await);
    world.claim_one(&worker).await;
    world.pass(76);
    world.store.beat(worker.clone(), 60 * SECOND, false).await.expect("it is known");
    assert_eq!(world.sweep().await.timed_out, 1);
    assert_eq!(world.task_status(&run, "first").await, TaskStatus::RetryWait);
}

async fn a_publication_number_is_minted_once_per_attempt_and_rises_with_the_next(world: World) {
    let worker = world.worker().await;
    world.run().await;
    let first = world.claim_one(&worker).await;
    let mint = |task: &daybreak_store::ClaimedTask| MintPublication {
        task_run_id: task.task_run_id.clone(),
        fence: task.fence,
        view: name("weather"),
        as_of: at(1),
    };
    assert_eq!(world.store.mint_publication(mint(&first)).await.expect("it holds the task"), 1);
    assert_eq!(world.store.mint_publication(mint(&first)).await.expect("it holds the task"), 1);
    world.succeed(&first).await.expect("it holds the task");
    assert!(matches!(world.store.mint_publication(mint(&first)).await, Err(Error::Stale)));
    let second = world.claim_one(&worker).await;
    assert_eq!(world.store.mint_publication(mint(&second)).await.expect("it holds the task"), 2);
}

async fn a_task_that_gives_its_slot_back_is_kept_with_what_it_waits_for(world: World) {
    let (worker, run) = (world.worker().await, world.run().await);
    let task = world.claim_one(&worker).await;
    let condition = Awaited::Approval { message: None, on_reject: OnReject::Fail };
    let at_limit = Resumption::Skips { reason: "nobody decided".to_owned() };
    let wait = Wait {
        condition: condition.clone(),
        again_after_us: None,
        limit_us: Some(30 * SECOND),
        at_limit: at_limit.clone(),
    };
    world.report(&task, ReportedEnd::Other(AttemptEnd::Deferred(wait))).await.expect("it holds the task");
    let (kept, worker_id) = world.texts("SELECT deferral, worker_id FROM task_run WHERE state = 'deferred'").await;
    let kept: Deferral = serde_json::from_str(&kept.expect("it is kept")).expect("a deferral");
    let until = Some(world.store.now().plus_micros(30 * SECOND));
    assert_eq!((&kept, worker_id), (&Deferral { condition, until, at_timeout: at_limit, ends_at: until }, None));
    let wakes = world.count("SELECT wake_at_us FROM task_run WHERE state = 'deferred'").await;
    assert_eq!(Some(wakes), until.map(|until| until.micros));
    let claim = Claim { worker, free_light: 8, free_heavy: 8 };
    not_yet(&mut Box::pin(world.store.claim(claim))).await;
    world.store.cancel(run.clone(), "by hand".to_owned(), caller()).await.expect("it reads back and is cancelled");
    assert_eq!(world.task_status(&run, "first").await, TaskStatus::Cancelled);
}

async fn a_statement_that_goes_round_the_table_of_transitions_is_refused(world: World) {
    world.run().await;
    let illegal = [
        "UPDATE task_run SET state = 'waiting' WHERE task = 'first'",
        "UPDATE task_run SET state = 'succeeded', outputs = '{}' WHERE task = 'second'",
        "UPDATE task_run SET state = 'running', worker_id = 'w', worker_epoch = 1 WHERE task = 'first'",
    ];
    for statement in illegal {
        let refused = world.script(statement).await.expect_err(statement);
        assert!(refused.to_string().contains("illegal transition"), "{refused}");
    }
    let marked = "UPDATE task_run SET state = 'succeeded', outputs = '{}', fence = fence + 1 WHERE task = 'second'";
    world.script(marked).await.expect("a mark by hand raises the fence");
}
