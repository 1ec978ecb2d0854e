//! Schedules: the table of cron cases (`table`, run by `rows`), what is refused and where (`refusals`), properties over random
//! expressions and instants (`properties`), and an independent implementation as oracle (`oracle`, `random`), policies and dates
//! (`policies`). Must not read a
//! clock. To add a case: a row.

mod oracle;
mod policies;
mod properties;
mod random;
mod refusals;
mod rows;
mod table;

use std::collections::BTreeMap;

use chrono::NaiveDateTime;
use daybreak_core::{CompiledSchedule, Firings, ScheduleCompiler};
use daybreak_spec::{Backoff, Dag, Duration, Jitter, Name, Problem, Retry, Schedule, Span, Spanned};

use crate::table::{at, next, schedule};

fn compiled(cron: &str, zone: &str) -> CompiledSchedule {
    ScheduleCompiler::default()
        .schedule(&schedule(cron, zone))
        .unwrap_or_else(|found| panic!("{cron} in {zone}: {found:?}"))
}

fn refused(cron: &str) -> Problem {
    let mut found = ScheduleCompiler::default().schedule(&schedule(cron, "UTC")).expect_err(cron);
    assert_eq!(found.len(), 1, "{cron}: {found:?}");
    found.swap_remove(0)
}

fn dag(schedules: Vec<Schedule>) -> Dag {
    let second = Duration::parse("1s").expect("a duration");
    let backoff = Backoff { first: second.clone(), factor: 2.0, max: second, jitter: Jitter::Full };
    Dag {
        span: Span::default(),
        schedules,
        retry: Retry { attempts: 1, backoff, only: Vec::new() },
        params: BTreeMap::new(),
        after: Vec::new(),
        updated: Vec::new(),
        max_active_runs: None,
        priority: 0,
        deadline: None,
        queue: None,
        tasks: BTreeMap::new(),
    }
}

fn firings(schedules: Vec<Schedule>) -> Firings {
    let name = Name::parse("nightly").expect("a slug");
    ScheduleCompiler::default().firings(&name, &dag(schedules)).expect("sound schedules")
}

fn wall(text: &str) -> Option<Spanned<NaiveDateTime>> {
    Some(Spanned::unplaced(text.parse().expect("a wall-clock time")))
}
