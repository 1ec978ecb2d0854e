//! What real time brings about, dealt with by the leader: lost workers, attempts past their deadline, cancelled tasks whose worker does not end
//! them, waits that are over; limits in time (`time_limits.rs`), room in limits (`limits.rs`). Looks at what is, not at what happened, so it is safe to run at any moment and twice.
//! To add a matter of time: a statement and its event here.

use daybreak_core::Event;
use daybreak_spec::{Name, Timestamp};

use crate::Error;
use crate::changes::apply;
use crate::database::query;
use crate::limits::waited_for;
use crate::load::name;
use crate::runs::check_epoch;
use crate::time_limits::{end_overdue, end_too_long, end_untaken};
use crate::tx::{Command, Tx};

/// How long a lost worker is shown.
const LOST_SHOWN_US: i64 = 3_600_000_000;

/// Rows looked at per matter and turn.
const MAX_ROWS: i64 = 500;

/// Deals with what real time has brought about.
#[derive(Clone, Copy, Debug)]
pub struct Sweep {
    /// The leader's epoch, checked in the transaction.
    pub epoch: i64,
    /// How long a worker has to end a cancelled task.
    pub cancel_grace_us: i64,
}

/// What a sweep did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Tasks taken from lost workers.
    pub lost: u32,
    /// Attempts ended at their deadline.
    pub timed_out: u32,
    /// Cancelled tasks ended without their worker.
    pub forced: u32,
    /// Tasks made ready for their next attempt.
    pub retried: u32,
    /// Results that were known for as long as they may be.
    pub forgotten: u32,
    /// Waits of tasks that were over, or that are to be looked at again.
    pub resumed: u32,
    /// Tasks that no worker took in time.
    pub untaken: u32,
    /// Tasks that took too long in all.
    pub too_long: u32,
    /// Runs that had not ended by their deadline.
    pub overdue: u32,
    /// When the next wait is over, if one is known.
    pub next_retry: Option<Timestamp>,
}

impl Command for Sweep {
    type Reply = Swept;
    async fn run(&self, tx: &mut Tx) -> Result<Swept, Error> {
        check_epoch(tx, self.epoch).await?;
        let mut swept = self.end_attempts(tx).await?;
        end_waits(tx, &mut swept).await?;
        swept.untaken = end_untaken(tx).await?;
        swept.too_long = end_too_long(tx).await?;
        swept.overdue = end_overdue(tx).await?;
        swept.forgotten = forget_results(tx).await?;
        forget_workers(tx).await?;
        for next in [
            query("SELECT MIN(run_after_us) FROM task_run WHERE state = 'retry_wait'"),
            query("SELECT MIN(wake_at_us) FROM task_run WHERE state = 'deferred'"),
        ] {
            let next: Option<i64> = next.fetch_scalar(tx.direct().await?).await?;
            swept.next_retry = swept.next_retry.into_iter().chain(next.map(Timestamp::from_micros)).min();
        }
        let queued = query(
            "SELECT DISTINCT project, dag FROM run WHERE state IN ('queued', 'running') AND state = 'queued' \
             ORDER BY project, dag",
        )
        .fetch_all(tx.direct().await?)
        .await?;
        for row in &queued {
            tx.followed.insert((row.try_get("project")?, row.try_get("dag")?));
        }
        let waited_for = waited_for(tx).await?;
        tx.freed.extend(waited_for);
        Ok(swept)
    }
}

