//! Tasks: what every kind of them takes. Parameters of kinds stay positioned nodes.

use super::dag::{priority, retry};
use super::fields::{Fields, fields};
use super::limits::limit_uses;
use crate::keys::{RULES, TASK, TOLERATE};
use crate::{Condition, Decoder, Duration, Node, NodeValue, Problem, Rule, Span, Spanned, Task, TriggerRule};

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
    let trigger = trigger(decoder, &fields);
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
        retry,
        timeout,
        queue_timeout,
        total_timeout,
        memory_bytes,
        limits,
        priority,
        parameters: fields.others(),
    })
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
