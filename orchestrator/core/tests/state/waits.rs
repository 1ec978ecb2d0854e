//! What a wait comes to: looking again and again, limits, and attempts that fail while they wait.

use daybreak_core::{
    AttemptEnd, Awaited, Event, Failure, Rejected, Resumption, RunSnapshot, TaskState, TaskStatus, Wait,
};
use daybreak_spec::Timestamp;

use crate::stories::{NOW, claim, happen, name, night, status};

const SECOND: i64 = 1_000_000;

fn seconds(count: i64) -> Timestamp {
    NOW.plus_micros(count * SECOND)
}

/// Looks again each 10 s, for 25 s in all.
fn looking() -> Wait {
    Wait {
        condition: Awaited::File { path: "drop/*.csv".to_owned() },
        again_after_us: Some(10 * SECOND),
        limit_us: Some(25 * SECOND),
        at_limit: Resumption::Skips { reason: "no file came".to_owned() },
    }
}

fn defer(run: &mut RunSnapshot, wait: Wait, now: Timestamp) {
    let fence = run.tasks["features"].progress.fence;
    let event = Event::Report { task: name("features"), fence, end: AttemptEnd::Deferred(wait) };
    happen(run, &event, now).expect("the holder reports");
}

fn over(run: &mut RunSnapshot, now: Timestamp) -> Result<(), Rejected> {
    happen(run, &Event::WaitOver { task: name("features") }, now).map(drop)
}

fn without_timeout() -> RunSnapshot {
    let mut run = night();
    run.tasks.get_mut("features").expect("it is there").timeout_us = None;
    run
}

#[test]
fn a_wait_that_looks_again_is_one_attempt_and_ends_at_its_limit() {
    let mut run = without_timeout();
    claim(&mut run, "features");
    defer(&mut run, looking(), seconds(0));
    for look in [10, 20] {
        assert_eq!(over(&mut run, seconds(look - 1)), Err(Rejected::NotApplicable));
        over(&mut run, seconds(look)).expect("it looks again");
        assert_eq!(status(&run, "features"), TaskStatus::Ready);
        claim(&mut run, "features");
        assert_eq!(run.tasks["features"].progress.attempt, 1);
        defer(&mut run, looking(), seconds(look));
    }
    let TaskState::Deferred(deferral) = &run.tasks["features"].progress.state else { panic!("it waits") };
    assert_eq!((deferral.until, deferral.ends_at), (Some(seconds(25)), Some(seconds(25))), "not at the next look");
    over(&mut run, seconds(25)).expect("its limit is reached");
    assert_eq!(status(&run, "features"), TaskStatus::Skipped);
}

#[test]
fn a_wait_that_an_attempt_has_no_time_for_fails_the_attempt_and_its_policy_decides() {
    let mut run = night();
    claim(&mut run, "features");
    let wait = Wait { limit_us: None, ..looking() };
    defer(&mut run, wait.clone(), seconds(55));
    over(&mut run, seconds(65)).expect("it looks again");
    claim(&mut run, "features");
    defer(&mut run, wait, seconds(114));
    over(&mut run, seconds(115)).expect("its timeout of 60 s, counted from its first wait");
    let TaskState::RetryWait { failure, .. } = &run.tasks["features"].progress.state else { panic!("tried again") };
    assert_eq!(failure.cause, "timeout");
    assert_eq!(run.tasks["features"].progress.waiting_since, None, "the next attempt counts anew");
}

#[test]
fn a_failure_while_it_waits_uses_up_attempts_and_then_fails_the_task() {
    let mut run = without_timeout();
    for attempt in 1..=3 {
        let fence = claim(&mut run, "features");
        defer(&mut run, Wait { again_after_us: None, limit_us: None, ..looking() }, NOW);
        let failure = Failure { cause: "run_failed".to_owned(), reason: "its run failed".to_owned() };
        let resume = |fence| Event::Resume {
            task: name("features"),
            fence,
            resumption: Resumption::FailsAttempt(failure.clone()),
        };
        happen(&mut run, &resume(fence), NOW).expect("it waits");
        assert_eq!(happen(&mut run, &resume(fence), NOW), Err(Rejected::Stale), "once");
        let expected = if attempt < 3 { TaskStatus::RetryWait } else { TaskStatus::Failed };
        assert_eq!(status(&run, "features"), expected);
        if attempt < 3 {
            let due = Event::RetryDue { task: name("features") };
            happen(&mut run, &due, seconds(1_000)).expect("its wait is over");
        }
    }
}

#[test]
fn a_wait_without_a_limit_lasts_until_it_is_decided() {
    let mut run = without_timeout();
    claim(&mut run, "features");
    defer(&mut run, Wait { again_after_us: None, limit_us: None, ..looking() }, NOW);
    assert_eq!(over(&mut run, seconds(10_000_000)), Err(Rejected::NotApplicable));
}

#[test]
fn a_worker_that_is_lost_while_it_looks_does_not_begin_the_wait_anew() {
    let mut run = without_timeout();
    claim(&mut run, "features");
    defer(&mut run, looking(), seconds(0));
    over(&mut run, seconds(10)).expect("it looks again");
    let fence = claim(&mut run, "features");
    happen(&mut run, &Event::Lost { task: name("features"), fence }, seconds(11)).expect("its worker is gone");
    happen(&mut run, &Event::RetryDue { task: name("features") }, seconds(11)).expect("at once");
    claim(&mut run, "features");
    defer(&mut run, looking(), seconds(20));
    let TaskState::Deferred(deferral) = &run.tasks["features"].progress.state else { panic!("it waits") };
    assert_eq!(deferral.ends_at, Some(seconds(25)));
}
