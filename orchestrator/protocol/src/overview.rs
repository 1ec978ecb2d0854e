//! The home page in one answer: what needs somebody, what goes on, what comes next and what is live. Plain data. To add
//! something that needs somebody: a variant of [`Attention`], and the look that finds it in `server`.

use std::collections::BTreeMap;

use daybreak_spec::{Labels, Name, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::RunSummary;

/// How things stand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Overview {
    /// Business time: firings, T, ttl at a request.
    pub business_now: Timestamp,
    /// Real time: leases, timeouts, backoff.
    pub real_now: Timestamp,
    /// Business time stands still until it is set.
    pub simulated: bool,
    /// What needs somebody, at most 50 of each kind.
    pub attention: Vec<Attention>,
    /// Runs that have not ended, newest first, at most 50.
    pub running: Vec<RunSummary>,
    /// How many there are.
    pub active_runs: u64,
    /// The next firing of each DAG, soonest first, at most 20.
    pub next_firings: Vec<NextFiring>,
    /// Where aliases point, by model and alias, at most 100.
    pub live: Vec<LiveAlias>,
}

impl Overview {
    /// Most entries of each kind that needs somebody.
    pub const MAX_ATTENTION: usize = 50;
    /// Most runs.
    pub const MAX_RUNNING: usize = 50;
    /// Most firings.
    pub const MAX_FIRINGS: usize = 20;
    /// Most aliases.
    pub const MAX_LIVE: usize = 100;
}

/// Something that needs somebody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Attention {
    /// Of all runs of a DAG that have ended, the newest failed. Firings that were skipped ran nothing and do not count.
    FailedRun {
        /// The DAG.
        dag: Name,
        /// ULID.
        run_id: String,
        /// Real time of its end.
        at: Timestamp,
        /// Why.
        reason: String,
    },
    /// A run is past its deadline and has not ended yet.
    OverdueRun {
        /// The DAG.
        dag: Name,
        /// ULID.
        run_id: String,
        /// Real time of its deadline.
        since: Timestamp,
    },
    /// A firing of a DAG that is not paused has been due for more than a minute and has no run: the oldest one of the DAG.
    LateFiring {
        /// The DAG.
        dag: Name,
        /// Nominal instant, in business time.
        due: Timestamp,
    },
    /// A task waits for somebody's decision.
    Approval {
        /// The DAG.
        dag: Name,
        /// ULID.
        run_id: String,
        /// The task.
        task: Name,
        /// Real time since when.
        since: Option<Timestamp>,
        /// Real time at which the wait is over whatever came of it.
        until: Option<Timestamp>,
        /// What is to be decided.
        words: String,
    },
    /// The newest publication of a view is older than the view's ttl: the endpoint answers `OUTSIDE_MAX_AGE` for all of it.
    /// Or a live model reads a view that was never published.
    StaleView {
        /// The view.
        view: Name,
        /// T of its newest publication; none: it was never published.
        as_of: Option<Timestamp>,
        /// The last instant of business time at which it was fresh.
        fresh_until: Option<Timestamp>,
    },
    /// Tasks are ready and no worker takes them.
    QueueWithoutWorker {
        /// The queue.
        queue: Name,
        /// What a worker must have.
        #[schema(value_type = BTreeMap<String, String>)]
        labels: Labels,
        /// How many tasks, as far as they are counted: 10,000 are 10,000 or more.
        ready: u64,
        /// Real time since when the longest-waiting one of them waits.
        since: Option<Timestamp>,
    },
    /// The project's files as they are now have problems; the version before them stays live.
    ProjectProblems {
        /// All of them, for people.
        text: String,
    },
}

/// The next firing of a DAG.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NextFiring {
    /// The DAG.
    pub dag: Name,
    /// Nominal instant, in business time.
    pub at: Timestamp,
    /// The zone of its schedule.
    pub timezone: String,
    /// It will not fire: the DAG is paused.
    pub paused: bool,
}

/// Where an alias points.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LiveAlias {
    /// The model.
    pub model: Name,
    /// The alias, e.g. `champion`.
    pub alias: String,
    /// The version.
    pub version: u32,
    /// Real time of the move.
    pub since: Timestamp,
    /// The run that moved it; none when a person did.
    pub run_id: Option<String>,
    /// The run that trained the version.
    pub trained_by: String,
    /// The version's metrics by name on the holdout.
    pub metrics: BTreeMap<String, f64>,
}
