//! Tasks that are done once per item of a list: their items are made with the list, once, in its transaction; each is a
//! task run of its own; the task ends when they have. Read back by whoever goes on with the run.

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use daybreak_core::{RunStatus, TaskStatus};
use daybreak_protocol::{ItemsQuery, TaskResult};
use daybreak_spec::{ForEach, Name, Node, TriggerRule};
use daybreak_store::{Again, ClaimedTask, Database, Error, LimitShare, MarkTask, NewRun, RunTemplate};
use serde_json::{Map, Value as Json, json};

use crate::semantics::{failed, start, tasks};
use crate::support::{SECOND, World, at, caller, name};

crate::stories! {
    items_are_made_with_the_list_and_let_in_one_after_the_other,
    whoever_goes_on_reads_list_and_items_back,
    a_list_of_the_runs_parameters_is_there_at_the_start,
    a_list_that_is_none_fails_the_task_and_an_empty_one_does_not,
    a_task_that_is_cleared_gets_a_new_list_and_an_item_runs_again_alone,
    from_failed_runs_the_failed_items_again_and_no_others,
    cancelling_and_marking_end_the_items,
    items_take_slots_of_limits_and_wait_no_longer_than_their_task_may,
    ten_thousand_items_are_done_once_each,
}

fn each(list: Json, max_parallel: Option<u32>) -> Option<Arc<ForEach>> {
    Some(Arc::new(ForEach { list: Node::from_json(list), max_parallel }))
}

/// `list` → `score`, once per item of what it hands on → `report`.
fn scores(max_parallel: Option<u32>) -> RunTemplate {
    let rule = TriggerRule::default;
    let mut made = tasks(&[("list", &[], rule()), ("score", &["list"], rule()), ("report", &["score"], rule())]);
    for (place, from) in [(1, "list"), (2, "score")] {
        made.tasks[place].takes = [name(from)].into();
    }
    made.tasks[1].for_each = each(json!("${tasks.list.outputs.items}"), max_parallel);
    made
}

fn item(text: &str) -> Name {
    Name::parse_of_run(text).expect("the name of an item")
}

fn handing_on(key: &str, value: Json) -> TaskResult {
    TaskResult { outputs: Map::from_iter([(key.to_owned(), value)]), ..TaskResult::default() }
}

fn names(claimed: &[ClaimedTask]) -> Vec<String> {
    claimed.iter().map(|task| task.task.to_string()).collect()
}

async fn outputs(world: &World, run: &str, task: &str) -> Json {
    let run = world.store.run(run).await.expect("the run");
    Json::Object(run.tasks.iter().find(|found| found.name.as_str() == task).expect("the task").outputs.clone())
}

async fn items_are_made_with_the_list_and_let_in_one_after_the_other(world: World) {
    let worker = world.worker().await;
    let run = start(&world, scores(Some(2))).await;
    let list = world.claim_one(&worker).await;
    let handed = TaskResult {
        outputs: Map::from_iter([
            ("items".to_owned(), json!(["Rome", { "city": "Oslo" }, 7])),
            ("n".to_owned(), 3.into()),
        ]),
        ..TaskResult::default()
    };
    world.succeed_with(&list, handed).await.expect("it holds the task");
    assert_eq!(world.task_status(&run, "score").await, TaskStatus::Deferred);
    let first = world.claim(&worker).await;
    assert_eq!(names(&first), ["score[0]", "score[1]"]);
    assert_eq!(first[1].item, Some((json!({ "city": "Oslo" }), 1)));
    let seen = Json::Object(first[0].outputs[&name("list")].clone());
    assert_eq!(seen, json!({ "n": 3 }), "the whole list travels with no item");
    world.succeed_with(&first[1], handing_on("of", json!(1))).await.expect("it holds the item");
    let last = world.claim_one(&worker).await;
    assert_eq!((last.task.as_str(), last.item.as_ref()), ("score[2]", Some(&(json!(7), 2))));
    let counts = world.store.run(&run).await.expect("the run").tasks[1].items.expect("it has items");
    assert_eq!((counts.items, counts.busy, counts.succeeded, counts.waiting), (3, 2, 1, 0));
    world.succeed(&first[0]).await.expect("it holds the item");
    world.succeed(&last).await.expect("it holds the item");
    let expected = json!({ "items": 3, "succeeded": 3, "failed": 0, "outputs": [{}, { "of": 1 }, {}] });
    assert_eq!(outputs(&world, &run, "score").await, expected);
    let report = world.claim_one(&worker).await;
    assert_eq!(Json::Object(report.outputs[&name("score")].clone()), expected);
    world.succeed(&report).await.expect("it holds the task");
    assert_eq!(world.run_status(&run).await, RunStatus::Succeeded);
    let detail = world.store.run(&run).await.expect("the run");
    assert_eq!(detail.tasks.len(), 3, "items are listed by themselves");
}

