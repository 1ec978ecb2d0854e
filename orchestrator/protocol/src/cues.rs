//! What makes a DAG run beside its schedules, as it is shown. Plain data, no decisions.

use daybreak_spec::{Match, Name, RunEnd, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A DAG after whose runs a DAG runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AfterView {
    /// The other DAG.
    pub dag: Name,
    /// Which ends count.
    pub ended: RunEnd,
}

/// Data on whose updates a DAG runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UpdatedView {
    /// Feature views.
    pub views: Vec<Name>,
    /// Sources.
    pub sources: Vec<Name>,
    /// How many of them.
    #[serde(rename = "match")]
    pub matching: Match,
    /// Only updates before this time of a day count, `HH:MM`.
    pub before: Option<String>,
    /// The zone of `before`.
    pub timezone: String,
    /// Updates that wait for the others.
    pub seen: Vec<SeenView>,
}

/// An update that waits for others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SeenView {
    /// `view:` or `source:` and the name.
    pub data: String,
    /// The instant it is for.
    pub as_of: Timestamp,
    /// Business time at which it was seen.
    pub seen_at: Timestamp,
}
