//! What becomes ready and needs no worker: a task that is done once per item gets its list, and one whose result is known
//! takes it over. Both are decided in the very transaction that made the task ready, so neither can happen twice or be
//! forgotten. Must never run anything: values are put in where the declaration says `${…}`, no more.

use std::sync::Arc;

use daybreak_core::{Changes, Event, Failure, Handed, TaskState, Values, advance, result_key};
use daybreak_failpoints::crossing;
use daybreak_spec::{Name, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::Error;
use crate::changes::write_step;
use crate::database::{Row, Values as RowValues, fetch_whole_rows, query};
use crate::effects::ReadyTask;
use crate::load::{LoadedRun, LoadedTask, map};
use crate::tx::Tx;

/// What a task's result is known by, and how long.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CacheRule {
    /// How long it is known.
    pub ttl_us: i64,
    /// All it depends on, as declared.
    pub of: Json,
}

/// A result that is known.
struct Known {
    run_id: String,
    outputs: Map<String, Json>,
}

/// Lets what these changes made ready go on without a worker, and what that makes ready in turn. What needs one is handed
/// out afterwards.
pub(crate) async fn go_on(tx: &mut Tx, run: &mut LoadedRun, changes: &Changes) -> Result<(), Error> {
    let mut ready = made_ready(run, changes);
    while !ready.is_empty() {
        let (lists, known): (Vec<Name>, Vec<Name>) =
            ready.into_iter().partition(|task| run.tasks[task].for_each.is_some());
        ready = Vec::new();
        for task in lists {
            let list = list(run, &task);
            crossing!("fan_out.before");
            ready.extend(happen(tx, run, &Event::FanOut { task, list }).await?);
            crossing!("fan_out.after");
        }
        for (task, result) in look_up(tx, run, known).await? {
            let Some(Known { run_id, outputs }) = result else {
                hand_out(tx, run, task);
                continue;
            };
            ready.extend(happen(tx, run, &Event::CacheHit { task: task.clone(), outputs }).await?);
            query("UPDATE task_run SET cached_from = $1 WHERE task_run_id = $2")
                .bind(&run_id)
                .bind(&run.tasks[&task].task_run_id)
                .execute(tx.direct().await?)
                .await?;
        }
    }
    Ok(())
}

async fn happen(tx: &mut Tx, run: &mut LoadedRun, event: &Event) -> Result<Vec<Name>, Error> {
    let changes = advance(&run.snapshot, event, tx.moment())?;
    write_step(tx, run, &changes, None).await?;
    Ok(made_ready(run, &changes))
}

/// Tasks that are ready and may need no worker.
fn made_ready(run: &LoadedRun, changes: &Changes) -> Vec<Name> {
    let ready = changes.tasks.iter().filter(|change| change.after.state == TaskState::Ready);
    ready.filter(|change| run.tasks[&change.task].may_need_no_worker()).map(|change| change.task.clone()).collect()
}

fn hand_out(tx: &mut Tx, run: &LoadedRun, task: Name) {
    let LoadedTask { heavy, rank_us, placement, .. } = &run.tasks[&task];
    let (heavy, rank_us, placement, since) = (*heavy, *rank_us, placement.clone(), tx.now());
    tx.effects.ready.push(ReadyTask { run_id: run.run_id.clone(), task, heavy, rank_us, since, placement });
}

fn list(run: &LoadedRun, task: &Name) -> Result<Arc<[Json]>, Failure> {
    let missing = || Failure { cause: "bad_list".to_owned(), reason: "it has no `for_each`".to_owned() };
    let declared = run.tasks[task].for_each.as_ref().ok_or_else(missing)?;
    with_values(run, task, |values| values.list(&declared.list.to_json()))
}

/// A declared value as a task of the run sees it.
pub(crate) fn put_into(run: &LoadedRun, task: &Name, declared: &Json) -> Result<Json, String> {
    with_values(run, task, |values| values.put_into(declared))
}

fn with_values<T>(run: &LoadedRun, task: &Name, ask: impl FnOnce(Values<'_>) -> T) -> T {
    let tasks = &run.snapshot.tasks;
    let handed = |task: &Name| Handed::of(tasks.get(task).map(|task| &task.progress.state));
    let values = Values {
        run_id: &run.run_id,
        dag: &run.dag,
        scheduled_for: run.scheduled_for,
        window_start: run.window_start,
        window_end: run.window_end,
        params: &run.params,
        handed: &handed,
        item: item(run, task),
    };
    ask(values)
}

/// The item that a task run is for, and its place in the list.
pub(crate) fn item<'a>(run: &'a LoadedRun, task: &Name) -> Option<(&'a Json, u32)> {
    let (of, index) = task.item()?;
    let list = run.snapshot.tasks.get(of)?.fan_out.as_ref()?.list()?;
    Some((list.get(index as usize)?, index))
}

