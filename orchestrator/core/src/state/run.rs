//! A run: its state and the snapshot that advancing works on.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, OnceLock};

use daybreak_spec::Name;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Changes, NewList, TaskChange, TaskSnapshot, TaskState};

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
    /// Its tasks. Once an event is decided on, none is added and none gets other parents.
    pub tasks: BTreeMap<Name, TaskSnapshot>,
    /// Follows from them.
    pub needed_by: NeededBy,
}

/// Who needs whom, found out when it is first asked for: the end of one task of ten thousand must not look at all others.
#[derive(Clone, Debug, Default)]
pub struct NeededBy(OnceLock<Arc<BTreeMap<Name, Vec<Name>>>>);

impl PartialEq for NeededBy {
    /// It follows from the tasks, which are compared.
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl RunSnapshot {
    /// The tasks that need it directly, in order of name.
    pub fn children<'a>(&'a self, parent: &Name) -> impl Iterator<Item = (&'a Name, &'a TaskSnapshot)> + use<'a> {
        let children = self.needed_by.0.get_or_init(|| {
            let mut children = BTreeMap::<Name, Vec<Name>>::new();
            for (name, task) in &self.tasks {
                for parent in &task.parents {
                    children.entry(parent.clone()).or_default().push(name.clone());
                }
            }
            Arc::new(children)
        });
        let children = children.get(parent).map(Vec::as_slice).unwrap_or_default();
        children.iter().filter_map(|name| self.tasks.get_key_value(name))
    }

    /// Lays decided changes over it.
    pub fn apply(&mut self, changes: &Changes) {
        for NewList { task, list } in &changes.lists {
            let Some(snapshot) = self.tasks.get_mut(task) else { continue };
            if let Some(mut fan_out) = snapshot.fan_out.take() {
                fan_out.take_list((task, snapshot), list.clone());
                snapshot.fan_out = Some(fan_out);
            }
        }
        for change in &changes.tasks {
            self.apply_to_task(change);
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

    fn apply_to_task(&mut self, change: &TaskChange) {
        if let Some((of, index)) = change.task.item() {
            let fan_out = self.tasks.get_mut(of).and_then(|task| task.fan_out.as_mut());
            return fan_out.into_iter().for_each(|fan_out| fan_out.change_item(index, &change.after));
        }
        let Some(task) = self.tasks.get_mut(&change.task) else { return };
        task.progress.clone_from(&change.after);
        if let (Some(fan_out), TaskState::Waiting) = (&mut task.fan_out, &change.after.state) {
            fan_out.forget_list();
        }
    }

    /// A task, or the task run of an item, also of one that no list has any more.
    pub fn task(&self, name: &str) -> Option<(&Name, &TaskSnapshot)> {
        if let Some(found) = self.tasks.get_key_value(name) {
            return Some(found);
        }
        let (of, index) = daybreak_spec::item_of(name)?;
        let item = self.tasks.get(of)?.fan_out.as_ref()?.all_items().get(index as usize)?;
        Some((&item.name, &item.task))
    }

    /// The tasks that need any of `tasks`, directly or through others, in order of name.
    pub fn descendants<'a>(&'a self, tasks: &[&'a Name]) -> BTreeSet<&'a Name> {
        let (mut found, mut open) = (BTreeSet::new(), tasks.to_vec());
        while let Some(parent) = open.pop() {
            for (name, _) in self.children(parent) {
                if found.insert(name) {
                    open.push(name);
                }
            }
        }
        found
    }

    /// The tasks that `task` needs, directly or through others, in order of name.
    pub fn ancestors(&self, task: &str) -> Vec<&Name> {
        let mut found = BTreeSet::new();
        // An item needs what its task needs.
        let task = daybreak_spec::item_of(task).map_or(task, |(of, _)| of);
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
