//! Server, endpoint and worker wired together in one process. No decisions: it hands each room what it needs.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use daybreak_artifacts::{Artifacts, Place};
use daybreak_protocol::{Applied, Client, Clock, HealthView, Keys, Orchestrator};
use daybreak_runtime::{ChildLimits, SecretSource, Worker, WorkerConfig, allowed_environment};
use daybreak_server::{Schedules, Server, ServerConfig, Timings, http};
use daybreak_serving::{Serving, ServingConfig};
use daybreak_spec::{Name, Project, Timestamp};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::failure::{Failure, Outcome};
use crate::home::{Home, Running};
use crate::reload::{Folder, Stamps, follow};

/// Light tasks at once. They wait more than they work, and each one's report can share a commit with the others'.
const LIGHT_SLOTS: u32 = 128;

/// What the caller chooses.
pub struct Options {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Business time.
    pub clock: Clock,
    /// Heavy tasks at once.
    pub heavy: u32,
    /// Whether schedules fire.
    pub schedules: Schedules,
    /// The folder's stamps before the project was read, where what is written there is made current while the server runs.
    pub follow: Option<Stamps>,
    /// Whether everybody may read `/metrics`.
    pub open_metrics: bool,
    /// The PostgreSQL that holds the state; none: a file in the state folder.
    pub database: Option<String>,
    /// Where the artefacts are.
    pub artifacts: Place,
    /// A folder with secrets, before the one that the project names.
    pub secrets: Option<PathBuf>,
}

/// Everything in one process, until [`Embedded::stop`].
pub struct Embedded {
    /// Base URL and token.
    pub running: Running,
    /// The server, for callers in the same process.
    pub server: Arc<Server>,
    /// Business time, shared by all rooms.
    pub clock: Clock,
    /// The endpoint, for callers in the same process.
    pub serving: Serving,
    /// The project's views.
    pub views: Vec<Name>,
    /// What its deployment changed.
    pub applied: Applied,
    home: Home,
    worker: Part,
    others: Part,
}

/// Parts that end together: the worker first, because its last reports need the server.
struct Part {
    shutdown: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Part {
    async fn stop(self) {
        let _ = self.shutdown.send(true);
        for task in self.tasks {
            let _ = task.await;
        }
    }
}

impl Embedded {
    /// Opens the state folder, deploys the project, starts all parts and announces the server.
    pub async fn start(home: &Home, project: &Project, options: Options) -> Outcome<Self> {
        let (shutdown, stopped) = watch::channel(false);
        let (stop_worker, worker_stopped) = watch::channel(false);
        let token = home.token()?;
        let listener = listen(options.listen).await?;
        let address = listener.local_addr().map_err(|error| Failure::input_output("cannot read the address", error))?;
        let running = Running { url: format!("http://{address}"), token: token.clone() };
        let (listener, meanwhile) = twice(listener)?;
        let server = open_server(home, &token, &options, meanwhile).await?;
        let applied = server.deploy(project, &home.project).await.map_err(Failure::configuration)?;
        let before = options.follow.clone();
        let folder = Arc::new(Folder::new(home.clone(), project, before.clone().flatten()));
        server.follow_source(folder.clone());
        let artifacts = Artifacts::open(&options.artifacts).map_err(Failure::configuration)?;
        let serving = open_serving(home, server.keys(), &options.clock, project)?;
        let config = worker_config(home, &running, &options)?;
        let router = http::router(server.clone()).merge(serving.router());
        let mut tasks = vec![
            tokio::spawn(serve(listener, router, stopped.clone())),
            tokio::spawn(run_server(server.clone(), stopped.clone())),
            tokio::spawn(run_serving(serving.clone(), server.orchestrator(), artifacts.clone(), stopped.clone())),
        ];
        if before.is_some() {
            tasks.push(tokio::spawn(follow(server.clone(), folder, stopped)));
        }
        let registry = Arc::new(daybreak_tasks::registry());
        let working = Worker::run(config, server.orchestrator(), artifacts, registry, worker_stopped);
        let worker = Part { shutdown: stop_worker, tasks: vec![tokio::spawn(working)] };
        let others = Part { shutdown, tasks };
        home.announce(&running)?;
        let views = project.feature_views.keys().cloned().collect();
        Ok(Self { running, server, serving, clock: options.clock, views, applied, home: home.clone(), worker, others })
    }

    /// A client on it.
    pub fn client(&self) -> Client {
        Client::new(&self.running.url, &self.running.token).of_command_line()
    }

    /// Hash of the online rows of a view; none while nothing is published.
    pub fn online_digest(&self, view: &Name) -> Outcome<Option<String>> {
        let online = self.serving.online();
        if online.generation(view).map_err(Failure::failed)?.is_none() {
            return Ok(None);
        }
        online.digest(view).map(Some).map_err(Failure::failed)
    }

