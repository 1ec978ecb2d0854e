//! Writes what `daybreak_core::advance` decided: every row compare-and-set on what it was, exactly one row each. The
//! only place that writes a state. To add a column: here and in `load.rs`.

use std::collections::BTreeSet;

use daybreak_core::{
    Changes, Deferral, Event, Failure, NewList, Rejected, RunStatus, TaskChange, TaskState, TaskStatus, advance,
};
use daybreak_failpoints::crossing;
use daybreak_spec::Timestamp;

use crate::database::{Value, Values, fetch_rows, query};
use crate::effects::ReadyTask;
use crate::limits::Counter;
use crate::load::{LoadedRun, hold, load};
use crate::outbox::{announce_end, announce_retry};
use crate::tx::Tx;
use crate::unmanned::{forget_list, go_on, keep_result, write_list};
use crate::waits::note_wait;
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

/// Writes decided changes of a run that this transaction holds, and what follows from them without a worker; keeps the run
/// as it is then.
pub(crate) async fn write(tx: &mut Tx, mut run: LoadedRun, changes: &Changes, times: Times) -> Result<(), Error> {
    write_step(tx, &mut run, changes, times).await?;
    go_on(tx, &mut run, changes).await?;
    tx.known.keep(run);
    Ok(())
}

/// Writes decided changes.
pub(crate) async fn write_step(tx: &mut Tx, run: &mut LoadedRun, changes: &Changes, times: Times) -> Result<(), Error> {
    let now = tx.now();
    for NewList { task, list } in &changes.lists {
        write_list(tx, run, task, list).await?;
    }
    for change in &changes.tasks {
        if goes_by(run, change) {
            record_attempt(tx, &run.run_id, change, now).await?;
        }
        if let Some(revoked) = revoked(run, change) {
            tx.effects.list.push(revoked);
        }
        // The times are those of the attempt that ends.
        let ends = change.status_before == TaskStatus::Running && !matches!(change.after.state, TaskState::Running(_));
        let times = times.filter(|_| ends);
        if matches!(change.after.state, TaskState::Ready) {
            crossing!("cp12.before");
        }
        let Some(task) = run.tasks.get(&change.task) else { continue };
        tx.effects.enters(change);
        tx.change_task(&task.task_run_id, task_row(&task.task_run_id, change, (now, times)));
        if ends {
            let project = || run.project.clone();
            let counters = task.limits.iter().map(|taken| taken.counter.clone());
            tx.freed.extend(counters.map(|counter| Counter { project: project(), counter }));
        }
        match &change.after.state {
            TaskState::Ready if !task.may_need_no_worker() => {
                let (run_id, task_name) = (run.run_id.clone(), change.task.clone());
                let (heavy, rank_us, since) = (task.heavy, task.rank_us, tx.now());
                let placement = task.placement.clone();
                tx.effects.ready.push(ReadyTask { run_id, task: task_name, heavy, rank_us, since, placement });
            }
            TaskState::Waiting => forget_list(tx, run, &change.task).await?,
            TaskState::Succeeded { outputs } if reported(change) => {
                keep_result(tx, run, (&change.task, outputs)).await?;
            }
            TaskState::RetryWait { until, failure } => {
                tx.effects.list.push(Effect::RetryAt(*until));
                announce_retry(tx, run, &change.task, failure);
            }
            TaskState::Deferred(Deferral { until: Some(until), .. }) => {
                tx.effects.list.push(Effect::RetryAt(*until));
            }
            TaskState::Running(hold) if change.after.cancel_requested => {
                tx.effects.list.push(Effect::CancelRequested { worker_id: hold.worker.id.clone() });
            }
            _ => {}
        }
        note_wait(tx, run, change).await?;
    }
    if changes.run.is_some() || changes.cancel_requested.is_some() {
        write_run(tx, run, changes, now);
    }
    run.accept(changes);
    Ok(())
}

/// Whether its worker's word has changed it.
fn reported(change: &TaskChange) -> bool {
    change.status_before == TaskStatus::Running && change.after.fence == change.fence_before
}

