//! What a real server shows to whoever watches it, after a night.

use std::collections::BTreeMap;

use daybreak_server::http::Engine;

use crate::support::World;

/// Values by name and labels.
fn read(text: &str) -> BTreeMap<String, f64> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| line.rsplit_once(' '))
        .map(|(name, value)| (name.to_owned(), value.parse().expect("a number")))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_night_is_counted() {
    let world = World::new().await;
    let worker = world.worker().await;
    let run = world.server.trigger("nightly", None, serde_json::Map::new()).await.expect("it starts");
    let engine: &dyn Engine = &*world.server;
    let waiting = read(&engine.metrics().await.expect("a text"));
    assert_eq!(waiting[r#"daybreak_ready_tasks{size="heavy"}"#], 1.0, "{waiting:?}");
    assert_eq!(waiting[r#"daybreak_active_runs{state="running"}"#], 1.0);
    assert_eq!(waiting["daybreak_workers"], 1.0);
    worker.finish(&world.server, &run).await;
    engine.answered(("GET", "/api/v1/runs/{run}"), 200, std::time::Duration::from_millis(3));
    let text = engine.metrics().await.expect("a text");
    assert!(text.ends_with("# EOF\n"), "{text}");
    let after = read(&text);
    for (name, value) in [
        (r#"daybreak_runs_total{state="queued"}"#, 1.0),
        (r#"daybreak_runs_total{state="running"}"#, 1.0),
        (r#"daybreak_runs_total{state="succeeded"}"#, 1.0),
        (r#"daybreak_tasks_total{state="ready"}"#, 5.0),
        (r#"daybreak_tasks_total{state="running"}"#, 5.0),
        (r#"daybreak_tasks_total{state="succeeded"}"#, 5.0),
        (r#"daybreak_active_runs{state="running"}"#, 0.0),
        (r#"daybreak_ready_tasks{size="heavy"}"#, 0.0),
        ("daybreak_queue_age_seconds", 0.0),
        ("daybreak_blocked_tasks", 0.0),
        ("daybreak_running_tasks", 0.0),
        ("daybreak_leases_lost_total", 0.0),
        (r#"daybreak_http_requests_total{method="GET",route="/api/v1/runs/{run}",status="200"}"#, 1.0),
        (r#"daybreak_http_request_duration_seconds_count{route="/api/v1/runs/{run}"}"#, 1.0),
    ] {
        assert_eq!(after.get(name), Some(&value), "{name}: {text}");
    }
    assert!(after["daybreak_commit_seconds_count"] >= 5.0 && after["daybreak_commit_seconds_sum"] > 0.0, "{text}");
    // The first task waited for the worker to ask, the others were handed out in the commits that made them ready.
    assert_eq!(after["daybreak_claim_seconds_count"], 5.0, "{text}");
    assert!(after["daybreak_claim_seconds_sum"] > 0.0, "a commit takes time: {text}");
    assert!(text.contains(&format!("daybreak_build_info{{version=\"{}\"}} 1", env!("CARGO_PKG_VERSION"))), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_firing_that_is_made_late_is_told_by_how_much() {
    let world = World::new().await;
    world.advance("2013-03-09T07:40:00Z").await;
    let engine: &dyn Engine = &*world.server;
    let shown = read(&engine.metrics().await.expect("a text"));
    assert_eq!(shown["daybreak_schedule_lag_seconds_count"], 1.0);
    assert_eq!(shown["daybreak_schedule_lag_seconds_sum"], 600.0, "it was due at 07:30");
}
