//! Logistic regression by linfa-logistic (L-BFGS). Objective: sum of the log loss + l2 / 2 * |weights|^2, the intercept
//! free of the penalty: scikit-learn's LogisticRegression with C = 1 / l2. linfa calls the more frequent class positive;
//! here the answer is P(label = true) whatever it calls it.

use daybreak_model::Target;
use linfa::prelude::*;
use linfa_logistic::{FittedLogisticRegression, LogisticRegression};
use ndarray::Array1;

use crate::matrix::Matrix;
use crate::newton::{Objective, Point};
use crate::parameters::{ParameterDefinition, ParameterType, Parameters};
use crate::registry::{AlgorithmDefinition, Solution};
use crate::{Error, Warning};

/// The algorithm.
pub(crate) const DEFINITION: AlgorithmDefinition = AlgorithmDefinition {
    name: "logistic_regression",
    summary: "P(label = true) by logistic regression with an L2 penalty (linfa-logistic, L-BFGS)",
    target: Target::Probability,
    parameters: PARAMETERS,
    fit,
};

const PARAMETERS: &[ParameterDefinition] = &[
    ParameterDefinition {
        name: "l2",
        parameter_type: ParameterType::Number,
        default: 1.0,
        minimum: 0.0,
        maximum: 1e12,
        summary: "penalty l2 / 2 * |weights|^2 on the standardised columns, as scikit-learn's 1 / C; 0 = none",
    },
    ParameterDefinition {
        name: "max_iterations",
        parameter_type: ParameterType::Int,
        default: 500.0,
        minimum: 1.0,
        maximum: 100_000.0,
        summary: "steps of the solver at most (Newton steps to its starting point, then L-BFGS steps)",
    },
    ParameterDefinition {
        name: "tolerance",
        parameter_type: ParameterType::Number,
        default: 1e-4,
        minimum: 1e-12,
        maximum: 1e6,
        summary: "the solver stops where the norm of the objective's gradient is below this",
    },
];

/// linfa also stops where the objective cannot be told from its predecessor in f64, and its line search may give up
/// there; a fit that ends this many times above its tolerance counts as converged.
const SLACK: f64 = 100.0;

fn fit(parameters: &Parameters, matrix: &Matrix, labels: &[f64]) -> Result<Solution, Error> {
    let (l2, tolerance) = (parameters.number("l2"), parameters.number("tolerance"));
    let max_iterations = parameters.count("max_iterations");
    let objective = Objective { matrix, labels, l2 };
    let start = objective.start(tolerance, max_iterations);
    let trues: Array1<bool> = labels.iter().map(|label| *label > 0.5).collect();
    let algorithm = LogisticRegression::default()
        .alpha(l2)
        .max_iterations(max_iterations)
        .initial_params(linfa_parameters(&start, &trues));
    let dataset = DatasetBase::new(matrix.numbers.view(), trues);
    let mut fitted = algorithm.clone().gradient_tolerance(tolerance).fit(&dataset);
    if fitted.is_err() {
        fitted = algorithm.gradient_tolerance(tolerance * SLACK).fit(&dataset);
    }
    let fitted = fitted.map_err(|error| Error::Solver { algorithm: DEFINITION.name, detail: error.to_string() })?;
    let found = towards_true(&fitted);
    let gradient = objective.gradient_norm(&found);
    let mut warnings = Vec::new();
    if gradient.is_nan() || gradient > tolerance * SLACK {
        warnings.push(Warning::NotConverged { gradient, tolerance, max_iterations });
    }
    Ok(Solution { weights: found.weights.to_vec(), intercept: found.intercept, warnings })
}

/// A point as linfa counts it: weights, then intercept, towards the class it will call positive, which is the more
/// frequent one, or the first row's when both are equally frequent.
fn linfa_parameters(point: &Point, trues: &Array1<bool>) -> Array1<f64> {
    let true_rows = trues.iter().filter(|label| **label).count();
    let false_rows = trues.len() - true_rows;
    let true_is_positive = true_rows > false_rows || (true_rows == false_rows && trues[0]);
    let sign = if true_is_positive { 1.0 } else { -1.0 };
    point.weights.iter().chain([&point.intercept]).map(|number| number * sign).collect()
}

/// The solution in the orientation of P(label = true), by what linfa says it called positive.
fn towards_true(fitted: &FittedLogisticRegression<f64, bool>) -> Point {
    let sign = if fitted.labels().pos.class { 1.0 } else { -1.0 };
    Point { weights: fitted.params() * sign, intercept: fitted.intercept() * sign }
}
