//! Builds, model versions and aliases, committed with the success that made them.

use std::collections::BTreeMap;

use daybreak_protocol::{
    AliasHistoryEntry, AliasHistoryQuery, AliasMove, AuditQuery, BuildRecord, BuildsQuery, HashCursor, ModelsQuery,
    NewModelVersion, TaskResult, VersionsQuery,
};
use daybreak_store::{Effect, Error, MoveByHand};
use serde_json::json;

use crate::support::{World, at, caller, name};

crate::stories! {
    builds_are_read_in_order_and_the_newest_of_an_instant_wins,
    the_same_build_again_leaves_no_second_row,
    versions_are_numbered_from_one_and_told_to_the_tasks_that_follow,
    a_repeated_report_makes_no_second_version,
    an_alias_moves_with_a_history_and_never_to_an_older_instant,
    a_move_to_a_version_that_does_not_exist_is_refused_and_nothing_of_it_stays,
    pages_of_builds_lose_and_repeat_none_while_builds_come,
    pages_of_versions_and_moves_lead_back_to_the_first,
    models_are_listed_by_name_whether_declared_or_trained,
    live_tells_declared_models_and_where_their_aliases_point,
    an_alias_goes_back_by_hand_with_who_and_why_and_the_next_night_goes_on_from_there,
    a_move_by_hand_that_expects_another_version_changes_nothing,
    a_move_by_hand_to_what_there_is_not_is_refused,
    an_alias_that_points_nowhere_is_moved_by_hand_too,
    two_servers_that_move_an_alias_at_once_move_it_once,
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
    let read = world.builds(0, 48).await;
    assert_eq!(read, [build(24, "b1"), build(48, "changed")]);
    let later = world.builds(25, 100).await;
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
    let versions = world.store.model_versions(&name("demo"), &name("late"), &VersionsQuery::default()).await;
    assert_eq!(versions.expect("versions").versions.len(), 1);
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
    let models = world.store.models(&name("demo"), &ModelsQuery::default()).await.expect("models").models;
    assert_eq!((models[0].versions, models[0].aliases["champion"]), (2, 2));
    let history = world.store.alias_history(&name("demo"), &name("late"), &AliasHistoryQuery::default()).await;
    let moves: Vec<_> = history.expect("moves").moves.iter().map(|entry| (entry.from, entry.to)).collect();
    assert_eq!(moves, [(Some(1), 2), (None, 1)]);
}

async fn a_move_to_a_version_that_does_not_exist_is_refused_and_nothing_of_it_stays(world: World) {
    let (worker, run) = (world.worker().await, world.run().await);
    let task = world.claim_one(&worker).await;
    let mut result = promoted(7, 24);
    result.builds.push(build(24, "b1"));
    let refused = world.succeed_with(&task, result).await;
    assert!(matches!(refused, Err(Error::Refused(_))), "{refused:?}");
    assert!(world.builds(0, 48).await.is_empty());
    assert_eq!(world.task_status(&run, "first").await, daybreak_core::TaskStatus::Running);
}

/// A page of two builds, and what leads on.
async fn two_builds(world: &World, after: Option<HashCursor>) -> (Vec<BuildRecord>, Option<HashCursor>) {
    let wanted = BuildsQuery { after, limit: Some(2), ..BuildsQuery::default() };
    let page = world.store.builds(&name("demo"), &name("weather"), &wanted).await.expect("builds");
    (page.builds, page.next)
}

async fn pages_of_builds_lose_and_repeat_none_while_builds_come(world: World) {
    let worker = world.worker().await;
    let other = |hours| BuildRecord { definition_hash: "other".to_owned(), ..build(hours, "other") };
    let builds = vec![build(24, "b1"), other(24), build(48, "b2"), other(48), build(72, "b3")];
    leave(&world, &worker, TaskResult { builds, ..TaskResult::default() }).await;
    let (first, next) = two_builds(&world, None).await;
    assert_eq!(first, [build(24, "b1"), other(24)]);
    // Before the place, at it, behind it, and another of what was shown.
    let builds = vec![build(1, "early"), build(24, "anew"), build(60, "b2b"), build(96, "b4")];
    leave(&world, &worker, TaskResult { builds, ..TaskResult::default() }).await;
    let (second, next) = two_builds(&world, next).await;
    assert_eq!(second, [build(48, "b2"), other(48)], "an instant's definitions follow each other");
    let (third, next) = two_builds(&world, next).await;
    assert_eq!(third, [build(60, "b2b"), build(72, "b3")]);
    assert_eq!(two_builds(&world, next).await, (vec![build(96, "b4")], None));
    let within = BuildsQuery {
        from: Some(at(60)),
        to: Some(at(72)),
        after: Some(HashCursor { at: at(24), hash: "def".to_owned() }),
        limit: Some(1),
    };
    let page = world.store.builds(&name("demo"), &name("weather"), &within).await.expect("builds");
    assert_eq!((page.builds, page.next.map(|next| next.at)), (vec![build(60, "b2b")], Some(at(60))));
}

