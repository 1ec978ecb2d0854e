//! Aggregates of random rows, some of whose values become known late or never, against naive loops; many instants at once
//! and each alone; and queries whose float sums must not depend on threads.

use std::collections::BTreeMap;

use daybreak_spec::{Timestamp, Value};
use polars::prelude::*;
use proptest::prelude::*;

use crate::support::{Fixture, name, rows_of, text};

const PROJECT: &str = "
sources: { rows: { path: rows.parquet, event_time: at, known_at: { value: value_at }, where: 'kept' } }
entities: { thing: { keys: [thing] } }
feature_views:
  all:
    entity: thing
    source: rows
    aggregates:
      - { of: value, fn: [count, sum, mean, min, max, std, p25, count_distinct], windows: [1h, 150m] }
";

const MINUTE: i64 = 60_000_000;
const WINDOWS: [i64; 2] = [60 * MINUTE, 150 * MINUTE];

#[derive(Clone, Debug)]
struct Row {
    thing: Option<u8>,
    minute: i64,
    delay: Option<i64>,
    value: Option<i32>,
    kept: Option<bool>,
}

fn row() -> impl Strategy<Value = Row> {
    let kept = prop::option::weighted(0.9, prop::bool::weighted(0.9));
    (
        prop::option::weighted(0.9, 0_u8..3),
        0_i64..400,
        prop::option::weighted(0.8, 0_i64..200),
        prop::option::weighted(0.8, -4_i32..5),
        kept,
    )
        .prop_map(|(thing, minute, delay, value, kept)| Row { thing, minute, delay, value, kept })
}

fn instants(name: &str, minutes: Vec<Option<i64>>) -> Column {
    let micros: Vec<Option<i64>> = minutes.into_iter().map(|minute| minute.map(|minute| minute * MINUTE)).collect();
    Column::new(name.into(), micros).cast(&DataType::Datetime(TimeUnit::Microseconds, None)).unwrap()
}

fn fixture(rows: &[Row]) -> Fixture {
    let fixture = Fixture::new(PROJECT);
    let things: Vec<Option<String>> = rows.iter().map(|row| row.thing.map(|thing| thing.to_string())).collect();
    fixture.parquet(
        "rows.parquet",
        vec![
            instants("at", rows.iter().map(|row| Some(row.minute)).collect()),
            instants("value_at", rows.iter().map(|row| row.delay.map(|delay| row.minute + delay)).collect()),
            Column::new("thing".into(), things),
            Column::new("value".into(), rows.iter().map(|row| row.value).collect::<Vec<_>>()),
            Column::new("kept".into(), rows.iter().map(|row| row.kept).collect::<Vec<_>>()),
        ],
    );
    fixture
}

fn close(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Float(one), Value::Float(other)) => (one - other).abs() < 1e-9,
        _ => one == other,
    }
}

/// Per key the features at T, as the definition says, without any cleverness.
fn naive(rows: &[Row], at: i64) -> BTreeMap<String, Vec<Value>> {
    let mut found = BTreeMap::new();
    for thing in 0..3_u8 {
        let mine = rows.iter().filter(|row| row.thing == Some(thing) && row.kept == Some(true));
        let inside = |row: &&Row, window: i64| row.minute * MINUTE >= at - window && row.minute * MINUTE < at;
        if !mine.clone().any(|row| inside(&row, WINDOWS[1])) {
            continue;
        }
        let per_window = WINDOWS.map(|window| {
            let known = |row: &&Row| row.delay.is_some_and(|delay| (row.minute + delay) * MINUTE < at);
            let of_window = mine.clone().filter(|row| inside(row, window)).filter(known);
            let mut values: Vec<i64> = of_window.filter_map(|row| row.value).map(i64::from).collect();
            values.sort_unstable();
            features(&values)
        });
        let interleaved =
            (0..per_window[0].len()).flat_map(|at| [per_window[0][at].clone(), per_window[1][at].clone()]);
        found.insert(thing.to_string(), interleaved.collect());
    }
    found
}

