//! A run: its state and the snapshot that advancing works on.

use std::collections::BTreeMap;
use std::fmt;

use daybreak_spec::Name;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Changes, TaskSnapshot};

/// The state of a run and what belongs to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunState {
    /// Waits for another run of its DAG.
    Queued,
    /// Its tasks are being run.
    Running,
    /// Every task ended and none failed.
    Succeeded,
    /// Some task failed.
    Failed {
        /// Which and why.
        reason: String,
    },
    /// Somebody asked for its end.
    Cancelled {
        /// Who and why.
        reason: String,
    },
    /// A firing that was not to be run.
    Skipped {
        /// Why.
        reason: String,
    },
}

/// The word of a run's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "see RunState")]
pub enum RunStatus {
    Queued,
    Running,
    Succeeded,
    Failed,
    Cancelled,
    Skipped,
}

/// A run with all its tasks, as advancing sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct RunSnapshot {
    /// Its state.
    pub state: RunState,
    /// Why its end was asked for, if it was.
    pub cancel_requested: Option<String>,
    /// It was its deadline that asked for it: however it ends, it has failed.
    pub overdue: bool,
    /// Its tasks.
    pub tasks: BTreeMap<Name, TaskSnapshot>,
}

impl RunSnapshot {
    /// Lays decided changes over it.
    pub fn apply(&mut self, changes: &Changes) {
        for change in &changes.tasks {
            if let Some(task) = self.tasks.get_mut(&change.task) {
                task.progress.clone_from(&change.after);
            }
        }
        if let Some(state) = &changes.run {
            self.state.clone_from(state);
        }
        if changes.cancel_requested.is_some() {
            self.cancel_requested.clone_from(&changes.cancel_requested);
        }
        self.overdue |= changes.overdue;
        if changes.run == Some(RunState::Queued) {
            self.cancel_requested = None;
            self.overdue = false;
        }
    }

    /// The tasks that need any of `tasks`, directly or through others, in order of name.
    pub fn descendants<'a>(&'a self, tasks: &[&'a Name]) -> std::collections::BTreeSet<&'a Name> {
        let (mut found, mut open) = (std::collections::BTreeSet::new(), tasks.to_vec());
        while let Some(parent) = open.pop() {
            for (name, _) in self.tasks.iter().filter(|(_, task)| task.parents.contains(parent)) {
                if found.insert(name) {
                    open.push(name);
                }
            }
        }
        found
    }

    /// The tasks that `task` needs, directly or through others, in order of name.
    pub fn ancestors(&self, task: &str) -> Vec<&Name> {
        let mut found = std::collections::BTreeSet::new();
        let mut open: Vec<&Name> = self.tasks.get(task).into_iter().flat_map(|task| &task.parents).collect();
        while let Some(name) = open.pop() {
            if found.insert(name) {
                open.extend(self.tasks.get(name).into_iter().flat_map(|task| &task.parents));
            }
        }
        found.into_iter().collect()
    }
}

impl RunState {
    /// Its word.
    pub fn status(&self) -> RunStatus {
        match self {
            Self::Queued => RunStatus::Queued,
            Self::Running => RunStatus::Running,
            Self::Succeeded => RunStatus::Succeeded,
            Self::Failed { .. } => RunStatus::Failed,
            Self::Cancelled { .. } => RunStatus::Cancelled,
            Self::Skipped { .. } => RunStatus::Skipped,
        }
    }

    /// What goes with it for people.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Failed { reason } | Self::Cancelled { reason } | Self::Skipped { reason } => Some(reason),
            Self::Queued | Self::Running | Self::Succeeded => None,
        }
    }
}

impl RunStatus {
    /// All words.
    pub const ALL: [Self; 6] =
        [Self::Queued, Self::Running, Self::Succeeded, Self::Failed, Self::Cancelled, Self::Skipped];

    /// Whether the run has ended.
    pub fn is_terminal(self) -> bool {
        match self {
            Self::Succeeded | Self::Failed | Self::Cancelled | Self::Skipped => true,
            Self::Queued | Self::Running => false,
        }
    }

    /// As written in rows and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Skipped => "skipped",
        }
    }

    /// Reads a word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }

    /// The state of that word, with its reason.
    pub fn with_reason(self, reason: Option<String>) -> RunState {
        let reason = reason.unwrap_or_default();
        match self {
            Self::Queued => RunState::Queued,
            Self::Running => RunState::Running,
            Self::Succeeded => RunState::Succeeded,
            Self::Failed => RunState::Failed { reason },
            Self::Cancelled => RunState::Cancelled { reason },
            Self::Skipped => RunState::Skipped { reason },
        }
    }
}

impl fmt::Display for RunStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
