//! The server of one state folder: opening it, taking up what an earlier process left, deploying, ending. What happens
//! to runs goes through `apply.rs`, the loops are in `scheduler.rs` and `sweeper.rs`.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use bytes::Bytes;
use daybreak_artifacts::{Artifacts, Place};
use daybreak_core::{KindCatalog, first_cursor, taken_over};
use daybreak_protocol::{Applied, Clock, DeclarationChange, Keys, Orchestrator};
use daybreak_spec::Timestamp;
use daybreak_store::{Database, DeployedCursor, DeployedDag, Deployment, LeaseClock, Options, Sources, Store};
use tokio::sync::{Notify, Semaphore, watch};

use crate::declared::Found;
use crate::deployed::Deployed;
use crate::feed::Feed;
use crate::following::MAX_STREAMS;
use crate::heartbeats::UnlistedOfWorkers;
use crate::lines::Lines;
use crate::lock::Lock;
use crate::metrics::Metrics;
use crate::orchestrator::InProcess;
use crate::origin::Origin;
use crate::real_time::RealTime;
use crate::reload::{ProjectSource, ReadProject, Unsound};
use crate::tokens::Tokens;
use crate::{Error, Schedules, ServerConfig, Timings, versions};

/// A server. One per state folder.
pub struct Server {
    pub(crate) store: Store,
    pub(crate) artifacts: Artifacts,
    pub(crate) clock: Clock,
    pub(crate) timings: Timings,
    pub(crate) schedules: Schedules,
    pub(crate) tokens: Tokens,
    pub(crate) keys: Keys,
    /// The ring of tokens is filled by one at a time: what was read earlier must not come later.
    pub(crate) filling: tokio::sync::Mutex<()>,
    /// Last uses of tokens that are written already.
    pub(crate) kept_uses: Mutex<HashMap<String, Timestamp>>,
    /// Keys of requests that are under way.
    pub(crate) in_flight: Mutex<HashSet<(String, String)>>,
    pub(crate) random: fn() -> u128,
    pub(crate) feed: Arc<Feed>,
    pub(crate) metrics: Metrics,
    pub(crate) refusals: crate::refusals::Recent,
    pub(crate) open_metrics: bool,
    /// Room for streams of events.
    pub(crate) streams: Arc<Semaphore>,
    /// This process, as its workers' rows name it.
    pub(crate) server_id: String,
    /// Of the leadership; part of every write of the scheduler and the sweeper. 0: another server leads.
    pub(crate) epoch: AtomicI64,
    pub(crate) scheduler: tokio::sync::Mutex<Lines>,
    /// Something the scheduler has to look at.
    pub(crate) wake: Notify,
    pub(crate) wake_backfills: Notify,
    /// Waits may be over: business time was set.
    pub(crate) wake_waits: Notify,
    /// By worker: tasks its rows give it and its last heartbeats did not list.
    pub(crate) unlisted: Mutex<UnlistedOfWorkers>,
    pub(crate) draining: watch::Sender<bool>,
    /// Where the project is read again, and what was wrong with it the last time.
    pub(crate) source: Mutex<Option<Arc<dyn ProjectSource>>>,
    pub(crate) problems: Mutex<Option<Unsound>>,
    pub(crate) reloading: tokio::sync::Mutex<()>,
    pub(crate) catalog: KindCatalog,
    deployed: RwLock<Option<Arc<Deployed>>>,
    _lock: Lock,
}

impl Server {
    /// Opens a state folder: locks it, brings the database up to date, takes back what an earlier process was running,
    /// and goes on with the project and the simulated time it had.
    ///
    /// # Errors
    /// [`Error::Locked`] when another process has the folder (the cli exits with 3); otherwise what is wrong with it.
    pub async fn open(config: ServerConfig) -> Result<Arc<Self>, Error> {
        let lock = Lock::take(&config.data_dir)?;
        let artifacts = Artifacts::open(&config.artifacts)?;
        artifacts.remove_half_written()?;
        let store = open_store(&config).await?;
        let server_id = ulid::Ulid::from(config.random_id()).to_string();
        let epoch = store.lead(server_id.clone()).await?.unwrap_or_default();
        if epoch != 0 {
            store.spare_workers(crate::sweeper::micros(config.timings.lease)).await?;
        }
        let interrupted = store.take_over(server_id.clone()).await?;
        if interrupted > 0 {
            tracing::info!(tasks = interrupted, "an earlier process ended while these tasks ran: they are run again");
        }
        restore_clock(&store, &config.clock).await?;
        let keys = Keys::new(&config.token, config.clock.clone());
        let metrics = Metrics::new(store.measures());
        let server = Self {
            scheduler: tokio::sync::Mutex::new(Lines::new(config.clock.business_now())),
            store,
            artifacts,
            clock: config.clock,
            timings: config.timings,
            schedules: config.schedules,
            tokens: Tokens::new(&config.token),
            keys,
            filling: tokio::sync::Mutex::default(),
            kept_uses: Mutex::default(),
            in_flight: Mutex::default(),
            random: config.random,
            feed: Arc::default(),
            metrics,
            refusals: crate::refusals::Recent::default(),
            open_metrics: config.open_metrics,
            streams: Arc::new(Semaphore::new(MAX_STREAMS)),
            server_id,
            epoch: AtomicI64::new(epoch),
            wake: Notify::new(),
            wake_backfills: Notify::new(),
            wake_waits: Notify::new(),
            unlisted: Mutex::default(),
            draining: watch::channel(false).0,
            source: Mutex::default(),
            problems: Mutex::default(),
            reloading: tokio::sync::Mutex::default(),
            catalog: config.catalog,
            deployed: RwLock::new(None),
            _lock: lock,
        };
        server.restore_project(&config.data_dir).await?;
        server.fill_ring().await?;
        Ok(Arc::new(server))
    }

