//! The functions of the allow-list, each over a value that may be null (null in, null out, unless SQL says otherwise).

use std::borrow::Cow;
use std::cmp::Ordering;

use daybreak_spec::Function;

use crate::{Cell, EvalError, calendar, operators};

/// A function of one argument.
pub(crate) fn call<'a>(function: Function, argument: Cell<'a>) -> Result<Cell<'a>, EvalError> {
    use Function as F;
    if argument.is_null() {
        return Ok(Cell::Null);
    }
    match function {
        F::Abs => absolute(argument),
        F::Floor => float(argument, "FLOOR", f64::floor),
        F::Ceil => float(argument, "CEIL", f64::ceil),
        F::Round => float(argument, "ROUND", f64::round),
        F::Sqrt => float(argument, "SQRT", f64::sqrt),
        F::Ln => float(argument, "LN", f64::ln),
        F::Exp => float(argument, "EXP", f64::exp),
        F::Lower => text(argument, "LOWER", |text| Cell::Text(Cow::Owned(text.to_lowercase()))),
        F::Upper => text(argument, "UPPER", |text| Cell::Text(Cow::Owned(text.to_uppercase()))),
        F::Length => text(argument, "LENGTH", |text| {
            Cell::Int(i64::try_from(text.chars().count()).expect("a text in memory is shorter than i64::MAX"))
        }),
        F::Hour | F::DayOfWeek | F::Day | F::Month | F::Year => extract(function, &argument),
        F::Least | F::Greatest | F::Coalesce => Ok(argument),
    }
}

/// LEAST and GREATEST, nulls left out; with a float among the values the result is a float.
pub(crate) fn extreme<'a>(function: Function, cells: Vec<Cell<'a>>) -> Result<Cell<'a>, EvalError> {
    let wanted = if function == Function::Least { Ordering::Less } else { Ordering::Greater };
    let floats = cells.iter().any(|cell| matches!(cell, Cell::Float(_)));
    let mut found = Cell::Null;
    for cell in cells {
        let better = match operators::compare(&cell, &found)? {
            Some(ordering) => ordering == wanted,
            None => found.is_null(),
        };
        if better {
            found = cell;
        }
    }
    match (&found, found.number()) {
        (Cell::Int(_), Some(number)) if floats => Ok(Cell::Float(number)),
        _ => Ok(found),
    }
}

fn absolute(argument: Cell<'_>) -> Result<Cell<'_>, EvalError> {
    match argument {
        Cell::Int(whole) => whole.checked_abs().map(Cell::Int).ok_or(EvalError::Overflow("ABS")),
        other => float(other, "ABS", f64::abs),
    }
}

fn float<'a>(argument: Cell<'a>, name: &'static str, apply: fn(f64) -> f64) -> Result<Cell<'a>, EvalError> {
    match (&argument, argument.number()) {
        (Cell::Int(_) | Cell::Float(_), Some(number)) => Ok(Cell::Float(apply(number))),
        _ => Err(EvalError::Type { operation: name, found: argument.kind().to_owned() }),
    }
}

fn text<'a>(argument: Cell<'a>, name: &'static str, apply: impl Fn(&str) -> Cell<'a>) -> Result<Cell<'a>, EvalError> {
    match &argument {
        Cell::Text(text) => Ok(apply(text)),
        other => Err(EvalError::Type { operation: name, found: other.kind().to_owned() }),
    }
}

fn extract<'a>(part: Function, argument: &Cell<'_>) -> Result<Cell<'a>, EvalError> {
    let (day, within_us) = match argument {
        Cell::Instant(micros) => calendar::split(*micros),
        Cell::Date(day) if part != Function::Hour => (i64::from(*day), 0),
        other => return Err(EvalError::Type { operation: "EXTRACT", found: other.kind().to_owned() }),
    };
    let (year, month, day_of_month) = calendar::civil(day);
    Ok(Cell::Int(match part {
        Function::Hour => within_us / 3_600_000_000,
        Function::DayOfWeek => calendar::day_of_week(day),
        Function::Day => i64::from(day_of_month),
        Function::Month => i64::from(month),
        _ => year,
    }))
}
