//! What every online store has to do, as stories. A store's test file names how to open an empty one and calls
//! `conformance_suite!`. To add a story: a function here and its name in the macro's list.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use daybreak_features::{Error, FeatureRow, Generation, Lookup, OnlineStore, Published, Status};
use daybreak_spec::{ColumnType, Name, Timestamp, Value};

/// Makes one test per story; `$open` gives an empty store and whatever must outlive it.
macro_rules! conformance_suite {
    ($open:path) => {
        conformance_suite!($open;
            a_view_that_was_never_published_answers_not_found, composite_keys_do_not_run_together,
            an_older_as_of_never_replaces_a_newer_one, a_later_publication_of_the_same_instant_replaces_it,
            publishing_the_same_publication_again_changes_nothing, a_rollback_needs_a_higher_publication,
            what_was_minted_before_a_rollback_cannot_undo_it, a_late_row_arrives_with_the_next_generation,
            a_value_expires_one_microsecond_after_its_ttl, the_age_of_a_latest_value_counts_from_its_event,
            a_null_value_is_null_and_not_an_older_value, a_null_in_a_key_finds_nothing,
            two_rows_of_one_key_are_refused_and_nothing_changes, rows_that_do_not_fit_are_refused,
            every_type_of_value_comes_back, a_view_without_entity_has_one_row, long_keys_are_told_apart,
            a_generation_larger_than_a_slice_is_whole, content_decides_the_digest,
            one_call_reads_one_snapshot, publishers_at_the_same_time_end_with_the_newest, readers_see_one_generation_or_the_other);
    };
    ($open:path; $($story:ident),* $(,)?) => {
        $(#[test]
        fn $story() {
            let (store, _guard) = $open();
            conformance::$story(store.as_ref());
        })*
    };
}
pub(crate) use conformance_suite;

const DAY_US: i64 = 86_400_000_000;
const DAY_ZERO: Timestamp = Timestamp::from_micros(1_356_998_400_000_000);

pub fn name(text: &str) -> Name {
    Name::parse(text).expect("a slug")
}

pub fn day(number: i64) -> Timestamp {
    DAY_ZERO.plus_micros(number * DAY_US)
}

pub fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

/// A view keyed by two integers with one feature.
pub fn generation(view: &str, as_of: Timestamp, publication: i64, rows: usize) -> Generation {
    Generation {
        view: name(view),
        as_of,
        publication,
        key_names: vec!["a".to_owned(), "b".to_owned()],
        key_types: vec![ColumnType::I64, ColumnType::I64],
        feature_names: vec!["v".to_owned()],
        feature_types: vec![ColumnType::F64],
        ttl_us: None,
        ttl_from_event: false,
        rows: rows as u64,
    }
}

pub fn row(a: i64, b: i64, v: f64) -> FeatureRow {
    FeatureRow { keys: vec![Value::Int(a), Value::Int(b)], values: vec![Value::Float(v)], event_time_us: None }
}

pub fn publish(store: &dyn OnlineStore, generation: Generation, rows: Vec<FeatureRow>) -> Published {
    store.publish(generation, &mut rows.into_iter()).expect("publishes")
}

fn publish_one(store: &dyn OnlineStore, as_of: Timestamp, publication: i64, v: f64) -> Published {
    publish(store, generation("view", as_of, publication, 1), vec![row(1, 1, v)])
}

fn value(store: &dyn OnlineStore, at: Timestamp) -> Value {
    let online = store.get(&name("view"), &[Value::Int(1), Value::Int(1)], at).expect("reads");
    online.values[0].clone()
}

pub fn a_view_that_was_never_published_answers_not_found(store: &dyn OnlineStore) {
    let online = store.get(&name("view"), &[Value::Int(1)], day(1)).expect("reads");
    assert_eq!((online.status, online.as_of, online.values.len()), (Status::NotFound, None, 0));
    assert_eq!(store.generation(&name("view")).expect("reads"), None);
    assert!(matches!(store.digest(&name("view")), Err(Error::NotPublished(_))));
    assert_eq!(store.views().expect("reads"), []);
}

