//! Columns of plain values, which leave this package instead of Polars types, and the ways in and out of Polars. Never
//! interprets a value. To add a column type: a line in `polars_type`, `from_polars` and `to_polars`.

use daybreak_spec::{ColumnType, Timestamp, Value};
use polars::prelude::*;

use crate::Error;

/// The values of one column, by kind; integers of every width are `Int`, both floats are `Float`. NaN is null.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// true / false.
    Bool(Vec<Option<bool>>),
    /// Integers.
    Int(Vec<Option<i64>>),
    /// Floats.
    Float(Vec<Option<f64>>),
    /// Text.
    Text(Vec<Option<String>>),
    /// Days since 1970-01-01.
    Date(Vec<Option<i32>>),
    /// Microseconds since 1970-01-01T00:00Z.
    Instant(Vec<Option<i64>>),
}

/// One named column.
#[derive(Clone, Debug, PartialEq)]
pub struct FrameColumn {
    /// Its name.
    pub name: String,
    /// Its declared type; the width of integers and floats lives here, not in the values.
    pub column_type: ColumnType,
    /// One entry per row.
    pub values: Values,
}

impl FrameColumn {
    /// Number of rows.
    pub fn len(&self) -> usize {
        match &self.values {
            Values::Bool(values) => values.len(),
            Values::Int(values) | Values::Instant(values) => values.len(),
            Values::Float(values) => values.len(),
            Values::Text(values) => values.len(),
            Values::Date(values) => values.len(),
        }
    }

    /// Whether it has no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value of a row; null beyond the last.
    pub fn value(&self, row: usize) -> Value {
        fn one<T: Clone>(values: &[Option<T>], row: usize, wrap: impl Fn(T) -> Value) -> Value {
            values.get(row).cloned().flatten().map_or(Value::Null, wrap)
        }
        match &self.values {
            Values::Bool(values) => one(values, row, Value::Bool),
            Values::Int(values) => one(values, row, Value::Int),
            Values::Float(values) => one(values, row, Value::Float),
            Values::Text(values) => one(values, row, Value::Text),
            Values::Date(values) => one(values, row, Value::Date),
            Values::Instant(values) => one(values, row, Value::Instant),
        }
    }

    /// Reads the rows named, in order.
    pub(crate) fn from_rows(
        column: &Column,
        rows: &[u32],
        column_type: ColumnType,
        place: &str,
    ) -> Result<Self, Error> {
        let picked = column.take_slice(rows).map_err(Error::polars(format!("picking rows of {place}")))?;
        Self::from_polars(&picked, column_type, place)
    }

    /// The same column with the rows named, in order.
    pub(crate) fn picked(&self, rows: &[u32]) -> Self {
        Self { name: self.name.clone(), column_type: self.column_type, values: self.values.gather(rows) }
    }

    /// A value for messages.
    pub(crate) fn shown(&self, row: usize) -> String {
        match self.value(row) {
            Value::Null => "null".to_owned(),
            Value::Bool(flag) => flag.to_string(),
            Value::Int(number) => number.to_string(),
            Value::Float(number) => number.to_string(),
            Value::Text(text) => format!("'{text}'"),
            Value::Date(days) => format!("day {days} after 1970-01-01"),
            Value::Instant(micros) => Timestamp::from_micros(micros).to_string(),
        }
    }

    /// Reads a column whose Polars type is any of those a [`ColumnType`] has.
    pub(crate) fn from_polars(column: &Column, column_type: ColumnType, place: &str) -> Result<Self, Error> {
        let name = column.name().to_string();
        let failed = || format!("reading column `{name}` of {place}");
        let values = match column_type {
            ColumnType::Bool => Values::Bool(cast(column, &DataType::Boolean, failed)?.bool_values()?),
            ColumnType::Str => {
                let text = cast(column, &DataType::String, failed)?;
                let text = text.str().map_err(Error::polars(failed()))?;
                Values::Text(text.iter().map(|value| value.map(str::to_owned)).collect())
            }
            ColumnType::F32 => Values::Float(floats(&cast(column, &DataType::Float32, failed)?, place)?),
            ColumnType::F64 => Values::Float(floats(column, place)?),
            ColumnType::Date => {
                let days = cast(column, &DataType::Date, failed)?.to_physical_repr();
                let days = days.i32().map_err(Error::polars(failed()))?;
                Values::Date(days.iter().collect())
            }
            ColumnType::Datetime => Values::Instant(instants(column, place)?),
            _ => Values::Int(integers(column, place)?),
        };
        Ok(Self { name, column_type, values })
    }

