//! The worker protocol, served: by the server itself for workers of other processes, by [`InProcess`] for one in this
//! process, whose lease ends when the process does.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use daybreak_protocol::{
    Assignment, BuildRecord, BuildsQuery, Cancellations, Error, Heartbeat, HeartbeatReply, Held, Leave, Live, MAX_PAGE,
    MintPublication, ModelVersionRecord, Orchestrator, Poll, Register, Registration, Report, all_pages,
};
use daybreak_spec::{Name, Timestamp};
use daybreak_store::Effect;
use tokio::sync::broadcast::error::RecvError;

use crate::Server;
use crate::error::of_store;

#[async_trait]
impl Orchestrator for Server {
    async fn register(&self, request: Register) -> Result<Registration, Error> {
        self.apply_register(request, None).await
    }

    async fn poll(&self, request: Poll) -> Result<Vec<Assignment>, Error> {
        self.apply_poll(request).await
    }

    async fn heartbeat(&self, request: Heartbeat) -> Result<HeartbeatReply, Error> {
        self.beat(request).await
    }

    async fn cancellations(&self, request: Cancellations) -> Result<Vec<Held>, Error> {
        self.cancelled(request).await
    }

    async fn leave(&self, request: Leave) -> Result<(), Error> {
        self.apply_leave(request).await
    }

    async fn report(&self, report: Report) -> Result<(), Error> {
        self.apply_report(report).await
    }

    async fn builds(&self, view: &Name, from: Timestamp, to: Timestamp) -> Result<Vec<BuildRecord>, Error> {
        let deployed = self.deployed()?;
        let project = deployed.name();
        all_pages(|after| async move {
            let wanted = BuildsQuery { from: Some(from), to: Some(to), after, limit: Some(MAX_PAGE) };
            let page = self.store.builds(project, view, &wanted).await.map_err(of_store)?;
            Ok((page.builds, page.next))
        })
        .await
    }

    async fn model_version(&self, model: &Name, version: u32) -> Result<ModelVersionRecord, Error> {
        let deployed = self.deployed()?;
        self.store.model_version(deployed.name(), model, version).await.map_err(of_store)
    }

    async fn alias(&self, model: &Name, alias: &str) -> Result<Option<ModelVersionRecord>, Error> {
        let deployed = self.deployed()?;
        self.store.alias(deployed.name(), model, alias).await.map_err(of_store)
    }

    async fn mint_publication(&self, request: MintPublication) -> Result<i64, Error> {
        self.apply_mint(request).await
    }

    async fn live(&self, after: i64, wait_ms: u64) -> Result<Live, Error> {
        let deadline = tokio::time::Instant::now() + Duration::from_millis(wait_ms.min(20_000));
        let mut effects = self.store.effects();
        loop {
            let live = match self.deployed() {
                Ok(deployed) => self.store.live(deployed.name()).await.map_err(of_store)?,
                Err(_) => Live::default(),
            };
            if live.cursor > after {
                return Ok(live);
            }
            loop {
                tokio::select! {
                    () = tokio::time::sleep_until(deadline) => return Ok(live),
                    effect = effects.recv() => match effect {
                        Ok(Effect::RegistryMoved | Effect::Elsewhere) | Err(RecvError::Lagged(_)) => break,
                        Ok(
                            Effect::RunEnded { .. }
                            | Effect::RetryAt(_)
                            | Effect::CancelRequested { .. }
                            | Effect::Revoked { .. }
                            | Effect::Waits
                            | Effect::Announced,
                        ) => {}
                        Err(RecvError::Closed) => return Ok(live),
                    },
                }
            }
        }
    }
}

/// The server for a worker in its own process.
pub(crate) struct InProcess {
    server: Arc<Server>,
}

impl InProcess {
    pub(crate) fn new(server: Arc<Server>) -> Self {
        Self { server }
    }
}

#[async_trait]
impl Orchestrator for InProcess {
    async fn register(&self, request: Register) -> Result<Registration, Error> {
        self.server.apply_register(request, Some(self.server.server_id.clone())).await
    }

    async fn poll(&self, request: Poll) -> Result<Vec<Assignment>, Error> {
        self.server.poll(request).await
    }

    async fn heartbeat(&self, request: Heartbeat) -> Result<HeartbeatReply, Error> {
        self.server.heartbeat(request).await
    }

    async fn cancellations(&self, request: Cancellations) -> Result<Vec<Held>, Error> {
        self.server.cancellations(request).await
    }

    async fn leave(&self, request: Leave) -> Result<(), Error> {
        self.server.leave(request).await
    }

    async fn report(&self, report: Report) -> Result<(), Error> {
        self.server.report(report).await
    }

    async fn builds(&self, view: &Name, from: Timestamp, to: Timestamp) -> Result<Vec<BuildRecord>, Error> {
        self.server.builds(view, from, to).await
    }

    async fn model_version(&self, model: &Name, version: u32) -> Result<ModelVersionRecord, Error> {
        self.server.model_version(model, version).await
    }

    async fn alias(&self, model: &Name, alias: &str) -> Result<Option<ModelVersionRecord>, Error> {
        self.server.alias(model, alias).await
    }

    async fn mint_publication(&self, request: MintPublication) -> Result<i64, Error> {
        self.server.mint_publication(request).await
    }

    async fn live(&self, after: i64, wait_ms: u64) -> Result<Live, Error> {
        self.server.live(after, wait_ms).await
    }
}
