//! A cron expression as the user wrote it, read into a [`Pattern`] or into all that is wrong with it, each at its
//! place. Must not know of zones or instants. To add a field or an alias: a line in [`read`], a row in the tests.

use std::sync::Arc;

use chrono::NaiveDate;
use daybreak_spec::{DayMatch, Duration, Severity, did_you_mean};

use super::days::Days;
use super::field::{FieldKind, HOUR, MINUTE, MONTH, Mistake, Piece, SECOND, members, read_field};
use super::wall_clock::WallClock;

/// Least time between two firings, unless more are asked for.
const MIN_INTERVAL_US: i64 = 10_000_000;

/// What the author asks for beside the expression.
#[derive(Clone, Copy)]
struct Wanted {
    day_match: DayMatch,
    /// Fire more often than every 10 seconds.
    allow_frequent: bool,
}

/// A read expression.
#[derive(Clone, Debug)]
pub(super) enum Pattern {
    /// Fields.
    Fields {
        times: Arc<WallClock>,
        /// Neither the minute nor the hour field starts with `*`.
        fixed_time: bool,
    },
    /// `@every`: this long apart in real time.
    Every { micros: i64 },
}

impl Pattern {
    /// Whether it names times of day, which clocks may leave out or show twice.
    pub fn is_fixed_time(&self) -> bool {
        matches!(self, Self::Fields { fixed_time: true, .. })
    }
}

/// What reading gave: a pattern with warnings, or errors with warnings.
pub(super) struct Reading {
    pub pattern: Option<Pattern>,
    pub mistakes: Vec<Mistake>,
}

impl Reading {
    fn refused(mistake: Mistake) -> Self {
        Self { pattern: None, mistakes: vec![mistake] }
    }
}

const ALIASES: [(&str, &str); 7] = [
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
    ("@monthly", "0 0 1 * *"),
    ("@weekly", "0 0 * * 0"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@hourly", "0 * * * *"),
];

/// Reads an expression.
pub(super) fn read(text: &str, day_match: DayMatch, allow_frequent: bool) -> Reading {
    read_wanted(text, Wanted { day_match, allow_frequent })
}

fn read_wanted(text: &str, wanted: Wanted) -> Reading {
    let whole = Piece { text, offset: 0 };
    if text.trim_start().starts_with('@') {
        return read_alias(whole, wanted);
    }
    let fields = split(text);
    match fields.as_slice() {
        [] => {
            Reading::refused(Mistake::new(whole, "the expression is empty").hint("five fields, such as `30 2 * * *`"))
        }
        [minute, hour, day, month, weekday] => {
            let second = Piece { text: "0", offset: 0 };
            read_fields(whole, [second, *minute, *hour, *day, *month, *weekday], wanted)
        }
        [second, minute, hour, day, month, weekday] => {
            read_fields(whole, [*second, *minute, *hour, *day, *month, *weekday], wanted)
        }
        [.., extra] if fields.len() == 7 => Reading::refused(
            Mistake::new(*extra, "a seventh field (years) is not supported").hint("use `start` and `end`"),
        ),
        more => Reading::refused(
            Mistake::new(whole, format!("{} fields are not a cron expression", more.len()))
                .hint("five fields (minute hour day month weekday), or six with seconds first"),
        ),
    }
}

fn split(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut offset = 0;
    for part in text.split(|character: char| character.is_ascii_whitespace()) {
        if !part.is_empty() {
            pieces.push(Piece { text: part, offset });
        }
        offset += part.chars().count() + 1;
    }
    pieces
}

fn read_alias(whole: Piece<'_>, wanted: Wanted) -> Reading {
    let pieces = split(whole.text);
    if let [every, length] = pieces.as_slice()
        && every.text == "@every"
    {
        return read_every(*length, wanted);
    }
    let word = whole.text.trim();
    if let Some((_, fields)) = ALIASES.iter().find(|(alias, _)| *alias == word) {
        return read_wanted(fields, wanted);
    }
    let mistake = Mistake::new(whole, format!("`{word}` is not a known alias"));
    let known = ALIASES.map(|(alias, _)| alias);
    Reading::refused(match did_you_mean(word, known) {
        _ if word == "@every" => mistake.hint("`@every` needs a length of time, such as `@every 5m`"),
        _ if word == "@reboot" => mistake.hint("a schedule fires at instants; start the run by hand"),
        Some(alias) => mistake.hint(format!("did you mean `{alias}`?")),
        None => mistake.hint(format!("one of {}, @every 5m", known.join(", "))),
    })
}

fn read_every(length: Piece<'_>, wanted: Wanted) -> Reading {
    let least = if wanted.allow_frequent { 1_000_000 } else { MIN_INTERVAL_US };
    match Duration::parse(length.text) {
        None => Reading::refused(
            Mistake::new(length, format!("`{}` is not a length of time", length.text))
                .hint("such as `5m`, `12h`, `1d`"),
        ),
        Some(length_of_time) if length_of_time.micros < least || length_of_time.micros % 1_000_000 != 0 => {
            let mut mistake = Mistake::new(length, format!("`@every {}` is too often", length.text));
            mistake.code = "cron_too_frequent";
            Reading::refused(mistake.hint("whole seconds, at least 10s; with `allow_frequent: true` at least 1s"))
        }
        Some(length_of_time) => {
            Reading { pattern: Some(Pattern::Every { micros: length_of_time.micros }), mistakes: Vec::new() }
        }
    }
}

fn read_fields(whole: Piece<'_>, fields: [Piece<'_>; 6], wanted: Wanted) -> Reading {
    let [second, minute, hour, day, month, weekday] = fields;
    let mut mistakes = Vec::new();
    let mut numbers = |kind: &FieldKind, field: Piece<'_>| match read_field(kind, field) {
        Ok(set) => set,
        Err(found) => {
            mistakes.extend(found);
            0
        }
    };
    let sets = [numbers(&SECOND, second), numbers(&MINUTE, minute), numbers(&HOUR, hour), numbers(&MONTH, month)];
    let days = match Days::read(day, weekday, wanted.day_match) {
        Ok(days) => days,
        Err(found) => {
            mistakes.extend(found);
            return Reading { pattern: None, mistakes };
        }
    };
    if !mistakes.is_empty() {
        return Reading { pattern: None, mistakes };
    }
    mistakes.extend(warnings(fields, wanted.day_match));
    if !wanted.allow_frequent && too_frequent(sets) {
        let place = if second.text == "0" { whole } else { second };
        let mut mistake = Mistake::new(place, "it fires more often than every 10 seconds");
        mistake.code = "cron_too_frequent";
        mistakes.push(
            mistake
                .hint("`*/10` in the seconds field is the most, unless `allow_frequent: true` says that it is meant"),
        );
        return Reading { pattern: None, mistakes };
    }
    let pattern = normalised(sets).map(|fields| WallClock::new(fields, days));
    let Some(times) = pattern.filter(fires_at_all) else {
        let mut mistake = Mistake::new(whole, format!("`{}` never fires", whole.text.trim()));
        mistake.code = "cron_never_fires";
        mistakes.push(mistake.hint("no such day exists in any of these months"));
        return Reading { pattern: None, mistakes };
    };
    let fixed_time = !minute.text.starts_with('*') && !hour.text.starts_with('*');
    Reading { pattern: Some(Pattern::Fields { times: Arc::new(times), fixed_time }), mistakes }
}

