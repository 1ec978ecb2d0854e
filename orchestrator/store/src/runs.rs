//! Making runs: by hand, or from the firings of a schedule; and asking for their end. A firing and the advance of its
//! schedule's cursor are one transaction, so neither can be lost or doubled. To add a policy for overlapping runs: an
//! arm in `Fire::make`.

use daybreak_core::{Event, RunStatus, TaskStatus};
use daybreak_spec::{Name, Overlap, Retry, Timestamp};
use serde_json::{Map, Value as Json};

use crate::Error;
use crate::changes::{apply, exactly_one, start_next};
use crate::writer::{Command, Tx};

/// What every run of a DAG is made from.
#[derive(Clone, Debug)]
pub struct RunTemplate {
    /// The project.
    pub project: Name,
    /// The DAG.
    pub dag: Name,
    /// The snapshot it is declared in.
    pub version: String,
    /// The run's parameters.
    pub params: Map<String, Json>,
    /// Its tasks, parents before children.
    pub tasks: Vec<TaskTemplate>,
}

/// What every task run of a task is made from.
#[derive(Clone, Debug)]
pub struct TaskTemplate {
    /// The task.
    pub task: Name,
    /// Its kind.
    pub kind: String,
    /// Runs in a child process.
    pub heavy: bool,
    /// Skipped when a task it needs has `passed: false`.
    pub gated: bool,
    /// The tasks it needs.
    pub parents: Vec<Name>,
    /// Its retry policy.
    pub retry: Retry,
    /// Longest attempt in real time.
    pub timeout_us: Option<i64>,
}

/// A run to be made by hand.
#[derive(Clone, Debug)]
pub struct NewRun {
    /// From what.
    pub template: RunTemplate,
    /// Previous firing.
    pub window_start: Option<Timestamp>,
    /// T.
    pub window_end: Timestamp,
}

/// One firing that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewFiring {
    /// Nominal instant.
    pub at: Timestamp,
    /// Previous firing of the DAG.
    pub window_start: Option<Timestamp>,
    /// What happens while a run is active.
    pub overlap: Overlap,
}

/// How far a schedule has been dealt with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CursorMove {
    /// The schedule's place in its DAG.
    pub schedule: u32,
    /// Where its cursor was when the firings were found.
    pub from: Timestamp,
    /// Where it goes.
    pub to: Timestamp,
}

/// Firings of one DAG that are due, oldest first, and how far its schedules' cursors go with them.
#[derive(Clone, Debug)]
pub struct Fire {
    /// From what.
    pub template: RunTemplate,
    /// What is dealt with.
    pub cursors: Vec<CursorMove>,
    /// What becomes a run.
    pub firings: Vec<NewFiring>,
    /// The leader's epoch, checked in the transaction.
    pub epoch: i64,
}

/// What came of [`Fire`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fired {
    /// Runs made, those recorded as skipped apart.
    pub runs: Vec<String>,
    /// Firings recorded as skipped.
    pub skipped: u32,
}

impl Command for NewRun {
    type Reply = String;
    async fn run(&self, tx: &mut Tx) -> Result<String, Error> {
        let row =
            RunRow { scheduled_for: None, window_start: self.window_start, window_end: self.window_end, skipped: None };
        let run_id = insert_run(tx, &self.template, &row).await?;
        let run_id = run_id.ok_or_else(|| Error::Conflict { what: "a run by hand".to_owned() })?;
        apply(tx, &run_id, &Event::Start).await?;
        Ok(run_id)
    }
}

impl Command for Fire {
    type Reply = Fired;
    async fn run(&self, tx: &mut Tx) -> Result<Fired, Error> {
        check_epoch(tx, self.epoch).await?;
        for cursor in &self.cursors {
            self.move_cursor(tx, *cursor).await?;
        }
        let mut fired = Fired::default();
        for firing in &self.firings {
            self.make(tx, *firing, &mut fired).await?;
        }
        Ok(fired)
    }
}

impl Fire {
    async fn move_cursor(&self, tx: &mut Tx, cursor: CursorMove) -> Result<(), Error> {
        let moved = sqlx::query(
            "UPDATE schedule_cursor SET cursor_us = $1 WHERE project = $2 AND dag = $3 AND schedule = $4 \
             AND cursor_us = $5",
        )
        .bind(cursor.to.micros)
        .bind(self.template.project.as_str())
        .bind(self.template.dag.as_str())
        .bind(i64::from(cursor.schedule))
        .bind(cursor.from.micros)
        .execute(&mut tx.connection)
        .await?
        .rows_affected();
        exactly_one(moved, || format!("the cursor of schedule {} of DAG `{}`", cursor.schedule, self.template.dag))
    }

    async fn make(&self, tx: &mut Tx, firing: NewFiring, fired: &mut Fired) -> Result<(), Error> {
        let active = active_runs(tx, &self.template).await?;
        let skipped = (firing.overlap == Overlap::Skip && !active.is_empty())
            .then(|| format!("run {} was still active (`overlap: skip`)", active[0]));
        let row = RunRow {
            scheduled_for: Some(firing.at),
            window_start: firing.window_start,
            window_end: firing.at,
            skipped: skipped.clone(),
        };
        let Some(run_id) = insert_run(tx, &self.template, &row).await? else {
            // Another schedule of the DAG fired at the same instant: one run is enough.
            return Ok(());
        };
        if skipped.is_some() {
            fired.skipped += 1;
            return Ok(());
        }
        if firing.overlap == Overlap::CancelPrevious {
            for previous in &active {
                let reason = format!("the firing of {} took its place (`overlap: cancel_previous`)", firing.at);
                cancel_if_active(tx, previous, reason).await?;
            }
        }
        fired.runs.push(run_id);
        start_next(tx, self.template.project.as_str(), self.template.dag.as_str()).await?;
        Ok(())
    }
}

