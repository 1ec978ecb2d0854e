//! The algorithms that a model may name: the one list that checking, the editors' schema and training read.
//! To add one: its file, and its definition in [`ALGORITHMS`].

use daybreak_model::{Target, defined_for, metric_name};
use daybreak_spec::{Algorithm, Model, Problem};
use serde_json::{Value as Json, json};

use crate::matrix::Matrix;
use crate::parameters::{ParameterDefinition, ParameterType, Parameters, hinted};
use crate::{Error, Warning, linear_regression, logistic_regression};

const ALGORITHMS: &[AlgorithmDefinition] = &[logistic_regression::DEFINITION, linear_regression::DEFINITION];

/// One algorithm.
#[derive(Debug)]
pub struct AlgorithmDefinition {
    /// The word in `algorithm: { name: .. }`.
    pub name: &'static str,
    /// One line for people.
    pub summary: &'static str,
    /// What its models answer, and so which label it needs: boolean for a probability, a number for a number.
    pub target: Target,
    /// Its parameters.
    pub parameters: &'static [ParameterDefinition],
    /// Fits it to a prepared matrix and one label per row.
    pub(crate) fit: fn(&Parameters, &Matrix, &[f64]) -> Result<Solution, Error>,
}

/// What a fit found, in the order of the matrix's columns.
#[derive(Clone, Debug, PartialEq)]
pub struct Solution {
    /// One per prepared column.
    pub weights: Vec<f64>,
    /// The constant term.
    pub intercept: f64,
    /// What the user should know.
    pub warnings: Vec<Warning>,
}

/// All algorithms.
pub fn algorithms() -> &'static [AlgorithmDefinition] {
    ALGORITHMS
}

/// The algorithm of that name.
pub fn algorithm(name: &str) -> Option<&'static AlgorithmDefinition> {
    ALGORITHMS.iter().find(|definition| definition.name == name)
}

/// Everything wrong with an algorithm's declaration.
pub fn validate(algorithm: &Algorithm) -> Vec<Problem> {
    decode(algorithm).err().unwrap_or_default()
}

/// Everything wrong with a model's algorithm and with its metrics for that algorithm. Needs no data.
pub fn validate_model(model: &Model) -> Vec<Problem> {
    let mut problems = validate(&model.algorithm);
    let Some(definition) = algorithm(&model.algorithm.name) else {
        return problems;
    };
    for metric in &model.metrics {
        if !defined_for(metric.value, definition.target) {
            let message = format!("`{}` does not judge a `{}`", metric_name(metric.value), definition.name);
            let hint = match definition.target {
                Target::Probability => "possible: `auc`, `log_loss`, `brier`",
                Target::Number => "possible: `rmse`, `r2`",
            };
            problems.push(Problem::error("metric_mismatch", metric.span, message).hint(hint));
        }
    }
    problems
}

/// The algorithm a declaration names and its parameters.
pub(crate) fn decode(declared: &Algorithm) -> Result<(&'static AlgorithmDefinition, Parameters), Vec<Problem>> {
    let Some(definition) = algorithm(&declared.name) else {
        let names: Vec<&str> = ALGORITHMS.iter().map(|definition| definition.name).collect();
        let message = format!("there is no algorithm `{}`", declared.name.value);
        let problem = Problem::error("unknown_algorithm", declared.name.span, message);
        return Err(vec![hinted(problem, &declared.name, &names)]);
    };
    let parameters = Parameters::decode(definition.name, definition.parameters, &declared.parameters)?;
    Ok((definition, parameters))
}

/// JSON Schema of `algorithm:`, for editors.
pub fn json_schema() -> Json {
    let schemas: Vec<Json> = ALGORITHMS.iter().map(algorithm_schema).collect();
    json!({ "oneOf": schemas })
}

fn algorithm_schema(definition: &AlgorithmDefinition) -> Json {
    let mut properties = serde_json::Map::new();
    properties.insert("name".to_owned(), json!({ "const": definition.name, "description": definition.summary }));
    for parameter in definition.parameters {
        let kind = match parameter.parameter_type {
            ParameterType::Number => "number",
            ParameterType::Int => "integer",
        };
        let schema = json!({
            "type": kind, "minimum": parameter.minimum, "maximum": parameter.maximum,
            "default": parameter.default, "description": parameter.summary,
        });
        properties.insert(parameter.name.to_owned(), schema);
    }
    json!({
        "type": "object", "description": definition.summary, "properties": properties,
        "required": ["name"], "additionalProperties": false,
    })
}
