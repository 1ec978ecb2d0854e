//! Rows to what the state machine works on. Never writes, but for the revision that holds a run. To add a column that
//! advancing needs: its field in `daybreak_core`, its decoding here, its writing in `changes.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use daybreak_core::{
    Changes, Failure, FanOut, Hold, Item, NeededBy, RunSnapshot, RunStatus, TaskProgress, TaskSnapshot, TaskState,
    TaskStatus, WorkerIdentity,
};
use daybreak_spec::{ForEach, Name, Placement, Timestamp, TriggerRule};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value as Json};

use crate::database::{Row, fetch_rows, query};
use crate::limits::Taken;
use crate::tx::Tx;
use crate::{CacheRule, Error};

/// How often a run is read again because another server changed it meanwhile.
const MAX_READS: u32 = 10;

/// A run as its rows say.
pub(crate) struct LoadedRun {
    pub run_id: String,
    pub project: String,
    pub dag: String,
    pub version: String,
    pub scheduled_for: Option<Timestamp>,
    pub window_start: Option<Timestamp>,
    pub window_end: Timestamp,
    pub params: Map<String, Json>,
    pub snapshot: RunSnapshot,
    pub tasks: BTreeMap<Name, LoadedTask>,
    /// Runs of its DAG at once.
    pub max_active: u32,
    /// Raised by whoever changes it.
    pub revision: i64,
    /// Not read in this transaction.
    pub remembered: bool,
}

/// What of a task's row never changes.
pub(crate) struct LoadedTask {
    pub task_run_id: String,
    pub kind: String,
    pub heavy: bool,
    /// Its place among ready tasks.
    pub rank_us: i64,
    /// Where it may run.
    pub placement: Arc<Placement>,
    pub limits: Box<[Taken]>,
    pub queue_timeout_us: Option<i64>,
    /// Whose outputs it is handed; none: of an older binary, which hands out those of all tasks before it.
    pub takes: Option<Arc<[Name]>>,
    pub for_each: Option<Arc<ForEach>>,
    pub cache: Option<Arc<CacheRule>>,
}

impl LoadedTask {
    /// When it is ready, that may be all that it takes.
    pub(crate) fn may_need_no_worker(&self) -> bool {
        self.for_each.is_some() || self.cache.is_some()
    }

    /// The same for an item of its list.
    pub(crate) fn of_item(&self, task_run_id: String) -> Self {
        Self {
            task_run_id,
            kind: self.kind.clone(),
            heavy: self.heavy,
            rank_us: self.rank_us,
            placement: self.placement.clone(),
            limits: self.limits.clone(),
            queue_timeout_us: self.queue_timeout_us,
            // Stands with its task.
            takes: None,
            for_each: None,
            cache: self.cache.clone(),
        }
    }
}

impl LoadedRun {
    /// Changes that have been written become what is known.
    pub(crate) fn accept(&mut self, changes: &Changes) {
        self.snapshot.apply(changes);
    }
}

/// Takes a run up to change it. On a shared database its row is held until the commit, before its tasks are decided on.
pub(crate) async fn hold(tx: &mut Tx, run_id: &str) -> Result<LoadedRun, Error> {
    for _ in 0..MAX_READS {
        let mut run = match tx.known.take(run_id) {
            Some(run) => run,
            None => load(tx, run_id).await?,
        };
        if !tx.is_shared() || tx.known.holds(run_id) {
            tx.known.hold(run_id);
            return Ok(run);
        }
        if raise_revision(tx, run_id, run.revision).await? {
            run.revision += 1;
            tx.known.hold(run_id);
            return Ok(run);
        }
    }
    Err(tx.contended())
}

/// Takes up runs that are remembered, all in one statement and in one order; those that another server has changed are
/// forgotten.
pub(crate) async fn hold_known(tx: &mut Tx, run_ids: BTreeSet<String>) -> Result<(), Error> {
    let known: Vec<(String, i64)> = run_ids
        .into_iter()
        .filter_map(|run_id| tx.known.revision(&run_id).map(|revision| (run_id, revision)))
        .collect();
    if let [(run_id, revision)] = known.as_slice() {
        // The usual case on a quiet server, and half the work.
        if raise_revision(tx, run_id, *revision).await? {
            tx.known.raised(run_id);
        } else {
            tx.known.forget(run_id);
        }
        return Ok(());
    }
    let rows = known.iter().map(|(run_id, revision)| vec![run_id.clone().into(), (*revision).into()]).collect();
    let raised: Vec<String> = fetch_rows(
        "WITH held AS (SELECT run.run_id FROM run JOIN (VALUES (CAST($1 AS TEXT), CAST($2 AS BIGINT))) AS v \
         ON run.run_id = v.column1 AND run.revision = v.column2 ORDER BY run.run_id FOR NO KEY UPDATE OF run) \
         UPDATE run SET revision = revision + 1 FROM held WHERE run.run_id = held.run_id RETURNING run.run_id",
        rows,
        &mut tx.connection,
    )
    .await?;
    raised.iter().for_each(|run_id| tx.known.raised(run_id));
    for (run_id, _) in known.iter().filter(|(run_id, _)| !raised.contains(run_id)) {
        tx.known.forget(run_id);
    }
    Ok(())
}

