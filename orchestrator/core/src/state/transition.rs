//! The one function that owns every change of a task's state: the table T1 to T17 of the durable core. Anything that
//! is not in it is a bug. To add a change: a variant, its row, and the event that causes it in `advance.rs`.

use super::{TaskProgress, TaskState, TaskStatus};

/// The changes a task's state can go through, numbered as in the durable core's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transition {
    /// T1: everything it needs has ended well.
    Promote,
    /// T2: a trigger rule says it is not to be run.
    RuleOut,
    /// T3: cancelled before or between attempts.
    CancelIdle,
    /// T4: a worker takes it.
    Claim,
    /// T5: it did its work.
    Succeed,
    /// T6: it failed for good.
    Fail,
    /// T7: it failed or lost its worker and is tried again.
    Retry,
    /// T8: cancelled while it ran.
    CancelRunning,
    /// T9: the wait before the next attempt is over.
    RetryDue,
    /// T10: run again by hand.
    Rerun,
    /// T11: it gives its slot back until a condition is met.
    Defer,
    /// T12: the condition was met, decided or timed out.
    Resume,
    /// T13: its result was known already.
    CacheHit,
    /// T14: it waited too long in the queue.
    QueueTimeout,
    /// T15: marked by hand.
    Mark,
    /// T16: its worker hands it back unfinished.
    HandBack,
    /// T17: it has taken longer in all than it may.
    TotalTimeout,
}

/// Who causes a change: what a worker does under its fence leaves the fence, what is done over its head raises it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// The worker that holds the task.
    Worker,
    /// The server, or somebody through its API.
    Server,
}

/// A change that the table does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no rule {rule:?} leads from {from} to {to}")]
pub struct IllegalTransition {
    /// The rule that was to apply.
    pub rule: Transition,
    /// From.
    pub from: TaskStatus,
    /// To.
    pub to: TaskStatus,
}

enum FenceRule {
    Keep,
    Raise,
    RaisedByServer,
}

struct Row {
    rule: Transition,
    from: &'static [TaskStatus],
    to: &'static [TaskStatus],
    fence: FenceRule,
}

use TaskStatus::{Cancelled, Deferred, Failed, Ready, RetryWait, Running, Skipped, Succeeded, UpstreamFailed, Waiting};

const fn row(rule: Transition, from: &'static [TaskStatus], to: &'static [TaskStatus], fence: FenceRule) -> Row {
    Row { rule, from, to, fence }
}

const TERMINAL: &[TaskStatus] = &[Succeeded, Failed, Skipped, UpstreamFailed, Cancelled];

const TABLE: &[Row] = &[
    row(Transition::Promote, &[Waiting], &[Ready], FenceRule::Keep),
    row(Transition::RuleOut, &[Waiting], &[Skipped, UpstreamFailed], FenceRule::Keep),
    // A deferred task holds no worker either, so it is cancelled like the others that do not run.
    row(Transition::CancelIdle, &[Waiting, Ready, RetryWait, Deferred], &[Cancelled], FenceRule::Raise),
    row(Transition::Claim, &[Ready], &[Running], FenceRule::Raise),
    row(Transition::Succeed, &[Running], &[Succeeded], FenceRule::Keep),
    row(Transition::Fail, &[Running], &[Failed], FenceRule::RaisedByServer),
    row(Transition::Retry, &[Running], &[RetryWait], FenceRule::RaisedByServer),
    row(Transition::CancelRunning, &[Running], &[Cancelled], FenceRule::RaisedByServer),
    row(Transition::RetryDue, &[RetryWait], &[Ready], FenceRule::Keep),
    row(Transition::Rerun, TERMINAL, &[Waiting], FenceRule::Raise),
    row(Transition::Defer, &[Running], &[Deferred], FenceRule::Keep),
    row(Transition::Resume, &[Deferred], &[Ready, RetryWait, Succeeded, Failed, Skipped], FenceRule::Keep),
    row(Transition::CacheHit, &[Ready], &[Succeeded], FenceRule::Keep),
    row(Transition::QueueTimeout, &[Ready], &[Failed, Skipped], FenceRule::Keep),
    row(Transition::Mark, &TaskStatus::ALL, &[Succeeded, Failed, Skipped], FenceRule::Raise),
    row(Transition::HandBack, &[Running], &[Ready], FenceRule::Raise),
    row(Transition::TotalTimeout, &[Ready, Running, Deferred, RetryWait], &[Failed], FenceRule::Raise),
];