/// Whether the task's row forgets an attempt: one that ended without its worker's success, or a success that is run again.
fn goes_by(run: &LoadedRun, change: &TaskChange) -> bool {
    let over_its_head = change.after.fence != change.fence_before;
    match (change.status_before, &change.after.state) {
        (TaskStatus::Running, TaskState::Running(_)) => false,
        // It goes on; the first of its looks is kept for its log.
        (TaskStatus::Running, TaskState::Deferred(_)) => {
            let before = run.snapshot.task(change.task.as_str()).map(|(_, task)| &task.progress);
            before.is_some_and(|before| before.waiting_since.is_none())
        }
        (TaskStatus::Running, TaskState::Succeeded { .. }) => over_its_head,
        (TaskStatus::Running, _) => true,
        (TaskStatus::Succeeded, TaskState::Waiting) => {
            let before = run.snapshot.task(change.task.as_str()).map(|(_, task)| &task.progress);
            before.is_some_and(|before| before.reported_fence == Some(change.fence_before))
        }
        _ => false,
    }
}

/// The attempt that this change ends for good without its worker's word, if there is one.
fn revoked(run: &LoadedRun, change: &TaskChange) -> Option<Effect> {
    let before = &run.snapshot.task(change.task.as_str())?.1.progress;
    let TaskState::Running(hold) = &before.state else { return None };
    let ended = change.after.state.is_terminal() && change.after.fence != before.fence;
    let task_run_id = &run.tasks.get(&change.task)?.task_run_id;
    ended.then(|| Effect::Revoked {
        worker_id: hold.worker.id.clone(),
        task_run_id: task_run_id.clone(),
        fence: before.fence,
    })
}

/// Hands a ready task to a worker whose lease runs.
pub(crate) fn write_claim(tx: &mut Tx, run: &mut LoadedRun, changes: &Changes) {
    let now = tx.now();
    for change in &changes.tasks {
        if let Some(task) = run.tasks.get(&change.task) {
            tx.effects.enters(change);
            tx.hand_out_task(&task.task_run_id, task_row(&task.task_run_id, change, (now, None)));
        }
    }
    run.accept(changes);
}

/// Starts the longest-queued runs of each DAG in which a run ended or was made, as many as may go on there at once. The rows
/// of the DAGs are held meanwhile, so that two servers that each end a run of one do not wait for one another's.
pub(crate) async fn start_queued(tx: &mut Tx) -> Result<(), Error> {
    while !tx.followed.is_empty() {
        let followed = std::mem::take(&mut tx.followed);
        start_next(tx, &followed).await?;
    }
    Ok(())
}

/// Starts the longest-queued run of each DAG, where there is room for it.
async fn start_next(tx: &mut Tx, followed: &BTreeSet<(String, String)>) -> Result<(), Error> {
    let dags: Vec<Values> = followed.iter().map(|(project, dag)| vec![text(project), text(dag)]).collect();
    if tx.is_shared() {
        let _: Vec<String> = fetch_rows(
            "SELECT dag.dag FROM dag JOIN (VALUES (CAST($1 AS TEXT), CAST($2 AS TEXT))) AS v \
             ON dag.project = v.column1 AND dag.dag = v.column2 ORDER BY dag.project, dag.dag FOR NO KEY UPDATE OF dag",
            dags.clone(),
            tx.direct().await?,
        )
        .await?;
    }
    // States and order are as in the index of active runs: without it SQLite reads all that the DAGs ever ran.
    let next: Vec<Option<String>> = fetch_rows(
        "SELECT (SELECT run.run_id FROM run WHERE run.project = v.column1 AND run.dag = v.column2 \
         AND run.state IN ('queued', 'running') AND run.state = 'queued' \
         ORDER BY run.window_end_us, run.run_id LIMIT 1) \
         FROM (VALUES (CAST($1 AS TEXT), CAST($2 AS TEXT))) AS v \
         WHERE (SELECT COUNT(*) FROM run WHERE run.project = v.column1 AND run.dag = v.column2 \
         AND run.state IN ('queued', 'running') AND run.state = 'running' AND run.backfill_id IS NULL) \
         < (SELECT COALESCE(run.max_active, 1) FROM run WHERE run.project = v.column1 AND run.dag = v.column2 \
         AND run.state IN ('queued', 'running') AND run.state = 'queued' \
         ORDER BY run.window_end_us, run.run_id LIMIT 1)",
        dags,
        tx.direct().await?,
    )
    .await?;
    let mut more = Vec::new();
    for run_id in next.into_iter().flatten() {
        match apply(tx, &run_id, &Event::Start).await {
            // There may be room for another.
            Ok(()) => more.extend(tx.known.one_of_several(&run_id)),
            Err(Error::Refused(_)) => {}
            Err(error) if error.is_database_fault() => return Err(error),
            // One run that does not read must not keep the others from going on.
            Err(error) => tracing::error!(run.id = run_id, %error, "a run could not be started"),
        }
    }
    tx.followed.extend(more);
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

/// A task's row as `pending.rs` writes it.
fn task_row(task_run_id: &str, change: &TaskChange, (now, times): (Timestamp, Times)) -> Values {
    let (before, after) = (change.status_before, &change.after);
    let status = after.state.status();
    let columns = columns(&after.state);
    let entered = |wanted: bool| Value::from((wanted && status != before).then_some(now.micros));
    vec![
        text(task_run_id),
        text(before.as_str()),
        change.fence_before.into(),
        text(status.as_str()),
        i64::from(after.attempt).into(),
        i64::from(after.lost).into(),
        after.fence.into(),
        after.reported_fence.into(),
        i64::from(after.cancel_requested).into(),
        columns.worker_id.map(str::to_owned).into(),
        columns.worker_epoch.into(),
        columns.deadline_us.into(),
        columns.run_after_us.into(),
        columns.failure.map(|failure| failure.cause.clone()).into(),
        columns.failure.map(|failure| failure.reason.as_str()).or(columns.reason).map(str::to_owned).into(),
        columns.upstream.map(str::to_owned).into(),
        columns.outputs.into(),
        entered(status == TaskStatus::Ready),
        entered(status == TaskStatus::Running),
        entered(status.is_terminal()),
        after.cancel_requested.then_some(now.micros).into(),
        i64::from(after.generation).into(),
        columns.deferral.into(),
        columns.wake_at_us.into(),
        times.map(|(busy_us, _)| busy_us).into(),
        times.map(|(_, start_us)| start_us).into(),
        after.waiting_since.map(|since| since.micros).into(),
    ]
}

fn text(value: &str) -> Value<'static> {
    Value::from(value.to_owned())
}

