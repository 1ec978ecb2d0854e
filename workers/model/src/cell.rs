//! One value of a row without owning its text, and the check of a value against a column's type. Shared by training
//! and serving, so that both see the same row.

use std::borrow::Cow;

use daybreak_spec::{ColumnType, Value};

const DAY_US: i64 = 86_400_000_000;

/// A value that may borrow its text.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell<'a> {
    /// Absent.
    Null,
    /// true or false.
    Bool(bool),
    /// Any integer.
    Int(i64),
    /// Any float.
    Float(f64),
    /// Text.
    Text(Cow<'a, str>),
    /// Days since 1970-01-01.
    Date(i32),
    /// Microseconds since 1970-01-01T00:00Z.
    Instant(i64),
}

impl<'a> From<&'a Value> for Cell<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(flag) => Self::Bool(*flag),
            Value::Int(number) => Self::Int(*number),
            Value::Float(number) => Self::Float(*number),
            Value::Text(text) => Self::Text(Cow::Borrowed(text)),
            Value::Date(days) => Self::Date(*days),
            Value::Instant(micros) => Self::Instant(*micros),
        }
    }
}

impl Cell<'_> {
    /// Owned.
    pub fn to_value(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(flag) => Value::Bool(*flag),
            Self::Int(number) => Value::Int(*number),
            Self::Float(number) => Value::Float(*number),
            Self::Text(text) => Value::Text(text.clone().into_owned()),
            Self::Date(days) => Value::Date(*days),
            Self::Instant(micros) => Value::Instant(*micros),
        }
    }

    /// Whether it is absent.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// As a model sees it: numbers as they are, dates and instants in days since 1970. `None` for the rest.
    #[expect(clippy::cast_precision_loss, reason = "a model's columns are f64; 2^53 is enough")]
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Int(number) => Some(*number as f64),
            Self::Float(number) => Some(*number),
            Self::Date(days) => Some(f64::from(*days)),
            Self::Instant(micros) => Some(*micros as f64 / DAY_US as f64),
            Self::Null | Self::Bool(_) | Self::Text(_) => None,
        }
    }

    /// What it is, in a user's words.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Int(_) => "a whole number",
            Self::Float(_) => "a number",
            Self::Text(_) => "text",
            Self::Date(_) => "a date",
            Self::Instant(_) => "an instant",
        }
    }
}

/// Reads a value as one of a column's type: a whole number may stand for a float, every integer has its type's range,
/// f32 is rounded as it is in a Parquet file. The error says what was expected and what was found.
pub fn conform(column_type: ColumnType, value: &Value) -> Result<Cell<'_>, String> {
    let cell = Cell::from(value);
    let mismatch = |cell: &Cell<'_>| Err(format!("expected {}, found {}", column_type.name(), cell.kind()));
    match (column_type, &cell) {
        (_, Cell::Null)
        | (ColumnType::Bool, Cell::Bool(_))
        | (ColumnType::Str, Cell::Text(_))
        | (ColumnType::Date, Cell::Date(_))
        | (ColumnType::Datetime, Cell::Instant(_)) => Ok(cell),
        (ColumnType::F32 | ColumnType::F64, Cell::Int(_) | Cell::Float(_)) => {
            let number = cell.number().expect("both variants are numbers");
            let number = if column_type == ColumnType::F32 { round_to_f32(number) } else { number };
            if number.is_finite() { Ok(Cell::Float(number)) } else { Err("expected a finite number".to_owned()) }
        }
        (_, Cell::Int(number)) => match integer_range(column_type) {
            Some((low, high)) if (low..=high).contains(number) => Ok(cell),
            Some((low, high)) => Err(format!("{number} is outside {low} to {high} ({})", column_type.name())),
            None => mismatch(&cell),
        },
        _ => mismatch(&cell),
    }
}

/// The value an f32 column would hold.
#[expect(clippy::cast_possible_truncation, reason = "that is what an f32 column does")]
pub fn round_to_f32(number: f64) -> f64 {
    f64::from(number as f32)
}

/// The smallest and largest value of an integer type; `None` for the other types.
pub fn integer_range(column_type: ColumnType) -> Option<(i64, i64)> {
    match column_type {
        ColumnType::I8 => Some((i64::from(i8::MIN), i64::from(i8::MAX))),
        ColumnType::I16 => Some((i64::from(i16::MIN), i64::from(i16::MAX))),
        ColumnType::I32 => Some((i64::from(i32::MIN), i64::from(i32::MAX))),
        ColumnType::I64 => Some((i64::MIN, i64::MAX)),
        ColumnType::U8 => Some((0, i64::from(u8::MAX))),
        ColumnType::U16 => Some((0, i64::from(u16::MAX))),
        ColumnType::U32 => Some((0, i64::from(u32::MAX))),
        ColumnType::U64 => Some((0, i64::MAX)),
        ColumnType::Bool
        | ColumnType::F32
        | ColumnType::F64
        | ColumnType::Str
        | ColumnType::Date
        | ColumnType::Datetime => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_number_stands_for_a_float_but_not_the_other_way_round() {
        assert_eq!(conform(ColumnType::F64, &Value::Int(3)), Ok(Cell::Float(3.0)));
        assert_eq!(conform(ColumnType::I32, &Value::Float(3.0)), Err("expected i32, found a number".to_owned()));
    }

    #[test]
    fn an_integer_outside_its_type_is_refused() {
        assert_eq!(conform(ColumnType::I8, &Value::Int(127)), Ok(Cell::Int(127)));
        assert_eq!(conform(ColumnType::I8, &Value::Int(300)), Err("300 is outside -128 to 127 (i8)".to_owned()));
        assert!(conform(ColumnType::U64, &Value::Int(-1)).is_err());
    }

    #[test]
    fn an_f32_column_holds_the_rounded_value() {
        assert_eq!(conform(ColumnType::F32, &Value::Float(0.1)), Ok(Cell::Float(f64::from(0.1_f32))));
        assert!(conform(ColumnType::F32, &Value::Float(1e300)).is_err());
    }

    #[test]
    fn null_belongs_to_every_type_and_nothing_else_is_guessed() {
        assert_eq!(conform(ColumnType::Date, &Value::Null), Ok(Cell::Null));
        assert!(conform(ColumnType::Bool, &Value::Int(1)).is_err());
        assert!(conform(ColumnType::Str, &Value::Int(1)).is_err());
        assert!(conform(ColumnType::Datetime, &Value::Date(1)).is_err());
        assert!(conform(ColumnType::F64, &Value::Float(f64::NAN)).is_err());
    }
}
