//! Tasks that are done once per item: what follows from items, and random runs of them under random events.

use std::sync::Arc;

use daybreak_core::{
    AttemptEnd, Changes, Event, Failure, FanOut, MAX_ITEMS, Mark, Moment, Rejected, RunSnapshot, RunState, RunStatus,
    TaskState, TaskStatus, WhyKind, WorkerIdentity, advance, legal_changes,
};
use daybreak_spec::{Name, Rule, Timestamp, TriggerRule};
use proptest::prelude::*;
use serde_json::{Map, Value as Json, json};

use crate::stories::night;

fn name(text: &str) -> Name {
    Name::parse_of_run(text).expect("a name")
}

/// `list` → `score` (once per item) → `report`, and a teardown behind `score`.
fn run(max_parallel: u32) -> RunSnapshot {
    let model = night().tasks["features"].clone();
    let task = |parents: &[&str]| daybreak_core::TaskSnapshot {
        parents: parents.iter().map(|parent| name(parent)).collect(),
        progress: daybreak_core::TaskProgress::new(),
        ..model.clone()
    };
    let mut tasks = std::collections::BTreeMap::new();
    tasks.insert(name("list"), task(&[]));
    let fan_out = Some(Box::new(FanOut::new(max_parallel)));
    tasks.insert(name("score"), daybreak_core::TaskSnapshot { fan_out, ..task(&["list"]) });
    tasks.insert(name("report"), task(&["score"]));
    let trigger = TriggerRule::Rule(Rule::AllDone);
    tasks.insert(name("after"), daybreak_core::TaskSnapshot { trigger, ..task(&["score"]) });
    tasks.insert(name("clear"), daybreak_core::TaskSnapshot { trigger: TriggerRule::Teardown, ..task(&["score"]) });
    let mut run = RunSnapshot {
        state: RunState::Queued,
        cancel_requested: None,
        overdue: false,
        tasks,
        needed_by: Default::default(),
    };
    happen(&mut run, &Event::Start);
    happen(&mut run, &claim("list"));
    let listed = succeed(&run, "list");
    happen(&mut run, &listed);
    run
}

fn list(items: usize) -> Event {
    let list: Arc<[Json]> = (0..items).map(Json::from).collect();
    Event::FanOut { task: name("score"), list: Ok(list) }
}

/// The same with its list.
fn with_items(items: usize, max_parallel: u32) -> RunSnapshot {
    let mut run = run(max_parallel);
    happen(&mut run, &list(items));
    run
}

fn try_happen(run: &mut RunSnapshot, event: &Event) -> Result<Changes, Rejected> {
    // Every wait before another attempt is over at once.
    let now = if matches!(event, Event::RetryDue { .. }) { i64::MAX } else { 0 };
    let changes = advance(run, event, Moment { now: Timestamp::from_micros(now), uniform: 0.0 })?;
    let mut written = run.clone();
    written.apply(&Changes { lists: changes.lists.clone(), ..Changes::default() });
    for change in &changes.tasks {
        let (_, before) = written.task(change.task.as_str()).expect("it is made before it is changed");
        let before = before.progress.clone();
        assert_eq!((change.status_before, change.fence_before), (before.state.status(), before.fence), "{event:?}");
        let row = (before.state.status(), change.after.state.status(), change.after.fence - before.fence);
        let known = (row.0 == row.1 && row.2 == 0) || legal_changes().any(|legal| legal == row);
        assert!(known, "{row:?} of {} is not in the table: {event:?}", change.task);
        written.apply(&Changes { tasks: vec![change.clone()], ..Changes::default() });
    }
    run.apply(&changes);
    assert_eq!(run.tasks, written.tasks);
    check(run);
    Ok(changes)
}

fn happen(run: &mut RunSnapshot, event: &Event) -> Changes {
    try_happen(run, event).unwrap_or_else(|rejected| panic!("{event:?}: {rejected}"))
}

/// What holds after every event.
fn check(run: &RunSnapshot) {
    let score = &run.tasks["score"];
    let fan_out = score.fan_out.as_ref().expect("it has items");
    let recounted = FanOut::restored(fan_out.max_parallel, fan_out.list().cloned(), fan_out.all_items().to_vec());
    assert_eq!(**fan_out, recounted, "what is kept is what is counted");
    let counts = fan_out.counts();
    assert!(counts.busy <= fan_out.max_parallel, "{counts:?}");
    match &score.progress.state {
        TaskState::Deferred(_) => {
            assert!(counts.open() > 0 || run.state.status() != RunStatus::Running, "all items have ended");
            let room = counts.busy < fan_out.max_parallel && counts.waiting > 0;
            let going_on = run.state == RunState::Running;
            assert!(!room || !going_on, "an item waits although there is room: {counts:?}");
        }
        state => assert_eq!(counts.open(), 0, "items go on although their task is {}", state.status()),
    }
    for item in fan_out.all_items().iter().skip(fan_out.items().len()) {
        assert!(item.task.progress.state.is_terminal(), "nobody waits for it");
    }
}