fn features(sorted: &[i64]) -> Vec<Value> {
    let count = sorted.len() as f64;
    let sum: i64 = sorted.iter().sum();
    let mean = sum as f64 / count;
    let spread: f64 = sorted.iter().map(|&value| (value as f64 - mean).powi(2)).sum();
    let mut distinct = sorted.to_vec();
    distinct.dedup();
    let float = |wanted: bool, value: f64| if wanted { Value::Float(value) } else { Value::Null };
    let place = 0.25 * (count - 1.0);
    let p25 = if sorted.is_empty() {
        0.0
    } else {
        let low = place.floor() as usize;
        let (below, above) = (sorted[low] as f64, sorted[(low + 1).min(sorted.len() - 1)] as f64);
        below + (above - below) * (place - place.floor())
    };
    vec![
        Value::Int(sorted.len() as i64),
        Value::Int(sum),
        float(!sorted.is_empty(), mean),
        sorted.first().map_or(Value::Null, |&value| Value::Int(value)),
        sorted.last().map_or(Value::Null, |&value| Value::Int(value)),
        float(sorted.len() > 1, (spread / (count - 1.0)).sqrt()),
        float(!sorted.is_empty(), p25),
        Value::Int(distinct.len() as i64),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn windows_over_rows_known_before_t_equal_naive_loops(
        rows in prop::collection::vec(row(), 0..60),
        minutes in prop::collection::vec(0_i64..700, 1..8),
    ) {
        let fixture = fixture(&rows);
        let offline = fixture.offline();
        let mut wanted: Vec<Timestamp> = minutes.iter().map(|minute| Timestamp::from_micros(minute * MINUTE)).collect();
        wanted.sort_unstable();
        wanted.dedup();
        let builds = offline.build(&name("all"), &wanted).unwrap();
        for build in &builds {
            let expected = naive(&rows, build.as_of.micros);
            let found = rows_of(&offline, build);
            prop_assert_eq!(found.len(), expected.len());
            for (row, (thing, values)) in found.iter().zip(&expected) {
                prop_assert_eq!(&row.keys, &vec![text(thing)]);
                prop_assert!(
                    row.values.iter().zip(values).all(|(one, other)| close(one, other)),
                    "{:?} is not {:?} at {}", row.values, values, build.as_of
                );
            }
            let alone = offline.build(&name("all"), &[build.as_of]).unwrap();
            prop_assert!(alone[0].parquet == build.parquet);
        }
    }
}

const QUERY: &str = "
sources: { rows: { path: rows.parquet, event_time: at } }
entities: { thing: { keys: [thing] } }
feature_views:
  sums: { entity: thing, sql: 'SELECT thing, SUM(amount) AS total, AVG(amount) AS mean, MAX(amount) AS most FROM rows GROUP BY thing' }
  whole: { sql: 'SELECT SUM(amount) AS total, AVG(amount) AS mean FROM rows' }
";

/// Bytes of queries over enough floats that the order of a sum shows; printed for the test of the number of threads.
pub fn query_bytes() -> Vec<u8> {
    let fixture = Fixture::new(QUERY);
    let count = 60_000_i64;
    let amounts: Vec<f64> =
        (0..count).map(|row| ((row * 7_919) % 10_007) as f64 / 3.0 + 1e9 * (row % 5) as f64).collect();
    let things: Vec<String> = (0..count).map(|row| format!("t{}", (row * 31) % 17)).collect();
    let times = instants("at", (0..count).map(Some).collect());
    fixture.parquet(
        "rows.parquet",
        vec![times, Column::new("thing".into(), things), Column::new("amount".into(), amounts)],
    );
    let offline = fixture.offline();
    let at = [Timestamp::from_micros(count / 2 * MINUTE), Timestamp::from_micros(count * MINUTE)];
    let views = ["sums", "whole"].into_iter().flat_map(|view| offline.build(&name(view), &at).unwrap());
    views.flat_map(|build| build.parquet).collect()
}
