//! Backfills: the windows of a range, run (again) a few at a time. The cursor and the runs that it has passed are written
//! together, so that neither a window is lost nor run twice. Which windows there are is the scheduler's business; whether one
//! is to be run is decided here, by what the rows say of it. To add a policy: a variant of [`Reprocess`], an arm in
//! [`wants`].

use std::sync::Arc;

use daybreak_core::{Event, RunStatus};
use daybreak_protocol::{BackfillState, Reprocess};
use daybreak_spec::{Name, Timestamp};
use serde_json::{Map, Value as Json};

use crate::audit::audit;
use crate::changes::apply;
use crate::database::query;
use crate::load::run_status;
use crate::making::{RunRow, insert_run};
use crate::once::{Found, Made, Once};
use crate::runs::check_epoch;
use crate::tx::{Command, Tx};
use crate::{Caller, Error, RunTemplate, Store};

/// A backfill to be made.
#[derive(Clone, Debug)]
pub struct NewBackfill {
    /// The project.
    pub project: Name,
    /// The DAG.
    pub dag: Name,
    /// Its first instant.
    pub from: Timestamp,
    /// The instant before which it ends.
    pub to: Timestamp,
    /// Which windows are run.
    pub reprocess: Reprocess,
    /// The newest window first.
    pub backwards: bool,
    /// Runs at once.
    pub parallel: u32,
    /// Added to the priority of every task.
    pub priority: i32,
    /// Values that runs are given, those of the DAG's defaults too.
    pub params: Map<String, Json>,
    /// Firings of the range.
    pub windows: u64,
    /// Who asks.
    pub caller: Caller,
    /// Why.
    pub note: Option<String>,
    /// The request's key, where it has one.
    pub once: Option<Once>,
}

impl Command for NewBackfill {
    type Reply = Made<String>;
    async fn run(&self, tx: &mut Tx) -> Result<Made<String>, Error> {
        if let Some(once) = &self.once {
            match once.before(tx, &self.project, &self.caller).await? {
                Found::New => {}
                Found::Answer(id) => return Ok(Made::Before(id)),
                Found::Other => return Ok(Made::OtherRequest),
            }
        }
        let (id, now) = (tx.sources.id(), tx.now().micros);
        let before_all = if self.backwards { self.to.micros } else { self.from.micros - 1 };
        query(
            "INSERT INTO backfill (backfill_id, project, dag, state, from_us, to_us, reprocess, backwards, parallel, \
             priority, params, windows, cursor_us, resumed_at_us, created_at_us, created_by, note) \
             VALUES ($1, $2, $3, 'running', $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13, $14, $15)",
        )
        .bind(&id)
        .bind(self.project.as_str())
        .bind(self.dag.as_str())
        .bind(self.from.micros)
        .bind(self.to.micros)
        .bind(self.reprocess.as_str())
        .bind(i64::from(self.backwards))
        .bind(i64::from(self.parallel))
        .bind(i64::from(self.priority))
        .bind(serde_json::to_string(&self.params).expect("a JSON map always writes"))
        .bind(i64::try_from(self.windows).unwrap_or(i64::MAX))
        .bind(before_all)
        .bind(now)
        .bind(self.caller.to_string())
        .bind(self.note.as_deref())
        .execute(tx.direct().await?)
        .await?;
        let what = format!("{} {} to {}: {}", self.dag, self.from, self.to, self.reprocess.as_str());
        audit(tx, Some(&self.caller), "backfill", (&id, &what));
        if let Some(once) = &self.once {
            once.after(tx, &self.project, &self.caller, &id).await?;
        }
        Ok(Made::Now(id))
    }
}

/// A firing of the range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Its nominal instant.
    pub at: Timestamp,
    /// The firing before.
    pub start: Option<Timestamp>,
}

impl Store {
    /// Makes a backfill, once where the request has a key; its id.
    pub async fn make_backfill(&self, new: NewBackfill) -> Result<Made<String>, Error> {
        self.write(new).await
    }

