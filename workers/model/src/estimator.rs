//! The numbers that were learnt and the arithmetic that turns a prepared row into an answer.

use serde::{Deserialize, Serialize};

use crate::{Target, exact};

/// A fitted estimator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Estimator {
    /// `intercept + weights · x`.
    Linear {
        /// One per number of the prepared row.
        #[serde(with = "exact::numbers")]
        weights: Vec<f64>,
        /// The answer for a prepared row of zeros.
        #[serde(with = "exact::number")]
        intercept: f64,
    },
    /// P(label = true) = 1 / (1 + exp(-(intercept + weights · x))).
    Logistic {
        /// One per number of the prepared row.
        #[serde(with = "exact::numbers")]
        weights: Vec<f64>,
        /// The log odds of a prepared row of zeros.
        #[serde(with = "exact::number")]
        intercept: f64,
    },
}

impl Estimator {
    /// One weight per number of the prepared row.
    pub fn weights(&self) -> &[f64] {
        match self {
            Self::Linear { weights, .. } | Self::Logistic { weights, .. } => weights,
        }
    }

    /// The constant term.
    pub fn intercept(&self) -> f64 {
        match self {
            Self::Linear { intercept, .. } | Self::Logistic { intercept, .. } => *intercept,
        }
    }

    /// What its answer means.
    pub fn target(&self) -> Target {
        match self {
            Self::Linear { .. } => Target::Number,
            Self::Logistic { .. } => Target::Probability,
        }
    }

    /// The answer for a weighted sum that includes the intercept.
    pub fn answer(&self, sum: f64) -> f64 {
        match self {
            Self::Linear { .. } => sum,
            Self::Logistic { .. } => 1.0 / (1.0 + (-sum).exp()),
        }
    }
}
