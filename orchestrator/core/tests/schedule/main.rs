//! Schedules: the table of cron cases (`rows`), what is refused and where (`refusals`), properties over random
//! expressions and instants (`properties`), and an independent implementation as oracle (`oracle`). Must not read a
//! clock. To add a case: a row.

mod oracle;
mod properties;
mod refusals;
mod rows;

use std::collections::BTreeMap;

use chrono::NaiveDateTime;
use daybreak_core::{CompiledSchedule, Firings};
use daybreak_spec::{
    Backoff, Dag, DayMatch, Duration, Jitter, Missed, Overlap, Problem, Retry, Schedule, Span, Spanned, Timestamp,
};

/// A schedule as if its cron text stood unquoted at line 3, column 20 of a file, and its zone at line 4.
fn schedule(cron: &str, zone: &str) -> Schedule {
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
        missed: Missed::None,
        overlap: Overlap::Queue,
    }
}

fn compiled(cron: &str, zone: &str) -> CompiledSchedule {
    CompiledSchedule::compile(&schedule(cron, zone)).unwrap_or_else(|found| panic!("{cron} in {zone}: {found:?}"))
}

fn refused(cron: &str) -> Problem {
    let mut found = CompiledSchedule::compile(&schedule(cron, "UTC")).expect_err(cron);
    assert_eq!(found.len(), 1, "{cron}: {found:?}");
    found.swap_remove(0)
}

fn dag(schedules: Vec<Schedule>) -> Dag {
    let second = Duration::parse("1s").expect("a duration");
    let backoff = Backoff { first: second.clone(), factor: 2.0, max: second, jitter: Jitter::Full };
    Dag {
        span: Span::default(),
        schedules,
        retry: Retry { attempts: 1, backoff },
        params: BTreeMap::new(),
        tasks: BTreeMap::new(),
    }
}

fn firings(schedules: Vec<Schedule>) -> Firings {
    Firings::compile(&dag(schedules)).expect("sound schedules")
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap_or_else(|| panic!("{text} is not an instant"))
}

fn wall(text: &str) -> Option<Spanned<NaiveDateTime>> {
    Some(Spanned::unplaced(text.parse().expect("a wall-clock time")))
}

/// The next `count` firings after an instant.
fn next(schedule: &CompiledSchedule, after: Timestamp, count: usize) -> Vec<Timestamp> {
    std::iter::successors(schedule.next_after(after), |at| schedule.next_after(*at)).take(count).collect()
}
