//! What a heartbeat is told: which tasks to end, which are no longer the worker's; and which tasks the rows give to a
//! worker that does not know of them (the server died between claim and delivery, or a reply was lost).

use std::collections::HashMap;
use std::sync::PoisonError;

use daybreak_core::WorkerIdentity;
use daybreak_protocol::{Error, Heartbeat, HeartbeatReply, Held};
use daybreak_store::HeldByWorker;

use crate::Server;
use crate::error::of_store;
use crate::sweeper::micros;

/// Heartbeats in a row without a task before it is taken back.
const MAX_UNLISTED: u32 = 2;

/// Heartbeats in a row that did not list a task, by task run and fence.
pub(crate) type Unlisted = HashMap<(String, i64), u32>;

impl Server {
    /// Takes a heartbeat.
    pub(crate) async fn beat(&self, beat: Heartbeat) -> Result<HeartbeatReply, Error> {
        let worker = WorkerIdentity { id: beat.worker_id.clone(), epoch: beat.epoch };
        let rows = self.store.beat(worker, micros(self.timings.lease)).await.map_err(of_store)?;
        let mut reply = HeartbeatReply::default();
        for held in &beat.held {
            match rows.iter().find(|row| same(row, held)) {
                Some(row) if row.cancel_requested => reply.cancel.push(held.clone()),
                Some(_) => {}
                None => reply.revoked.push(held.clone()),
            }
        }
        for (task_run_id, fence) in self.count_unlisted(&beat, &rows) {
            tracing::warn!(task_run_id, fence, "a task never reached its worker: it is taken back");
            match self.store.revoke(task_run_id, fence).await {
                Ok(()) | Err(daybreak_store::Error::Stale) => {}
                Err(error) => return Err(of_store(error)),
            }
        }
        Ok(reply)
    }

    /// Counts the rows that the worker did not list; those it did not list too often.
    fn count_unlisted(&self, beat: &Heartbeat, rows: &[HeldByWorker]) -> Vec<(String, i64)> {
        let mut workers = self.unlisted.lock().unwrap_or_else(PoisonError::into_inner);
        let before = workers.remove(&beat.worker_id).unwrap_or_default();
        let (mut now, mut too_often) = (Unlisted::new(), Vec::new());
        for row in rows.iter().filter(|row| !beat.held.iter().any(|held| same(row, held))) {
            let key = (row.task_run_id.clone(), row.fence);
            let count = before.get(&key).copied().unwrap_or_default() + 1;
            if count >= MAX_UNLISTED {
                too_often.push(key);
            } else {
                now.insert(key, count);
            }
        }
        if !now.is_empty() {
            workers.insert(beat.worker_id.clone(), now);
        }
        too_often
    }
}

fn same(row: &HeldByWorker, held: &Held) -> bool {
    row.task_run_id == held.task_run_id && row.fence == held.fence
}
