//! `approve`: waits for somebody's decision without holding a slot. Light: its attempt says what is to be decided and ends;
//! the server takes the decision. Must never decide by itself but by what is declared for its deadline.

use async_trait::async_trait;
use daybreak_core::{
    Awaited, Failure, KindDefinition, OnReject, ParameterDefinition, ParameterRule, ParameterType, Resumption, Wait,
};
use daybreak_protocol::TaskResult;
use daybreak_runtime::{Task, TaskContext, TaskError};
use daybreak_spec::Duration;
use serde::Deserialize;
use serde_json::json;

use crate::parameters::object;

/// What checking and scheduling know of it.
pub static DEFINITION: KindDefinition = KindDefinition {
    name: "approve",
    summary: "waits until somebody approves or rejects it, without holding a slot",
    parameters: &[
        ParameterDefinition {
            name: "message",
            parameter_type: ParameterType::Text,
            required: false,
            summary: "what is to be decided, for whoever decides",
        },
        ParameterDefinition {
            name: "deadline",
            parameter_type: ParameterType::Duration,
            required: false,
            summary: "how long it waits in real time; without it until it is decided, or until its `timeout`",
        },
        ParameterDefinition {
            name: "default",
            parameter_type: ParameterType::Words(&["approve", "reject"]),
            required: false,
            summary: "what is decided at the deadline; without it the task fails then",
        },
        ParameterDefinition {
            name: "on_reject",
            parameter_type: ParameterType::Words(&["fail", "skip"]),
            required: false,
            summary: "what a rejection does: the task fails, or is skipped with what needs it; `fail` when left out",
        },
    ],
    heavy: false,
    side_effects: false,
    gated: false,
    reads: &[],
    makes: &[],
    rules: &[ParameterRule::Beside("default", &["deadline"])],
};

/// Longest message that is kept.
const MAX_MESSAGE_BYTES: usize = 2_000;

/// The task.
pub struct Approve;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    message: Option<String>,
    deadline: Option<Duration>,
    default: Option<Default>,
    #[serde(default)]
    on_reject: OnReject,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Default {
    Approve,
    Reject,
}

#[async_trait]
impl Task for Approve {
    fn definition(&self) -> &'static KindDefinition {
        &DEFINITION
    }

    async fn run(&self, context: &TaskContext) -> Result<TaskResult, TaskError> {
        let Parameters { message, deadline, default, on_reject } = context.parameters()?;
        if let Some(message) = message.as_ref().filter(|message| message.len() > MAX_MESSAGE_BYTES) {
            let size = message.len();
            let reason = format!("`message` takes {size} bytes and at most {MAX_MESSAGE_BYTES} are shown: write less");
            return Err(TaskError::lasting(reason));
        }
        context.log("waits for a decision: `daybreak approve` or `daybreak reject`");
        let at_limit = at_deadline(deadline.as_ref(), default, on_reject);
        let condition = Awaited::Approval { message, on_reject };
        let limit_us = deadline.map(|deadline| deadline.micros);
        Ok(TaskResult::waiting(Wait { condition, again_after_us: None, limit_us, at_limit }))
    }
}

/// What comes of the task when nobody has decided.
fn at_deadline(deadline: Option<&Duration>, default: Option<Default>, on_reject: OnReject) -> Resumption {
    let deadline = deadline.map(|deadline| format!(" of {deadline}")).unwrap_or_default();
    let by = "the deadline";
    match (default, on_reject) {
        (Some(Default::Approve), _) => {
            Resumption::Succeeds { outputs: object(json!({ "approved": true, "by": by, "note": null })) }
        }
        (Some(Default::Reject), OnReject::Skip) => {
            Resumption::Skips { reason: format!("rejected by its deadline{deadline}: nobody had decided") }
        }
        (Some(Default::Reject), OnReject::Fail) => Resumption::Fails(Failure {
            cause: "rejected".to_owned(),
            reason: format!("rejected by its deadline{deadline}: nobody had decided"),
        }),
        (None, _) => Resumption::Fails(Failure {
            cause: "wait_timeout".to_owned(),
            reason: format!("nobody had approved or rejected it by its deadline{deadline}"),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deadline_decides_as_declared_and_fails_where_nothing_is() {
        let deadline = Duration::parse("8h").expect("a duration");
        let at = |default, on_reject| at_deadline(Some(&deadline), default, on_reject);
        match at(Some(Default::Approve), OnReject::Fail) {
            Resumption::Succeeds { outputs } => assert_eq!(outputs["approved"], true),
            other => panic!("{other:?}"),
        }
        match at(Some(Default::Reject), OnReject::Fail) {
            Resumption::Fails(failure) => assert_eq!(failure.cause, "rejected"),
            other => panic!("{other:?}"),
        }
        assert!(matches!(at(Some(Default::Reject), OnReject::Skip), Resumption::Skips { .. }));
        match at(None, OnReject::Skip) {
            Resumption::Fails(failure) => {
                assert_eq!(failure.cause, "wait_timeout");
                assert_eq!(failure.reason, "nobody had approved or rejected it by its deadline of 8h");
            }
            other => panic!("{other:?}"),
        }
    }
}
