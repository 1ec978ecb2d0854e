//! The row evaluator: SQL expressions with three-valued logic. There is this one implementation, used when a model is
//! trained and when it answers, so the two cannot differ. Inside an expression floats follow IEEE 754, ordered as Polars
//! orders them (NaN equals itself and is above everything); a result that is not finite is null.
//! To add an operator or a function: a line here or in `functions.rs`, and its test.

use daybreak_spec::{BinaryOperator, Expr, Function, UnaryOperator, Value};

use crate::program::Step;
use crate::{Cell, Program, cast, functions, operators};

/// Why an expression has no value.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum EvalError {
    /// The row has no such column.
    #[error("there is no column `{0}`")]
    UnknownColumn(String),
    /// An operation over values it is not defined for.
    #[error("{operation} is not defined for {found}")]
    Type {
        /// The operation.
        operation: &'static str,
        /// What it met.
        found: String,
    },
    /// Whole numbers beyond 64 bits.
    #[error("{0} leaves the range of 64-bit whole numbers")]
    Overflow(&'static str),
    /// A CAST of a value that has no counterpart.
    #[error("cannot cast {value} to {to}")]
    Cast {
        /// The value.
        value: String,
        /// The type.
        to: &'static str,
    },
    /// A function called with a wrong number of arguments.
    #[error("{function:?} cannot take {found} arguments")]
    Arguments {
        /// The function.
        function: Function,
        /// Arguments given.
        found: usize,
    },
    /// Nested too deeply.
    #[error("the expression is nested deeper than {0}; write a chain of ORs as IN (...)")]
    TooDeep(usize),
}

/// Evaluates an expression on one row. `lookup` gives the value of each column; it is asked once per column. For many
/// rows compile a [`Program`] instead.
pub fn evaluate(expr: &Expr, lookup: &dyn Fn(&str) -> Value) -> Result<Value, EvalError> {
    let mut names: Vec<String> = Vec::new();
    let program = Program::compile(expr, &mut |name| {
        Some(names.iter().position(|known| known == name).unwrap_or_else(|| {
            names.push(name.to_owned());
            names.len() - 1
        }))
    })?;
    let values: Vec<Value> = names.iter().map(|name| lookup(name)).collect();
    program.run(&|position| Cell::from(&values[position])).map(|cell| cell.to_value())
}

/// Evaluates one node.
pub(crate) fn evaluate_step<'a>(step: &'a Step, row: &dyn Fn(usize) -> Cell<'a>) -> Result<Cell<'a>, EvalError> {
    match step {
        Step::Column(position) => Ok(row(*position)),
        Step::Constant(value) => Ok(Cell::from(value)),
        Step::Unary(operator, operand) => unary(*operator, evaluate_step(operand, row)?),
        Step::Binary(BinaryOperator::And, left, right) => connect(left, right, row, false),
        Step::Binary(BinaryOperator::Or, left, right) => connect(left, right, row, true),
        Step::Binary(operator, left, right) => {
            let left = evaluate_step(left, row)?;
            operators::binary(*operator, &left, &evaluate_step(right, row)?)
        }
        Step::In { value, list, negated } => membership(&evaluate_step(value, row)?, list, *negated),
        Step::Case { branches, otherwise } => {
            for (condition, value) in branches {
                if truth(&evaluate_step(condition, row)?, "WHEN")? == Some(true) {
                    return evaluate_step(value, row);
                }
            }
            otherwise.as_ref().map_or(Ok(Cell::Null), |value| evaluate_step(value, row))
        }
        Step::Call(function, arguments) => match (function, arguments.as_slice()) {
            (Function::Coalesce, arguments) => {
                for argument in arguments {
                    let cell = evaluate_step(argument, row)?;
                    if !cell.is_null() {
                        return Ok(cell);
                    }
                }
                Ok(Cell::Null)
            }
            (Function::Least | Function::Greatest, arguments) => {
                let cells: Vec<Cell<'a>> =
                    arguments.iter().map(|argument| evaluate_step(argument, row)).collect::<Result<_, _>>()?;
                functions::extreme(*function, cells)
            }
            (function, [argument]) => functions::call(*function, evaluate_step(argument, row)?),
            (function, arguments) => Err(EvalError::Arguments { function: *function, found: arguments.len() }),
        },
        Step::Cast(operand, column_type) => cast::cast(evaluate_step(operand, row)?, *column_type),
    }
}

/// AND (decided by a false) and OR (decided by a true): the deciding value wins over null, null wins over the other.
fn connect<'a>(
    left: &'a Step,
    right: &'a Step,
    row: &dyn Fn(usize) -> Cell<'a>,
    deciding: bool,
) -> Result<Cell<'a>, EvalError> {
    let name = if deciding { "OR" } else { "AND" };
    let left = truth(&evaluate_step(left, row)?, name)?;
    if left == Some(deciding) {
        return Ok(Cell::Bool(deciding));
    }
    let right = truth(&evaluate_step(right, row)?, name)?;
    Ok(match (left, right) {
        (_, Some(right)) if right == deciding => Cell::Bool(deciding),
        (Some(_), Some(_)) => Cell::Bool(!deciding),
        _ => Cell::Null,
    })
}

fn unary(operator: UnaryOperator, operand: Cell<'_>) -> Result<Cell<'_>, EvalError> {
    Ok(match operator {
        UnaryOperator::IsNull => Cell::Bool(operand.is_null()),
        UnaryOperator::IsNotNull => Cell::Bool(!operand.is_null()),
        UnaryOperator::Not => truth(&operand, "NOT")?.map_or(Cell::Null, |flag| Cell::Bool(!flag)),
        UnaryOperator::Negate => return operators::negate(operand),
    })
}

/// `x IN (...)`: true when found; null when x or, without a match, an item is null.
fn membership<'a>(value: &Cell<'a>, list: &[Value], negated: bool) -> Result<Cell<'a>, EvalError> {
    if value.is_null() {
        return Ok(Cell::Null);
    }
    let mut unknown = false;
    for item in list {
        match operators::equal(value, &Cell::from(item))? {
            Some(true) => return Ok(Cell::Bool(!negated)),
            Some(false) => {}
            None => unknown = true,
        }
    }
    Ok(if unknown { Cell::Null } else { Cell::Bool(negated) })
}

/// A condition's value; `None` = unknown.
fn truth(cell: &Cell<'_>, operation: &'static str) -> Result<Option<bool>, EvalError> {
    match cell {
        Cell::Null => Ok(None),
        Cell::Bool(flag) => Ok(Some(*flag)),
        other => Err(EvalError::Type { operation, found: other.kind().to_owned() }),
    }
}
