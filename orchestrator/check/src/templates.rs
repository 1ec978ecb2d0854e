//! `${…}` in parameters: every reference must be able to have a value when the task runs. Values that the DAG's own
//! defaults give are put in, so that they are checked like written ones; what only a run knows is not guessed.

use std::collections::BTreeSet;

use daybreak_spec::{Dag, Node, NodeValue, ParamType, Problem, Reference, RunValue, Span, Spanned, Template};

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
    // What another reference stands for is known only in a run, whatever its default.
    if template.references().any(|reference| !matches!(reference.value, Reference::Param(_))) {
        return None;
    }
    if let Some((Spanned { value: Reference::Param(name), .. }, _)) = template.alone() {
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
        Reference::Run(_) | Reference::Output { .. } | Reference::Item { .. } | Reference::Index => None,
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
                Reference::Output { .. } | Reference::Item { .. } | Reference::Index => false,
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
    for task in dag.tasks.values() {
        let lists = task.for_each.iter().map(|for_each| &for_each.list);
        let keys = task.cache.iter().flat_map(|cache| &cache.key);
        let parameters = task.parameters.iter().map(|(_, node)| node);
        parameters.chain(lists).chain(keys).for_each(|node| used_params(node, &mut used));
    }
    let keys = dag.tasks.values().flat_map(|task| &task.limits).filter_map(|used| used.key.as_ref());
    keys.for_each(|key| each_in_text(key, key.span, &mut |reference| note_param(reference, &mut used)));
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
    each_reference(node, &mut |reference| note_param(reference, used));
}

fn note_param(reference: &Spanned<Reference>, used: &mut BTreeSet<String>) {
    if let Reference::Param(name) = &reference.value {
        used.insert(name.clone());
    }
}

fn each_in_text(text: &str, span: Span, look: &mut dyn FnMut(&Spanned<Reference>)) {
    let template = Template::parse(text, span);
    template.iter().flat_map(Template::references).for_each(look);
}

/// Looks at every reference in the texts of a node.
fn each_reference(node: &Node, look: &mut dyn FnMut(&Spanned<Reference>)) {
    match &node.value {
        NodeValue::Text(text) => each_in_text(text, node.span, look),
        NodeValue::List(items) => items.iter().for_each(|item| each_reference(item, look)),
        NodeValue::Map(entries) => entries.iter().for_each(|(_, value)| each_reference(value, look)),
        NodeValue::Null | NodeValue::Bool(_) | NodeValue::Int(_) | NodeValue::Float(_) => {}
    }
}

/// The list of a task that is done once per item: there before its items, and a list. The whole of it travels with no item.
pub(crate) fn check_for_each(place: &TaskPlace<'_>, problems: &mut Vec<Problem>) {
    let Some(for_each) = &place.task.for_each else { return };
    resolve(place, &for_each.list, problems);
    each_reference(&for_each.list, &mut |reference| {
        if matches!(reference.value, Reference::Item { .. } | Reference::Index) {
            let message = format!("`${{{}}}` stands for an item of the list that it is to be in", reference.value);
            problems.push(Problem::error("unknown_reference", reference.span, message));
        }
    });
    let Some(template) = for_each.list.as_text().and_then(|text| Template::parse(text, for_each.list.span).ok()) else {
        return;
    };
    let Some((list, _)) = template.alone() else { return };
    if let Reference::Param(name) = &list.value
        && let Some(param) = place.dag.params.get(name)
        && param.param_type != ParamType::List
    {
        let message = format!("`for_each` needs a list, and the parameter `{name}` is none");
        let hint = format!("declare it as one: `{name}: {{ type: list, default: [] }}`");
        problems.push(Problem::error("wrong_type", list.span, message).hint(hint));
    }
    for (_, node) in &place.task.parameters {
        each_reference(node, &mut |reference| {
            if reference.value == list.value {
                let message = format!("`${{{}}}` is the whole list of `for_each`, which no item sees", list.value);
                let hint = "write ${item}, ${item.KEY} or ${index}";
                problems.push(Problem::error("whole_list", reference.span, message).hint(hint));
            }
        });
    }
}

fn problem_of(place: &TaskPlace<'_>, reference: &Spanned<Reference>) -> Option<Problem> {
    let (dag, span) = (place.dag, reference.span);
    match &reference.value {
        Reference::Run(_) => None,
        Reference::Item { .. } | Reference::Index if place.task.for_each.is_some() => None,
        Reference::Item { .. } | Reference::Index => {
            let message = format!("task `{}` has no `for_each`, so there is no `${{{}}}`", place.name, reference.value);
            Some(Problem::error("unknown_reference", span, message))
        }
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
            let upstream = place.ancestors().is_none_or(|ancestors| ancestors.contains(task));
            (!upstream).then(|| {
                let message =
                    format!("task `{}` does not wait for `{task}`, so its outputs are not there yet", place.name);
                Problem::error("not_upstream", span, message).hint(format!("add `{task}` to `needs`"))
            })
        }
    }
}
