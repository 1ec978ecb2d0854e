//! Several servers on one PostgreSQL: right by the database alone. Two stores stand for two servers.

use std::collections::BTreeSet;
use std::sync::Arc;

use daybreak_core::{AttemptEnd, RunStatus, TaskStatus};
use daybreak_spec::Overlap;
use daybreak_store::{Claim, ClaimedTask, CursorMove, Effect, Error, Fire, NewFiring, NewRun, ReportedEnd, Store};
use futures::future::join_all;

use crate::support::{World, at, caller, fan, name, postgres_database, template};

async fn two() -> (World, Store) {
    let world = World::on_postgres().await;
    let other = world.open_another().await;
    (world, other)
}

/// Takes what is ready until `wanted` tasks were given out in all, by all claimers together.
async fn claim_all(
    store: Store,
    worker: daybreak_core::WorkerIdentity,
    given: Arc<tokio::sync::Mutex<Vec<ClaimedTask>>>,
    wanted: usize,
) {
    loop {
        let claim = Claim { worker: worker.clone(), free_light: 16, free_heavy: 0 };
        let waited = tokio::time::timeout(std::time::Duration::from_secs(3), store.claim(claim)).await;
        let mut given = given.lock().await;
        match waited {
            Ok(tasks) => given.extend(tasks.expect("the worker is known")),
            Err(_) if given.len() >= wanted => return,
            Err(_) => {}
        }
        if given.len() >= wanted {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn racing_servers_hand_out_three_thousand_tasks_once_each() {
    let (world, other) = two().await;
    for _ in 0..30 {
        let run = NewRun { template: fan(100), window_start: None, window_end: at(24) };
        world.store.make_run(run).await.expect("it starts");
    }
    let given = Arc::new(tokio::sync::Mutex::new(Vec::new()));
    let mut claimers = Vec::new();
    for place in 0..8 {
        let store = if place % 2 == 0 { world.store.clone() } else { other.clone() };
        let worker = world.worker().await;
        claimers.push(tokio::spawn(claim_all(store, worker, given.clone(), 3_000)));
    }
    for claimer in claimers {
        claimer.await.expect("no panic");
    }
    let given = given.lock().await;
    let distinct: BTreeSet<_> = given.iter().map(|task| task.task_run_id.clone()).collect();
    assert_eq!((given.len(), distinct.len()), (3_000, 3_000));
    assert_eq!(world.count("SELECT COUNT(*) FROM task_run WHERE state = 'running' AND fence = 1").await, 3_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_server_hands_out_can_be_reported_to_another() {
    let (world, other) = two().await;
    let worker = world.worker().await;
    let runs = join_all((0..20).map(|_| world.run())).await;
    // Tasks go to and fro: each store has remembered the runs as they were.
    let mut left = runs.len() * 3;
    let mut here = true;
    while left > 0 {
        let (claims, reports) = if here { (&world.store, &other) } else { (&other, &world.store) };
        let claim = Claim { worker: worker.clone(), free_light: 8, free_heavy: 8 };
        let tasks = claims.claim(claim).await.expect("the worker is known");
        left -= tasks.len();
        let ends = join_all(tasks.iter().map(|task| {
            let end = daybreak_store::ReportedEnd::Succeeded(Box::default());
            reports.report(task.task_run_id.clone(), task.fence, end, (1, 1))
        }));
        for end in ends.await {
            end.expect("it holds the task");
        }
        here = !here;
    }
    for run in runs {
        assert_eq!(world.run_status(&run).await, RunStatus::Succeeded);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reports_and_cancels_at_two_servers_at_once_lose_nothing() {
    let (world, other) = two().await;
    let worker = world.worker().await;
    let runs = join_all((0..24).map(|_| world.run())).await;
    let claim = Claim { worker: worker.clone(), free_light: 64, free_heavy: 0 };
    let tasks = world.store.claim(claim).await.expect("the worker is known");
    assert_eq!(tasks.len(), 24);
    let reports = join_all(tasks.iter().enumerate().map(|(place, task)| {
        let store = if place % 2 == 0 { &world.store } else { &other };
        store.report(
            task.task_run_id.clone(),
            task.fence,
            daybreak_store::ReportedEnd::Succeeded(Box::default()),
            (1, 1),
        )
    }));
    let cancels = join_all(runs.iter().enumerate().map(|(place, run)| {
        let store = if place % 2 == 0 { &other } else { &world.store };
        store.cancel(run.clone(), "by hand".to_owned(), caller())
    }));
    let (reported, cancelled) = tokio::join!(reports, cancels);
    assert!(reported.iter().all(|end| matches!(end, Ok(()) | Err(Error::Stale))), "{reported:?}");
    assert!(cancelled.iter().all(Result::is_ok), "{cancelled:?}");
    for run in runs {
        assert_eq!(world.run_status(&run).await, RunStatus::Cancelled);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn queued_runs_go_on_whichever_server_ends_the_one_before() {
    let (world, other) = two().await;
    let worker = world.worker().await;
    let fired = world.fire(at(0), &[24, 48, 72, 96], Overlap::Queue).await;
    let mut here = false;
    for run in &fired.runs {
        let store = if here { &world.store } else { &other };
        while !world.run_status(run).await.is_terminal() {
            let claim = Claim { worker: worker.clone(), free_light: 8, free_heavy: 8 };
            for task in store.claim(claim).await.expect("the worker is known") {
                let end = daybreak_store::ReportedEnd::Succeeded(Box::default());
                store.report(task.task_run_id, task.fence, end, (1, 1)).await.expect("it holds the task");
            }
        }
        here = !here;
    }
    assert_eq!(world.run_status(fired.runs.last().expect("four")).await, RunStatus::Succeeded);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_leader_writes_nothing() {
    let (world, other) = two().await;
    let old = world.store.lead("one".to_owned()).await.expect("it answers").expect("nobody leads");
    assert_eq!(other.lead("two".to_owned()).await.expect("it answers"), None, "the lease holds");
    assert!(world.store.renew_leadership("one".to_owned(), old).await.expect("it answers"));
    world.pass(11);
    let new = other.lead("two".to_owned()).await.expect("it answers").expect("the lease is over");
    assert_eq!(new, old + 1);
    assert!(!world.store.renew_leadership("one".to_owned(), old).await.expect("it answers"));
    let fire = |epoch| Fire {
        template: Arc::new(template()),
        cursors: vec![CursorMove { schedule: 0, from: at(0), to: at(24), left_out: 0 }],
        firings: vec![NewFiring { at: at(24), window_start: None, overlap: Overlap::Queue }],
        epoch,
    };
    let refused = world.fire_one(fire(old)).await;
    assert!(matches!(refused, Err(Error::Conflict { .. })), "{refused:?}");
    assert_eq!(world.count("SELECT COUNT(*) FROM run").await, 0);
    other.fire(vec![fire(new)]).await.remove(0).expect("it leads");
    assert!(other.resign("two".to_owned(), new).await.expect("it answers"));
    assert_eq!(world.store.lead("one".to_owned()).await.expect("it answers"), Some(new + 1), "at once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn racing_leaders_make_each_firing_once() {
    let (world, other) = two().await;
    let mut leaders = Vec::new();
    for (holder, store) in [("one", world.store.clone()), ("two", other)] {
        let now_us = world.now_us.clone();
        leaders.push(tokio::spawn(async move {
            let mut made = 0;
            for round in 0..200_i64 {
                // Every lease is over at once: both always think that they may.
                now_us.fetch_add(20_000_000, std::sync::atomic::Ordering::Relaxed);
                let Some(epoch) = store.lead(holder.to_owned()).await.expect("it answers") else { continue };
                let cursors = store.cursors(&name("demo")).await.expect("cursors");
                let from = cursors[&(name("nightly"), 0)];
                let to = from.plus_micros(3_600_000_000);
                let firings = vec![NewFiring { at: to, window_start: None, overlap: Overlap::Queue }];
                let cursors = vec![CursorMove { schedule: 0, from, to, left_out: 0 }];
                match store.fire(vec![Fire { template: Arc::new(template()), cursors, firings, epoch }]).await.remove(0)
                {
                    Ok(fired) => made += fired.runs.len(),
                    Err(Error::Conflict { .. }) => {}
                    Err(error) => panic!("round {round}: {error:?}"),
                }
            }
            made
        }));
    }
    let mut made = 0;
    for leader in leaders {
        made += leader.await.expect("no panic");
    }
    let runs = world.count("SELECT COUNT(*) FROM run").await;
    let hours = world.count("SELECT cursor_us / 3600000000 FROM schedule_cursor").await;
    assert_eq!((i64::try_from(made).expect("few"), runs), (hours, hours), "no gap, none twice");
    assert!(runs > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_worker_of_another_server_is_found_and_that_server_hears_of_what_happens_here() {
    let (world, other) = two().await;
    let (worker, run) = (world.worker().await, world.run().await);
    world.claim_one(&worker).await;
    let mut effects = other.effects();
    world.pass(13);
    world.sweep().await;
    assert_eq!(world.task_status(&run, "first").await, TaskStatus::Ready);
    let heard = tokio::time::timeout(std::time::Duration::from_secs(5), async {
        while effects.recv().await.expect("the store is open") != Effect::Elsewhere {}
    });
    heard.await.expect("within seconds");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_that_start_at_once_bring_an_empty_database_up_together() {
    let database = tokio::task::spawn_blocking(postgres_database).await.expect("a database is made");
    let migrated = join_all((0..4).map(|_| daybreak_store::migrate(&database, at(0)))).await;
    let applied: Vec<_> = migrated.into_iter().map(|done| done.expect("it is brought up").applied.len()).collect();
    assert_eq!(applied.iter().filter(|applied| **applied > 0).count(), 1, "{applied:?}");
}

/// A refusal writes nothing, so what was raised for it is taken back and must not be remembered.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_on_one_server_does_not_hide_what_the_other_does_next() {
    let (world, other) = two().await;
    let worker = world.worker().await;
    let run = NewRun { template: fan(2), window_start: None, window_end: at(24) };
    let run = world.store.make_run(run).await.expect("it starts");
    let claim = Claim { worker, free_light: 2, free_heavy: 0 };
    let tasks = world.store.claim(claim).await.expect("the worker is known");
    let cancel = || world.store.cancel(run.clone(), "by hand".to_owned(), caller());
    cancel().await.expect("it runs");
    assert!(matches!(cancel().await, Err(Error::Refused(_))));
    for (store, task) in [(&other, &tasks[1]), (&world.store, &tasks[0])] {
        let end = ReportedEnd::Other(AttemptEnd::Cancelled);
        store.report(task.task_run_id.clone(), task.fence, end, (1, 1)).await.expect("it holds the task");
    }
    assert_eq!(world.run_status(&run).await, RunStatus::Cancelled);
}
