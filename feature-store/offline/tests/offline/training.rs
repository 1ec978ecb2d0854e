//! Training sets: labels, order, and the as-of join with whole builds; acceptance tests 7, 9, 11, 13, 14 and 20 of the
//! point-in-time semantics as stories over files.

use std::collections::BTreeMap;

use crate::support::{Fixture, at, instants, name, stored, text, texts};
use bytes::Bytes;
use daybreak_offline::{Offline, TrainingFrame};
use daybreak_spec::{Name, Timestamp, Value};
use polars::prelude::*;

const PROJECT: &str = "
sources:
  orders: { path: 'orders*.parquet', event_time: ordered_at, sequence: number, known_at: { late: arrived_at } }
  readings: { path: readings.parquet, event_time: at }
entities: { place: { keys: [place] }, lane: { keys: [origin, dest] } }
feature_views:
  weather: { entity: place, source: readings, ttl: 2h, latest: [temp] }
  daily: { entity: place, source: readings, ttl: 3h, publish_delay: 1h, aggregates: [{ of: temp, as: warm, fn: mean, windows: [1d] }] }
  world: { source: readings, aggregates: [{ of: temp, as: readings, fn: count, windows: [1d] }] }
  lanes: { entity: lane, sql: 'SELECT place AS origin, next AS dest, temp AS length FROM readings' }
models:
  late:
    observations: { source: orders, label: late, label_known_at: arrived_at }
    inputs: { weight: f64 }
    features:
      - { view: weather, entity: { place: origin }, as: origin_weather }
      - { view: weather, entity: { place: dest }, as: dest_weather }
      - { view: daily, entity: { place: origin } }
      - world
      - lanes
    missing: impute
    algorithm: { name: logistic_regression }
    metrics: [auc]
";

const NIGHT: &str = "2026-01-02T00:00:00Z";

struct Order {
    ordered: &'static str,
    arrived: Option<&'static str>,
    lane: (Option<&'static str>, Option<&'static str>),
    late: Option<bool>,
    number: i64,
}

fn order(ordered: &'static str, number: i64) -> Order {
    let lane = (Some("a"), Some("b"));
    Order { ordered, arrived: Some("2026-01-02T09:00:00Z"), lane, late: Some(number % 2 == 0), number }
}

fn write(fixture: &Fixture, file: &str, orders: &[Order]) {
    let times: Vec<_> = orders.iter().map(|order| Some(order.ordered)).collect();
    let arrived: Vec<_> = orders.iter().map(|order| order.arrived).collect();
    let origins: Vec<_> = orders.iter().map(|order| order.lane.0).collect();
    let dests: Vec<_> = orders.iter().map(|order| order.lane.1).collect();
    let numbers: Vec<i64> = orders.iter().map(|order| order.number).collect();
    fixture.parquet(
        file,
        vec![
            instants("ordered_at", &times),
            instants("arrived_at", &arrived),
            texts("origin", &origins),
            texts("dest", &dests),
            Column::new("late".into(), orders.iter().map(|order| order.late).collect::<Vec<_>>()),
            Column::new("weight".into(), numbers.iter().map(|number| *number as f64).collect::<Vec<_>>()),
            Column::new("number".into(), numbers),
        ],
    );
}

fn fixture(orders: &[Order]) -> Fixture {
    let fixture = Fixture::new(PROJECT);
    write(&fixture, "orders.parquet", orders);
    fixture.parquet(
        "readings.parquet",
        vec![
            instants("at", &[Some("2026-01-01T23:00:00Z"), Some("2026-01-01T22:30:00Z"), Some("2026-01-01T23:30:00Z")]),
            texts("place", &[Some("a"), Some("b"), Some("c")]),
            texts("next", &[Some("b"), Some("a"), Some("aa")]),
            Column::new("temp".into(), [Some(1.0), Some(2.0), None]),
        ],
    );
    fixture
}

fn builds(offline: &Offline, instants: &[Timestamp]) -> BTreeMap<Name, Vec<(Timestamp, Bytes)>> {
    let views = offline.project().feature_views.keys();
    views.map(|view| (view.clone(), stored(offline.build(view, instants).unwrap()))).collect()
}

fn train(offline: &Offline, nights: &[Timestamp], t: &str) -> TrainingFrame {
    let range = (at("2026-01-01T00:00:00Z"), at("2026-01-03T00:00:00Z"));
    offline.training_set(&name("late"), range, at(t), &builds(offline, nights)).unwrap()
}

