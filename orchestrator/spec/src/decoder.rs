//! Typed values out of positioned nodes. Notes every problem and goes on, so that all mistakes are reported at once;
//! never stops at the first and never invents a value for a wrong one. Other packages decode parameters of tasks and
//! algorithms with the same methods. To add a type: a method here, a `Shape`, a line in `schema.rs`.

use std::collections::HashMap;

use chrono::{NaiveDate, NaiveDateTime};

use crate::did_you_mean::suggestion;
use crate::expression::{TextPlace, parse_expression_at};
use crate::small_texts::{parse_date, parse_size, parse_wall_time, shortened, slugified};
use crate::{Duration, Expression, Name, Node, NodeValue, Problem, SourceFiles, Span, Spanned};

/// Collects problems while values are decoded. `what` names the place in messages, e.g. "`ttl` of feature view `x`".
#[derive(Debug, Default)]
pub struct Decoder<'f> {
    files: Option<&'f SourceFiles>,
    problems: Vec<Problem>,
    /// Where the key of a value stands, for maps whose typed form keeps only the value's place.
    key_places: HashMap<Span, Span>,
}

impl<'f> Decoder<'f> {
    /// For nodes that no file holds any more.
    pub fn new() -> Self {
        Self::default()
    }

    /// For nodes of these files, whose texts give positions inside block scalars.
    pub fn with_files(files: &'f SourceFiles) -> Self {
        Self { files: Some(files), ..Self::default() }
    }

