//! The server as its workers see it: one trait, implemented by the server itself (a worker in the same process) and by
//! the HTTP client (children, workers on other hosts, serving).

use async_trait::async_trait;
use daybreak_spec::{Name, Timestamp};

use crate::{
    Assignment, BuildRecord, Cancellations, ErrorItem, Heartbeat, HeartbeatReply, Held, Leave, Live, MintPublication,
    ModelVersionRecord, Poll, Register, Registration, Report,
};

/// Why a call did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The fence is not the current one: somebody else owns the task, or it has ended. Drop the result.
    #[error("the attempt is no longer current")]
    StaleAttempt,
    /// The worker's lease is gone: end what runs, register again.
    #[error("the worker is not registered any more")]
    ReRegister,
    /// Worker and server speak other protocols: one of them has to be replaced.
    #[error("{0}")]
    OtherProtocol(String),
    /// The thing asked for does not exist.
    #[error("{0}")]
    NotFound(String),
    /// The request is refused for what it says.
    #[error("{0}")]
    Refused(String),
    /// The request does not fit what the thing is doing now.
    #[error("{0}")]
    NotNow(String),
    /// The request is refused for several things that it says.
    #[error("{detail}")]
    Invalid {
        /// All of them in a sentence.
        detail: String,
        /// Each at its place.
        errors: Vec<ErrorItem>,
    },
    /// The server cannot be reached or cannot answer now; try again.
    #[error("the server at {url} cannot be reached: {detail}")]
    Unavailable {
        /// Where it was looked for.
        url: String,
        /// What happened.
        detail: String,
    },
}

/// The server's side of the worker protocol.
#[async_trait]
pub trait Orchestrator: Send + Sync {
    /// Takes up a worker.
    async fn register(&self, request: Register) -> Result<Registration, Error>;
    /// Waits for work.
    async fn poll(&self, request: Poll) -> Result<Vec<Assignment>, Error>;
    /// Renews the lease.
    async fn heartbeat(&self, request: Heartbeat) -> Result<HeartbeatReply, Error>;
    /// Waits for the cancellation of one of the worker's tasks. Whoever cannot say it earlier than a heartbeat does
    /// never answers.
    async fn cancellations(&self, _request: Cancellations) -> Result<Vec<Held>, Error> {
        std::future::pending().await
    }
    /// Lets a worker go that has ended. Whoever has no word for it lets the lease run out.
    async fn leave(&self, _request: Leave) -> Result<(), Error> {
        Ok(())
    }
    /// Ends an attempt. Idempotent for the same fence.
    async fn report(&self, report: Report) -> Result<(), Error>;
    /// Builds of a view with `from <= as_of <= to`, oldest first; the newest record per (as_of, definition).
    async fn builds(&self, view: &Name, from: Timestamp, to: Timestamp) -> Result<Vec<BuildRecord>, Error>;
    /// One version of a model.
    async fn model_version(&self, model: &Name, version: u32) -> Result<ModelVersionRecord, Error>;
    /// The version an alias points at, if any.
    async fn alias(&self, model: &Name, alias: &str) -> Result<Option<ModelVersionRecord>, Error>;
    /// Mints the next publication number of a view, under the fence.
    async fn mint_publication(&self, request: MintPublication) -> Result<i64, Error>;
    /// The registry's live state, as soon as its cursor is beyond `after` or `wait_ms` has passed.
    async fn live(&self, after: i64, wait_ms: u64) -> Result<Live, Error>;
}
