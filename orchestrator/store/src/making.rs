//! The rows of new runs, of their tasks and of the items of lists: written together, and remembered as they were written. To
//! add a column that a run is made with: its place in `pending.rs` and its value here.

use std::collections::BTreeMap;

use daybreak_core::{FanOut, NeededBy, RunSnapshot, RunState, RunStatus, TaskProgress, TaskSnapshot, TaskStatus};
use daybreak_spec::{Name, Timestamp};

use crate::database::{Value, Values, query};
use crate::limits::Taken;
use crate::load::{LoadedRun, LoadedTask};
use crate::runs::{RunTemplate, TaskTemplate};
use crate::tx::Tx;
use crate::{CacheRule, Error};

/// What a point of priority is worth in waiting.
const POINT_US: i64 = 60_000_000;

/// A run that is to be made.
pub(crate) struct RunRow {
    /// The firing key; none for a run by hand, and for one that runs a firing again.
    pub scheduled_for: Option<Timestamp>,
    /// The nominal instant, with or without the key.
    pub nominal: Option<Timestamp>,
    pub window_start: Option<Timestamp>,
    pub window_end: Timestamp,
    /// Why it is recorded and not run.
    pub skipped: Option<String>,
}

/// `None`: the firing has its run already.
pub(crate) async fn insert_run(tx: &mut Tx, template: &RunTemplate, row: &RunRow) -> Result<Option<String>, Error> {
    let (run_id, now) = (tx.sources.id(), tx.now());
    let params = serde_json::to_string(&template.params).expect("a JSON map always writes");
    let Some(scheduled_for) = row.scheduled_for else {
        let values = vec![
            run_id.clone().into(),
            template.project.to_string().into(),
            template.dag.to_string().into(),
            template.version.clone().into(),
            RunStatus::Queued.as_str().into(),
            None::<i64>.into(),
            row.window_start.map(|at| at.micros).into(),
            row.window_end.micros.into(),
            params.into(),
            now.micros.into(),
            template.max_active.map(i64::from).into(),
            template.deadline_us.into(),
        ];
        tx.insert_run(values);
        tx.effects.entered_runs.push(RunStatus::Queued);
        insert_tasks(tx, template, &run_id, row);
        return Ok(Some(run_id));
    };
    let status = if row.skipped.is_some() { RunStatus::Skipped } else { RunStatus::Queued };
    let made = query(
        "INSERT INTO run (run_id, project, dag, version, state, reason, scheduled_for_us, window_start_us, \
         window_end_us, params, created_at_us, ended_at_us, max_active, deadline_us) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) \
         ON CONFLICT (project, dag, scheduled_for_us) DO NOTHING",
    )
    .bind(&run_id)
    .bind(template.project.as_str())
    .bind(template.dag.as_str())
    .bind(&template.version)
    .bind(status.as_str())
    .bind(row.skipped.as_deref())
    .bind(scheduled_for.micros)
    .bind(row.window_start.map(|at| at.micros))
    .bind(row.window_end.micros)
    .bind(params)
    .bind(now.micros)
    .bind(row.skipped.is_some().then_some(now.micros))
    .bind(template.max_active.map(i64::from))
    .bind(template.deadline_us)
    .execute(&mut tx.connection)
    .await?;
    if made == 0 {
        return Ok(None);
    }
    tx.effects.entered_runs.push(status);
    if row.skipped.is_none() {
        insert_tasks(tx, template, &run_id, row);
    }
    Ok(Some(run_id))
}

