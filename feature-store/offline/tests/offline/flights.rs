//! The example project on its real data: builds and training rows against naive loops over the raw rows, the same bytes
//! alone, among others and at another number of threads.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use crate::support::{at, flights, name, offline, rows_of, stored, text};
use bytes::Bytes;
use daybreak_offline::{FrameColumn, Offline, ViewBuild};
use daybreak_spec::{Name, Timestamp, Value};
use polars::prelude::*;

const DAY_US: i64 = 86_400_000_000;

/// One flight as the file has it.
struct Flight {
    scheduled: i64,
    arrived: Option<i64>,
    delay: Option<i32>,
    carrier: Option<String>,
    origin: Option<String>,
    dest: Option<String>,
    tail: Option<String>,
}

fn month(months: &[&str]) -> Vec<Flight> {
    let mut flights_of = Vec::new();
    for month in months {
        let path = flights().join(format!("data/flights-2013-{month}.parquet"));
        let frame = ParquetReader::new(std::fs::File::open(path).unwrap()).finish().unwrap();
        let times =
            |name: &str| frame.column(name).unwrap().to_physical_repr().i64().unwrap().iter().collect::<Vec<_>>();
        let words = |name: &str| {
            let column = frame.column(name).unwrap().str().unwrap().clone();
            column.iter().map(|value| value.map(str::to_owned)).collect::<Vec<_>>()
        };
        let (scheduled, arrived) = (times("sched_dep_at"), times("arr_at"));
        let delays: Vec<_> = frame.column("arr_delay").unwrap().i32().unwrap().iter().collect();
        let (carriers, origins, dests, tails) = (words("carrier"), words("origin"), words("dest"), words("tailnum"));
        for row in 0..frame.height() {
            flights_of.push(Flight {
                scheduled: scheduled[row].unwrap(),
                arrived: arrived[row],
                delay: delays[row],
                carrier: carriers[row].clone(),
                origin: origins[row].clone(),
                dest: dests[row].clone(),
                tail: tails[row].clone(),
            });
        }
    }
    flights_of
}

fn delays(flights: &[Flight], at: i64, window: i64, keep: impl Fn(&Flight) -> bool) -> Vec<i64> {
    let landed = |flight: &&Flight| flight.arrived.is_some_and(|arrived| arrived >= at - window && arrived < at);
    let kept = flights.iter().filter(landed).filter(|flight| keep(flight));
    kept.filter_map(|flight| flight.delay).map(i64::from).collect()
}

fn late_share(delays: &[i64]) -> Value {
    if delays.is_empty() {
        return Value::Null;
    }
    Value::Float(delays.iter().filter(|&&delay| delay > 15).count() as f64 / delays.len() as f64)
}

fn nights(first: &str, count: i64) -> Vec<Timestamp> {
    (0..count).map(|night| at(first).plus_micros(night * DAY_US)).collect()
}

fn views(offline: &Offline) -> Vec<Name> {
    offline.project().feature_views.keys().cloned().collect()
}

#[test]
fn late_shares_means_and_quantiles_equal_naive_loops() {
    let offline = offline(&flights());
    let raw = month(&["01", "02"]);
    let instants = [at("2013-02-02T07:30:00Z"), at("2013-02-14T07:30:00Z"), at("2013-02-20T18:12:34.567891Z")];
    for build in offline.build(&name("carrier_punctuality"), &instants).unwrap() {
        let t = build.as_of.micros;
        let rows = rows_of(&offline, &build);
        assert!(rows.len() > 10);
        for row in rows {
            let of = |days: i64| {
                delays(&raw, t, days * DAY_US, |flight| {
                    flight.carrier.clone().map(Value::Text) == Some(row.keys[0].clone())
                })
            };
            let shares: Vec<Value> = [1, 7, 28].map(|days| late_share(&of(days))).to_vec();
            assert_eq!(row.values[..3], shares, "{:?} at {}", row.keys, build.as_of);
            let mut week = of(7);
            let mean = (!week.is_empty()).then(|| week.iter().sum::<i64>() as f64 / week.len() as f64);
            assert_eq!(row.values[3], mean.map_or(Value::Null, Value::Float));
            week.sort_unstable();
            let p90 = week.len().checked_sub(1).map(|last| {
                let (low, rest) = (last * 90 / 100, (last * 90 % 100) as f64 / 100.0);
                let (below, above) = (week[low] as f64, week[(low + 1).min(last)] as f64);
                if rest == 0.0 { below } else { below + (above - below) * rest }
            });
            assert_eq!(row.values[4], p90.map_or(Value::Null, Value::Float));
            assert_eq!(row.values[5], Value::Int(week.len() as i64));
        }
    }
}

#[test]
fn every_view_gives_the_same_bytes_alone_and_in_one_pass() {
    let offline = offline(&flights());
    let wanted = nights("2013-02-10T07:30:00Z", 12);
    for view in views(&offline) {
        let together = offline.build(&view, &wanted).unwrap();
        for index in [0, 5, 11] {
            let alone = offline.build(&view, &wanted[index..=index]).unwrap();
            assert!(alone[0].parquet == together[index].parquet, "view {view} at {}", wanted[index]);
        }
    }
}

