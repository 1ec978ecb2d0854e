//! Sources: files of rows, with the time each row happened and the time each value became known.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{ColumnType, Expression, Span, Spanned};

/// A set of Parquet files of one schema.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Source {
    /// Where the source's name stands.
    #[serde(skip)]
    pub span: Span,
    /// Path or glob, relative to the project (or absolute below a declared data root).
    pub path: Spanned<String>,
    /// `where:` keeps the rows for which this boolean holds (null = dropped).
    #[serde(rename = "where")]
    pub filter: Option<Spanned<Expression>>,
    /// Datetime column; none = a static source, readable at any instant.
    pub event_time: Option<Spanned<String>>,
    /// When values became known; `None` = at the event time.
    pub known_at: Option<KnownAt>,
    /// Column that breaks ties of equal event and known time; the larger wins.
    pub sequence: Option<Spanned<String>>,
    /// Declared column types, for a source whose files are absent at check time.
    pub schema: Option<BTreeMap<String, Spanned<ColumnType>>>,
}

/// When the values of a row became known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum KnownAt {
    /// The whole row at one datetime column (ingestion time).
    Row(Spanned<String>),
    /// Single columns, each at a datetime column; the others at the event time.
    Columns(BTreeMap<String, Spanned<String>>),
}

impl Source {
    /// The datetime column at which `column` became known, if it is later than the event time.
    pub fn known_at_of(&self, column: &str) -> Option<&str> {
        match self.known_at.as_ref()? {
            KnownAt::Row(at) => Some(at.as_str()),
            KnownAt::Columns(columns) => columns.get(column).map(|at| at.as_str()),
        }
    }
}
