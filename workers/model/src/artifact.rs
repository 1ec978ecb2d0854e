//! The artefact: everything that serving, judging and drift watching need to know of a trained model. Plain numbers and
//! text, never code. No time of day, host, run id or software version enters it: the same data gives the same bytes.
//! How it is written stands in `container.rs`, what it must fulfil in `validation.rs`.

use std::collections::BTreeMap;

use daybreak_spec::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Baseline, Error, Estimator, GoldenRow, Predictor, Preparation, Signature, exact, golden};

/// The format that this binary writes and reads.
pub const FORMAT_VERSION: u16 = 1;

/// A trained model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Artifact {
    /// [`FORMAT_VERSION`].
    pub format_version: u16,
    /// Columns and meaning.
    pub signature: Signature,
    /// From columns to numbers.
    pub preparation: Preparation,
    /// From numbers to the answer.
    pub estimator: Estimator,
    /// What training measured: `fit.auc` on the fitted rows, `holdout.auc` on the held-out ones.
    #[serde(with = "exact::map")]
    pub metrics: BTreeMap<String, f64>,
    /// The rows it was trained on.
    pub training: TrainingFacts,
    /// What those rows looked like.
    pub baseline: Baseline,
    /// Rows that are replayed before it goes live.
    pub golden: Vec<GoldenRow>,
}

/// Which rows a model was trained on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingFacts {
    /// Labels and features were known before this instant.
    pub as_of: Timestamp,
    /// First event time of the fitted rows' range (inclusive).
    pub fit_from: Timestamp,
    /// End of that range (exclusive).
    pub fit_to: Timestamp,
    /// Fitted rows.
    pub rows: u64,
    /// Rows of the range that were left out.
    pub dropped: Dropped,
}

/// Rows left out of the fit, by cause.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dropped {
    /// Their label is null.
    pub null_label: u64,
    /// Their label was not yet known.
    pub unknown_label: u64,
    /// A column under `missing: refuse` is absent; counted under the first such column.
    pub refused: BTreeMap<String, u64>,
}

impl Artifact {
    /// Replays the golden rows.
    pub fn verify(&self) -> Result<(), Error> {
        let predictor = Predictor::new(self.clone())?;
        for (row, golden_row) in self.golden.iter().enumerate() {
            let (derived, prediction) =
                predictor.predict_traced(&golden_row.raw).map_err(|source| Error::GoldenRow { row, source })?;
            let values = derived.iter().zip(&golden_row.derived);
            let equal = derived.len() == golden_row.derived.len()
                && values.into_iter().all(|(found, expected)| golden::same(found, expected))
                && golden::agrees(prediction.value, golden_row.expected);
            if !equal {
                return Err(Error::GoldenAnswer { row, expected: golden_row.expected, found: prediction.value });
            }
        }
        Ok(())
    }
}
