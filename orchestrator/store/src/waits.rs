//! Waits whose end the server itself sees. Each has a row of its own while it lasts, written with the task's, so that
//! whoever looks for waits that are over reads those rows and nothing of the past. What is found is told to the task by a
//! command that carries the fence of the wait: found twice or too late, it changes nothing. To add something that the server
//! sees: its row in [`note_wait`], its look-up here.

use daybreak_core::{Awaited, Event, Failure, OnReject, Resumption, TaskChange, TaskState, TaskStatus};
use daybreak_spec::{Name, Timestamp};
use serde_json::{Map, json};

use crate::audit::audit;
use crate::changes::{apply, decide, write};
use crate::database::{Row, query};
use crate::known::Known;
use crate::load::{LoadedRun, hold, name};
use crate::tx::{Command, Tx};
use crate::{Caller, Effect, Error, Store};

/// Rows of one look-up.
const MAX_ROWS: i64 = 500;

/// A wait whose condition is met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetWait {
    /// The run.
    pub run_id: String,
    /// The task that waits.
    pub task: Name,
    /// The fence of the wait.
    pub fence: i64,
    /// The run of the other DAG that it waited for, if it was one.
    pub by_run: Option<String>,
}

/// A part of the waits for other DAGs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WindowPage {
    /// Those that are met.
    pub met: Vec<MetWait>,
    /// Where the next part begins; none after the last.
    pub next: Option<String>,
}

/// What somebody decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It may go on.
    Approve,
    /// It may not.
    Reject,
}

/// Somebody's word on a task that waits for approval.
#[derive(Clone, Debug, PartialEq)]
pub struct DecideTask {
    /// The run.
    pub run_id: String,
    /// The task.
    pub task: Name,
    /// Their word.
    pub decision: Decision,
    /// Why.
    pub note: Option<String>,
    /// The wait that it is about; none: the one that lasts.
    pub fence: Option<i64>,
    /// Who decides.
    pub caller: Caller,
}

