//! Reads of runs and their tasks.

use crate::database::{Row, query};
use daybreak_core::{Deferral, Resumption, RunStatus};
use daybreak_protocol::{RunDetail, RunList, RunSummary, RunsQuery, TaskRunView, Trigger, WaitView};
use daybreak_spec::{Name, Timestamp};
use serde_json::Map;

use super::cut;
use crate::audit::AFTER_ALL;
use crate::load::{count, instant, json, map, name, run_status, task_status};
use crate::{Error, Store};

/// An attempt of a task, for finding its log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttemptRow {
    /// 1-based.
    pub attempt: u32,
    /// The fence it was held under.
    pub fence: i64,
}

/// What is read of each run.
macro_rules! summaries {
    ($which:literal) => {
        summaries!("", $which)
    };
    ($more:literal, $which:literal) => {
        concat!(
            "SELECT run_id, dag, state, reason, COALESCE(scheduled_for_us, nominal_us) AS scheduled_for_us, backfill_id, \
             made_by, followed, window_start_us, window_end_us, created_at_us, started_at_us, ended_at_us",
            $more,
            " FROM run WHERE ",
            $which
        )
    };
}

/// Lists of runs, newest first. One text for each way to find them, so that each is found by an index and none reads a long
/// past: what failed is rare, what goes on is little, and successes are everywhere.
const ALL: &str =
    summaries!("project = $1 AND ($2 IS NULL OR state = $2) AND run_id < $3 ORDER BY run_id DESC LIMIT $4");

const OF_DAG: &str = summaries!(
    "project = $1 AND ($2 IS NULL OR state = $2) AND dag = $3 AND run_id < $4 ORDER BY run_id DESC LIMIT $5"
);

const RARE: &str = summaries!(
    "project = $1 AND state IN ('failed', 'cancelled', 'skipped') AND state = $2 AND run_id < $3 ORDER BY run_id DESC LIMIT $4"
);

const RARE_OF_DAG: &str = summaries!(
    "project = $1 AND state IN ('failed', 'cancelled', 'skipped') AND state = $2 AND dag = $3 AND run_id < $4 \
     ORDER BY run_id DESC LIMIT $5"
);

const GOING_ON: &str = summaries!(
    "project = $1 AND state IN ('queued', 'running') AND state = $2 AND ($3 IS NULL OR dag = $3) AND run_id < $4 \
     ORDER BY run_id DESC LIMIT $5"
);

/// All that go on. The order is by no column as it stands: an index of all runs in that order would be read to its end.
pub(super) const ACTIVE: &str =
    summaries!("project = $1 AND state IN ('queued', 'running') ORDER BY run_id || '' DESC LIMIT $2");

const ONE: &str = summaries!("run_id = $1");
const ONE_WITH_PARAMS: &str = summaries!(", params", "run_id = $1");

fn is_rare(state: RunStatus) -> bool {
    match state {
        RunStatus::Failed | RunStatus::Cancelled | RunStatus::Skipped => true,
        RunStatus::Queued | RunStatus::Running | RunStatus::Succeeded => false,
    }
}

impl Store {
    /// Runs of a project, newest first.
    pub async fn runs(&self, project: &Name, wanted: &RunsQuery) -> Result<RunList, Error> {
        let limit = wanted.effective_limit();
        let one_more = i64::from(limit) + 1;
        let before = wanted.before.as_deref().unwrap_or(AFTER_ALL);
        let dag = wanted.dag.as_ref().map(Name::as_str);
        let rows = match (dag, wanted.state) {
            (None, Some(state)) if is_rare(state) => query(RARE).bind(project.as_str()).bind(state.as_str()),
            (Some(dag), Some(state)) if is_rare(state) => {
                query(RARE_OF_DAG).bind(project.as_str()).bind(state.as_str()).bind(dag)
            }
            (dag, Some(state)) if !state.is_terminal() => {
                query(GOING_ON).bind(project.as_str()).bind(state.as_str()).bind(dag)
            }
            (None, state) => query(ALL).bind(project.as_str()).bind(state.map(RunStatus::as_str)),
            (Some(dag), state) => query(OF_DAG).bind(project.as_str()).bind(state.map(RunStatus::as_str)).bind(dag),
        };
        let rows = rows.bind(before).bind(one_more).fetch_all(&self.readers).await?;
        let runs = rows.iter().map(summary).collect::<Result<Vec<_>, _>>()?;
        let (runs, next) = cut(runs, limit, |run| run.id.clone());
        Ok(RunList { runs, next })
    }