fn claim(task: &str) -> Event {
    Event::Claim { task: name(task), worker: WorkerIdentity { id: "w".to_owned(), epoch: 1 } }
}

fn report(run: &RunSnapshot, task: &str, end: AttemptEnd) -> Event {
    let fence = run.task(task).map_or(0, |(_, task)| task.progress.fence);
    Event::Report { task: name(task), fence, end }
}

fn succeed(run: &RunSnapshot, task: &str) -> Event {
    let outputs = Map::from_iter([("of".to_owned(), task.into())]);
    report(run, task, AttemptEnd::Succeeded { outputs })
}

fn fail(run: &RunSnapshot, task: &str) -> Event {
    let failure = Failure { cause: "task_error".to_owned(), reason: "it broke".to_owned() };
    report(run, task, AttemptEnd::Failed { failure, retry: false })
}

fn status(run: &RunSnapshot, task: &str) -> TaskStatus {
    run.task(task).map(|(_, task)| task.progress.state.status()).expect("a task")
}

fn statuses(run: &RunSnapshot, items: usize) -> Vec<TaskStatus> {
    (0..items).map(|index| status(run, &format!("score[{index}]"))).collect()
}

fn outputs(run: &RunSnapshot) -> Json {
    match &run.tasks["score"].progress.state {
        TaskState::Succeeded { outputs } => Json::Object(outputs.clone()),
        other => panic!("{other:?}"),
    }
}

fn do_item(run: &mut RunSnapshot, item: &str) {
    happen(run, &claim(item));
    let done = succeed(run, item);
    happen(run, &done);
}

use TaskStatus::{Cancelled, Deferred, Failed, Ready, Running, Skipped, Succeeded, UpstreamFailed, Waiting};

#[test]
fn items_are_let_in_in_order_and_no_more_than_may() {
    let mut run = with_items(4, 2);
    assert_eq!((status(&run, "score"), statuses(&run, 4)), (Deferred, vec![Ready, Ready, Waiting, Waiting]));
    happen(&mut run, &claim("score[1]"));
    let done = succeed(&run, "score[1]");
    let changes = happen(&mut run, &done);
    assert_eq!(changes.tasks.len(), 2, "the one that ended and the next one: {changes:?}");
    assert_eq!(statuses(&run, 4), [Ready, Succeeded, Ready, Waiting]);
    for item in ["score[0]", "score[2]", "score[3]"] {
        do_item(&mut run, item);
    }
    let each: Vec<Json> = (0..4).map(|index| json!({ "of": format!("score[{index}]") })).collect();
    assert_eq!(outputs(&run), json!({ "items": 4, "succeeded": 4, "failed": 0, "outputs": each }));
    assert_eq!(status(&run, "report"), Ready);
}

#[test]
fn an_empty_list_succeeds_with_no_items() {
    let run = with_items(0, 8);
    assert_eq!(outputs(&run), json!({ "items": 0, "succeeded": 0, "failed": 0, "outputs": [] }));
    assert_eq!(status(&run, "report"), Ready);
}

#[test]
fn a_list_that_is_too_long_or_cannot_be_had_fails_the_task() {
    let mut too_long = run(8);
    happen(&mut too_long, &list(MAX_ITEMS + 1));
    let TaskState::Failed(failure) = &too_long.tasks["score"].progress.state else { panic!("it fails") };
    assert!(failure.reason.contains("has 10001 items and may have 10000"), "{}", failure.reason);
    assert_eq!(status(&too_long, "report"), UpstreamFailed);
    let mut none = run(8);
    let failure = Failure { cause: "bad_list".to_owned(), reason: "no list".to_owned() };
    happen(&mut none, &Event::FanOut { task: name("score"), list: Err(failure) });
    assert_eq!((status(&none, "score"), status(&none, "after")), (Failed, Ready));
}

