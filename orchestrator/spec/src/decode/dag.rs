//! DAGs and retry policies; their schedules are read in `schedule.rs`, their tasks in `task.rs`.

use std::collections::BTreeMap;

use super::fields::{fields, named};
use super::follow::{after, updated};
use super::params::{params, require_defaults};
use super::schedule::schedules;
use super::task::task;
use crate::did_you_mean::suggestion;
use crate::keys::{BACKOFF, DAG, JITTER, RETRY};
use crate::{
    Backoff, Dag, Decoder, Duration, Jitter, Name, Node, NodeValue, Problem, Retry, RetryCause, Spanned, Task,
};

pub(crate) fn dag(decoder: &mut Decoder<'_>, name: &Spanned<Name>, node: &Node) -> Option<Dag> {
    let fields = fields(decoder, node, &DAG, named("DAG", name), name.span)?;
    let schedules = schedules(decoder, &fields);
    let after = fields.read(decoder, "after", after).unwrap_or_default();
    let updated = fields.read(decoder, "updated", updated).unwrap_or_default();
    let retry = fields.read(decoder, "retry", retry).unwrap_or_else(one_attempt);
    let params = fields.read(decoder, "params", params).unwrap_or_default();
    let alone = schedules.first().map(|schedule| schedule.cron.span);
    let alone = alone.or_else(|| after.first().map(|after| after.dag.span));
    require_defaults(decoder, &params, alone.or_else(|| updated.first().map(|updated| updated.span)));
    let max_active_runs = fields.read(decoder, "max_active_runs", |decoder, node, what| {
        let most = decoder.integer(node, what, 1, 1000)?;
        u32::try_from(most.value).ok()
    });
    let priority = fields.read(decoder, "priority", priority).unwrap_or_default();
    let deadline = fields.read(decoder, "deadline", Decoder::duration);
    let queue = fields.read(decoder, "queue", Decoder::name).map(|queue| queue.value);
    let tasks = fields.read(decoder, "tasks", |decoder, node, what| Some(tasks(decoder, node, what, name)));
    let tasks = tasks.unwrap_or_default();
    Some(Dag {
        span: name.span,
        schedules,
        after,
        updated,
        retry,
        params,
        max_active_runs,
        priority,
        deadline,
        queue,
        tasks,
    })
}

pub(crate) fn priority(decoder: &mut Decoder<'_>, node: &Node, what: &str) -> Option<i32> {
    i32::try_from(decoder.integer(node, what, -10_000, 10_000)?.value).ok()
}

/// The policy of a DAG that declares none.
fn one_attempt() -> Retry {
    Retry { attempts: 1, backoff: default_backoff(), only: Vec::new() }
}

fn default_backoff() -> Backoff {
    let duration = |text| Duration::parse(text).expect("a duration of this file");
    Backoff { first: duration("10s"), factor: 2.0, max: duration("5m"), jitter: Jitter::default() }
}

pub(crate) fn retry(decoder: &mut Decoder<'_>, node: &Node, what: &str) -> Option<Retry> {
    let fields = fields(decoder, node, &RETRY, what.to_owned(), node.span)?;
    let attempts = fields.read(decoder, "attempts", |decoder, node, what| decoder.integer(node, what, 1, 1000));
    let backoff = fields.read(decoder, "backoff", backoff).unwrap_or_else(default_backoff);
    let only = fields.read(decoder, "only", retry_causes).unwrap_or_default();
    let attempts = u32::try_from(attempts?.value).ok()?;
    Some(Retry { attempts, backoff, only })
}

fn retry_causes(decoder: &mut Decoder<'_>, node: &Node, what: &str) -> Option<Vec<RetryCause>> {
    let mut found = Vec::new();
    for item in decoder.one_or_many(node, what) {
        if let NodeValue::Int(code) = item.value {
            let problem = Problem::error("wrong_type", item.span, format!("{what} cannot be the number {code}"));
            decoder.report(problem.hint(format!("write `exit {code}`")));
            continue;
        }
        let Some(text) = decoder.text(item, what) else { continue };
        match RetryCause::parse(&text) {
            Some(cause) => found.push((cause, item.span)),
            None => {
                let shown = crate::small_texts::shortened(&text);
                let problem = Problem::error("unknown_word", item.span, format!("{what} cannot be `{shown}`"));
                decoder.report(problem.hint(match text.starts_with("exit ") {
                    true => "an exit code is a whole number from 1 to 255, e.g. `exit 75`".to_owned(),
                    false => suggestion(&text, RetryCause::words()),
                }));
            }
        }
    }
    let texts: Vec<(String, crate::Span)> = found.iter().map(|(cause, span)| (cause.to_string(), *span)).collect();
    decoder.refuse_repeats(what, texts.iter().map(|(text, span)| (text.as_str(), *span)));
    Some(found.into_iter().map(|(cause, _)| cause).collect())
}

fn backoff(decoder: &mut Decoder<'_>, node: &Node, what: &str) -> Option<Backoff> {
    let fields = fields(decoder, node, &BACKOFF, what.to_owned(), node.span)?;
    let default = default_backoff();
    let first = fields.read(decoder, "first", Decoder::duration);
    let factor = fields.read(decoder, "factor", |decoder, node, what| decoder.number(node, what, 1.0));
    let max = fields.read(decoder, "max", Decoder::duration);
    let jitter = fields.read(decoder, "jitter", |decoder, node, what| decoder.word(node, what, JITTER));
    let shown = max.as_ref().or(first.as_ref()).map_or(node.span, |given| given.span);
    let first = first.map_or(default.first, |first| first.value);
    // A longer first wait than the default longest one needs no second line.
    let longest = if first.micros > default.max.micros { first.clone() } else { default.max };
    let max = max.map_or(longest, |max| max.value);
    if first.micros > max.micros {
        let message = format!("{what} waits {first} first, longer than its `max` of {max}");
        decoder.report(Problem::error("out_of_range", shown, message));
    }
    let factor = factor.map_or(default.factor, |factor| factor.value);
    let jitter = jitter.map_or(default.jitter, |jitter| jitter.value);
    Some(Backoff { first, factor, max, jitter })
}

fn tasks(decoder: &mut Decoder<'_>, node: &Node, what: &str, dag: &Name) -> BTreeMap<Name, Box<Task>> {
    let mut found = BTreeMap::new();
    let entries = decoder.entries(node, what, "a map of names to tasks");
    if entries.is_empty() && matches!(node.value, NodeValue::Map(_) | NodeValue::Null) {
        decoder.report(Problem::error("empty_list", node.span, format!("DAG `{dag}` has no tasks")));
    }
    for (key, value) in entries {
        let name = decoder.slug(key, "the key of a task");
        let label = format!("task `{}`", key.value);
        if let (Some(task), Some(name)) = (task(decoder, value, label, key.span), name) {
            found.insert(name.value, Box::new(task));
        }
    }
    found
}
