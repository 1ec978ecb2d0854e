//! Reads of the attempts of a run's tasks.

use daybreak_protocol::{AttemptCursor, AttemptList, AttemptView, AttemptsQuery};
use daybreak_spec::Name;

use super::cut;
use super::runs::no_run;
use crate::database::{Row, query};
use crate::load::{count, instant, name, task_status};
use crate::{Error, Store};

/// Records of attempts that have ended, and what a task's row says of the one that it is at: that holds, where both are there,
/// as after a wait. `place_us`: when a worker took it.
const ATTEMPTS: &str = "SELECT * FROM (SELECT task_run.task_run_id, task_run.task, failed_attempt.attempt, \
     failed_attempt.fence, worker.label AS worker, failed_attempt.ready_at_us, failed_attempt.started_at_us, \
     failed_attempt.ended_at_us, failed_attempt.state_after AS state, failed_attempt.cause, failed_attempt.reason, \
     COALESCE(failed_attempt.started_at_us, 0) AS place_us \
     FROM task_run JOIN failed_attempt ON failed_attempt.task_run_id = task_run.task_run_id \
     LEFT JOIN worker ON worker.worker_id = failed_attempt.worker_id \
     WHERE task_run.run_id = $1 AND (task_run.task = $2 OR ($2 IS NULL AND task_run.item IS NULL)) \
     AND NOT (failed_attempt.fence = task_run.fence AND task_run.started_at_us IS NOT NULL \
     AND (task_run.state IN ('running', 'deferred') OR (task_run.state IN ('succeeded', 'failed', 'skipped') \
     AND COALESCE(task_run.reported_fence, -1) = task_run.fence))) \
     UNION ALL SELECT task_run.task_run_id, task_run.task, task_run.attempt, task_run.fence, worker.label AS worker, \
     task_run.ready_at_us, task_run.started_at_us, task_run.ended_at_us, task_run.state, task_run.cause, task_run.reason, \
     COALESCE(task_run.started_at_us, 0) AS place_us \
     FROM task_run LEFT JOIN worker ON worker.worker_id = task_run.worker_id \
     WHERE task_run.run_id = $1 AND (task_run.task = $2 OR ($2 IS NULL AND task_run.item IS NULL)) \
     AND task_run.started_at_us IS NOT NULL \
     AND (task_run.state IN ('running', 'deferred') OR (task_run.state IN ('succeeded', 'failed', 'skipped') \
     AND COALESCE(task_run.reported_fence, -1) = task_run.fence))) AS attempts \
     WHERE (place_us, task_run_id, fence) > ($3, $4, $5) ORDER BY place_us, task_run_id, fence LIMIT $6";

impl Store {
    /// Attempts of a run, oldest first.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown run or task.
    pub async fn list_attempts(&self, run_id: &str, wanted: &AttemptsQuery) -> Result<AttemptList, Error> {
        let limit = wanted.effective_limit();
        let task = wanted.task.as_ref().map(Name::as_str);
        self.require_task(run_id, task).await?;
        let after = wanted.after.as_ref();
        let rows = query(ATTEMPTS)
            .bind(run_id)
            .bind(task)
            .bind(after.map_or(i64::MIN, |after| after.started_us))
            .bind(after.map_or("", |after| after.task_run_id.as_str()))
            .bind(after.map_or(i64::MIN, |after| after.fence))
            .bind(i64::from(limit) + 1)
            .fetch_all(&self.readers)
            .await?;
        let (rows, next) = cut(rows, limit, cursor);
        let attempts = rows.iter().map(attempt).collect::<Result<_, _>>()?;
        Ok(AttemptList { attempts, next: next.transpose()? })
    }

    async fn require_task(&self, run_id: &str, task: Option<&str>) -> Result<(), Error> {
        match task {
            Some(task) => {
                let found: i64 = query("SELECT COUNT(*) FROM task_run WHERE run_id = $1 AND task = $2")
                    .bind(run_id)
                    .bind(task)
                    .fetch_scalar(&self.readers)
                    .await?;
                let unknown = || Error::NotFound(format!("run `{run_id}` has no task `{task}`"));
                if found == 0 { Err(unknown()) } else { Ok(()) }
            }
            None => {
                let found: i64 = query("SELECT COUNT(*) FROM run WHERE run_id = $1")
                    .bind(run_id)
                    .fetch_scalar(&self.readers)
                    .await?;
                if found == 0 { Err(no_run(run_id)) } else { Ok(()) }
            }
        }
    }
}

fn cursor(row: &Row) -> Result<AttemptCursor, Error> {
    Ok(AttemptCursor {
        started_us: row.try_get("place_us")?,
        task_run_id: row.try_get("task_run_id")?,
        fence: row.try_get("fence")?,
    })
}

fn attempt(row: &Row) -> Result<AttemptView, Error> {
    Ok(AttemptView {
        task: name(row.try_get("task")?)?,
        attempt: count(row, "attempt")?,
        fence: row.try_get("fence")?,
        worker: row.try_get("worker")?,
        ready_at: instant(row, "ready_at_us")?,
        started_at: instant(row, "started_at_us")?,
        ended_at: instant(row, "ended_at_us")?,
        state: task_status(row.try_get("state")?)?,
        cause: row.try_get("cause")?,
        reason: row.try_get("reason")?,
    })
}
