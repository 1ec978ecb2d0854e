//! Tasks: what every kind of them takes. Parameters of kinds stay positioned nodes.

use super::dag::{priority, retry};
use super::fields::{Fields, fields};
use super::limits::limit_uses;
use crate::keys::{CACHE, RULES, TASK, TOLERATE};
use crate::{
    Cache, Condition, Decoder, Duration, ForEach, LabelValue, Labels, Node, NodeValue, Problem, Rule, Span, Spanned,
    Task, Template, TriggerRule,
};

pub(crate) fn task(decoder: &mut Decoder<'_>, node: &Node, label: String, span: Span) -> Option<Task> {
    let fields = fields(decoder, node, &TASK, label, span)?;
    // A task without a readable kind stays part of the graph.
    let kind = fields.read(decoder, "kind", Decoder::text).unwrap_or_else(|| Spanned::new(String::new(), span));
    let needs = fields.read(decoder, "needs", |decoder, node, what| {
        let needs = match &node.value {
            NodeValue::List(items) if items.is_empty() => Vec::new(),
            _ => decoder.names(node, what),
        };
        decoder.refuse_repeats(what, needs.iter().map(|name| (name.as_str(), name.span)));
        Some(needs)
    });
    let retry = fields.read(decoder, "retry", retry);
    let timeout = fields.read(decoder, "timeout", Decoder::duration);
    let (queue_timeout, total_timeout) = longest_waits(decoder, &fields, timeout.as_ref());
    let memory_bytes = fields.read(decoder, "memory", Decoder::size);
    let limits = fields.read(decoder, "limits", limit_uses).unwrap_or_default();
    let priority = fields.read(decoder, "priority", priority);
    let queue = fields.read(decoder, "queue", Decoder::name).map(|queue| queue.value);
    let labels = fields.read(decoder, "labels", labels).unwrap_or_default();
    let trigger = trigger(decoder, &fields);
    let for_each = for_each(decoder, &fields);
    let cache = fields.read(decoder, "cache", cache);
    if let (Some((key, _)), TriggerRule::Teardown) = (fields.entry("cache"), &trigger) {
        let message = format!("{} is a teardown and has `cache`", fields.label);
        let hint = "what clears up is for its effect, not for its result: drop `cache`";
        decoder.report(Problem::error("conflicting_keys", key.span, message).hint(hint));
    }
    let tolerate = fields.read(decoder, "tolerate", |decoder, node, what| decoder.word::<String>(node, what, TOLERATE));
    let mut needs = needs.unwrap_or_default();
    let mut seen = Vec::new();
    needs.retain(|name| {
        !seen.contains(&name.value) && {
            seen.push(name.value.clone());
            true
        }
    });
    Some(Task {
        span,
        kind,
        needs,
        trigger,
        tolerated: tolerate.is_some(),
        for_each: for_each.map(Box::new),
        cache: cache.map(Box::new),
        retry,
        timeout,
        queue_timeout,
        total_timeout,
        memory_bytes,
        limits,
        priority,
        queue,
        labels,
        parameters: fields.others(),
    })
}

/// `for_each` and what belongs to it.
fn for_each(decoder: &mut Decoder<'_>, fields: &Fields<'_>) -> Option<ForEach> {
    let list = fields.read(decoder, "for_each", items);
    let most = i64::try_from(ForEach::MAX_ITEMS).unwrap_or(i64::MAX);
    let parallel = fields.read(decoder, "max_parallel", |decoder, node, what| decoder.integer(node, what, 1, most));
    if let (None, Some((key, _))) = (fields.get("for_each"), fields.entry("max_parallel")) {
        let message = format!("`max_parallel` means nothing in {}, which has no `for_each`", fields.label);
        decoder.report(Problem::error("conflicting_keys", key.span, message).hint("drop it, or add `for_each`"));
    }
    let max_parallel = parallel.and_then(|parallel| u32::try_from(parallel.value).ok());
    Some(ForEach { list: list?, max_parallel })
}

/// A list, or one reference to a list.
fn items(decoder: &mut Decoder<'_>, node: &Node, what: &str) -> Option<Node> {
    if let NodeValue::Text(text) = &node.value {
        match Template::parse(text, node.span) {
            Ok(template) if template.alone().is_some() => return Some(node.clone()),
            Ok(_) => {
                let problem = Problem::error("wrong_type", node.span, format!("{what} must be a list, not text"));
                let hint =
                    "write the items, [a, b], or one reference to a list and nothing else, e.g. ${params.cities}";
                decoder.report(problem.hint(hint));
            }
            Err(problems) => decoder.report_all(problems),
        }
        return None;
    }
    let items = decoder.list(node, what, "a list, or a reference to one");
    if items.len() > ForEach::MAX_ITEMS {
        let message = format!("{what} has {} items; at most {} are allowed", items.len(), ForEach::MAX_ITEMS);
        let hint = "let an item stand for several, or make several tasks";
        decoder.report(Problem::error("too_many_items", node.span, message).hint(hint));
        return None;
    }
    (!items.is_empty()).then(|| node.clone())
}

