//! The expression tree as a Polars expression with the same meaning as the row evaluator of the model package: integers
//! are 64 bits wide, every float is f64, `/` is float division, AND/OR/NOT and comparisons follow three-valued logic,
//! NaN is null. Never checks types (`typing` does) and never adds a function that the tree does not have. To add a
//! function: a line in `call`.

use std::collections::BTreeSet;

use daybreak_spec::{BinaryOperator, ColumnType, Expr as Tree, Function, UnaryOperator, Value};
use polars::lazy::dsl::{max_horizontal, min_horizontal};
use polars::prelude::{DataType, Expr, Literal, NULL, RoundMode, TimeUnit, coalesce, col, lit, when};

use crate::columns::polars_type;

/// The family of a value, as far as the casts below need it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Family {
    Bool,
    Int,
    Float,
    Text,
    Date,
    Instant,
    Null,
}

struct Typed {
    expr: Expr,
    family: Family,
}

impl Typed {
    fn new(expr: Expr, family: Family) -> Self {
        Self { expr, family }
    }

    fn float(self) -> Expr {
        if self.family == Family::Float { self.expr } else { self.expr.cast(DataType::Float64) }
    }
}

/// The columns a tree names.
pub(crate) fn columns_of(tree: &Tree) -> BTreeSet<String> {
    let mut columns = BTreeSet::new();
    collect_columns(tree, &mut columns);
    columns
}

fn collect_columns(tree: &Tree, columns: &mut BTreeSet<String>) {
    match tree {
        Tree::Column(name) => {
            columns.insert(name.clone());
        }
        Tree::Literal(_) => {}
        Tree::Unary(_, operand) | Tree::Cast(operand, _) | Tree::In { value: operand, .. } => {
            collect_columns(operand, columns);
        }
        Tree::Binary(_, left, right) => {
            collect_columns(left, columns);
            collect_columns(right, columns);
        }
        Tree::Case { branches, otherwise } => {
            for (condition, value) in branches {
                collect_columns(condition, columns);
                collect_columns(value, columns);
            }
            if let Some(otherwise) = otherwise {
                collect_columns(otherwise, columns);
            }
        }
        Tree::Call(_, arguments) => arguments.iter().for_each(|argument| collect_columns(argument, columns)),
    }
}

/// The Polars expression of a tree that has passed the type check. `type_of` gives the types of columns.
pub(crate) fn to_polars(tree: &Tree, type_of: &dyn Fn(&str) -> Option<ColumnType>) -> Expr {
    typed(tree, type_of).expr
}

fn typed(tree: &Tree, type_of: &dyn Fn(&str) -> Option<ColumnType>) -> Typed {
    match tree {
        Tree::Column(name) => column(name, type_of(name)),
        Tree::Literal(value) => literal(value),
        Tree::Unary(operator, operand) => unary(*operator, typed(operand, type_of)),
        Tree::Binary(operator, left, right) => binary(*operator, typed(left, type_of), typed(right, type_of)),
        Tree::In { value, list, negated } => {
            let value = typed(value, type_of);
            let found = list.iter().fold(lit(false), |found, item| {
                let item = literal(item);
                found.or(compare(BinaryOperator::Equal, Typed::new(value.expr.clone(), value.family), item))
            });
            Typed::new(if *negated { found.not() } else { found }, Family::Bool)
        }
        Tree::Case { branches, otherwise } => case(branches, otherwise.as_deref(), type_of),
        Tree::Call(function, arguments) => {
            call(*function, arguments.iter().map(|argument| typed(argument, type_of)).collect())
        }
        Tree::Cast(operand, target) => cast(typed(operand, type_of), *target),
    }
}

fn family(column_type: ColumnType) -> Family {
    match column_type {
        ColumnType::Bool => Family::Bool,
        ColumnType::F32 | ColumnType::F64 => Family::Float,
        ColumnType::Str => Family::Text,
        ColumnType::Date => Family::Date,
        ColumnType::Datetime => Family::Instant,
        _ => Family::Int,
    }
}

fn column(name: &str, column_type: Option<ColumnType>) -> Typed {
    let expr = match column_type {
        Some(ColumnType::F32) => col(name).cast(DataType::Float64),
        Some(ColumnType::I64) => col(name),
        Some(narrow) if narrow.is_integer() => col(name).strict_cast(DataType::Int64),
        _ => col(name),
    };
    Typed::new(expr, column_type.map_or(Family::Null, family))
}

