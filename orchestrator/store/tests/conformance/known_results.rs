//! Results that are known: a task that asks for the same takes one over as it becomes ready, and no worker hears of it.

use std::sync::Arc;

use daybreak_core::{RunStatus, TaskStatus};
use daybreak_protocol::TaskResult;
use daybreak_spec::{ForEach, Node, TriggerRule};
use daybreak_store::{Again, CacheRule, RunTemplate};
use serde_json::{Map, Value as Json, json};

use crate::semantics::{failed, start, tasks};
use crate::support::{SECOND, World, caller, name};

crate::stories! {
    a_known_result_is_taken_over_and_names_its_run,
    other_values_have_other_results_and_failures_none,
    a_result_is_known_for_its_time_and_then_swept,
    what_is_run_again_by_hand_is_made_again,
    items_take_over_what_is_known_of_each,
}

const DAY: i64 = 86_400 * SECOND;

/// `fetch`, whose result depends on the run's `day` → `report`.
fn fetch(day: &str) -> RunTemplate {
    let mut made = tasks(&[("fetch", &[], TriggerRule::default()), ("report", &["fetch"], TriggerRule::default())]);
    let of = json!({ "kind": "noop", "parameters": { "day": "${params.day}" }, "key": [] });
    made.tasks[0].cache = Some(Arc::new(CacheRule { ttl_us: 7 * DAY, of }));
    made.params = Map::from_iter([("day".to_owned(), json!(day))]);
    made
}

fn rows(rows: i64) -> TaskResult {
    TaskResult { outputs: Map::from_iter([("rows".to_owned(), rows.into())]), ..TaskResult::default() }
}

/// Runs it and returns the run and the tasks that workers were given.
async fn drive(world: &World, template: RunTemplate) -> (String, Vec<String>) {
    let run = start(world, template).await;
    (run.clone(), finish(world, &run).await)
}

async fn finish(world: &World, run: &str) -> Vec<String> {
    let worker = world.worker().await;
    let mut given = Vec::new();
    while !world.run_status(run).await.is_terminal() {
        for task in world.claim(&worker).await {
            given.push(task.task.to_string());
            world.succeed_with(&task, rows(5)).await.expect("it holds the task");
        }
    }
    given
}

async fn a_known_result_is_taken_over_and_names_its_run(world: World) {
    let (first, given) = drive(&world, fetch("monday")).await;
    assert_eq!(given, ["fetch", "report"]);
    let (second, given) = drive(&world, fetch("monday")).await;
    assert_eq!(given, ["report"], "no worker hears of it");
    let run = world.store.run(&second).await.expect("the run");
    assert_eq!(run.summary.state, RunStatus::Succeeded);
    let fetch = &run.tasks[0];
    assert_eq!((fetch.state, fetch.attempt, fetch.cached_from.as_ref()), (TaskStatus::Succeeded, 0, Some(&first)));
    assert_eq!(Json::Object(fetch.outputs.clone()), json!({ "rows": 5 }));
    let standing = world.store.standing(&second).await.expect("the run");
    assert_eq!(standing.cached_from[&name("fetch")], first);
}

async fn other_values_have_other_results_and_failures_none(world: World) {
    let worker = world.worker().await;
    let run = start(&world, fetch("monday")).await;
    let task = world.claim_one(&worker).await;
    world.report(&task, failed()).await.expect("it holds the task");
    assert_eq!(world.run_status(&run).await, RunStatus::Failed);
    assert_eq!(drive(&world, fetch("monday")).await.1, ["fetch", "report"]);
    assert_eq!(drive(&world, fetch("tuesday")).await.1, ["fetch", "report"]);
    assert_eq!(drive(&world, fetch("tuesday")).await.1, ["report"]);
}

async fn a_result_is_known_for_its_time_and_then_swept(world: World) {
    drive(&world, fetch("monday")).await;
    assert_eq!(world.sweep().await.forgotten, 0);
    world.pass(7 * 86_400);
    assert_eq!(drive(&world, fetch("monday")).await.1, ["fetch", "report"], "its time is over");
    assert_eq!(drive(&world, fetch("monday")).await.1, ["report"], "and it is known anew");
    world.pass(7 * 86_400);
    assert_eq!(world.sweep().await.forgotten, 1);
    assert_eq!(world.count("SELECT COUNT(*) FROM known_result").await, 0);
}

async fn what_is_run_again_by_hand_is_made_again(world: World) {
    drive(&world, fetch("monday")).await;
    let (run, given) = drive(&world, fetch("monday")).await;
    assert_eq!(given, ["report"]);
    world.store.rerun(run.clone(), Again::Everything, caller()).await.expect("it has ended");
    assert_eq!(finish(&world, &run).await, ["fetch", "report"]);
    let detail = world.store.run(&run).await.expect("the run");
    assert_eq!(detail.tasks[0].cached_from, None);
}

async fn items_take_over_what_is_known_of_each(world: World) {
    let cities = |cities: Json| {
        let mut template = tasks(&[("score", &[], TriggerRule::default())]);
        let list = Node::from_json(cities);
        template.tasks[0].for_each = Some(Arc::new(ForEach { list, max_parallel: Some(1) }));
        let of = json!({ "kind": "noop", "parameters": { "city": "${item}" }, "key": [] });
        template.tasks[0].cache = Some(Arc::new(CacheRule { ttl_us: DAY, of }));
        template
    };
    assert_eq!(drive(&world, cities(json!(["Rome", "Oslo"]))).await.1, ["score[0]", "score[1]"]);
    let (run, given) = drive(&world, cities(json!(["Oslo", "Lima", "Rome"]))).await;
    assert_eq!(given, ["score[1]"]);
    let outputs = &world.store.run(&run).await.expect("the run").tasks[0].outputs;
    assert_eq!((&outputs["items"], &outputs["succeeded"]), (&json!(3), &json!(3)));
    let (run, given) = drive(&world, cities(json!(["Rome", "Oslo"]))).await;
    assert_eq!((given.len(), world.run_status(&run).await), (0, RunStatus::Succeeded), "a run without any work");
}
