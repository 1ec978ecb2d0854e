//! `${run.window_end}`, `${params.x}`, `${tasks.train.outputs.version}`: fixed substitution of values, never code. A
//! text is parsed once, checked by name, and rendered with a lookup. `$${` stands for `${`. A new word of a run = a
//! variant of `RunValue` and whoever renders it.

use std::fmt;

use crate::did_you_mean::suggestion;
use crate::expression::TextPlace;
use crate::{Name, Problem, Span, Spanned};

/// A text with references in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Reference(Spanned<Reference>),
}

/// What a `${...}` stands for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reference {
    /// `${run....}`
    Run(RunValue),
    /// `${params.NAME}`
    Param(String),
    /// `${tasks.TASK.outputs.KEY}`
    Output {
        /// The task, which has to run before.
        task: Name,
        /// The key of its output.
        key: String,
    },
}

/// Facts of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RunValue {
    /// The instant T of the run.
    WindowEnd,
    /// The firing before.
    WindowStart,
    /// The nominal instant.
    ScheduledFor,
    /// The run's id.
    Id,
    /// The DAG's name.
    Dag,
}

impl RunValue {
    /// All of them, in the order in which hints list them.
    pub const ALL: [Self; 5] = [Self::WindowEnd, Self::WindowStart, Self::ScheduledFor, Self::Id, Self::Dag];

    /// The word behind `run.`.
    pub fn name(self) -> &'static str {
        match self {
            Self::WindowEnd => "window_end",
            Self::WindowStart => "window_start",
            Self::ScheduledFor => "scheduled_for",
            Self::Id => "id",
            Self::Dag => "dag",
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Run(value) => write!(f, "run.{}", value.name()),
            Self::Param(name) => write!(f, "params.{name}"),
            Self::Output { task, key } => write!(f, "tasks.{task}.outputs.{key}"),
        }
    }
}

/// A reference for which there was no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no value for `${{{reference}}}`")]
pub struct MissingValue {
    /// The reference.
    pub reference: Reference,
}

impl Template {
    /// Reads a text. Problems point inside it where `span` is as long as it, else at the span.
    pub fn parse(text: &str, span: Span) -> Result<Self, Vec<Problem>> {
        let place = TextPlace::new(span, text);
        let mut parts = Vec::new();
        let mut problems = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(at) = rest.find('$') {
            plain.push_str(&rest[..at]);
            let behind = &rest[at..];
            if let Some(escaped) = behind.strip_prefix("$${") {
                plain.push_str("${");
                rest = escaped;
                continue;
            }
            let Some(open) = behind.strip_prefix("${") else {
                plain.push('$');
                rest = &behind[1..];
                continue;
            };
            let start = letters(&text[..text.len() - behind.len()]);
            let Some(end) = open.find('}') else {
                let span = place.range(start, letters(behind));
                problems.push(bad(span, "`${` is not closed").hint("add `}`, or write `$${` for a plain `${`"));
                rest = "";
                break;
            };
            let inside = &open[..end];
            let span = place.range(start, letters(inside) + 3);
            match parse_reference(inside) {
                Ok(reference) => {
                    if !plain.is_empty() {
                        parts.push(Part::Text(std::mem::take(&mut plain)));
                    }
                    parts.push(Part::Reference(Spanned::new(reference, span)));
                }
                Err((message, hint)) => problems.push(bad(span, message).hint(hint)),
            }
            rest = &open[end + 1..];
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            parts.push(Part::Text(plain));
        }
        if problems.is_empty() { Ok(Self { parts }) } else { Err(problems) }
    }

    /// Its references, in order, each as often as it stands.
    pub fn references(&self) -> impl Iterator<Item = &Spanned<Reference>> {
        self.parts.iter().filter_map(|part| match part {
            Part::Reference(reference) => Some(reference),
            Part::Text(_) => None,
        })
    }

    /// The text with a value for each reference.
    pub fn render(&self, lookup: &dyn Fn(&Reference) -> Option<String>) -> Result<String, MissingValue> {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Text(plain) => text.push_str(plain),
                Part::Reference(reference) => match lookup(reference) {
                    Some(value) => text.push_str(&value),
                    None => return Err(MissingValue { reference: reference.value.clone() }),
                },
            }
        }
        Ok(text)
    }
}

fn letters(text: &str) -> usize {
    text.chars().count()
}

