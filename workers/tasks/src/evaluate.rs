//! `evaluate`: judges the version trained upstream, and the champion beside it, on the holdout. A gate that says no is
//! a result (`passed: false`), never a failure; rows that either model was fitted on are never scored.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use daybreak_core::{Dataset, KindDefinition, ParameterDefinition, ParameterType};
use daybreak_model::{Artifact, TrainingSet};
use daybreak_offline::TrainingFrame;
use daybreak_protocol::{BuildRecord, ModelVersionRecord, TaskResult};
use daybreak_runtime::{Task, TaskContext, TaskError};
use daybreak_spec::{Gate, GateBound, Metric, Name, Span, Timestamp, parse_gate};
use serde::Deserialize;
use serde_json::{Value as Json, json};

use crate::failure::{self, blocking};
use crate::parameters::{OneOrMany, object};
use crate::stores::Stores;
use crate::training_data::{self, FrameRequest, to_set};
use crate::{train, upstream};

/// What checking and scheduling know of it.
pub static DEFINITION: KindDefinition = KindDefinition {
    name: "evaluate",
    summary: "scores a newly trained version and the champion on the holdout, and says whether the gates hold",
    parameters: &[
        ParameterDefinition {
            name: "model",
            parameter_type: ParameterType::Model,
            required: true,
            summary: "the model to judge",
        },
        ParameterDefinition {
            name: "require",
            parameter_type: ParameterType::Gates,
            required: true,
            summary: "gates that must all hold; one that names `champion` holds where there is none",
        },
    ],
    heavy: true,
    side_effects: false,
    gated: false,
    reads: &[Dataset::ModelVersion("model")],
    makes: &[Dataset::Judgement("model")],
    rules: &[],
};

/// The alias that gates compare with.
pub(crate) const CHAMPION: &str = "champion";

/// The task.
pub struct Evaluate;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    model: Name,
    require: OneOrMany<String>,
}

/// A version and its content.
struct Loaded {
    record: ModelVersionRecord,
    artifact: Artifact,
}

/// What a version scored.
#[derive(Clone, Debug, Default)]
struct Scores {
    metrics: BTreeMap<Metric, f64>,
    rows: u64,
    refused: u64,
    /// Why a metric could not be measured.
    reasons: Vec<String>,
    /// Why none could: the version was trained on other columns than the model has now.
    unfit: Option<String>,
}

#[async_trait]
impl Task for Evaluate {
    fn definition(&self) -> &'static KindDefinition {
        &DEFINITION
    }

    async fn run(&self, context: &TaskContext) -> Result<TaskResult, TaskError> {
        let Parameters { model, require } = context.parameters()?;
        let gates = parse(require)?;
        let stores = Stores::of(context);
        let (trainer, outputs) = upstream::only(context, &train::DEFINITION, &model)?;
        let number = upstream::version(&trainer, outputs)?;
        let found = stores.orchestrator.model_version(&model, number).await;
        let candidate = load(&stores, found.map_err(|error| failure::orchestrator(&error))?).await?;
        let found = stores.orchestrator.alias(&model, CHAMPION).await;
        let champion = match found.map_err(|error| failure::orchestrator(&error))? {
            Some(record) => Some(load(&stores, record).await?),
            None => None,
        };
        let at = context.assignment.window_end;
        let from = candidate.record.content.fit_to;
        if from >= at {
            return Err(TaskError::lasting(format!(
                "task `{trainer}` fitted version {number} on all rows before {at} and kept none apart; give it a `holdout`"
            )));
        }
        let request = FrameRequest { model: &model, from, to: at, at, dag: context.dag()? };
        let joined = stores.frame(&request).await?;
        joined.mended.iter().for_each(|line| context.log(line));
        let builds = joined.made.into_iter().map(|made| made.record).collect();
        let metrics = metrics(training_data::model(&stores.project, &model)?, &gates);
        let judgement = judge(joined.frame, candidate, champion, (gates, metrics)).await?;
        tell(context, &judgement);
        Ok(result(&judgement, (from, at), builds))
    }
}

