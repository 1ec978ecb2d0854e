//! The two day fields: which days fire. Days of the month with `L`, `LW` and `nW`, days of the week with `d#n` and
//! `dL`, and how the two combine. Knows nothing of times or zones. To add a form: a field here, its reading, its match.

use chrono::{Datelike, Days as Count, NaiveDate, Weekday};
use daybreak_spec::DayMatch;

use super::field::{DAY_OF_MONTH, Mistake, Piece, WEEKDAY, items, members, read_field, read_item, read_value};

/// Which days fire.
#[derive(Clone, Debug)]
pub(super) struct Days {
    month: MonthDays,
    week: WeekDays,
    combine: DayMatch,
}

/// The day-of-month field.
#[derive(Clone, Debug, Default)]
struct MonthDays {
    /// A bare `*`.
    any: bool,
    /// Bit n for day n.
    days: u64,
    /// `L`.
    last: bool,
    /// `LW`: the last Monday-to-Friday.
    last_weekday: bool,
    /// `nW`: the Monday-to-Friday nearest to day n, in the same month; no day in a month without a day n.
    nearest_weekday: Option<u32>,
}

/// The day-of-week field; 0 is Sunday.
#[derive(Clone, Debug, Default)]
struct WeekDays {
    /// A bare `*`.
    any: bool,
    /// Bit d for weekday d.
    days: u64,
    /// `d#n`: (weekday, n).
    nth: Vec<(u32, u32)>,
    /// `dL`: bit d for the last weekday d of the month.
    last: u64,
}

impl Days {
    /// Reads both fields; all mistakes at once.
    pub fn read(month: Piece<'_>, week: Piece<'_>, combine: DayMatch) -> Result<Self, Vec<Mistake>> {
        match (read_month_days(month), read_week_days(week)) {
            (Ok(month), Ok(week)) => Ok(Self { month, week, combine }),
            (one, other) => Err(one.err().into_iter().chain(other.err()).flatten().collect()),
        }
    }

    /// Whether the day fires. Of two restricted fields either suffices, unless `and` was asked for.
    pub fn contain(&self, date: NaiveDate) -> bool {
        match self.combine {
            DayMatch::Or if !self.month.any && !self.week.any => self.month.contain(date) || self.week.contain(date),
            DayMatch::Or | DayMatch::And => self.month.contain(date) && self.week.contain(date),
        }
    }
}

impl MonthDays {
    fn contain(&self, date: NaiveDate) -> bool {
        let (day, last) = (date.day(), last_day(date));
        self.any
            || self.days & 1 << day != 0
            || self.last && day == last
            || self.last_weekday && nearest_weekday(date, last) == Some(day)
            || self.nearest_weekday.is_some_and(|wanted| nearest_weekday(date, wanted) == Some(day))
    }
}

impl WeekDays {
    fn contain(&self, date: NaiveDate) -> bool {
        let weekday = date.weekday().num_days_from_sunday();
        self.any
            || self.days & 1 << weekday != 0
            || self.nth.contains(&(weekday, (date.day() - 1) / 7 + 1))
            || self.last & 1 << weekday != 0 && date.day() + 7 > last_day(date)
    }
}

fn last_day(date: NaiveDate) -> u32 {
    u32::from(date.num_days_in_month())
}

/// The Monday-to-Friday nearest to `day` in the month of `date`; `None` where the month has no such day.
fn nearest_weekday(date: NaiveDate, day: u32) -> Option<u32> {
    let wanted = date.with_day(day)?;
    let (step_back, step_on) = match wanted.weekday() {
        Weekday::Sat => (1, 2),
        Weekday::Sun => (2, 1),
        _ => return Some(day),
    };
    let back = wanted.checked_sub_days(Count::new(step_back)).filter(|near| near.month() == wanted.month());
    let on = wanted.checked_add_days(Count::new(step_on)).filter(|near| near.month() == wanted.month());
    let (near, far) = if step_back < step_on { (back, on) } else { (on, back) };
    near.or(far).map(|near| near.day())
}

fn read_month_days(field: Piece<'_>) -> Result<MonthDays, Vec<Mistake>> {
    if field.text == "*" {
        return Ok(MonthDays { any: true, ..MonthDays::default() });
    }
    let (mut read, mut mistakes) = (MonthDays::default(), Vec::new());
    let all = items(field);
    for item in &all {
        let lower = item.text.to_ascii_lowercase();
        if lower.ends_with('w') && all.len() > 1 {
            let hint = "give it a schedule of its own";
            mistakes.push(Mistake::new(*item, format!("`{}` cannot stand in a list", item.text)).hint(hint));
        } else if lower == "l" {
            read.last = true;
        } else if lower == "lw" {
            read.last_weekday = true;
        } else if lower.starts_with("l-") {
            let hint = "`L` is the last day; write the days as numbers";
            mistakes.push(Mistake::new(*item, "days counted from the end of the month are not supported").hint(hint));
        } else if lower.ends_with('w') {
            let day = Piece { text: &item.text[..item.text.len() - 1], offset: item.offset };
            match read_value(&DAY_OF_MONTH, day) {
                Ok(day) => read.nearest_weekday = Some(day),
                Err(mistake) => mistakes.push(mistake),
            }
        } else {
            match read_item(&DAY_OF_MONTH, *item) {
                Ok(days) => read.days |= days,
                Err(mistake) => mistakes.push(mistake),
            }
        }
    }
    if mistakes.is_empty() { Ok(read) } else { Err(mistakes) }
}

fn read_week_days(field: Piece<'_>) -> Result<WeekDays, Vec<Mistake>> {
    if field.text == "*" {
        return Ok(WeekDays { any: true, ..WeekDays::default() });
    }
    let (mut read, mut mistakes) = (WeekDays::default(), Vec::new());
    for item in items(field) {
        if let Err(mistake) = read_week_item(item, &mut read) {
            mistakes.push(mistake);
        }
    }
    if mistakes.is_empty() { Ok(read) } else { Err(mistakes) }
}

fn read_week_item(item: Piece<'_>, read: &mut WeekDays) -> Result<(), Mistake> {
    let lower = item.text.to_ascii_lowercase();
    if let Some((day, nth)) = item.text.split_once('#') {
        let day_piece = Piece { text: day, offset: item.offset };
        let weekday = read_value(&WEEKDAY, day_piece)? % 7;
        let nth_piece = Piece { text: nth, offset: item.offset + day.chars().count() + 1 };
        if nth.eq_ignore_ascii_case("l") {
            return Err(Mistake::new(item, format!("`{}` is not a form of cron used here", item.text))
                .hint(format!("the last one of the month is `{day}L`")));
        }
        let nth: u32 = nth.parse().ok().filter(|nth| (1..=5).contains(nth)).ok_or_else(|| {
            Mistake::new(nth_piece, format!("a month has no week `#{nth}`")).hint("`#1` to `#5`, or `L` for the last")
        })?;
        read.nth.push((weekday, nth));
        return Ok(());
    }
    if lower == "l" {
        return Err(Mistake::new(item, "`L` needs a day of the week").hint("the last Friday is `5L` or `friL`"));
    }
    // No name of a weekday ends with an l.
    if lower.ends_with('l') {
        let day = Piece { text: &item.text[..item.text.len() - 1], offset: item.offset };
        read.last |= 1 << (read_value(&WEEKDAY, day)? % 7);
        return Ok(());
    }
    let days = read_field(&WEEKDAY, item).map_err(|mut mistakes| mistakes.swap_remove(0))?;
    read.days |= members(days).fold(0, |set, day| set | 1 << (day % 7));
    Ok(())
}
