//! Workers and queues as they stand, for whoever asks.

use std::collections::BTreeSet;

use daybreak_protocol::{EndpointSettings, QueueList, WorkerList};
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

    /// The queues that the project names, and those that tasks wait or run in.
    ///
    /// # Errors
    /// When the state does not answer.
    pub async fn queues(&self) -> Result<QueueList, Error> {
        let mut declared = BTreeSet::from([Placement::default()]);
        if let Ok(deployed) = self.deployed() {
            declared.extend(deployed.placements.iter().map(|placement| Placement::clone(placement)));
        }
        let declared: Vec<Placement> = declared.into_iter().collect();
        Ok(QueueList { queues: self.store.queues(&declared).await? })
    }
}
