//! Files of flow tests. A test names a DAG, its tasks and its parameters, so it is decoded against the project as read;
//! of a DAG that has problems of its own nothing is known to be missing.

use serde_json::{Map, Value as Json};

use super::fields::{Fields, fields};
use super::project::version;
use crate::did_you_mean::suggestion;
use crate::keys::{
    EXPECTATION, FAILURE_CAUSES, FINAL_CAUSES, FLOW_TEST, FLOW_TEST_FILE, MOCK, MOCKED_FAILURE, RUN_ENDS, TASK_ENDS,
    TASK_EXPECTATION,
};
use crate::small_texts::shortened;
use crate::{
    Dag, DeclarationKind, Declared, Decoder, Expectation, FlowTest, Mock, MockedCause, MockedFailure, Name, Node,
    NodeValue, Problem, Project, RetryCause, Span, Spanned, TaskExpectation, Timestamp,
};

/// The tests of a file.
pub(crate) fn flow_tests(
    decoder: &mut Decoder<'_>,
    (root, label, top): (&Node, String, Span),
    project: &Project,
    declared: &Declared,
) -> Vec<FlowTest> {
    let Some(fields) = fields(decoder, root, &FLOW_TEST_FILE, label, top) else { return Vec::new() };
    if let Some(node) = fields.get("version") {
        version(decoder, node);
    }
    let Some(node) = fields.get("tests") else { return Vec::new() };
    let entries = decoder.entries(node, "`tests`", "a map of names to tests");
    if entries.is_empty() && matches!(node.value, NodeValue::Map(_) | NodeValue::Null) {
        decoder.report(Problem::error("empty_list", node.span, format!("{} has no tests", fields.label)));
    }
    let mut found = Vec::new();
    for (key, node) in entries {
        if decoder.column_name(key, "the key of a test").is_some() {
            found.extend(flow_test(decoder, key, node, (project, declared)));
        }
    }
    found
}

fn flow_test(
    decoder: &mut Decoder<'_>,
    name: &Spanned<String>,
    node: &Node,
    (project, declared): (&Project, &Declared),
) -> Option<FlowTest> {
    let fields = fields(decoder, node, &FLOW_TEST, format!("test `{}`", shortened(name)), name.span)?;
    let dag_name = fields.read(decoder, "dag", Decoder::name);
    let dag = dag_name.as_ref().and_then(|dag| declared_dag(decoder, dag, (project, declared)));
    let at = fields.read(decoder, "at", instant);
    let params = fields.read(decoder, "params", |decoder, node, what| Some(given(decoder, node, what)));
    let params = params.unwrap_or_default();
    if let Some(dag) = dag {
        check_params(decoder, dag, &params, name);
    }
    let mocks = fields.read(decoder, "tasks", |decoder, node, what| Some(mocks(decoder, node, what, dag)));
    let expect = fields.read(decoder, "expect", |decoder, node, what| expectation(decoder, node, what, dag));
    let params = params.into_iter().map(|(key, value)| (key.value, value.to_json())).collect();
    Some(FlowTest { name: name.clone(), dag: dag_name?, at, params, mocks: mocks.unwrap_or_default(), expect: expect? })
}

/// The DAG, where what it lacks is really lacking.
fn declared_dag<'p>(
    decoder: &mut Decoder<'_>,
    name: &Spanned<Name>,
    (project, declared): (&'p Project, &Declared),
) -> Option<&'p Dag> {
    if !declared.may_exist(DeclarationKind::Dag, name) {
        let problem = Problem::error("unknown_reference", name.span, format!("there is no DAG `{}`", name.value));
        decoder.report(problem.hint(suggestion(name.as_str(), declared.names(DeclarationKind::Dag))));
    }
    project.dags.get(&name.value).filter(|_| !declared.is_damaged(DeclarationKind::Dag, name))
}

fn instant(decoder: &mut Decoder<'_>, node: &Node, what: &str) -> Option<Spanned<Timestamp>> {
    let text = decoder.text(node, what)?;
    let instant = Timestamp::parse(&text);
    if instant.is_none() {
        let message = format!("{what} must be an instant, and `{}` is none", shortened(&text));
        let hint = "write e.g. `2026-03-10T07:00:00Z`";
        decoder.report(Problem::error("bad_date", node.span, message).hint(hint));
    }
    instant.map(|instant| Spanned::new(instant, node.span))
}

fn given(decoder: &mut Decoder<'_>, node: &Node, what: &str) -> Vec<(Spanned<String>, Node)> {
    decoder.entries(node, what, "a map of names to values").to_vec()
}

