//! Maps wall clock in a zone to instants, by walking stretches of constant offset in real time. The rules where clocks
//! jump stand in the module's head. Must never be asked for "now". To change a rule: here, and its row in the tests.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeDelta, TimeZone};
use chrono_tz::Tz;
use daybreak_spec::{Dst, Gap, Repeat, Timestamp};

use super::wall_clock::WallClock;

const DAY_S: i64 = 86_400;
/// A jump beyond this is a correction of the calendar.
const LONGEST_MADE_UP_S: i64 = 3 * 3_600;
/// Readings before this long ago cannot come again: no clock was ever put back further.
const LONGEST_REPEAT_S: i64 = 26 * 3_600;
/// No offset from UTC, plus the longest repeat, is larger.
const LONGEST_SKEW_S: i64 = 50 * 3_600;

/// A pattern in a zone.
pub(super) struct Zoned<'a> {
    pub times: &'a WallClock,
    /// What a fixed time does where clocks jump; none for a pattern that follows real time.
    pub fixed_time: Option<Dst>,
    pub zone: Tz,
}

impl Zoned<'_> {
    /// The first firing after `after`.
    pub fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        let mut start = after.micros.div_euclid(1_000_000).checked_add(1)?;
        loop {
            let shown = reading(start, self.offset(start)?)?;
            let next = self.times.first_at_or_after(shown.checked_sub_signed(TimeDelta::seconds(LONGEST_REPEAT_S))?)?;
            start = start.max(seconds(next) - LONGEST_SKEW_S);
            let offset = self.offset(start)?;
            let end = self.stretch_end(start, start + DAY_S)?;
            if self.made_up_for_at(start)? {
                return Some(Timestamp::from_micros(start * 1_000_000));
            }
            let mut from = start;
            while let Some(due) = self.times.first_at_or_after(reading(from, offset)?) {
                let instant = seconds(due) - offset;
                if instant >= end {
                    break;
                }
                if self.counts(due, instant) {
                    return Some(Timestamp::from_micros(instant * 1_000_000));
                }
                from = instant + 1;
            }
            start = end;
        }
    }

    /// The last firing before `before`.
    pub fn previous_before(&self, before: Timestamp) -> Option<Timestamp> {
        let mut end = before.micros.div_euclid(1_000_000) + i64::from(before.micros.rem_euclid(1_000_000) != 0);
        loop {
            let shown = reading(end, self.offset(end)?)?;
            let previous = self.times.last_before(shown.checked_add_signed(TimeDelta::seconds(LONGEST_REPEAT_S))?)?;
            end = end.min(seconds(previous) + LONGEST_SKEW_S);
            let offset = self.offset(end - 1)?;
            let start = self.stretch_start(end - DAY_S, end)?;
            let mut to = end;
            while let Some(due) = self.times.last_before(reading(to, offset)?) {
                let instant = seconds(due) - offset;
                if instant < start {
                    break;
                }
                if self.counts(due, instant) {
                    return Some(Timestamp::from_micros(instant * 1_000_000));
                }
                to = instant;
            }
            if self.made_up_for_at(start)? {
                return Some(Timestamp::from_micros(start * 1_000_000));
            }
            end = start;
        }
    }

    /// Whether a fixed time fell into a gap that ends at this very instant.
    fn made_up_for_at(&self, instant: i64) -> Option<bool> {
        let (before, after) = (self.offset(instant - 1)?, self.offset(instant)?);
        let makes_up = self.fixed_time.is_some_and(|dst| dst.gap == Gap::RunAfter);
        if !makes_up || after <= before || after - before > LONGEST_MADE_UP_S {
            return Some(false);
        }
        let (gap_start, gap_end) = (reading(instant, before)?, reading(instant, after)?);
        Some(self.times.first_at_or_after(gap_start).is_some_and(|swallowed| swallowed < gap_end))
    }

    /// A fixed time that comes twice counts the first time only, unless both are asked for.
    fn counts(&self, reading: NaiveDateTime, instant: i64) -> bool {
        if self.fixed_time.is_none_or(|dst| dst.overlap == Repeat::Both) {
            return true;
        }
        self.zone.from_local_datetime(&reading).earliest().is_none_or(|first| first.timestamp() == instant)
    }

    fn offset(&self, instant: i64) -> Option<i64> {
        offset(self.zone, instant)
    }

    /// The end (exclusive) of the stretch of constant offset from `start`, at most `limit`. Two changes within a day
    /// that cancel out are not seen; no zone has ever had them.
    fn stretch_end(&self, start: i64, limit: i64) -> Option<i64> {
        let here = self.offset(start)?;
        if self.offset(limit)? == here {
            return Some(limit);
        }
        let (mut same, mut other) = (start, limit);
        while other - same > 1 {
            let middle = same + (other - same) / 2;
            if self.offset(middle)? == here { same = middle } else { other = middle }
        }
        Some(other)
    }

    /// The start of the stretch of constant offset that ends before `end`, at least `limit`.
    fn stretch_start(&self, limit: i64, end: i64) -> Option<i64> {
        let here = self.offset(end - 1)?;
        if self.offset(limit)? == here {
            return Some(limit);
        }
        let (mut other, mut same) = (limit, end - 1);
        while same - other > 1 {
            let middle = other + (same - other) / 2;
            if self.offset(middle)? == here { same = middle } else { other = middle }
        }
        Some(same)
    }
}