/// Keeps what is known of an attempt before its row forgets it.
async fn record_attempt(tx: &mut Tx, run_id: &str, change: &TaskChange, now: Timestamp) -> Result<(), Error> {
    let (cause, reason) = match &change.after.state {
        TaskState::RetryWait { failure, .. } | TaskState::Failed(failure) => {
            (Some(failure.cause.as_str()), Some(failure.reason.as_str()))
        }
        TaskState::Cancelled => (Some("cancelled"), None),
        TaskState::Ready => (Some("handed_back"), None),
        TaskState::Deferred(_) => (Some("deferred"), None),
        TaskState::Skipped { reason } => (Some("marked"), Some(reason.as_str())),
        TaskState::Succeeded { .. } => (Some("marked"), None),
        TaskState::Waiting => (Some("run_again"), None),
        _ => (None, None),
    };
    query(
        "INSERT INTO failed_attempt (task_run_id, project, fence, attempt, worker_id, ready_at_us, started_at_us, \
         ended_at_us, state_after, cause, reason) SELECT task_run_id, project, fence, attempt, worker_id, ready_at_us, \
         started_at_us, COALESCE(ended_at_us, $1), $2, $3, $4 FROM task_run WHERE run_id = $5 AND task = $6 \
         ON CONFLICT (task_run_id, fence) DO NOTHING",
    )
    .bind(now.micros)
    .bind(change.after.state.status().as_str())
    .bind(cause)
    .bind(reason)
    .bind(run_id)
    .bind(change.task.as_str())
    .execute(tx.direct().await?)
    .await?;
    Ok(())
}

fn write_run(tx: &mut Tx, run: &LoadedRun, changes: &Changes, now: Timestamp) {
    let state = changes.run.as_ref().unwrap_or(&run.snapshot.state);
    let status = state.status();
    let row = vec![
        text(&run.run_id),
        text(run.snapshot.state.status().as_str()),
        text(status.as_str()),
        state.reason().map(str::to_owned).into(),
        changes.cancel_requested.clone().into(),
        (status == RunStatus::Running).then_some(now.micros).into(),
        status.is_terminal().then_some(now.micros).into(),
        i64::from(changes.overdue).into(),
    ];
    tx.change_run(&run.run_id, row);
    tx.effects.entered_runs.extend((status != run.snapshot.state.status()).then_some(status));
    // The run has made room, or waits for it again.
    if status != RunStatus::Running {
        tx.followed.insert((run.project.clone(), run.dag.clone()));
    }
    if status.is_terminal() {
        tx.effects.list.push(Effect::RunEnded { run_id: run.run_id.clone(), status });
        announce_end(tx, run, state, changes.overdue || run.snapshot.overdue);
    }
}

/// A compare-and-set that changed anything but one row met somebody else's change.
pub(crate) fn exactly_one(rows: u64, what: impl FnOnce() -> String) -> Result<(), Error> {
    if rows == 1 { Ok(()) } else { Err(Error::Conflict { what: what() }) }
}
