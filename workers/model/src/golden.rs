//! Rows whose answers are stored beside the model and replayed before it goes live: the proof that this binary computes
//! what training computed.

use daybreak_spec::Value;
use serde::{Deserialize, Serialize};

use crate::exact;

/// One row, its derived values and its answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GoldenRow {
    /// Inputs, then features.
    #[serde(with = "exact::tree")]
    pub raw: Vec<Value>,
    /// The derived values that training computed.
    #[serde(with = "exact::tree")]
    pub derived: Vec<Value>,
    /// The answer that training computed.
    #[serde(with = "exact::number")]
    pub expected: f64,
}

/// Relative tolerance of a replay: exp and ln differ in their last bits between platforms.
const TOLERANCE: f64 = 1e-9;

/// Whether two numbers agree within the tolerance of a replay.
pub(crate) fn agrees(found: f64, expected: f64) -> bool {
    (found - expected).abs() <= TOLERANCE * expected.abs().max(1.0)
}

/// Whether two values agree: floats within the tolerance, everything else exactly.
pub(crate) fn same(found: &Value, expected: &Value) -> bool {
    match (found, expected) {
        (Value::Float(found), Value::Float(expected)) => agrees(*found, *expected),
        (found, expected) => found == expected,
    }
}