/// The first instant at which a clock in the zone shows `reading` or, where it never does, the end of the gap.
pub(crate) fn instant_of(zone: Tz, reading: NaiveDateTime) -> Option<Timestamp> {
    if let Some(first) = zone.from_local_datetime(&reading).earliest() {
        return Some(Timestamp::from_micros(first.timestamp_micros()));
    }
    let wanted = seconds(reading);
    let (mut early, mut late) = (wanted - 2 * DAY_S, wanted + 2 * DAY_S);
    while late - early > 1 {
        let middle = early + (late - early) / 2;
        if middle + offset(zone, middle)? < wanted { early = middle } else { late = middle }
    }
    Some(Timestamp::from_micros(late * 1_000_000))
}

/// The date that a clock in the zone shows.
pub(crate) fn date_at(zone: Tz, at: Timestamp) -> Option<NaiveDate> {
    let instant = at.micros.div_euclid(1_000_000);
    Some(reading(instant, offset(zone, instant)?)?.date())
}

/// An instant at or before the first moment of a date, and one at or after its last: the very bounds unless clocks are
/// put back so near that the date may come in pieces.
pub(super) fn around_day(zone: Tz, date: NaiveDate) -> Option<(Timestamp, Timestamp)> {
    let first = instant_of(zone, date.and_time(NaiveTime::MIN))?.micros / 1_000_000;
    let end = instant_of(zone, date.succ_opt()?.and_time(NaiveTime::MIN))?.micros / 1_000_000;
    let early = first - LONGEST_REPEAT_S;
    let late = end + LONGEST_REPEAT_S;
    let first = if offset(zone, early)? == offset(zone, first)? { first } else { early };
    let end = if offset(zone, late)? == offset(zone, end)? { end } else { late };
    Some((Timestamp::from_micros(first * 1_000_000), Timestamp::from_micros(end * 1_000_000)))
}

pub(super) fn offset(zone: Tz, instant: i64) -> Option<i64> {
    let utc = DateTime::from_timestamp(instant, 0)?.naive_utc();
    Some(i64::from(zone.offset_from_utc_datetime(&utc).fix().local_minus_utc()))
}

pub(super) fn reading(instant: i64, offset: i64) -> Option<NaiveDateTime> {
    Some(DateTime::from_timestamp(instant.checked_add(offset)?, 0)?.naive_utc())
}

pub(super) fn seconds(reading: NaiveDateTime) -> i64 {
    reading.and_utc().timestamp()
}
