//! The endpoint as its owner sees it: open, merge the router, run, drop. Wires the parts and decides nothing.

use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use daybreak_artifacts::Artifacts;
use daybreak_features::OnlineStore;
use daybreak_features::embedded::EmbeddedStore;
use daybreak_protocol::{Clock, Keys, Orchestrator};
use daybreak_spec::{Name, Predictions};
use tokio::sync::watch;
use ulid::Ulid;

use crate::log::{PredictionLog, Retention};
use crate::registry::Live;
use crate::{follow, http};

/// What the endpoint is given.
pub struct ServingConfig {
    /// Folder of the state: `online/`, `predictions/` and `serving/` are in it.
    pub data_dir: PathBuf,
    /// The tokens that are good: every route but `/v1/health` asks for one.
    pub keys: Keys,
    /// How long logged predictions are kept.
    pub predictions: Predictions,
    /// Both clocks: features are read at business time, ids and logs carry real time.
    pub clock: Clock,
    /// Random bits for ids.
    pub random: fn() -> u128,
    /// Whether copies of the models that answer are kept in the state folder, for starts while the artefacts are away.
    pub keep_copies: bool,
    /// Called when accepted predictions may not reach the disk; it is expected to end the process.
    pub on_fatal: fn(&str),
}

/// Why the endpoint cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The online store cannot be opened.
    #[error(transparent)]
    Online(#[from] daybreak_features::Error),
    /// The prediction log cannot be opened.
    #[error("could not open the prediction log in {path}: {source}; check the disk and the permissions, then try again", path = path.display())]
    Log {
        /// The folder.
        path: PathBuf,
        /// The operating system's answer.
        source: std::io::Error,
    },
}

/// The endpoint's handle; clones share it. When the last one (routers included) goes, the log is synced.
#[derive(Clone)]
pub struct Serving {
    shared: Arc<Shared>,
}

/// What all requests share.
pub(crate) struct Shared {
    pub live: Live,
    pub online: Arc<dyn OnlineStore>,
    pub log: PredictionLog,
    pub clock: Clock,
    pub keys: Keys,
    pub data_dir: PathBuf,
    pub keep_copies: bool,
    random: fn() -> u128,
}

impl Shared {
    /// A new id; its first 48 bits are real time in milliseconds.
    pub fn new_id(&self) -> Ulid {
        Ulid::from_parts(milliseconds(self.clock.real_now().micros), (self.random)())
    }
}

fn milliseconds(micros: i64) -> u64 {
    u64::try_from(micros / 1_000).unwrap_or(0)
}

fn retention(declared: &Predictions) -> Retention {
    Retention { keep_ms: milliseconds(declared.keep.micros), max_bytes: declared.max_size_bytes }
}

impl Serving {
    /// Opens the online store and the prediction log. No model is known before [`Serving::run`] has started.
    pub fn open(config: ServingConfig) -> Result<Self, Error> {
        let online = EmbeddedStore::open(&config.data_dir.join("online"))?;
        let path = config.data_dir.join("predictions");
        let (clock, on_fatal) = (config.clock.clone(), Box::new(config.on_fatal));
        let now_ms = Box::new(move || milliseconds(clock.real_now().micros));
        let log = PredictionLog::open(&path, retention(&config.predictions), now_ms, on_fatal)
            .map_err(|source| Error::Log { path, source })?;
        let shared = Shared {
            live: Live::default(),
            online,
            log,
            clock: config.clock,
            keys: config.keys,
            data_dir: config.data_dir,
            keep_copies: config.keep_copies,
            random: config.random,
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// The routes, without a fallback: to be merged with others.
    pub fn router(&self) -> Router {
        http::router(Arc::clone(&self.shared))
    }

    /// Follows the registry until `shutdown` says true or its sender is gone; then syncs the log. Starts from the state
    /// it saw last, so it serves while the orchestrator is away.
    pub async fn run(
        &self,
        orchestrator: Arc<dyn Orchestrator>,
        artifacts: Artifacts,
        shutdown: watch::Receiver<bool>,
    ) {
        follow::follow(&self.shared, orchestrator, artifacts, shutdown).await;
        self.flush().await;
    }

    /// Returns once everything logged so far is on the disk.
    pub async fn flush(&self) {
        self.shared.log.flush().await;
    }

    /// The process's one handle on the online features.
    pub fn online(&self) -> Arc<dyn OnlineStore> {
        Arc::clone(&self.shared.online)
    }

    /// Model and version of everything that answers now, sorted.
    pub fn live_versions(&self) -> Vec<(Name, u32)> {
        self.shared.live.versions()
    }
}
