//! The state machine's promises one by one. To add one: a test whose name states it.

use std::collections::BTreeMap;

use daybreak_core::{
    AttemptEnd, Changes, Event, Failure, MAX_LOST, Moment, Rejected, RunSnapshot, RunState, TaskProgress, TaskSnapshot,
    TaskState, TaskStatus, WorkerIdentity, advance,
};
use daybreak_spec::{Backoff, Duration, Jitter, Name, Retry, RetryCause, Timestamp, TriggerRule};
use serde_json::{Map, json};

pub const NOW: Timestamp = Timestamp::from_micros(1_000_000);

pub fn name(text: &str) -> Name {
    Name::parse(text).expect("a slug")
}

fn task(parents: &[&str], attempts: u32, gated: bool) -> TaskSnapshot {
    let backoff = Backoff {
        first: Duration::parse("10s").expect("a duration"),
        factor: 2.0,
        max: Duration::parse("5m").expect("a duration"),
        jitter: Jitter::None,
    };
    TaskSnapshot {
        parents: parents.iter().map(|parent| name(parent)).collect(),
        trigger: TriggerRule::default(),
        tolerated: false,
        retry: Retry { attempts, backoff, only: Vec::new() },
        gated,
        timeout_us: Some(60_000_000),
        fan_out: None,
        progress: TaskProgress::new(),
    }
}

/// The flights' night: features → publish, train → judge → promote (gated, also needs publish).
pub fn night() -> RunSnapshot {
    let tasks = BTreeMap::from([
        (name("features"), task(&[], 3, false)),
        (name("publish"), task(&["features"], 3, false)),
        (name("train"), task(&["features"], 3, false)),
        (name("judge"), task(&["train"], 3, false)),
        (name("promote"), task(&["judge", "publish"], 3, true)),
    ]);
    let mut run = RunSnapshot {
        state: RunState::Queued,
        cancel_requested: None,
        overdue: false,
        tasks,
        needed_by: Default::default(),
    };
    happen(&mut run, &Event::Start, NOW).expect("it starts");
    run
}

pub fn happen(run: &mut RunSnapshot, event: &Event, now: Timestamp) -> Result<Changes, Rejected> {
    let changes = advance(run, event, Moment { now, uniform: 0.5 })?;
    run.apply(&changes);
    Ok(changes)
}

pub fn claim(run: &mut RunSnapshot, task: &str) -> i64 {
    let worker = WorkerIdentity { id: "w".to_owned(), epoch: 1 };
    happen(run, &Event::Claim { task: name(task), worker }, NOW).expect("a ready task is claimed");
    run.tasks[task].progress.fence
}

pub fn succeed(run: &mut RunSnapshot, task: &str, outputs: serde_json::Value) {
    let fence = claim(run, task);
    let outputs: Map<_, _> = outputs.as_object().cloned().unwrap_or_default();
    let end = AttemptEnd::Succeeded { outputs };
    happen(run, &Event::Report { task: name(task), fence, end }, NOW).expect("the holder reports");
}

pub fn fail(run: &mut RunSnapshot, task: &str, retry: bool) {
    let fence = claim(run, task);
    let failure = Failure { cause: "task_error".to_owned(), reason: "no rows".to_owned() };
    let end = AttemptEnd::Failed { failure, retry };
    happen(run, &Event::Report { task: name(task), fence, end }, NOW).expect("the holder reports");
}

pub fn status(run: &RunSnapshot, task: &str) -> TaskStatus {
    run.tasks[task].progress.state.status()
}

#[test]
fn a_gate_that_says_no_skips_what_is_gated_and_the_run_succeeds() {
    let mut run = night();
    succeed(&mut run, "features", json!({}));
    succeed(&mut run, "publish", json!({}));
    succeed(&mut run, "train", json!({"version": 1}));
    succeed(&mut run, "judge", json!({"passed": false, "reason": "auc 0.51 < 0.6"}));
    let skipped = TaskState::Skipped { reason: "`judge` did not pass: auc 0.51 < 0.6".to_owned() };
    assert_eq!(run.tasks["promote"].progress.state, skipped);
    assert_eq!(run.state, RunState::Succeeded);
}

