//! The cases of steps: sequences, fan-out, latency from trigger to start, throughput. Times are read from the rows, which
//! the server writes in the transaction of the step itself.

use std::time::{Duration, Instant};

use daybreak_core::RunStatus;
use daybreak_protocol::{Client, RunDetail, RunsQuery, TriggerRequest};
use daybreak_spec::{Name, Timestamp};
use futures::future::join_all;
use serde_json::{Map, Value as Json, json};

use super::database::{Database, State};
use super::project;
use crate::predict::Up;
use crate::report::Case;

/// Each figure is the median of so many.
const REPEATS: usize = 15;
const TRIGGERS: usize = 500;
const RUNS: usize = 100;
const PAGES: usize = 200;
const ITEMS: u32 = 10_000;
const TASKS_PER_RUN: usize = 10;

/// A figure beside its floor.
pub struct Measured {
    /// Ours.
    pub ours: f64,
    /// Bare commits, one for each task.
    pub floor: f64,
    /// More figures.
    pub more: Map<String, Json>,
}

impl Measured {
    /// As the report has it.
    pub fn case(&self, name: &str, unit: &'static str) -> Case {
        Case {
            case: name.into(),
            unit,
            ours: self.ours,
            floor: Some(self.floor),
            floor_is: "one bare fsynced commit per task",
            more: self.more.clone(),
        }
    }
}

/// A served project of `noop` tasks.
pub struct Bench<'a> {
    state: State<'a>,
    up: Option<Up>,
    client: Client,
}

impl<'a> Bench<'a> {
    /// Serves it and warms up.
    pub async fn start(database: &'a Database) -> Self {
        let state = database.state("steps");
        project::write_steps(state.folder());
        let (up, client) = serve(&state);
        let bench = Self { state, up: Some(up), client };
        bench.run("sequence").await;
        bench
    }

    /// Ends the server.
    pub async fn stop(&mut self) {
        self.up = None;
    }

    /// Serves the same state again.
    pub async fn restart(&mut self) {
        let (up, client) = serve(&self.state);
        (self.up, self.client) = (Some(up), client);
        self.run("sequence").await;
    }

