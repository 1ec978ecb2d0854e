//! `when:` of a task: how the tasks it needs may end for it to run, e.g. `(a.succeeded || a.skipped) && !b.failed`. Words,
//! `!`, `&&`, `||` and parentheses, nothing that computes. Knows no DAG: whether a task is there is checked where the
//! graph is built. To add a state: a variant of [`EndWord`] and its line in `core`.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::did_you_mean::suggestion;
use crate::expression::TextPlace;
use crate::lexer::{self, Word, words};
use crate::small_texts::shortened;
use crate::{Name, Problem, Span, Spanned};

/// How deep parentheses and `!` may go.
const MAX_DEPTH: usize = 32;

/// A condition, as written and as read. Serialised as the text.
#[derive(Clone, Debug)]
pub struct Condition {
    text: String,
    /// What it says.
    pub tree: ConditionTree,
}

/// What a condition says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConditionTree {
    /// `task.word`
    Is(Spanned<Name>, EndWord),
    /// `!x`
    Not(Box<Self>),
    /// `x && y`
    All(Vec<Self>),
    /// `x || y`
    Any(Vec<Self>),
}

/// How a task ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndWord {
    /// It did its work.
    Succeeded,
    /// It failed itself.
    Failed,
    /// It was not to be run.
    Skipped,
    /// It was left out because a task it needs failed.
    UpstreamFailed,
    /// Somebody asked for its end.
    Cancelled,
    /// Any of these.
    Done,
}

impl EndWord {
    const ALL: [(&'static str, Self); 6] = [
        ("succeeded", Self::Succeeded),
        ("failed", Self::Failed),
        ("skipped", Self::Skipped),
        ("upstream_failed", Self::UpstreamFailed),
        ("cancelled", Self::Cancelled),
        ("done", Self::Done),
    ];

    /// Words of other tools.
    const SYNONYMS: [(&'static str, &'static str); 7] = [
        ("success", "succeeded"),
        ("successful", "succeeded"),
        ("failure", "failed"),
        ("errored", "failed"),
        ("omitted", "skipped"),
        ("ended", "done"),
        ("finished", "done"),
    ];
}

impl Condition {
    /// Reads a condition; problems point into the text where `span` is as long as it.
    ///
    /// # Errors
    /// `bad_condition` where it is not one, `unknown_word` for each state that there is not.
    pub fn parse(text: &str, span: Span) -> Result<Self, Vec<Problem>> {
        Self::parse_at(text, &TextPlace::new(span, text))
    }

    pub(crate) fn parse_at(text: &str, place: &TextPlace) -> Result<Self, Vec<Problem>> {
        let words = words(text, length);
        let end = text.chars().count();
        let mut reader = Reader { place, end, words: &words, problems: Vec::new(), depth: 0 };
        let read = reader.any().and_then(|tree| match reader.words {
            [] => Ok(tree),
            [word, ..] => Err(reader.unexpected(Some(word), "`&&`, `||` or the end")),
        });
        match read {
            Ok(tree) if reader.problems.is_empty() => Ok(Self { text: text.to_owned(), tree }),
            Ok(_) => Err(reader.problems),
            Err(problem) => {
                reader.problems.push(problem);
                Err(reader.problems)
            }
        }
    }

    /// As written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The tasks it names, each as often as it stands.
    pub fn tasks(&self) -> Vec<&Spanned<Name>> {
        let (mut found, mut open) = (Vec::new(), vec![&self.tree]);
        while let Some(tree) = open.pop() {
            match tree {
                ConditionTree::Is(task, _) => found.push(task),
                ConditionTree::Not(inner) => open.push(inner),
                ConditionTree::All(parts) | ConditionTree::Any(parts) => open.extend(parts.iter().rev()),
            }
        }
        found
    }
}

impl PartialEq for Condition {
    fn eq(&self, other: &Self) -> bool {
        self.tree == other.tree
    }
}
impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
impl Serialize for Condition {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}
impl<'de> Deserialize<'de> for Condition {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text, Span::default()).map_err(|_| D::Error::custom(format!("`{text}` is not a condition")))
    }
}

const HINT: &str = "write e.g. \"(a.succeeded || a.skipped) && !b.failed\"";

/// Words (`a.succeeded` is one) and signs.
fn length(first: char, rest: &str) -> usize {
    let is_word = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '-' | '.');
    match first {
        letter if is_word(letter) => rest.find(|letter| !is_word(letter)).unwrap_or(rest.len()),
        '&' | '|' => rest.find(|letter| letter != first).unwrap_or(rest.len()),
        '=' | '<' | '>' => rest.find(|letter| !matches!(letter, '=' | '<' | '>')).unwrap_or(rest.len()),
        letter => letter.len_utf8(),
    }
}

