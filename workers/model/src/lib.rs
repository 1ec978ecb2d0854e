//! What a trained model is: its signature, the preparation of its columns, its numbers, the artefact that carries them,
//! and prediction on rows. Knows no Polars, no linfa, no file, no clock: the same bytes give the same answers anywhere.
//! To add an estimator: a variant in `estimator.rs` with its arithmetic and its limits in `validation.rs`.

mod artifact;
mod baseline;
mod calendar;
mod cast;
mod cell;
mod columns;
mod container;
mod estimator;
mod evaluation;
mod exact;
mod functions;
mod golden;
mod metrics;
mod operators;
mod predictor;
mod preparation;
mod program;
mod signature;
mod validation;

pub use artifact::{Artifact, Dropped, FORMAT_VERSION, TrainingFacts};
pub use baseline::{Baseline, ColumnBaseline, Shape};
pub use cell::{Cell, conform};
pub use columns::{Column, ColumnBuilder, ColumnValues, SetError, TextColumn, TrainingSet};
pub use container::{Error, MAX_ARTIFACT_BYTES};
pub use estimator::Estimator;
pub use evaluation::{EvalError, evaluate};
pub use golden::GoldenRow;
pub use metrics::{auc, brier, compute, defined_for, log_loss, metric_name, r2, rmse};
pub use predictor::{PredictError, Prediction, Predictor};
pub use preparation::{Encoder, Encoding, Fate, Preparation, PreparedColumn};
pub use program::Program;
pub use signature::{DerivedField, FeatureField, InputField, Signature, Target};
pub use validation::{MAX_CATEGORIES, MAX_COLUMNS, MAX_GOLDEN_ROWS, MAX_WIDTH};
