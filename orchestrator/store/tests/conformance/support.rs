//! A store on a fresh database of either kind, a small project deployed in it, and a worker's moves.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use daybreak_core::{RunStatus, Takes, TaskStatus, WorkerIdentity};
use daybreak_protocol::{BuildRecord, BuildsQuery, RunsQuery, TaskResult};
use daybreak_spec::{Backoff, Jitter, Name, Overlap, Retry, Timestamp, TriggerRule};
use daybreak_store::{
    Caller, Claim, ClaimedTask, CursorMove, Database, DeployedCursor, DeployedDag, Deployment, Error, Fire, LeaseClock,
    NewFiring, NewRun, NewWorker, Options, ReportedEnd, RunTemplate, Sources, Store, Sweep, TaskTemplate,
    trigger_against_illegal_transitions,
};
use serde_json::{Map, json};
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};

use crate::postgres::{Durability, Postgres};

pub const LEASE_US: i64 = 12_000_000;
pub const SECOND: i64 = 1_000_000;

/// Makes a test of each story for each database.
#[macro_export]
macro_rules! stories {
    ($($story:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $story() {
                super::$story($crate::support::World::on_sqlite().await).await;
            })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $story() {
                super::$story($crate::support::World::on_postgres().await).await;
            })*
        }
    };
}

pub struct World {
    pub store: Store,
    pub database: Database,
    pub now_us: Arc<AtomicI64>,
    _folder: tempfile::TempDir,
}

pub fn name(text: &str) -> Name {
    Name::parse(text).expect("a slug")
}

/// Whoever does something by hand here.
pub fn caller() -> Caller {
    Caller { by: "ann".to_owned(), token_id: None, said: None, from: "cli".to_owned() }
}

pub fn at(hours: i64) -> Timestamp {
    Timestamp::from_micros(hours * 3_600 * SECOND)
}

/// One server for all stories of this process; it ends with the process.
fn postgres() -> &'static Postgres {
    static POSTGRES: LazyLock<Postgres> =
        LazyLock::new(|| Postgres::start(Durability::None).unwrap_or_else(|problem| panic!("{problem}")));
    &POSTGRES
}

