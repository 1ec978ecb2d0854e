//! Backfills: each window once, in order, beside the runs of schedules; what was done is kept by whoever goes on.

use std::sync::Arc;

use daybreak_core::RunStatus;
use daybreak_protocol::{AuditQuery, BackfillState, BackfillsQuery, Reprocess};
use daybreak_spec::{Overlap, Timestamp};
use daybreak_store::{
    BackfillChange, BackfillStep, Caller, Error, Made, NewBackfill, NewRun, Once, RunLatest, RunTemplate, Store,
    TriggerRun, Window, wants,
};
use serde_json::{Map, json};

use crate::support::{World, at, caller, fan, name};

crate::stories! {
    a_backfill_with_a_key_is_made_once,
    windows_are_run_a_few_at_a_time_and_each_once,
    a_window_that_has_its_run_is_run_again_only_where_that_is_asked_for,
    runs_of_a_backfill_neither_wait_for_others_nor_keep_them_waiting,
    a_pause_is_kept_and_a_cancelled_backfill_ends_its_runs,
    a_step_that_somebody_else_has_made_changes_nothing,
    progress_is_counted_from_the_rows,
    a_run_again_in_another_version_has_the_instant_and_not_the_key,
}

fn new(reprocess: Reprocess, hours: (i64, i64)) -> NewBackfill {
    NewBackfill {
        project: name("demo"),
        dag: name("nightly"),
        from: at(hours.0),
        to: at(hours.1),
        reprocess,
        backwards: false,
        parallel: 2,
        priority: -5,
        params: Map::from_iter([("day".to_owned(), json!("tuesday"))]),
        windows: u64::try_from(hours.1 - hours.0).expect("forwards"),
        caller: caller(),
        note: Some("new feed".to_owned()),
        once: None,
    }
}

async fn make(world: &World, reprocess: Reprocess, hours: (i64, i64)) -> String {
    match world.store.make_backfill(new(reprocess, hours)).await {
        Ok(Made::Now(id)) => id,
        other => panic!("it has no key: {other:?}"),
    }
}

async fn a_backfill_with_a_key_is_made_once(world: World) {
    let asked = |request: &str, by: Option<&str>| {
        let caller = Caller { token_id: by.map(str::to_owned), ..caller() };
        let once = Some(Once::new("key", &["backfill", request]));
        world.store.make_backfill(NewBackfill { once, caller, ..new(Reprocess::Missing, (0, 3)) })
    };
    let Ok(Made::Now(first)) = asked("a", None).await else { panic!("nothing was there") };
    assert_eq!(asked("a", None).await.expect("an answer"), Made::Before(first.clone()));
    assert_eq!(asked("b", None).await.expect("an answer"), Made::OtherRequest);
    let of_another = asked("a", Some("token")).await.expect("an answer");
    assert!(matches!(of_another, Made::Now(made) if made != first), "keys of different tokens never meet");
    let both = world.store.backfills_going_on(&name("demo")).await.expect("backfills");
    assert_eq!(both.len(), 2);
    let run = NewRun { template: fan(1), window_start: None, window_end: at(1) };
    let once = Some(Once::new("key", &["trigger", "a"]));
    let of_a_run = world.store.trigger(TriggerRun { run, caller: caller(), once }).await.expect("an answer");
    assert_eq!(of_a_run, Made::OtherRequest, "a key is for one request, whatever it makes");
    let entries = world.store.audit(&AuditQuery::default()).await.expect("the audit").entries;
    assert_eq!(entries.iter().filter(|entry| entry.action == "backfill").count(), 2, "what was done is told once");
}

/// The hours after the cursor, up to the end of the range.
async fn step(world: &World, store: &Store, id: &str) -> Result<u32, Error> {
    let going_on = store.backfills_going_on(&name("demo")).await.expect("backfills");
    let one = going_on.iter().find(|one| one.id == id).expect("it goes on");
    let hour = 3_600_000_000;
    let first = (one.cursor.micros - at(0).micros).div_euclid(hour) + 1;
    let end = (one.to.micros - at(0).micros) / hour;
    let windows = (first..end).map(|hour| Window { at: at(hour), start: Some(at(hour - 1)) }).collect();
    let epoch = world.lead().await;
    let (reprocess, parallel, cursor) = (one.reprocess, one.parallel, one.cursor);
    let step = BackfillStep {
        backfill_id: id.to_owned(),
        template: Arc::new(fan(1)),
        cursor,
        windows,
        reprocess,
        parallel,
        epoch,
    };
    store.step_backfill(step).await
}

