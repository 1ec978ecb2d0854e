//! Rows to what the state machine works on. Never writes. To add a column that advancing needs: its field in
//! `daybreak_core`, its decoding here, its writing in `changes.rs`.

use std::collections::BTreeMap;

use daybreak_core::{
    Failure, Hold, RunSnapshot, RunStatus, TaskProgress, TaskSnapshot, TaskState, TaskStatus, WorkerIdentity,
};
use daybreak_spec::{Name, Timestamp};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value as Json};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use crate::Error;
use crate::writer::Tx;

/// A run as its rows say.
pub(crate) struct LoadedRun {
    pub run_id: String,
    pub project: String,
    pub dag: String,
    pub snapshot: RunSnapshot,
}

/// Reads a run and all its tasks.
pub(crate) async fn load(tx: &mut Tx, run_id: &str) -> Result<LoadedRun, Error> {
    let row = sqlx::query("SELECT project, dag, state, reason, cancel_requested FROM run WHERE run_id = $1")
        .bind(run_id)
        .fetch_optional(&mut tx.connection)
        .await?
        .ok_or_else(|| Error::NotFound(format!("no run has the id `{run_id}`")))?;
    let status = run_status(row.try_get("state")?)?;
    let state = status.with_reason(row.try_get("reason")?);
    let cancel_requested = row.try_get("cancel_requested")?;
    let rows = sqlx::query(
        "SELECT task, parents, retry, gated, timeout_us, state, attempt, lost, fence, reported_fence, \
         cancel_requested, worker_id, worker_epoch, deadline_us, run_after_us, cause, reason, upstream, outputs \
         FROM task_run WHERE run_id = $1",
    )
    .bind(run_id)
    .fetch_all(&mut tx.connection)
    .await?;
    let mut tasks = BTreeMap::new();
    for row in rows {
        tasks.insert(name(row.try_get("task")?)?, task(&row)?);
    }
    let snapshot = RunSnapshot { state, cancel_requested, tasks };
    Ok(LoadedRun { run_id: run_id.to_owned(), project: row.try_get("project")?, dag: row.try_get("dag")?, snapshot })
}

fn task(row: &SqliteRow) -> Result<TaskSnapshot, Error> {
    let progress = TaskProgress {
        state: task_state(row)?,
        attempt: count(row, "attempt")?,
        lost: count(row, "lost")?,
        fence: row.try_get("fence")?,
        reported_fence: row.try_get("reported_fence")?,
        cancel_requested: row.try_get::<i64, _>("cancel_requested")? != 0,
    };
    Ok(TaskSnapshot {
        parents: json("list of needed tasks", row.try_get("parents")?)?,
        retry: json("retry policy", row.try_get("retry")?)?,
        gated: row.try_get::<i64, _>("gated")? != 0,
        timeout_us: row.try_get("timeout_us")?,
        progress,
    })
}

fn task_state(row: &SqliteRow) -> Result<TaskState, Error> {
    let failure =
        || -> Result<Failure, Error> { Ok(Failure { cause: row.try_get("cause")?, reason: row.try_get("reason")? }) };
    Ok(match task_status(row.try_get("state")?)? {
        TaskStatus::Waiting => TaskState::Waiting,
        TaskStatus::Ready => TaskState::Ready,
        TaskStatus::Deferred => TaskState::Deferred,
        TaskStatus::Cancelled => TaskState::Cancelled,
        TaskStatus::Running => TaskState::Running(Hold {
            worker: WorkerIdentity { id: row.try_get("worker_id")?, epoch: row.try_get("worker_epoch")? },
            deadline: row.try_get::<Option<i64>, _>("deadline_us")?.map(Timestamp::from_micros),
        }),
        TaskStatus::RetryWait => {
            TaskState::RetryWait { until: Timestamp::from_micros(row.try_get("run_after_us")?), failure: failure()? }
        }
        TaskStatus::Succeeded => TaskState::Succeeded { outputs: map("outputs", row.try_get("outputs")?)? },
        TaskStatus::Failed => TaskState::Failed(failure()?),
        TaskStatus::Skipped => {
            TaskState::Skipped { reason: row.try_get::<Option<String>, _>("reason")?.unwrap_or_default() }
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
    Name::parse(text).ok_or_else(|| Error::corrupt("name")(format!("`{text}` is none")))
}

pub(crate) fn json<T: DeserializeOwned>(what: &'static str, text: &str) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|error| Error::corrupt(what)(error.to_string()))
}

pub(crate) fn map(what: &'static str, text: &str) -> Result<Map<String, Json>, Error> {
    json(what, text)
}

/// A whole number that is never negative.
pub(crate) fn count<T: TryFrom<i64>>(row: &SqliteRow, column: &'static str) -> Result<T, Error> {
    let number: i64 = row.try_get(column)?;
    T::try_from(number).map_err(|_| Error::corrupt(column)(format!("{number} is out of range")))
}

/// An instant that may be absent.
pub(crate) fn instant(row: &SqliteRow, column: &'static str) -> Result<Option<Timestamp>, Error> {
    Ok(row.try_get::<Option<i64>, _>(column)?.map(Timestamp::from_micros))
}