#[test]
fn a_list_is_made_once_and_its_task_is_nobodys_work() {
    let mut run = run(8);
    assert_eq!(try_happen(&mut run, &claim("score")), Err(Rejected::NotApplicable));
    happen(&mut run, &list(2));
    assert_eq!(try_happen(&mut run, &list(2)), Err(Rejected::NotApplicable));
    assert_eq!(try_happen(&mut run, &claim("score[2]")), Err(Rejected::UnknownTask));
}

#[test]
fn one_failed_item_fails_the_task_once_all_have_ended() {
    let mut run = with_items(3, 3);
    happen(&mut run, &claim("score[1]"));
    let failed = fail(&run, "score[1]");
    happen(&mut run, &failed);
    assert_eq!((status(&run, "score"), status(&run, "report")), (Deferred, Waiting));
    do_item(&mut run, "score[0]");
    do_item(&mut run, "score[2]");
    let TaskState::Failed(failure) = &run.tasks["score"].progress.state else { panic!("it fails") };
    assert_eq!(failure.reason, "item 1 failed: it broke");
    assert_eq!((status(&run, "report"), status(&run, "after"), status(&run, "clear")), (UpstreamFailed, Ready, Ready));
}

#[test]
fn failures_that_are_tolerated_are_counted_and_the_task_succeeds() {
    let mut run = run(3);
    run.tasks.get_mut("score").expect("a task").tolerated = true;
    happen(&mut run, &list(2));
    happen(&mut run, &claim("score[0]"));
    let failed = fail(&run, "score[0]");
    happen(&mut run, &failed);
    do_item(&mut run, "score[1]");
    let expected = json!({ "items": 2, "succeeded": 1, "failed": 1, "outputs": [null, { "of": "score[1]" }] });
    assert_eq!(outputs(&run), expected);
    assert_eq!(status(&run, "report"), Ready);
}

#[test]
fn outputs_of_items_are_left_out_when_they_are_too_large_together() {
    let mut run = with_items(2, 2);
    for item in ["score[0]", "score[1]"] {
        happen(&mut run, &claim(item));
        let outputs = Map::from_iter([("text".to_owned(), "x".repeat(40_000).into())]);
        let done = report(&run, item, AttemptEnd::Succeeded { outputs });
        happen(&mut run, &done);
    }
    let outputs = outputs(&run);
    assert_eq!((&outputs["items"], outputs.get("outputs")), (&json!(2), None));
    assert!(outputs["outputs_left_out"].as_str().is_some_and(|why| why.contains("at most 65536")), "{outputs}");
}

#[test]
fn an_item_that_is_no_pass_makes_the_task_none() {
    let mut run = with_items(2, 2);
    do_item(&mut run, "score[0]");
    happen(&mut run, &claim("score[1]"));
    let outputs_of_gate = Map::from_iter([("passed".to_owned(), false.into()), ("reason".to_owned(), "auc".into())]);
    let done = report(&run, "score[1]", AttemptEnd::Succeeded { outputs: outputs_of_gate });
    happen(&mut run, &done);
    assert_eq!(run.tasks["score"].progress.state.refusal(), Some("item 1 did not pass: auc"));
}

#[test]
fn an_item_runs_again_alone_and_its_task_waits_for_it() {
    let mut run = with_items(3, 1);
    for task in ["score[0]", "score[1]", "score[2]", "report", "after"] {
        do_item(&mut run, task);
    }
    let again = Event::Rerun { tasks: vec![name("score[1]")] };
    assert_eq!(try_happen(&mut run, &again), Err(Rejected::NotApplicable), "a task that needs it is under way");
    do_item(&mut run, "clear");
    assert_eq!(run.state, RunState::Succeeded);
    happen(&mut run, &again);
    assert_eq!((statuses(&run, 3), status(&run, "score")), (vec![Succeeded, Waiting, Succeeded], Deferred));
    happen(&mut run, &Event::Start);
    assert_eq!(statuses(&run, 3), [Succeeded, Ready, Succeeded]);
    assert_eq!((status(&run, "score"), status(&run, "report")), (Deferred, Waiting));
    assert_eq!(run.task("score[1]").map(|(_, item)| item.progress.generation), Some(1));
    do_item(&mut run, "score[1]");
    assert_eq!((status(&run, "score"), status(&run, "report")), (Succeeded, Ready));
}

