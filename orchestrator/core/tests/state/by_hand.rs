//! What people do to runs, and tasks that wait outside a worker: the promises one by one. To add one: a test whose name
//! states it.

use daybreak_core::{
    AttemptEnd, Awaited, Event, Failure, Mark, OnReject, QueueEnd, Rejected, Resumption, RunSnapshot, RunState,
    RunStatus, TaskState, TaskStatus, Wait,
};
use daybreak_spec::Name;
use serde_json::{Map, json};

use crate::stories::{NOW, claim, fail, happen, name, night, status, succeed};

fn rerun(tasks: &[&str]) -> Event {
    Event::Rerun { tasks: tasks.iter().map(|task| name(task)).collect() }
}

fn approval(at_limit: Resumption) -> Wait {
    let condition = Awaited::Approval { message: None, on_reject: OnReject::Fail };
    Wait { condition, again_after_us: None, limit_us: Some(60_000_000), at_limit }
}

/// `features` waits outside its worker; its fence.
fn deferred(run: &mut RunSnapshot, at_timeout: Resumption) -> i64 {
    let fence = claim(run, "features");
    let end = AttemptEnd::Deferred(approval(at_timeout));
    happen(run, &Event::Report { task: name("features"), fence, end }, NOW).expect("the holder reports");
    fence
}

fn skips() -> Resumption {
    Resumption::Skips { reason: "nobody approved in time".to_owned() }
}

/// A night whose `train` failed for good.
fn failed_night() -> RunSnapshot {
    let mut run = night();
    succeed(&mut run, "features", json!({}));
    succeed(&mut run, "publish", json!({}));
    fail(&mut run, "train", false);
    assert_eq!(run.state.status(), RunStatus::Failed);
    run
}

#[test]
fn running_a_failed_task_again_takes_along_what_needs_it_and_leaves_the_rest() {
    let mut run = failed_night();
    let before = run.tasks["train"].progress.clone();
    happen(&mut run, &rerun(&["train"]), NOW).expect("the run has ended");
    assert_eq!(run.state, RunState::Queued);
    let train = &run.tasks["train"].progress;
    assert_eq!((train.generation, train.fence, train.attempt), (1, before.fence + 1, 0));
    assert_eq!((status(&run, "judge"), status(&run, "publish")), (TaskStatus::Waiting, TaskStatus::Succeeded));
    happen(&mut run, &Event::Start, NOW).expect("its turn has come");
    assert_eq!((status(&run, "train"), status(&run, "judge")), (TaskStatus::Ready, TaskStatus::Waiting));
    for task in ["train", "judge", "promote"] {
        succeed(&mut run, task, json!({}));
    }
    assert_eq!(run.state, RunState::Succeeded);
}

#[test]
fn a_branch_is_run_again_while_another_goes_on() {
    let mut run = night();
    succeed(&mut run, "features", json!({}));
    let publishing = claim(&mut run, "publish");
    fail(&mut run, "train", false);
    let changes = happen(&mut run, &rerun(&["train"]), NOW).expect("the run goes on");
    let steps: Vec<_> = changes.tasks.iter().filter(|change| change.task == name("train")).collect();
    assert_eq!(steps.len(), 2, "written as two steps of the table");
    assert_eq!((status(&run, "train"), &run.state), (TaskStatus::Ready, &RunState::Running));
    assert_eq!(run.tasks["publish"].progress.fence, publishing);
}

#[test]
fn nothing_is_run_again_under_a_task_that_reads_it() {
    let mut run = night();
    succeed(&mut run, "features", json!({}));
    claim(&mut run, "train");
    assert_eq!(happen(&mut run, &rerun(&["features"]), NOW), Err(Rejected::NotApplicable));
    assert_eq!(happen(&mut run, &rerun(&["train"]), NOW), Err(Rejected::NotApplicable));
    assert_eq!(happen(&mut run, &rerun(&["tests"]), NOW), Err(Rejected::UnknownTask));
    assert_eq!(happen(&mut run, &rerun(&[]), NOW), Err(Rejected::NotApplicable));
}

