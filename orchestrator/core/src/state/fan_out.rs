//! A task that is done once per item of a list: its list, the task runs of the items, and how many of them stand how. The
//! counts are kept, not counted, so that the end of one item of ten thousand costs no more than that of one of two. What
//! follows from the state of an item is decided in `items.rs`.

use std::collections::BTreeSet;
use std::sync::Arc;

use daybreak_spec::Name;
use serde_json::Value as Json;

use super::{TaskProgress, TaskSnapshot, TaskState, TaskStatus};

/// Most items of one list.
pub const MAX_ITEMS: usize = 10_000;

/// What belongs to a task with a `for_each`.
#[derive(Clone, Debug, PartialEq)]
pub struct FanOut {
    /// Most items that are ready, running or between two attempts at a time.
    pub max_parallel: u32,
    list: Option<Arc<[Json]>>,
    items: Vec<Item>,
    counts: Counts,
    waiting: BTreeSet<u32>,
}

/// The task run of one item.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// E.g. `score[3]`.
    pub name: Name,
    /// As advancing sees it: needs nothing, and has the policy of its task.
    pub task: TaskSnapshot,
}

/// How many items stand how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// For a place among `max_parallel`.
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

impl Counts {
    /// Items that have not ended.
    pub fn open(&self) -> u32 {
        self.waiting + self.busy
    }

    fn of(&mut self, status: TaskStatus) -> &mut u32 {
        match status {
            TaskStatus::Waiting => &mut self.waiting,
            TaskStatus::Ready | TaskStatus::Running | TaskStatus::Deferred | TaskStatus::RetryWait => &mut self.busy,
            TaskStatus::Succeeded => &mut self.succeeded,
            TaskStatus::Failed => &mut self.failed,
            // Items need nothing, so none is left out for a failure.
            TaskStatus::Skipped | TaskStatus::UpstreamFailed => &mut self.skipped,
            TaskStatus::Cancelled => &mut self.cancelled,
        }
    }

    /// An item goes from one state to another.
    pub(super) fn moved(&mut self, from: TaskStatus, to: TaskStatus) {
        *self.of(from) -= 1;
        *self.of(to) += 1;
    }
}

impl FanOut {
    /// Of a task whose list is not known yet.
    pub fn new(max_parallel: u32) -> Self {
        Self { max_parallel, list: None, items: Vec::new(), counts: Counts::default(), waiting: BTreeSet::new() }
    }

    /// As it was left: the list, if it is known, and all task runs of items that there ever were, in order.
    pub fn restored(max_parallel: u32, list: Option<Arc<[Json]>>, items: Vec<Item>) -> Self {
        let mut fan_out = Self { list, items, ..Self::new(max_parallel) };
        fan_out.count();
        fan_out
    }

    /// The list, once it is known.
    pub fn list(&self) -> Option<&Arc<[Json]>> {
        self.list.as_ref()
    }

    /// The items of the list, in its order; none until it is known.
    pub fn items(&self) -> &[Item] {
        let length = self.list.as_ref().map_or(0, |list| list.len());
        self.items.get(..length).unwrap_or(&self.items)
    }

    /// The same with those that an earlier, longer list left behind.
    pub fn all_items(&self) -> &[Item] {
        &self.items
    }

    /// How many of the list's items stand how.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Items that wait for their place, in order.
    pub(super) fn waiting(&self) -> impl Iterator<Item = &Item> {
        self.waiting.iter().filter_map(|index| self.items.get(*index as usize))
    }

    /// The list is known: task runs that there are none of yet are made.
    pub(super) fn take_list(&mut self, task: (&Name, &TaskSnapshot), list: Arc<[Json]>) {
        for index in self.items.len()..list.len() {
            let (name, task) = (task.0.of_item(u32::try_from(index).unwrap_or(u32::MAX)), of_item(task.1));
            self.items.push(Item { name, task });
        }
        self.list = Some(list);
        self.count();
    }

    /// The task waits again: its list is made anew when it is its turn.
    pub(super) fn forget_list(&mut self) {
        self.list = None;
        self.count();
    }

    pub(super) fn change_item(&mut self, index: u32, after: &TaskProgress) {
        let listed = (index as usize) < self.items().len();
        let Some(item) = self.items.get_mut(index as usize) else { return };
        let (from, to) = (item.task.progress.state.status(), after.state.status());
        item.task.progress.clone_from(after);
        if !listed {
            return;
        }
        self.counts.moved(from, to);
        if to == TaskStatus::Waiting {
            self.waiting.insert(index);
        } else {
            self.waiting.remove(&index);
        }
    }

    fn count(&mut self) {
        (self.counts, self.waiting) = (Counts::default(), BTreeSet::new());
        let statuses: Vec<TaskStatus> = self.items().iter().map(|item| item.task.progress.state.status()).collect();
        for (index, status) in (0_u32..).zip(statuses) {
            *self.counts.of(status) += 1;
            if status == TaskStatus::Waiting {
                self.waiting.insert(index);
            }
        }
    }
}

/// A task run of an item of a task, before anything has happened to it.
pub fn of_item(task: &TaskSnapshot) -> TaskSnapshot {
    TaskSnapshot {
        parents: Vec::new(),
        trigger: daybreak_spec::TriggerRule::default(),
        tolerated: task.tolerated,
        retry: task.retry.clone(),
        gated: false,
        timeout_us: task.timeout_us,
        fan_out: None,
        progress: TaskProgress { state: TaskState::Waiting, ..TaskProgress::new() },
    }
}
