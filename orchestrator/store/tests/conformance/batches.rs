//! Batches: commands that are committed together do not share their fate, and the rows are guarded by the database too.

use daybreak_protocol::{AliasMove, BuildRecord, TaskResult};
use daybreak_store::{Database, Error};
use futures::future::join_all;

use crate::support::{World, at, caller, name};

crate::stories! {
    a_command_that_is_refused_leaves_its_neighbours_alone,
    a_command_that_meets_a_fault_of_the_database_leaves_its_neighbours_alone,
    a_command_that_refuses_after_it_has_written_leaves_its_neighbours_alone,
    a_database_that_is_ahead_is_worked_on_as_long_as_its_floor_allows,
    a_commit_that_fails_is_not_acknowledged,
    rows_of_an_impossible_shape_are_refused_by_the_database_itself,
    what_was_acknowledged_is_there_after_reopening,
    a_database_of_a_newer_schema_is_refused_with_the_way_out,
}

async fn a_command_that_is_refused_leaves_its_neighbours_alone(world: World) {
    let good = (0..20).map(|_| world.run());
    let bad = (0..20).map(|_| world.store.cancel("01ARZ3NDEKTSV4RRFFQ69G5FAV".to_owned(), "x".to_owned(), caller()));
    let (made, refused) = tokio::join!(join_all(good), join_all(bad));
    assert!(refused.iter().all(|refused| matches!(refused, Err(Error::NotFound(_)))), "{refused:?}");
    assert_eq!(made.len(), world.run_count().await);
}

async fn a_command_that_meets_a_fault_of_the_database_leaves_its_neighbours_alone(world: World) {
    let trigger = match &world.database {
        Database::Sqlite(_) => {
            "CREATE TRIGGER broken BEFORE INSERT ON clock WHEN NEW.simulated_us = 7 \
             BEGIN SELECT RAISE(ROLLBACK, 'broken'); END"
        }
        Database::Postgres(_) => {
            "CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'broken'; END $$; \
             CREATE TRIGGER broken BEFORE INSERT ON clock FOR EACH ROW WHEN (NEW.simulated_us = 7) \
             EXECUTE FUNCTION broken()"
        }
    };
    world.script(trigger).await.expect("the trigger is made");
    let good = (0..5).map(|_| world.run());
    let bad = world.store.set_clock(daybreak_spec::Timestamp::from_micros(7));
    let more = (0..5).map(|_| world.run());
    let (made, broken, more) = tokio::join!(join_all(good), bad, join_all(more));
    assert!(matches!(broken, Err(Error::Database(_))), "{broken:?}");
    assert_eq!(made.len() + more.len(), 10);
    assert_eq!(world.run_count().await, 10);
}

/// A move of an alias to a version that does not exist is found out after the builds have been written.
async fn a_command_that_refuses_after_it_has_written_leaves_its_neighbours_alone(world: World) {
    let worker = world.worker().await;
    let made = join_all((0..6).map(|_| world.run())).await;
    let tasks = world.claim(&worker).await;
    assert_eq!(tasks.len(), made.len());
    let ends = join_all(tasks.iter().enumerate().map(|(place, task)| {
        let bad = AliasMove { model: name("late"), alias: "champion".to_owned(), version: 9, as_of: at(1) };
        let build = BuildRecord {
            view: name("weather"),
            as_of: at(place as i64),
            definition_hash: "def".to_owned(),
            object: "b".to_owned(),
            rows: 1,
            size_bytes: 1,
        };
        let alias_move = (place % 2 == 1).then_some(bad);
        world.succeed_with(task, TaskResult { builds: vec![build], alias_move, ..TaskResult::default() })
    }))
    .await;
    let refused = ends.iter().filter(|end| matches!(end, Err(Error::Refused(_)))).count();
    assert_eq!((refused, ends.iter().filter(|end| end.is_ok()).count()), (3, 3), "{ends:?}");
    let builds = world.builds(0, 9).await;
    assert_eq!(builds.iter().map(|build| build.as_of).collect::<Vec<_>>(), [at(0), at(2), at(4)]);
}

async fn rows_of_an_impossible_shape_are_refused_by_the_database_itself(world: World) {
    world.run().await;
    for impossible in [
        "UPDATE task_run SET state = 'running' WHERE state = 'ready'",
        "UPDATE task_run SET worker_id = 'w', worker_epoch = 1 WHERE state = 'ready'",
        "UPDATE task_run SET state = 'succeeded', outputs = '{}' WHERE state = 'waiting'",
        "UPDATE task_run SET state = 'dreaming'",
        "UPDATE run SET state = 'failed', ended_at_us = 1",
        "UPDATE run SET state = 'succeeded'",
    ] {
        assert!(world.script(impossible).await.is_err(), "{impossible}");
    }
}

