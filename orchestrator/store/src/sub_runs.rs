//! Runs that tasks make: each attempt at most one, made in the transaction in which its task begins to wait for it. The end
//! of such a run is told to the task that waits; one whose task waits no more is ended. Both follow from the rows alone,
//! whoever looks and whenever. Must never make a run that a run above it in the chain is of the same DAG as.

use daybreak_core::{Awaited, Event, Failure, Resumption, RunStatus, Wait};
use daybreak_spec::{Name, Timestamp};
use serde_json::{Map, json};

use crate::changes::apply;
use crate::database::query;
use crate::load::{LoadedRun, instant, name, run_status};
use crate::tx::{Command, Tx};
use crate::{Error, NewRun, Store};

/// Rows of one look-up.
const MAX_ROWS: i64 = 500;

/// Runs that may stand above one another.
const MAX_DEPTH: usize = 32;

/// What was done about a run that a task had made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubRunSettled {
    /// Its end was told to its task.
    Told,
    /// Its end was asked for, because its task waits no more.
    Cancelled,
    /// It has ended and nobody waits for it.
    Closed,
    /// It goes on.
    Open,
}

/// Makes the run of an attempt that is about to wait for it; the wait with its id.
pub(crate) async fn make_sub_run(
    tx: &mut Tx,
    (parent, task): (&LoadedRun, &Name),
    wait: &Wait,
    made: &NewRun,
) -> Result<Wait, Error> {
    let Awaited::Run { dag, params, .. } = &wait.condition else {
        return Err(Error::Refused("a run is made only by a task that waits for it".to_owned()));
    };
    refuse_circle(tx, parent, dag).await?;
    let run_id = made.run(tx).await?;
    let progress = &parent.snapshot.tasks[task].progress;
    query(
        "INSERT INTO sub_run (run_id, project, parent_run_id, task_run_id, generation, attempt) \
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(&run_id)
    .bind(&parent.project)
    .bind(&parent.run_id)
    .bind(&parent.tasks[task].task_run_id)
    .bind(i64::from(progress.generation))
    .bind(i64::from(progress.attempt))
    .execute(tx.direct().await?)
    .await?;
    let condition = Awaited::Run { dag: dag.clone(), params: params.clone(), run_id: Some(run_id) };
    Ok(Wait { condition, ..wait.clone() })
}

/// A DAG that runs itself, through whatever others, would never end. `check` finds it where it is written; a name that only
/// a run knows is met here.
async fn refuse_circle(tx: &mut Tx, parent: &LoadedRun, dag: &Name) -> Result<(), Error> {
    let (mut above, mut run_id) = (parent.dag.clone(), Some(parent.run_id.clone()));
    for _ in 0..MAX_DEPTH {
        if above == dag.as_str() {
            let detail =
                format!("DAG `{dag}` runs itself: run {} stands above the one that was to be made", parent.run_id);
            return Err(Error::Refused(detail));
        }
        let Some(of) = run_id.take() else { return Ok(()) };
        let row = query(
            "SELECT run.run_id, run.dag FROM sub_run JOIN run ON run.run_id = sub_run.parent_run_id \
             WHERE sub_run.run_id = $1",
        )
        .bind(of)
        .fetch_optional(tx.direct().await?)
        .await?;
        let Some(row) = row else { return Ok(()) };
        (above, run_id) = (row.try_get("dag")?, Some(row.try_get("run_id")?));
    }
    Err(Error::Refused(format!("more than {MAX_DEPTH} runs stand above the run of DAG `{dag}` that was to be made")))
}

/// Does what is to be done about a run that a task had made.
pub(crate) struct SettleSubRun(pub String);

impl Command for SettleSubRun {
    type Reply = SubRunSettled;
    async fn run(&self, tx: &mut Tx) -> Result<SubRunSettled, Error> {
        let Self(run_id) = self;
        let row = query(
            "SELECT run.dag, run.state, run.reason, sub_run.parent_run_id, wait.task, wait.fence FROM sub_run \
             JOIN run ON run.run_id = sub_run.run_id \
             LEFT JOIN wait ON wait.task_run_id = sub_run.task_run_id AND wait.name = sub_run.run_id \
             WHERE sub_run.run_id = $1 AND sub_run.open = 1",
        )
        .bind(run_id)
        .fetch_optional(tx.direct().await?)
        .await?;
        let Some(row) = row else { return Ok(SubRunSettled::Closed) };
        let (state, parent): (_, String) = (run_status(row.try_get("state")?)?, row.try_get("parent_run_id")?);
        let waits: Option<String> = row.try_get("task")?;
        match (state.is_terminal(), waits) {
            (false, Some(_)) => Ok(SubRunSettled::Open),
            (false, None) => {
                let reason = format!("the task of run {parent} that had made it waits for it no more");
                match apply(tx, run_id, &Event::Cancel { reason }).await {
                    Ok(()) => Ok(SubRunSettled::Cancelled),
                    // It is being ended already.
                    Err(Error::Refused(_)) => Ok(SubRunSettled::Open),
                    Err(error) => Err(error),
                }
            }
            (true, waits) => {
                query("UPDATE sub_run SET open = 0 WHERE run_id = $1").bind(run_id).execute(tx.direct().await?).await?;
                let Some(task) = waits else { return Ok(SubRunSettled::Closed) };
                let (dag, reason): (String, Option<String>) = (row.try_get("dag")?, row.try_get("reason")?);
                let resumption = told(run_id, (&dag, state), reason.as_deref());
                let event = Event::Resume { task: name(&task)?, fence: row.try_get("fence")?, resumption };
                match apply(tx, &parent, &event).await {
                    Ok(()) => Ok(SubRunSettled::Told),
                    Err(Error::Stale | Error::Refused(_)) => Ok(SubRunSettled::Closed),
                    Err(error) => Err(error),
                }
            }
        }
    }
}

/// What the end of its run means for a task.
fn told(run_id: &str, (dag, state): (&str, RunStatus), reason: Option<&str>) -> Resumption {
    if state == RunStatus::Succeeded {
        let outputs = json!({ "run_id": run_id });
        return Resumption::Succeeds { outputs: Map::from_iter(outputs.as_object().cloned().unwrap_or_default()) };
    }
    let reason = reason.unwrap_or("no reason was given");
    let reason = format!("run {run_id} of DAG `{dag}` ended {state}: {reason}");
    Resumption::FailsAttempt(Failure { cause: "run_failed".to_owned(), reason })
}

/// What a run that a task makes has from the run of the task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParentRun {
    /// The snapshot it was made from.
    pub version: String,
    /// Previous firing.
    pub window_start: Option<Timestamp>,
    /// T.
    pub window_end: Timestamp,
}

