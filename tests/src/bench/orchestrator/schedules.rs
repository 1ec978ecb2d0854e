//! The cases of ten thousand schedules: all due in the same second, and all at rest.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use daybreak_protocol::{Client, RunsQuery};
use serde_json::{Map, json};
use sqlx::{Connection as _, Row as _};

use super::database::{Database, State};
use super::project;
use super::steps::{now, percentile};
use crate::predict::Up;
use crate::report::Case;

const SCHEDULES: u32 = 10_000;
/// From writing the project until its schedules are due: time to start, and to be at rest for a while.
const UNTIL_DUE_US: i64 = 60_000_000;
/// How long the server is watched at rest.
const AT_REST: Duration = Duration::from_secs(20);

/// Serves the schedules: cold start, rest, burst.
pub async fn burst_and_idle(database: &Database) -> Vec<Case> {
    let state = database.state("schedules");
    let due_us = (now().micros + UNTIL_DUE_US) / 1_000_000 * 1_000_000;
    project::write_schedules(state.folder(), SCHEDULES, daybreak_spec::Timestamp::from_micros(due_us));
    let begun = Instant::now();
    let up = Up::start(state.folder(), &state.arguments());
    let client = Client::new(&format!("http://{}", up.target.address), &up.target.token);
    wait_ready(&client).await;
    let ready_ms = begun.elapsed().as_secs_f64() * 1e3;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let busy_before = up.busy_ms();
    tokio::time::sleep(AT_REST).await;
    let share = (up.busy_ms() - busy_before) / AT_REST.as_secs_f64() / 1e3;
    let resident_mb = up.resident_mb();
    assert!(now().micros < due_us, "the schedules came due while the server was to be at rest");
    wait_ended(&client).await;
    let mut lateness = lateness_ms(&state, due_us).await;
    drop(up);
    let mut more = Map::new();
    more.insert("cpu_share_of_a_core".into(), json!(share));
    more.insert("resident_mb".into(), json!(resident_mb));
    let mut of_burst = Map::new();
    of_burst.insert("fired".into(), json!(lateness.len()));
    of_burst.insert("lateness_p50_ms".into(), json!(percentile(&mut lateness, 0.5)));
    of_burst.insert("tasks_per_second".into(), json!(f64::from(SCHEDULES) / (percentile(&mut lateness, 1.0) / 1e3)));
    vec![
        Case {
            case: "burst_10k_lateness_p99".into(),
            unit: "ms",
            ours: percentile(&mut lateness, 0.99),
            floor: Some(state.bare_commits_ms(SCHEDULES).await),
            floor_is: "one bare fsynced commit per task",
            more: of_burst,
        },
        Case {
            case: "idle_10k_ready".into(),
            unit: "ms",
            ours: ready_ms,
            floor: None,
            floor_is: "from the start of the process to the first healthy answer",
            more,
        },
    ]
}

async fn wait_ready(client: &Client) {
    let begun = Instant::now();
    while !client.health().await.is_ok_and(|health| health.ready) {
        assert!(begun.elapsed() < Duration::from_secs(60), "the server does not get ready");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Waits until every schedule has its run and none is active.
async fn wait_ended(client: &Client) {
    let begun = Instant::now();
    let (mut last, mut after) = (None, Instant::now());
    loop {
        let newest = client.runs(&RunsQuery { limit: Some(1), ..RunsQuery::default() }).await.expect("runs");
        let newest = newest.runs.first().map(|run| (run.id.clone(), run.ended_at.is_some()));
        if newest != last {
            (last, after) = (newest, Instant::now());
        }
        let quiet = after.elapsed() > Duration::from_secs(5) && matches!(&last, Some((_, true)));
        if quiet {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(180), "the burst does not end");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// From the nominal instant to the start of each run's task. None lost, none twice.
async fn lateness_ms(state: &State<'_>, due_us: i64) -> Vec<f64> {
    let mut connection = state.connect().await;
    let rows = sqlx::query(
        "SELECT run.dag, task_run.started_at_us - run.scheduled_for_us AS late FROM run JOIN task_run \
         ON task_run.run_id = run.run_id WHERE run.scheduled_for_us = $1 AND task_run.state = 'succeeded'",
    )
    .bind(due_us)
    .fetch_all(&mut connection)
    .await
    .expect("the runs are read");
    connection.close().await.expect("it closes");
    let dags: BTreeSet<String> = rows.iter().map(|row| row.get("dag")).collect();
    assert_eq!((dags.len(), rows.len()), (SCHEDULES as usize, SCHEDULES as usize), "each schedule fires once");
    rows.iter().map(|row| row.get::<i64, _>("late") as f64 / 1e3).collect()
}
