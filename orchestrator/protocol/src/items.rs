//! Tasks that are done once per item of a list, as people and programs read them. Plain data.

use daybreak_core::TaskStatus;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::TaskRunView;
use crate::page::{MAX_PAGE, rows_of_page};

/// How many items of a list stand how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ItemCounts {
    /// All of them.
    pub items: u32,
    /// Wait for their place.
    pub waiting: u32,
    /// Ready, running, deferred or between two attempts.
    pub busy: u32,
    /// Did their work.
    pub succeeded: u32,
    /// Failed for good.
    pub failed: u32,
    /// Were not to be run, by somebody's word.
    pub skipped: u32,
    /// Were ended because somebody asked for it.
    pub cancelled: u32,
}

/// Which items of a task are listed, in the order of the list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ItemsQuery {
    /// Items in this state only.
    pub state: Option<TaskStatus>,
    /// From this place on: `next` of the page before.
    pub from: Option<u32>,
    /// At most so many, 1 to 500; default 50.
    #[param(minimum = 1, maximum = 500, default = 50)]
    pub limit: Option<u32>,
}

impl ItemsQuery {
    /// Largest page.
    pub const MAX_LIMIT: u32 = MAX_PAGE;

    /// The limit that holds.
    pub fn effective_limit(&self) -> u32 {
        rows_of_page(self.limit)
    }
}

/// A page of items.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ItemList {
    /// The task runs.
    pub items: Vec<TaskRunView>,
    /// `from` of the next page; none on the last.
    pub next: Option<u32>,
}