fn parse(texts: OneOrMany<String>) -> Result<Vec<Gate>, TaskError> {
    let mut gates = Vec::new();
    for text in texts {
        let gate = parse_gate(&text, Span::default());
        gates.push(gate.map_err(|problem| TaskError::lasting(format!("gate `{text}`: {}", problem.message)))?);
    }
    Ok(gates)
}

/// Those of the model and those of the gates.
fn metrics(model: &daybreak_spec::Model, gates: &[Gate]) -> BTreeSet<Metric> {
    let mut metrics: BTreeSet<Metric> = model.metrics.iter().map(|metric| metric.value).collect();
    for gate in gates {
        metrics.insert(gate.metric);
        if let GateBound::Champion { metric, .. } = gate.bound {
            metrics.insert(metric);
        }
    }
    metrics
}

async fn load(stores: &Stores, record: ModelVersionRecord) -> Result<Loaded, TaskError> {
    let bytes = stores.artifacts.get(&record.content.object).await.map_err(|error| {
        let failure = failure::artifacts(&error);
        let (version, model) = (record.version, &record.content.model);
        let next = if error.is_refusal() { "" } else { "; train the model again" };
        let reason = format!("version {version} of model `{model}` cannot be read: {}{next}", failure.reason);
        TaskError { reason, ..failure }
    })?;
    let artifact = Artifact::decode(&bytes).map_err(|error| failure::model(&error))?;
    Ok(Loaded { record, artifact })
}

/// What was found out.
struct Judgement {
    version: u32,
    candidate: Scores,
    champion: Option<(u32, Scores)>,
    /// Each gate and whether it holds; the error says why it cannot be decided.
    gates: Vec<(Gate, Result<bool, String>)>,
}

impl Judgement {
    fn passed(&self) -> bool {
        self.gates.iter().all(|(_, holds)| *holds == Ok(true))
    }

    /// The gates that do not hold, in words; none where all do.
    fn reason(&self) -> Option<String> {
        let failed = self.gates.iter().filter_map(|(gate, holds)| match holds {
            Ok(true) => None,
            Ok(false) => Some(format!("`{gate}` does not hold ({})", self.numbers(gate))),
            Err(reason) => Some(format!("`{gate}` cannot be decided: {reason}")),
        });
        let failed: Vec<String> = failed.collect();
        (!failed.is_empty()).then(|| failed.join("; "))
    }

    fn numbers(&self, gate: &Gate) -> String {
        let name = gate.metric.name();
        let shown = |value: Option<&f64>| value.map_or_else(|| "none".to_owned(), |value| format!("{value:.6}"));
        let own = format!("{name} {}", shown(self.candidate.metrics.get(&gate.metric)));
        match (gate.bound, &self.champion) {
            (GateBound::Champion { metric, .. }, Some((version, scores))) => {
                format!("{own}, champion version {version} {} {}", metric.name(), shown(scores.metrics.get(&metric)))
            }
            _ => own,
        }
    }
}

/// Scores both on the rows that neither was fitted on, and asks the gates.
async fn judge(
    frame: TrainingFrame,
    candidate: Loaded,
    champion: Option<Loaded>,
    (gates, metrics): (Vec<Gate>, BTreeSet<Metric>),
) -> Result<Judgement, TaskError> {
    blocking(move || {
        let all = to_set(&frame, 0..frame.rows());
        drop(frame);
        let fitted = std::iter::once(&candidate).chain(&champion).map(|loaded| &loaded.record.content);
        let fitted: Vec<(Timestamp, Timestamp)> = fitted.map(|content| (content.fit_from, content.fit_to)).collect();
        let set = unseen(&all, &fitted);
        let scores = score(&candidate.artifact, &set, &metrics)?;
        let champion = match champion {
            Some(champion) => Some((champion.record.version, score(&champion.artifact, &set, &metrics)?)),
            None => None,
        };
        let decided = gates.into_iter().map(|gate| (gate, decide(&gate, &scores, champion.as_ref()))).collect();
        Ok(Judgement { version: candidate.record.version, candidate: scores, champion, gates: decided })
    })
    .await
}

