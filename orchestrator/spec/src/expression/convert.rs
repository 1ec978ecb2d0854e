//! A scalar SQL expression to our tree, by an allow-list: an arm that is not here is a problem that says where and what
//! to write instead. Never evaluates and never types (`infer.rs` does). To allow more: an arm in `convert`.

use sqlparser::ast::{
    BinaryOperator as SqlBinary, CaseWhen, CastKind, CeilFloorKind, DataType, DateTimeField, ExactNumberInfo,
    Expr as Sql, ExtractSyntax, Function as SqlFunction, FunctionArg, FunctionArgExpr, FunctionArgumentList,
    FunctionArguments, Ident, ObjectNamePart, Spanned as _, TypedString, UnaryOperator as SqlUnary, Value as SqlValue,
};
use sqlparser::tokenizer::Token;

use super::{BinaryOperator, Expr, Expression, Function, TextPlace, UnaryOperator, functions, sql_text};
use crate::did_you_mean::suggestion;
use crate::small_texts::shortened;
use crate::{ColumnType, Problem, Span, Value};

/// Deepest tree: its JSON stays within the depth that readers accept by default.
const MAX_DEPTH: usize = 48;
const CODE: &str = "bad_expression";

/// Reads an expression. Problems point inside the text where `span` is as long as it, else at the span.
pub fn parse_expression(text: &str, span: Span) -> Result<Expression, Vec<Problem>> {
    parse_expression_at(text, &TextPlace::new(span, text))
}

/// Reads an expression whose place is known exactly.
pub(crate) fn parse_expression_at(text: &str, place: &TextPlace) -> Result<Expression, Vec<Problem>> {
    let mut parser = sql_text::open(text, place, &sql_text::EXPRESSION, CODE).map_err(|problem| vec![problem])?;
    if parser.peek_token().token == Token::EOF {
        let problem = Problem::error(CODE, place.whole(), "the expression is empty");
        return Err(vec![problem.hint("write e.g. \"arr_delay > 15\"")]);
    }
    let tree = parser.parse_expr().map_err(|error| vec![sql_text::syntax(&error, text, place, CODE)])?;
    let end = parser.peek_token();
    if end.token != Token::EOF {
        return Err(vec![sql_text::trailing(&end, place, CODE)]);
    }
    let mut converter = Converter { place, problems: Vec::new(), too_deep: false };
    match converter.convert(&tree, 0) {
        Some(tree) if converter.problems.is_empty() => Ok(Expression { text: text.to_owned(), tree }),
        _ => Err(converter.problems),
    }
}

struct Converter<'p> {
    place: &'p TextPlace,
    problems: Vec<Problem>,
    too_deep: bool,
}

