//! Server, endpoint and worker wired together in one process. No decisions: it hands each room what it needs.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use daybreak_artifacts::Artifacts;
use daybreak_protocol::{Applied, Client, Clock, Keys};
use daybreak_runtime::Worker;
use daybreak_server::{ReadProject, Server};
use daybreak_serving::{Serving, ServingConfig};
use daybreak_spec::{Labels, Name, Project};

use crate::failure::{Failure, Outcome};
use crate::home::{Home, Running};
use crate::machine::{fatal, random_id_bits};
use crate::parts::{LIGHT_SLOTS, OpenServer, Part, ServerOptions, WorkerOptions, worker_config};

/// What the caller chooses.
pub struct Options {
    /// Of the server.
    pub server: ServerOptions,
    /// Heavy tasks at once.
    pub heavy: u32,
    /// The queues that its worker takes from; none: every queue.
    pub queues: Option<Vec<Name>>,
    /// What its worker has.
    pub labels: Labels,
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

impl Embedded {
    /// Opens the state folder, deploys the project, starts all parts and announces the server.
    pub async fn start(home: &Home, read: &ReadProject, options: Options) -> Outcome<Self> {
        let project = &read.project;
        let (clock, mut worker, mut others) = (options.server.clock.clone(), Part::default(), Part::default());
        let open = OpenServer::open(home, read, &options.server).await?;
        let (server, running, applied) = (open.server.clone(), open.running.clone(), open.applied.clone());
        let artifacts = Artifacts::open(&options.server.artifacts).map_err(Failure::configuration)?;
        let serving = open_serving(home, server.keys(), &clock, project)?;
        let config = worker_config(WorkerOptions {
            label: format!("embedded, process {}", std::process::id()),
            queues: options.queues,
            labels: options.labels,
            project_root: None,
            light: LIGHT_SLOTS,
            heavy: options.heavy,
            server_url: running.url.clone(),
            data_dir: home.state.clone(),
            spool: None,
            secrets: options.secrets,
            drain: Duration::ZERO,
        })?;
        open.start(&mut others, Some(&serving));
        let (following, orchestrator, objects) = (serving.clone(), server.orchestrator(), artifacts.clone());
        others.spawn(|stopped| async move { following.run(orchestrator, objects, stopped).await });
        let (orchestrator, registry) = (server.orchestrator(), Arc::new(daybreak_tasks::registry()));
        worker.spawn(|stopped| async move {
            if let Err(error) = Worker::run(config, orchestrator, artifacts, registry, stopped).await {
                tracing::error!(%error, "the server of this process does not take its worker");
            }
        });
        home.announce(&running)?;
        let views = project.feature_views.keys().cloned().collect();
        Ok(Self { running, server, serving, clock, views, applied, home: home.clone(), worker, others })
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

    /// Lets everything come to an end, the worker first: its last reports need the server. Waits for it.
    pub async fn stop(self) {
        self.home.retire();
        self.worker.stop().await;
        self.others.stop().await;
    }
}

fn open_serving(home: &Home, keys: Keys, clock: &Clock, project: &Project) -> Outcome<Serving> {
    let config = ServingConfig {
        data_dir: home.state.clone(),
        keys,
        predictions: project.predictions.clone(),
        clock: clock.clone(),
        random: random_id_bits,
        keep_copies: false,
        on_fatal: fatal,
    };
    Serving::open(config).map_err(Failure::configuration)
}