/// The `cron` crate's schedule of the same seconds, minutes, hours and months on every day.
fn normalised(sets: [u64; 4]) -> Option<cron::Schedule> {
    let [second, minute, hour, month] =
        sets.map(|set| members(set).map(|value| value.to_string()).collect::<Vec<_>>().join(","));
    format!("{second} {minute} {hour} * {month} *").parse().ok()
}

/// The calendar repeats after 400 years, so that a pattern which does not fire from 2000 on never does.
fn fires_at_all(times: &WallClock) -> bool {
    let first = NaiveDate::from_ymd_opt(2000, 1, 1).and_then(|day| day.and_hms_opt(0, 0, 0));
    first.is_some_and(|first| times.first_at_or_after(first).is_some())
}

fn too_frequent([second, minute, hour, _]: [u64; 4]) -> bool {
    let seconds: Vec<u32> = members(second).collect();
    let (Some(first), Some(last)) = (seconds.first(), seconds.last()) else { return false };
    let inside = seconds.windows(2).any(|pair| pair[1] - pair[0] < 10);
    let neighbours = |set: u64| set & set << 1 != 0;
    let round_the_hour = minute & 1 != 0 && minute & 1 << 59 != 0;
    let round_the_day = hour & 1 != 0 && hour & 1 << 23 != 0;
    let next_minute = neighbours(minute) || round_the_hour && (neighbours(hour) || round_the_day);
    inside || next_minute && first + 60 - last < 10
}

/// Forms that are legal and often not what was meant.
fn warnings(fields: [Piece<'_>; 6], day_match: DayMatch) -> Vec<Mistake> {
    let [second, minute, hour, day, _, weekday] = fields;
    let mut found = Vec::new();
    let star_like = |field: Piece<'_>| field.text.starts_with('*') && field.text != "*";
    let both_restricted = day.text != "*" && weekday.text != "*";
    if day_match == DayMatch::Or && both_restricted {
        for field in [day, weekday].into_iter().filter(|field| star_like(*field)) {
            let message = format!(
                "`{}` is not a bare `*`: the schedule fires on the days that either day field names",
                field.text
            );
            let mut mistake = Mistake::new(field, message).hint("write `day_match: and` if a day has to satisfy both");
            mistake.code = "cron_day_fields";
            found.push(mistake);
        }
    }
    for (field, kind, size, unit) in [(second, SECOND, 60, "s"), (minute, MINUTE, 60, "m"), (hour, HOUR, 24, "h")] {
        let step = field.text.strip_prefix("*/").and_then(|step| step.parse::<u32>().ok());
        if let Some(step) = step.filter(|step| size % step != 0) {
            let message = format!("`*/{step}` is not every {step} {}s: it starts again at each 0", kind.name);
            let mut mistake =
                Mistake::new(field, message).hint(format!("for even distances write `@every {step}{unit}`"));
            mistake.code = "cron_uneven_step";
            found.push(mistake);
        }
    }
    for mistake in &mut found {
        mistake.severity = Severity::Warning;
    }
    found
}
