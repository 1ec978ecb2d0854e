//! A training set as plain typed columns, what was left out of it and why, and its Parquet bytes. Holds data only.

use std::collections::BTreeMap;

use daybreak_features::Status;
use daybreak_spec::{ColumnType, Name, Timestamp};

use crate::Error;
use crate::build::frame::write;
use crate::columns::{FrameColumn, Values};
use crate::model_schema::{LABEL, OBSERVED_AT};

/// Observations with a known label, in order of (event time, sequence, row of the source), one row each.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainingFrame {
    /// The model.
    pub model: Name,
    /// Observations are from `[from, to)`.
    pub from: Timestamp,
    /// See `from`.
    pub to: Timestamp,
    /// Labels (and rows) were known before this.
    pub at: Timestamp,
    /// Columns that serve as keys, in order of first use. One that is an input too stands in both lists.
    pub keys: Vec<FrameColumn>,
    /// Inputs in order.
    pub inputs: Vec<FrameColumn>,
    /// Features in order, named `{role}__{feature}`; null where missing or too old.
    pub features: Vec<FrameColumn>,
    /// The label, without nulls: booleans or numbers.
    pub label: FrameColumn,
    /// Event time of each observation, microseconds.
    pub times_us: Vec<i64>,
    /// What was left out, what was missing.
    pub report: TrainingReport,
}

/// How a training set came about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrainingReport {
    /// Rows read from the files of the observations.
    pub rows_read: u64,
    /// Observations in the time range that `where:` kept.
    pub observations: u64,
    /// Left out: the label is null.
    pub null_labels: u64,
    /// Left out: the label was not known before `at`.
    pub unknown_labels: u64,
    /// Per feature how its values came about.
    pub features: Vec<FeatureCounts>,
    /// Per view the instants of the builds that were joined with.
    pub builds: BTreeMap<Name, Vec<Timestamp>>,
}

/// How the values of one feature came about, in rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FeatureCounts {
    /// `{role}__{feature}`.
    pub name: String,
    /// There and fresh.
    pub present: u64,
    /// The row is there and fresh, the value null.
    pub null_value: u64,
    /// No build yet, or no row for the key in the newest one.
    pub not_found: u64,
    /// Older than the view's ttl.
    pub outside_max_age: u64,
}

impl FeatureCounts {
    pub(crate) fn add(&mut self, status: Status, rows: u64) {
        match status {
            Status::Present => self.present += rows,
            Status::NullValue => self.null_value += rows,
            Status::NotFound => self.not_found += rows,
            Status::OutsideMaxAge => self.outside_max_age += rows,
        }
    }
}

impl TrainingFrame {
    /// Number of observations.
    pub fn rows(&self) -> usize {
        self.times_us.len()
    }

    /// The label as numbers: 0 and 1 for booleans.
    #[expect(clippy::cast_precision_loss, reason = "labels are f64 to a model")]
    pub fn labels(&self) -> Vec<f64> {
        match &self.label.values {
            Values::Bool(values) => values.iter().map(|value| f64::from(u8::from(*value == Some(true)))).collect(),
            Values::Int(values) => values.iter().map(|value| value.unwrap_or_default() as f64).collect(),
            Values::Float(values) => values.iter().map(|value| value.unwrap_or_default()).collect(),
            Values::Text(_) | Values::Date(_) | Values::Instant(_) => Vec::new(),
        }
    }

    /// All columns in the order of the file: keys, inputs that are no keys, features, `label`, `event_time`.
    pub fn columns(&self) -> Vec<FrameColumn> {
        let mut columns = self.keys.clone();
        let is_key = |column: &&FrameColumn| self.keys.iter().any(|key| key.name == column.name);
        columns.extend(self.inputs.iter().filter(|column| !is_key(column)).cloned());
        columns.extend(self.features.iter().cloned());
        columns.push(FrameColumn { name: LABEL.to_owned(), ..self.label.clone() });
        let times = Values::Instant(self.times_us.iter().copied().map(Some).collect());
        columns.push(FrameColumn { name: OBSERVED_AT.to_owned(), column_type: ColumnType::Datetime, values: times });
        columns
    }

    /// The columns as a Parquet file; the same frame gives the same bytes.
    pub fn to_parquet(&self) -> Result<Vec<u8>, Error> {
        let columns = self.columns().iter().map(FrameColumn::to_polars).collect::<Result<Vec<_>, _>>()?;
        let metadata = [
            ("model", self.model.to_string()),
            ("from", self.from.to_string()),
            ("to", self.to.to_string()),
            ("as_of", self.at.to_string()),
        ];
        write(self.rows(), columns, &metadata, &format!("writing the training set of model `{}`", self.model))
    }
}