    /// Lets everything come to an end, and waits for it.
    pub async fn stop(self) {
        self.home.retire();
        self.worker.stop().await;
        self.others.stop().await;
    }
}

/// The same socket for two listeners, one after the other.
fn twice(listener: TcpListener) -> Outcome<(TcpListener, TcpListener)> {
    let cloned = listener.into_std().and_then(|listener| {
        let other = listener.try_clone()?;
        Ok((TcpListener::from_std(listener)?, TcpListener::from_std(other)?))
    });
    cloned.map_err(|error| Failure::input_output("cannot listen", error))
}

/// Opens the server. A database that is away is waited for; who asks meanwhile is told so.
async fn open_server(home: &Home, token: &str, options: &Options, meanwhile: TcpListener) -> Outcome<Arc<Server>> {
    let config = ServerConfig {
        data_dir: home.state.clone(),
        artifacts: options.artifacts.clone(),
        database: options.database.clone(),
        token: token.to_owned(),
        clock: options.clock.clone(),
        random: random_id_bits,
        catalog: daybreak_tasks::registry().catalog(),
        on_fatal: fatal,
        timings: Timings::default(),
        schedules: options.schedules,
        open_metrics: options.open_metrics,
    };
    let Some(database) = options.database.as_deref().map(daybreak_server::database_name) else {
        return Server::open(config).await.map_err(Failure::configuration);
    };
    let (open, opened) = watch::channel(false);
    let waiting = tokio::spawn(serve(meanwhile, not_ready(&database), opened));
    let server = Server::open(config).await.map_err(Failure::configuration);
    let _ = open.send(true);
    let _ = waiting.await;
    server
}

/// What the API answers to everything while the server is not there yet.
fn not_ready(database: &str) -> Router {
    let reason = format!("waiting for the state database {database}");
    Router::new().fallback(move || async {
        let health = HealthView { ready: false, reason: Some(reason) };
        (axum::http::StatusCode::SERVICE_UNAVAILABLE, axum::Json(health))
    })
}

async fn run_server(server: Arc<Server>, stopped: watch::Receiver<bool>) {
    server.run(stopped).await;
}

fn open_serving(home: &Home, keys: Keys, clock: &Clock, project: &Project) -> Outcome<Serving> {
    let config = ServingConfig {
        data_dir: home.state.clone(),
        keys,
        predictions: project.predictions.clone(),
        clock: clock.clone(),
        random: random_id_bits,
        on_fatal: fatal,
    };
    Serving::open(config).map_err(Failure::configuration)
}

async fn run_serving(
    serving: Serving,
    orchestrator: Arc<dyn Orchestrator>,
    artifacts: Artifacts,
    stopped: watch::Receiver<bool>,
) {
    serving.run(orchestrator, artifacts, stopped).await;
}

async fn serve(listener: TcpListener, router: Router, mut stopped: watch::Receiver<bool>) {
    let stop = async move {
        let _ = stopped.wait_for(|stopped| *stopped).await;
    };
    // The audit keeps where a request came from.
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    if let Err(error) = axum::serve(listener, service).with_graceful_shutdown(stop).await {
        tracing::error!("the listener ended: {error}");
    }
}

fn worker_config(home: &Home, running: &Running, options: &Options) -> Outcome<WorkerConfig> {
    let threads = std::env::vars().find(|(name, _)| name == "DAYBREAK_THREADS").and_then(|(_, text)| text.parse().ok());
    Ok(WorkerConfig {
        label: format!("embedded, process {}", std::process::id()),
        version: env!("CARGO_PKG_VERSION").into(),
        light_slots: LIGHT_SLOTS,
        heavy_slots: options.heavy,
        server_url: running.url.clone(),
        data_dir: home.state.clone(),
        executable: own_binary()?,
        limits: ChildLimits { threads: threads.unwrap_or_else(cores), ..ChildLimits::default() },
        environment: allowed_environment(std::env::vars_os()),
        secrets: SecretSource::new(std::env::vars_os(), options.secrets.clone()),
        drain: Duration::ZERO,
    })
}

async fn listen(address: SocketAddr) -> Outcome<TcpListener> {
    if !address.ip().is_loopback() {
        return Err(Failure::usage(format!(
            "{address} is not a loopback address; put a proxy with TLS in front of one"
        )));
    }
    TcpListener::bind(address)
        .await
        .map_err(|error| Failure::configuration(format!("cannot listen on {address}: {error}; --listen names another")))
}

/// Real time, for the rooms below that must not ask the machine.
#[expect(clippy::disallowed_methods, reason = "the one place where the clock is read")]
pub fn real_now() -> Timestamp {
    chrono::Utc::now().into()
}

fn random_id_bits() -> u128 {
    rand::random()
}

/// A state that may not have reached the disk: nothing may be acknowledged any more.
fn fatal(what: &str) {
    tracing::error!("ending the process: {what}");
    std::process::exit(74);
}

/// Cores of the machine.
pub fn cores() -> u32 {
    std::thread::available_parallelism().map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(1))
}

/// The path of this binary, which children re-execute.
pub fn own_binary() -> Outcome<PathBuf> {
    std::env::current_exe().map_err(|error| Failure::input_output("cannot find the path of this program", error))
}
