//! Backfills as callers ask for them and see them.

use std::fmt;

use daybreak_spec::{Name, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use utoipa::{IntoParams, ToSchema};

use crate::page::rows_of_page;

/// Which windows of the range are run. One whose run goes on is never doubled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reprocess {
    /// Those that have no run.
    #[default]
    Missing,
    /// Those whose last run failed or was cancelled too.
    Failed,
    /// All.
    All,
}

impl Reprocess {
    /// As written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Failed => "failed",
            Self::All => "all",
        }
    }

    /// Reads a word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Missing, Self::Failed, Self::All].into_iter().find(|known| known.as_str() == word)
    }
}

/// What a backfill does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BackfillState {
    /// It makes runs as there is room for them.
    Running,
    /// It makes none; those that exist go on.
    Paused,
    /// It makes none any more, and those that existed were ended.
    Cancelled,
    /// Every window was dealt with and every run has ended.
    Finished,
}

impl BackfillState {
    const ALL: [Self; 4] = [Self::Running, Self::Paused, Self::Cancelled, Self::Finished];

    /// As written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Cancelled => "cancelled",
            Self::Finished => "finished",
        }
    }

    /// Reads a word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }

    /// Whether nothing follows.
    pub fn has_ended(self) -> bool {
        matches!(self, Self::Cancelled | Self::Finished)
    }

    /// Whether that may follow.
    pub fn may_become(self, next: Self) -> bool {
        match (self, next) {
            (Self::Running, Self::Paused | Self::Finished | Self::Cancelled)
            | (Self::Paused, Self::Running | Self::Cancelled) => true,
            (Self::Running | Self::Paused | Self::Cancelled | Self::Finished, _) => false,
        }
    }
}

impl fmt::Display for BackfillState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// "Run the windows of this range."
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BackfillRequest {
    /// The DAG.
    pub dag: Name,
    /// Firings from this instant on.
    pub from: Timestamp,
    /// Up to, not including, this one; none: business time now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Timestamp>,
    /// Which of them.
    #[serde(default)]
    pub reprocess: Reprocess,
    /// The newest first.
    #[serde(default)]
    pub backwards: bool,
    /// Runs at once, 1 to 1000, whatever `max_active_runs` of the DAG says; none: 4.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parallel: Option<u32>,
    /// Added to the priority of every task, -10000 to 10000: minutes that it lets others go before it. None: -5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<i32>,
    /// Values of the DAG's parameters.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    #[schema(value_type = Object)]
    pub params: Map<String, Json>,
    /// Why, for those who look later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl BackfillRequest {
    /// Runs at once where nothing is said.
    pub const PARALLEL: u32 = 4;
    /// What is added to the priority of every task where nothing is said.
    pub const PRIORITY: i32 = -5;
}

/// What a backfill would do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BackfillPlan {
    /// Firings of the range.
    pub windows: u64,
    /// Those that would be run.
    pub to_run: u64,
    /// Those that have no run, or were left out when they were due.
    pub missing: u64,
    /// Those whose last run failed or was cancelled.
    pub failed: u64,
    /// Those whose last run succeeded.
    pub succeeded: u64,
    /// Those whose run goes on.
    pub going_on: u64,
    /// The first that would be run.
    pub first: Option<Timestamp>,
    /// The last that would be run.
    pub last: Option<Timestamp>,
}

/// "Pause, resume or cancel it."
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BackfillChangeRequest {
    /// Why, for those who look later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A backfill.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BackfillView {
    /// ULID.
    pub id: String,
    /// The DAG.
    pub dag: Name,
    /// What it does.
    pub state: BackfillState,
    /// Firings from this instant on.
    pub from: Timestamp,
    /// Up to, not including, this one.
    pub to: Timestamp,
    /// Which of them are run.
    pub reprocess: Reprocess,
    /// The newest first.
    pub backwards: bool,
    /// Runs at once.
    pub parallel: u32,
    /// Added to the priority of every task.
    pub priority: i32,
    /// Firings of the range.
    pub windows: u64,
    /// Those dealt with: their run has ended, or they needed none.
    pub done: u64,
    /// Its runs that succeeded.
    pub succeeded: u64,
    /// Its runs that failed.
    pub failed: u64,
    /// Its runs that were cancelled.
    pub cancelled: u64,
    /// Its runs that go on.
    pub going_on: u64,
    /// Real time it has been running, seconds, pauses apart.
    pub busy_s: f64,
    /// Real time that is left at the rate so far, seconds; none before anything has ended, and where nothing is left.
    pub left_s: Option<f64>,
    /// Real time.
    pub created_at: Timestamp,
    /// Real time.
    pub ended_at: Option<Timestamp>,
    /// Who asked for it.
    pub by: String,
    /// Why, or what the server says of it.
    pub note: Option<String>,
}

/// Which backfills are listed, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct BackfillsQuery {
    /// Older than this one: `next` of the page before.
    #[param(pattern = "^[0-7][0-9A-HJKMNP-TV-Z]{25}$")]
    pub before: Option<String>,
    /// At most so many, 1 to 500; default 50.
    #[param(minimum = 1, maximum = 500, default = 50)]
    pub limit: Option<u32>,
}

impl BackfillsQuery {
    /// The limit that holds.
    pub fn effective_limit(&self) -> u32 {
        rows_of_page(self.limit)
    }
}

/// A page of backfills.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BackfillList {
    /// Newest first.
    pub backfills: Vec<BackfillView>,
    /// The `before` of the next page; none: this is the last one.
    pub next: Option<String>,
}