async fn windows_are_run_a_few_at_a_time_and_each_once(world: World) {
    let id = make(&world, Reprocess::Missing, (1, 6)).await;
    let worker = world.worker().await;
    let mut ends: Vec<Timestamp> = Vec::new();
    for wanted in [2, 2, 1] {
        assert_eq!(step(&world, &world.store, &id).await.expect("it leads"), wanted);
        let tasks = world.claim(&worker).await;
        assert_eq!(tasks.len(), usize::try_from(wanted).expect("small"));
        for task in &tasks {
            assert_eq!(task.scheduled_for, Some(task.window_end));
            ends.push(task.window_end);
            world.succeed(task).await.expect("it holds the task");
        }
    }
    ends.sort();
    assert_eq!(ends, [at(1), at(2), at(3), at(4), at(5)]);
    let fired = world.fire(at(0), &[4, 5, 6], Overlap::Queue).await;
    assert_eq!(fired.runs.len(), 1, "a schedule finds them done");
}

async fn a_window_that_has_its_run_is_run_again_only_where_that_is_asked_for(world: World) {
    let statuses = [
        (None, [true, true, true]),
        (Some(RunStatus::Skipped), [true, true, true]),
        (Some(RunStatus::Failed), [false, true, true]),
        (Some(RunStatus::Cancelled), [false, true, true]),
        (Some(RunStatus::Succeeded), [false, false, true]),
        (Some(RunStatus::Queued), [false, false, false]),
        (Some(RunStatus::Running), [false, false, false]),
    ];
    for (newest, expected) in statuses {
        let found = [Reprocess::Missing, Reprocess::Failed, Reprocess::All].map(|policy| wants(policy, newest));
        assert_eq!(found, expected, "{newest:?}");
    }
    let worker = world.worker().await;
    let first = make(&world, Reprocess::Missing, (1, 2)).await;
    step(&world, &world.store, &first).await.expect("it leads");
    let task = world.claim_one(&worker).await;
    world.succeed(&task).await.expect("it holds the task");
    let missing = make(&world, Reprocess::Missing, (1, 2)).await;
    assert_eq!(step(&world, &world.store, &missing).await.expect("it leads"), 0);
    let all = make(&world, Reprocess::All, (1, 2)).await;
    assert_eq!(step(&world, &world.store, &all).await.expect("it leads"), 1);
    let again = world.claim_one(&world.worker().await).await;
    assert_ne!(again.run_id, task.run_id);
    assert_eq!((again.scheduled_for, again.window_end), (Some(at(1)), at(1)), "the firing key stays with the first");
    let other = world.open_another().await;
    let succeeded = daybreak_store::ReportedEnd::Succeeded(Box::default());
    other.report(again.task_run_id, again.fence, succeeded, (1, 1)).await.expect("it holds the task");
    let stand = other.newest_of_windows((&name("demo"), &name("nightly")), (at(0), at(9))).await.expect("windows");
    assert_eq!(stand.into_iter().collect::<Vec<_>>(), [(at(1), RunStatus::Succeeded)]);
}

async fn runs_of_a_backfill_neither_wait_for_others_nor_keep_them_waiting(world: World) {
    let fired = world.fire(at(0), &[24, 48], Overlap::Queue).await;
    let id = make(&world, Reprocess::Missing, (1, 3)).await;
    assert_eq!(step(&world, &world.store, &id).await.expect("it leads"), 2);
    let worker = world.worker().await;
    let tasks = world.claim(&worker).await;
    assert_eq!(tasks.len(), 3, "one of the schedule, two of the backfill");
    let firing = tasks.iter().find(|task| task.run_id == fired.runs[0]).expect("the schedule's");
    world.store.cancel(firing.run_id.clone(), "enough".to_owned(), caller()).await.expect("it goes on");
    world
        .report(firing, daybreak_store::ReportedEnd::Other(daybreak_core::AttemptEnd::Cancelled))
        .await
        .expect("it was asked to end");
    assert_eq!(world.run_status(&fired.runs[1]).await, RunStatus::Running, "two of a backfill do not count");
    let active = world.store.active_counts(&name("demo")).await.expect("counts");
    assert_eq!(active[&name("nightly")], 1);
}

async fn change(world: &World, id: &str, to: BackfillState) -> Result<(), Error> {
    let change = BackfillChange { backfill_id: id.to_owned(), to, note: None, caller: Some(caller()) };
    world.store.change_backfill(change).await
}

