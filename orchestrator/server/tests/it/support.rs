//! A server in a fresh folder with the flights' night deployed, and a worker whose every move is the test's.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use daybreak_artifacts::Place;
use daybreak_core::{Dataset, KindCatalog, KindDefinition};
use daybreak_protocol::{
    AliasMove, Assignment, BuildRecord, Cancellations, Clock, Error, Heartbeat, Held, NewModelVersion, Orchestrator,
    Outcome, PROTOCOL_VERSION, Poll, Register, Registration, Report, RunsQuery, TaskResult, TriggerRequest, Triggered,
};
use daybreak_server::http::{Asked, Engine};
use daybreak_server::{Origin, Schedules, Server, ServerConfig, Timings};
use daybreak_spec::{Labels, Name, Project, Timestamp};
use serde_json::{Map, Value as Json, json};
use tempfile::TempDir;
use tokio::sync::watch;

/// Each kind reads what all tasks before it leave.
const LEFT: &[Dataset] = &[Dataset::Judgement("model")];

const fn kind(name: &'static str, heavy: bool, gated: bool) -> KindDefinition {
    KindDefinition {
        name,
        summary: "",
        parameters: &[],
        heavy,
        side_effects: false,
        gated,
        reads: LEFT,
        makes: LEFT,
        rules: &[],
    }
}

static KINDS: [KindDefinition; 4] = [
    kind("light", false, false),
    kind("heavy", true, false),
    kind("gated", false, true),
    KindDefinition { reads: &[], ..kind("told", false, false) },
];

pub fn name(text: &str) -> Name {
    Name::parse(text).expect("a slug")
}

pub fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("an instant")
}

/// features → publish, train → judge → promote: the flights' night, every second night of it across the missing hour.
pub fn project(schedule: Json) -> Project {
    let task = |kind: &str, needs: &[&str]| {
        json!({
            "kind": kind, "needs": needs, "retry": null, "timeout": null, "memory_bytes": null, "parameters": [],
        })
    };
    let retry = json!({ "attempts": 3, "backoff": { "first": "1ms", "factor": 1.0, "max": "1ms", "jitter": "none" } });
    let dag = json!({
        "schedules": [schedule],
        "retry": retry,
        "params": { "days": 7, "label": "all" },
        "tasks": {
            "features": task("heavy", &[]),
            "publish": task("light", &["features"]),
            "train": task("heavy", &["features"]),
            "judge": task("light", &["train"]),
            "promote": task("gated", &["judge", "publish"]),
        },
    });
    let model = json!({
        "observations": {
            "source": "departures",
            "label": { "text": "late", "tree": { "column": "late" } },
            "label_known_at": null,
            "where": null,
        },
        "inputs": [], "derived": [], "features": [], "missing": "refuse",
        "algorithm": { "name": "logistic_regression", "parameters": [] },
        "metrics": ["auc"],
    });
    let project = json!({
        "name": "flights", "data_roots": [], "sources": {}, "entities": {}, "feature_views": {},
        "models": { "late_arrival": model },
        "dags": { "nightly": dag },
    });
    serde_json::from_value(project).expect("a project")
}

/// 02:30 in New York from 9 March 2013 on, every night, also those that were missed.
pub fn nights() -> Json {
    json!({
        "cron": "30 2 * * *", "timezone": "America/New_York", "start": "2013-03-09T00:00:00", "end": null,
        "missed": "all", "overlap": "queue",
    })
}

pub const FIRST: &str = "2013-03-09T07:30:00Z";
pub const SECOND: &str = "2013-03-10T07:00:00Z";
pub const THIRD: &str = "2013-03-11T06:30:00Z";

#[expect(clippy::disallowed_methods, reason = "the test is the binary here")]
pub fn real_now() -> Timestamp {
    chrono::Utc::now().into()
}

fn random() -> u128 {
    rand::random()
}