pub fn composite_keys_do_not_run_together(store: &dyn OnlineStore) {
    publish(store, generation("numbers", day(1), 1, 2), vec![row(1, 11, 0.1), row(11, 1, 0.9)]);
    let texts = Generation { key_types: vec![ColumnType::Str; 2], ..generation("texts", day(1), 1, 2) };
    let text_row = |a, b, v| FeatureRow { keys: vec![text(a), text(b)], ..row(0, 0, v) };
    publish(store, texts, vec![text_row("1", "11", 0.1), text_row("11", "1", 0.9)]);
    let get = |view: &str, keys: &[Value]| store.get(&name(view), keys, day(1)).expect("reads").values;
    assert_eq!(get("numbers", &[Value::Int(1), Value::Int(11)]), [Value::Float(0.1)]);
    assert_eq!(get("numbers", &[Value::Int(11), Value::Int(1)]), [Value::Float(0.9)]);
    assert_eq!(get("texts", &[text("1"), text("11")]), [Value::Float(0.1)]);
    assert_eq!(get("texts", &[text("11"), text("1")]), [Value::Float(0.9)]);
    assert_eq!(get("texts", &[text("111"), text("")]), [Value::Null]);
}

pub fn an_older_as_of_never_replaces_a_newer_one(store: &dyn OnlineStore) {
    assert_eq!(publish_one(store, day(2), 1, 2.0), Published::Live { rows: 1 });
    let newer = Published::Superseded { as_of: day(2), publication: 1 };
    assert_eq!(publish_one(store, day(1), 2, 1.0), newer, "however late it is published");
    assert_eq!(value(store, day(2)), Value::Float(2.0));
    assert_eq!(publish_one(store, day(3), 3, 3.0), Published::Live { rows: 1 });
    assert_eq!(value(store, day(3)), Value::Float(3.0));
}

pub fn a_later_publication_of_the_same_instant_replaces_it(store: &dyn OnlineStore) {
    publish_one(store, day(1), 5, 1.0);
    publish_one(store, day(1), 6, 2.0);
    assert_eq!(value(store, day(1)), Value::Float(2.0));
    assert_eq!(publish_one(store, day(1), 4, 3.0), Published::Superseded { as_of: day(1), publication: 6 });
    assert_eq!(value(store, day(1)), Value::Float(2.0));
}

pub fn publishing_the_same_publication_again_changes_nothing(store: &dyn OnlineStore) {
    publish_one(store, day(1), 1, 1.0);
    assert_eq!(publish_one(store, day(1), 1, 9.0), Published::Live { rows: 1 });
    assert_eq!(value(store, day(1)), Value::Float(1.0));
}

pub fn a_rollback_needs_a_higher_publication(store: &dyn OnlineStore) {
    publish_one(store, day(2), 7, 2.0);
    let roll_back = |publication| {
        let rows = vec![row(1, 1, 1.0)];
        store.roll_back(generation("view", day(1), publication, 1), &mut rows.into_iter()).expect("answers")
    };
    assert_eq!(roll_back(6), Published::Superseded { as_of: day(2), publication: 7 });
    assert_eq!(value(store, day(2)), Value::Float(2.0));
    assert_eq!(roll_back(8), Published::Live { rows: 1 });
    assert_eq!(value(store, day(2)), Value::Float(1.0));
    assert_eq!(store.generation(&name("view")).expect("reads").expect("live").as_of, day(1));
}

pub fn what_was_minted_before_a_rollback_cannot_undo_it(store: &dyn OnlineStore) {
    publish_one(store, day(2), 7, 2.0);
    let rows = vec![row(1, 1, 1.0)];
    store.roll_back(generation("view", day(1), 8, 1), &mut rows.into_iter()).expect("rolls back");
    assert_eq!(publish_one(store, day(2), 7, 2.0), Published::Superseded { as_of: day(1), publication: 8 });
    assert_eq!(value(store, day(2)), Value::Float(1.0));
    assert_eq!(publish_one(store, day(3), 9, 3.0), Published::Live { rows: 1 });
    assert_eq!(value(store, day(3)), Value::Float(3.0));
}

pub fn a_late_row_arrives_with_the_next_generation(store: &dyn OnlineStore) {
    let event = |micros: i64, v| FeatureRow { event_time_us: Some(micros), ..row(1, 1, v) };
    publish(store, generation("view", day(1), 1, 1), vec![event(10, 1.0)]);
    publish(store, generation("view", day(2), 2, 1), vec![event(11, 9.0)]);
    assert_eq!(value(store, day(2)), Value::Float(9.0));
}

