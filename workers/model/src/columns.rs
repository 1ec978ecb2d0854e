//! A training set as plain typed columns: what the offline store hands to training. Holds data only; which columns
//! there have to be is the signature's matter.

use std::borrow::Cow;
use std::collections::HashMap;

use daybreak_spec::ColumnType;

use crate::Cell;

/// Observations with a known label: the raw columns of a signature (inputs, then features), labels and event times.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainingSet {
    /// One column per input and feature, found by name.
    pub raw: Vec<Column>,
    /// One finite number per row; 0 and 1 for a boolean label.
    pub labels: Vec<f64>,
    /// Event time per row in microseconds.
    pub times_us: Vec<i64>,
}

/// A named column.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Its name, as in the signature.
    pub name: String,
    /// Its values.
    pub values: ColumnValues,
}

/// The values of a column, by the family of its type.
#[derive(Clone, Debug, PartialEq)]
pub enum ColumnValues {
    /// Booleans.
    Bool(Vec<Option<bool>>),
    /// Integers of every width.
    Int(Vec<Option<i64>>),
    /// f32 and f64.
    Float(Vec<Option<f64>>),
    /// Text, each distinct value once.
    Text(TextColumn),
    /// Microseconds since 1970-01-01T00:00Z.
    Instant(Vec<Option<i64>>),
    /// Days since 1970-01-01.
    Date(Vec<Option<i32>>),
}

/// Interned text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TextColumn {
    /// The distinct values, in any order.
    pub dictionary: Vec<String>,
    /// Index into the dictionary per row.
    pub codes: Vec<Option<u32>>,
}

/// A training set whose parts do not fit together.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SetError {
    /// A column has another number of rows.
    #[error("column `{column}` has {found} rows where the set has {expected}")]
    Length {
        /// The column.
        column: String,
        /// Rows of the set.
        expected: usize,
        /// Rows of the column.
        found: usize,
    },
    /// A text column points outside its dictionary.
    #[error("column `{0}` refers to text outside its dictionary")]
    Dictionary(String),
    /// Two columns have one name.
    #[error("column `{0}` stands twice in the set")]
    Duplicate(String),
}

impl TrainingSet {
    /// Number of observations.
    pub fn rows(&self) -> usize {
        self.labels.len()
    }

    /// The column of that name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.raw.iter().find(|column| column.name == name)
    }

    /// Checks that all columns have as many rows as there are labels and that text codes point into their dictionary.
    pub fn check(&self) -> Result<(), SetError> {
        let expected = self.rows();
        let length = |column: &str, found: usize| {
            let error = SetError::Length { column: column.to_owned(), expected, found };
            if found == expected { Ok(()) } else { Err(error) }
        };
        length("event time", self.times_us.len())?;
        let mut names = std::collections::BTreeSet::new();
        for column in &self.raw {
            length(&column.name, column.values.len())?;
            if !names.insert(column.name.as_str()) {
                return Err(SetError::Duplicate(column.name.clone()));
            }
            if let ColumnValues::Text(text) = &column.values {
                let bound = text.dictionary.len();
                if text.codes.iter().flatten().any(|code| *code as usize >= bound) {
                    return Err(SetError::Dictionary(column.name.clone()));
                }
            }
        }
        Ok(())
    }
}

impl ColumnValues {
    /// Number of rows.
    pub fn len(&self) -> usize {
        match self {
            Self::Bool(values) => values.len(),
            Self::Int(values) | Self::Instant(values) => values.len(),
            Self::Float(values) => values.len(),
            Self::Text(text) => text.codes.len(),
            Self::Date(values) => values.len(),
        }
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value of a row. A float that is not finite counts as absent.
    pub fn cell(&self, row: usize) -> Cell<'_> {
        match self {
            Self::Bool(values) => values[row].map_or(Cell::Null, Cell::Bool),
            Self::Int(values) => values[row].map_or(Cell::Null, Cell::Int),
            Self::Float(values) => values[row].filter(|number| number.is_finite()).map_or(Cell::Null, Cell::Float),
            Self::Text(text) => text.codes[row]
                .map_or(Cell::Null, |code| Cell::Text(Cow::Borrowed(text.dictionary[code as usize].as_str()))),
            Self::Instant(values) => values[row].map_or(Cell::Null, Cell::Instant),
            Self::Date(values) => values[row].map_or(Cell::Null, Cell::Date),
        }
    }

