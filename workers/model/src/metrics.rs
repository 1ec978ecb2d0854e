//! What a model is judged by, as pure functions of labels and predictions of equal length. `None` = not defined for
//! these rows (none at all, one class only, labels that do not vary, a prediction that is no number).
//! To add a metric: a function here, a line in [`compute`], its oracle test.

use daybreak_spec::Metric;

use crate::Target;

/// Probabilities are clipped to this distance from 0 and 1 in the log loss.
const CLIP: f64 = 1e-15;

/// The metric of that name.
pub fn compute(metric: Metric, labels: &[f64], predictions: &[f64]) -> Option<f64> {
    match metric {
        Metric::Auc => auc(labels, predictions),
        Metric::LogLoss => log_loss(labels, predictions),
        Metric::Brier => brier(labels, predictions),
        Metric::Rmse => rmse(labels, predictions),
        Metric::R2 => r2(labels, predictions),
    }
}

/// Whether the metric judges such answers.
pub fn defined_for(metric: Metric, target: Target) -> bool {
    match metric {
        Metric::Auc | Metric::LogLoss | Metric::Brier => target == Target::Probability,
        Metric::Rmse | Metric::R2 => target == Target::Number,
    }
}

/// The metric's word in YAML and JSON.
pub fn metric_name(metric: Metric) -> &'static str {
    match metric {
        Metric::Auc => "auc",
        Metric::LogLoss => "log_loss",
        Metric::Brier => "brier",
        Metric::Rmse => "rmse",
        Metric::R2 => "r2",
    }
}

/// Area under the ROC curve: the share of (true, false) pairs in which the true one is ranked higher, ties counting
/// half (Mann-Whitney). Counted in whole numbers, so the order of rows does not matter to the last bit.
#[expect(clippy::cast_precision_loss, reason = "one division of exact counts")]
pub fn auc(labels: &[f64], predictions: &[f64]) -> Option<f64> {
    if !usable(labels, predictions) {
        return None;
    }
    let mut rows: Vec<(f64, bool)> =
        predictions.iter().zip(labels).map(|(prediction, label)| (*prediction + 0.0, *label > 0.5)).collect();
    rows.sort_unstable_by(|left, right| left.0.total_cmp(&right.0));
    let (mut trues, mut falses, mut doubled_wins) = (0_u128, 0_u128, 0_u128);
    for group in rows.chunk_by(|left, right| left.0 == right.0) {
        let group_trues = group.iter().filter(|row| row.1).count() as u128;
        let group_falses = group.len() as u128 - group_trues;
        doubled_wins += group_trues * (2 * falses + group_falses);
        trues += group_trues;
        falses += group_falses;
    }
    (trues > 0 && falses > 0).then(|| doubled_wins as f64 / (2 * trues * falses) as f64)
}

/// Mean negative log likelihood of the labels.
pub fn log_loss(labels: &[f64], predictions: &[f64]) -> Option<f64> {
    mean(labels, predictions, |label, prediction| {
        let probability = prediction.clamp(CLIP, 1.0 - CLIP);
        if label > 0.5 { -probability.ln() } else { -(1.0 - probability).ln() }
    })
}

/// Mean squared error of the probability.
pub fn brier(labels: &[f64], predictions: &[f64]) -> Option<f64> {
    mean(labels, predictions, |label, prediction| (label - prediction) * (label - prediction))
}

/// Root mean squared error.
pub fn rmse(labels: &[f64], predictions: &[f64]) -> Option<f64> {
    brier(labels, predictions).map(f64::sqrt)
}

/// Coefficient of determination: 1 - squared error / squared deviation from the labels' mean.
pub fn r2(labels: &[f64], predictions: &[f64]) -> Option<f64> {
    let center = mean(labels, labels, |label, _| label)?;
    let spread = mean(labels, labels, |label, _| (label - center) * (label - center))?;
    let error = brier(labels, predictions)?;
    (spread > 0.0).then(|| 1.0 - error / spread)
}

fn usable(labels: &[f64], predictions: &[f64]) -> bool {
    !labels.is_empty()
        && labels.len() == predictions.len()
        && labels.iter().chain(predictions).all(|number| number.is_finite())
}

/// Mean over the rows in their order.
#[expect(clippy::cast_precision_loss, reason = "a count of rows")]
fn mean(labels: &[f64], predictions: &[f64], term: impl Fn(f64, f64) -> f64) -> Option<f64> {
    if !usable(labels, predictions) {
        return None;
    }
    let mut sum = 0.0;
    for (label, prediction) in labels.iter().zip(predictions) {
        sum += term(*label, *prediction);
    }
    Some(sum / labels.len() as f64)
}
