//! Writes what `daybreak_core::advance` decided: every row compare-and-set on what it was, exactly one row each. The
//! only place that writes a state. To add a column: here and in `load.rs`.

use daybreak_core::{
    Changes, Event, Failure, Rejected, RunStatus, TaskChange, TaskState, TaskStatus, WorkerIdentity, advance,
};
use daybreak_spec::Timestamp;

use crate::database::query;
use crate::effects::ReadyTask;
use crate::load::{LoadedRun, hold, load, run_status};
use crate::tx::Tx;
use crate::{Effect, Error};

impl From<Rejected> for Error {
    fn from(rejected: Rejected) -> Self {
        match rejected {
            Rejected::Stale | Rejected::Repeated => Self::Stale,
            Rejected::NotApplicable | Rejected::UnknownTask => Self::Refused(rejected.to_string()),
        }
    }
}

/// What is known of a finished attempt beside its end: microseconds in the task's own code, and from spawn to its first
/// instruction.
pub(crate) type Times = Option<(i64, i64)>;

/// Lets an event happen to a run: decides and writes. The DAG's next run starts at the end of the transaction.
pub(crate) async fn apply(tx: &mut Tx, run_id: &str, event: &Event) -> Result<(), Error> {
    let mut run = hold(tx, run_id).await?;
    match decide(tx, &mut run, event).await? {
        Ok(changes) => write(tx, run, &changes, None).await,
        Err(rejected) => {
            tx.known.keep(run);
            Err(rejected.into())
        }
    }
}

/// What an event changes in a run that this transaction holds.
pub(crate) async fn decide(
    tx: &mut Tx,
    run: &mut LoadedRun,
    event: &Event,
) -> Result<Result<Changes, Rejected>, Error> {
    let decided = advance(&run.snapshot, event, tx.moment());
    if decided.is_err() && run.remembered && tx.is_shared() {
        // Another server may have handed out a task since: that raises no revision.
        *run = load(tx, &run.run_id).await?;
        return Ok(advance(&run.snapshot, event, tx.moment()));
    }
    Ok(decided)
}

/// Writes decided changes of a run that this transaction holds, and keeps the run as it is then.
pub(crate) async fn write(tx: &mut Tx, mut run: LoadedRun, changes: &Changes, times: Times) -> Result<(), Error> {
    let now = tx.now();
    for change in &changes.tasks {
        let failed_attempt = change.status_before == TaskStatus::Running
            && !matches!(change.after.state, TaskState::Running(_) | TaskState::Succeeded { .. });
        if failed_attempt {
            record_attempt(tx, &run.run_id, change, now).await?;
        }
        // The times are those of the attempt that ends.
        let ends = change.status_before == TaskStatus::Running && !matches!(change.after.state, TaskState::Running(_));
        let times = times.filter(|_| ends);
        if matches!(change.after.state, TaskState::Ready) {
            crossing!("cp12.before");
        }
        write_task(tx, &run.run_id, change, (now, times)).await?;
        match &change.after.state {
            TaskState::Ready => {
                let heavy = run.tasks.get(&change.task).is_some_and(|task| task.heavy);
                tx.effects.ready.push(ReadyTask { run_id: run.run_id.clone(), task: change.task.clone(), heavy });
            }
            TaskState::RetryWait { until, .. } => tx.effects.list.push(Effect::RetryAt(*until)),
            TaskState::Running(hold) if change.after.cancel_requested => {
                tx.effects.list.push(Effect::CancelRequested { worker_id: hold.worker.id.clone() });
            }
            _ => {}
        }
    }
    if changes.run.is_some() || changes.cancel_requested.is_some() {
        write_run(tx, &run, changes, now).await?;
    }
    run.accept(changes);
    tx.known.keep(run);
    Ok(())
}

/// Hands a ready task to a worker whose lease runs. `false`: somebody else has it, or the lease is over.
pub(crate) async fn write_claim(
    tx: &mut Tx,
    run: &mut LoadedRun,
    changes: &Changes,
    worker: &WorkerIdentity,
) -> Result<bool, Error> {
    let [change] = changes.tasks.as_slice() else { return Ok(false) };
    let TaskState::Running(hold) = &change.after.state else { return Ok(false) };
    let given = query(
        "UPDATE task_run SET state = 'running', attempt = $1, fence = $2, worker_id = $3, worker_epoch = $4, \
         deadline_us = $5, started_at_us = $6 WHERE run_id = $7 AND task = $8 AND state = 'ready' AND fence = $9 \
         AND EXISTS (SELECT 1 FROM worker WHERE worker.worker_id = $3 AND worker.epoch = $4 AND lease_until_us > $6)",
    )
    .bind(i64::from(change.after.attempt))
    .bind(change.after.fence)
    .bind(&worker.id)
    .bind(worker.epoch)
    .bind(hold.deadline.map(|deadline| deadline.micros))
    .bind(tx.now().micros)
    .bind(&run.run_id)
    .bind(change.task.as_str())
    .bind(change.fence_before)
    .execute(&mut tx.connection)
    .await?;
    if given == 1 {
        run.accept(changes);
    }
    Ok(given == 1)
}