pub fn a_value_expires_one_microsecond_after_its_ttl(store: &dyn OnlineStore) {
    let expiring = Generation { ttl_us: Some(DAY_US), ..generation("view", day(1), 1, 1) };
    publish(store, expiring, vec![row(1, 1, 1.0)]);
    let get = |at| store.get(&name("view"), &[Value::Int(1), Value::Int(1)], at).expect("reads");
    let fresh = get(day(2));
    assert_eq!((fresh.status, fresh.statuses, fresh.as_of), (Status::Present, vec![Status::Present], Some(day(1))));
    let expired = get(day(2).plus_micros(1));
    assert_eq!(expired.status, Status::OutsideMaxAge);
    assert_eq!(expired.statuses, [Status::OutsideMaxAge]);
    assert_eq!(expired.values, [Value::Null], "an expired value is withheld");
    assert_eq!(expired.as_of, Some(day(1)), "and its age can be seen");
}

pub fn the_age_of_a_latest_value_counts_from_its_event(store: &dyn OnlineStore) {
    let latest = Generation { ttl_us: Some(DAY_US), ttl_from_event: true, ..generation("view", day(2), 1, 2) };
    let noon_before = day(1).plus_micros(DAY_US / 2);
    let old = FeatureRow { event_time_us: Some(noon_before.micros), ..row(1, 1, 1.0) };
    publish(store, latest, vec![old, row(2, 2, 2.0)]);
    let status = |key, at| store.get(&name("view"), &[Value::Int(key), Value::Int(key)], at).expect("reads").status;
    assert_eq!(status(1, noon_before.plus_micros(DAY_US)), Status::Present);
    assert_eq!(status(1, noon_before.plus_micros(DAY_US + 1)), Status::OutsideMaxAge);
    assert_eq!(status(2, day(3)), Status::Present, "without an event the age counts from T");
    assert_eq!(status(2, day(3).plus_micros(1)), Status::OutsideMaxAge);
}

pub fn a_null_value_is_null_and_not_an_older_value(store: &dyn OnlineStore) {
    publish_one(store, day(1), 1, 1.0);
    let null = FeatureRow { values: vec![Value::Null], ..row(1, 1, 0.0) };
    publish(store, generation("view", day(2), 2, 1), vec![null]);
    let online = store.get(&name("view"), &[Value::Int(1), Value::Int(1)], day(2)).expect("reads");
    assert_eq!((online.status, online.statuses), (Status::Present, vec![Status::NullValue]));
    assert_eq!(online.values, [Value::Null]);
}

pub fn a_null_in_a_key_finds_nothing(store: &dyn OnlineStore) {
    let nobody = FeatureRow { keys: vec![Value::Int(1), Value::Null], ..row(0, 0, 5.0) };
    let published = publish(store, generation("view", day(1), 1, 2), vec![row(1, 1, 1.0), nobody]);
    assert_eq!(published, Published::Live { rows: 1 }, "a row that nobody can find is left out");
    let online = store.get(&name("view"), &[Value::Int(1), Value::Null], day(1)).expect("reads");
    assert_eq!((online.status, online.values, online.as_of), (Status::NotFound, vec![Value::Null], None));
}

pub fn two_rows_of_one_key_are_refused_and_nothing_changes(store: &dyn OnlineStore) {
    publish_one(store, day(1), 1, 1.0);
    let mut twice = vec![row(1, 1, 2.0), row(2, 2, 2.0), row(1, 1, 3.0)].into_iter();
    let error = store.publish(generation("view", day(2), 2, 3), &mut twice).expect_err("refuses");
    assert!(matches!(&error, Error::DuplicateKey { key, .. } if key == "(1, 1)"), "{error}");
    assert_eq!(value(store, day(2)), Value::Float(1.0));
}