impl Converter<'_> {
    fn convert(&mut self, sql: &Sql, depth: usize) -> Option<Expr> {
        if self.too_deep {
            return None;
        }
        if depth >= MAX_DEPTH {
            self.too_deep = true;
            let message = format!("nested deeper than {MAX_DEPTH} levels");
            return self.refuse(sql, "expression_too_deep", message, "split it up, or write a longer list with IN");
        }
        let next = depth + 1;
        match sql {
            Sql::Nested(inner) => self.convert(inner, depth),
            Sql::Identifier(name) => Some(Expr::Column(name.value.clone())),
            Sql::CompoundIdentifier(parts) => self.compound(sql, parts),
            Sql::Value(value) => self.value(sql, &value.value, "").map(Expr::Literal),
            Sql::TypedString(typed) => self.typed_string(sql, typed).map(Expr::Literal),
            Sql::UnaryOp { op, expr } => self.unary(sql, *op, expr, next),
            Sql::BinaryOp { left, op, right } => self.binary(sql, left, op, right, next),
            Sql::IsNull(inner) => self.wrap(UnaryOperator::IsNull, inner, next),
            Sql::IsNotNull(inner) => self.wrap(UnaryOperator::IsNotNull, inner, next),
            Sql::InList { expr, list, negated } => {
                let value = self.convert(expr, next);
                let literals: Vec<Option<Value>> = list.iter().map(|item| self.list_item(item)).collect();
                let list = literals.into_iter().collect::<Option<Vec<Value>>>()?;
                Some(Expr::In { value: Box::new(value?), list, negated: *negated })
            }
            Sql::Between { expr, negated, low, high } => {
                let inside = self.between(expr, low, high, next)?;
                Some(if *negated { Expr::Unary(UnaryOperator::Not, Box::new(inside)) } else { inside })
            }
            Sql::Case { operand, conditions, else_result, .. } => {
                self.case(operand.as_deref(), conditions, else_result.as_deref(), next)
            }
            Sql::Cast { kind, expr, data_type, array, format } => {
                let plain = matches!(kind, CastKind::Cast | CastKind::DoubleColon) && !array && format.is_none();
                let Some(target) = column_type(data_type).filter(|_| plain) else {
                    let message = format!("`{}` is not a type or a kind of cast of the language", shown(data_type));
                    let hint = "write CAST(x AS type) with bool, i32, i64, f64, str, date or datetime";
                    return self.refuse(sql, "unsupported_expression", message, hint);
                };
                Some(Expr::Cast(Box::new(self.convert(expr, next)?), target))
            }
            Sql::Extract { field, syntax: ExtractSyntax::From, expr } => self.extract(sql, field, expr, next),
            Sql::Ceil { expr, field: CeilFloorKind::DateTimeField(DateTimeField::NoDateTime) } => {
                Some(Expr::Call(Function::Ceil, vec![self.convert(expr, next)?]))
            }
            Sql::Floor { expr, field: CeilFloorKind::DateTimeField(DateTimeField::NoDateTime) } => {
                Some(Expr::Call(Function::Floor, vec![self.convert(expr, next)?]))
            }
            Sql::Function(function) => self.call(sql, function, next),
            _ => self.unsupported(sql),
        }
    }

    fn refuse<T>(&mut self, sql: &Sql, code: &'static str, message: String, hint: &str) -> Option<T> {
        let span = sql_text::place_of(sql.span(), self.place);
        self.problems.push(Problem::error(code, span, message).hint(hint));
        None
    }

    fn unsupported<T>(&mut self, sql: &Sql) -> Option<T> {
        let hint = match sql {
            Sql::Subquery(_) | Sql::Exists { .. } | Sql::InSubquery { .. } => "only a view's `sql` may hold a query",
            Sql::Like { .. } | Sql::ILike { .. } => "compare with `=` or IN; patterns are not supported",
            Sql::IsTrue(_) | Sql::IsNotTrue(_) => "write COALESCE(x, false)",
            Sql::IsFalse(_) | Sql::IsNotFalse(_) => "write COALESCE(NOT x, false)",
            Sql::Interval(_) => "subtract numbers, or compare instants",
            _ => {
                "there are columns, literals, + - * / %, comparisons, AND, OR, NOT, IS NULL, IN, BETWEEN, CASE, CAST and functions"
            }
        };
        let message = format!("`{}` is not part of the expression language", shown(sql));
        self.refuse(sql, "unsupported_expression", message, hint)
    }

    fn compound(&mut self, sql: &Sql, parts: &[Ident]) -> Option<Expr> {
        match parts {
            [role, feature] => Some(Expr::Column(format!("{}__{}", role.value, feature.value))),
            _ => self.unsupported(sql),
        }
    }

    fn value(&mut self, sql: &Sql, value: &SqlValue, sign: &str) -> Option<Value> {
        match value {
            SqlValue::Number(digits, false) => {
                let text = format!("{sign}{digits}");
                if let Ok(whole) = text.parse() {
                    return Some(Value::Int(whole));
                }
                let whole = digits.bytes().all(|byte| byte.is_ascii_digit());
                match text.parse::<f64>().ok().filter(|number| number.is_finite() && !whole) {
                    Some(number) => Some(Value::Float(number)),
                    None => {
                        let message = format!("`{text}` does not fit a 64-bit number");
                        self.refuse(sql, "number_out_of_range", message, "write a smaller number")
                    }
                }
            }
            SqlValue::SingleQuotedString(text) => Some(Value::Text(text.clone())),
            SqlValue::Boolean(flag) => Some(Value::Bool(*flag)),
            SqlValue::Null => Some(Value::Null),
            _ => self.unsupported(sql),
        }
    }

    fn typed_string(&mut self, sql: &Sql, typed: &TypedString) -> Option<Value> {
        let SqlValue::SingleQuotedString(text) = &typed.value.value else { return self.unsupported(sql) };
        let found = match column_type(&typed.data_type) {
            Some(ColumnType::Date) => super::literals::parse_date(text).map(Value::Date),
            Some(ColumnType::Datetime) => super::literals::parse_instant(text).map(Value::Instant),
            _ => return self.unsupported(sql),
        };
        if found.is_none() {
            let message = format!("`{}` is not a date or an instant", shortened(text));
            let hint = "write DATE '2013-02-01' or TIMESTAMP '2013-02-01T06:30:00Z'";
            return self.refuse(sql, CODE, message, hint);
        }
        found
    }

    fn list_item(&mut self, item: &Sql) -> Option<Value> {
        let literal = match item {
            Sql::Value(value) => self.value(item, &value.value, ""),
            Sql::TypedString(typed) => self.typed_string(item, typed),
            Sql::UnaryOp { op: SqlUnary::Minus, expr } => match &**expr {
                Sql::Value(value) if matches!(value.value, SqlValue::Number(..)) => self.value(item, &value.value, "-"),
                _ => return self.literals_only(item),
            },
            _ => return self.literals_only(item),
        };
        if literal == Some(Value::Null) {
            let hint = "add `OR x IS NULL`";
            return self.refuse(item, "unsupported_expression", "NULL in a list never matches".to_owned(), hint);
        }
        literal
    }

    fn literals_only<T>(&mut self, item: &Sql) -> Option<T> {
        let message = format!("`{}` is not a literal", shown(item));
        self.refuse(item, "unsupported_expression", message, "the list of IN holds numbers, texts and dates")
    }

    fn unary(&mut self, sql: &Sql, operator: SqlUnary, operand: &Sql, depth: usize) -> Option<Expr> {
        match (operator, operand) {
            (SqlUnary::Minus, Sql::Value(value)) if matches!(value.value, SqlValue::Number(..)) => {
                self.value(sql, &value.value, "-").map(Expr::Literal)
            }
            (SqlUnary::Minus, _) => self.wrap(UnaryOperator::Negate, operand, depth),
            (SqlUnary::Not, _) => self.wrap(UnaryOperator::Not, operand, depth),
            _ => self.unsupported(sql),
        }
    }

    fn wrap(&mut self, operator: UnaryOperator, operand: &Sql, depth: usize) -> Option<Expr> {
        Some(Expr::Unary(operator, Box::new(self.convert(operand, depth)?)))
    }

    fn binary(&mut self, sql: &Sql, left: &Sql, operator: &SqlBinary, right: &Sql, depth: usize) -> Option<Expr> {
        use BinaryOperator as B;
        let operator = match operator {
            SqlBinary::Plus => B::Add,
            SqlBinary::Minus => B::Subtract,
            SqlBinary::Multiply => B::Multiply,
            SqlBinary::Divide => B::Divide,
            SqlBinary::Modulo => B::Modulo,
            SqlBinary::Eq => B::Equal,
            SqlBinary::NotEq => B::NotEqual,
            SqlBinary::Lt => B::Less,
            SqlBinary::LtEq => B::LessOrEqual,
            SqlBinary::Gt => B::Greater,
            SqlBinary::GtEq => B::GreaterOrEqual,
            SqlBinary::And => B::And,
            SqlBinary::Or => B::Or,
            _ => {
                let message = format!("the operator `{operator}` is not part of the expression language");
                return self.refuse(
                    sql,
                    "unsupported_expression",
                    message,
                    "there are + - * / % = <> < <= > >= AND OR",
                );
            }
        };
        let (left, right) = (self.convert(left, depth), self.convert(right, depth));
        Some(Expr::Binary(operator, Box::new(left?), Box::new(right?)))
    }

    /// `x BETWEEN a AND b` is `x >= a AND x <= b`.
    fn between(&mut self, value: &Sql, low: &Sql, high: &Sql, depth: usize) -> Option<Expr> {
        let (low, high) = (self.convert(low, depth + 1), self.convert(high, depth + 1));
        let value = self.convert(value, depth + 1)?;
        let above = Expr::Binary(BinaryOperator::GreaterOrEqual, Box::new(value.clone()), Box::new(low?));
        let below = Expr::Binary(BinaryOperator::LessOrEqual, Box::new(value), Box::new(high?));
        Some(Expr::Binary(BinaryOperator::And, Box::new(above), Box::new(below)))
    }

    /// `CASE x WHEN v THEN r` is `CASE WHEN x = v THEN r`.
    fn case(
        &mut self,
        operand: Option<&Sql>,
        conditions: &[CaseWhen],
        otherwise: Option<&Sql>,
        depth: usize,
    ) -> Option<Expr> {
        let operand = match operand {
            Some(operand) => Some(self.convert(operand, depth + 1)?),
            None => None,
        };
        let mut branches = Vec::new();
        let mut sound = true;
        for branch in conditions {
            let condition = self.convert(&branch.condition, depth + usize::from(operand.is_some()));
            let value = self.convert(&branch.result, depth);
            let condition = condition.map(|condition| match &operand {
                Some(operand) => Expr::Binary(BinaryOperator::Equal, Box::new(operand.clone()), Box::new(condition)),
                None => condition,
            });
            match (condition, value) {
                (Some(condition), Some(value)) => branches.push((condition, value)),
                _ => sound = false,
            }
        }
        let otherwise = match otherwise {
            Some(otherwise) => Some(Box::new(self.convert(otherwise, depth)?)),
            None => None,
        };
        sound.then_some(Expr::Case { branches, otherwise })
    }

    fn extract(&mut self, sql: &Sql, field: &DateTimeField, operand: &Sql, depth: usize) -> Option<Expr> {
        let function = match field {
            DateTimeField::Hour => Function::Hour,
            DateTimeField::Dow | DateTimeField::DayOfWeek => Function::DayOfWeek,
            DateTimeField::Day => Function::Day,
            DateTimeField::Month => Function::Month,
            DateTimeField::Year => Function::Year,
            _ => {
                let message = format!("EXTRACT knows no field `{field}`");
                return self.refuse(sql, "unknown_function", message, "there are: HOUR, DOW, DAY, MONTH, YEAR");
            }
        };
        Some(Expr::Call(function, vec![self.convert(operand, depth)?]))
    }

    fn call(&mut self, sql: &Sql, call: &SqlFunction, depth: usize) -> Option<Expr> {
        let Some((name, arguments)) = plain_call(call) else { return self.unsupported(sql) };
        let Some(function) = functions::by_name(name) else {
            let message = format!("there is no function `{}` in expressions", shortened(name));
            let hint = suggestion(&name.to_ascii_lowercase(), functions::NAMES.iter().copied());
            return self.refuse(sql, "unknown_function", message, &hint);
        };
        let wanted = if functions::takes_many(function) { 2..=usize::MAX } else { 1..=1 };
        if !wanted.contains(&arguments.len()) {
            let count = if functions::takes_many(function) { "at least two arguments" } else { "one argument" };
            let message = format!("{} takes {count}, not {}", functions::name(function), arguments.len());
            let many = functions::takes_many(function);
            let hint = format!("write {}({})", functions::name(function), if many { "a, b" } else { "a" });
            return self.refuse(sql, "wrong_arguments", message, &hint);
        }
        let converted: Vec<Option<Expr>> = arguments.iter().map(|argument| self.convert(argument, depth)).collect();
        Some(Expr::Call(function, converted.into_iter().collect::<Option<Vec<Expr>>>()?))
    }
}

