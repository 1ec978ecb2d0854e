//! Parameters of algorithms: their declared types and bounds, and their decoding from positioned nodes with all
//! problems at once.

use std::collections::BTreeMap;

use daybreak_spec::{Node, NodeValue, Problem, Spanned, did_you_mean};

/// One parameter.
#[derive(Debug)]
pub struct ParameterDefinition {
    /// Its key.
    pub name: &'static str,
    /// Its type.
    pub parameter_type: ParameterType,
    /// Its value where it is not given.
    pub default: f64,
    /// Smallest value.
    pub minimum: f64,
    /// Largest value.
    pub maximum: f64,
    /// One line for people.
    pub summary: &'static str,
}

/// Types of parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterType {
    /// Any number.
    Number,
    /// A whole number.
    Int,
}

/// Decoded values: each declared parameter has one.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameters {
    values: BTreeMap<&'static str, f64>,
}

impl Parameters {
    /// A parameter's value.
    ///
    /// # Panics
    /// When the algorithm declares no such parameter: a mistake in its file.
    pub fn number(&self, name: &str) -> f64 {
        *self.values.get(name).expect("an algorithm reads only the parameters it declares")
    }

    /// A whole parameter's value.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole and within its declared bounds")]
    pub fn count(&self, name: &str) -> u64 {
        self.number(name) as u64
    }

    /// Decodes what the user gave; everything wrong with it at once.
    pub(crate) fn decode(
        algorithm: &str,
        definitions: &'static [ParameterDefinition],
        given: &[(Spanned<String>, Node)],
    ) -> Result<Self, Vec<Problem>> {
        let mut values: BTreeMap<&'static str, f64> =
            definitions.iter().map(|definition| (definition.name, definition.default)).collect();
        let mut problems = Vec::new();
        for (key, node) in given {
            match definitions.iter().find(|definition| definition.name == key.as_str()) {
                None => problems.push(unknown(algorithm, definitions, key)),
                Some(definition) => match definition.read(node) {
                    Ok(number) => drop(values.insert(definition.name, number)),
                    Err(problem) => problems.push(problem),
                },
            }
        }
        if problems.is_empty() { Ok(Self { values }) } else { Err(problems) }
    }
}

impl ParameterDefinition {
    fn read(&self, node: &Node) -> Result<f64, Problem> {
        let number = match (self.parameter_type, &node.value) {
            #[expect(clippy::cast_precision_loss, reason = "bounds are far below 2^53")]
            (_, NodeValue::Int(number)) => *number as f64,
            (ParameterType::Number, NodeValue::Float(number)) => *number,
            (expected, _) => {
                let expected = if expected == ParameterType::Int { "a whole number" } else { "a number" };
                let message = format!("`{}` is {expected}, not {}", self.name, node.kind());
                return Err(Problem::error("wrong_type", node.span, message).hint(self.summary));
            }
        };
        if (self.minimum..=self.maximum).contains(&number) {
            return Ok(number);
        }
        let message = format!("`{}` is {number}, outside {} to {}", self.name, self.minimum, self.maximum);
        Err(Problem::error("out_of_range", node.span, message).hint(self.summary))
    }
}

fn unknown(algorithm: &str, definitions: &[ParameterDefinition], key: &Spanned<String>) -> Problem {
    let names: Vec<&str> = definitions.iter().map(|definition| definition.name).collect();
    let message = format!("`{algorithm}` has no parameter `{}`", key.value);
    let problem = Problem::error("unknown_key", key.span, message);
    hinted(problem, key.as_str(), &names)
}

/// Adds the nearest of some names, or all of them.
pub(crate) fn hinted(problem: Problem, word: &str, names: &[&str]) -> Problem {
    let quoted = |name: &&str| format!("`{name}`");
    match did_you_mean(word, names.iter().copied()) {
        Some(near) => problem.hint(format!("did you mean `{near}`?")),
        None => problem.hint(format!("possible: {}", names.iter().map(quoted).collect::<Vec<_>>().join(", "))),
    }
}
