//! Tasks against the catalogue of kinds: unknown kinds, unknown, missing and mistyped parameters. Knows types of
//! parameters, never a kind by name. A new parameter type = a line in `check_value` and one in `schema.rs`.

use std::path::{Component, Path, PathBuf};

use daybreak_core::{KindCatalog, KindDefinition, ParameterDefinition, ParameterRule, ParameterType};
use daybreak_spec::{
    DeclarationKind, Decoder, Model, Name, Node, NodeValue, Problem, Spanned, did_you_mean, parse_gate, task_keys,
};

use crate::dag_values;
use crate::dags::TaskPlace;
use crate::http_values;

/// The kind of a task, or a problem.
pub(crate) fn kind_of(
    place: &TaskPlace<'_>,
    kinds: &KindCatalog,
    problems: &mut Vec<Problem>,
) -> Option<&'static KindDefinition> {
    let kind = &place.task.kind;
    let found = kinds.get(kind);
    // Without a kind the text is empty and the decoder has said so.
    if found.is_none() && !kind.is_empty() {
        let problem = Problem::error("unknown_kind", kind.span, format!("there is no kind of task `{}`", kind.value));
        problems.push(problem.hint(suggest(kind, kinds.iter().map(|definition| definition.name))));
    }
    found
}

/// A result that is known already is not made again, so what a kind makes beside its outputs would be missing.
pub(crate) fn check_cache(place: &TaskPlace<'_>, kind: &KindDefinition, problems: &mut Vec<Problem>) {
    let Some(cache) = &place.task.cache else { return };
    if !kind.makes.is_empty() {
        let message = format!(
            "task `{}` of kind `{}` cannot have `cache`: what it makes is registered by the run that makes it",
            place.name, kind.name
        );
        let problem = Problem::error("not_cacheable", cache.ttl.span, message);
        problems.push(problem.hint("drop `cache`; builds that exist are not made twice anyway"));
    }
    for part in &cache.key {
        place.resolve(part, problems);
    }
}

/// Every parameter of a task: known, given where required, of the right type.
pub(crate) fn check_parameters(place: &TaskPlace<'_>, kind: &KindDefinition, problems: &mut Vec<Problem>) {
    let mut unknown = Vec::new();
    for (key, node) in &place.task.parameters {
        match kind.parameters.iter().find(|parameter| parameter.name == key.as_str()) {
            None => {
                unknown.push(key.as_str());
                let message = format!("tasks of kind `{}` take no parameter `{}`", kind.name, key.value);
                let words = kind.parameters.iter().map(|parameter| parameter.name).chain(task_keys());
                problems.push(Problem::error("unknown_parameter", key.span, message).hint(suggest(key, words)));
            }
            Some(parameter) => {
                if let Some(value) = place.resolve(node, problems) {
                    check_value(place, parameter, &value, problems);
                } else if parameter.parameter_type == ParameterType::Moment {
                    dag_values::check_moment_of_run(place, (parameter.name, node), problems);
                }
            }
        }
    }
    for parameter in kind.parameters.iter().filter(|parameter| parameter.required) {
        let misspelt = unknown.iter().any(|key| did_you_mean(key, [parameter.name]).is_some());
        if place.task.parameter(parameter.name).is_none() && !misspelt {
            let message =
                format!("task `{}` of kind `{}` needs the parameter `{}`", place.name, kind.name, parameter.name);
            let hint = format!("`{}`: {}", parameter.name, parameter.summary);
            problems.push(Problem::error("missing_parameter", place.task.kind.span, message).hint(hint));
        }
    }
    let dags: Vec<(&str, &str)> = kind
        .parameters
        .iter()
        .filter_map(|parameter| match parameter.parameter_type {
            ParameterType::DagParams(dag) => Some((dag, parameter.name)),
            _ => None,
        })
        .collect();
    problems.extend(dag_values::missing_params(place, &dags));
    for rule in kind.rules {
        problems.extend(broken_rule(place, kind, *rule));
    }
}

