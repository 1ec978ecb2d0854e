//! Reads a declared schedule into a [`CompiledSchedule`], or into all that is wrong with it. To add a key of `schedule:`:
//! read it in [`ScheduleCompiler::schedule`].

use std::collections::HashMap;
use std::str::FromStr;

use chrono_tz::{TZ_VARIANTS, Tz};
use daybreak_spec::{Dag, DateSet, DayMatch, Name, Problem, Project, Schedule, Severity, Span, Spanned, did_you_mean};

use super::compiled::{Jitter, Timing, first_word};
use super::dates::{Calendars, Dates};
use super::expression::{Pattern, read};
use super::field::Mistake;
use super::instants::instant_of;
use super::{CompiledSchedule, Firings};

/// Reads the schedules of a project. Schedules of the same expression share its tables, those that name a calendar its
/// dates.
#[derive(Debug, Default)]
pub struct ScheduleCompiler {
    calendars: Calendars,
    patterns: HashMap<(Box<str>, DayMatch, bool), Pattern>,
}

impl ScheduleCompiler {
    /// With the calendars of a project.
    pub fn of(project: &Project) -> Self {
        Self { calendars: Calendars::of(project), patterns: HashMap::new() }
    }

    /// All schedules of a DAG.
    ///
    /// # Errors
    /// The problems of all of them, warnings included, when any has an error.
    pub fn firings(&mut self, name: &Name, dag: &Dag) -> Result<Firings, Vec<Problem>> {
        let mut schedules = self.schedules(dag)?;
        for (place, (compiled, declared)) in (0_u64..).zip(schedules.iter_mut().zip(&dag.schedules)) {
            let seed = first_word(&[name.as_str().as_bytes(), &[0], &place.to_le_bytes()].concat());
            compiled.jitter = declared.jitter.as_ref().map(|jitter| Jitter { micros: jitter.micros, seed });
        }
        Ok(Firings::new(schedules))
    }

    /// The nominal instants of a DAG for those who start nothing: its firings without their jitter.
    ///
    /// # Errors
    /// As [`Self::firings`].
    pub fn nominal(&mut self, dag: &Dag) -> Result<Firings, Vec<Problem>> {
        self.schedules(dag).map(Firings::new)
    }

    fn schedules(&mut self, dag: &Dag) -> Result<Vec<CompiledSchedule>, Vec<Problem>> {
        let (mut schedules, mut problems) = (Vec::new(), Vec::new());
        for schedule in &dag.schedules {
            match self.schedule(schedule) {
                Ok(compiled) => {
                    problems.extend(compiled.warnings().iter().cloned());
                    schedules.push(compiled);
                }
                Err(found) => problems.extend(found),
            }
        }
        let refused = problems.iter().any(|problem| problem.severity == Severity::Error);
        if refused { Err(problems) } else { Ok(schedules) }
    }

    /// One schedule, without its jitter, for which the name of its DAG is needed.
    ///
    /// # Errors
    /// All problems (warnings among them) at once: `bad_cron` at the bad field, `cron_too_frequent`,
    /// `cron_never_fires`, `unknown_zone`, `empty_schedule`.
    pub fn schedule(&mut self, schedule: &Schedule) -> Result<CompiledSchedule, Vec<Problem>> {
        let (pattern, mut problems) = self.pattern(schedule);
        let zone = zone_of(&schedule.timezone);
        problems.extend(zone.as_ref().err().cloned());
        if let (Some(start), Some(end)) = (&schedule.start, &schedule.end)
            && end.value <= start.value
        {
            let message = "the schedule ends before it starts, so that it never fires";
            problems.push(
                Problem::error("empty_schedule", end.span, message)
                    .hint("`start` is the first moment that may fire, `end` the first that may not")
                    .related(start.span, "it starts here"),
            );
        }
        problems.extend(pattern.as_ref().and_then(|pattern| idle_dst(schedule, pattern)));
        let (Some(pattern), Ok(zone)) = (pattern, zone) else { return Err(problems) };
        if problems.iter().any(|problem| problem.severity == Severity::Error) {
            return Err(problems);
        }
        let timing = Timing {
            cron: one_blank_apart(&schedule.cron),
            day_match: schedule.day_match,
            dst: schedule.dst(),
            zone,
            start: schedule.start.as_ref().and_then(|start| instant_of(zone, start.value)),
            end: schedule.end.as_ref().and_then(|end| instant_of(zone, end.value)),
            dates: Dates::of(schedule, &self.calendars),
        };
        let compiled = CompiledSchedule {
            pattern,
            timing,
            jitter: None,
            missed: schedule.missed,
            missed_cap: schedule.missed_cap,
            overlap: schedule.overlap,
            warnings: problems,
        };
        compiled.check_bounds(schedule)?;
        Ok(compiled)
    }

