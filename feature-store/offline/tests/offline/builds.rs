//! Builds of views: what counts at an instant, ties, nulls, `known_at`, queries, and that a build is the same bytes alone
//! and among others.

use crate::support::{Fixture, at, features, instants, name, rows_of, text, texts};
use daybreak_offline::{BuildReport, Error};
use daybreak_spec::{Timestamp, Value};
use polars::prelude::*;

const SALES: &str = "
sources: { sales: { path: 'sales*.parquet', event_time: sold_at } }
entities: { shop: { keys: [shop] } }
feature_views:
  totals:
    entity: shop
    source: sales
    aggregates:
      - { of: amount, fn: [sum, mean, min, max, count, std, median, count_distinct], windows: [1d] }
      - { of: 'amount > 10', as: big, fn: mean, windows: [1d, 2d] }
";

fn sales() -> Fixture {
    let fixture = Fixture::new(SALES);
    let times = ["2026-01-01T06:00:00Z", "2026-01-01T12:00:00Z", "2026-01-02T05:59:59Z", "2026-01-02T06:00:00Z"];
    let mut times: Vec<Option<&str>> = times.into_iter().map(Some).collect();
    times.extend([Some("2026-01-01T08:00:00Z"), Some("2026-01-01T09:00:00Z"), None]);
    fixture.parquet(
        "sales-1.parquet",
        vec![
            instants("sold_at", &times),
            texts("shop", &[Some("b"), Some("b"), Some("b"), Some("b"), Some("a"), None, Some("a")]),
            Column::new("amount".into(), [Some(5_i32), Some(20), None, Some(100), Some(7), Some(1), Some(1)]),
        ],
    );
    fixture
}

#[test]
fn a_window_holds_its_first_instant_and_not_t() {
    let fixture = sales();
    let offline = fixture.offline();
    let builds = offline.build(&name("totals"), &[at("2026-01-02T06:00:00Z")]).unwrap();
    let b = features(&offline, &builds[0], &[text("b")]).unwrap();
    assert_eq!(b["amount_sum_1d"], Value::Int(25));
    assert_eq!(b["amount_mean_1d"], Value::Float(12.5));
    assert_eq!(b["amount_count_1d"], Value::Int(2));
    assert_eq!(b["amount_min_1d"], Value::Int(5));
    assert_eq!(b["amount_max_1d"], Value::Int(20));
    assert_eq!(b["amount_p50_1d"], Value::Float(12.5));
    assert_eq!(b["amount_count_distinct_1d"], Value::Int(2));
    assert_eq!(b["big_1d"], Value::Float(0.5));
    let Value::Float(deviation) = b["amount_std_1d"] else { panic!("a float") };
    assert!((deviation - 112.5_f64.sqrt()).abs() < 1e-12);
}

#[test]
fn rows_come_sorted_by_key_and_a_null_key_or_time_is_left_out() {
    let fixture = sales();
    let offline = fixture.offline();
    let builds = offline.build(&name("totals"), &[at("2026-01-02T06:00:00Z")]).unwrap();
    let keys: Vec<_> = rows_of(&offline, &builds[0]).into_iter().map(|row| row.keys).collect();
    assert_eq!(keys, [vec![text("a")], vec![text("b")]]);
    assert_eq!((builds[0].rows, builds[0].windows[0].rows), (2, 4));
}

#[test]
fn an_instant_that_the_data_cannot_fill_is_reported() {
    let fixture = sales();
    let offline = fixture.offline();
    let instants = [at("2020-01-01T00:00:00Z"), at("2026-01-02T06:00:00Z")];
    let builds = offline.build(&name("totals"), &instants).unwrap();
    let report = BuildReport::of(&builds);
    assert_eq!((report.instants, report.empty), (2, vec![instants[0]]));
    assert_eq!(builds[0].rows, 0);
}

#[test]
fn rows_of_t_or_later_change_no_byte() {
    let fixture = sales();
    let t = at("2026-01-02T06:00:00Z");
    let before = fixture.offline().build(&name("totals"), &[t]).unwrap();
    fixture.parquet(
        "sales-2.parquet",
        vec![
            instants("sold_at", &[Some("2026-01-02T06:00:00Z"), Some("2026-03-01T00:00:00Z")]),
            texts("shop", &[Some("a"), Some("z")]),
            Column::new("amount".into(), [Some(1000_i32), Some(1000)]),
        ],
    );
    let after = fixture.offline().build(&name("totals"), &[t]).unwrap();
    assert_eq!(before[0].parquet, after[0].parquet);
}

