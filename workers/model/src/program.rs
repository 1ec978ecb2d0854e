//! An expression with its columns resolved to positions: the form that is evaluated, in training and serving alike.
//! Compiling checks columns, the number of arguments and the depth, so that running it can only fail on values.

use daybreak_spec::{BinaryOperator, ColumnType, Expr, Function, UnaryOperator, Value};

use crate::{Cell, EvalError, evaluation};

/// Deepest nesting of an expression; a chain `a OR b OR ...` of n terms is n deep.
pub(crate) const MAX_DEPTH: usize = 200;

/// A compiled expression.
#[derive(Clone, Debug, PartialEq)]
pub struct Program {
    root: Step,
}

/// One node with columns as positions.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Step {
    Column(usize),
    Constant(Value),
    Unary(UnaryOperator, Box<Step>),
    Binary(BinaryOperator, Box<Step>, Box<Step>),
    In { value: Box<Step>, list: Vec<Value>, negated: bool },
    Case { branches: Vec<(Step, Step)>, otherwise: Option<Box<Step>> },
    Call(Function, Vec<Step>),
    Cast(Box<Step>, ColumnType),
}

impl Program {
    /// Compiles an expression; `resolve` gives the position of a column in the rows it will be run on.
    pub fn compile(expr: &Expr, resolve: &mut dyn FnMut(&str) -> Option<usize>) -> Result<Self, EvalError> {
        compile(expr, resolve, 0).map(|root| Self { root })
    }

    /// Evaluates it on a row. A float that is not finite (x / 0, LN(0)) is null in the end.
    pub fn run<'a>(&'a self, row: &dyn Fn(usize) -> Cell<'a>) -> Result<Cell<'a>, EvalError> {
        match evaluation::evaluate_step(&self.root, row)? {
            Cell::Float(number) if !number.is_finite() => Ok(Cell::Null),
            cell => Ok(cell),
        }
    }
}

fn compile(expr: &Expr, resolve: &mut dyn FnMut(&str) -> Option<usize>, depth: usize) -> Result<Step, EvalError> {
    if depth >= MAX_DEPTH {
        return Err(EvalError::TooDeep(MAX_DEPTH));
    }
    let mut inner = |expr: &Expr| compile(expr, resolve, depth + 1);
    let mut boxed = |expr: &Expr| inner(expr).map(Box::new);
    Ok(match expr {
        Expr::Column(name) => Step::Column(resolve(name).ok_or_else(|| EvalError::UnknownColumn(name.clone()))?),
        Expr::Literal(value) => Step::Constant(value.clone()),
        Expr::Unary(operator, operand) => Step::Unary(*operator, boxed(operand)?),
        Expr::Binary(operator, left, right) => {
            let left = boxed(left)?;
            Step::Binary(*operator, left, boxed(right)?)
        }
        Expr::In { value, list, negated } => Step::In { value: boxed(value)?, list: list.clone(), negated: *negated },
        Expr::Case { branches, otherwise } => {
            let mut compiled = Vec::with_capacity(branches.len());
            for (condition, value) in branches {
                let condition = inner(condition)?;
                compiled.push((condition, inner(value)?));
            }
            let otherwise = otherwise.as_ref().map(|value| inner(value).map(Box::new)).transpose()?;
            Step::Case { branches: compiled, otherwise }
        }
        Expr::Call(function, arguments) => {
            check_arguments(*function, arguments.len())?;
            Step::Call(*function, arguments.iter().map(inner).collect::<Result<_, _>>()?)
        }
        Expr::Cast(operand, column_type) => Step::Cast(boxed(operand)?, *column_type),
    })
}

fn check_arguments(function: Function, found: usize) -> Result<(), EvalError> {
    let many = matches!(function, Function::Least | Function::Greatest | Function::Coalesce);
    let fits = if many { found >= 1 } else { found == 1 };
    if fits { Ok(()) } else { Err(EvalError::Arguments { function, found }) }
}
