//! Tasks that wait without a worker: what the server sees of it by itself, decisions, runs that tasks make.

use std::time::Duration;

use daybreak_core::{Awaited, OnReject, Resumption, RunStatus, TaskStatus, Wait, WhyKind};
use daybreak_protocol::{Assignment, DecisionRequest, DecisionWord, Error as Asked, Outcome, RunDetail};
use daybreak_server::http::Engine;
use daybreak_server::{Error, Origin};
use daybreak_spec::Project;
use serde_json::{Map, Value as Json, json};

use crate::support::{FakeWorker, World, at, name, nights};

/// `outer` (ask → then) and `inner` (only), by hand; `inner` has to be given a day.
fn project(inner: &str) -> Project {
    let task = |kind: &str, needs: &[&str]| {
        json!({
            "kind": kind, "needs": needs, "retry": null, "timeout": null, "memory_bytes": null, "parameters": [],
        })
    };
    let retry = json!({ "attempts": 2, "backoff": { "first": "1ms", "factor": 1.0, "max": "1ms", "jitter": "none" } });
    let dag = |params: Json, tasks: Json| json!({ "schedules": [], "retry": retry, "params": params, "tasks": tasks });
    let params = json!({ "day": { "type": "string" }, "share": 0.5 });
    let project = json!({
        "name": "flights", "data_roots": [], "sources": {}, "entities": {}, "feature_views": {}, "models": {},
        "dags": {
            "outer": dag(json!({}), json!({ "ask": task("light", &[]), "then": task("light", &["ask"]) })),
            inner: dag(params, json!({ "only": task("light", &[]) })),
        },
    });
    serde_json::from_value(project).expect("a project")
}

async fn world() -> World {
    let world = World::with(nights(), daybreak_server::Timings::default()).await;
    world.server.deploy(&project("inner").into(), world.folder.path()).await.expect("it deploys");
    world
}

fn wait(condition: Awaited) -> Outcome {
    let at_limit = Resumption::Skips { reason: "it did not come about".to_owned() };
    Outcome::Deferred(Box::new(Wait { condition, again_after_us: None, limit_us: None, at_limit }))
}

/// A run of `outer` whose `ask` waits for that.
async fn waits(world: &World, worker: &FakeWorker, condition: Awaited) -> (String, Assignment) {
    let run = world.server.trigger("outer", None, Map::new()).await.expect("it starts");
    let ask = worker.take("ask").await;
    worker.report(&ask, wait(condition)).await.expect("it holds the task");
    (run, ask)
}

async fn detail(world: &World, run: &str) -> RunDetail {
    world.server.run_detail(run).await.expect("the run")
}

async fn succeed(worker: &FakeWorker, task: &Assignment) {
    worker.report(task, Outcome::Succeeded(Box::default())).await.expect("it holds the task");
}

