//! Runs of a DAG beside each other, the attempts of a run, and where a run comes from.

use std::collections::BTreeMap;

use daybreak_core::{AttemptEnd, Failure, OnReject, TaskStatus, WorkerIdentity};
use daybreak_protocol::{
    AliasMove, AttemptCursor, AttemptsQuery, BuildRecord, GridQuery, MintPublication, NewModelVersion, TaskOfRun,
    TaskResult,
};
use daybreak_spec::TriggerRule;
use daybreak_store::{ClaimedTask, DecideTask, Decision, Error, NewRun, ReportedEnd};

use crate::semantics::{start, tasks};
use crate::support::{SECOND, World, at, caller, name, template};
use crate::waits::{approval, long_lived, makes, waits};

crate::stories! {
    states_stand_in_the_columns_of_their_tasks,
    pages_of_a_grid_lead_back_to_the_first_run,
    durations_are_those_of_the_last_attempt,
    attempts_are_listed_oldest_first_whatever_became_of_them,
    an_attempt_that_waited_is_listed_once,
    pages_of_attempts_lose_and_repeat_none,
    a_lineage_tells_what_a_run_made_and_what_it_took_from_others,
    a_lineage_tells_who_made_the_run_and_what_runs_it_made,
}

const DAG: &str = "nightly";

fn page(before: Option<&str>, limit: u32) -> GridQuery {
    GridQuery { before: before.map(str::to_owned), limit: Some(limit) }
}

fn failed(retry: bool) -> ReportedEnd {
    let failure = Failure { cause: "task_error".to_owned(), reason: "no rows".to_owned() };
    ReportedEnd::Other(AttemptEnd::Failed { failure, retry })
}

/// A run whose first task has ended so.
async fn ended_with(world: &World, worker: &WorkerIdentity, end: ReportedEnd) -> String {
    let run = world.run().await;
    let first = world.claim_one(worker).await;
    world.report(&first, end).await.expect("it holds the task");
    run
}

async fn states_stand_in_the_columns_of_their_tasks(world: World) {
    let worker = world.worker().await;
    let failed_run = ended_with(&world, &worker, failed(false)).await;
    let mut other = template();
    other.tasks.truncate(1);
    other.tasks[0].task = name("an_older_one");
    let older = NewRun { template: other, window_start: None, window_end: at(48) };
    let older = world.store.make_run(older).await.expect("it starts");
    world.drive(&worker, &older).await;
    let going_on = ended_with(&world, &worker, ReportedEnd::Succeeded(Box::default())).await;
    world.claim_one(&worker).await;

    let order = ["third", "first", "second", "new"].map(name);
    let grid = world.store.grid((&name("demo"), &name(DAG)), &order, &GridQuery::default()).await.expect("a grid");
    let columns: Vec<&str> = grid.tasks.iter().map(daybreak_spec::Name::as_str).collect();
    assert_eq!(columns, ["third", "first", "second", "new", "an_older_one"], "what only runs have stands last");
    let shown: Vec<_> = grid.runs.iter().map(|run| (run.id.as_str(), run.states.as_str())).collect();
    assert_eq!(shown, [(&*going_on, "wsr.."), (&*older, "....s"), (&*failed_run, "ufu..")]);
    assert_eq!((grid.runs[1].window_end, grid.next), (at(48), None));
    let nobody = world.store.grid((&name("demo"), &name("other")), &[], &GridQuery::default()).await.expect("a grid");
    assert_eq!((nobody.runs.len(), nobody.tasks.len()), (0, 0));
}

async fn pages_of_a_grid_lead_back_to_the_first_run(world: World) {
    let mut made = Vec::new();
    for _ in 0..3 {
        made.push(world.run().await);
    }
    let (of, order) = ((&name("demo"), &name(DAG)), [name("first")]);
    let newest = world.store.grid(of, &order, &page(None, 2)).await.expect("a grid");
    let ids: Vec<&str> = newest.runs.iter().map(|run| run.id.as_str()).collect();
    assert_eq!((ids, newest.next.as_deref()), (vec![&*made[2], &*made[1]], Some(&*made[1])));
    world.run().await;
    let oldest = world.store.grid(of, &order, &page(newest.next.as_deref(), 2)).await.expect("a grid");
    assert_eq!((oldest.runs[0].id.as_str(), oldest.runs.len(), oldest.next), (&*made[0], 1, None));
    let same = world.store.durations(of, &order, &page(newest.next.as_deref(), 2)).await.expect("times");
    assert_eq!((same.runs[0].id.as_str(), same.runs.len(), same.next), (&*made[0], 1, None));
}

