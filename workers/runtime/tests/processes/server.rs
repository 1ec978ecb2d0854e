//! A server in memory: hands out one assignment at a time and writes down what the worker says.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use daybreak_artifacts::{Artifacts, LogName};
use daybreak_protocol::{
    Assignment, BuildRecord, Cancellations, Error, Heartbeat, HeartbeatReply, Held, Live, MintPublication,
    ModelVersionRecord, Orchestrator, Outcome, Poll, Register, Registration, Report,
};
use daybreak_runtime::{ChildLimits, ControlGroups, Worker, WorkerConfig};
use daybreak_spec::{Backoff, Dag, Jitter, Labels, Name, Node, Project, Retry, Span, Spanned, Task, Timestamp};
use tokio::sync::{Notify, watch};

pub const RUN: &str = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
const DEADLINE: Duration = Duration::from_secs(30);

#[derive(Default)]
pub struct Said {
    pub queue: VecDeque<Assignment>,
    pub reports: Vec<Report>,
    pub registrations: u32,
    pub held: Vec<Held>,
    pub reply: HeartbeatReply,
    /// What a waiting worker is told; the heartbeats do not say it.
    pub cancelled: Vec<Held>,
    /// While true no call is answered.
    pub away: bool,
    /// The next heartbeat is answered by "who are you".
    pub forgotten: bool,
    /// How many reports are still turned away.
    pub busy_reports: u32,
    pub report_calls: u32,
}

pub struct Server {
    pub said: Mutex<Said>,
    changed: Notify,
    pub lease_ms: u64,
}

impl Server {
    pub fn new(lease_ms: u64) -> Arc<Self> {
        Arc::new(Self { said: Mutex::default(), changed: Notify::new(), lease_ms })
    }

    pub fn change<T>(&self, change: impl FnOnce(&mut Said) -> T) -> T {
        let result = change(&mut self.said.lock().unwrap());
        self.changed.notify_waiters();
        result
    }

    /// Waits until the worker has said something.
    pub async fn until<T>(&self, seen: impl Fn(&Said) -> Option<T>) -> T {
        let waiting = async {
            loop {
                let changed = self.changed.notified();
                if let Some(found) = seen(&self.said.lock().unwrap()) {
                    return found;
                }
                let _ = tokio::time::timeout(Duration::from_millis(50), changed).await;
            }
        };
        tokio::time::timeout(DEADLINE, waiting).await.expect("the worker says it in time")
    }

    /// Answers a call; only what the worker says wakes those who wait, not that it asks.
    fn answer<T>(&self, answer: impl FnOnce(&mut Said) -> Result<T, Error>) -> Result<T, Error> {
        let mut said = self.said.lock().unwrap();
        if said.away {
            return Err(Error::Unavailable { url: "memory".to_owned(), detail: "away".to_owned() });
        }
        answer(&mut said)
    }
}

#[async_trait]
impl Orchestrator for Server {
    async fn register(&self, _: Register) -> Result<Registration, Error> {
        self.answer(|said| {
            said.registrations += 1;
            let epoch = i64::from(said.registrations);
            Ok(Registration { worker_id: RUN.to_owned(), epoch, lease_ms: self.lease_ms, heartbeat_ms: 50 })
        })
    }

    async fn poll(&self, poll: Poll) -> Result<Vec<Assignment>, Error> {
        let fits = |assignment: &Assignment| {
            let light = assignment.kind.starts_with("light") || assignment.kind == "unheard_of";
            if light { poll.free_light > 0 } else { poll.free_heavy > 0 }
        };
        loop {
            let changed = self.changed.notified();
            let found = self.answer(|said| {
                let place = said.queue.iter().position(fits);
                Ok(place.and_then(|place| said.queue.remove(place)))
            })?;
            if let Some(found) = found {
                return Ok(vec![found]);
            }
            changed.await;
        }
    }

    async fn heartbeat(&self, beat: Heartbeat) -> Result<HeartbeatReply, Error> {
        self.answer(|said| {
            said.held = beat.held;
            if std::mem::take(&mut said.forgotten) { Err(Error::ReRegister) } else { Ok(said.reply.clone()) }
        })
    }