/// Whether the run was still as it had been read.
async fn raise_revision(tx: &mut Tx, run_id: &str, revision: i64) -> Result<bool, Error> {
    let written = tx.connection.written;
    let raised = query("UPDATE run SET revision = revision + 1 WHERE run_id = $1 AND revision = $2")
        .bind(run_id)
        .bind(revision)
        .execute(&mut tx.connection)
        .await?;
    // By itself it changes nothing: a command that goes on to refuse needs no rollback for it.
    tx.connection.written = written;
    Ok(raised == 1)
}

/// A run's row, for [`loaded`].
pub(crate) const READ_RUN: &str = "SELECT project, dag, version, state, reason, cancel_requested, \
     COALESCE(scheduled_for_us, nominal_us) AS scheduled_for_us, \
     window_start_us, window_end_us, params, revision, overdue, max_active FROM run WHERE run_id = $1";

/// The rows of its tasks.
pub(crate) const READ_TASKS: &str = "SELECT task_run_id, task, kind, heavy, parents, retry, gated, timeout_us, state, \
     attempt, lost, fence, reported_fence, cancel_requested, worker_id, worker_epoch, deadline_us, run_after_us, cause, \
     reason, upstream, outputs, generation, deferral, trigger_rule, tolerated, rank_us, limits, queue_timeout_us, \
     waiting_since_us, for_each, list, cache, takes, placement FROM task_run WHERE run_id = $1";

/// Reads a run and all its tasks.
pub(crate) async fn load(tx: &mut Tx, run_id: &str) -> Result<LoadedRun, Error> {
    let row = query(READ_RUN)
        .bind(run_id)
        .fetch_optional(tx.direct().await?)
        .await?
        .ok_or_else(|| Error::NotFound(format!("no run has the id `{run_id}`")))?;
    let rows = query(READ_TASKS).bind(run_id).fetch_all(tx.direct().await?).await?;
    loaded(run_id, &row, rows)
}

/// A run as those rows say.
pub(crate) fn loaded(run_id: &str, row: &Row, rows: Vec<Row>) -> Result<LoadedRun, Error> {
    let state = run_status(row.try_get("state")?)?.with_reason(row.try_get("reason")?);
    let (mut tasks, mut snapshots) = (BTreeMap::new(), BTreeMap::<Name, TaskSnapshot>::new());
    let (mut lists, mut items) = (BTreeMap::new(), BTreeMap::<String, BTreeMap<u32, Item>>::new());
    for row in rows {
        let name = name(row.try_get("task")?)?;
        let loaded = loaded_task(&row)?;
        let mut snapshot = task(&row)?;
        match name.item() {
            Some((of, index)) => {
                // What never changes of it stands with its task.
                snapshot.parents = Vec::new();
                items.entry(of.to_owned()).or_default().insert(index, Item { name: name.clone(), task: snapshot });
            }
            None => {
                if let Some(for_each) = &loaded.for_each {
                    lists.insert(name.clone(), (for_each.clone(), list(&row)?));
                }
                snapshots.insert(name.clone(), snapshot);
            }
        }
        tasks.insert(name, loaded);
    }
    for (name, (for_each, list)) in lists {
        let items = items.remove(name.as_str()).unwrap_or_default().into_values().collect();
        let fan_out = FanOut::restored(for_each.most_at_a_time(), list, items);
        if let Some(task) = snapshots.get_mut(&name) {
            task.fan_out = Some(Box::new(fan_out));
        }
    }
    let snapshot = RunSnapshot {
        state,
        cancel_requested: row.try_get("cancel_requested")?,
        overdue: row.try_get::<i64>("overdue")? != 0,
        tasks: snapshots,
        needed_by: NeededBy::default(),
    };
    Ok(LoadedRun {
        run_id: run_id.to_owned(),
        project: row.try_get("project")?,
        dag: row.try_get("dag")?,
        version: row.try_get("version")?,
        scheduled_for: instant(row, "scheduled_for_us")?,
        window_start: instant(row, "window_start_us")?,
        window_end: Timestamp::from_micros(row.try_get("window_end_us")?),
        params: map("parameters", row.try_get("params")?)?,
        snapshot,
        tasks,
        max_active: row.try_get::<Option<i64>>("max_active")?.and_then(|most| u32::try_from(most).ok()).unwrap_or(1),
        revision: row.try_get("revision")?,
        remembered: false,
    })
}

fn loaded_task(row: &Row) -> Result<LoadedTask, Error> {
    let for_each: Option<&str> = row.try_get("for_each")?;
    let cache: Option<&str> = row.try_get("cache")?;
    let limits: Option<&str> = row.try_get("limits")?;
    let takes: Option<&str> = row.try_get("takes")?;
    Ok(LoadedTask {
        task_run_id: row.try_get("task_run_id")?,
        kind: row.try_get("kind")?,
        heavy: row.try_get::<i64>("heavy")? != 0,
        rank_us: row.try_get("rank_us")?,
        placement: Arc::new(placement(row.try_get("placement")?)?),
        limits: limits.map(|text| json("limits", text)).transpose()?.unwrap_or_default(),
        queue_timeout_us: row.try_get("queue_timeout_us")?,
        takes: takes.map(|text| json::<Vec<Name>>("names of tasks", text)).transpose()?.map(Arc::from),
        for_each: for_each.map(|text| json("`for_each`", text)).transpose()?.map(Arc::new),
        cache: cache.map(|text| json("`cache`", text)).transpose()?.map(Arc::new),
    })
}

