//! Workers and queues as they stand, for whoever asks.

use std::collections::BTreeSet;

use daybreak_protocol::{QueueList, WorkerList};
use daybreak_spec::Placement;

use crate::{Error, Server};

impl Server {
    /// Workers, newest first.
    ///
    /// # Errors
    /// When the state does not answer.
    pub async fn workers(&self) -> Result<WorkerList, Error> {
        Ok(WorkerList { workers: self.store.workers().await? })
    }

    /// The queues that the project names, and those that tasks wait or run in.
    ///
    /// # Errors
    /// When the state does not answer.
    pub async fn queues(&self) -> Result<QueueList, Error> {
        let mut declared = BTreeSet::from([Placement::default()]);
        if let Ok(deployed) = self.deployed() {
            let tasks = deployed.dags.values().flat_map(|dag| &dag.template.tasks);
            declared.extend(tasks.map(|task| Placement::clone(&task.placement)));
        }
        let declared: Vec<Placement> = declared.into_iter().collect();
        Ok(QueueList { queues: self.store.queues(&declared).await? })
    }
}
