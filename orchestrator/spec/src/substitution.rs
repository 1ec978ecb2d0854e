//! `${run.window_end}`, `${params.x}`, `${tasks.train.outputs.version}`, `${item}`: fixed substitution of values, never
//! code. A text is parsed once, checked by name, and rendered with a lookup. `${x:-text}` is `text` where `${x}` has no
//! value; `$${` stands for `${`. A new word of a run = a variant of `RunValue` and whoever renders it.

use std::fmt;

use serde_json::Value as Json;

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
    Reference {
        reference: Spanned<Reference>,
        /// What stands there when there is no value.
        default: Option<String>,
    },
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
    /// `${item}` or `${item.KEY}`: what this task run of a `for_each` is for.
    Item {
        /// The key, where the item is a map.
        key: Option<String>,
    },
    /// `${index}`: the item's place in its list, from 0.
    Index,
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
            Self::Item { key: None } => f.write_str("item"),
            Self::Item { key: Some(key) } => write!(f, "item.{key}"),
            Self::Index => f.write_str("index"),
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
            let (named, default) = match inside.split_once(":-") {
                Some((named, default)) => (named, Some(default.to_owned())),
                None => (inside, None),
            };
            match parse_reference(named) {
                Ok(reference) => {
                    if !plain.is_empty() {
                        parts.push(Part::Text(std::mem::take(&mut plain)));
                    }
                    parts.push(Part::Reference { reference: Spanned::new(reference, span), default });
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
            Part::Reference { reference, .. } => Some(reference),
            Part::Text(_) => None,
        })
    }

    /// Its one reference, where it is that and nothing else, and what stands for it when there is no value: such a text
    /// becomes the value itself, of whatever type.
    pub fn alone(&self) -> Option<(&Spanned<Reference>, Option<Json>)> {
        match self.parts.as_slice() {
            [Part::Reference { reference, default }] => Some((reference, default.as_deref().map(default_value))),
            _ => None,
        }
    }

    /// The text with a value for each reference.
    pub fn render(&self, lookup: &dyn Fn(&Reference) -> Option<String>) -> Result<String, MissingValue> {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Text(plain) => text.push_str(plain),
                Part::Reference { reference, default } => match (lookup(reference), default) {
                    (Some(value), _) => text.push_str(&value),
                    (None, Some(default)) => text.push_str(default),
                    (None, None) => return Err(MissingValue { reference: reference.value.clone() }),
                },
            }
        }
        Ok(text)
    }
}

/// A default that is written like a number, a flag, nothing or a list is one; any other is text.
fn default_value(text: &str) -> Json {
    match serde_json::from_str(text) {
        Ok(Json::String(_)) | Err(_) => text.into(),
        Ok(value) => value,
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
        ["item"] => Ok(Reference::Item { key: None }),
        ["item", key] if is_key(key) => Ok(Reference::Item { key: Some((*key).to_owned()) }),
        ["index"] => Ok(Reference::Index),
        ["run" | "params" | "tasks" | "item" | "index", ..] => {
            let (message, _) = unknown(text, &[]);
            let hint = "write ${run.NAME}, ${params.NAME}, ${tasks.TASK.outputs.KEY}, ${item}, ${item.KEY} or ${index}";
            Err((message, hint.to_owned()))
        }
        _ => {
            let (message, _) = unknown(text, &[]);
            let hint = "there are ${run.NAME}, ${params.NAME}, ${tasks.TASK.outputs.KEY}, and with `for_each` ${item} \
                        and ${index}; `$${` is a plain `${`";
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
    fn a_default_stands_where_there_is_no_value() {
        let text = "${params.x:-a b} ${tasks.train.outputs.version:-}|${item.city:-:-}";
        let template = Template::parse(text, at(text)).expect("sound");
        assert_eq!(template.render(&|_| None).as_deref(), Ok("a b |:-"));
        assert_eq!(template.render(&|_| Some("v".to_owned())).as_deref(), Ok("v v|v"));
    }

    #[test]
    fn a_default_that_stands_alone_has_a_type() {
        let alone = |text: &str| {
            let template = Template::parse(text, at(text)).expect("sound");
            template.alone().map(|(reference, default)| (reference.to_string(), default))
        };
        let default = |default: &str| alone(&format!("${{params.x:-{default}}}")).and_then(|(_, default)| default);
        assert_eq!(default("7"), Some(7.into()));
        assert_eq!(default("true"), Some(true.into()));
        assert_eq!(default("[]"), Some(Json::Array(Vec::new())));
        assert_eq!(default("seven"), Some("seven".into()));
        assert_eq!(default("\"7\""), Some("\"7\"".into()));
        assert_eq!(default(""), Some("".into()));
        assert_eq!(alone("${index}"), Some(("index".to_owned(), None)));
        assert_eq!(alone("${index} "), None);
        assert_eq!(alone("${index}${index}"), None);
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
