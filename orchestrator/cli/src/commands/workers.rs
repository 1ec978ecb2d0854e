//! `daybreak workers` and `daybreak queues`: who works, on what, and what nobody works on.

use daybreak_protocol::{QueueList, QueueView, WorkerList, WorkerState, WorkerView};
use daybreak_spec::Labels;

use super::reading::print;
use crate::arguments::Project;
use crate::connection::Connection;
use crate::failure::Outcome;
use crate::table;

/// Tasks of a worker that are named; the others are counted.
const MOST_NAMED: usize = 3;

/// `daybreak workers`
pub async fn workers(project: &Project) -> Outcome {
    let connection = Connection::open(&project.directory).await?;
    let workers = connection.client.all_workers().await;
    connection.close().await;
    print(&WorkerList { workers: workers?, next: None }, project, |WorkerList { workers, .. }| {
        let header = ["name", "host", "state", "queues", "labels", "light", "heavy", "last seen", "version", "runs"];
        table::render(&header, &workers.iter().map(worker_cells).collect::<Vec<_>>())
    })
}

fn worker_cells(worker: &WorkerView) -> Vec<String> {
    let queues = worker.queues.as_ref().map_or_else(
        || "all".to_owned(),
        |queues| queues.iter().map(ToString::to_string).collect::<Vec<_>>().join(","),
    );
    let busy = |heavy: bool| worker.running.iter().filter(|task| task.heavy == heavy).count();
    let mut runs: Vec<String> =
        worker.running.iter().take(MOST_NAMED).map(|task| format!("{} of {}", task.task, task.run_id)).collect();
    if worker.running.len() > MOST_NAMED {
        runs.push(format!("{} more", worker.running.len() - MOST_NAMED));
    }
    vec![
        worker.name.clone(),
        worker.host.clone(),
        match worker.state {
            WorkerState::Lost => "lost: what it had is given to others".to_owned(),
            other => other.as_str().to_owned(),
        },
        queues,
        shown(&worker.labels),
        format!("{}/{}", busy(false), worker.light_slots),
        format!("{}/{}", busy(true), worker.heavy_slots),
        worker.seen_at.to_string(),
        worker.version.clone(),
        runs.join(", "),
    ]
}

/// `daybreak queues`
pub async fn queues(project: &Project) -> Outcome {
    let connection = Connection::open(&project.directory).await?;
    let queues = connection.client.all_queues().await;
    connection.close().await;
    print(&QueueList { queues: queues?, next: None }, project, |QueueList { queues, .. }| {
        let header = ["queue", "labels", "ready", "since", "running", "workers"];
        table::render(&header, &queues.iter().map(queue_cells).collect::<Vec<_>>())
    })
}

fn queue_cells(queue: &QueueView) -> Vec<String> {
    vec![
        queue.queue.to_string(),
        shown(&queue.labels),
        queue.ready.to_string(),
        queue.waits_since.map(|since| since.to_string()).unwrap_or_default(),
        queue.running.to_string(),
        if queue.workers == 0 { "none".to_owned() } else { queue.workers.to_string() },
    ]
}

fn shown(labels: &Labels) -> String {
    labels.iter().map(|(key, value)| format!("{key}={}", value.as_str())).collect::<Vec<_>>().join(",")
}