async fn whoever_goes_on_reads_list_and_items_back(world: World) {
    let worker = world.worker().await;
    let run = start(&world, scores(Some(1))).await;
    let list = world.claim_one(&worker).await;
    let other = world.open_another().await;
    let done = daybreak_store::ReportedEnd::Succeeded(Box::new(handing_on("items", json!(["a", "b"]))));
    other.report(list.task_run_id.clone(), list.fence, done, (1, 1)).await.expect("it holds the task");
    for place in 0..2 {
        let store = world.open_another().await;
        let claim = daybreak_store::Claim { worker: worker.clone(), free_light: 8, free_heavy: 8 };
        let claimed = store.claim(claim).await.expect("the worker is known");
        assert_eq!(names(&claimed), [format!("score[{place}]")]);
        assert_eq!(claimed[0].item.as_ref().map(|(value, _)| value.clone()), Some(json!(["a", "b"][place])));
        let another = world.open_another().await;
        let done = daybreak_store::ReportedEnd::Succeeded(Box::default());
        another.report(claimed[0].task_run_id.clone(), claimed[0].fence, done, (1, 1)).await.expect("it is held");
    }
    assert_eq!(world.task_status(&run, "score").await, TaskStatus::Succeeded);
    assert_eq!(world.task_status(&run, "report").await, TaskStatus::Ready);
}

async fn a_list_of_the_runs_parameters_is_there_at_the_start(world: World) {
    let worker = world.worker().await;
    let mut template = tasks(&[("score", &[], TriggerRule::default())]);
    template.tasks[0].for_each = each(json!("${params.cities}"), None);
    template.params = Map::from_iter([("cities".to_owned(), json!(["Rome", "Oslo"])), ("day".to_owned(), json!(1))]);
    let run = start(&world, template).await;
    let claimed = world.claim(&worker).await;
    assert_eq!(names(&claimed), ["score[0]", "score[1]"]);
    assert_eq!(Json::Object(claimed[0].params.clone()), json!({ "day": 1 }));
    let page = |from, state| ItemsQuery { state, from, limit: Some(1) };
    let items = world.store.items(&run, &name("score"), &page(None, None)).await.expect("items");
    assert_eq!((items.items[0].name.as_str(), items.items[0].item.clone()), ("score[0]", Some(json!("Rome"))));
    assert_eq!(items.next, Some(1));
    let rest =
        world.store.items(&run, &name("score"), &page(items.next, Some(TaskStatus::Running))).await.expect("items");
    assert_eq!((rest.items[0].name.as_str(), rest.next), ("score[1]", None));
    let none = world.store.items(&run, &name("score"), &page(None, Some(TaskStatus::Failed))).await.expect("items");
    assert_eq!(none.items, []);
    assert!(matches!(world.store.items(&run, &name("tell"), &page(None, None)).await, Err(Error::NotFound(_))));
    let standing = world.store.standing(&run).await.expect("the run");
    assert_eq!(standing.run.tasks.len(), 1);
}