#[test]
fn floats_add_up_to_the_same_bits_alone_and_among_others() {
    let fixture = Fixture::new(&SALES.replace("windows: [1d]", "windows: [1d, 5h]"));
    let (mut times, mut shops, mut amounts) = (Vec::new(), Vec::new(), Vec::new());
    let start = at("2026-01-01T00:00:00Z").micros;
    let mut seed = 7_u64;
    for _ in 0..4_000 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        times.push(start + ((seed >> 20) % (4 * 86_400_000_000)) as i64);
        shops.push(if seed >> 63 == 1 { "a" } else { "b" });
        amounts.push((seed >> 40) as f64 / 1e7 - 0.3);
    }
    let times = Column::new("sold_at".into(), times).cast(&DataType::Datetime(TimeUnit::Microseconds, None)).unwrap();
    fixture.parquet(
        "sales.parquet",
        vec![times, Column::new("shop".into(), shops), Column::new("amount".into(), amounts)],
    );
    let offline = fixture.offline();
    let wanted: Vec<Timestamp> = (0..67).map(|step| Timestamp::from_micros(start + step * 4_217_000_013)).collect();
    let together = offline.build(&name("totals"), &wanted).unwrap();
    assert_eq!(together.len(), wanted.len());
    for (build, instant) in together.iter().zip(&wanted) {
        let alone = offline.build(&name("totals"), &[*instant]).unwrap();
        assert!(alone[0].parquet == build.parquet, "the build at {instant} differs");
    }
}

const TRIPS: &str = "
sources:
  trips:
    path: trips.parquet
    event_time: left_at
    known_at: { delay: landed_at, landed_at: landed_at }
    sequence: number
entities: { line: { keys: [line] } }
feature_views:
  delays: { entity: line, source: trips, aggregates: [{ of: delay, fn: [mean, count], windows: [1d] }, { of: 'delay IS NULL', as: unknown, fn: sum, windows: [1d] }] }
  last: { entity: line, source: trips, ttl: 1d, latest: [delay, number] }
  filled: { entity: line, source: trips, ttl: 1d, ignore_nulls: true, latest: [delay, number] }
";

fn trips() -> Fixture {
    let fixture = Fixture::new(TRIPS);
    let left = ["2026-01-01T01:00:00Z", "2026-01-01T02:00:00Z", "2026-01-01T02:00:00Z"];
    fixture.parquet(
        "trips.parquet",
        vec![
            instants("left_at", &left.map(Some)),
            instants("landed_at", &[Some("2026-01-01T05:00:00Z"), Some("2026-01-01T09:00:00Z"), None]),
            texts("line", &[Some("x"); 3]),
            Column::new("delay".into(), [Some(10_i64), Some(30), None]),
            Column::new("number".into(), [1_u32, 3, 2]),
        ],
    );
    fixture
}

#[test]
fn a_column_counts_from_the_instant_after_it_became_known() {
    let fixture = trips();
    let offline = fixture.offline();
    let hours = ["05:00:00Z", "05:00:00.000001Z", "09:00:00Z", "09:00:01Z"];
    let wanted: Vec<_> = hours.iter().map(|hour| at(&format!("2026-01-01T{hour}"))).collect();
    let builds = offline.build(&name("delays"), &wanted).unwrap();
    let found: Vec<_> = builds
        .iter()
        .map(|build| {
            let row = features(&offline, build, &[text("x")]).unwrap();
            (row["delay_mean_1d"].clone(), row["delay_count_1d"].clone(), row["unknown_1d"].clone())
        })
        .collect();
    let of = |mean: Value, count: i64, unknown: i64| (mean, Value::Int(count), Value::Int(unknown));
    assert_eq!(
        found,
        [
            of(Value::Null, 0, 3),
            of(Value::Float(10.0), 1, 2),
            of(Value::Float(10.0), 1, 2),
            of(Value::Float(20.0), 2, 1),
        ]
    );
    for (build, instant) in builds.iter().zip(&wanted) {
        assert_eq!(offline.build(&name("delays"), &[*instant]).unwrap()[0].parquet, build.parquet);
    }
}

#[test]
fn latest_takes_the_newest_row_by_event_time_then_sequence_and_hides_what_is_not_known() {
    let fixture = trips();
    let offline = fixture.offline();
    let wanted = [at("2026-01-01T08:00:00Z"), at("2026-01-01T10:00:00Z")];
    let plain = offline.build(&name("last"), &wanted).unwrap();
    let filled = offline.build(&name("filled"), &wanted).unwrap();
    let values = |builds: &[daybreak_offline::ViewBuild], index: usize| rows_of(&offline, &builds[index]).remove(0);
    assert_eq!(values(&plain, 0).values, [Value::Null, Value::Int(3)]);
    assert_eq!(values(&plain, 1).values, [Value::Int(30), Value::Int(3)]);
    assert_eq!(values(&plain, 0).event_time_us, Some(at("2026-01-01T02:00:00Z").micros));
    // The value that stands in is from 01:00, and the row is as old as its oldest value.
    assert_eq!(values(&filled, 0).values, [Value::Int(10), Value::Int(3)]);
    assert_eq!(values(&filled, 0).event_time_us, Some(at("2026-01-01T01:00:00Z").micros));
}