    /// Makes a project current: its snapshot and its texts are stored, its DAGs and schedules are taken up. Runs that exist keep the
    /// snapshot they were made from.
    ///
    /// # Errors
    /// [`Error::Invalid`] or [`Error::UnknownKind`] for a project that has not passed `check`.
    pub async fn deploy(&self, read: &ReadProject, root: &Path) -> Result<Applied, Error> {
        self.deploy_by(read, root, None).await
    }

    /// The same for somebody who asks for it.
    pub(crate) async fn deploy_by(
        &self,
        ReadProject { project, files, found }: &ReadProject,
        root: &Path,
        from: Option<&Origin>,
    ) -> Result<Applied, Error> {
        let unusable = |source| Error::Folder { folder: root.to_path_buf(), source };
        let root = root.canonicalize().map_err(unusable)?;
        let snapshot = Bytes::from(serde_json::to_vec(project).expect("declarations always write"));
        let version = self.artifacts.put(snapshot.clone()).await?;
        let deployed = Deployed::compile(project, version, &self.catalog)?.knowing(found.clone());
        let files = self.keep_texts(files).await?;
        let mut lines = self.scheduler.lock().await;
        let now = self.clock.business_now();
        let dags = self.cursors_of(&deployed, now).await?;
        let deployment = Deployment {
            project: deployed.name().clone(),
            version: deployed.version.clone(),
            root: root.to_string_lossy().into_owned(),
            files,
            models: project.models.keys().cloned().collect(),
            found: found.to_json(),
            limits: project.limits.iter().map(|(name, limit)| (name.clone(), limit.slots)).collect(),
            listens: deployed.listens(),
            dags,
            caller: from.map(|from| from.caller(None)),
        };
        self.store.deploy(deployment).await?;
        let previous = self.deployed().ok().map(|before| before.version.clone());
        let version = deployed.version.clone();
        self.take_up(deployed);
        lines.start_over(now);
        drop(lines);
        self.fill_ring_or_say().await;
        self.wake.notify_one();
        let before = previous.as_deref().filter(|before| *before != version);
        let changes = self.changes_since(before, &snapshot).await;
        Ok(Applied { version, previous, changes })
    }

    /// What differs from an earlier version; nothing is said of one that is gone.
    async fn changes_since(&self, before: Option<&str>, after: &[u8]) -> Vec<DeclarationChange> {
        let Some(before) = before else { return Vec::new() };
        let Ok(before) = self.artifacts.get(before).await else { return Vec::new() };
        match (serde_json::from_slice(&before), serde_json::from_slice(after)) {
            (Ok(before), Ok(after)) => versions::changes(&before, &after),
            _ => Vec::new(),
        }
    }

    /// Where the cursors of a project that is being deployed stand.
    async fn cursors_of(&self, deployed: &Deployed, now: Timestamp) -> Result<Vec<DeployedDag>, Error> {
        let before = self.deployed().ok().filter(|before| before.name() == deployed.name());
        let stored = self.store.cursors(deployed.name()).await?;
        let mut dags = Vec::with_capacity(deployed.dags.len());
        for (name, dag) in &deployed.dags {
            let stood = |place: u32| stored.get(&(name.clone(), place)).copied();
            let were: Vec<Timestamp> = (0..).map_while(stood).collect();
            let declared = before.as_ref().and_then(|before| before.dags.get(name));
            let stand: Vec<Timestamp> = match declared {
                Some(old) => taken_over(&old.firings, &were, &dag.firings, now),
                None => {
                    let places = (0_u32..).zip(dag.firings.schedules());
                    places.map(|(place, new)| stood(place).unwrap_or_else(|| first_cursor(new, now))).collect()
                }
            };
            let cursor = |(place, to): (usize, &Timestamp)| DeployedCursor { was: were.get(place).copied(), to: *to };
            let cursors = stand.iter().enumerate().map(cursor).collect();
            dags.push(DeployedDag { dag: name.clone(), cursors });
        }
        Ok(dags)
    }