pub fn rows_that_do_not_fit_are_refused(store: &dyn OnlineStore) {
    let refused = |rows: Vec<FeatureRow>, announced| {
        let generation = generation("view", day(1), 1, announced);
        store.publish(generation, &mut rows.into_iter()).expect_err("refuses").to_string()
    };
    let wrong_type = FeatureRow { values: vec![text("x")], ..row(1, 1, 0.0) };
    assert!(refused(vec![wrong_type], 1).contains("feature `v` is f64 and holds \"x\""));
    let short = FeatureRow { keys: vec![Value::Int(1)], ..row(1, 1, 0.0) };
    assert!(refused(vec![row(1, 1, 1.0), short], 2).contains("row 2"));
    assert!(refused(vec![row(1, 1, 1.0)], 2).contains("2 rows were announced and 1 came"));
    let unnamed = Generation { key_types: vec![], ..generation("view", day(1), 1, 0) };
    assert!(store.publish(unnamed, &mut std::iter::empty()).is_err());
    assert_eq!(store.generation(&name("view")).expect("reads"), None);
}

pub fn every_type_of_value_comes_back(store: &dyn OnlineStore) {
    let values = [
        (ColumnType::Bool, Value::Bool(true)),
        (ColumnType::I8, Value::Int(-128)),
        (ColumnType::U64, Value::Int(i64::MAX)),
        (ColumnType::F32, Value::Float(0.5)),
        (ColumnType::F64, Value::Float(-1e300)),
        (ColumnType::Str, text("Zürich \u{0} ✈")),
        (ColumnType::Date, Value::Date(-1)),
        (ColumnType::Datetime, Value::Instant(i64::MIN)),
        (ColumnType::Str, Value::Null),
    ];
    let typed = Generation {
        feature_names: (0..values.len()).map(|number| format!("f{number}")).collect(),
        feature_types: values.iter().map(|(column_type, _)| *column_type).collect(),
        ..generation("view", day(1), 1, 1)
    };
    let values: Vec<Value> = values.into_iter().map(|(_, value)| value).collect();
    publish(store, typed.clone(), vec![FeatureRow { values: values.clone(), ..row(1, 1, 0.0) }]);
    let online = store.get(&name("view"), &[Value::Int(1), Value::Int(1)], day(1)).expect("reads");
    assert_eq!(online.values, values);
    assert_eq!(online.generation.as_deref(), Some(&typed));
}

pub fn a_view_without_entity_has_one_row(store: &dyn OnlineStore) {
    let global = Generation { key_names: vec![], key_types: vec![], ..generation("network", day(1), 1, 1) };
    publish(store, global, vec![FeatureRow { keys: vec![], ..row(0, 0, 4.0) }]);
    let get = |keys: &[Value]| store.get(&name("network"), keys, day(1)).expect("reads");
    assert_eq!(get(&[]).values, [Value::Float(4.0)]);
    assert_eq!(get(&[Value::Int(1)]).status, Status::NotFound);
}

pub fn long_keys_are_told_apart(store: &dyn OnlineStore) {
    let key = |last: &str| vec![text(&("x".repeat(3_000) + last)), text("")];
    let keyed = |last, v| FeatureRow { keys: key(last), ..row(0, 0, v) };
    let texts = Generation { key_types: vec![ColumnType::Str; 2], ..generation("view", day(1), 1, 2) };
    publish(store, texts, vec![keyed("a", 1.0), keyed("b", 2.0)]);
    let get = |last| store.get(&name("view"), &key(last), day(1)).expect("reads").values;
    assert_eq!((get("a"), get("b")), (vec![Value::Float(1.0)], vec![Value::Float(2.0)]));
    assert_eq!(get("c"), [Value::Null]);
}

pub fn a_generation_larger_than_a_slice_is_whole(store: &dyn OnlineStore) {
    let rows = |sign: f64| (0..25_000_i32).map(move |key| row(i64::from(key), 0, sign * f64::from(key)));
    for publication in 1..4 {
        let generation = generation("view", day(publication), publication, 25_000);
        let published = store.publish(generation, &mut rows(if publication == 2 { -1.0 } else { 1.0 }));
        assert_eq!(published.expect("publishes"), Published::Live { rows: 25_000 });
    }
    for key in [0, 9_999, 10_000, 24_999] {
        let online = store.get(&name("view"), &[Value::Int(key), Value::Int(0)], day(3)).expect("reads");
        assert_eq!(online.values[0].as_number(), Some(key as f64));
    }
}