impl Sweep {
    /// Attempts whose worker is lost, is late or does not obey. Each order is that of the index of the few rows in
    /// question: without it SQLite reads the whole past.
    async fn end_attempts(&self, tx: &mut Tx) -> Result<Swept, Error> {
        let now = tx.now().micros;
        let lost = find(
            tx,
            "SELECT task_run.run_id, task_run.task, task_run.fence FROM task_run LEFT JOIN worker \
             ON worker.worker_id = task_run.worker_id AND worker.epoch = task_run.worker_epoch \
             WHERE task_run.state = 'running' AND (worker.worker_id IS NULL OR worker.lease_until_us <= $1) \
             ORDER BY task_run.worker_id, task_run.worker_epoch LIMIT $2",
            now,
        )
        .await?;
        let mut swept =
            Swept { lost: each(tx, lost, |task, fence| Event::Lost { task, fence }).await?, ..Swept::default() };
        let late = find(
            tx,
            "SELECT run_id, task, fence FROM task_run WHERE state = 'running' AND deadline_us <= $1 \
             ORDER BY worker_id, worker_epoch LIMIT $2",
            now,
        )
        .await?;
        swept.timed_out = each(tx, late, |task, _| Event::TimedOut { task }).await?;
        let unended = find(
            tx,
            "SELECT run_id, task, fence FROM task_run WHERE state = 'running' AND cancel_requested = 1 \
             AND cancel_at_us <= $1 ORDER BY worker_id, worker_epoch LIMIT $2",
            now - self.cancel_grace_us,
        )
        .await?;
        swept.forced = each(tx, unended, |task, _| Event::ForceCancel { task }).await?;
        Ok(swept)
    }
}

/// Results that were known for as long as they may be. How many.
async fn forget_results(tx: &mut Tx) -> Result<u32, Error> {
    let forgotten = query(
        "DELETE FROM known_result WHERE result_key IN (SELECT result_key FROM known_result WHERE expires_at_us <= $1 \
         ORDER BY expires_at_us LIMIT $2) AND expires_at_us <= $1",
    )
    .bind(tx.now().micros)
    .bind(MAX_ROWS)
    .execute(tx.direct().await?)
    .await?;
    Ok(u32::try_from(forgotten).unwrap_or(u32::MAX))
}

/// Workers of other processes that have been silent for so long that nobody looks for them any more.
async fn forget_workers(tx: &mut Tx) -> Result<(), Error> {
    query("DELETE FROM worker WHERE server_id IS NULL AND lease_until_us <= $1")
        .bind(tx.now().micros - LOST_SHOWN_US)
        .execute(tx.direct().await?)
        .await?;
    Ok(())
}

/// Waits before attempts, and those of tasks that gave their slot back.
async fn end_waits(tx: &mut Tx, swept: &mut Swept) -> Result<(), Error> {
    let now = tx.now().micros;
    let due = find(
        tx,
        "SELECT run_id, task, fence FROM task_run WHERE state = 'retry_wait' AND run_after_us <= $1 \
         ORDER BY run_after_us, task_run_id LIMIT $2",
        now,
    )
    .await?;
    swept.retried = each(tx, due, |task, _| Event::RetryDue { task }).await?;
    let over = find(
        tx,
        "SELECT run_id, task, fence FROM task_run WHERE state = 'deferred' AND wake_at_us <= $1 \
         ORDER BY wake_at_us LIMIT $2",
        now,
    )
    .await?;
    swept.resumed = each(tx, over, |task, _| Event::WaitOver { task }).await?;
    Ok(())
}

struct Found {
    run_id: String,
    task: Name,
    fence: i64,
}

async fn find(tx: &mut Tx, statement: &'static str, until_us: i64) -> Result<Vec<Found>, Error> {
    let rows = query(statement).bind(until_us).bind(MAX_ROWS).fetch_all(tx.direct().await?).await?;
    let mut found = rows
        .iter()
        .map(|row| {
            Ok(Found {
                run_id: row.try_get("run_id")?,
                task: name(row.try_get("task")?)?,
                fence: row.try_get("fence")?,
            })
        })
        .collect::<Result<Vec<_>, Error>>()?;
    // Servers take runs in one order.
    found.sort_by(|one, other| one.run_id.cmp(&other.run_id));
    Ok(found)
}

async fn each(tx: &mut Tx, found: Vec<Found>, event: impl Fn(Name, i64) -> Event + Send) -> Result<u32, Error> {
    let mut applied = 0;
    for Found { run_id, task, fence } in found {
        crossing!("cp13.before");
        match apply(tx, &run_id, &event(task, fence)).await {
            Ok(()) => applied += 1,
            Err(error) if error.is_database_fault() => return Err(error),
            // One run that does not read must not keep the others from going on.
            Err(error) => tracing::error!(run.id = run_id, %error, "a run could not be advanced"),
        }
        crossing!("cp13.after");
    }
    Ok(applied)
}
