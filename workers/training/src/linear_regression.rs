//! Linear regression by linfa-linear (least squares through QR). Without a penalty a column that the ones before it
//! determine (the last of a one-hot group, a copy) gets weight 0, as in R. With `l2` it is ridge regression: the sum of
//! squared errors + l2 * |weights|^2, the intercept free: scikit-learn's Ridge with alpha = l2, solved as the least
//! squares problem with the rows sqrt(l2) * I added.

use daybreak_model::Target;
use linfa::prelude::*;
use linfa_linear::LinearRegression;
use ndarray::{Array1, Array2, Axis, ShapeBuilder, s};

use crate::matrix::Matrix;
use crate::parameters::{ParameterDefinition, ParameterType, Parameters};
use crate::registry::{AlgorithmDefinition, Solution};
use crate::{Error, Warning};

/// The algorithm.
pub(crate) const DEFINITION: AlgorithmDefinition = AlgorithmDefinition {
    name: "linear_regression",
    summary: "an estimate of a number by least squares (linfa-linear, QR), with an optional L2 penalty",
    target: Target::Number,
    parameters: PARAMETERS,
    fit,
};

const PARAMETERS: &[ParameterDefinition] = &[ParameterDefinition {
    name: "l2",
    parameter_type: ParameterType::Number,
    default: 0.0,
    minimum: 0.0,
    maximum: 1e12,
    summary: "penalty l2 * |weights|^2 on the standardised columns, as scikit-learn's Ridge alpha; 0 = least squares",
}];

/// A column is determined by others when less than this share of its square is left once they are taken out.
const DEPENDENT_SHARE: f64 = 1e-10;

fn fit(parameters: &Parameters, matrix: &Matrix, labels: &[f64]) -> Result<Solution, Error> {
    let l2 = parameters.number("l2");
    let (rows, width) = matrix.numbers.dim();
    let means = matrix.numbers.mean_axis(Axis(0)).ok_or(Error::NoRows)?;
    let centred = &matrix.numbers - &means;
    let label_mean = mean(labels);
    let kept = if l2 > 0.0 { (0..width).collect() } else { independent(&centred) };
    let mut weights = vec![0.0; width];
    if !kept.is_empty() {
        let padding = if l2 > 0.0 { width } else { 0 };
        let mut design = Array2::zeros((rows + padding, kept.len()).f());
        for (place, column) in kept.iter().enumerate() {
            design.slice_mut(s![..rows, place]).assign(&centred.column(*column));
            if padding > 0 {
                design[(rows + place, place)] = l2.sqrt();
            }
        }
        let mut targets = Array1::zeros(rows + padding);
        for (target, label) in targets.iter_mut().zip(labels) {
            *target = label - label_mean;
        }
        let fitted = LinearRegression::new()
            .with_intercept(false)
            .fit(&DatasetBase::new(design, targets))
            .map_err(|error| Error::Solver { algorithm: DEFINITION.name, detail: error.to_string() })?;
        for (column, weight) in kept.iter().zip(fitted.params()) {
            weights[*column] = *weight;
        }
    }
    let intercept = label_mean - weights.iter().zip(&means).map(|(weight, mean)| weight * mean).sum::<f64>();
    let dropped = (0..width).filter(|column| !kept.contains(column) && !constant(&centred, *column));
    let warnings = dropped.map(|column| Warning::Dependent { column: matrix.names[column].clone() }).collect();
    Ok(Solution { weights, intercept, warnings })
}

#[expect(clippy::cast_precision_loss, reason = "a count of rows")]
fn mean(labels: &[f64]) -> f64 {
    labels.iter().sum::<f64>() / labels.len() as f64
}

fn constant(centred: &Array2<f64>, column: usize) -> bool {
    centred.column(column).iter().all(|number| number.abs() < 1e-12)
}

/// The columns that are not a linear combination of the ones before them: Cholesky's factorisation of the columns'
/// products, leaving out a column where nothing remains of it.
fn independent(centred: &Array2<f64>) -> Vec<usize> {
    let products = centred.t().dot(centred);
    let mut kept: Vec<usize> = Vec::new();
    let mut factor: Vec<Vec<f64>> = Vec::new();
    for column in 0..centred.ncols() {
        let mut row: Vec<f64> = Vec::with_capacity(kept.len() + 1);
        for (place, earlier) in kept.iter().enumerate() {
            let known: f64 = row.iter().zip(&factor[place]).map(|(left, right)| left * right).sum();
            row.push((products[(column, *earlier)] - known) / factor[place][place]);
        }
        let whole = products[(column, column)];
        let left = whole - row.iter().map(|entry| entry * entry).sum::<f64>();
        if whole > 0.0 && left > whole * DEPENDENT_SHARE && kept.len() + 1 < centred.nrows() {
            row.push(left.sqrt());
            factor.push(row);
            kept.push(column);
        }
    }
    kept
}
