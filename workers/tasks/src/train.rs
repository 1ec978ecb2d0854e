//! `train`: fits a model on the observations of a history before T. Never reads a label that was unknown at T and never
//! numbers a version (the server does, in the transaction that ends the task).

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use daybreak_core::{Dataset, KindDefinition, ParameterDefinition, ParameterType};
use daybreak_model::{Artifact, Dropped, TrainingFacts};
use daybreak_offline::TrainingFrame;
use daybreak_protocol::{BuildRecord, NewModelVersion, TaskResult};
use daybreak_runtime::{Task, TaskContext, TaskError};
use daybreak_spec::{Dag, Duration, Name, Task as DeclaredTask, Timestamp};
use daybreak_training::FitRequest;
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

use crate::failure::{self, blocking};
use crate::parameters;
use crate::stores::Stores;
use crate::training_data::{self, FrameRequest, to_set};

/// What checking and scheduling know of it.
pub static DEFINITION: KindDefinition = KindDefinition {
    name: "train",
    summary: "fits a model on a history of observations and stores the artefact as a new version",
    parameters: &[
        ParameterDefinition {
            name: "model",
            parameter_type: ParameterType::Model,
            required: true,
            summary: "the model to train",
        },
        ParameterDefinition {
            name: "history",
            parameter_type: ParameterType::Duration,
            required: true,
            summary: "length of the fitted period, which ends at T - holdout",
        },
        ParameterDefinition {
            name: "holdout",
            parameter_type: ParameterType::Duration,
            required: false,
            summary: "length of the period before T that is kept apart for judging; none when left out",
        },
        ParameterDefinition {
            name: "min_history",
            parameter_type: ParameterType::Duration,
            required: false,
            summary: "the task fails when the fitted observations span less than this",
        },
    ],
    heavy: true,
    side_effects: false,
    gated: false,
    reads: &[Dataset::ViewsOfModel("model")],
    makes: &[Dataset::ModelVersion("model")],
    rules: &[],
};

/// The task.
pub struct Train;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    model: Name,
    history: Duration,
    #[serde(default)]
    holdout: Option<Duration>,
    #[serde(default)]
    min_history: Option<Duration>,
}

/// Which stretch of time before T a `train` task reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Period {
    /// The model it trains.
    pub model: Name,
    history_us: i64,
    holdout_us: i64,
}

impl Period {
    /// Of a task whose parameters stand on the DAG's defaults.
    pub(crate) fn declared(dag: &Dag, task: &DeclaredTask) -> Option<Self> {
        let given = dag.params.iter().filter_map(|(name, param)| Some((name, param.default.as_ref()?)));
        let defaults = given.map(|(name, default)| (name.clone(), default.to_json())).collect();
        Self::of(task, &defaults)
    }

    /// Of a task in a run with these parameters; `None` where it does not say.
    pub(crate) fn of(task: &DeclaredTask, params: &Map<String, Json>) -> Option<Self> {
        let text = |name: &str| parameters::with_params(task.parameter(name)?, params);
        let history = Duration::parse(&text("history")?)?;
        let holdout_us = match task.parameter("holdout") {
            Some(_) => Duration::parse(&text("holdout")?)?.micros,
            None => 0,
        };
        Some(Self { model: Name::parse(&text("model")?)?, history_us: history.micros, holdout_us })
    }

    /// History and holdout together.
    pub(crate) fn length_us(&self) -> i64 {
        self.history_us.saturating_add(self.holdout_us)
    }
}

#[async_trait]
impl Task for Train {
    fn definition(&self) -> &'static KindDefinition {
        &DEFINITION
    }

    async fn run(&self, context: &TaskContext) -> Result<TaskResult, TaskError> {
        let parameters: Parameters = context.parameters()?;
        let stores = Stores::of(context);
        let at = context.assignment.window_end;
        let fit_to = at.plus_micros(-parameters.holdout.as_ref().map_or(0, |holdout| holdout.micros));
        let fit_from = fit_to.plus_micros(-parameters.history.micros);
        let request = FrameRequest { model: &parameters.model, from: fit_from, to: fit_to, at, dag: context.dag()? };
        let fit = stores.frame(&request).await?;
        fit.mended.iter().for_each(|line| context.log(line));
        tell(context, &fit.frame);
        check_history(&parameters, &fit.frame, fit_to)?;
        let mut builds: Vec<BuildRecord> = fit.made.into_iter().map(|made| made.record).collect();
        let holdout = match &parameters.holdout {
            Some(_) => {
                let holdout = stores.frame(&FrameRequest { from: fit_to, to: at, ..request }).await?;
                holdout.mended.iter().for_each(|line| context.log(line));
                builds.extend(holdout.made.into_iter().map(|made| made.record));
                Some(holdout.frame)
            }
            None => None,
        };
        // One build can serve both stretches.
        builds.sort_by(|one, other| (&one.view, one.as_of).cmp(&(&other.view, other.as_of)));
        builds.dedup();

        let (artifact, dropped) = fit_model(context, &stores, &parameters.model, fit.frame, holdout).await?;
        let bytes = Bytes::from(artifact.encode().map_err(|error| failure::model(&error))?);
        let object = stores.artifacts.put(bytes).await.map_err(|error| failure::artifacts(&error))?;
        let measured = artifact.metrics.iter();
        let metrics: BTreeMap<String, f64> =
            measured.filter_map(|(name, value)| Some((name.strip_prefix("holdout.")?.to_owned(), *value))).collect();
        let outputs = crate::parameters::object(json!({
            "model": parameters.model,
            "at": at,
            "fit_from": fit_from,
            "fit_to": fit_to,
            "rows": artifact.training.rows,
            "dropped": dropped,
            "metrics": artifact.metrics,
            "artifact": object,
            "builds_made": builds.len(),
        }));
        let version = NewModelVersion {
            model: parameters.model,
            object,
            as_of: at,
            fit_from,
            fit_to,
            rows: artifact.training.rows,
            metrics,
        };
        Ok(TaskResult { outputs, builds, model_version: Some(version), ..TaskResult::default() })
    }
}

