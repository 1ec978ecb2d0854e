//! The run of a test before anything has happened in it, made of the declaration as a server makes it.

use std::collections::BTreeMap;

use daybreak_core::{DagGraph, FanOut, RunSnapshot, RunState, TaskProgress, TaskSnapshot};
use daybreak_spec::{Dag, Problem};

use crate::FlowTests;

/// The run as the server makes it.
pub(crate) fn snapshot(dag: &Dag, tests: &FlowTests<'_>) -> Result<RunSnapshot, Vec<Problem>> {
    let graph = DagGraph::build(dag)?;
    let mut snapshots = BTreeMap::new();
    for (name, task) in &dag.tasks {
        let kind = tests.catalog.get(&task.kind).ok_or_else(|| {
            vec![Problem::error("unknown_kind", task.kind.span, format!("there is no kind `{}`", task.kind.value))]
        })?;
        let snapshot = TaskSnapshot {
            parents: graph.parents(name).into_iter().cloned().collect(),
            trigger: task.trigger.clone(),
            tolerated: task.tolerated,
            retry: task.retry.clone().unwrap_or_else(|| dag.retry.clone()),
            gated: kind.gated,
            timeout_us: task.timeout.as_ref().map(|timeout| timeout.micros),
            fan_out: task.for_each.as_deref().map(|for_each| Box::new(FanOut::new(for_each.most_at_a_time()))),
            progress: TaskProgress::new(),
        };
        snapshots.insert(name.clone(), snapshot);
    }
    Ok(RunSnapshot {
        state: RunState::Queued,
        cancel_requested: None,
        overdue: false,
        tasks: snapshots,
        needed_by: Default::default(),
    })
}
