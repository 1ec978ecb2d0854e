//! What the rows say of how things stand: what goes on, what needs somebody, what is live; all of one instant. Reads what has
//! not ended, one run for each DAG and one row for each alias and view, whatever the past holds. To add something: a field of
//! [`Standings`] and the statement that fills it.

use std::collections::BTreeMap;

use daybreak_core::Takes;
use daybreak_protocol::{Attention, LiveAlias, Overview, PublicationView, RunSummary};
use daybreak_spec::{Name, Placement, Timestamp};

use super::feature_views::in_service;
use super::runs::{ACTIVE, summary, wait};
use super::workers::takers;
use crate::database::{Snapshot, query};
use crate::load::{count, instant, json, name};
use crate::ready::PLACEMENTS;
use crate::{Error, Store};

/// Ready tasks of a queue are counted up to so many.
const MOST_COUNTED: i64 = 10_000;

/// What the rows say of how things stand.
#[derive(Clone, Debug, PartialEq)]
pub struct Standings {
    /// Runs that have not ended, newest first, as many as are shown.
    pub running: Vec<RunSummary>,
    /// How many there are.
    pub active_runs: u64,
    /// Failed and overdue runs, approvals and queues without workers.
    pub attention: Vec<Attention>,
    /// Where aliases point, as many as are shown.
    pub live: Vec<LiveAlias>,
    /// The publication of each view that is in service.
    pub publications: BTreeMap<Name, PublicationView>,
}

impl Store {
    /// How things stand.
    pub async fn standings(&self, project: &Name) -> Result<Standings, Error> {
        let (now, mut snapshot) = (self.now(), self.readers.begin().await?);
        let snapshot = &mut snapshot;
        let running = query(ACTIVE).bind(project.as_str()).bind(most(Overview::MAX_RUNNING));
        let running = running.fetch_all(&mut *snapshot).await?;
        let active_runs: i64 = query("SELECT COUNT(*) FROM run WHERE project = $1 AND state IN ('queued', 'running')")
            .bind(project.as_str())
            .fetch_scalar(&mut *snapshot)
            .await?;
        let mut attention = failed_runs(snapshot, project).await?;
        attention.extend(overdue_runs(snapshot, project, now).await?);
        attention.extend(approvals(snapshot, project).await?);
        attention.extend(unmanned_queues(snapshot, now).await?);
        Ok(Standings {
            running: running.iter().map(summary).collect::<Result<_, _>>()?,
            active_runs: active_runs.unsigned_abs(),
            attention,
            live: live_aliases(snapshot, project).await?,
            publications: in_service(snapshot, project).await?,
        })
    }
}

fn most(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Of each DAG of the live version the newest run that has ended, where it failed.
async fn failed_runs(snapshot: &mut Snapshot, project: &Name) -> Result<Vec<Attention>, Error> {
    let rows = query(
        "SELECT run.dag, run.run_id, run.ended_at_us, run.reason FROM dag JOIN run ON run.run_id = \
         (SELECT newest.run_id FROM run AS newest WHERE newest.project = dag.project AND newest.dag = dag.dag \
         AND newest.state IN ('succeeded', 'failed', 'cancelled') ORDER BY newest.run_id DESC LIMIT 1) \
         WHERE dag.project = $1 AND dag.removed = 0 AND run.state = 'failed' ORDER BY run.run_id DESC LIMIT $2",
    )
    .bind(project.as_str())
    .bind(most(Overview::MAX_ATTENTION))
    .fetch_all(snapshot)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(Attention::FailedRun {
                dag: name(row.try_get("dag")?)?,
                run_id: row.try_get("run_id")?,
                at: Timestamp::from_micros(row.try_get("ended_at_us")?),
                reason: row.try_get("reason")?,
            })
        })
        .collect()
}

/// Runs that go on past their deadline: those that are being ended for it, and those that nobody has seen yet.
async fn overdue_runs(snapshot: &mut Snapshot, project: &Name, now: Timestamp) -> Result<Vec<Attention>, Error> {
    let rows = query(
        "SELECT dag, run_id, deadline_at_us FROM run WHERE project = $1 AND state IN ('queued', 'running') \
         AND deadline_at_us IS NOT NULL AND (overdue = 1 OR deadline_at_us <= $2) \
         ORDER BY dag, window_end_us, run_id LIMIT $3",
    )
    .bind(project.as_str())
    .bind(now.micros)
    .bind(most(Overview::MAX_ATTENTION))
    .fetch_all(snapshot)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(Attention::OverdueRun {
                dag: name(row.try_get("dag")?)?,
                run_id: row.try_get("run_id")?,
                since: Timestamp::from_micros(row.try_get("deadline_at_us")?),
            })
        })
        .collect()
}

