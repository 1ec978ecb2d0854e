//! Two independent judges over random expressions, zones and instants: croner's own next firings where its rules are
//! ours (`random`), and a brute-force walk over all readings (croner only says whether a reading matches) everywhere.

use chrono::{DateTime, Days, NaiveDateTime, Offset, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use croner::Cron;
use croner::parser::{CronParser, Seconds};
use daybreak_spec::{Dst, Gap, Repeat, Schedule, Spanned, Timestamp};
use proptest::prelude::*;

use crate::compiled;
use crate::random::compare;

/// Zones whose clocks jump by one hour, by half an hour, at midnight, in the south, around Ramadan, or never.
const ZONES: &[&str] = &[
    "America/New_York",
    "Europe/Berlin",
    "Australia/Lord_Howe",
    "Pacific/Chatham",
    "Africa/Cairo",
    "Africa/Casablanca",
    "America/Havana",
    "America/Santiago",
    "Asia/Beirut",
    "Asia/Kolkata",
    "UTC",
];

/// A field of numbers between two bounds; a step of at most half the field leaves at least two values.
fn field(min: u32, max: u32) -> impl Strategy<Value = String> {
    let size = max - min;
    prop_oneof![
        3 => (min..=max).prop_map(|value| value.to_string()),
        2 => Just("*".to_owned()),
        2 => (2..=size / 2).prop_map(|step| format!("*/{step}")),
        1 => (min..=max, min..=max).prop_map(|(one, other)| format!("{}-{}", one.min(other), one.max(other))),
        1 => (min..=max, min..=max, 1..=4_u32)
            .prop_map(|(one, other, step)| format!("{}-{}/{step}", one.min(other), one.max(other))),
        1 => prop::collection::btree_set(min..=max, 2..4)
            .prop_map(|values| values.iter().map(u32::to_string).collect::<Vec<_>>().join(",")),
    ]
}

fn day_of_month() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => Just("*".to_owned()),
        3 => field(1, 31),
        1 => Just("L".to_owned()),
        1 => Just("LW".to_owned()),
        1 => (1..=31_u32).prop_map(|day| format!("{day}W")),
    ]
}

fn day_of_week() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => Just("*".to_owned()),
        1 => (0..=7_u32).prop_map(|day| day.to_string()),
        1 => (1..=3_u32, 4..=7_u32).prop_map(|(from, to)| format!("{from}-{to}")),
        1 => (0..=6_u32, 1..=5_u32).prop_map(|(day, nth)| format!("{day}#{nth}")),
        1 => (0..=6_u32).prop_map(|day| format!("{day}L")),
        1 => Just("mon,thu".to_owned()),
    ]
}

pub fn expression() -> impl Strategy<Value = String> {
    let month = prop_oneof![4 => Just("*".to_owned()), 1 => field(1, 12), 1 => Just("mar,nov".to_owned())];
    (field(0, 59), field(0, 23), day_of_month(), month, day_of_week())
        .prop_map(|(minute, hour, day, month, weekday)| format!("{minute} {hour} {day} {month} {weekday}"))
}

pub fn zone() -> impl Strategy<Value = &'static str> {
    prop::sample::select(ZONES)
}

/// Seconds between 2015 and 2035.
pub fn instant() -> impl Strategy<Value = i64> {
    1_420_070_400_i64..2_051_222_400
}

fn parse(expression: &str) -> Cron {
    let parser = CronParser::builder().seconds(Seconds::Optional).build();
    parser.parse(expression).unwrap_or_else(|error| panic!("croner refuses {expression}: {error}"))
}

/// An expression may name days that never come; everything else compiles.
fn compiled_if_it_fires(expression: &str, zone: &str, dst: Dst) -> Option<daybreak_core::CompiledSchedule> {
    match daybreak_core::ScheduleCompiler::default()
        .schedule(&Schedule { dst: Some(Spanned::unplaced(dst)), ..crate::schedule(expression, zone) })
    {
        Ok(schedule) => Some(schedule),
        Err(found) if found.iter().any(|problem| problem.code == "cron_never_fires") => None,
        Err(found) => panic!("{expression}: {found:?}"),
    }
}

/// All firings after `after` up to `days` later, by trying every minute that a clock could show.
fn brute_force(cron: &Cron, fixed_time: Option<Dst>, (zone, after): (Tz, i64), days: u64) -> Option<Vec<i64>> {
    let first = zone.timestamp_opt(after, 0).single()?.naive_local().date().pred_opt()?;
    let mut found = Vec::new();
    let mut reading = first.and_hms_opt(0, 0, 0)?;
    let end = first.checked_add_days(Days::new(days + 4))?.and_hms_opt(0, 0, 0)?;
    while reading < end {
        if cron.is_time_matching(&reading.and_utc()).ok()? {
            found.extend(instants(reading, fixed_time, zone));
        }
        reading += TimeDelta::minutes(1);
    }
    found.sort_unstable();
    found.dedup();
    let last = after + i64::try_from(days).ok()? * 86_400;
    found.retain(|at| *at > after && *at <= last);
    Some(found)
}

