//! What earlier tasks of the run have left: found by kind and model in the DAG's declaration, read from their outputs.

use std::collections::BTreeSet;

use daybreak_core::KindDefinition;
use daybreak_runtime::{TaskContext, TaskError};
use daybreak_spec::Name;
use serde_json::{Map, Value as Json};

use crate::{build_features, parameters};

/// The one task of that kind and model that this one stands on, and its outputs.
///
/// # Errors
/// When there is none or more than one.
pub(crate) fn only<'a>(
    context: &'a TaskContext,
    kind: &KindDefinition,
    model: &Name,
) -> Result<(Name, &'a Map<String, Json>), TaskError> {
    let mut found = None;
    for (name, outputs) in &context.assignment.outputs {
        let Some(task) = context.dag()?.tasks.get(name) else { continue };
        let named = task.parameter("model").and_then(|node| parameters::with_params(node, &context.assignment.params));
        if task.kind.as_str() != kind.name || named.as_deref() != Some(model.as_str()) {
            continue;
        }
        if let Some((first, _)) = &found {
            return Err(TaskError::lasting(format!(
                "task `{}` stands on `{first}` and on `{name}`, both of kind `{}` for model `{model}`; let it need only one",
                context.assignment.task, kind.name
            )));
        }
        found = Some((name.clone(), outputs));
    }
    found.ok_or_else(|| {
        TaskError::lasting(format!(
            "task `{}` stands on no task of kind `{}` for model `{model}`; name one in `needs`",
            context.assignment.task, kind.name
        ))
    })
}

/// The version in a task's outputs.
pub(crate) fn version(task: &Name, outputs: &Map<String, Json>) -> Result<u32, TaskError> {
    let version = outputs.get("version").and_then(Json::as_u64).and_then(|version| u32::try_from(version).ok());
    version.ok_or_else(|| TaskError::lasting(format!("task `{task}` left no version in its outputs")))
}

/// The views that the tasks before this one have built.
pub(crate) fn built_views(context: &TaskContext) -> Result<BTreeSet<Name>, TaskError> {
    let mut views = BTreeSet::new();
    for (name, outputs) in &context.assignment.outputs {
        let kind = context.dag()?.tasks.get(name).map(|task| task.kind.as_str());
        if kind == Some(build_features::DEFINITION.name) {
            let named = outputs.get("views").and_then(Json::as_array).into_iter().flatten();
            views.extend(named.filter_map(|view| Name::parse(view.as_str()?)));
        }
    }
    if views.is_empty() {
        let task = &context.assignment.task;
        return Err(TaskError::lasting(format!(
            "no task before `{task}` has built a feature view; name a `build_features` task in `needs`"
        )));
    }
    Ok(views)
}
