//! Schedules and the dates of calendars. The files that calendars name are read in `calendars.rs`.

use chrono::NaiveDate;

use super::fields::{Fields, fields, named};
use crate::keys::{
    CALENDAR, CALENDAR_REFERENCE, DAY_MATCH, DST, GAP, MAX_CAP, MISSED, MISSED_POLICY, OVERLAP, REPEAT, SCHEDULE,
};
use crate::small_texts::shortened;
use crate::{Calendar, DateSet, Decoder, Dst, Missed, Name, Node, NodeValue, Problem, Schedule, Span, Spanned};

/// The schedules of a DAG.
pub(super) fn schedules(decoder: &mut Decoder<'_>, fields: &Fields<'_>) -> Vec<Schedule> {
    let (one, several) = (fields.entry("schedule"), fields.entry("schedules"));
    if let (Some((first, _)), Some((second, _))) = (one, several) {
        let message = format!("{} has `schedule` and `schedules`", fields.label);
        let problem = Problem::error("conflicting_keys", second.span, message);
        decoder.report(problem.hint("put all of them into one list").related(first.span, "the other key"));
    }
    let mut found = Vec::new();
    for (key, node) in [one, several].into_iter().flatten() {
        let what = fields.what(key);
        let items = match &node.value {
            NodeValue::Map(_) if key.value == "schedule" => std::slice::from_ref(node),
            NodeValue::List(_) => decoder.list(node, &what, "a list"),
            NodeValue::Text(text) => {
                let message = format!("{what} must be a map with `cron`, not `{}`", shortened(text));
                let hint = format!("write {{ cron: \"{}\" }}", shortened(text));
                decoder.report(Problem::error("wrong_type", node.span, message).hint(hint));
                &[]
            }
            _ => {
                decoder.wrong_type(node, &what, "a map with `cron`, or a list of such maps");
                &[]
            }
        };
        let label = format!("a schedule of {}", fields.label);
        for item in items {
            let span = if matches!(node.value, NodeValue::Map(_)) { key.span } else { item.span };
            found.extend(schedule(decoder, item, &label, span));
        }
    }
    found
}

fn schedule(decoder: &mut Decoder<'_>, node: &Node, label: &str, span: Span) -> Option<Schedule> {
    let fields = fields(decoder, node, &SCHEDULE, label.to_owned(), span)?;
    let cron = fields.read(decoder, "cron", Decoder::text);
    let timezone = match fields.entry("timezone") {
        Some(_) => fields.read(decoder, "timezone", Decoder::text),
        None => Some(Spanned::new("UTC".to_owned(), span)),
    };
    let start = fields.read(decoder, "start", Decoder::wall_time);
    let end = fields.read(decoder, "end", Decoder::wall_time);
    if let (Some(start), Some(end)) = (&start, &end)
        && start.value >= end.value
    {
        let problem = Problem::error("end_before_start", end.span, "`end` is not after `start`: it never fires");
        decoder.report(problem.related(start.span, "the start"));
    }
    let day_match = fields.read(decoder, "day_match", |decoder, node, what| decoder.word(node, what, DAY_MATCH));
    let dst = match fields.entry("dst") {
        Some((key, node)) => dst(decoder, node, &fields.what(key)).map(|dst| Spanned::new(dst, key.span)),
        None => None,
    };
    let exclude = fields.read(decoder, "exclude", date_sets).unwrap_or_default();
    let only = fields.read(decoder, "only", date_sets).unwrap_or_default();
    let jitter = fields.read(decoder, "jitter", Decoder::duration);
    let allow_frequent = fields.read(decoder, "allow_frequent", Decoder::flag);
    let (missed, missed_cap) = fields.read(decoder, "missed", missed).unwrap_or_default();
    let overlap = fields.read(decoder, "overlap", |decoder, node, what| decoder.word(node, what, OVERLAP));
    Some(Schedule {
        span: node.span,
        cron: cron?,
        timezone: timezone?,
        start,
        end,
        day_match: day_match.map(|word| word.value).unwrap_or_default(),
        dst,
        exclude,
        only,
        jitter: jitter.map(|jitter| jitter.value),
        allow_frequent: allow_frequent.is_some_and(|flag| flag.value),
        missed,
        missed_cap,
        overlap: overlap.map(|word| word.value).unwrap_or_default(),
    })
}