/// Starts the longest-queued run of each DAG in which a run ended or was made, unless one is running there. The row of the
/// DAG is held meanwhile, so that two servers that each end a run of it do not wait for one another's.
pub(crate) async fn start_queued(tx: &mut Tx) -> Result<(), Error> {
    while let Some((project, dag)) = tx.followed.pop_first() {
        if tx.is_shared() {
            query("SELECT dag FROM dag WHERE project = $1 AND dag = $2 FOR NO KEY UPDATE")
                .bind(&project)
                .bind(&dag)
                .fetch_optional(&mut tx.connection)
                .await?;
        }
        let Some(run_id) = longest_queued(tx, &project, &dag).await? else { continue };
        match apply(tx, &run_id, &Event::Start).await {
            Ok(()) | Err(Error::Refused(_)) => {}
            Err(error) if error.is_database_fault() => return Err(error),
            // One run that does not read must not keep the others from going on.
            Err(error) => tracing::error!(run.id = run_id, %error, "a run could not be started"),
        }
    }
    Ok(())
}

/// The run whose turn it is; none while one is running.
async fn longest_queued(tx: &mut Tx, project: &str, dag: &str) -> Result<Option<String>, Error> {
    // States and order are as in the index of active runs: without it SQLite reads all that the DAG ever ran.
    let active = query(
        "SELECT run_id, state FROM run WHERE project = $1 AND dag = $2 AND state IN ('queued', 'running') \
         ORDER BY window_end_us, run_id",
    )
    .bind(project)
    .bind(dag)
    .fetch_all(&mut tx.connection)
    .await?;
    let mut longest = None;
    for row in active.iter().rev() {
        match run_status(row.try_get("state")?)? {
            RunStatus::Running => return Ok(None),
            _ => longest = Some(row.try_get("run_id")?),
        }
    }
    Ok(longest)
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
    deferral: Option<String>,
    wake_at_us: Option<i64>,
}

fn columns(state: &TaskState) -> StateColumns<'_> {
    let none = StateColumns::default();
    match state {
        TaskState::Waiting | TaskState::Ready | TaskState::Cancelled => none,
        TaskState::Deferred(deferral) => StateColumns {
            deferral: Some(serde_json::to_string(deferral).expect("a deferral always writes")),
            wake_at_us: deferral.until.map(|until| until.micros),
            ..none
        },
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

async fn write_task(
    tx: &mut Tx,
    run_id: &str,
    change: &TaskChange,
    (now, times): (Timestamp, Times),
) -> Result<(), Error> {
    let (before, after) = (change.status_before, &change.after);
    let status = after.state.status();
    let columns = columns(&after.state);
    let entered = |wanted: bool| (wanted && status != before).then_some(now.micros);
    let written = query(
        "UPDATE task_run SET state = $1, attempt = $2, lost = $3, fence = $4, reported_fence = $5, \
         cancel_requested = $6, worker_id = $7, worker_epoch = $8, deadline_us = $9, run_after_us = $10, cause = $11, \
         reason = $12, upstream = $13, outputs = $14, ready_at_us = COALESCE($15, ready_at_us), \
         started_at_us = COALESCE($16, started_at_us), ended_at_us = COALESCE($17, ended_at_us), \
         cancel_at_us = CASE WHEN $6 = 0 THEN NULL ELSE COALESCE(cancel_at_us, $18) END, generation = $19, \
         deferral = $20, wake_at_us = $21, busy_us = COALESCE($22, busy_us), start_us = COALESCE($23, start_us) \
         WHERE run_id = $24 AND task = $25 AND state = $26 AND fence = $27",
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
    .bind(i64::from(after.generation))
    .bind(columns.deferral)
    .bind(columns.wake_at_us)
    .bind(times.map(|(busy_us, _)| busy_us))
    .bind(times.map(|(_, start_us)| start_us))
    .bind(run_id)
    .bind(change.task.as_str())
    .bind(before.as_str())
    .bind(change.fence_before)
    .execute(&mut tx.connection)
    .await?;
    unchanged_until_now(tx, written, || format!("task `{}` of run {run_id}", change.task))
}

/// Keeps what is known of an attempt that did not succeed, before its row forgets it.
async fn record_attempt(tx: &mut Tx, run_id: &str, change: &TaskChange, now: Timestamp) -> Result<(), Error> {
    let (cause, reason) = match &change.after.state {
        TaskState::RetryWait { failure, .. } | TaskState::Failed(failure) => {
            (Some(failure.cause.as_str()), Some(failure.reason.as_str()))
        }
        TaskState::Cancelled => (Some("cancelled"), None),
        TaskState::Ready => (Some("handed_back"), None),
        TaskState::Deferred(_) => (Some("deferred"), None),
        TaskState::Skipped { reason } => (Some("marked"), Some(reason.as_str())),
        _ => (None, None),
    };
    query(
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
    let written = query(
        "UPDATE run SET state = $1, reason = $2, \
         cancel_requested = CASE WHEN $1 = 'queued' THEN NULL ELSE COALESCE($3, cancel_requested) END, \
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
    .await?;
    unchanged_until_now(tx, written, || format!("run {}", run.run_id))?;
    // The run has made room, or waits for it again.
    if status != RunStatus::Running {
        tx.followed.insert((run.project.clone(), run.dag.clone()));
    }
    if status.is_terminal() {
        tx.effects.list.push(Effect::RunEnded { run_id: run.run_id.clone(), status });
    }
    Ok(())
}

/// As [`exactly_one`]; on a shared database the transaction is run again with what stands there now.
fn unchanged_until_now(tx: &Tx, rows: u64, what: impl FnOnce() -> String) -> Result<(), Error> {
    if rows != 1 && tx.is_shared() { Err(tx.contended()) } else { exactly_one(rows, what) }
}

/// A compare-and-set that changed anything but one row met somebody else's change.
pub(crate) fn exactly_one(rows: u64, what: impl FnOnce() -> String) -> Result<(), Error> {
    if rows == 1 { Ok(()) } else { Err(Error::Conflict { what: what() }) }
}