/// Tasks that wait for somebody's decision, those of the oldest runs first. The pattern is that of their index.
async fn approvals(snapshot: &mut Snapshot, project: &Name) -> Result<Vec<Attention>, Error> {
    let rows = query(
        "SELECT run.dag, task_run.run_id, task_run.task, task_run.fence, task_run.deferral, task_run.waiting_since_us \
         FROM task_run JOIN run ON run.run_id = task_run.run_id WHERE task_run.project = $1 \
         AND task_run.state = 'deferred' AND task_run.deferral LIKE '{_condition_:{_for_:_approval_%' \
         ORDER BY task_run.task_run_id LIMIT $2",
    )
    .bind(project.as_str())
    .bind(most(Overview::MAX_ATTENTION))
    .fetch_all(snapshot)
    .await?;
    let mut found = Vec::new();
    for row in &rows {
        let Some(wait) = wait(row)? else { continue };
        found.push(Attention::Approval {
            dag: name(row.try_get("dag")?)?,
            run_id: row.try_get("run_id")?,
            task: name(row.try_get("task")?)?,
            since: wait.since,
            until: wait.until,
            words: wait.words,
        });
    }
    Ok(found)
}

/// Places where tasks are ready and no worker takes them.
async fn unmanned_queues(snapshot: &mut Snapshot, now: Timestamp) -> Result<Vec<Attention>, Error> {
    let workers: Vec<Takes> = takers(now, snapshot).await?;
    let mut unmanned: BTreeMap<Placement, (u64, Option<Timestamp>)> = BTreeMap::new();
    for heavy in [0_i64, 1] {
        let places: Vec<String> = query(PLACEMENTS).bind(heavy).fetch_values(&mut *snapshot).await?;
        let places = places.iter().filter_map(|place| Placement::parse(place));
        for place in places.filter(|place| !workers.iter().any(|takes| takes.takes(place))) {
            let row = query(
                "SELECT COUNT(*) AS tasks, MIN(ready_at_us) AS since FROM (SELECT ready_at_us FROM task_run \
                 WHERE state = 'ready' AND blocked_on IS NULL AND heavy = $1 AND placement = $2 \
                 ORDER BY rank_us, task_run_id LIMIT $3) AS first_ones",
            )
            .bind(heavy)
            .bind(place.to_string())
            .bind(MOST_COUNTED)
            .fetch_optional(&mut *snapshot)
            .await?;
            let Some(row) = row else { continue };
            let (tasks, since) = unmanned.entry(place).or_default();
            *tasks = (*tasks + count::<u64>(&row, "tasks")?).min(MOST_COUNTED.unsigned_abs());
            *since = (*since).into_iter().chain(instant(&row, "since")?).min();
        }
    }
    let attention = unmanned.into_iter().take(Overview::MAX_ATTENTION).map(|(place, (ready, since))| {
        let Placement { queue, labels } = place;
        Attention::QueueWithoutWorker { queue, labels, ready, since }
    });
    Ok(attention.collect())
}

/// Where aliases point, since when, and who moved them.
async fn live_aliases(snapshot: &mut Snapshot, project: &Name) -> Result<Vec<LiveAlias>, Error> {
    let rows = query(
        "SELECT alias.model, alias.alias, alias.version, alias.moved_at_us, model_version.metrics, \
         model_version.run_id AS trained_by, (SELECT task_run.run_id FROM alias_history \
         LEFT JOIN task_run ON task_run.task_run_id = alias_history.task_run_id \
         WHERE alias_history.project = alias.project AND alias_history.model = alias.model \
         AND alias_history.alias = alias.alias AND alias_history.moved = 1 ORDER BY alias_history.number DESC LIMIT 1) \
         AS moved_by FROM alias JOIN model_version ON model_version.project = alias.project \
         AND model_version.model = alias.model AND model_version.version = alias.version \
         WHERE alias.project = $1 ORDER BY alias.model, alias.alias LIMIT $2",
    )
    .bind(project.as_str())
    .bind(most(Overview::MAX_LIVE))
    .fetch_all(snapshot)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(LiveAlias {
                model: name(row.try_get("model")?)?,
                alias: row.try_get("alias")?,
                version: count(row, "version")?,
                since: Timestamp::from_micros(row.try_get("moved_at_us")?),
                run_id: row.try_get("moved_by")?,
                trained_by: row.try_get("trained_by")?,
                metrics: json("metrics", row.try_get("metrics")?)?,
            })
        })
        .collect()
}
