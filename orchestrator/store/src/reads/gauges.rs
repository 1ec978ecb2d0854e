//! How much there is to do and who does it, for whoever watches. Reads what has not ended, nothing else.

use daybreak_spec::Timestamp;

use crate::database::query;
use crate::{Error, Store};

/// How things stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gauges {
    /// Runs that wait for their turn, and runs that have begun.
    pub queued_runs: u64,
    /// See `queued_runs`.
    pub running_runs: u64,
    /// Tasks that wait for a worker: light ones, heavy ones.
    pub ready: [u64; 2],
    /// Since when the longest-waiting one of them waits.
    pub oldest_ready: Option<Timestamp>,
    /// Tasks that are ready and find no room in a limit.
    pub blocked: u64,
    /// Tasks that a worker holds.
    pub running: u64,
    /// Workers whose lease runs.
    pub workers: u64,
}

impl Store {
    /// How things stand now, whatever the project.
    pub async fn gauges(&self) -> Result<Gauges, Error> {
        let mut gauges = Gauges::default();
        let mut snapshot = self.readers.begin().await?;
        let runs = query("SELECT state, COUNT(*) AS runs FROM run WHERE state IN ('queued', 'running') GROUP BY state")
            .fetch_all(&mut snapshot)
            .await?;
        for row in &runs {
            let count = row.try_get::<i64>("runs")?.unsigned_abs();
            match row.try_get("state")? {
                "queued" => gauges.queued_runs = count,
                _ => gauges.running_runs = count,
            }
        }
        let ready = query(
            "SELECT heavy, COUNT(*) AS tasks, MIN(ready_at_us) AS since FROM task_run WHERE state = 'ready' \
             AND blocked_on IS NULL GROUP BY heavy",
        )
        .fetch_all(&mut snapshot)
        .await?;
        for row in &ready {
            let heavy = usize::from(row.try_get::<i64>("heavy")? != 0);
            gauges.ready[heavy] = row.try_get::<i64>("tasks")?.unsigned_abs();
            let since = row.try_get::<Option<i64>>("since")?.map(Timestamp::from_micros);
            gauges.oldest_ready = gauges.oldest_ready.into_iter().chain(since).min();
        }
        let blocked: i64 = query("SELECT COUNT(*) FROM task_run WHERE state = 'ready' AND blocked_on IS NOT NULL")
            .fetch_scalar(&mut snapshot)
            .await?;
        gauges.blocked = blocked.unsigned_abs();
        let running: i64 =
            query("SELECT COUNT(*) FROM task_run WHERE state = 'running'").fetch_scalar(&mut snapshot).await?;
        gauges.running = running.unsigned_abs();
        let workers: i64 = query("SELECT COUNT(*) FROM worker WHERE lease_until_us > $1")
            .bind(self.now().micros)
            .fetch_scalar(&mut snapshot)
            .await?;
        gauges.workers = workers.unsigned_abs();
        Ok(gauges)
    }
}