async fn a_list_that_is_none_fails_the_task_and_an_empty_one_does_not(world: World) {
    let worker = world.worker().await;
    let mut ends = Vec::new();
    let handed = [json!({}), json!({ "items": "Rome" }), json!({ "items": [] }), json!({ "items": vec![0; 10_001] })];
    for outputs in handed {
        let run = start(&world, scores(None)).await;
        let list = world.claim_one(&worker).await;
        let outputs = outputs.as_object().expect("a map").clone();
        world.succeed_with(&list, TaskResult { outputs, ..TaskResult::default() }).await.expect("it holds the task");
        let detail = world.store.run(&run).await.expect("the run");
        let score = detail.tasks.iter().find(|task| task.name.as_str() == "score").expect("the task");
        ends.push((score.state, score.reason.clone().unwrap_or_default()));
        if detail.summary.state == RunStatus::Running {
            let report = world.claim_one(&worker).await;
            world.succeed(&report).await.expect("it holds the task");
        }
    }
    let states: Vec<TaskStatus> = ends.iter().map(|(state, _)| *state).collect();
    assert_eq!(states, [TaskStatus::Failed, TaskStatus::Failed, TaskStatus::Succeeded, TaskStatus::Failed]);
    assert!(ends[0].1.contains("task `list` handed on no such output"), "{}", ends[0].1);
    assert!(ends[1].1.contains("needs a list of at most 10000 items, not \"Rome\""), "{}", ends[1].1);
    assert!(ends[3].1.contains("has 10001 items and may have 10000"), "{}", ends[3].1);
}

/// Makes a run of three items and does all of it; items named here fail.
async fn done(world: &World, fail: &[&str]) -> String {
    let worker = world.worker().await;
    let run = start(world, scores(None)).await;
    let list = world.claim_one(&worker).await;
    world.succeed_with(&list, handing_on("items", json!(["a", "b", "c"]))).await.expect("it holds the task");
    while !world.run_status(&run).await.is_terminal() {
        for task in world.claim(&worker).await {
            let end = if fail.contains(&task.task.as_str()) {
                failed()
            } else {
                daybreak_store::ReportedEnd::Succeeded(Box::default())
            };
            world.report(&task, end).await.expect("it holds the task");
        }
    }
    run
}

async fn a_task_that_is_cleared_gets_a_new_list_and_an_item_runs_again_alone(world: World) {
    let run = done(&world, &[]).await;
    let worker = world.worker().await;
    let again = |task: Name| world.store.rerun(run.clone(), Again::Task(task), caller());
    let ran = again(item("score[1]")).await.expect("it has ended");
    assert_eq!(ran.tasks, [name("report"), item("score[1]")]);
    let one = world.claim_one(&worker).await;
    assert_eq!((one.task.as_str(), one.item.clone()), ("score[1]", Some((json!("b"), 1))));
    world.succeed(&one).await.expect("it holds the item");
    let report = world.claim_one(&worker).await;
    world.succeed(&report).await.expect("it holds the task");
    assert_eq!(world.run_status(&run).await, RunStatus::Succeeded);
    // All of it again, with a shorter list: what stood at the other places is nobody's any more.
    again(name("list")).await.expect("it has ended");
    let list = world.claim_one(&worker).await;
    world.succeed_with(&list, handing_on("items", json!(["x"]))).await.expect("it holds the task");
    let items = world.store.items(&run, &name("score"), &ItemsQuery::default()).await.expect("items");
    assert_eq!(items.items.len(), 1);
    let refused = again(item("score[1]")).await.expect_err("the list is shorter");
    assert_eq!(refused.to_string(), format!("run {run} has no `score[1]`: `score` has 1 items, from 0"));
    let only = world.claim_one(&worker).await;
    assert_eq!((only.task.as_str(), only.item.clone()), ("score[0]", Some((json!("x"), 0))));
    assert!(only.fence > 1, "no word from before counts");
    world.succeed(&only).await.expect("it holds the item");
    let report = world.claim_one(&worker).await;
    world.succeed(&report).await.expect("it holds the task");
    assert_eq!(outputs(&world, &run, "score").await["items"], 1);
    assert_eq!(world.store.attempts(&run, &item("score[0]")).await.expect("attempts").len(), 2);
}

async fn from_failed_runs_the_failed_items_again_and_no_others(world: World) {
    let run = done(&world, &["score[0]", "score[2]"]).await;
    let detail = world.store.run(&run).await.expect("the run");
    let expected = "task `score` failed: item 0 failed: no rows (and 1 more of 3 failed)";
    assert_eq!(detail.summary.reason.as_deref(), Some(expected));
    let ran = world.store.rerun(run.clone(), Again::FromFailed, caller()).await.expect("it has failed");
    assert_eq!(ran.tasks, [name("report"), item("score[0]"), item("score[2]")]);
    let worker = world.worker().await;
    let claimed = world.claim(&worker).await;
    assert_eq!(names(&claimed), ["score[0]", "score[2]"]);
    for task in claimed {
        world.succeed(&task).await.expect("it holds the item");
    }
    let report = world.claim_one(&worker).await;
    world.succeed(&report).await.expect("it holds the task");
    assert_eq!(world.run_status(&run).await, RunStatus::Succeeded);
}

