//! Runs: firings and their keys, overlap, the clock.

use daybreak_core::RunStatus;
use daybreak_protocol::RunsQuery;
use daybreak_spec::Overlap;
use daybreak_store::{CursorMove, Error, Fire, RunningAttempt};

use crate::support::{World, at, caller, name, template};

crate::stories! {
    what_the_server_asks_of_runs_and_attempts_is_answered,
    queued_runs_go_one_after_the_other_oldest_first,
    a_firing_that_meets_an_active_run_is_recorded_as_skipped,
    a_firing_may_take_the_place_of_the_active_run,
    a_firing_makes_one_run_however_often_it_is_seen,
    runs_are_listed_newest_first_and_page_by_page,
    runs_are_filtered_by_dag_and_state,
    simulated_time_is_kept_and_never_goes_back,
}

async fn queued_runs_go_one_after_the_other_oldest_first(world: World) {
    let worker = world.worker().await;
    let fired = world.fire(at(0), &[24, 48, 72], Overlap::Queue).await;
    let states = |world: &World| {
        let (store, runs) = (world.store.clone(), fired.runs.clone());
        async move {
            let mut states = Vec::new();
            for run in &runs {
                states.push(store.run(run).await.expect("the run").summary.state);
            }
            states
        }
    };
    use RunStatus::{Queued, Running, Succeeded};
    assert_eq!(states(&world).await, [Running, Queued, Queued]);
    world.drive(&worker, &fired.runs[0]).await;
    assert_eq!(states(&world).await, [Succeeded, Running, Queued]);
    world.drive(&worker, &fired.runs[1]).await;
    world.drive(&worker, &fired.runs[2]).await;
    assert_eq!(states(&world).await, [Succeeded, Succeeded, Succeeded]);
}

async fn a_firing_that_meets_an_active_run_is_recorded_as_skipped(world: World) {
    let fired = world.fire(at(0), &[24, 48], Overlap::Skip).await;
    assert_eq!((fired.runs.len(), fired.skipped), (1, 1));
    let runs = world.store.runs(&name("demo"), &RunsQuery::default()).await.expect("runs").runs;
    assert_eq!(runs[0].state, RunStatus::Skipped);
    assert_eq!(runs[0].reason, Some(format!("run {} was still active (`overlap: skip`)", fired.runs[0])));
}

async fn a_firing_may_take_the_place_of_the_active_run(world: World) {
    let fired = world.fire(at(0), &[24, 48], Overlap::CancelPrevious).await;
    assert_eq!(world.run_status(&fired.runs[0]).await, RunStatus::Cancelled);
    assert_eq!(world.run_status(&fired.runs[1]).await, RunStatus::Running);
}

async fn a_firing_makes_one_run_however_often_it_is_seen(world: World) {
    world.fire(at(0), &[24], Overlap::Queue).await;
    let epoch = world.lead().await;
    let again = Fire {
        template: std::sync::Arc::new(template()),
        cursors: vec![CursorMove { schedule: 0, from: at(0), to: at(24), left_out: 0 }],
        firings: Vec::new(),
        epoch,
    };
    let stale_cursor = world.fire_one(again.clone()).await;
    assert!(matches!(stale_cursor, Err(Error::Conflict { .. })), "{stale_cursor:?}");
    let coinciding = world.fire(at(24), &[24], Overlap::Queue).await;
    assert!(coinciding.runs.is_empty());
    assert_eq!(world.run_count().await, 1);
    let cursors = vec![CursorMove { schedule: 0, from: at(24), to: at(48), left_out: 0 }];
    let old_leader = Fire { cursors, epoch: epoch - 1, ..again };
    let refused = world.fire_one(old_leader).await;
    assert!(matches!(refused, Err(Error::Conflict { .. })), "{refused:?}");
}

