//! What may be written under `algorithm:` and `metrics:`, and what is said about everything else.

use crate::support::{ModelBuilder, request};
use daybreak_spec::{Algorithm, Metric, Node, NodeValue, Problem, Span, Spanned};
use daybreak_training::{Error, algorithms, fit, json_schema, validate, validate_model};
use serde_json::json;

fn span(line: u32) -> Span {
    Span { file: 0, line, column: 5, length: 4 }
}

fn declared(name: &str, parameters: &[(&str, NodeValue)]) -> Algorithm {
    let numbered = (2_u32..).zip(parameters);
    Algorithm {
        name: Spanned::new(name.to_owned(), span(1)),
        parameters: numbered
            .map(|(line, (key, value))| {
                (Spanned::new((*key).to_owned(), span(line)), Node { span: span(line + 100), value: value.clone() })
            })
            .collect(),
    }
}

fn told(problems: &[Problem]) -> Vec<(&'static str, u32, &str)> {
    problems.iter().map(|problem| (problem.code, problem.span.line, problem.message.as_str())).collect()
}

#[test]
fn every_parameter_may_be_given_or_left_out() {
    let given =
        [("l2", NodeValue::Int(0)), ("max_iterations", NodeValue::Int(50)), ("tolerance", NodeValue::Float(1e-6))];
    assert_eq!(validate(&declared("logistic_regression", &given)), []);
    assert_eq!(validate(&declared("logistic_regression", &[])), []);
    assert_eq!(validate(&declared("linear_regression", &[("l2", NodeValue::Float(0.5))])), []);
}

#[test]
fn all_mistakes_are_told_at_once_each_at_its_place() {
    let problems = validate(&declared(
        "logistic_regression",
        &[
            ("l2", NodeValue::Int(-1)),
            ("max_iteration", NodeValue::Int(5)),
            ("max_iterations", NodeValue::Float(1.5)),
            ("tolerance", NodeValue::Text("tight".to_owned())),
        ],
    ));
    assert_eq!(
        told(&problems),
        [
            ("out_of_range", 102, "`l2` is -1, outside 0 to 1000000000000"),
            ("unknown_key", 3, "`logistic_regression` has no parameter `max_iteration`"),
            ("wrong_type", 104, "`max_iterations` is a whole number, not a number"),
            ("wrong_type", 105, "`tolerance` is a number, not text"),
        ]
    );
    assert_eq!(problems[1].hint.as_deref(), Some("did you mean `max_iterations`?"));
}

#[test]
fn a_number_that_is_none_is_refused() {
    for number in [f64::NAN, f64::INFINITY] {
        let problems = validate(&declared("logistic_regression", &[("l2", NodeValue::Float(number))]));
        assert_eq!(problems.len(), 1, "{number}");
    }
}

#[test]
fn an_unknown_algorithm_gets_the_nearest_one_or_all() {
    let problems = validate(&declared("logistic_regresion", &[("l3", NodeValue::Int(1))]));
    assert_eq!(told(&problems), [("unknown_algorithm", 1, "there is no algorithm `logistic_regresion`")]);
    assert_eq!(problems[0].hint.as_deref(), Some("did you mean `logistic_regression`?"));
    let problems = validate(&declared("boosting", &[]));
    assert_eq!(problems[0].hint.as_deref(), Some("possible: `logistic_regression`, `linear_regression`"));
}

#[test]
fn a_metric_that_judges_other_models_is_told() {
    let mut model = ModelBuilder::new("linear_regression").input("distance", "f64").build().model;
    model.metrics = vec![Spanned::new(Metric::Auc, span(7)), Spanned::new(Metric::Rmse, span(8))];
    let problems = validate_model(&model);
    assert_eq!(told(&problems), [("metric_mismatch", 7, "`auc` does not judge a `linear_regression`")]);
    assert_eq!(problems[0].hint.as_deref(), Some("possible: `rmse`, `r2`"));
}

#[test]
fn a_fit_of_a_wrong_declaration_tells_the_same_problems() {
    let declared = ModelBuilder::new("logistic_regression").parameter("l2", json!("much")).input("a", "f64").build();
    let rows = daybreak_model::TrainingSet { raw: vec![], labels: vec![], times_us: vec![] };
    let error = fit(request(&declared, &rows)).expect_err("refused");
    assert!(matches!(&error, Error::Algorithm(problems) if problems.len() == 1));
    assert_eq!(error.to_string(), "the algorithm cannot be used: `l2` is a number, not text");
}

#[test]
fn the_schema_names_every_algorithm_and_parameter() {
    let schema = json_schema();
    let variants = schema["oneOf"].as_array().expect("a list");
    assert_eq!(variants.len(), algorithms().len());
    for (variant, definition) in variants.iter().zip(algorithms()) {
        assert_eq!(variant["properties"]["name"]["const"], definition.name);
        for parameter in definition.parameters {
            assert_eq!(variant["properties"][parameter.name]["default"], json!(parameter.default));
        }
        assert_eq!(variant["additionalProperties"], false);
    }
}
