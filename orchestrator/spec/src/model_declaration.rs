//! Models: which rows are observed, what is predicted, from which inputs and features, by which algorithm.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{ColumnType, Expression, Name, Node, Span, Spanned, Value};

/// A declared model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Model {
    /// Where the model's name stands.
    #[serde(skip)]
    pub span: Span,
    /// The rows it learns from.
    pub observations: Observations,
    /// Values that arrive with the request, in order of declaration.
    pub inputs: Vec<Input>,
    /// Values computed from inputs and features, in order of declaration; each may use the ones before it.
    pub derived: Vec<Derived>,
    /// Features it reads, in order of declaration.
    pub features: Vec<FeatureReference>,
    /// What happens to a missing or expired feature, unless a reference says otherwise. Default `refuse`.
    pub missing: Missing,
    /// How it learns.
    pub algorithm: Algorithm,
    /// What is measured by `train` and `evaluate`.
    pub metrics: Vec<Spanned<Metric>>,
}

/// The rows a model learns from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Observations {
    /// The source; its event time is the instant of prediction.
    pub source: Spanned<Name>,
    /// Boolean for classifiers, number for regressors. Null = left out and counted.
    pub label: Spanned<Expression>,
    /// Datetime column from which on the label is known; none = at the event time.
    pub label_known_at: Option<Spanned<String>>,
    /// Keeps the observations for which this holds.
    #[serde(rename = "where")]
    pub filter: Option<Spanned<Expression>>,
}

/// One request-time value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Input {
    /// Its name; a column of the observations.
    pub name: Spanned<String>,
    /// Its type.
    #[serde(rename = "type")]
    pub column_type: Spanned<ColumnType>,
    /// For text: which categories get a column of their own.
    pub categories: Option<Categories>,
}

/// The categories of a text input.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Categories {
    /// Those seen in the fitted rows, sorted.
    Observed,
    /// These, in order.
    Declared(Vec<Spanned<String>>),
}

/// One computed value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Derived {
    /// Its name.
    pub name: Spanned<String>,
    /// Its value.
    pub expression: Spanned<Expression>,
}

/// A view, or some of its features, read by a model in one role.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FeatureReference {
    /// The item's own position.
    #[serde(skip)]
    pub span: Span,
    /// The view.
    pub view: Spanned<Name>,
    /// The features picked; none = all of the view.
    pub pick: Option<Vec<Spanned<String>>>,
    /// Key column of the entity -> column of the observation, where the names differ.
    pub entity: BTreeMap<String, Spanned<String>>,
    /// The role's name; default the view's.
    #[serde(rename = "as")]
    pub alias: Option<Spanned<Name>>,
    /// Overrides the model's policy.
    pub missing: Option<Missing>,
}

impl FeatureReference {
    /// The role's name: `as` or the view's. A model's columns of it are named `{role}__{feature}`.
    pub fn role(&self) -> &Name {
        self.alias.as_ref().map_or(&self.view.value, |alias| &alias.value)
    }
}

/// What happens where a feature is absent, null or older than its view's ttl.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Missing {
    /// The training mean (most frequent value for text and booleans), plus a flag in the reply.
    Impute,
    /// Training leaves the row out and counts it; serving answers 422.
    #[default]
    Refuse,
}

/// An algorithm and its parameters, which the training package knows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Algorithm {
    /// `logistic_regression`, `linear_regression`.
    pub name: Spanned<String>,
    /// The other keys of the map, still positioned nodes.
    pub parameters: Vec<(Spanned<String>, Node)>,
}

/// What a model is judged by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Area under the ROC curve; ties count half (Mann-Whitney). Higher is better.
    Auc,
    /// Mean negative log likelihood, probabilities clipped to [1e-15, 1 - 1e-15]. Lower is better.
    LogLoss,
    /// Mean squared error of the probability. Lower is better.
    Brier,
    /// Root mean squared error. Lower is better.
    Rmse,
    /// Coefficient of determination. Higher is better.
    R2,
}

impl Metric {
    /// All metrics, in the order of their documentation.
    pub const ALL: [Self; 5] = [Self::Auc, Self::LogLoss, Self::Brier, Self::Rmse, Self::R2];

    /// The YAML spelling.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auc => "auc",
            Self::LogLoss => "log_loss",
            Self::Brier => "brier",
            Self::Rmse => "rmse",
            Self::R2 => "r2",
        }
    }
}

/// The categories' value type is text; kept here so that declared categories share the value type of features.
impl Categories {
    /// The declared categories as values; `None` for observed ones.
    pub fn declared(&self) -> Option<Vec<Value>> {
        match self {
            Self::Observed => None,
            Self::Declared(names) => Some(names.iter().map(|name| Value::Text(name.value.clone())).collect()),
        }
    }
}
