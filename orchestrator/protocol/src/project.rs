//! The deployed project as people see it, its versions and their texts, and what a deployment changed. Plain data. To add a
//! view: its type here, a method of the client in `project_client.rs`, a route in `server`.

use daybreak_spec::{Severity, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::HashCursor;
use crate::page::rows_of_page;

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
    /// The same one by one; empty when there are none.
    #[serde(default)]
    pub faults: Vec<Fault>,
}

/// One thing that is wrong with the project's files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Fault {
    /// A stable slug, e.g. `unknown_key`.
    pub code: String,
    /// Whether it keeps the project from being deployed.
    pub severity: Severity,
    /// What is wrong.
    pub message: String,
    /// The file, relative to the project; none for what is wrong in no one place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// From 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// In characters, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
    /// What to write instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

/// Which versions of the project are listed, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ProjectVersionsQuery {
    /// Versions deployed before this one: `next` of the page before.
    pub before: Option<HashCursor>,
    /// At most so many, 1 to 500; default 50.
    #[param(minimum = 1, maximum = 500, default = 50)]
    pub limit: Option<u32>,
}

impl ProjectVersionsQuery {
    /// The limit that holds.
    pub fn effective_limit(&self) -> u32 {
        rows_of_page(self.limit)
    }
}

/// A page of the versions of the project, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProjectVersionList {
    /// The versions.
    pub versions: Vec<ProjectVersion>,
    /// `before` of the next page; none on the last.
    pub next: Option<HashCursor>,
}

/// A version of the project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProjectVersion {
    /// SHA-256 (hex) of its snapshot, as runs name it.
    pub version: String,
    /// Real time at which it was deployed last.
    pub deployed_at: Timestamp,
    /// Whether new runs are made from it.
    pub current: bool,
}

/// The texts that a project is read from: its YAML files, and those of its calendars.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProjectFiles {
    /// In order of path.
    pub files: Vec<ProjectFile>,
    /// How many there are beside them that found no room: all texts together hold at most [`Self::MAX_BYTES`].
    #[serde(default)]
    pub left_out: u64,
}

impl ProjectFiles {
    /// Most bytes of all texts together.
    pub const MAX_BYTES: usize = 16 << 20;

    /// Puts files in order, each path once, and leaves out what finds no room.
    pub fn of(mut files: Vec<ProjectFile>) -> Self {
        files.sort_by(|one, other| one.path.cmp(&other.path));
        files.dedup_by(|one, other| one.path == other.path);
        let (mut room, all) = (Self::MAX_BYTES, files.len());
        files.retain(|file| {
            let fits = file.text.len() <= room;
            room -= if fits { file.text.len() } else { 0 };
            fits
        });
        let left_out = (all - files.len()) as u64;
        Self { files, left_out }
    }
}

/// A text file of a project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProjectFile {
    /// Relative to the project's folder, with `/`.
    pub path: String,
    /// What it holds; of a file that is not UTF-8, what comes before the first byte that is not.
    pub text: String,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, bytes: usize) -> ProjectFile {
        ProjectFile { path: path.to_owned(), text: "x".repeat(bytes) }
    }

    #[test]
    fn files_are_in_order_each_once_and_what_finds_no_room_is_counted() {
        let large = ProjectFiles::MAX_BYTES;
        let found =
            ProjectFiles::of(vec![file("c", 2), file("a", 3), file("c", 2), file("b", large), file("d", large)]);
        let paths: Vec<&str> = found.files.iter().map(|file| file.path.as_str()).collect();
        assert_eq!((paths, found.left_out), (vec!["a", "c"], 2));
    }
}