#[test]
fn a_task_that_is_not_gated_runs_after_a_gate_that_says_no() {
    let mut run = night();
    run.tasks.get_mut("promote").expect("promote").gated = false;
    for task in ["features", "publish", "train"] {
        succeed(&mut run, task, json!({}));
    }
    succeed(&mut run, "judge", json!({"passed": false}));
    assert_eq!(status(&run, "promote"), TaskStatus::Ready);
}

#[test]
fn a_failure_waits_for_its_backoff_and_then_fails_the_run_with_its_reason() {
    let mut run = night();
    for attempt in 1..3 {
        fail(&mut run, "features", true);
        let wait_us = 10_000_000 * attempt;
        let TaskState::RetryWait { until, .. } = run.tasks["features"].progress.state else {
            panic!("not waiting: {:?}", run.tasks["features"])
        };
        assert_eq!(until, NOW.plus_micros(wait_us));
        let early = happen(&mut run, &Event::RetryDue { task: name("features") }, NOW);
        assert_eq!(early, Err(Rejected::NotApplicable));
        happen(&mut run, &Event::RetryDue { task: name("features") }, until).expect("it is due");
    }
    fail(&mut run, "features", true);
    assert_eq!(run.state, RunState::Failed { reason: "task `features` failed: no rows".to_owned() });
    assert_eq!(status(&run, "promote"), TaskStatus::UpstreamFailed);
}

#[test]
fn a_failure_that_trying_again_cannot_help_is_not_tried_again() {
    let mut run = night();
    fail(&mut run, "features", false);
    assert_eq!(status(&run, "features"), TaskStatus::Failed);
}

#[test]
fn a_lost_worker_charges_no_attempt_and_the_fifth_ends_the_task() {
    let mut run = night();
    for lost in 1..=MAX_LOST {
        let fence = claim(&mut run, "features");
        happen(&mut run, &Event::Lost { task: name("features"), fence }, NOW).expect("its lease is gone");
        let progress = &run.tasks["features"].progress;
        assert_eq!((progress.lost, progress.attempt, progress.fence), (lost, 0, fence + 1));
        let _ = happen(&mut run, &Event::RetryDue { task: name("features") }, NOW);
    }
    assert_eq!(status(&run, "features"), TaskStatus::Failed);
}

#[test]
fn a_late_report_is_stale_and_a_repeated_one_is_recognised() {
    let mut run = night();
    let first = claim(&mut run, "features");
    happen(&mut run, &Event::Lost { task: name("features"), fence: first }, NOW).expect("its lease is gone");
    happen(&mut run, &Event::RetryDue { task: name("features") }, NOW).expect("it is due");
    let second = claim(&mut run, "features");
    let report =
        |fence| Event::Report { task: name("features"), fence, end: AttemptEnd::Succeeded { outputs: Map::new() } };
    assert_eq!(happen(&mut run, &report(first), NOW), Err(Rejected::Stale));
    happen(&mut run, &report(second), NOW).expect("the holder reports");
    assert_eq!(happen(&mut run, &report(second), NOW), Err(Rejected::Repeated));
    assert_eq!(happen(&mut run, &report(first), NOW), Err(Rejected::Stale));
}

#[test]
fn handing_back_charges_no_attempt() {
    let mut run = night();
    let fence = claim(&mut run, "features");
    happen(&mut run, &Event::Report { task: name("features"), fence, end: AttemptEnd::HandedBack }, NOW)
        .expect("the holder hands it back");
    let progress = &run.tasks["features"].progress;
    assert_eq!((progress.attempt, progress.state.status()), (0, TaskStatus::Ready));
}

