//! The keys of limits.

use super::Presence::{Optional, Required};
use super::{Shape, Table, key};

/// Most slots of a limit.
pub(crate) const MAX_SLOTS: i64 = 100_000;

/// What a task takes of a limit, in its long form.
pub(crate) const LIMIT_USE: Table = Table {
    id: "limit_use",
    doc: "What a task takes of a limit while it runs",
    keys: &[
        key("limit", Shape::Name, Required, "The limit, declared under `limits` of the project"),
        key("slots", Shape::Integer(1, MAX_SLOTS), Optional, "Slots taken; default: 1"),
        key("key", Shape::Text, Optional, "E.g. ${params.customer}: the slots are counted for each value of it apart"),
    ],
    others: None,
};
