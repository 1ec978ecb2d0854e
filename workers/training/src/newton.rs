//! Where linfa-logistic starts from. From zero its L-BFGS takes hundreds of passes over the rows when columns resemble
//! each other (one-hot groups, windows of one statistic); a few damped Newton steps, each solved by linfa's least squares,
//! end beside the optimum at a tenth of the cost. linfa-logistic goes on from here until its own tolerance holds.

use linfa::prelude::*;
use linfa_linear::LinearRegression;
use ndarray::{Array1, Array2, ArrayView1, Axis, s};

use crate::matrix::Matrix;

/// Above this many prepared columns a Newton step costs more than it saves.
const MAX_WIDTH: usize = 512;
const MAX_STEPS: u64 = 20;
const MAX_HALVINGS: usize = 12;

/// Share of the largest second derivative that is added to all of them.
const DAMPING: f64 = 1e-9;

/// A point of the objective in the orientation of P(label = true).
#[derive(Clone, Debug)]
pub(crate) struct Point {
    pub weights: Array1<f64>,
    pub intercept: f64,
}

/// The objective of logistic regression over a matrix.
#[derive(Debug)]
pub(crate) struct Objective<'a> {
    pub matrix: &'a Matrix,
    pub labels: &'a [f64],
    pub l2: f64,
}

impl Objective<'_> {
    /// A point near the optimum: from zero weights and the labels' log odds by Newton steps, until the gradient's norm is
    /// below the tolerance, a step no longer helps or `max_steps` are taken.
    pub fn start(&self, tolerance: f64, max_steps: u64) -> Point {
        let mut point = Point { weights: Array1::zeros(self.matrix.numbers.ncols()), intercept: self.log_odds() };
        if self.matrix.numbers.ncols() > MAX_WIDTH {
            return point;
        }
        let mut loss = self.loss(&point);
        for _ in 0..max_steps.min(MAX_STEPS) {
            let probabilities = self.probabilities(&point);
            let gradient = self.gradient(&point, &probabilities);
            if norm(&gradient) <= tolerance {
                break;
            }
            let Some(step) = solve(self.curvature(&probabilities), gradient) else { break };
            let Some((next, next_loss)) = self.descend(&point, &step, loss) else { break };
            (point, loss) = (next, next_loss);
        }
        point
    }

    /// Norm of the gradient at a point: how far it is from the optimum.
    pub fn gradient_norm(&self, point: &Point) -> f64 {
        norm(&self.gradient(point, &self.probabilities(point)))
    }

    #[expect(clippy::cast_precision_loss, reason = "counts of rows")]
    fn log_odds(&self) -> f64 {
        let trues = self.labels.iter().sum::<f64>();
        (trues / (self.labels.len() as f64 - trues)).ln()
    }

    fn sums(&self, point: &Point) -> Vec<f64> {
        self.matrix.sums(point.weights.as_slice().expect("one contiguous vector"), point.intercept)
    }

    fn probabilities(&self, point: &Point) -> Array1<f64> {
        self.sums(point).into_iter().map(|sum| 1.0 / (1.0 + (-sum).exp())).collect()
    }

    /// Sum of the log loss and the penalty.
    fn loss(&self, point: &Point) -> f64 {
        let mut loss = 0.5 * self.l2 * point.weights.dot(&point.weights);
        for (sum, label) in self.sums(point).into_iter().zip(self.labels) {
            let towards = if *label > 0.5 { sum } else { -sum };
            loss += (-towards.abs()).exp().ln_1p() + (-towards).max(0.0);
        }
        loss
    }

    /// By weights, then by the intercept.
    fn gradient(&self, point: &Point, probabilities: &Array1<f64>) -> Array1<f64> {
        let residuals = probabilities - &ArrayView1::from(self.labels);
        let width = point.weights.len();
        let mut gradient = Array1::zeros(width + 1);
        for (place, column) in self.matrix.numbers.columns().into_iter().enumerate() {
            gradient[place] = column.dot(&residuals) + self.l2 * point.weights[place];
        }
        gradient[width] = residuals.sum();
        gradient
    }

    /// The matrix of second derivatives, by weights, then by the intercept.
    fn curvature(&self, probabilities: &Array1<f64>) -> Array2<f64> {
        let roots = probabilities.mapv(|probability| (probability * (1.0 - probability)).sqrt());
        let scaled = &self.matrix.numbers * &roots.view().insert_axis(Axis(1));
        let width = scaled.ncols();
        let mut curvature = Array2::zeros((width + 1, width + 1));
        curvature.slice_mut(s![..width, ..width]).assign(&scaled.t().dot(&scaled));
        for (place, column) in scaled.columns().into_iter().enumerate() {
            curvature[(place, place)] += self.l2;
            let mixed = column.dot(&roots);
            curvature[(place, width)] = mixed;
            curvature[(width, place)] = mixed;
        }
        curvature[(width, width)] = roots.dot(&roots);
        curvature
    }

    /// Goes along a step, half as far each time the loss does not fall.
    fn descend(&self, from: &Point, step: &Array1<f64>, loss: f64) -> Option<(Point, f64)> {
        let width = from.weights.len();
        let mut length = 1.0;
        for _ in 0..MAX_HALVINGS {
            let next = Point {
                weights: &from.weights - &(&step.slice(s![..width]) * length),
                intercept: from.intercept - step[width] * length,
            };
            let next_loss = self.loss(&next);
            if next_loss < loss {
                return Some((next, next_loss));
            }
            length /= 2.0;
        }
        None
    }
}

fn norm(vector: &Array1<f64>) -> f64 {
    vector.dot(vector).sqrt()
}

/// Solves `curvature * step = gradient` by linfa's least squares. A trace of the identity keeps steps short along
/// directions in which the objective is flat (columns that repeat each other, without a penalty). `None` when linfa finds
/// no finite solution.
fn solve(mut curvature: Array2<f64>, gradient: Array1<f64>) -> Option<Array1<f64>> {
    let damping = curvature.diag().iter().fold(0.0_f64, |most, entry| most.max(*entry)) * DAMPING;
    curvature.diag_mut().mapv_inplace(|entry| entry + damping);
    let system = DatasetBase::new(curvature, gradient);
    let solved = LinearRegression::new().with_intercept(false).fit(&system).ok()?;
    let step = solved.params().clone();
    step.iter().all(|entry| entry.is_finite()).then_some(step)
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn a_small_system_is_solved() {
        let found = solve(array![[4.0, 2.0], [2.0, 3.0]], array![2.0, 5.0]).expect("positive definite");
        assert!((&found - &array![-0.5, 2.0]).iter().all(|error| error.abs() < 1e-6), "{found}");
    }

    #[test]
    fn a_flat_direction_gives_a_short_step() {
        let found = solve(array![[1.0, 1.0], [1.0, 1.0]], array![1.0, 1.0]).expect("damped");
        assert!(found.iter().all(|entry| (entry - 0.5).abs() < 1e-3), "{found}");
    }
}
