//! Batches: commands that are committed together do not share their fate, and the rows are guarded by the database too.

use daybreak_store::Error;
use futures::future::join_all;
use sqlx::Connection;

use crate::support::{World, at, name};

#[tokio::test]
async fn a_command_that_is_refused_leaves_its_neighbours_alone() {
    let world = World::new().await;
    let good = (0..20).map(|_| world.run());
    let bad = (0..20).map(|_| world.store.cancel("01ARZ3NDEKTSV4RRFFQ69G5FAV".to_owned(), "x".to_owned()));
    let (made, refused) = tokio::join!(join_all(good), join_all(bad));
    assert!(refused.iter().all(|refused| matches!(refused, Err(Error::NotFound(_)))), "{refused:?}");
    assert_eq!(made.len(), world.run_count().await);
}

#[tokio::test]
async fn a_command_that_meets_a_fault_of_the_database_leaves_its_neighbours_alone() {
    let world = World::new().await;
    let mut connection = world.connect().await;
    sqlx::raw_sql(
        "CREATE TRIGGER broken BEFORE INSERT ON clock WHEN NEW.simulated_us = 7 BEGIN SELECT RAISE(ROLLBACK, 'broken'); END",
    )
    .execute(&mut connection)
    .await
    .expect("the trigger is made");
    let good = (0..5).map(|_| world.run());
    let bad = world.store.set_clock(daybreak_spec::Timestamp::from_micros(7));
    let more = (0..5).map(|_| world.run());
    let (made, broken, more) = tokio::join!(join_all(good), bad, join_all(more));
    assert!(matches!(broken, Err(Error::Database(_))), "{broken:?}");
    assert_eq!(made.len() + more.len(), 10);
    assert_eq!(world.run_count().await, 10);
}

#[tokio::test]
async fn rows_of_an_impossible_shape_are_refused_by_the_database_itself() {
    let world = World::new().await;
    world.run().await;
    let mut connection = world.connect().await;
    for impossible in [
        "UPDATE task_run SET state = 'running' WHERE state = 'ready'",
        "UPDATE task_run SET worker_id = 'w', worker_epoch = 1 WHERE state = 'ready'",
        "UPDATE task_run SET state = 'succeeded', outputs = '{}' WHERE state = 'waiting'",
        "UPDATE task_run SET state = 'dreaming'",
        "UPDATE run SET state = 'failed', ended_at_us = 1",
        "UPDATE run SET state = 'succeeded'",
    ] {
        let refused = sqlx::raw_sql(impossible).execute(&mut connection).await;
        assert!(refused.is_err(), "{impossible}");
    }
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_reopening() {
    let world = World::new().await;
    let run = world.run().await;
    world.store.close().await;
    assert!(matches!(world.store.set_clock(at(1)).await, Err(Error::Closed)));
    let store = crate::support::open(world.folder.path(), world.now_us.clone()).await;
    assert_eq!(store.run(&run).await.expect("the run").tasks.len(), 3);
    assert_eq!(store.current_project().await.expect("it reads").expect("deployed").project, name("demo"));
}

#[tokio::test]
async fn a_database_of_a_newer_schema_is_refused_with_the_way_out() {
    let world = World::new().await;
    world.store.close().await;
    let mut connection = world.connect().await;
    sqlx::raw_sql(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (999, 'later', TRUE, x'00', 0)",
    )
    .execute(&mut connection)
    .await
    .expect("it is written");
    let options = daybreak_store::Options {
        path: world.folder.path().join("state.db"),
        sources: daybreak_store::Sources::new(|| at(0), || 0.5),
        on_fatal: std::sync::Arc::new(|_| {}),
    };
    let refused = daybreak_store::Store::open(options).await.err().expect("it is refused").to_string();
    assert!(refused.contains("newer than this binary knows"), "{refused}");
}

#[tokio::test]
async fn a_commit_that_fails_is_not_acknowledged_and_calls_for_the_end_of_the_process() {
    let folder = tempfile::tempdir().expect("a folder");
    let (told, fatal) = std::sync::mpsc::channel();
    let options = daybreak_store::Options {
        path: folder.path().join("state.db"),
        sources: daybreak_store::Sources::new(|| at(1), || 0.5),
        on_fatal: std::sync::Arc::new(move |detail| told.send(detail.to_owned()).expect("the test listens")),
    };
    let store = daybreak_store::Store::open(options).await.expect("it opens");
    let url = format!("sqlite://{}", folder.path().join("state.db").display());
    let mut connection = sqlx::sqlite::SqliteConnection::connect(&url).await.expect("a second connection");
    // A foreign key that is looked at only when the transaction is committed.
    sqlx::raw_sql(
        "CREATE TABLE orphan (missing TEXT REFERENCES project (project) DEFERRABLE INITIALLY DEFERRED); \
         CREATE TRIGGER broken AFTER INSERT ON clock BEGIN INSERT INTO orphan VALUES ('nobody'); END",
    )
    .execute(&mut connection)
    .await
    .expect("the trap is set");
    let refused = store.set_clock(at(2)).await;
    assert!(matches!(refused, Err(Error::NotDurable(_))), "{refused:?}");
    assert!(fatal.try_recv().expect("the end was called for").contains("FOREIGN KEY"));
    assert_eq!(store.simulated_time().await.expect("it reads"), None);
}