    /// One run without its tasks.
    pub async fn run_summary(&self, run_id: &str) -> Result<RunSummary, Error> {
        let row = query(ONE).bind(run_id).fetch_optional(&self.readers).await?.ok_or_else(|| no_run(run_id))?;
        summary(&row)
    }

    /// One run with its tasks, parents before children.
    pub async fn run(&self, run_id: &str) -> Result<RunDetail, Error> {
        let mut snapshot = self.readers.begin().await?;
        let row =
            query(ONE_WITH_PARAMS).bind(run_id).fetch_optional(&mut snapshot).await?.ok_or_else(|| no_run(run_id))?;
        let tasks = query(
            "SELECT task_run.task_run_id, task, kind, parents, state, attempt, lost, fence, task_run.reason, upstream, \
             ready_at_us, started_at_us, ended_at_us, busy_us, start_us, outputs, deferral, waiting_since_us, cached_from, \
             worker.label AS worker FROM task_run \
             LEFT JOIN worker ON worker.worker_id = task_run.worker_id WHERE run_id = $1 AND item IS NULL \
             ORDER BY task_run_id",
        )
        .bind(run_id)
        .fetch_all(&mut snapshot)
        .await?;
        let mut tasks = tasks.iter().map(task).collect::<Result<Vec<_>, _>>()?;
        let counts = super::items::counts(&mut snapshot, run_id).await?;
        for task in &mut tasks {
            task.items = counts.get(&task.name).copied();
        }
        Ok(RunDetail { summary: summary(&row)?, tasks, params: map("parameters", row.try_get("params")?)? })
    }

    /// The attempts of one task of a run, oldest first; those that have not started apart.
    pub async fn attempts(&self, run_id: &str, task: &Name) -> Result<Vec<AttemptRow>, Error> {
        let current = query(
            "SELECT task_run_id, attempt, fence, reported_fence, state FROM task_run WHERE run_id = $1 AND task = $2",
        )
        .bind(run_id)
        .bind(task.as_str())
        .fetch_optional(&self.readers)
        .await?
        .ok_or_else(|| Error::NotFound(format!("run `{run_id}` has no task `{task}`")))?;
        let rows = query("SELECT attempt, fence FROM failed_attempt WHERE task_run_id = $1 ORDER BY fence")
            .bind(current.try_get::<&str>("task_run_id")?)
            .fetch_all(&self.readers)
            .await?;
        let attempt = |row: &Row| -> Result<AttemptRow, Error> {
            Ok(AttemptRow { attempt: count(row, "attempt")?, fence: row.try_get("fence")? })
        };
        let mut attempts = rows.iter().map(attempt).collect::<Result<Vec<_>, _>>()?;
        // A success that a worker did not report has no attempt.
        let reported = current.try_get::<Option<i64>>("reported_fence")? == Some(current.try_get("fence")?);
        match current.try_get("state")? {
            "running" => attempts.push(attempt(&current)?),
            "succeeded" if reported => {
                // One that succeeded while it waited has its record already.
                let current = attempt(&current)?;
                if attempts.iter().all(|known| known.fence != current.fence) {
                    attempts.push(current);
                }
            }
            _ => {}
        }
        Ok(attempts)
    }

