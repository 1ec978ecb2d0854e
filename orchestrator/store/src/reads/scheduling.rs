//! Reads of the scheduler and of the server when it starts.

use std::collections::BTreeMap;

use daybreak_core::WorkerIdentity;
use daybreak_spec::{Name, Timestamp};

use crate::database::{Row, query};
use crate::load::{count, name};
use crate::{Error, HeldByWorker, Store};

/// The project that is deployed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CurrentProject {
    /// Its name.
    pub project: Name,
    /// Its snapshot, an object in the artefact store.
    pub version: String,
    /// The folder that its relative paths start from.
    pub root: String,
    /// What reading it found out beside its declarations, as JSON, where that is known.
    pub found: Option<String>,
}

/// An attempt that is going on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunningAttempt {
    /// The task run.
    pub task_run_id: String,
    /// Its fence.
    pub fence: i64,
}

impl Store {
    /// The project deployed last.
    pub async fn current_project(&self) -> Result<Option<CurrentProject>, Error> {
        let row = query(
            "SELECT project.project, project.current_version, project_version.root, project_version.found FROM project \
             JOIN project_version ON project_version.project = project.project \
             AND project_version.version = project.current_version ORDER BY project.deployed_at_us DESC LIMIT 1",
        )
        .fetch_optional(&self.readers)
        .await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(CurrentProject {
            project: name(row.try_get("project")?)?,
            version: row.try_get("current_version")?,
            root: row.try_get("root")?,
            found: row.try_get("found")?,
        }))
    }

    /// The cursors of all schedules of a project, by DAG and place.
    pub async fn cursors(&self, project: &Name) -> Result<BTreeMap<(Name, u32), Timestamp>, Error> {
        let rows = query("SELECT dag, schedule, cursor_us FROM schedule_cursor WHERE project = $1")
            .bind(project.as_str())
            .fetch_all(&self.readers)
            .await?;
        rows.iter()
            .map(|row| {
                let key = (name(row.try_get("dag")?)?, count(row, "schedule")?);
                Ok((key, Timestamp::from_micros(row.try_get("cursor_us")?)))
            })
            .collect()
    }

    /// How many missed firings the policies of a project's schedules have left out so far, by DAG and place.
    pub async fn left_out(&self, project: &Name) -> Result<BTreeMap<(Name, u32), u64>, Error> {
        let rows = query("SELECT dag, schedule, left_out FROM schedule_cursor WHERE project = $1 AND left_out > 0")
            .bind(project.as_str())
            .fetch_all(&self.readers)
            .await?;
        rows.iter()
            .map(|row| Ok(((name(row.try_get("dag")?)?, count(row, "schedule")?), count(row, "left_out")?)))
            .collect()
    }

    /// How many runs of each DAG of a project have not ended; DAGs without any are left out.
    pub async fn active_counts(&self, project: &Name) -> Result<BTreeMap<Name, u32>, Error> {
        let rows = query(
            "SELECT dag, COUNT(*) AS runs FROM run WHERE project = $1 AND state IN ('queued', 'running') \
             AND backfill_id IS NULL GROUP BY dag",
        )
        .bind(project.as_str())
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(|row| Ok((name(row.try_get("dag")?)?, count(row, "runs")?))).collect()
    }

    /// Where simulated business time stands, if it was ever set.
    pub async fn simulated_time(&self) -> Result<Option<Timestamp>, Error> {
        let stands: Option<i64> =
            query("SELECT simulated_us FROM clock WHERE name = 'business'").fetch_value(&self.readers).await?;
        Ok(stands.map(Timestamp::from_micros))
    }

    /// What the rows give a worker. Looked up beside the writer, which others wait for.
    pub(crate) async fn held_by(&self, worker: &WorkerIdentity) -> Result<Vec<HeldByWorker>, Error> {
        let rows = query(
            "SELECT task_run_id, fence, cancel_requested FROM task_run \
             WHERE state = 'running' AND worker_id = $1 AND worker_epoch = $2",
        )
        .bind(&worker.id)
        .bind(worker.epoch)
        .fetch_all(&self.readers)
        .await?;
        let held = |row: &Row| {
            Ok(HeldByWorker {
                task_run_id: row.try_get("task_run_id")?,
                fence: row.try_get("fence")?,
                cancel_requested: row.try_get::<i64>("cancel_requested")? != 0,
            })
        };
        rows.iter().map(held).collect()
    }

    /// The tasks of a worker whose end was asked for, sorted.
    pub async fn cancelled_of(&self, worker: &WorkerIdentity) -> Result<Vec<RunningAttempt>, Error> {
        let rows = query(
            "SELECT task_run_id, fence FROM task_run WHERE state = 'running' AND worker_id = $1 \
             AND worker_epoch = $2 AND cancel_requested = 1 ORDER BY task_run_id",
        )
        .bind(&worker.id)
        .bind(worker.epoch)
        .fetch_all(&self.readers)
        .await?;
        rows.iter()
            .map(|row| Ok(RunningAttempt { task_run_id: row.try_get("task_run_id")?, fence: row.try_get("fence")? }))
            .collect()
    }

    /// Whether an attempt is going on under this very fence.
    pub async fn is_current(&self, attempt: &RunningAttempt) -> Result<bool, Error> {
        let found: i64 =
            query("SELECT COUNT(*) FROM task_run WHERE task_run_id = $1 AND fence = $2 AND state = 'running'")
                .bind(&attempt.task_run_id)
                .bind(attempt.fence)
                .fetch_scalar(&self.readers)
                .await?;
        Ok(found == 1)
    }

    /// The run of a firing, if it was made.
    pub async fn run_of_firing(&self, project: &Name, dag: &Name, at: Timestamp) -> Result<Option<String>, Error> {
        let found = query("SELECT run_id FROM run WHERE project = $1 AND dag = $2 AND scheduled_for_us = $3")
            .bind(project.as_str())
            .bind(dag.as_str())
            .bind(at.micros)
            .fetch_value(&self.readers)
            .await?;
        Ok(found)
    }

    /// How many attempts are going on under the workers of one server process.
    pub async fn running_attempts(&self, server_id: &str) -> Result<u64, Error> {
        let running: i64 = query(
            "SELECT COUNT(*) FROM task_run WHERE state = 'running' AND worker_id IN \
             (SELECT worker_id FROM worker WHERE server_id = $1)",
        )
        .bind(server_id)
        .fetch_scalar(&self.readers)
        .await?;
        Ok(running.unsigned_abs())
    }

    /// The newest run of a DAG.
    pub async fn newest_run(&self, project: &Name, dag: &Name) -> Result<Option<String>, Error> {
        let newest = query("SELECT run_id FROM run WHERE project = $1 AND dag = $2 ORDER BY run_id DESC LIMIT 1")
            .bind(project.as_str())
            .bind(dag.as_str())
            .fetch_value(&self.readers)
            .await?;
        Ok(newest)
    }

    /// The newest run of a project.
    pub async fn newest_run_of_all(&self, project: &Name) -> Result<Option<String>, Error> {
        query("SELECT run_id FROM run WHERE project = $1 ORDER BY run_id DESC LIMIT 1")
            .bind(project.as_str())
            .fetch_value(&self.readers)
            .await
    }
}