/// What holds between parameters.
fn broken_rule(place: &TaskPlace<'_>, kind: &KindDefinition, rule: ParameterRule) -> Option<Problem> {
    let parameter = |name: &str| place.task.parameters.iter().find(|(key, _)| key.as_str() == name);
    let is_given = |name: &str| match name {
        "timeout" => place.task.timeout.is_some(),
        name => parameter(name).is_some(),
    };
    match rule {
        ParameterRule::OneOf(names) => {
            let given: Vec<_> = names.iter().filter_map(|name| parameter(name)).collect();
            let listed = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            match given.as_slice() {
                [_] => None,
                [] => {
                    let message = format!("task `{}` of kind `{}` needs one of {listed}", place.name, kind.name);
                    Some(Problem::error("missing_parameter", place.task.kind.span, message).hint("give exactly one"))
                }
                [(first, _), (second, _), ..] => {
                    let message = format!("task `{}` has `{}` and `{}`", place.name, first.value, second.value);
                    let problem = Problem::error("conflicting_keys", second.span, message);
                    Some(problem.hint(format!("give exactly one of {listed}")).related(first.span, "the other key"))
                }
            }
        }
        ParameterRule::Beside(name, others) => {
            let (key, _) = parameter(name)?;
            if others.iter().any(|other| is_given(other)) {
                return None;
            }
            let listed = others.iter().map(|other| format!("`{other}`")).collect::<Vec<_>>().join(" or ");
            let message = format!("`{name}` of task `{}` means nothing without {listed}", place.name);
            let problem = Problem::error("conflicting_keys", key.span, message);
            Some(problem.hint(format!("add {listed}, or leave `{name}` out")))
        }
    }
}

/// One value against its type.
fn check_value(place: &TaskPlace<'_>, parameter: &ParameterDefinition, node: &Node, problems: &mut Vec<Problem>) {
    let what = format!("`{}` of task `{}`", parameter.name, place.name);
    let mut decoder = Decoder::new();
    match parameter.parameter_type {
        ParameterType::Text => drop(decoder.text(node, &what)),
        ParameterType::Int => drop(decoder.integer(node, &what, i64::MIN, i64::MAX)),
        ParameterType::Bool => drop(decoder.flag(node, &what)),
        ParameterType::Duration => drop(decoder.duration(node, &what)),
        ParameterType::Model => {
            if let Some(name) = decoder.name(node, &what) {
                known(place, &mut decoder, DeclarationKind::Model, &name);
            }
        }
        ParameterType::Alias => drop(decoder.name(node, &what)),
        ParameterType::Views => {
            for name in decoder.names(node, &what) {
                known(place, &mut decoder, DeclarationKind::FeatureView, &name);
            }
        }
        ParameterType::Gates => check_gates(place, &mut decoder, node, &what),
        ParameterType::Argv => check_argv(&mut decoder, &as_words(node), &what),
        ParameterType::Environment => check_environment(&mut decoder, &as_words(node), &what),
        ParameterType::Path => check_path(place, &mut decoder, node, &what),
        ParameterType::Files => dag_values::check_files(&mut decoder, node, &what),
        ParameterType::Objects => dag_values::check_objects(&mut decoder, node, &what),
        ParameterType::Words(words) => drop(decoder.word::<String>(node, &what, words)),
        ParameterType::Moment => dag_values::check_moment(&mut decoder, node, &what),
        ParameterType::Dag => {
            if let Some(name) = decoder.name(node, &what) {
                known(place, &mut decoder, DeclarationKind::Dag, &name);
            }
        }
        ParameterType::DagParams(dag) => dag_values::check_params(place, &mut decoder, (dag, node), &what),
        ParameterType::DagWindow => dag_values::check_window(place, &mut decoder, node, &what),
        ParameterType::Url => http_values::check_url(place, &mut decoder, node, &what),
        ParameterType::Probe => http_values::check_probe(place, &mut decoder, node, &what),
        ParameterType::Headers => http_values::check_headers(&mut decoder, &as_words(node), &what),
        ParameterType::Json => {}
        ParameterType::Statuses => http_values::check_statuses(&mut decoder, node, &what),
        ParameterType::Pointers => http_values::check_pointers(&mut decoder, node, &what),
    }
    problems.extend(decoder.into_problems());
}

pub(crate) fn known(place: &TaskPlace<'_>, decoder: &mut Decoder<'_>, kind: DeclarationKind, name: &Spanned<Name>) {
    if !place.declared.may_exist(kind, name) {
        let message = format!("there is no {} `{}`", kind.name(), name.value);
        let problem = Problem::error("unknown_reference", name.span, message);
        decoder.report(problem.hint(suggest(name.as_str(), place.declared.names(kind))));
    }
}