impl Store {
    /// The run of a task run.
    pub async fn parent_run(&self, task_run_id: &str) -> Result<ParentRun, Error> {
        let row = query(
            "SELECT run.version, run.window_start_us, run.window_end_us FROM task_run \
             JOIN run ON run.run_id = task_run.run_id WHERE task_run.task_run_id = $1",
        )
        .bind(task_run_id)
        .fetch_optional(&self.readers)
        .await?
        .ok_or_else(|| Error::NotFound(format!("no task run has the id `{task_run_id}`")))?;
        Ok(ParentRun {
            version: row.try_get("version")?,
            window_start: instant(&row, "window_start_us")?,
            window_end: Timestamp::from_micros(row.try_get("window_end_us")?),
        })
    }

    /// Runs made by tasks about which something is to be done, in order; some of them where there are many.
    pub async fn unsettled_sub_runs(&self) -> Result<Vec<String>, Error> {
        let found = query(
            "SELECT sub_run.run_id FROM sub_run JOIN run ON run.run_id = sub_run.run_id \
             LEFT JOIN wait ON wait.task_run_id = sub_run.task_run_id AND wait.name = sub_run.run_id \
             WHERE sub_run.open = 1 AND (run.state NOT IN ('queued', 'running') \
             OR (wait.task_run_id IS NULL AND run.cancel_requested IS NULL)) ORDER BY sub_run.run_id LIMIT $1",
        )
        .bind(MAX_ROWS)
        .fetch_values(&self.readers)
        .await?;
        Ok(found)
    }
}
