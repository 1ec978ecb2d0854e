//! A backfill of a thousand windows beside live runs of another DAG, on the same few slots: neither starves, and what it
//! says of its end holds.

use std::time::{Duration, Instant};

use daybreak_protocol::{BackfillRequest, BackfillView, Client, RunsQuery, TriggerRequest};
use daybreak_spec::{Name, Timestamp};
use serde_json::{Map, json};

use crate::orchestrator::percentile;
use crate::predict::Up;
use crate::report::Case;

const WINDOWS: i64 = 1_000;
/// Between two live runs.
const LIVE_EVERY: Duration = Duration::from_millis(250);
/// Live runs without the backfill.
const ALONE: usize = 60;

const PROJECT: &str = "version: 1\nname: backfill\ndags:\n  \
     light:\n    schedule: { cron: \"0 * * * *\", missed: none }\n    \
     tasks: { step: { kind: command, argv: [sleep, \"0.03\"] } }\n  \
     live:\n    tasks: { step: { kind: command, argv: [sleep, \"0.03\"] } }\n";

/// The p99 of live runs beside the backfill, over that without it; that of the backfill's runs; how far off its first
/// estimate was.
pub async fn beside_live_runs() -> Vec<Case> {
    let folder = tempfile::tempdir().expect("a private folder");
    std::fs::write(folder.path().join("daybreak.yaml"), PROJECT).expect("a project");
    let up = Up::start(folder.path(), &[]);
    let client = Client::new(&format!("http://{}", up.target.address), &up.target.token);
    for _ in 0..ALONE {
        trigger(&client).await;
    }
    settle(&client).await;
    let mut alone = walls_ms(&client, "live").await;
    let from = Timestamp::parse("2026-01-01T00:00:00Z").expect("an instant");
    let request = BackfillRequest {
        to: Some(from.plus_micros(WINDOWS * 3_600_000_000)),
        parallel: Some(8),
        ..serde_json::from_value(json!({ "dag": "light", "from": from })).expect("a request")
    };
    let begun = Instant::now();
    let id = client.backfill(&request).await.expect("a backfill that starts").id;
    let (mut estimate, mut live) = (None, 0);
    let ended = loop {
        let view = client.one_backfill(&id).await.expect("the backfill");
        if estimate.is_none() && view.done * 10 >= view.windows {
            estimate = view.left_s.map(|left| begun.elapsed().as_secs_f64() + left);
        }
        if view.state.has_ended() {
            break view;
        }
        trigger(&client).await;
        live += 1;
    };
    let took_s = begun.elapsed().as_secs_f64();
    settle(&client).await;
    let mut beside = walls_ms(&client, "live").await;
    beside.truncate(live);
    let mut windows = walls_ms(&client, "light").await;
    assert_eq!((ended.succeeded, windows.len()), (WINDOWS as u64, WINDOWS as usize), "each window once");
    cases((&mut alone, &mut beside, &mut windows), (estimate.expect("an estimate"), took_s), &ended)
}

fn cases(
    (alone, beside, windows): (&mut [f64], &mut [f64], &mut [f64]),
    (estimate_s, took_s): (f64, f64),
    ended: &BackfillView,
) -> Vec<Case> {
    let case = |case: &str, unit, ours, floor, floor_is| Case {
        case: case.into(),
        unit,
        ours,
        floor: Some(floor),
        floor_is,
        more: Map::new(),
    };
    let mut live = case(
        "live_run_beside_backfill_p99",
        "ms",
        percentile(beside, 0.99),
        percentile(alone, 0.99),
        "the same without the backfill",
    );
    live.more.insert("live_runs".into(), json!(beside.len()));
    live.more.insert("p50_ms".into(), json!(percentile(beside, 0.5)));
    let mut window =
        case("backfill_run_p99", "ms", percentile(windows, 0.99), percentile(windows, 0.5), "their median");
    window.more.insert("windows_per_second".into(), json!(ended.windows as f64 / took_s));
    let eta = case("backfill_estimate_after_a_tenth", "s", estimate_s, took_s, "what it took");
    vec![live, window, eta]
}

async fn trigger(client: &Client) {
    let begun = Instant::now();
    client.trigger("live", &TriggerRequest::default()).await.expect("a run that starts");
    tokio::time::sleep(LIVE_EVERY.saturating_sub(begun.elapsed())).await;
}

/// Waits until no run goes on.
async fn settle(client: &Client) {
    let begun = Instant::now();
    loop {
        let page = client.runs(&RunsQuery { limit: Some(100), ..RunsQuery::default() }).await.expect("runs");
        if page.runs.iter().all(|run| run.ended_at.is_some()) {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "runs do not end");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// From making a run to its end, newest first.
async fn walls_ms(client: &Client, dag: &str) -> Vec<f64> {
    let (mut walls, mut before) = (Vec::new(), None);
    loop {
        let query = RunsQuery { dag: Name::parse(dag), limit: Some(500), before, ..RunsQuery::default() };
        let page = client.runs(&query).await.expect("runs");
        for run in &page.runs {
            let ended = run.ended_at.expect("a run that has ended");
            walls.push((ended.micros - run.created_at.micros) as f64 / 1e3);
        }
        before = page.next;
        if before.is_none() {
            return walls;
        }
    }
}
