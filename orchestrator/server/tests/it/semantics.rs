//! How tasks may be declared to depend on one another, from the deployed project to the end of the run.

use daybreak_core::{RunStatus, TaskStatus};
use daybreak_protocol::{Error as Refused, TriggerRequest};
use daybreak_server::http::Engine;
use daybreak_server::{Error, Timings};
use daybreak_spec::Project;
use serde_json::{Map, Value as Json, json};

use crate::support::{World, name, nights, project, trigger};

/// The flights' night with tasks of its own, in the form in which a snapshot keeps them.
fn with_tasks(tasks: Json) -> Project {
    let mut json = serde_json::to_value(project(nights())).expect("a project writes");
    json["dags"]["nightly"]["tasks"] = tasks;
    serde_json::from_value(json).expect("a project")
}

fn task(needs: &[&str], extra: Json) -> Json {
    let mut task = json!({
        "kind": "light", "needs": needs, "retry": null, "timeout": null, "memory_bytes": null, "parameters": [],
    });
    task.as_object_mut().expect("a map").extend(extra.as_object().expect("a map").clone());
    task
}

async fn deployed(project: &Project) -> World {
    let world = World::open(tempfile::tempdir().expect("a folder"), Timings::default()).await;
    world.server.deploy(&project.clone().into(), world.folder.path()).await.expect("it deploys");
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_told_torn_down_and_fails_the_run() {
    let project = with_tasks(json!({
        "setup": task(&[], json!({})),
        "extra": task(&["setup"], json!({ "tolerated": true })),
        "work": task(&["setup", "extra"], json!({ "trigger": { "when": "setup.succeeded && extra.done" } })),
        "mail": task(&["work"], json!({ "trigger": { "rule": "one_failed" } })),
        "clear": task(&["setup", "work"], json!({ "trigger": "teardown" })),
    }));
    let world = deployed(&project).await;
    let worker = world.worker().await;
    let run_id = world.server.trigger("nightly", None, Map::new()).await.expect("it starts");
    let setup = worker.take("setup").await;
    worker.succeed(&setup).await;
    let extra = worker.take("extra").await;
    worker.fail(&extra, false).await;
    let work = worker.take("work").await;
    worker.fail(&work, false).await;
    worker.finish(&world.server, &run_id).await;
    let run = world.server.run_detail(&run_id).await.expect("the run");
    assert_eq!(run.summary.state, RunStatus::Failed);
    assert_eq!(run.summary.reason.as_deref(), Some("task `work` failed: no rows"));
    let state = |name: &str| run.tasks.iter().find(|task| task.name.as_str() == name).expect("a task").state;
    assert_eq!((state("mail"), state("clear")), (TaskStatus::Succeeded, TaskStatus::Succeeded));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_condition_on_a_task_that_is_not_needed_is_refused_at_deployment() {
    let project = with_tasks(json!({
        "a": task(&[], json!({})),
        "b": task(&[], json!({})),
        "c": task(&["a"], json!({ "trigger": { "when": "b.done" } })),
    }));
    let world = World::open(tempfile::tempdir().expect("a folder"), Timings::default()).await;
    let refused = world.server.deploy(&project.into(), world.folder.path()).await.expect_err("it is refused");
    assert!(matches!(&refused, Error::Invalid { problems, .. } if problems[0].code == "not_needed"), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_parameter_that_a_run_cannot_have_is_told_at_its_place() {
    let mut json = serde_json::to_value(with_tasks(json!({ "a": task(&[], json!({})) }))).expect("a project writes");
    json["dags"]["nightly"]["schedules"] = json!([]);
    json["dags"]["nightly"]["params"] = json!({
        "days": { "type": "integer", "default": 7, "min": 1, "max": 90 },
        "city": { "type": "string", "enum": ["Rome", "Oslo"] },
        "day": { "type": "string" },
        "label": "all",
    });
    let world = deployed(&serde_json::from_value(json).expect("a project")).await;
    let engine: &dyn Engine = &*world.server;
    let given = |params: Json| TriggerRequest { at: None, params: params.as_object().expect("a map").clone() };
    let wrong = given(json!({ "days": 91, "city": "Bern", "label": false, "a/b": 1 }));
    let Err(Refused::Invalid { detail, errors }) = trigger(engine, &name("nightly"), wrong).await else {
        panic!("it was accepted")
    };
    let told: Vec<_> = errors
        .iter()
        .map(|error| (error.pointer.as_deref().unwrap_or_default(), error.code.as_str(), error.hint.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            ("/params/a~1b", "unknown_parameter", "`a/b` is no parameter of the DAG; it has city, day, days, label"),
            ("/params/city", "wrong_value", "`city` must be one of \"Rome\", \"Oslo\", not \"Bern\""),
            ("/params/days", "wrong_value", "`days` must be at most 90, not 91"),
            ("/params/label", "wrong_value", "`label` must be text, not false"),
            ("/params/day", "missing_parameter", "`day` has no default: give it a value"),
        ]
    );
    assert!(detail.contains("`days` must be at most 90") && detail.contains("`day` has no default"), "{detail}");
    let made = trigger(engine, &name("nightly"), given(json!({ "city": "Oslo", "day": "monday" }))).await;
    let run = engine.run(&made.expect("it starts").run_id).await.expect("the run");
    assert_eq!(Json::from(run.params), json!({ "city": "Oslo", "day": "monday", "days": 7, "label": "all" }));
}
