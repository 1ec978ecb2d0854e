//! Values of parameters that speak of other DAGs, instants and files. To add a value: a function here, a line in `kinds.rs`.

use std::path::{Component, Path};

use daybreak_spec::{
    Dag, DeclarationKind, Decoder, Name, Node, NodeValue, Problem, Reference, RunValue, Span, Template, Timestamp,
};

use crate::dags::TaskPlace;
use crate::kinds::{known, suggest};

/// `window:`
const WINDOWS: &[&str] = &["same", "end"];

/// Stands for the instants that only a run knows.
const SAMPLE: &str = "2000-01-01T00:00:00Z";

/// A path or glob of files. Whether it lies where the project may read is seen when it is looked for.
pub(crate) fn check_files(decoder: &mut Decoder<'_>, node: &Node, what: &str) {
    let Some(path) = decoder.text(node, what) else { return };
    if path.contains('\0') || path.contains("://") {
        let message = format!("{what} is not a path to local files");
        let hint = "write a path or glob relative to the project, or below one of its `data_roots`";
        return decoder.report(Problem::error("bad_path", node.span, message).hint(hint));
    }
    let climbs = Path::new(path.as_str()).components().any(|part| matches!(part, Component::ParentDir));
    if climbs {
        let message = format!("{what} leaves the project: `{}`", path.value);
        let hint = "write a path below the project's folder, or an absolute one below one of its `data_roots`";
        decoder.report(Problem::error("path_outside_project", node.span, message).hint(hint));
    }
}

/// Objects of a bucket.
pub(crate) fn check_objects(decoder: &mut Decoder<'_>, node: &Node, what: &str) {
    let Some(url) = decoder.text(node, what) else { return };
    if let Some(wrong) = daybreak_tasks::no_object(&url) {
        decoder.report(Problem::error("bad_object", node.span, format!("{what}: {wrong}")));
    }
}

/// An instant that is known before a run.
pub(crate) fn check_moment(decoder: &mut Decoder<'_>, node: &Node, what: &str) {
    let Some(text) = decoder.text(node, what) else { return };
    if Timestamp::parse_with_offset(&text).is_none() {
        decoder.report(no_moment(node.span, what, &text));
    }
}

/// An instant that only a run knows: its form is checked with another in its place.
pub(crate) fn check_moment_of_run(place: &TaskPlace<'_>, (name, node): (&str, &Node), problems: &mut Vec<Problem>) {
    let Some(template) = node.as_text().and_then(|text| Template::parse(text, node.span).ok()) else { return };
    let sample = |reference: &Reference| match reference {
        Reference::Run(RunValue::WindowEnd | RunValue::WindowStart | RunValue::ScheduledFor) => Some(SAMPLE.to_owned()),
        Reference::Run(RunValue::Id | RunValue::Dag) => Some("an id".to_owned()),
        Reference::Param(name) => {
            place.dag.params.get(name)?.default.as_ref().and_then(Node::as_text).map(str::to_owned)
        }
        Reference::Output { .. } | Reference::Item { .. } | Reference::Index => None,
    };
    let Ok(text) = template.render(&sample) else { return };
    if Timestamp::parse_with_offset(&text).is_none() {
        let what = format!("`{name}` of task `{}`", place.name);
        problems.push(no_moment(node.span, &what, node.as_text().unwrap_or_default()));
    }
}

fn no_moment(span: Span, what: &str, text: &str) -> Problem {
    let message = format!("{what} must be an instant, and `{text}` is none");
    Problem::error("bad_instant", span, message)
        .hint("write e.g. `2026-03-10T07:00:00Z`, `${run.window_end}` or `${run.window_end}+6h`")
}

/// `{ name, window }`.
pub(crate) fn check_window(place: &TaskPlace<'_>, decoder: &mut Decoder<'_>, node: &Node, what: &str) {
    let NodeValue::Map(entries) = &node.value else {
        return decoder.wrong_type(node, what, "a map such as `{ name: prices, window: same }`");
    };
    for (key, value) in entries {
        let inner = format!("`{}` in {what}", key.value);
        match key.as_str() {
            "name" => {
                let Some(name) = decoder.name(value, &inner) else { continue };
                known(place, decoder, DeclarationKind::Dag, &name);
                if place.project.dags.get(&name.value).is_some_and(|dag| std::ptr::eq(dag, place.dag)) {
                    let message = format!("task `{}` waits for a run of its own DAG `{}`", place.name, name.value);
                    let problem = Problem::error("self_need", name.span, message);
                    decoder.report(problem.hint("name another DAG; earlier tasks of this one stand in `needs`"));
                }
            }
            "window" => drop(decoder.word::<String>(value, &inner, WINDOWS)),
            _ => {
                let problem = Problem::error("unknown_key", key.span, format!("{what} has no key `{}`", key.value));
                decoder.report(problem.hint(suggest(key, ["name", "window"].into_iter())));
            }
        }
    }
    if !entries.iter().any(|(key, _)| key.as_str() == "name") {
        let problem = Problem::error("missing_key", node.span, format!("{what} has no `name`"));
        decoder.report(problem.hint("add `name`: the DAG whose run is waited for"));
    }
}

/// What another DAG is given, against its parameters.
pub(crate) fn check_params(
    place: &TaskPlace<'_>,
    decoder: &mut Decoder<'_>,
    (parameter, node): (&str, &Node),
    what: &str,
) {
    let NodeValue::Map(entries) = &node.value else {
        return decoder.wrong_type(node, what, "a map of the other DAG's parameters to values");
    };
    let Some((name, dag)) = other_dag(place, parameter) else { return };
    for (key, value) in entries {
        let Some(param) = dag.params.get(key.as_str()) else {
            let message = format!("DAG `{name}` has no parameter `{}`", key.value);
            let names = dag.params.keys().map(String::as_str);
            decoder.report(Problem::error("unknown_parameter", key.span, message).hint(suggest(key, names)));
            continue;
        };
        if let Err(wrong) = param.check(&value.to_json()) {
            let message = format!("parameter `{}` of DAG `{name}` {wrong}", key.value);
            decoder.report(Problem::error("wrong_value", value.span, message).related(param.span, "declared here"));
        }
    }
}

/// A task that runs a DAG gives it all that it has no default for.
pub(crate) fn missing_params(place: &TaskPlace<'_>, parameters: &[(&str, &str)]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (parameter, params) in parameters {
        let Some((name, dag)) = other_dag(place, parameter) else { continue };
        let given = |key: &str| match place.task.parameter(params).map(|node| &node.value) {
            Some(NodeValue::Map(entries)) => entries.iter().any(|(given, _)| given.as_str() == key),
            // A text stands for values that only a run knows.
            Some(_) => true,
            None => false,
        };
        for (key, param) in dag.params.iter().filter(|(key, param)| param.default.is_none() && !given(key)) {
            let message = format!("task `{}` runs DAG `{name}` without its parameter `{key}`", place.name);
            let span = place.task.parameter(parameter).map_or(place.task.kind.span, |node| node.span);
            let problem = Problem::error("missing_parameter", span, message);
            let hint = format!("`{key}` has no default: add it to `{params}`");
            problems.push(problem.hint(hint).related(param.span, "declared here"));
        }
    }
    problems
}

fn other_dag<'a>(place: &'a TaskPlace<'_>, parameter: &str) -> Option<(&'a Name, &'a Dag)> {
    let name = Name::parse(place.value(parameter)?.as_text()?)?;
    let found = place.project.dags.get_key_value(&name)?;
    (!place.declared.is_damaged(DeclarationKind::Dag, &name)).then_some(found)
}
