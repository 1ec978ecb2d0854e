//! `promote`: points an alias at the version that was judged. Light: no file is read. Skipped by the orchestrator when
//! the judgement upstream says no.

use async_trait::async_trait;
use daybreak_core::{Dataset, KindDefinition, ParameterDefinition, ParameterType};
use daybreak_protocol::{AliasMove, TaskResult};
use daybreak_runtime::{Task, TaskContext, TaskError};
use daybreak_spec::Name;
use serde::Deserialize;
use serde_json::{Value as Json, json};

use crate::parameters::object;
use crate::{evaluate, upstream};

/// What checking and scheduling know of it.
pub static DEFINITION: KindDefinition = KindDefinition {
    name: "promote",
    summary: "points an alias at the version that was judged, unless the gates said no",
    parameters: &[
        ParameterDefinition {
            name: "model",
            parameter_type: ParameterType::Model,
            required: true,
            summary: "the model",
        },
        ParameterDefinition {
            name: "to",
            parameter_type: ParameterType::Alias,
            required: false,
            summary: "the alias to move; `champion` when left out",
        },
    ],
    heavy: false,
    side_effects: false,
    gated: true,
    reads: &[Dataset::Judgement("model")],
    makes: &[Dataset::Alias("model")],
    rules: &[],
};

/// The task.
pub struct Promote;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    model: Name,
    #[serde(default = "champion")]
    to: Name,
}

fn champion() -> Name {
    Name::parse(evaluate::CHAMPION).expect("`champion` is a slug")
}

#[async_trait]
impl Task for Promote {
    fn definition(&self) -> &'static KindDefinition {
        &DEFINITION
    }

    async fn run(&self, context: &TaskContext) -> Result<TaskResult, TaskError> {
        let Parameters { model, to } = context.parameters()?;
        let (judge, judgement) = upstream::only(context, &evaluate::DEFINITION, &model)?;
        if judgement.get("passed") != Some(&Json::Bool(true)) {
            let reason = judgement.get("reason").and_then(Json::as_str).unwrap_or("the gates do not hold");
            return Err(TaskError::lasting(format!("task `{judge}` did not let model `{model}` pass: {reason}")));
        }
        let version = upstream::version(&judge, judgement)?;
        let alias = to.to_string();
        context.log(&format!("model {model}: `{alias}` is to be version {version}"));
        let outputs = object(json!({ "model": model, "alias": alias, "version": version }));
        let alias_move = AliasMove { model, alias, version, as_of: context.assignment.window_end };
        Ok(TaskResult { outputs, alias_move: Some(alias_move), ..TaskResult::default() })
    }
}