fn dst(decoder: &mut Decoder<'_>, node: &Node, what: &str) -> Option<Dst> {
    let fields = fields(decoder, node, &DST, what.to_owned(), node.span)?;
    let gap = fields.read(decoder, "gap", |decoder, node, what| decoder.word(node, what, GAP));
    let overlap = fields.read(decoder, "overlap", |decoder, node, what| decoder.word(node, what, REPEAT));
    Some(Dst {
        gap: gap.map(|word| word.value).unwrap_or_default(),
        overlap: overlap.map(|word| word.value).unwrap_or_default(),
    })
}

/// A word, or a map of the word and a cap.
fn missed(decoder: &mut Decoder<'_>, node: &Node, what: &str) -> Option<(Missed, Option<u32>)> {
    if !matches!(node.value, NodeValue::Map(_)) {
        return decoder.word(node, what, MISSED).map(|word| (word.value, None));
    }
    let fields = fields(decoder, node, &MISSED_POLICY, what.to_owned(), node.span)?;
    let policy = fields.read(decoder, "policy", |decoder, node, what| decoder.word::<Missed>(node, what, MISSED));
    let cap = fields.read(decoder, "cap", |decoder, node, what| decoder.integer(node, what, 1, MAX_CAP));
    if let (Some(policy), Some((key, _))) = (&policy, fields.entry("cap"))
        && policy.value != Missed::All
    {
        let message = format!("`cap` of {what} bounds `policy: all`; the other policies run at most one");
        let problem = Problem::error("conflicting_keys", key.span, message);
        decoder.report(problem.hint("drop `cap`, or write `policy: all`").related(policy.span, "the policy"));
    }
    Some((policy?.value, cap.and_then(|cap| u32::try_from(cap.value).ok())))
}

/// Dates and calendars, one or several.
fn date_sets(decoder: &mut Decoder<'_>, node: &Node, what: &str) -> Option<Vec<DateSet>> {
    let mut found = Vec::new();
    for item in decoder.one_or_many(node, what) {
        let set = match &item.value {
            NodeValue::Map(_) => {
                let fields = fields(decoder, item, &CALENDAR_REFERENCE, format!("an item of {what}"), item.span);
                fields.and_then(|fields| fields.read(decoder, "calendar", Decoder::name)).map(DateSet::Calendar)
            }
            NodeValue::Text(_) => decoder.date(item, what).map(DateSet::Date),
            _ => {
                decoder.wrong_type(item, what, "a date such as 2026-12-25, or { calendar: name }");
                None
            }
        };
        found.extend(set);
    }
    let texts: Vec<(String, Span)> = found.iter().map(text_of).collect();
    decoder.refuse_repeats(what, texts.iter().map(|(text, span)| (text.as_str(), *span)));
    Some(found)
}

fn text_of(set: &DateSet) -> (String, Span) {
    match set {
        DateSet::Date(date) => (date.value.to_string(), date.span),
        DateSet::Calendar(name) => (name.value.to_string(), name.span),
    }
}

/// A calendar; its dates are empty where they stand in a file.
pub(super) fn calendar(decoder: &mut Decoder<'_>, name: &Spanned<Name>, node: &Node) -> Option<Calendar> {
    let label = named("calendar", name);
    match &node.value {
        NodeValue::Map(_) => {
            let fields = fields(decoder, node, &CALENDAR, label, name.span)?;
            let path = fields.read(decoder, "path", Decoder::text)?;
            Some(Calendar { span: name.span, path: Some(path), dates: Vec::new() })
        }
        NodeValue::List(_) => {
            let items = decoder.list(node, &label, "a list of dates");
            let dates: Vec<Spanned<NaiveDate>> = items.iter().filter_map(|item| decoder.date(item, &label)).collect();
            let texts: Vec<(String, Span)> = dates.iter().map(|date| (date.value.to_string(), date.span)).collect();
            decoder.refuse_repeats(&label, texts.iter().map(|(text, span)| (text.as_str(), *span)));
            let mut dates: Vec<NaiveDate> = dates.into_iter().map(|date| date.value).collect();
            dates.sort_unstable();
            dates.dedup();
            (!dates.is_empty()).then_some(Calendar { span: name.span, path: None, dates })
        }
        _ => {
            decoder.wrong_type(node, &label, "a list of dates, or a map with `path`");
            None
        }
    }
}