fn values(frame: &TrainingFrame, column: &str) -> Vec<Value> {
    let columns = frame.columns();
    let column = columns.iter().find(|one| one.name == column).unwrap();
    (0..frame.rows()).map(|row| column.value(row)).collect()
}

fn numbers(values: &[f64]) -> Vec<Value> {
    values.iter().map(|value| if value.is_nan() { Value::Null } else { Value::Float(*value) }).collect()
}

const NONE: f64 = f64::NAN;

#[test]
fn acceptance_13_one_view_in_two_roles_joins_independently() {
    let orders =
        [order("2026-01-02T00:30:00Z", 1), order("2026-01-02T00:30:00.000001Z", 2), order("2026-01-02T01:00:01Z", 3)];
    let fixture = fixture(&orders);
    let frame = train(&fixture.offline(), &[at(NIGHT)], "2026-01-02T10:00:00Z");
    // The reading of `a` is from 23:00, that of `b` from 22:30; both live two hours from then.
    assert_eq!(values(&frame, "origin_weather__temp"), numbers(&[1.0, 1.0, NONE]));
    assert_eq!(values(&frame, "dest_weather__temp"), numbers(&[2.0, NONE, NONE]));
    let counts = &frame.report.features[1];
    assert_eq!((counts.name.as_str(), counts.present, counts.outside_max_age), ("dest_weather__temp", 1, 2));
}

#[test]
fn acceptance_14_a_view_without_keys_answers_every_row() {
    let mut stranger = order("2026-01-02T05:00:00Z", 2);
    stranger.lane = (None, Some("nowhere"));
    let fixture = fixture(&[order("2026-01-02T00:30:00Z", 1), stranger]);
    let frame = train(&fixture.offline(), &[at(NIGHT)], "2026-01-02T10:00:00Z");
    assert_eq!(values(&frame, "world__readings_1d"), [Value::Int(2), Value::Int(2)]);
}

#[test]
fn acceptance_09_composite_keys_are_not_glued_together() {
    let mut glued = order("2026-01-02T00:30:00Z", 2);
    glued.lane = (Some("ca"), Some("a"));
    let mut right = order("2026-01-02T00:30:00Z", 3);
    right.lane = (Some("c"), Some("aa"));
    let fixture = fixture(&[order("2026-01-02T00:30:00Z", 1), glued, right]);
    let frame = train(&fixture.offline(), &[at(NIGHT)], "2026-01-02T10:00:00Z");
    assert_eq!(values(&frame, "lanes__length"), numbers(&[1.0, NONE, NONE]));
    let counts = frame.report.features.iter().find(|counts| counts.name == "lanes__length").unwrap();
    assert_eq!((counts.present, counts.null_value, counts.not_found), (1, 1, 1), "(c, aa) is there, and null");
}

#[test]
fn acceptance_11_a_null_key_keeps_its_row_and_finds_nothing() {
    let mut nobody = order("2026-01-02T00:30:00Z", 1);
    nobody.lane = (None, None);
    let fixture = fixture(&[nobody]);
    let frame = train(&fixture.offline(), &[at(NIGHT)], "2026-01-02T10:00:00Z");
    assert_eq!(values(&frame, "origin_weather__temp"), [Value::Null]);
    assert_eq!(frame.report.features[0].not_found, 1);
}

#[test]
fn acceptance_07_equal_observations_stay_apart_in_the_order_of_sequence_and_file() {
    let same = "2026-01-02T00:30:00Z";
    let fixture = fixture(&[order(same, 4), order(same, 2), order("2026-01-01T12:00:00Z", 9), order(same, 2)]);
    let frame = train(&fixture.offline(), &[at(NIGHT)], "2026-01-02T10:00:00Z");
    assert_eq!(values(&frame, "weight"), numbers(&[9.0, 2.0, 2.0, 4.0]));
    assert_eq!(frame.labels(), [0.0, 1.0, 1.0, 1.0]);
}

#[test]
fn acceptance_20_a_label_counts_only_when_known_before_t() {
    let mut later = order("2026-01-02T01:00:00Z", 2);
    later.arrived = Some("2026-01-02T10:00:00Z");
    let mut cancelled = order("2026-01-02T01:00:00Z", 3);
    (cancelled.arrived, cancelled.late) = (None, None);
    let fixture = fixture(&[order("2026-01-02T00:30:00Z", 1), later, cancelled, order("2026-01-02T10:00:00Z", 4)]);
    let frame = train(&fixture.offline(), &[at(NIGHT)], "2026-01-02T10:00:00Z");
    assert_eq!(values(&frame, "weight"), numbers(&[1.0]));
    let report = &frame.report;
    assert_eq!((report.observations, report.unknown_labels, report.null_labels), (3, 1, 1));
}