fn check_gates(place: &TaskPlace<'_>, decoder: &mut Decoder<'_>, node: &Node, what: &str) {
    let model = place.value("model");
    let model = model.as_ref().and_then(Node::as_text).and_then(|model| place.sound_model(model));
    for item in decoder.one_or_many(node, what) {
        let Some(text) = decoder.text(item, what) else { continue };
        match parse_gate(&text, item.span) {
            Err(problem) => decoder.report(problem),
            Ok(gate) => {
                let measured = |model: &Model| model.metrics.iter().any(|metric| metric.value == gate.metric);
                if let Some((_, model)) = model.filter(|(_, model)| !measured(model)) {
                    let names: Vec<String> =
                        model.metrics.iter().map(|metric| format!("`{}`", metric.value.name())).collect();
                    let message =
                        format!("the gate asks for `{}`, which the model does not measure", gate.metric.name());
                    let hint = format!("add it to the model's `metrics`, or ask for {}", names.join(" or "));
                    decoder.report(Problem::error("metric_not_measured", item.span, message).hint(hint));
                }
            }
        }
    }
}

fn check_argv(decoder: &mut Decoder<'_>, node: &Node, what: &str) {
    if let NodeValue::Text(text) = &node.value {
        let items: Vec<&str> = text.split_whitespace().collect();
        let problem = Problem::error("wrong_type", node.span, format!("{what} must be a list, not one text"));
        let hint = format!("no shell reads it: write each word as an item, [{}]", items.join(", "));
        return decoder.report(problem.hint(hint));
    }
    drop(decoder.texts(node, what));
}

/// Numbers and flags are words to a program; they come from `${…}` too.
fn as_words(node: &Node) -> Node {
    let value = match &node.value {
        NodeValue::Int(number) => NodeValue::Text(number.to_string()),
        NodeValue::Float(number) => NodeValue::Text(number.to_string()),
        NodeValue::Bool(flag) => NodeValue::Text(flag.to_string()),
        NodeValue::List(items) => NodeValue::List(items.iter().map(as_words).collect()),
        NodeValue::Map(entries) => {
            NodeValue::Map(entries.iter().map(|(key, value)| (key.clone(), as_words(value))).collect())
        }
        NodeValue::Null | NodeValue::Text(_) => node.value.clone(),
    };
    Node { span: node.span, value }
}

fn check_environment(decoder: &mut Decoder<'_>, node: &Node, what: &str) {
    for (key, _) in decoder.text_map(node, what) {
        if key.is_empty() || key.contains(['=', '\0']) {
            let message = format!("`{}` cannot be the name of an environment variable", key.value);
            decoder.report(Problem::error("bad_name", key.span, message));
        }
    }
}

fn check_path(place: &TaskPlace<'_>, decoder: &mut Decoder<'_>, node: &Node, what: &str) {
    let Some(path) = decoder.text(node, what) else { return };
    let path = plain(path.as_str());
    let in_data = place.project.data_roots.iter().any(|root| path.starts_with(plain(root.as_str())));
    if (path.is_absolute() || path.starts_with("..")) && !in_data {
        let message = format!("{what} leaves the project: `{}`", path.display());
        let hint = "write a path below the project's folder, or declare its folder under `data_roots` in daybreak.yaml";
        decoder.report(Problem::error("path_outside_project", node.span, message).hint(hint));
    }
}

/// A path without `.` and, as far as can be, without `..`.
fn plain(path: &str) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in Path::new(path).components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if matches!(plain.components().next_back(), Some(Component::Normal(_))) => {
                plain.pop();
            }
            other => plain.push(other),
        }
    }
    plain
}

/// "did you mean `x`?", or what there is.
pub(crate) fn suggest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> String {
    let candidates: Vec<&str> = candidates.collect();
    match did_you_mean(word, candidates.iter().copied()) {
        Some(candidate) => format!("did you mean `{candidate}`?"),
        None if candidates.is_empty() => "none is declared".to_owned(),
        None => format!("there are: {}", candidates.join(", ")),
    }
}