/// An empty database on it.
pub fn postgres_database() -> Database {
    static NUMBER: AtomicI64 = AtomicI64::new(0);
    let name = format!("story_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    postgres().create_database(&name, None).unwrap_or_else(|problem| panic!("{problem}"));
    Database::Postgres(postgres().url(&name))
}

impl World {
    pub async fn on_sqlite() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let database = Database::Sqlite(folder.path().join("state.db"));
        Self::on(database, folder).await
    }

    pub async fn on_postgres() -> Self {
        let database = tokio::task::spawn_blocking(postgres_database).await.expect("a database is made");
        Self::on(database, tempfile::tempdir().expect("a folder")).await
    }

    /// On an empty database that the story made itself.
    pub async fn on_database(database: Database) -> Self {
        Self::on(database, tempfile::tempdir().expect("a folder")).await
    }

    /// A fresh store with the trigger that raises on every transition outside the table.
    async fn on(database: Database, folder: tempfile::TempDir) -> Self {
        crate::statements::write_down();
        let now_us = Arc::new(AtomicI64::new(1_700_000_000 * SECOND));
        let store = open(&database, now_us.clone()).await;
        let world = Self { store, database, now_us, _folder: folder };
        world.script(&trigger_against_illegal_transitions(&world.database)).await.expect("the trigger is made");
        world.deploy().await;
        world
    }

    /// On a database as another process left it.
    pub async fn reopened(database: Database, now_us: Arc<AtomicI64>) -> Self {
        let store = open(&database, now_us.clone()).await;
        Self { store, database, now_us, _folder: tempfile::tempdir().expect("a folder") }
    }

    /// A second store on the same database, as a process that starts again has it, or another server.
    pub async fn open_another(&self) -> Store {
        open(&self.database, self.now_us.clone()).await
    }

    /// Statements past the store.
    pub async fn script(&self, statements: &str) -> Result<(), sqlx::Error> {
        let script = sqlx::raw_sql(AssertSqlSafe(statements.to_owned()));
        match &self.database {
            Database::Sqlite(path) => {
                let mut connection = SqliteConnection::connect(&format!("sqlite://{}", path.display())).await?;
                script.execute(&mut connection).await.map(drop)
            }
            Database::Postgres(url) => {
                let mut connection = PgConnection::connect(url).await?;
                script.execute(&mut connection).await.map(drop)
            }
        }
    }

    /// The number that a statement finds, past the store.
    pub async fn count(&self, statement: &'static str) -> i64 {
        match &self.database {
            Database::Sqlite(path) => {
                let url = format!("sqlite://{}", path.display());
                let mut connection = SqliteConnection::connect(&url).await.expect("a second connection");
                sqlx::query_scalar(statement).fetch_one(&mut connection).await.expect("a number")
            }
            Database::Postgres(url) => {
                let mut connection = PgConnection::connect(url).await.expect("a second connection");
                sqlx::query_scalar(statement).fetch_one(&mut connection).await.expect("a number")
            }
        }
    }

    /// The two texts that a statement finds, past the store.
    pub async fn texts(&self, statement: &'static str) -> (Option<String>, Option<String>) {
        match &self.database {
            Database::Sqlite(path) => {
                let url = format!("sqlite://{}", path.display());
                let mut connection = SqliteConnection::connect(&url).await.expect("a second connection");
                sqlx::query_as(statement).fetch_one(&mut connection).await.expect("two texts")
            }
            Database::Postgres(url) => {
                let mut connection = PgConnection::connect(url).await.expect("a second connection");
                sqlx::query_as(statement).fetch_one(&mut connection).await.expect("two texts")
            }
        }
    }

    /// The epoch of the leadership, newly taken.
    pub async fn lead(&self) -> i64 {
        self.store.lead("server".to_owned()).await.expect("it answers").expect("it is to be had")
    }

    pub async fn deploy(&self) {
        let was = self.store.cursors(&name("demo")).await.expect("cursors").get(&(name("nightly"), 0)).copied();
        let cursor = DeployedCursor { was, to: was.unwrap_or(at(0)) };
        let deployment = Deployment {
            project: name("demo"),
            version: "aa".to_owned(),
            root: "/project".to_owned(),
            files: None,
            listens: Vec::new(),
            models: vec![name("late")],
            found: None,
            limits: vec![(name("gpu"), 2), (name("customer"), 1)],
            dags: vec![DeployedDag { dag: name("nightly"), cursors: vec![cursor] }],
            caller: None,
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
            host: "here".to_owned(),
            takes: Takes::default(),
            slots: (10_000, 10_000),
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
        let epoch = self.lead().await;
        let cursors = vec![CursorMove { schedule: 0, from: cursor, to, left_out: 0 }];
        let fire = Fire { template: Arc::new(template()), cursors, firings, epoch };
        self.fire_one(fire).await.expect("it fires")
    }

    pub async fn fire_one(&self, fire: Fire) -> Result<daybreak_store::Fired, Error> {
        self.store.fire(vec![fire]).await.remove(0)
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
        let epoch = self.lead().await;
        self.store.sweep(Sweep { epoch, cancel_grace_us: 30 * SECOND }).await.expect("it sweeps")
    }

    pub async fn run_status(&self, run_id: &str) -> RunStatus {
        self.store.run(run_id).await.expect("the run").summary.state
    }

    pub async fn task_status(&self, run_id: &str, task: &str) -> TaskStatus {
        let run = self.store.run(run_id).await.expect("the run");
        run.tasks.iter().find(|found| found.name.as_str() == task).expect("the task").state
    }

    /// Builds of the view `weather` between two hours.
    pub async fn builds(&self, from: i64, to: i64) -> Vec<BuildRecord> {
        let wanted = BuildsQuery { from: Some(at(from)), to: Some(at(to)), ..BuildsQuery::default() };
        self.store.builds(&name("demo"), &name("weather"), &wanted).await.expect("builds").builds
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

pub async fn open(database: &Database, now_us: Arc<AtomicI64>) -> Store {
    Store::open(options(database, now_us)).await.expect("it opens")
}

pub fn options(database: &Database, now_us: Arc<AtomicI64>) -> Options {
    Options {
        database: database.clone(),
        sources: sources(now_us),
        lease_clock: LeaseClock::Process,
        on_fatal: Arc::new(|detail| panic!("the state could not be made durable: {detail}")),
    }
}

/// A clock that the story moves, and chance of its own so that two stores give different identities.
pub fn sources(now_us: Arc<AtomicI64>) -> Sources {
    let hasher = std::collections::hash_map::RandomState::new();
    let drawn = AtomicI64::new(0);
    let uniform = move || {
        let bits = std::hash::BuildHasher::hash_one(&hasher, drawn.fetch_add(1, Ordering::Relaxed));
        (bits >> 11) as f64 / (1_u64 << 53) as f64
    };
    Sources::new(move || Timestamp::from_micros(now_us.load(Ordering::Relaxed)), uniform)
}

/// Any number of light tasks that need nothing.
pub fn fan(tasks: usize) -> RunTemplate {
    let mut fan = template();
    let first = fan.tasks.remove(0);
    fan.tasks =
        (0..tasks).map(|place| TaskTemplate { task: name(&format!("task_{place}")), ..first.clone() }).collect();
    fan
}

/// first (light) → second (heavy) → third (light, gated), each of which takes from all before it.
pub fn template() -> RunTemplate {
    let task = |task: &str, (parents, takes): (&[&str], &[&str]), heavy: bool| TaskTemplate {
        task: name(task),
        kind: "noop".to_owned(),
        heavy,
        gated: task == "third",
        parents: parents.iter().map(|parent| name(parent)).collect(),
        takes: takes.iter().map(|before| name(before)).collect(),
        trigger: TriggerRule::default(),
        tolerated: false,
        for_each: None,
        cache: None,
        retry: Retry {
            attempts: 2,
            backoff: Backoff {
                first: daybreak_spec::Duration::parse("10s").expect("a duration"),
                factor: 2.0,
                max: daybreak_spec::Duration::parse("5m").expect("a duration"),
                jitter: Jitter::None,
            },
            only: Vec::new(),
        },
        timeout_us: Some(60 * SECOND),
        priority: 0,
        placement: Arc::default(),
        limits: Vec::new(),
        queue_timeout_us: None,
        total_timeout_us: None,
    };
    RunTemplate {
        project: name("demo"),
        dag: name("nightly"),
        version: "aa".to_owned(),
        params: Map::from_iter([("day".to_owned(), json!("monday"))]),
        max_active: None,
        deadline_us: None,
        tasks: vec![
            task("first", (&[], &[]), false),
            task("second", (&["first"], &["first"]), true),
            task("third", (&["second"], &["first", "second"]), false),
        ],
    }
}

/// Polls a future that must not be ready yet.
pub async fn not_yet<T>(future: &mut (impl Future<Output = T> + Unpin)) {
    assert!(tokio::time::timeout(Duration::from_millis(20), future).await.is_err(), "it was not to be ready yet");
}