async fn pages_of_versions_and_moves_lead_back_to_the_first(world: World) {
    let worker = world.worker().await;
    for version in 1..=3 {
        leave(&world, &worker, trained(&format!("m{version}"))).await;
        leave(&world, &worker, promoted(version, 24 * i64::from(version))).await;
    }
    let (project, model) = (name("demo"), name("late"));
    let versions = async |before| {
        let wanted = VersionsQuery { before, limit: Some(2) };
        let page = world.store.model_versions(&project, &model, &wanted).await.expect("versions");
        (page.versions.iter().map(|record| record.version).collect::<Vec<_>>(), page.next)
    };
    let moves = async |before| {
        let wanted = AliasHistoryQuery { before, limit: Some(2) };
        let page = world.store.alias_history(&project, &model, &wanted).await.expect("moves");
        (page.moves.iter().map(|entry| entry.to).collect::<Vec<_>>(), page.next)
    };
    assert_eq!(versions(None).await, (vec![3, 2], Some(2)));
    let (newest, next) = moves(None).await;
    assert_eq!(newest, [3, 2]);
    leave(&world, &worker, trained("m4")).await;
    leave(&world, &worker, promoted(4, 96)).await;
    assert_eq!(versions(Some(2)).await, (vec![1], None));
    assert_eq!(moves(next).await, (vec![1], None));
}

