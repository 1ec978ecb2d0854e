//! One fit from a training set to an artefact: rows and columns chosen, preparation fitted, matrix built once, learnt by
//! the algorithm, summarised, measured, and proven by golden rows.

use std::collections::BTreeMap;

use daybreak_model::{
    Artifact, Estimator, FORMAT_VERSION, GoldenRow, Predictor, Signature, Target, TrainingFacts, TrainingSet, compute,
    metric_name,
};
use daybreak_spec::{Metric, Model, Value};

use crate::matrix::Matrix;
use crate::registry::{self, Solution};
use crate::scoring::checked_metrics;
use crate::table::Table;
use crate::{Error, Warning, baseline, preparation, score};

/// Golden rows of a model.
const GOLDEN_ROWS: usize = 16;

/// What to fit on what.
#[derive(Debug)]
pub struct FitRequest<'a> {
    /// The model's columns with their resolved types.
    pub signature: Signature,
    /// Its declaration: algorithm, categories, metrics.
    pub model: &'a Model,
    /// The rows to fit.
    pub set: &'a TrainingSet,
    /// Where they come from. `rows` and `dropped.refused` are filled in by the fit.
    pub facts: TrainingFacts,
    /// Rows to measure on that are not fitted.
    pub holdout: Option<&'a TrainingSet>,
}

/// A fitted model and what the user should know of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Fitted {
    /// The model.
    pub artifact: Artifact,
    /// For the task's log.
    pub warnings: Vec<Warning>,
}

/// Fits a model. The same request gives the same bytes.
pub fn fit(request: FitRequest<'_>) -> Result<Fitted, Error> {
    let FitRequest { mut signature, model, set, mut facts, holdout } = request;
    let (definition, parameters) = registry::decode(&model.algorithm).map_err(Error::Algorithm)?;
    signature.target = definition.target;
    let metrics = checked_metrics(model.metrics.iter().map(|metric| metric.value), definition.target)?;
    if set.rows() == 0 {
        return Err(Error::NoRows);
    }
    check_labels(set, definition.target)?;
    let table = Table::new(&signature, set)?;
    if table.rows.is_empty() {
        return Err(all_refused(&table, set.rows()));
    }
    let labels: Vec<f64> = table.rows.iter().map(|row| set.labels[*row]).collect();
    check_classes(&labels, definition.target)?;
    let (preparation, mut warnings) = preparation::fit(&signature, model, &table)?;
    let refused = table.refused.iter().map(|(column, rows)| Warning::Refused { column: column.clone(), rows: *rows });
    warnings.extend(refused);
    let matrix = Matrix::new(&preparation, &table)?;
    let mut solution = (definition.fit)(&parameters, &matrix, &labels)?;
    check_finite(&matrix, &solution)?;
    warnings.append(&mut solution.warnings);
    let estimator = estimator(definition.target, solution);
    let measured = measure(&metrics, &matrix, &estimator, &labels);
    let baseline = baseline::summarise(&signature, &table, &labels);
    facts.rows = u64::try_from(table.rows.len()).expect("a count of rows fits 64 bits");
    facts.dropped.refused.clone_from(&table.refused);
    let mut artifact = Artifact {
        format_version: FORMAT_VERSION,
        signature,
        preparation,
        estimator,
        metrics: measured,
        training: facts,
        baseline,
        golden: Vec::new(),
    };
    artifact.golden = golden_rows(&artifact, &table)?;
    if let Some(holdout) = holdout {
        measure_holdout(&mut artifact, holdout, &metrics, &mut warnings)?;
    }
    artifact.verify()?;
    Ok(Fitted { artifact, warnings })
}

fn check_labels(set: &TrainingSet, target: Target) -> Result<(), Error> {
    let (fits, expected): (fn(f64) -> bool, _) = match target {
        Target::Probability => (|label| label == 0.0 || label == 1.0, "true or false"),
        Target::Number => (f64::is_finite, "a finite number"),
    };
    match set.labels.iter().position(|label| !fits(*label)) {
        Some(row) => Err(Error::Label { row, found: set.labels[row], expected }),
        None => Ok(()),
    }
}

fn check_classes(labels: &[f64], target: Target) -> Result<(), Error> {
    let first = labels[0];
    if target == Target::Probability && labels.iter().all(|label| *label == first) {
        return Err(Error::OneClass { label: first > 0.5, rows: labels.len() });
    }
    Ok(())
}

fn all_refused(table: &Table<'_>, rows: usize) -> Error {
    let most = table.refused.iter().max_by_key(|(_, count)| **count);
    Error::AllRefused { rows, column: most.map(|(column, _)| column.clone()).unwrap_or_default() }
}

fn check_finite(matrix: &Matrix, solution: &Solution) -> Result<(), Error> {
    let bad = solution.weights.iter().position(|weight| !weight.is_finite());
    let column = match bad {
        Some(place) => matrix.names[place].clone(),
        None if !solution.intercept.is_finite() => "intercept".to_owned(),
        None => return Ok(()),
    };
    Err(Error::NotFinite { column })
}

fn estimator(target: Target, solution: Solution) -> Estimator {
    let Solution { weights, intercept, .. } = solution;
    match target {
        Target::Probability => Estimator::Logistic { weights, intercept },
        Target::Number => Estimator::Linear { weights, intercept },
    }
}

/// Metrics of the fitted rows under `fit.`; one that is not defined for them is left out.
fn measure(metrics: &[Metric], matrix: &Matrix, estimator: &Estimator, labels: &[f64]) -> BTreeMap<String, f64> {
    let mut answers = matrix.sums(estimator.weights(), estimator.intercept());
    for answer in &mut answers {
        *answer = estimator.answer(*answer);
    }
    let mut measured = BTreeMap::new();
    for metric in metrics {
        if let Some(number) = compute(*metric, labels, &answers) {
            measured.insert(format!("fit.{}", metric_name(*metric)), number);
        }
    }
    measured
}

fn measure_holdout(
    artifact: &mut Artifact,
    holdout: &TrainingSet,
    metrics: &[Metric],
    warnings: &mut Vec<Warning>,
) -> Result<(), Error> {
    for metric in metrics {
        match score(artifact, holdout, &[*metric]) {
            Ok(scores) => {
                let measured = scores.metrics.into_iter();
                artifact
                    .metrics
                    .extend(measured.map(|(metric, number)| (format!("holdout.{}", metric_name(metric)), number)));
            }
            Err(Error::Metric { reason, .. }) => {
                warnings.push(Warning::NoHoldoutMetric { metric: *metric, reason: reason.to_owned() });
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Some of the fitted rows, evenly spread, with the answers of the code that serves.
fn golden_rows(artifact: &Artifact, table: &Table<'_>) -> Result<Vec<GoldenRow>, Error> {
    let predictor = Predictor::new(artifact.clone())?;
    let count = GOLDEN_ROWS.min(table.rows.len());
    let mut golden = Vec::with_capacity(count);
    for place in 0..count {
        let row = table.rows[place * table.rows.len() / count];
        let raw: Vec<Value> =
            (0..artifact.signature.raw_len()).map(|column| table.column(column).cell(row).to_value()).collect();
        let (derived, prediction) = predictor.predict_traced(&raw).map_err(|source| Error::Row { row, source })?;
        golden.push(GoldenRow { raw, derived, expected: prediction.value });
    }
    Ok(golden)
}
