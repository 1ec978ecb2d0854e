//! What a worker asks for and what it is given. To hand something more to workers: a field of [`ClaimedTask`].

use std::collections::BTreeMap;

use daybreak_core::{TaskState, TaskStatus, WorkerIdentity};
use daybreak_spec::{Name, Reference, Span, Template, Timestamp};
use serde_json::{Map, Value as Json};

use crate::load::LoadedRun;
use crate::unmanned::item;

/// "Give me work."
#[derive(Clone, Debug)]
pub struct Claim {
    /// Who asks.
    pub worker: WorkerIdentity,
    /// Light tasks it can take.
    pub free_light: u32,
    /// Heavy tasks it can take.
    pub free_heavy: u32,
}

/// A task that has just been given to a worker.
#[derive(Clone, Debug, PartialEq)]
pub struct ClaimedTask {
    /// The task run's ULID.
    pub task_run_id: String,
    /// The fence it is held under.
    pub fence: i64,
    /// 1-based attempt.
    pub attempt: u32,
    /// The run's ULID.
    pub run_id: String,
    /// The DAG.
    pub dag: Name,
    /// The task.
    pub task: Name,
    /// Its kind.
    pub kind: String,
    /// The project snapshot its run was made from.
    pub version: String,
    /// The folder that the snapshot's relative paths start from.
    pub root: String,
    /// Nominal instant; none for a manual run.
    pub scheduled_for: Option<Timestamp>,
    /// Previous firing.
    pub window_start: Option<Timestamp>,
    /// T.
    pub window_end: Timestamp,
    /// The run's parameters.
    pub params: Map<String, Json>,
    /// Outputs of the tasks before it that it takes any of, by name.
    pub outputs: BTreeMap<Name, Map<String, Json>>,
    /// Those of them that left none, and where they stand.
    pub without_outputs: BTreeMap<Name, TaskStatus>,
    /// The item that it is for and its place, where its task is done once per item of a list.
    pub item: Option<(Json, u32)>,
    /// Longest attempt.
    pub timeout_us: Option<i64>,
    /// When the attempt first gave its slot back, if it did.
    pub waiting_since: Option<Timestamp>,
}

pub(crate) fn handed_out(run: &LoadedRun, task: &Name, (dag, root): (Name, String)) -> ClaimedTask {
    let (_, snapshot) = run.snapshot.task(task.as_str()).expect("what has just been claimed is there");
    let row = &run.tasks[task];
    let list = list_of(run, task);
    let (mut outputs, mut without_outputs) = (BTreeMap::new(), BTreeMap::new());
    for before in taken(run, task) {
        match run.snapshot.tasks.get(before).map(|before| &before.progress.state) {
            Some(TaskState::Succeeded { outputs: left }) => {
                let whole_list = |key: &str| matches!(&list, Some(Reference::Output { task, key: of }) if task == before && of == key);
                outputs.insert(before.clone(), without(left, whole_list));
            }
            Some(other) => drop(without_outputs.insert(before.clone(), other.status())),
            None => {}
        }
    }
    ClaimedTask {
        task_run_id: row.task_run_id.clone(),
        fence: snapshot.progress.fence,
        attempt: snapshot.progress.attempt,
        dag,
        timeout_us: snapshot.timeout_us,
        waiting_since: snapshot.progress.waiting_since,
        run_id: run.run_id.clone(),
        task: task.clone(),
        kind: row.kind.clone(),
        version: run.version.clone(),
        root,
        scheduled_for: run.scheduled_for,
        window_start: run.window_start,
        window_end: run.window_end,
        params: without(&run.params, |key| matches!(&list, Some(Reference::Param(name)) if name == key)),
        outputs,
        without_outputs,
        item: item(run, task).map(|(value, index)| (value.clone(), index)),
    }
}

/// Whose outputs it is handed: what its declaration names and what its kind reads, never the whole cone before it.
fn taken<'a>(run: &'a LoadedRun, task: &'a Name) -> Vec<&'a Name> {
    let declared = task.item().map_or(task.as_str(), |(of, _)| of);
    match run.tasks.get(declared).and_then(|task| task.takes.as_deref()) {
        Some(takes) => takes.iter().collect(),
        None => run.snapshot.ancestors(declared),
    }
}

/// What the list of an item's task is a reference to: ten thousand items of ten thousand must not travel.
fn list_of(run: &LoadedRun, task: &Name) -> Option<Reference> {
    let (of, _) = task.item()?;
    let for_each = run.tasks.get(of)?.for_each.as_ref()?;
    let template = Template::parse(for_each.list.as_text()?, Span::default()).ok()?;
    template.alone().map(|(reference, _)| reference.value.clone())
}

fn without(values: &Map<String, Json>, left_out: impl Fn(&str) -> bool) -> Map<String, Json> {
    let kept = values.iter().filter(|(key, _)| !left_out(key));
    kept.map(|(key, value)| (key.clone(), value.clone())).collect()
}