async fn runs_are_listed_newest_first_and_page_by_page(world: World) {
    let mut made = Vec::new();
    for _ in 0..5 {
        made.push(world.run().await);
    }
    made.reverse();
    let mut query = RunsQuery { limit: Some(2), ..RunsQuery::default() };
    let mut seen = Vec::new();
    loop {
        let page = world.store.runs(&name("demo"), &query).await.expect("runs");
        seen.extend(page.runs.into_iter().map(|run| run.id));
        match page.next {
            Some(next) => query.before = Some(next),
            None => break,
        }
    }
    assert_eq!(seen, made);
}

async fn runs_are_filtered_by_dag_and_state(world: World) {
    world.run().await;
    let count = |query: RunsQuery| {
        let store = world.store.clone();
        async move { store.runs(&name("demo"), &query).await.expect("runs").runs.len() }
    };
    assert_eq!(count(RunsQuery { dag: Some(name("nightly")), ..RunsQuery::default() }).await, 1);
    assert_eq!(count(RunsQuery { dag: Some(name("hourly")), ..RunsQuery::default() }).await, 0);
    assert_eq!(count(RunsQuery { state: Some(RunStatus::Running), ..RunsQuery::default() }).await, 1);
    assert_eq!(count(RunsQuery { state: Some(RunStatus::Failed), ..RunsQuery::default() }).await, 0);
    let run = world.run().await;
    world.store.cancel(run, "enough".to_owned(), caller()).await.expect("it goes on");
    let of = |dag: &str, state| RunsQuery { dag: Some(name(dag)), state: Some(state), ..RunsQuery::default() };
    assert_eq!(count(of("nightly", RunStatus::Cancelled)).await, 1);
    assert_eq!(count(of("hourly", RunStatus::Cancelled)).await, 0);
    assert_eq!(count(of("nightly", RunStatus::Running)).await, 1);
    assert_eq!(count(of("hourly", RunStatus::Running)).await, 0);
    assert_eq!(count(of("nightly", RunStatus::Succeeded)).await, 0);
}

async fn simulated_time_is_kept_and_never_goes_back(world: World) {
    assert_eq!(world.store.simulated_time().await.expect("it reads"), None);
    world.store.set_clock(at(5)).await.expect("it is set");
    let back = world.store.set_clock(at(4)).await;
    assert!(matches!(back, Err(Error::Refused(_))), "{back:?}");
    assert_eq!(world.store.simulated_time().await.expect("it reads"), Some(at(5)));
}

async fn what_the_server_asks_of_runs_and_attempts_is_answered(world: World) {
    let worker = world.worker().await;
    let fired = world.fire(at(0), &[24], Overlap::Queue).await;
    let (store, project, dag, run) = (&world.store, name("demo"), name("nightly"), fired.runs[0].clone());
    assert_eq!(store.active_runs(&project, &dag).await.expect("it reads"), 1);
    assert_eq!(store.newest_run(&project, &dag).await.expect("it reads"), Some(run.clone()));
    assert_eq!(store.run_of_firing(&project, &dag, at(24)).await.expect("it reads"), Some(run.clone()));
    assert_eq!(store.run_of_firing(&project, &dag, at(25)).await.expect("it reads"), None);
    let task = world.claim_one(&worker).await;
    let attempt = RunningAttempt { task_run_id: task.task_run_id.clone(), fence: task.fence };
    assert!(store.is_current(&attempt).await.expect("it reads"));
    assert!(!store.is_current(&RunningAttempt { fence: task.fence + 1, ..attempt.clone() }).await.expect("it reads"));
    assert_eq!(store.running_attempts("server").await.expect("it reads"), 1);
    assert_eq!(store.cancelled_of(&worker).await.expect("it reads"), []);
    store.cancel(run.clone(), "by hand".to_owned(), caller()).await.expect("it runs");
    assert_eq!(store.cancelled_of(&worker).await.expect("it reads"), [attempt]);
    let summary = store.run_summary(&run).await.expect("the run");
    assert_eq!((summary.scheduled_for, summary.state), (Some(at(24)), RunStatus::Running));
}