async fn cancelling_and_marking_end_the_items(world: World) {
    let worker = world.worker().await;
    let mut held = Vec::new();
    for _ in 0..2 {
        let run = start(&world, scores(Some(1))).await;
        let list = world.claim_one(&worker).await;
        world.succeed_with(&list, handing_on("items", json!(["a", "b"]))).await.expect("it holds the task");
        held.push((run, world.claim_one(&worker).await));
        if held.len() == 1 {
            let reason = "by hand".to_owned();
            world.store.cancel(held[0].0.clone(), reason, caller()).await.expect("it runs");
            let cancelled = daybreak_store::ReportedEnd::Other(daybreak_core::AttemptEnd::Cancelled);
            world.report(&held[0].1, cancelled).await.expect("it holds the item");
            assert_eq!(world.run_status(&held[0].0).await, RunStatus::Cancelled);
        }
    }
    let (run, running) = held.remove(1);
    let mark = MarkTask {
        run_id: run.clone(),
        task: name("score"),
        mark: daybreak_core::Mark::Succeeded { outputs: Map::new() },
        reason: "done elsewhere".to_owned(),
        caller: caller(),
    };
    assert_eq!(world.store.mark(mark).await.expect("it waits"), TaskStatus::Deferred);
    assert!(matches!(world.succeed(&running).await, Err(Error::Stale)));
    let items = world.store.items(&run, &name("score"), &ItemsQuery::default()).await.expect("items");
    assert!(items.items.iter().all(|item| item.state == TaskStatus::Cancelled));
    assert_eq!(world.claim_one(&worker).await.task, name("report"));
}

async fn items_take_slots_of_limits_and_wait_no_longer_than_their_task_may(world: World) {
    let worker = world.worker().await;
    let mut template = scores(None);
    template.tasks[1].limits = vec![LimitShare { limit: name("gpu"), slots: 1, key: None }];
    template.tasks[1].queue_timeout_us = Some(5 * SECOND);
    let run = start(&world, template).await;
    let list = world.claim_one(&worker).await;
    world.succeed_with(&list, handing_on("items", json!(["a", "b", "c"]))).await.expect("it holds the task");
    let first = world.claim(&worker).await;
    assert_eq!(names(&first), ["score[0]", "score[1]"], "the limit has two slots");
    world.succeed(&first[0]).await.expect("it holds the item");
    let last = world.claim_one(&worker).await;
    assert_eq!(last.task.as_str(), "score[2]");
    for task in [&first[1], &last] {
        world.succeed(task).await.expect("it holds the item");
    }
    assert_eq!(world.task_status(&run, "score").await, TaskStatus::Succeeded);
    let mut untaken = scores(Some(1));
    untaken.tasks[1].queue_timeout_us = Some(5 * SECOND);
    let report = world.claim_one(&worker).await;
    world.succeed(&report).await.expect("it holds the task");
    let run = start(&world, untaken).await;
    let list = world.claim_one(&worker).await;
    world.succeed_with(&list, handing_on("items", json!(["a"]))).await.expect("it holds the task");
    world.pass(6);
    assert_eq!(world.sweep().await.untaken, 1);
    let reason = world.store.run(&run).await.expect("the run").tasks[1].reason.clone().unwrap_or_default();
    assert!(reason.starts_with("item 0 failed: no worker took it within its `queue_timeout`"), "{reason}");
}

