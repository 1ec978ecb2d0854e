//! Workers and queues as they stand, for whoever asks.

use std::collections::BTreeSet;

use daybreak_protocol::{EndpointSettings, QueueList, QueueView, QueuesQuery, WorkerList, WorkersQuery};
use daybreak_spec::Placement;

use crate::{Error, Server};

impl Server {
    /// A page of workers, newest first.
    ///
    /// # Errors
    /// When the state does not answer.
    pub async fn workers(&self, wanted: &WorkersQuery) -> Result<WorkerList, Error> {
        Ok(self.store.workers(wanted).await?)
    }

    /// What an endpoint in a process of its own is told.
    ///
    /// # Errors
    /// While nothing is deployed.
    pub fn endpoint_settings(&self) -> Result<EndpointSettings, Error> {
        let (own_token_hash, keys) = self.keys.tell();
        let simulated_at = self.clock.is_simulated().then(|| self.clock.business_now());
        let predictions = self.deployed()?.predictions.clone();
        Ok(EndpointSettings { own_token_hash, keys, predictions, simulated_at })
    }

    /// A page of the queues that the project names, and of those that tasks wait or run in.
    ///
    /// # Errors
    /// When the state does not answer.
    pub async fn queues(&self, wanted: &QueuesQuery) -> Result<QueueList, Error> {
        let limit = wanted.effective_limit() as usize;
        let after = wanted.after.as_deref().and_then(Placement::parse);
        let placement = |queue: &QueueView| Placement { queue: queue.queue.clone(), labels: queue.labels.clone() };
        let mut queues = self.all_queues().await?;
        queues.retain(|queue| after.as_ref().is_none_or(|after| placement(queue) > *after));
        let more = queues.len() > limit;
        queues.truncate(limit);
        let next = queues.last().filter(|_| more).map(|last| placement(last).to_string());
        Ok(QueueList { queues, next })
    }

    /// All of them, by name and labels.
    pub(crate) async fn all_queues(&self) -> Result<Vec<QueueView>, Error> {
        let mut declared = BTreeSet::from([Placement::default()]);
        if let Ok(deployed) = self.deployed() {
            declared.extend(deployed.placements.iter().map(|placement| Placement::clone(placement)));
        }
        let declared: Vec<Placement> = declared.into_iter().collect();
        Ok(self.store.queues(&declared).await?)
    }
}
