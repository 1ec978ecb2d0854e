//! Workers and their leases: one row per worker, renewed by its heartbeats, never a row per task.

use std::sync::Arc;

use daybreak_core::{Event, Takes, WorkerIdentity};

use crate::Error;
use crate::changes::apply;
use crate::database::query;
use crate::known::KnownWorker;
use crate::load::name;
use crate::tx::{Command, Tx};

/// A worker that presents itself.
#[derive(Clone, Debug)]
pub struct NewWorker {
    /// Host and process, for people.
    pub label: String,
    /// Version of its binary.
    pub version: String,
    /// The server process it lives in; none for a process of its own.
    pub server_id: Option<String>,
    /// The machine it runs on.
    pub host: String,
    /// What it takes.
    pub takes: Takes,
    /// Light and heavy tasks at once: it is never given more.
    pub slots: (u32, u32),
    /// Length of its lease.
    pub lease_us: i64,
}

/// A task that the rows say a worker holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldByWorker {
    /// The task run.
    pub task_run_id: String,
    /// Its fence.
    pub fence: i64,
    /// Somebody asked for its end.
    pub cancel_requested: bool,
}

impl Command for NewWorker {
    type Reply = WorkerIdentity;
    async fn run(&self, tx: &mut Tx) -> Result<WorkerIdentity, Error> {
        let (id, now) = (tx.sources.id(), tx.now());
        query(
            "INSERT INTO worker (worker_id, project, epoch, label, version, server_id, lease_until_us, \
             registered_at_us, host, takes, light_slots, heavy_slots, seen_at_us) \
             VALUES ($1, '*', 1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $6)",
        )
        .bind(&id)
        .bind(&self.label)
        .bind(&self.version)
        .bind(self.server_id.as_deref())
        .bind(now.plus_micros(self.lease_us).micros)
        .bind(now.micros)
        .bind(&self.host)
        .bind(serde_json::to_string(&self.takes).expect("names always write"))
        .bind(i64::from(self.slots.0))
        .bind(i64::from(self.slots.1))
        .execute(tx.direct().await?)
        .await?;
        let worker = WorkerIdentity { id, epoch: 1 };
        let (until, takes) = (now.plus_micros(self.lease_us), Arc::new(self.takes.clone()));
        tx.known.keep_worker(&worker, KnownWorker { until, takes, slots: self.slots });
        Ok(worker)
    }
}

/// "I live": renews a lease.
pub(crate) struct Beat {
    pub worker: WorkerIdentity,
    pub lease_us: i64,
    /// It takes no more work.
    pub draining: bool,
}

impl Command for Beat {
    type Reply = ();
    async fn run(&self, tx: &mut Tx) -> Result<(), Error> {
        let until = tx.now().plus_micros(self.lease_us);
        let renewed = query(
            "UPDATE worker SET lease_until_us = $1, seen_at_us = $2, draining = $3 WHERE worker_id = $4 AND epoch = $5",
        )
        .bind(until.micros)
        .bind(tx.now().micros)
        .bind(i64::from(self.draining))
        .bind(&self.worker.id)
        .bind(self.worker.epoch)
        .execute(tx.direct().await?)
        .await?;
        if renewed == 0 {
            return Err(Error::ReRegister);
        }
        tx.known.keep_lease(&self.worker, until);
        Ok(())
    }
}

/// Nobody led for a while, so workers of other processes could not be heard: whoever still runs something gets a whole lease
/// to be heard again.
pub(crate) struct SpareWorkers {
    pub lease_us: i64,
}

impl Command for SpareWorkers {
    type Reply = u32;
    async fn run(&self, tx: &mut Tx) -> Result<u32, Error> {
        let until = tx.now().plus_micros(self.lease_us);
        let spared = query(
            "UPDATE worker SET lease_until_us = $1 WHERE server_id IS NULL AND lease_until_us < $1 AND EXISTS \
             (SELECT 1 FROM task_run WHERE task_run.state = 'running' AND task_run.worker_id = worker.worker_id \
             AND task_run.worker_epoch = worker.epoch)",
        )
        .bind(until.micros)
        .execute(tx.direct().await?)
        .await?;
        tx.known.forget_workers();
        Ok(u32::try_from(spared).unwrap_or(u32::MAX))
    }
}

