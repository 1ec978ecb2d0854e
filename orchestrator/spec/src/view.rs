//! Feature views: what is computed per entity at an instant.

use serde::{Deserialize, Serialize};

use crate::{Duration, Expression, Name, Span, Spanned};

/// Features of one entity (or of nobody: one row for all), built at instants from rows known before them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FeatureView {
    /// Where the view's name stands.
    #[serde(skip)]
    pub span: Span,
    /// The entity; none = a global view of one row.
    pub entity: Option<Spanned<Name>>,
    /// What is computed.
    pub definition: ViewDefinition,
    /// Largest age at which a value may be used: from T for aggregates and `sql`, from the row's event time for `latest`.
    /// `None` = no limit.
    pub ttl: Option<Spanned<Duration>>,
    /// A build at T is available from T + this on.
    pub publish_delay: Option<Spanned<Duration>>,
    /// `latest` only: whether an older non-null value may stand in for a newest null. Default false.
    pub ignore_nulls: bool,
}

/// The three kinds of view.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ViewDefinition {
    /// Aggregates over windows `[T - W, T)`.
    Aggregates {
        /// The source they read.
        source: Spanned<Name>,
        /// The aggregates in order.
        aggregates: Vec<Aggregate>,
    },
    /// The newest row per key known before T: these columns of it, under their own names.
    Latest {
        /// The source they read.
        source: Spanned<Name>,
        /// The columns in order.
        columns: Vec<Spanned<String>>,
    },
    /// A checked SELECT over sources, each cut off at T. Its columns: the entity's keys and the features.
    Sql {
        /// The query as written (validated against the allow-list by `spec`).
        query: Spanned<String>,
        /// The sources it names, in order of appearance.
        sources: Vec<Name>,
    },
}

/// One `aggregates:` item: functions x windows over one expression.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Aggregate {
    /// The item's own position.
    #[serde(skip)]
    pub span: Span,
    /// The value aggregated per row.
    pub of: Spanned<Expression>,
    /// Name stem; without it `of` must be a bare column.
    #[serde(rename = "as")]
    pub alias: Option<Spanned<String>>,
    /// `fn:`
    #[serde(rename = "fn")]
    pub functions: Vec<Spanned<AggregateFunction>>,
    /// Window lengths.
    pub windows: Vec<Spanned<Duration>>,
}

/// Nulls are left out by every function; over no value `count`, `sum` and `count_distinct` give 0, the others null.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AggregateFunction {
    /// Number of non-null values. i64.
    Count,
    /// Number of distinct non-null values. i64.
    CountDistinct,
    /// Sum (a boolean counts 0/1). i64 for integers and booleans, else f64.
    Sum,
    /// Mean (the share of true for a boolean). f64.
    Mean,
    /// Smallest value. The column's type.
    Min,
    /// Largest value. The column's type.
    Max,
    /// Sample standard deviation (n - 1; null below two values). f64.
    Std,
    /// `pNN`, 0 to 100: linear-interpolated quantile (Hyndman & Fan type 7). f64. `median` = p50.
    Percentile(u8),
}

impl AggregateFunction {
    /// The word that stands in a feature's name.
    pub fn name(self) -> String {
        match self {
            Self::Count => "count".into(),
            Self::CountDistinct => "count_distinct".into(),
            Self::Sum => "sum".into(),
            Self::Mean => "mean".into(),
            Self::Min => "min".into(),
            Self::Max => "max".into(),
            Self::Std => "std".into(),
            Self::Percentile(p) => format!("p{p}"),
        }
    }
}

impl Aggregate {
    /// The features it makes, in order (functions outside, windows inside): `{as}_{window}` with `as` and one function,
    /// else `{as or column}_{function}_{window}`.
    pub fn features(&self) -> Vec<(String, AggregateFunction, &Duration)> {
        let stem = self.alias.as_ref().map_or(self.of.text.as_str(), |alias| alias.as_str());
        let short = self.alias.is_some() && self.functions.len() == 1;
        let mut features = Vec::new();
        for function in &self.functions {
            for window in &self.windows {
                let name = if short {
                    format!("{stem}_{}", window.text)
                } else {
                    format!("{stem}_{}_{}", function.name(), window.text)
                };
                features.push((name, function.value, &window.value));
            }
        }
        features
    }
}
