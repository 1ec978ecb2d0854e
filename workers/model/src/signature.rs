//! What a model is asked and what it answers: keys, inputs, features, derived values and the meaning of its number.
//! The order is fixed here once; a raw row is the inputs followed by the features.

use daybreak_spec::{ColumnType, Expr, Missing, Name};
use serde::{Deserialize, Serialize};

use crate::exact;

/// The columns of a model in order, and what its number means.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    /// The model's name.
    pub model: Name,
    /// Columns of the observation that serve as keys of a feature view, in order of first use, with their types.
    pub entity_keys: Vec<InputField>,
    /// Values that arrive with the request.
    pub inputs: Vec<InputField>,
    /// Values fetched from feature views.
    pub features: Vec<FeatureField>,
    /// Values computed from inputs and features; each may use the ones before it.
    pub derived: Vec<DerivedField>,
    /// What happens to a null input (features carry their own policy).
    pub missing: Missing,
    /// What the answer is.
    pub target: Target,
}

/// A value that arrives with the request: a key or an input.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputField {
    /// Its name.
    pub name: String,
    /// Its type.
    pub column_type: ColumnType,
}

/// A value fetched from a feature view.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeatureField {
    /// `{role}__{feature}`.
    pub name: String,
    /// The role the view plays; its own name unless `as` says otherwise.
    pub role: Name,
    /// The view.
    pub view: Name,
    /// The feature's name in the view.
    pub feature: String,
    /// Its type.
    pub column_type: ColumnType,
    /// Key column of the view and the observation column that fills it, in the order of the view's keys.
    pub keys: Vec<(String, String)>,
    /// What happens where it is absent, null or too old.
    pub missing: Missing,
    /// Largest age in microseconds; none = any.
    pub ttl_us: Option<i64>,
}

/// A computed value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DerivedField {
    /// Its name.
    pub name: String,
    /// Its expression.
    #[serde(with = "exact::tree")]
    pub expr: Expr,
}

/// The meaning of a model's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// P(label = true), between 0 and 1.
    Probability,
    /// An estimate of the label itself.
    Number,
}

impl Signature {
    /// Name and type of each column of a raw row: inputs, then features.
    pub fn raw_columns(&self) -> impl Iterator<Item = (&str, ColumnType)> {
        let inputs = self.inputs.iter().map(|input| (input.name.as_str(), input.column_type));
        inputs.chain(self.features.iter().map(|feature| (feature.name.as_str(), feature.column_type)))
    }

    /// Values in a raw row.
    pub fn raw_len(&self) -> usize {
        self.inputs.len() + self.features.len()
    }

    /// What happens to a null at this position of a raw row.
    pub fn missing_at(&self, position: usize) -> Missing {
        match position.checked_sub(self.inputs.len()) {
            Some(feature) => self.features[feature].missing,
            None => self.missing,
        }
    }

    /// All columns that the estimator sees, in order: inputs, features, derived.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.raw_columns().map(|(name, _)| name).chain(self.derived.iter().map(|derived| derived.name.as_str()))
    }
}