/// A worker that has ended: what its rows still give it is given to others, and no attempt is charged.
pub(crate) struct Leave(pub WorkerIdentity);

impl Command for Leave {
    type Reply = ();
    async fn run(&self, tx: &mut Tx) -> Result<(), Error> {
        let rows = query(
            "SELECT run_id, task, fence FROM task_run WHERE state = 'running' AND worker_id = $1 AND worker_epoch = $2 \
             ORDER BY worker_id, worker_epoch, run_id, task_run_id",
        )
        .bind(&self.0.id)
        .bind(self.0.epoch)
        .fetch_all(tx.direct().await?)
        .await?;
        for row in &rows {
            let event = Event::Interrupted { task: name(row.try_get("task")?)?, fence: row.try_get("fence")? };
            match apply(tx, row.try_get("run_id")?, &event).await {
                Ok(()) | Err(Error::Stale) => {}
                Err(error) if error.is_database_fault() => return Err(error),
                // One run that does not read must not keep the worker's row.
                Err(error) => tracing::warn!(run.id = row.try_get::<String>("run_id")?, %error, "left as it is"),
            }
        }
        query("DELETE FROM worker WHERE worker_id = $1 AND epoch = $2")
            .bind(&self.0.id)
            .bind(self.0.epoch)
            .execute(tx.direct().await?)
            .await?;
        tx.known.forget_workers();
        Ok(())
    }
}

/// A task that its worker does not know of: taken back at once.
pub(crate) struct Revoke {
    pub task_run_id: String,
    pub fence: i64,
}

impl Command for Revoke {
    type Reply = ();
    async fn run(&self, tx: &mut Tx) -> Result<(), Error> {
        let row = query("SELECT run_id, task FROM task_run WHERE task_run_id = $1 AND fence = $2")
            .bind(&self.task_run_id)
            .bind(self.fence)
            .fetch_optional(tx.direct().await?)
            .await?
            .ok_or(Error::Stale)?;
        let event = Event::Lost { task: name(row.try_get("task")?)?, fence: self.fence };
        apply(tx, row.try_get("run_id")?, &event).await?;
        Ok(())
    }
}

/// Takes over from earlier server processes: their workers died with them, and so did what those ran. A light task may
/// have been the cause, so it counts as lost with its worker; a heavy one ran in a child that cannot take a server down.
/// On a shared database other servers live: only workers whose lease is over are known to be gone.
pub(crate) struct TakeOver {
    pub server_id: String,
}

impl Command for TakeOver {
    type Reply = u32;
    async fn run(&self, tx: &mut Tx) -> Result<u32, Error> {
        let lease_over = if tx.is_shared() { tx.now().micros } else { i64::MAX };
        let rows = query(
            "SELECT run_id, task, fence, heavy FROM task_run WHERE state = 'running' AND worker_id IN \
             (SELECT worker_id FROM worker WHERE server_id IS NOT NULL AND server_id <> $1 AND lease_until_us <= $2) \
             ORDER BY run_id, task_run_id",
        )
        .bind(&self.server_id)
        .bind(lease_over)
        .fetch_all(tx.direct().await?)
        .await?;
        for row in &rows {
            let (task, fence) = (name(row.try_get("task")?)?, row.try_get("fence")?);
            let heavy = row.try_get::<i64>("heavy")? != 0;
            let event = if heavy { Event::Interrupted { task, fence } } else { Event::Lost { task, fence } };
            match apply(tx, row.try_get("run_id")?, &event).await {
                Ok(()) => {}
                Err(error) if error.is_database_fault() => return Err(error),
                // Another server was quicker, or one run does not read: neither keeps this server from starting.
                Err(error) => tracing::warn!(run.id = row.try_get::<String>("run_id")?, %error, "left as it is"),
            }
        }
        query("DELETE FROM worker WHERE server_id IS NOT NULL AND server_id <> $1 AND lease_until_us <= $2")
            .bind(&self.server_id)
            .bind(lease_over)
            .execute(tx.direct().await?)
            .await?;
        tx.known.forget_workers();
        Ok(u32::try_from(rows.len()).unwrap_or(u32::MAX))
    }
}
