//! Problems as people and programs read them: with place, line and carets like a compiler's, or as JSON. Decides nothing
//! and drops nothing but exact repeats. What a user's file holds is shown as plain text: control characters never reach
//! a terminal.

use std::fmt::Write as _;

use serde_json::{Value as Json, json};

use crate::{Problem, Severity, SourceFiles, Span};

/// Widest piece of a line that is shown.
const MAX_WIDTH: usize = 110;

/// Whether a rendering may use ANSI colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Plain text.
    Plain,
    /// ANSI colours.
    Ansi,
}

/// Problems with the files that their positions point into, by place.
#[derive(Clone, Debug)]
pub struct DiagnosticReport<'a> {
    problems: Vec<Problem>,
    files: &'a SourceFiles,
}

/// All problems as plain text, by place.
pub fn render(problems: &[Problem], files: &SourceFiles) -> String {
    DiagnosticReport::new(problems.to_vec(), files).render(Style::Plain)
}

/// All problems as a JSON list, by place.
pub fn problems_json(problems: &[Problem], files: &SourceFiles) -> Json {
    DiagnosticReport::new(problems.to_vec(), files).to_json()
}

/// By place, each once.
pub(crate) fn in_order(mut problems: Vec<Problem>) -> Vec<Problem> {
    problems.sort_by(|one, other| (one.span, one.code, &one.message).cmp(&(other.span, other.code, &other.message)));
    problems.dedup();
    problems
}

impl<'a> DiagnosticReport<'a> {
    /// Sorts the problems by file, line and column; exact repeats (of an aliased value) are shown once.
    pub fn new(problems: Vec<Problem>, files: &'a SourceFiles) -> Self {
        Self { problems: in_order(problems), files }
    }

    /// How many errors there are.
    pub fn errors(&self) -> usize {
        self.problems.iter().filter(|problem| problem.severity == Severity::Error).count()
    }

    /// How many warnings there are.
    pub fn warnings(&self) -> usize {
        self.problems.len() - self.errors()
    }

    /// As a JSON list: code, severity, file, line, column, length, message, hint, related.
    pub fn to_json(&self) -> Json {
        self.problems.iter().map(|problem| self.problem_json(problem)).collect()
    }

    fn problem_json(&self, problem: &Problem) -> Json {
        let related: Vec<Json> =
            problem.related.iter().map(|(span, label)| self.place_json(*span, "label", label)).collect();
        let mut json = self.place_json(problem.span, "message", &problem.message);
        json["code"] = problem.code.into();
        json["severity"] = json!(problem.severity);
        json["hint"] = json!(problem.hint);
        json["related"] = related.into();
        json
    }

    fn place_json(&self, span: Span, key: &str, text: &str) -> Json {
        let file = if span.line > 0 { Json::from(self.files.path(span.file)) } else { Json::Null };
        json!({ "file": file, "line": span.line, "column": span.column, "length": span.length, key: text })
    }

    /// As text, one block per problem and an empty line between them; empty where there is none.
    pub fn render(&self, style: Style) -> String {
        let mut text = String::new();
        for problem in &self.problems {
            if !text.is_empty() {
                text.push('\n');
            }
            self.block(problem, style, &mut text);
        }
        text
    }

    fn block(&self, problem: &Problem, style: Style, text: &mut String) {
        let (word, colour) = match problem.severity {
            Severity::Error => ("error", "\x1b[1;31m"),
            Severity::Warning => ("warning", "\x1b[1;33m"),
        };
        let head = painted(&format!("{word}[{}]", problem.code), colour, style);
        line(text, &format!("{head}: {}", painted(&printable(&problem.message), "\x1b[1m", style)));
        let last_line = problem.related.iter().map(|(span, _)| span.line).chain([problem.span.line]).max();
        let width = last_line.unwrap_or(0).to_string().len();
        self.place(problem.span, (Arrow::Main, ""), (width, colour, style), text);
        for (span, label) in &problem.related {
            self.place(*span, (Arrow::Related, label), (width, "\x1b[1;34m", style), text);
        }
        if let Some(hint) = &problem.hint {
            let margin = " ".repeat(width);
            line(text, &format!("{margin} {} {}", painted("= help:", "\x1b[1;36m", style), printable(hint)));
        }
    }

    fn place(
        &self,
        span: Span,
        (arrow, label): (Arrow, &str),
        (width, colour, style): (usize, &str, Style),
        text: &mut String,
    ) {
        let blue = |part: &str| painted(part, "\x1b[1;34m", style);
        let margin = " ".repeat(width);
        if span.line == 0 {
            if !label.is_empty() {
                line(text, &format!("{margin} {} {}", blue("="), printable(label)));
            }
            return;
        }
        let path = printable(self.files.path(span.file));
        line(text, &format!("{margin}{} {path}:{}:{}", blue(arrow.sign()), span.line, span.column));
        let Some(source) = self.files.line(span.file, span.line).filter(|source| !source.trim().is_empty()) else {
            if !label.is_empty() {
                line(text, &format!("{margin} {} {}", blue("="), printable(label)));
            }
            return;
        };
        let (shown, start, length) = window(source, span);
        line(text, &format!("{margin} {}", blue("|")));
        line(text, &format!("{} {shown}", blue(&format!("{:>width$} |", span.line))));
        let carets = painted(&arrow.caret().repeat(length), colour, style);
        let mut under = format!("{margin} {} {}{carets}", blue("|"), " ".repeat(start));
        if !label.is_empty() {
            let _ = write!(under, " {}", painted(&printable(label), colour, style));
        }
        line(text, &under);
    }
}

#[derive(Clone, Copy)]
enum Arrow {
    Main,
    Related,
}

impl Arrow {
    fn sign(self) -> &'static str {
        match self {
            Self::Main => "-->",
            Self::Related => ":::",
        }
    }

    fn caret(self) -> &'static str {
        match self {
            Self::Main => "^",
            Self::Related => "-",
        }
    }
}

fn line(text: &mut String, content: &str) {
    text.push_str(content.trim_end());
    text.push('\n');
}

fn painted(text: &str, colour: &str, style: Style) -> String {
    match style {
        Style::Plain => text.to_owned(),
        Style::Ansi => format!("{colour}{text}\x1b[0m"),
    }
}

/// Control characters and direction marks as visible signs, one for one.
fn printable(text: &str) -> String {
    let visible = |letter: char| match letter {
        '\t' => ' ',
        letter if letter.is_control() => '\u{fffd}',
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' => '\u{fffd}',
        letter => letter,
    };
    text.chars().map(visible).collect()
}

/// The piece of a long line around the place, and where in it the place begins and how long it is.
fn window(source: &str, span: Span) -> (String, usize, usize) {
    let letters: Vec<char> = printable(source).trim_end().chars().collect();
    let number = |value: u32| usize::try_from(value).unwrap_or(usize::MAX);
    // A place behind the line's end is shown right behind it.
    let start = number(span.column).saturating_sub(1).min(letters.len());
    let length = number(span.length).clamp(1, letters.len().saturating_sub(start).max(1));
    if letters.len() <= MAX_WIDTH {
        return (letters.into_iter().collect(), start, length);
    }
    let first = start.saturating_sub(MAX_WIDTH / 3);
    let last = (first + MAX_WIDTH).min(letters.len());
    let before = if first > 0 { "..." } else { "" };
    let behind = if last < letters.len() { "..." } else { "" };
    let piece: String = letters[first..last].iter().collect();
    (format!("{before}{piece}{behind}"), before.len() + start - first, length.min(last.saturating_sub(start).max(1)))
}