/// Fits and logs what the user should know.
async fn fit_model(
    context: &TaskContext,
    stores: &Stores,
    name: &Name,
    fit: TrainingFrame,
    holdout: Option<TrainingFrame>,
) -> Result<(Artifact, Json), TaskError> {
    let signature = stores.signature(name).await?;
    let (project, name) = (Arc::clone(&stores.project), name.clone());
    let fitted = blocking(move || {
        let set = to_set(&fit, 0..fit.rows());
        let holdout = holdout.map(|frame| to_set(&frame, 0..frame.rows()));
        let facts = TrainingFacts {
            as_of: fit.at,
            fit_from: fit.from,
            fit_to: fit.to,
            rows: 0,
            dropped: Dropped {
                null_label: fit.report.null_labels,
                unknown_label: fit.report.unknown_labels,
                refused: BTreeMap::new(),
            },
        };
        drop(fit);
        let model = training_data::model(&project, &name)?;
        let request = FitRequest { signature, model, set: &set, facts, holdout: holdout.as_ref() };
        daybreak_training::fit(request).map_err(|error| failure::training(&error))
    })
    .await?;
    for warning in &fitted.warnings {
        context.log(&format!("warning: {warning}"));
    }
    for (name, value) in &fitted.artifact.metrics {
        context.log(&format!("{name} = {value:.6}"));
    }
    let dropped = &fitted.artifact.training.dropped;
    let summary = json!({
        "null_label": dropped.null_label,
        "unknown_label": dropped.unknown_label,
        "refused": dropped.refused.values().sum::<u64>(),
    });
    Ok((fitted.artifact, summary))
}

fn tell(context: &TaskContext, frame: &TrainingFrame) {
    let report = &frame.report;
    context.log(&format!(
        "{} observations from {} to {}: {} with a known label, {} with a null label, {} whose label was not known by {}",
        report.observations,
        frame.from,
        frame.to,
        frame.rows(),
        report.null_labels,
        report.unknown_labels,
        frame.at
    ));
    for feature in &report.features {
        let absent = feature.null_value + feature.not_found + feature.outside_max_age;
        if absent > 0 {
            context.log(&format!(
                "feature {}: {} present, {} null, {} without a row, {} too old",
                feature.name, feature.present, feature.null_value, feature.not_found, feature.outside_max_age
            ));
        }
    }
}

/// The history that is there: from the first labelled observation to the end of the fitted period, but at most a day
/// beyond the last one, so that a source that stopped long ago does not count as long.
fn available_us(times_us: &[i64], fit_to: Timestamp) -> i64 {
    const DAY_US: i64 = 86_400_000_000;
    match (times_us.first(), times_us.last()) {
        (Some(first), Some(last)) => (fit_to.micros - first).min(last - first + DAY_US),
        _ => 0,
    }
}

fn check_history(parameters: &Parameters, frame: &TrainingFrame, fit_to: Timestamp) -> Result<(), TaskError> {
    let (model, report) = (&parameters.model, &frame.report);
    if frame.rows() == 0 {
        let (from, at) = (frame.from, frame.at);
        return Err(TaskError::lasting(if report.observations == 0 {
            format!(
                "model `{model}` has no observation from {from} to {fit_to}; check the dates in the source's files and `history`"
            )
        } else {
            format!(
                "none of the {} observations of model `{model}` from {from} to {fit_to} has a label that was known by {at} \
                 ({} null, {} not yet known); check `label` and `label_known_at`",
                report.observations, report.null_labels, report.unknown_labels
            )
        }));
    }
    let Some(shortest) = &parameters.min_history else { return Ok(()) };
    let available = available_us(&frame.times_us, fit_to);
    if available < shortest.micros {
        let days = available as f64 / 86_400e6;
        return Err(TaskError::lasting(format!(
            "the observations of model `{model}` before {fit_to} cover {days:.1} days, less than `min_history: {shortest}`; \
             add older data, wait, or lower `min_history`"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_US: i64 = 86_400_000_000;

    #[test]
    fn history_counts_from_the_first_observation_to_the_end_of_the_period() {
        let times: Vec<i64> = (4..10).map(|day| day * DAY_US).collect();
        assert_eq!(available_us(&times, Timestamp::from_micros(10 * DAY_US)), 6 * DAY_US);
    }

    #[test]
    fn a_source_that_stopped_long_ago_has_no_long_history() {
        let times = [0, DAY_US / 2];
        assert_eq!(available_us(&times, Timestamp::from_micros(50 * DAY_US)), DAY_US / 2 + DAY_US);
    }

    #[test]
    fn no_observation_is_no_history() {
        assert_eq!(available_us(&[], Timestamp::from_micros(0)), 0);
    }
}