pub fn config(folder: &Path, timings: Timings) -> ServerConfig {
    ServerConfig {
        data_dir: folder.join("state"),
        artifacts: Place::Folder(folder.join("state/artifacts")),
        database: None,
        token: "secret".to_owned(),
        clock: Clock::simulated(real_now, at("2013-03-09T00:00:00Z")),
        random,
        catalog: KindCatalog::new(&KINDS),
        on_fatal: |detail| panic!("not durable: {detail}"),
        timings,
        schedules: Schedules::Watched,
        open_metrics: false,
    }
}

pub struct World {
    pub server: Arc<Server>,
    pub folder: TempDir,
    pub stop: watch::Sender<bool>,
    loops: tokio::task::JoinHandle<()>,
}

impl World {
    pub async fn new() -> Self {
        Self::with(nights(), Timings::default()).await
    }

    pub async fn with(schedule: Json, timings: Timings) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let world = Self::open(folder, timings).await;
        world.server.deploy(&project(schedule).into(), world.folder.path()).await.expect("it deploys");
        world
    }

    pub async fn open(folder: TempDir, timings: Timings) -> Self {
        let server = Server::open(config(folder.path(), timings)).await.expect("it opens");
        let (stop, stopped) = watch::channel(false);
        let running = server.clone();
        let loops = tokio::spawn(async move { running.run(stopped).await });
        Self { server, folder, stop, loops }
    }

    /// Ends the process as `kill -9` does: nothing is handed back, nobody is told. Opens the folder again.
    pub async fn killed_and_opened_again(self) -> Self {
        self.loops.abort();
        let _ = self.loops.await;
        self.server.close().await;
        let (server, folder) = (self.server, self.folder);
        assert_eq!(Arc::strong_count(&server), 1, "somebody holds on to the killed server");
        drop(server);
        Self::open(folder, Timings::default()).await
    }

    /// Waits for the end of a server that was told to end.
    pub async fn ended(self) {
        self.loops.await.expect("no panic");
    }

    pub async fn worker(&self) -> FakeWorker {
        FakeWorker::register(self.server.orchestrator()).await
    }

    /// State and nominal instant of all runs, oldest first.
    pub async fn runs(&self) -> Vec<(String, String)> {
        let list = Engine::runs(&*self.server, RunsQuery::default()).await.expect("runs");
        let mut runs: Vec<_> = list
            .runs
            .into_iter()
            .map(|run| (run.scheduled_for.map_or_else(String::new, |at| at.to_string()), run.state.to_string()))
            .collect();
        runs.reverse();
        runs
    }

    /// Over HTTP, too; where.
    pub async fn serve(&self) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let app = self.server.router().into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, app).await });
        url
    }

    pub async fn advance(&self, to: &str) {
        self.server.advance_clock(at(to)).await.expect("time is simulated and moves on");
    }
}

/// A run by hand as it is asked for over HTTP.
pub async fn trigger(engine: &dyn Engine, dag: &Name, request: TriggerRequest) -> Result<Triggered, Error> {
    match engine.trigger(dag, request, Origin::cli(), None).await? {
        Asked::Made(triggered) => Ok(triggered),
        other => panic!("there is no key: {other:?}"),
    }
}

pub struct FakeWorker {
    pub orchestrator: Arc<dyn Orchestrator>,
    pub registration: Registration,
}

impl FakeWorker {
    pub async fn register(orchestrator: Arc<dyn Orchestrator>) -> Self {
        let request = Register {
            label: "fake".to_owned(),
            version: "0".to_owned(),
            protocol: PROTOCOL_VERSION,
            host: "here".to_owned(),
            queues: None,
            labels: Labels::new(),
            light_slots: 100,
            heavy_slots: 100,
        };
        let registration = orchestrator.register(request).await.expect("it registers");
        Self { orchestrator, registration }
    }

    /// Waits for work, at most 5 s.
    pub async fn poll(&self) -> Vec<Assignment> {
        self.poll_for(5_000).await.expect("it is known")
    }

    pub async fn poll_for(&self, wait_ms: u64) -> Result<Vec<Assignment>, Error> {
        let Registration { worker_id, epoch, .. } = self.registration.clone();
        self.orchestrator.poll(Poll { worker_id, epoch, free_light: 4, free_heavy: 4, wait_ms }).await
    }

