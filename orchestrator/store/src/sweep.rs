//! What real time brings about, dealt with by the leader: lost workers, attempts past their deadline, cancelled tasks whose
//! worker does not end them, waits that are over, limits in time, room in limits. What is due is looked up beside the writer
//! (`due.rs`) and looked at again here; it is what is, not what happened, so it is safe to run at any moment and twice.

use daybreak_failpoints::crossing;
use daybreak_spec::Timestamp;

use crate::changes::apply;
use crate::database::query;
use crate::due::{Due, DueEvent, MAX_ROWS};
use crate::load::hold;
use crate::runs::check_epoch;
use crate::tx::{Command, Tx};
use crate::{Error, Store};

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

impl Swept {
    fn add(&mut self, more: Self) {
        self.lost += more.lost;
        self.timed_out += more.timed_out;
        self.forced += more.forced;
        self.retried += more.retried;
        self.resumed += more.resumed;
        self.untaken += more.untaken;
        self.too_long += more.too_long;
        self.overdue += more.overdue;
        self.forgotten += more.forgotten;
    }
}

impl Store {
    /// Real time as leases go by it.
    async fn lease_time(&self) -> Result<Timestamp, Error> {
        let own = self.now();
        Ok(if self.with_time { self.readers.time().await?.unwrap_or(own) } else { own })
    }

    /// Deals with what real time has brought about.
    pub async fn sweep(&self, sweep: Sweep) -> Result<Swept, Error> {
        let mut swept = Swept::default();
        // What comes about may end a wait that is over at once, as that of a task whose worker was lost.
        for _ in 0..2 {
            let due = Due::find(&self.readers, self.lease_time().await?, sweep.cancel_grace_us).await?;
            swept.next_retry = due.next_retry;
            if due.is_nothing() {
                break;
            }
            let more = self.write(SweepUp { epoch: sweep.epoch, due }).await?;
            if more == Swept::default() {
                break;
            }
            swept.add(more);
        }
        Ok(swept)
    }
}

/// Lets what is due happen.
struct SweepUp {
    epoch: i64,
    due: Due,
}

impl Command for SweepUp {
    type Reply = Swept;
    async fn run(&self, tx: &mut Tx) -> Result<Swept, Error> {
        check_epoch(tx, self.epoch).await?;
        let due = &self.due;
        let swept = Swept {
            lost: each(tx, &due.lost).await?,
            timed_out: each(tx, &due.timed_out).await?,
            forced: each(tx, &due.forced).await?,
            retried: each(tx, &due.retried).await?,
            resumed: each(tx, &due.resumed).await?,
            untaken: each(tx, &due.untaken).await?,
            too_long: each(tx, &due.too_long).await?,
            overdue: each(tx, &due.overdue).await?,
            forgotten: if due.results { forget_results(tx).await? } else { 0 },
            next_retry: None,
        };
        if let Some(silent_until_us) = due.silent_until_us {
            forget_workers(tx, silent_until_us).await?;
        }
        tx.followed.extend(due.queued.iter().cloned());
        tx.freed.extend(due.waited_for.iter().cloned());
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
async fn forget_workers(tx: &mut Tx, silent_until_us: i64) -> Result<(), Error> {
    query("DELETE FROM worker WHERE server_id IS NULL AND lease_until_us <= $1")
        .bind(silent_until_us)
        .execute(tx.direct().await?)
        .await?;
    Ok(())
}

/// How many came about.
async fn each(tx: &mut Tx, events: &[DueEvent]) -> Result<u32, Error> {
    let mut applied = 0;
    for due in events {
        crossing!("cp13.before");
        match happens(tx, due).await {
            Ok(came_about) => applied += u32::from(came_about),
            Err(error) if error.is_database_fault() => return Err(error),
            // One run that does not read must not keep the others from going on.
            Err(error) => tracing::error!(run.id = due.run_id, %error, "a run could not be advanced"),
        }
        crossing!("cp13.after");
    }
    Ok(applied)
}

async fn happens(tx: &mut Tx, due: &DueEvent) -> Result<bool, Error> {
    if let Some((task, fence)) = &due.at {
        let run = hold(tx, &due.run_id).await?;
        let stands = run.snapshot.task(task.as_str()).is_some_and(|(_, task)| task.progress.fence == *fence);
        tx.known.keep(run);
        if !stands {
            return Ok(false);
        }
    }
    match apply(tx, &due.run_id, &due.event).await {
        Ok(()) => Ok(true),
        // It ended or went on since it was looked up.
        Err(Error::Stale | Error::Refused(_)) => Ok(false),
        Err(error) => Err(error),
    }
}