    /// The same as a Polars column of exactly its type.
    pub(crate) fn to_polars(&self) -> Result<Column, Error> {
        let name = PlSmallStr::from_str(&self.name);
        let series = match &self.values {
            Values::Bool(values) => Series::new(name, values),
            Values::Int(values) | Values::Instant(values) => Series::new(name, values),
            Values::Float(values) => Series::new(name, values),
            Values::Text(values) => Series::new(name, values),
            Values::Date(values) => Series::new(name, values),
        };
        let target = polars_type(self.column_type);
        let what = || format!("writing column `{}` as {}", self.name, self.column_type.name());
        series.strict_cast(&target).map(Column::from).map_err(|source| Error::Polars { what: what(), source })
    }
}

impl Values {
    pub(crate) fn with_capacity(column_type: ColumnType, rows: usize) -> Self {
        match column_type {
            ColumnType::Bool => Self::Bool(Vec::with_capacity(rows)),
            ColumnType::Str => Self::Text(Vec::with_capacity(rows)),
            ColumnType::F32 | ColumnType::F64 => Self::Float(Vec::with_capacity(rows)),
            ColumnType::Date => Self::Date(Vec::with_capacity(rows)),
            ColumnType::Datetime => Self::Instant(Vec::with_capacity(rows)),
            _ => Self::Int(Vec::with_capacity(rows)),
        }
    }

    /// As many nulls as asked for, of the same kind as `like`.
    pub(crate) fn nulls_like(like: &Self, rows: usize) -> Self {
        match like {
            Self::Bool(_) => Self::Bool(vec![None; rows]),
            Self::Int(_) => Self::Int(vec![None; rows]),
            Self::Float(_) => Self::Float(vec![None; rows]),
            Self::Text(_) => Self::Text(vec![None; rows]),
            Self::Date(_) => Self::Date(vec![None; rows]),
            Self::Instant(_) => Self::Instant(vec![None; rows]),
        }
    }

    /// Puts rows of `other` (same kind) into rows of this one: pairs of (row here, row there).
    pub(crate) fn scatter(&mut self, other: &Self, pairs: &[(u32, u32)]) {
        fn copy<T: Clone>(to: &mut [Option<T>], from: &[Option<T>], pairs: &[(u32, u32)]) {
            for &(here, there) in pairs {
                to[here as usize].clone_from(&from[there as usize]);
            }
        }
        match (self, other) {
            (Self::Bool(to), Self::Bool(from)) => copy(to, from, pairs),
            (Self::Int(to), Self::Int(from)) | (Self::Instant(to), Self::Instant(from)) => copy(to, from, pairs),
            (Self::Float(to), Self::Float(from)) => copy(to, from, pairs),
            (Self::Text(to), Self::Text(from)) => copy(to, from, pairs),
            (Self::Date(to), Self::Date(from)) => copy(to, from, pairs),
            _ => {}
        }
    }

    /// Whether a row is null.
    pub(crate) fn is_null(&self, row: usize) -> bool {
        match self {
            Self::Bool(values) => values[row].is_none(),
            Self::Int(values) | Self::Instant(values) => values[row].is_none(),
            Self::Float(values) => values[row].is_none(),
            Self::Text(values) => values[row].is_none(),
            Self::Date(values) => values[row].is_none(),
        }
    }

    /// The rows named, in order.
    pub(crate) fn gather(&self, rows: &[u32]) -> Self {
        fn take<T: Clone>(from: &[Option<T>], rows: &[u32]) -> Vec<Option<T>> {
            rows.iter().map(|&row| from[row as usize].clone()).collect()
        }
        match self {
            Self::Bool(values) => Self::Bool(take(values, rows)),
            Self::Int(values) => Self::Int(take(values, rows)),
            Self::Float(values) => Self::Float(take(values, rows)),
            Self::Text(values) => Self::Text(take(values, rows)),
            Self::Date(values) => Self::Date(take(values, rows)),
            Self::Instant(values) => Self::Instant(take(values, rows)),
        }
    }
}