#[test]
fn the_newest_row_is_kept_whatever_its_age_and_no_value_stands_in_beyond_the_ttl() {
    let fixture = trips();
    let offline = fixture.offline();
    let late = [at("2026-03-01T00:00:00Z")];
    let plain = rows_of(&offline, &offline.build(&name("last"), &late).unwrap()[0]).remove(0);
    assert_eq!(plain.event_time_us, Some(at("2026-01-01T02:00:00Z").micros));
    // At 01:30 the next day the value of 01:00 is too old to stand in for one that is not known at that instant.
    fixture.parquet(
        "trips.parquet",
        vec![
            instants("left_at", &[Some("2026-01-01T01:00:00Z"), Some("2026-01-02T01:00:00Z")]),
            instants("landed_at", &[Some("2026-01-01T05:00:00Z"), None]),
            texts("line", &[Some("x"); 2]),
            Column::new("delay".into(), [Some(10_i64), None]),
            Column::new("number".into(), [1_u32, 2]),
        ],
    );
    let offline = fixture.offline();
    let wanted = [at("2026-01-02T01:00:00.000001Z"), at("2026-01-02T00:59:00Z"), at("2026-01-02T01:30:00Z")];
    let rows: Vec<_> = offline.build(&name("filled"), &wanted).unwrap();
    let values: Vec<_> = rows.iter().map(|build| rows_of(&offline, build).remove(0).values).collect();
    assert_eq!(values[0], [Value::Int(10), Value::Int(1)], "a minute before the second trip");
    assert_eq!(values[1], [Value::Null, Value::Int(2)], "the first trip is a day and a microsecond old");
    assert_eq!(values[2], [Value::Null, Value::Int(2)]);
}

const INGESTED: &str = "
sources: { prices: { path: prices.parquet, event_time: at, known_at: ingested_at, where: 'price > 0' } }
entities: { item: { keys: [region, item] } }
feature_views:
  price: { entity: item, source: prices, latest: [price] }
  market: { source: prices, aggregates: [{ of: price, fn: [count, sum], windows: [1d] }] }
";

fn prices() -> Fixture {
    let fixture = Fixture::new(INGESTED);
    fixture.parquet(
        "prices.parquet",
        vec![
            instants("at", &[Some("2026-01-01T10:00:00Z"); 5]),
            instants(
                "ingested_at",
                &[
                    Some("2026-01-01T10:00:00Z"),
                    Some("2026-01-01T12:00:00Z"),
                    None,
                    Some("2026-01-01T10:00:00Z"),
                    Some("2026-01-01T10:00:00Z"),
                ],
            ),
            texts("region", &[Some("1"), Some("1"), Some("1"), Some("11"), Some("1")]),
            texts("item", &[Some("11"), Some("11"), Some("11"), Some("1"), Some("12")]),
            Column::new("price".into(), [0.1, 0.4, 0.6, 0.9, f64::NAN]),
        ],
    );
    fixture
}

#[test]
fn a_row_counts_only_when_known_and_composite_keys_stay_apart() {
    let fixture = prices();
    let offline = fixture.offline();
    let wanted = [at("2026-01-01T12:00:00Z"), at("2026-01-01T12:00:01Z")];
    let builds = offline.build(&name("price"), &wanted).unwrap();
    let prices = |index: usize| {
        rows_of(&offline, &builds[index]).into_iter().map(|row| (row.keys, row.values)).collect::<Vec<_>>()
    };
    let row = |region: &str, item: &str, price: f64| (vec![text(region), text(item)], vec![Value::Float(price)]);
    assert_eq!(prices(0), [row("1", "11", 0.1), row("11", "1", 0.9)]);
    assert_eq!(prices(1), [row("1", "11", 0.4), row("11", "1", 0.9)], "what was known last wins a tie; NaN is null");
}

#[test]
fn a_view_without_an_entity_has_one_row_even_without_data() {
    let fixture = prices();
    let offline = fixture.offline();
    let builds = offline.build(&name("market"), &[at("2020-01-01T00:00:00Z"), at("2026-01-01T13:00:00Z")]).unwrap();
    assert_eq!(rows_of(&offline, &builds[0])[0].values, [Value::Int(0), Value::Float(0.0)]);
    assert_eq!(rows_of(&offline, &builds[1])[0].values[0], Value::Int(3));
    assert!(builds[0].is_without_source_rows());
}

