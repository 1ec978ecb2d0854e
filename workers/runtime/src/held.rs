//! The tasks a worker holds now, each with the line by which it is told to end. What stands here goes into every
//! heartbeat; what does not is handed to somebody else by the server.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use daybreak_protocol::Held;
use tokio::sync::{Notify, watch};

/// Why a task has to end before it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The server asks for it and waits for the answer.
    Cancelled,
    /// It belongs to somebody else now, or the lease is over: no answer is wanted.
    Revoked,
    /// This worker goes away: the task is handed back.
    Draining,
}

struct Entry {
    acts_outside: bool,
    /// It has ended, and its report is on the disk.
    kept: bool,
    stop: watch::Sender<Option<Stop>>,
}

/// Everything held, by task run and fence.
#[derive(Clone, Default)]
pub(crate) struct HeldTasks {
    entries: Arc<Mutex<HashMap<(String, i64), Entry>>>,
    let_go: Arc<Notify>,
}

impl HeldTasks {
    /// Takes hold of a task until the returned hold is dropped.
    pub(crate) fn take(&self, held: Held, acts_outside: bool) -> Hold {
        let (stop, told) = watch::channel(None);
        self.entries().insert((held.task_run_id.clone(), held.fence), Entry { acts_outside, kept: false, stop });
        Hold { held, told, table: self.clone() }
    }

    /// All of them, for a heartbeat.
    pub(crate) fn list(&self) -> Vec<Held> {
        let held = |(task_run_id, fence): &(String, i64)| Held { task_run_id: task_run_id.clone(), fence: *fence };
        self.entries().keys().map(held).collect()
    }

    pub(crate) fn stop(&self, held: &Held, why: Stop) {
        if let Some(entry) = self.entries().get(&(held.task_run_id.clone(), held.fence)) {
            tell(entry, why);
        }
    }

    pub(crate) fn stop_all(&self, why: Stop) {
        self.entries().values().for_each(|entry| tell(entry, why));
    }

    /// Ends those that act on the world outside, which no fence protects.
    pub(crate) fn stop_acting_outside(&self) {
        self.entries().values().filter(|entry| entry.acts_outside).for_each(|entry| tell(entry, Stop::Revoked));
    }

    /// Waits until nothing is held: every end has been reported.
    pub(crate) async fn none_left(&self) {
        self.until(HashMap::is_empty).await;
    }

    /// Waits until every end has been reported or is kept on the disk.
    pub(crate) async fn none_runs(&self) {
        self.until(|entries| entries.values().all(|entry| entry.kept)).await;
    }

    async fn until(&self, reached: impl Fn(&HashMap<(String, i64), Entry>) -> bool) {
        loop {
            let mut let_go = std::pin::pin!(self.let_go.notified());
            let_go.as_mut().enable();
            if reached(&self.entries()) {
                return;
            }
            let_go.await;
        }
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<(String, i64), Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A revoked task stays revoked; otherwise the newest word counts.
fn tell(entry: &Entry, why: Stop) {
    entry.stop.send_if_modified(|now| {
        let changes = *now != Some(Stop::Revoked) && *now != Some(why);
        if changes {
            *now = Some(why);
        }
        changes
    });
}

/// One held task.
pub(crate) struct Hold {
    held: Held,
    told: watch::Receiver<Option<Stop>>,
    table: HeldTasks,
}

impl Hold {
    /// Waits until the task has to end.
    pub(crate) async fn told_to_stop(&mut self) {
        if self.told.wait_for(Option::is_some).await.is_err() {
            // Nobody is left to say it.
            std::future::pending::<()>().await;
        }
    }

    /// It has ended, and its report is on the disk, or was not to be had there.
    pub(crate) fn kept(&self, kept: bool) {
        if let Some(entry) = self.table.entries().get_mut(&(self.held.task_run_id.clone(), self.held.fence)) {
            entry.kept = kept;
        }
        self.table.let_go.notify_waiters();
    }

    /// Whether and why it has to end.
    pub(crate) fn why(&self) -> Option<Stop> {
        *self.told.borrow()
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.table.entries().remove(&(self.held.task_run_id.clone(), self.held.fence));
        self.table.let_go.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(fence: i64) -> Held {
        Held { task_run_id: "01ARZ3NDEKTSV4RRFFQ69G5FAV".to_owned(), fence }
    }

    #[tokio::test]
    async fn only_the_named_fence_is_told_to_stop() {
        let table = HeldTasks::default();
        let (older, mut newer) = (table.take(held(1), false), table.take(held(2), false));
        table.stop(&held(2), Stop::Cancelled);
        newer.told_to_stop().await;
        assert_eq!((older.why(), newer.why()), (None, Some(Stop::Cancelled)));
    }

    #[test]
    fn a_revoked_task_is_not_reported_later() {
        let table = HeldTasks::default();
        let hold = table.take(held(1), true);
        table.stop_acting_outside();
        table.stop_all(Stop::Draining);
        assert_eq!(hold.why(), Some(Stop::Revoked));
    }

    #[test]
    fn a_dropped_hold_leaves_the_heartbeat() {
        let table = HeldTasks::default();
        let hold = table.take(held(1), false);
        assert_eq!(table.list(), [held(1)]);
        drop(hold);
        assert!(table.list().is_empty());
    }
}
