//! When DAGs fire in a stretch of business time, and what clocks do there: a calendar. Plain data.

use daybreak_spec::{Name, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which firings are listed, soonest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct FiringsQuery {
    /// From this instant on; default: business time now.
    pub from: Option<Timestamp>,
    /// Before this instant, at most 100 days later; default: 7 days later.
    pub to: Option<Timestamp>,
    /// Of this DAG only; of one that the live version does not declare there are none.
    pub dag: Option<Name>,
}

impl FiringsQuery {
    /// Longest stretch.
    pub const MAX_RANGE_US: i64 = 100 * 86_400_000_000;
    /// Stretch where nobody says how long.
    pub const DEFAULT_RANGE_US: i64 = 7 * 86_400_000_000;
    /// Most firings in an answer.
    pub const MAX_FIRINGS: usize = 5_000;
}

/// Firings of a stretch of business time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FiringList {
    /// Soonest first, at most 5,000 and what else fires at the same instant as the last one.
    pub firings: Vec<Firing>,
    /// Changes of the clocks in the zones of the schedules.
    pub clock_changes: Vec<ClockChange>,
    /// There are more firings than these: ask on from just after the last one.
    pub truncated: bool,
}

/// A firing of a DAG.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Firing {
    /// The DAG.
    pub dag: Name,
    /// Nominal instant.
    pub at: Timestamp,
    /// What a clock in the zone shows then, `YYYY-MM-DDTHH:MM:SS`.
    pub local: String,
    /// The zone of the schedule that fires; of several the one declared first.
    pub timezone: String,
    /// How far the zone is ahead of UTC then, `+HH:MM` or `-HH:MM`.
    pub offset: String,
    /// What clocks have to do with it.
    pub clocks: Option<FiringClocks>,
    /// It will not fire: the DAG is paused.
    pub paused: bool,
}

/// What a jump of the clocks has to do with a firing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FiringClocks {
    /// Clocks leave out the time that the schedule names; it fires right after the gap.
    Gap,
    /// Clocks show this time twice that day.
    Overlap,
}

/// A jump of the clocks of a zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClockChange {
    /// The zone.
    pub timezone: String,
    /// When.
    pub at: Timestamp,
    /// How far the zone was ahead of UTC, `+HH:MM` or `-HH:MM`.
    pub before: String,
    /// How far it is since.
    pub after: String,
}