fn check_params(decoder: &mut Decoder<'_>, dag: &Dag, params: &[(Spanned<String>, Node)], test: &Spanned<String>) {
    for (key, value) in params {
        match dag.params.get(&key.value) {
            None => {
                let message = format!("the DAG has no parameter `{}`", shortened(key));
                let hint = suggestion(key, dag.params.keys().map(String::as_str));
                decoder.report(Problem::error("unknown_reference", key.span, message).hint(hint));
            }
            Some(param) => {
                if let Err(why) = param.check(&value.to_json()) {
                    let message = format!("`{}` {why}", key.value);
                    let problem = Problem::error("wrong_value", value.span, message);
                    decoder.report(problem.related(param.span, "the parameter"));
                }
            }
        }
    }
    for (name, param) in dag.params.iter().filter(|(_, param)| param.default.is_none()) {
        if !params.iter().any(|(key, _)| key.value == *name) {
            let message = format!("test `{}` gives no value for `{name}`, which has no default", shortened(test));
            let problem = Problem::error("missing_parameter", test.span, message);
            decoder
                .report(problem.hint(format!("write `params: {{ {name}: … }}`")).related(param.span, "the parameter"));
        }
    }
}

/// A task of the DAG, or an item of one that is done once per item: `score[1]`.
fn task(decoder: &mut Decoder<'_>, text: &Spanned<String>, what: &str, dag: Option<&Dag>) -> Option<Spanned<Name>> {
    let of_item = Name::parse_of_run(text).filter(|name| name.item().is_some());
    let name = match of_item {
        Some(name) => Spanned::new(name, text.span),
        None => decoder.slug(text, what)?,
    };
    let declared = name.item().map_or(name.as_str(), |(task, _)| task);
    if let Some(dag) = dag {
        match dag.tasks.get(declared) {
            None => {
                let problem =
                    Problem::error("unknown_reference", name.span, format!("the DAG has no task `{declared}`"));
                decoder.report(problem.hint(suggestion(declared, dag.tasks.keys().map(Name::as_str))));
            }
            Some(task) if task.for_each.is_none() && name.item().is_some() => {
                let message = format!("task `{declared}` has no `for_each`, so there is no `{}`", name.value);
                let problem = Problem::error("unknown_reference", name.span, message);
                decoder.report(problem.hint(format!("write `{declared}`")).related(task.span, "the task"));
            }
            Some(_) => {}
        }
    }
    Some(name)
}

fn mocks(decoder: &mut Decoder<'_>, node: &Node, what: &str, dag: Option<&Dag>) -> Vec<(Spanned<Name>, Mock)> {
    let mut found = Vec::new();
    for (key, node) in decoder.entries(node, what, "a map of tasks to their ends") {
        let Some(name) = task(decoder, key, "the key of a task", dag) else { continue };
        let label = format!("the end of task `{}`", name.value);
        let Some(fields) = fields(decoder, node, &MOCK, label, key.span) else { continue };
        found.push((name, mock(decoder, &fields)));
    }
    found
}

fn mock(decoder: &mut Decoder<'_>, fields: &Fields<'_>) -> Mock {
    let outputs = fields.read(decoder, "outputs", |decoder, node, what| Some(map(decoder, node, what)));
    let fails = fields.read(decoder, "fails", failure);
    let skipped = fields.read(decoder, "skipped", Decoder::text);
    let takes = fields.read(decoder, "takes", Decoder::duration);
    let mut conflict = |key: &'static str, message: String, hint: &str| {
        if let Some((key, _)) = fields.entry(key) {
            decoder.report(Problem::error("conflicting_keys", key.span, message).hint(hint));
        }
    };
    if skipped.is_some() && (outputs.is_some() || fails.is_some() || takes.is_some()) {
        conflict("skipped", format!("{} is skipped and does something", fields.label), "drop the other keys");
    }
    if outputs.is_some() && fails.as_ref().is_some_and(|fails| fails.times.is_none()) {
        let hint = "say how many attempts fail with `times`, or drop `outputs`";
        conflict("outputs", format!("{} never comes: all its attempts fail", fields.label), hint);
    }
    let (outputs, takes) = (outputs.unwrap_or_default(), takes.map(|takes| takes.value));
    Mock { outputs, fails, skipped: skipped.map(|reason| reason.value), takes }
}

fn map(decoder: &mut Decoder<'_>, node: &Node, what: &str) -> Map<String, Json> {
    given(decoder, node, what).into_iter().map(|(key, value)| (key.value, value.to_json())).collect()
}