/// What is known of these tasks. One that is run again by hand, or whose task is, is always made anew.
async fn look_up(tx: &mut Tx, run: &LoadedRun, tasks: Vec<Name>) -> Result<Vec<(Name, Option<Known>)>, Error> {
    let (mut found, mut asked): (Vec<(Name, Option<Known>)>, Vec<RowValues>) = (Vec::new(), Vec::new());
    let mut keys = Vec::new();
    for task in tasks {
        // One whose values cannot be put in is for a worker to fail.
        let key = if runs_again(run, &task) { None } else { key(run, &task) };
        if let Some(key) = &key {
            asked.push(vec![run.project.clone().into(), key.clone().into()]);
        }
        keys.push(key);
        found.push((task, None));
    }
    if asked.is_empty() {
        return Ok(found);
    }
    let now = tx.now();
    let rows: Vec<Row> = fetch_whole_rows(
        "SELECT known_result.result_key, known_result.run_id, known_result.outputs, known_result.expires_at_us \
         FROM known_result JOIN (VALUES (CAST($1 AS TEXT), CAST($2 AS TEXT))) AS v \
         ON known_result.project = v.column1 AND known_result.result_key = v.column2",
        asked,
        tx.direct().await?,
    )
    .await?;
    for row in rows {
        if Timestamp::from_micros(row.try_get("expires_at_us")?) <= now {
            continue;
        }
        let key: String = row.try_get("result_key")?;
        for (place, _) in keys.iter().enumerate().filter(|(_, wanted)| wanted.as_ref() == Some(&key)) {
            let outputs = map("outputs", row.try_get("outputs")?)?;
            found[place].1 = Some(Known { run_id: row.try_get("run_id")?, outputs });
        }
    }
    Ok(found)
}

fn runs_again(run: &LoadedRun, task: &Name) -> bool {
    let again = |name: &str| run.snapshot.task(name).is_some_and(|(_, task)| task.progress.generation > 0);
    again(task.as_str()) || task.item().is_some_and(|(of, _)| again(of))
}

fn key(run: &LoadedRun, task: &Name) -> Option<String> {
    let rule = run.tasks[task].cache.as_ref()?;
    put_into(run, task, &rule.of).ok().map(|of| result_key(&of))
}

/// Keeps what a worker has made of a task, for those who ask for the same.
pub(crate) async fn keep_result(
    tx: &mut Tx,
    run: &LoadedRun,
    (task, outputs): (&Name, &Map<String, Json>),
) -> Result<(), Error> {
    let Some(rule) = run.tasks[task].cache.clone() else { return Ok(()) };
    let Some(key) = key(run, task) else { return Ok(()) };
    let now = tx.now();
    query(
        "INSERT INTO known_result (project, result_key, run_id, outputs, made_at_us, expires_at_us) \
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (project, result_key) DO UPDATE SET run_id = excluded.run_id, \
         outputs = excluded.outputs, made_at_us = excluded.made_at_us, expires_at_us = excluded.expires_at_us",
    )
    .bind(&run.project)
    .bind(key)
    .bind(&run.run_id)
    .bind(serde_json::to_string(outputs).expect("a JSON map always writes"))
    .bind(now.micros)
    .bind(now.plus_micros(rule.ttl_us).micros)
    .execute(tx.direct().await?)
    .await?;
    Ok(())
}

/// A list that is known now is written down, with task runs of the items that there are none of yet.
pub(crate) async fn write_list(tx: &mut Tx, run: &mut LoadedRun, task: &Name, list: &[Json]) -> Result<(), Error> {
    let Some(fan_out) = &run.snapshot.tasks[task].fan_out else { return Ok(()) };
    let there = fan_out.all_items().len();
    let task_run_id = run.tasks[task].task_run_id.clone();
    for index in there..list.len() {
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        let (name, item) = (task.of_item(index), run.tasks[task].of_item(tx.sources.id()));
        let of = (run.project.as_str(), run.run_id.as_str());
        let row = crate::making::item_row(of, (task, index), (&item, &run.snapshot.tasks[task]));
        tx.insert_task(row);
        tx.known.name_task(&item.task_run_id, &run.run_id, &name);
        run.tasks.insert(name, item);
    }
    query("UPDATE task_run SET list = $1, list_length = $2 WHERE task_run_id = $3")
        .bind(serde_json::to_string(list).expect("JSON always writes"))
        .bind(i64::try_from(list.len()).unwrap_or(i64::MAX))
        .bind(&task_run_id)
        .execute(tx.direct().await?)
        .await?;
    Ok(())
}

/// A task that waits again has no list and no result of another run.
pub(crate) async fn forget_list(tx: &mut Tx, run: &LoadedRun, task: &Name) -> Result<(), Error> {
    let row = &run.tasks[task];
    if !row.may_need_no_worker() {
        return Ok(());
    }
    query("UPDATE task_run SET list = NULL, list_length = NULL, cached_from = NULL WHERE task_run_id = $1")
        .bind(&row.task_run_id)
        .execute(tx.direct().await?)
        .await?;
    Ok(())
}