#[test]
fn a_task_that_runs_again_gets_a_new_list() {
    let mut run = with_items(3, 8);
    for task in ["score[0]", "score[1]", "score[2]", "report", "after", "clear"] {
        do_item(&mut run, task);
    }
    let fence = run.task("score[0]").map(|(_, item)| item.progress.fence).expect("an item");
    happen(&mut run, &Event::Rerun { tasks: vec![name("score")] });
    happen(&mut run, &Event::Start);
    assert_eq!(status(&run, "score"), Ready);
    assert_eq!(try_happen(&mut run, &Event::Rerun { tasks: vec![name("score[1]")] }), Err(Rejected::UnknownTask));
    happen(&mut run, &list(2));
    assert_eq!(statuses(&run, 3), [Ready, Ready, Succeeded]);
    assert_eq!(run.task("score[0]").map(|(_, item)| item.progress.fence), Some(fence + 1));
    do_item(&mut run, "score[0]");
    do_item(&mut run, "score[1]");
    assert_eq!(outputs(&run)["items"], json!(2));
}

#[test]
fn a_cancelled_run_ends_its_items_and_clears_up_after_them() {
    let mut run = with_items(4, 2);
    happen(&mut run, &claim("score[0]"));
    happen(&mut run, &Event::Cancel { reason: "by hand".to_owned() });
    assert_eq!((status(&run, "score"), statuses(&run, 4)), (Deferred, vec![Running, Cancelled, Cancelled, Cancelled]));
    let ended = report(&run, "score[0]", AttemptEnd::Cancelled);
    happen(&mut run, &ended);
    assert_eq!((status(&run, "score"), status(&run, "clear")), (Cancelled, Ready));
    do_item(&mut run, "clear");
    assert_eq!(run.state.status(), RunStatus::Cancelled);
}

#[test]
fn a_mark_on_the_task_ends_its_items_over_their_heads_and_one_on_an_item_counts() {
    let mut run = with_items(3, 2);
    happen(&mut run, &claim("score[0]"));
    let late = succeed(&run, "score[0]");
    let mut marked = run.clone();
    let mark = Mark::Succeeded { outputs: Map::new() };
    happen(&mut marked, &Event::Mark { task: name("score"), mark: mark.clone() });
    assert_eq!(statuses(&marked, 3), [Cancelled; 3]);
    assert_eq!(try_happen(&mut marked, &late), Err(Rejected::Stale));
    assert_eq!(status(&marked, "report"), Ready);
    let skip = Mark::Skipped { reason: "not needed".to_owned() };
    happen(&mut run, &Event::Mark { task: name("score[0]"), mark: skip });
    assert_eq!(statuses(&run, 3), [Skipped, Ready, Ready]);
    do_item(&mut run, "score[1]");
    do_item(&mut run, "score[2]");
    assert_eq!((&outputs(&run)["succeeded"], status(&run, "report")), (&json!(2), Ready));
    let again = Event::Mark { task: name("score[1]"), mark: Mark::Failed { reason: "no".to_owned() } };
    assert_eq!(try_happen(&mut run, &again), Err(Rejected::NotApplicable));
}

#[test]
fn a_list_that_takes_too_long_in_all_ends_with_its_items() {
    let mut run = with_items(3, 2);
    happen(&mut run, &claim("score[0]"));
    let failure = Failure { cause: "total_timeout".to_owned(), reason: "too long".to_owned() };
    let fence = run.tasks["score"].progress.fence;
    happen(&mut run, &Event::TotalTimedOut { task: name("score"), fence, failure });
    assert_eq!((status(&run, "score"), statuses(&run, 3)), (Failed, vec![Cancelled; 3]));
    assert_eq!((status(&run, "report"), status(&run, "clear")), (UpstreamFailed, Ready));
}

#[test]
fn it_is_told_how_many_items_have_ended() {
    let mut run = with_items(5, 2);
    do_item(&mut run, "score[0]");
    let around = daybreak_core::Around {
        now: Timestamp::from_micros(0),
        running_run: None,
        queued_before: 0,
        workers: 1,
        running_light: 0,
        running_heavy: 0,
        paused: None,
        limited: std::collections::BTreeMap::new(),
        unserved: std::collections::BTreeMap::new(),
    };
    let why = |task: &str| daybreak_core::why(&run, task, false, &around).expect("an answer");
    let told = "waits for its items: 1 of 5 have ended; 2 are ready or running and 2 wait for their place";
    assert_eq!((why("score").kind, why("score").words.as_str()), (WhyKind::WaitsForTasks, told));
    assert!(why("score[4]").words.contains("at most 2 items"), "{:?}", why("score[4]"));
    assert_eq!(why("score[1]").kind, WhyKind::NoFreeSlot);
}

