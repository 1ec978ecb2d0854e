//! `wait_for`: waits for a file, an object, an address that answers, an instant of business time or a run of another DAG, without
//! holding a slot. Files, objects and addresses are looked at by one short attempt after another; instants and runs are the server's to see. Must never read what it
//! waits for.

use async_trait::async_trait;
use daybreak_artifacts::ObjectPattern;
use daybreak_core::{
    Awaited, Failure, KindDefinition, ParameterDefinition, ParameterRule, ParameterType, Resumption, Wait,
};
use daybreak_offline::{data_roots, files_named};
use daybreak_protocol::TaskResult;
use daybreak_runtime::{Task, TaskContext, TaskError};
use daybreak_spec::{Duration, Name, Timestamp};
use reqwest_tls::Method;
use reqwest_tls::header::HeaderMap;
use serde::Deserialize;
use serde_json::{Map, json};

use crate::failure;
use crate::http;
use crate::http_client::{Ask, HttpClient, Refused, shown};
use crate::parameters::{OneOrMany, object};
use crate::run_dag;

/// What checking and scheduling know of it.
pub static DEFINITION: KindDefinition = KindDefinition {
    name: "wait_for",
    summary: "waits for a file, an object, an address, an instant or another DAG, without holding a slot",
    parameters: &[
        ParameterDefinition {
            name: "file",
            parameter_type: ParameterType::Files,
            required: false,
            summary: "path or glob, relative to the project or below a data root; met when it names a file",
        },
        ParameterDefinition {
            name: "object",
            parameter_type: ParameterType::Objects,
            required: false,
            summary: "an object of a bucket, `s3://bucket/key`, or `s3://bucket/beginning*`; the worker's AWS_… variables say how it is asked",
        },
        ParameterDefinition {
            name: "http",
            parameter_type: ParameterType::Probe,
            required: false,
            summary: "an address that has to answer, e.g. `{ url: https://example.com/ready, status: 200 }`",
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
        ParameterRule::OneOf(&["file", "object", "http", "until", "dag"]),
        ParameterRule::Beside("every", &["file", "object", "http"]),
        ParameterRule::Beside("at_timeout", &["timeout"]),
    ],
};

/// How often it looks when nobody says.
const EVERY_US: i64 = 30_000_000;

/// How long an address has to answer one question.
const PROBE_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(10);

/// Files named in the outputs.
const MAX_FILES: usize = 20;

/// The task.
pub struct WaitFor;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    file: Option<String>,
    object: Option<String>,
    http: Option<Probe>,
    until: Option<String>,
    dag: Option<Window>,
    every: Option<Duration>,
    #[serde(default)]
    at_timeout: AtTimeout,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Probe {
    url: String,
    status: Option<OneOrMany<u16>>,
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
        let Parameters { file, object, http, until, dag, every, at_timeout } = context.parameters()?;
        let every_us = every.map_or(EVERY_US, |every| every.micros);
        let (condition, again_after_us) = match (file, object, http, until, dag) {
            (None, None, Some(Probe { url, status }), None, None) => {
                let status = status.map_or_else(|| vec![200], |status| status.into_iter().collect());
                match answers(context, &url, &status).await? {
                    Some(result) => return Ok(result),
                    None => (Awaited::Http { url: shown(&url), status }, Some(every_us)),
                }
            }
            (None, Some(url), None, None, None) => match there(context, &url).await? {
                Some(result) => return Ok(result),
                None => (Awaited::Object { url }, Some(every_us)),
            },
            (Some(path), None, None, None, None) => match found(context, &path).await? {
                Some(result) => return Ok(result),
                None => (Awaited::File { path }, Some(every_us)),
            },
            (None, None, None, Some(until), None) => {
                let at = Timestamp::parse_with_offset(&until).ok_or_else(|| {
                    let hint = "write e.g. `2026-03-10T07:00:00Z` or `${run.window_end}+6h`";
                    TaskError::lasting(format!("`until: {until}` is not an instant: {hint}"))
                })?;
                (Awaited::Instant { at }, None)
            }
            (None, None, None, None, Some(Window { name, window })) => {
                if !context.project.dags.contains_key(&name) {
                    return Err(run_dag::unknown_dag(context, &name));
                }
                let (end, exact) = (context.assignment.window_end, window == Which::Same);
                (Awaited::Window { dag: name, end, exact }, None)
            }
            _ => {
                return Err(TaskError::lasting(
                    "exactly one of `file`, `object`, `http`, `until` and `dag` has to be given",
                ));
            }
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

/// The objects that are there now; none: not yet.
async fn there(context: &TaskContext, url: &str) -> Result<Option<TaskResult>, TaskError> {
    let pattern = ObjectPattern::parse(url).map_err(|error| TaskError::lasting(error.to_string()))?;
    let Some(buckets) = &context.buckets else {
        let hint = "start the worker with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";
        return Err(TaskError::lasting(format!("`{url}` cannot be looked for: {hint}")));
    };
    let found = pattern.found(buckets).await.map_err(|error| failure::artifacts(&error))?;
    if found.is_empty() {
        return Ok(None);
    }
    let shown: Vec<&String> = found.iter().take(MAX_FILES).collect();
    context.log(&format!("found {} objects, the first: {}", found.len(), shown[0]));
    let outputs = object(json!({ "objects": shown, "count": found.len() }));
    Ok(Some(TaskResult { outputs, ..TaskResult::default() }))
}

/// Why a text names no objects of a bucket, where it does not.
pub fn no_object(url: &str) -> Option<String> {
    ObjectPattern::parse(url).err().map(|error| error.to_string())
}

/// Whether the address answers as it is to; one that does not answer at all may yet.
async fn answers(context: &TaskContext, url: &str, status: &[u16]) -> Result<Option<TaskResult>, TaskError> {
    let ask =
        Ask { method: Method::GET, url: url.to_owned(), headers: HeaderMap::new(), body: None, timeout: PROBE_TIMEOUT };
    match HttpClient::new(http::allowed(context)).ask(ask).await {
        Ok(answer) if status.contains(&answer.status) => {
            let outputs = object(json!({ "status": answer.status }));
            Ok(Some(TaskResult { outputs, ..TaskResult::default() }))
        }
        Ok(_) | Err(Refused::Passing(_)) => Ok(None),
        Err(Refused::Lasting(why)) => Err(TaskError::lasting(why)),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_at_its_timeout_is_as_declared_and_names_what_was_waited_for() {
        let condition = Awaited::File { path: "drop/*.csv".to_owned() };
        let timeout = Duration::parse("2h").expect("a duration");
        let words = "waited for a file that `drop/*.csv` names, which did not come about within its timeout of 2h";
        match after(Some(&timeout), AtTimeout::Fail, &condition) {
            Resumption::Fails(failure) => {
                assert_eq!((failure.cause.as_str(), failure.reason.as_str()), ("wait_timeout", words))
            }
            other => panic!("{other:?}"),
        }
        let skipped = Resumption::Skips { reason: words.to_owned() };
        assert_eq!(after(Some(&timeout), AtTimeout::Skip, &condition), skipped);
        let outputs = Map::from_iter([("timed_out".to_owned(), true.into())]);
        assert_eq!(after(Some(&timeout), AtTimeout::Succeed, &condition), Resumption::Succeeds { outputs });
    }

    #[test]
    fn what_it_does_not_know_is_refused() {
        let read = |text: &str| serde_json::from_str::<Parameters>(text);
        for wrong in [
            r#"{"dag": {"name": "x", "windows": "same"}}"#,
            r#"{"dag": {"name": "x", "window": "exact"}}"#,
            r#"{"http": {"url": "https://example.com", "status": "ok"}}"#,
            r#"{"file": "x", "every": "soon"}"#,
            r#"{"file": "x", "at_timeout": "explode"}"#,
            r#"{"path": "x"}"#,
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        assert!(read(r#"{"http": {"url": "https://example.com", "status": [200, 204]}, "every": "10s"}"#).is_ok());
    }
}
