//! One schedule, ready to be asked for instants: pattern, zone, start and end, dates, jitter. To add a key of `schedule:`
//! that decides when it fires: a field of [`Timing`], read in `compile.rs`.

use std::sync::Arc;

use chrono::NaiveDate;
use chrono_tz::Tz;
use daybreak_spec::{DayMatch, Dst, Missed, Overlap, Problem, Timestamp};

use super::dates::Dates;
use super::expression::Pattern;
use super::instants::{Zoned, around_day, date_at};
use super::wall_clock::WallClock;

/// A schedule that can be asked when it fires.
#[derive(Clone, Debug)]
pub struct CompiledSchedule {
    pub(super) pattern: Pattern,
    pub(super) timing: Timing,
    pub(super) jitter: Option<Jitter>,
    pub(super) missed: Missed,
    pub(super) missed_cap: Option<u32>,
    pub(super) overlap: Overlap,
    pub(super) warnings: Vec<Problem>,
}

/// All that decides when a schedule fires.
#[derive(Clone, Debug)]
pub(super) struct Timing {
    /// As written, single blanks between the fields.
    pub cron: Box<str>,
    pub day_match: DayMatch,
    pub dst: Dst,
    pub zone: Tz,
    pub start: Option<Timestamp>,
    pub end: Option<Timestamp>,
    pub dates: Dates,
}

/// How far starts are spread.
#[derive(Clone, Copy, Debug)]
pub(super) struct Jitter {
    pub micros: i64,
    /// Of the DAG and the schedule's place in it.
    pub seed: u64,
}

/// 0001-01-01T00:00Z: whoever asks from before every firing is answered from here.
const EARLIEST: Timestamp = Timestamp::from_micros(-62_135_596_800_000_000);

impl CompiledSchedule {
    /// The first firing after `after`, from `start` (inclusive) to `end` (exclusive).
    pub fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        let after = after.max(EARLIEST);
        let after = self.timing.start.map_or(after, |start| after.max(start.plus_micros(-1)));
        self.unbounded_next(after).filter(|at| self.timing.end.is_none_or(|end| *at < end))
    }

    /// The last firing before `before`, from `start` (inclusive) to `end` (exclusive).
    pub fn previous_before(&self, before: Timestamp) -> Option<Timestamp> {
        let before = self.timing.end.map_or(before, |end| before.min(end));
        self.unbounded_previous(before).filter(|at| self.timing.start.is_none_or(|start| *at >= start))
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

    /// When the firing of a nominal instant is started: always the same moment for the same instant, at it or later by
    /// less than the jitter, and before the schedule's next firing.
    pub fn starts_at(&self, at: Timestamp) -> Timestamp {
        let Some(Jitter { micros, seed }) = self.jitter else { return at };
        let room = self.next_after(at).map_or(micros, |next| micros.min(next.micros.saturating_sub(at.micros)));
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        bytes[8..].copy_from_slice(&at.micros.to_le_bytes());
        at.plus_micros(i64::try_from(first_word(&bytes) % room.unsigned_abs().max(1)).unwrap_or_default())
    }

    /// What happens to its missed firings.
    pub fn missed(&self) -> Missed {
        self.missed
    }

    /// With [`Missed::All`]: only the newest so many run.
    pub fn missed_cap(&self) -> Option<usize> {
        self.missed_cap.map(|cap| cap as usize)
    }

    /// What happens to its firings while a run is active.
    pub fn overlap(&self) -> Overlap {
        self.overlap
    }

    /// Its zone.
    pub fn zone(&self) -> Tz {
        self.timing.zone
    }

    /// Whether it has a first moment that may fire.
    pub fn starts(&self) -> bool {
        self.timing.start.is_some()
    }

    /// Whether it names the same instants because the same is declared; start, end and dates only choose among them.
    pub fn same_instants(&self, other: &Self) -> bool {
        let named = |it: &Self| {
            let Timing { day_match, dst, zone, .. } = it.timing;
            (day_match, dst, zone, matches!(it.pattern, Pattern::Every { .. }).then(|| it.anchor()))
        };
        self.timing.cron == other.timing.cron && named(self) == named(other)
    }

    /// What the user should look at, though it runs.
    pub fn warnings(&self) -> &[Problem] {
        &self.warnings
    }

    /// The same schedule without `exclude` and `only`.
    pub fn on_every_date(&self) -> Self {
        Self { timing: Timing { dates: Dates::default(), ..self.timing.clone() }, ..self.clone() }
    }

    /// Whether its local date lets an instant of the pattern fire.
    pub fn fires_on_date_of(&self, at: Timestamp) -> bool {
        date_at(self.timing.zone, at).is_some_and(|date| self.timing.dates.next(date) == Some(date))
    }

    /// Jumps over the dates that do not fire.
    fn unbounded_next(&self, mut after: Timestamp) -> Option<Timestamp> {
        let Timing { dates, zone, .. } = &self.timing;
        loop {
            let at = self.pattern_next(after)?;
            if dates.are_all() {
                return Some(at);
            }
            let date = date_at(*zone, at)?;
            let allowed = dates.next(date)?;
            if allowed == date {
                return Some(at);
            }
            after = at.max(self.around(allowed)?.0.plus_micros(-1));
        }
    }

    fn unbounded_previous(&self, mut before: Timestamp) -> Option<Timestamp> {
        let Timing { dates, zone, .. } = &self.timing;
        loop {
            let at = self.pattern_previous(before)?;
            if dates.are_all() {
                return Some(at);
            }
            let date = date_at(*zone, at)?;
            let allowed = dates.previous(date)?;
            if allowed == date {
                return Some(at);
            }
            before = at.min(self.around(allowed)?.1);
        }
    }

    /// An instant at or before a date's first moment, and one at or after its last.
    pub(super) fn around(&self, date: NaiveDate) -> Option<(Timestamp, Timestamp)> {
        around_day(self.timing.zone, date)
    }

    fn pattern_next(&self, after: Timestamp) -> Option<Timestamp> {
        match &self.pattern {
            Pattern::Fields { times, fixed_time } => self.zoned(times, *fixed_time).next_after(after),
            Pattern::Every { micros } => {
                let steps = (after.micros.checked_sub(self.anchor())?).div_euclid(*micros) + 1;
                steps.checked_mul(*micros)?.checked_add(self.anchor()).map(Timestamp::from_micros)
            }
        }
    }

    fn pattern_previous(&self, before: Timestamp) -> Option<Timestamp> {
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
        self.timing.start.map_or(0, |start| start.micros)
    }

    fn zoned<'a>(&self, times: &'a Arc<WallClock>, fixed_time: bool) -> Zoned<'a> {
        Zoned { times, fixed_time: fixed_time.then_some(self.timing.dst), zone: self.timing.zone }
    }
}

/// A number out of a text that looks like chance and never changes.
pub(super) fn first_word(bytes: &[u8]) -> u64 {
    let hash = blake3::hash(bytes);
    let word = hash.as_bytes().first_chunk().copied().unwrap_or_default();
    u64::from_le_bytes(word)
}
