//! The ledger's accounts of runs and tasks, and how a row may differ from one. Counted from what was accepted, never read
//! from a row. To add a count: a field, its counting in `ledger.rs`, its comparison in [`TaskAccount::differs`].

use daybreak_core::{MAX_LOST, Resumption, RunStatus, TaskSnapshot, TaskState, TaskStatus};
use daybreak_spec::Name;

use crate::catalogue::MAX_TASKS;
use crate::commands::number;

#[derive(Default)]
pub(crate) struct TaskAccount {
    pub claims: u32,
    pub uncharged: u32,
    pub lost: u32,
    pub generation: u32,
    pub last_fence: i64,
    pub holder: Option<(u64, i64)>,
    /// What comes of it when its wait is over.
    pub deferred: Option<Resumption>,
    pub accepted: Vec<i64>,
    /// The fence of the success, in this generation.
    pub succeeded: Option<i64>,
    pub marked: bool,
    pub cancelling: bool,
}

pub(crate) struct RunAccount {
    pub dag: usize,
    pub status: RunStatus,
    pub by_hand: bool,
    pub tasks: [TaskAccount; MAX_TASKS],
}

impl TaskAccount {
    /// It is ended over the head of whoever holds it, or while it waits.
    pub fn let_go(&mut self) {
        (self.holder, self.deferred) = (None, None);
    }

    /// How a task's row differs from the account.
    pub fn differs(&self, task: &TaskSnapshot) -> Option<&'static str> {
        let progress = &task.progress;
        let holder = match &progress.state {
            TaskState::Running(hold) => Some((number(&hold.worker), progress.fence)),
            _ => None,
        };
        let status = progress.state.status();
        let counted = !self.cancelling && !self.marked;
        let known_end = match &progress.state {
            TaskState::Succeeded { outputs } => outputs.get("fence").and_then(serde_json::Value::as_i64),
            _ => None,
        };
        let broken = [
            (holder != self.holder, "another holder than the account has"),
            (progress.fence < self.last_fence, "a fence that fell"),
            (progress.generation != self.generation, "another generation than the account has"),
            (
                counted && self.claims.checked_sub(self.uncharged) != Some(progress.attempt),
                "attempts that do not add up",
            ),
            (counted && progress.lost != self.lost, "lost workers that do not add up"),
            (progress.attempt > task.retry.attempts, "more attempts than the policy allows"),
            (progress.lost > MAX_LOST, "more lost workers than are allowed"),
            (progress.lost == MAX_LOST && !status.is_terminal(), "it goes on after five lost workers"),
            (self.succeeded.is_some() && known_end != self.succeeded, "an accepted success that is not kept"),
            (
                counted
                    && status == TaskStatus::Succeeded
                    && self.succeeded.is_none()
                    && self.claims > 0
                    && known_end.is_some(),
                "a success that nobody reported",
            ),
        ];
        broken.iter().find(|(broken, _)| *broken).map(|(_, what)| *what)
    }
}

/// Tasks are called `t0` to `t5`.
pub(crate) fn place(task: &Name) -> usize {
    usize::from(task.as_str().as_bytes()[1] - b'0')
}