    /// Notes a problem.
    pub fn report(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    /// Notes several problems.
    pub fn report_all(&mut self, problems: impl IntoIterator<Item = Problem>) {
        self.problems.extend(problems);
    }

    /// How many problems there are so far.
    pub fn problem_count(&self) -> usize {
        self.problems.len()
    }

    /// Keeps the place of a value's key for later checks.
    pub(crate) fn keep_key_place(&mut self, value: Span, key: Span) {
        self.key_places.insert(value, key);
    }

    /// The place of the key of a value, else the value's own.
    pub(crate) fn key_place(&self, value: Span) -> Span {
        self.key_places.get(&value).copied().unwrap_or(value)
    }

    /// All problems in the order in which they were found.
    pub fn into_problems(self) -> Vec<Problem> {
        self.problems
    }

    /// A value of another type than the one wanted.
    pub fn wrong_type(&mut self, node: &Node, what: &str, wanted: &str) {
        let found = match &node.value {
            NodeValue::Text(text) => format!("`{}`", shortened(text)),
            NodeValue::Int(number) => format!("the number {number}"),
            NodeValue::Float(number) => format!("the number {number}"),
            NodeValue::Bool(flag) => format!("{flag}"),
            _ => node.kind().to_owned(),
        };
        let problem = Problem::error("wrong_type", node.span, format!("{what} must be {wanted}, not {found}"));
        self.problems.push(match (&node.value, wanted) {
            (NodeValue::Null, _) => problem.hint("write a value, or drop the key"),
            (NodeValue::Int(_) | NodeValue::Float(_) | NodeValue::Bool(_), "text") => problem.hint("put it in quotes"),
            (NodeValue::Int(number), wanted) if wanted.starts_with("a duration") => {
                problem.hint(format!("add the unit, e.g. `{number}m` or `{number}d`"))
            }
            (NodeValue::Int(number), wanted) if wanted.starts_with("a size") => {
                problem.hint(format!("add the unit, e.g. `{number}MB`"))
            }
            _ => problem,
        });
    }

    fn bad(&mut self, code: &'static str, node: &Node, message: String, hint: &str) {
        self.problems.push(Problem::error(code, node.span, message).hint(hint));
    }

    /// Text, of which there has to be some.
    pub fn text(&mut self, node: &Node, what: &str) -> Option<Spanned<String>> {
        let text = self.text_of(node, what, "text")?;
        if text.trim().is_empty() {
            self.bad("empty_text", node, format!("{what} is empty"), "write a value, or drop the key");
            return None;
        }
        Some(Spanned::new(text.to_owned(), node.span))
    }

    fn text_of<'n>(&mut self, node: &'n Node, what: &str, wanted: &str) -> Option<&'n str> {
        let text = node.as_text();
        if text.is_none() {
            self.wrong_type(node, what, wanted);
        }
        text
    }

    /// A slug.
    pub fn name(&mut self, node: &Node, what: &str) -> Option<Spanned<Name>> {
        let text = self.text_of(node, what, "a name")?;
        self.slug(&Spanned::new(text.to_owned(), node.span), what)
    }

    /// A slug out of a text, such as a key.
    pub fn slug(&mut self, text: &Spanned<String>, what: &str) -> Option<Spanned<Name>> {
        let name = Name::parse(text);
        if name.is_none() {
            let message = format!("{what} must be a name, and `{}` is none", shortened(text));
            let hint = match slugified(text) {
                Some(slug) => format!("write `{slug}`: lower-case letters, digits, `_` and `-`, at most 63"),
                None => {
                    "a name has lower-case letters, digits, `_` and `-`, and begins with a letter or digit".to_owned()
                }
            };
            self.problems.push(Problem::error("bad_name", text.span, message).hint(hint));
        }
        name.map(|name| Spanned::new(name, text.span))
    }

    /// The name of a column: any text without control characters.
    pub fn column(&mut self, node: &Node, what: &str) -> Option<Spanned<String>> {
        let text = self.text_of(node, what, "the name of a column")?;
        self.column_name(&Spanned::new(text.to_owned(), node.span), what)
    }

    /// The name of a column out of a text, such as a key.
    pub fn column_name(&mut self, text: &Spanned<String>, what: &str) -> Option<Spanned<String>> {
        let sound = !text.trim().is_empty() && text.len() <= 200 && !text.chars().any(char::is_control);
        if !sound {
            let message = format!("{what} must be the name of a column, and `{}` is none", shortened(text));
            self.problems.push(Problem::error("bad_name", text.span, message).hint("write 1 to 200 printable letters"));
        }
        sound.then(|| text.clone())
    }

    /// A length of time.
    pub fn duration(&mut self, node: &Node, what: &str) -> Option<Spanned<Duration>> {
        let text = self.text_of(node, what, "a duration such as `7d`")?;
        let duration = Duration::parse(text);
        if duration.is_none() {
            let message = format!("{what} must be a duration, and `{}` is none", shortened(text));
            self.bad(
                "bad_duration",
                node,
                message,
                "write a whole number and a unit (us, ms, s, m, h, d or w), e.g. `7d`",
            );
        }
        duration.map(|duration| Spanned::new(duration, node.span))
    }

    /// A size in bytes: `512MB` is decimal, `2GiB` binary.
    pub fn size(&mut self, node: &Node, what: &str) -> Option<Spanned<u64>> {
        let text = self.text_of(node, what, "a size such as `2GiB`")?;
        let size = parse_size(text);
        if size.is_none() {
            let message = format!("{what} must be a size, and `{}` is none", shortened(text));
            self.bad(
                "bad_size",
                node,
                message,
                "write a whole number and a unit (B, KB, MB, GB, TB, KiB, MiB, GiB or TiB), e.g. `2GiB`",
            );
        }
        size.map(|size| Spanned::new(size, node.span))
    }

    /// A whole number within bounds, both included.
    pub fn integer(&mut self, node: &Node, what: &str, least: i64, most: i64) -> Option<Spanned<i64>> {
        let NodeValue::Int(number) = node.value else {
            self.wrong_type(node, what, "a whole number");
            return None;
        };
        if number < least || number > most {
            let bounds = if most == i64::MAX { format!("at least {least}") } else { format!("from {least} to {most}") };
            let message = format!("{what} must be {bounds}, not {number}");
            self.problems.push(Problem::error("out_of_range", node.span, message));
            return None;
        }
        Some(Spanned::new(number, node.span))
    }

    /// A finite number that is at least `least`.
    pub fn number(&mut self, node: &Node, what: &str, least: f64) -> Option<Spanned<f64>> {
        let number = match node.value {
            NodeValue::Float(number) => number,
            #[expect(clippy::cast_precision_loss, reason = "a setting above 2^53 may lose its last digits")]
            NodeValue::Int(number) => number as f64,
            _ => {
                self.wrong_type(node, what, "a number");
                return None;
            }
        };
        if number < least {
            let message = format!("{what} must be at least {least}, not {number}");
            self.problems.push(Problem::error("out_of_range", node.span, message));
            return None;
        }
        Some(Spanned::new(number, node.span))
    }

    /// `true` or `false`.
    pub fn flag(&mut self, node: &Node, what: &str) -> Option<Spanned<bool>> {
        match &node.value {
            NodeValue::Bool(flag) => Some(Spanned::new(*flag, node.span)),
            NodeValue::Text(text) if matches!(text.to_ascii_lowercase().as_str(), "yes" | "on") => {
                self.bad("wrong_type", node, format!("{what} must be true or false, not `{text}`"), "write `true`");
                None
            }
            NodeValue::Text(text) if matches!(text.to_ascii_lowercase().as_str(), "no" | "off") => {
                self.bad("wrong_type", node, format!("{what} must be true or false, not `{text}`"), "write `false`");
                None
            }
            _ => {
                self.wrong_type(node, what, "true or false");
                None
            }
        }
    }

    /// One of some words, as the value of an enum whose serialised form is the word.
    pub fn word<T: serde::de::DeserializeOwned>(
        &mut self,
        node: &Node,
        what: &str,
        words: &[&str],
    ) -> Option<Spanned<T>> {
        let wanted = format!("one of {}", words.join(", "));
        let text = self.text_of(node, what, &wanted)?;
        let known = words.contains(&text);
        let value = serde_json::from_value(serde_json::Value::String(text.to_owned())).ok().filter(|_| known);
        if value.is_none() {
            let problem = Problem::error("unknown_word", node.span, format!("{what} cannot be `{}`", shortened(text)));
            self.problems.push(problem.hint(suggestion(text, words.iter().copied())));
        }
        value.map(|value| Spanned::new(value, node.span))
    }

    /// A wall-clock time without zone; a date is its midnight.
    pub fn wall_time(&mut self, node: &Node, what: &str) -> Option<Spanned<NaiveDateTime>> {
        let text = self.text_of(node, what, "a date such as 2013-02-01")?;
        let time = parse_wall_time(text);
        if time.is_none() {
            let message = format!("{what} must be a date or a time of day, and `{}` is none", shortened(text));
            let zoned = text.ends_with(['Z', 'z']) || text.get(10..).is_some_and(|rest| rest.contains(['+', '-']));
            let hint = match zoned {
                true => "leave the offset out: the time is read in the schedule's `timezone`",
                false => "write e.g. `2013-02-01` or `2013-02-01T06:30`",
            };
            self.bad("bad_date", node, message, hint);
        }
        time.map(|time| Spanned::new(time, node.span))
    }

    /// A date.
    pub fn date(&mut self, node: &Node, what: &str) -> Option<Spanned<NaiveDate>> {
        let text = self.text_of(node, what, "a date such as 2026-12-25")?;
        let date = parse_date(text);
        if date.is_none() {
            let message = format!("{what} must be a date, and `{}` is none", shortened(text));
            self.bad("bad_date", node, message, "write year, month and day, e.g. `2026-12-25`");
        }
        date.map(|date| Spanned::new(date, node.span))
    }

    /// A scalar expression; problems point into its text.
    pub fn expression(&mut self, node: &Node, what: &str) -> Option<Spanned<Expression>> {
        let hint = "write an expression in quotes, e.g. \"arr_delay > 15\"";
        let Some(text) = node.as_text() else {
            let message = format!("{what} must be an expression, not {}", node.kind());
            self.bad("wrong_type", node, message, hint);
            return None;
        };
        match parse_expression_at(text, &self.place_of(node, text)) {
            Ok(expression) => Some(Spanned::new(expression, node.span)),
            Err(problems) => {
                self.problems.extend(problems);
                None
            }
        }
    }

    /// Where the letters of a text node stand.
    pub(crate) fn place_of(&self, node: &Node, text: &str) -> TextPlace {
        self.place_of_text(&Spanned::new(text.to_owned(), node.span))
    }

    /// Where the letters of a text stand, from the text's place alone.
    pub(crate) fn place_of_text(&self, text: &Spanned<String>) -> TextPlace {
        match self.files {
            Some(files) => TextPlace::in_file(text.span, text, files),
            None => TextPlace::new(text.span, text),
        }
    }

    /// A list of at least one item.
    pub fn list<'n>(&mut self, node: &'n Node, what: &str, wanted: &str) -> &'n [Node] {
        match &node.value {
            NodeValue::List(items) if items.is_empty() => {
                self.bad("empty_list", node, format!("{what} is empty"), "write at least one item, or drop the key");
                &[]
            }
            NodeValue::List(items) => items,
            _ => {
                self.wrong_type(node, what, wanted);
                &[]
            }
        }
    }

    /// One item or a list of at least one.
    pub fn one_or_many<'n>(&mut self, node: &'n Node, what: &str) -> &'n [Node] {
        match &node.value {
            NodeValue::List(_) => self.list(node, what, "a list"),
            _ => std::slice::from_ref(node),
        }
    }

    /// A map with free keys. Nothing written counts as an empty one.
    pub fn entries<'n>(&mut self, node: &'n Node, what: &str, wanted: &str) -> &'n [(Spanned<String>, Node)] {
        match &node.value {
            NodeValue::Map(entries) => entries,
            NodeValue::Null => &[],
            _ => {
                self.wrong_type(node, what, wanted);
                &[]
            }
        }
    }

    /// One name or several.
    pub fn names(&mut self, node: &Node, what: &str) -> Vec<Spanned<Name>> {
        self.one_or_many(node, what).iter().filter_map(|item| self.name(item, what)).collect()
    }

    /// A list of texts, e.g. a program and its arguments; an item may be empty.
    pub fn texts(&mut self, node: &Node, what: &str) -> Vec<Spanned<String>> {
        let items = self.list(node, what, "a list of texts");
        let texts =
            items.iter().map(|item| Some(Spanned::new(self.text_of(item, what, "text")?.to_owned(), item.span)));
        texts.collect::<Vec<_>>().into_iter().flatten().collect()
    }

    /// A map of texts to texts, e.g. environment variables.
    pub fn text_map(&mut self, node: &Node, what: &str) -> Vec<(Spanned<String>, Spanned<String>)> {
        let mut found = Vec::new();
        for (key, value) in self.entries(node, what, "a map of names to text") {
            let what = format!("`{}` of {what}", key.value);
            if let Some(text) = self.text_of(value, &what, "text") {
                found.push((key.clone(), Spanned::new(text.to_owned(), value.span)));
            }
        }
        found
    }

    /// Notes the items whose text stands earlier in the list.
    pub(crate) fn refuse_repeats<'n>(&mut self, what: &str, items: impl IntoIterator<Item = (&'n str, Span)>) {
        let mut seen: Vec<(&str, Span)> = Vec::new();
        for (text, span) in items {
            match seen.iter().find(|(known, _)| *known == text) {
                Some((_, first)) => {
                    let problem = Problem::error("duplicate_item", span, format!("{what} names `{text}` twice"));
                    self.problems.push(problem.related(*first, "first here"));
                }
                None => seen.push((text, span)),
            }
        }
    }
}
