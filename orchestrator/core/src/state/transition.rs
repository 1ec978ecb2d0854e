//! The one function that owns every change of a task's state: the table T1 to T16 of the durable core. Anything that
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
    row(Transition::Resume, &[Deferred], &[Ready, Succeeded, Failed, Skipped], FenceRule::Keep),
    row(Transition::CacheHit, &[Ready], &[Succeeded], FenceRule::Keep),
    row(Transition::QueueTimeout, &[Ready], &[Failed, Skipped], FenceRule::Keep),
    row(Transition::Mark, &TaskStatus::ALL, &[Succeeded, Failed, Skipped], FenceRule::Raise),
    row(Transition::HandBack, &[Running], &[Ready], FenceRule::Raise),
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
    let raised = match row.fence {
        FenceRule::Keep => false,
        FenceRule::Raise => true,
        FenceRule::RaisedByServer => actor == Actor::Server,
    };
    task.state = to;
    task.fence += i64::from(raised);
    Ok(())
}

/// Every pair of states that some rule other than a mark by hand allows; what a database may be told to insist on.
pub fn legal_pairs() -> impl Iterator<Item = (TaskStatus, TaskStatus)> {
    TABLE
        .iter()
        .filter(|row| row.rule != Transition::Mark)
        .flat_map(|row| row.from.iter().flat_map(move |from| row.to.iter().map(move |to| (*from, *to))))
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
        assert_eq!(rules.len(), 16);
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
    fn no_state_but_by_hand_follows_a_terminal_one() {
        let out_of_terminal: Vec<_> = legal_pairs().filter(|(from, _)| from.is_terminal()).collect();
        assert!(out_of_terminal.iter().all(|(_, to)| *to == Waiting), "{out_of_terminal:?}");
    }
}
