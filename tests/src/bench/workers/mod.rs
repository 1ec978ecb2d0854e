//! `bench workers`: a server on PostgreSQL and workers in processes of their own, over HTTP. Tasks per second with one, two
//! and four of them, and how long a claim takes while they are busy: on a quiet database, and while somebody's long
//! transaction keeps it from clearing away what has been claimed. Tasks are `noop`, so that only the way there is measured.

mod probe;

use std::path::Path;
use std::time::{Duration, Instant};

use daybreak_core::RunStatus;
use daybreak_protocol::{Client, RunsQuery, TriggerRequest};
use daybreak_spec::Name;
use daybreak_tests::roles::Role;
use daybreak_tests::served::Served;
use futures::future::join_all;
use serde_json::{Map, json};
use sqlx::{AnyConnection, Connection as _};

use crate::orchestrator::{Database, State, now, percentile, sequence};
use crate::report::Case;
use probe::Probe;

const FLEETS: [usize; 3] = [1, 2, 4];
const SLOTS: &str = "16";

/// Runs of one measurement, each a chain of so many tasks.
const RUNS: usize = 200;
const CHAIN: u32 = 50;
const REPEATS: usize = 3;

/// Claims without the long transaction.
const QUIET: Duration = Duration::from_secs(30);
/// How long that stays open, and the part of it that is looked at alone: the last.
const OPEN: Duration = Duration::from_secs(300);
const LAST: Duration = Duration::from_secs(60);

/// Chains that are started each second beside the claims.
const BESIDE: u32 = 4;

/// Measures every case.
pub async fn run() -> Vec<Case> {
    sqlx::any::install_default_drivers();
    let database = Database::postgres();
    let state = database.state("workers");
    let project = state.folder().join("project");
    write_project(&project);
    let arguments = state.arguments();
    let arguments: Vec<&str> =
        ["--listen", "127.0.0.1:0"].into_iter().chain(arguments.iter().map(String::as_str)).collect();
    let served = Served::start_as("server", &project, &arguments);
    let client = served.client();
    let (mut workers, mut cases) = (Vec::new(), Vec::new());
    for fleet in FLEETS {
        while workers.len() < fleet {
            let name = format!("worker{}", workers.len());
            workers.push(Role::worker(&served, &name, &["--slots", SLOTS, "--queues", "default"]));
        }
        cases.push(throughput(&state, &client, fleet).await);
    }
    let probe = Probe::register(&served).await;
    cases.extend(claims(&state, (&client, &probe), QUIET, "claim").await);
    let open = open_transaction(&state).await;
    cases.extend(claims(&state, (&client, &probe), OPEN, "claim_beside_open").await);
    open.close().await.expect("it closes");
    cases
}

fn write_project(folder: &Path) {
    std::fs::create_dir_all(folder).expect("a folder");
    let mut text = String::from("version: 1\nname: workers\ndags:\n");
    sequence(&mut text, "chain", CHAIN);
    text.push_str("  backlog:\n    tasks:\n");
    text.extend((0..probe::BACKLOG).map(|place| format!("      t{place}: {{ kind: noop, queue: probe }}\n")));
    std::fs::write(folder.join("daybreak.yaml"), text).expect("a project");
}

/// Tasks per second from the first trigger to the last end.
async fn throughput(state: &State<'_>, client: &Client, fleet: usize) -> Case {
    let (mut ours, mut floors) = (Vec::new(), Vec::new());
    for _ in 0..REPEATS {
        let sent = now();
        let triggered = join_all((0..RUNS).map(|_| trigger(client, "chain"))).await;
        settle(client).await;
        let mut last = sent;
        for run_id in triggered {
            let run = client.run(&run_id).await.expect("a run").summary;
            assert_eq!(run.state, RunStatus::Succeeded, "{:?}", run.reason);
            last = last.max(run.ended_at.expect("a run that ended"));
        }
        ours.push(RUNS as f64 * f64::from(CHAIN) / ((last.micros - sent.micros) as f64 / 1e6));
        floors.push(1_000.0 / (state.bare_commits_ms(1_000).await / 1e3));
    }
    Case {
        case: format!("workers_{fleet}"),
        unit: "tasks/s",
        ours: percentile(&mut ours, 0.5),
        floor: Some(percentile(&mut floors, 0.5)),
        floor_is: "one bare fsynced commit per task",
        more: Map::from_iter([("runs".to_owned(), json!(RUNS)), ("tasks_per_run".to_owned(), json!(CHAIN))]),
    }
}

/// How long claims take while the workers run chains.
async fn claims(state: &State<'_>, (client, probe): (&Client, &Probe), length: Duration, name: &str) -> Vec<Case> {
    let load = tokio::spawn(chains(client.clone(), length));
    let took = probe.claim(client, length).await;
    load.await.expect("the load goes on");
    let mut floors = Vec::new();
    for _ in 0..500 {
        floors.push(state.bare_commits_ms(1).await);
    }
    let mut all: Vec<f64> = took.iter().map(|(_, ms)| *ms).collect();
    let mut last: Vec<f64> = took.iter().filter(|(at, _)| *at + LAST >= length).map(|(_, ms)| *ms).collect();
    let last_p99 = percentile(&mut last, 0.99);
    let mut case = |share: f64| Case {
        case: format!("{name}_p{:.0}", share * 100.0),
        unit: "ms",
        ours: percentile(&mut all, share),
        floor: Some(percentile(&mut floors, share)),
        floor_is: "one bare fsynced commit",
        more: Map::new(),
    };
    let mut cases = vec![case(0.5), case(0.99)];
    let seconds = length.as_secs_f64();
    cases[1].more.insert("claims".into(), json!(took.len()));
    cases[1].more.insert("over_s".into(), json!(seconds));
    cases[1].more.insert("p99_of_the_last_minute_ms".into(), json!(last_p99));
    cases[1].more.insert("tasks_beside_per_s".into(), json!(BESIDE * CHAIN));
    cases
}

/// Starts chains at a steady pace.
async fn chains(client: Client, length: Duration) {
    let begun = Instant::now();
    let mut pace = tokio::time::interval(Duration::from_secs(1) / BESIDE);
    while begun.elapsed() < length {
        pace.tick().await;
        trigger(&client, "chain").await;
    }
}

/// A report that somebody has begun and that reads for a long time: it sees the rows as they were.
async fn open_transaction(state: &State<'_>) -> AnyConnection {
    let mut connection = state.connect().await;
    for statement in ["BEGIN ISOLATION LEVEL REPEATABLE READ", "SELECT COUNT(*) FROM task_run"] {
        sqlx::query(statement).execute(&mut connection).await.expect("a statement");
    }
    connection
}

async fn trigger(client: &Client, dag: &str) -> String {
    client.trigger(dag, &TriggerRequest::default()).await.expect("a run that starts")
}

/// Waits until no chain goes on.
async fn settle(client: &Client) {
    let of_chain = RunsQuery {
        dag: Name::parse("chain"),
        state: Some(RunStatus::Running),
        limit: Some(1),
        ..RunsQuery::default()
    };
    let begun = Instant::now();
    while !client.runs(&of_chain).await.expect("runs").runs.is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(120), "runs do not end");
        // The times are in the rows: who asks often only takes the processor from what is measured.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
