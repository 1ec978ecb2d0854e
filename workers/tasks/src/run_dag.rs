//! `run_dag`: makes a run of another DAG with the window of its own run and waits for its end without holding a slot. Light:
//! the server makes the run in the transaction in which the wait begins, so that an attempt makes one, whatever crashes.

use async_trait::async_trait;
use daybreak_core::{Awaited, Failure, KindDefinition, ParameterDefinition, ParameterType, Resumption, Wait};
use daybreak_protocol::TaskResult;
use daybreak_runtime::{Task, TaskContext, TaskError};
use daybreak_spec::Name;
use serde::Deserialize;
use serde_json::{Map, Value as Json};

/// What checking and scheduling know of it.
pub static DEFINITION: KindDefinition = KindDefinition {
    name: "run_dag",
    summary: "runs another DAG with the window of this run, and waits for its end without holding a slot",
    parameters: &[
        ParameterDefinition { name: "dag", parameter_type: ParameterType::Dag, required: true, summary: "the DAG" },
        ParameterDefinition {
            name: "params",
            parameter_type: ParameterType::DagParams("dag"),
            required: false,
            summary: "values for its parameters, over their defaults",
        },
    ],
    heavy: false,
    side_effects: false,
    gated: false,
    reads: &[],
    makes: &[],
    rules: &[],
};

/// The task.
pub struct RunDag;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    dag: Name,
    #[serde(default)]
    params: Map<String, Json>,
}

#[async_trait]
impl Task for RunDag {
    fn definition(&self) -> &'static KindDefinition {
        &DEFINITION
    }

    async fn run(&self, context: &TaskContext) -> Result<TaskResult, TaskError> {
        let Parameters { dag, params } = context.parameters()?;
        if !context.project.dags.contains_key(&dag) {
            return Err(unknown_dag(context, &dag));
        }
        context.log(&format!(
            "a run of DAG `{dag}` is made for the window that ends at {}",
            context.assignment.window_end
        ));
        // It has no limit of its own: this is what comes of one that can never be.
        let reason = format!("its run of DAG `{dag}` did not end");
        let at_limit = Resumption::FailsAttempt(Failure { cause: "run_failed".to_owned(), reason });
        let condition = Awaited::Run { dag, params, run_id: None };
        Ok(TaskResult::waiting(Wait { condition, again_after_us: None, limit_us: None, at_limit }))
    }
}

/// A name that only the run knew.
pub(crate) fn unknown_dag(context: &TaskContext, dag: &Name) -> TaskError {
    let declared: Vec<&str> = context.project.dags.keys().map(Name::as_str).collect();
    TaskError::lasting(format!("the project has no DAG `{dag}`; it has {}", declared.join(", ")))
}
