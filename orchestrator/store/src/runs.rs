//! Making runs: by hand, or from the firings of a schedule; and asking for their end. A firing and the advance of its
//! schedule's cursor are one transaction, so neither can be lost or doubled, and a DAG that is paused moves neither. To add a policy for overlapping runs: an
//! arm in `Fire::make`.

use std::sync::Arc;

use daybreak_core::Event;
use daybreak_failpoints::crossing;
use daybreak_spec::{ForEach, Name, Overlap, Placement, Retry, Timestamp, TriggerRule};
use serde_json::{Map, Value as Json};

use crate::audit::audit;
use crate::changes::{apply, exactly_one};
use crate::database::query;
use crate::known::Known;
use crate::limits::LimitShare;
use crate::making::{RunRow, insert_run};
use crate::tx::{Command, Tx};
use crate::{CacheRule, Caller, Error};

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
    /// Runs of the DAG at once, those by hand too; none: one of those that schedules make.
    pub max_active: Option<u32>,
    /// How long a run may take from its start to its end, in real time.
    pub deadline_us: Option<i64>,
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
    /// Those before it whose outputs it is handed.
    pub takes: Arc<[Name]>,
    /// How they must have ended.
    pub trigger: TriggerRule,
    /// The run can succeed although it failed.
    pub tolerated: bool,
    /// Done once per item of a list.
    pub for_each: Option<Arc<ForEach>>,
    /// What its result is known by.
    pub cache: Option<Arc<CacheRule>>,
    /// Its retry policy.
    pub retry: Retry,
    /// Longest attempt in real time.
    pub timeout_us: Option<i64>,
    /// Higher goes first: a point counts as a minute of waiting.
    pub priority: i32,
    /// Where it may run.
    pub placement: Arc<Placement>,
    /// What it takes of limits while it runs.
    pub limits: Vec<LimitShare>,
    /// Longest time that it is ready and no worker takes it.
    pub queue_timeout_us: Option<i64>,
    /// Longest time in all since it first was ready.
    pub total_timeout_us: Option<i64>,
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
    /// Missed firings on the way that the schedule's policy left out.
    pub left_out: u64,
}

/// Firings of one DAG that are due, oldest first, and how far its schedules' cursors go with them.
#[derive(Clone, Debug)]
pub struct Fire {
    /// From what.
    pub template: Arc<RunTemplate>,
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
        let row = RunRow {
            scheduled_for: None,
            nominal: None,
            window_start: self.window_start,
            window_end: self.window_end,
            skipped: None,
        };
        let run_id = insert_run(tx, &self.template, &row).await?;
        let run_id = run_id.ok_or_else(|| Error::Conflict { what: "a run by hand".to_owned() })?;
        start_or_queue(tx, &self.template, &run_id).await?;
        Ok(run_id)
    }
}

/// A run by hand starts at once, unless its DAG says how many may go on.
pub(crate) async fn start_or_queue(tx: &mut Tx, template: &RunTemplate, run_id: &str) -> Result<(), Error> {
    if template.max_active.is_none() {
        return apply(tx, run_id, &Event::Start).await;
    }
    tx.followed.insert((template.project.to_string(), template.dag.to_string()));
    Ok(())
}

impl Command for Fire {
    type Reply = Fired;
    async fn run(&self, tx: &mut Tx) -> Result<Fired, Error> {
        check_epoch(tx, self.epoch).await?;
        crossing!("cp01.before");
        for cursor in &self.cursors {
            self.move_cursor(tx, *cursor).await?;
        }
        crossing!("cp01.after");
        let mut fired = Fired::default();
        for firing in &self.firings {
            self.make(tx, *firing, &mut fired).await?;
        }
        Ok(fired)
    }
}

impl Fire {
    async fn move_cursor(&self, tx: &mut Tx, cursor: CursorMove) -> Result<(), Error> {
        let moved = query(
            "UPDATE schedule_cursor SET cursor_us = $1, left_out = left_out + $2 WHERE project = $3 AND dag = $4 \
             AND schedule = $5 AND cursor_us = $6 \
             AND NOT EXISTS (SELECT 1 FROM dag_pause WHERE dag_pause.project = $3 AND dag_pause.dag = $4)",
        )
        .bind(cursor.to.micros)
        .bind(i64::try_from(cursor.left_out).unwrap_or(i64::MAX))
        .bind(self.template.project.as_str())
        .bind(self.template.dag.as_str())
        .bind(i64::from(cursor.schedule))
        .bind(cursor.from.micros)
        .execute(tx.direct().await?)
        .await?;
        exactly_one(moved, || format!("the cursor of schedule {} of DAG `{}`", cursor.schedule, self.template.dag))
    }

    async fn make(&self, tx: &mut Tx, firing: NewFiring, fired: &mut Fired) -> Result<(), Error> {
        let active = match firing.overlap {
            Overlap::Queue => Vec::new(),
            Overlap::Skip | Overlap::CancelPrevious => active_runs(tx, &self.template).await?,
        };
        let skipped = (firing.overlap == Overlap::Skip && !active.is_empty())
            .then(|| format!("run {} was still active (`overlap: skip`)", active[0]));
        let row = RunRow {
            scheduled_for: Some(firing.at),
            nominal: Some(firing.at),
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
        tx.followed.insert((self.template.project.to_string(), self.template.dag.to_string()));
        Ok(())
    }
}

async fn active_runs(tx: &mut Tx, template: &RunTemplate) -> Result<Vec<String>, Error> {
    let active = query(
        "SELECT run_id FROM run WHERE project = $1 AND dag = $2 AND state IN ('queued', 'running') \
         AND backfill_id IS NULL ORDER BY window_end_us, run_id",
    )
    .bind(template.project.as_str())
    .bind(template.dag.as_str())
    .fetch_values(tx.direct().await?)
    .await?;
    Ok(active)
}

/// Whether the writer of a leader's transaction still leads. Whoever takes over waits for this transaction.
pub(crate) async fn check_epoch(tx: &mut Tx, epoch: i64) -> Result<(), Error> {
    if tx.epoch.is_none() {
        tx.epoch = query("SELECT epoch FROM leader WHERE name = 'scheduler' FOR SHARE")
            .fetch_value(tx.direct().await?)
            .await?;
    }
    if tx.epoch == Some(epoch) { Ok(()) } else { Err(Error::Conflict { what: "the leadership".to_owned() }) }
}

/// Asks for a run's end.
pub(crate) struct Cancel {
    pub run_id: String,
    pub reason: String,
    pub caller: Caller,
}

impl Command for Cancel {
    type Reply = ();
    async fn run(&self, tx: &mut Tx) -> Result<(), Error> {
        match apply(tx, &self.run_id, &Event::Cancel { reason: self.reason.clone() }).await {
            Ok(()) => {}
            Err(Error::Refused(_)) => {
                let detail = format!("run {} has ended or is being cancelled already", self.run_id);
                return Err(Error::Refused(detail));
            }
            Err(error) => return Err(error),
        }
        audit(tx, Some(&self.caller), "cancel", (&self.run_id, &self.reason));
        Ok(())
    }

    fn run_id<'a>(&'a self, _known: &'a Known) -> Option<&'a str> {
        Some(&self.run_id)
    }
}

async fn cancel_if_active(tx: &mut Tx, run_id: &str, reason: String) -> Result<(), Error> {
    match apply(tx, run_id, &Event::Cancel { reason }).await {
        Ok(()) | Err(Error::Refused(_)) => Ok(()),
        Err(error) => Err(error),
    }
}
