//! The forty cases that schedulers get wrong, with what is expected: the one table that the tests run and that
//! `cargo xtask cron` prints. Must not read a clock. To add a case: a line in [`CASES`].

use chrono_tz::Tz;
use daybreak_core::{CompiledSchedule, ScheduleCompiler};
use daybreak_spec::{DayMatch, Missed, Overlap, Problem, Schedule, Span, Spanned, Timestamp};

/// One case of a row.
pub struct Case {
    pub row: u32,
    pub cron: &'static str,
    pub zone: &'static str,
    pub expected: Expected,
}

/// What is to come of an expression in its zone.
pub enum Expected {
    /// After an instant: the next firings.
    Fires(&'static str, &'static [&'static str]),
    /// The same with `day_match: and`.
    FiresOnBoth(&'static str, &'static [&'static str]),
    /// From an instant to another (exclusive): so many firings.
    Counts(&'static str, &'static str, usize),
    /// Between two instants: asking afresh each time, walking and walking back visit the same instants, each later.
    Walks(&'static str, &'static str),
    /// An error: its code and a part of its hint.
    Refused(&'static str, &'static str),
    /// A warning: its code and a part of its hint.
    Warned(&'static str, &'static str),
}

use Expected::{Counts, Fires, FiresOnBoth, Refused, Walks, Warned};

/// Rows of the table.
pub const ROWS: u32 = 40;

const fn case(row: u32, cron: &'static str, zone: &'static str, expected: Expected) -> Case {
    Case { row, cron, zone, expected }
}

#[rustfmt::skip]
pub const CASES: &[Case] = &[
    case(1, "30 2 * * *", "America/New_York", Fires("2026-03-08T00:00:00-05:00", &["2026-03-08T03:00:00-04:00", "2026-03-09T02:30:00-04:00"])),
    case(2, "30 1 * * *", "America/New_York", Fires("2026-11-01T00:00:00-04:00", &["2026-11-01T01:30:00-04:00", "2026-11-02T01:30:00-05:00"])),
    case(2, "30 1 * * *", "America/New_York", Fires("2026-11-01T06:00:00Z", &["2026-11-02T01:30:00-05:00"])),
    case(3, "0 2,14 * * *", "America/New_York", Fires("2026-03-08T00:00:00-05:00", &["2026-03-08T03:00:00-04:00", "2026-03-08T14:00:00-04:00", "2026-03-09T02:00:00-04:00"])),
    case(3, "0 2,3 * * *", "America/New_York", Fires("2026-03-08T00:00:00-05:00", &["2026-03-08T03:00:00-04:00", "2026-03-09T02:00:00-04:00"])),
    case(4, "0,30 1 * * *", "America/New_York", Fires("2026-11-01T00:00:00-04:00", &["2026-11-01T01:00:00-04:00", "2026-11-01T01:30:00-04:00", "2026-11-02T01:00:00-05:00"])),
    case(5, "*/15 * * * *", "America/New_York", Counts("2026-03-08T00:00:00-05:00", "2026-03-09T00:00:00-04:00", 92)),
    case(5, "*/15 * * * *", "America/New_York", Counts("2026-11-01T00:00:00-04:00", "2026-11-02T00:00:00-05:00", 100)),
    case(5, "* * * * *", "Europe/Berlin", Counts("2026-10-25T00:00:00+02:00", "2026-10-26T00:00:00+01:00", 1_500)),
    case(6, "0 * * * *", "Europe/Warsaw", Fires("2017-10-29T01:59:00+02:00", &["2017-10-29T02:00:00+02:00", "2017-10-29T02:00:00+01:00", "2017-10-29T03:00:00+01:00", "2017-10-29T04:00:00+01:00"])),
    case(7, "0 0 * * *", "Africa/Cairo", Fires("2026-04-23T12:00:00+02:00", &["2026-04-24T01:00:00+03:00", "2026-04-25T00:00:00+03:00"])),
    case(7, "0 0 * * *", "Asia/Beirut", Fires("2026-03-28T12:00:00+02:00", &["2026-03-29T01:00:00+03:00"])),
    case(7, "0 0 * * *", "America/Havana", Fires("2026-03-07T12:00:00-05:00", &["2026-03-08T01:00:00-04:00"])),
    case(7, "0 0 * * *", "America/Santiago", Fires("2026-09-05T12:00:00-04:00", &["2026-09-06T01:00:00-03:00"])),
    case(7, "0 0 * * *", "America/Sao_Paulo", Fires("2018-11-03T12:00:00-03:00", &["2018-11-04T01:00:00-02:00"])),
    case(7, "0 0 * * *", "Asia/Hebron", Fires("2022-03-26T12:00:00+02:00", &["2022-03-27T01:00:00+03:00"])),
    case(8, "0 0 * * *", "America/Havana", Fires("2026-10-31T12:00:00-04:00", &["2026-11-01T00:00:00-04:00", "2026-11-02T00:00:00-05:00"])),
    case(9, "30 23 * * *", "America/Santiago", Fires("2026-04-04T12:00:00-03:00", &["2026-04-04T23:30:00-03:00", "2026-04-05T23:30:00-04:00"])),
    case(10, "0 2 * * *", "Australia/Lord_Howe", Fires("2026-10-04T00:00:00+10:30", &["2026-10-04T02:30:00+11:00", "2026-10-05T02:00:00+11:00"])),
    case(10, "*/15 * * * *", "Australia/Lord_Howe", Counts("2026-10-04T00:00:00+10:30", "2026-10-05T00:00:00+11:00", 94)),
    case(10, "*/15 * * * *", "Australia/Lord_Howe", Counts("2026-04-05T00:00:00+11:00", "2026-04-06T00:00:00+10:30", 98)),
    case(11, "0 3 * * *", "Pacific/Chatham", Fires("2026-09-27T00:00:00+12:45", &["2026-09-27T03:45:00+13:45", "2026-09-28T03:00:00+13:45"])),
    case(12, "0 1 * * *", "Antarctica/Troll", Fires("2026-03-29T00:00:00Z", &["2026-03-29T03:00:00+02:00", "2026-03-30T01:00:00+02:00"])),
    case(13, "30 2 * * *", "Pacific/Apia", Fires("2011-12-29T12:00:00-10:00", &["2011-12-31T02:30:00+14:00", "2012-01-01T02:30:00+14:00"])),
    case(14, "0 2 * * *", "Africa/Casablanca", Fires("2026-02-14T12:00:00+01:00", &["2026-02-15T02:00:00+01:00", "2026-02-16T02:00:00+00:00"])),
    case(14, "0 2 * * *", "Africa/Casablanca", Fires("2026-03-21T12:00:00+00:00", &["2026-03-22T03:00:00+01:00", "2026-03-23T02:00:00+01:00"])),
    case(15, "20 */4 * * *", "America/Los_Angeles", Fires("2023-03-12T00:00:00-08:00", &["2023-03-12T00:20:00-08:00", "2023-03-12T04:20:00-07:00", "2023-03-12T08:20:00-07:00"])),
    case(15, "20 */4 * * *", "America/Los_Angeles", Walks("2023-03-11T00:00:00-08:00", "2023-03-14T00:00:00-07:00")),
    case(16, "0 0 31 * *", "UTC", Fires("2026-01-01T00:00:00Z", &["2026-01-31T00:00:00Z", "2026-03-31T00:00:00Z", "2026-05-31T00:00:00Z", "2026-07-31T00:00:00Z", "2026-08-31T00:00:00Z", "2026-10-31T00:00:00Z", "2026-12-31T00:00:00Z"])),
    case(17, "0 0 29 2 *", "UTC", Fires("2025-01-01T00:00:00Z", &["2028-02-29T00:00:00Z", "2032-02-29T00:00:00Z"])),
    case(17, "0 0 29 2 *", "UTC", Fires("2096-03-01T00:00:00Z", &["2104-02-29T00:00:00Z", "2108-02-29T00:00:00Z"])),
    case(18, "0 0 31 2 *", "UTC", Refused("cron_never_fires", "no such day")),
    case(18, "0 0 30 2 *", "UTC", Refused("cron_never_fires", "no such day")),
    case(19, "0 0 31 2 0", "UTC", Fires("2026-01-01T00:00:00Z", &["2026-02-01T00:00:00Z", "2026-02-08T00:00:00Z", "2026-02-15T00:00:00Z"])),
    case(20, "2 4 1 * wed", "UTC", Fires("2010-01-25T00:00:00Z", &["2010-01-27T04:02:00Z", "2010-02-01T04:02:00Z", "2010-02-03T04:02:00Z"])),
    case(21, "0 0 13 * 5", "UTC", Fires("2026-02-07T00:00:00Z", &["2026-02-13T00:00:00Z", "2026-02-20T00:00:00Z", "2026-02-27T00:00:00Z", "2026-03-06T00:00:00Z", "2026-03-13T00:00:00Z"])),
    case(21, "0 0 13 4 5", "UTC", Fires("2026-04-01T00:00:00Z", &["2026-04-03T00:00:00Z", "2026-04-10T00:00:00Z", "2026-04-13T00:00:00Z"])),
    case(21, "0 0 13 * 5", "UTC", FiresOnBoth("2026-01-01T00:00:00Z", &["2026-02-13T00:00:00Z", "2026-03-13T00:00:00Z", "2026-11-13T00:00:00Z"])),
    case(22, "0 16 */2 * sat", "UTC", Fires("2023-05-02T00:00:00Z", &["2023-05-03T16:00:00Z", "2023-05-05T16:00:00Z", "2023-05-06T16:00:00Z", "2023-05-07T16:00:00Z"])),
    case(22, "0 16 */2 * sat", "UTC", FiresOnBoth("2023-05-02T00:00:00Z", &["2023-05-13T16:00:00Z", "2023-05-27T16:00:00Z", "2023-06-03T16:00:00Z"])),
    case(22, "0 16 */2 * sat", "UTC", Warned("cron_day_fields", "day_match: and")),
    case(23, "0 9 * * 1-5", "UTC", Fires("2026-01-02T12:00:00Z", &["2026-01-05T09:00:00Z", "2026-01-06T09:00:00Z", "2026-01-07T09:00:00Z", "2026-01-08T09:00:00Z", "2026-01-09T09:00:00Z", "2026-01-12T09:00:00Z"])),
    case(24, "0 0 * * 0", "UTC", Fires("2026-01-01T00:00:00Z", &["2026-01-04T00:00:00Z", "2026-01-11T00:00:00Z"])),
    case(24, "0 0 * * 7", "UTC", Fires("2026-01-01T00:00:00Z", &["2026-01-04T00:00:00Z", "2026-01-11T00:00:00Z"])),
    case(24, "0 0 * * SUN", "UTC", Fires("2026-01-01T00:00:00Z", &["2026-01-04T00:00:00Z", "2026-01-11T00:00:00Z"])),
    case(25, "0 0 * * 5-7", "UTC", Fires("2026-01-01T12:00:00Z", &["2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z", "2026-01-04T00:00:00Z", "2026-01-09T00:00:00Z"])),
    case(25, "0 0 * * fri-sun", "UTC", Fires("2026-01-01T12:00:00Z", &["2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z", "2026-01-04T00:00:00Z", "2026-01-09T00:00:00Z"])),
    case(26, "0 0 L * *", "UTC", Fires("2100-02-01T00:00:00Z", &["2100-02-28T00:00:00Z", "2100-03-31T00:00:00Z"])),
    case(26, "0 0 L * *", "UTC", Fires("2024-02-01T00:00:00Z", &["2024-02-29T00:00:00Z", "2024-03-31T00:00:00Z"])),
    case(27, "0 0 * * 5L", "UTC", Fires("2026-01-01T00:00:00Z", &["2026-01-30T00:00:00Z", "2026-02-27T00:00:00Z", "2026-03-27T00:00:00Z", "2026-04-24T00:00:00Z", "2026-05-29T00:00:00Z"])),
    case(27, "0 0 * * friL", "UTC", Fires("2026-01-01T00:00:00Z", &["2026-01-30T00:00:00Z", "2026-02-27T00:00:00Z", "2026-03-27T00:00:00Z", "2026-04-24T00:00:00Z", "2026-05-29T00:00:00Z"])),
    case(28, "0 0 * * 3#5", "UTC", Fires("2026-01-01T00:00:00Z", &["2026-04-29T00:00:00Z", "2026-07-29T00:00:00Z", "2026-09-30T00:00:00Z", "2026-12-30T00:00:00Z"])),
    case(28, "0 0 * * 3#0", "UTC", Refused("bad_cron", "`#1` to `#5`")),
    case(28, "0 0 * * 3#6", "UTC", Refused("bad_cron", "`#1` to `#5`")),
    case(29, "0 0 * * 2#2", "UTC", Fires("2025-07-01T00:00:00Z", &["2025-07-08T00:00:00Z"])),
    case(29, "0 0 * * mon#1,mon#3", "UTC", Fires("2026-06-01T00:00:00Z", &["2026-06-15T00:00:00Z", "2026-07-06T00:00:00Z", "2026-07-20T00:00:00Z"])),
    case(30, "0 9 15W * *", "UTC", Fires("2024-06-01T00:00:00Z", &["2024-06-14T09:00:00Z"])),
    case(30, "0 9 15W * *", "UTC", Fires("2024-09-01T00:00:00Z", &["2024-09-16T09:00:00Z"])),
    case(31, "0 0 1W * *", "UTC", Fires("2026-07-15T00:00:00Z", &["2026-08-03T00:00:00Z", "2026-09-01T00:00:00Z"])),
    case(32, "0 9 31W * *", "UTC", Fires("2024-11-01T00:00:00Z", &["2024-12-31T09:00:00Z"])),
    case(33, "0 0 LW * *", "UTC", Fires("2026-01-01T00:00:00Z", &["2026-01-30T00:00:00Z", "2026-02-27T00:00:00Z", "2026-03-31T00:00:00Z", "2026-04-30T00:00:00Z", "2026-05-29T00:00:00Z", "2026-06-30T00:00:00Z", "2026-07-31T00:00:00Z", "2026-08-31T00:00:00Z"])),
    case(34, "*/5 * * * *", "UTC", Fires("2026-01-01T00:01:00Z", &["2026-01-01T00:05:00Z", "2026-01-01T00:10:00Z"])),
    case(34, "*/20 5 * * * *", "UTC", Fires("2026-01-01T00:01:00Z", &["2026-01-01T00:05:00Z", "2026-01-01T00:05:20Z", "2026-01-01T00:05:40Z", "2026-01-01T01:05:00Z"])),
    case(35, "@daily", "UTC", Fires("2026-01-01T00:00:00Z", &["2026-01-02T00:00:00Z"])),
    case(35, "@midnight", "UTC", Fires("2026-01-01T00:00:00Z", &["2026-01-02T00:00:00Z"])),
    case(35, "@hourly", "UTC", Fires("2026-01-01T00:00:00Z", &["2026-01-01T01:00:00Z"])),
    case(35, "@weekly", "UTC", Fires("2026-01-01T00:00:00Z", &["2026-01-04T00:00:00Z"])),
    case(35, "@monthly", "UTC", Fires("2026-01-01T00:00:00Z", &["2026-02-01T00:00:00Z"])),
    case(35, "@annually", "UTC", Fires("2026-01-01T00:00:00Z", &["2027-01-01T00:00:00Z"])),
    case(35, "@yearly", "UTC", Fires("2026-01-01T00:00:00Z", &["2027-01-01T00:00:00Z"])),
    case(35, "@every 5m", "America/New_York", Fires("2026-01-01T00:01:00Z", &["2026-01-01T00:05:00Z", "2026-01-01T00:10:00Z"])),
    case(35, "@dailyBla", "UTC", Refused("bad_cron", "@daily")),
    case(35, "@reboot", "UTC", Refused("bad_cron", "by hand")),
    case(36, "0/10 * * * *", "UTC", Refused("bad_cron", "`*/10`")),
    case(36, "59/15 * * * *", "UTC", Refused("bad_cron", "`59-59/15`")),
    case(37, "*/35 * * * *", "UTC", Fires("2026-01-01T00:00:00Z", &["2026-01-01T00:35:00Z", "2026-01-01T01:00:00Z", "2026-01-01T01:35:00Z"])),
    case(37, "0 */23 * * *", "UTC", Fires("2026-01-01T00:00:00Z", &["2026-01-01T23:00:00Z", "2026-01-02T00:00:00Z", "2026-01-02T23:00:00Z"])),
    case(37, "*/35 * * * *", "UTC", Warned("cron_uneven_step", "@every 35m")),
    case(37, "0 */23 * * *", "UTC", Warned("cron_uneven_step", "@every 23h")),
    case(38, "0\t0 1  jan\t*", "UTC", Fires("2026-01-01T00:00:00Z", &["2027-01-01T00:00:00Z"])),
    case(38, "0 0 1 JAN-DEC *", "UTC", Fires("2026-01-01T00:00:00Z", &["2026-02-01T00:00:00Z"])),
    case(38, "*/0 * * * *", "UTC", Refused("bad_cron", "at least 1")),
    case(38, "5-5/0 * * * *", "UTC", Refused("bad_cron", "at least 1")),
    case(38, "60 * * * *", "UTC", Refused("bad_cron", "0 to 59")),
    case(38, "* * * * 8", "UTC", Refused("bad_cron", "0 to 7")),
    case(38, "0 0 15W,16 * *", "UTC", Refused("bad_cron", "schedule of its own")),
    case(38, "", "UTC", Refused("bad_cron", "five fields")),
    case(38, "0 0 0 1 1 * 2026 8", "UTC", Refused("bad_cron", "five fields")),
    case(38, "0 0 * * fri-mon", "UTC", Refused("bad_cron", "`fri,sat,sun,mon`")),
    case(39, "0 0 * * Sun-Sun", "UTC", Fires("2026-01-01T00:00:00Z", &["2026-01-04T00:00:00Z", "2026-01-11T00:00:00Z"])),
    case(39, "0 0 * * 1-1", "UTC", Fires("2026-01-01T00:00:00Z", &["2026-01-05T00:00:00Z", "2026-01-12T00:00:00Z"])),
    case(40, "0 0 * * *", "CET", Fires("2026-07-01T00:00:00Z", &["2026-07-01T22:00:00Z"])),
    case(40, "0 0 * * *", "US/Eastern", Fires("2026-07-01T12:00:00Z", &["2026-07-02T04:00:00Z"])),
    case(40, "0 0 * * *", "Nowhere/X", Refused("unknown_zone", "IANA")),
];

/// What a case asked for and what came, in words; equal where the case is right.
pub struct Answer {
    pub expected: String,
    pub found: String,
}

/// Asks our schedules.
pub fn answer(case: &Case) -> Answer {
    let and = matches!(case.expected, FiresOnBoth(..));
    let day_match = if and { DayMatch::And } else { DayMatch::Or };
    let declared = Schedule { day_match, ..schedule(case.cron, case.zone) };
    let compiled = ScheduleCompiler::default().schedule(&declared);
    match (&case.expected, &compiled) {
        (Refused(code, hint), Err(problems)) => said(problems, "refused", code, hint),
        (Refused(code, hint), Ok(_)) => Answer { expected: format!("refused: {code} ({hint})"), found: "taken".into() },
        (Warned(code, hint), Ok(schedule)) => said(schedule.warnings(), "warned", code, hint),
        (Fires(after, next) | FiresOnBoth(after, next), Ok(schedule)) => fires(schedule, case.zone, after, next),
        (Counts(from, to, count), Ok(schedule)) => {
            let found = schedule.extended_between(at(from), at(to).plus_micros(-1)).len();
            let words = |count: usize| format!("{count} firings from {from} to {to}");
            Answer { expected: words(*count), found: words(found) }
        }
        (Walks(from, to), Ok(schedule)) => walks(schedule, at(from), at(to)),
        (_, Err(problems)) => Answer { expected: "a schedule".into(), found: format!("refused: {problems:?}") },
    }
}

fn said(problems: &[Problem], how: &str, code: &str, hint: &str) -> Answer {
    let expected = format!("{how}: {code} ({hint})");
    let given = |problem: &Problem| problem.hint.clone().unwrap_or_default();
    let right = problems.iter().any(|problem| problem.code == code && given(problem).contains(hint));
    let found = if right { expected.clone() } else { format!("{how}: {problems:?}") };
    Answer { expected, found }
}

fn fires(schedule: &CompiledSchedule, zone: &str, after: &str, expected: &[&str]) -> Answer {
    let words = |instants: &[Timestamp]| {
        let shown: Vec<String> = instants.iter().map(|instant| local(*instant, zone)).collect();
        format!("after {}: {}", local(at(after), zone), shown.join(", "))
    };
    let expected: Vec<Timestamp> = expected.iter().map(|instant| at(instant)).collect();
    Answer { found: words(&next(schedule, at(after), expected.len())), expected: words(&expected) }
}

fn walks(schedule: &CompiledSchedule, from: Timestamp, to: Timestamp) -> Answer {
    let walked = schedule.extended_between(from, to);
    let rises = walked.windows(2).all(|pair| pair[0] < pair[1]);
    let afresh = walked.windows(2).all(|pair| {
        let between = Timestamp::from_micros(pair[0].micros.midpoint(pair[1].micros));
        schedule.next_after(between) == Some(pair[1]) && schedule.previous_before(pair[1]) == Some(pair[0])
    });
    let words = |right: bool| format!("{} firings, one walk however asked: {right}", walked.len());
    Answer { expected: words(true), found: words(rises && afresh) }
}

/// As a clock in the zone shows it.
pub fn local(instant: Timestamp, zone: &str) -> String {
    let zone: Tz = zone.parse().expect("a zone");
    instant.to_chrono().with_timezone(&zone).format("%Y-%m-%d %H:%M %z").to_string()
}

/// The next `count` firings after an instant.
pub fn next(schedule: &CompiledSchedule, after: Timestamp, count: usize) -> Vec<Timestamp> {
    std::iter::successors(schedule.next_after(after), |at| schedule.next_after(*at)).take(count).collect()
}

/// An instant as RFC 3339.
pub fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap_or_else(|| panic!("{text} is not an instant"))
}

/// A schedule as if its cron text stood unquoted at line 3, column 20 of a file, and its zone at line 4.
pub fn schedule(cron: &str, zone: &str) -> Schedule {
    let placed = |text: &str, line: u32| {
        let length = u32::try_from(text.chars().count()).expect("short");
        Spanned::new(text.to_owned(), Span { file: 0, line, column: 20, length })
    };
    Schedule {
        span: Span::default(),
        cron: placed(cron, 3),
        timezone: placed(zone, 4),
        start: None,
        end: None,
        day_match: DayMatch::Or,
        dst: None,
        exclude: Vec::new(),
        only: Vec::new(),
        jitter: None,
        allow_frequent: false,
        missed: Missed::None,
        missed_cap: None,
        overlap: Overlap::Queue,
    }
}
