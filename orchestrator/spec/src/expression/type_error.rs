//! Type errors and where to show them: at the column they are about, inside the expression's text. Decides no type
//! (`infer.rs` does), except that of an aggregate.

use sqlparser::dialect::GenericDialect;
use sqlparser::tokenizer::{Token, Tokenizer};

use super::{Expression, TextPlace, infer_type};
use crate::{AggregateFunction, ColumnType, Problem, Span, Spanned};

/// What is wrong with the types of an expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TypeError {
    /// `unknown_column` or `type_mismatch`.
    pub code: &'static str,
    /// Lower case, no full stop.
    pub message: String,
    /// What to write instead.
    pub hint: Option<String>,
    /// The column it is about, as the tree names it: the place to show.
    pub column: Option<String>,
}

impl AggregateFunction {
    /// The type of the feature it makes of values of a type.
    pub fn result_type(self, of: ColumnType) -> Result<ColumnType, TypeError> {
        let refuse = |wanted: &str| {
            let message = format!("{} needs {wanted}, not {}", self.name(), of.name());
            let hint = match of {
                ColumnType::Str => Some("compare it first, e.g. \"carrier = 'AA'\", or use count_distinct".to_owned()),
                _ => None,
            };
            Err(TypeError { code: "type_mismatch", message, hint, column: None })
        };
        match self {
            Self::Count | Self::CountDistinct => Ok(ColumnType::I64),
            Self::Sum if of.is_integer() || of == ColumnType::Bool => Ok(ColumnType::I64),
            Self::Sum | Self::Mean if of.is_number() || of == ColumnType::Bool => Ok(ColumnType::F64),
            Self::Sum | Self::Mean => refuse("numbers or true/false"),
            Self::Min | Self::Max => Ok(of),
            Self::Std | Self::Percentile(_) if of.is_number() => Ok(ColumnType::F64),
            Self::Std | Self::Percentile(_) => refuse("numbers"),
        }
    }
}

/// Type errors as problems; each points at the column it is about, inside the expression's text where possible.
pub fn type_problems(expression: &Expression, span: Span, errors: Vec<TypeError>) -> Vec<Problem> {
    let place = TextPlace::new(span, &expression.text);
    let problem = |error: TypeError| {
        let column = error.column.as_deref();
        let span = column.and_then(|column| find_name(&expression.text, column, &place)).unwrap_or(span);
        let problem = Problem::error(error.code, span, error.message);
        match error.hint {
            Some(hint) => problem.hint(hint),
            None => problem,
        }
    };
    errors.into_iter().map(problem).collect()
}

/// Where a text first names a column (`a`, `"a"`, `role.feature`).
pub(crate) fn find_name(text: &str, column: &str, place: &TextPlace) -> Option<Span> {
    let tokens = Tokenizer::new(&GenericDialect {}, text).tokenize_with_location().ok()?;
    let dotted = |at: usize| {
        let word = |at: usize| match tokens.get(at).map(|token| &token.token) {
            Some(Token::Word(word)) => Some(word.value.as_str()),
            _ => None,
        };
        let dot = matches!(tokens.get(at + 1).map(|token| &token.token), Some(Token::Period));
        dot.then(|| Some(format!("{}__{}", word(at)?, word(at + 2)?))).flatten()
    };
    let at = tokens.iter().enumerate().position(|(at, token)| match &token.token {
        Token::Word(word) => word.value == column || dotted(at).is_some_and(|name| name == column),
        _ => false,
    })?;
    let last = if dotted(at).is_some_and(|name| name == column) { at + 2 } else { at };
    let span = sqlparser::tokenizer::Span::new(tokens[at].span.start, tokens[last].span.end);
    Some(super::sql_text::place_of(span, place))
}

impl Spanned<Expression> {
    /// The expression's type, or its errors as problems at their places.
    pub fn infer(&self, columns: &dyn Fn(&str) -> Option<ColumnType>) -> Result<Option<ColumnType>, Vec<Problem>> {
        infer_type(&self.value.tree, columns).map_err(|errors| type_problems(&self.value, self.span, errors))
    }
}