fn decide(gate: &Gate, candidate: &Scores, champion: Option<&(u32, Scores)>) -> Result<bool, String> {
    let own = |metric: Metric| candidate.metrics.get(&metric).copied();
    let reasons = |scores: &Scores| scores.reasons.iter().map(|reason| format!(": {reason}")).collect::<String>();
    // A champion of another declaration cannot be compared with: as if there were none, or no version could ever follow.
    match champion.filter(|(_, scores)| scores.unfit.is_none()) {
        Some((_, scores)) => {
            let theirs = |metric: Metric| scores.metrics.get(&metric).copied();
            let decided = gate.evaluate(&own, Some(&theirs));
            decided
                .map_err(|error| format!("{error}{}", reasons(if gate.names_champion() { scores } else { candidate })))
        }
        None => gate.evaluate(&own, None).map_err(|error| format!("{error}{}", reasons(candidate))),
    }
}

/// The rows whose time lies in none of the fitted periods.
fn unseen(set: &TrainingSet, fitted: &[(Timestamp, Timestamp)]) -> TrainingSet {
    let was_fitted = |time: &i64| fitted.iter().any(|(from, to)| (from.micros..to.micros).contains(time));
    let rows: Vec<usize> = (0..set.rows()).filter(|row| !was_fitted(&set.times_us[*row])).collect();
    if rows.len() == set.rows() { set.clone() } else { training_data::pick(set, &rows) }
}

/// Each metric by itself: one that is not defined for these rows leaves the others be.
fn score(artifact: &Artifact, set: &TrainingSet, metrics: &BTreeSet<Metric>) -> Result<Scores, TaskError> {
    use daybreak_training::Error as E;
    let mut scores = Scores::default();
    for metric in metrics {
        match daybreak_training::score(artifact, set, &[*metric]) {
            Ok(found) => {
                scores.metrics.extend(found.metrics);
                (scores.rows, scores.refused) = (found.rows, found.refused);
            }
            Err(error @ E::Metric { .. }) => scores.reasons.push(failure::chain(&error)),
            Err(error @ (E::NoColumn(_) | E::ColumnType { .. })) => {
                scores.unfit = Some(failure::chain(&error));
                return Ok(scores);
            }
            Err(error) => return Err(failure::training(&error)),
        }
    }
    Ok(scores)
}

fn tell(context: &TaskContext, judgement: &Judgement) {
    let line = |who: &str, version: u32, scores: &Scores| {
        let metrics: Vec<String> =
            scores.metrics.iter().map(|(metric, value)| format!("{} {value:.6}", metric.name())).collect();
        context.log(&format!("{who} version {version} on {} rows: {}", scores.rows, metrics.join(", ")));
        for reason in scores.reasons.iter().chain(&scores.unfit) {
            context.log(&format!("{who} version {version}: {reason}"));
        }
    };
    line("candidate", judgement.version, &judgement.candidate);
    match &judgement.champion {
        Some((version, scores)) => line(CHAMPION, *version, scores),
        None => context.log("there is no champion; gates that name it hold"),
    }
    for (gate, holds) in &judgement.gates {
        context.log(&format!("gate `{gate}`: {}", if *holds == Ok(true) { "holds" } else { "does not hold" }));
    }
}

fn result(judgement: &Judgement, (from, to): (Timestamp, Timestamp), builds: Vec<BuildRecord>) -> TaskResult {
    let metrics = |scores: &Scores| -> Json {
        Json::Object(scores.metrics.iter().map(|(metric, value)| (metric.name().to_owned(), json!(value))).collect())
    };
    let champion = judgement.champion.as_ref();
    let outputs = object(json!({
        "passed": judgement.passed(),
        "reason": judgement.reason(),
        "version": judgement.version,
        "metrics": metrics(&judgement.candidate),
        "rows": judgement.candidate.rows,
        "refused": judgement.candidate.refused,
        "from": from,
        "to": to,
        "champion_version": champion.map(|(version, _)| version),
        "champion_metrics": champion.map(|(_, scores)| metrics(scores)),
        "champion_unfit": champion.and_then(|(_, scores)| scores.unfit.as_ref()),
    }));
    TaskResult { outputs, builds, ..TaskResult::default() }
}
