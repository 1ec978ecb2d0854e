//! Type checks that views and models share: problems for unknown columns (with a guess), for type errors of expressions
//! and for the columns of time of a source. Never decides types itself: the rules of expressions are `spec`'s.

use std::collections::BTreeMap;

use daybreak_spec::{
    ColumnType, Expression, KnownAt, Name, Problem, Source, Span, Spanned, did_you_mean, infer_type, type_problems,
};

use crate::schema::SourceSchema;

/// The columns an expression or reference may name, and what to call the place they stand in.
pub(crate) struct Scope<'a> {
    pub columns: &'a BTreeMap<String, ColumnType>,
    /// E.g. ``source `departures` ``.
    pub place: String,
}

impl Scope<'_> {
    /// The type of a column, or a problem.
    pub fn column(&self, name: &str, span: Span, problems: &mut Vec<Problem>) -> Option<ColumnType> {
        let found = self.columns.get(name).copied();
        if found.is_none() {
            let (message, hint) = self.unknown(name);
            let problem = Problem::error("unknown_column", span, message);
            problems.push(match hint {
                Some(hint) => problem.hint(hint),
                None => problem,
            });
        }
        found
    }

    /// Message and hint for a column that is not there.
    fn unknown(&self, name: &str) -> (String, Option<String>) {
        let known = || self.columns.keys().map(String::as_str);
        let hint = match did_you_mean(name, known()) {
            Some(guess) => Some(format!("did you mean `{guess}`?")),
            None if self.columns.is_empty() => None,
            None => Some(format!("it has: {}", known().take(12).collect::<Vec<_>>().join(", "))),
        };
        (format!("{} has no column `{name}`", self.place), hint)
    }

    /// A datetime column, or a problem.
    pub fn instant(&self, name: &Spanned<String>, what: &str, problems: &mut Vec<Problem>) {
        if let Some(found) = self.column(name, name.span, problems)
            && found != ColumnType::Datetime
        {
            let message = format!("{what} must be a datetime, but `{}` is {}", name.value, found.name());
            problems.push(Problem::error("type_mismatch", name.span, message));
        }
    }

    /// The type of an expression (`None` also for NULL), or problems.
    pub fn infer(&self, expression: &Spanned<Expression>, problems: &mut Vec<Problem>) -> Option<ColumnType> {
        let mut errors = match infer_type(&expression.tree, &|name| self.columns.get(name).copied()) {
            Ok(found) => return found,
            Err(errors) => errors,
        };
        for error in &mut errors {
            if let ("unknown_column", Some(column)) = (error.code, &error.column) {
                (error.message, error.hint) = self.unknown(column);
            }
        }
        problems.extend(type_problems(&expression.value, expression.span, errors));
        None
    }

    /// An expression that must be boolean.
    pub fn condition(&self, expression: &Spanned<Expression>, what: &str, problems: &mut Vec<Problem>) {
        if let Some(found) = self.infer(expression, problems)
            && found != ColumnType::Bool
        {
            let message = format!("{what} must be true or false, but `{}` is {}", expression.text, found.name());
            problems.push(Problem::error("type_mismatch", expression.span, message).hint("compare it with something"));
        }
    }
}

/// What is wrong with a source's own declarations, given the columns of its files.
pub fn check_source(name: &Name, source: &Source, schema: &SourceSchema) -> Vec<Problem> {
    let scope = Scope { columns: &schema.columns, place: format!("source `{name}`") };
    let mut problems = Vec::new();
    if let Some(event_time) = &source.event_time {
        scope.instant(event_time, "`event_time`", &mut problems);
    }
    match &source.known_at {
        Some(KnownAt::Row(time)) => scope.instant(time, "`known_at`", &mut problems),
        Some(KnownAt::Columns(columns)) => {
            for (column, time) in columns {
                scope.column(column, time.span, &mut problems);
                scope.instant(time, "`known_at`", &mut problems);
            }
        }
        None => {}
    }
    if let Some(sequence) = &source.sequence
        && let Some(found) = scope.column(sequence, sequence.span, &mut problems)
        && !(found.is_integer() || matches!(found, ColumnType::Date | ColumnType::Datetime))
    {
        let message =
            format!("`sequence` must be whole numbers or instants, but `{}` is {}", sequence.value, found.name());
        problems.push(Problem::error("type_mismatch", sequence.span, message));
    }
    if let Some(filter) = &source.filter {
        scope.condition(filter, "`where`", &mut problems);
    }
    problems
}

/// Whether values of two types can be the same key.
pub(crate) fn same_key_family(one: ColumnType, other: ColumnType) -> bool {
    one == other || (one.is_integer() && other.is_integer())
}

/// Whether a column can be a key: floats cannot, since equal ones may differ in their last bit.
pub(crate) fn can_be_key(column_type: ColumnType) -> bool {
    !matches!(column_type, ColumnType::F32 | ColumnType::F64)
}
