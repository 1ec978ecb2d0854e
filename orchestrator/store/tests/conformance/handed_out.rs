//! What travels with a task: the outputs of the tasks it takes them from, and of nobody else, also to whoever reads its row
//! back.

use std::sync::Arc;

use daybreak_core::TaskStatus;
use daybreak_protocol::TaskResult;
use daybreak_spec::{ForEach, Name, Node, Rule, TriggerRule};
use daybreak_store::{Claim, ClaimedTask, RunTemplate, Store};
use serde_json::{Map, json};

use crate::semantics::{failed, start, tasks};
use crate::support::{World, name};

crate::stories! {
    a_task_is_handed_what_it_takes_and_nothing_else,
    whoever_took_nothing_is_handed_nothing_and_an_item_what_its_task_takes,
    a_task_of_an_older_binary_is_handed_what_all_before_it_left,
}

/// `first` → `second` → `third` → `last`, which takes from those.
fn chain(takes: &[&str]) -> RunTemplate {
    let rule = TriggerRule::default;
    let mut made = tasks(&[
        ("first", &[], rule()),
        ("second", &["first"], TriggerRule::Rule(Rule::AllDone)),
        ("third", &["second"], rule()),
        ("last", &["third"], rule()),
    ]);
    made.tasks[3].takes = takes.iter().map(|task| name(task)).collect();
    made
}

/// Runs the first three tasks: `first` fails, the others leave their names.
async fn three(world: &World) {
    let worker = world.worker().await;
    let first = world.claim_one(&worker).await;
    world.report(&first, failed()).await.expect("it holds the task");
    for _ in 0..2 {
        let task = world.claim_one(&worker).await;
        assert!(task.outputs.is_empty() && task.without_outputs.is_empty(), "it takes from nobody: {task:?}");
        let outputs = Map::from_iter([("of".to_owned(), json!(task.task))]);
        world.succeed_with(&task, TaskResult { outputs, ..TaskResult::default() }).await.expect("it holds the task");
    }
}

async fn last(world: &World, store: &Store) -> ClaimedTask {
    let claim = Claim { worker: world.worker().await, free_light: 1, free_heavy: 0 };
    store.claim(claim).await.expect("the worker is known").remove(0)
}

fn handed(task: &ClaimedTask) -> (Vec<&str>, Vec<(&str, TaskStatus)>) {
    let without = task.without_outputs.iter().map(|(name, status)| (name.as_str(), *status));
    (task.outputs.keys().map(Name::as_str).collect(), without.collect())
}

async fn a_task_is_handed_what_it_takes_and_nothing_else(world: World) {
    for by_another in [false, true] {
        start(&world, chain(&["first", "second"])).await;
        three(&world).await;
        let task = match by_another {
            true => last(&world, &world.open_another().await).await,
            false => last(&world, &world.store).await,
        };
        assert_eq!(task.task.as_str(), "last");
        assert_eq!(handed(&task), (vec!["second"], vec![("first", TaskStatus::Failed)]));
        assert_eq!(task.outputs[&name("second")]["of"], json!("second"));
    }
}

async fn whoever_took_nothing_is_handed_nothing_and_an_item_what_its_task_takes(world: World) {
    start(&world, chain(&[])).await;
    three(&world).await;
    assert_eq!(handed(&last(&world, &world.store).await), (vec![], vec![]));
    for by_another in [false, true] {
        let mut items = chain(&["second"]);
        items.tasks[3].for_each = Some(Arc::new(ForEach { list: Node::from_json(json!([7])), max_parallel: None }));
        start(&world, items).await;
        three(&world).await;
        let task = match by_another {
            true => last(&world, &world.open_another().await).await,
            false => last(&world, &world.store).await,
        };
        assert_eq!((task.task.as_str(), handed(&task)), ("last[0]", (vec!["second"], vec![])));
    }
}

async fn a_task_of_an_older_binary_is_handed_what_all_before_it_left(world: World) {
    start(&world, chain(&[])).await;
    three(&world).await;
    world.script("UPDATE task_run SET takes = NULL").await.expect("rows as they were before");
    let task = last(&world, &world.open_another().await).await;
    assert_eq!(handed(&task), (vec!["second", "third"], vec![("first", TaskStatus::Failed)]));
}