    /// The next task, which has to be this one.
    pub async fn take(&self, task: &str) -> Assignment {
        let mut assignments = self.poll().await;
        assert_eq!(assignments.iter().map(|given| given.task.as_str()).collect::<Vec<_>>(), [task]);
        assignments.remove(0)
    }

    pub async fn beat(&self, held: &[&Assignment]) -> daybreak_protocol::HeartbeatReply {
        let Registration { worker_id, epoch, .. } = self.registration.clone();
        let held = held.iter().map(|task| Held { task_run_id: task.task_run_id.clone(), fence: task.fence }).collect();
        self.orchestrator.heartbeat(Heartbeat { worker_id, epoch, held, draining: false }).await.expect("it is known")
    }

    /// Waits for other cancellations than those known, at most 5 s.
    pub async fn cancelled(&self, known: &[Held]) -> Vec<Held> {
        self.cancelled_within(known, 5_000).await
    }

    pub async fn cancelled_within(&self, known: &[Held], wait_ms: u64) -> Vec<Held> {
        let Registration { worker_id, epoch, .. } = self.registration.clone();
        let request = Cancellations { worker_id, epoch, known: known.to_vec(), wait_ms };
        self.orchestrator.cancellations(request).await.expect("it answers")
    }

    pub async fn report(&self, task: &Assignment, outcome: Outcome) -> Result<(), Error> {
        let report =
            Report { task_run_id: task.task_run_id.clone(), fence: task.fence, outcome, busy_us: 7, start_us: 0 };
        self.orchestrator.report(report).await
    }

    pub async fn succeed(&self, task: &Assignment) {
        let result = what_the_flights_leave(task);
        self.report(task, Outcome::Succeeded(Box::new(result))).await.expect("it holds the task");
    }

    pub async fn fail(&self, task: &Assignment, retry: bool) {
        let outcome = Outcome::Failed { reason: "no rows".to_owned(), cause: "task_error".to_owned(), retry };
        self.report(task, outcome).await.expect("it holds the task");
    }

    /// Does everything that is to be done until the run ends.
    pub async fn finish(&self, server: &Arc<Server>, run_id: &str) {
        let ended = server.wait_run(run_id);
        tokio::pin!(ended);
        loop {
            tokio::select! {
                run = &mut ended => {
                    run.expect("the run");
                    return;
                }
                tasks = self.poll() => {
                    for task in tasks {
                        if task.run_id == run_id {
                            self.succeed(&task).await;
                        } else {
                            // The run has ended, and the next one has begun before this was told of it.
                            self.report(&task, Outcome::HandedBack).await.expect("it holds the task");
                        }
                    }
                }
            }
        }
    }
}

/// What each task of the night leaves behind.
pub fn what_the_flights_leave(task: &Assignment) -> TaskResult {
    let mut result = TaskResult::default();
    match task.task.as_str() {
        "features" => result.builds.push(BuildRecord {
            view: name("weather"),
            as_of: task.window_end,
            definition_hash: "def".to_owned(),
            object: format!("build of {}", task.window_end),
            rows: 10,
            size_bytes: 100,
        }),
        "train" => {
            result.model_version = Some(NewModelVersion {
                model: name("late_arrival"),
                object: format!("model of {}", task.window_end),
                as_of: task.window_end,
                fit_from: task.window_end,
                fit_to: task.window_end,
                rows: 100,
                metrics: std::iter::once(("auc".to_owned(), 0.7)).collect(),
            });
        }
        "judge" => {
            let version = task.outputs["train"]["version"].clone();
            result.outputs = Map::from_iter([("passed".to_owned(), json!(true)), ("version".to_owned(), version)]);
        }
        "promote" => {
            let version = task.outputs["judge"]["version"].as_u64().expect("a version");
            result.alias_move = Some(AliasMove {
                model: name("late_arrival"),
                alias: "champion".to_owned(),
                version: u32::try_from(version).expect("a version"),
                as_of: task.window_end,
            });
        }
        _ => {}
    }
    result
}

/// Leases so short that a worker which says nothing is lost at once.
pub fn short_leases() -> Timings {
    Timings { lease: Duration::from_millis(40), sweep: Duration::from_millis(5), ..Timings::default() }
}
