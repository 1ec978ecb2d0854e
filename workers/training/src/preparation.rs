//! Fits the preparation: means, deviations, most frequent values and categories of the fitted rows. The same numbers as
//! scikit-learn's SimpleImputer (mean, most_frequent) followed by StandardScaler and OneHotEncoder.

use std::collections::BTreeMap;

use daybreak_model::{Cell, ColumnValues, Encoding, Preparation, PreparedColumn, Signature};
use daybreak_spec::{Categories, ColumnType, Model};

use crate::table::Table;
use crate::{Error, Warning};

/// Most distinct texts that get a column of their own without being named.
const MAX_OBSERVED_CATEGORIES: usize = 1_000;

/// Fits the preparation of all columns.
pub(crate) fn fit(
    signature: &Signature,
    model: &Model,
    table: &Table<'_>,
) -> Result<(Preparation, Vec<Warning>), Error> {
    let types: Vec<Option<ColumnType>> = signature.raw_columns().map(|(_, column_type)| Some(column_type)).collect();
    let mut columns = Vec::new();
    let mut warnings = Vec::new();
    for (place, name) in signature.columns().enumerate() {
        if table.cells(place).all(|cell| cell.is_null()) {
            warnings.push(Warning::AllNull { column: name.to_owned() });
        }
        let encoding = match (types.get(place).copied().flatten(), table.column(place)) {
            (Some(ColumnType::Bool), _) | (None, ColumnValues::Bool(_)) => flag(table, place),
            (Some(ColumnType::Str), _) | (None, ColumnValues::Text(_)) => {
                one_hot(table, place, name, declared(model, name))?
            }
            _ => numeric(table, place, name)?,
        };
        columns.push(PreparedColumn { name: name.to_owned(), encoding });
    }
    Ok((Preparation { columns }, warnings))
}

/// The categories that the model names for a text input.
fn declared(model: &Model, name: &str) -> Option<Vec<String>> {
    let input = model.inputs.iter().find(|input| input.name.as_str() == name)?;
    match input.categories.as_ref()? {
        Categories::Observed => None,
        Categories::Declared(names) => Some(names.iter().map(|name| name.value.clone()).collect()),
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of rows")]
fn numeric(table: &Table<'_>, place: usize, name: &str) -> Result<Encoding, Error> {
    let (mut sum, mut values) = (0.0, 0_usize);
    let (mut least, mut greatest) = (f64::INFINITY, f64::NEG_INFINITY);
    for number in table.cells(place).filter_map(|cell| cell.number()) {
        sum += number;
        values += 1;
        least = least.min(number);
        greatest = greatest.max(number);
    }
    if values == 0 {
        return Ok(Encoding::Numeric { impute: 0.0, mean: 0.0, scale: 1.0 });
    }
    // A column that does not vary is centred exactly, not to within a rounding.
    let mean = if least == greatest { least } else { sum / values as f64 };
    let mut squares = 0.0;
    for number in table.cells(place).filter_map(|cell| cell.number()) {
        squares += (number - mean) * (number - mean);
    }
    let rows = table.rows.len() as f64;
    let variance = squares / rows;
    if !mean.is_finite() || !variance.is_finite() {
        return Err(Error::Range { column: name.to_owned() });
    }
    // scikit-learn's rule for "does not vary": the variance is within the rounding error of computing it.
    let rounding = rows * f64::EPSILON * variance + (rows * mean * f64::EPSILON).powi(2);
    let scale = if variance <= rounding { 1.0 } else { variance.sqrt() };
    Ok(Encoding::Numeric { impute: mean, mean, scale })
}

fn flag(table: &Table<'_>, place: usize) -> Encoding {
    let (mut trues, mut falses) = (0_usize, 0_usize);
    for cell in table.cells(place) {
        match cell {
            Cell::Bool(true) => trues += 1,
            Cell::Bool(false) => falses += 1,
            _ => {}
        }
    }
    Encoding::Flag { impute: trues > falses }
}

fn one_hot(table: &Table<'_>, place: usize, name: &str, declared: Option<Vec<String>>) -> Result<Encoding, Error> {
    let counts = frequencies(table, place);
    let most = counts.values().copied().max();
    let impute = counts.iter().find(|(_, count)| Some(**count) == most).map(|(text, _)| (*text).to_owned());
    let categories = match declared {
        Some(categories) => categories,
        None if counts.len() > MAX_OBSERVED_CATEGORIES => {
            let (found, limit) = (counts.len(), MAX_OBSERVED_CATEGORIES);
            return Err(Error::TooManyCategories { column: name.to_owned(), found, limit });
        }
        None => counts.keys().map(|text| (*text).to_owned()).collect(),
    };
    Ok(Encoding::OneHot { categories, impute })
}

/// How often each text stands in the fitted rows, in alphabetical order.
pub(crate) fn frequencies<'t>(table: &'t Table<'_>, place: usize) -> BTreeMap<&'t str, u64> {
    let ColumnValues::Text(text) = table.column(place) else {
        return BTreeMap::new();
    };
    let mut by_code = vec![0_u64; text.dictionary.len()];
    for code in table.rows.iter().filter_map(|row| text.codes[*row]) {
        by_code[code as usize] += 1;
    }
    let mut counts = BTreeMap::new();
    for (entry, count) in text.dictionary.iter().zip(by_code).filter(|(_, count)| *count > 0) {
        *counts.entry(entry.as_str()).or_insert(0) += count;
    }
    counts
}