fn literal(value: &Value) -> Typed {
    match value {
        Value::Null => Typed::new(lit(NULL), Family::Null),
        Value::Bool(flag) => Typed::new(lit(*flag), Family::Bool),
        Value::Int(number) => Typed::new(lit(*number), Family::Int),
        Value::Float(number) => Typed::new(lit(*number), Family::Float),
        Value::Text(text) => Typed::new(lit(text.as_str()), Family::Text),
        Value::Date(days) => Typed::new(lit(*days).cast(DataType::Date), Family::Date),
        Value::Instant(micros) => {
            let target = DataType::Datetime(TimeUnit::Microseconds, None);
            Typed::new(micros.lit().cast(target), Family::Instant)
        }
    }
}

fn unary(operator: UnaryOperator, operand: Typed) -> Typed {
    match operator {
        UnaryOperator::Negate => Typed::new(-operand.expr, operand.family),
        UnaryOperator::Not => Typed::new(operand.expr.cast(DataType::Boolean).not(), Family::Bool),
        UnaryOperator::IsNull => Typed::new(operand.expr.is_null(), Family::Bool),
        UnaryOperator::IsNotNull => Typed::new(operand.expr.is_not_null(), Family::Bool),
    }
}

fn binary(operator: BinaryOperator, left: Typed, right: Typed) -> Typed {
    use BinaryOperator as B;
    let boolean = |typed: Typed| typed.expr.cast(DataType::Boolean);
    match operator {
        B::And => Typed::new(boolean(left).and(boolean(right)), Family::Bool),
        B::Or => Typed::new(boolean(left).or(boolean(right)), Family::Bool),
        B::Equal | B::NotEqual | B::Less | B::LessOrEqual | B::Greater | B::GreaterOrEqual => {
            Typed::new(compare(operator, left, right), Family::Bool)
        }
        B::Divide => Typed::new(no_nan(left.float() / right.float()), Family::Float),
        B::Modulo => modulo(left, right),
        B::Add | B::Subtract | B::Multiply => arithmetic(operator, left, right),
    }
}

fn compare(operator: BinaryOperator, left: Typed, right: Typed) -> Expr {
    let (left, right) = match (left.family, right.family) {
        (Family::Int, Family::Float) | (Family::Float, Family::Int) => (left.float(), right.float()),
        _ => (left.expr, right.expr),
    };
    match operator {
        BinaryOperator::NotEqual => left.neq(right),
        BinaryOperator::Less => left.lt(right),
        BinaryOperator::LessOrEqual => left.lt_eq(right),
        BinaryOperator::Greater => left.gt(right),
        BinaryOperator::GreaterOrEqual => left.gt_eq(right),
        _ => left.eq(right),
    }
}

fn arithmetic(operator: BinaryOperator, left: Typed, right: Typed) -> Typed {
    let floats = left.family == Family::Float || right.family == Family::Float;
    if floats {
        let (left, right) = (left.float(), right.float());
        let expr = match operator {
            BinaryOperator::Add => left + right,
            BinaryOperator::Subtract => left - right,
            _ => left * right,
        };
        return Typed::new(no_nan(expr), Family::Float);
    }
    let (left, right) = (left.expr.cast(DataType::Int64), right.expr.cast(DataType::Int64));
    let expr = match operator {
        BinaryOperator::Add => left + right,
        BinaryOperator::Subtract => left - right,
        _ => left * right,
    };
    Typed::new(expr, Family::Int)
}

/// The remainder with the sign of the dividend; null for a divisor of zero.
fn modulo(left: Typed, right: Typed) -> Typed {
    let floats = left.family == Family::Float || right.family == Family::Float;
    let (family, left, right) = if floats {
        (Family::Float, left.float(), right.float())
    } else {
        (Family::Int, left.expr.cast(DataType::Int64), right.expr.cast(DataType::Int64))
    };
    let size = |expr: Expr| expr.abs();
    let remainder = no_zero(size(left.clone()) % size(right.clone()), right);
    let signed = when(left.lt(lit(0))).then(-remainder.clone()).otherwise(remainder);
    Typed::new(if floats { no_nan(signed) } else { signed }, family)
}

