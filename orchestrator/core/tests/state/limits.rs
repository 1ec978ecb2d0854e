//! Limits in real time beside an attempt's own: on a task in all, on waiting for a worker, on a whole run.

use daybreak_core::{
    AttemptEnd, Event, Failure, QueueEnd, Rejected, RunSnapshot, RunState, TaskSnapshot, TaskState, TaskStatus,
};
use daybreak_spec::TriggerRule;
use serde_json::json;

use crate::stories::{NOW, claim, fail, happen, name, night, status, succeed};

fn too_long() -> Failure {
    Failure { cause: "total_timeout".to_owned(), reason: "it took too long".to_owned() }
}

fn time_out(run: &mut RunSnapshot, task: &str, fence: i64) -> Result<(), Rejected> {
    let event = Event::TotalTimedOut { task: name(task), fence, failure: too_long() };
    happen(run, &event, NOW).map(drop)
}

fn overdue(run: &mut RunSnapshot) -> Result<(), Rejected> {
    happen(run, &Event::Overdue { reason: "it missed its deadline".to_owned() }, NOW).map(drop)
}

#[test]
fn a_task_that_takes_too_long_in_all_fails_whatever_it_does_and_its_worker_is_fenced_off() {
    let mut running = night();
    let fence = claim(&mut running, "features");
    time_out(&mut running, "features", fence).expect("it runs");
    assert_eq!(running.tasks["features"].progress.state, TaskState::Failed(too_long()));
    assert_eq!(status(&running, "train"), TaskStatus::UpstreamFailed);
    let end = AttemptEnd::Succeeded { outputs: Default::default() };
    let late = Event::Report { task: name("features"), fence, end };
    assert_eq!(happen(&mut running, &late, NOW).map(drop), Err(Rejected::Stale));

    let mut between = night();
    fail(&mut between, "features", true);
    let fence = between.tasks["features"].progress.fence;
    time_out(&mut between, "features", fence).expect("it waits for its next attempt");
    assert_eq!(status(&between, "features"), TaskStatus::Failed);
}

#[test]
fn what_was_found_too_late_changes_nothing() {
    let mut run = night();
    assert_eq!(time_out(&mut run, "train", 0), Err(Rejected::NotApplicable), "it has not been ready yet");
    succeed(&mut run, "features", json!({}));
    let fence = run.tasks["features"].progress.fence;
    assert_eq!(time_out(&mut run, "features", fence), Err(Rejected::NotApplicable), "it has ended");
    let fence = claim(&mut run, "train");
    assert_eq!(time_out(&mut run, "train", fence - 1), Err(Rejected::Stale));
    happen(&mut run, &Event::Cancel { reason: "by hand".to_owned() }, NOW).expect("it runs");
    assert_eq!(time_out(&mut run, "train", fence), Err(Rejected::NotApplicable), "it is being ended already");
}

#[test]
fn a_task_that_was_taken_in_the_same_instant_does_not_fail_for_waiting() {
    let mut run = night();
    let found = run.tasks["features"].progress.fence;
    claim(&mut run, "features");
    let end = QueueEnd::Failed(Failure { cause: "queue_timeout".to_owned(), reason: "nobody took it".to_owned() });
    let event = Event::QueueTimedOut { task: name("features"), fence: found, end };
    assert!(happen(&mut run, &event, NOW).is_err());
}

#[test]
fn a_run_that_misses_its_deadline_fails_although_its_tasks_are_only_cancelled() {
    let mut run = night();
    let fence = claim(&mut run, "features");
    overdue(&mut run).expect("it runs");
    assert!(run.tasks["features"].progress.cancel_requested);
    assert_eq!(status(&run, "train"), TaskStatus::Cancelled);
    assert_eq!(overdue(&mut run), Err(Rejected::NotApplicable), "once is enough");
    let cancel = Event::Cancel { reason: "by hand".to_owned() };
    assert!(happen(&mut run, &cancel, NOW).is_err(), "its end has been asked for");
    let end = Event::Report { task: name("features"), fence, end: AttemptEnd::Cancelled };
    happen(&mut run, &end, NOW).expect("it holds the task");
    assert_eq!(run.state, RunState::Failed { reason: "it missed its deadline".to_owned() });
}

#[test]
fn a_run_that_misses_its_deadline_is_torn_down_before_it_ends() {
    let mut run = night();
    let model = run.tasks["features"].clone();
    let parents = vec![name("features")];
    let teardown = TaskSnapshot { parents, trigger: TriggerRule::Teardown, ..model };
    let progress = daybreak_core::TaskProgress::new();
    run.tasks.insert(name("clear"), TaskSnapshot { progress, ..teardown });
    let fence = claim(&mut run, "features");
    overdue(&mut run).expect("it runs");
    let end = Event::Report { task: name("features"), fence, end: AttemptEnd::Cancelled };
    happen(&mut run, &end, NOW).expect("it holds the task");
    assert_eq!((&run.state, status(&run, "clear")), (&RunState::Running, TaskStatus::Ready));
    succeed(&mut run, "clear", json!({}));
    assert_eq!(run.state, RunState::Failed { reason: "it missed its deadline".to_owned() });
}

#[test]
fn a_run_that_runs_again_has_no_deadline_behind_it() {
    let mut run = night();
    overdue(&mut run).expect("it runs");
    assert!(matches!(run.state, RunState::Failed { .. }));
    let tasks = run.tasks.keys().cloned().collect();
    happen(&mut run, &Event::Rerun { tasks }, NOW).expect("it has ended");
    assert_eq!((run.overdue, run.cancel_requested.clone()), (false, None));
    assert_eq!(overdue(&mut run), Err(Rejected::NotApplicable), "it has not started");
    happen(&mut run, &Event::Start, NOW).expect("its turn has come");
    for task in ["features", "publish", "train", "judge", "promote"] {
        succeed(&mut run, task, json!({}));
    }
    assert_eq!(run.state, RunState::Succeeded);
}