/// The name and arguments of a call without any clause.
fn plain_call(call: &SqlFunction) -> Option<(&str, Vec<&Sql>)> {
    let SqlFunction { name, uses_odbc_syntax, parameters, args, filter, null_treatment, over, within_group } = call;
    let [ObjectNamePart::Identifier(name)] = name.0.as_slice() else { return None };
    let FunctionArguments::List(FunctionArgumentList { duplicate_treatment: None, args, clauses }) = args else {
        return None;
    };
    let plain = !uses_odbc_syntax
        && *parameters == FunctionArguments::None
        && filter.is_none()
        && null_treatment.is_none()
        && over.is_none()
        && within_group.is_empty()
        && clauses.is_empty();
    let arguments = args.iter().map(|argument| match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expression)) => Some(expression),
        _ => None,
    });
    Some((name.value.as_str(), arguments.collect::<Option<Vec<&Sql>>>()?)).filter(|_| plain)
}

/// A SQL or own type name. Spellings that mean different widths in different databases (`INT8`) are left out.
pub(super) fn column_type(data_type: &DataType) -> Option<ColumnType> {
    Some(match data_type {
        DataType::Boolean | DataType::Bool => ColumnType::Bool,
        DataType::TinyInt(None) => ColumnType::I8,
        DataType::SmallInt(None) => ColumnType::I16,
        DataType::Int(None) | DataType::Integer(None) => ColumnType::I32,
        DataType::BigInt(None) => ColumnType::I64,
        DataType::Real => ColumnType::F32,
        DataType::Double(ExactNumberInfo::None)
        | DataType::DoublePrecision
        | DataType::Float(ExactNumberInfo::None) => ColumnType::F64,
        DataType::Text | DataType::Varchar(None) | DataType::String(None) => ColumnType::Str,
        DataType::Date => ColumnType::Date,
        DataType::Timestamp(None, sqlparser::ast::TimezoneInfo::None) | DataType::Datetime(None) => {
            ColumnType::Datetime
        }
        DataType::Custom(name, modifiers) if modifiers.is_empty() => {
            match name.to_string().to_ascii_lowercase().as_str() {
                "i8" => ColumnType::I8,
                "i16" => ColumnType::I16,
                "i32" => ColumnType::I32,
                "i64" => ColumnType::I64,
                "u8" => ColumnType::U8,
                "u16" => ColumnType::U16,
                "u32" => ColumnType::U32,
                "u64" => ColumnType::U64,
                "f32" => ColumnType::F32,
                "f64" => ColumnType::F64,
                "str" => ColumnType::Str,
                _ => return None,
            }
        }
        _ => return None,
    })
}

fn shown(part: &dyn std::fmt::Display) -> String {
    shortened(&part.to_string())
}
