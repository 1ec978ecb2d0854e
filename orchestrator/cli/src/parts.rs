//! The parts that roles are composed of: a listener, the server, the endpoint, a worker. `up` has them all in one process,
//! `server`, `worker` and `serve` have one each. No decisions: each room is handed what it needs.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use daybreak_artifacts::Place;
use daybreak_protocol::{Applied, Clock, Error, HealthView};
use daybreak_runtime::{ChildLimits, ControlGroups, SecretSource, WorkerConfig, allowed_environment};
use daybreak_server::{ReadProject, Schedules, Server, ServerConfig, Timings, http};
use daybreak_serving::Serving;
use daybreak_spec::{Labels, Name};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use utoipa::openapi::OpenApi;

use crate::artifacts;
use crate::failure::{Failure, Outcome};
use crate::home::{Home, Running};
use crate::machine::{cores, fatal, host_name, own_binary, random_id_bits, variable};
use crate::reload::{Folder, Stamps, follow};

/// Light tasks at once, unless told otherwise. They wait more than they work, and each one's report can share a commit with
/// the others'.
pub const LIGHT_SLOTS: u32 = 128;

/// Tasks of this process that are told to end together, and waited for.
#[derive(Default)]
pub struct Part {
    shutdown: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Part {
    /// Runs something that ends when what it is given turns true.
    pub fn spawn<F: Future<Output = ()> + Send + 'static>(&mut self, run: impl FnOnce(watch::Receiver<bool>) -> F) {
        self.tasks.push(tokio::spawn(run(self.shutdown.subscribe())));
    }

    /// Tells all to end, and waits until they have.
    pub async fn stop(self) {
        let _ = self.shutdown.send_replace(true);
        for task in self.tasks {
            let _ = task.await;
        }
    }
}

/// Where a role listens.
#[derive(Clone, Copy)]
pub struct Listen {
    /// The address; port 0 takes a free one.
    pub address: SocketAddr,
    /// Whether it may be one that other machines reach.
    pub allow_remote: bool,
}

/// Takes the address.
///
/// # Errors
/// For one that other machines reach, unless that is allowed; when it cannot be had.
pub async fn listen(listen: Listen) -> Outcome<TcpListener> {
    let Listen { address, allow_remote } = listen;
    if !address.ip().is_loopback() && !allow_remote {
        return Err(Failure::usage(format!(
            "{address} is not a loopback address; put a proxy with TLS in front of one, or say `--allow-remote` where only \
             a private network reaches it: tokens travel in clear text"
        )));
    }
    TcpListener::bind(address)
        .await
        .map_err(|error| Failure::configuration(format!("cannot listen on {address}: {error}; --listen names another")))
}

/// How this machine reaches what listens there.
pub fn own_url(listener: &TcpListener) -> Outcome<String> {
    let mut address = listener.local_addr().map_err(|error| Failure::input_output("cannot read the address", error))?;
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    Ok(format!("http://{address}"))
}

/// Answers requests until told to stop.
pub async fn serve(listener: TcpListener, router: Router, mut stopped: watch::Receiver<bool>) {
    let stop = async move {
        let _ = stopped.wait_for(|stopped| *stopped).await;
    };
    // The audit keeps where a request came from.
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    if let Err(error) = axum::serve(listener, service).with_graceful_shutdown(stop).await {
        tracing::error!("the listener ended: {error}");
    }
}

/// What the caller of a server chooses.
pub struct ServerOptions {
    /// Where to listen.
    pub listen: Listen,
    /// Business time.
    pub clock: Clock,
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
}

/// A server that has taken up its state and its project, and answers nothing yet.
pub struct OpenServer {
    /// For callers in the same process.
    pub server: Arc<Server>,
    /// Base URL and token.
    pub running: Running,
    /// What its deployment changed.
    pub applied: Applied,
    listener: TcpListener,
    follows: Option<Arc<Folder>>,
}

