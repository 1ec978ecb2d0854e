//! An instant as clocks in the zone of a schedule show it, and what happens to them on that day. For people; decides
//! nothing. To add a mark: a field of [`LocalTime`].

use chrono::{Datelike, NaiveDateTime, NaiveTime, TimeZone};
use chrono_tz::Tz;
use daybreak_spec::Timestamp;

use super::CompiledSchedule;
use super::expression::Pattern;
use super::instants::{instant_of, offset, reading};

/// What a clock shows at an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalTime {
    /// The reading.
    pub reading: NaiveDateTime,
    /// Ahead of UTC by so many seconds.
    pub offset_s: i64,
    /// The jump of the clock on this local day.
    pub change: Option<ClockChange>,
    /// The schedule names a time that clocks leave out this day, and fires right after the gap instead.
    pub after_gap: bool,
    /// The reading comes twice, and this is the first (1) or the second (2) time.
    pub pass: Option<u8>,
}

/// A jump of the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockChange {
    /// When.
    pub at: Timestamp,
    /// What clocks would have shown.
    pub from: NaiveTime,
    /// What they show.
    pub to: NaiveTime,
    /// Seconds forwards; negative: put back.
    pub by_s: i64,
}

impl CompiledSchedule {
    /// A firing as clocks in the schedule's zone show it; `None` beyond the calendar.
    pub fn local(&self, at: Timestamp) -> Option<LocalTime> {
        let (zone, instant) = (self.zone(), at.micros.div_euclid(1_000_000));
        let offset_s = offset(zone, instant)?;
        let shown = reading(instant, offset_s)?;
        let mapped = zone.from_local_datetime(&shown);
        let pass = match (mapped.earliest(), mapped.latest()) {
            (Some(first), Some(second)) if first != second => Some(if first.timestamp() == instant { 1 } else { 2 }),
            _ => None,
        };
        let after_gap = match &self.pattern {
            Pattern::Fields { times, .. } => times.first_at_or_after(shown) != Some(shown),
            Pattern::Every { .. } => false,
        };
        Some(LocalTime { reading: shown, offset_s, change: change_on(zone, shown), after_gap, pass })
    }
}

/// The jump on the local day of a reading.
fn change_on(zone: Tz, shown: NaiveDateTime) -> Option<ClockChange> {
    let second = |date: chrono::NaiveDate| Some(instant_of(zone, date.and_time(NaiveTime::MIN))?.micros / 1_000_000);
    // A jump at midnight belongs to the day that begins with it.
    let (mut same, mut other) = (second(shown.date())? - 1, second(shown.date().succ_opt()?)? - 1);
    let (before, after) = (offset(zone, same)?, offset(zone, other)?);
    if before == after || shown.year() > 9_999 {
        return None;
    }
    while other - same > 1 {
        let middle = same + (other - same) / 2;
        if offset(zone, middle)? == before { same = middle } else { other = middle }
    }
    Some(ClockChange {
        at: Timestamp::from_micros(other * 1_000_000),
        from: reading(other, before)?.time(),
        to: reading(other, after)?.time(),
        by_s: after - before,
    })
}
