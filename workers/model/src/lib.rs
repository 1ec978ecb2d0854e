//! Artefact format, compiled expressions and prediction on rows.
