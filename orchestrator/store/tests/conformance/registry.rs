//! Builds, model versions and aliases, committed with the success that made them.

use std::collections::BTreeMap;

use daybreak_protocol::{AliasMove, BuildRecord, NewModelVersion, TaskResult};
use daybreak_store::{Effect, Error};
use serde_json::json;

use crate::support::{World, at, caller, name};

crate::stories! {
    builds_are_read_in_order_and_the_newest_of_an_instant_wins,
    the_same_build_again_leaves_no_second_row,
    versions_are_numbered_from_one_and_told_to_the_tasks_that_follow,
    a_repeated_report_makes_no_second_version,
    an_alias_moves_with_a_history_and_never_to_an_older_instant,
    a_move_to_a_version_that_does_not_exist_is_refused_and_nothing_of_it_stays,
    live_tells_declared_models_and_where_their_aliases_point,
}

fn build(hours: i64, object: &str) -> BuildRecord {
    BuildRecord {
        view: name("weather"),
        as_of: at(hours),
        definition_hash: "def".to_owned(),
        object: object.to_owned(),
        rows: 3,
        size_bytes: 100,
    }
}

fn trained(object: &str) -> TaskResult {
    let version = NewModelVersion {
        model: name("late"),
        object: object.to_owned(),
        as_of: at(24),
        fit_from: at(0),
        fit_to: at(20),
        rows: 1000,
        metrics: BTreeMap::from([("auc".to_owned(), 0.7)]),
    };
    TaskResult { model_version: Some(version), ..TaskResult::default() }
}

fn promoted(version: u32, hours: i64) -> TaskResult {
    let alias_move = AliasMove { model: name("late"), alias: "champion".to_owned(), version, as_of: at(hours) };
    TaskResult { alias_move: Some(alias_move), ..TaskResult::default() }
}

/// Lets the next task of a fresh or running run leave this behind.
async fn leave(
    world: &World,
    worker: &daybreak_core::WorkerIdentity,
    result: TaskResult,
) -> serde_json::Map<String, serde_json::Value> {
    let run = world.run().await;
    let task = world.claim_one(worker).await;
    world.succeed_with(&task, result).await.expect("it holds the task");
    let outputs = world.store.run(&run).await.expect("the run").tasks[0].outputs.clone();
    world.store.cancel(run, "enough".to_owned(), caller()).await.expect("it runs");
    outputs
}

async fn builds_are_read_in_order_and_the_newest_of_an_instant_wins(world: World) {
    let worker = world.worker().await;
    let builds = vec![build(48, "b2"), build(24, "b1")];
    leave(&world, &worker, TaskResult { builds, ..TaskResult::default() }).await;
    let builds = vec![build(24, "b1"), build(48, "changed")];
    leave(&world, &worker, TaskResult { builds, ..TaskResult::default() }).await;
    let read = world.store.builds(&name("demo"), &name("weather"), at(0), at(48)).await.expect("builds");
    assert_eq!(read, [build(24, "b1"), build(48, "changed")]);
    let later = world.store.builds(&name("demo"), &name("weather"), at(25), at(100)).await.expect("builds");
    assert_eq!(later, [build(48, "changed")]);
}

async fn the_same_build_again_leaves_no_second_row(world: World) {
    let worker = world.worker().await;
    for _ in 0..2 {
        leave(&world, &worker, TaskResult { builds: vec![build(24, "b1")], ..TaskResult::default() }).await;
    }
    assert_eq!(world.count("SELECT COUNT(*) FROM build").await, 1);
}

async fn versions_are_numbered_from_one_and_told_to_the_tasks_that_follow(world: World) {
    let worker = world.worker().await;
    assert_eq!(leave(&world, &worker, trained("m1")).await["version"], json!(1));
    assert_eq!(leave(&world, &worker, trained("m2")).await["version"], json!(2));
    let record = world.store.model_version(&name("demo"), &name("late"), 2).await.expect("it exists");
    assert_eq!((record.version, record.content.object.as_str()), (2, "m2"));
    let missing = world.store.model_version(&name("demo"), &name("late"), 3).await;
    assert!(matches!(missing, Err(Error::NotFound(_))), "{missing:?}");
}

async fn a_repeated_report_makes_no_second_version(world: World) {
    let worker = world.worker().await;
    world.run().await;
    let task = world.claim_one(&worker).await;
    for _ in 0..2 {
        world.succeed_with(&task, trained("m1")).await.expect("it holds the task");
    }
    let models = world.store.models(&name("demo")).await.expect("models");
    assert_eq!(models[0].versions.len(), 1);
}

async fn an_alias_moves_with_a_history_and_never_to_an_older_instant(world: World) {
    let worker = world.worker().await;
    leave(&world, &worker, trained("m1")).await;
    leave(&world, &worker, trained("m2")).await;
    let mut effects = world.store.effects();
    assert_eq!(leave(&world, &worker, promoted(1, 48)).await["moved"], json!(true));
    assert!(std::iter::from_fn(|| effects.try_recv().ok()).any(|effect| effect == Effect::RegistryMoved));
    assert_eq!(leave(&world, &worker, promoted(2, 24)).await["moved"], json!(false));
    let champion = world.store.alias(&name("demo"), &name("late"), "champion").await.expect("it reads");
    assert_eq!(champion.map(|champion| champion.version), Some(1));
    leave(&world, &worker, promoted(2, 72)).await;
    let model = world.store.models(&name("demo")).await.expect("models").remove(0);
    assert_eq!(model.aliases["champion"], 2);
    let history: Vec<_> = model.alias_history.iter().map(|entry| (entry.from, entry.to)).collect();
    assert_eq!(history, [(None, 1), (Some(1), 2)]);
}

async fn a_move_to_a_version_that_does_not_exist_is_refused_and_nothing_of_it_stays(world: World) {
    let (worker, run) = (world.worker().await, world.run().await);
    let task = world.claim_one(&worker).await;
    let mut result = promoted(7, 24);
    result.builds.push(build(24, "b1"));
    let refused = world.succeed_with(&task, result).await;
    assert!(matches!(refused, Err(Error::Refused(_))), "{refused:?}");
    assert!(world.store.builds(&name("demo"), &name("weather"), at(0), at(48)).await.expect("builds").is_empty());
    assert_eq!(world.task_status(&run, "first").await, daybreak_core::TaskStatus::Running);
}

async fn live_tells_declared_models_and_where_their_aliases_point(world: World) {
    let worker = world.worker().await;
    let before = world.store.live(&name("demo")).await.expect("it reads");
    assert_eq!((before.models.clone(), before.live.len()), (vec![name("late")], 0));
    leave(&world, &worker, trained("m1")).await;
    leave(&world, &worker, promoted(1, 24)).await;
    let after = world.store.live(&name("demo")).await.expect("it reads");
    assert!(after.cursor > before.cursor);
    assert_eq!((after.live[0].alias.as_str(), after.live[0].version.version), ("champion", 1));
}
