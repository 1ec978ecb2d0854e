//! The embedded store against the common stories, and what only it has: several processes, killed writers, a full map,
//! damaged files.
#![cfg_attr(test, expect(clippy::unwrap_used, reason = "tests"))]

mod conformance;

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use daybreak_features::embedded::EmbeddedStore;
use daybreak_features::{Error, OnlineStore, Published};
use daybreak_spec::Value;
use tempfile::TempDir;

use crate::conformance::{conformance_suite, day, generation, name, row, watch_whole_generations};

fn open_empty() -> (Arc<dyn OnlineStore>, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    (EmbeddedStore::open(dir.path()).unwrap(), dir)
}

conformance_suite!(open_empty);

fn publish_hundred(store: &dyn OnlineStore, number: i32) -> Published {
    let mut rows = (0..100).map(|key| row(key, 0, f64::from(number)));
    store.publish(generation("view", day(number.into()), number.into(), 100), &mut rows).unwrap()
}

/// Runs one of the ignored functions below in a process of its own; the folder goes in on stdin.
fn spawn(function: &str, dir: &Path) -> Child {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", function, "--ignored", "--nocapture"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    writeln!(child.stdin.as_mut().unwrap(), "{}", dir.display()).unwrap();
    child
}

fn folder_from_stdin() -> String {
    let mut line = String::new();
    BufReader::new(std::io::stdin()).read_line(&mut line).unwrap();
    line.trim_end().to_owned()
}

#[test]
#[ignore = "the other process of a test"]
fn child_publishes_forty_generations() {
    let store = EmbeddedStore::open(Path::new(&folder_from_stdin())).unwrap();
    for number in 2..42 {
        publish_hundred(store.as_ref(), number);
    }
}

#[test]
#[ignore = "the other process of a test"]
fn child_aborts_in_the_middle_of_a_publication() {
    let store = EmbeddedStore::open(Path::new(&folder_from_stdin())).unwrap();
    let mut rows = (0..50_000).map(|key| {
        if key == 35_000 {
            std::process::abort();
        }
        row(key, 0, 2.0)
    });
    store.publish(generation("view", day(2), 2, 50_000), &mut rows).unwrap();
}

#[test]
fn another_process_publishes_while_this_one_reads() {
    let (store, dir) = open_empty();
    publish_hundred(store.as_ref(), 1);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| watch_whole_generations(store.as_ref(), &done));
        }
        let mut child = spawn("child_publishes_forty_generations", dir.path());
        let status = child.wait().unwrap();
        done.store(true, Ordering::Release);
        assert!(status.success());
    });
    assert_eq!(store.generation(&name("view")).unwrap().unwrap().as_of, day(41));
}

#[test]
fn a_writer_killed_in_the_middle_leaves_the_old_generation_whole() {
    let (store, dir) = open_empty();
    publish_hundred(store.as_ref(), 1);
    let before = store.digest(&name("view")).unwrap();
    let status = spawn("child_aborts_in_the_middle_of_a_publication", dir.path()).wait().unwrap();
    assert!(!status.success());
    assert_eq!(store.digest(&name("view")).unwrap(), before);
    let mut rows = (0..100).map(|key| row(key, 0, 2.0));
    let again = store.publish(generation("view", day(2), 3, 100), &mut rows).unwrap();
    assert_eq!(again, Published::Live { rows: 100 }, "its retry goes through");
    assert_eq!(store.digest(&name("view")).unwrap().len(), 64);
}

#[test]
fn what_was_published_is_there_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(dir.path()).unwrap();
    publish_hundred(store.as_ref(), 1);
    let digest = store.digest(&name("view")).unwrap();
    drop(store);
    let store = EmbeddedStore::open(dir.path()).unwrap();
    assert_eq!(store.digest(&name("view")).unwrap(), digest);
}

#[test]
fn a_second_handle_in_one_process_is_refused() {
    let (_store, dir) = open_empty();
    assert!(matches!(EmbeddedStore::open(dir.path()), Err(Error::AlreadyOpen { .. })));
}

#[test]
fn a_full_map_is_a_clear_error_and_the_old_generation_stays() {
    let dir = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open_with_map(dir.path(), 1 << 20).unwrap();
    publish_hundred(store.as_ref(), 1);
    let mut rows = (0..100_000).map(|key| row(key, 0, 2.0));
    let error = store.publish(generation("view", day(2), 2, 100_000), &mut rows).unwrap_err();
    assert!(matches!(error, Error::Full { .. }), "{error}");
    let online = store.get(&name("view"), &[Value::Int(7), Value::Int(0)], day(1)).unwrap();
    assert_eq!(online.values, [Value::Float(1.0)]);
    assert_eq!(publish_hundred(store.as_ref(), 3), Published::Live { rows: 100 }, "a smaller one still fits");
}

#[test]
fn publishing_for_ever_does_not_grow_the_store_for_ever() {
    let dir = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open_with_map(dir.path(), 1 << 20).unwrap();
    for number in 1..200 {
        assert_eq!(publish_hundred(store.as_ref(), number), Published::Live { rows: 100 });
    }
}

#[test]
fn a_file_that_is_no_store_is_a_clear_error() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("data.mdb"), vec![7_u8; 16_384]).unwrap();
    let error = EmbeddedStore::open(dir.path()).map(drop).unwrap_err();
    assert!(matches!(error, Error::Corrupt { .. }), "{error}");
    assert!(error.to_string().contains("materialize the views again"), "{error}");
}

#[test]
fn a_file_cut_short_is_an_error_and_not_a_crash() {
    let dir = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(dir.path()).unwrap();
    let mut rows = (0..20_000).map(|key| row(key, 0, 2.0));
    store.publish(generation("view", day(1), 1, 20_000), &mut rows).unwrap();
    drop(store);
    let data = std::fs::OpenOptions::new().write(true).open(dir.path().join("data.mdb")).unwrap();
    data.set_len(3 * 4_096).unwrap();
    let outcome = EmbeddedStore::open(dir.path()).and_then(|store| store.digest(&name("view")));
    assert!(matches!(outcome, Err(Error::Corrupt { .. })), "{outcome:?}");
}