fn bad(span: Span, message: impl Into<String>) -> Problem {
    Problem::error("bad_substitution", span, message)
}

/// The text between `${` and `}`; the error is a message and a hint.
fn parse_reference(text: &str) -> Result<Reference, (String, String)> {
    let parts: Vec<&str> = text.split('.').collect();
    let unknown = |word: &str, words: &[&str]| {
        let shown = crate::small_texts::shortened(text);
        (format!("`${{{shown}}}` stands for nothing"), suggestion(word, words.iter().copied()))
    };
    match parts.as_slice() {
        ["run", word] => {
            let found = RunValue::ALL.into_iter().find(|value| value.name() == *word);
            found.map(Reference::Run).ok_or_else(|| unknown(word, &RunValue::ALL.map(RunValue::name)))
        }
        ["params", name] if is_key(name) => Ok(Reference::Param((*name).to_owned())),
        ["tasks", task, "outputs", key] if is_key(key) => match Name::parse(task) {
            Some(task) => Ok(Reference::Output { task, key: (*key).to_owned() }),
            None => Err(unknown(task, &[])).map_err(|(message, _)| (message, format!("`{task}` is not a name"))),
        },
        ["run" | "params" | "tasks", ..] => {
            let (message, _) = unknown(text, &[]);
            Err((message, "write ${run.NAME}, ${params.NAME} or ${tasks.TASK.outputs.KEY}".to_owned()))
        }
        _ => {
            let (message, _) = unknown(text, &[]);
            let hint = "there are ${run.NAME}, ${params.NAME} and ${tasks.TASK.outputs.KEY}; `$${` is a plain `${`";
            Err((message, hint.to_owned()))
        }
    }
}

/// Whether a word can be the name of a parameter or the key of an output.
pub(crate) fn is_key(text: &str) -> bool {
    let letters = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    !text.is_empty() && text.len() <= 63 && text.bytes().all(letters)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Span {
        Span { file: 0, line: 1, column: 10, length: u32::try_from(text.chars().count()).expect("short") }
    }

    fn problems(text: &str) -> Vec<(String, u32, u32)> {
        let found = Template::parse(text, at(text)).expect_err("a problem");
        found.into_iter().map(|problem| (problem.message, problem.span.column, problem.span.length)).collect()
    }

    #[test]
    fn references_are_replaced_by_their_values() {
        let text = "--until=${run.window_end} ${params.city}/${tasks.train.outputs.version}";
        let template = Template::parse(text, at(text)).expect("sound");
        let shown: Vec<String> = template.references().map(|reference| reference.to_string()).collect();
        assert_eq!(shown, ["run.window_end", "params.city", "tasks.train.outputs.version"]);
        let rendered = template.render(&|reference| Some(format!("<{reference}>")));
        assert_eq!(rendered.as_deref(), Ok("--until=<run.window_end> <params.city>/<tasks.train.outputs.version>"));
    }

    #[test]
    fn a_value_is_never_read_as_a_reference() {
        let template = Template::parse("${params.x}", at("")).expect("sound");
        assert_eq!(template.render(&|_| Some("${run.id}".to_owned())).as_deref(), Ok("${run.id}"));
    }

    #[test]
    fn an_escape_and_a_lone_dollar_stay_text() {
        let template = Template::parse("$${HOME} costs $5 and $", at("")).expect("sound");
        assert_eq!(template.references().count(), 0);
        assert_eq!(template.render(&|_| None).as_deref(), Ok("${HOME} costs $5 and $"));
    }

    #[test]
    fn a_missing_value_names_its_reference() {
        let template = Template::parse("${params.x}", at("")).expect("sound");
        let error = template.render(&|_| None).expect_err("no value");
        assert_eq!(error.to_string(), "there is no value for `${params.x}`");
    }

    #[test]
    fn each_bad_reference_is_a_problem_at_its_place() {
        let found = problems("a ${run.windw_end} ${HOME} ${params.} ${tasks.x} ${");
        let places: Vec<(u32, u32)> = found.iter().map(|(_, column, length)| (*column, *length)).collect();
        assert_eq!(places, [(12, 16), (29, 7), (37, 10), (48, 10), (59, 2)]);
        assert_eq!(found[0].0, "`${run.windw_end}` stands for nothing");
        assert_eq!(found[4].0, "`${` is not closed");
    }
}