pub fn content_decides_the_digest(store: &dyn OnlineStore) {
    let rows = vec![row(1, 1, 1.0), row(2, 2, 2.0)];
    let digest = |publication, rows: Vec<FeatureRow>, ttl_us| {
        let generation = Generation { ttl_us, ..generation("view", day(1), publication, rows.len()) };
        publish(store, generation, rows);
        store.digest(&name("view")).expect("reads")
    };
    let first = digest(1, rows.clone(), None);
    let turned = rows.iter().rev().cloned().collect();
    assert_eq!(digest(2, turned, None), first, "neither order nor publication counts");
    assert_ne!(digest(3, rows.clone(), Some(1)), first, "the ttl counts");
    assert_ne!(digest(4, vec![row(1, 1, 1.0), row(2, 2, 2.5)], None), first, "a value counts");
    assert_eq!(digest(5, rows, None), first);
    assert_eq!(store.views().expect("reads"), [name("view")]);
}

pub fn one_call_reads_one_snapshot(store: &dyn OnlineStore) {
    publish_one(store, day(1), 1, 1.0);
    let other = name("other");
    let keys = [Value::Int(1), Value::Int(1)];
    let view = name("view");
    let lookups =
        [Lookup { view: &view, keys: &keys }, Lookup { view: &other, keys: &keys }, Lookup { view: &view, keys: &[] }];
    let answers = store.get_many(&lookups, day(1)).expect("reads");
    let statuses: Vec<Status> = answers.iter().map(|online| online.status).collect();
    assert_eq!(statuses, [Status::Present, Status::NotFound, Status::NotFound]);
}

pub fn publishers_at_the_same_time_end_with_the_newest(store: &dyn OnlineStore) {
    std::thread::scope(|scope| {
        for publisher in 0..4 {
            scope.spawn(move || {
                for round in 0..8 {
                    let number = round * 4 + (publisher + round) % 4 + 1;
                    let rows = (0..50).map(|key| row(key, 0, number as f64));
                    let generation = generation("view", day(number), number, 50);
                    store.publish(generation, &mut rows.into_iter()).expect("publishes or is superseded");
                }
            });
        }
    });
    let live = store.generation(&name("view")).expect("reads").expect("live");
    assert_eq!((live.as_of, live.rows), (day(32), 50));
    let online = store.get(&name("view"), &[Value::Int(49), Value::Int(0)], day(32)).expect("reads");
    assert_eq!(online.values, [Value::Float(32.0)]);
    assert_eq!(store.digest(&name("view")).expect("is whole").len(), 64);
}

pub fn readers_see_one_generation_or_the_other(store: &dyn OnlineStore) {
    let publish_all = |number: i32| {
        let rows = (0..100).map(|key| row(key, 0, f64::from(number)));
        let generation = generation("view", day(i64::from(number)), i64::from(number), 100);
        store.publish(generation, &mut rows.into_iter()).expect("publishes");
    };
    publish_all(1);
    let done = Arc::new(AtomicBool::new(false));
    std::thread::scope(|scope| {
        for _ in 0..3 {
            let done = Arc::clone(&done);
            scope.spawn(move || watch_whole_generations(store, &done));
        }
        for number in 2..30 {
            publish_all(number);
        }
        done.store(true, Ordering::Release);
    });
}

/// Reads all keys in single calls until told to stop: all from one generation each time, and never an older one.
pub fn watch_whole_generations(store: &dyn OnlineStore, done: &AtomicBool) {
    let view = name("view");
    let keys: Vec<[Value; 2]> = (0..100).map(|key| [Value::Int(key), Value::Int(0)]).collect();
    let lookups: Vec<Lookup<'_>> = keys.iter().map(|keys| Lookup { view: &view, keys }).collect();
    let mut newest = 0.0;
    let mut last_round = false;
    while !last_round {
        last_round = done.load(Ordering::Acquire);
        let answers = store.get_many(&lookups, day(1_000)).expect("reads");
        let first = answers[0].values[0].as_number().expect("a number");
        assert!(first >= newest, "never back in time");
        newest = first;
        for online in &answers {
            assert_eq!(online.values[0].as_number(), Some(first), "never a mix");
            assert_eq!(online.as_of, Some(day(first as i64)));
        }
    }
}