    /// The worker protocol for a worker in this process: its lease ends with the process.
    pub fn orchestrator(self: &Arc<Self>) -> Arc<dyn Orchestrator> {
        Arc::new(InProcess::new(self.clone()))
    }

    /// Its HTTP surface, where nothing answers beside it.
    pub fn router(self: &Arc<Self>) -> axum::Router {
        crate::http::router(self.clone(), crate::http::document())
    }

    /// Runs the server's loops until `shutdown` turns true, then hands out no more work, waits for what still runs and
    /// closes the state.
    pub async fn run(&self, shutdown: watch::Receiver<bool>) {
        let (stop_sweeping, swept_until) = watch::channel(false);
        let ending = async {
            self.run_scheduler(shutdown.clone()).await;
            self.drain().await;
            let _ = stop_sweeping.send(true);
        };
        let leading = shutdown.clone();
        let (waiting, looking) = (swept_until.clone(), swept_until.clone());
        let (ring, feed) = (self.run_ring(looking.clone()), self.run_feed(looking));
        let backfills = self.run_backfills(waiting.clone());
        let outbox = async { tokio::join!(self.run_outbox(waiting.clone()), self.run_source_watch(waiting.clone())) };
        let waits = self.run_waits(waiting.clone());
        let loops = async { tokio::join!(waits, backfills, outbox, ring, feed) };
        tokio::join!(ending, self.run_sweeper(swept_until), self.run_leadership(leading), loops);
        self.close().await;
    }

    /// Closes the state. Afterwards every call fails.
    pub async fn close(&self) {
        self.store.close().await;
    }

    /// The deployed project.
    pub(crate) fn deployed(&self) -> Result<Arc<Deployed>, Error> {
        self.deployed.read().unwrap_or_else(PoisonError::into_inner).clone().ok_or(Error::NothingDeployed)
    }

    fn take_up(&self, deployed: Deployed) {
        *self.deployed.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(deployed));
    }

    /// Goes on with the project of the process before; one whose snapshot is gone waits for the next deployment, unless
    /// it is seen that it was put into another artefact store.
    async fn restore_project(&self, data_dir: &Path) -> Result<(), Error> {
        let Some(current) = self.store.current_project().await? else { return Ok(()) };
        // Asked for first: a copy on this host says nothing about the store.
        if self.may_be_elsewhere(data_dir) && !self.artifacts.exists(&current.version).await? {
            let (version, place) = (current.version, self.artifacts.place().to_string());
            return Err(Error::OtherArtifacts { version, place });
        }
        let snapshot = match self.artifacts.get(&current.version).await {
            Ok(snapshot) => snapshot,
            Err(error) => {
                tracing::warn!(%error, "the snapshot of the deployed project cannot be read: deploy it again");
                return Ok(());
            }
        };
        let restored = serde_json::from_slice(&snapshot).map_err(|error| error.to_string()).and_then(|project| {
            Deployed::compile(&project, current.version, &self.catalog).map_err(|error| error.to_string())
        });
        match restored {
            Ok(deployed) => self.take_up(deployed.knowing(Found::of_json(current.found.as_deref()))),
            Err(error) => tracing::warn!(error, "the deployed project does not compile any more: deploy it again"),
        }
        Ok(())
    }

    /// A bucket loses nothing by itself, and only who uses one keeps copies; a folder can have been cleared by hand.
    fn may_be_elsewhere(&self, data_dir: &Path) -> bool {
        match self.artifacts.place() {
            Place::Bucket(_) => true,
            Place::Folder(_) => data_dir.join("cache").exists(),
        }
    }
}

impl ServerConfig {
    fn random_id(&self) -> u128 {
        (self.random)()
    }
}

async fn open_store(config: &ServerConfig) -> Result<Store, Error> {
    let (real, random, on_fatal) = (RealTime::from(config.clock.real_now()), config.random, config.on_fatal);
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit a double exactly")]
    let uniform = move || (random() >> 75) as f64 / (1_u64 << 53) as f64;
    let file = || Database::Sqlite(config.data_dir.join("state.db"));
    let options = Options {
        database: config.database.clone().map_or_else(file, Database::Postgres),
        sources: Sources::new(move || real.now(), uniform),
        lease_clock: LeaseClock::Database,
        on_fatal: Arc::new(on_fatal),
    };
    Ok(Store::open(options).await?)
}

/// Simulated time goes on where it stood.
async fn restore_clock(store: &Store, clock: &Clock) -> Result<(), Error> {
    if !clock.is_simulated() {
        return Ok(());
    }
    match store.simulated_time().await? {
        Some(stood) => clock.set_business(stood),
        None => {
            store.set_clock(clock.business_now()).await?;
        }
    }
    Ok(())
}