fn no_zero(value: Expr, divisor: Expr) -> Expr {
    when(divisor.eq(lit(0))).then(lit(NULL)).otherwise(value)
}

fn no_nan(expr: Expr) -> Expr {
    expr.fill_nan(lit(NULL))
}

fn case(branches: &[(Tree, Tree)], otherwise: Option<&Tree>, type_of: &dyn Fn(&str) -> Option<ColumnType>) -> Typed {
    let conditions = branches.iter().map(|(condition, _)| typed(condition, type_of).expr.cast(DataType::Boolean));
    let mut values: Vec<Typed> = branches.iter().map(|(_, value)| typed(value, type_of)).collect();
    values.push(otherwise.map_or_else(|| literal(&Value::Null), |tree| typed(tree, type_of)));
    let (family, mut values) = unified(values);
    let last = values.pop().unwrap_or_else(|| lit(NULL));
    let pairs: Vec<(Expr, Expr)> = conditions.zip(values).collect();
    let expr =
        pairs.into_iter().rev().fold(last, |rest, (condition, value)| when(condition).then(value).otherwise(rest));
    Typed::new(expr, family)
}

/// Values of one family: integers become floats where a float stands among them.
fn unified(values: Vec<Typed>) -> (Family, Vec<Expr>) {
    let has = |wanted: Family| values.iter().any(|value| value.family == wanted);
    let family = if has(Family::Float) {
        Family::Float
    } else {
        values.iter().map(|value| value.family).find(|family| *family != Family::Null).unwrap_or(Family::Null)
    };
    let convert = |value: Typed| if family == Family::Float { value.float() } else { value.expr };
    (family, values.into_iter().map(convert).collect())
}

fn call(function: Function, mut arguments: Vec<Typed>) -> Typed {
    match function {
        Function::Least | Function::Greatest | Function::Coalesce => {
            let (family, arguments) = unified(arguments);
            let expr = match function {
                Function::Least => min_horizontal(&arguments).unwrap_or_else(|_| lit(NULL)),
                Function::Greatest => max_horizontal(&arguments).unwrap_or_else(|_| lit(NULL)),
                _ => coalesce(&arguments),
            };
            return Typed::new(expr, family);
        }
        _ => {}
    }
    let argument = if arguments.is_empty() { literal(&Value::Null) } else { arguments.swap_remove(0) };
    let given = argument.family;
    let part = |expr: Expr| Typed::new(expr.cast(DataType::Int64), Family::Int);
    let moment = |argument: Typed| argument.expr.cast(DataType::Datetime(TimeUnit::Microseconds, None)).dt();
    match function {
        Function::Abs => Typed::new(argument.expr.abs(), given),
        Function::Floor => Typed::new(argument.float().floor(), Family::Float),
        Function::Ceil => Typed::new(argument.float().ceil(), Family::Float),
        Function::Round => Typed::new(argument.float().round(0, RoundMode::HalfAwayFromZero), Family::Float),
        Function::Sqrt => Typed::new(no_nan(argument.float().sqrt()), Family::Float),
        Function::Ln => Typed::new(no_nan(argument.float().log(lit(std::f64::consts::E))), Family::Float),
        Function::Exp => Typed::new(argument.float().exp(), Family::Float),
        Function::Lower => Typed::new(argument.expr.str().to_lowercase(), Family::Text),
        Function::Upper => Typed::new(argument.expr.str().to_uppercase(), Family::Text),
        Function::Length => part(argument.expr.str().len_chars()),
        Function::Hour => part(moment(argument).hour()),
        Function::DayOfWeek => part(moment(argument).weekday().cast(DataType::Int64) % lit(7_i64)),
        Function::Day => part(moment(argument).day()),
        Function::Month => part(moment(argument).month()),
        Function::Year => part(moment(argument).year()),
        Function::Least | Function::Greatest | Function::Coalesce => argument,
    }
}

/// The value as the target type would hold it, in the width expressions work with.
fn cast(operand: Typed, target: ColumnType) -> Typed {
    let narrow = operand.expr.strict_cast(polars_type(target));
    let expr = match family(target) {
        Family::Int => narrow.cast(DataType::Int64),
        Family::Float => no_nan(narrow.cast(DataType::Float64)),
        _ => narrow,
    };
    Typed::new(expr, family(target))
}
