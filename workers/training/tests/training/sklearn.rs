//! Compares fits with scikit-learn's on the same rows. The fixture beside this file was written by `sklearn_oracle.py`.

use std::collections::BTreeMap;

use daybreak_model::{Column, ColumnValues, Estimator, TrainingSet, auc, brier, metric_name};
use daybreak_spec::Metric;
use daybreak_training::{Fitted, fit, predictions, score};
use serde_json::Value as Json;

use crate::support::{ModelBuilder, request};

const COEFFICIENT_TOLERANCE: f64 = 1e-3;

fn fixture() -> Json {
    serde_json::from_str(include_str!("fixtures/sklearn.json")).expect("the fixture is JSON")
}

fn numbers(json: &Json) -> Vec<f64> {
    json.as_array().expect("a list").iter().map(|number| number.as_f64().expect("a number")).collect()
}

/// Some rows of the fixture with the labels of a case.
fn set(fixture: &Json, labels: &[f64], range: std::ops::Range<usize>) -> TrainingSet {
    let rows = &fixture["rows"].as_array().expect("a list")[range.clone()];
    let floats = |name: &str| ColumnValues::Float(rows.iter().map(|row| row[name].as_f64()).collect());
    let column = |name: &str, values| Column { name: name.to_owned(), values };
    let raw = vec![
        column("distance", ColumnValues::Int(rows.iter().map(|row| row["distance"].as_i64()).collect())),
        column("late_share", floats("late_share")),
        column("temp", floats("temp")),
        column("carrier", ColumnValues::text(rows.iter().map(|row| row["carrier"].as_str()))),
        column("early", ColumnValues::Bool(rows.iter().map(|row| row["early"].as_bool()).collect())),
    ];
    TrainingSet { raw, labels: labels[range].to_vec(), times_us: vec![0; rows.len()] }
}

fn fitted(fixture: &Json, case: &Json) -> (Fitted, TrainingSet) {
    let labels = numbers(&case["labels"]);
    let boundary = usize::try_from(fixture["fitted"].as_u64().expect("a count")).expect("small");
    let model = ModelBuilder::new(case["algorithm"].as_str().expect("text"))
        .parameter("l2", case["l2"].clone())
        .input("distance", "i32")
        .input("late_share", "f64")
        .input("temp", "f64")
        .input("carrier", "str")
        .input("early", "bool")
        .build();
    let train = set(fixture, &labels, 0..boundary);
    let all = set(fixture, &labels, 0..labels.len());
    let fitted = fit(request(&model, &train)).expect("the rows can be learnt");
    (fitted, all)
}

fn assert_near(found: f64, expected: f64, tolerance: f64, what: &str) {
    assert!((found - expected).abs() <= tolerance, "{what}: {found} is not within {tolerance} of {expected}");
}

fn cases<'f>(fixture: &'f Json, algorithm: &str) -> Vec<&'f Json> {
    let all = fixture["cases"].as_array().expect("a list");
    let cases: Vec<&Json> = all.iter().filter(|case| case["algorithm"] == algorithm).collect();
    assert!(!cases.is_empty());
    cases
}

#[test]
fn logistic_regression_learns_what_scikit_learn_learns_with_few_and_with_many_true_labels() {
    let fixture = fixture();
    for case in cases(&fixture, "logistic_regression") {
        let (fitted, all) = fitted(&fixture, case);
        assert_eq!(fitted.warnings, [], "l2 = {}", case["l2"]);
        let Estimator::Logistic { weights, intercept } = &fitted.artifact.estimator else { panic!("logistic") };
        let names = fitted.artifact.preparation.names();
        for ((name, found), expected) in names.iter().zip(weights).zip(numbers(&case["weights"])) {
            assert_near(*found, expected, COEFFICIENT_TOLERANCE, name);
        }
        assert_near(*intercept, case["intercept"].as_f64().expect("a number"), COEFFICIENT_TOLERANCE, "intercept");
        let found = predictions(&fitted.artifact, &all).expect("all rows can be predicted");
        for (found, expected) in found.iter().zip(numbers(&case["predictions"])) {
            assert_near(found.expect("imputed"), expected, 1e-4, "P(label = true)");
        }
    }
}

#[test]
fn the_metrics_of_held_out_rows_are_scikit_learns() {
    let fixture = fixture();
    let boundary = usize::try_from(fixture["fitted"].as_u64().expect("a count")).expect("small");
    for (algorithm, metrics) in [
        ("logistic_regression", vec![Metric::Auc, Metric::LogLoss, Metric::Brier]),
        ("linear_regression", vec![Metric::Rmse, Metric::R2]),
    ] {
        for case in cases(&fixture, algorithm) {
            let (fitted, all) = fitted(&fixture, case);
            let held = set(&fixture, &all.labels, boundary..all.labels.len());
            let scores = score(&fitted.artifact, &held, &metrics).expect("both classes are there");
            let found: BTreeMap<Metric, f64> = scores.metrics;
            for metric in &metrics {
                let name = metric_name(*metric);
                assert_near(found[metric], case["metrics"][name].as_f64().expect("a number"), 1e-4, name);
            }
        }
    }
}

#[test]
fn linear_regression_predicts_what_scikit_learn_predicts() {
    let fixture = fixture();
    for case in cases(&fixture, "linear_regression") {
        let (fitted, all) = fitted(&fixture, case);
        let found = predictions(&fitted.artifact, &all).expect("all rows can be predicted");
        for (found, expected) in found.iter().zip(numbers(&case["predictions"])) {
            assert_near(found.expect("imputed"), expected, 1e-8, "prediction");
        }
    }
}

#[test]
fn ridge_regression_learns_scikit_learns_weights() {
    let fixture = fixture();
    let case = cases(&fixture, "linear_regression").into_iter().find(|case| case["l2"] == 2.5).expect("ridge");
    let (fitted, _) = fitted(&fixture, case);
    assert_eq!(fitted.warnings, []);
    for (found, expected) in fitted.artifact.estimator.weights().iter().zip(numbers(&case["weights"])) {
        assert_near(*found, expected, 1e-8, "weight");
    }
    assert_near(
        fitted.artifact.estimator.intercept(),
        case["intercept"].as_f64().expect("a number"),
        1e-8,
        "intercept",
    );
}

#[test]
fn ties_count_as_in_scikit_learn() {
    let fixture = fixture();
    let (labels, scores) = (numbers(&fixture["ties"]["labels"]), numbers(&fixture["ties"]["scores"]));
    assert_near(
        auc(&labels, &scores).expect("defined"),
        fixture["ties"]["auc"].as_f64().expect("a number"),
        1e-12,
        "auc",
    );
    assert_near(
        brier(&labels, &scores).expect("defined"),
        fixture["ties"]["brier"].as_f64().expect("a number"),
        1e-12,
        "brier",
    );
}