async fn durations_are_those_of_the_last_attempt(world: World) {
    let worker = long_lived(&world).await;
    world.run().await;
    world.pass(3);
    let first = world.claim_one(&worker).await;
    world.pass(5);
    world.report(&first, failed(true)).await.expect("it holds the task");
    world.pass(10);
    world.sweep().await;
    let times = async || {
        let order = ["first", "second"].map(name);
        let found = world.store.durations((&name("demo"), &name(DAG)), &order, &GridQuery::default()).await;
        let run = found.expect("times").runs.remove(0);
        let seconds = |times: Vec<Option<u64>>| -> Vec<Option<u64>> {
            times.into_iter().map(|micros| micros.map(|micros| micros / SECOND.unsigned_abs())).collect()
        };
        (seconds(run.queued_us), seconds(run.running_us))
    };
    assert_eq!(times().await, (vec![None; 3], vec![None; 3]), "ready again: what was before does not count");
    world.pass(2);
    let again = world.claim_one(&worker).await;
    world.pass(7);
    assert_eq!(times().await, (vec![Some(2), None, None], vec![None; 3]));
    world.succeed(&again).await.expect("it holds the task");
    world.pass(1);
    let second = world.claim_one(&worker).await;
    world.succeed(&second).await.expect("it holds the task");
    assert_eq!(times().await, (vec![Some(2), Some(1), None], vec![Some(7), Some(0), None]));
}

async fn attempts(world: &World, run: &str, wanted: AttemptsQuery) -> Vec<(String, u32, TaskStatus, String)> {
    let list = world.store.list_attempts(run, &wanted).await.expect("attempts");
    let shown = list.attempts.into_iter();
    shown
        .map(|attempt| (attempt.task.to_string(), attempt.attempt, attempt.state, attempt.cause.unwrap_or_default()))
        .collect()
}

fn shown(task: &str, attempt: u32, state: TaskStatus, cause: &str) -> (String, u32, TaskStatus, String) {
    (task.to_owned(), attempt, state, cause.to_owned())
}

async fn attempts_are_listed_oldest_first_whatever_became_of_them(world: World) {
    let worker = long_lived(&world).await;
    let run = world.run().await;
    assert_eq!(attempts(&world, &run, AttemptsQuery::default()).await, [], "what is ready has no attempt yet");
    world.pass(3);
    let first = world.claim_one(&worker).await;
    world.pass(5);
    world.report(&first, failed(true)).await.expect("it holds the task");
    world.pass(10);
    world.sweep().await;
    let again = world.claim_one(&worker).await;
    world.succeed(&again).await.expect("it holds the task");
    world.pass(1);
    world.claim_one(&worker).await;
    let (one, two) =
        (shown("first", 1, TaskStatus::RetryWait, "task_error"), shown("first", 2, TaskStatus::Succeeded, ""));
    let all = attempts(&world, &run, AttemptsQuery::default()).await;
    assert_eq!(all, [one.clone(), two.clone(), shown("second", 1, TaskStatus::Running, "")]);
    let of_first = AttemptsQuery { task: Some(name("first")), ..AttemptsQuery::default() };
    assert_eq!(attempts(&world, &run, of_first.clone()).await, [one, two]);
    let list = world.store.list_attempts(&run, &of_first).await.expect("attempts").attempts;
    let [earlier, _] = &list[..] else { panic!("two") };
    let seconds = |from: Option<daybreak_spec::Timestamp>, to: Option<daybreak_spec::Timestamp>| {
        (to.expect("a time").micros - from.expect("a time").micros) / SECOND
    };
    assert_eq!(seconds(earlier.ready_at, earlier.started_at), 3, "the record keeps since when it was ready");
    assert_eq!(seconds(earlier.started_at, earlier.ended_at), 5);
    assert_eq!((earlier.worker.as_deref(), earlier.reason.as_deref()), (Some("test"), Some("no rows")));
    let detail = world.store.run(&run).await.expect("the run");
    assert_eq!(detail.tasks[0].ready_at, list[1].ready_at);

    let unknown = world.store.list_attempts("00000000000000000000000000", &AttemptsQuery::default()).await;
    assert!(matches!(unknown, Err(Error::NotFound(_))), "{unknown:?}");
    let nobody = AttemptsQuery { task: Some(name("nobody")), ..AttemptsQuery::default() };
    let unknown = world.store.list_attempts(&run, &nobody).await;
    assert!(matches!(unknown, Err(Error::NotFound(_))), "{unknown:?}");
}

async fn an_attempt_that_waited_is_listed_once(world: World) {
    let worker = long_lived(&world).await;
    let (run, _) = waits(&world, &worker, approval(OnReject::Fail)).await;
    assert_eq!(
        attempts(&world, &run, AttemptsQuery::default()).await,
        [shown("ask", 1, TaskStatus::Deferred, "")],
        "the row says more than the record of its first look"
    );
    let decision = Decision::Reject;
    let rejected =
        DecideTask { run_id: run.clone(), task: name("ask"), decision, note: None, fence: None, caller: caller() };
    world.store.decide(rejected).await.expect("it waits for it");
    let all = attempts(&world, &run, AttemptsQuery::default()).await;
    assert_eq!((all.len(), all[0].2), (1, TaskStatus::Failed), "{all:?}");
}

