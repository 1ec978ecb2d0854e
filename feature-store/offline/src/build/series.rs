//! The values that a window folds: dense numbers with a validity flag each. Text is held as the rank of each distinct
//! value, so that the smallest and largest text and distinct counts are questions about numbers.

use crate::columns::Values;

/// Values of one expression, one per state.
pub(crate) enum Series {
    /// Booleans (0/1), integers, dates, instants, ranks of text.
    Whole { values: Vec<i64>, valid: Vec<bool>, words: Vec<String> },
    /// Floats.
    Float { values: Vec<f64>, valid: Vec<bool> },
}

impl Series {
    pub fn new(values: Values) -> Self {
        match values {
            Values::Bool(values) => whole(values.into_iter().map(|value| value.map(i64::from))),
            Values::Int(values) | Values::Instant(values) => whole(values.into_iter()),
            Values::Date(values) => whole(values.into_iter().map(|value| value.map(i64::from))),
            Values::Float(values) => {
                let valid = values.iter().map(Option::is_some).collect();
                Self::Float { values: values.into_iter().map(Option::unwrap_or_default).collect(), valid }
            }
            Values::Text(values) => ranked(&values),
        }
    }

    pub fn is_valid(&self, state: usize) -> bool {
        match self {
            Self::Whole { valid, .. } | Self::Float { valid, .. } => valid[state],
        }
    }
}

fn whole(values: impl Iterator<Item = Option<i64>>) -> Series {
    let (mut dense, mut valid) = (Vec::new(), Vec::new());
    for value in values {
        valid.push(value.is_some());
        dense.push(value.unwrap_or_default());
    }
    Series::Whole { values: dense, valid, words: Vec::new() }
}

fn ranked(values: &[Option<String>]) -> Series {
    let mut words: Vec<String> = values.iter().flatten().cloned().collect();
    words.sort_unstable();
    words.dedup();
    let rank = |text: &String| words.binary_search(text).map_or(0, |at| at as i64);
    let ranks: Vec<i64> = values.iter().map(|value| value.as_ref().map_or(0, rank)).collect();
    let valid = values.iter().map(Option::is_some).collect();
    Series::Whole { values: ranks, valid, words }
}
