//! What every artefact fulfils, checked when it is written and again when it is read: sizes, names, widths and finite
//! numbers. Prediction trusts what passed here.

use std::collections::BTreeSet;

use crate::{Artifact, Encoding, Error, FORMAT_VERSION, PreparedColumn, Program, Signature};

/// Most columns (inputs, features and derived) of a model.
pub const MAX_COLUMNS: usize = 10_000;
/// Most numbers in a prepared row.
pub const MAX_WIDTH: usize = 100_000;
/// Most categories of a text column.
pub const MAX_CATEGORIES: usize = 10_000;
/// Most golden rows.
pub const MAX_GOLDEN_ROWS: usize = 1_000;

/// Longest name of a column.
const MAX_NAME_BYTES: usize = 512;

/// Checks an artefact.
pub(crate) fn validate(artifact: &Artifact) -> Result<(), Error> {
    if artifact.format_version != FORMAT_VERSION {
        return Err(Error::Version { found: artifact.format_version });
    }
    check_signature(&artifact.signature)?;
    check_preparation(artifact)?;
    check_estimator(artifact)?;
    check_golden(artifact)?;
    compile(&artifact.signature).map(drop)
}

/// The derived columns of a signature, compiled over raw columns followed by the derived ones before them.
pub(crate) fn compile(signature: &Signature) -> Result<Vec<Program>, Error> {
    let names: Vec<&str> = signature.columns().collect();
    let raw_len = signature.raw_len();
    let mut programs = Vec::with_capacity(signature.derived.len());
    for (place, derived) in signature.derived.iter().enumerate() {
        let earlier = &names[..raw_len + place];
        let mut resolve = |wanted: &str| earlier.iter().position(|name| *name == wanted);
        let program = Program::compile(&derived.expr, &mut resolve)
            .map_err(|source| Error::Expression { column: derived.name.clone(), source })?;
        programs.push(program);
    }
    Ok(programs)
}

fn invalid<T>(message: String) -> Result<T, Error> {
    Err(Error::Invalid(message))
}

fn check_signature(signature: &Signature) -> Result<(), Error> {
    let names: Vec<&str> = signature.columns().collect();
    if names.is_empty() {
        return invalid("the model has no column".to_owned());
    }
    if names.len() > MAX_COLUMNS {
        return invalid(format!("{} columns are more than {MAX_COLUMNS}", names.len()));
    }
    let mut seen = BTreeSet::new();
    for name in names {
        if name.is_empty() || name.len() > MAX_NAME_BYTES {
            return invalid(format!("a column's name has {} bytes; 1 to {MAX_NAME_BYTES} are possible", name.len()));
        }
        if !seen.insert(name) {
            return invalid(format!("column `{name}` stands twice in the signature"));
        }
    }
    let keys: BTreeSet<&str> = signature.entity_keys.iter().map(|key| key.name.as_str()).collect();
    for feature in &signature.features {
        if let Some((_, column)) = feature.keys.iter().find(|(_, column)| !keys.contains(column.as_str())) {
            return invalid(format!("feature `{}` needs key `{column}`, which is not among the keys", feature.name));
        }
    }
    Ok(())
}

fn check_preparation(artifact: &Artifact) -> Result<(), Error> {
    let prepared = &artifact.preparation.columns;
    if !prepared.iter().map(|column| column.name.as_str()).eq(artifact.signature.columns()) {
        return invalid("the prepared columns are not those of the signature".to_owned());
    }
    for (column, (_, column_type)) in prepared.iter().zip(artifact.signature.raw_columns()) {
        if !column.encoding.accepts(column_type) {
            return invalid(format!(
                "column `{}` of type {} has another type's encoding",
                column.name,
                column_type.name()
            ));
        }
    }
    prepared.iter().try_for_each(check_encoding)?;
    let width = artifact.preparation.width();
    if width > MAX_WIDTH {
        return invalid(format!("a prepared row has {width} numbers, more than {MAX_WIDTH}"));
    }
    Ok(())
}

fn check_encoding(column: &PreparedColumn) -> Result<(), Error> {
    let name = &column.name;
    match &column.encoding {
        Encoding::Numeric { impute, mean, scale } => {
            if !(impute.is_finite() && mean.is_finite() && scale.is_finite() && *scale > 0.0) {
                return invalid(format!("column `{name}` has a mean or scale that is not usable"));
            }
        }
        Encoding::OneHot { categories, .. } => {
            if categories.len() > MAX_CATEGORIES {
                return invalid(format!(
                    "column `{name}` has {} categories, more than {MAX_CATEGORIES}",
                    categories.len()
                ));
            }
            if categories.iter().collect::<BTreeSet<_>>().len() != categories.len() {
                return invalid(format!("column `{name}` has a category twice"));
            }
        }
        Encoding::Flag { .. } => {}
    }
    Ok(())
}

fn check_estimator(artifact: &Artifact) -> Result<(), Error> {
    let estimator = &artifact.estimator;
    let width = artifact.preparation.width();
    if estimator.weights().len() != width {
        let found = estimator.weights().len();
        return invalid(format!("{found} weights do not fit a prepared row of {width} numbers"));
    }
    if !estimator.intercept().is_finite() || estimator.weights().iter().any(|weight| !weight.is_finite()) {
        return invalid("a weight is not finite".to_owned());
    }
    if estimator.target() != artifact.signature.target {
        return invalid("the estimator's answer is not what the signature says".to_owned());
    }
    Ok(())
}

fn check_golden(artifact: &Artifact) -> Result<(), Error> {
    if artifact.golden.len() > MAX_GOLDEN_ROWS {
        return invalid(format!("{} golden rows are more than {MAX_GOLDEN_ROWS}", artifact.golden.len()));
    }
    let lengths = (artifact.signature.raw_len(), artifact.signature.derived.len());
    if artifact.golden.iter().any(|row| (row.raw.len(), row.derived.len()) != lengths) {
        return invalid("a golden row does not have the signature's columns".to_owned());
    }
    Ok(())
}
