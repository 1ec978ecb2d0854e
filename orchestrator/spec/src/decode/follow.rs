//! What follows from runs and data: `after`, `updated`, `alerts`.

use chrono::NaiveTime;

use super::fields::{fields, named};
use crate::keys::{AFTER, AFTER_ENDS, ALERT, ALERT_EVENTS, MATCH, UPDATED};
use crate::{After, Alert, AlertEvent, Decoder, Name, Node, NodeValue, Problem, RunEnd, Spanned, Updated};

/// One DAG or several, each a name or a map.
pub(super) fn after(decoder: &mut Decoder<'_>, node: &Node, what: &str) -> Option<Vec<After>> {
    let mut found = Vec::new();
    for item in decoder.one_or_many(node, what) {
        let one = match &item.value {
            NodeValue::Map(_) => {
                fields(decoder, item, &AFTER, format!("an item of {what}"), item.span).and_then(|fields| {
                    let dag = fields.read(decoder, "dag", Decoder::name);
                    let ended = fields
                        .read(decoder, "ended", |decoder, node, what| decoder.word::<RunEnd>(node, what, AFTER_ENDS));
                    Some(After { dag: dag?, ended: ended.map(|word| word.value).unwrap_or_default() })
                })
            }
            _ => decoder.name(item, what).map(|dag| After { dag, ended: RunEnd::default() }),
        };
        found.extend(one);
    }
    decoder.refuse_repeats(what, found.iter().map(|after| (after.dag.as_str(), after.dag.span)));
    Some(found)
}

/// One map or several.
pub(super) fn updated(decoder: &mut Decoder<'_>, node: &Node, what: &str) -> Option<Vec<Updated>> {
    let items = match &node.value {
        NodeValue::List(_) => decoder.list(node, what, "a list of maps"),
        _ => std::slice::from_ref(node),
    };
    Some(items.iter().filter_map(|item| one_updated(decoder, item, what)).collect())
}

fn one_updated(decoder: &mut Decoder<'_>, node: &Node, what: &str) -> Option<Updated> {
    let fields = fields(decoder, node, &UPDATED, what.to_owned(), node.span)?;
    let names = |decoder: &mut Decoder<'_>, node: &Node, what: &str| {
        let names = decoder.names(node, what);
        decoder.refuse_repeats(what, names.iter().map(|name| (name.as_str(), name.span)));
        Some(names)
    };
    let views = fields.read(decoder, "views", names);
    let sources = fields.read(decoder, "sources", names);
    if views.is_none() && sources.is_none() {
        let problem = Problem::error("missing_key", node.span, format!("{what} has neither `views` nor `sources`"));
        decoder.report(problem.hint("name at least one view or source whose update makes a run"));
    }
    let matching = fields.read(decoder, "match", |decoder, node, what| decoder.word(node, what, MATCH));
    let before = fields.read(decoder, "before", time_of_day);
    let timezone = match fields.entry("timezone") {
        Some((key, _)) => {
            if fields.entry("before").is_none() {
                let message = format!("`timezone` of {what} is the zone of `before`, which is not given");
                decoder.report(Problem::error("conflicting_keys", key.span, message).hint("add `before`, or drop it"));
            }
            fields.read(decoder, "timezone", Decoder::text)
        }
        None => Some(Spanned::new("UTC".to_owned(), node.span)),
    };
    Some(Updated {
        span: node.span,
        views: views.unwrap_or_default(),
        sources: sources.unwrap_or_default(),
        matching: matching.map(|word| word.value).unwrap_or_default(),
        before,
        timezone: timezone?,
    })
}

/// `09:00`, `24:00` apart: what has no end needs no `before`.
fn time_of_day(decoder: &mut Decoder<'_>, node: &Node, what: &str) -> Option<Spanned<NaiveTime>> {
    let hint = "write hours and minutes in quotes, e.g. \"09:00\"";
    let Some(text) = node.as_text() else {
        // YAML's own reading of 09:00 may be a number.
        let problem =
            Problem::error("wrong_type", node.span, format!("{what} must be a time of day, not {}", node.kind()));
        decoder.report(problem.hint(hint));
        return None;
    };
    let parsed = NaiveTime::parse_from_str(text, "%H:%M").ok().filter(|time| *time != NaiveTime::MIN);
    if parsed.is_none() {
        let shown = crate::small_texts::shortened(text);
        let message = format!("{what} must be a time of day after midnight, and `{shown}` is none");
        decoder.report(Problem::error("bad_time", node.span, message).hint(hint));
    }
    parsed.map(|time| Spanned::new(time, node.span))
}

pub(super) fn alert(decoder: &mut Decoder<'_>, name: &Spanned<Name>, node: &Node) -> Option<Alert> {
    let fields = fields(decoder, node, &ALERT, named("alert", name), name.span)?;
    let on = fields.read(decoder, "on", |decoder, node, what| {
        let items = decoder.one_or_many(node, what);
        let words: Vec<Spanned<AlertEvent>> =
            items.iter().filter_map(|item| decoder.word(item, what, ALERT_EVENTS)).collect();
        decoder.refuse_repeats(what, words.iter().map(|word| (word.value.as_str(), word.span)));
        Some(words.into_iter().map(|word| word.value).collect())
    });
    let dags = fields.read(decoder, "dags", |decoder, node, what| {
        let names = decoder.names(node, what);
        decoder.refuse_repeats(what, names.iter().map(|name| (name.as_str(), name.span)));
        Some(names)
    });
    let run = fields.read(decoder, "run", Decoder::name);
    let on = on.unwrap_or_else(|| vec![AlertEvent::Failed, AlertEvent::Deadline]);
    Some(Alert { span: name.span, on, dags, run: run? })
}
