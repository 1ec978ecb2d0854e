//! From a training set to a fitted artefact. linfa does the learning; this package prepares its matrix, fixes the meaning
//! of its output and measures it. Knows no Polars, no file, no clock: the same set gives the same bytes at any thread
//! count. To add an algorithm: one file with its definition and fit, one line in `registry.rs`, one fixture.

mod baseline;
mod error;
mod fitting;
mod linear_regression;
mod logistic_regression;
mod matrix;
mod newton;
mod parameters;
mod preparation;
mod registry;
mod scoring;
mod table;

pub use error::{Error, Warning};
pub use fitting::{FitRequest, Fitted, fit};
pub use parameters::{ParameterDefinition, ParameterType, Parameters};
pub use registry::{AlgorithmDefinition, Solution, algorithm, algorithms, json_schema, validate, validate_model};
pub use scoring::{Scores, predictions, score};