async fn what_was_acknowledged_is_there_after_reopening(world: World) {
    let run = world.run().await;
    world.store.close().await;
    assert!(matches!(world.store.set_clock(at(1)).await, Err(Error::Closed)));
    let store = world.open_another().await;
    assert_eq!(store.run(&run).await.expect("the run").tasks.len(), 3);
    assert_eq!(store.current_project().await.expect("it reads").expect("deployed").project, name("demo"));
}

async fn a_database_of_a_newer_schema_is_refused_with_the_way_out(world: World) {
    world.store.close().await;
    let later = "INSERT INTO schema_migration VALUES (999, 'later', 'ab', 999, '9.0.0', 0)";
    world.script(later).await.expect("it is written");
    let refused = daybreak_store::migrate(&world.database, at(0)).await.expect_err("it is refused").to_string();
    assert!(refused.contains("newer than this binary knows"), "{refused}");
    assert!(refused.contains("needs daybreak 9.0.0 or newer"), "{refused}");
    let options = crate::support::options(&world.database, world.now_us.clone());
    let refused = daybreak_store::Store::open(options).await.err().expect("it is refused").to_string();
    assert!(refused.contains("restore a backup"), "{refused}");
}

async fn a_database_that_is_ahead_is_worked_on_as_long_as_its_floor_allows(world: World) {
    world.store.close().await;
    let later = "INSERT INTO schema_migration VALUES (999, 'later', 'ab', 2, '9.0.0', 0); \
                 ALTER TABLE run ADD COLUMN unheard_of TEXT";
    world.script(later).await.expect("it is written");
    let migrated = daybreak_store::migrate(&world.database, at(0)).await.expect("it is fine");
    assert_eq!((migrated.before, migrated.now, migrated.applied.len()), (999, 999, 0));
    let mut world = world;
    world.store = world.open_another().await;
    let (worker, run) = (world.worker().await, world.run().await);
    world.drive(&worker, &run).await;
}

async fn a_commit_that_fails_is_not_acknowledged(world: World) {
    let (told, fatal) = std::sync::mpsc::channel();
    world.store.close().await;
    let mut options = crate::support::options(&world.database, world.now_us.clone());
    options.on_fatal = std::sync::Arc::new(move |detail| told.send(detail.to_owned()).expect("the test listens"));
    let store = daybreak_store::Store::open(options).await.expect("it opens");
    // A foreign key that is looked at only when the transaction is committed.
    let orphans = "CREATE TABLE orphan (missing TEXT REFERENCES project (project) DEFERRABLE INITIALLY DEFERRED); ";
    let trigger = match &world.database {
        Database::Sqlite(_) => {
            "CREATE TRIGGER broken AFTER INSERT ON clock BEGIN INSERT INTO orphan VALUES ('nobody'); END"
        }
        Database::Postgres(_) => {
            "CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN INSERT INTO orphan VALUES ('nobody'); RETURN NEW; END $$; \
             CREATE TRIGGER broken AFTER INSERT ON clock FOR EACH ROW EXECUTE FUNCTION broken()"
        }
    };
    world.script(&format!("{orphans}{trigger}")).await.expect("the trap is set");
    let refused = store.set_clock(at(2)).await;
    assert!(matches!(refused, Err(Error::NotDurable(_))), "{refused:?}");
    assert_eq!(store.simulated_time().await.expect("it reads"), None);
    // What SQLite's file holds after a failed commit is not to be trusted; PostgreSQL says by itself when that is so.
    let ends = fatal.try_recv().is_ok_and(|detail| detail.contains("FOREIGN KEY"));
    assert_eq!(ends, matches!(world.database, Database::Sqlite(_)));
}

#[tokio::test]
async fn a_file_that_was_not_closed_is_checked_and_a_damaged_one_refused() {
    let world = World::on_sqlite().await;
    for _ in 0..200 {
        world.run().await;
    }
    world.store.close().await;
    let Database::Sqlite(path) = &world.database else { panic!("a file") };
    let log = path.with_extension("db-wal");
    // What a process that was killed in the middle of its first write leaves.
    std::fs::write(&log, [7_u8; 40]).expect("a log");
    world.open_another().await.close().await;
    let mut bytes = std::fs::read(path).expect("the file");
    for byte in bytes.iter_mut().skip(8 * 4096) {
        *byte = 0xa5;
    }
    std::fs::write(path, bytes).expect("damage");
    std::fs::write(&log, [7_u8; 40]).expect("a log");
    let options = crate::support::options(&world.database, world.now_us.clone());
    let refused = daybreak_store::Store::open(options).await.err().expect("it is damaged").to_string();
    assert!(refused.contains("is damaged; restore a backup"), "{refused}");
}
