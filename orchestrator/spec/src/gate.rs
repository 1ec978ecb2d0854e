//! Gates of `evaluate`: `auc >= 0.6`, `auc >= champion.auc - 0.005`. A comparison of two numbers and nothing more; a
//! gate that names the champion holds when there is none. A new metric needs nothing here.

use std::fmt;

use crate::did_you_mean::suggestion;
use crate::expression::TextPlace;
use crate::keys::METRICS;
use crate::lexer::{Word, span, words};
use crate::{Metric, Problem, Span};

/// A demand on a candidate model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gate {
    /// The candidate's metric.
    pub metric: Metric,
    /// How it is compared.
    pub comparison: Comparison,
    /// With what.
    pub bound: GateBound,
}

/// `>=`, `>`, `<=`, `<`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Comparison {
    GreaterOrEqual,
    Greater,
    LessOrEqual,
    Less,
}

/// The right side of a gate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum GateBound {
    /// A number.
    Number(f64),
    /// `champion.metric + offset`
    Champion {
        /// The champion's metric.
        metric: Metric,
        /// Added to it; 0 where none is written.
        offset: f64,
    },
}

/// Why a gate cannot be decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GateError {
    /// The candidate was not measured by it, or the measure is not a number.
    #[error("the candidate has no {}", .0.name())]
    Candidate(Metric),
    /// The champion was not measured by it, or the measure is not a number.
    #[error("the champion has no {}", .0.name())]
    Champion(Metric),
}

/// Measures of a model.
pub type Measures<'m> = dyn Fn(Metric) -> Option<f64> + 'm;

impl Gate {
    /// Whether the candidate passes. `champion`: none = there is no champion, and gates that name it hold.
    pub fn evaluate(&self, candidate: &Measures<'_>, champion: Option<&Measures<'_>>) -> Result<bool, GateError> {
        let is_number = |value: &f64| !value.is_nan();
        let found = candidate(self.metric).filter(is_number).ok_or(GateError::Candidate(self.metric))?;
        let bound = match (self.bound, champion) {
            (GateBound::Number(number), _) => number,
            (GateBound::Champion { .. }, None) => return Ok(true),
            (GateBound::Champion { metric, offset }, Some(champion)) => {
                champion(metric).filter(is_number).ok_or(GateError::Champion(metric))? + offset
            }
        };
        Ok(match self.comparison {
            Comparison::GreaterOrEqual => found >= bound,
            Comparison::Greater => found > bound,
            Comparison::LessOrEqual => found <= bound,
            Comparison::Less => found < bound,
        })
    }

    /// Whether the gate compares with the champion.
    pub fn names_champion(&self) -> bool {
        matches!(self.bound, GateBound::Champion { .. })
    }
}

impl fmt::Display for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ", self.metric.name(), self.comparison.sign())?;
        match self.bound {
            GateBound::Number(number) => write!(f, "{number}"),
            GateBound::Champion { metric, offset } => {
                write!(f, "champion.{}", metric.name())?;
                match offset {
                    0.0 => Ok(()),
                    offset if offset < 0.0 => write!(f, " - {}", -offset),
                    offset => write!(f, " + {offset}"),
                }
            }
        }
    }
}

impl Comparison {
    fn sign(self) -> &'static str {
        match self {
            Self::GreaterOrEqual => ">=",
            Self::Greater => ">",
            Self::LessOrEqual => "<=",
            Self::Less => "<",
        }
    }
}

/// Reads a gate. A problem points inside the text where `at` is as long as it, else at `at` itself.
pub fn parse_gate(text: &str, at: Span) -> Result<Gate, Problem> {
    let words = words(text, length);
    let mut reader = Reader { place: TextPlace::new(at, text), end: text.chars().count(), words: &words };
    let metric = reader.metric()?;
    let comparison = reader.comparison()?;
    let bound = reader.bound()?;
    match reader.words {
        [] => Ok(Gate { metric, comparison, bound }),
        [word, ..] => Err(reader.bad(Some(word), format!("`{}` is not expected here", word.text)).hint(HINT)),
    }
}

const HINT: &str = "write e.g. \"auc >= 0.6\" or \"auc >= champion.auc - 0.005\"";

/// A sign that belongs to a number (`-0.5`, `1e-3`) is told apart by the reader.
fn length(first: char, rest: &str) -> usize {
    match first {
        '>' | '<' | '=' | '!' => rest.find(|letter| !matches!(letter, '>' | '<' | '=' | '!')).unwrap_or(rest.len()),
        letter if is_word(letter) => word_length(rest),
        letter => letter.len_utf8(),
    }
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || matches!(letter, '_' | '.')
}

/// The length of a word; `1e-3` is one.
fn word_length(text: &str) -> usize {
    let mut end = text.find(|letter| !is_word(letter)).unwrap_or(text.len());
    let number = text.starts_with(|letter: char| letter.is_ascii_digit() || letter == '.');
    if number && text[..end].ends_with(['e', 'E']) && text[end..].starts_with(['-', '+']) {
        end += 1 + text[end + 1..].find(|letter| !is_word(letter)).unwrap_or(text.len() - end - 1);
    }
    end
}

struct Reader<'w, 't> {
    place: TextPlace,
    end: usize,
    words: &'w [Word<'t>],
}