#[test]
fn a_build_answers_only_from_its_publication_on_and_the_newest_one_answers_alone() {
    let orders =
        [order("2026-01-02T00:59:59Z", 1), order("2026-01-02T01:00:00Z", 2), order("2026-01-02T03:00:00.000001Z", 3)];
    let fixture = fixture(&orders);
    let offline = fixture.offline();
    let frame = train(&offline, &[at(NIGHT)], "2026-01-02T10:00:00Z");
    // `daily` is published an hour after T and expires three hours after T.
    assert_eq!(values(&frame, "daily__warm_1d"), numbers(&[NONE, 1.0, NONE]));
    let counts = frame.report.features.iter().find(|counts| counts.name == "daily__warm_1d").unwrap();
    assert_eq!((counts.not_found, counts.present, counts.outside_max_age), (1, 1, 1));
    // At 23:15 the newest build of the weather knows only `a` and `b`; a still newer one that lacks them hides the old.
    let empty_later = [at(NIGHT), at("2026-01-02T00:45:00Z")];
    let mut builds = builds(&offline, &empty_later);
    let weather = builds.get_mut(&name("weather")).unwrap();
    weather[1].1 = weather_without_rows(&offline);
    let range = (at("2026-01-02T00:00:00Z"), at("2026-01-02T00:59:59.5Z"));
    let frame = offline.training_set(&name("late"), range, at("2026-01-02T10:00:00Z"), &builds).unwrap();
    assert_eq!(values(&frame, "origin_weather__temp"), [Value::Null]);
    assert_eq!(frame.report.builds[&name("weather")], [at("2026-01-02T00:45:00Z")]);
}

fn weather_without_rows(offline: &Offline) -> Bytes {
    let builds = offline.build(&name("weather"), &[at("2020-01-01T00:00:00Z")]).unwrap();
    assert_eq!(builds[0].rows, 0);
    Bytes::from(builds[0].parquet.clone())
}

#[test]
fn rows_with_times_at_or_after_t_change_no_byte() {
    let fixture = fixture(&[order("2026-01-02T00:30:00Z", 1), order("2026-01-02T00:40:00Z", 2)]);
    let before = train(&fixture.offline(), &[at(NIGHT)], "2026-01-02T10:00:00Z").to_parquet().unwrap();
    let mut lands_later = order("2026-01-02T00:35:00Z", 5);
    lands_later.arrived = Some("2026-01-02T10:00:00Z");
    write(&fixture, "orders-2.parquet", &[lands_later, order("2026-01-02T10:00:00Z", 6)]);
    let after = train(&fixture.offline(), &[at(NIGHT)], "2026-01-02T10:00:00Z").to_parquet().unwrap();
    assert!(before == after);
}

#[test]
fn without_any_build_every_row_stays_and_every_feature_is_missing() {
    let fixture = fixture(&[order("2026-01-02T00:30:00Z", 1)]);
    let offline = fixture.offline();
    let range = (at("2026-01-01T00:00:00Z"), at("2026-01-03T00:00:00Z"));
    let frame = offline.training_set(&name("late"), range, at("2026-01-02T10:00:00Z"), &BTreeMap::new()).unwrap();
    assert_eq!((frame.rows(), frame.features.len()), (1, 5));
    assert!(frame.report.features.iter().all(|counts| counts.not_found == 1));
    assert_eq!(values(&frame, "origin"), [text("a")]);
}

#[test]
fn the_file_holds_keys_inputs_features_label_and_time() {
    let fixture = fixture(&[order("2026-01-02T00:30:00Z", 1)]);
    let frame = train(&fixture.offline(), &[at(NIGHT)], "2026-01-02T10:00:00Z");
    let bytes = frame.to_parquet().unwrap();
    let read = ParquetReader::new(std::io::Cursor::new(bytes)).finish().unwrap();
    let names: Vec<String> = read.get_column_names().iter().map(ToString::to_string).collect();
    let expected = [
        "origin",
        "dest",
        "weight",
        "origin_weather__temp",
        "dest_weather__temp",
        "daily__warm_1d",
        "world__readings_1d",
        "lanes__length",
        "label",
        "event_time",
    ];
    assert_eq!(names, expected);
    assert_eq!(*read.column("label").unwrap().dtype(), DataType::Boolean);
}