#[test]
fn cancelling_ends_idle_tasks_at_once_and_running_ones_when_their_worker_says_so() {
    let mut run = night();
    let fence = claim(&mut run, "features");
    happen(&mut run, &Event::Cancel { reason: "by hand".to_owned() }, NOW).expect("it runs");
    assert_eq!((status(&run, "features"), status(&run, "train")), (TaskStatus::Running, TaskStatus::Cancelled));
    assert_eq!(run.state, RunState::Running);
    happen(&mut run, &Event::Report { task: name("features"), fence, end: AttemptEnd::Cancelled }, NOW)
        .expect("the holder reports");
    assert_eq!(run.state, RunState::Cancelled { reason: "by hand".to_owned() });
}

#[test]
fn a_worker_that_does_not_end_a_cancelled_task_loses_it() {
    let mut run = night();
    let fence = claim(&mut run, "features");
    let force = Event::ForceCancel { task: name("features") };
    assert_eq!(happen(&mut run, &force, NOW), Err(Rejected::NotApplicable));
    happen(&mut run, &Event::Cancel { reason: "by hand".to_owned() }, NOW).expect("it runs");
    happen(&mut run, &force, NOW).expect("the grace is over");
    assert_eq!(run.tasks["features"].progress.fence, fence + 1);
}

#[test]
fn an_attempt_past_its_deadline_is_ended_by_the_server() {
    let mut run = night();
    claim(&mut run, "features");
    let timed_out = Event::TimedOut { task: name("features") };
    let within = NOW.plus_micros(60_000_000);
    assert_eq!(happen(&mut run, &timed_out, within), Err(Rejected::NotApplicable));
    happen(&mut run, &timed_out, NOW.plus_micros(75_000_000)).expect("deadline and grace are over");
    assert_eq!(status(&run, "features"), TaskStatus::RetryWait);
}

/// How `features` stands after its first attempt ended for this cause, if only these are tried again.
fn after(only: &[RetryCause], cause: &str) -> TaskStatus {
    let mut run = night();
    run.tasks.get_mut("features").expect("features").retry.only = only.to_vec();
    let fence = claim(&mut run, "features");
    let failure = Failure { cause: cause.to_owned(), reason: "it ended".to_owned() };
    let end = AttemptEnd::Failed { failure, retry: true };
    happen(&mut run, &Event::Report { task: name("features"), fence, end }, NOW).expect("the holder reports");
    status(&run, "features")
}

#[test]
fn only_the_ends_that_a_policy_names_are_tried_again() {
    let only = [RetryCause::Exit(75), RetryCause::Timeout];
    for (cause, expected) in [
        ("exit_75", TaskStatus::RetryWait),
        ("timeout", TaskStatus::RetryWait),
        ("exit_1", TaskStatus::Failed),
        ("task_error", TaskStatus::Failed),
        ("crashed", TaskStatus::Failed),
    ] {
        assert_eq!(after(&only, cause), expected, "{cause}");
        assert_eq!(after(&[], cause), TaskStatus::RetryWait, "{cause}");
    }
}

#[test]
fn a_lost_worker_fails_a_task_whose_policy_does_not_name_it() {
    for (only, expected) in
        [(vec![RetryCause::Timeout], TaskStatus::Failed), (vec![RetryCause::Lost], TaskStatus::RetryWait)]
    {
        let mut run = night();
        run.tasks.get_mut("features").expect("features").retry.only = only;
        let fence = claim(&mut run, "features");
        happen(&mut run, &Event::Lost { task: name("features"), fence }, NOW).expect("its lease is gone");
        assert_eq!(status(&run, "features"), expected);
        assert_eq!(run.tasks["features"].progress.fence, fence + 1);
    }
}

#[test]
fn an_attempt_that_the_server_ends_at_its_deadline_is_a_timeout() {
    for (only, expected) in
        [(vec![RetryCause::Lost], TaskStatus::Failed), (vec![RetryCause::Timeout], TaskStatus::RetryWait)]
    {
        let mut run = night();
        run.tasks.get_mut("features").expect("features").retry.only = only;
        claim(&mut run, "features");
        let late = NOW.plus_micros(75_000_000);
        happen(&mut run, &Event::TimedOut { task: name("features") }, late).expect("deadline and grace are over");
        assert_eq!(status(&run, "features"), expected);
    }
}
