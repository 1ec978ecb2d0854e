//! Answers for rows: the hot path. Everything is compiled when the model is loaded; a row costs one small buffer and a
//! few hundred nanoseconds. Never guesses: a value of a wrong type or an absent one under `refuse` names its column.

use daybreak_spec::{ColumnType, Missing, Value};

use crate::{Artifact, Cell, Encoder, Error, EvalError, Fate, Program, conform, validation};

/// A model that is ready to answer.
#[derive(Debug)]
pub struct Predictor {
    artifact: Artifact,
    encoders: Vec<Encoder>,
    programs: Vec<Program>,
    columns: Vec<(ColumnType, Missing)>,
}

/// One answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// P(label = true) or the estimated number, as the signature's target says.
    pub value: f64,
    /// Columns whose value was absent and imputed.
    pub imputed: Vec<String>,
    /// Text columns whose value is none of the known categories.
    pub unknown_categories: Vec<String>,
}

/// Why a row has no answer.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum PredictError {
    /// The row has another number of values.
    #[error("the row has {found} values where the model reads {expected}")]
    Columns {
        /// Inputs and features of the model.
        expected: usize,
        /// Values given.
        found: usize,
    },
    /// A column under `missing: refuse` is absent.
    #[error("`{column}` is missing and the model refuses to answer without it")]
    Missing {
        /// The column.
        column: String,
    },
    /// A value of a wrong type or outside its range.
    #[error("`{column}`: {detail}")]
    Value {
        /// The column.
        column: String,
        /// What was expected and found.
        detail: String,
    },
    /// A derived column cannot be computed from these values.
    #[error("derived column `{column}` cannot be computed")]
    Derived {
        /// The column.
        column: String,
        /// Why.
        source: EvalError,
    },
    /// The weighted sum left the range of numbers.
    #[error("the answer is not a finite number; a value of the row is beyond anything the model was trained on")]
    NotFinite,
}

impl PredictError {
    /// The column it is about, where there is one.
    pub fn column(&self) -> Option<&str> {
        match self {
            Self::Missing { column } | Self::Value { column, .. } | Self::Derived { column, .. } => Some(column),
            Self::Columns { .. } | Self::NotFinite => None,
        }
    }
}

impl Predictor {
    /// Checks and compiles a model. Golden rows are replayed by [`Artifact::verify`].
    pub fn new(artifact: Artifact) -> Result<Self, Error> {
        validation::validate(&artifact)?;
        let programs = validation::compile(&artifact.signature)?;
        let encoders = artifact.preparation.encoders();
        let signature = &artifact.signature;
        let types = signature.raw_columns().map(|(_, column_type)| column_type).enumerate();
        let columns = types.map(|(place, column_type)| (column_type, signature.missing_at(place))).collect();
        Ok(Self { encoders, programs, columns, artifact })
    }

    /// The model.
    pub fn artifact(&self) -> &Artifact {
        &self.artifact
    }

    /// The answer for a raw row: inputs, then features, in the signature's order.
    pub fn predict(&self, raw: &[Value]) -> Result<Prediction, PredictError> {
        let cells = self.conforming(raw)?;
        self.answer(cells).map(|(_, prediction)| prediction)
    }

    /// The answer and the derived values behind it.
    pub fn predict_traced(&self, raw: &[Value]) -> Result<(Vec<Value>, Prediction), PredictError> {
        let cells = self.conforming(raw)?;
        let (cells, prediction) = self.answer(cells)?;
        Ok((cells[self.columns.len()..].iter().map(Cell::to_value).collect(), prediction))
    }

    /// The answer for raw cells of typed columns (a training set's), which are not checked against their types again.
    pub fn predict_cells<'a>(&'a self, raw: &[Cell<'a>]) -> Result<Prediction, PredictError> {
        self.expect_columns(raw.len())?;
        let mut cells = Vec::with_capacity(self.encoders.len());
        cells.extend_from_slice(raw);
        self.answer(cells).map(|(_, prediction)| prediction)
    }

    fn expect_columns(&self, found: usize) -> Result<(), PredictError> {
        let expected = self.columns.len();
        if found == expected { Ok(()) } else { Err(PredictError::Columns { expected, found }) }
    }

    fn conforming<'a>(&self, raw: &'a [Value]) -> Result<Vec<Cell<'a>>, PredictError> {
        self.expect_columns(raw.len())?;
        let mut cells = Vec::with_capacity(self.encoders.len());
        for (place, (value, (column_type, _))) in raw.iter().zip(&self.columns).enumerate() {
            let cell = conform(*column_type, value)
                .map_err(|detail| PredictError::Value { column: self.encoders[place].name.clone(), detail })?;
            cells.push(cell);
        }
        Ok(cells)
    }

    /// Appends the derived values and sums up.
    fn answer<'a>(&'a self, mut cells: Vec<Cell<'a>>) -> Result<(Vec<Cell<'a>>, Prediction), PredictError> {
        for (place, (_, missing)) in self.columns.iter().enumerate() {
            if *missing == Missing::Refuse && cells[place].is_null() {
                return Err(PredictError::Missing { column: self.encoders[place].name.clone() });
            }
        }
        for program in &self.programs {
            let cell = program
                .run(&|position| cells[position].clone())
                .map_err(|source| PredictError::Derived { column: self.encoders[cells.len()].name.clone(), source })?;
            cells.push(cell);
        }
        let weights = self.artifact.estimator.weights();
        let mut sum = self.artifact.estimator.intercept();
        let (mut imputed, mut unknown_categories) = (Vec::new(), Vec::new());
        for (encoder, cell) in self.encoders.iter().zip(&cells) {
            let (entry, fate) =
                encoder.encode(cell).map_err(|detail| PredictError::Value { column: encoder.name.clone(), detail })?;
            if let Some((slot, number)) = entry {
                sum += weights[slot] * number;
            }
            match fate {
                Fate::Used => {}
                Fate::Imputed => imputed.push(encoder.name.clone()),
                Fate::Unknown => unknown_categories.push(encoder.name.clone()),
            }
        }
        let value = self.artifact.estimator.answer(sum);
        if !value.is_finite() {
            return Err(PredictError::NotFinite);
        }
        Ok((cells, Prediction { value, imputed, unknown_categories }))
    }
}
