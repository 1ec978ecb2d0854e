//! `noop`: does nothing. A place where branches of a DAG meet, and the smallest task there is. Must stay free of
//! parameters: what does something is a kind of its own.

use async_trait::async_trait;
use daybreak_core::KindDefinition;
use daybreak_protocol::TaskResult;
use daybreak_runtime::{Task, TaskContext, TaskError};

/// What checking and scheduling know of it.
pub static DEFINITION: KindDefinition = KindDefinition {
    name: "noop",
    summary: "does nothing: a place where branches meet",
    parameters: &[],
    heavy: false,
    side_effects: false,
    gated: false,
    reads: &[],
    makes: &[],
    rules: &[],
};

/// The task.
pub struct Noop;

#[async_trait]
impl Task for Noop {
    fn definition(&self) -> &'static KindDefinition {
        &DEFINITION
    }

    async fn run(&self, _context: &TaskContext) -> Result<TaskResult, TaskError> {
        Ok(TaskResult::default())
    }
}