#[test]
fn a_run_that_is_being_ended_is_not_run_again_but_one_that_was_ended_is() {
    let mut run = night();
    succeed(&mut run, "features", json!({}));
    let fence = claim(&mut run, "train");
    happen(&mut run, &Event::Cancel { reason: "by hand".to_owned() }, NOW).expect("it runs");
    assert_eq!(happen(&mut run, &rerun(&["publish"]), NOW), Err(Rejected::NotApplicable));
    happen(&mut run, &Event::Report { task: name("train"), fence, end: AttemptEnd::Cancelled }, NOW).expect("held");
    happen(&mut run, &rerun(&["train", "publish"]), NOW).expect("it has ended");
    assert_eq!((&run.state, &run.cancel_requested), (&RunState::Queued, &None));
    happen(&mut run, &Event::Start, NOW).expect("its turn has come");
    for task in ["train", "publish", "judge", "promote"] {
        succeed(&mut run, task, json!({}));
    }
    assert_eq!(run.state, RunState::Succeeded);
}

#[test]
fn a_report_from_before_a_rerun_is_stale_or_known() {
    let mut run = failed_night();
    let fence = run.tasks["train"].progress.fence;
    happen(&mut run, &rerun(&["train"]), NOW).expect("the run has ended");
    happen(&mut run, &Event::Start, NOW).expect("its turn has come");
    let report = |fence| {
        let end = AttemptEnd::Succeeded { outputs: Map::new() };
        Event::Report { task: name("train"), fence, end }
    };
    assert_eq!(happen(&mut run, &report(fence), NOW), Err(Rejected::Repeated));
    assert_eq!(happen(&mut run, &report(fence - 1), NOW), Err(Rejected::Stale));
}

#[test]
fn a_run_by_hand_counts_attempts_and_lost_workers_anew() {
    let mut run = night();
    for _ in 0..daybreak_core::MAX_LOST {
        let fence = claim(&mut run, "features");
        happen(&mut run, &Event::Lost { task: name("features"), fence }, NOW).expect("its lease is gone");
        let _ = happen(&mut run, &Event::RetryDue { task: name("features") }, NOW);
    }
    happen(&mut run, &rerun(&["features"]), NOW).expect("the run has ended");
    assert_eq!((run.tasks["features"].progress.lost, run.tasks["features"].progress.generation), (0, 1));
}

#[test]
fn marking_a_waited_for_task_lets_the_others_go_on_and_its_worker_is_too_late() {
    let mut run = night();
    let fence = claim(&mut run, "features");
    let mark = Event::Mark { task: name("features"), mark: Mark::Succeeded { outputs: Map::new() } };
    happen(&mut run, &mark, NOW).expect("it runs");
    assert_eq!((status(&run, "train"), status(&run, "publish")), (TaskStatus::Ready, TaskStatus::Ready));
    let end = AttemptEnd::Failed { failure: Failure { cause: "c".into(), reason: "r".into() }, retry: true };
    let late = happen(&mut run, &Event::Report { task: name("features"), fence, end }, NOW);
    assert_eq!(late, Err(Rejected::Stale));
    assert_eq!(happen(&mut run, &mark, NOW), Err(Rejected::NotApplicable));
}

#[test]
fn a_mark_in_a_run_that_has_ended_tells_its_end_anew() {
    let mut run = failed_night();
    let skip = |task: &str| Event::Mark { task: name(task), mark: Mark::Skipped { reason: "not needed".to_owned() } };
    happen(&mut run, &skip("train"), NOW).expect("marked");
    let RunState::Failed { reason } = &run.state else { panic!("{:?}", run.state) };
    assert_eq!(reason, "task `judge` was left out because `train` had failed, and was not run again");
    happen(&mut run, &skip("judge"), NOW).expect("marked");
    happen(&mut run, &skip("promote"), NOW).expect("marked");
    assert_eq!(run.state, RunState::Succeeded);
}

#[test]
fn a_mark_before_the_start_moves_nothing_until_the_start() {
    let mut run = failed_night();
    happen(&mut run, &rerun(&["train"]), NOW).expect("the run has ended");
    let mark = Event::Mark { task: name("train"), mark: Mark::Failed { reason: "never mind".to_owned() } };
    happen(&mut run, &mark, NOW).expect("it waits");
    assert_eq!((status(&run, "judge"), &run.state), (TaskStatus::Waiting, &RunState::Queued));
    happen(&mut run, &Event::Start, NOW).expect("its turn has come");
    assert_eq!((status(&run, "judge"), run.state.status()), (TaskStatus::UpstreamFailed, RunStatus::Failed));
}

#[test]
fn a_deferred_task_goes_on_with_the_attempt_it_had() {
    let mut run = night();
    let fence = deferred(&mut run, skips());
    assert_eq!(status(&run, "features"), TaskStatus::Deferred);
    let resume = Event::Resume { task: name("features"), fence, resumption: Resumption::Continues };
    happen(&mut run, &resume, NOW).expect("the condition is met");
    assert_eq!(claim(&mut run, "features"), fence + 1);
    assert_eq!(run.tasks["features"].progress.attempt, 1);
    assert_eq!(happen(&mut run, &resume, NOW), Err(Rejected::Stale));
}

