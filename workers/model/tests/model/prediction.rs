//! Answers for rows: what is used, what stands in, what is refused.

use crate::support::{artifact, row};
use daybreak_model::{PredictError, Predictor};
use daybreak_spec::{Missing, Value};

fn predictor(missing: Missing) -> Predictor {
    Predictor::new(artifact(missing)).expect("the parts fit")
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

#[test]
fn the_answer_is_the_logistic_of_the_weighted_sum() {
    let prediction =
        predictor(Missing::Impute).predict(&row(Value::Int(7), text("AA"), Value::Float(0.37))).expect("a whole row");
    let sum: f64 = -1.2 + 0.31 * ((7.0 - 13.1) / 4.7) - 0.2 + (1.0 / 3.0) * ((0.37 - 0.3) / 0.07) - 0.5;
    assert!((prediction.value - 1.0 / (1.0 + (-sum).exp())).abs() < 1e-12);
    assert_eq!((prediction.imputed.len(), prediction.unknown_categories.len()), (0, 0));
}

#[test]
fn absent_values_are_imputed_and_named_derived_ones_too() {
    let prediction = predictor(Missing::Impute).predict(&vec![Value::Null; 3]).expect("imputed");
    assert_eq!(prediction.imputed, ["sched_hour", "carrier", "punctuality__late_share", "early"]);
    let same = predictor(Missing::Impute).predict(&row(Value::Int(13), text("UA"), Value::Null)).expect("imputed");
    assert_eq!(same.imputed, ["punctuality__late_share"]);
}

#[test]
fn a_missing_feature_under_refuse_has_no_answer() {
    let error = predictor(Missing::Refuse).predict(&row(Value::Int(7), text("AA"), Value::Null)).expect_err("refused");
    assert_eq!(error, PredictError::Missing { column: "punctuality__late_share".to_owned() });
    assert_eq!(error.column(), Some("punctuality__late_share"));
}

#[test]
fn an_unknown_category_adds_nothing_and_is_reported() {
    let predictor = predictor(Missing::Impute);
    let unknown = predictor.predict(&row(Value::Int(7), text("ZZ"), Value::Float(0.3))).expect("answered");
    assert_eq!(unknown.unknown_categories, ["carrier"]);
    let known = predictor.predict(&row(Value::Int(7), text("AA"), Value::Float(0.3))).expect("answered");
    let log_odds = |p: f64| (p / (1.0 - p)).ln();
    assert!((log_odds(unknown.value) - log_odds(known.value) - 0.2).abs() < 1e-12);
}

#[test]
fn values_of_another_type_name_their_column() {
    let predictor = predictor(Missing::Impute);
    let message = |raw: Vec<Value>| predictor.predict(&raw).expect_err("refused").to_string();
    assert_eq!(message(row(text("seven"), text("AA"), Value::Float(0.3))), "`sched_hour`: expected i32, found text");
    assert_eq!(
        message(row(Value::Int(1 << 40), text("AA"), Value::Float(0.3))),
        "`sched_hour`: 1099511627776 is outside -2147483648 to 2147483647 (i32)"
    );
    assert_eq!(message(vec![Value::Null]), "the row has 1 values where the model reads 3");
    assert!(message(row(Value::Int(1), text("AA"), Value::Float(f64::INFINITY))).contains("late_share"));
}

#[test]
fn a_number_beyond_everything_saturates_and_never_becomes_nan() {
    let predictor = predictor(Missing::Impute);
    let extreme =
        |share| predictor.predict(&row(Value::Int(7), text("AA"), Value::Float(share))).expect("answered").value;
    assert_eq!(extreme(1e300), 1.0);
    assert_eq!(extreme(-1e300), 0.0);
}

#[test]
fn the_trace_shows_the_derived_values() {
    let predictor = predictor(Missing::Impute);
    let (derived, _) = predictor.predict_traced(&row(Value::Int(7), text("AA"), Value::Null)).expect("answered");
    assert_eq!(derived, [Value::Bool(true)]);
}