    /// Runs of a DAG that have not ended.
    pub async fn active_runs(&self, project: &Name, dag: &Name) -> Result<u32, Error> {
        let active: i64 =
            query("SELECT COUNT(*) FROM run WHERE project = $1 AND dag = $2 AND state IN ('queued', 'running')")
                .bind(project.as_str())
                .bind(dag.as_str())
                .fetch_scalar(&self.readers)
                .await?;
        u32::try_from(active).map_err(|_| Error::corrupt("number of runs")(active.to_string()))
    }
}

pub(super) fn no_run(run_id: &str) -> Error {
    Error::NotFound(format!("no run has the id `{run_id}`"))
}

pub(super) fn summary(row: &Row) -> Result<RunSummary, Error> {
    let scheduled_for = instant(row, "scheduled_for_us")?;
    Ok(RunSummary {
        id: row.try_get("run_id")?,
        dag: name(row.try_get("dag")?)?,
        state: run_status(row.try_get("state")?)?,
        scheduled_for,
        window_start: instant(row, "window_start_us")?,
        window_end: Timestamp::from_micros(row.try_get("window_end_us")?),
        trigger: trigger(row, scheduled_for)?,
        followed: row.try_get("followed")?,
        created_at: Timestamp::from_micros(row.try_get("created_at_us")?),
        started_at: instant(row, "started_at_us")?,
        ended_at: instant(row, "ended_at_us")?,
        reason: row.try_get("reason")?,
    })
}

pub(super) fn trigger(row: &Row, scheduled_for: Option<Timestamp>) -> Result<Trigger, Error> {
    if row.try_get::<Option<&str>>("backfill_id")?.is_some() {
        return Ok(Trigger::Backfill);
    }
    match row.try_get::<Option<&str>>("made_by")? {
        Some(word) => [Trigger::After, Trigger::Update, Trigger::Alert]
            .into_iter()
            .find(|trigger| trigger.as_str() == word)
            .ok_or_else(|| Error::corrupt("what made a run")(format!("`{word}` is none of it"))),
        None if scheduled_for.is_some() => Ok(Trigger::Schedule),
        None => Ok(Trigger::Manual),
    }
}

pub(super) fn wait(row: &Row) -> Result<Option<WaitView>, Error> {
    let Some(text) = row.try_get::<Option<&str>>("deferral")? else { return Ok(None) };
    let Deferral { condition, until, at_timeout, ends_at } = json("wait", text)?;
    let looks_again = at_timeout == Resumption::Continues;
    Ok(Some(WaitView {
        words: condition.to_string(),
        condition,
        since: instant(row, "waiting_since_us")?,
        next_look: until.filter(|_| looks_again),
        until: ends_at,
        fence: row.try_get("fence")?,
    }))
}

pub(super) fn task(row: &Row) -> Result<TaskRunView, Error> {
    let upstream: Option<String> = row.try_get("upstream")?;
    let because = upstream.map(|upstream| format!("`{upstream}`, which it needs, did not succeed"));
    let busy: Option<i64> = row.try_get("busy_us")?;
    let start: Option<i64> = row.try_get("start_us")?;
    let outputs: Option<&str> = row.try_get("outputs")?;
    Ok(TaskRunView {
        id: row.try_get("task_run_id")?,
        name: name(row.try_get("task")?)?,
        kind: row.try_get("kind")?,
        needs: json("list of needed tasks", row.try_get("parents")?)?,
        state: task_status(row.try_get("state")?)?,
        attempt: count(row, "attempt")?,
        lost: count(row, "lost")?,
        reason: row.try_get::<Option<String>>("reason")?.or(because),
        ready_at: instant(row, "ready_at_us")?,
        started_at: instant(row, "started_at_us")?,
        ended_at: instant(row, "ended_at_us")?,
        busy_us: busy.unwrap_or_default().unsigned_abs(),
        start_us: start.unwrap_or_default().unsigned_abs(),
        outputs: outputs.map_or_else(|| Ok(Map::new()), |text| map("outputs", text))?,
        worker: row.try_get("worker")?,
        items: None,
        item: None,
        cached_from: row.try_get("cached_from")?,
        wait: wait(row)?,
    })
}