    /// Its state, for filling it.
    pub fn state(&self) -> &State<'a> {
        &self.state
    }

    /// 40 tasks in sequence.
    pub async fn sequence_40(&self) -> Measured {
        self.medians("sequence", 40).await
    }

    /// 100 tasks and a join.
    pub async fn fanout_100(&self) -> Measured {
        self.medians("fanout", 101).await
    }

    async fn medians(&self, dag: &str, tasks: u32) -> Measured {
        let (mut ours, mut floors) = (Vec::new(), Vec::new());
        for _ in 0..REPEATS {
            ours.push(wall_ms(&self.run(dag).await));
            floors.push(self.state.bare_commits_ms(tasks).await);
        }
        Measured { ours: percentile(&mut ours, 0.5), floor: percentile(&mut floors, 0.5), more: Map::new() }
    }

    /// From the moment before the request is sent to the task's start.
    pub async fn trigger_to_start(&self) -> Vec<Case> {
        let mut ours = Vec::new();
        for _ in 0..TRIGGERS {
            let sent = now();
            let run = self.run("single").await;
            let started = run.tasks[0].started_at.expect("a task that ran");
            ours.push((started.micros - sent.micros) as f64 / 1e3);
        }
        let mut floors = Vec::new();
        for _ in 0..TRIGGERS {
            floors.push(self.state.bare_commits_ms(1).await);
        }
        let case = |name: &str, share: f64, ours: &mut [f64], floors: &mut [f64]| {
            let (ours, floor) = (percentile(ours, share), percentile(floors, share));
            Measured { ours, floor, more: Map::new() }.case(name, "ms")
        };
        vec![
            case("trigger_to_start_p50", 0.5, &mut ours, &mut floors),
            case("trigger_to_start_p99", 0.99, &mut ours, &mut floors),
        ]
    }

    /// Tasks per second of many runs triggered at once.
    pub async fn throughput(&self) -> Measured {
        let (mut ours, mut floors) = (Vec::new(), Vec::new());
        for _ in 0..5 {
            let sent = now();
            let triggered = join_all((0..RUNS).map(|_| self.trigger("ten"))).await;
            let mut last = sent;
            for run_id in triggered {
                last = last.max(self.ended(&run_id).await.summary.ended_at.expect("a run that ended"));
            }
            let tasks = (RUNS * TASKS_PER_RUN) as f64;
            ours.push(tasks / ((last.micros - sent.micros) as f64 / 1e6));
            let floor = self.state.bare_commits_ms(1_000).await;
            floors.push(1_000.0 / (floor / 1e3));
        }
        let more =
            Map::from_iter([("runs".to_owned(), json!(RUNS)), ("tasks_per_run".to_owned(), json!(TASKS_PER_RUN))]);
        Measured { ours: percentile(&mut ours, 0.5), floor: percentile(&mut floors, 0.5), more }
    }

    /// One run of a task with ten thousand items, from its row to its end.
    pub async fn items_10k(&self) -> Measured {
        let params = Map::from_iter([("list".to_owned(), (0..ITEMS).collect())]);
        let request = TriggerRequest { params, ..TriggerRequest::default() };
        let run_id = self.client.trigger("items", &request).await.expect("a run that starts");
        let newest = RunsQuery { limit: Some(1), ..RunsQuery::default() };
        let begun = Instant::now();
        // The list of runs counts no items.
        while self.client.runs(&newest).await.expect("runs").runs[0].ended_at.is_none() {
            assert!(begun.elapsed() < Duration::from_secs(300), "run {run_id} does not end");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let run = self.client.run(&run_id).await.expect("a run");
        assert_eq!(run.tasks[0].items.map(|items| items.succeeded), Some(ITEMS), "{:?}", run.summary);
        let floor = self.state.bare_commits_ms(1_000).await * f64::from(ITEMS) / 1e3;
        let more = Map::from_iter([("items_per_s".to_owned(), json!(f64::from(ITEMS) / wall_ms(&run) * 1e3))]);
        Measured { ours: wall_ms(&run) / 1e3, floor: floor / 1e3, more }
    }

    /// The pages that people look at most, over a long past: lists of runs, one run with its tasks.
    pub async fn pages(&self) -> Vec<Case> {
        let run_id = self.run("sequence").await.summary.id;
        let of = |dag: Option<&str>, state| RunsQuery { dag: dag.and_then(Name::parse), state, ..RunsQuery::default() };
        let lists = [
            of(None, None),
            of(Some("ten"), None),
            of(None, Some(RunStatus::Failed)),
            of(Some("fanout"), Some(RunStatus::Succeeded)),
        ];
        let (mut listed, mut shown) = (Vec::new(), Vec::new());
        for place in 0..PAGES {
            let begun = Instant::now();
            self.client.runs(&lists[place % lists.len()]).await.expect("runs");
            listed.push(begun.elapsed().as_secs_f64() * 1e3);
            let begun = Instant::now();
            self.client.run(&run_id).await.expect("a run");
            shown.push(begun.elapsed().as_secs_f64() * 1e3);
        }
        let mut health = Vec::new();
        for _ in 0..PAGES {
            let begun = Instant::now();
            self.client.health().await.expect("it is well");
            health.push(begun.elapsed().as_secs_f64() * 1e3);
        }
        let floor = percentile(&mut health, 0.95);
        let case = |name: &str, ours: f64| Case {
            floor_is: "the health route's",
            ..Measured { ours, floor, more: Map::new() }.case(name, "ms")
        };
        vec![
            case("run_list_p95_full", percentile(&mut listed, 0.95)),
            case("run_page_p95_full", percentile(&mut shown, 0.95)),
        ]
    }

    async fn trigger(&self, dag: &str) -> String {
        let request = TriggerRequest::default();
        self.client.trigger(dag, &request).await.expect("a run that starts")
    }

    async fn run(&self, dag: &str) -> RunDetail {
        let run_id = self.trigger(dag).await;
        self.ended(&run_id).await
    }

    async fn ended(&self, run_id: &str) -> RunDetail {
        let begun = Instant::now();
        loop {
            let run = self.client.run(run_id).await.expect("a run");
            if run.summary.ended_at.is_some() {
                assert_eq!(run.summary.state.as_str(), "succeeded", "{:?}", run.summary.reason);
                return run;
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "run {run_id} does not end");
            // The times are in the rows: who asks often only takes the processor from what is measured.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

fn serve(state: &State<'_>) -> (Up, Client) {
    let up = Up::start(state.folder(), &state.arguments());
    let client = Client::new(&format!("http://{}", up.target.address), &up.target.token);
    (up, client)
}

fn wall_ms(run: &RunDetail) -> f64 {
    let ended = run.summary.ended_at.expect("a run that ended");
    (ended.micros - run.summary.created_at.micros) as f64 / 1e3
}

/// Of values in any order.
pub fn percentile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let index = ((values.len() as f64 - 1.0) * share).round() as usize;
    values.get(index).copied().unwrap_or(f64::NAN)
}

/// Real time, as the server's rows have it.
#[expect(clippy::disallowed_methods, reason = "a bench measures real time against the rows of another process")]
pub fn now() -> Timestamp {
    chrono::Utc::now().into()
}
