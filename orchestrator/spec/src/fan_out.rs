//! What a task is declared to be beside its work: done once per item of a list, and not done again while its result is
//! known. What follows from it is decided in `core`.

use serde::{Deserialize, Serialize};

use crate::{Duration, Node, Spanned};

/// `for_each:` and `max_parallel:` of a task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ForEach {
    /// A list, or a text that is one reference to a list.
    pub list: Node,
    /// Most items at a time; none: as many as there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_parallel: Option<u32>,
}

impl ForEach {
    /// Most items of one list.
    pub const MAX_ITEMS: usize = 10_000;

    /// Most items that run at a time.
    #[must_use]
    pub fn most_at_a_time(&self) -> u32 {
        self.max_parallel.unwrap_or(u32::MAX)
    }
}

/// `cache:` of a task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cache {
    /// What its result depends on beside its kind and its parameters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub key: Vec<Node>,
    /// How long its result is known.
    pub ttl: Spanned<Duration>,
}
