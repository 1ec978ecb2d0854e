//! What the YAML parser stumbles over, in the user's words and with what to write instead. The parser stops there, so
//! each file has at most one of these. A better word for an error = an arm of `hint`.

use granit_parser::{ErrorKind, ScanError};

use crate::yaml::MAX_DEPTH;
use crate::{Problem, Span};

/// A parser's error; `lines` are those of the file.
pub(crate) fn problem(error: &ScanError, file: u32, lines: &[&str]) -> Problem {
    let marker = error.marker();
    let at = |column: usize| {
        let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
        Span { file, line: number(marker.line().max(1)), column: number(column + 1), length: 1 }
    };
    let text = lines.get(marker.line().saturating_sub(1)).copied().unwrap_or("");
    let tab = text.chars().take_while(|letter| letter.is_whitespace()).position(|letter| letter == '\t');
    if let Some(tab) = tab {
        let problem = Problem::error("yaml_tab", at(tab), "a tab indents this line");
        return problem.hint("YAML is indented with spaces only");
    }
    if matches!(error.kind(), ErrorKind::RecursionLimitExceeded) {
        let message = format!("nested deeper than {MAX_DEPTH} levels");
        let problem = Problem::error("yaml_budget", at(marker.col()), message);
        return problem.hint("a project needs no more than ten; is a bracket not closed?");
    }
    let problem = Problem::error("yaml_syntax", at(marker.col()), message(error.kind()));
    match hint(error.kind(), text, marker.col()) {
        Some(hint) => problem.hint(hint),
        None => problem,
    }
}

fn message(kind: &ErrorKind) -> String {
    match kind {
        ErrorKind::DirectiveDisallowed => "YAML directives are not part of the language".to_owned(),
        ErrorKind::ExpectedBlockMappingKey => "expected a key of the map above".to_owned(),
        ErrorKind::ExpectedFlowMappingSeparator => "expected `,` or `}` in this map".to_owned(),
        ErrorKind::ExpectedFlowSequenceSeparator => "expected `,` or `]` in this list".to_owned(),
        ErrorKind::MissingAnchorOrAliasName => "expected the name of an anchor or alias".to_owned(),
        ErrorKind::UnclosedQuotedScalar => "the quote that begins here is not closed".to_owned(),
        kind => kind.to_string(),
    }
}

fn hint(kind: &ErrorKind, line: &str, column: usize) -> Option<&'static str> {
    let behind: String = line.chars().skip(column).collect();
    if behind.starts_with('*') || line.contains(": *") {
        return Some("text that starts with `*`, such as a cron expression, needs quotes");
    }
    Some(match kind {
        ErrorKind::DirectiveDisallowed => "leave the line out; files are read as YAML 1.2",
        ErrorKind::ExpectedBlockMappingKey | ErrorKind::InvalidIndentation => {
            "the keys of one map stand exactly below each other"
        }
        ErrorKind::ExpectedFlowMappingSeparator | ErrorKind::UnexpectedEofFlowMapping => {
            "a `{` before this place may not be closed; text that holds `,` or `}` needs quotes"
        }
        ErrorKind::ExpectedFlowSequenceSeparator | ErrorKind::UnexpectedEofFlowSequence => {
            "a `[` before this place may not be closed; text that holds `,` or `]` needs quotes"
        }
        ErrorKind::MappingValueNotAllowed | ErrorKind::InvalidColonPlacement => "text that holds `: ` needs quotes",
        ErrorKind::UnexpectedCharacter { .. } => "text that starts with such a sign needs quotes",
        ErrorKind::SimpleKeyExpected | ErrorKind::InvalidSimpleKey => "write `key: value`",
        _ => return None,
    })
}
