//! A small project with sixty days of orders, and a way to run its tasks one by one.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use daybreak_artifacts::Artifacts;
use daybreak_protocol::{Assignment, TaskResult};
use daybreak_runtime::{TaskContext, TaskError};
use daybreak_spec::{Name, Project, Timestamp};
use daybreak_tasks::Stores;
use daybreak_tests::memory::Memory;
use polars::prelude::*;
use serde_json::{Map, Value as Json};

pub const DAY_US: i64 = 86_400_000_000;
const FIRST_DAY: i64 = 20_454; // 2026-01-01

const PROJECT: &str = r#"
version: 1
name: shop
sources:
  orders: { path: "data/orders-*.parquet", event_time: ordered_at, known_at: { late: done_at, done_at: done_at } }
  done: { path: "data/orders-*.parquet", event_time: done_at }
  goods: { path: data/goods.parquet }
entities:
  item: { keys: [item] }
feature_views:
  item_lateness:
    entity: item
    source: done
    ttl: 3d
    aggregates: [{ of: late, as: late_share, fn: mean, windows: [7d] }, { of: late, as: done, fn: count, windows: [7d] }]
  item_facts: { entity: item, sql: "SELECT item, weight FROM goods" }
models:
  lateness:
    observations: { source: orders, label: late, label_known_at: done_at }
    inputs: { amount: f64 }
    derived: { big: "amount > 5" }
    features: [item_lateness, item_facts.weight]
    missing: impute
    algorithm: { name: logistic_regression, l2: 1.0 }
    metrics: [auc, log_loss]
dags:
  nightly:
    schedule: { cron: "0 3 * * *", start: 2026-01-10 }
    tasks:
      features: { kind: build_features }
      publish: { kind: materialize, needs: features }
      train: { kind: train, needs: features, model: lateness, history: 20d, holdout: 5d, min_history: 5d }
      judge: { kind: evaluate, needs: train, model: lateness, require: ["auc >= 0.5", "auc >= champion.auc - 0.2"] }
      promote: { kind: promote, needs: [judge, publish], model: lateness }
"#;

/// A project in a folder of its own, with its state.
pub struct Shop {
    folder: tempfile::TempDir,
    pub memory: Arc<Memory>,
    pub artifacts: Artifacts,
    pub project: Arc<Project>,
    outputs: BTreeMap<Name, Map<String, Json>>,
}

pub fn name(text: &str) -> Name {
    Name::parse(text).expect("a slug")
}

/// 03:00Z on the day of January 2026 (1 = the first).
pub fn night(day: i64) -> Timestamp {
    Timestamp::from_micros((FIRST_DAY + day - 1) * DAY_US + 3 * 3_600_000_000)
}

impl Shop {
    /// With orders of 60 days.
    pub fn new() -> Self {
        Self::with(PROJECT, learnable)
    }

    /// With the project's text changed.
    pub fn changed(from: &str, to: &str) -> Self {
        assert!(PROJECT.contains(from), "the project holds {from}");
        Self::with(&PROJECT.replace(from, to), learnable)
    }

    /// With another label per (day, number of the order).
    pub fn labelled(label: impl Fn(i64, i64) -> bool) -> Self {
        Self::with(PROJECT, label)
    }

