//! What a schedule's own keys do to its firings: clocks that jump, dates, jitter, frequency; how firings are walked and
//! shown. To add a key: a test that names it.

use chrono::NaiveDate;
use daybreak_core::{CompiledSchedule, Firings, ScheduleCompiler};
use daybreak_spec::{
    Calendar, DateSet, Dst, Duration, Gap, Name, Project, Repeat, Schedule, Severity, Span, Spanned, Timestamp,
};
use proptest::prelude::*;

use crate::oracle::{expression, instant, zone};
use crate::{at, dag, firings, next, schedule, wall};

const NEW_YORK: &str = "America/New_York";

fn with_dst(cron: &str, gap: Gap, overlap: Repeat) -> Schedule {
    Schedule { dst: Some(Spanned::unplaced(Dst { gap, overlap })), ..schedule(cron, NEW_YORK) }
}

fn date(text: &str) -> NaiveDate {
    text.parse().expect("a date")
}

fn dates(texts: &[&str]) -> Vec<DateSet> {
    texts.iter().map(|text| DateSet::Date(Spanned::unplaced(date(text)))).collect()
}

fn calendar(name: &str) -> Vec<DateSet> {
    vec![DateSet::Calendar(Spanned::unplaced(Name::parse(name).expect("a slug")))]
}

fn compiled(schedule: &Schedule) -> CompiledSchedule {
    ScheduleCompiler::default().schedule(schedule).unwrap_or_else(|found| panic!("{found:?}"))
}

fn code(schedule: &Schedule) -> String {
    let found = ScheduleCompiler::default().schedule(schedule).expect_err("refused");
    found.iter().map(|problem| problem.code).collect::<Vec<_>>().join(" ")
}

/// A project with one calendar.
fn project(name: &str, days: &[&str]) -> Project {
    let json = serde_json::json!({
        "name": "p", "data_roots": [], "sources": {}, "entities": {}, "feature_views": {}, "models": {}, "dags": {},
    });
    let mut project: Project = serde_json::from_value(json).expect("a project");
    let dates = days.iter().map(|text| date(text)).collect();
    let calendar = Calendar { span: Span::default(), path: None, dates };
    project.calendars.insert(Name::parse(name).expect("a slug"), calendar);
    project
}

#[test]
fn a_gap_is_made_up_for_or_skipped_as_declared() {
    let after = at("2026-03-07T12:00:00Z");
    let run_after = compiled(&with_dst("30 2 * * *", Gap::RunAfter, Repeat::First));
    assert_eq!(next(&run_after, after, 2), ["2026-03-08T07:00:00Z", "2026-03-09T06:30:00Z"].map(at));
    let skip = compiled(&with_dst("30 2 * * *", Gap::Skip, Repeat::First));
    assert_eq!(next(&skip, after, 2), ["2026-03-09T06:30:00Z", "2026-03-10T06:30:00Z"].map(at));
    assert_eq!(skip.previous_before(at("2026-03-09T06:30:00Z")), Some(at("2026-03-07T07:30:00Z")));
}

#[test]
fn a_time_that_comes_twice_fires_at_the_first_pass_or_at_both_as_declared() {
    let after = at("2026-10-31T12:00:00Z");
    let first = compiled(&with_dst("30 1 * * *", Gap::RunAfter, Repeat::First));
    assert_eq!(next(&first, after, 2), ["2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"].map(at));
    let both = compiled(&with_dst("30 1 * * *", Gap::RunAfter, Repeat::Both));
    let expected = ["2026-11-01T05:30:00Z", "2026-11-01T06:30:00Z", "2026-11-02T06:30:00Z"].map(at);
    assert_eq!(next(&both, after, 3), expected);
    assert_eq!(both.previous_before(expected[2]), Some(expected[1]));
    assert_eq!(both.previous_before(expected[1]), Some(expected[0]));
}

#[test]
fn dst_on_a_schedule_that_follows_real_time_is_warned_of() {
    for cron in ["*/15 * * * *", "0 * * * *", "@every 5m", "@hourly"] {
        let schedule = compiled(&with_dst(cron, Gap::Skip, Repeat::Both));
        let codes: Vec<_> = schedule.warnings().iter().map(|problem| (problem.code, problem.severity)).collect();
        assert_eq!(codes, [("dst_without_effect", Severity::Warning)], "{cron}");
    }
    assert!(compiled(&with_dst("@daily", Gap::Skip, Repeat::Both)).warnings().is_empty());
}

#[test]
fn excluded_dates_are_those_that_clocks_in_the_schedules_zone_show() {
    // 01:00 UTC on 26 December is still Christmas Day in New York.
    let declared = Schedule { exclude: dates(&["2026-12-25"]), ..schedule("0 20 * * *", NEW_YORK) };
    let found = next(&compiled(&declared), at("2026-12-24T12:00:00Z"), 3);
    assert_eq!(found, ["2026-12-25T01:00:00Z", "2026-12-27T01:00:00Z", "2026-12-28T01:00:00Z"].map(at));
    assert_eq!(compiled(&declared).previous_before(found[1]), Some(found[0]));
}