    /// The expression, read once for all schedules that have it; one with anything to say is read for each.
    fn pattern(&mut self, schedule: &Schedule) -> (Option<Pattern>, Vec<Problem>) {
        let key = (one_blank_apart(&schedule.cron), schedule.day_match, schedule.allow_frequent);
        if let Some(known) = self.patterns.get(&key) {
            return (Some(known.clone()), Vec::new());
        }
        let reading = read(&schedule.cron, schedule.day_match, schedule.allow_frequent);
        if let Some(pattern) = reading.pattern.as_ref().filter(|_| reading.mistakes.is_empty()) {
            self.patterns.insert(key, pattern.clone());
        }
        let problems = reading.mistakes.into_iter().map(|mistake| place(mistake, &schedule.cron));
        (reading.pattern, problems.collect())
    }
}

fn one_blank_apart(cron: &str) -> Box<str> {
    cron.split_ascii_whitespace().collect::<Vec<_>>().join(" ").into()
}

impl CompiledSchedule {
    /// Start, end and the dates it keeps to must leave something over.
    fn check_bounds(&self, schedule: &Schedule) -> Result<(), Vec<Problem>> {
        let first_date = self.timing.dates.first();
        let only = schedule.only.first().filter(|_| !self.timing.dates.are_all());
        let (from, place) = match (self.timing.start, &schedule.end, only) {
            (Some(start), Some(end), None) => (Some(start), end.span),
            (start, _, Some(only)) => {
                let first = first_date.and_then(|first| self.around(first));
                (first.map(|(first, _)| start.map_or(first, |start| start.max(first))), span_of(only))
            }
            _ => return Ok(()),
        };
        if from.is_some_and(|from| self.next_after(from.plus_micros(-1)).is_some()) {
            return Ok(());
        }
        let cron = &schedule.cron.value;
        let problem = match only {
            None => {
                let message = format!("`{cron}` does not fire between its start and its end");
                Problem::error("cron_never_fires", place, message).hint("move `end`, which is exclusive")
            }
            Some(_) => {
                let message = format!("`{cron}` fires on none of the dates that `only` leaves");
                let hint = "its days, `start`, `end` and `exclude` have to leave at least one of them";
                Problem::error("cron_never_fires", place, message).hint(hint)
            }
        };
        Err(self.warnings.iter().cloned().chain([problem]).collect())
    }
}

fn span_of(set: &DateSet) -> Span {
    match set {
        DateSet::Date(date) => date.span,
        DateSet::Calendar(name) => name.span,
    }
}

/// `dst` says nothing to a schedule that follows real time.
fn idle_dst(schedule: &Schedule, pattern: &Pattern) -> Option<Problem> {
    let dst = schedule.dst.as_ref().filter(|_| !pattern.is_fixed_time())?;
    let message =
        format!("`{}` follows real time: it leaves out a gap and fires at both passes", schedule.cron.value.trim());
    let hint = "drop `dst`; it is for schedules whose minute and hour are written out";
    Some(Problem::warning("dst_without_effect", dst.span, message).hint(hint))
}

/// A time zone by its IANA name.
///
/// # Errors
/// `unknown_zone`.
pub(crate) fn zone_of(zone: &Spanned<String>) -> Result<Tz, Problem> {
    Tz::from_str(zone).map_err(|_| unknown_zone(zone))
}

fn unknown_zone(zone: &Spanned<String>) -> Problem {
    let problem = Problem::error("unknown_zone", zone.span, format!("`{}` is not a known time zone", zone.value));
    match did_you_mean(zone, TZ_VARIANTS.iter().map(|zone| zone.name())) {
        Some(name) => problem.hint(format!("did you mean `{name}`?")),
        None => problem.hint("an IANA name such as `Europe/Paris`; the default is `UTC`"),
    }
}

/// A mistake inside the expression as a problem in the file.
fn place(mistake: Mistake, cron: &Spanned<String>) -> Problem {
    Problem {
        code: mistake.code,
        span: inside(cron, mistake.offset, mistake.length),
        message: mistake.message,
        hint: mistake.hint,
        related: Vec::new(),
        severity: mistake.severity,
    }
}

/// The span of a part of the expression; the whole where the file spells the text in another way (escapes, blocks).
fn inside(cron: &Spanned<String>, offset: usize, length: usize) -> Span {
    let plain = u32::try_from(cron.value.chars().count()).unwrap_or(u32::MAX);
    let before = match cron.span.length {
        written if written == plain => 0,
        written if written == plain.saturating_add(2) => 1,
        _ => return cron.span,
    };
    let column = |count: usize| u32::try_from(count).unwrap_or_default();
    if cron.span.line == 0 || plain == 0 {
        return cron.span;
    }
    Span { column: cron.span.column + before + column(offset), length: column(length), ..cron.span }
}