fn failure(decoder: &mut Decoder<'_>, node: &Node, what: &str) -> Option<MockedFailure> {
    if !matches!(node.value, NodeValue::Map(_)) {
        return Some(MockedFailure { cause: cause(decoder, node, what)?, reason: None, times: None });
    }
    let fields = fields(decoder, node, &MOCKED_FAILURE, what.to_owned(), node.span)?;
    let cause = match fields.get("cause") {
        Some(node) => cause(decoder, node, &fields.what("cause"))?,
        None => MockedCause::Tried(RetryCause::Error),
    };
    let reason = fields.read(decoder, "reason", Decoder::text).map(|reason| reason.value);
    let times = fields.read(decoder, "times", |decoder, node, what| decoder.integer(node, what, 1, 1000));
    Some(MockedFailure { cause, reason, times: times.and_then(|times| u32::try_from(times.value).ok()) })
}

fn cause(decoder: &mut Decoder<'_>, node: &Node, what: &str) -> Option<MockedCause> {
    let text = decoder.text(node, what)?;
    let cause = match FINAL_CAUSES.contains(&text.as_str()) {
        true => Some(MockedCause::Final(text.value.clone())),
        false => RetryCause::parse(&text).map(MockedCause::Tried),
    };
    if cause.is_none() {
        let message = format!("{what} cannot be `{}`", shortened(&text));
        let hint = match text.starts_with("exit ") {
            true => "an exit code is a whole number from 1 to 255, e.g. `exit 75`".to_owned(),
            false => suggestion(&text, FAILURE_CAUSES.iter().copied()),
        };
        decoder.report(Problem::error("unknown_word", node.span, message).hint(hint));
    }
    cause
}

fn expectation(decoder: &mut Decoder<'_>, node: &Node, what: &str, dag: Option<&Dag>) -> Option<Expectation> {
    let fields = fields(decoder, node, &EXPECTATION, what.to_owned(), node.span)?;
    let run = fields.read(decoder, "run", |decoder, node, what| decoder.word(node, what, RUN_ENDS));
    let reason = fields.read(decoder, "reason", Decoder::text);
    let mut tasks = Vec::new();
    for (key, node) in fields.get("tasks").map_or(&[][..], |node| {
        decoder.entries(node, &fields.what("tasks"), "a map of tasks to what is expected of them")
    }) {
        let Some(name) = task(decoder, key, "the key of a task", dag) else { continue };
        tasks.extend(task_expectation(decoder, &name, node).map(|expected| (name, expected)));
    }
    let order = fields.read(decoder, "order", |decoder, node, what| {
        let items = decoder.list(node, what, "a list of tasks");
        let texts: Vec<_> = items.iter().filter_map(|item| decoder.text(item, what)).collect();
        let names: Vec<_> = texts.iter().filter_map(|text| task(decoder, text, what, dag)).collect();
        decoder.refuse_repeats(what, names.iter().map(|name| (name.as_str(), name.span)));
        Some(names)
    });
    let nothing = ["run", "reason", "tasks", "order"].iter().all(|key| fields.get(key).is_none());
    if nothing {
        let problem =
            Problem::error("empty_list", fields.span, format!("{what} is empty, so that nothing can go wrong"));
        decoder.report(problem.hint("say how the run ends: `run: succeeded`"));
    }
    Some(Expectation { run, reason, tasks, order: order.unwrap_or_default() })
}

fn task_expectation(decoder: &mut Decoder<'_>, name: &Spanned<Name>, node: &Node) -> Option<TaskExpectation> {
    let label = format!("what is expected of task `{}`", name.value);
    if !matches!(node.value, NodeValue::Map(_)) {
        let state = decoder.word(node, &label, TASK_ENDS)?;
        return Some(TaskExpectation { state: Some(state), ..TaskExpectation::default() });
    }
    let fields = fields(decoder, node, &TASK_EXPECTATION, label, name.span)?;
    let state = fields.read(decoder, "state", |decoder, node, what| decoder.word(node, what, TASK_ENDS));
    let attempts = fields.read(decoder, "attempts", |decoder, node, what| decoder.integer(node, what, 0, 1000));
    let attempts = attempts.and_then(|count| Some(Spanned::new(u32::try_from(count.value).ok()?, count.span)));
    let parameters = fields.read(decoder, "parameters", |decoder, node, what| Some(given(decoder, node, what)));
    let outputs = fields.read(decoder, "outputs", |decoder, node, what| Some(given(decoder, node, what)));
    let cause = fields.read(decoder, "cause", Decoder::text);
    let reason = fields.read(decoder, "reason", Decoder::text);
    let (parameters, outputs) = (parameters.unwrap_or_default(), outputs.unwrap_or_default());
    Some(TaskExpectation { state, attempts, parameters, outputs, cause, reason })
}
