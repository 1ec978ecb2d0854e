//! Workers with what they run, and queues with what waits in them. Reads what has not ended, nothing else.

use std::collections::BTreeMap;

use daybreak_core::Takes;
use daybreak_protocol::{QueueView, WorkerList, WorkerState, WorkerTask, WorkerView, WorkersQuery};
use daybreak_spec::{Placement, Timestamp};

use super::cut;
use crate::audit::AFTER_ALL;
use crate::database::{Row, Snapshot, query};
use crate::load::{count, instant, json, name, placement};
use crate::{Error, Store};

impl Store {
    /// Workers whose rows are there, newest first.
    pub async fn workers(&self, wanted: &WorkersQuery) -> Result<WorkerList, Error> {
        let limit = wanted.effective_limit();
        let (now, mut snapshot) = (self.now(), self.readers.begin().await?);
        let rows = query(
            "SELECT worker_id, label, host, version, takes, light_slots, heavy_slots, registered_at_us, seen_at_us, \
             lease_until_us, draining FROM worker WHERE worker_id < $1 ORDER BY worker_id DESC LIMIT $2",
        )
        .bind(wanted.before.as_deref().unwrap_or(AFTER_ALL))
        .bind(i64::from(limit) + 1)
        .fetch_all(&mut snapshot)
        .await?;
        // In the order of the index of running tasks: they are as many as the workers have slots.
        let running = query(
            "SELECT worker_id, run_id, task, kind, heavy, started_at_us FROM task_run WHERE state = 'running' \
             ORDER BY worker_id, worker_epoch",
        )
        .fetch_all(&mut snapshot)
        .await?;
        let mut tasks: BTreeMap<String, Vec<WorkerTask>> = BTreeMap::new();
        for row in &running {
            tasks.entry(row.try_get("worker_id")?).or_default().push(WorkerTask {
                run_id: row.try_get("run_id")?,
                task: name(row.try_get("task")?)?,
                kind: row.try_get("kind")?,
                heavy: row.try_get::<i64>("heavy")? != 0,
                started_at: instant(row, "started_at_us")?,
            });
        }
        let workers = rows.iter().map(|row| worker(row, now, &mut tasks)).collect::<Result<Vec<_>, _>>()?;
        let (workers, next) = cut(workers, limit, |worker| worker.id.clone());
        Ok(WorkerList { workers, next })
    }

    /// The queues that tasks wait or run in, and those declared, by name and labels.
    pub async fn queues(&self, declared: &[Placement]) -> Result<Vec<QueueView>, Error> {
        let (now, mut snapshot) = (self.now(), self.readers.begin().await?);
        let mut found: BTreeMap<Placement, QueueView> =
            declared.iter().map(|placement| (placement.clone(), empty(placement.clone()))).collect();
        let ready = query(
            "SELECT placement, COUNT(*) AS tasks, MIN(ready_at_us) AS since FROM task_run WHERE state = 'ready' \
             AND blocked_on IS NULL GROUP BY heavy, placement",
        )
        .fetch_all(&mut snapshot)
        .await?;
        for row in &ready {
            let queue = of(&mut found, placement(row.try_get("placement")?)?);
            queue.ready += count::<u64>(row, "tasks")?;
            queue.waits_since = queue.waits_since.into_iter().chain(instant(row, "since")?).min();
        }
        let running: Vec<String> =
            query("SELECT placement FROM task_run WHERE state = 'running' ORDER BY worker_id, worker_epoch")
                .fetch_values(&mut snapshot)
                .await?;
        for text in &running {
            of(&mut found, placement(text)?).running += 1;
        }
        let workers = takers(now, &mut snapshot).await?;
        for (placement, queue) in &mut found {
            queue.workers = workers.iter().filter(|takes| takes.takes(placement)).count() as u64;
        }
        Ok(found.into_values().collect())
    }
}

/// What the workers take that are there and take more work.
pub(super) async fn takers(now: Timestamp, snapshot: &mut Snapshot) -> Result<Vec<Takes>, Error> {
    let rows = query("SELECT takes FROM worker WHERE lease_until_us > $1 AND draining = 0")
        .bind(now.micros)
        .fetch_all(snapshot)
        .await?;
    rows.iter().map(takes).collect()
}

fn takes(row: &Row) -> Result<Takes, Error> {
    let text: Option<&str> = row.try_get("takes")?;
    Ok(text.map(|text| json("what a worker takes", text)).transpose()?.unwrap_or_default())
}

fn worker(row: &Row, now: Timestamp, tasks: &mut BTreeMap<String, Vec<WorkerTask>>) -> Result<WorkerView, Error> {
    let (id, takes): (String, Takes) = (row.try_get("worker_id")?, takes(row)?);
    let state = match (row.try_get::<i64>("lease_until_us")? > now.micros, row.try_get::<i64>("draining")?) {
        (false, _) => WorkerState::Lost,
        (true, 0) => WorkerState::Working,
        (true, _) => WorkerState::Draining,
    };
    Ok(WorkerView {
        running: tasks.remove(&id).unwrap_or_default(),
        id,
        name: row.try_get("label")?,
        host: row.try_get("host")?,
        version: row.try_get("version")?,
        state,
        queues: takes.queues.map(|queues| queues.into_iter().collect()),
        labels: takes.labels,
        light_slots: count(row, "light_slots")?,
        heavy_slots: count(row, "heavy_slots")?,
        registered_at: Timestamp::from_micros(row.try_get("registered_at_us")?),
        seen_at: Timestamp::from_micros(row.try_get("seen_at_us")?),
    })
}

fn of(found: &mut BTreeMap<Placement, QueueView>, placement: Placement) -> &mut QueueView {
    found.entry(placement.clone()).or_insert_with(|| empty(placement))
}

fn empty(placement: Placement) -> QueueView {
    let Placement { queue, labels } = placement;
    QueueView { queue, labels, ready: 0, waits_since: None, running: 0, workers: 0 }
}