    /// Whether the column can hold values of that type.
    pub fn holds(&self, column_type: ColumnType) -> bool {
        match self {
            Self::Bool(_) => column_type == ColumnType::Bool,
            Self::Int(_) => column_type.is_integer(),
            Self::Float(_) => matches!(column_type, ColumnType::F32 | ColumnType::F64),
            Self::Text(_) => column_type == ColumnType::Str,
            Self::Instant(_) => column_type == ColumnType::Datetime,
            Self::Date(_) => column_type == ColumnType::Date,
        }
    }

    /// Interns text.
    pub fn text<'a>(values: impl IntoIterator<Item = Option<&'a str>>) -> Self {
        let mut builder = ColumnBuilder::new();
        for value in values {
            let cell = value.map_or(Cell::Null, |text| Cell::Text(Cow::Borrowed(text)));
            builder.push(cell).expect("only text is pushed");
        }
        match builder.finish() {
            Self::Text(text) => Self::Text(text),
            other => Self::Text(TextColumn { dictionary: Vec::new(), codes: vec![None; other.len()] }),
        }
    }
}

/// Collects cells into a column whose family is that of the first value. Whole and other numbers together make floats;
/// without any value the column is one of absent floats.
#[derive(Debug, Default)]
pub struct ColumnBuilder {
    nulls_first: usize,
    values: Option<ColumnValues>,
    codes: HashMap<String, u32>,
}

impl ColumnBuilder {
    /// Without rows.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a row. The error says which two families met.
    pub fn push(&mut self, cell: Cell<'_>) -> Result<(), String> {
        if self.values.is_none() {
            if cell.is_null() {
                self.nulls_first += 1;
                return Ok(());
            }
            self.values = Some(empty_like(&cell, self.nulls_first));
        }
        let values = self.values.as_mut().expect("just set");
        if let (ColumnValues::Int(whole), Cell::Float(_)) = (&*values, &cell) {
            *values = ColumnValues::Float(whole.iter().map(|value| value.map(to_float)).collect());
        }
        match (values, cell) {
            (ColumnValues::Bool(rows), Cell::Bool(flag)) => rows.push(Some(flag)),
            (ColumnValues::Int(rows), Cell::Int(number)) => rows.push(Some(number)),
            (ColumnValues::Float(rows), Cell::Float(number)) => rows.push(Some(number)),
            (ColumnValues::Float(rows), Cell::Int(number)) => rows.push(Some(to_float(number))),
            (ColumnValues::Instant(rows), Cell::Instant(micros)) => rows.push(Some(micros)),
            (ColumnValues::Date(rows), Cell::Date(days)) => rows.push(Some(days)),
            (ColumnValues::Text(column), Cell::Text(text)) => push_text(column, &mut self.codes, text),
            (values, Cell::Null) => push_null(values),
            (values, cell) => return Err(format!("{} follows {}", cell.kind(), family(values))),
        }
        Ok(())
    }

    /// The column.
    pub fn finish(self) -> ColumnValues {
        self.values.unwrap_or_else(|| ColumnValues::Float(vec![None; self.nulls_first]))
    }
}

#[expect(clippy::cast_precision_loss, reason = "a model's columns are f64; 2^53 is enough")]
fn to_float(number: i64) -> f64 {
    number as f64
}

