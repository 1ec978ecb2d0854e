//! What a run was made from and what came of it. Plain data.

use daybreak_spec::{Name, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{AliasHistoryEntry, BuildRecord, ModelVersionRecord};

/// What a run was made from and what came of it; each list holds at most [`RunLineage::MOST`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RunLineage {
    /// SHA-256 (hex) of the project's snapshot that it was made from.
    pub version: String,
    /// What it took from other runs, where that is recorded.
    pub made_from: MadeFrom,
    /// Builds that it made, newest instant first.
    pub builds: Vec<BuildRecord>,
    /// Generations of online rows that it published, by view and number.
    pub publications: Vec<RunPublication>,
    /// Versions that it trained.
    pub versions: Vec<ModelVersionRecord>,
    /// Aliases that it moved, oldest first.
    pub moves: Vec<ModelMove>,
    /// The task that made it, if one did.
    pub parent: Option<TaskOfRun>,
    /// Runs that its tasks made, oldest first.
    pub sub_runs: Vec<TaskOfRun>,
    /// There is more of something than these lists hold.
    pub truncated: bool,
}

impl RunLineage {
    /// Most entries of a list.
    pub const MOST: u32 = 500;
}

/// What a run took from other runs. What `train` and `evaluate` read of a view's history is not recorded.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MadeFrom {
    /// Builds that it published and had not made.
    pub builds: Vec<BuildRecord>,
    /// Versions that it gave an alias to and had not trained.
    pub versions: Vec<ModelVersionRecord>,
    /// Tasks whose results were known, and the runs that these came from.
    pub results: Vec<TaskOfRun>,
}

/// A task of this run and another run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TaskOfRun {
    /// The task: of this run, or, where it made this run, of the other.
    pub task: Name,
    /// ULID of the other run.
    pub run_id: String,
}

/// A generation of online rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunPublication {
    /// The view.
    pub view: Name,
    /// Its number.
    pub number: i64,
    /// T.
    pub as_of: Timestamp,
}

/// A move of an alias.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ModelMove {
    /// The model.
    pub model: Name,
    /// The move.
    #[serde(flatten)]
    pub entry: AliasHistoryEntry,
}