#[test]
fn a_decision_on_an_earlier_wait_decides_nothing() {
    let mut run = night();
    let first = deferred(&mut run, skips());
    let resume = |fence| Event::Resume { task: name("features"), fence, resumption: Resumption::Continues };
    happen(&mut run, &resume(first), NOW).expect("decided");
    let second = deferred(&mut run, skips());
    assert_eq!(happen(&mut run, &resume(first), NOW), Err(Rejected::Stale));
    happen(&mut run, &resume(second), NOW).expect("decided");
}

#[test]
fn a_wait_that_reaches_its_end_ends_as_it_was_declared() {
    let over = Event::WaitOver { task: name("features") };
    let end_of = |at_timeout: Resumption| {
        let mut run = night();
        deferred(&mut run, at_timeout);
        assert_eq!(happen(&mut run, &over, NOW), Err(Rejected::NotApplicable), "too early");
        happen(&mut run, &over, NOW.plus_micros(60_000_000)).expect("it is over");
        (status(&run, "features"), status(&run, "train"))
    };
    let failure = Failure { cause: "timeout".into(), reason: "nobody approved in time".into() };
    assert_eq!(end_of(skips()), (TaskStatus::Skipped, TaskStatus::Skipped));
    assert_eq!(end_of(Resumption::Fails(failure)), (TaskStatus::Failed, TaskStatus::UpstreamFailed));
    assert_eq!(end_of(Resumption::Succeeds { outputs: Map::new() }), (TaskStatus::Succeeded, TaskStatus::Ready));
    assert_eq!(end_of(Resumption::Continues), (TaskStatus::Ready, TaskStatus::Waiting));
}

#[test]
fn a_deferred_task_is_cancelled_like_one_that_waits() {
    let mut run = night();
    let fence = deferred(&mut run, skips());
    happen(&mut run, &Event::Cancel { reason: "by hand".to_owned() }, NOW).expect("it runs");
    assert_eq!((status(&run, "features"), run.state.status()), (TaskStatus::Cancelled, RunStatus::Cancelled));
    assert_eq!(run.tasks["features"].progress.fence, fence + 1);
}

#[test]
fn a_task_that_is_being_cancelled_is_not_deferred() {
    let mut run = night();
    let fence = claim(&mut run, "features");
    happen(&mut run, &Event::Cancel { reason: "by hand".to_owned() }, NOW).expect("it runs");
    let end = AttemptEnd::Deferred(approval(skips()));
    happen(&mut run, &Event::Report { task: name("features"), fence, end }, NOW).expect("the holder reports");
    assert_eq!(status(&run, "features"), TaskStatus::Cancelled);
}

#[test]
fn a_known_result_ends_a_ready_task_without_a_worker() {
    let mut run = night();
    let outputs = Map::from_iter([("rows".to_owned(), json!(7))]);
    let hit = |task: Name| Event::CacheHit { task, outputs: outputs.clone() };
    assert_eq!(happen(&mut run, &hit(name("train")), NOW), Err(Rejected::NotApplicable), "it waits");
    happen(&mut run, &hit(name("features")), NOW).expect("it is ready");
    assert_eq!(run.tasks["features"].progress.state, TaskState::Succeeded { outputs: outputs.clone() });
    assert_eq!((status(&run, "train"), run.tasks["features"].progress.attempt), (TaskStatus::Ready, 0));
}

#[test]
fn a_task_that_nobody_takes_in_time_is_given_up() {
    let late = |fence, end| Event::QueueTimedOut { task: name("features"), fence, end };
    let failed = || QueueEnd::Failed(Failure { cause: "queue_timeout".into(), reason: "no worker for 5 min".into() });
    let mut run = night();
    assert_eq!(happen(&mut run, &late(7, failed()), NOW), Err(Rejected::Stale));
    happen(&mut run, &late(0, failed()), NOW).expect("it is ready");
    assert_eq!(run.state.status(), RunStatus::Failed);
    let mut run = night();
    happen(&mut run, &late(0, QueueEnd::Skipped { reason: "too late".into() }), NOW).expect("it is ready");
    assert_eq!((status(&run, "promote"), run.state.status()), (TaskStatus::Skipped, RunStatus::Succeeded));
    let mut run = night();
    claim(&mut run, "features");
    assert_eq!(happen(&mut run, &late(1, failed()), NOW), Err(Rejected::NotApplicable), "somebody has it");
}