#[test]
fn a_calendar_is_excluded_or_kept_to_by_its_name() {
    let project = project("trading_days", &["2026-11-25", "2026-11-27", "2026-11-30"]);
    let mut compiler = ScheduleCompiler::of(&project);
    let only = Schedule { only: calendar("trading_days"), ..schedule("30 9,16 * * 1-5", "UTC") };
    let found = next(&compiler.schedule(&only).expect("sound"), at("2026-11-25T12:00:00Z"), 9);
    let days = ["2026-11-25T16:30:00Z", "2026-11-27T09:30:00Z", "2026-11-27T16:30:00Z", "2026-11-30T09:30:00Z"];
    assert_eq!(found[..4], days.map(at));
    assert_eq!(found.len(), 5, "nothing fires once the calendar is over");
    let without = Schedule { exclude: calendar("trading_days"), ..only.clone() };
    let narrowed = Schedule { only: calendar("trading_days"), exclude: dates(&["2026-11-27"]), ..only };
    let found = next(&compiler.schedule(&narrowed).expect("sound"), at("2026-11-26T12:00:00Z"), 1);
    assert_eq!(found, [at("2026-11-30T09:30:00Z")]);
    assert_eq!(code_with(&mut compiler, &without), "cron_never_fires");
}

fn code_with(compiler: &mut ScheduleCompiler, schedule: &Schedule) -> String {
    let found = compiler.schedule(schedule).expect_err("refused");
    found.iter().map(|problem| problem.code).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_schedule_that_its_dates_leave_nothing_of_is_refused() {
    let saturdays = schedule("0 9 * * sat", "UTC");
    assert_eq!(code(&Schedule { only: dates(&["2026-12-25"]), ..saturdays.clone() }), "cron_never_fires");
    let ended = Schedule { only: dates(&["2026-12-26"]), end: wall("2026-12-26T09:00:00"), ..saturdays.clone() };
    assert_eq!(code(&ended), "cron_never_fires");
    let bounded = Schedule {
        start: wall("2026-12-26T00:00:00"),
        end: wall("2026-12-27T00:00:00"),
        exclude: dates(&["2026-12-26"]),
        ..saturdays.clone()
    };
    assert_eq!(code(&bounded), "cron_never_fires");
    compiled(&Schedule { only: dates(&["2026-12-26"]), ..saturdays });
}

#[test]
fn jitter_moves_the_start_alike_each_time_and_never_to_the_next_firing() {
    let length = |text: &str| Duration::parse(text);
    let jittered = |cron: &str, jitter: &str, name: &str| {
        let declared = Schedule { jitter: length(jitter), ..schedule(cron, "UTC") };
        let name = Name::parse(name).expect("a slug");
        ScheduleCompiler::default().firings(&name, &dag(vec![declared])).expect("sound")
    };
    let starts = |firings: &Firings| -> Vec<i64> {
        let schedule = &firings.schedules()[0];
        let nominal = next(schedule, at("2026-01-01T00:00:00Z"), 500);
        nominal.iter().map(|at| schedule.starts_at(*at).micros - at.micros).collect()
    };
    let one = starts(&jittered("0 * * * *", "5m", "one"));
    assert_eq!(one, starts(&jittered("0 * * * *", "5m", "one")), "the same instant starts at the same moment");
    assert_ne!(one, starts(&jittered("0 * * * *", "5m", "other")), "DAGs are spread apart");
    assert!(one.iter().all(|delay| (0..300_000_000).contains(delay)));
    let mean = one.iter().sum::<i64>() / 500;
    assert!((120_000_000..180_000_000).contains(&mean), "{mean}");
    let bounded = starts(&jittered("*/5 * * * *", "1h", "one"));
    assert!(bounded.iter().all(|delay| (0..300_000_000).contains(delay)), "bounded by the next firing");
}

#[test]
fn allow_frequent_lets_a_schedule_fire_every_second() {
    for cron in ["* * * * * *", "*/5 * * * * *", "@every 1s", "0,55 * * * * *"] {
        let declared = schedule(cron, "UTC");
        assert_eq!(code(&declared), "cron_too_frequent", "{cron}");
        let found = compiled(&Schedule { allow_frequent: true, ..declared });
        assert!(found.next_after(at("2026-01-01T00:00:00Z")).is_some());
    }
    let half = Schedule { allow_frequent: true, ..schedule("@every 500ms", "UTC") };
    assert_eq!(code(&half), "cron_too_frequent");
}

#[test]
fn a_walk_merges_schedules_and_gives_each_firing_its_window() {
    let both = firings(vec![schedule("0 12 * * *", "UTC"), schedule("0 8,12 * * *", "UTC")]);
    let mut walk = both.walk(at("2026-01-01T07:00:00Z"));
    let mut take = || {
        let firing = walk.next().expect("it fires for ever");
        (firing.at.to_string(), firing.window_start.map(|at| at.to_string()), firing.schedules)
    };
    let instant = |text: &str| format!("2026-01-01T{text}:00:00Z");
    assert_eq!(take(), (instant("08"), Some("2025-12-31T12:00:00Z".to_owned()), vec![1]));
    assert_eq!(take(), (instant("12"), Some(instant("08")), vec![0, 1]));
}

#[test]
fn a_firing_is_shown_with_what_clocks_do_on_its_day() {
    let nightly = compiled(&schedule("30 2 * * *", NEW_YORK));
    let made_up = nightly.local(at("2026-03-08T07:00:00Z")).expect("shown");
    assert_eq!((made_up.reading.to_string().as_str(), made_up.offset_s), ("2026-03-08 03:00:00", -14_400));
    let change = made_up.change.expect("clocks jump");
    let jump = (change.at, change.from.to_string(), change.to.to_string(), change.by_s);
    assert_eq!(jump, (at("2026-03-08T07:00:00Z"), "02:00:00".into(), "03:00:00".into(), 3_600));
    assert!(made_up.after_gap);
    let plain = nightly.local(at("2026-03-09T06:30:00Z")).expect("shown");
    assert_eq!((plain.change, plain.after_gap, plain.pass), (None, false, None));
    let both = compiled(&with_dst("30 1 * * *", Gap::RunAfter, Repeat::Both));
    let passes = ["2026-11-01T05:30:00Z", "2026-11-01T06:30:00Z"].map(|text| both.local(at(text)).expect("shown"));
    assert_eq!(
        passes.map(|pass| (pass.pass, pass.change.map(|change| change.by_s))),
        [(Some(1), Some(-3_600)), (Some(2), Some(-3_600))]
    );
    let cairo = compiled(&schedule("0 0 * * *", "Africa/Cairo"));
    let midnight = cairo.local(at("2026-04-23T22:00:00Z")).expect("shown");
    assert!(midnight.after_gap && midnight.change.is_some_and(|change| change.by_s == 3_600), "{midnight:?}");
}

proptest! {
    /// With dates, forwards and backwards visit the same instants, and exactly those of the pattern on allowed dates.
    #[test]
    fn dates_leave_out_whole_local_days_and_nothing_else(
        expression in expression(), zone in zone(), second in instant(),
        out in prop::collection::btree_set(0_i64..12, 0..6), keep in prop::collection::btree_set(0_i64..12, 0..6),
    ) {
        let plain = schedule(&expression, zone);
        let Ok(every) = ScheduleCompiler::default().schedule(&plain) else { return Ok(()) };
        let (from, to) = (Timestamp::from_micros(second * 1_000_000), Timestamp::from_micros((second + 10 * 86_400) * 1_000_000));
        let first = from.to_chrono().date_naive();
        let set = |days: &std::collections::BTreeSet<i64>| -> Vec<DateSet> {
            days.iter().map(|day| DateSet::Date(Spanned::unplaced(first + chrono::TimeDelta::days(*day)))).collect()
        };
        let narrowed = Schedule { exclude: set(&out), only: set(&keep), ..plain };
        let Ok(narrowed) = ScheduleCompiler::default().schedule(&narrowed) else { return Ok(()) };
        let expected: Vec<Timestamp> =
            every.extended_between(from, to).into_iter().filter(|at| narrowed.fires_on_date_of(*at)).collect();
        prop_assert_eq!(&narrowed.extended_between(from, to), &expected);
        let mut backwards = Vec::new();
        let mut previous = narrowed.previous_before(to.plus_micros(1));
        while let Some(at) = previous.filter(|at| *at >= from) {
            backwards.push(at);
            previous = narrowed.previous_before(at);
        }
        backwards.reverse();
        prop_assert_eq!(backwards, expected);
    }
}

#[test]
fn the_jumps_of_a_zones_clocks_are_listed_from_one_instant_up_to_another() {
    let changes = |zone: &str, from: &str, to: &str| -> Vec<(Timestamp, i64, i64)> {
        let found = compiled(&schedule("0 0 * * *", zone)).clock_changes(at(from), at(to));
        found.into_iter().map(|change| (change.at, change.before_s / 60, change.after_s / 60)).collect()
    };
    let (spring, autumn) = ("2026-03-08T07:00:00Z", "2026-11-01T06:00:00Z");
    let year = changes(NEW_YORK, "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z");
    assert_eq!(year, [(at(spring), -300, -240), (at(autumn), -240, -300)]);
    assert_eq!(changes(NEW_YORK, spring, autumn), [(at(spring), -300, -240)], "the first is in it, the second is not");
    assert_eq!(changes(NEW_YORK, "2026-03-08T07:00:01Z", autumn), []);
    assert_eq!(changes(NEW_YORK, autumn, spring), [], "an empty stretch has none");
    assert_eq!(changes("UTC", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"), []);
    // Half an hour, in the other half of the world.
    let lord_howe = changes("Australia/Lord_Howe", "2026-01-01T00:00:00Z", "2026-06-01T00:00:00Z");
    assert_eq!(lord_howe, [(at("2026-04-04T15:00:00Z"), 660, 630)]);
}
