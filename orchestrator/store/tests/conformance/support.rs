//! A store in a fresh folder, a small project deployed in it, and a worker's moves.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use daybreak_core::{RunStatus, TaskStatus, WorkerIdentity};
use daybreak_protocol::{RunsQuery, TaskResult};
use daybreak_spec::{Backoff, Jitter, Name, Overlap, Retry, Timestamp};
use daybreak_store::{
    Claim, ClaimedTask, CursorMove, DeployedDag, Deployment, Error, Fire, NewFiring, NewRun, NewWorker, Options,
    ReportedEnd, RunTemplate, Sources, Store, Sweep, TaskTemplate, trigger_against_illegal_transitions,
};
use serde_json::{Map, json};
use sqlx::{AssertSqlSafe, Connection, SqliteConnection};

pub const LEASE_US: i64 = 12_000_000;
pub const SECOND: i64 = 1_000_000;

pub struct World {
    pub store: Store,
    pub folder: tempfile::TempDir,
    pub now_us: Arc<AtomicI64>,
}

pub fn name(text: &str) -> Name {
    Name::parse(text).expect("a slug")
}

pub fn at(hours: i64) -> Timestamp {
    Timestamp::from_micros(hours * 3_600 * SECOND)
}

impl World {
    /// A fresh store with the trigger that raises on every transition outside the table.
    pub async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let now_us = Arc::new(AtomicI64::new(1_700_000_000 * SECOND));
        let store = open(folder.path(), now_us.clone()).await;
        let world = Self { store, folder, now_us };
        let mut connection = world.connect().await;
        sqlx::raw_sql(AssertSqlSafe(trigger_against_illegal_transitions()))
            .execute(&mut connection)
            .await
            .expect("the trigger is made");
        world.deploy().await;
        world
    }

    pub async fn connect(&self) -> SqliteConnection {
        let url = format!("sqlite://{}", self.folder.path().join("state.db").display());
        SqliteConnection::connect(&url).await.expect("a second connection")
    }

    pub async fn deploy(&self) {
        let deployment = Deployment {
            project: name("demo"),
            version: "aa".to_owned(),
            root: "/project".to_owned(),
            models: vec![name("late")],
            dags: vec![DeployedDag { dag: name("nightly"), cursors: vec![at(0)] }],
        };
        self.store.deploy(deployment).await.expect("it deploys");
    }

    pub fn pass(&self, seconds: i64) {
        self.now_us.fetch_add(seconds * SECOND, Ordering::Relaxed);
    }

    pub async fn worker(&self) -> WorkerIdentity {
        let worker = NewWorker {
            label: "test".to_owned(),
            version: "0".to_owned(),
            server_id: Some("server".to_owned()),
            lease_us: LEASE_US,
        };
        self.store.register(worker).await.expect("it registers")
    }

    pub async fn run(&self) -> String {
        let run = NewRun { template: template(), window_start: None, window_end: at(24) };
        self.store.make_run(run).await.expect("it starts")
    }

    pub async fn fire(&self, cursor: Timestamp, firings: &[i64], overlap: Overlap) -> daybreak_store::Fired {
        let firings: Vec<_> =
            firings.iter().map(|hours| NewFiring { at: at(*hours), window_start: None, overlap }).collect();
        let to = firings.last().map_or(cursor, |firing| firing.at);
        let epoch = self.store.lead("server".to_owned()).await.expect("it leads");
        let cursors = vec![CursorMove { schedule: 0, from: cursor, to }];
        let fire = Fire { template: template(), cursors, firings, epoch };
        self.store.fire(fire).await.expect("it fires")
    }

    /// What is ready now, for a worker with room for everything.
    pub async fn claim(&self, worker: &WorkerIdentity) -> Vec<ClaimedTask> {
        let claim = Claim { worker: worker.clone(), free_light: 8, free_heavy: 8 };
        self.store.claim(claim).await.expect("the worker is known")
    }

    pub async fn claim_one(&self, worker: &WorkerIdentity) -> ClaimedTask {
        let claimed = self.claim(worker).await;
        assert_eq!(claimed.len(), 1, "{claimed:?}");
        claimed.into_iter().next().expect("one")
    }

    pub async fn succeed(&self, task: &ClaimedTask) -> Result<(), Error> {
        self.report(task, ReportedEnd::Succeeded(Box::default())).await
    }

    pub async fn succeed_with(&self, task: &ClaimedTask, result: TaskResult) -> Result<(), Error> {
        self.report(task, ReportedEnd::Succeeded(Box::new(result))).await
    }

    pub async fn report(&self, task: &ClaimedTask, end: ReportedEnd) -> Result<(), Error> {
        self.store.report(task.task_run_id.clone(), task.fence, end, (5, 1)).await
    }

    pub async fn sweep(&self) -> daybreak_store::Swept {
        self.store.sweep(Sweep { cancel_grace_us: 30 * SECOND }).await.expect("it sweeps")
    }

    pub async fn run_status(&self, run_id: &str) -> RunStatus {
        self.store.run(run_id).await.expect("the run").summary.state
    }

    pub async fn task_status(&self, run_id: &str, task: &str) -> TaskStatus {
        let run = self.store.run(run_id).await.expect("the run");
        run.tasks.iter().find(|found| found.name.as_str() == task).expect("the task").state
    }

    pub async fn run_count(&self) -> usize {
        self.store.runs(&name("demo"), &RunsQuery::default()).await.expect("runs").runs.len()
    }

    /// Runs everything that is ready until the run ends.
    pub async fn drive(&self, worker: &WorkerIdentity, run_id: &str) {
        while !self.run_status(run_id).await.is_terminal() {
            for task in self.claim(worker).await {
                self.succeed(&task).await.expect("it holds the task");
            }
        }
    }
}

pub async fn open(folder: &std::path::Path, now_us: Arc<AtomicI64>) -> Store {
    let sources = Sources::new(move || Timestamp::from_micros(now_us.load(Ordering::Relaxed)), || 0.5);
    let options = Options {
        path: folder.join("state.db"),
        sources,
        on_fatal: Arc::new(|detail| panic!("the state could not be made durable: {detail}")),
    };
    Store::open(options).await.expect("it opens")
}

/// first (light) → second (heavy) → third (light, gated).
pub fn template() -> RunTemplate {
    let task = |task: &str, parents: &[&str], heavy: bool| TaskTemplate {
        task: name(task),
        kind: "noop".to_owned(),
        heavy,
        gated: task == "third",
        parents: parents.iter().map(|parent| name(parent)).collect(),
        retry: Retry {
            attempts: 2,
            backoff: Backoff {
                first: daybreak_spec::Duration::parse("10s").expect("a duration"),
                factor: 2.0,
                max: daybreak_spec::Duration::parse("5m").expect("a duration"),
                jitter: Jitter::None,
            },
        },
        timeout_us: Some(60 * SECOND),
    };
    RunTemplate {
        project: name("demo"),
        dag: name("nightly"),
        version: "aa".to_owned(),
        params: Map::from_iter([("day".to_owned(), json!("monday"))]),
        tasks: vec![task("first", &[], false), task("second", &["first"], true), task("third", &["second"], false)],
    }
}

/// Polls a future that must not be ready yet.
pub async fn not_yet<T>(future: &mut (impl Future<Output = T> + Unpin)) {
    assert!(tokio::time::timeout(Duration::from_millis(20), future).await.is_err(), "it was not to be ready yet");
}
