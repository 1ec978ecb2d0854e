//! Why a model cannot be trained, and what the user should know of one that could.

use daybreak_model::{EvalError, PredictError, SetError};
use daybreak_spec::{Metric, Problem};

/// Why there is no model or no score.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The algorithm's declaration is wrong.
    #[error("the algorithm cannot be used: {}", joined(.0))]
    Algorithm(Vec<Problem>),
    /// The training set does not hold together.
    #[error("the training set is damaged")]
    Set(#[from] SetError),
    /// The training set lacks a column of the model.
    #[error("the training set has no column `{0}`")]
    NoColumn(String),
    /// A column has values of another type.
    #[error("column `{column}` of the training set does not hold {expected}")]
    ColumnType {
        /// The column.
        column: String,
        /// Its type by the signature.
        expected: &'static str,
    },
    /// There is nothing to learn from.
    #[error(
        "there is no labelled row to learn from; look at the source's dates, at `history` and at when labels are known"
    )]
    NoRows,
    /// Every row misses a column under `missing: refuse`.
    #[error(
        "all {rows} rows miss a column under `missing: refuse`, most of them `{column}`; use `missing: impute` for it or build its view earlier"
    )]
    AllRefused {
        /// Rows in the set.
        rows: usize,
        /// The column that refused most of them.
        column: String,
    },
    /// A boolean label has one value only.
    #[error("the label is {label} in all {rows} rows; a classifier needs both")]
    OneClass {
        /// The value.
        label: bool,
        /// Rows fitted.
        rows: usize,
    },
    /// A label that the algorithm cannot learn.
    #[error("label {found} in row {row} is not {expected}")]
    Label {
        /// Index of the row in the set.
        row: usize,
        /// The label.
        found: f64,
        /// What the algorithm learns.
        expected: &'static str,
    },
    /// The preparation made no number at all.
    #[error("no column has a value in any row; the model would be a constant")]
    NoNumbers,
    /// A text column has too many distinct values.
    #[error(
        "column `{column}` has {found} distinct texts, more than {limit}; name the categories that matter with `categories: [..]`"
    )]
    TooManyCategories {
        /// The column.
        column: String,
        /// Distinct texts.
        found: usize,
        /// The limit.
        limit: usize,
    },
    /// The prepared matrix would not fit.
    #[error(
        "{rows} rows of {width} numbers are more than training holds in memory; shorten `history` or name fewer categories"
    )]
    TooLarge {
        /// Rows fitted.
        rows: usize,
        /// Numbers per row.
        width: usize,
    },
    /// Values too large to be averaged.
    #[error("column `{column}` has values too large to be standardised")]
    Range {
        /// The column.
        column: String,
    },
    /// A derived column cannot be computed.
    #[error("derived column `{column}` cannot be computed in row {row}")]
    Derived {
        /// The column.
        column: String,
        /// Index of the row in the set.
        row: usize,
        /// Why.
        source: EvalError,
    },
    /// A derived column has values of several types.
    #[error("derived column `{column}` changes its type in row {row}: {detail}")]
    DerivedType {
        /// The column.
        column: String,
        /// Index of the row in the set.
        row: usize,
        /// What met what.
        detail: String,
    },
    /// linfa gave up.
    #[error("{algorithm} found no solution: {detail}")]
    Solver {
        /// The algorithm.
        algorithm: &'static str,
        /// linfa's message.
        detail: String,
    },
    /// A coefficient is not a number.
    #[error("the fitted weight of `{column}` is not finite; raise `l2` or look for columns that repeat each other")]
    NotFinite {
        /// The prepared column.
        column: String,
    },
    /// A row cannot be predicted.
    #[error("row {row} cannot be predicted")]
    Row {
        /// Index of the row in the set.
        row: usize,
        /// Why.
        source: PredictError,
    },
    /// A metric does not exist for these rows.
    #[error("{metric} is not defined over these {rows} rows: {reason}")]
    Metric {
        /// The metric.
        metric: &'static str,
        /// Rows scored.
        rows: usize,
        /// Why.
        reason: &'static str,
    },
    /// A metric that judges other models.
    #[error("{metric} does not judge {target}")]
    MetricTarget {
        /// The metric.
        metric: &'static str,
        /// What the model answers.
        target: &'static str,
    },
    /// The artefact is not usable.
    #[error("the model is not usable")]
    Artifact(#[from] daybreak_model::Error),
}

fn joined(problems: &[Problem]) -> String {
    problems.iter().map(|problem| problem.message.as_str()).collect::<Vec<_>>().join("; ")
}

/// Something the user should know of a model that was trained all the same.
#[derive(Clone, Debug, PartialEq)]
pub enum Warning {
    /// A column has no value in any fitted row: imputed 0, weight 0.
    AllNull {
        /// The column.
        column: String,
    },
    /// The solver stopped before its tolerance.
    NotConverged {
        /// Norm of the objective's gradient where it stopped.
        gradient: f64,
        /// The tolerance asked for.
        tolerance: f64,
        /// The iterations allowed.
        max_iterations: u64,
    },
    /// A prepared column that others determine got weight 0.
    Dependent {
        /// The prepared column.
        column: String,
    },
    /// Rows without a column under `missing: refuse` were left out.
    Refused {
        /// The column.
        column: String,
        /// Rows.
        rows: u64,
    },
    /// A metric is not defined over the held-out rows.
    NoHoldoutMetric {
        /// The metric.
        metric: Metric,
        /// Why.
        reason: String,
    },
}

impl std::fmt::Display for Warning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::AllNull { column } => {
                write!(f, "column `{column}` has no value in any fitted row; it takes no part in the model")
            }
            Self::NotConverged { gradient, tolerance, max_iterations } => write!(
                f,
                "the solver stopped at a gradient of {gradient:e} within {max_iterations} iterations, short of the \
                 tolerance {tolerance:e}; raise `max_iterations` or `l2`"
            ),
            Self::Dependent { column } => {
                write!(
                    f,
                    "`{column}` is determined by the columns before it; it got weight 0 (set `l2` to share the weight)"
                )
            }
            Self::Refused { column, rows } => {
                write!(f, "{rows} rows without `{column}` were left out (`missing: refuse`)")
            }
            Self::NoHoldoutMetric { metric, reason } => {
                write!(f, "{} of the held-out rows: {reason}", daybreak_model::metric_name(*metric))
            }
        }
    }
}
