//! What can happen to a run, and what follows from it.

use daybreak_spec::{Name, Timestamp};
use serde_json::{Map, Value as Json};

use super::{Failure, Resumption, RunState, TaskProgress, TaskStatus, Wait, WorkerIdentity};

/// Something that happened to a run.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// Its turn has come.
    Start,
    /// A worker takes a ready task.
    Claim {
        /// The task.
        task: Name,
        /// The worker.
        worker: WorkerIdentity,
    },
    /// A worker says how its attempt ended.
    Report {
        /// The task.
        task: Name,
        /// The fence it was held under.
        fence: i64,
        /// The end.
        end: AttemptEnd,
    },
    /// The lease of the worker that held a task is gone.
    Lost {
        /// The task.
        task: Name,
        /// The fence it was held under.
        fence: i64,
    },
    /// An attempt ended without anybody's fault: it never reached its worker, or the server ended under its child
    /// process. No attempt and no lost worker is charged.
    Interrupted {
        /// The task.
        task: Name,
        /// The fence it was assigned under.
        fence: i64,
    },
    /// The deadline of an attempt has passed and its worker has not ended it.
    TimedOut {
        /// The task.
        task: Name,
    },
    /// A cancelled task's worker did not end it within the grace.
    ForceCancel {
        /// The task.
        task: Name,
    },
    /// The wait before the next attempt is over.
    RetryDue {
        /// The task.
        task: Name,
    },
    /// Somebody asks for the run's end.
    Cancel {
        /// Who and why.
        reason: String,
    },
    /// What a deferred task waits for has come about or was decided.
    Resume {
        /// The task.
        task: Name,
        /// The fence it was deferred under: a decision on an earlier wait decides nothing.
        fence: i64,
        /// What comes of it.
        resumption: Resumption,
    },
    /// The wait of a deferred task has reached its end.
    WaitOver {
        /// The task.
        task: Name,
    },
    /// The result of a ready task is known already.
    CacheHit {
        /// The task.
        task: Name,
        /// What it hands on.
        outputs: Map<String, Json>,
    },
    /// A ready task was not taken by any worker in time.
    QueueTimedOut {
        /// The task.
        task: Name,
        /// Its fence when that was found.
        fence: i64,
        /// What comes of it.
        end: QueueEnd,
    },
    /// A task has taken longer in all than its declaration allows, whatever it does now.
    TotalTimedOut {
        /// The task.
        task: Name,
        /// Its fence when that was found.
        fence: i64,
        /// What it fails with.
        failure: Failure,
    },
    /// The run has not ended by its deadline: what is left of it is ended as by a cancellation, and it has failed.
    Overdue {
        /// Which deadline, for people.
        reason: String,
    },
    /// Somebody has tasks run again, and with them everything that needs them. A run that has ended is queued again.
    Rerun {
        /// Tasks that have ended.
        tasks: Vec<Name>,
    },
    /// Somebody says how a task ended, whatever it does. Tasks that wait for it follow; those ruled out already stay
    /// as they are until they are run again.
    Mark {
        /// The task.
        task: Name,
        /// Its end.
        mark: Mark,
    },
}

/// What comes of a task that no worker took in time.
#[derive(Clone, Debug, PartialEq)]
pub enum QueueEnd {
    /// It failed.
    Failed(Failure),
    /// It is not to be run.
    Skipped {
        /// Why.
        reason: String,
    },
}

/// How a task ended, in somebody's word.
#[derive(Clone, Debug, PartialEq)]
pub enum Mark {
    /// It did its work.
    Succeeded {
        /// What it hands on.
        outputs: Map<String, Json>,
    },
    /// It failed.
    Failed {
        /// Who says so and why.
        reason: String,
    },
    /// It is not to be run.
    Skipped {
        /// Who says so and why.
        reason: String,
    },
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq)]
pub enum AttemptEnd {
    /// It did its work.
    Succeeded {
        /// What it hands on.
        outputs: Map<String, Json>,
    },
    /// It failed by itself.
    Failed {
        /// Why.
        failure: Failure,
        /// Whether trying again can help.
        retry: bool,
    },
    /// It was ended because the server asked for it.
    Cancelled,
    /// The worker goes away; no attempt is charged.
    HandedBack,
    /// It gives its slot back until a condition is met.
    Deferred(Wait),
}

/// What the outside adds to a decision.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// Real time.
    pub now: Timestamp,
    /// Uniform in [0, 1), for jitter.
    pub uniform: f64,
}

/// What follows from an event: to be written in one transaction, each task compare-and-set on what it was before.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Changes {
    /// Changed tasks, in the order of writing. One that goes through two states at once stands here twice.
    pub tasks: Vec<TaskChange>,
    /// The run's new state, if it changed. A run that is queued again has no request for its end any more.
    pub run: Option<RunState>,
    /// The run's end was asked for by this event.
    pub cancel_requested: Option<String>,
    /// It was asked for by the run's deadline.
    pub overdue: bool,
}

/// One changed task.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskChange {
    /// Which.
    pub task: Name,
    /// Its state before.
    pub status_before: TaskStatus,
    /// Its fence before.
    pub fence_before: i64,
    /// Its new changing part.
    pub after: TaskProgress,
}

/// Why an event changes nothing. A normal case, not a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// The fence is not the current one.
    #[error("the attempt is no longer current")]
    Stale,
    /// The same report was accepted before.
    #[error("the report was accepted before")]
    Repeated,
    /// The task or run is not in a state that the event is for.
    #[error("the event does not fit the state")]
    NotApplicable,
    /// The run has no such task.
    #[error("the run has no such task")]
    UnknownTask,
}
