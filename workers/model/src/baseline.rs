//! What the fitted rows looked like, so that later rows can be compared with them (drift). Counts and plain numbers.

use serde::{Deserialize, Serialize};

use crate::exact;

/// The fitted rows in summary.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    /// Mean of the label: the share of true for a boolean one.
    #[serde(with = "exact::number")]
    pub label_mean: f64,
    /// One per column of the signature: inputs, features, derived.
    pub columns: Vec<ColumnBaseline>,
}

/// One column in summary.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnBaseline {
    /// The column.
    pub name: String,
    /// Fitted rows.
    pub rows: u64,
    /// Rows of them without a value.
    pub nulls: u64,
    /// The values.
    pub shape: Shape,
}

/// The values of a column in summary, nulls left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Shape {
    /// There is no value.
    Empty,
    /// Numbers, dates and instants (in days since 1970).
    Number {
        /// Mean.
        #[serde(with = "exact::number")]
        mean: f64,
        /// Population standard deviation.
        #[serde(with = "exact::number")]
        std: f64,
        /// Deciles p0, p10, ..., p100 (linear interpolation, Hyndman & Fan type 7).
        #[serde(with = "exact::numbers")]
        deciles: Vec<f64>,
    },
    /// Booleans.
    Flag {
        /// Rows that are true.
        trues: u64,
    },
    /// Text.
    Categories {
        /// The most frequent texts (at most 50), most frequent first, then alphabetical.
        counts: Vec<(String, u64)>,
        /// Rows with any other text.
        others: u64,
    },
}

impl ColumnBaseline {
    /// Share of rows without a value; 0 without rows.
    #[expect(clippy::cast_precision_loss, reason = "a share")]
    pub fn null_share(&self) -> f64 {
        if self.rows == 0 { 0.0 } else { self.nulls as f64 / self.rows as f64 }
    }
}