    async fn cancellations(&self, request: Cancellations) -> Result<Vec<Held>, Error> {
        loop {
            let changed = self.changed.notified();
            let cancelled = self.answer(|said| Ok(said.cancelled.clone()))?;
            if cancelled != request.known {
                return Ok(cancelled);
            }
            changed.await;
        }
    }

    async fn report(&self, report: Report) -> Result<(), Error> {
        self.answer(|said| {
            said.report_calls += 1;
            if said.busy_reports > 0 {
                said.busy_reports -= 1;
                return Err(Error::Unavailable { url: "memory".to_owned(), detail: "busy".to_owned() });
            }
            said.reports.push(report);
            Ok(())
        })
    }

    async fn builds(&self, _: &Name, _: Timestamp, _: Timestamp) -> Result<Vec<BuildRecord>, Error> {
        Ok(Vec::new())
    }
    async fn model_version(&self, model: &Name, _: u32) -> Result<ModelVersionRecord, Error> {
        Err(Error::NotFound(model.to_string()))
    }
    async fn alias(&self, _: &Name, _: &str) -> Result<Option<ModelVersionRecord>, Error> {
        Ok(None)
    }
    async fn mint_publication(&self, _: MintPublication) -> Result<i64, Error> {
        Ok(1)
    }
    async fn live(&self, _: i64, _: u64) -> Result<Live, Error> {
        Ok(Live::default())
    }
}

/// A worker on a server in memory, in a folder of its own.
pub struct Scene {
    pub server: Arc<Server>,
    pub artifacts: Artifacts,
    pub folder: tempfile::TempDir,
    project_hash: String,
    given: AtomicU32,
    stop: watch::Sender<bool>,
    worker: tokio::task::JoinHandle<Result<(), Error>>,
}

impl Scene {
    pub async fn open(lease_ms: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::new(lease_ms);
        let (artifacts, project_hash, worker, stop) = start_worker(folder.path(), server.clone()).await;
        Self { server, artifacts, folder, project_hash, given: AtomicU32::new(1), stop, worker }
    }

    /// Gives the worker a task of that kind.
    pub fn give(&self, kind: &str, timeout_ms: Option<u64>) -> Held {
        let mut assignment = assignment(kind, &self.project_hash, timeout_ms);
        assignment.task_run_id = format!("{:026}", self.given.fetch_add(1, Ordering::Relaxed));
        let held = Held { task_run_id: assignment.task_run_id.clone(), fence: assignment.fence };
        self.server.change(|said| said.queue.push_back(assignment));
        held
    }

    /// How the first task ended.
    pub async fn report(&self) -> Report {
        self.server.until(|said| said.reports.first().cloned()).await
    }

    /// Runs one task to its end.
    pub async fn outcome(&self, kind: &str, timeout_ms: Option<u64>) -> Outcome {
        self.give(kind, timeout_ms);
        self.report().await.outcome
    }

    pub fn log(&self) -> String {
        let name = LogName::new(RUN, &Name::parse("task").unwrap(), 1, 7).unwrap();
        let (mut text, mut offset) = (String::new(), 0);
        loop {
            let part = self.artifacts.read_log(&name, offset, 4 << 20).unwrap();
            if part.next_offset == offset {
                return text;
            }
            text.push_str(&part.text);
            offset = part.next_offset;
        }
    }

    /// Tells the worker to stop and waits until it has.
    pub async fn close(self) -> Arc<Server> {
        self.stop.send(true).unwrap();
        tokio::time::timeout(DEADLINE, self.worker).await.expect("the worker stops in time").unwrap().unwrap();
        self.server
    }
}

