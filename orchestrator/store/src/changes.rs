//! Writes what `daybreak_core::advance` decided: every row compare-and-set on what it was, exactly one row each. The
//! only place that writes a state. To add a column: here and in `load.rs`.

use daybreak_core::{Changes, Event, Failure, Moment, Rejected, RunStatus, TaskChange, TaskState, TaskStatus, advance};
use daybreak_spec::Timestamp;

use crate::load::{LoadedRun, load};
use crate::writer::Tx;
use crate::{Effect, Error};

impl From<Rejected> for Error {
    fn from(rejected: Rejected) -> Self {
        match rejected {
            Rejected::Stale | Rejected::Repeated => Self::Stale,
            Rejected::NotApplicable | Rejected::UnknownTask => Self::Refused(rejected.to_string()),
        }
    }
}

/// Lets an event happen to a run: decides, writes, and starts the next run of the DAG if this one ended.
pub(crate) async fn apply(tx: &mut Tx, run_id: &str, event: &Event) -> Result<Changes, Error> {
    let run = load(tx, run_id).await?;
    apply_to(tx, &run, event).await
}

/// As [`apply`], for a run that this transaction has read already.
pub(crate) async fn apply_to(tx: &mut Tx, run: &LoadedRun, event: &Event) -> Result<Changes, Error> {
    let moment = Moment { now: tx.sources.now(), uniform: tx.sources.uniform() };
    let changes = advance(&run.snapshot, event, moment)?;
    write(tx, run, &changes, moment.now).await?;
    if changes.run.as_ref().is_some_and(|state| state.status().is_terminal()) {
        start_next(tx, &run.project, &run.dag).await?;
    }
    Ok(changes)
}

/// Starts the DAG's longest-queued run unless one is running. Returns its id.
pub(crate) async fn start_next(tx: &mut Tx, project: &str, dag: &str) -> Result<Option<String>, Error> {
    let next: Option<String> = sqlx::query_scalar(
        "SELECT run_id FROM run WHERE project = $1 AND dag = $2 AND state = 'queued' AND NOT EXISTS \
         (SELECT 1 FROM run AS other WHERE other.project = $1 AND other.dag = $2 AND other.state = 'running') \
         ORDER BY window_end_us, run_id LIMIT 1",
    )
    .bind(project)
    .bind(dag)
    .fetch_optional(&mut tx.connection)
    .await?;
    let Some(run_id) = next else { return Ok(None) };
    let run = load(tx, &run_id).await?;
    let moment = Moment { now: tx.sources.now(), uniform: tx.sources.uniform() };
    let changes = advance(&run.snapshot, &Event::Start, moment)?;
    write(tx, &run, &changes, moment.now).await?;
    Ok(Some(run_id))
}

/// Writes decided changes of a run that this transaction has read.
pub(crate) async fn write(tx: &mut Tx, run: &LoadedRun, changes: &Changes, now: Timestamp) -> Result<(), Error> {
    for change in &changes.tasks {
        let failed_attempt = change.status_before == TaskStatus::Running
            && !matches!(change.after.state, TaskState::Running(_) | TaskState::Succeeded { .. });
        if failed_attempt {
            record_attempt(tx, &run.run_id, change, now).await?;
        }
        write_task(tx, &run.run_id, change, now).await?;
        match &change.after.state {
            TaskState::Ready => tx.effects.ready = true,
            TaskState::RetryWait { until, .. } => tx.effects.list.push(Effect::RetryAt(*until)),
            _ => {}
        }
    }
    if changes.run.is_some() || changes.cancel_requested.is_some() {
        write_run(tx, run, changes, now).await?;
    }
    Ok(())
}

/// The columns that depend on the state, each `None` where the state has none.
#[derive(Default)]
struct StateColumns<'a> {
    worker_id: Option<&'a str>,
    worker_epoch: Option<i64>,
    deadline_us: Option<i64>,
    run_after_us: Option<i64>,
    failure: Option<&'a Failure>,
    reason: Option<&'a str>,
    upstream: Option<&'a str>,
    outputs: Option<String>,
}

fn columns(state: &TaskState) -> StateColumns<'_> {
    let none = StateColumns::default();
    match state {
        TaskState::Waiting | TaskState::Ready | TaskState::Deferred | TaskState::Cancelled => none,
        TaskState::Running(hold) => StateColumns {
            worker_id: Some(&hold.worker.id),
            worker_epoch: Some(hold.worker.epoch),
            deadline_us: hold.deadline.map(|deadline| deadline.micros),
            ..none
        },
        TaskState::RetryWait { until, failure } => {
            StateColumns { run_after_us: Some(until.micros), failure: Some(failure), ..none }
        }
        TaskState::Succeeded { outputs } => {
            let text = serde_json::to_string(outputs).expect("a JSON map always writes");
            StateColumns { outputs: Some(text), ..none }
        }
        TaskState::Failed(failure) => StateColumns { failure: Some(failure), ..none },
        TaskState::Skipped { reason } => StateColumns { reason: Some(reason), ..none },
        TaskState::UpstreamFailed { upstream } => StateColumns { upstream: Some(upstream.as_str()), ..none },
    }
}

