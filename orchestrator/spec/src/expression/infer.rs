//! Types of expressions. One rule for offline and serving: integers of any width compute as i64, floats as f64, `/`
//! gives f64, a bare column keeps its type. Finds all errors of a tree at once; an operand that is already wrong makes
//! no second error. To type a new function: an arm in `call`.

use super::{BinaryOperator, Expr, Function, TypeError, UnaryOperator, functions};
use crate::{ColumnType, Value};

/// The type of an expression; `Ok(None)` is the type of NULL. `columns` gives the types of columns.
pub fn infer_type(
    expr: &Expr,
    columns: &dyn Fn(&str) -> Option<ColumnType>,
) -> Result<Option<ColumnType>, Vec<TypeError>> {
    let mut inference = Inference { columns, errors: Vec::new() };
    let found = inference.infer(expr);
    if !inference.errors.is_empty() {
        return Err(inference.errors);
    }
    Ok(match found {
        Type::Known(column_type) => Some(column_type),
        Type::Null | Type::Wrong => None,
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Type {
    Known(ColumnType),
    Null,
    /// Already reported.
    Wrong,
}

struct Inference<'c> {
    columns: &'c dyn Fn(&str) -> Option<ColumnType>,
    errors: Vec<TypeError>,
}

impl Inference<'_> {
    fn infer(&mut self, expr: &Expr) -> Type {
        match expr {
            Expr::Column(name) => match (self.columns)(name) {
                Some(column_type) => Type::Known(column_type),
                None => {
                    let message = format!("there is no column `{name}`");
                    self.errors.push(TypeError {
                        code: "unknown_column",
                        message,
                        hint: None,
                        column: Some(name.clone()),
                    });
                    Type::Wrong
                }
            },
            Expr::Literal(value) => value_type(value),
            Expr::Unary(operator, operand) => self.unary(*operator, operand),
            Expr::Binary(operator, left, right) => self.binary(*operator, left, right),
            Expr::In { value, list, .. } => {
                let found = self.infer(value);
                if let Some(odd) = list.iter().find(|item| !comparable(found, value_type(item))) {
                    let message =
                        format!("{} cannot be in a list that holds {}", described(found), described(value_type(odd)));
                    self.mismatch(value, message, compare_hint(found, value_type(odd)));
                }
                Type::Known(ColumnType::Bool)
            }
            Expr::Case { branches, otherwise } => {
                let mut found = Type::Null;
                for (condition, value) in branches {
                    self.truth(condition, "a condition of CASE");
                    let next = self.infer(value);
                    found = self.unify(found, next, value, "the values of CASE");
                }
                match otherwise {
                    Some(value) => {
                        let next = self.infer(value);
                        self.unify(found, next, value, "the values of CASE")
                    }
                    None => found,
                }
            }
            Expr::Call(function, arguments) => self.call(*function, arguments),
            Expr::Cast(operand, target) => self.cast(operand, *target),
        }
    }

    fn mismatch(&mut self, about: &Expr, message: String, hint: Option<String>) {
        let column = first_column(about).map(str::to_owned);
        self.errors.push(TypeError { code: "type_mismatch", message, hint, column });
    }

    /// An operand that has to be boolean.
    fn truth(&mut self, operand: &Expr, role: &str) {
        let found = self.infer(operand);
        if !matches!(found, Type::Known(ColumnType::Bool) | Type::Null | Type::Wrong) {
            let hint = match found {
                Type::Known(column_type) if column_type.is_number() => Some("compare it, e.g. `x > 0`".to_owned()),
                _ => None,
            };
            self.mismatch(operand, format!("{role} must be true/false, not {}", described(found)), hint);
        }
    }

    /// An operand that has to be a number: the type it computes as.
    fn number(&mut self, operand: &Expr, role: &str) -> Type {
        match self.infer(operand) {
            Type::Known(column_type) if column_type.is_integer() => Type::Known(ColumnType::I64),
            Type::Known(ColumnType::F32 | ColumnType::F64) => Type::Known(ColumnType::F64),
            found @ Type::Known(_) => {
                let hint = match found {
                    Type::Known(ColumnType::Bool) => Some("write CAST(x AS i64)".to_owned()),
                    Type::Known(ColumnType::Str) => Some("write CAST(x AS f64) if it holds numbers".to_owned()),
                    _ => None,
                };
                self.mismatch(operand, format!("{role} needs numbers, not {}", described(found)), hint);
                Type::Wrong
            }
            other => other,
        }
    }

    fn unary(&mut self, operator: UnaryOperator, operand: &Expr) -> Type {
        match operator {
            UnaryOperator::Negate => self.number(operand, "`-`"),
            UnaryOperator::Not => {
                self.truth(operand, "the operand of NOT");
                Type::Known(ColumnType::Bool)
            }
            UnaryOperator::IsNull | UnaryOperator::IsNotNull => {
                self.infer(operand);
                Type::Known(ColumnType::Bool)
            }
        }
    }

    fn binary(&mut self, operator: BinaryOperator, left: &Expr, right: &Expr) -> Type {
        use BinaryOperator as B;
        match operator {
            B::And | B::Or => {
                let role = if operator == B::And { "an operand of AND" } else { "an operand of OR" };
                self.truth(left, role);
                self.truth(right, role);
                Type::Known(ColumnType::Bool)
            }
            B::Add | B::Subtract | B::Multiply | B::Divide | B::Modulo => {
                let role = format!("`{}`", sign(operator));
                let (left, right) = (self.number(left, &role), self.number(right, &role));
                match (left, right) {
                    (Type::Wrong, _) | (_, Type::Wrong) => Type::Wrong,
                    _ if operator == B::Divide => Type::Known(ColumnType::F64),
                    (Type::Null, other) | (other, Type::Null) => other,
                    (left, right) if left == right => left,
                    _ => Type::Known(ColumnType::F64),
                }
            }
            B::Equal | B::NotEqual | B::Less | B::LessOrEqual | B::Greater | B::GreaterOrEqual => {
                let (found, other) = (self.infer(left), self.infer(right));
                let ordered = !matches!(operator, B::Equal | B::NotEqual);
                let both_flags = [found, other].contains(&Type::Known(ColumnType::Bool)) && ordered;
                if !comparable(found, other) {
                    let message =
                        format!("{} {} {} compares nothing", described(found), sign(operator), described(other));
                    let about = if first_column(left).is_some() { left } else { right };
                    self.mismatch(about, message, compare_hint(found, other));
                } else if both_flags && found != Type::Wrong && other != Type::Wrong {
                    let message = format!("`{}` does not order true/false", sign(operator));
                    self.mismatch(left, message, Some("use `=`, AND, OR or NOT".to_owned()));
                }
                Type::Known(ColumnType::Bool)
            }
        }
    }

    /// The type of values that may stand for each other.
    fn unify(&mut self, known: Type, next: Type, about: &Expr, role: &str) -> Type {
        match (known, next) {
            (Type::Wrong, _) | (_, Type::Wrong) => Type::Wrong,
            (Type::Null, other) | (other, Type::Null) => other,
            (left, right) if left == right => left,
            (Type::Known(left), Type::Known(right)) if left.is_integer() && right.is_integer() => {
                Type::Known(ColumnType::I64)
            }
            (Type::Known(left), Type::Known(right)) if left.is_number() && right.is_number() => {
                Type::Known(ColumnType::F64)
            }
            _ => {
                let message = format!("{role} are {} and {}", described(known), described(next));
                self.mismatch(about, message, Some("make them one type with CAST".to_owned()));
                Type::Wrong
            }
        }
    }

    fn call(&mut self, function: Function, arguments: &[Expr]) -> Type {
        let name = functions::name(function);
        let first = arguments.first();
        let number = |inference: &mut Self| first.map_or(Type::Null, |first| inference.number(first, name));
        match function {
            Function::Abs => number(self),
            Function::Floor | Function::Ceil | Function::Round | Function::Sqrt | Function::Ln | Function::Exp => {
                number(self);
                Type::Known(ColumnType::F64)
            }
            Function::Least | Function::Greatest | Function::Coalesce => {
                let role = format!("the arguments of {name}");
                let mut found = Type::Null;
                for argument in arguments {
                    let next = self.infer(argument);
                    let flag = next == Type::Known(ColumnType::Bool) && function != Function::Coalesce;
                    if flag {
                        self.mismatch(argument, format!("{name} does not order true/false"), None);
                    }
                    found = self.unify(found, if flag { Type::Wrong } else { next }, argument, &role);
                }
                found
            }
            Function::Lower | Function::Upper => {
                self.argument(first, name, &[ColumnType::Str]);
                Type::Known(ColumnType::Str)
            }
            Function::Length => {
                self.argument(first, name, &[ColumnType::Str]);
                Type::Known(ColumnType::I64)
            }
            Function::Hour => {
                self.argument(first, name, &[ColumnType::Datetime]);
                Type::Known(ColumnType::I32)
            }
            Function::DayOfWeek | Function::Day | Function::Month | Function::Year => {
                self.argument(first, name, &[ColumnType::Datetime, ColumnType::Date]);
                Type::Known(ColumnType::I32)
            }
        }
    }

    fn argument(&mut self, argument: Option<&Expr>, name: &str, wanted: &[ColumnType]) {
        let Some(argument) = argument else { return };
        let found = self.infer(argument);
        if matches!(found, Type::Known(column_type) if !wanted.contains(&column_type)) {
            let wanted: Vec<&str> = wanted.iter().map(|column_type| column_type.name()).collect();
            self.mismatch(argument, format!("{name} needs {}, not {}", wanted.join(" or "), described(found)), None);
        }
    }

    fn cast(&mut self, operand: &Expr, target: ColumnType) -> Type {
        if let Type::Known(from) = self.infer(operand)
            && !castable(from, target)
        {
            let message = format!("{} cannot be cast to {}", from.name(), target.name());
            let hint = match target {
                ColumnType::Bool => Some("compare it, e.g. `x <> 0`".to_owned()),
                _ => None,
            };
            self.mismatch(operand, message, hint);
        }
        Type::Known(target)
    }
}

/// Casts that mean the same in every engine.
fn castable(from: ColumnType, to: ColumnType) -> bool {
    use ColumnType as C;
    from == to
        || (from.is_number() || matches!(from, C::Bool | C::Str)) && to.is_number()
        || (from.is_integer() || from == C::Bool) && to == C::Str
        || matches!((from, to), (C::Date, C::Datetime) | (C::Datetime, C::Date))
}

fn comparable(left: Type, right: Type) -> bool {
    match (left, right) {
        (Type::Known(left), Type::Known(right)) => left == right || left.is_number() && right.is_number(),
        _ => true,
    }
}

fn compare_hint(left: Type, right: Type) -> Option<String> {
    let has = |wanted: ColumnType| left == Type::Known(wanted) || right == Type::Known(wanted);
    let number = [left, right].iter().any(|found| matches!(found, Type::Known(known) if known.is_number()));
    if has(ColumnType::Datetime) && has(ColumnType::Date) {
        return Some("write CAST(x AS date)".to_owned());
    }
    if has(ColumnType::Datetime) && has(ColumnType::Str) {
        return Some("write TIMESTAMP '2013-02-01T06:30:00Z'".to_owned());
    }
    if has(ColumnType::Date) && has(ColumnType::Str) {
        return Some("write DATE '2013-02-01'".to_owned());
    }
    (has(ColumnType::Str) && number).then(|| "put the text in single quotes, or CAST it to a number".to_owned())
}

fn described(found: Type) -> String {
    match found {
        Type::Known(column_type) => column_type.name().to_owned(),
        Type::Null | Type::Wrong => "null".to_owned(),
    }
}

fn sign(operator: BinaryOperator) -> &'static str {
    match operator {
        BinaryOperator::Add => "+",
        BinaryOperator::Subtract => "-",
        BinaryOperator::Multiply => "*",
        BinaryOperator::Divide => "/",
        BinaryOperator::Modulo => "%",
        BinaryOperator::Equal => "=",
        BinaryOperator::NotEqual => "<>",
        BinaryOperator::Less => "<",
        BinaryOperator::LessOrEqual => "<=",
        BinaryOperator::Greater => ">",
        BinaryOperator::GreaterOrEqual => ">=",
        BinaryOperator::And => "AND",
        BinaryOperator::Or => "OR",
    }
}

fn value_type(value: &Value) -> Type {
    match value {
        Value::Null => Type::Null,
        Value::Bool(_) => Type::Known(ColumnType::Bool),
        Value::Int(_) => Type::Known(ColumnType::I64),
        Value::Float(_) => Type::Known(ColumnType::F64),
        Value::Text(_) => Type::Known(ColumnType::Str),
        Value::Date(_) => Type::Known(ColumnType::Date),
        Value::Instant(_) => Type::Known(ColumnType::Datetime),
    }
}

/// The first column an expression names.
fn first_column(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Column(name) => Some(name),
        Expr::Literal(_) => None,
        Expr::Unary(_, operand) | Expr::Cast(operand, _) | Expr::In { value: operand, .. } => first_column(operand),
        Expr::Binary(_, left, right) => first_column(left).or_else(|| first_column(right)),
        Expr::Case { branches, otherwise } => {
            let in_branches =
                branches.iter().find_map(|(condition, value)| first_column(condition).or_else(|| first_column(value)));
            in_branches.or_else(|| otherwise.as_deref().and_then(first_column))
        }
        Expr::Call(_, arguments) => arguments.iter().find_map(first_column),
    }
}