fn training(offline: &Offline, days: i64, t: Timestamp) -> daybreak_offline::TrainingFrame {
    let instants: Vec<Timestamp> = (0..=days).map(|day| t.plus_micros(-day * DAY_US)).collect();
    let builds: BTreeMap<Name, Vec<(Timestamp, Bytes)>> = views(offline)
        .into_iter()
        .map(|view| (view.clone(), stored(offline.build(&view, &instants).unwrap())))
        .collect();
    offline.training_set(&name("late_arrival"), (t.plus_micros(-days * DAY_US), t), t, &builds).unwrap()
}

fn column<'a>(columns: &'a [FrameColumn], name: &str) -> &'a FrameColumn {
    columns.iter().find(|column| column.name == name).unwrap()
}

#[test]
fn training_rows_hold_what_serving_would_have_answered_then() {
    let offline = offline(&flights());
    let t = at("2013-02-20T07:30:00Z");
    let frame = training(&offline, 10, t);
    let raw = month(&["01", "02"]);
    let from = t.micros - 10 * DAY_US;
    let expected: Vec<&Flight> = {
        let known =
            |flight: &&Flight| flight.arrived.is_some_and(|arrived| arrived < t.micros) && flight.delay.is_some();
        let mut rows: Vec<&Flight> =
            raw.iter().filter(|flight| flight.scheduled >= from && flight.scheduled < t.micros).filter(known).collect();
        rows.sort_by_key(|flight| flight.scheduled);
        rows
    };
    assert_eq!(frame.rows(), expected.len());
    assert!(frame.rows() > 5_000 && frame.report.null_labels > 0 && frame.report.unknown_labels > 0);
    let columns = frame.columns();
    for row in (0..frame.rows()).step_by(211) {
        let flight = expected[row];
        assert_eq!(frame.times_us[row], flight.scheduled);
        assert_eq!(column(&columns, "label").value(row), Value::Bool(flight.delay.unwrap() > 15));
        let night = t.micros - (t.micros - flight.scheduled + DAY_US - 1) / DAY_US * DAY_US;
        let share = |days: i64, keep: &dyn Fn(&Flight) -> bool| late_share(&delays(&raw, night, days * DAY_US, keep));
        let carrier = share(7, &|other| other.carrier == flight.carrier);
        assert_eq!(column(&columns, "carrier_punctuality__late_share_7d").value(row), carrier);
        let route = share(28, &|other| other.origin == flight.origin && other.dest == flight.dest);
        assert_eq!(column(&columns, "route_punctuality__late_share_28d").value(row), route);
        let aircraft = share(28, &|other| flight.tail.is_some() && other.tail == flight.tail);
        assert_eq!(column(&columns, "aircraft_punctuality__late_share_28d").value(row), aircraft);
    }
    let counts = &frame.report.features[0];
    let sum = counts.present + counts.null_value + counts.not_found + counts.outside_max_age;
    assert_eq!(sum, frame.rows() as u64);
}

#[test]
fn the_airports_weather_comes_in_both_roles() {
    let offline = offline(&flights());
    let frame = training(&offline, 3, at("2013-02-20T07:30:00Z"));
    let columns = frame.columns();
    let origin = column(&columns, "airport_weather__visib");
    let dest = column(&columns, "dest_weather__visib");
    assert!((0..frame.rows()).all(|row| origin.value(row) != Value::Null));
    let of_new_york = |row: &usize| {
        let at = column(&columns, "dest").value(*row);
        [text("EWR"), text("JFK"), text("LGA")].contains(&at)
    };
    assert!((0..frame.rows()).filter(|row| !of_new_york(row)).all(|row| dest.value(row) == Value::Null));
}

fn digest(offline: &Offline) -> String {
    let t = at("2013-02-20T07:30:00Z");
    let mut bytes: Vec<u8> = Vec::new();
    let builds: Vec<Vec<ViewBuild>> = views(offline).iter().map(|view| offline.build(view, &[t]).unwrap()).collect();
    builds.into_iter().flatten().for_each(|build| bytes.extend(build.parquet));
    bytes.extend(training(offline, 3, t).to_parquet().unwrap());
    bytes.extend(crate::aggregates::query_bytes());
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    bytes.iter().for_each(|byte| hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    format!("{hash:016x} of {} bytes", bytes.len())
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the test runs itself in processes with other thread counts")]
fn the_bytes_do_not_depend_on_the_number_of_threads() {
    if std::env::var_os("DAYBREAK_TEST_DIGEST").is_some() {
        println!("digest={}", digest(&offline(&flights())));
        return;
    }
    let run = |threads: &str| {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "flights::the_bytes_do_not_depend_on_the_number_of_threads", "--nocapture"])
            .env("DAYBREAK_TEST_DIGEST", "1")
            .env("POLARS_MAX_THREADS", threads)
            .output()
            .unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        let start = printed.find("digest=").unwrap_or_else(|| panic!("no digest in {printed}"));
        printed[start..].lines().next().unwrap().to_owned()
    };
    let digests: BTreeSet<String> = ["1", "2", "5"].map(run).into_iter().collect();
    assert_eq!(digests.len(), 1, "{digests:?}");
}
