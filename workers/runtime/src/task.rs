//! What a kind of task is to the runtime.

use std::borrow::Cow;

use async_trait::async_trait;
use daybreak_core::KindDefinition;
use daybreak_protocol::TaskResult;

use crate::TaskContext;

/// A kind of task: one file in `workers/tasks` implements it.
#[async_trait]
pub trait Task: Send + Sync {
    /// What checking and scheduling need to know.
    fn definition(&self) -> &'static KindDefinition;

    /// Does the work of one attempt. Must be safe to run twice: what it leaves behind becomes visible only through the
    /// result it returns or through calls that carry the attempt's fence.
    ///
    /// # Errors
    /// A [`TaskError`] ends the attempt; the DAG's retry policy decides what follows.
    async fn run(&self, context: &TaskContext) -> Result<TaskResult, TaskError>;
}

/// Why an attempt failed.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{reason}")]
pub struct TaskError {
    /// For the user: what was tried, on what, what to do next.
    pub reason: String,
    /// A slug such as `task_error`, `bad_input`, `exit_75`.
    pub cause: Cow<'static, str>,
    /// Whether trying again can help.
    pub retry: bool,
}

impl TaskError {
    /// A failure that may pass (a file that is being written, a server away).
    pub fn passing(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), cause: "task_error".into(), retry: true }
    }

    /// A failure of the artefact store. Credentials can be renewed and buckets made between two attempts, so a refusal
    /// may be tried again; its cause tells it apart.
    pub fn of_artifacts(error: &daybreak_artifacts::Error) -> Self {
        let cause = if error.is_refusal() { "artifact_store_refused" } else { "task_error" };
        Self { reason: chain(error), cause: cause.into(), retry: true }
    }

    /// A failure that only the user can mend.
    pub fn lasting(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), cause: "bad_input".into(), retry: false }
    }
}

/// An error and its causes, each once: `a: b: c`.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let words = inner.to_string();
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        cause = inner.source();
    }
    text
}