async fn ten_thousand_items_are_done_once_each(world: World) {
    let worker = world.worker().await;
    let mut template = tasks(&[("score", &[], TriggerRule::default())]);
    template.tasks[0].for_each = each((0..10_000).collect(), Some(64));
    let begun = std::time::Instant::now();
    let run = start(&world, template).await;
    let made = begun.elapsed();
    let mut seen = BTreeSet::new();
    while !world.run_status(&run).await.is_terminal() {
        let claim = daybreak_store::Claim { worker: worker.clone(), free_light: 128, free_heavy: 0 };
        let claimed = world.store.claim(claim).await.expect("the worker is known");
        assert!(claimed.len() <= 64, "no more than may");
        let reports = claimed.iter().map(|task| {
            assert!(seen.insert(task.task.clone()), "{} is given out twice", task.task);
            world.succeed(task)
        });
        for reported in futures::future::join_all(reports).await {
            reported.expect("it holds the item");
        }
    }
    assert_eq!(seen.len(), 10_000);
    let counts = world.store.run(&run).await.expect("the run").tasks[0].items.expect("it has items");
    assert_eq!((counts.items, counts.succeeded), (10_000, 10_000));
    println!("10,000 items: made in {made:?}, done after {:?}", begun.elapsed());
}

const POINT: &str = "DAYBREAK_TEST_POINT_OF_A_LIST";
const FOLDER: &str = "DAYBREAK_TEST_FOLDER_OF_A_LIST";

#[expect(clippy::disallowed_methods, reason = "a test process is told by the one that started it")]
fn told(what: &str) -> Option<String> {
    std::env::var(what).ok()
}

/// The process that ends while a list becomes known: does nothing unless another test started it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn process_that_ends_over_a_list() {
    let (Some(point), Some(folder)) = (told(POINT), told(FOLDER)) else { return };
    let world = World::on_database(Database::Sqlite(std::path::PathBuf::from(folder).join("state.db"))).await;
    let worker = world.worker().await;
    start(&world, scores(Some(2))).await;
    let list = world.claim_one(&worker).await;
    fail::cfg_callback(&point, || std::process::abort()).expect("the point is armed");
    world.succeed_with(&list, handing_on("items", json!(["a", "b", "c"]))).await.expect("it holds the task");
    println!("reported");
    world.store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_ends_while_a_list_becomes_known_leaves_all_of_its_items_or_none() {
    for point in ["fan_out.before", "fan_out.after", "cp02.before", "cp02.after"] {
        let folder = tempfile::tempdir().expect("a folder");
        let mut command = Command::new(std::env::current_exe().expect("this process has a path"));
        command.args(["--exact", "fan_out::process_that_ends_over_a_list", "--nocapture", "--test-threads=1"]);
        command.env(POINT, point).env(FOLDER, folder.path());
        let output = tokio::task::spawn_blocking(move || command.output()).await.expect("no panic").expect("it starts");
        assert!(output.status.code().is_none(), "{point} was not crossed: {}", String::from_utf8_lossy(&output.stdout));
        let now_us = Arc::new(AtomicI64::new((1_700_000_000 + 3_600) * SECOND));
        let database = Database::Sqlite(folder.path().join("state.db"));
        let world = World::reopened(database, now_us).await;
        let items = world.count("SELECT COUNT(*) FROM task_run WHERE item IS NOT NULL").await;
        assert_eq!(items, if point == "cp02.after" { 3 } else { 0 }, "{point}");
        world.store.take_over("next".to_owned()).await.expect("it takes over");
        let worker = world.worker().await;
        let mut ran = Vec::new();
        while world.count("SELECT COUNT(*) FROM run WHERE ended_at_us IS NULL").await > 0 {
            world.sweep().await;
            for task in world.claim(&worker).await {
                ran.push(task.task.to_string());
                world.succeed_with(&task, handing_on("items", json!(["a", "b", "c"]))).await.expect("it is held");
            }
        }
        ran.retain(|task| task.starts_with("score"));
        ran.sort();
        assert_eq!(ran, ["score[0]", "score[1]", "score[2]"], "{point}: each item once");
    }
}

#[tokio::test]
async fn a_run_by_hand_may_have_a_list_of_its_own() {
    let world = World::on_sqlite().await;
    let mut template = tasks(&[("score", &[], TriggerRule::default())]);
    template.tasks[0].for_each = each(json!(["${params.day}", "b"]), None);
    let run = NewRun { template, window_start: None, window_end: at(24) };
    world.store.make_run(run).await.expect("it starts");
    let claimed = world.claim(&world.worker().await).await;
    assert_eq!(claimed[0].item, Some((json!("monday"), 0)), "values are put into written items too");
}
