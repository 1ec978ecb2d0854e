//! How tasks may be declared to depend on one another, from the deployed project to the end of the run.

use daybreak_core::{RunStatus, TaskStatus};
use daybreak_server::{Error, Timings};
use daybreak_spec::Project;
use serde_json::{Map, Value as Json, json};

use crate::support::{World, nights, project};

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
    world.server.deploy(project, world.folder.path()).await.expect("it deploys");
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
    let refused = world.server.deploy(&project, world.folder.path()).await.expect_err("it is refused");
    assert!(matches!(&refused, Error::Invalid { problems, .. } if problems[0].code == "not_needed"), "{refused:?}");
}
