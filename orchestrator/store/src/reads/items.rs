//! Reads of the items of tasks that are done once per item. Those that an earlier, longer list left behind are not shown.

use std::collections::BTreeMap;

use daybreak_core::TaskStatus;
use daybreak_protocol::{ItemCounts, ItemList, ItemsQuery};
use daybreak_spec::Name;
use serde_json::Value as Json;

use super::runs::task;
use crate::database::{Snapshot, query};
use crate::load::{count, json, name, task_status};
use crate::{Error, Store};

impl Store {
    /// A page of the items of a task, in the order of its list.
    pub async fn items(&self, run_id: &str, of: &Name, wanted: &ItemsQuery) -> Result<ItemList, Error> {
        let mut snapshot = self.readers.begin().await?;
        let whole = query("SELECT list, for_each FROM task_run WHERE run_id = $1 AND task = $2")
            .bind(run_id)
            .bind(of.as_str())
            .fetch_optional(&mut snapshot)
            .await?
            .ok_or_else(|| Error::NotFound(format!("run `{run_id}` has no task `{of}`")))?;
        if whole.try_get::<Option<&str>>("for_each")?.is_none() {
            return Err(Error::NotFound(format!("task `{of}` of run `{run_id}` is not done once per item")));
        }
        let list: Option<&str> = whole.try_get("list")?;
        let list: Vec<Json> = list.map_or_else(|| Ok(Vec::new()), |list| json("list of items", list))?;
        let limit = wanted.effective_limit();
        let rows = query(
            "SELECT task_run.task_run_id, task, kind, parents, state, attempt, lost, fence, task_run.reason, upstream, \
             ready_at_us, started_at_us, ended_at_us, busy_us, start_us, outputs, deferral, waiting_since_us, cached_from, item, worker.label AS worker \
             FROM task_run LEFT JOIN worker ON worker.worker_id = task_run.worker_id \
             WHERE run_id = $1 AND item_of = $2 AND item IS NOT NULL AND item >= $3 AND item < $4 \
             AND ($5 IS NULL OR state = $5) ORDER BY item LIMIT $6",
        )
        .bind(run_id)
        .bind(of.as_str())
        .bind(i64::from(wanted.from.unwrap_or_default()))
        .bind(i64::try_from(list.len()).unwrap_or(i64::MAX))
        .bind(wanted.state.map(TaskStatus::as_str))
        .bind(i64::from(limit) + 1)
        .fetch_all(&mut snapshot)
        .await?;
        let mut page = ItemList::default();
        for row in &rows {
            let index: u32 = count(row, "item")?;
            if page.items.len() == limit as usize {
                page.next = Some(index);
                break;
            }
            let mut view = task(row)?;
            view.item = list.get(index as usize).cloned();
            page.items.push(view);
        }
        Ok(page)
    }
}

/// How many items stand how, by task.
pub(super) async fn counts(snapshot: &mut Snapshot, run_id: &str) -> Result<BTreeMap<Name, ItemCounts>, Error> {
    let rows = query(
        "SELECT item.item_of, item.state, COUNT(*) AS items FROM task_run AS item JOIN task_run AS whole \
         ON whole.run_id = item.run_id AND whole.task = item.item_of \
         WHERE item.run_id = $1 AND item.item IS NOT NULL AND item.item < whole.list_length \
         GROUP BY item.item_of, item.state",
    )
    .bind(run_id)
    .fetch_all(snapshot)
    .await?;
    let mut found: BTreeMap<Name, ItemCounts> = BTreeMap::new();
    for row in &rows {
        let counts = found.entry(name(row.try_get("item_of")?)?).or_default();
        let items: u32 = count(row, "items")?;
        counts.items += items;
        *match task_status(row.try_get("state")?)? {
            TaskStatus::Waiting => &mut counts.waiting,
            TaskStatus::Ready | TaskStatus::Running | TaskStatus::Deferred | TaskStatus::RetryWait => &mut counts.busy,
            TaskStatus::Succeeded => &mut counts.succeeded,
            TaskStatus::Failed => &mut counts.failed,
            TaskStatus::Skipped | TaskStatus::UpstreamFailed => &mut counts.skipped,
            TaskStatus::Cancelled => &mut counts.cancelled,
        } += items;
    }
    Ok(found)
}
