//! The end of an attempt: one guarded transaction that holds everything the attempt leaves behind. A stale fence writes
//! nothing; the same report again is a success. To add something that a success commits: a statement in `registry.rs`
//! and a call in [`Report::succeed`].

use daybreak_core::{AttemptEnd, Changes, Event, Rejected, TaskState, Wait, advance};
use daybreak_failpoints::crossing;
use daybreak_protocol::{MintPublication, TaskResult};
use daybreak_spec::Name;

use crate::Error;
use crate::NewRun;
use crate::changes::{decide, write};
use crate::database::query;
use crate::known::Known;
use crate::load::{LoadedRun, hold, name};
use crate::registry::{move_alias, number_model_version, record_build};
use crate::sub_runs::make_sub_run;
use crate::tx::{Command, Tx};

/// How an attempt ended, with what it leaves behind.
#[derive(Clone, Debug)]
pub enum ReportedEnd {
    /// It did its work.
    Succeeded(Box<TaskResult>),
    /// It made a run and waits for its end.
    MadeRun {
        /// For what.
        wait: Wait,
        /// The run that is to be made, once for the attempt.
        run: Box<NewRun>,
    },
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
        let mut run = hold(tx, &run_id).await?;
        let end = match &self.end {
            ReportedEnd::Other(end) => end.clone(),
            ReportedEnd::MadeRun { wait, .. } => AttemptEnd::Deferred(wait.clone()),
            ReportedEnd::Succeeded(result) => AttemptEnd::Succeeded { outputs: result.outputs.clone() },
        };
        let event = Event::Report { task: task.clone(), fence: self.fence, end };
        let changes = match decide(tx, &mut run, &event).await? {
            Ok(changes) => changes,
            Err(rejected) => {
                tx.known.keep(run);
                return if rejected == Rejected::Repeated { Ok(()) } else { Err(rejected.into()) };
            }
        };
        let changes = match &self.end {
            ReportedEnd::Succeeded(result) if leaves_something(result) => {
                let event = self.succeed(tx, &run, &task, result).await?;
                advance(&run.snapshot, &event, tx.moment())?
            }
            ReportedEnd::MadeRun { wait, run: made } if deferred(&changes, &task) => {
                let wait = make_sub_run(tx, (&run, &task), wait, made).await?;
                let end = AttemptEnd::Deferred(wait);
                advance(&run.snapshot, &Event::Report { task: task.clone(), fence: self.fence, end }, tx.moment())?
            }
            ReportedEnd::Succeeded(_) | ReportedEnd::MadeRun { .. } | ReportedEnd::Other(_) => changes,
        };
        write(tx, run, &changes, Some((self.busy_us, self.start_us))).await?;
        crossing!("cp11.before");
        Ok(())
    }

    fn run_id<'a>(&'a self, known: &'a Known) -> Option<&'a str> {
        known.task(&self.task_run_id).map(|(run_id, _)| run_id.as_str())
    }
}

/// Whether the task does wait: one whose end is asked for does not.
fn deferred(changes: &Changes, task: &Name) -> bool {
    changes.tasks.iter().any(|change| change.task == *task && matches!(change.after.state, TaskState::Deferred(_)))
}

fn leaves_something(result: &TaskResult) -> bool {
    !result.builds.is_empty() || result.model_version.is_some() || result.alias_move.is_some()
}

impl Report {
    /// Writes what a success leaves behind; the event carries the outputs with what the server added.
    async fn succeed(&self, tx: &mut Tx, run: &LoadedRun, task: &Name, result: &TaskResult) -> Result<Event, Error> {
        let mut outputs = result.outputs.clone();
        for build in &result.builds {
            record_build(tx, run, &self.task_run_id, build).await?;
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
    if let Some(known) = tx.known.task(task_run_id) {
        return Ok(known.clone());
    }
    let row = query("SELECT run_id, task FROM task_run WHERE task_run_id = $1")
        .bind(task_run_id)
        .fetch_optional(tx.direct().await?)
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
        let project: Option<String> =
            query("SELECT project FROM task_run WHERE task_run_id = $1 AND fence = $2 AND state = 'running'")
                .bind(&request.task_run_id)
                .bind(request.fence)
                .fetch_value(tx.direct().await?)
                .await?;
        let project = project.ok_or(Error::Stale)?;
        let minted: Option<i64> =
            query("SELECT number FROM publication WHERE task_run_id = $1 AND fence = $2 AND view = $3")
                .bind(&request.task_run_id)
                .bind(request.fence)
                .bind(request.view.as_str())
                .fetch_value(tx.direct().await?)
                .await?;
        if let Some(number) = minted {
            return Ok(number);
        }
        let last: i64 = query("SELECT COALESCE(MAX(number), 0) FROM publication WHERE project = $1 AND view = $2")
            .bind(&project)
            .bind(request.view.as_str())
            .fetch_scalar(tx.direct().await?)
            .await?;
        query(
            "INSERT INTO publication (project, view, number, as_of_us, task_run_id, fence, minted_at_us) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(&project)
        .bind(request.view.as_str())
        .bind(last + 1)
        .bind(request.as_of.micros)
        .bind(&request.task_run_id)
        .bind(request.fence)
        .bind(tx.now().micros)
        .execute(tx.direct().await?)
        .await?;
        Ok(last + 1)
    }
}