fn empty_like(cell: &Cell<'_>, nulls: usize) -> ColumnValues {
    match cell {
        Cell::Bool(_) => ColumnValues::Bool(vec![None; nulls]),
        Cell::Int(_) => ColumnValues::Int(vec![None; nulls]),
        Cell::Float(_) | Cell::Null => ColumnValues::Float(vec![None; nulls]),
        Cell::Text(_) => ColumnValues::Text(TextColumn { dictionary: Vec::new(), codes: vec![None; nulls] }),
        Cell::Date(_) => ColumnValues::Date(vec![None; nulls]),
        Cell::Instant(_) => ColumnValues::Instant(vec![None; nulls]),
    }
}

fn push_text(column: &mut TextColumn, codes: &mut HashMap<String, u32>, text: Cow<'_, str>) {
    let code = match codes.get(text.as_ref()) {
        Some(code) => *code,
        None => {
            let code =
                u32::try_from(column.dictionary.len()).expect("fewer distinct texts than rows, which fit memory");
            column.dictionary.push(text.clone().into_owned());
            codes.insert(text.into_owned(), code);
            code
        }
    };
    column.codes.push(Some(code));
}

fn push_null(values: &mut ColumnValues) {
    match values {
        ColumnValues::Bool(rows) => rows.push(None),
        ColumnValues::Int(rows) | ColumnValues::Instant(rows) => rows.push(None),
        ColumnValues::Float(rows) => rows.push(None),
        ColumnValues::Text(text) => text.codes.push(None),
        ColumnValues::Date(rows) => rows.push(None),
    }
}

fn family(values: &ColumnValues) -> &'static str {
    match values {
        ColumnValues::Bool(_) => "booleans",
        ColumnValues::Int(_) => "whole numbers",
        ColumnValues::Float(_) => "numbers",
        ColumnValues::Text(_) => "text",
        ColumnValues::Instant(_) => "instants",
        ColumnValues::Date(_) => "dates",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_held_once_per_distinct_value() {
        let column = ColumnValues::text([None, Some("UA"), Some("AA"), Some("UA")]);
        let ColumnValues::Text(text) = &column else { panic!("text") };
        assert_eq!(text.dictionary, ["UA", "AA"]);
        assert_eq!(column.cell(0), Cell::Null);
        assert_eq!(column.cell(3), Cell::Text("UA".into()));
        assert!(matches!(ColumnValues::text([None]), ColumnValues::Text(_)), "text without a value is still text");
    }

    #[test]
    fn whole_numbers_become_floats_when_a_float_follows() {
        let mut builder = ColumnBuilder::new();
        for cell in [Cell::Null, Cell::Int(1), Cell::Float(2.5), Cell::Int(3)] {
            builder.push(cell).expect("numbers");
        }
        assert_eq!(builder.finish(), ColumnValues::Float(vec![None, Some(1.0), Some(2.5), Some(3.0)]));
    }

    #[test]
    fn two_families_do_not_mix() {
        let mut builder = ColumnBuilder::new();
        builder.push(Cell::Bool(true)).expect("the first");
        assert_eq!(builder.push(Cell::Int(1)), Err("a whole number follows booleans".to_owned()));
    }

    #[test]
    fn a_set_with_a_short_column_names_it() {
        let column = Column { name: "distance".to_owned(), values: ColumnValues::Int(vec![Some(1)]) };
        let set = TrainingSet { raw: vec![column], labels: vec![0.0, 1.0], times_us: vec![0, 0] };
        assert_eq!(set.check(), Err(SetError::Length { column: "distance".to_owned(), expected: 2, found: 1 }));
    }

    #[test]
    fn a_float_that_is_not_finite_is_absent() {
        let column = ColumnValues::Float(vec![Some(f64::NAN), Some(f64::INFINITY), Some(1.0)]);
        assert_eq!([column.cell(0), column.cell(1), column.cell(2)], [Cell::Null, Cell::Null, Cell::Float(1.0)]);
    }
}
