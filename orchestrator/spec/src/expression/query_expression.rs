//! The allow-list of expressions inside a view's query: wider than the scalar language (aggregates, windows, patterns,
//! intervals), because only Polars evaluates it. Subqueries go through the same rules. To allow a function: its name
//! in one of the lists; it must be deterministic and touch nothing but its arguments.

use sqlparser::ast::{
    BinaryOperator as B, CastKind, CeilFloorKind, DateTimeField, Expr as Sql, Function, FunctionArg, FunctionArgExpr,
    FunctionArgumentList, FunctionArguments, Interval, ObjectNamePart, Spanned as _, UnaryOperator as U,
    Value as SqlValue, WindowSpec, WindowType,
};

use super::convert::column_type;
use super::query::QueryCheck;
use crate::did_you_mean::suggestion;
use crate::small_texts::shortened;

const SCALAR: &[&str] = &[
    "abs",
    "sign",
    "ceil",
    "ceiling",
    "floor",
    "round",
    "trunc",
    "truncate",
    "sqrt",
    "cbrt",
    "exp",
    "ln",
    "log",
    "log2",
    "log10",
    "log1p",
    "mod",
    "pow",
    "power",
    "pi",
    "sin",
    "cos",
    "tan",
    "asin",
    "acos",
    "atan",
    "atan2",
    "degrees",
    "radians",
    "coalesce",
    "ifnull",
    "nullif",
    "if",
    "least",
    "greatest",
    "lower",
    "upper",
    "length",
    "char_length",
    "character_length",
    "left",
    "right",
    "substr",
    "replace",
    "reverse",
    "starts_with",
    "ends_with",
    "strpos",
    "concat",
    "concat_ws",
    "ltrim",
    "rtrim",
    "lpad",
    "rpad",
    "initcap",
    "date",
    "date_part",
    "strftime",
    "strptime",
];
const AGGREGATE: &[&str] = &[
    "count",
    "sum",
    "avg",
    "min",
    "max",
    "median",
    "stddev",
    "stddev_samp",
    "stdev",
    "stdev_samp",
    "var",
    "var_samp",
    "variance",
    "quantile_cont",
    "quantile_disc",
    "corr",
    "covar_samp",
    "covar_pop",
];
const WINDOW: &[&str] = &["row_number", "rank", "dense_rank", "lag", "lead", "first_value", "last_value"];

