//! Another program holds the lock of the file: the store says so, waits, and goes on by itself.

use std::time::{Duration, Instant};

use daybreak_store::Database;
use sqlx::{Connection as _, SqliteConnection};

use crate::support::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_file_is_waited_for_and_said_to_be_locked() {
    let world = World::on_sqlite().await;
    let Database::Sqlite(path) = &world.database else { unreachable!("it was asked for") };
    let mut other = SqliteConnection::connect(&format!("sqlite://{}", path.display())).await.expect("it opens");
    sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.expect("the lock is free");
    let store = world.store.clone();
    let writing = tokio::spawn(async move { store.set_clock(daybreak_spec::Timestamp::from_micros(7)).await });
    let begun = Instant::now();
    let said = loop {
        if let Some(said) = world.store.away() {
            break said;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "the lock is not noticed");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert!(said.contains("another program") && said.contains(&path.display().to_string()), "{said}");
    sqlx::query("COMMIT").execute(&mut other).await.expect("it is given back");
    let written = writing.await.expect("no panic");
    assert!(written.is_ok() || world.store.set_clock(daybreak_spec::Timestamp::from_micros(8)).await.is_ok());
    assert_eq!(world.store.away(), None);
}
