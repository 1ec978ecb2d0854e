//! Enumerates the wall-clock times of a pattern, without any zone. The `cron` crate holds the normalised seconds,
//! minutes, hours and months; days are ours (its weekdays are Quartz's, it joins the day fields by "and", has no L, W
//! or #, and ends in 2100). To add a field: a bound here.

use std::ops::Bound;
use std::ops::Bound::{Excluded, Included};

use chrono::{Datelike, Days as Count, NaiveDate, NaiveDateTime, NaiveTime, Timelike};
use cron::TimeUnitSpec;

use super::days::Days;

/// The Gregorian calendar repeats after so many years, weekdays and all.
const CALENDAR_YEARS: i32 = 400;

/// The wall-clock times of a pattern.
#[derive(Clone, Debug)]
pub(super) struct WallClock {
    fields: cron::Schedule,
    days: Days,
}

impl WallClock {
    /// `fields` restricts seconds, minutes, hours and months only.
    pub fn new(fields: cron::Schedule, days: Days) -> Self {
        Self { fields, days }
    }

    /// The first time at or after `from`; `None` beyond the calendar's cycle.
    pub fn first_at_or_after(&self, from: NaiveDateTime) -> Option<NaiveDateTime> {
        let mut day = from.date();
        if self.contains(day)
            && let Some(time) = self.time_at_or_after(from.time())
        {
            return Some(day.and_time(time));
        }
        let last_year = day.year() + CALENDAR_YEARS;
        loop {
            day = self.next_candidate(day)?;
            if self.contains(day) {
                return self.time_at_or_after(NaiveTime::MIN).map(|time| day.and_time(time));
            }
            if day.year() > last_year {
                return None;
            }
        }
    }

    /// The last time before `before`; `None` beyond the calendar's cycle.
    pub fn last_before(&self, before: NaiveDateTime) -> Option<NaiveDateTime> {
        let mut day = before.date();
        if self.contains(day)
            && let Some(time) = self.time_before(before.time())
        {
            return Some(day.and_time(time));
        }
        let first_year = day.year() - CALENDAR_YEARS;
        let end_of_day = NaiveTime::from_hms_nano_opt(23, 59, 59, 1)?;
        loop {
            day = self.previous_candidate(day)?;
            if self.contains(day) {
                return self.time_before(end_of_day).map(|time| day.and_time(time));
            }
            if day.year() < first_year {
                return None;
            }
        }
    }

    fn contains(&self, day: NaiveDate) -> bool {
        self.fields.months().includes(day.month()) && self.days.contain(day)
    }

    /// The next day, or the first of the next month where this month does not fire at all.
    fn next_candidate(&self, day: NaiveDate) -> Option<NaiveDate> {
        if self.fields.months().includes(day.month()) {
            return day.succ_opt();
        }
        let rest = u64::from(u32::from(day.num_days_in_month()) - day.day());
        day.checked_add_days(Count::new(rest + 1))
    }

    fn previous_candidate(&self, day: NaiveDate) -> Option<NaiveDate> {
        if self.fields.months().includes(day.month()) {
            return day.pred_opt();
        }
        day.checked_sub_days(Count::new(u64::from(day.day())))
    }

    fn time_at_or_after(&self, from: NaiveTime) -> Option<NaiveTime> {
        let whole = if from.nanosecond() == 0 { from.second() } else { from.second() + 1 };
        for hour in self.fields.hours().range(from.hour()..) {
            let minute_from = if hour == from.hour() { from.minute() } else { 0 };
            for minute in self.fields.minutes().range(minute_from..) {
                let here = hour == from.hour() && minute == from.minute();
                if let Some(second) = self.fields.seconds().range(if here { whole } else { 0 }..).next() {
                    return NaiveTime::from_hms_opt(hour, minute, second);
                }
            }
        }
        None
    }

    fn time_before(&self, before: NaiveTime) -> Option<NaiveTime> {
        for hour in self.fields.hours().range(..=before.hour()).rev() {
            let minute_to = if hour == before.hour() { before.minute() } else { 59 };
            for minute in self.fields.minutes().range(..=minute_to).rev() {
                let here = hour == before.hour() && minute == before.minute();
                let end: Bound<u32> = match here {
                    true if before.nanosecond() == 0 => Excluded(before.second()),
                    true => Included(before.second()),
                    false => Included(59),
                };
                if let Some(second) = self.fields.seconds().range((Bound::Unbounded, end)).next_back() {
                    return NaiveTime::from_hms_opt(hour, minute, second);
                }
            }
        }
        None
    }
}
