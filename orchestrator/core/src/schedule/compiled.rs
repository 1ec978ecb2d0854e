//! One schedule, ready to be asked for instants: pattern, zone, start and end. Refuses a schedule with all that is
//! wrong with it. To add a key of `schedule:`: read it in [`CompiledSchedule::compile`].

use std::str::FromStr;

use chrono_tz::{TZ_VARIANTS, Tz};
use daybreak_spec::{Missed, Overlap, Problem, Schedule, Severity, Span, Spanned, Timestamp, did_you_mean};

use super::expression::{Pattern, read};
use super::field::Mistake;
use super::instants::{Zoned, instant_of};

/// A schedule that can be asked when it fires.
#[derive(Clone, Debug)]
pub struct CompiledSchedule {
    pattern: Pattern,
    zone: Tz,
    start: Option<Timestamp>,
    end: Option<Timestamp>,
    missed: Missed,
    overlap: Overlap,
    warnings: Vec<Problem>,
}

impl CompiledSchedule {
    /// Reads a declared schedule.
    ///
    /// # Errors
    /// All problems (warnings among them) at once: `bad_cron` at the bad field, `cron_too_frequent`,
    /// `cron_never_fires`, `unknown_zone`, `empty_schedule`.
    pub fn compile(schedule: &Schedule) -> Result<Self, Vec<Problem>> {
        let reading = read(&schedule.cron, schedule.day_match);
        let mut problems: Vec<Problem> =
            reading.mistakes.into_iter().map(|mistake| place(mistake, &schedule.cron)).collect();
        let zone = Tz::from_str(&schedule.timezone);
        if zone.is_err() {
            problems.push(unknown_zone(&schedule.timezone));
        }
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
        let (Some(pattern), Ok(zone)) = (reading.pattern, zone) else { return Err(problems) };
        if problems.iter().any(|problem| problem.severity == Severity::Error) {
            return Err(problems);
        }
        let compiled = Self {
            pattern,
            zone,
            start: schedule.start.as_ref().and_then(|start| instant_of(zone, start.value)),
            end: schedule.end.as_ref().and_then(|end| instant_of(zone, end.value)),
            missed: schedule.missed,
            overlap: schedule.overlap,
            warnings: problems,
        };
        compiled.check_bounds(schedule)?;
        Ok(compiled)
    }

    /// The first firing after `after`, from `start` (inclusive) to `end` (exclusive).
    pub fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        let after = self.start.map_or(after, |start| after.max(start.plus_micros(-1)));
        self.unbounded_next(after).filter(|at| self.end.is_none_or(|end| *at < end))
    }

    /// The last firing before `before`, from `start` (inclusive) to `end` (exclusive).
    pub fn previous_before(&self, before: Timestamp) -> Option<Timestamp> {
        let before = self.end.map_or(before, |end| before.min(end));
        self.unbounded_previous(before).filter(|at| self.start.is_none_or(|start| *at >= start))
    }

    /// The instants of the schedule in `[from, to]`, oldest first, as if it had neither start nor end.
    pub fn extended_between(&self, from: Timestamp, to: Timestamp) -> Vec<Timestamp> {
        let mut instants = Vec::new();
        let mut next = self.unbounded_next(from.plus_micros(-1));
        while let Some(at) = next.filter(|at| *at <= to) {
            instants.push(at);
            next = self.unbounded_next(at);
        }
        instants
    }

    /// What happens to its missed firings.
    pub fn missed(&self) -> Missed {
        self.missed
    }

    /// What happens to its firings while a run is active.
    pub fn overlap(&self) -> Overlap {
        self.overlap
    }

    /// Whether it has a first moment that may fire.
    pub fn starts(&self) -> bool {
        self.start.is_some()
    }

    /// What the user should look at, though it runs.
    pub fn warnings(&self) -> &[Problem] {
        &self.warnings
    }

    fn unbounded_next(&self, after: Timestamp) -> Option<Timestamp> {
        match &self.pattern {
            Pattern::Fields { times, fixed_time } => self.zoned(times, *fixed_time).next_after(after),
            Pattern::Every { micros } => {
                let steps = (after.micros.checked_sub(self.anchor())?).div_euclid(*micros) + 1;
                steps.checked_mul(*micros)?.checked_add(self.anchor()).map(Timestamp::from_micros)
            }
        }
    }

    fn unbounded_previous(&self, before: Timestamp) -> Option<Timestamp> {
        match &self.pattern {
            Pattern::Fields { times, fixed_time } => self.zoned(times, *fixed_time).previous_before(before),
            Pattern::Every { micros } => {
                let steps = (before.micros.checked_sub(self.anchor())?.checked_sub(1)?).div_euclid(*micros);
                steps.checked_mul(*micros)?.checked_add(self.anchor()).map(Timestamp::from_micros)
            }
        }
    }

    /// `@every` counts from `start`, or from 1970-01-01T00:00Z without one.
    fn anchor(&self) -> i64 {
        self.start.map_or(0, |start| start.micros)
    }

    fn zoned<'a>(&self, times: &'a super::wall_clock::WallClock, fixed_time: bool) -> Zoned<'a> {
        Zoned { times, fixed_time, zone: self.zone }
    }

    fn check_bounds(&self, schedule: &Schedule) -> Result<(), Vec<Problem>> {
        let (Some(start), Some(end)) = (self.start, &schedule.end) else { return Ok(()) };
        if self.next_after(start.plus_micros(-1)).is_some() {
            return Ok(());
        }
        let message = format!("`{}` does not fire between its start and its end", schedule.cron.value);
        let problem = Problem::error("cron_never_fires", end.span, message).hint("move `end`, which is exclusive");
        Err(self.warnings.iter().cloned().chain([problem]).collect())
    }
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
