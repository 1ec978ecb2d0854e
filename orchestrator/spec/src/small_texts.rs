//! Small texts with a form: wall-clock times, sizes, slugs, quotations for messages. No positions and no problems.

use chrono::{NaiveDate, NaiveDateTime};

use crate::Name;

/// Date, or date and time of day to the second, without zone.
pub(crate) fn parse_wall_time(text: &str) -> Option<NaiveDateTime> {
    let date = |text: &str| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0);
    let formats = ["%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M"];
    // chrono would also read signs, single digits and years beyond 9999.
    let plain = text.len() >= 10
        && text.bytes().take(10).enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    let length_ok = matches!(text.len(), 10 | 16 | 19);
    let time = formats.iter().find_map(|format| NaiveDateTime::parse_from_str(text, format).ok());
    date(text).or(time).filter(|_| plain && length_ok)
}

/// `2026-12-25`, and nothing else.
pub(crate) fn parse_date(text: &str) -> Option<NaiveDate> {
    let date = parse_wall_time(text)?.date();
    (text.len() == 10).then_some(date)
}

/// `512MB` (decimal) or `2GiB` (binary) in bytes, at least 1.
pub(crate) fn parse_size(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let count: u64 = text[..digits].parse().ok()?;
    let unit: u64 = match text[digits..].trim_start() {
        "B" => 1,
        "KB" | "kB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "TB" => 1_000_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        _ => return None,
    };
    count.checked_mul(unit).filter(|bytes| *bytes > 0 && i64::try_from(*bytes).is_ok())
}

/// The slug nearest to a text.
pub(crate) fn slugified(text: &str) -> Option<Name> {
    let letters = text.trim().chars().map(|letter| match letter.to_ascii_lowercase() {
        lower @ ('a'..='z' | '0'..='9' | '-' | '_') => lower,
        _ => '_',
    });
    let slug: String = letters.collect();
    let slug: String = slug.trim_start_matches(['_', '-']).chars().take(63).collect();
    Name::parse(slug.trim_end_matches('_'))
}

/// A text as messages quote it.
pub(crate) fn shortened(text: &str) -> String {
    const SHOWN: usize = 60;
    let line = text.lines().next().unwrap_or("");
    if line.len() == text.len() && line.chars().count() <= SHOWN {
        return line.to_owned();
    }
    line.chars().take(SHOWN).collect::<String>() + "..."
}

/// A text whose first letter is small, unless the word is an abbreviation.
pub(crate) fn lower_first(text: &str) -> String {
    let mut letters = text.chars();
    let Some(first) = letters.next() else { return String::new() };
    match letters.clone().next().is_some_and(char::is_uppercase) {
        true => text.to_owned(),
        false => first.to_lowercase().chain(letters).collect(),
    }
}