/// Names to texts of a narrow form, so that they are the same on a command line.
fn labels(decoder: &mut Decoder<'_>, node: &Node, what: &str) -> Option<Labels> {
    let mut found = Labels::new();
    for (key, value) in decoder.entries(node, what, "a map of names to texts") {
        let (name, text) = (decoder.slug(key, "the key of a label"), decoder.text(value, what));
        let (Some(name), Some(text)) = (name, text) else { continue };
        match LabelValue::parse(&text) {
            Some(label) => drop(found.insert(name.value, label)),
            None => {
                let shown = crate::small_texts::shortened(&text);
                let problem = Problem::error("bad_label", value.span, format!("{what} cannot be `{shown}`"));
                let hint =
                    "a label has letters, digits, `.`, `_` and `-`, at most 63, and begins with a letter or digit";
                decoder.report(problem.hint(hint));
            }
        }
    }
    Some(found)
}

fn cache(decoder: &mut Decoder<'_>, node: &Node, what: &str) -> Option<Cache> {
    let fields = fields(decoder, node, &CACHE, what.to_owned(), node.span)?;
    let key = fields.read(decoder, "key", |decoder, node, what| {
        let parts = decoder.one_or_many(node, what).to_vec();
        for part in
            parts.iter().filter(|part| matches!(part.value, NodeValue::Null | NodeValue::List(_) | NodeValue::Map(_)))
        {
            decoder.wrong_type(part, what, "text, numbers or true/false");
        }
        Some(parts)
    });
    let ttl = fields.read(decoder, "ttl", Decoder::duration);
    Some(Cache { key: key.unwrap_or_default(), ttl: ttl? })
}

/// A limit on a part that the limit on the whole never lets come about is a mistake.
fn longest_waits(
    decoder: &mut Decoder<'_>,
    fields: &Fields<'_>,
    timeout: Option<&Spanned<Duration>>,
) -> (Option<Spanned<Duration>>, Option<Spanned<Duration>>) {
    let queue = fields.read(decoder, "queue_timeout", Decoder::duration);
    let total = fields.read(decoder, "total_timeout", Decoder::duration);
    if let Some(total) = &total {
        for (key, part) in [("timeout", timeout), ("queue_timeout", queue.as_ref())] {
            let Some(part) = part.filter(|part| part.value.micros > total.value.micros) else { continue };
            let label = &fields.label;
            let message =
                format!("`{key}` of {label} is {}, longer than its `total_timeout` of {}", part.value, total.value);
            let hint = format!("make `{key}` shorter, or leave it out");
            let problem = Problem::error("out_of_range", part.span, message);
            decoder.report(problem.hint(hint).related(total.span, "all that it may take"));
        }
    }
    (queue, total)
}

/// `rule`, `when` and `teardown` say three times the same thing, so at most one of them stands.
fn trigger(decoder: &mut Decoder<'_>, fields: &Fields<'_>) -> TriggerRule {
    let rule = fields.read(decoder, "rule", |decoder, node, what| decoder.word::<Rule>(node, what, RULES));
    let when = fields.read(decoder, "when", condition);
    let teardown = fields.read(decoder, "teardown", Decoder::flag).filter(|flag| flag.value);
    let written: Vec<&Spanned<String>> = ["rule", "when", "teardown"]
        .into_iter()
        .filter(|key| *key != "teardown" || teardown.is_some())
        .filter_map(|key| fields.entry(key))
        .map(|(key, _)| key)
        .collect();
    if let [first, others @ ..] = written.as_slice() {
        for key in others {
            let message = format!("{} has `{}` and `{}`", fields.label, first.value, key.value);
            let problem = Problem::error("conflicting_keys", key.span, message);
            decoder.report(problem.hint("keep one of them").related(first.span, "the other key"));
        }
        let waits = fields
            .get("needs")
            .is_some_and(|needs| !matches!(&needs.value, NodeValue::List(items) if items.is_empty()));
        if !waits {
            let message = format!("`{}` means nothing in {}, which needs no task", first.value, fields.label);
            let hint = "name the tasks it waits for in `needs`, or drop the key";
            decoder.report(Problem::error("conflicting_keys", first.span, message).hint(hint));
        }
    }
    match (rule, when, teardown) {
        (Some(rule), _, _) => TriggerRule::Rule(rule.value),
        (_, Some(when), _) => TriggerRule::When(when),
        (_, _, Some(_)) => TriggerRule::Teardown,
        (None, None, None) => TriggerRule::default(),
    }
}

fn condition(decoder: &mut Decoder<'_>, node: &Node, what: &str) -> Option<Condition> {
    let text = decoder.text(node, what)?;
    match Condition::parse_at(&text, &decoder.place_of(node, &text)) {
        Ok(condition) => Some(condition),
        Err(problems) => {
            decoder.report_all(problems);
            None
        }
    }
}
