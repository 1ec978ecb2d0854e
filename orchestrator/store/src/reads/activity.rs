//! What is going on now: all runs that have not ended with the states of their tasks, and the runs that were made lately. What
//! streams of events are made from; reads nothing of what has ended long ago.

use daybreak_core::{RunStatus, TaskStatus};
use daybreak_spec::Name;

use crate::database::query;
use crate::load::{count, name, run_status, task_status};
use crate::{Error, Store};

/// Runs that are listed as made lately, at most.
const MOST_MADE: i64 = 500;

/// One task of a run that has not ended; or the run, where it has no tasks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActiveTask {
    /// ULID of the run.
    pub run_id: String,
    /// The DAG.
    pub dag: Name,
    /// Where the run stands.
    pub run_state: RunStatus,
    /// The task, where it stands, its attempts.
    pub task: Option<(Name, TaskStatus, u32)>,
}

impl Store {
    /// All tasks of runs that have not ended, run by run.
    pub async fn active_tasks(&self, project: &Name) -> Result<Vec<ActiveTask>, Error> {
        // States and order are as in the index of active runs.
        let rows = query(
            "SELECT run.run_id, run.dag, run.state AS run_state, task_run.task, task_run.state, task_run.attempt FROM run \
             LEFT JOIN task_run ON task_run.run_id = run.run_id WHERE run.project = $1 \
             AND run.state IN ('queued', 'running') ORDER BY run.dag, run.window_end_us, run.run_id",
        )
        .bind(project.as_str())
        .fetch_all(&self.readers)
        .await?;
        rows.iter()
            .map(|row| {
                let task = match row.try_get::<Option<&str>>("task")? {
                    Some(task) => Some((name(task)?, task_status(row.try_get("state")?)?, count(row, "attempt")?)),
                    None => None,
                };
                Ok(ActiveTask {
                    run_id: row.try_get("run_id")?,
                    dag: name(row.try_get("dag")?)?,
                    run_state: run_status(row.try_get("run_state")?)?,
                    task,
                })
            })
            .collect()
    }

    /// Ids of the runs made after one, oldest first.
    pub async fn made_after(&self, project: &Name, run_id: &str) -> Result<Vec<String>, Error> {
        query("SELECT run_id FROM run WHERE project = $1 AND run_id > $2 ORDER BY run_id LIMIT $3")
            .bind(project.as_str())
            .bind(run_id)
            .bind(MOST_MADE)
            .fetch_values(&self.readers)
            .await
    }

    /// Where a task of a run stands.
    pub async fn task_status(&self, run_id: &str, task: &Name) -> Result<TaskStatus, Error> {
        let state: Option<String> = query("SELECT state FROM task_run WHERE run_id = $1 AND task = $2")
            .bind(run_id)
            .bind(task.as_str())
            .fetch_value(&self.readers)
            .await?;
        let state = state.ok_or_else(|| Error::NotFound(format!("run `{run_id}` has no task `{task}`")))?;
        task_status(&state)
    }
}
