//! What people ask for.

use daybreak_core::RunStatus;
use daybreak_protocol::{
    CancelRequest, Client, DagsQuery, Error, MAX_PAGE, ModelsQuery, QueuesQuery, RunsQuery, SetClock, TriggerRequest,
    WorkersQuery,
};
use daybreak_server::Origin;
use daybreak_server::http::Engine;
use daybreak_spec::Project;
use serde_json::{Map, json};

use crate::support::{FIRST, SECOND, THIRD, World, at, name, nights, project, trigger};

fn params(key: &str, value: serde_json::Value) -> TriggerRequest {
    TriggerRequest { at: None, params: Map::from_iter([(key.to_owned(), value)]) }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_by_hand_takes_its_window_from_the_firing_before() {
    let world = World::new().await;
    world.advance(THIRD).await;
    let run_id = world.server.trigger("nightly", Some(at(SECOND)), Map::new()).await.expect("it starts");
    let run = world.server.run_detail(&run_id).await.expect("the run").summary;
    assert_eq!((run.scheduled_for, run.window_start, run.window_end), (None, Some(at(FIRST)), at(SECOND)));
    let worker = world.worker().await;
    worker.finish(&world.server, &run_id).await;
    assert_eq!(world.server.wait_run(&run_id).await.expect("the run").state, RunStatus::Succeeded);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_of_the_future_is_refused() {
    let world = World::new().await;
    let refused = world.server.trigger("nightly", Some(at(FIRST)), Map::new()).await;
    assert!(refused.is_err_and(|error| error.to_string().contains("lies in the future")));
}

#[tokio::test(flavor = "multi_thread")]
async fn parameters_are_laid_over_the_declared_ones() {
    let world = World::new().await;
    let engine: &dyn Engine = &*world.server;
    let made = trigger(engine, &name("nightly"), params("days", json!(3))).await.expect("it starts");
    let run = engine.run(&made.run_id).await.expect("the run");
    assert_eq!(run.params, Map::from_iter([("days".to_owned(), json!(3)), ("label".to_owned(), json!("all"))]));
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_dags_and_parameters_and_wrong_types_are_refused() {
    let world = World::new().await;
    let engine: &dyn Engine = &*world.server;
    let unknown = trigger(engine, &name("hourly"), TriggerRequest::default()).await;
    assert!(matches!(&unknown, Err(Error::NotFound(text)) if text.contains("it has nightly")), "{unknown:?}");
    let undeclared = trigger(engine, &name("nightly"), params("dayz", json!(3))).await;
    assert!(undeclared.as_ref().is_err_and(|error| error.to_string().contains("it has days, label")), "{undeclared:?}");
    let wrong = trigger(engine, &name("nightly"), params("days", json!("three"))).await;
    assert!(wrong.as_ref().is_err_and(|error| error.to_string().contains("must be a whole number")), "{wrong:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_show_what_is() {
    let world = World::new().await;
    let engine: &dyn Engine = &*world.server;
    engine.set_clock(SetClock { at: at(FIRST) }).await.expect("time is simulated");
    let dags = engine.dags(DagsQuery::default()).await.expect("dags").dags;
    assert_eq!((dags[0].active_runs, dags[0].next[0], dags[0].tasks.len()), (1, at(SECOND), 5));
    assert_eq!(dags[0].schedules[0].start.as_deref(), Some("2013-03-09T00:00:00"));
    assert_eq!(engine.runs(RunsQuery::default()).await.expect("runs").runs.len(), 1);
    assert_eq!(engine.models(ModelsQuery::default()).await.expect("models").models[0].name, name("late_arrival"));
    assert_eq!(engine.clock().await.expect("the clock").business_now, at(FIRST));
    assert!(engine.health().await.ready);
    assert!(matches!(engine.run("nonsense").await, Err(Error::NotFound(_))));
    assert!(matches!(
        engine.cancel("nonsense", CancelRequest::default(), Origin::cli()).await,
        Err(Error::NotFound(_))
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_firing_that_is_not_due_is_not_waited_for() {
    let world = World::new().await;
    let waited = world.server.wait_firing("nightly", at(SECOND)).await;
    assert!(matches!(waited, Err(daybreak_server::Error::NotFound(_))), "{waited:?}");
}

/// `nightly` and tasks by DAG and queue.
fn with_dags(dags: &[(&str, &str)]) -> Project {
    let mut written = serde_json::to_value(project(nights())).expect("it writes");
    for (dag, queue) in dags {
        let mut copy = written["dags"]["nightly"].clone();
        copy["schedules"] = json!([]);
        copy["tasks"]["features"]["queue"] = json!(queue);
        written["dags"][dag] = copy;
    }
    serde_json::from_value(written).expect("a project")
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_dags_and_queues_lose_and_repeat_none_while_others_come() {
    let world = World::new().await;
    let engine: &dyn Engine = &*world.server;
    let deploy = async |dags: &[(&str, &str)]| {
        world.server.deploy(&with_dags(dags).into(), world.folder.path()).await.expect("it deploys");
    };
    deploy(&[("b", "gpu"), ("d", "large"), ("p", "small")]).await;
    let dags = async |after: Option<&str>| {
        let page = engine.dags(DagsQuery { after: after.map(name), limit: Some(2) }).await.expect("DAGs");
        let names: Vec<String> = page.dags.iter().map(|dag| dag.name.to_string()).collect();
        (names.join(" "), page.next.map(|next| next.to_string()))
    };
    let queues = async |after: Option<String>| {
        let page = engine.queues(QueuesQuery { after, limit: Some(2) }).await.expect("queues");
        let names: Vec<String> = page.queues.iter().map(|queue| queue.queue.to_string()).collect();
        (names.join(" "), page.next)
    };
    assert_eq!(dags(None).await, ("b d".to_owned(), Some("d".to_owned())));
    assert_eq!(queues(None).await, ("default gpu".to_owned(), Some("gpu".to_owned())));
    deploy(&[("a", "any"), ("b", "gpu"), ("d", "large"), ("e", "huge"), ("p", "small")]).await;
    assert_eq!(dags(Some("d")).await, ("e nightly".to_owned(), Some("nightly".to_owned())));
    assert_eq!(dags(Some("nightly")).await, ("p".to_owned(), None));
    assert_eq!(queues(Some("gpu".to_owned())).await, ("huge large".to_owned(), Some("large".to_owned())));
    assert_eq!(queues(Some("large".to_owned())).await, ("small".to_owned(), None));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_wants_all_of_a_list_gets_it_however_many_pages_it_has() {
    let world = World::new().await;
    let names: Vec<String> = (0..=MAX_PAGE).map(|number| format!("d{number:03}")).collect();
    let dags: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), name.as_str())).collect();
    world.server.deploy(&with_dags(&dags).into(), world.folder.path()).await.expect("it deploys");
    let client = Client::new(&world.serve().await, "secret");
    let mut expected = names.clone();
    expected.push("nightly".to_owned());
    let dags = client.all_dags().await.expect("DAGs");
    assert!(dags.iter().map(|dag| dag.name.as_str()).eq(expected.iter()), "{} DAGs", dags.len());
    expected.pop();
    expected.push("default".to_owned());
    expected.sort_unstable();
    let queues = client.all_queues().await.expect("queues");
    assert!(queues.iter().map(|queue| queue.queue.as_str()).eq(expected.iter()), "{} queues", queues.len());
    let mut workers = Vec::new();
    for _ in 0..3 {
        workers.push(world.worker().await.registration.worker_id);
    }
    workers.reverse();
    let page = client.workers(&WorkersQuery { before: None, limit: Some(2) }).await.expect("workers");
    assert!(page.workers.iter().map(|worker| &worker.id).eq(&workers[..2]) && page.next.as_ref() == Some(&workers[1]));
    let rest = client.workers(&WorkersQuery { before: page.next, limit: Some(2) }).await.expect("workers");
    assert!(rest.workers.iter().map(|worker| &worker.id).eq(&workers[2..]) && rest.next.is_none());
    assert_eq!(client.all_workers().await.expect("workers").len(), 3);
}
