//! The scheduler through the server: many DAGs at once, pauses, changed schedules, policies, clocks that jump.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicI64, Ordering};

use daybreak_protocol::{Clock, DagView, DagsQuery, PauseRequest, RunsQuery};
use daybreak_server::http::Engine;
use daybreak_server::{Error, Origin, Server, Timings};
use daybreak_spec::{Project, Timestamp};
use serde_json::{Value as Json, json};

use crate::support::{FIRST, SECOND, THIRD, World, at, config, name, nights, project};

/// A project of DAGs of one light task.
fn small(dags: &[(String, Json)]) -> Project {
    let retry = json!({ "attempts": 1, "backoff": { "first": "1s", "factor": 1.0, "max": "1s", "jitter": "none" } });
    let task =
        json!({ "kind": "light", "needs": [], "retry": null, "timeout": null, "memory_bytes": null, "parameters": [] });
    let dag =
        |schedules: &Json| json!({ "schedules": schedules, "retry": retry, "params": {}, "tasks": { "t": task } });
    let dags: BTreeMap<&String, Json> = dags.iter().map(|(name, schedules)| (name, dag(schedules))).collect();
    let project = json!({
        "name": "flights", "data_roots": [], "sources": {}, "entities": {}, "feature_views": {}, "models": {},
        "dags": dags,
    });
    serde_json::from_value(project).expect("a project")
}

fn daily(cron: &str, more: Json) -> Json {
    let mut schedule = json!({
        "cron": cron, "timezone": "UTC", "start": null, "end": null, "missed": "none", "overlap": "queue",
    });
    schedule.as_object_mut().expect("a map").extend(more.as_object().expect("a map").clone());
    json!([schedule])
}

async fn world_of(dags: &[(String, Json)]) -> World {
    let folder = tempfile::tempdir().expect("a folder");
    let world = World::open(folder, Timings::default()).await;
    world.server.deploy(&small(dags).into(), world.folder.path()).await.expect("it deploys");
    world
}

/// DAG, nominal instant and state of every run, in the order in which they were made.
async fn all_runs(server: &Server) -> Vec<(String, String, String)> {
    let (mut runs, mut before) = (Vec::new(), None);
    loop {
        let query = RunsQuery { before, limit: Some(500), ..RunsQuery::default() };
        let page = Engine::runs(server, query).await.expect("runs");
        let words = |at: Option<Timestamp>| at.map_or_else(|| "by hand".to_owned(), |at| at.to_string());
        runs.extend(page.runs.iter().map(|run| (run.dag.to_string(), words(run.scheduled_for), run.state.to_string())));
        before = page.next;
        if before.is_none() {
            runs.reverse();
            return runs;
        }
    }
}

async fn view(server: &Server, dag: &str) -> DagView {
    let dags = Engine::dags(server, DagsQuery::default()).await.expect("DAGs").dags;
    dags.into_iter().find(|view| view.name.as_str() == dag).expect("the DAG")
}

