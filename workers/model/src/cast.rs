//! CAST(x AS type): the casts that checking allows (numbers, booleans and text to numbers; whole numbers and booleans to
//! text; dates and instants to each other). What has no counterpart (text that does not parse, a number outside the type)
//! is an error and never a guess.

use std::borrow::Cow;

use daybreak_spec::ColumnType;

use crate::cell::{integer_range, round_to_f32};
use crate::{Cell, EvalError, calendar};

/// Casts a value.
pub(crate) fn cast<'a>(cell: Cell<'a>, to: ColumnType) -> Result<Cell<'a>, EvalError> {
    if cell.is_null() {
        return Ok(Cell::Null);
    }
    let found = match (to, &cell) {
        (ColumnType::Bool, Cell::Bool(_)) | (ColumnType::Str, Cell::Text(_)) => return Ok(cell),
        (ColumnType::Date, Cell::Date(_)) | (ColumnType::Datetime, Cell::Instant(_)) => return Ok(cell),
        (ColumnType::F32, _) => to_float(&cell).map(|number| Cell::Float(round_to_f32(number))),
        (ColumnType::F64, _) => to_float(&cell).map(Cell::Float),
        (ColumnType::Str, Cell::Int(whole)) => Some(Cell::Text(Cow::Owned(whole.to_string()))),
        (ColumnType::Str, Cell::Bool(flag)) => Some(Cell::Text(Cow::Owned(flag.to_string()))),
        (ColumnType::Date, Cell::Instant(micros)) => i32::try_from(calendar::split(*micros).0).ok().map(Cell::Date),
        (ColumnType::Datetime, Cell::Date(day)) => Some(Cell::Instant(i64::from(*day) * calendar::DAY_US)),
        _ => to_integer(&cell, to).map(Cell::Int),
    };
    found.ok_or_else(|| EvalError::Cast { value: shown(&cell), to: to.name() })
}

/// The value as a message shows it.
fn shown(cell: &Cell<'_>) -> String {
    match cell {
        Cell::Text(text) => format!("`{}`", text.chars().take(60).collect::<String>()),
        Cell::Bool(flag) => flag.to_string(),
        Cell::Int(whole) => whole.to_string(),
        Cell::Float(float) => float.to_string(),
        other => other.kind().to_owned(),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a cast to float rounds")]
fn to_float(cell: &Cell<'_>) -> Option<f64> {
    match cell {
        Cell::Bool(flag) => Some(f64::from(u8::from(*flag))),
        Cell::Int(whole) => Some(*whole as f64),
        Cell::Float(float) => Some(*float),
        Cell::Text(text) => text.parse().ok().filter(|number: &f64| number.is_finite()),
        Cell::Null | Cell::Date(_) | Cell::Instant(_) => None,
    }
}

/// To an integer type; floats lose their fraction.
#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "the bounds are checked before")]
fn to_integer(cell: &Cell<'_>, to: ColumnType) -> Option<i64> {
    let (low, high) = integer_range(to)?;
    let whole = match cell {
        Cell::Bool(flag) => i64::from(*flag),
        Cell::Int(whole) => *whole,
        Cell::Float(float) => {
            let whole = float.trunc();
            // -2^63 is exact in f64; 2^63 is the first value above i64::MAX.
            if !(whole >= i64::MIN as f64 && whole < -(i64::MIN as f64)) {
                return None;
            }
            whole as i64
        }
        Cell::Text(text) => text.parse().ok()?,
        Cell::Null | Cell::Date(_) | Cell::Instant(_) => return None,
    };
    (low..=high).contains(&whole).then_some(whole)
}