async fn pages_of_attempts_lose_and_repeat_none(world: World) {
    let worker = long_lived(&world).await;
    let run = start(&world, tasks(&[("a", &[], TriggerRule::default()), ("b", &[], TriggerRule::default())])).await;
    let mut fences = 0;
    while fences < 4 {
        for task in world.claim(&worker).await {
            world.report(&task, ReportedEnd::Other(AttemptEnd::HandedBack)).await.expect("it holds the task");
            fences += 1;
        }
    }
    let mut found = Vec::new();
    let mut after: Option<AttemptCursor> = None;
    loop {
        let wanted = AttemptsQuery { after, limit: Some(1), ..AttemptsQuery::default() };
        let page = world.store.list_attempts(&run, &wanted).await.expect("attempts");
        found.extend(page.attempts.into_iter().map(|attempt| (attempt.task.to_string(), attempt.fence)));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let mut sorted = found.clone();
    sorted.sort();
    sorted.dedup();
    assert_eq!((found.len(), sorted.len()), (4, 4), "{found:?}");
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

async fn publish(world: &World, task: &ClaimedTask, hours: i64) -> i64 {
    let mint = MintPublication {
        task_run_id: task.task_run_id.clone(),
        fence: task.fence,
        view: name("weather"),
        as_of: at(hours),
    };
    world.store.mint_publication(mint).await.expect("it holds the task")
}

fn trained() -> NewModelVersion {
    NewModelVersion {
        model: name("late"),
        object: "m1".to_owned(),
        as_of: at(24),
        fit_from: at(0),
        fit_to: at(20),
        rows: 1000,
        metrics: BTreeMap::from([("auc".to_owned(), 0.7)]),
    }
}

async fn a_lineage_tells_what_a_run_made_and_what_it_took_from_others(world: World) {
    let worker = world.worker().await;
    let builder = world.run().await;
    let first = world.claim_one(&worker).await;
    let result = TaskResult { builds: vec![build(24, "b1")], model_version: Some(trained()), ..TaskResult::default() };
    world.succeed_with(&first, result).await.expect("it holds the task");
    world.drive(&worker, &builder).await;

    let publisher = world.run().await;
    let first = world.claim_one(&worker).await;
    let (foreign, own) = (publish(&world, &first, 24).await, build(48, "b2"));
    world.succeed_with(&first, TaskResult { builds: vec![own.clone()], ..TaskResult::default() }).await.expect("held");
    let second = world.claim_one(&worker).await;
    let lost = publish(&world, &second, 48).await;
    world.report(&second, failed(true)).await.expect("it holds the task");
    world.pass(10);
    world.sweep().await;
    let worker = world.worker().await;
    let second = world.claim_one(&worker).await;
    let number = publish(&world, &second, 48).await;
    let alias_move = AliasMove { model: name("late"), alias: "champion".to_owned(), version: 1, as_of: at(48) };
    let moved = TaskResult { alias_move: Some(alias_move), ..TaskResult::default() };
    world.succeed_with(&second, moved).await.expect("it holds the task");

    let made = world.store.lineage(&builder).await.expect("a lineage");
    assert_eq!((made.builds, made.versions.len(), made.version.as_str()), (vec![build(24, "b1")], 1, "aa"));
    assert_eq!((made.publications.len(), made.moves.len(), made.truncated), (0, 0, false));
    let took = world.store.lineage(&publisher).await.expect("a lineage");
    assert_eq!((took.builds, took.versions.len()), (vec![own], 0));
    let numbers: Vec<i64> = took.publications.iter().map(|publication| publication.number).collect();
    assert_eq!(numbers, [foreign, number], "one whose attempt failed ({lost}) is left out");
    assert_eq!(took.made_from.builds, [build(24, "b1")], "what it published and had not made");
    assert_eq!(took.made_from.versions[0].run_id, builder);
    let moves: Vec<_> = took.moves.iter().map(|made| (made.model.as_str(), made.entry.to)).collect();
    assert_eq!(moves, [("late", 1)]);
    let unknown = world.store.lineage("00000000000000000000000000").await;
    assert!(matches!(unknown, Err(Error::NotFound(_))), "{unknown:?}");
}

async fn a_lineage_tells_who_made_the_run_and_what_runs_it_made(world: World) {
    let worker = long_lived(&world).await;
    let (parent, _, child) = makes(&world, &worker).await;
    let above = world.store.lineage(&parent).await.expect("a lineage");
    let of = |task: &TaskOfRun| (task.task.to_string(), task.run_id.clone());
    let made: Vec<_> = above.sub_runs.iter().map(of).collect();
    assert_eq!((made, above.parent), (vec![("ask".to_owned(), child.clone())], None));
    let below = world.store.lineage(&child).await.expect("a lineage");
    assert_eq!((below.parent.as_ref().map(of), below.sub_runs), (Some(("ask".to_owned(), parent)), Vec::new()));
}
