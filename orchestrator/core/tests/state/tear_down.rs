//! Rules, conditions, tolerated failures and teardowns in whole runs. To add a promise: a test whose name states it.

use std::collections::BTreeMap;

use daybreak_core::{AttemptEnd, Event, RunSnapshot, RunState, TaskSnapshot, TaskState, TaskStatus};
use daybreak_spec::{Condition, Rule, Span, TriggerRule};
use serde_json::json;

use crate::stories::{NOW, claim, fail, happen, name, night, status, succeed};

/// Tasks as `(name, needs, trigger)`.
fn run(tasks: &[(&str, &[&str], TriggerRule)]) -> RunSnapshot {
    let model = night().tasks["features"].clone();
    let tasks: BTreeMap<_, _> = tasks
        .iter()
        .map(|(task, needs, trigger)| {
            let parents = needs.iter().map(|need| name(need)).collect();
            let progress = daybreak_core::TaskProgress::new();
            (name(task), TaskSnapshot { parents, trigger: trigger.clone(), progress, ..model.clone() })
        })
        .collect();
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

fn all_success() -> TriggerRule {
    TriggerRule::default()
}

/// setup → work → after; clear tears setup and work down.
fn cluster() -> RunSnapshot {
    run(&[
        ("setup", &[], all_success()),
        ("work", &["setup"], all_success()),
        ("after", &["work"], all_success()),
        ("clear", &["setup", "work"], TriggerRule::Teardown),
    ])
}

fn cancel(run: &mut RunSnapshot) {
    happen(run, &Event::Cancel { reason: "by hand".to_owned() }, NOW).expect("it runs");
}

#[test]
fn skips_go_on_through_all_success_and_end_at_a_rule_that_bears_them() {
    let mut run = run(&[
        ("branch", &[], all_success()),
        ("left", &["branch"], TriggerRule::Rule(Rule::AllFailed)),
        ("beyond", &["left"], all_success()),
        ("right", &["branch"], all_success()),
        ("join", &["beyond", "right"], TriggerRule::Rule(Rule::NoneFailedMinOneSuccess)),
    ]);
    succeed(&mut run, "branch", json!({}));
    let reason = |task: &str| match &run.tasks[task].progress.state {
        TaskState::Skipped { reason } => reason.clone(),
        other => panic!("{task} is {other:?}"),
    };
    assert_eq!(reason("left"), "`rule: all_failed` does not hold: `branch` is succeeded");
    assert_eq!(reason("beyond"), "`left` was skipped");
    succeed(&mut run, "right", json!({}));
    succeed(&mut run, "join", json!({}));
    assert_eq!(run.state, RunState::Succeeded);
}

#[test]
fn a_task_that_always_runs_starts_with_the_run() {
    let run = run(&[("a", &[], all_success()), ("b", &["a"], TriggerRule::Rule(Rule::Always))]);
    assert_eq!((status(&run, "a"), status(&run, "b")), (TaskStatus::Ready, TaskStatus::Ready));
}

#[test]
fn one_success_does_not_wait_for_the_others() {
    let mut run = run(&[
        ("a", &[], all_success()),
        ("b", &[], all_success()),
        ("c", &["a", "b"], TriggerRule::Rule(Rule::OneSuccess)),
    ]);
    fail(&mut run, "a", false);
    assert_eq!(status(&run, "c"), TaskStatus::Waiting);
    succeed(&mut run, "b", json!({}));
    assert_eq!(status(&run, "c"), TaskStatus::Ready);
}

#[test]
fn a_condition_that_does_not_hold_skips_and_says_what_it_met() {
    let condition = Condition::parse("a.succeeded && !b.failed", Span::default()).expect("sound");
    let mut run =
        run(&[("a", &[], all_success()), ("b", &[], all_success()), ("c", &["a", "b"], TriggerRule::When(condition))]);
    succeed(&mut run, "a", json!({}));
    fail(&mut run, "b", false);
    let TaskState::Skipped { reason } = &run.tasks["c"].progress.state else { panic!("{:?}", run.tasks["c"]) };
    assert_eq!(reason, "`when: a.succeeded && !b.failed` does not hold: `a` is succeeded, `b` is failed");
    assert!(matches!(run.state, RunState::Failed { .. }));
}

#[test]
fn no_rule_leads_past_a_gate_that_says_no() {
    for rule in Rule::ALL {
        let mut run = night();
        run.tasks.get_mut("promote").expect("promote").trigger = TriggerRule::Rule(rule);
        for task in ["features", "publish", "train"] {
            succeed(&mut run, task, json!({}));
        }
        succeed(&mut run, "judge", json!({"passed": false, "reason": "auc 0.51 < 0.6"}));
        assert_eq!(status(&run, "promote"), TaskStatus::Skipped, "{}", rule.name());
    }
}

#[test]
fn a_run_fails_whatever_its_last_task_does() {
    let mut run = run(&[("work", &[], all_success()), ("mail", &["work"], TriggerRule::Rule(Rule::AllDone))]);
    fail(&mut run, "work", false);
    succeed(&mut run, "mail", json!({}));
    assert_eq!(run.state, RunState::Failed { reason: "task `work` failed: no rows".to_owned() });
}

#[test]
fn a_tolerated_failure_leaves_tasks_out_and_the_run_succeeds() {
    let mut run = run(&[
        ("extra", &[], all_success()),
        ("report", &["extra"], all_success()),
        ("chart", &["report"], all_success()),
        ("work", &[], all_success()),
    ]);
    run.tasks.get_mut("extra").expect("extra").tolerated = true;
    fail(&mut run, "extra", false);
    assert_eq!(status(&run, "chart"), TaskStatus::UpstreamFailed);
    succeed(&mut run, "work", json!({}));
    assert_eq!(run.state, RunState::Succeeded);
}

#[test]
fn a_failure_that_is_not_tolerated_fails_the_run_beside_one_that_is() {
    let mut run = run(&[("a", &[], all_success()), ("b", &[], all_success()), ("c", &["a", "b"], all_success())]);
    run.tasks.get_mut("a").expect("a").tolerated = true;
    fail(&mut run, "a", false);
    fail(&mut run, "b", false);
    assert_eq!(run.state, RunState::Failed { reason: "task `b` failed: no rows".to_owned() });
}

#[test]
fn a_teardown_runs_after_a_failure_and_the_run_stays_failed() {
    let mut run = cluster();
    succeed(&mut run, "setup", json!({}));
    assert_eq!(status(&run, "clear"), TaskStatus::Waiting);
    fail(&mut run, "work", false);
    assert_eq!((status(&run, "after"), status(&run, "clear")), (TaskStatus::UpstreamFailed, TaskStatus::Ready));
    succeed(&mut run, "clear", json!({}));
    assert_eq!(run.state, RunState::Failed { reason: "task `work` failed: no rows".to_owned() });
}

#[test]
fn a_teardown_that_fails_fails_the_run() {
    let mut run = cluster();
    for task in ["setup", "work", "after"] {
        succeed(&mut run, task, json!({}));
    }
    fail(&mut run, "clear", false);
    assert_eq!(run.state, RunState::Failed { reason: "task `clear` failed: no rows".to_owned() });
}

#[test]
fn a_cancelled_run_clears_up_after_what_was_started() {
    let mut run = cluster();
    let fence = claim(&mut run, "setup");
    cancel(&mut run);
    assert_eq!((status(&run, "work"), status(&run, "clear")), (TaskStatus::Cancelled, TaskStatus::Waiting));
    happen(&mut run, &Event::Report { task: name("setup"), fence, end: AttemptEnd::Cancelled }, NOW).expect("held");
    assert_eq!(status(&run, "clear"), TaskStatus::Ready);
    succeed(&mut run, "clear", json!({}));
    assert_eq!(run.state, RunState::Cancelled { reason: "by hand".to_owned() });
}

#[test]
fn a_run_cancelled_between_two_tasks_clears_up_at_once() {
    let mut run = cluster();
    succeed(&mut run, "setup", json!({}));
    cancel(&mut run);
    assert_eq!((status(&run, "work"), status(&run, "clear")), (TaskStatus::Cancelled, TaskStatus::Ready));
}

#[test]
fn a_run_cancelled_before_anything_was_started_has_nothing_to_clear_up() {
    let mut run = cluster();
    cancel(&mut run);
    let reason = "nothing that it tears down was started: `setup` is cancelled, `work` is cancelled".to_owned();
    assert_eq!(run.tasks["clear"].progress.state, TaskState::Skipped { reason });
    assert_eq!(run.state, RunState::Cancelled { reason: "by hand".to_owned() });
}

#[test]
fn a_cancelled_task_whose_worker_does_not_answer_is_torn_down_once_it_is_taken_from_it() {
    let mut run = cluster();
    claim(&mut run, "setup");
    cancel(&mut run);
    happen(&mut run, &Event::ForceCancel { task: name("setup") }, NOW).expect("the grace is over");
    assert_eq!(status(&run, "clear"), TaskStatus::Ready);
}

#[test]
fn a_teardown_that_runs_is_not_cancelled_with_its_run() {
    let mut run = cluster();
    succeed(&mut run, "setup", json!({}));
    fail(&mut run, "work", false);
    let fence = claim(&mut run, "clear");
    cancel(&mut run);
    assert!(!run.tasks["clear"].progress.cancel_requested);
    let end = AttemptEnd::Succeeded { outputs: serde_json::Map::new() };
    happen(&mut run, &Event::Report { task: name("clear"), fence, end }, NOW).expect("held");
    assert!(matches!(run.state, RunState::Failed { .. }));
}
