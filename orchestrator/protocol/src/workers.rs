//! Workers and queues, as people and programs read them. Plain data.

use daybreak_spec::{Labels, Name, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::page::rows_of_page;

/// What a worker does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WorkerState {
    /// It takes work.
    Working,
    /// It takes no more work and ends what it has.
    Draining,
    /// It has been silent for longer than its lease: what it had is given to others.
    Lost,
}

impl WorkerState {
    /// The word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Working => "working",
            Self::Draining => "draining",
            Self::Lost => "lost",
        }
    }
}

/// A worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WorkerView {
    /// ULID, new with each registration.
    pub id: String,
    /// What people call it; several may have one name.
    pub name: String,
    /// The machine it runs on.
    pub host: String,
    /// Version of its binary.
    pub version: String,
    /// What it does.
    pub state: WorkerState,
    /// The queues that it takes from; none: every queue.
    pub queues: Option<Vec<Name>>,
    /// What it has.
    #[schema(value_type = std::collections::BTreeMap<String, String>)]
    pub labels: Labels,
    /// Light tasks at once.
    pub light_slots: u32,
    /// Heavy tasks at once.
    pub heavy_slots: u32,
    /// Real time.
    pub registered_at: Timestamp,
    /// Its last heartbeat, in real time.
    pub seen_at: Timestamp,
    /// What it runs now.
    pub running: Vec<WorkerTask>,
}

/// A task that a worker runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WorkerTask {
    /// The run.
    pub run_id: String,
    /// The task in it.
    pub task: Name,
    /// Its kind.
    pub kind: String,
    /// Whether it takes a heavy slot.
    pub heavy: bool,
    /// Since when, in real time.
    pub started_at: Option<Timestamp>,
}

/// Which workers are listed, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct WorkersQuery {
    /// Registered before this one: `next` of the page before.
    #[param(pattern = "^[0-7][0-9A-HJKMNP-TV-Z]{25}$")]
    pub before: Option<String>,
    /// At most so many, 1 to 500; default 50.
    #[param(minimum = 1, maximum = 500, default = 50)]
    pub limit: Option<u32>,
}

impl WorkersQuery {
    /// The limit that holds.
    pub fn effective_limit(&self) -> u32 {
        rows_of_page(self.limit)
    }
}

/// A page of workers, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WorkerList {
    /// Those that are there, and those that were lost within the last hour.
    pub workers: Vec<WorkerView>,
    /// `before` of the next page; none on the last.
    pub next: Option<String>,
}

/// A queue, for tasks that ask for the same labels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QueueView {
    /// Its name.
    pub queue: Name,
    /// What its workers must have.
    #[schema(value_type = std::collections::BTreeMap<String, String>)]
    pub labels: Labels,
    /// Tasks that wait for a worker.
    pub ready: u64,
    /// Since when the longest-waiting one of them waits.
    pub waits_since: Option<Timestamp>,
    /// Tasks that a worker has.
    pub running: u64,
    /// Workers that take such tasks now. 0: nobody runs what is ready.
    pub workers: u64,
}

/// Which queues are listed, by name and labels.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct QueuesQuery {
    /// Queues after this one: `next` of the page before.
    #[param(pattern = "^[a-z0-9][a-z0-9_-]{0,62}( [a-z0-9][a-z0-9_-]{0,62}=[A-Za-z0-9][A-Za-z0-9._-]{0,62})*$")]
    pub after: Option<String>,
    /// At most so many, 1 to 500; default 50.
    #[param(minimum = 1, maximum = 500, default = 50)]
    pub limit: Option<u32>,
}

impl QueuesQuery {
    /// The limit that holds.
    pub fn effective_limit(&self) -> u32 {
        rows_of_page(self.limit)
    }
}

/// A page of queues, by name and labels.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QueueList {
    /// Those that the project names, and those that tasks wait or run in.
    pub queues: Vec<QueueView>,
    /// `after` of the next page; none on the last.
    pub next: Option<String>,
}