async fn a_pause_is_kept_and_a_cancelled_backfill_ends_its_runs(world: World) {
    let id = make(&world, Reprocess::Missing, (1, 9)).await;
    step(&world, &world.store, &id).await.expect("it leads");
    change(&world, &id, BackfillState::Paused).await.expect("it runs");
    let other = world.open_another().await;
    assert_eq!(other.backfills_going_on(&name("demo")).await.expect("backfills").len(), 0);
    let refused = change(&world, &id, BackfillState::Paused).await.expect_err("it is paused");
    assert_eq!(refused.to_string(), format!("backfill {id} is paused: it cannot become paused"));
    world.pass(1_000);
    change(&world, &id, BackfillState::Running).await.expect("it is paused");
    world.pass(7);
    let view = world.store.backfill(&id).await.expect("it is there");
    assert_eq!((view.state, view.busy_s, view.going_on), (BackfillState::Running, 7.0, 2), "pauses do not count");
    change(&world, &id, BackfillState::Cancelled).await.expect("it runs");
    let view = world.store.backfill(&id).await.expect("it is there");
    assert_eq!((view.state, view.cancelled, view.going_on), (BackfillState::Cancelled, 2, 0));
    assert!(change(&world, &id, BackfillState::Running).await.is_err(), "it has ended");
    let none = change(&world, "01ARZ3NDEKTSV4RRFFQ69G5FAV", BackfillState::Paused).await;
    assert!(matches!(none, Err(Error::NotFound(_))), "{none:?}");
}

async fn a_step_that_somebody_else_has_made_changes_nothing(world: World) {
    let id = make(&world, Reprocess::Missing, (1, 3)).await;
    let epoch = world.lead().await;
    let stale = BackfillStep {
        backfill_id: id.clone(),
        template: Arc::new(fan(1)),
        cursor: at(1).plus_micros(-1),
        windows: vec![Window { at: at(1), start: None }],
        reprocess: Reprocess::Missing,
        parallel: 2,
        epoch,
    };
    assert_eq!(world.store.step_backfill(stale.clone()).await.expect("it leads"), 1);
    let again = world.store.step_backfill(stale.clone()).await;
    assert!(matches!(again, Err(Error::Conflict { .. })), "{again:?}");
    let deposed = world.store.step_backfill(BackfillStep { epoch: epoch - 1, cursor: at(1), ..stale }).await;
    assert!(matches!(deposed, Err(Error::Conflict { .. })), "{deposed:?}");
    assert_eq!(world.run_count().await, 1);
}

async fn progress_is_counted_from_the_rows(world: World) {
    let id = make(&world, Reprocess::Missing, (1, 11)).await;
    let worker = world.worker().await;
    step(&world, &world.store, &id).await.expect("it leads");
    world.pass(5);
    for task in world.claim(&worker).await {
        world.succeed(&task).await.expect("it holds the task");
    }
    step(&world, &world.store, &id).await.expect("it leads");
    let other = world.open_another().await;
    let view = other.backfill(&id).await.expect("it is there");
    assert_eq!((view.done, view.succeeded, view.going_on, view.windows), (2, 2, 2, 10));
    assert_eq!(view.left_s, Some(20.0), "two in five seconds, eight to go");
    assert_eq!((view.by.as_str(), view.note.as_deref()), ("ann", Some("new feed")));
    let page = other.backfills(&name("demo"), &BackfillsQuery { before: None, limit: Some(1) }).await.expect("a page");
    assert_eq!((page.backfills.len(), page.next), (1, None));
}

async fn a_run_again_in_another_version_has_the_instant_and_not_the_key(world: World) {
    let fired = world.fire(at(0), &[24], Overlap::Queue).await;
    let latest = |of: &str, max_active| RunLatest {
        of: of.to_owned(),
        run: NewRun { template: RunTemplate { max_active, ..fan(1) }, window_start: None, window_end: at(24) },
        nominal: Some(at(24)),
        caller: caller(),
    };
    let refused = world.store.run_latest(latest(&fired.runs[0], None)).await.expect_err("it goes on");
    assert!(refused.to_string().contains("has not ended (running)"), "{refused}");
    let none = world.store.run_latest(latest("01ARZ3NDEKTSV4RRFFQ69G5FAV", None)).await;
    assert!(matches!(none, Err(Error::NotFound(_))), "{none:?}");
    let worker = world.worker().await;
    world.drive(&worker, &fired.runs[0]).await;
    let first = world.store.run_latest(latest(&fired.runs[0], Some(1))).await.expect("it has ended");
    let second = world.store.run_latest(latest(&fired.runs[0], Some(1))).await.expect("it has ended");
    assert_eq!(world.run_status(&second).await, RunStatus::Queued, "one at a time");
    let task = world.claim_one(&worker).await;
    assert_eq!((task.run_id.as_str(), task.scheduled_for), (first.as_str(), Some(at(24))));
}