pub(crate) fn placement(text: &str) -> Result<Placement, Error> {
    Placement::parse(text).ok_or_else(|| Error::corrupt("placement")(format!("`{text}` is none")))
}

/// The list of a task that is done once per item.
fn list(row: &Row) -> Result<Option<Arc<[Json]>>, Error> {
    let list: Option<&str> = row.try_get("list")?;
    let list: Option<Vec<Json>> = list.map(|text| json("list of items", text)).transpose()?;
    Ok(list.map(Arc::from))
}

fn task(row: &Row) -> Result<TaskSnapshot, Error> {
    let progress = TaskProgress {
        state: task_state(row)?,
        generation: count(row, "generation")?,
        attempt: count(row, "attempt")?,
        lost: count(row, "lost")?,
        fence: row.try_get("fence")?,
        reported_fence: row.try_get("reported_fence")?,
        cancel_requested: row.try_get::<i64>("cancel_requested")? != 0,
        waiting_since: instant(row, "waiting_since_us")?,
    };
    Ok(TaskSnapshot {
        parents: json("list of needed tasks", row.try_get("parents")?)?,
        trigger: match row.try_get::<Option<&str>>("trigger_rule")? {
            Some(text) => json("trigger rule", text)?,
            None => TriggerRule::default(),
        },
        tolerated: row.try_get::<i64>("tolerated")? != 0,
        retry: json("retry policy", row.try_get("retry")?)?,
        gated: row.try_get::<i64>("gated")? != 0,
        timeout_us: row.try_get("timeout_us")?,
        fan_out: None,
        progress,
    })
}

fn task_state(row: &Row) -> Result<TaskState, Error> {
    let failure =
        || -> Result<Failure, Error> { Ok(Failure { cause: row.try_get("cause")?, reason: row.try_get("reason")? }) };
    Ok(match task_status(row.try_get("state")?)? {
        TaskStatus::Waiting => TaskState::Waiting,
        TaskStatus::Ready => TaskState::Ready,
        TaskStatus::Deferred => TaskState::Deferred(json("wait", row.try_get("deferral")?)?),
        TaskStatus::Cancelled => TaskState::Cancelled,
        TaskStatus::Running => TaskState::Running(Hold {
            worker: WorkerIdentity { id: row.try_get("worker_id")?, epoch: row.try_get("worker_epoch")? },
            deadline: row.try_get::<Option<i64>>("deadline_us")?.map(Timestamp::from_micros),
        }),
        TaskStatus::RetryWait => {
            TaskState::RetryWait { until: Timestamp::from_micros(row.try_get("run_after_us")?), failure: failure()? }
        }
        TaskStatus::Succeeded => TaskState::Succeeded { outputs: map("outputs", row.try_get("outputs")?)? },
        TaskStatus::Failed => TaskState::Failed(failure()?),
        TaskStatus::Skipped => {
            TaskState::Skipped { reason: row.try_get::<Option<String>>("reason")?.unwrap_or_default() }
        }
        TaskStatus::UpstreamFailed => TaskState::UpstreamFailed { upstream: name(row.try_get("upstream")?)? },
    })
}

pub(crate) fn run_status(word: &str) -> Result<RunStatus, Error> {
    RunStatus::parse(word).ok_or_else(|| Error::corrupt("state of a run")(format!("`{word}` is none")))
}

pub(crate) fn task_status(word: &str) -> Result<TaskStatus, Error> {
    TaskStatus::parse(word).ok_or_else(|| Error::corrupt("state of a task")(format!("`{word}` is none")))
}

pub(crate) fn name(text: &str) -> Result<Name, Error> {
    Name::parse_of_run(text).ok_or_else(|| Error::corrupt("name")(format!("`{text}` is none")))
}

pub(crate) fn json<T: DeserializeOwned>(what: &'static str, text: &str) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|error| Error::corrupt(what)(error.to_string()))
}

pub(crate) fn map(what: &'static str, text: &str) -> Result<Map<String, Json>, Error> {
    json(what, text)
}

/// A whole number that is never negative.
pub(crate) fn count<T: TryFrom<i64>>(row: &Row, column: &'static str) -> Result<T, Error> {
    let number: i64 = row.try_get(column)?;
    T::try_from(number).map_err(|_| Error::corrupt(column)(format!("{number} is out of range")))
}

/// An instant that may be absent.
pub(crate) fn instant(row: &Row, column: &'static str) -> Result<Option<Timestamp>, Error> {
    Ok(row.try_get::<Option<i64>>(column)?.map(Timestamp::from_micros))
}
