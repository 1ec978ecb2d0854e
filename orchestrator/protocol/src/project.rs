//! The deployed project as people see it, and what a deployment changed.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The project that runs are made from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProjectView {
    /// Its name.
    pub name: String,
    /// SHA-256 (hex) of the snapshot that new runs are pinned to.
    pub version: String,
    /// What is wrong with the project's files as they are now; none when they are what is deployed. The version above
    /// stays live meanwhile.
    pub problems: Option<String>,
}

/// What came of a deployment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Applied {
    /// SHA-256 (hex) of the snapshot that is live now.
    pub version: String,
    /// The one before; none for the first.
    pub previous: Option<String>,
    /// Declarations that differ between the two, by section and name; empty when the versions are the same.
    pub changes: Vec<DeclarationChange>,
}

/// A declaration that differs between two versions.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub struct DeclarationChange {
    /// As in the YAML: `dags`, `models`, `feature_views`, …
    pub section: String,
    /// Its name; the section's own for one that is no map of names.
    pub name: String,
    /// How it differs.
    pub change: ChangeKind,
}

/// How a declaration differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// The new version has it, the old one had not.
    Added,
    /// Both have it, and it says something else.
    Changed,
    /// The old version had it.
    Removed,
}
