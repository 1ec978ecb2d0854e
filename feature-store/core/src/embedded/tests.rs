//! What the store keeps behind its face: leftovers of writers, generations that nobody can reach, damaged rows.

use std::sync::Arc;

use daybreak_spec::{ColumnType, Name, Timestamp, Value};
use tempfile::TempDir;

use super::EmbeddedStore;
use super::records::State;
use crate::{Error, FeatureRow, Generation, OnlineStore, Published};

fn open() -> (Arc<EmbeddedStore>, TempDir) {
    let dir = tempfile::tempdir().expect("a folder");
    (EmbeddedStore::open(dir.path()).expect("opens"), dir)
}

fn generation(number: i64, rows: u64) -> Generation {
    Generation {
        view: Name::parse("view").expect("a slug"),
        as_of: Timestamp::from_micros(number),
        publication: number,
        key_names: vec!["k".to_owned()],
        key_types: vec![ColumnType::I64],
        feature_names: vec!["v".to_owned()],
        feature_types: vec![ColumnType::I64],
        ttl_us: None,
        ttl_from_event: false,
        rows,
    }
}

fn rows(count: i64, value: i64) -> impl Iterator<Item = FeatureRow> {
    let row =
        move |key| FeatureRow { keys: vec![Value::Int(key)], values: vec![Value::Int(value)], event_time_us: None };
    (0..count).map(row)
}

fn publish(store: &EmbeddedStore, number: i64) -> Published {
    store.publish(generation(number, 10), &mut rows(10, number)).expect("publishes")
}

/// State and rows of every generation that has a trace in the store.
fn traces(store: &EmbeddedStore) -> Vec<(State, u64)> {
    let txn = store.env.read_txn().expect("reads");
    let records = store.records(&txn).expect("reads");
    let trace = |(id, record): &(u64, super::records::Record)| {
        (record.state, store.scan(&txn, *id, |_, _| {}).expect("reads").rows)
    };
    let traces: Vec<_> = records.iter().map(trace).collect();
    let all = store.rows.len(&txn).expect("counts");
    assert_eq!(all, traces.iter().map(|(_, rows)| rows).sum::<u64>(), "no row without a record");
    traces
}

#[test]
fn only_the_generation_in_service_and_the_one_before_are_kept() {
    let (store, _dir) = open();
    for number in 1..6 {
        publish(&store, number);
    }
    assert_eq!(traces(&store), [(State::Complete, 10), (State::Complete, 10)]);
}

#[test]
fn a_failed_publication_leaves_nothing_behind() {
    let (store, _dir) = open();
    publish(&store, 1);
    store.publish(generation(2, 99), &mut rows(10, 2)).expect_err("a wrong count");
    assert_eq!(traces(&store), [(State::Complete, 10)]);
}

#[test]
fn what_a_killed_writer_left_is_removed_by_the_next_publisher() {
    let (store, _dir) = open();
    publish(&store, 1);
    let super::publish::Begun::Writing(id) =
        store.begin(super::publish::Guard::Newer, &generation(2, 25_000)).expect("begins")
    else {
        panic!("it is newer");
    };
    store.write_rows(id, &generation(2, 25_000), &mut rows(25_000, 2)).expect("writes");
    assert_eq!(traces(&store), [(State::Complete, 10), (State::Writing, 25_000)]);
    publish(&store, 3);
    assert_eq!(traces(&store), [(State::Complete, 10), (State::Complete, 10)]);
}

#[test]
fn a_writer_that_is_overtaken_stops_and_its_rows_go() {
    let (store, _dir) = open();
    let overtaker = Arc::clone(&store);
    let mut slow = rows(25_000, 1).inspect(move |row| {
        if row.keys == [Value::Int(15_000)] {
            publish(&overtaker, 2);
        }
    });
    let published = store.publish(generation(1, 25_000), &mut slow).expect("ends");
    assert_eq!(published, Published::Superseded { as_of: Timestamp::from_micros(2), publication: 2 });
    assert_eq!(traces(&store), [(State::Complete, 10)]);
}

#[test]
fn a_newer_writer_at_work_is_left_alone() {
    let (store, _dir) = open();
    store.begin(super::publish::Guard::Newer, &generation(5, 1)).expect("begins");
    publish(&store, 1);
    assert_eq!(traces(&store), [(State::Writing, 0), (State::Complete, 10)]);
}

#[test]
fn a_changed_row_is_found_by_the_digest() {
    let (store, _dir) = open();
    publish(&store, 1);
    let mut txn = store.env.write_txn().expect("writes");
    let (key, row) = store.rows.first(&txn).expect("reads").map(|(k, r)| (k.to_vec(), r.to_vec())).expect("a row");
    let mut changed = row.clone();
    *changed.last_mut().expect("a byte") ^= 2;
    store.rows.put(&mut txn, &key, &changed).expect("writes");
    txn.commit().expect("commits");
    let error = store.digest(&generation(1, 1).view).expect_err("finds it");
    assert!(matches!(error, Error::Corrupt { .. }), "{error}");
}

#[test]
fn a_row_that_does_not_read_back_is_an_error_and_not_a_guess() {
    let (store, _dir) = open();
    publish(&store, 1);
    let mut txn = store.env.write_txn().expect("writes");
    let key = store.rows.first(&txn).expect("reads").map(|(key, _)| key.to_vec()).expect("a row");
    store.rows.put(&mut txn, &key, b"\x01\x00\x05").expect("writes");
    txn.commit().expect("commits");
    let error = store.get(&generation(1, 1).view, &[Value::Int(0)], Timestamp::from_micros(1)).expect_err("refuses");
    assert!(matches!(error, Error::Corrupt { .. }), "{error}");
}

#[test]
fn a_store_of_a_later_format_is_refused() {
    let (store, dir) = open();
    let mut txn = store.env.write_txn().expect("writes");
    store.meta.put(&mut txn, b"format", &2_u32.to_be_bytes()).expect("writes");
    txn.commit().expect("commits");
    drop(store);
    let error = EmbeddedStore::open(dir.path()).map(drop).expect_err("refuses");
    assert!(matches!(error, Error::TooNew { found: 2, supported: 1, .. }), "{error}");
}