/// Keeps the row of a wait that the server sees the end of.
pub(crate) async fn note_wait(tx: &mut Tx, run: &LoadedRun, change: &TaskChange) -> Result<(), Error> {
    let Some(row) = run.tasks.get(&change.task) else { return Ok(()) };
    if change.status_before == TaskStatus::Deferred {
        query("DELETE FROM wait WHERE task_run_id = $1").bind(&row.task_run_id).execute(tx.direct().await?).await?;
        tx.effects.list.push(Effect::Waits);
    }
    let TaskState::Deferred(deferral) = &change.after.state else { return Ok(()) };
    let (awaits, named, at, until) = match &deferral.condition {
        Awaited::Instant { at } => ("instant", None, Some(at.micros), None),
        Awaited::Window { dag, end, exact } => {
            let until = if *exact { end.micros } else { i64::MAX };
            ("window", Some(dag.as_str()), Some(end.micros), Some(until))
        }
        Awaited::Run { run_id, .. } => ("run", run_id.as_deref(), None, None),
        // A worker looks, or somebody decides.
        Awaited::File { .. }
        | Awaited::Object { .. }
        | Awaited::Http { .. }
        | Awaited::Approval { .. }
        | Awaited::Items { .. } => return Ok(()),
    };
    query(
        "INSERT INTO wait (task_run_id, project, run_id, task, fence, awaits, name, at_us, until_us) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(&row.task_run_id)
    .bind(&run.project)
    .bind(&run.run_id)
    .bind(change.task.as_str())
    .bind(change.after.fence)
    .bind(awaits)
    .bind(named)
    .bind(at)
    .bind(until)
    .execute(tx.direct().await?)
    .await?;
    tx.effects.list.push(Effect::Waits);
    Ok(())
}

/// Tells a task that what it waits for has come about.
pub(crate) struct ResumeTask {
    pub met: MetWait,
    pub resumption: Resumption,
}

impl Command for ResumeTask {
    type Reply = bool;
    async fn run(&self, tx: &mut Tx) -> Result<bool, Error> {
        let MetWait { run_id, task, fence, .. } = &self.met;
        let (task, resumption) = (task.clone(), self.resumption.clone());
        match apply(tx, run_id, &Event::Resume { task, fence: *fence, resumption }).await {
            Ok(()) => Ok(true),
            // It waits no more, or for something else.
            Err(Error::Stale | Error::Refused(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn run_id<'a>(&'a self, _known: &'a Known) -> Option<&'a str> {
        Some(&self.met.run_id)
    }
}

impl Command for DecideTask {
    type Reply = ();
    async fn run(&self, tx: &mut Tx) -> Result<(), Error> {
        let mut run = hold(tx, &self.run_id).await?;
        let decided = match self.event(&run) {
            Ok(event) => decide(tx, &mut run, &event).await?.map_err(Error::from),
            Err(refused) => Err(refused),
        };
        let changes = match decided {
            Ok(changes) => changes,
            Err(refused) => {
                tx.known.keep(run);
                return Err(match refused {
                    Error::Stale => Error::NotNow(self.not_waiting("another wait than the one that was decided on")),
                    other => other,
                });
            }
        };
        write(tx, run, &changes, None).await?;
        let (action, note) = (self.decision.action(), self.note.as_deref().unwrap_or("no note"));
        let detail = format!("`{}`: {note}", self.task);
        audit(tx, Some(&self.caller), action, (&self.run_id, &detail));
        Ok(())
    }

    fn run_id<'a>(&'a self, _known: &'a Known) -> Option<&'a str> {
        Some(&self.run_id)
    }
}

impl DecideTask {
    fn event(&self, run: &LoadedRun) -> Result<Event, Error> {
        let Some((_, snapshot)) = run.snapshot.task(self.task.as_str()) else {
            return Err(Error::NotFound(format!("run {} has no task `{}`", self.run_id, self.task)));
        };
        let progress = &snapshot.progress;
        let on_reject = match &progress.state {
            TaskState::Deferred(deferral) => match &deferral.condition {
                Awaited::Approval { on_reject, .. } => *on_reject,
                other => return Err(Error::NotNow(self.not_waiting(&format!("waits for {other}")))),
            },
            other => return Err(Error::NotNow(self.not_waiting(&format!("is {}", other.status())))),
        };
        let fence = self.fence.unwrap_or(progress.fence);
        Ok(Event::Resume { task: self.task.clone(), fence, resumption: self.resumption(on_reject) })
    }

    fn resumption(&self, on_reject: OnReject) -> Resumption {
        let by = &self.caller.by;
        let note = self.note.as_ref().map(|note| format!(": {note}")).unwrap_or_default();
        match (self.decision, on_reject) {
            (Decision::Approve, _) => {
                let outputs = json!({ "approved": true, "by": by, "note": self.note });
                Resumption::Succeeds { outputs: Map::from_iter(outputs.as_object().cloned().unwrap_or_default()) }
            }
            (Decision::Reject, OnReject::Fail) => {
                let reason = format!("rejected by {by}{note}");
                Resumption::Fails(Failure { cause: "rejected".to_owned(), reason })
            }
            (Decision::Reject, OnReject::Skip) => Resumption::Skips { reason: format!("rejected by {by}{note}") },
        }
    }

    fn not_waiting(&self, what: &str) -> String {
        format!(
            "task `{}` of run {} does not wait for a decision: it {what}; `daybreak why {}` says what it does now",
            self.task, self.run_id, self.run_id
        )
    }
}

impl Decision {
    fn action(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Reject => "reject",
        }
    }
}

impl Store {
    /// Waits for instants of business time that have come, oldest first; some of them where there are many.
    pub async fn due_instants(&self, business_now: Timestamp) -> Result<Vec<MetWait>, Error> {
        let rows = query(
            "SELECT run_id, task, fence FROM wait WHERE awaits = 'instant' AND at_us <= $1 ORDER BY at_us LIMIT $2",
        )
        .bind(business_now.micros)
        .bind(MAX_ROWS)
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(|row| met(row, None)).collect()
    }

    /// The next instant of business time that is waited for.
    pub async fn next_instant(&self) -> Result<Option<Timestamp>, Error> {
        let next: Option<i64> =
            query("SELECT MIN(at_us) FROM wait WHERE awaits = 'instant'").fetch_scalar(&self.readers).await?;
        Ok(next.map(Timestamp::from_micros))
    }

    /// A part of the waits for runs of other DAGs: looks at some that come after `after`, in order, and says which are met.
    pub async fn met_windows(&self, after: &str) -> Result<WindowPage, Error> {
        let rows = query(
            "SELECT wait.task_run_id, wait.run_id, wait.task, wait.fence, (SELECT run.run_id FROM run \
             WHERE run.project = wait.project AND run.dag = wait.name AND run.state = 'succeeded' \
             AND run.window_end_us BETWEEN wait.at_us AND wait.until_us ORDER BY run.window_end_us LIMIT 1) AS by_run \
             FROM wait WHERE wait.awaits = 'window' AND wait.task_run_id > $1 ORDER BY wait.task_run_id LIMIT $2",
        )
        .bind(after)
        .bind(MAX_ROWS)
        .fetch_all(&self.readers)
        .await?;
        let full = i64::try_from(rows.len()).unwrap_or(i64::MAX) == MAX_ROWS;
        let next = match rows.last().filter(|_| full) {
            Some(last) => Some(last.try_get("task_run_id")?),
            None => None,
        };
        let mut page = WindowPage { met: Vec::new(), next };
        for row in &rows {
            let by_run: Option<String> = row.try_get("by_run")?;
            if by_run.is_some() {
                page.met.push(met(row, by_run)?);
            }
        }
        Ok(page)
    }
}

fn met(row: &Row, by_run: Option<String>) -> Result<MetWait, Error> {
    Ok(MetWait {
        run_id: row.try_get("run_id")?,
        task: name(row.try_get("task")?)?,
        fence: row.try_get("fence")?,
        by_run,
    })
}