impl<'t> Reader<'_, 't> {
    fn next(&mut self) -> Option<Word<'t>> {
        let (first, rest) = self.words.split_first()?;
        self.words = rest;
        Some(*first)
    }

    fn bad(&self, word: Option<&Word<'_>>, message: String) -> Problem {
        Problem::error("bad_gate", span(&self.place, word, self.end), message)
    }

    fn metric(&mut self) -> Result<Metric, Problem> {
        let word = self.next();
        let Some(word) = word else { return Err(self.bad(None, "expected a metric".to_owned()).hint(HINT)) };
        self.metric_named(&word, word.text)
    }

    fn metric_named(&self, word: &Word<'_>, name: &str) -> Result<Metric, Problem> {
        Metric::ALL.into_iter().find(|metric| metric.name() == name).ok_or_else(|| {
            let message = format!("there is no metric `{}`", crate::small_texts::shortened(name));
            self.bad(Some(word), message).hint(suggestion(name, METRICS.iter().copied()))
        })
    }

    fn comparison(&mut self) -> Result<Comparison, Problem> {
        let word = self.next();
        match word.map(|word| word.text) {
            Some(">=") => Ok(Comparison::GreaterOrEqual),
            Some(">") => Ok(Comparison::Greater),
            Some("<=") => Ok(Comparison::LessOrEqual),
            Some("<") => Ok(Comparison::Less),
            found => {
                let message = format!("expected >=, >, <= or <, found {}", described(found));
                Err(self.bad(word.as_ref(), message).hint(HINT))
            }
        }
    }

    fn bound(&mut self) -> Result<GateBound, Problem> {
        if let Some(Word { text, .. }) = self.words.first()
            && let Some(name) = text.strip_prefix("champion.")
            && let Some(word) = self.next()
        {
            let metric = self.metric_named(&word, name)?;
            let sign = match self.words.first().map(|word| word.text) {
                Some("+") => 1.0,
                Some("-") => -1.0,
                _ => return Ok(GateBound::Champion { metric, offset: 0.0 }),
            };
            self.next();
            return Ok(GateBound::Champion { metric, offset: sign * self.number("a number")? });
        }
        let sign = match self.words.first().map(|word| word.text) {
            Some("-") => {
                self.next();
                -1.0
            }
            _ => 1.0,
        };
        Ok(GateBound::Number(sign * self.number("a number or `champion.METRIC`")?))
    }

    fn number(&mut self, wanted: &str) -> Result<f64, Problem> {
        let word = self.next();
        let digits = word.filter(|word| word.text.starts_with(|letter: char| letter.is_ascii_digit() || letter == '.'));
        let number = digits.and_then(|word| word.text.parse().ok()).filter(|number: &f64| number.is_finite());
        number.ok_or_else(|| {
            let message = format!("expected {wanted}, found {}", described(word.map(|word| word.text)));
            self.bad(word.as_ref(), message).hint(HINT)
        })
    }
}

fn described(word: Option<&str>) -> String {
    word.map_or_else(|| "the end of the gate".to_owned(), |word| format!("`{}`", crate::small_texts::shortened(word)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(text: &str) -> Result<Gate, Problem> {
        parse_gate(text, Span { file: 0, line: 1, column: 1, length: u32::try_from(text.len().max(1)).expect("short") })
    }

    fn passes(text: &str, candidate: f64, champion: Option<f64>) -> Result<bool, GateError> {
        let candidate = |_: Metric| Some(candidate);
        let measured = |_: Metric| champion;
        gate(text).expect("a gate").evaluate(&candidate, champion.is_some().then_some(&measured))
    }

    #[test]
    fn gates_read_back_as_they_were_written() {
        for text in
            ["auc >= 0.6", "rmse < 12", "auc >= champion.auc - 0.005", "r2 > -1.5", "brier <= champion.log_loss"]
        {
            assert_eq!(gate(text).expect(text).to_string(), text);
        }
        assert_eq!(gate("auc>=champion.auc-5e-3").expect("tight").to_string(), "auc >= champion.auc - 0.005");
    }

    #[test]
    fn a_gate_compares_with_its_bound() {
        assert_eq!(passes("auc >= 0.6", 0.6, None), Ok(true));
        assert_eq!(passes("auc > 0.6", 0.6, None), Ok(false));
        assert_eq!(passes("rmse < 12", 11.9, None), Ok(true));
        assert_eq!(passes("auc >= champion.auc - 0.005", 0.696, Some(0.7)), Ok(true));
        assert_eq!(passes("auc >= champion.auc - 0.005", 0.694, Some(0.7)), Ok(false));
    }

    #[test]
    fn a_gate_that_names_the_champion_holds_when_there_is_none() {
        assert_eq!(passes("auc >= champion.auc + 0.1", 0.1, None), Ok(true));
    }

    #[test]
    fn a_gate_without_a_measure_cannot_be_decided() {
        assert_eq!(passes("auc >= 0.6", f64::NAN, None), Err(GateError::Candidate(Metric::Auc)));
        assert_eq!(passes("auc >= champion.r2", 0.6, Some(f64::NAN)), Err(GateError::Champion(Metric::R2)));
    }

    #[test]
    fn each_mistake_is_shown_at_its_word() {
        let cases = [
            ("acu >= 0.6", 1, 3, "there is no metric `acu`"),
            ("auc = 0.6", 5, 1, "expected >=, >, <= or <, found `=`"),
            ("auc >=", 7, 1, "expected a number or `champion.METRIC`, found the end of the gate"),
            ("auc >= high", 8, 4, "expected a number or `champion.METRIC`, found `high`"),
            ("auc >= champion.acu", 8, 12, "there is no metric `acu`"),
            ("auc >= champion.auc - x", 23, 1, "expected a number, found `x`"),
            ("auc >= 0.6 and r2 > 0", 12, 3, "`and` is not expected here"),
            ("", 1, 1, "expected a metric"),
        ];
        for (text, column, length, message) in cases {
            let problem = gate(text).expect_err(text);
            assert_eq!((problem.span.column, problem.span.length), (column, length), "{text}");
            assert_eq!(problem.message, message, "{text}");
        }
    }
}
