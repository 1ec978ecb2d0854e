//! The shapes that cross the online store: a row in, a generation's description, an answer out. Plain data.

use std::sync::Arc;

use daybreak_spec::{ColumnType, Name, Timestamp, Value};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One entity's features in one generation.
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureRow {
    /// Key values in the order of the generation's keys; none for a view without an entity.
    pub keys: Vec<Value>,
    /// One value per feature, in the generation's order.
    pub values: Vec<Value>,
    /// When the values were observed (`latest` views), microseconds.
    pub event_time_us: Option<i64>,
}

/// One complete set of online rows of a view.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Generation {
    /// The view.
    pub view: Name,
    /// T: the rows hold what was known before it.
    pub as_of: Timestamp,
    /// Minted by the orchestrator, rising per view.
    pub publication: i64,
    /// Names of the key columns, in order.
    pub key_names: Vec<String>,
    /// Their types.
    pub key_types: Vec<ColumnType>,
    /// Names of the features, in order.
    pub feature_names: Vec<String>,
    /// Their types.
    pub feature_types: Vec<ColumnType>,
    /// Largest age at which a value may be used; none = any.
    pub ttl_us: Option<i64>,
    /// Whether the age counts from a row's event time instead of from `as_of`.
    pub ttl_from_event: bool,
    /// Rows in it.
    pub rows: u64,
}

impl Generation {
    /// Whether it replaces `other` without a rollback: a newer T, or the same T published later.
    pub fn is_newer_than(&self, other: &Self) -> bool {
        (self.as_of, self.publication) > (other.as_of, other.publication)
    }
}

/// What became of a feature at a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schema(as = FeatureStatus)]
pub enum Status {
    /// There, known and fresh.
    Present,
    /// The row is there and fresh, the value is null.
    NullValue,
    /// The view has no row for the key, or has not been published.
    NotFound,
    /// The row is older than the ttl allows; its values are withheld.
    OutsideMaxAge,
}

impl Status {
    /// As it stands in replies, e.g. `NULL_VALUE`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Present => "PRESENT",
            Self::NullValue => "NULL_VALUE",
            Self::NotFound => "NOT_FOUND",
            Self::OutsideMaxAge => "OUTSIDE_MAX_AGE",
        }
    }
}

/// The answer for one key of one view.
#[derive(Clone, Debug, PartialEq)]
pub struct Online {
    /// Of the row: present, not found or outside its maximum age.
    pub status: Status,
    /// One value per feature of the generation, null where not usable; empty without a generation.
    pub values: Vec<Value>,
    /// One status per feature.
    pub statuses: Vec<Status>,
    /// The generation's T where a row was found.
    pub as_of: Option<Timestamp>,
    /// What the age counts from where a row was found: T, or the row's event time.
    pub measured_from: Option<Timestamp>,
    /// The generation that answered; none where the view has not been published.
    pub generation: Option<Arc<Generation>>,
}

impl Online {
    /// The answer where there is no row.
    pub(crate) fn not_found(generation: Option<Arc<Generation>>) -> Self {
        let features = generation.as_ref().map_or(0, |generation| generation.feature_names.len());
        Self {
            status: Status::NotFound,
            values: vec![Value::Null; features],
            statuses: vec![Status::NotFound; features],
            as_of: None,
            measured_from: None,
            generation,
        }
    }
}