fn instants(reading: NaiveDateTime, fixed_time: Option<Dst>, zone: Tz) -> Vec<i64> {
    let mapped = zone.from_local_datetime(&reading);
    let once = fixed_time.is_some_and(|dst| dst.overlap == Repeat::First);
    match (mapped.earliest(), mapped.latest()) {
        (Some(first), _) if once => vec![first.timestamp()],
        (Some(first), Some(second)) => vec![first.timestamp(), second.timestamp()],
        (None, _) if fixed_time.is_some_and(|dst| dst.gap == Gap::RunAfter) => {
            gap_end(reading, zone).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

/// Walks on second by second until clocks show something again.
fn gap_end(reading: NaiveDateTime, zone: Tz) -> Option<i64> {
    let shown = |seconds: i64| zone.from_local_datetime(&(reading + TimeDelta::seconds(seconds))).earliest();
    let after = (1..=2 * 86_400).find_map(shown)?;
    let before = (1..=2 * 86_400).find_map(|seconds| shown(-seconds))?;
    let offset = |at: &DateTime<Tz>| i64::from(at.offset().fix().local_minus_utc());
    let jump = offset(&after) - offset(&before);
    (jump <= 3 * 3_600).then(|| after.timestamp())
}

fn shown(instants: &[i64]) -> Vec<String> {
    instants.iter().filter_map(|at| DateTime::<Utc>::from_timestamp(*at, 0)).map(|at| at.to_string()).collect()
}

fn seconds(instants: &[Timestamp]) -> Vec<i64> {
    instants.iter().map(|at| at.micros / 1_000_000).collect()
}

#[test]
fn croner_agrees_on_random_expressions_where_its_rules_are_ours() {
    let outcome = compare(2_026, 20_000);
    assert_eq!(outcome.differences, Vec::<String>::new());
    assert!(outcome.checks >= 20_000 && outcome.left_out < outcome.checks / 10, "{} left out", outcome.left_out);
}

fn dst() -> impl Strategy<Value = Dst> {
    let gap = prop::sample::select(vec![Gap::RunAfter, Gap::Skip]);
    let overlap = prop::sample::select(vec![Repeat::First, Repeat::Both]);
    (gap, overlap).prop_map(|(gap, overlap)| Dst { gap, overlap })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn a_walk_over_all_readings_agrees(
        expression in expression(), zone in zone(), change in 0_usize..40, before in 0_i64..172_800, dst in dst(),
    ) {
        let tz: Tz = zone.parse().expect("a zone");
        let after = near_a_change(tz, change) - before;
        let Some(ours) = compiled_if_it_fires(&expression, zone, dst) else { return Ok(()) };
        let fixed_time = !expression.split(' ').take(2).any(|field| field.starts_with('*'));
        let expected = brute_force(&parse(&expression), fixed_time.then_some(dst), (tz, after), 3).expect("croner answers");
        let from = Timestamp::from_micros(after * 1_000_000 + 1);
        let found = ours.extended_between(from, Timestamp::from_micros((after + 3 * 86_400) * 1_000_000));
        prop_assert_eq!(shown(&seconds(&found)), shown(&expected), "{} in {}", expression, zone);
    }
}

/// The n-th change of a zone's clocks after 2015, or 2015 itself in a zone without any.
fn near_a_change(zone: Tz, number: usize) -> i64 {
    let start = 1_420_070_400_i64;
    let offset = |at: i64| zone.timestamp_opt(at, 0).single().map(|at| at.offset().fix().local_minus_utc());
    let changes: Vec<i64> =
        (0..20 * 366).map(|day| start + day * 86_400).filter(|at| offset(*at) != offset(*at + 86_400)).collect();
    changes.get(number % changes.len().max(1)).copied().unwrap_or(start)
}

#[test]
fn long_jumps_agree_with_a_walk_over_all_readings() {
    let cases = [
        ("Pacific/Apia", "2011-12-28T00:00:00Z"),
        ("Antarctica/Troll", "2026-03-28T00:00:00Z"),
        ("Antarctica/Troll", "2026-10-24T00:00:00Z"),
        ("Pacific/Kwajalein", "1993-08-19T00:00:00Z"),
        ("Antarctica/Casey", "2009-10-17T00:00:00Z"),
        ("Africa/Monrovia", "1972-01-06T00:00:00Z"),
    ];
    for (zone, after) in cases {
        let tz: Tz = zone.parse().expect("a zone");
        let after = crate::at(after).micros / 1_000_000;
        for expression in ["30 2 * * *", "0 1 * * *", "15 0,13 * * *", "*/20 * * * *", "0 0 * * *", "7 */5 * * *"] {
            let fixed_time = !expression.split(' ').take(2).any(|field| field.starts_with('*'));
            let dst = fixed_time.then(Dst::default);
            let expected = brute_force(&parse(expression), dst, (tz, after), 4).expect("croner answers");
            let found = compiled(expression, zone).extended_between(
                Timestamp::from_micros(after * 1_000_000 + 1),
                Timestamp::from_micros((after + 4 * 86_400) * 1_000_000),
            );
            assert_eq!(shown(&seconds(&found)), shown(&expected), "{expression} in {zone}");
        }
    }
}