async fn models_are_listed_by_name_whether_declared_or_trained(world: World) {
    let worker = world.worker().await;
    for model in ["a_model", "z-model", "late_too"] {
        let mut result = trained("m1");
        result.model_version.as_mut().expect("it trains").model = name(model);
        leave(&world, &worker, result).await;
    }
    let page = async |after: Option<&str>| {
        let wanted = ModelsQuery { after: after.map(name), limit: Some(2) };
        let page = world.store.models(&name("demo"), &wanted).await.expect("models");
        let shown = page.models.iter().map(|model| (model.name.to_string(), model.versions));
        (shown.collect::<Vec<_>>(), page.next.map(|next| next.to_string()))
    };
    let of = |model: &str, versions| (model.to_owned(), versions);
    assert_eq!(page(None).await, (vec![of("a_model", 1), of("late", 0)], Some("late".to_owned())));
    assert_eq!(page(Some("late")).await, (vec![of("late_too", 1), of("z-model", 1)], None));
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

/// Versions of `late` by the hour that they are of, promoted one after the other.
async fn nights(world: &World, versions: u32) -> daybreak_core::WorkerIdentity {
    let worker = world.worker().await;
    for version in 1..=versions {
        let hours = 24 * i64::from(version);
        let mut result = trained(&format!("m{version}"));
        result.model_version.as_mut().expect("it trains").as_of = at(hours);
        leave(world, &worker, result).await;
        leave(world, &worker, promoted(version, hours)).await;
    }
    worker
}

fn by_hand(version: u32, expected: Option<u32>) -> MoveByHand {
    MoveByHand {
        project: name("demo"),
        model: name("late"),
        alias: name("champion"),
        version,
        expected,
        reason: "worse by day".to_owned(),
        caller: daybreak_store::Caller { said: Some("bob".to_owned()), ..caller() },
    }
}

async fn champion(world: &World) -> Option<u32> {
    let champion = world.store.alias(&name("demo"), &name("late"), "champion").await.expect("it reads");
    champion.map(|champion| champion.version)
}

async fn moves(world: &World) -> Vec<AliasHistoryEntry> {
    let page = world.store.alias_history(&name("demo"), &name("late"), &AliasHistoryQuery::default()).await;
    page.expect("moves").moves
}

/// What the audit has of the model.
async fn audited(world: &World) -> Vec<(String, String)> {
    let of_model = AuditQuery { subject: Some("late".to_owned()), ..AuditQuery::default() };
    let entries = world.store.audit(&of_model).await.expect("the audit").entries;
    entries.into_iter().map(|entry| (entry.action, entry.detail)).collect()
}

async fn an_alias_goes_back_by_hand_with_who_and_why_and_the_next_night_goes_on_from_there(world: World) {
    let worker = nights(&world, 3).await;
    let before = world.store.live(&name("demo")).await.expect("it reads").cursor;
    let mut effects = world.store.effects();
    let moved = world.store.move_by_hand(by_hand(1, Some(3))).await.expect("it points at 3");
    assert_eq!((moved.from, moved.to, moved.as_of, &moved.run_id), (Some(3), 1, at(24), &None));
    assert_eq!((moved.by.as_deref(), moved.reason.as_deref()), (Some("ann (bob)"), Some("worse by day")));
    assert_eq!(moves(&world).await[0], moved, "as it was answered");
    assert!(moves(&world).await[1].by.is_none() && moves(&world).await[1].run_id.is_some(), "a run did");
    assert!(std::iter::from_fn(|| effects.try_recv().ok()).any(|effect| effect == Effect::RegistryMoved));
    let live = world.store.live(&name("demo")).await.expect("it reads");
    assert!(live.cursor > before);
    assert_eq!(live.live[0].version.version, 1);
    let detail = "`champion` from version 3 to version 1: worse by day".to_owned();
    assert_eq!(audited(&world).await, [("promote".to_owned(), detail)]);
    assert_eq!(leave(&world, &worker, promoted(2, 12)).await["moved"], json!(false), "older than where it stands");
    assert_eq!(leave(&world, &worker, promoted(2, 48)).await["moved"], json!(true));
    assert_eq!(champion(&world).await, Some(2));
}

async fn a_move_by_hand_that_expects_another_version_changes_nothing(world: World) {
    nights(&world, 2).await;
    let refused = world.store.move_by_hand(by_hand(1, Some(3))).await.expect_err("it points at 2");
    assert!(matches!(&refused, Error::NotNow(why) if why.contains("points at version 2 and not at version 3")));
    let refused = world.store.move_by_hand(by_hand(2, None)).await.expect_err("it points there");
    assert!(matches!(&refused, Error::NotNow(why) if why.contains("points at version 2 already")), "{refused}");
    assert_eq!((champion(&world).await, moves(&world).await.len()), (Some(2), 2));
    assert!(audited(&world).await.is_empty());
}

async fn a_move_by_hand_to_what_there_is_not_is_refused(world: World) {
    let unknown = world.store.move_by_hand(by_hand(1, None)).await;
    assert!(matches!(&unknown, Err(Error::NotFound(why)) if why == "model `late` has no versions"), "{unknown:?}");
    nights(&world, 2).await;
    let unknown = world.store.move_by_hand(by_hand(7, Some(2))).await;
    assert!(matches!(&unknown, Err(Error::Refused(why)) if why.ends_with("it has 1 to 2")), "{unknown:?}");
    assert_eq!((champion(&world).await, moves(&world).await.len()), (Some(2), 2));
}

async fn an_alias_that_points_nowhere_is_moved_by_hand_too(world: World) {
    nights(&world, 1).await;
    let challenger = |expected| MoveByHand { alias: name("challenger"), ..by_hand(1, expected) };
    let refused = world.store.move_by_hand(challenger(Some(1))).await.expect_err("it points nowhere");
    assert!(matches!(&refused, Error::NotNow(why) if why.contains("points nowhere and not at version 1")), "{refused}");
    let moved = world.store.move_by_hand(challenger(None)).await.expect("it has the version");
    assert_eq!((moved.alias.as_str(), moved.from, moved.to), ("challenger", None, 1));
    let models = world.store.models(&name("demo"), &ModelsQuery::default()).await.expect("models").models;
    assert_eq!(models[0].aliases, BTreeMap::from([("challenger".to_owned(), 1), ("champion".to_owned(), 1)]));
    assert_eq!(audited(&world).await[0].1, "`challenger` to version 1: worse by day");
}

async fn two_servers_that_move_an_alias_at_once_move_it_once(world: World) {
    nights(&world, 3).await;
    let other = world.open_another().await;
    let both = tokio::join!(world.store.move_by_hand(by_hand(1, Some(3))), other.move_by_hand(by_hand(2, Some(3))));
    let moved: Vec<u32> = [&both.0, &both.1].into_iter().flatten().map(|moved| moved.to).collect();
    assert_eq!(moved.len(), 1, "{both:?}");
    assert_eq!(champion(&world).await, Some(moved[0]));
    assert_eq!((moves(&world).await.len(), audited(&world).await.len()), (4, 1));
}
