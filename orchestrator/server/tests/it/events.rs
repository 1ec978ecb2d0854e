//! Streams of events from a real server: what is told, going on where it stopped, two servers on one database, logs.

use std::sync::LazyLock;
use std::time::Duration;

use daybreak_artifacts::{Artifacts, LogName};
use daybreak_protocol::{Change, Client, EventStream, EventsQuery, Role, StreamEvent, TokenRequest};
use daybreak_server::http::{Asked, Engine};
use daybreak_server::{Events, Origin, Server, Timings};
use futures::StreamExt as _;

use crate::postgres::{Durability, Postgres};
use crate::support::{FakeWorker, World, config, name, nights, project};

async fn next(events: &mut Events) -> Option<StreamEvent> {
    tokio::time::timeout(Duration::from_secs(20), events.next()).await.expect("an event in time")
}

async fn follow(server: &Server, last: Option<&str>) -> Events {
    let engine: &dyn Engine = server;
    engine.follow_changes(EventsQuery::default(), last.map(str::to_owned)).await.expect("there is room")
}

/// Everything up to the end of a run: id and words of each.
async fn until_ended(events: &mut Events, run: &str) -> Vec<(String, String)> {
    let mut told = Vec::new();
    loop {
        let event = next(events).await.expect("it goes on");
        let change: Change = serde_json::from_str(&event.data).expect("a change");
        let (words, ended) = match &change {
            Change::Run { run_id, state, .. } => (format!("run {state}"), run_id == run && state.is_terminal()),
            Change::Task { task, state, .. } => (format!("{task} {state}"), false),
        };
        assert_eq!(change.about().0, run, "there is one run");
        told.push((event.id, words));
        if ended {
            return told;
        }
    }
}