    fn with(text: &str, label: impl Fn(i64, i64) -> bool) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir_all(folder.path().join("data")).expect("a folder");
        std::fs::write(folder.path().join("daybreak.yaml"), text).expect("written");
        write_orders(&folder.path().join("data/orders-1.parquet"), 0..60, label);
        let goods = df!("item" => ["tea", "rice", "salt"], "weight" => [0.1, 1.0, 0.5]);
        write(&folder.path().join("data/goods.parquet"), goods);
        let artifacts = Artifacts::local(&folder.path().join(".daybreak/artifacts")).expect("a store");
        let (memory, project) = (Arc::default(), load(folder.path()));
        Self { folder, memory, artifacts, project, outputs: BTreeMap::new() }
    }

    /// Changes the project's text; state and data stay.
    pub fn redeclare(&mut self, from: &str, to: &str) {
        let path = self.root().join("daybreak.yaml");
        let text = std::fs::read_to_string(&path).expect("the project");
        assert!(text.contains(from), "the project holds {from}");
        std::fs::write(&path, text.replace(from, to)).expect("written");
        self.project = load(self.root());
    }

    /// The project's folder.
    pub fn root(&self) -> &Path {
        self.folder.path()
    }

    /// The state folder.
    pub fn data_dir(&self) -> PathBuf {
        self.folder.path().join(".daybreak")
    }

    pub fn stores(&self) -> Stores {
        Stores::new(self.project.clone(), self.root(), self.artifacts.clone(), self.memory.clone())
    }

    /// Runs one task of the nightly DAG at T, keeps what it made as the server does, and returns its result.
    pub async fn run(&mut self, task: &str, at: Timestamp) -> Result<TaskResult, TaskError> {
        let mut result = self.attempt(task, at).await?;
        result.outputs = self.memory.keep(&result);
        assert!(
            serde_json::to_vec(&result.outputs).expect("JSON").len() <= daybreak_core::MAX_OUTPUTS_BYTES,
            "outputs fit"
        );
        self.outputs.insert(name(task), result.outputs.clone());
        Ok(result)
    }

    /// Runs one task and keeps nothing.
    pub async fn attempt(&self, task: &str, at: Timestamp) -> Result<TaskResult, TaskError> {
        let declared = &self.project.dags["nightly"].tasks[task];
        let assignment = Assignment {
            task_run_id: "task-run".into(),
            fence: 1,
            attempt: 1,
            run_id: "run".into(),
            dag: name("nightly"),
            task: name(task),
            kind: declared.kind.value.clone(),
            project_hash: String::new(),
            project_root: self.root().to_path_buf(),
            scheduled_for: Some(at),
            window_start: Some(at.plus_micros(-DAY_US)),
            window_end: at,
            params: Map::new(),
            outputs: self.outputs.clone(),
            without_outputs: BTreeMap::new(),
            item: None,
            timeout_ms: None,
            token: String::new(),
            waiting_since: None,
        };
        let kind = daybreak_tasks::registry().get(&declared.kind).expect("a kind");
        let (project, artifacts) = (self.project.clone(), self.artifacts.clone());
        let context = TaskContext::new(assignment, project, artifacts, self.memory.clone(), self.data_dir());
        kind.run(&context).await
    }

    /// Runs the whole night.
    pub async fn run_night(&mut self, at: Timestamp) -> BTreeMap<String, TaskResult> {
        self.outputs.clear();
        let mut results = BTreeMap::new();
        for task in ["features", "publish", "train", "judge", "promote"] {
            let result = self.run(task, at).await.unwrap_or_else(|error| panic!("{task}: {error}"));
            results.insert(task.to_owned(), result);
        }
        results
    }

    /// Adds orders of later days.
    pub fn add_orders(&self, days: std::ops::Range<i64>) {
        let path = self.root().join(format!("data/orders-{}.parquet", days.start));
        write_orders(&path, days, |day, number| (day + number) % 3 == 0);
    }

    /// Where an object lies.
    pub fn object(&self, object: &str) -> PathBuf {
        self.artifacts.folder().expect("a folder").join("objects").join(&object[..2]).join(object)
    }
}

fn load(root: &Path) -> Arc<Project> {
    let loaded = daybreak_spec::load(root).expect("a project");
    assert!(loaded.problems.is_empty(), "{}", daybreak_spec::render(&loaded.problems, &loaded.files));
    Arc::new(loaded.project)
}

/// Tea is mostly late, the rest seldom.
fn learnable(day: i64, number: i64) -> bool {
    if number % 3 == 0 { day % 5 != 0 } else { (day + number) % 7 == 0 }
}

/// Twelve orders a day, every two hours; known to be late or not six hours later.
fn write_orders(path: &Path, days: std::ops::Range<i64>, label: impl Fn(i64, i64) -> bool) {
    let orders: Vec<(i64, i64)> = days.flat_map(|day| (0..12).map(move |number| (day, number))).collect();
    let at = |(day, number): &(i64, i64)| (FIRST_DAY + day) * DAY_US + number * 7_200_000_000;
    let items = ["tea", "rice", "salt"];
    let frame = df!(
        "ordered_at" => instants(orders.iter().map(at).collect()),
        "done_at" => instants(orders.iter().map(|order| at(order) + 21_600_000_000).collect()),
        "item" => orders.iter().map(|(_, number)| items[(*number % 3) as usize]).collect::<Vec<_>>(),
        "amount" => orders.iter().map(|(day, number)| ((day * 5 + number * 2) % 11) as f64).collect::<Vec<_>>(),
        "late" => orders.iter().map(|(day, number)| label(*day, *number)).collect::<Vec<_>>(),
    );
    write(path, frame);
}

fn instants(micros: Vec<i64>) -> Series {
    Series::new("at".into(), micros).cast(&DataType::Datetime(TimeUnit::Microseconds, None)).expect("instants")
}

fn write(path: &Path, frame: PolarsResult<DataFrame>) {
    let file = File::create(path).expect("a file");
    ParquetWriter::new(file).finish(&mut frame.expect("a frame")).expect("written");
}
