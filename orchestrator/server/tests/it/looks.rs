//! What pages of a user interface look at: how things stand, a DAG's runs beside each other, feature views, firings, and where
//! a run comes from.

use std::collections::BTreeMap;

use daybreak_protocol::{
    AttemptsQuery, Attention, Client, DeclaredAt, Error, FeatureColumn, FiringClocks, FiringsQuery, GridQuery,
    MintPublication, PauseRequest, Role, TokenRequest, ViewsQuery,
};
use daybreak_server::http::Engine;
use daybreak_server::{Found, Origin, ReadProject, Schedules, Server, Timings};
use daybreak_spec::{ColumnType, Project, Timestamp};
use serde_json::json;

use crate::support::{FIRST, SECOND, World, at, config, name, nights, project};

/// The flights' night with two views, one of which the model reads.
fn with_views() -> Project {
    let mut project = serde_json::to_value(project(nights())).expect("it writes");
    let source = json!({
        "path": "weather.parquet", "where": null, "event_time": "at", "known_at": null, "sequence": null,
        "schema": { "origin": "str", "temp": "f64" },
    });
    let view = |definition: serde_json::Value| {
        json!({
            "entity": "airport", "definition": definition, "ttl": "1d", "publish_delay": null, "ignore_nulls": false,
        })
    };
    let temp = json!({ "text": "temp", "tree": { "column": "temp" } });
    let aggregate = json!({ "of": temp, "as": null, "fn": ["mean", "max"], "windows": ["1d"] });
    project["sources"] = json!({ "readings": source });
    project["entities"] = json!({ "airport": { "keys": ["origin"] } });
    project["feature_views"] = json!({
        "weather": view(json!({ "latest": { "source": "readings", "columns": ["temp", "wind"] } })),
        "means": view(json!({ "aggregates": { "source": "readings", "aggregates": [aggregate] } })),
    });
    let read = json!({ "view": "means", "pick": null, "entity": {}, "as": null, "missing": null });
    project["models"]["late_arrival"]["features"] = json!([read]);
    serde_json::from_value(project).expect("a project")
}