pub async fn start_worker(
    folder: &Path,
    server: Arc<Server>,
) -> (Artifacts, String, tokio::task::JoinHandle<Result<(), Error>>, watch::Sender<bool>) {
    let artifacts = Artifacts::local(&folder.join("artifacts")).unwrap();
    let project = serde_json::to_vec(&project()).unwrap();
    let project_hash = artifacts.put(Bytes::from(project)).await.unwrap();
    let config = WorkerConfig {
        host: String::new(),
        queues: None,
        labels: Labels::new(),
        project_root: None,
        spool: Some(folder.join("spool")),
        label: "test".to_owned(),
        version: "0".to_owned(),
        light_slots: 2,
        heavy_slots: 2,
        server_url: "http://127.0.0.1:9".to_owned(),
        data_dir: folder.to_path_buf(),
        executable: std::env::current_exe().unwrap(),
        limits: ChildLimits {
            memory_bytes: None,
            threads: 3,
            processes: 64,
            nice: 5,
            grace: Duration::from_millis(300),
        },
        groups: ControlGroups::prepare().ok(),
        buckets: None,
        secrets: daybreak_runtime::SecretSource::default(),
        environment: std::env::vars_os().collect(),
        drain: Duration::ZERO,
    };
    let (stop, shutdown) = watch::channel(false);
    let registry = Arc::new(crate::kinds::registry());
    let worker = tokio::spawn(Worker::run(config, server, artifacts.clone(), registry, shutdown));
    (artifacts, project_hash, worker, stop)
}

pub fn assignment(kind: &str, project_hash: &str, timeout_ms: Option<u64>) -> Assignment {
    Assignment {
        task_run_id: "01ARZ3NDEKTSV4RRFFQ69G5FAW".to_owned(),
        fence: 7,
        attempt: 1,
        run_id: RUN.to_owned(),
        dag: Name::parse("nightly").unwrap(),
        task: Name::parse("task").unwrap(),
        kind: kind.to_owned(),
        project_hash: project_hash.to_owned(),
        project_root: "/".into(),
        scheduled_for: None,
        window_start: None,
        window_end: Timestamp::parse("2013-03-10T07:00:00Z").unwrap(),
        params: serde_json::from_str(r#"{"limit": 5}"#).unwrap(),
        outputs: Default::default(),
        without_outputs: Default::default(),
        item: None,
        timeout_ms,
        token: "secret".to_owned(),
        waiting_since: None,
    }
}

fn project() -> Project {
    let text = |text: &str| Node { span: Span::default(), value: daybreak_spec::NodeValue::Text(text.to_owned()) };
    let task = Task {
        span: Span::default(),
        kind: Spanned::unplaced("answers".to_owned()),
        needs: Vec::new(),
        trigger: Default::default(),
        tolerated: false,
        for_each: None,
        cache: None,
        limits: Vec::new(),
        priority: None,
        queue: None,
        labels: Default::default(),
        retry: None,
        timeout: None,
        queue_timeout: None,
        total_timeout: None,
        memory_bytes: Some(Spanned::unplaced(200_000_000)),
        parameters: vec![
            (Spanned::unplaced("limit".to_owned()), text("${params.limit}")),
            (Spanned::unplaced("until".to_owned()), text("up to ${run.window_end}")),
        ],
    };
    let second = || daybreak_spec::Duration::parse("1s").unwrap();
    let backoff = Backoff { first: second(), factor: 1.0, max: second(), jitter: Jitter::None };
    let dag = Dag {
        span: Span::default(),
        schedules: Vec::new(),
        retry: Retry { attempts: 1, backoff, only: Vec::new() },
        params: Default::default(),
        after: Vec::new(),
        updated: Vec::new(),
        max_active_runs: None,
        priority: 0,
        deadline: None,
        queue: None,
        tasks: [(Name::parse("task").unwrap(), Box::new(task))].into(),
    };
    Project {
        name: Spanned::unplaced(Name::parse("test").unwrap()),
        data_roots: Vec::new(),
        predictions: Default::default(),
        secrets: Default::default(),
        http_allow: Vec::new(),
        sources: Default::default(),
        entities: Default::default(),
        feature_views: Default::default(),
        models: Default::default(),
        calendars: Default::default(),
        limits: Default::default(),
        alerts: Default::default(),
        dags: [(Name::parse("nightly").unwrap(), dag)].into(),
    }
}