    /// Makes runs of the next windows of a backfill, as many as there is room for; how many were made.
    ///
    /// # Errors
    /// [`Error::Conflict`] when the backfill or the leadership moved meanwhile.
    pub async fn step_backfill(&self, step: BackfillStep) -> Result<u32, Error> {
        self.write(step).await
    }

    /// Lets a backfill go into another state.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Refused`] where that cannot follow.
    pub async fn change_backfill(&self, change: BackfillChange) -> Result<(), Error> {
        self.write(change).await
    }
}

/// The next windows of a backfill, in its order; as many of them are dealt with as there is room for runs.
#[derive(Clone, Debug)]
pub struct BackfillStep {
    /// Which.
    pub backfill_id: String,
    /// From what its runs are made.
    pub template: Arc<RunTemplate>,
    /// Where its cursor was when the windows were found.
    pub cursor: Timestamp,
    /// At least one.
    pub windows: Vec<Window>,
    /// Which of them are run.
    pub reprocess: Reprocess,
    /// Runs at once.
    pub parallel: u32,
    /// The leader's epoch, checked in the transaction.
    pub epoch: i64,
}

impl Command for BackfillStep {
    type Reply = u32;
    /// How many runs were made.
    async fn run(&self, tx: &mut Tx) -> Result<u32, Error> {
        check_epoch(tx, self.epoch).await?;
        let stands: Option<i64> =
            query("SELECT cursor_us FROM backfill WHERE backfill_id = $1 AND state = 'running' FOR UPDATE")
                .bind(&self.backfill_id)
                .fetch_value(tx.direct().await?)
                .await?;
        if stands != Some(self.cursor.micros) {
            return Err(Error::Conflict { what: format!("backfill {}", self.backfill_id) });
        }
        let active: i64 = query("SELECT COUNT(*) FROM run WHERE backfill_id = $1 AND state IN ('queued', 'running')")
            .bind(&self.backfill_id)
            .fetch_scalar(tx.direct().await?)
            .await?;
        let mut room = i64::from(self.parallel) - active;
        let (mut passed, mut made) = (0_i64, 0);
        for window in &self.windows {
            if room <= 0 {
                break;
            }
            passed += 1;
            if self.make(tx, *window).await? {
                room -= 1;
                made += 1;
            }
        }
        let Some(last) = usize::try_from(passed - 1).ok().and_then(|last| self.windows.get(last)) else { return Ok(0) };
        query("UPDATE backfill SET cursor_us = $1, passed = passed + $2 WHERE backfill_id = $3")
            .bind(last.at.micros)
            .bind(passed)
            .bind(&self.backfill_id)
            .execute(tx.direct().await?)
            .await?;
        Ok(made)
    }
}

impl BackfillStep {
    /// Whether the window got a run.
    async fn make(&self, tx: &mut Tx, window: Window) -> Result<bool, Error> {
        let (project, dag) = (self.template.project.as_str(), self.template.dag.as_str());
        let first = query("SELECT run_id, state FROM run WHERE project = $1 AND dag = $2 AND scheduled_for_us = $3")
            .bind(project)
            .bind(dag)
            .bind(window.at.micros)
            .fetch_optional(tx.direct().await?)
            .await?;
        let again = query(
            "SELECT run_id, state FROM run WHERE project = $1 AND dag = $2 AND nominal_us = $3 \
             ORDER BY run_id DESC LIMIT 1",
        )
        .bind(project)
        .bind(dag)
        .bind(window.at.micros)
        .fetch_optional(tx.direct().await?)
        .await?;
        let newest = match again.as_ref().or(first.as_ref()) {
            Some(row) => Some(run_status(row.try_get("state")?)?),
            None => None,
        };
        if !wants(self.reprocess, newest) {
            return Ok(false);
        }
        let row = RunRow {
            scheduled_for: first.is_none().then_some(window.at),
            nominal: Some(window.at),
            window_start: window.start,
            window_end: window.at,
            skipped: None,
        };
        let Some(run_id) = insert_run(tx, &self.template, &row).await? else { return Ok(false) };
        query("UPDATE run SET backfill_id = $1, nominal_us = $2 WHERE run_id = $3")
            .bind(&self.backfill_id)
            .bind(first.is_some().then_some(window.at.micros))
            .bind(&run_id)
            .execute(tx.direct().await?)
            .await?;
        apply(tx, &run_id, &Event::Start).await?;
        Ok(true)
    }
}

