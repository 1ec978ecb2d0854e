//! A task of a run: its state, what goes with it, and what advancing needs to know of its declaration.

use std::fmt;

use daybreak_spec::{Name, Retry, Timestamp, TriggerRule};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use utoipa::ToSchema;

use super::Deferral;

/// The state of a task and what belongs to it.
#[derive(Clone, Debug, PartialEq)]
pub enum TaskState {
    /// Some task it needs has not ended.
    Waiting,
    /// A worker may take it.
    Ready,
    /// A worker holds it.
    Running(Hold),
    /// It gave its slot back until a condition is met.
    Deferred(Deferral),
    /// It failed or lost its worker and is tried again at `until` (real time).
    RetryWait {
        /// When.
        until: Timestamp,
        /// Why.
        failure: Failure,
    },
    /// It did its work.
    Succeeded {
        /// `${tasks.NAME.outputs.KEY}`.
        outputs: Map<String, Json>,
    },
    /// It failed for good.
    Failed(Failure),
    /// It was not to be run.
    Skipped {
        /// Why.
        reason: String,
    },
    /// A task it needs failed.
    UpstreamFailed {
        /// Which.
        upstream: Name,
    },
    /// Somebody asked for its end.
    Cancelled,
}

/// The word of a task's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "see TaskState")]
pub enum TaskStatus {
    Waiting,
    Ready,
    Running,
    Deferred,
    RetryWait,
    Succeeded,
    Failed,
    Skipped,
    UpstreamFailed,
    Cancelled,
}

/// Who holds a running task, and until when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// The worker.
    pub worker: WorkerIdentity,
    /// Real time at which the server ends the attempt itself; none without a timeout.
    pub deadline: Option<Timestamp>,
}

/// A worker's identity under one lease.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkerIdentity {
    /// ULID.
    pub id: String,
    /// Rises with each registration.
    pub epoch: i64,
}

/// Why an attempt failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Failure {
    /// A slug such as `task_error`, `timeout`, `worker_lost`.
    pub cause: String,
    /// For people.
    pub reason: String,
}

/// The part of a task that changes while its run goes on.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskProgress {
    /// Its state.
    pub state: TaskState,
    /// How often it was run again by hand; attempts and lost workers count from the last time.
    pub generation: u32,
    /// Attempts charged to the user, the current one included.
    pub attempt: u32,
    /// Workers lost under it.
    pub lost: u32,
    /// Rises with every acquisition and revocation; never falls.
    pub fence: i64,
    /// The fence of the last report that was accepted: the same report again is a repetition.
    pub reported_fence: Option<i64>,
    /// Somebody asked for its end while it ran.
    pub cancel_requested: bool,
    /// When the attempt that goes on first gave its slot back, if it did.
    pub waiting_since: Option<Timestamp>,
}

/// A task as advancing sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskSnapshot {
    /// The tasks it needs.
    pub parents: Vec<Name>,
    /// How they must have ended.
    pub trigger: TriggerRule,
    /// The run can succeed although it failed.
    pub tolerated: bool,
    /// Its retry policy.
    pub retry: Retry,
    /// Skipped when a task it needs has `passed: false`.
    pub gated: bool,
    /// Longest attempt in real time.
    pub timeout_us: Option<i64>,
    /// Its changing part.
    pub progress: TaskProgress,
}

impl TaskProgress {
    /// A task of a new run.
    pub fn new() -> Self {
        Self {
            state: TaskState::Waiting,
            generation: 0,
            attempt: 0,
            lost: 0,
            fence: 0,
            reported_fence: None,
            cancel_requested: false,
            waiting_since: None,
        }
    }

    /// Whether a worker ever took it, or its end was known without one: something may have to be cleared up after it. A
    /// task that never began and was cancelled has the one fence of that; where it was run again by hand meanwhile, it
    /// is taken to have begun.
    pub fn has_begun(&self) -> bool {
        let taken = self.attempt > 0 || self.lost > 0;
        match self.state {
            TaskState::Running(_)
            | TaskState::Deferred(_)
            | TaskState::RetryWait { .. }
            | TaskState::Succeeded { .. }
            | TaskState::Failed(_) => true,
            TaskState::Cancelled => taken || self.fence > 1,
            TaskState::Waiting | TaskState::Ready | TaskState::Skipped { .. } | TaskState::UpstreamFailed { .. } => {
                taken
            }
        }
    }
}

impl Default for TaskProgress {
    fn default() -> Self {
        Self::new()
    }
}

impl TaskState {
    /// Its word.
    pub fn status(&self) -> TaskStatus {
        match self {
            Self::Waiting => TaskStatus::Waiting,
            Self::Ready => TaskStatus::Ready,
            Self::Running(_) => TaskStatus::Running,
            Self::Deferred(_) => TaskStatus::Deferred,
            Self::RetryWait { .. } => TaskStatus::RetryWait,
            Self::Succeeded { .. } => TaskStatus::Succeeded,
            Self::Failed(_) => TaskStatus::Failed,
            Self::Skipped { .. } => TaskStatus::Skipped,
            Self::UpstreamFailed { .. } => TaskStatus::UpstreamFailed,
            Self::Cancelled => TaskStatus::Cancelled,
        }
    }

    /// Whether it stays as it is until somebody intervenes.
    pub fn is_terminal(&self) -> bool {
        self.status().is_terminal()
    }

    /// Why it lets nothing pass that stands behind its gate; `None` for anything but a gate that said no.
    pub fn refusal(&self) -> Option<&str> {
        match self {
            Self::Succeeded { outputs } if outputs.get("passed") == Some(&Json::Bool(false)) => {
                Some(outputs.get("reason").and_then(Json::as_str).unwrap_or("no reason was given"))
            }
            _ => None,
        }
    }
}

impl TaskStatus {
    /// All words.
    pub const ALL: [Self; 10] = [
        Self::Waiting,
        Self::Ready,
        Self::Running,
        Self::Deferred,
        Self::RetryWait,
        Self::Succeeded,
        Self::Failed,
        Self::Skipped,
        Self::UpstreamFailed,
        Self::Cancelled,
    ];

    /// Whether it stays as it is until somebody intervenes.
    pub fn is_terminal(self) -> bool {
        match self {
            Self::Succeeded | Self::Failed | Self::Skipped | Self::UpstreamFailed | Self::Cancelled => true,
            Self::Waiting | Self::Ready | Self::Running | Self::Deferred | Self::RetryWait => false,
        }
    }

    /// As written in rows and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Ready => "ready",
            Self::Running => "running",
            Self::Deferred => "deferred",
            Self::RetryWait => "retry_wait",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::UpstreamFailed => "upstream_failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Reads a word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }
}

impl fmt::Display for TaskStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
