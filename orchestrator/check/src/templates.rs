//! `${…}` in parameters: every reference must be able to have a value when the task runs. Values that the DAG's own
//! defaults give are put in, so that they are checked like written ones; what only a run knows is not guessed.

use std::collections::BTreeSet;

use daybreak_spec::{Dag, Node, NodeValue, Problem, Reference, RunValue, Span, Spanned, Template};

use crate::dags::TaskPlace;
use crate::kinds::suggest;

/// A node with its templates replaced by the DAG's defaults; `None` where its value is known only in a run.
pub(crate) fn resolve(place: &TaskPlace<'_>, node: &Node, problems: &mut Vec<Problem>) -> Option<Node> {
    let value = match &node.value {
        NodeValue::Text(text) => return resolve_text(place, text, node, problems),
        NodeValue::List(items) => {
            let known: Vec<Node> = items.iter().filter_map(|item| resolve(place, item, problems)).collect();
            if known.is_empty() && !items.is_empty() {
                return None;
            }
            NodeValue::List(known)
        }
        NodeValue::Map(entries) => {
            let known: Vec<(Spanned<String>, Node)> = entries
                .iter()
                .filter_map(|(key, value)| Some((key.clone(), resolve(place, value, problems)?)))
                .collect();
            NodeValue::Map(known)
        }
        NodeValue::Null | NodeValue::Bool(_) | NodeValue::Int(_) | NodeValue::Float(_) => node.value.clone(),
    };
    Some(Node { span: node.span, value })
}

fn resolve_text(place: &TaskPlace<'_>, text: &str, node: &Node, problems: &mut Vec<Problem>) -> Option<Node> {
    let template = match Template::parse(text, node.span) {
        Ok(template) => template,
        Err(found) => {
            problems.extend(found);
            return None;
        }
    };
    for reference in template.references() {
        problems.extend(problem_of(place, reference));
    }
    let default = |name: &str| {
        let default = place.dag.params.get(name)?.default.as_ref()?;
        // Nothing stands for what could not be read.
        (default.value != NodeValue::Null).then_some(default)
    };
    if let Some(Spanned { value: Reference::Param(name), .. }) = template.references().next()
        && text == format!("${{params.{name}}}")
    {
        // A text that is one reference and nothing else becomes the value itself.
        return Some(Node { span: node.span, value: default(name)?.value.clone() });
    }
    let rendered = template.render(&|reference| match reference {
        Reference::Param(name) => match &default(name)?.value {
            NodeValue::Text(text) => Some(text.clone()),
            NodeValue::Int(number) => Some(number.to_string()),
            NodeValue::Float(number) => Some(number.to_string()),
            NodeValue::Bool(flag) => Some(flag.to_string()),
            NodeValue::Null | NodeValue::List(_) | NodeValue::Map(_) => None,
        },
        Reference::Run(_) | Reference::Output { .. } => None,
    });
    Some(Node { span: node.span, value: NodeValue::Text(rendered.ok()?) })
}

/// Keys of limits are rendered when a run is made, so that they can name only what every run has by then.
pub(crate) fn check_limit_keys(place: &TaskPlace<'_>, problems: &mut Vec<Problem>) {
    for key in place.task.limits.iter().filter_map(|used| used.key.as_ref()) {
        let template = match Template::parse(key, key.span) {
            Ok(template) => template,
            Err(found) => {
                problems.extend(found);
                continue;
            }
        };
        for reference in template.references() {
            let known = match &reference.value {
                Reference::Param(_) => true,
                Reference::Run(value) => matches!(value, RunValue::Dag | RunValue::Id | RunValue::WindowEnd),
                Reference::Output { .. } => false,
            };
            if known {
                problems.extend(problem_of(place, reference));
                continue;
            }
            let message = format!("`${{{}}}` is not known when a run is made, and a limit's key is", reference.value);
            let hint = "use `${params.…}`, `${run.dag}`, `${run.id}` or `${run.window_end}`";
            problems.push(Problem::error("not_known_yet", reference.span, message).hint(hint));
        }
    }
}

/// Parameters that no task of a DAG uses.
pub(crate) fn unused_params(dag: &Dag) -> Vec<Problem> {
    let mut used = BTreeSet::new();
    for (_, node) in dag.tasks.values().flat_map(|task| &task.parameters) {
        used_params(node, &mut used);
    }
    let keys = dag.tasks.values().flat_map(|task| &task.limits).filter_map(|used| used.key.as_ref());
    keys.for_each(|key| used_in_text(key, key.span, &mut used));
    let unused = dag.params.iter().filter(|(name, _)| !used.contains(*name));
    unused
        .map(|(name, param)| {
            let message = format!("no task uses the parameter `{name}`");
            let hint = format!("write `${{params.{name}}}` where a task is to have it, or take it out");
            Problem::warning("unused_parameter", param.span, message).hint(hint)
        })
        .collect()
}

fn used_params(node: &Node, used: &mut BTreeSet<String>) {
    match &node.value {
        NodeValue::Text(text) => used_in_text(text, node.span, used),
        NodeValue::List(items) => items.iter().for_each(|item| used_params(item, used)),
        NodeValue::Map(entries) => entries.iter().for_each(|(_, value)| used_params(value, used)),
        NodeValue::Null | NodeValue::Bool(_) | NodeValue::Int(_) | NodeValue::Float(_) => {}
    }
}

fn used_in_text(text: &str, span: Span, used: &mut BTreeSet<String>) {
    let template = Template::parse(text, span);
    used.extend(template.iter().flat_map(Template::references).filter_map(|reference| match &reference.value {
        Reference::Param(name) => Some(name.clone()),
        Reference::Run(_) | Reference::Output { .. } => None,
    }));
}

fn problem_of(place: &TaskPlace<'_>, reference: &Spanned<Reference>) -> Option<Problem> {
    let (dag, span) = (place.dag, reference.span);
    match &reference.value {
        Reference::Run(_) => None,
        Reference::Param(name) if dag.params.contains_key(name) => None,
        Reference::Param(name) => {
            let problem = Problem::error("unknown_reference", span, format!("the DAG has no parameter `{name}`"));
            let names = dag.params.keys().map(String::as_str);
            Some(problem.hint(match dag.params.is_empty() {
                true => format!("declare it with a default: `params: {{ {name}: … }}`"),
                false => suggest(name, names),
            }))
        }
        Reference::Output { task, .. } if !dag.tasks.contains_key(task) => {
            let problem = Problem::error("unknown_reference", span, format!("the DAG has no task `{task}`"));
            Some(problem.hint(suggest(task.as_str(), dag.tasks.keys().map(daybreak_spec::Name::as_str))))
        }
        Reference::Output { task, .. } => {
            let upstream = place.ancestors.as_ref().is_none_or(|ancestors| ancestors.contains(task));
            (!upstream).then(|| {
                let message =
                    format!("task `{}` does not wait for `{task}`, so its outputs are not there yet", place.name);
                Problem::error("not_upstream", span, message).hint(format!("add `{task}` to `needs`"))
            })
        }
    }
}