/// Writes the run's tasks and remembers the run.
fn insert_tasks(tx: &mut Tx, template: &RunTemplate, run_id: &str, row: &RunRow) {
    let now = tx.now();
    let mut run = LoadedRun {
        run_id: run_id.to_owned(),
        project: template.project.to_string(),
        dag: template.dag.to_string(),
        version: template.version.clone(),
        scheduled_for: row.nominal,
        window_start: row.window_start,
        window_end: row.window_end,
        params: template.params.clone(),
        snapshot: RunSnapshot {
            state: RunState::Queued,
            cancel_requested: None,
            overdue: false,
            tasks: BTreeMap::new(),
            needed_by: NeededBy::default(),
        },
        tasks: BTreeMap::new(),
        max_active: template.max_active.unwrap_or(1),
        revision: 0,
        remembered: false,
    };
    for task in &template.tasks {
        let loaded = LoadedTask {
            task_run_id: tx.sources.id(),
            kind: task.kind.clone(),
            heavy: task.heavy,
            rank_us: now.micros - i64::from(task.priority) * POINT_US,
            placement: task.placement.clone(),
            limits: task.limits.iter().map(|share| share.taken(&run, &task.task)).collect(),
            queue_timeout_us: task.queue_timeout_us,
            takes: Some(task.takes.clone()),
            for_each: task.for_each.clone(),
            cache: task.cache.clone(),
        };
        tx.insert_task(task_row(template, run_id, (task, &loaded)));
        let snapshot = TaskSnapshot {
            parents: task.parents.clone(),
            trigger: task.trigger.clone(),
            tolerated: task.tolerated,
            retry: task.retry.clone(),
            gated: task.gated,
            timeout_us: task.timeout_us,
            fan_out: task.for_each.as_ref().map(|for_each| Box::new(FanOut::new(for_each.most_at_a_time()))),
            progress: TaskProgress::new(),
        };
        run.snapshot.tasks.insert(task.task.clone(), snapshot);
        run.tasks.insert(task.task.clone(), loaded);
    }
    // Nobody else can know of it before the commit.
    tx.known.hold(run_id);
    tx.known.keep(run);
}

/// A task's row as `pending.rs` inserts it.
fn task_row(template: &RunTemplate, run_id: &str, (task, loaded): (&TaskTemplate, &LoadedTask)) -> Values {
    let trigger =
        (!task.trigger.is_default()).then(|| serde_json::to_string(&task.trigger).expect("a trigger always writes"));
    vec![
        loaded.task_run_id.clone().into(),
        template.project.to_string().into(),
        run_id.to_owned().into(),
        task.task.to_string().into(),
        task.kind.clone().into(),
        i64::from(task.heavy).into(),
        i64::from(task.gated).into(),
        serde_json::to_string(&task.parents).expect("names always write").into(),
        serde_json::to_string(&task.retry).expect("a retry policy always writes").into(),
        task.timeout_us.into(),
        TaskStatus::Waiting.as_str().into(),
        trigger.into(),
        i64::from(task.tolerated).into(),
        i64::from(task.priority).into(),
        loaded.rank_us.into(),
        limits_text(&loaded.limits),
        task.queue_timeout_us.into(),
        task.total_timeout_us.into(),
        task.for_each.as_ref().map(|rule| serde_json::to_string(&**rule).expect("a list always writes")).into(),
        cache_text(task.cache.as_deref()),
        None::<String>.into(),
        None::<i64>.into(),
        serde_json::to_string(&*task.takes).expect("names always write").into(),
        loaded.placement.to_string().into(),
    ]
}

fn limits_text(limits: &[Taken]) -> Value<'static> {
    (!limits.is_empty()).then(|| serde_json::to_string(limits).expect("limits always write")).into()
}

fn cache_text(rule: Option<&CacheRule>) -> Value<'static> {
    rule.map(|rule| serde_json::to_string(rule).expect("a rule always writes")).into()
}

/// The row of an item's task run: what never changes of it is its task's.
pub(crate) fn item_row(
    (project, run_id): (&str, &str),
    (task, index): (&Name, u32),
    (item, snapshot): (&LoadedTask, &TaskSnapshot),
) -> Values {
    vec![
        item.task_run_id.clone().into(),
        project.to_owned().into(),
        run_id.to_owned().into(),
        task.of_item(index).to_string().into(),
        item.kind.clone().into(),
        i64::from(item.heavy).into(),
        0.into(),
        "[]".to_owned().into(),
        serde_json::to_string(&snapshot.retry).expect("a retry policy always writes").into(),
        snapshot.timeout_us.into(),
        TaskStatus::Waiting.as_str().into(),
        None::<String>.into(),
        i64::from(snapshot.tolerated).into(),
        0.into(),
        item.rank_us.into(),
        limits_text(&item.limits),
        item.queue_timeout_us.into(),
        // How long it may take in all is said of the whole list.
        None::<i64>.into(),
        None::<String>.into(),
        cache_text(item.cache.as_deref()),
        task.to_string().into(),
        i64::from(index).into(),
        None::<String>.into(),
        item.placement.to_string().into(),
    ]
}