struct Reader<'w, 't> {
    place: &'w TextPlace,
    end: usize,
    words: &'w [Word<'t>],
    /// Words that stand where a state belongs and are none: the rest can still be read.
    problems: Vec<Problem>,
    depth: usize,
}

impl<'w, 't> Reader<'w, 't> {
    fn any(&mut self) -> Result<ConditionTree, Problem> {
        let mut parts = vec![self.all()?];
        while self.take("||") {
            parts.push(self.all()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { ConditionTree::Any(parts) })
    }

    fn all(&mut self) -> Result<ConditionTree, Problem> {
        let mut parts = vec![self.one()?];
        while self.take("&&") {
            parts.push(self.one()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { ConditionTree::All(parts) })
    }

    fn one(&mut self) -> Result<ConditionTree, Problem> {
        let word = self.words.first().copied();
        if self.depth == MAX_DEPTH {
            let message = format!("the condition goes deeper than {MAX_DEPTH} parentheses");
            return Err(Problem::error("bad_condition", self.span(word.as_ref()), message).hint("write it flatter"));
        }
        self.depth += 1;
        let read = match word {
            Some(Word { text: "!", .. }) => {
                self.skip();
                self.one().map(|inner| ConditionTree::Not(Box::new(inner)))
            }
            Some(Word { text: "(", .. }) => {
                self.skip();
                let inner = self.any()?;
                match self.words.first() {
                    _ if self.take(")") => Ok(inner),
                    word => Err(self.unexpected(word, "`)`, `&&` or `||`")),
                }
            }
            Some(word) if word.text.starts_with(|letter: char| letter.is_alphanumeric()) => {
                self.skip();
                self.end_of_task(word)
            }
            word => Err(self.unexpected(word.as_ref(), "a task and its state, such as `a.succeeded`")),
        };
        self.depth -= 1;
        read
    }

    fn end_of_task(&mut self, word: Word<'t>) -> Result<ConditionTree, Problem> {
        let bad =
            |message: String, hint: String| Problem::error("bad_condition", self.span(Some(&word)), message).hint(hint);
        let shown = shortened(word.text);
        let sign = [("and", "&&"), ("or", "||"), ("not", "!")].iter().find(|(other, _)| *other == word.text);
        if let Some((_, sign)) = sign {
            return Err(bad(format!("`{shown}` is not a word of conditions"), format!("write `{sign}`")));
        }
        let Some((task, state)) = word.text.rsplit_once('.') else {
            let hint = format!("write e.g. `{shown}.succeeded`");
            return Err(bad(format!("`{shown}` does not say how the task is to have ended"), hint));
        };
        let Some(name) = Name::parse(task) else {
            let message = format!("`{}` is not the name of a task", shortened(task));
            return Err(bad(message, HINT.to_owned()));
        };
        let length = task.chars().count();
        let found = EndWord::ALL.iter().find(|(known, _)| *known == state).map(|(_, end)| *end);
        if found.is_none() {
            let span = self.place.range(word.start + length + 1, state.chars().count());
            let message = format!("a task cannot have ended as `{}`", shortened(state));
            let synonym = EndWord::SYNONYMS.iter().find(|(other, _)| *other == state.to_ascii_lowercase());
            let hint = match synonym {
                Some((_, ours)) => format!("did you mean `{ours}`?"),
                None => suggestion(state, EndWord::ALL.iter().map(|(known, _)| *known)),
            };
            self.problems.push(Problem::error("unknown_word", span, message).hint(hint));
        }
        let task = Spanned::new(name, self.place.range(word.start, length));
        Ok(ConditionTree::Is(task, found.unwrap_or(EndWord::Done)))
    }

    fn take(&mut self, sign: &str) -> bool {
        let taken = self.words.first().is_some_and(|word| word.text == sign);
        if taken {
            self.skip();
        }
        taken
    }

    fn skip(&mut self) {
        self.words = self.words.get(1..).unwrap_or_default();
    }

    fn span(&self, word: Option<&Word<'_>>) -> Span {
        lexer::span(self.place, word, self.end)
    }

    fn unexpected(&self, word: Option<&Word<'_>>, wanted: &str) -> Problem {
        let found = word.map_or("the end of the condition".to_owned(), |word| format!("`{}`", shortened(word.text)));
        let hint = match word.map(|word| word.text) {
            Some("&" | "and") => "write `&&`".to_owned(),
            Some("|" | "or") => "write `||`".to_owned(),
            Some("=" | "==") => "write the state behind a dot, e.g. `a.succeeded`".to_owned(),
            _ => HINT.to_owned(),
        };
        Problem::error("bad_condition", self.span(word), format!("expected {wanted}, found {found}")).hint(hint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Condition, Vec<Problem>> {
        let length = u32::try_from(text.chars().count().max(1)).expect("short");
        Condition::parse(text, Span { file: 0, line: 1, column: 1, length })
    }

    fn shown(tree: &ConditionTree) -> String {
        let parts = |parts: &[ConditionTree], sign: &str| {
            format!("({})", parts.iter().map(shown).collect::<Vec<_>>().join(sign))
        };
        match tree {
            ConditionTree::Is(task, word) => format!("{}.{word:?}", task.value),
            ConditionTree::Not(inner) => format!("!{}", shown(inner)),
            ConditionTree::All(inner) => parts(inner, " & "),
            ConditionTree::Any(inner) => parts(inner, " | "),
        }
    }

    #[test]
    fn and_binds_closer_than_or_and_not_closest() {
        let cases = [
            ("a.succeeded", "a.Succeeded"),
            ("a.done||b.done&&c.done", "(a.Done | (b.Done & c.Done))"),
            ("(a.succeeded || a.skipped) && !b-2.failed", "((a.Succeeded | a.Skipped) & !b-2.Failed)"),
            ("!(a.cancelled || !!b.upstream_failed)", "!(a.Cancelled | !!b.UpstreamFailed)"),
            ("a.done && b.done && c.done", "(a.Done & b.Done & c.Done)"),
        ];
        for (text, wanted) in cases {
            let condition = parse(text).expect(text);
            assert_eq!(shown(&condition.tree), wanted);
            let json = serde_json::to_string(&condition).expect("it writes");
            assert_eq!(json, format!("{text:?}"));
            assert_eq!(serde_json::from_str::<Condition>(&json).expect("it reads back"), condition);
        }
    }

    #[test]
    fn the_tasks_stand_in_order_with_their_places() {
        let condition = parse("!(bc.failed) || a.done && bc.done").expect("sound");
        let found: Vec<_> =
            condition.tasks().iter().map(|task| (task.as_str(), task.span.column, task.span.length)).collect();
        assert_eq!(found, [("bc", 3, 2), ("a", 17, 1), ("bc", 27, 2)]);
    }

    #[test]
    fn each_mistake_is_shown_at_its_word() {
        let cases = [
            ("", 1, "expected a task and its state, such as `a.succeeded`, found the end of the condition"),
            (
                "a.succeeded &&",
                15,
                "expected a task and its state, such as `a.succeeded`, found the end of the condition",
            ),
            ("a.succeeded and b.done", 13, "expected `&&`, `||` or the end, found `and`"),
            ("not a.failed", 1, "`not` is not a word of conditions"),
            ("a && b.done", 1, "`a` does not say how the task is to have ended"),
            ("a.success", 3, "a task cannot have ended as `success`"),
            ("(a.done", 8, "expected `)`, `&&` or `||`, found the end of the condition"),
            ("a.done)", 7, "expected `&&`, `||` or the end, found `)`"),
            ("a.done & b.done", 8, "expected `&&`, `||` or the end, found `&`"),
            ("a.state == done", 3, "a task cannot have ended as `state`"),
            ("A.done", 1, "`A` is not the name of a task"),
            ("a.done || 'b'", 11, "expected a task and its state, such as `a.succeeded`, found `'`"),
        ];
        for (text, column, message) in cases {
            let problems = parse(text).expect_err(text);
            assert_eq!((problems[0].message.as_str(), problems[0].span.column), (message, column), "{text}");
            assert!(problems[0].hint.is_some(), "{text}");
        }
    }

    #[test]
    fn unknown_states_are_found_all_at_once() {
        let problems = parse("a.suceeded || b.finished").expect_err("two mistakes");
        let hints: Vec<_> = problems.iter().filter_map(|problem| problem.hint.as_deref()).collect();
        assert_eq!(hints, ["did you mean `succeeded`?", "did you mean `done`?"]);
    }

    #[test]
    fn a_condition_of_any_depth_ends_in_a_problem_not_in_the_stack() {
        for open in ["(", "!"] {
            let problems = parse(&open.repeat(100_000)).expect_err("too deep");
            assert_eq!(problems[0].message, "the condition goes deeper than 32 parentheses");
        }
    }
}
