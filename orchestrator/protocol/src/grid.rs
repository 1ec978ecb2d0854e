//! The runs of a DAG beside each other, task by task: where each stands, and how long each took. Made to be small: a page has
//! up to 500 runs of a hundred tasks. Plain data. To add a state: its letter in [`Grid::letter`].

use daybreak_core::{RunStatus, TaskStatus};
use daybreak_spec::{Name, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::Trigger;
use crate::page::rows_of_page;

/// Which runs of a DAG are shown, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct GridQuery {
    /// Runs older than this one: `next` of the page before.
    #[param(pattern = "^[0-7][0-9A-HJKMNP-TV-Z]{25}$")]
    pub before: Option<String>,
    /// At most so many, 1 to 500; default 50. Of a DAG with more than 200 tasks a page may have fewer: 100,000 tasks in all.
    #[param(minimum = 1, maximum = 500, default = 50)]
    pub limit: Option<u32>,
}

impl GridQuery {
    /// The limit that holds.
    pub fn effective_limit(&self) -> u32 {
        rows_of_page(self.limit)
    }
}

/// A page of runs, newest first, and where their tasks stand.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Grid {
    /// The columns: the tasks of the live version, parents before children, then by name those that only runs of this page
    /// have. Items of lists are no columns.
    pub tasks: Vec<Name>,
    /// The runs.
    pub runs: Vec<GridRun>,
    /// `before` of the next page; none on the last.
    pub next: Option<String>,
}

impl Grid {
    /// A run has no such task.
    pub const NO_TASK: char = '.';

    /// The letter of a state.
    pub const fn letter(state: TaskStatus) -> char {
        match state {
            TaskStatus::Waiting => 'w',
            TaskStatus::Ready => 'q',
            TaskStatus::Running => 'r',
            TaskStatus::Deferred => 'd',
            TaskStatus::RetryWait => 'y',
            TaskStatus::Succeeded => 's',
            TaskStatus::Failed => 'f',
            TaskStatus::Skipped => 'k',
            TaskStatus::UpstreamFailed => 'u',
            TaskStatus::Cancelled => 'c',
        }
    }
}

/// A run with the states of its tasks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GridRun {
    /// ULID.
    pub id: String,
    /// Where it stands.
    pub state: RunStatus,
    /// What made it.
    pub trigger: Trigger,
    /// Nominal instant; none for a manual run.
    pub scheduled_for: Option<Timestamp>,
    /// T.
    pub window_end: Timestamp,
    /// Real time of its row.
    pub created_at: Timestamp,
    /// Real time at which its first tasks became ready.
    pub started_at: Option<Timestamp>,
    /// Real time of its end.
    pub ended_at: Option<Timestamp>,
    /// One letter for each of the page's `tasks`: w waiting, q ready (queued), r running, d deferred, y retry_wait, s
    /// succeeded, f failed, k skipped, u upstream_failed, c cancelled; `.` where the run has no such task.
    #[schema(pattern = "^[wqrdysfkuc.]*$")]
    pub states: String,
}

/// A page of runs, newest first, and how long their tasks took.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Durations {
    /// The columns, as in [`Grid`].
    pub tasks: Vec<Name>,
    /// The runs.
    pub runs: Vec<RunDurations>,
    /// `before` of the next page; none on the last.
    pub next: Option<String>,
}

/// A run with the times of its tasks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunDurations {
    /// ULID.
    pub id: String,
    /// Where it stands.
    pub state: RunStatus,
    /// T.
    pub window_end: Timestamp,
    /// Real time of its row.
    pub created_at: Timestamp,
    /// Real time at which its first tasks became ready.
    pub started_at: Option<Timestamp>,
    /// Real time of its end.
    pub ended_at: Option<Timestamp>,
    /// For each of the page's `tasks`: how long its last attempt was ready before a worker took it, microseconds; none where
    /// no worker has taken it.
    pub queued_us: Vec<Option<u64>>,
    /// For each of the page's `tasks`: from a worker taking its last attempt to its end, microseconds; none where that has
    /// not come.
    pub running_us: Vec<Option<u64>>,
}
