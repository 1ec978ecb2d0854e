//! Slots of limits. A task takes its slots in the transaction that hands it out and has them for as long as its row says
//! that it is running: there is nothing to give back, so nothing can leak. A ready task that finds no room is set aside
//! under the counter it waits for, so that those behind it are not kept from running, and is let in again, oldest rank
//! first, when a task of that counter has ended. Must never let a task pass an earlier one of the same counter.

use std::collections::BTreeSet;
use std::sync::Arc;

use daybreak_core::plain;
use daybreak_spec::{Name, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::Error;
use crate::database::{Pool, Values, execute_rows, query};
use crate::effects::ReadyTask;
use crate::load::{LoadedRun, LoadedTask, name, placement};
use crate::tx::Tx;
use crate::unmanned::put_into;

/// Set-aside tasks let in per counter and turn.
const MOST_LET_IN: i64 = 500;

/// What a task takes of a limit while it runs.
#[derive(Clone, Debug, PartialEq)]
pub struct LimitShare {
    /// The limit.
    pub limit: Name,
    /// Slots taken.
    pub slots: u32,
    /// As declared, references and all; tasks share slots only with those whose key comes to the same.
    pub key: Option<String>,
}

/// A share whose key is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Taken {
    pub limit: Name,
    /// `limit`, or `limit:key`.
    pub counter: String,
    pub slots: u32,
}

/// A counter that tasks may have made room in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Counter {
    pub project: String,
    pub counter: String,
}

impl Counter {
    /// The limit that it counts.
    fn limit(&self) -> &str {
        limit_of(&self.counter)
    }
}

/// The limit that a counter counts.
pub(crate) fn limit_of(counter: &str) -> &str {
    counter.split_once(':').map_or(counter, |(limit, _)| limit)
}

impl LimitShare {
    /// For a task of a run that is being made.
    pub(crate) fn taken(&self, run: &LoadedRun, task: &Name) -> Taken {
        let key = self.key.as_ref().map(|key| {
            // `check` lets nothing into a key that a run might not have.
            put_into(run, task, &Json::String(key.clone())).map(plain).unwrap_or_default()
        });
        let counter = key.map_or_else(|| self.limit.to_string(), |key| format!("{}:{key}", self.limit));
        Taken { limit: self.limit.clone(), counter, slots: self.slots }
    }
}

/// Takes a ready task's slots in the open transaction. `false`: some counter has no room, and the task is set aside.
pub(crate) async fn take(tx: &mut Tx, project: &str, task: &LoadedTask) -> Result<bool, Error> {
    for taken in &task.limits {
        if !has_room(tx, project, task, taken).await? {
            query("UPDATE task_run SET blocked_on = $1 WHERE task_run_id = $2 AND state = 'ready'")
                .bind(&taken.counter)
                .bind(&task.task_run_id)
                .execute(tx.direct().await?)
                .await?;
            return Ok(false);
        }
    }
    let row = |taken: &Taken| -> Values {
        vec![
            project.to_owned().into(),
            taken.counter.clone().into(),
            task.task_run_id.clone().into(),
            i64::from(taken.slots).into(),
        ]
    };
    execute_rows(
        "INSERT INTO limit_slot (project, counter, task_run_id, slots) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (project, counter, task_run_id) DO UPDATE SET slots = excluded.slots",
        task.limits.iter().map(row).collect(),
        tx.direct().await?,
    )
    .await?;
    Ok(true)
}

async fn has_room(tx: &mut Tx, project: &str, task: &LoadedTask, taken: &Taken) -> Result<bool, Error> {
    let counter = Counter { project: project.to_owned(), counter: taken.counter.clone() };
    let Some(free) = free_slots(tx, &counter).await? else { return Ok(true) };
    if free < i64::from(taken.slots) {
        return Ok(false);
    }
    // One that waits already and came first would starve if smaller ones passed it.
    let earlier: Option<i64> = query(
        "SELECT rank_us FROM task_run WHERE project = $1 AND blocked_on = $2 AND state = 'ready' \
         AND (rank_us < $3 OR (rank_us = $3 AND task_run_id < $4)) ORDER BY rank_us, task_run_id LIMIT 1",
    )
    .bind(project)
    .bind(&taken.counter)
    .bind(task.rank_us)
    .bind(&task.task_run_id)
    .fetch_value(tx.direct().await?)
    .await?;
    Ok(earlier.is_none())
}