/// One random thing that happens, to the task or item of a number.
#[derive(Clone, Debug)]
enum Step {
    List(usize),
    Claim(usize),
    Succeed(usize),
    Fail { item: usize, retry: bool },
    HandBack(usize),
    Lose(usize),
    AckCancel(usize),
    ForceCancel(usize),
    RetryDue(usize),
    CacheHit(usize),
    Cancel,
    Rerun(Vec<usize>),
    Mark { item: usize, to: u8 },
    Start,
}

fn steps() -> impl Strategy<Value = Step> {
    let item = || 0..9_usize;
    prop_oneof![
        3 => (0..6_usize).prop_map(Step::List),
        8 => item().prop_map(Step::Claim),
        6 => item().prop_map(Step::Succeed),
        2 => (item(), any::<bool>()).prop_map(|(item, retry)| Step::Fail { item, retry }),
        1 => item().prop_map(Step::HandBack),
        1 => item().prop_map(Step::Lose),
        1 => item().prop_map(Step::AckCancel),
        1 => item().prop_map(Step::ForceCancel),
        3 => item().prop_map(Step::RetryDue),
        1 => item().prop_map(Step::CacheHit),
        1 => prop::bool::weighted(0.2).prop_map(|cancel| if cancel { Step::Cancel } else { Step::Start }),
        2 => prop::collection::vec(item(), 1..3).prop_map(Step::Rerun),
        2 => (item(), 0..3_u8).prop_map(|(item, to)| Step::Mark { item, to }),
        2 => Just(Step::Start),
    ]
}

/// The tasks that random events are about: five items and the declared ones.
fn target(number: usize) -> &'static str {
    ["score[0]", "score[1]", "score[2]", "score[3]", "score[4]", "score", "list", "report", "clear"][number % 9]
}

fn step(run: &mut RunSnapshot, step: &Step) {
    let at = |number: &usize| target(*number);
    let fenced = |run: &RunSnapshot, task: &str| run.task(task).map_or(0, |(_, task)| task.progress.fence);
    let event = match step {
        Step::List(items) => list(*items),
        Step::Claim(item) => claim(at(item)),
        Step::Succeed(item) => succeed(run, at(item)),
        Step::Fail { item, retry } => {
            let failure = Failure { cause: "task_error".to_owned(), reason: "it broke".to_owned() };
            report(run, at(item), AttemptEnd::Failed { failure, retry: *retry })
        }
        Step::HandBack(item) => report(run, at(item), AttemptEnd::HandedBack),
        Step::Lose(item) => Event::Lost { task: name(at(item)), fence: fenced(run, at(item)) },
        Step::AckCancel(item) => report(run, at(item), AttemptEnd::Cancelled),
        Step::ForceCancel(item) => Event::ForceCancel { task: name(at(item)) },
        Step::RetryDue(item) => Event::RetryDue { task: name(at(item)) },
        Step::CacheHit(item) => Event::CacheHit { task: name(at(item)), outputs: Map::new() },
        Step::Cancel => Event::Cancel { reason: "by hand".to_owned() },
        Step::Rerun(items) => Event::Rerun { tasks: items.iter().map(|item| name(at(item))).collect() },
        Step::Mark { item, to } => {
            let reason = "somebody says so".to_owned();
            let mark = match to {
                0 => Mark::Succeeded { outputs: Map::new() },
                1 => Mark::Failed { reason },
                _ => Mark::Skipped { reason },
            };
            Event::Mark { task: name(at(item)), mark }
        }
        Step::Start => Event::Start,
    };
    let _ = try_happen(run, &event);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]

    #[test]
    fn every_run_with_items_ends_whatever_happens_to_it(
        max_parallel in 1..4_u32, tolerated: bool, random in prop::collection::vec(steps(), 0..160),
    ) {
        let mut run = run(max_parallel);
        run.tasks.get_mut("score").expect("a task").tolerated = tolerated;
        for random in &random {
            step(&mut run, random);
        }
        let mut rounds = 0;
        while !run.state.status().is_terminal() {
            rounds += 1;
            prop_assert!(rounds < 60, "the run does not end: {run:?}");
            step(&mut run, &Step::Start);
            step(&mut run, &Step::List(3));
            let names: Vec<Name> = run.tasks.keys().cloned().chain((0..6).map(|index| name("score").of_item(index))).collect();
            for task in names {
                let _ = try_happen(&mut run, &Event::RetryDue { task: task.clone() });
                let _ = try_happen(&mut run, &claim(task.as_str()));
                let done = succeed(&run, task.as_str());
                let _ = try_happen(&mut run, &done);
            }
        }
    }
}
