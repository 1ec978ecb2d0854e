//! PostgreSQL goes away and comes back: nothing acknowledged is lost, nothing is done twice, and work goes on by itself.
//! Each story has a server of its own, whose commits reach the disk.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use daybreak_core::RunStatus;
use daybreak_store::{Claim, Database, Error, LeaseClock, Store, Sweep, Swept};
use futures::future::join_all;

use crate::postgres::{Durability, Postgres};
use crate::support::{SECOND, World, not_yet, options};

/// A server of its own with a store on it.
async fn own() -> (Arc<Postgres>, World) {
    let started = tokio::task::spawn_blocking(|| {
        let server = Postgres::start(Durability::Full)?;
        server.create_database("state", None)?;
        Ok::<_, String>(server)
    });
    let server = started.await.expect("no panic").unwrap_or_else(|problem| panic!("{problem}"));
    let world = World::on_database(Database::Postgres(server.url("state"))).await;
    (Arc::new(server), world)
}

async fn on(server: &Arc<Postgres>, act: impl FnOnce(&Postgres) -> Result<(), String> + Send + 'static) {
    let server = server.clone();
    let acted = tokio::task::spawn_blocking(move || act(&server)).await.expect("no panic");
    acted.unwrap_or_else(|problem| panic!("{problem}"));
}

/// Waits until something holds, at most half a minute.
async fn until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    for _ in 0..600 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{what} did not come about");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_crash_of_the_database_the_same_tasks_are_held_under_the_same_fences() {
    let (server, world) = own().await;
    let worker = world.worker().await;
    let runs = join_all((0..40).map(|_| world.run())).await;
    let held = "SELECT COALESCE(string_agg(task_run_id || ' ' || fence || ' ' || state, ',' ORDER BY task_run_id), ''), \
                NULL FROM task_run";
    let claim = Claim { worker: worker.clone(), free_light: 25, free_heavy: 0 };
    let tasks = world.store.claim(claim).await.expect("the worker is known");
    let (before, _) = world.texts(held).await;
    on(&server, Postgres::stop_immediately).await;
    on(&server, Postgres::start_again).await;
    let (after, _) = world.texts(held).await;
    assert_eq!(before, after);
    for task in &tasks {
        until("the report", || async { world.succeed(task).await.is_ok() }).await;
    }
    for run in &runs[..1] {
        until("the end of the run", || async {
            for task in world.claim(&worker).await {
                world.succeed(&task).await.expect("it holds the task");
            }
            world.run_status(run).await == RunStatus::Succeeded
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_database_is_away_everything_says_so_and_then_work_goes_on_by_itself() {
    let (server, world) = own().await;
    let worker = world.worker().await;
    let claim = Claim { worker: worker.clone(), free_light: 1, free_heavy: 0 };
    let mut waiting = Box::pin(world.store.claim(claim));
    not_yet(&mut waiting).await;
    on(&server, Postgres::stop_immediately).await;
    let refused = world.store.beat(worker.clone(), 60 * SECOND, false).await.expect_err("it is away");
    assert!(matches!(refused, Error::Away { .. }), "{refused:?}");
    let unread = world.store.simulated_time().await.expect_err("it is away").to_string();
    let address = world.database.name();
    assert!(unread.contains(&address) && unread.contains("away"), "{unread}");
    assert!(world.store.away().expect("it is known").contains(&address));
    on(&server, Postgres::start_again).await;
    until("an accepted write", || async { world.store.beat(worker.clone(), 60 * SECOND, false).await.is_ok() }).await;
    assert_eq!(world.store.away(), None);
    world.run().await;
    assert_eq!(waiting.await.expect("the worker is known").len(), 1, "who waited is served");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_away_when_the_store_opens_is_waited_for() {
    let (server, world) = own().await;
    world.store.close().await;
    on(&server, Postgres::stop_immediately).await;
    let mut opening = Box::pin(Store::open(options(&world.database, world.now_us.clone())));
    not_yet(&mut opening).await;
    on(&server, Postgres::start_again).await;
    let store = opening.await.expect("it opens");
    assert!(store.current_project().await.expect("it reads").is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_are_cut_at_any_moment_lose_nothing_and_double_nothing() {
    let (server, world) = own().await;
    let cutting = Arc::new(AtomicI64::new(1));
    let cutter = tokio::task::spawn_blocking({
        let (server, cutting) = (server.clone(), cutting.clone());
        move || {
            // Often enough to meet commits, seldom enough for some to be made in between.
            while cutting.load(Ordering::Relaxed) == 1 {
                let others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                              WHERE application_name = 'daybreak' AND state <> 'idle'; SELECT pg_sleep(0.1)";
                server.sql("postgres", others).unwrap_or_else(|problem| panic!("{problem}"));
            }
        }
    });
    let mut made = 0;
    for _ in 0..40 {
        let batch = (0..10).map(|_| {
            let run = daybreak_store::NewRun {
                template: crate::support::template(),
                window_start: None,
                window_end: crate::support::at(24),
            };
            world.store.make_run(run)
        });
        made += join_all(batch).await.iter().filter(|made| made.is_ok()).count();
    }
    cutting.store(0, Ordering::Relaxed);
    cutter.await.expect("no panic");
    until("a read", || async { world.store.simulated_time().await.is_ok() }).await;
    assert_eq!(world.count("SELECT COUNT(*) FROM run").await, i64::try_from(made).expect("few"));
    assert!(made > 200, "{made} of 400: a cut connection is made anew");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leases_can_go_by_the_databases_own_clock() {
    let (_server, world) = own().await;
    // This process believes in another year.
    let mut options = options(&world.database, Arc::new(AtomicI64::new(SECOND)));
    options.lease_clock = LeaseClock::Database;
    let store = Store::open(options).await.expect("it opens");
    let epoch = store.lead("one".to_owned()).await.expect("it answers").expect("nobody leads");
    assert!(store.renew_leadership("one".to_owned(), epoch).await.expect("it answers"));
    let left = "SELECT lease_until_us - CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT) FROM leader";
    let left = world.count(left).await;
    assert!((5 * SECOND..=10 * SECOND).contains(&left), "{left}");
    let swept = store.sweep(Sweep { epoch, cancel_grace_us: SECOND }).await.expect("it sweeps");
    assert_eq!(swept, Swept::default());
}

#[tokio::test]
async fn a_password_is_never_told() {
    let database = Database::Postgres("postgres://me:swordfish@127.0.0.1:1/state".to_owned());
    assert_eq!(database.name(), "postgres://me@127.0.0.1:1/state");
    let away = daybreak_store::migrate(&database, crate::support::at(0)).await.expect_err("nobody listens there");
    let unreadable = Database::Postgres("postgres://me:swordfish@127.0.0.1:port/state".to_owned());
    let refused = daybreak_store::migrate(&unreadable, crate::support::at(0)).await.expect_err("no port");
    for told in [format!("{away} {away:?}"), format!("{refused} {refused:?}"), format!("{database:?} {unreadable:?}")] {
        assert!(!told.contains("swordfish"), "{told}");
    }
}
