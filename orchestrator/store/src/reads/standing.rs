//! What is known about why a run and its tasks do not run: the run itself and what stands around it, all of one instant.

use std::collections::BTreeMap;

use daybreak_core::{Around, Limited, RunSnapshot, RunStatus, Takes, TaskState};
use daybreak_spec::{Name, Placement, Timestamp};

use super::runs::no_run;
use super::workers::takers;
use crate::database::{Snapshot, query};
use crate::limits::limit_of;
use crate::load::{LoadedRun, READ_RUN, READ_TASKS, count, loaded, name};
use crate::{Error, Store};

/// A run and what stands around it.
#[derive(Clone, Debug)]
pub struct Standing {
    /// The DAG.
    pub dag: Name,
    /// The run.
    pub run: RunSnapshot,
    /// Its tasks, parents before children, and whether each runs in a child process.
    pub tasks: Vec<(Name, bool)>,
    /// Runs whose results tasks of it took over, by task.
    pub cached_from: BTreeMap<Name, String>,
    /// What else is known.
    pub around: Around,
}

impl Store {
    /// A run and what stands around it.
    pub async fn standing(&self, run_id: &str) -> Result<Standing, Error> {
        let mut snapshot = self.readers.begin().await?;
        let row = query(READ_RUN).bind(run_id).fetch_optional(&mut snapshot).await?.ok_or_else(|| no_run(run_id))?;
        let rows = query(READ_TASKS).bind(run_id).fetch_all(&mut snapshot).await?;
        let run = loaded(run_id, &row, rows)?;
        let (running_run, queued_before) = match run.snapshot.state.status() {
            RunStatus::Queued => ahead(&run, &mut snapshot).await?,
            _ => (None, 0),
        };
        let now = self.now();
        let workers = takers(now, &mut snapshot).await?;
        // In the order of the index of running tasks: they are as many as the workers have slots.
        let running: Vec<i64> =
            query("SELECT heavy FROM task_run WHERE state = 'running' ORDER BY worker_id, worker_epoch")
                .fetch_values(&mut snapshot)
                .await?;
        let heavy: u64 = running.iter().map(|heavy| heavy.unsigned_abs()).sum();
        let mut tasks: BTreeMap<_, _> = BTreeMap::new();
        for (task_name, task) in &run.tasks {
            tasks.insert(task.task_run_id.clone(), (task_name.clone(), task.heavy));
        }
        let taken_over = query("SELECT task, cached_from FROM task_run WHERE run_id = $1 AND cached_from IS NOT NULL")
            .bind(run_id)
            .fetch_all(&mut snapshot)
            .await?;
        let mut cached_from = BTreeMap::new();
        for row in &taken_over {
            cached_from.insert(crate::load::name(row.try_get("task")?)?, row.try_get("cached_from")?);
        }
        Ok(Standing {
            cached_from,
            dag: name(&run.dag)?,
            tasks: tasks.into_values().collect(),
            around: Around {
                now,
                running_run,
                queued_before,
                workers: workers.len() as u64,
                unserved: unserved(&run, &workers),
                running_light: running.len() as u64 - heavy,
                running_heavy: heavy,
                paused: pause(&run, &mut snapshot).await?,
                limited: limited(&run, &mut snapshot).await?,
            },
            run: run.snapshot,
        })
    }
}

/// Its ready tasks that none of these workers takes.
fn unserved(run: &LoadedRun, workers: &[Takes]) -> BTreeMap<Name, Placement> {
    let ready =
        |task: &Name| run.snapshot.task(task.as_str()).is_some_and(|(_, task)| task.progress.state == TaskState::Ready);
    let taken = |placement: &Placement| workers.iter().any(|takes| takes.takes(placement));
    let unserved = run.tasks.iter().filter(|(name, task)| ready(name) && !taken(&task.placement));
    unserved.map(|(name, task)| (name.clone(), Placement::clone(&task.placement))).collect()
}

/// The run of the same DAG that is running, and how many are queued before this one.
async fn ahead(run: &LoadedRun, snapshot: &mut Snapshot) -> Result<(Option<String>, u64), Error> {
    let running = query(
        "SELECT run_id FROM run WHERE project = $1 AND dag = $2 AND state IN ('queued', 'running') \
         AND state = 'running' ORDER BY window_end_us, run_id LIMIT 1",
    )
    .bind(&run.project)
    .bind(&run.dag)
    .fetch_value(&mut *snapshot)
    .await?;
    let before: i64 = query(
        "SELECT COUNT(*) FROM run WHERE project = $1 AND dag = $2 AND state IN ('queued', 'running') \
         AND state = 'queued' AND (window_end_us < $3 OR (window_end_us = $3 AND run_id < $4))",
    )
    .bind(&run.project)
    .bind(&run.dag)
    .bind(run.window_end.micros)
    .bind(&run.run_id)
    .fetch_scalar(&mut *snapshot)
    .await?;
    Ok((running, before.unsigned_abs()))
}

/// Its ready tasks that a limit has no room for.
async fn limited(run: &LoadedRun, snapshot: &mut Snapshot) -> Result<BTreeMap<Name, Limited>, Error> {
    let rows = query(
        "SELECT task, blocked_on, CAST(COALESCE((SELECT SUM(limit_slot.slots) FROM limit_slot JOIN task_run AS holder \
         ON holder.task_run_id = limit_slot.task_run_id AND holder.state = 'running' \
         WHERE limit_slot.project = task_run.project AND limit_slot.counter = task_run.blocked_on), 0) AS BIGINT) AS taken \
         FROM task_run WHERE run_id = $1 AND state = 'ready' AND blocked_on IS NOT NULL",
    )
    .bind(&run.run_id)
    .fetch_all(&mut *snapshot)
    .await?;
    let declared = query("SELECT limit_name, slots FROM limit_pool WHERE project = $1")
        .bind(&run.project)
        .fetch_all(&mut *snapshot)
        .await?;
    let mut found = BTreeMap::new();
    for row in rows {
        let counter: String = row.try_get("blocked_on")?;
        let limit = limit_of(&counter);
        let mut slots = 0;
        for declared in &declared {
            if declared.try_get::<&str>("limit_name")? == limit {
                slots = count(declared, "slots")?;
            }
        }
        found.insert(name(row.try_get("task")?)?, Limited { counter, taken: count(&row, "taken")?, slots });
    }
    Ok(found)
}

/// The pause of the run's DAG in words.
async fn pause(run: &LoadedRun, snapshot: &mut Snapshot) -> Result<Option<String>, Error> {
    let row = query("SELECT paused_at_us, paused_by, note FROM dag_pause WHERE project = $1 AND dag = $2")
        .bind(&run.project)
        .bind(&run.dag)
        .fetch_optional(&mut *snapshot)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let since = Timestamp::from_micros(row.try_get("paused_at_us")?);
    let (by, note): (String, Option<String>) = (row.try_get("paused_by")?, row.try_get("note")?);
    let note = note.map(|note| format!(": {note}")).unwrap_or_default();
    Ok(Some(format!("since {since} by {by}{note}")))
}
