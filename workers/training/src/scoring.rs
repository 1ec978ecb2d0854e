//! Judges a model on rows: its predictions by the code that serves, and metrics over them.

use std::collections::BTreeMap;

use daybreak_model::{Artifact, Cell, PredictError, Predictor, Target, TrainingSet, compute, defined_for, metric_name};
use daybreak_spec::Metric;

use crate::Error;
use crate::table::raw_columns;

/// The judgement on a model.
#[derive(Clone, Debug, PartialEq)]
pub struct Scores {
    /// Each metric that was asked for.
    pub metrics: BTreeMap<Metric, f64>,
    /// Rows predicted.
    pub rows: u64,
    /// Rows that the model refuses (a column under `missing: refuse` is absent); they are left out.
    pub refused: u64,
}

/// Scores a model on labelled rows. An undefined metric (one class, no rows) is an error that says why.
pub fn score(artifact: &Artifact, set: &TrainingSet, metrics: &[Metric]) -> Result<Scores, Error> {
    let metrics = checked_metrics(metrics.iter().copied(), artifact.signature.target)?;
    let mut labels = Vec::with_capacity(set.rows());
    let mut answers = Vec::with_capacity(set.rows());
    let mut refused = 0;
    for (label, answer) in set.labels.iter().zip(predictions(artifact, set)?) {
        match answer {
            Some(answer) => {
                labels.push(*label);
                answers.push(answer);
            }
            None => refused += 1,
        }
    }
    let mut measured = BTreeMap::new();
    for metric in metrics {
        let number = compute(metric, &labels, &answers).ok_or_else(|| Error::Metric {
            metric: metric_name(metric),
            rows: labels.len(),
            reason: undefined(metric, &labels),
        })?;
        measured.insert(metric, number);
    }
    let rows = u64::try_from(labels.len()).expect("a count of rows fits 64 bits");
    Ok(Scores { metrics: measured, rows, refused })
}

/// The model's answer per row; `None` where it refuses.
pub fn predictions(artifact: &Artifact, set: &TrainingSet) -> Result<Vec<Option<f64>>, Error> {
    let predictor = Predictor::new(artifact.clone())?;
    let columns = raw_columns(&artifact.signature, set)?;
    let mut answers = Vec::with_capacity(set.rows());
    let mut cells: Vec<Cell<'_>> = Vec::with_capacity(columns.len());
    for row in 0..set.rows() {
        cells.clear();
        cells.extend(columns.iter().map(|column| column.cell(row)));
        answers.push(match predictor.predict_cells(&cells) {
            Ok(prediction) => Some(prediction.value),
            Err(PredictError::Missing { .. }) => None,
            Err(source) => return Err(Error::Row { row, source }),
        });
    }
    Ok(answers)
}

/// The metrics without repetition, all of them defined for such answers.
pub(crate) fn checked_metrics(metrics: impl Iterator<Item = Metric>, target: Target) -> Result<Vec<Metric>, Error> {
    let mut checked = Vec::new();
    for metric in metrics {
        if !defined_for(metric, target) {
            let target = match target {
                Target::Probability => "a probability",
                Target::Number => "a number",
            };
            return Err(Error::MetricTarget { metric: metric_name(metric), target });
        }
        if !checked.contains(&metric) {
            checked.push(metric);
        }
    }
    Ok(checked)
}

/// Why a metric has no value over such labels.
pub(crate) fn undefined(metric: Metric, labels: &[f64]) -> &'static str {
    match metric {
        _ if labels.is_empty() => "there is no row",
        Metric::Auc => "the label has one value only",
        Metric::R2 => "the label does not vary",
        Metric::LogLoss | Metric::Brier | Metric::Rmse => "a label or a prediction is not a finite number",
    }
}
