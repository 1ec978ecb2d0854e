//! The end of an attempt: one guarded transaction that holds everything the attempt leaves behind. A stale fence writes
//! nothing; the same report again is a success. To add something that a success commits: a statement in `registry.rs`
//! and a call in [`Report::succeed`].

use daybreak_core::{AttemptEnd, Event, Moment, Rejected, advance};
use daybreak_protocol::{MintPublication, TaskResult};
use daybreak_spec::Name;
use sqlx::Row;

use crate::Error;
use crate::changes::{apply_to, exactly_one};
use crate::load::{LoadedRun, load, name};
use crate::registry::{move_alias, number_model_version, record_build};
use crate::writer::{Command, Tx};

/// How an attempt ended, with what it leaves behind.
#[derive(Clone, Debug)]
pub enum ReportedEnd {
    /// It did its work.
    Succeeded(Box<TaskResult>),
    /// Any other end.
    Other(AttemptEnd),
}

/// A worker's report.
pub(crate) struct Report {
    pub task_run_id: String,
    pub fence: i64,
    pub end: ReportedEnd,
    pub busy_us: i64,
    pub start_us: i64,
}

impl Command for Report {
    type Reply = ();
    async fn run(&self, tx: &mut Tx) -> Result<(), Error> {
        let (run_id, task) = find(tx, &self.task_run_id).await?;
        let run = load(tx, &run_id).await?;
        let end = match &self.end {
            ReportedEnd::Other(end) => end.clone(),
            ReportedEnd::Succeeded(result) => AttemptEnd::Succeeded { outputs: result.outputs.clone() },
        };
        let event = Event::Report { task: task.clone(), fence: self.fence, end };
        let moment = Moment { now: tx.sources.now(), uniform: 0.0 };
        match advance(&run.snapshot, &event, moment) {
            Err(Rejected::Repeated) => return Ok(()),
            Err(rejected) => return Err(rejected.into()),
            Ok(_) => {}
        }
        let event = match &self.end {
            ReportedEnd::Other(_) => event,
            ReportedEnd::Succeeded(result) => self.succeed(tx, &run, &task, result).await?,
        };
        apply_to(tx, &run, &event).await?;
        let written = sqlx::query("UPDATE task_run SET busy_us = $1, start_us = $2 WHERE task_run_id = $3")
            .bind(self.busy_us)
            .bind(self.start_us)
            .bind(&self.task_run_id)
            .execute(&mut tx.connection)
            .await?
            .rows_affected();
        exactly_one(written, || format!("task run {}", self.task_run_id))
    }
}

impl Report {
    /// Writes what a success leaves behind; the event carries the outputs with what the server added.
    async fn succeed(&self, tx: &mut Tx, run: &LoadedRun, task: &Name, result: &TaskResult) -> Result<Event, Error> {
        let mut outputs = result.outputs.clone();
        for build in &result.builds {
            record_build(tx, &run.project, &self.task_run_id, build).await?;
        }
        if let Some(model) = &result.model_version {
            let version = number_model_version(tx, run, &self.task_run_id, model).await?;
            outputs.insert("version".to_owned(), version.into());
        }
        if let Some(alias_move) = &result.alias_move {
            let moved = move_alias(tx, &run.project, &self.task_run_id, alias_move).await?;
            outputs.insert("moved".to_owned(), moved.into());
        }
        let end = AttemptEnd::Succeeded { outputs };
        Ok(Event::Report { task: task.clone(), fence: self.fence, end })
    }
}

async fn find(tx: &mut Tx, task_run_id: &str) -> Result<(String, Name), Error> {
    let row = sqlx::query("SELECT run_id, task FROM task_run WHERE task_run_id = $1")
        .bind(task_run_id)
        .fetch_optional(&mut tx.connection)
        .await?
        .ok_or_else(|| Error::NotFound(format!("no task run has the id `{task_run_id}`")))?;
    Ok((row.try_get("run_id")?, name(row.try_get("task")?)?))
}

/// Mints the next publication number of a view, once per attempt and view.
pub(crate) struct Mint(pub MintPublication);

impl Command for Mint {
    type Reply = i64;
    async fn run(&self, tx: &mut Tx) -> Result<i64, Error> {
        let Self(request) = self;
        let project: Option<String> = sqlx::query_scalar(
            "SELECT project FROM task_run WHERE task_run_id = $1 AND fence = $2 AND state = 'running'",
        )
        .bind(&request.task_run_id)
        .bind(request.fence)
        .fetch_optional(&mut tx.connection)
        .await?;
        let project = project.ok_or(Error::Stale)?;
        let minted: Option<i64> =
            sqlx::query_scalar("SELECT number FROM publication WHERE task_run_id = $1 AND fence = $2 AND view = $3")
                .bind(&request.task_run_id)
                .bind(request.fence)
                .bind(request.view.as_str())
                .fetch_optional(&mut tx.connection)
                .await?;
        if let Some(number) = minted {
            return Ok(number);
        }
        let last: i64 =
            sqlx::query_scalar("SELECT COALESCE(MAX(number), 0) FROM publication WHERE project = $1 AND view = $2")
                .bind(&project)
                .bind(request.view.as_str())
                .fetch_one(&mut tx.connection)
                .await?;
        sqlx::query(
            "INSERT INTO publication (project, view, number, as_of_us, task_run_id, fence, minted_at_us) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(&project)
        .bind(request.view.as_str())
        .bind(last + 1)
        .bind(request.as_of.micros)
        .bind(&request.task_run_id)
        .bind(request.fence)
        .bind(tx.sources.now().micros)
        .execute(&mut tx.connection)
        .await?;
        Ok(last + 1)
    }
}
