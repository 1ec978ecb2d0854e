//! The table of cron cases with their expected instants; `--nocapture` prints it. Numbers are those of the table of
//! cases that schedulers get wrong. Rows that are refusals stand in `refusals`.

use chrono_tz::Tz;
use daybreak_core::CompiledSchedule;
use daybreak_spec::{DayMatch, Timestamp};

use crate::{at, compiled, firings, next, schedule, wall};

/// Number, expression, zone, after, the next firings.
type Row = (u32, &'static str, &'static str, &'static str, &'static [&'static str]);

#[rustfmt::skip]
const ROWS: &[Row] = &[
    (1, "30 2 * * *", "America/New_York", "2026-03-08T00:00:00-05:00", &["2026-03-08T03:00:00-04:00", "2026-03-09T02:30:00-04:00"]),
    (2, "30 1 * * *", "America/New_York", "2026-11-01T00:00:00-04:00", &["2026-11-01T01:30:00-04:00", "2026-11-02T01:30:00-05:00"]),
    (2, "30 1 * * *", "America/New_York", "2026-11-01T06:00:00Z", &["2026-11-02T01:30:00-05:00"]),
    (3, "0 2,14 * * *", "America/New_York", "2026-03-08T00:00:00-05:00", &["2026-03-08T03:00:00-04:00", "2026-03-08T14:00:00-04:00", "2026-03-09T02:00:00-04:00"]),
    (3, "0 2,3 * * *", "America/New_York", "2026-03-08T00:00:00-05:00", &["2026-03-08T03:00:00-04:00", "2026-03-09T02:00:00-04:00"]),
    (4, "0,30 1 * * *", "America/New_York", "2026-11-01T00:00:00-04:00", &["2026-11-01T01:00:00-04:00", "2026-11-01T01:30:00-04:00", "2026-11-02T01:00:00-05:00"]),
    (6, "0 * * * *", "Europe/Warsaw", "2017-10-29T01:59:00+02:00", &["2017-10-29T02:00:00+02:00", "2017-10-29T02:00:00+01:00", "2017-10-29T03:00:00+01:00", "2017-10-29T04:00:00+01:00"]),
    (7, "0 0 * * *", "Africa/Cairo", "2026-04-23T12:00:00+02:00", &["2026-04-24T01:00:00+03:00", "2026-04-25T00:00:00+03:00"]),
    (7, "0 0 * * *", "Asia/Beirut", "2026-03-28T12:00:00+02:00", &["2026-03-29T01:00:00+03:00"]),
    (7, "0 0 * * *", "America/Havana", "2026-03-07T12:00:00-05:00", &["2026-03-08T01:00:00-04:00"]),
    (7, "0 0 * * *", "America/Santiago", "2026-09-05T12:00:00-04:00", &["2026-09-06T01:00:00-03:00"]),
    (7, "0 0 * * *", "America/Sao_Paulo", "2018-11-03T12:00:00-03:00", &["2018-11-04T01:00:00-02:00"]),
    (7, "0 0 * * *", "Asia/Hebron", "2022-03-26T12:00:00+02:00", &["2022-03-27T01:00:00+03:00"]),
    (8, "0 0 * * *", "America/Havana", "2026-10-31T12:00:00-04:00", &["2026-11-01T00:00:00-04:00", "2026-11-02T00:00:00-05:00"]),
    (9, "30 23 * * *", "America/Santiago", "2026-04-04T12:00:00-03:00", &["2026-04-04T23:30:00-03:00", "2026-04-05T23:30:00-04:00"]),
    (10, "0 2 * * *", "Australia/Lord_Howe", "2026-10-04T00:00:00+10:30", &["2026-10-04T02:30:00+11:00", "2026-10-05T02:00:00+11:00"]),
    (11, "0 3 * * *", "Pacific/Chatham", "2026-09-27T00:00:00+12:45", &["2026-09-27T03:45:00+13:45", "2026-09-28T03:00:00+13:45"]),
    (12, "0 1 * * *", "Antarctica/Troll", "2026-03-29T00:00:00Z", &["2026-03-29T03:00:00+02:00", "2026-03-30T01:00:00+02:00"]),
    (13, "30 2 * * *", "Pacific/Apia", "2011-12-29T12:00:00-10:00", &["2011-12-31T02:30:00+14:00", "2012-01-01T02:30:00+14:00"]),
    (14, "0 2 * * *", "Africa/Casablanca", "2026-02-14T12:00:00+01:00", &["2026-02-15T02:00:00+01:00", "2026-02-16T02:00:00+00:00"]),
    (14, "0 2 * * *", "Africa/Casablanca", "2026-03-21T12:00:00+00:00", &["2026-03-22T03:00:00+01:00", "2026-03-23T02:00:00+01:00"]),
    (15, "20 */4 * * *", "America/Los_Angeles", "2023-03-12T00:00:00-08:00", &["2023-03-12T00:20:00-08:00", "2023-03-12T04:20:00-07:00", "2023-03-12T08:20:00-07:00"]),
    (16, "0 0 31 * *", "UTC", "2026-01-01T00:00:00Z", &["2026-01-31T00:00:00Z", "2026-03-31T00:00:00Z", "2026-05-31T00:00:00Z", "2026-07-31T00:00:00Z", "2026-08-31T00:00:00Z", "2026-10-31T00:00:00Z", "2026-12-31T00:00:00Z"]),
    (17, "0 0 29 2 *", "UTC", "2025-01-01T00:00:00Z", &["2028-02-29T00:00:00Z", "2032-02-29T00:00:00Z"]),
    (17, "0 0 29 2 *", "UTC", "2096-03-01T00:00:00Z", &["2104-02-29T00:00:00Z", "2108-02-29T00:00:00Z"]),
    (19, "0 0 31 2 0", "UTC", "2026-01-01T00:00:00Z", &["2026-02-01T00:00:00Z", "2026-02-08T00:00:00Z", "2026-02-15T00:00:00Z"]),
    (20, "2 4 1 * wed", "UTC", "2010-01-25T00:00:00Z", &["2010-01-27T04:02:00Z", "2010-02-01T04:02:00Z", "2010-02-03T04:02:00Z"]),
    (21, "0 0 13 * 5", "UTC", "2026-02-07T00:00:00Z", &["2026-02-13T00:00:00Z", "2026-02-20T00:00:00Z", "2026-02-27T00:00:00Z", "2026-03-06T00:00:00Z", "2026-03-13T00:00:00Z"]),
    (21, "0 0 13 4 5", "UTC", "2026-04-01T00:00:00Z", &["2026-04-03T00:00:00Z", "2026-04-10T00:00:00Z", "2026-04-13T00:00:00Z"]),
    (22, "0 16 */2 * sat", "UTC", "2023-05-02T00:00:00Z", &["2023-05-03T16:00:00Z", "2023-05-05T16:00:00Z", "2023-05-06T16:00:00Z", "2023-05-07T16:00:00Z"]),
    (23, "0 9 * * 1-5", "UTC", "2026-01-02T12:00:00Z", &["2026-01-05T09:00:00Z", "2026-01-06T09:00:00Z", "2026-01-07T09:00:00Z", "2026-01-08T09:00:00Z", "2026-01-09T09:00:00Z", "2026-01-12T09:00:00Z"]),
    (24, "0 0 * * 0", "UTC", "2026-01-01T00:00:00Z", &["2026-01-04T00:00:00Z", "2026-01-11T00:00:00Z"]),
    (24, "0 0 * * 7", "UTC", "2026-01-01T00:00:00Z", &["2026-01-04T00:00:00Z", "2026-01-11T00:00:00Z"]),
    (24, "0 0 * * SUN", "UTC", "2026-01-01T00:00:00Z", &["2026-01-04T00:00:00Z", "2026-01-11T00:00:00Z"]),
    (25, "0 0 * * 5-7", "UTC", "2026-01-01T12:00:00Z", &["2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z", "2026-01-04T00:00:00Z", "2026-01-09T00:00:00Z"]),
    (25, "0 0 * * fri-sun", "UTC", "2026-01-01T12:00:00Z", &["2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z", "2026-01-04T00:00:00Z", "2026-01-09T00:00:00Z"]),
    (26, "0 0 L * *", "UTC", "2100-02-01T00:00:00Z", &["2100-02-28T00:00:00Z", "2100-03-31T00:00:00Z"]),
    (26, "0 0 L * *", "UTC", "2024-02-01T00:00:00Z", &["2024-02-29T00:00:00Z", "2024-03-31T00:00:00Z"]),
    (27, "0 0 * * 5L", "UTC", "2026-01-01T00:00:00Z", &["2026-01-30T00:00:00Z", "2026-02-27T00:00:00Z", "2026-03-27T00:00:00Z", "2026-04-24T00:00:00Z", "2026-05-29T00:00:00Z"]),
    (27, "0 0 * * friL", "UTC", "2026-01-01T00:00:00Z", &["2026-01-30T00:00:00Z", "2026-02-27T00:00:00Z", "2026-03-27T00:00:00Z", "2026-04-24T00:00:00Z", "2026-05-29T00:00:00Z"]),
    (28, "0 0 * * 3#5", "UTC", "2026-01-01T00:00:00Z", &["2026-04-29T00:00:00Z", "2026-07-29T00:00:00Z", "2026-09-30T00:00:00Z", "2026-12-30T00:00:00Z"]),
    (29, "0 0 * * 2#2", "UTC", "2025-07-01T00:00:00Z", &["2025-07-08T00:00:00Z"]),
    (29, "0 0 * * mon#1,mon#3", "UTC", "2026-06-01T00:00:00Z", &["2026-06-15T00:00:00Z", "2026-07-06T00:00:00Z", "2026-07-20T00:00:00Z"]),
    (30, "0 9 15W * *", "UTC", "2024-06-01T00:00:00Z", &["2024-06-14T09:00:00Z"]),
    (30, "0 9 15W * *", "UTC", "2024-09-01T00:00:00Z", &["2024-09-16T09:00:00Z"]),
    (31, "0 0 1W * *", "UTC", "2026-07-15T00:00:00Z", &["2026-08-03T00:00:00Z", "2026-09-01T00:00:00Z"]),
    (32, "0 9 31W * *", "UTC", "2024-11-01T00:00:00Z", &["2024-12-31T09:00:00Z"]),
    (33, "0 0 LW * *", "UTC", "2026-01-01T00:00:00Z", &["2026-01-30T00:00:00Z", "2026-02-27T00:00:00Z", "2026-03-31T00:00:00Z", "2026-04-30T00:00:00Z", "2026-05-29T00:00:00Z", "2026-06-30T00:00:00Z", "2026-07-31T00:00:00Z", "2026-08-31T00:00:00Z"]),
    (34, "*/5 * * * *", "UTC", "2026-01-01T00:01:00Z", &["2026-01-01T00:05:00Z", "2026-01-01T00:10:00Z"]),
    (34, "*/20 5 * * * *", "UTC", "2026-01-01T00:01:00Z", &["2026-01-01T00:05:00Z", "2026-01-01T00:05:20Z", "2026-01-01T00:05:40Z", "2026-01-01T01:05:00Z"]),
    (35, "@daily", "UTC", "2026-01-01T00:00:00Z", &["2026-01-02T00:00:00Z"]),
    (35, "@midnight", "UTC", "2026-01-01T00:00:00Z", &["2026-01-02T00:00:00Z"]),
    (35, "@hourly", "UTC", "2026-01-01T00:00:00Z", &["2026-01-01T01:00:00Z"]),
    (35, "@weekly", "UTC", "2026-01-01T00:00:00Z", &["2026-01-04T00:00:00Z"]),
    (35, "@monthly", "UTC", "2026-01-01T00:00:00Z", &["2026-02-01T00:00:00Z"]),
    (35, "@annually", "UTC", "2026-01-01T00:00:00Z", &["2027-01-01T00:00:00Z"]),
    (35, "@yearly", "UTC", "2026-01-01T00:00:00Z", &["2027-01-01T00:00:00Z"]),
    (35, "@every 5m", "America/New_York", "2026-01-01T00:01:00Z", &["2026-01-01T00:05:00Z", "2026-01-01T00:10:00Z"]),
    (37, "*/35 * * * *", "UTC", "2026-01-01T00:00:00Z", &["2026-01-01T00:35:00Z", "2026-01-01T01:00:00Z", "2026-01-01T01:35:00Z"]),
    (37, "0 */23 * * *", "UTC", "2026-01-01T00:00:00Z", &["2026-01-01T23:00:00Z", "2026-01-02T00:00:00Z", "2026-01-02T23:00:00Z"]),
    (38, "0\t0 1  jan\t*", "UTC", "2026-01-01T00:00:00Z", &["2027-01-01T00:00:00Z"]),
    (38, "0 0 1 JAN-DEC *", "UTC", "2026-01-01T00:00:00Z", &["2026-02-01T00:00:00Z"]),
    (39, "0 0 * * Sun-Sun", "UTC", "2026-01-01T00:00:00Z", &["2026-01-04T00:00:00Z", "2026-01-11T00:00:00Z"]),
    (39, "0 0 * * 1-1", "UTC", "2026-01-01T00:00:00Z", &["2026-01-05T00:00:00Z", "2026-01-12T00:00:00Z"]),
    (40, "0 0 * * *", "CET", "2026-07-01T00:00:00Z", &["2026-07-01T22:00:00Z"]),
    (40, "0 0 * * *", "US/Eastern", "2026-07-01T12:00:00Z", &["2026-07-02T04:00:00Z"]),
];

fn local(instant: Timestamp, zone: &str) -> String {
    let zone: Tz = zone.parse().expect("a zone");
    instant.to_chrono().with_timezone(&zone).format("%Y-%m-%d %H:%M %z").to_string()
}

#[test]
fn every_row_of_the_table_fires_as_expected() {
    let mut wrong = Vec::new();
    println!("{:>3}  {:<18} {:<20} {:<24} next", "#", "expression", "zone", "after");
    for (number, cron, zone, after, expected) in ROWS {
        let found = next(&compiled(cron, zone), at(after), expected.len());
        let shown: Vec<String> = found.iter().map(|instant| local(*instant, zone)).collect();
        println!("{number:>3}  {cron:<18} {zone:<20} {:<24} {}", local(at(after), zone), shown.join(", "));
        let expected: Vec<Timestamp> = expected.iter().map(|instant| at(instant)).collect();
        if found != expected {
            let expected: Vec<String> = expected.iter().map(|instant| local(*instant, zone)).collect();
            wrong.push(format!("row {number}: {cron} in {zone}: {shown:?} instead of {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_row_of_the_table_is_the_same_backwards() {
    for (number, cron, zone, _, expected) in ROWS {
        let schedule = compiled(cron, zone);
        for pair in expected.windows(2) {
            assert_eq!(schedule.previous_before(at(pair[1])), Some(at(pair[0])), "row {number}: {cron} in {zone}");
        }
    }
}

#[test]
fn the_night_of_2013_03_10_in_new_york_runs_at_seven_utc() {
    let mut nightly = schedule("30 2 * * *", "America/New_York");
    nightly.start = wall("2013-02-01T00:00:00");
    nightly.end = wall("2013-09-01T00:00:00");
    let nights = firings(vec![nightly]);
    let before = at("2013-03-09T07:30:00Z");
    assert_eq!(nights.next_after(before), Some(at("2013-03-10T07:00:00Z")));
    assert_eq!(nights.next_after(at("2013-03-10T07:00:00Z")), Some(at("2013-03-11T06:30:00Z")));
    assert_eq!(nights.previous_before(at("2013-03-10T07:00:00Z")), Some(before));
    assert_eq!(nights.previous_before(at("2013-03-11T06:30:00Z")), Some(at("2013-03-10T07:00:00Z")));
}

/// Firings on a local day.
fn count(cron: &str, zone: &str, from: &str, to: &str) -> usize {
    compiled(cron, zone).extended_between(at(from), at(to).plus_micros(-1)).len()
}

#[test]
fn a_quarter_hourly_schedule_follows_real_time_on_the_days_of_change() {
    let new_york = |from, to| count("*/15 * * * *", "America/New_York", from, to);
    assert_eq!(new_york("2026-03-08T00:00:00-05:00", "2026-03-09T00:00:00-04:00"), 92);
    assert_eq!(new_york("2026-11-01T00:00:00-04:00", "2026-11-02T00:00:00-05:00"), 100);
    let lord_howe = |from, to| count("*/15 * * * *", "Australia/Lord_Howe", from, to);
    assert_eq!(lord_howe("2026-10-04T00:00:00+10:30", "2026-10-05T00:00:00+11:00"), 94);
    assert_eq!(lord_howe("2026-04-05T00:00:00+11:00", "2026-04-06T00:00:00+10:30"), 98);
    assert_eq!(count("* * * * *", "Europe/Berlin", "2026-10-25T00:00:00+02:00", "2026-10-26T00:00:00+01:00"), 1_500);
}

#[test]
fn both_day_fields_have_to_match_where_and_is_asked_for() {
    let mut friday_the_13th = schedule("0 0 13 * 5", "UTC");
    friday_the_13th.day_match = DayMatch::And;
    let compiled = CompiledSchedule::compile(&friday_the_13th).expect("sound");
    let found = next(&compiled, at("2026-01-01T00:00:00Z"), 3);
    assert_eq!(found, ["2026-02-13T00:00:00Z", "2026-03-13T00:00:00Z", "2026-11-13T00:00:00Z"].map(at));

    let mut odd_saturdays = schedule("0 16 */2 * sat", "UTC");
    odd_saturdays.day_match = DayMatch::And;
    let compiled = CompiledSchedule::compile(&odd_saturdays).expect("sound");
    assert!(compiled.warnings().is_empty());
    let found = next(&compiled, at("2023-05-02T00:00:00Z"), 3);
    assert_eq!(found, ["2023-05-13T16:00:00Z", "2023-05-27T16:00:00Z", "2023-06-03T16:00:00Z"].map(at));
}

#[test]
fn start_is_the_first_moment_that_fires_and_end_the_first_that_does_not() {
    let mut daily = schedule("0 0 * * *", "Europe/Berlin");
    daily.start = wall("2026-03-01T00:00:00");
    daily.end = wall("2026-03-04T00:00:00");
    let compiled = CompiledSchedule::compile(&daily).expect("sound");
    let found = next(&compiled, at("2020-01-01T00:00:00Z"), 10);
    assert_eq!(found, ["2026-02-28T23:00:00Z", "2026-03-01T23:00:00Z", "2026-03-02T23:00:00Z"].map(at));
    assert_eq!(compiled.previous_before(at("2030-01-01T00:00:00Z")), Some(at("2026-03-02T23:00:00Z")));
    assert_eq!(compiled.previous_before(at("2026-02-28T23:00:00Z")), None);
}

#[test]
fn an_extended_schedule_ignores_start_and_end_and_holds_both_bounds() {
    let mut daily = schedule("0 0 * * *", "UTC");
    daily.start = wall("2026-03-01T00:00:00");
    daily.end = wall("2026-03-02T00:00:00");
    let found = firings(vec![daily]).extended_between(at("2026-02-27T00:00:00Z"), at("2026-03-02T00:00:00Z"));
    let days = ["2026-02-27T00:00:00Z", "2026-02-28T00:00:00Z", "2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z"];
    assert_eq!(found, days.map(at));
}

#[test]
fn every_counts_from_the_start_where_there_is_one() {
    let mut every = schedule("@every 36h", "America/New_York");
    every.start = wall("2026-03-07T01:00:00");
    let compiled = CompiledSchedule::compile(&every).expect("sound");
    let found = next(&compiled, at("2020-01-01T00:00:00Z"), 3);
    assert_eq!(found, ["2026-03-07T06:00:00Z", "2026-03-08T18:00:00Z", "2026-03-10T06:00:00Z"].map(at));
    assert_eq!(compiled.previous_before(found[2]), Some(found[1]));
}

#[test]
fn schedules_that_coincide_make_one_firing() {
    let both = firings(vec![schedule("0 12 * * *", "UTC"), schedule("0 8,12 * * *", "UTC")]);
    let noon = at("2026-01-01T12:00:00Z");
    assert_eq!(both.next_after(at("2026-01-01T08:00:00Z")), Some(noon));
    assert_eq!(both.next_after(noon), Some(at("2026-01-02T08:00:00Z")));
    assert_eq!(both.previous_before(at("2026-01-02T08:00:00Z")), Some(noon));
    assert_eq!(both.extended_between(at("2026-01-01T00:00:00Z"), noon).len(), 2);
}

#[test]
fn a_dag_without_schedules_never_fires() {
    let none = firings(Vec::new());
    assert!(none.is_empty());
    assert_eq!(none.next_after(at("2026-01-01T00:00:00Z")), None);
}

#[test]
fn the_ends_of_time_are_no_panic() {
    for cron in ["30 2 * * *", "@every 1d", "0 0 29 2 *"] {
        let schedule = compiled(cron, "America/New_York");
        for micros in [i64::MIN, i64::MIN + 1, i64::MAX - 1, i64::MAX] {
            let instant = Timestamp::from_micros(micros);
            assert!(schedule.next_after(instant).is_none_or(|next| next > instant));
            assert!(schedule.previous_before(instant).is_none_or(|previous| previous < instant));
        }
    }
}