async fn trigger(server: &Server) -> String {
    let engine: &dyn Engine = server;
    let asked = engine.trigger(&name("nightly"), Default::default(), Origin::cli(), None).await.expect("it starts");
    let Asked::Made(made) = asked else { panic!("there is no key") };
    made.run_id
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_sees_every_last_state_and_goes_on_where_it_was() {
    let world = World::new().await;
    let worker = world.worker().await;
    let mut events = follow(&world.server, None).await;
    assert_eq!(next(&mut events).await.map(|event| event.event), Some("reset".to_owned()), "read the truth first");
    let run = trigger(&world.server).await;
    worker.finish(&world.server, &run).await;
    let told = until_ended(&mut events, &run).await;
    for task in ["features", "publish", "train", "judge", "promote"] {
        let of_task: Vec<&str> =
            told.iter().filter(|(_, words)| words.starts_with(task)).map(|(_, words)| words.as_str()).collect();
        assert_eq!(of_task.last(), Some(&format!("{task} succeeded").as_str()), "{told:?}");
    }
    assert_eq!(told.last().map(|(_, words)| words.as_str()), Some("run succeeded"), "after its tasks");
    drop(events);
    let mut again = follow(&world.server, Some(&told[1].0)).await;
    assert_eq!(until_ended(&mut again, &run).await, told[2..], "nothing is lost and nothing comes twice");
    let mut strange = follow(&world.server, Some("01ARZ3NDEKTSV4RRFFQ69G5FAV.1-3")).await;
    assert_eq!(next(&mut strange).await.map(|event| event.event), Some("reset".to_owned()), "of another process");
    let of_other = EventsQuery { dag: Some(name("hourly")), run: None };
    let mut quiet = world.server.as_ref() as &dyn Engine;
    let quiet = quiet_changes(&mut quiet, of_other, &told[0].0).await;
    assert!(quiet, "what is not asked for is not told");
}

async fn quiet_changes(engine: &mut &dyn Engine, query: EventsQuery, last: &str) -> bool {
    let mut events = engine.follow_changes(query, Some(last.to_owned())).await.expect("there is room");
    tokio::time::timeout(Duration::from_millis(100), events.next()).await.is_err()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_with_the_server() {
    let world = World::new().await;
    let mut events = follow(&world.server, None).await;
    next(&mut events).await.expect("it begins");
    world.stop.send(true).expect("it runs");
    assert_eq!(next(&mut events).await, None);
    world.ended().await;
}

/// One server for all stories of this process; it ends with the process.
fn postgres() -> &'static Postgres {
    static POSTGRES: LazyLock<Postgres> =
        LazyLock::new(|| Postgres::start(Durability::None).unwrap_or_else(|problem| panic!("{problem}")));
    &POSTGRES
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_of_one_server_sees_what_another_does_and_a_token_is_taken_back_on_both() {
    tokio::task::spawn_blocking(|| postgres().create_database("events", None).expect("a database"))
        .await
        .expect("it ends");
    let mut servers = Vec::new();
    let folder = tempfile::tempdir().expect("a folder");
    for place in ["one", "two"] {
        let mut config = config(&folder.path().join(place), Timings::default());
        config.database = Some(postgres().url("events"));
        std::fs::create_dir_all(folder.path().join(place)).expect("a folder");
        let server = Server::open(config).await.expect("it opens");
        server.deploy(&project(nights()).into(), folder.path()).await.expect("it deploys");
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let running = server.clone();
        servers.push((server, stop, tokio::spawn(async move { running.run(stopped).await })));
    }
    let (one, two) = (servers[0].0.clone(), servers[1].0.clone());
    let mut events = follow(&two, None).await;
    next(&mut events).await.expect("a reset");
    let worker = FakeWorker::register(one.orchestrator()).await;
    let run = trigger(&one).await;
    worker.finish(&one, &run).await;
    let told = until_ended(&mut events, &run).await;
    assert_eq!(told.last().map(|(_, words)| words.as_str()), Some("run succeeded"));
    let request = serde_json::from_value(serde_json::json!({ "name": "ci", "role": "viewer" })).expect("a request");
    let made = one.create_token(request, &Origin::cli()).await.expect("it is made");
    let known = async |known: bool| {
        while two.keys().identify(&made.token).is_some() != known {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), known(true)).await.expect("the other server takes it up");
    one.revoke_token(&made.view.id, &Origin::cli()).await.expect("it is good");
    tokio::time::timeout(Duration::from_secs(20), known(false)).await.expect("the other server lets it go");
    for (_, stop, ended) in servers {
        stop.send(true).expect("it runs");
        ended.await.expect("no panic");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_followed_while_it_is_written_and_to_its_end() {
    let world = World::new().await;
    let worker = world.worker().await;
    let run = trigger(&world.server).await;
    let task = worker.take("features").await;
    let log = LogName::new(&run, &name("features"), task.attempt, task.fence).expect("a log");
    let artifacts = Artifacts::local(&world.folder.path().join("state/artifacts")).expect("it opens");
    let writer = artifacts.log_writer(&log);
    writer.line("one");
    let engine: &dyn Engine = &*world.server;
    let mut events = engine.follow_log(&run, &name("features"), None).await.expect("there is room");
    let mut text = String::new();
    let first = next(&mut events).await.expect("what is there");
    text.push_str(
        serde_json::from_str::<serde_json::Value>(&first.data).expect("JSON")["text"].as_str().expect("text"),
    );
    writer.line("two");
    worker.succeed(&task).await;
    drop(writer);
    let rest = rest_of(&mut events, &mut text).await;
    assert_eq!(text.matches("one").count() + text.matches("two").count(), 2, "{text}");
    assert_eq!((rest.event.as_str(), rest.data.as_str()), ("end", r#"{"state":"succeeded"}"#));
    assert_eq!(next(&mut events).await, None, "it ends");
    let mut again = engine.follow_log(&run, &name("features"), Some(first.id)).await.expect("there is room");
    let mut text = String::new();
    rest_of(&mut again, &mut text).await;
    assert!(text.contains("two") && !text.contains("one"), "it goes on where it was: {text}");
    assert!(engine.follow_log(&run, &name("nothing"), None).await.is_err());
}

/// Gathers text up to the end, which is returned.
async fn rest_of(events: &mut Events, text: &mut String) -> StreamEvent {
    loop {
        let event = next(events).await.expect("an end");
        if event.event == "end" {
            return event;
        }
        let piece: serde_json::Value = serde_json::from_str(&event.data).expect("JSON");
        text.push_str(piece["text"].as_str().expect("text"));
    }
}

/// What is still told until the stream ends.
async fn to_the_end(mut events: EventStream) -> Vec<String> {
    let all = async {
        let mut told = Vec::new();
        while let Some(event) = events.next().await.expect("it ends in order") {
            told.push(event.event);
        }
        told
    };
    tokio::time::timeout(Duration::from_secs(20), all).await.expect("long before it would end by itself")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_soon_after_its_token_is_taken_back_or_expires_and_no_other_does() {
    let world = World::new().await;
    let url = world.serve().await;
    let open = async |text: &str, lasts: &str| -> (String, EventStream) {
        let expires_in = daybreak_spec::Duration::parse(lasts);
        let request = TokenRequest { name: name(text), role: Role::Viewer, expires_in };
        let made = world.server.create_token(request, &Origin::cli()).await.expect("it is made");
        let client = Client::new(&url, &made.token);
        let mut events = client.events(&EventsQuery::default(), None).await.expect("the token is good");
        assert_eq!(events.next().await.expect("an event").map(|event| event.event), Some("reset".to_owned()));
        (made.view.id, events)
    };
    let ((_, short), (id, back), (_, mut kept)) =
        (open("short", "5s").await, open("back", "1d").await, open("kept", "1d").await);
    world.server.revoke_token(&id, &Origin::cli()).await.expect("it was good");
    let nothing = Vec::<String>::new();
    assert_eq!((to_the_end(back).await, to_the_end(short).await), (nothing.clone(), nothing));
    let quiet = tokio::time::timeout(Duration::from_millis(100), kept.next()).await;
    assert!(quiet.is_err(), "it goes on: {quiet:?}");
}