async fn active_runs(tx: &mut Tx, template: &RunTemplate) -> Result<Vec<String>, Error> {
    let active = sqlx::query_scalar(
        "SELECT run_id FROM run WHERE project = $1 AND dag = $2 AND state IN ('queued', 'running') \
         ORDER BY window_end_us, run_id",
    )
    .bind(template.project.as_str())
    .bind(template.dag.as_str())
    .fetch_all(&mut tx.connection)
    .await?;
    Ok(active)
}

struct RunRow {
    scheduled_for: Option<Timestamp>,
    window_start: Option<Timestamp>,
    window_end: Timestamp,
    skipped: Option<String>,
}

/// `None`: the firing has its run already.
async fn insert_run(tx: &mut Tx, template: &RunTemplate, row: &RunRow) -> Result<Option<String>, Error> {
    let (run_id, now) = (tx.sources.id(), tx.sources.now());
    let status = if row.skipped.is_some() { RunStatus::Skipped } else { RunStatus::Queued };
    let params = serde_json::to_string(&template.params).expect("a JSON map always writes");
    let made = sqlx::query(
        "INSERT INTO run (run_id, project, dag, version, state, reason, scheduled_for_us, window_start_us, \
         window_end_us, params, created_at_us, ended_at_us) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) \
         ON CONFLICT (project, dag, scheduled_for_us) DO NOTHING",
    )
    .bind(&run_id)
    .bind(template.project.as_str())
    .bind(template.dag.as_str())
    .bind(&template.version)
    .bind(status.as_str())
    .bind(row.skipped.as_deref())
    .bind(row.scheduled_for.map(|at| at.micros))
    .bind(row.window_start.map(|at| at.micros))
    .bind(row.window_end.micros)
    .bind(params)
    .bind(now.micros)
    .bind(row.skipped.is_some().then_some(now.micros))
    .execute(&mut tx.connection)
    .await?
    .rows_affected();
    if made == 0 {
        return Ok(None);
    }
    if row.skipped.is_none() {
        for task in &template.tasks {
            insert_task(tx, template, &run_id, task).await?;
        }
    }
    Ok(Some(run_id))
}

async fn insert_task(tx: &mut Tx, template: &RunTemplate, run_id: &str, task: &TaskTemplate) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO task_run (task_run_id, project, run_id, task, kind, heavy, gated, parents, retry, timeout_us, \
         state) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind(tx.sources.id())
    .bind(template.project.as_str())
    .bind(run_id)
    .bind(task.task.as_str())
    .bind(&task.kind)
    .bind(i64::from(task.heavy))
    .bind(i64::from(task.gated))
    .bind(serde_json::to_string(&task.parents).expect("names always write"))
    .bind(serde_json::to_string(&task.retry).expect("a retry policy always writes"))
    .bind(task.timeout_us)
    .bind(TaskStatus::Waiting.as_str())
    .execute(&mut tx.connection)
    .await?;
    Ok(())
}

async fn check_epoch(tx: &mut Tx, epoch: i64) -> Result<(), Error> {
    let current: Option<i64> = sqlx::query_scalar("SELECT epoch FROM leader WHERE name = 'scheduler'")
        .fetch_optional(&mut tx.connection)
        .await?;
    if current == Some(epoch) { Ok(()) } else { Err(Error::Conflict { what: "the leadership".to_owned() }) }
}

/// Asks for a run's end.
pub(crate) struct Cancel {
    pub run_id: String,
    pub reason: String,
}

impl Command for Cancel {
    type Reply = ();
    async fn run(&self, tx: &mut Tx) -> Result<(), Error> {
        match apply(tx, &self.run_id, &Event::Cancel { reason: self.reason.clone() }).await {
            Ok(_) => {}
            Err(Error::Refused(_)) => {
                let detail = format!("run {} has ended or is being cancelled already", self.run_id);
                return Err(Error::Refused(detail));
            }
            Err(error) => return Err(error),
        }
        audit(tx, "cancel", &self.run_id, &self.reason).await
    }
}

async fn cancel_if_active(tx: &mut Tx, run_id: &str, reason: String) -> Result<(), Error> {
    match apply(tx, run_id, &Event::Cancel { reason }).await {
        Ok(_) | Err(Error::Refused(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Writes down who did what by hand, in the action's own transaction.
pub(crate) async fn audit(tx: &mut Tx, action: &str, subject: &str, detail: &str) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO audit (audit_id, project, at_us, action, subject, detail) VALUES ($1, '*', $2, $3, $4, $5)",
    )
    .bind(tx.sources.id())
    .bind(tx.sources.now().micros)
    .bind(action)
    .bind(subject)
    .bind(detail)
    .execute(&mut tx.connection)
    .await?;
    Ok(())
}