/// The Polars type that stores a column type.
pub(crate) fn polars_type(column_type: ColumnType) -> DataType {
    match column_type {
        ColumnType::Bool => DataType::Boolean,
        ColumnType::I8 => DataType::Int8,
        ColumnType::I16 => DataType::Int16,
        ColumnType::I32 => DataType::Int32,
        ColumnType::I64 => DataType::Int64,
        ColumnType::U8 => DataType::UInt8,
        ColumnType::U16 => DataType::UInt16,
        ColumnType::U32 => DataType::UInt32,
        ColumnType::U64 => DataType::UInt64,
        ColumnType::F32 => DataType::Float32,
        ColumnType::F64 => DataType::Float64,
        ColumnType::Str => DataType::String,
        ColumnType::Date => DataType::Date,
        ColumnType::Datetime => DataType::Datetime(TimeUnit::Microseconds, None),
    }
}

/// The column type of a Polars type that a query gave; `None` for those Daybreak does not hold.
pub(crate) fn column_type(data_type: &DataType) -> Option<ColumnType> {
    Some(match data_type {
        DataType::Boolean => ColumnType::Bool,
        DataType::Int8 => ColumnType::I8,
        DataType::Int16 => ColumnType::I16,
        DataType::Int32 => ColumnType::I32,
        DataType::Int64 => ColumnType::I64,
        DataType::UInt8 => ColumnType::U8,
        DataType::UInt16 => ColumnType::U16,
        DataType::UInt32 => ColumnType::U32,
        DataType::UInt64 => ColumnType::U64,
        DataType::Float32 => ColumnType::F32,
        DataType::Float64 | DataType::Decimal(..) | DataType::Null => ColumnType::F64,
        DataType::String | DataType::Categorical(..) | DataType::Enum(..) => ColumnType::Str,
        DataType::Date => ColumnType::Date,
        DataType::Datetime(TimeUnit::Microseconds, None) => ColumnType::Datetime,
        _ => return None,
    })
}

/// Integers of any width, booleans as 0/1, dates as days, instants as microseconds; u64 above i64::MAX is refused.
pub(crate) fn integers(column: &Column, place: &str) -> Result<Vec<Option<i64>>, Error> {
    let physical = column.to_physical_repr();
    if let Ok(wide) = physical.u64()
        && let Some(value) = wide.iter().flatten().find(|&value| i64::try_from(value).is_err())
    {
        let detail = format!("{value}, which is above {}; store it as text or as a float", i64::MAX);
        return Err(Error::Value { column: column.name().to_string(), place: place.to_owned(), detail });
    }
    let failed = || format!("reading column `{}` of {place}", column.name());
    let cast = cast(&physical, &DataType::Int64, failed)?;
    Ok(cast.i64().map_err(Error::polars(failed()))?.iter().collect())
}

/// Floats; NaN becomes null.
pub(crate) fn floats(column: &Column, place: &str) -> Result<Vec<Option<f64>>, Error> {
    let failed = || format!("reading column `{}` of {place}", column.name());
    let cast = cast(column, &DataType::Float64, failed)?;
    let values = cast.f64().map_err(Error::polars(failed()))?;
    Ok(values.iter().map(|value| value.filter(|number| !number.is_nan())).collect())
}

/// Instants in microseconds of a normalised datetime column.
pub(crate) fn instants(column: &Column, place: &str) -> Result<Vec<Option<i64>>, Error> {
    integers(column, place)
}

/// Booleans.
pub(crate) fn booleans(column: &Column, place: &str) -> Result<Vec<Option<bool>>, Error> {
    cast(column, &DataType::Boolean, || format!("reading column `{}` of {place}", column.name()))?.bool_values()
}

fn cast(column: &Column, target: &DataType, what: impl Fn() -> String) -> Result<Column, Error> {
    if column.dtype() == target {
        return Ok(column.clone());
    }
    column.strict_cast(target).map_err(|source| Error::Polars { what: what(), source })
}

trait BoolValues {
    fn bool_values(&self) -> Result<Vec<Option<bool>>, Error>;
}
impl BoolValues for Column {
    fn bool_values(&self) -> Result<Vec<Option<bool>>, Error> {
        let values = self.bool().map_err(Error::polars(format!("reading column `{}`", self.name())))?;
        Ok(values.iter().collect())
    }
}