fn note(text: &str) -> PauseRequest {
    PauseRequest { note: Some(text.to_owned()), by: Some("ann".to_owned()) }
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_dags_due_at_once_each_fire_once() {
    let dags: Vec<_> = (0..3_000).map(|number| (format!("d{number}"), daily("0 12 * * *", json!({})))).collect();
    let world = world_of(&dags).await;
    world.advance("2013-03-09T12:00:00Z").await;
    world.advance("2013-03-09T12:00:01Z").await;
    let runs = all_runs(&world.server).await;
    let fired: BTreeSet<&str> = runs.iter().map(|(dag, ..)| dag.as_str()).collect();
    assert_eq!((runs.len(), fired.len()), (3_000, 3_000), "none lost, none twice");
    assert!(runs.iter().all(|(_, at, state)| at == "2013-03-09T12:00:00Z" && state == "running"));
}

#[tokio::test(flavor = "multi_thread")]
async fn firings_of_many_dags_become_runs_in_order_of_time() {
    let dags: Vec<_> =
        (0..60).rev().map(|minute| (format!("m{minute}"), daily(&format!("{minute} * * * *"), json!({})))).collect();
    let world = world_of(&dags).await;
    world.advance("2013-03-09T00:59:30Z").await;
    let instants: Vec<String> = all_runs(&world.server).await.into_iter().map(|(_, at, _)| at).collect();
    let mut sorted = instants.clone();
    sorted.sort();
    assert_eq!((instants.len(), instants), (59, sorted), "minute 0 was dealt with when it was deployed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_in_the_middle_of_a_burst_loses_nothing_and_doubles_nothing() {
    let dags: Vec<_> =
        (0..1_500).map(|number| (format!("d{number}"), daily("0 12 * * *", json!({ "missed": "last" })))).collect();
    let world = world_of(&dags).await;
    let server = world.server.clone();
    let burst = tokio::spawn(async move { server.advance_clock(at("2013-03-09T12:00:00Z")).await });
    while all_runs(&world.server).await.iter().filter(|(_, at, _)| at.starts_with("2013-03-09")).count() < 100 {
        tokio::task::yield_now().await;
    }
    burst.abort();
    let _ = burst.await;
    let world = world.killed_and_opened_again().await;
    world.advance("2013-03-09T12:00:01Z").await;
    let runs = all_runs(&world.server).await;
    let of_noon: Vec<&str> =
        runs.iter().filter(|(_, at, _)| at == "2013-03-09T12:00:00Z").map(|(dag, ..)| dag.as_str()).collect();
    assert_eq!((of_noon.len(), of_noon.iter().collect::<BTreeSet<_>>().len()), (1_500, 1_500));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_dag_fires_nothing_and_what_it_missed_follows_its_policy() {
    for (missed, expected) in [("none", vec![]), ("last", vec![SECOND]), ("all", vec![FIRST, SECOND])] {
        let mut schedule = nights();
        schedule["missed"] = json!(missed);
        schedule["start"] = json!("2013-03-09T00:00:00");
        let world = World::with(schedule, Timings::default()).await;
        world.server.pause("nightly", note("new feed"), &Origin::cli()).await.expect("it is paused");
        world.advance(FIRST).await;
        world.advance("2013-03-10T12:00:00Z").await;
        assert_eq!(all_runs(&world.server).await, [], "{missed}: paused");
        let paused = view(&world.server, "nightly").await.paused.expect("it says so");
        assert_eq!((paused.by.as_str(), paused.note.as_deref()), ("this process (ann)", Some("new feed")));
        world.server.resume("nightly", note("it is here"), &Origin::cli()).await.expect("it is resumed");
        world.advance("2013-03-10T12:00:01Z").await;
        let instants = || async {
            let runs = all_runs(&world.server).await;
            runs.into_iter().map(|(_, at, _)| at).collect::<Vec<_>>()
        };
        assert_eq!(instants().await, expected, "{missed}: what fell due meanwhile");
        world.advance(THIRD).await;
        assert_eq!(instants().await.last().map(String::as_str), Some(THIRD), "{missed}: what falls due later");
        let dag = view(&world.server, "nightly").await;
        assert_eq!((dag.paused, dag.schedules[0].left_out), (None, 2 - expected.len() as u64), "{missed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_survives_a_kill_and_a_deployment_and_runs_by_hand_go_on() {
    let world = World::new().await;
    world.server.pause("nightly", note("new feed"), &Origin::cli()).await.expect("it is paused");
    let world = world.killed_and_opened_again().await;
    let folder = world.folder.path().to_path_buf();
    world.server.deploy(&project(nights()).into(), &folder).await.expect("it deploys");
    world.advance(SECOND).await;
    assert_eq!(all_runs(&world.server).await, []);
    world.server.trigger("nightly", None, serde_json::Map::new()).await.expect("by hand it runs");
    assert_eq!(all_runs(&world.server).await.len(), 1);
    let unknown = world.server.pause("nihgtly", note("x"), &Origin::cli()).await;
    assert!(matches!(unknown, Err(Error::NotFound(_))), "{unknown:?}");
    world.server.resume("nightly", note("on"), &Origin::cli()).await.expect("it is resumed");
    assert!(world.server.resume("nightly", note("on"), &Origin::cli()).await.is_err(), "it is not paused any more");
    world.advance("2013-03-10T07:00:01Z").await;
    assert_eq!(all_runs(&world.server).await.len(), 3, "`missed: all` makes up for both nights");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_changed_and_deployed_never_fires_again_for_the_slot_that_has_run() {
    let world = World::with(nights(), Timings::default()).await;
    world.advance("2013-03-09T20:00:00Z").await;
    let folder = world.folder.path().to_path_buf();
    let expected = vec![FIRST.to_owned()];
    for (cron, zone) in
        [("30 2 * * *", "America/Los_Angeles"), ("0 9 * * *", "America/New_York"), ("*/30 * * * *", "UTC")]
    {
        let mut changed = nights();
        (changed["cron"], changed["timezone"]) = (json!(cron), json!(zone));
        world.server.deploy(&project(changed).into(), &folder).await.expect("it deploys");
        world.advance("2013-03-09T20:00:00Z").await;
        let instants: Vec<String> = all_runs(&world.server).await.into_iter().map(|(_, at, _)| at).collect();
        assert_eq!(instants, expected, "{cron} in {zone}");
    }
    world.advance("2013-03-09T20:30:00Z").await;
    let newest = all_runs(&world.server).await.pop().expect("a run");
    assert_eq!(newest.1, "2013-03-09T20:30:00Z", "the new schedule fires from now on");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cap_on_missed_firings_runs_the_newest_and_counts_the_rest() {
    let schedule = daily("0 0 * * *", json!({ "missed": "all", "missed_cap": 3, "start": "2013-03-09T12:00:00" }));
    let world = world_of(&[("nightly".to_owned(), schedule)]).await;
    world.server.pause("nightly", note("long"), &Origin::cli()).await.expect("it is paused");
    world.advance("2013-03-20T12:00:00Z").await;
    world.server.resume("nightly", note("over"), &Origin::cli()).await.expect("it is resumed");
    world.advance("2013-03-20T12:00:01Z").await;
    let instants: Vec<String> = all_runs(&world.server).await.into_iter().map(|(_, at, _)| at).collect();
    assert_eq!(instants, ["2013-03-18T00:00:00Z", "2013-03-19T00:00:00Z", "2013-03-20T00:00:00Z"]);
    assert_eq!(view(&world.server, "nightly").await.schedules[0].left_out, 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_overlapping_firing_waits_is_skipped_or_takes_the_place_as_declared() {
    let expected =
        [("queue", "running", "queued"), ("skip", "running", "skipped"), ("cancel_previous", "cancelled", "running")];
    for (overlap, first, second) in expected {
        let world = world_of(&[("d".to_owned(), daily("0 * * * *", json!({ "overlap": overlap })))]).await;
        world.advance("2013-03-09T01:00:00Z").await;
        world.advance("2013-03-09T02:00:00Z").await;
        let states: Vec<String> = all_runs(&world.server).await.into_iter().map(|(.., state)| state).collect();
        assert_eq!(states, [first, second], "{overlap}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn jitter_moves_the_start_and_keeps_instant_and_window() {
    let dags: Vec<_> =
        (0..20).map(|number| (format!("d{number}"), daily("0 12 * * *", json!({ "jitter": "10m" })))).collect();
    let world = world_of(&dags).await;
    let mut made = Vec::new();
    for minute in 0..=10 {
        world.advance(&format!("2013-03-09T12:{minute:02}:00Z")).await;
        made.push(all_runs(&world.server).await.len());
    }
    assert!(made[5] > 0 && made[5] < 20, "starts are spread: {made:?}");
    assert_eq!(made[10], 20);
    assert!(all_runs(&world.server).await.iter().all(|(_, at, _)| at == "2013-03-09T12:00:00Z"));
}

#[tokio::test(flavor = "multi_thread")]
async fn excluded_dates_and_calendars_make_no_run_after_a_restart_either() {
    let schedule = daily("0 12 * * *", json!({ "exclude": [{ "calendar": "holidays" }] }));
    let mut project = small(&[("d".to_owned(), schedule)]);
    let holidays = json!({ "holidays": { "dates": ["2013-03-09", "2013-03-11"] } });
    project.calendars = serde_json::from_value(holidays).expect("a calendar");
    let folder = tempfile::tempdir().expect("a folder");
    let world = World::open(folder, Timings::default()).await;
    world.server.deploy(&project.into(), world.folder.path()).await.expect("it deploys");
    world.advance("2013-03-09T13:00:00Z").await;
    let world = world.killed_and_opened_again().await;
    for day in ["10", "11", "12"] {
        world.advance(&format!("2013-03-{day}T13:00:00Z")).await;
    }
    let instants: Vec<String> = all_runs(&world.server).await.into_iter().map(|(_, at, _)| at).collect();
    assert_eq!(instants, ["2013-03-10T12:00:00Z", "2013-03-12T12:00:00Z"]);
}

static STEPPED_US: AtomicI64 = AtomicI64::new(0);

fn stepped() -> Timestamp {
    Timestamp::from_micros(STEPPED_US.load(Ordering::SeqCst))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_clock_that_is_stepped_back_and_forth_doubles_and_loses_nothing_while_watched() {
    let set = |text: &str| STEPPED_US.store(at(text).micros, Ordering::SeqCst);
    set("2026-01-01T11:59:30Z");
    let folder = tempfile::tempdir().expect("a folder");
    let mut config = config(folder.path(), Timings::default());
    config.clock = Clock::real(stepped);
    let server = Server::open(config).await.expect("it opens");
    let every_minute = small(&[("d".to_owned(), daily("* * * * *", json!({})))]);
    server.deploy(&every_minute.into(), folder.path()).await.expect("it deploys");
    let instants = || async {
        // Looks once at what is due, and does not wait for a firing of the far future.
        server.wait_firing("d", at("2100-01-01T00:00:00Z")).await.expect_err("it is not due");
        all_runs(&server).await.into_iter().map(|(_, at, _)| at[11..16].to_owned()).collect::<Vec<_>>()
    };
    set("2026-01-01T12:00:10Z");
    assert_eq!(instants().await, ["12:00"]);
    set("2026-01-01T11:30:00Z");
    assert_eq!(instants().await, ["12:00"], "put back: nothing fires twice");
    set("2026-01-01T11:59:59Z");
    assert_eq!(instants().await, ["12:00"]);
    set("2026-01-01T12:00:40Z");
    assert_eq!(instants().await, ["12:00"], "the minute that has run does not run again");
    set("2026-01-01T12:01:05Z");
    assert_eq!(instants().await, ["12:00", "12:01"]);
    set("2026-01-01T13:00:30Z");
    assert_eq!(instants().await, ["12:00", "12:01"], "asleep for an hour: missed, and left out as declared");
    set("2026-01-01T13:01:00Z");
    assert_eq!(instants().await, ["12:00", "12:01", "13:01"]);
    assert_eq!(view(&server, "d").await.schedules[0].left_out, 59);
    assert_eq!(view(&server, "d").await.name, name("d"));
}