/// Changes a task's state by a rule of the table, raising its fence where the rule says so.
///
/// # Errors
/// [`IllegalTransition`] when the table does not know the change; the task is left as it was.
pub fn transition(
    task: &mut TaskProgress,
    to: TaskState,
    rule: Transition,
    actor: Actor,
) -> Result<(), IllegalTransition> {
    let (from, target) = (task.state.status(), to.status());
    let row = TABLE
        .iter()
        .find(|row| row.rule == rule && row.from.contains(&from) && row.to.contains(&target))
        .ok_or(IllegalTransition { rule, from, to: target })?;
    task.fence += match row.fence {
        FenceRule::Keep => 0,
        FenceRule::Raise => 1,
        FenceRule::RaisedByServer => i64::from(actor == Actor::Server),
    };
    task.state = to;
    Ok(())
}

/// Every change of state that some rule allows, with how far the fence rises in it; what a database may be told to
/// insist on. A mark by hand leads to an end from anywhere, but never under the old fence.
pub fn legal_changes() -> impl Iterator<Item = (TaskStatus, TaskStatus, i64)> {
    TABLE.iter().flat_map(|row| {
        let rises: &[i64] = match row.fence {
            FenceRule::Keep => &[0],
            FenceRule::Raise => &[1],
            FenceRule::RaisedByServer => &[0, 1],
        };
        let pairs = row.from.iter().flat_map(|from| row.to.iter().map(move |to| (*from, *to)));
        pairs.flat_map(|(from, to)| rises.iter().map(move |rise| (from, to, *rise)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_outside_the_table_is_refused_and_changes_nothing() {
        let mut task = TaskProgress::new();
        let refused = transition(&mut task, TaskState::Cancelled, Transition::Claim, Actor::Server);
        assert_eq!(refused, Err(IllegalTransition { rule: Transition::Claim, from: Waiting, to: Cancelled }));
        assert_eq!(task, TaskProgress::new());
    }

    #[test]
    fn every_rule_of_the_table_has_exactly_one_row() {
        let mut rules: Vec<_> = TABLE.iter().map(|row| row.rule).collect();
        rules.dedup();
        assert_eq!(rules.len(), 17);
    }

    #[test]
    fn a_worker_fails_its_task_under_its_fence_and_the_server_raises_it() {
        let failure = || TaskState::Failed(super::super::Failure { cause: "c".into(), reason: "r".into() });
        let hold =
            super::super::Hold { worker: super::super::WorkerIdentity { id: "w".into(), epoch: 1 }, deadline: None };
        let running = TaskProgress { state: TaskState::Running(hold), fence: 7, ..TaskProgress::new() };
        let (mut by_worker, mut by_server) = (running.clone(), running);
        transition(&mut by_worker, failure(), Transition::Fail, Actor::Worker).expect("T6");
        transition(&mut by_server, failure(), Transition::Fail, Actor::Server).expect("T6");
        assert_eq!((by_worker.fence, by_server.fence), (7, 8));
    }

    #[test]
    fn nothing_follows_an_end_but_what_is_done_by_hand_under_a_new_fence() {
        let after_an_end = TABLE.iter().filter(|row| row.from.iter().any(|from| from.is_terminal()));
        let rules: Vec<_> = after_an_end.map(|row| row.rule).collect();
        assert_eq!(rules, [Transition::Rerun, Transition::Mark]);
        let mut risen = legal_changes().filter(|(from, ..)| from.is_terminal()).map(|(_, _, rise)| rise);
        assert!(risen.all(|rise| rise == 1));
    }

    #[test]
    fn an_idle_task_ends_in_success_only_when_marked_or_known_already() {
        let known = |from, rise| legal_changes().any(|change| change == (from, Succeeded, rise));
        assert!(known(Ready, 0) && known(Waiting, 1));
        assert!(!known(Waiting, 0) && !known(RetryWait, 0));
    }
}