/// `None`: the project declares the limit no more. The limit is held until the commit: servers count one after the other.
async fn free_slots(tx: &mut Tx, counter: &Counter) -> Result<Option<i64>, Error> {
    let slots: Option<i64> =
        query("SELECT slots FROM limit_pool WHERE project = $1 AND limit_name = $2 FOR NO KEY UPDATE")
            .bind(&counter.project)
            .bind(counter.limit())
            .fetch_value(tx.direct().await?)
            .await?;
    let Some(slots) = slots else { return Ok(None) };
    query(
        "DELETE FROM limit_slot WHERE project = $1 AND counter = $2 AND NOT EXISTS (SELECT 1 FROM task_run \
         WHERE task_run.task_run_id = limit_slot.task_run_id AND task_run.state = 'running')",
    )
    .bind(&counter.project)
    .bind(&counter.counter)
    .execute(tx.direct().await?)
    .await?;
    let taken: i64 =
        query("SELECT CAST(COALESCE(SUM(slots), 0) AS BIGINT) FROM limit_slot WHERE project = $1 AND counter = $2")
            .bind(&counter.project)
            .bind(&counter.counter)
            .fetch_scalar(tx.direct().await?)
            .await?;
    Ok(Some(slots - taken))
}

/// Lets tasks in that were set aside, where there may be room now.
pub(crate) async fn let_in(tx: &mut Tx) -> Result<(), Error> {
    for counter in std::mem::take(&mut tx.freed) {
        let free = free_slots(tx, &counter).await?.unwrap_or(MOST_LET_IN);
        if free > 0 {
            let_in_some(tx, &counter, free.min(MOST_LET_IN)).await?;
        }
    }
    Ok(())
}

async fn let_in_some(tx: &mut Tx, counter: &Counter, most: i64) -> Result<(), Error> {
    let rows = query(
        "SELECT task_run_id, run_id, task, heavy, rank_us, ready_at_us, placement FROM task_run WHERE project = $1 AND blocked_on = $2 \
         AND state = 'ready' ORDER BY rank_us, task_run_id LIMIT $3 FOR UPDATE SKIP LOCKED",
    )
    .bind(&counter.project)
    .bind(&counter.counter)
    .bind(most)
    .fetch_all(tx.direct().await?)
    .await?;
    let mut changed: Vec<Values> = Vec::new();
    for row in &rows {
        changed.push(vec![row.try_get::<String>("task_run_id")?.into()]);
        tx.effects.ready.push(ReadyTask {
            run_id: row.try_get("run_id")?,
            task: name(row.try_get("task")?)?,
            heavy: row.try_get::<i64>("heavy")? != 0,
            rank_us: row.try_get("rank_us")?,
            since: row.try_get::<Option<i64>>("ready_at_us")?.map_or(tx.now(), Timestamp::from_micros),
            placement: Arc::new(placement(row.try_get("placement")?)?),
        });
    }
    execute_rows(
        "UPDATE task_run SET blocked_on = NULL FROM (VALUES (CAST($1 AS TEXT))) AS v \
         WHERE task_run.task_run_id = v.column1 AND task_run.state = 'ready'",
        changed,
        tx.direct().await?,
    )
    .await?;
    Ok(())
}

/// All counters that tasks wait for: what other servers and deployments made room in is found here.
pub(crate) async fn waited_for(readers: &Pool) -> Result<BTreeSet<Counter>, Error> {
    let rows = query(
        "SELECT DISTINCT project, blocked_on FROM task_run WHERE state = 'ready' AND blocked_on IS NOT NULL \
         ORDER BY project, blocked_on",
    )
    .fetch_all(readers)
    .await?;
    rows.iter()
        .map(|row| Ok(Counter { project: row.try_get("project")?, counter: row.try_get("blocked_on")? }))
        .collect()
}

/// Takes up what a project declares.
pub(crate) async fn declare(tx: &mut Tx, project: &str, limits: &[(Name, u32)]) -> Result<(), Error> {
    let before: Vec<String> = query("SELECT limit_name FROM limit_pool WHERE project = $1")
        .bind(project)
        .fetch_values(tx.direct().await?)
        .await?;
    for gone in before.iter().filter(|before| !limits.iter().any(|(limit, _)| limit.as_str() == before.as_str())) {
        query("DELETE FROM limit_pool WHERE project = $1 AND limit_name = $2")
            .bind(project)
            .bind(gone)
            .execute(tx.direct().await?)
            .await?;
    }
    // Those that stay are changed in place: a server that waits for such a row must find it.
    let row = |(limit, slots): &(Name, u32)| -> Values {
        vec![project.to_owned().into(), limit.to_string().into(), i64::from(*slots).into()]
    };
    execute_rows(
        "INSERT INTO limit_pool (project, limit_name, slots) VALUES ($1, $2, $3) \
         ON CONFLICT (project, limit_name) DO UPDATE SET slots = excluded.slots",
        limits.iter().map(row).collect(),
        tx.direct().await?,
    )
    .await?;
    Ok(())
}
