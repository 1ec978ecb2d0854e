//! What the rest of the process has to know about a commit. Sent after it, never before; whoever missed one reads the
//! truth instead.

use std::sync::Arc;

use daybreak_core::{RunStatus, TaskChange, TaskStatus};
use daybreak_spec::{Name, Placement, Timestamp};

/// Something that a commit made true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// A run ended.
    RunEnded {
        /// Its ULID.
        run_id: String,
        /// How.
        status: RunStatus,
    },
    /// Something happened that somebody listens to.
    Announced,
    /// A task waits for its next attempt.
    RetryAt(Timestamp),
    /// A wait whose end the server sees began or ended.
    Waits,
    /// An alias moved or a project was deployed.
    RegistryMoved,
    /// Somebody asked for the end of a task that this worker runs.
    CancelRequested {
        /// The worker.
        worker_id: String,
    },
    /// The attempt of this worker was ended over its head.
    Revoked {
        /// The worker.
        worker_id: String,
        /// The task run.
        task_run_id: String,
        /// The fence the worker holds it under.
        fence: i64,
    },
    /// Another server may have changed anything: read the truth.
    Elsewhere,
}

/// A task that the open transaction made ready.
pub(crate) struct ReadyTask {
    pub run_id: String,
    pub task: Name,
    pub heavy: bool,
    pub rank_us: i64,
    /// Since when it is ready.
    pub since: Timestamp,
    pub placement: Arc<Placement>,
}

/// What a transaction has brought about so far.
#[derive(Default)]
pub(crate) struct Effects {
    pub list: Vec<Effect>,
    /// Whoever waits for work is to be served from these before the commit.
    pub ready: Vec<ReadyTask>,
    /// States that runs and tasks have entered, for those who count.
    pub entered_runs: Vec<RunStatus>,
    pub entered_tasks: Vec<TaskStatus>,
    /// How long tasks that were handed out had been ready, in microseconds.
    pub waited_us: Vec<i64>,
}

impl Effects {
    pub(crate) fn enters(&mut self, change: &TaskChange) {
        let status = change.after.state.status();
        self.entered_tasks.extend((status != change.status_before).then_some(status));
    }
}