const QUERY: &str = "
sources:
  visits: { path: visits.parquet, event_time: at }
  shops: { path: shops.parquet }
entities: { shop: { keys: [shop] } }
feature_views:
  busy: { entity: shop, sql: 'SELECT shop, COUNT(*) AS visits, SUM(spent) AS spent FROM visits GROUP BY shop' }
  size: { entity: shop, sql: 'SELECT shop, area * 2 AS double_area FROM shops' }
";

fn visits(shops: &[Option<&str>]) -> Fixture {
    let fixture = Fixture::new(QUERY);
    fixture.parquet(
        "visits.parquet",
        vec![
            instants("at", &[Some("2026-01-01T10:00:00Z"), Some("2026-01-01T11:00:00Z"), Some("2026-01-01T12:00:00Z")]),
            texts("shop", &[Some("b"), Some("a"), Some("b")]),
            Column::new("spent".into(), [0.1, 0.2, 0.3]),
        ],
    );
    let areas: Vec<i32> = (1..=shops.len() as i32).collect();
    fixture.parquet("shops.parquet", vec![texts("shop", shops), Column::new("area".into(), areas)]);
    fixture
}

#[test]
fn a_query_sees_its_sources_cut_off_at_t() {
    let fixture = visits(&[Some("a")]);
    let offline = fixture.offline();
    let builds = offline.build(&name("busy"), &[at("2026-01-01T12:00:00Z"), at("2026-01-01T12:00:01Z")]).unwrap();
    let rows = |index: usize| rows_of(&offline, &builds[index]).into_iter().map(|row| row.values).collect::<Vec<_>>();
    assert_eq!(rows(0)[1][1], Value::Float(0.1));
    assert_eq!(rows(1).len(), 2);
    let Value::Float(spent) = rows(1)[1][1] else { panic!("a float") };
    assert!((spent - 0.4).abs() < 1e-12);
}

#[test]
fn a_query_with_two_rows_for_a_key_fails_and_names_the_key() {
    let fixture = visits(&[Some("a"), Some("b"), Some("a")]);
    let error = fixture.offline().build(&name("size"), &[at("2026-01-01T12:00:00Z")]).unwrap_err();
    assert!(matches!(error, Error::DuplicateKey { .. }), "{error}");
    assert!(error.to_string().contains("shop = 'a'"), "{error}");
}

#[test]
fn a_static_source_answers_at_any_instant_and_a_null_key_is_left_out() {
    let fixture = visits(&[Some("b"), None, Some("a")]);
    let offline = fixture.offline();
    let builds = offline.build(&name("size"), &[at("1999-01-01T00:00:00Z"), at("2026-01-01T12:00:00Z")]).unwrap();
    let rows = |index: usize| rows_of(&offline, &builds[index]);
    assert_eq!(rows(0), rows(1));
    assert_eq!(rows(0).into_iter().map(|row| row.keys).collect::<Vec<_>>(), [[text("a")], [text("b")]]);
}

#[test]
fn what_is_not_a_build_is_refused() {
    let fixture = sales();
    let offline = fixture.offline();
    let error = offline.read_build(&name("totals"), b"PAR1 nonsense PAR1").unwrap_err();
    assert!(matches!(error, Error::BadBuild { .. }), "{error}");
}

#[test]
fn an_integer_beyond_64_bits_is_refused_by_name() {
    let fixture = Fixture::new(SALES);
    fixture.parquet(
        "sales.parquet",
        vec![
            instants("sold_at", &[Some("2026-01-01T06:00:00Z")]),
            texts("shop", &[Some("a")]),
            Column::new("amount".into(), [u64::MAX]),
        ],
    );
    let error = fixture.offline().build(&name("totals"), &[at("2026-01-02T00:00:00Z")]).unwrap_err();
    let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
    assert!(format!("{error} {cause}").contains("18446744073709551615"), "{error}: {cause}");
}

#[test]
fn a_sum_beyond_64_bits_fails_and_names_the_feature() {
    let fixture = Fixture::new(&SALES.replace("sum, mean, min, max, count, std, median, count_distinct", "sum"));
    fixture.parquet(
        "sales.parquet",
        vec![
            instants("sold_at", &[Some("2026-01-01T06:00:00Z"); 2]),
            texts("shop", &[Some("a"); 2]),
            Column::new("amount".into(), [i64::MAX, 1]),
        ],
    );
    let error = fixture.offline().build(&name("totals"), &[at("2026-01-02T00:00:00Z")]).unwrap_err();
    assert!(matches!(error, Error::Overflow { .. }), "{error}");
}
