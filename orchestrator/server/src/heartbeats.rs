//! What a heartbeat is told: which tasks to end, which are no longer the worker's; and which tasks the rows give to a
//! worker that does not know of them (the server died between claim and delivery, or a reply was lost). A cancellation
//! is told at once to a worker that waits for it; the heartbeat says it to the others.

use std::collections::HashMap;
use std::sync::PoisonError;
use std::time::Duration;

use daybreak_core::{Unlisted, WorkerIdentity};
use daybreak_protocol::{Cancellations, Error, Heartbeat, HeartbeatReply, Held};
use daybreak_store::{Effect, HeldByWorker};
use tokio::sync::broadcast::{self, error::RecvError};

use crate::Server;
use crate::apply::DRAINING_PAUSE;
use crate::error::of_store;
use crate::sweeper::micros;

/// Longest time that a worker's question for cancellations is held.
const LONGEST_WAIT_MS: u64 = 20_000;

/// What each worker's last heartbeats did not list, by task run and fence.
pub(crate) type UnlistedOfWorkers = HashMap<String, Unlisted<(String, i64)>>;

impl Server {
    /// Takes a heartbeat.
    pub(crate) async fn beat(&self, beat: Heartbeat) -> Result<HeartbeatReply, Error> {
        let worker = WorkerIdentity { id: beat.worker_id.clone(), epoch: beat.epoch };
        let rows = self.store.beat(worker, micros(self.timings.lease), beat.draining).await.map_err(of_store)?;
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

    /// Waits until other tasks of the worker are to end than those it knows of. Listens before it looks, so that nothing
    /// is missed between the two.
    pub(crate) async fn cancelled(&self, request: Cancellations) -> Result<Vec<Held>, Error> {
        let worker = WorkerIdentity { id: request.worker_id, epoch: request.epoch };
        let mut draining = self.draining.subscribe();
        let wait = Duration::from_millis(request.wait_ms.min(LONGEST_WAIT_MS));
        if *draining.borrow() {
            tokio::time::sleep(wait.min(DRAINING_PAUSE)).await;
            return self.cancelled_now(&worker).await;
        }
        let deadline = tokio::time::Instant::now() + wait;
        let mut effects = self.store.effects();
        loop {
            let now = self.cancelled_now(&worker).await?;
            let known = now.len() == request.known.len() && now.iter().all(|held| request.known.contains(held));
            if !known {
                return Ok(now);
            }
            tokio::select! {
                news = news_of(&mut effects, &worker.id) => match news {
                    News::Look => {}
                    // It stands in no row any more: who misses this is told by the next heartbeat.
                    News::Revoked(held) => return Ok(now.into_iter().chain([held]).collect()),
                    News::Closed => return Ok(now),
                },
                _ = draining.wait_for(|draining| *draining) => return Ok(now),
                () = tokio::time::sleep_until(deadline) => return Ok(now),
            }
        }
    }

    async fn cancelled_now(&self, worker: &WorkerIdentity) -> Result<Vec<Held>, Error> {
        let rows = self.store.cancelled_of(worker).await.map_err(of_store)?;
        Ok(rows.into_iter().map(|row| Held { task_run_id: row.task_run_id, fence: row.fence }).collect())
    }

    /// Counts the rows that the worker did not list; those it did not list too often.
    fn count_unlisted(&self, beat: &Heartbeat, rows: &[HeldByWorker]) -> Vec<(String, i64)> {
        let missing = rows.iter().filter(|row| !beat.held.iter().any(|held| same(row, held)));
        let mut workers = self.unlisted.lock().unwrap_or_else(PoisonError::into_inner);
        let mut unlisted = workers.remove(&beat.worker_id).unwrap_or_default();
        let too_often = unlisted.count(missing.map(|row| (row.task_run_id.clone(), row.fence)));
        if !unlisted.is_empty() {
            workers.insert(beat.worker_id.clone(), unlisted);
        }
        too_often
    }
}

/// What a worker that waits for cancellations is to know.
enum News {
    /// A task of it is to end, or so much has happened that one may be.
    Look,
    /// This attempt was ended over its head.
    Revoked(Held),
    /// The store is closed.
    Closed,
}

async fn news_of(effects: &mut broadcast::Receiver<Effect>, worker: &str) -> News {
    loop {
        match effects.recv().await {
            Ok(Effect::CancelRequested { worker_id }) if worker_id == worker => return News::Look,
            Ok(Effect::Revoked { worker_id, task_run_id, fence }) if worker_id == worker => {
                return News::Revoked(Held { task_run_id, fence });
            }
            Ok(Effect::Elsewhere) | Err(RecvError::Lagged(_)) => return News::Look,
            Ok(_) => {}
            Err(RecvError::Closed) => return News::Closed,
        }
    }
}

fn same(row: &HeldByWorker, held: &Held) -> bool {
    row.task_run_id == held.task_run_id && row.fence == held.fence
}
