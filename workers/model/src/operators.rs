//! Arithmetic and comparison of two values. Whole numbers stay whole (a result beyond 64 bits is an error, a remainder
//! by zero is null); a whole number beside a float becomes one. What checking refuses is an error here too.

use std::cmp::Ordering;

use daybreak_spec::BinaryOperator;

use crate::{Cell, EvalError};

/// A value that arithmetic is defined on.
#[derive(Clone, Copy)]
enum Number {
    Int(i64),
    Float(f64),
}

impl Number {
    #[expect(clippy::cast_precision_loss, reason = "SQL's mixed arithmetic is float arithmetic")]
    fn to_float(self) -> f64 {
        match self {
            Self::Int(number) => number as f64,
            Self::Float(number) => number,
        }
    }
}

/// All operators of two operands but AND and OR, which need not evaluate both.
pub(crate) fn binary<'a>(operator: BinaryOperator, left: &Cell<'_>, right: &Cell<'_>) -> Result<Cell<'a>, EvalError> {
    use BinaryOperator as B;
    let compared = |holds: fn(Ordering) -> bool| {
        Ok(compare(left, right)?.map_or(Cell::Null, |ordering| Cell::Bool(holds(ordering))))
    };
    match operator {
        B::Equal => compared(Ordering::is_eq),
        B::NotEqual => compared(Ordering::is_ne),
        B::Less => compared(Ordering::is_lt),
        B::LessOrEqual => compared(Ordering::is_le),
        B::Greater => compared(Ordering::is_gt),
        B::GreaterOrEqual => compared(Ordering::is_ge),
        B::Add | B::Subtract | B::Multiply | B::Divide | B::Modulo => arithmetic(operator, left, right),
        B::And | B::Or => unreachable!("the evaluator connects conditions itself"),
    }
}

fn arithmetic<'a>(operator: BinaryOperator, left: &Cell<'_>, right: &Cell<'_>) -> Result<Cell<'a>, EvalError> {
    let name = match operator {
        BinaryOperator::Add => "+",
        BinaryOperator::Subtract => "-",
        BinaryOperator::Multiply => "*",
        BinaryOperator::Modulo => "%",
        _ => "/",
    };
    let (left, right) = (number(left, name)?, number(right, name)?);
    let (Some(left), Some(right)) = (left, right) else {
        return Ok(Cell::Null);
    };
    if let (Number::Int(left), Number::Int(right)) = (left, right) {
        let whole = match operator {
            BinaryOperator::Add => left.checked_add(right),
            BinaryOperator::Subtract => left.checked_sub(right),
            BinaryOperator::Multiply => left.checked_mul(right),
            BinaryOperator::Modulo if right == 0 => return Ok(Cell::Null),
            BinaryOperator::Modulo => Some(left.wrapping_rem(right)),
            _ => return Ok(Cell::Float(Number::Int(left).to_float() / Number::Int(right).to_float())),
        };
        return whole.map(Cell::Int).ok_or(EvalError::Overflow(name));
    }
    let (left, right) = (left.to_float(), right.to_float());
    Ok(Cell::Float(match operator {
        BinaryOperator::Add => left + right,
        BinaryOperator::Subtract => left - right,
        BinaryOperator::Multiply => left * right,
        BinaryOperator::Modulo => left % right,
        _ => left / right,
    }))
}

/// `-x`.
pub(crate) fn negate(operand: Cell<'_>) -> Result<Cell<'_>, EvalError> {
    Ok(match number(&operand, "-")? {
        None => Cell::Null,
        Some(Number::Int(whole)) => Cell::Int(whole.checked_neg().ok_or(EvalError::Overflow("-"))?),
        Some(Number::Float(float)) => Cell::Float(-float),
    })
}

fn number(cell: &Cell<'_>, operation: &'static str) -> Result<Option<Number>, EvalError> {
    match cell {
        Cell::Null => Ok(None),
        Cell::Int(whole) => Ok(Some(Number::Int(*whole))),
        Cell::Float(float) => Ok(Some(Number::Float(*float))),
        other => Err(EvalError::Type { operation, found: other.kind().to_owned() }),
    }
}

/// Whether two values are equal; `None` when one is null.
pub(crate) fn equal(left: &Cell<'_>, right: &Cell<'_>) -> Result<Option<bool>, EvalError> {
    Ok(compare(left, right)?.map(Ordering::is_eq))
}

/// Orders two values of one family; `None` when one is null.
pub(crate) fn compare(left: &Cell<'_>, right: &Cell<'_>) -> Result<Option<Ordering>, EvalError> {
    let ordering = match (left, right) {
        (Cell::Null, _) | (_, Cell::Null) => return Ok(None),
        (Cell::Text(left), Cell::Text(right)) => left.cmp(right),
        (Cell::Date(left), Cell::Date(right)) => left.cmp(right),
        (Cell::Instant(left), Cell::Instant(right)) => left.cmp(right),
        (Cell::Bool(left), Cell::Bool(right)) => left.cmp(right),
        _ => {
            let mixed =
                || EvalError::Type { operation: "comparison", found: format!("{} and {}", left.kind(), right.kind()) };
            let left = number(left, "comparison").map_err(|_| mixed())?;
            let right = number(right, "comparison").map_err(|_| mixed())?;
            match (left, right) {
                (Some(Number::Int(left)), Some(Number::Int(right))) => left.cmp(&right),
                (Some(left), Some(right)) => total(left.to_float(), right.to_float()),
                _ => return Ok(None),
            }
        }
    };
    Ok(Some(ordering))
}

/// NaN equals itself and is above everything; zeros are equal.
fn total(left: f64, right: f64) -> Ordering {
    left.partial_cmp(&right).unwrap_or_else(|| left.is_nan().cmp(&right.is_nan()))
}
