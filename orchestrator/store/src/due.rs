//! What real time has brought about, looked up beside the writer: nearly always it is nothing, and looking takes a while where
//! somebody's long transaction keeps PostgreSQL from clearing away what is over. Each order is that of the index of the few
//! rows in question: without it SQLite reads the whole past. To add a matter of time: a look-up and its event here, a line in
//! `sweep.rs`.

use std::collections::BTreeSet;

use daybreak_core::Event;
use daybreak_spec::{Name, Timestamp};

use crate::Error;
use crate::database::{Pool, query};
use crate::limits::{Counter, waited_for};
use crate::load::name;
use crate::time_limits::{overdue, too_long, untaken};

/// Rows looked at per matter and turn.
pub(crate) const MAX_ROWS: i64 = 500;

/// How long a lost worker is shown.
const LOST_SHOWN_US: i64 = 3_600_000_000;

/// An event that is due.
pub(crate) struct DueEvent {
    pub run_id: String,
    /// The task and the fence under which it was looked at, where it is about a task: it is not meant for a later attempt.
    pub at: Option<(Name, i64)>,
    pub event: Event,
}

/// Everything that is due.
pub(crate) struct Due {
    /// Attempts whose worker is lost.
    pub lost: Vec<DueEvent>,
    /// Attempts past their deadline.
    pub timed_out: Vec<DueEvent>,
    /// Cancelled tasks that their worker has not ended.
    pub forced: Vec<DueEvent>,
    /// Waits before attempts.
    pub retried: Vec<DueEvent>,
    /// Waits of tasks that gave their slot back.
    pub resumed: Vec<DueEvent>,
    pub untaken: Vec<DueEvent>,
    pub too_long: Vec<DueEvent>,
    pub overdue: Vec<DueEvent>,
    /// DAGs with queued runs.
    pub queued: Vec<(String, String)>,
    /// Counters that tasks wait for.
    pub waited_for: BTreeSet<Counter>,
    /// Results that were known for as long as they may be.
    pub results: bool,
    /// Up to when workers are forgotten, if there are such.
    pub silent_until_us: Option<i64>,
    /// When the next wait is over, if one is known.
    pub next_retry: Option<Timestamp>,
}

impl Due {
    /// Looks everything up. `now`: as leases and deadlines go by it.
    pub(crate) async fn find(readers: &Pool, now: Timestamp, cancel_grace_us: i64) -> Result<Self, Error> {
        let now_us = now.micros;
        let silent_until_us = now_us - LOST_SHOWN_US;
        let lost = find(
            readers,
            "SELECT task_run.run_id, task_run.task, task_run.fence FROM task_run LEFT JOIN worker \
             ON worker.worker_id = task_run.worker_id AND worker.epoch = task_run.worker_epoch \
             WHERE task_run.state = 'running' AND (worker.worker_id IS NULL OR worker.lease_until_us <= $1) \
             ORDER BY task_run.worker_id, task_run.worker_epoch LIMIT $2",
            now_us,
            |task, fence| Event::Lost { task, fence },
        );
        let timed_out = find(
            readers,
            "SELECT run_id, task, fence FROM task_run WHERE state = 'running' AND deadline_us <= $1 \
             ORDER BY worker_id, worker_epoch LIMIT $2",
            now_us,
            |task, _| Event::TimedOut { task },
        );
        let forced = find(
            readers,
            "SELECT run_id, task, fence FROM task_run WHERE state = 'running' AND cancel_requested = 1 \
             AND cancel_at_us <= $1 ORDER BY worker_id, worker_epoch LIMIT $2",
            now_us - cancel_grace_us,
            |task, _| Event::ForceCancel { task },
        );
        let retried = find(
            readers,
            "SELECT run_id, task, fence FROM task_run WHERE state = 'retry_wait' AND run_after_us <= $1 \
             ORDER BY run_after_us, task_run_id LIMIT $2",
            now_us,
            |task, _| Event::RetryDue { task },
        );
        let resumed = find(
            readers,
            "SELECT run_id, task, fence FROM task_run WHERE state = 'deferred' AND wake_at_us <= $1 \
             ORDER BY wake_at_us LIMIT $2",
            now_us,
            |task, _| Event::WaitOver { task },
        );
        Ok(Self {
            lost: lost.await?,
            timed_out: timed_out.await?,
            forced: forced.await?,
            retried: retried.await?,
            resumed: resumed.await?,
            untaken: untaken(readers, now_us).await?,
            too_long: too_long(readers, now_us).await?,
            overdue: overdue(readers, now_us).await?,
            queued: queued(readers).await?,
            waited_for: waited_for(readers).await?,
            results: any(
                readers,
                "SELECT 1 FROM known_result WHERE expires_at_us <= $1 ORDER BY expires_at_us LIMIT 1",
                now_us,
            )
            .await?,
            silent_until_us: any(
                readers,
                "SELECT 1 FROM worker WHERE server_id IS NULL AND lease_until_us <= $1 LIMIT 1",
                silent_until_us,
            )
            .await?
            .then_some(silent_until_us),
            next_retry: next_retry(readers).await?,
        })
    }

    /// Whether there is nothing to write.
    pub(crate) fn is_nothing(&self) -> bool {
        let events = [
            &self.lost,
            &self.timed_out,
            &self.forced,
            &self.retried,
            &self.resumed,
            &self.untaken,
            &self.too_long,
            &self.overdue,
        ];
        let nothing_else = self.queued.is_empty() && self.waited_for.is_empty() && self.silent_until_us.is_none();
        nothing_else && !self.results && events.iter().all(|events| events.is_empty())
    }
}

async fn find(
    readers: &Pool,
    statement: &'static str,
    until_us: i64,
    event: impl Fn(Name, i64) -> Event + Send,
) -> Result<Vec<DueEvent>, Error> {
    let rows = query(statement).bind(until_us).bind(MAX_ROWS).fetch_all(readers).await?;
    let mut found = Vec::with_capacity(rows.len());
    for row in &rows {
        let (task, fence) = (name(row.try_get("task")?)?, row.try_get("fence")?);
        found.push(DueEvent {
            run_id: row.try_get("run_id")?,
            at: Some((task.clone(), fence)),
            event: event(task, fence),
        });
    }
    in_one_order(&mut found);
    Ok(found)
}

/// Servers take runs in one order.
pub(crate) fn in_one_order(events: &mut [DueEvent]) {
    events.sort_by(|one, other| one.run_id.cmp(&other.run_id));
}

async fn any(readers: &Pool, statement: &'static str, until_us: i64) -> Result<bool, Error> {
    Ok(query(statement).bind(until_us).fetch_optional(readers).await?.is_some())
}

async fn queued(readers: &Pool) -> Result<Vec<(String, String)>, Error> {
    let rows = query(
        "SELECT DISTINCT project, dag FROM run WHERE state IN ('queued', 'running') AND state = 'queued' \
         ORDER BY project, dag",
    )
    .fetch_all(readers)
    .await?;
    rows.iter().map(|row| Ok((row.try_get("project")?, row.try_get("dag")?))).collect()
}

async fn next_retry(readers: &Pool) -> Result<Option<Timestamp>, Error> {
    let mut next = None;
    for first in [
        query("SELECT MIN(run_after_us) FROM task_run WHERE state = 'retry_wait'"),
        query("SELECT MIN(wake_at_us) FROM task_run WHERE state = 'deferred'"),
    ] {
        let first: Option<i64> = first.fetch_scalar(readers).await?;
        next = next.into_iter().chain(first.map(Timestamp::from_micros)).min();
    }
    Ok(next)
}
