//! `wait_for`: waits for a file, an instant of business time or a run of another DAG, without holding a slot. A file is
//! looked for by one short attempt after another; instants and runs are the server's to see. Must never read what it
//! waits for.

use async_trait::async_trait;
use daybreak_core::{
    Awaited, Failure, KindDefinition, ParameterDefinition, ParameterRule, ParameterType, Resumption, Wait,
};
use daybreak_offline::{data_roots, files_named};
use daybreak_protocol::TaskResult;
use daybreak_runtime::{Task, TaskContext, TaskError};
use daybreak_spec::{Duration, Name, Timestamp};
use serde::Deserialize;
use serde_json::{Map, json};

use crate::parameters::object;

/// What checking and scheduling know of it.
pub static DEFINITION: KindDefinition = KindDefinition {
    name: "wait_for",
    summary: "waits for a file, an instant or another DAG, without holding a slot",
    parameters: &[
        ParameterDefinition {
            name: "file",
            parameter_type: ParameterType::Files,
            required: false,
            summary: "path or glob, relative to the project or below a data root; met when it names a file",
        },
        ParameterDefinition {
            name: "until",
            parameter_type: ParameterType::Moment,
            required: false,
            summary: "an instant of business time, e.g. `${run.window_end}+6h`",
        },
        ParameterDefinition {
            name: "dag",
            parameter_type: ParameterType::DagWindow,
            required: false,
            summary: "another DAG of which a run has to have succeeded: with this run's window end (`window: same`), \
                      or with that or a later one (`window: end`, when left out)",
        },
        ParameterDefinition {
            name: "every",
            parameter_type: ParameterType::Duration,
            required: false,
            summary: "how often it looks; `30s` when left out",
        },
        ParameterDefinition {
            name: "at_timeout",
            parameter_type: ParameterType::Words(&["fail", "skip", "succeed"]),
            required: false,
            summary: "what comes of it when its `timeout` is over; `fail` when left out",
        },
    ],
    heavy: false,
    side_effects: false,
    gated: false,
    reads: &[],
    makes: &[],
    rules: &[
        ParameterRule::OneOf(&["file", "until", "dag"]),
        ParameterRule::Beside("every", &["file"]),
        ParameterRule::Beside("at_timeout", &["timeout"]),
    ],
};

/// How often it looks when nobody says.
const EVERY_US: i64 = 30_000_000;

/// Files named in the outputs.
const MAX_FILES: usize = 20;

/// The task.
pub struct WaitFor;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    file: Option<String>,
    until: Option<String>,
    dag: Option<Window>,
    every: Option<Duration>,
    #[serde(default)]
    at_timeout: AtTimeout,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Window {
    name: Name,
    #[serde(default)]
    window: Which,
}

#[derive(Clone, Copy, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum Which {
    Same,
    #[default]
    End,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum AtTimeout {
    #[default]
    Fail,
    Skip,
    Succeed,
}

#[async_trait]
impl Task for WaitFor {
    fn definition(&self) -> &'static KindDefinition {
        &DEFINITION
    }

    async fn run(&self, context: &TaskContext) -> Result<TaskResult, TaskError> {
        let Parameters { file, until, dag, every, at_timeout } = context.parameters()?;
        let every_us = every.map_or(EVERY_US, |every| every.micros);
        let (condition, again_after_us) = match (file, until, dag) {
            (Some(path), None, None) => match found(context, &path).await? {
                Some(result) => return Ok(result),
                None => (Awaited::File { path }, Some(every_us)),
            },
            (None, Some(until), None) => {
                let at = Timestamp::parse_with_offset(&until).ok_or_else(|| {
                    let hint = "write e.g. `2026-03-10T07:00:00Z` or `${run.window_end}+6h`";
                    TaskError::lasting(format!("`until: {until}` is not an instant: {hint}"))
                })?;
                (Awaited::Instant { at }, None)
            }
            (None, None, Some(Window { name, window })) => {
                let (end, exact) = (context.assignment.window_end, window == Which::Same);
                (Awaited::Window { dag: name, end, exact }, None)
            }
            _ => return Err(TaskError::lasting("exactly one of `file`, `until` and `dag` has to be given")),
        };
        if context.assignment.waiting_since.is_none() {
            context.log(&format!("waits for {condition}"));
        }
        let timeout = context.declaration()?.timeout.as_ref().map(|timeout| &timeout.value);
        let limit_us = timeout.map(|timeout| timeout.micros);
        let at_limit = after(timeout, at_timeout, &condition);
        Ok(TaskResult::waiting(Wait { condition, again_after_us, limit_us, at_limit }))
    }
}

/// The files that a pattern names now; none: not yet.
async fn found(context: &TaskContext, pattern: &str) -> Result<Option<TaskResult>, TaskError> {
    let (root, roots) = (context.assignment.project_root.clone(), data_roots(&context.project));
    let wanted = pattern.to_owned();
    let looked = tokio::task::spawn_blocking(move || files_named(&root, &roots, &wanted)).await;
    let files = match looked.map_err(|error| TaskError::passing(format!("looking for `{pattern}`: {error}")))? {
        Ok(files) => files,
        Err(problem) if problem.code == "no_files" => return Ok(None),
        Err(problem) => return Err(TaskError::lasting(format!("waiting for `{pattern}`: {}", problem.message))),
    };
    let shown = files.iter().take(MAX_FILES).map(|file| {
        let inside = file.strip_prefix(&context.assignment.project_root).unwrap_or(file);
        inside.display().to_string()
    });
    let shown: Vec<String> = shown.collect();
    context.log(&format!("found {}", shown.join(", ")));
    let outputs = object(json!({ "files": shown, "count": files.len() }));
    Ok(Some(TaskResult { outputs, ..TaskResult::default() }))
}

/// What comes of the task when its timeout is over.
fn after(timeout: Option<&Duration>, at_timeout: AtTimeout, condition: &Awaited) -> Resumption {
    let within = timeout.map(|timeout| format!(" within its timeout of {timeout}")).unwrap_or_default();
    let reason = format!("waited for {condition}, which did not come about{within}");
    match at_timeout {
        AtTimeout::Fail => Resumption::Fails(Failure { cause: "wait_timeout".to_owned(), reason }),
        AtTimeout::Skip => Resumption::Skips { reason },
        AtTimeout::Succeed => Resumption::Succeeds { outputs: Map::from_iter([("timed_out".to_owned(), true.into())]) },
    }
}