impl QueryCheck<'_> {
    pub(super) fn expression(&mut self, sql: &Sql) {
        match sql {
            Sql::Identifier(_) | Sql::CompoundIdentifier(_) => {}
            Sql::Value(value) => self.value(sql, &value.value),
            Sql::TypedString(typed) if column_type(&typed.data_type).is_some() => self.value(sql, &typed.value.value),
            Sql::Nested(inner)
            | Sql::IsNull(inner)
            | Sql::IsNotNull(inner)
            | Sql::IsTrue(inner)
            | Sql::IsNotTrue(inner)
            | Sql::IsFalse(inner)
            | Sql::IsNotFalse(inner)
            | Sql::UnaryOp { op: U::Minus | U::Plus | U::Not, expr: inner }
            | Sql::Extract { expr: inner, .. }
            | Sql::Ceil { expr: inner, field: CeilFloorKind::DateTimeField(DateTimeField::NoDateTime) }
            | Sql::Floor { expr: inner, field: CeilFloorKind::DateTimeField(DateTimeField::NoDateTime) } => {
                self.expression(inner);
            }
            Sql::BinaryOp { left, op, right } if known_operator(op) => self.all(&[left, right]),
            Sql::IsDistinctFrom(left, right) | Sql::IsNotDistinctFrom(left, right) => self.all(&[left, right]),
            Sql::Between { expr, low, high, negated: _ } => self.all(&[expr, low, high]),
            Sql::Like { expr, pattern, any: false, escape_char: None, negated: _ }
            | Sql::ILike { expr, pattern, any: false, escape_char: None, negated: _ } => self.all(&[expr, pattern]),
            Sql::InList { expr, list, negated: _ } => {
                self.expression(expr);
                list.iter().for_each(|item| self.expression(item));
            }
            Sql::InSubquery { expr, subquery, negated: _ } => {
                self.expression(expr);
                self.query(subquery);
            }
            Sql::Exists { subquery, negated: _ } | Sql::Subquery(subquery) => self.query(subquery),
            Sql::Case { case_token: _, end_token: _, operand, conditions, else_result } => {
                operand.iter().chain(else_result).for_each(|part| self.expression(part));
                conditions.iter().for_each(|branch| self.all(&[&branch.condition, &branch.result]));
            }
            Sql::Cast {
                kind: CastKind::Cast | CastKind::TryCast | CastKind::DoubleColon,
                expr,
                data_type,
                array,
                format,
            } => {
                if column_type(data_type).is_none() || *array || format.is_some() {
                    let message = format!("a cast to `{}` is not supported", shortened(&data_type.to_string()));
                    self.refuse(sql.span(), message, "cast to bool, i32, i64, f64, str, date or datetime");
                }
                self.expression(expr);
            }
            Sql::Substring { expr, substring_from, substring_for, special: _, shorthand: _ } => {
                self.expression(expr);
                substring_from.iter().chain(substring_for).for_each(|part| self.expression(part));
            }
            Sql::Trim { expr, trim_where: _, trim_what, trim_characters: None } => {
                self.expression(expr);
                trim_what.iter().for_each(|part| self.expression(part));
            }
            Sql::Position { expr, r#in } => self.all(&[expr, r#in]),
            Sql::Interval(Interval { value, .. }) => self.expression(value),
            Sql::Function(function) => self.function(sql, function),
            _ => {
                let message = format!("`{}` is not supported in a view's query", shortened(&sql.to_string()));
                self.refuse(sql.span(), message, "use columns, literals, operators and functions");
            }
        }
    }

    fn all(&mut self, parts: &[&Sql]) {
        parts.iter().for_each(|part| self.expression(part));
    }

    fn value(&mut self, sql: &Sql, value: &SqlValue) {
        let known = matches!(
            value,
            SqlValue::Number(_, false) | SqlValue::SingleQuotedString(_) | SqlValue::Boolean(_) | SqlValue::Null
        );
        if !known {
            let message = format!("the literal `{}` is not supported", shortened(&value.to_string()));
            self.refuse(sql.span(), message, "write a number, a text in single quotes, TRUE, FALSE or NULL");
        }
    }

    fn function(&mut self, sql: &Sql, function: &Function) {
        let Function { name, uses_odbc_syntax, parameters, args, filter, null_treatment, over, within_group } =
            function;
        let written = match name.0.as_slice() {
            [ObjectNamePart::Identifier(name)] => name.value.to_ascii_lowercase(),
            _ => name.to_string().to_ascii_lowercase(),
        };
        let known = [SCALAR, AGGREGATE, WINDOW].iter().any(|list| list.contains(&written.as_str()));
        if !known {
            let hint = suggestion(&written, AGGREGATE.iter().chain(WINDOW).chain(SCALAR).copied());
            self.refuse(sql.span(), format!("the function `{}` is not allowed", shortened(&written)), &hint);
        }
        let odd = *uses_odbc_syntax
            || *parameters != FunctionArguments::None
            || filter.is_some()
            || null_treatment.is_some()
            || !within_group.is_empty();
        if odd {
            let message = format!("`{}` is called with clauses that are not supported", shortened(&written));
            self.refuse(sql.span(), message, "use CASE inside the argument instead of FILTER");
        }
        match args {
            FunctionArguments::None => {}
            FunctionArguments::Subquery(query) => self.query(query),
            FunctionArguments::List(FunctionArgumentList { duplicate_treatment: _, args, clauses }) => {
                if !clauses.is_empty() {
                    self.refuse(sql.span(), "clauses inside an argument list are not supported", "leave them out");
                }
                args.iter().for_each(|argument| self.argument(sql, argument));
            }
        }
        match over {
            None if WINDOW.contains(&written.as_str()) => {
                self.refuse(sql.span(), format!("`{written}` needs OVER"), "add OVER (PARTITION BY ... ORDER BY ...)");
            }
            None => {}
            Some(WindowType::WindowSpec(WindowSpec {
                window_name: None,
                partition_by,
                order_by,
                window_frame: None,
            })) => {
                partition_by.iter().for_each(|part| self.expression(part));
                self.order_by(order_by);
            }
            Some(_) => {
                let hint = "write OVER (PARTITION BY ... ORDER BY ...)";
                self.refuse(sql.span(), "named windows and window frames are not supported", hint);
            }
        }
    }

    fn argument(&mut self, sql: &Sql, argument: &FunctionArg) {
        match argument {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expression)) => self.expression(expression),
            FunctionArg::Unnamed(FunctionArgExpr::Wildcard) => {}
            _ => self.refuse(sql.span(), "this kind of argument is not supported", "write plain expressions"),
        }
    }
}

fn known_operator(operator: &B) -> bool {
    matches!(
        operator,
        B::Plus
            | B::Minus
            | B::Multiply
            | B::Divide
            | B::Modulo
            | B::StringConcat
            | B::Eq
            | B::NotEq
            | B::Lt
            | B::LtEq
            | B::Gt
            | B::GtEq
            | B::And
            | B::Or
    )
}