impl OpenServer {
    /// Opens the state folder and deploys the project.
    pub async fn open(home: &Home, read: &ReadProject, options: &ServerOptions) -> Outcome<Self> {
        let token = home.token()?;
        let listener = listen(options.listen).await?;
        let running = Running { url: own_url(&listener)?, token: token.clone() };
        let (listener, meanwhile) = twice(listener)?;
        let server = open_server(home, &token, options, meanwhile).await?;
        let applied = server.deploy(read, &home.project).await.map_err(Failure::configuration)?;
        let folder = Arc::new(Folder::new(home.clone(), &read.project, options.follow.clone().flatten()));
        server.follow_source(folder.clone());
        let follows = options.follow.is_some().then_some(folder);
        Ok(Self { server, running, applied, listener, follows })
    }

    /// Answers requests, those of an endpoint in this process too, and runs the server's loops.
    pub fn start(self, part: &mut Part, beside: Option<&Serving>) {
        let Self { server, listener, follows, .. } = self;
        let router = match beside {
            Some(serving) => http::router(server.clone(), whole_document()).merge(serving.router()),
            None => server.router(),
        };
        part.spawn(|stopped| serve(listener, router, stopped));
        if let Some(folder) = follows {
            let server = server.clone();
            part.spawn(|stopped| follow(server, folder, stopped));
        }
        part.spawn(|stopped| async move { server.run(stopped).await });
    }
}

/// The OpenAPI document of a process that is server and endpoint.
pub fn whole_document() -> OpenApi {
    http::document().merge_from(daybreak_serving::document())
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
async fn open_server(
    home: &Home,
    token: &str,
    options: &ServerOptions,
    meanwhile: TcpListener,
) -> Outcome<Arc<Server>> {
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

/// What the caller of a worker chooses.
pub struct WorkerOptions {
    /// What people call it.
    pub label: String,
    /// The queues that it takes from; none: every queue.
    pub queues: Option<Vec<Name>>,
    /// What it has.
    pub labels: Labels,
    /// The project's folder, where it is another than the server's.
    pub project_root: Option<PathBuf>,
    /// Light tasks at once.
    pub light: u32,
    /// Heavy tasks at once.
    pub heavy: u32,
    /// Where its children reach the server.
    pub server_url: String,
    /// Where it keeps what is its own, and where the online features are.
    pub data_dir: PathBuf,
    /// Where reports are kept that the server cannot be told.
    pub spool: Option<PathBuf>,
    /// A folder with secrets, before the one that the project names.
    pub secrets: Option<PathBuf>,
    /// How long running tasks may go on after it was told to stop.
    pub drain: Duration,
}

/// Everything a worker needs from the machine, too.
pub fn worker_config(options: WorkerOptions) -> Outcome<WorkerConfig> {
    let threads = variable("DAYBREAK_THREADS").and_then(|text| text.parse().ok());
    let buckets = artifacts::asked_alike(&options.data_dir)?;
    Ok(WorkerConfig {
        buckets,
        label: options.label,
        version: env!("CARGO_PKG_VERSION").into(),
        host: host_name(),
        queues: options.queues,
        labels: options.labels,
        project_root: options.project_root,
        light_slots: options.light,
        heavy_slots: options.heavy,
        server_url: options.server_url,
        data_dir: options.data_dir,
        spool: options.spool,
        executable: own_binary()?,
        limits: ChildLimits { threads: threads.unwrap_or_else(cores), ..ChildLimits::default() },
        groups: control_groups(),
        environment: allowed_environment(std::env::vars_os()),
        secrets: SecretSource::new(std::env::vars_os(), options.secrets),
        drain: options.drain,
    })
}

fn control_groups() -> Option<ControlGroups> {
    ControlGroups::prepare()
        .inspect(|groups| tracing::debug!(%groups, "tasks are bounded by control groups"))
        .inspect_err(|why| {
            tracing::debug!(why, "no control groups: memory is bounded for each process of a task by itself")
        })
        .ok()
}

/// Why a worker was not taken.
pub fn not_taken(error: Error) -> Failure {
    match error {
        Error::OtherProtocol(why) => Failure::other_protocol(why),
        other => other.into(),
    }
}