async fn write_task(tx: &mut Tx, run_id: &str, change: &TaskChange, now: Timestamp) -> Result<(), Error> {
    let (before, after) = (change.status_before, &change.after);
    let status = after.state.status();
    let columns = columns(&after.state);
    let entered = |wanted: bool| (wanted && status != before).then_some(now.micros);
    let written = sqlx::query(
        "UPDATE task_run SET state = $1, attempt = $2, lost = $3, fence = $4, reported_fence = $5, \
         cancel_requested = $6, worker_id = $7, worker_epoch = $8, deadline_us = $9, run_after_us = $10, cause = $11, \
         reason = $12, upstream = $13, outputs = $14, ready_at_us = COALESCE($15, ready_at_us), \
         started_at_us = COALESCE($16, started_at_us), ended_at_us = COALESCE($17, ended_at_us), \
         cancel_at_us = COALESCE(cancel_at_us, $18) \
         WHERE run_id = $19 AND task = $20 AND state = $21 AND fence = $22",
    )
    .bind(status.as_str())
    .bind(i64::from(after.attempt))
    .bind(i64::from(after.lost))
    .bind(after.fence)
    .bind(after.reported_fence)
    .bind(i64::from(after.cancel_requested))
    .bind(columns.worker_id)
    .bind(columns.worker_epoch)
    .bind(columns.deadline_us)
    .bind(columns.run_after_us)
    .bind(columns.failure.map(|failure| failure.cause.as_str()))
    .bind(columns.failure.map(|failure| failure.reason.as_str()).or(columns.reason))
    .bind(columns.upstream)
    .bind(columns.outputs)
    .bind(entered(status == TaskStatus::Ready))
    .bind(entered(status == TaskStatus::Running))
    .bind(entered(status.is_terminal()))
    .bind(after.cancel_requested.then_some(now.micros))
    .bind(run_id)
    .bind(change.task.as_str())
    .bind(before.as_str())
    .bind(change.fence_before)
    .execute(&mut tx.connection)
    .await?
    .rows_affected();
    exactly_one(written, || format!("task `{}` of run {run_id}", change.task))
}

/// Keeps what is known of an attempt that did not succeed, before its row forgets it.
async fn record_attempt(tx: &mut Tx, run_id: &str, change: &TaskChange, now: Timestamp) -> Result<(), Error> {
    let (cause, reason) = match &change.after.state {
        TaskState::RetryWait { failure, .. } | TaskState::Failed(failure) => {
            (Some(failure.cause.as_str()), Some(failure.reason.as_str()))
        }
        TaskState::Cancelled => (Some("cancelled"), None),
        TaskState::Ready => (Some("handed_back"), None),
        _ => (None, None),
    };
    sqlx::query(
        "INSERT INTO failed_attempt (task_run_id, project, fence, attempt, worker_id, started_at_us, ended_at_us, \
         state_after, cause, reason) SELECT task_run_id, project, fence, attempt, worker_id, started_at_us, $1, $2, \
         $3, $4 FROM task_run WHERE run_id = $5 AND task = $6",
    )
    .bind(now.micros)
    .bind(change.after.state.status().as_str())
    .bind(cause)
    .bind(reason)
    .bind(run_id)
    .bind(change.task.as_str())
    .execute(&mut tx.connection)
    .await?;
    Ok(())
}

async fn write_run(tx: &mut Tx, run: &LoadedRun, changes: &Changes, now: Timestamp) -> Result<(), Error> {
    let before = run.snapshot.state.status();
    let state = changes.run.as_ref().unwrap_or(&run.snapshot.state);
    let status = state.status();
    let written = sqlx::query(
        "UPDATE run SET state = $1, reason = $2, cancel_requested = COALESCE($3, cancel_requested), \
         started_at_us = COALESCE(started_at_us, $4), ended_at_us = $5 WHERE run_id = $6 AND state = $7",
    )
    .bind(status.as_str())
    .bind(state.reason())
    .bind(changes.cancel_requested.as_deref())
    .bind((status == RunStatus::Running).then_some(now.micros))
    .bind(status.is_terminal().then_some(now.micros))
    .bind(&run.run_id)
    .bind(before.as_str())
    .execute(&mut tx.connection)
    .await?
    .rows_affected();
    exactly_one(written, || format!("run {}", run.run_id))?;
    if status.is_terminal() {
        tx.effects.list.push(Effect::RunEnded { run_id: run.run_id.clone(), status });
    }
    Ok(())
}

/// A compare-and-set that changed anything but one row met somebody else's change.
pub(crate) fn exactly_one(rows: u64, what: impl FnOnce() -> String) -> Result<(), Error> {
    if rows == 1 { Ok(()) } else { Err(Error::Conflict { what: what() }) }
}
