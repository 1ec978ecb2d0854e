//! The table of cron cases, run: forwards, and backwards where instants are named. What else holds of bounds and of
//! several schedules stands below.

use daybreak_core::ScheduleCompiler;
use daybreak_spec::Timestamp;

use crate::table::{CASES, Expected, ROWS, answer};
use crate::{at, compiled, firings, next, schedule, wall};

#[test]
fn every_row_of_the_table_is_answered_as_expected() {
    let mut wrong = Vec::new();
    for case in CASES {
        let answer = answer(case);
        if answer.found != answer.expected {
            let (row, cron, zone) = (case.row, case.cron, case.zone);
            wrong.push(format!("row {row}: {cron} in {zone}: {} instead of {}", answer.found, answer.expected));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_of_the_forty_rows_has_a_case() {
    let without: Vec<u32> = (1..=ROWS).filter(|row| CASES.iter().all(|case| case.row != *row)).collect();
    assert_eq!(without, Vec::<u32>::new());
    assert!(CASES.iter().all(|case| (1..=ROWS).contains(&case.row)));
}

#[test]
fn every_row_of_the_table_is_the_same_backwards() {
    for case in CASES {
        let Expected::Fires(_, expected) = case.expected else { continue };
        let schedule = compiled(case.cron, case.zone);
        for pair in expected.windows(2) {
            let (row, cron, zone) = (case.row, case.cron, case.zone);
            assert_eq!(schedule.previous_before(at(pair[1])), Some(at(pair[0])), "row {row}: {cron} in {zone}");
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

#[test]
fn start_is_the_first_moment_that_fires_and_end_the_first_that_does_not() {
    let mut daily = schedule("0 0 * * *", "Europe/Berlin");
    daily.start = wall("2026-03-01T00:00:00");
    daily.end = wall("2026-03-04T00:00:00");
    let compiled = ScheduleCompiler::default().schedule(&daily).expect("sound");
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
    let compiled = ScheduleCompiler::default().schedule(&every).expect("sound");
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