async fn world_of(read: ReadProject) -> (World, Client) {
    let world = World::open(tempfile::tempdir().expect("a folder"), Timings::default()).await;
    world.server.deploy(&read, world.folder.path()).await.expect("it deploys");
    let client = Client::new(&world.serve().await, "secret");
    (world, client)
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_is_told_what_their_token_says() {
    let (world, client) = world_of(project(nights()).into()).await;
    let me = client.me().await.expect("it is known");
    assert_eq!((me.role, me.token_id, me.project), (Role::Admin, None, name("flights")));
    let request = TokenRequest { name: name("ann"), role: Role::Viewer, expires_in: None };
    let made = world.server.create_token(request, &Origin::cli()).await.expect("it is made");
    let ann = Client::new(client.url(), &made.token).me().await.expect("it is known");
    assert_eq!((ann.name.as_str(), ann.role, ann.token_id), ("ann", Role::Viewer, Some(made.view.id)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_night_is_seen_from_its_grid_to_its_lineage() {
    let (world, client) = world_of(project(nights()).into()).await;
    let worker = world.worker().await;
    world.advance(FIRST).await;
    let features = worker.take("features").await;
    let seen = client.overview().await.expect("it answers");
    assert_eq!((seen.active_runs, seen.running[0].dag.as_str(), seen.attention.len()), (1, "nightly", 0));
    let next: Vec<_> = seen.next_firings.iter().map(|next| (next.at, next.timezone.as_str(), next.paused)).collect();
    assert_eq!(next, [(at(SECOND), "America/New_York", false)]);
    let run = features.run_id.clone();
    worker.succeed(&features).await;
    worker.finish(&world.server, &run).await;

    let nightly = name("nightly");
    let grid = client.grid(&nightly, &GridQuery::default()).await.expect("a grid");
    let columns: Vec<&str> = grid.tasks.iter().map(daybreak_spec::Name::as_str).collect();
    let dag = client.dag(&nightly).await.expect("it is declared");
    let declared: Vec<&str> = dag.view.tasks.iter().map(|task| task.name.as_str()).collect();
    assert_eq!((columns, grid.runs[0].states.as_str()), (declared, "sssss"));
    let params: Vec<_> = dag.params.iter().map(|param| (param.name.as_str(), param.default.clone())).collect();
    assert_eq!(params, [("days", Some(json!(7))), ("label", Some(json!("all")))]);
    assert_eq!(dag.declared, None, "no files were read");
    let times = client.durations(&nightly, &GridQuery::default()).await.expect("times");
    assert!(times.runs[0].running_us.iter().all(Option::is_some));
    let attempts = client.attempts(&run, &AttemptsQuery::default()).await.expect("attempts");
    assert_eq!(attempts.attempts.len(), 5);
    let lineage = client.lineage(&run).await.expect("a lineage");
    assert_eq!((lineage.version, lineage.builds.len(), lineage.versions.len()), (dag.version, 1, 1));
    assert_eq!(lineage.moves[0].model, name("late_arrival"));
    let live = client.overview().await.expect("it answers").live;
    assert_eq!((live[0].version, live[0].run_id.as_ref(), live[0].trained_by.as_str()), (1, Some(&run), run.as_str()));

    let nobody = client.grid(&name("daily"), &GridQuery::default()).await;
    assert!(matches!(nobody, Err(Error::NotFound(_))), "{nobody:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_firing_that_nobody_makes_a_run_of_is_late_unless_its_dag_is_paused() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut config = config(folder.path(), Timings::default());
    config.schedules = Schedules::Resting;
    let server = Server::open(config).await.expect("it opens");
    server.deploy(&project(nights()).into(), folder.path()).await.expect("it deploys");
    let late = async || {
        let attention = server.overview().await.expect("it answers").attention;
        attention.into_iter().find_map(|one| match one {
            Attention::LateFiring { due, .. } => Some(due),
            _ => None,
        })
    };
    server.advance_clock(at(FIRST)).await.expect("it moves on");
    assert_eq!(late().await, None, "it is only just due");
    server.advance_clock(at(SECOND)).await.expect("it moves on");
    assert_eq!(late().await, Some(at(FIRST)), "the oldest one");
    server.pause("nightly", PauseRequest::default(), &Origin::cli()).await.expect("it fires");
    assert_eq!(late().await, None);
    let next = server.overview().await.expect("it answers").next_firings;
    assert!(next[0].paused && next[0].at > at(SECOND));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_is_stale_once_its_newest_publication_is_older_than_its_ttl() {
    let (world, client) = world_of(with_views().into()).await;
    let worker = world.worker().await;
    world.advance(FIRST).await;
    let features = worker.take("features").await;
    let mint = MintPublication {
        task_run_id: features.task_run_id.clone(),
        fence: features.fence,
        view: name("weather"),
        as_of: at(FIRST),
    };
    worker.orchestrator.mint_publication(mint).await.expect("it holds the task");
    worker.succeed(&features).await;
    worker.finish(&world.server, &features.run_id).await;

    let expires = at(FIRST).plus_micros(86_400_000_000);
    let stale = async |now: Timestamp| {
        world.server.advance_clock(now).await.expect("it moves on");
        let attention = client.overview().await.expect("it answers").attention;
        let views = attention.into_iter().filter_map(|one| match one {
            Attention::StaleView { view, as_of, fresh_until } => Some((view.to_string(), as_of, fresh_until)),
            _ => None,
        });
        views.collect::<Vec<_>>()
    };
    let unpublished = ("means".to_owned(), None, None);
    assert_eq!(
        stale(expires).await,
        std::slice::from_ref(&unpublished),
        "the live model reads it, and nobody has published it"
    );
    let views = client.views(&ViewsQuery::default()).await.expect("views").views;
    let weather = &views[1];
    assert_eq!((weather.name.as_str(), weather.fresh, weather.fresh_until), ("weather", true, Some(expires)));
    assert_eq!((weather.builds, weather.latest_build.as_ref().map(|build| build.as_of)), (1, Some(at(FIRST))));
    assert_eq!((weather.keys.as_slice(), weather.ttl_us), (&["origin".to_owned()][..], Some(86_400_000_000)));
    let late = expires.plus_micros(1);
    let expired = ("weather".to_owned(), Some(at(FIRST)), Some(expires));
    assert_eq!(stale(late).await, [unpublished, expired]);
    let views = client.views(&ViewsQuery { after: Some(name("means")), limit: Some(1) }).await.expect("views");
    assert_eq!((views.views[0].fresh, views.next), (false, None));
}

fn column(name: &str, column_type: Option<ColumnType>) -> FeatureColumn {
    FeatureColumn { name: name.to_owned(), column_type }
}

async fn features(server: &Server) -> BTreeMap<String, Vec<FeatureColumn>> {
    let views = server.views(&ViewsQuery::default()).await.expect("views").views;
    views.into_iter().map(|view| (view.name.to_string(), view.features)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_reading_a_project_found_out_is_told_also_after_a_restart() {
    let world = World::open(tempfile::tempdir().expect("a folder"), Timings::default()).await;
    world.server.deploy(&with_views().into(), world.folder.path()).await.expect("it deploys");
    let before = features(&world.server).await;
    assert_eq!(before["means"], [column("temp_mean_1d", Some(ColumnType::F64)), column("temp_max_1d", None)]);
    assert_eq!(before["weather"], [column("temp", Some(ColumnType::F64)), column("wind", None)]);

    let declared = DeclaredAt { file: "dags/nightly.yaml".to_owned(), line: 3 };
    let known = vec![column("temp_mean_1d", Some(ColumnType::F64)), column("temp_max_1d", Some(ColumnType::F32))];
    let found = Found {
        dags: BTreeMap::from([(name("nightly"), declared.clone())]),
        features: BTreeMap::from([(name("means"), known.clone())]),
    };
    let read = ReadProject { found, ..with_views().into() };
    world.server.deploy(&read, world.folder.path()).await.expect("it deploys");
    let world = world.killed_and_opened_again().await;
    let dag = Engine::dag(&*world.server, &name("nightly")).await.expect("it is declared");
    assert_eq!(dag.declared, Some(declared));
    assert_eq!(features(&world.server).await["means"], known);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_calendar_tells_what_clocks_do() {
    let (world, client) = world_of(project(nights()).into()).await;
    let query = |from: &str, to: &str| FiringsQuery { from: Some(at(from)), to: Some(at(to)), dag: None };
    let spring = client.firings(&query("2013-03-09T00:00:00Z", "2013-03-12T00:00:00Z")).await.expect("firings");
    let shown: Vec<_> =
        spring.firings.iter().map(|one| (one.at, one.local.as_str(), one.offset.as_str(), one.clocks)).collect();
    assert_eq!(
        shown,
        [
            (at(FIRST), "2013-03-09T02:30:00", "-05:00", None),
            (at(SECOND), "2013-03-10T03:00:00", "-04:00", Some(FiringClocks::Gap)),
            (at("2013-03-11T06:30:00Z"), "2013-03-11T02:30:00", "-04:00", None),
        ]
    );
    let changes: Vec<_> = spring.clock_changes.iter().map(|one| (one.at, &*one.before, &*one.after)).collect();
    assert_eq!(changes, [(at("2013-03-10T07:00:00Z"), "-05:00", "-04:00")]);
    let up_to = client.firings(&query(FIRST, SECOND)).await.expect("firings");
    let shown: Vec<_> = up_to.firings.iter().map(|one| one.at).collect();
    assert_eq!(shown, [at(FIRST)], "from the first instant on, before the second");
    let week = client.firings(&FiringsQuery::default()).await.expect("firings");
    assert_eq!((week.firings.len(), week.truncated), (7, false), "a week from business time on");
    let unknown = FiringsQuery { dag: Some(name("daily")), ..FiringsQuery::default() };
    assert_eq!(client.firings(&unknown).await.expect("nothing").firings, [], "as lists of what is not there are empty");
    let far = FiringsQuery { to: Some(at("2014-03-09T00:00:00Z")), ..FiringsQuery::default() };
    assert!(matches!(world.server.firings(&far).await, Err(daybreak_server::Error::Refused(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_calendar_ends_after_five_thousand_firings_and_goes_on_from_there() {
    let schedule = json!({
        "cron": "* * * * *", "timezone": "UTC", "start": null, "end": null, "missed": "none", "overlap": "queue",
    });
    let (_world, client) = world_of(project(schedule).into()).await;
    let from = at("2013-03-09T00:00:00Z");
    let query = |from: Timestamp| FiringsQuery { from: Some(from), to: None, dag: Some(name("nightly")) };
    let first = client.firings(&query(from)).await.expect("firings");
    assert_eq!((first.firings.len(), first.truncated, first.firings[0].at), (5_000, true, from));
    let last = first.firings[4_999].at;
    let next = client.firings(&query(last)).await.expect("firings");
    assert_eq!(next.firings[0].at, last);
}