fn runs_inner(params: Json) -> Awaited {
    let params = params.as_object().cloned().expect("a map");
    Awaited::Run { dag: name("inner"), params, run_id: None }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instant_of_business_time_ends_the_wait_when_the_clock_is_set() {
    let world = world().await;
    let worker = world.worker().await;
    let (run, _) = waits(&world, &worker, Awaited::Instant { at: at("2013-03-10T12:00:00Z") }).await;
    world.advance("2013-03-10T11:00:00Z").await;
    let why = world.server.why(&run, Some(&name("ask"))).await.expect("the task");
    let words = "gave its slot back and waits for business time to reach 2013-03-10T12:00:00Z";
    assert_eq!((why.tasks[0].why.kind, why.tasks[0].why.words.as_str()), (WhyKind::Deferred, words));
    assert_eq!(detail(&world, &run).await.tasks[0].state, TaskStatus::Deferred);
    world.advance("2013-03-10T12:00:00Z").await;
    let then = worker.take("then").await;
    succeed(&worker, &then).await;
    assert_eq!(world.server.wait_run(&run).await.expect("the run").state, RunStatus::Succeeded);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_lets_the_run_go_on_and_decides_nothing_twice() {
    let world = world().await;
    let worker = world.worker().await;
    let request = |decision| DecisionRequest { decision, note: None, fence: None, by: Some("ann".to_owned()) };
    let condition = Awaited::Approval { message: Some("the new model".to_owned()), on_reject: OnReject::Fail };
    let (run, _) = waits(&world, &worker, condition).await;
    let server = &world.server;
    let ask = name("ask");
    let refused = server.decide(&run, &name("then"), request(DecisionWord::Approve), &Origin::cli()).await;
    assert!(matches!(refused, Err(Error::NotNow(_))), "{refused:?}");
    let other = DecisionRequest { fence: Some(99), ..request(DecisionWord::Approve) };
    assert!(matches!(server.decide(&run, &ask, other, &Origin::cli()).await, Err(Error::NotNow(_))));
    Engine::decide(&**server, &run, &ask, request(DecisionWord::Approve), Origin::cli()).await.expect("it waits");
    let again = Engine::decide(&**server, &run, &ask, request(DecisionWord::Reject), Origin::cli()).await;
    assert!(matches!(again, Err(Asked::NotNow(_))), "{again:?}");
    let then = worker.take("then").await;
    assert_eq!(
        Json::Object(then.outputs["ask"].clone()),
        json!({ "approved": true, "by": "this process", "note": null })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_of_another_dag_that_succeeds_ends_the_wait() {
    let world = world().await;
    let worker = world.worker().await;
    let window_end = at("2013-03-09T00:00:00Z");
    let (run, _) = waits(&world, &worker, Awaited::Window { dag: name("inner"), end: window_end, exact: true }).await;
    let params = Map::from_iter([("day".to_owned(), json!("monday"))]);
    let inner = world.server.trigger("inner", Some(window_end), params).await.expect("it starts");
    let only = worker.take("only").await;
    succeed(&worker, &only).await;
    let then = worker.take("then").await;
    assert_eq!(then.outputs["ask"]["run_id"], json!(inner));
    assert_eq!(then.run_id, run);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_a_task_makes_has_its_window_its_version_and_its_parameters() {
    let world = world().await;
    let worker = world.worker().await;
    let run = world.server.trigger("outer", None, Map::new()).await.expect("it starts");
    let ask = worker.take("ask").await;
    // What is deployed meanwhile has no such DAG; the run keeps the version it was made from.
    world.server.deploy(&project("other").into(), world.folder.path()).await.expect("it deploys");
    worker.report(&ask, wait(runs_inner(json!({ "day": "monday" })))).await.expect("it holds the task");
    let only = worker.take("only").await;
    assert_eq!((only.project_hash.as_str(), only.window_end), (ask.project_hash.as_str(), ask.window_end));
    assert_eq!(Json::Object(only.params.clone()), json!({ "day": "monday", "share": 0.5 }));
    let why = world.server.why(&run, Some(&name("ask"))).await.expect("the task");
    let words = format!("gave its slot back and waits for the end of run {} of DAG `inner`", only.run_id);
    assert_eq!(why.tasks[0].why.words, words);
    succeed(&worker, &only).await;
    let then = worker.take("then").await;
    assert_eq!(then.outputs["ask"]["run_id"], json!(only.run_id));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ended_while_the_server_was_away_is_told_when_it_is_back() {
    let world = world().await;
    let worker = world.worker().await;
    let (run, _) = waits(&world, &worker, runs_inner(json!({ "day": "monday" }))).await;
    let only = worker.take("only").await;
    drop(worker);
    let world = world.killed_and_opened_again().await;
    let worker = world.worker().await;
    let again = worker.take("only").await;
    assert_eq!(again.run_id, only.run_id, "it was made once");
    succeed(&worker, &again).await;
    let then = worker.take("then").await;
    assert_eq!(then.run_id, run);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_cannot_be_made_fails_the_task_for_good() {
    let world = world().await;
    let worker = world.worker().await;
    for (params, words) in
        [(json!({}), "`day` has no default"), (json!({ "day": "x", "hour": 3 }), "`hour` is no parameter")]
    {
        let (run, _) = waits(&world, &worker, runs_inner(params)).await;
        let ended = world.server.wait_run(&run).await.expect("the run");
        assert_eq!(ended.state, RunStatus::Failed);
        let reason = ended.reason.expect("a reason");
        assert!(reason.contains("its run could not be made") && reason.contains(words), "{reason}");
    }
    let unknown = Awaited::Run { dag: name("nowhere"), params: Map::new(), run_id: None };
    let (run, _) = waits(&world, &worker, unknown).await;
    assert_eq!(world.server.wait_run(&run).await.expect("the run").state, RunStatus::Failed);
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelling_a_run_ends_the_run_that_its_task_has_made() {
    let world = world().await;
    let worker = world.worker().await;
    let (run, _) = waits(&world, &worker, runs_inner(json!({ "day": "monday" }))).await;
    let only = worker.take("only").await;
    world.server.cancel(&run, daybreak_protocol::CancelRequest::default(), &Origin::cli()).await.expect("it runs");
    let told = worker.cancelled(&[]).await;
    assert_eq!(told.iter().map(|held| held.task_run_id.as_str()).collect::<Vec<_>>(), [only.task_run_id.as_str()]);
    worker.report(&only, Outcome::Cancelled).await.expect("it was asked to end");
    let ended = tokio::time::timeout(Duration::from_secs(10), world.server.wait_run(&only.run_id)).await;
    assert_eq!(ended.expect("it ends").expect("the run").state, RunStatus::Cancelled);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_task_waits_for_cannot_be_of_any_size() {
    let world = world().await;
    let worker = world.worker().await;
    let (run, _) = waits(&world, &worker, Awaited::File { path: "x".repeat(20_000) }).await;
    let ended = world.server.wait_run(&run).await.expect("the run");
    assert!(ended.reason.is_some_and(|reason| reason.contains("may take 16384")), "it is refused");
}
