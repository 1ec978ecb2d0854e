//! SQL text to a parser within limits, and the parser's own errors to problems with positions. The dialect is the one
//! that Polars uses, so that what is checked here is what runs there.

use sqlparser::dialect::GenericDialect;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};

use super::TextPlace;
use crate::Problem;
use crate::small_texts::lower_first;

/// Limits of one text; trees below them fit any stack and the JSON of a snapshot.
pub(crate) struct Limits {
    pub bytes: usize,
    pub tokens: usize,
}

/// Limits of scalar expressions.
pub(crate) const EXPRESSION: Limits = Limits { bytes: 8 * 1024, tokens: 1_000 };
/// Limits of queries.
pub(crate) const QUERY: Limits = Limits { bytes: 64 * 1024, tokens: 4_000 };
/// Deepest nesting the parser follows.
const RECURSION: usize = 40;

/// A parser at the start of `text`; `code` is the problem's where it cannot even be split into words.
pub(crate) fn open(
    text: &str,
    place: &TextPlace,
    limits: &Limits,
    code: &'static str,
) -> Result<Parser<'static>, Problem> {
    if text.len() > limits.bytes {
        let message = format!("the text is longer than {} bytes", limits.bytes);
        return Err(Problem::error(code, place.whole(), message));
    }
    let tokens = Tokenizer::new(&GenericDialect {}, text).tokenize_with_location().map_err(|error| {
        let at = (error.location.line, error.location.column);
        Problem::error(code, place.between(at, at), lower_first(&error.message))
    })?;
    let words = tokens.iter().filter(|token| !matches!(token.token, Token::Whitespace(_))).count();
    if words > limits.tokens {
        let message = format!("the text has {words} words and signs; at most {} are read", limits.tokens);
        return Err(Problem::error(code, place.whole(), message));
    }
    Ok(Parser::new(&GenericDialect {}).with_recursion_limit(RECURSION).with_tokens_with_locations(tokens))
}

/// A parser's error as a problem.
pub(crate) fn syntax(error: &ParserError, text: &str, place: &TextPlace, code: &'static str) -> Problem {
    let (ParserError::ParserError(message) | ParserError::TokenizerError(message)) = error else {
        return Problem::error(code, place.whole(), "nested too deeply").hint("split it up");
    };
    let (message, at) = split_position(message);
    let span = match at {
        Some(at) => place.between(at, at),
        None => place.range(text.trim_end().chars().count(), 1),
    };
    Problem::error(code, span, plain(message))
}

/// A token where the end should be.
pub(crate) fn trailing(token: &TokenWithSpan, place: &TextPlace, code: &'static str) -> Problem {
    let message = match &token.token {
        Token::EOF => "nothing is written".to_owned(),
        found => format!("`{found}` is not expected here"),
    };
    Problem::error(code, place_of(token.span, place), message)
}

/// A span of the parser in the file.
pub(crate) fn place_of(span: sqlparser::tokenizer::Span, place: &TextPlace) -> crate::Span {
    // The parser's spans end behind their last letter.
    let end = (span.end.line, span.end.column.saturating_sub(1).max(1));
    place.between((span.start.line, span.start.column), end)
}

/// "... at Line: 1, Column: 5" -> the message and (1, 5).
fn split_position(message: &str) -> (&str, Option<(u64, u64)>) {
    let Some((text, position)) = message.rsplit_once(" at Line: ") else { return (message, None) };
    let numbers = position.split_once(", Column: ");
    let parsed = numbers.and_then(|(line, column)| Some((line.trim().parse().ok()?, column.trim().parse().ok()?)));
    match parsed {
        Some(at) => (text, Some(at)),
        None => (message, None),
    }
}

/// "Expected: X, found: Y" in our words.
fn plain(message: &str) -> String {
    let parts = message.strip_prefix("Expected: ").and_then(|rest| rest.rsplit_once(", found: "));
    match parts {
        Some((expected, "EOF")) => format!("expected {expected}, found the end of the text"),
        Some((expected, found)) => format!("expected {expected}, found `{found}`"),
        None => lower_first(message),
    }
}
