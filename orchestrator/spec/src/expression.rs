//! The expression language: a checked subset of SQL scalar expressions, as one tree that Polars (offline) and the model
//! package (row by row, in training and serving alike) both evaluate. Nulls follow SQL's three-valued logic.
//! Parsing, the allow-list and type inference live beside this file.

mod convert;
mod functions;
mod infer;
mod literals;
mod place;
mod query;
mod query_expression;
mod sql_text;
mod type_error;

use serde::{Deserialize, Serialize};

pub use convert::parse_expression;
pub(crate) use convert::parse_expression_at;
pub use infer::infer_type;
pub(crate) use place::TextPlace;
pub use query::check_query;
pub(crate) use query::check_query_at;
pub(crate) use type_error::find_name;
pub use type_error::{TypeError, type_problems};

/// An expression as written and as understood.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Expression {
    /// The source text, as written.
    pub text: String,
    /// The tree.
    pub tree: Expr,
}

/// One node of an expression.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expr {
    /// A column, input or feature by name (`name` or `role__feature` / `role.feature`, normalised to `role__feature`).
    Column(String),
    /// A constant.
    Literal(crate::Value),
    /// `-x`, `NOT x`, `x IS NULL`, `x IS NOT NULL`.
    Unary(UnaryOperator, Box<Expr>),
    /// Arithmetic, comparison, AND/OR.
    Binary(BinaryOperator, Box<Expr>, Box<Expr>),
    /// `x IN (a, b)` / `NOT IN` over literals.
    In {
        /// The value looked for.
        value: Box<Expr>,
        /// Literals.
        list: Vec<crate::Value>,
        /// `NOT IN`.
        negated: bool,
    },
    /// `CASE WHEN c THEN v ... ELSE e END` (without ELSE: null).
    Case {
        /// Conditions and values, first match wins.
        branches: Vec<(Expr, Expr)>,
        /// The value where none matches.
        otherwise: Option<Box<Expr>>,
    },
    /// A function of the allow-list.
    Call(Function, Vec<Expr>),
    /// `CAST(x AS type)`; text that does not parse is an error at training, 422 at serving.
    Cast(Box<Expr>, crate::ColumnType),
}

/// Operators of one operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum UnaryOperator {
    Negate,
    Not,
    IsNull,
    IsNotNull,
}

/// Operators of two operands. `Divide` is always float division; `Modulo` has the sign of the dividend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum BinaryOperator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    And,
    Or,
}

/// Allowed functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Function {
    /// ABS(x)
    Abs,
    /// FLOOR(x) -> f64
    Floor,
    /// CEIL(x) -> f64
    Ceil,
    /// ROUND(x) half away from zero -> f64
    Round,
    /// SQRT(x)
    Sqrt,
    /// LN(x)
    Ln,
    /// EXP(x)
    Exp,
    /// LEAST(a, ...), nulls left out
    Least,
    /// GREATEST(a, ...), nulls left out
    Greatest,
    /// COALESCE(a, ...)
    Coalesce,
    /// LOWER(text)
    Lower,
    /// UPPER(text)
    Upper,
    /// LENGTH(text) in characters -> i64
    Length,
    /// EXTRACT(HOUR FROM t), UTC -> i32
    Hour,
    /// EXTRACT(DOW FROM t), 0 = Sunday -> i32
    DayOfWeek,
    /// EXTRACT(DAY FROM t) -> i32
    Day,
    /// EXTRACT(MONTH FROM t) -> i32
    Month,
    /// EXTRACT(YEAR FROM t) -> i32
    Year,
}