/// Whether a window is run whose newest run stands like this. One that goes on is never doubled.
pub fn wants(reprocess: Reprocess, newest: Option<RunStatus>) -> bool {
    let Some(newest) = newest else { return true };
    match newest {
        RunStatus::Queued | RunStatus::Running => false,
        // A firing that was left out has not been run.
        RunStatus::Skipped => true,
        RunStatus::Failed | RunStatus::Cancelled => reprocess != Reprocess::Missing,
        RunStatus::Succeeded => reprocess == Reprocess::All,
    }
}

/// A backfill goes into another state.
#[derive(Clone, Debug)]
pub struct BackfillChange {
    /// Which.
    pub backfill_id: String,
    /// The state.
    pub to: BackfillState,
    /// Why.
    pub note: Option<String>,
    /// Who asks; none: the server.
    pub caller: Option<Caller>,
}

impl Command for BackfillChange {
    type Reply = ();
    async fn run(&self, tx: &mut Tx) -> Result<(), Error> {
        let id = &self.backfill_id;
        let row = query("SELECT state, busy_us, resumed_at_us FROM backfill WHERE backfill_id = $1 FOR UPDATE")
            .bind(id)
            .fetch_optional(tx.direct().await?)
            .await?
            .ok_or_else(|| Error::NotFound(format!("no backfill has the id `{id}`")))?;
        let was = BackfillState::parse(row.try_get("state")?)
            .ok_or_else(|| Error::corrupt("state of a backfill")("it is none".to_owned()))?;
        if !was.may_become(self.to) {
            return Err(Error::Refused(format!("backfill {id} is {was}: it cannot become {}", self.to)));
        }
        let now = tx.now().micros;
        let (busy_us, resumed_at_us): (i64, i64) = (row.try_get("busy_us")?, row.try_get("resumed_at_us")?);
        let busy_us = if was == BackfillState::Running { busy_us + (now - resumed_at_us).max(0) } else { busy_us };
        query(
            "UPDATE backfill SET state = $1, busy_us = $2, resumed_at_us = $3, ended_at_us = $4, \
             note = COALESCE($5, note) WHERE backfill_id = $6",
        )
        .bind(self.to.as_str())
        .bind(busy_us)
        .bind(now)
        .bind(self.to.has_ended().then_some(now))
        .bind(self.note.as_deref())
        .bind(id)
        .execute(tx.direct().await?)
        .await?;
        if self.to == BackfillState::Cancelled {
            end_runs(tx, id).await?;
        }
        let (action, note) = (format!("backfill {}", self.to), self.note.as_deref().unwrap_or_default());
        audit(tx, self.caller.as_ref(), &action, (id, note));
        Ok(())
    }
}

async fn end_runs(tx: &mut Tx, backfill_id: &str) -> Result<(), Error> {
    let active: Vec<String> =
        query("SELECT run_id FROM run WHERE backfill_id = $1 AND state IN ('queued', 'running') ORDER BY run_id")
            .bind(backfill_id)
            .fetch_values(tx.direct().await?)
            .await?;
    for run_id in active {
        let reason = format!("backfill {backfill_id} was cancelled");
        match apply(tx, &run_id, &Event::Cancel { reason }).await {
            Ok(()) | Err(Error::Refused(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
