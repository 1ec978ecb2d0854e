//! Fits as stories: what is learnt, what is refused, what is reported.

use crate::support::{Declared, ModelBuilder, request};
use daybreak_model::{Artifact, Column, ColumnValues, Encoding, Estimator, Predictor, Shape, TrainingSet};
use daybreak_spec::{BinaryOperator, ColumnType, Expr, Metric, Missing, Value};
use daybreak_training::{Error, Warning, fit, predictions, score};
use proptest::prelude::*;

/// Numbers in [0, 1) that look random and are always the same.
fn noise(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1_u64 << 53) as f64
    }
}

fn column(name: &str, values: ColumnValues) -> Column {
    Column { name: name.to_owned(), values }
}

fn set(raw: Vec<Column>, labels: Vec<f64>) -> TrainingSet {
    let times_us = vec![0; labels.len()];
    TrainingSet { raw, labels, times_us }
}

fn distance(rows: usize, seed: u64) -> Vec<f64> {
    let mut next = noise(seed);
    (0..rows).map(|_| next() * 10.0).collect()
}

fn floats(values: &[f64]) -> ColumnValues {
    ColumnValues::Float(values.iter().copied().map(Some).collect())
}

fn logistic() -> Declared {
    ModelBuilder::new("logistic_regression").input("distance", "f64").build()
}

fn linear() -> ModelBuilder {
    ModelBuilder::new("linear_regression")
}

/// The `share` rows of greatest distance are late.
fn late_when_far(share: f64, swap_first: bool) -> TrainingSet {
    let mut far = distance(200, 3);
    far.sort_by(f64::total_cmp);
    let boundary = (200.0 * (1.0 - share)).round() as usize;
    let mut rows: Vec<(f64, f64)> =
        far.into_iter().enumerate().map(|(place, far)| (far, f64::from(u8::from(place >= boundary)))).collect();
    if swap_first {
        rows.reverse();
    }
    let (far, labels): (Vec<f64>, Vec<f64>) = rows.into_iter().unzip();
    set(vec![column("distance", floats(&far))], labels)
}

#[test]
fn the_answer_is_the_probability_of_true_whatever_class_is_frequent_or_comes_first() {
    for share in [0.05, 0.2, 0.5, 0.6, 0.95] {
        for swap_first in [false, true] {
            let rows = late_when_far(share, swap_first);
            let fitted = fit(request(&logistic(), &rows)).expect("learnt");
            let Estimator::Logistic { weights, .. } = &fitted.artifact.estimator else { panic!("logistic") };
            assert!(weights[0] > 0.0, "farther is later with {share} late");
            let answers = predictions(&fitted.artifact, &rows).expect("answered");
            let mean = answers.iter().map(|answer| answer.expect("imputed")).sum::<f64>() / 200.0;
            assert!((mean - share).abs() < 1e-5, "the mean answer is {mean} with {share} late");
        }
    }
}

#[test]
fn a_label_of_one_class_no_row_and_a_label_that_is_no_boolean_are_named() {
    let message = |labels: Vec<f64>| {
        let rows = set(vec![column("distance", floats(&distance(labels.len(), 1)))], labels);
        fit(request(&logistic(), &rows)).expect_err("refused").to_string()
    };
    assert_eq!(message(vec![1.0; 9]), "the label is true in all 9 rows; a classifier needs both");
    assert_eq!(message(vec![0.0; 3]), "the label is false in all 3 rows; a classifier needs both");
    assert_eq!(message(vec![0.0, 2.0]), "label 2 in row 1 is not true or false");
    assert!(message(vec![]).starts_with("there is no labelled row to learn from"));
}

#[test]
fn a_column_without_any_value_takes_no_part_and_is_reported() {
    for algorithm in ["logistic_regression", "linear_regression"] {
        let declared = ModelBuilder::new(algorithm)
            .input("distance", "f64")
            .input("temp", "f64")
            .input("closed", "bool")
            .input("gate", "str")
            .build();
        let mut rows = late_when_far(0.3, false);
        rows.raw.push(column("temp", ColumnValues::Float(vec![None; 200])));
        rows.raw.push(column("closed", ColumnValues::Bool(vec![None; 200])));
        rows.raw.push(column("gate", ColumnValues::text(vec![None; 200])));
        let fitted = fit(request(&declared, &rows)).expect("learnt from the other column");
        let silent = |column: &str| Warning::AllNull { column: column.to_owned() };
        assert_eq!(fitted.warnings, [silent("temp"), silent("closed"), silent("gate")]);
        let weights = fitted.artifact.estimator.weights();
        assert_eq!((weights.len(), weights[1], weights[2]), (3, 0.0, 0.0));
        assert_eq!(
            fitted.artifact.preparation.columns[1].encoding,
            Encoding::Numeric { impute: 0.0, mean: 0.0, scale: 1.0 }
        );
        let predictor = Predictor::new(fitted.artifact).expect("usable");
        let with = |temp| {
            let row = [Value::Float(3.0), temp, Value::Null, Value::Text("B7".to_owned())];
            predictor.predict(&row).expect("answered").value
        };
        assert_eq!(with(Value::Null), with(Value::Float(90.0)));
    }
}

#[test]
fn nothing_but_empty_text_is_no_model() {
    let declared = ModelBuilder::new("logistic_regression").input("gate", "str").build();
    let rows = set(vec![column("gate", ColumnValues::text(vec![None; 2]))], vec![0.0, 1.0]);
    assert!(matches!(fit(request(&declared, &rows)), Err(Error::NoNumbers)));
}

#[test]
fn rows_that_miss_a_refusing_feature_are_left_out_and_counted() {
    let declared = ModelBuilder::new("logistic_regression")
        .input("distance", "f64")
        .feature("carrier", "late_share", Missing::Refuse)
        .feature("route", "late_share", Missing::Refuse)
        .build();
    let whole = late_when_far(0.4, false);
    let shares = distance(200, 8);
    let holed = |divisor: usize| {
        let shares = shares.iter().enumerate();
        ColumnValues::Float(shares.map(|(row, share)| (row % divisor != 0).then_some(*share)).collect())
    };
    let mut rows = whole.clone();
    rows.raw.push(column("carrier__late_share", holed(10)));
    rows.raw.push(column("route__late_share", holed(4)));
    let fitted = fit(request(&declared, &rows)).expect("learnt from the others");
    let training = &fitted.artifact.training;
    // 20 rows lack the first; of the 50 without the second 10 lack the first too.
    assert_eq!(training.rows, 140);
    assert_eq!(training.dropped.refused["carrier__late_share"], 20);
    assert_eq!(training.dropped.refused["route__late_share"], 40);
    assert_eq!(fitted.warnings.len(), 2);
    assert_eq!(
        fitted.warnings[0].to_string(),
        "20 rows without `carrier__late_share` were left out (`missing: refuse`)"
    );

    let kept: Vec<usize> = (0..200).filter(|row| row % 10 != 0 && row % 4 != 0).collect();
    let pick = |values: &[f64]| kept.iter().map(|row| values[*row]).collect::<Vec<f64>>();
    let far: Vec<f64> = (0..200).map(|row| whole.raw[0].values.cell(row).number().expect("there")).collect();
    let without = set(
        vec![
            column("distance", floats(&pick(&far))),
            column("carrier__late_share", floats(&pick(&shares))),
            column("route__late_share", floats(&pick(&shares))),
        ],
        pick(&whole.labels),
    );
    let same = fit(request(&declared, &without)).expect("learnt");
    assert_eq!(same.artifact.estimator, fitted.artifact.estimator);

    let scores = score(&fitted.artifact, &rows, &[Metric::Auc]).expect("both classes");
    assert_eq!((scores.rows, scores.refused), (140, 60));
}

#[test]
fn when_every_row_is_refused_the_worst_column_is_named() {
    let declared = ModelBuilder::new("logistic_regression").feature("carrier", "late_share", Missing::Refuse).build();
    let rows = set(vec![column("carrier__late_share", ColumnValues::Float(vec![None; 2]))], vec![0.0, 1.0]);
    let error = fit(request(&declared, &rows)).expect_err("nothing is left");
    assert!(matches!(error, Error::AllRefused { rows: 2, ref column } if column == "carrier__late_share"), "{error}");
}

#[test]
fn columns_that_lack_or_have_another_type_are_named() {
    let rows = set(vec![column("distance", ColumnValues::Int(vec![Some(1), Some(2)]))], vec![0.0, 1.0]);
    let error = fit(request(&logistic(), &rows)).expect_err("f64 wanted");
    assert_eq!(error.to_string(), "column `distance` of the training set does not hold f64");
    let error = fit(request(&logistic(), &set(vec![], vec![0.0, 1.0]))).expect_err("no column");
    assert_eq!(error.to_string(), "the training set has no column `distance`");
}

fn early() -> Expr {
    let column = Box::new(Expr::Column("hour".to_owned()));
    Expr::Binary(BinaryOperator::Less, column, Box::new(Expr::Literal(Value::Int(9))))
}

fn mixed_model() -> Declared {
    let half = Expr::Binary(
        BinaryOperator::Divide,
        Box::new(Expr::Column("distance".to_owned())),
        Box::new(Expr::Column("hour".to_owned())),
    );
    ModelBuilder::new("logistic_regression")
        .input("distance", "f64")
        .input("hour", "i32")
        .input("carrier", "str")
        .input("closed", "bool")
        .derived("early", early())
        .derived("pace", half)
        .build()
}

/// Rows of all types with holes in every column.
fn mixed_rows(rows: usize, seed: u64) -> TrainingSet {
    let mut next = noise(seed);
    let mut hole = move |share: f64| next() < share;
    let mut next = noise(seed + 100);
    let carriers = ["AA", "B6", "UA"];
    let labels = (0..rows).map(|row| f64::from(u8::from(row % 3 == 0))).collect();
    let far: Vec<Option<f64>> = (0..rows).map(|_| (!hole(0.1)).then(|| next() * 4000.0)).collect();
    let hours: Vec<Option<i64>> = (0..rows).map(|_| (!hole(0.1)).then(|| (next() * 24.0) as i64)).collect();
    let codes: Vec<Option<&str>> = (0..rows).map(|_| (!hole(0.1)).then(|| carriers[(next() * 3.0) as usize])).collect();
    let closed: Vec<Option<bool>> = (0..rows).map(|_| (!hole(0.1)).then(|| next() < 0.2)).collect();
    let raw = vec![
        column("distance", ColumnValues::Float(far)),
        column("hour", ColumnValues::Int(hours)),
        column("carrier", ColumnValues::text(codes)),
        column("closed", ColumnValues::Bool(closed)),
    ];
    set(raw, labels)
}

#[test]
fn the_same_request_gives_the_same_bytes_on_any_thread() {
    let bytes = || {
        let rows = mixed_rows(500, 4);
        fit(request(&mixed_model(), &rows)).expect("learnt").artifact.encode().expect("valid")
    };
    let here = bytes();
    let there = std::thread::spawn(bytes).join().expect("no panic");
    assert_eq!(here, bytes());
    assert_eq!(here, there);
}

#[test]
fn serving_answers_what_training_computed_to_the_bit() {
    let rows = mixed_rows(300, 9);
    let fitted = fit(request(&mixed_model(), &rows)).expect("learnt");
    let bytes = fitted.artifact.encode().expect("valid");
    let loaded = Artifact::decode(&bytes).expect("undamaged");
    let predictor = Predictor::new(loaded).expect("usable");
    let answers = predictions(&fitted.artifact, &rows).expect("answered");
    for (row, answer) in answers.iter().enumerate() {
        let raw: Vec<Value> = rows.raw.iter().map(|column| column.values.cell(row).to_value()).collect();
        assert_eq!(predictor.predict(&raw).expect("answered").value, answer.expect("imputed"), "row {row}");
    }
    let scores = score(&fitted.artifact, &rows, &[Metric::Auc, Metric::Brier]).expect("defined");
    assert_eq!(fitted.artifact.metrics["fit.auc"], scores.metrics[&Metric::Auc]);
    assert_eq!(fitted.artifact.metrics["fit.brier"], scores.metrics[&Metric::Brier]);
}

#[test]
fn golden_rows_and_the_baseline_describe_the_fitted_rows() {
    let rows = mixed_rows(300, 2);
    let artifact = fit(request(&mixed_model(), &rows)).expect("learnt").artifact;
    assert_eq!(artifact.golden.len(), 16);
    artifact.verify().expect("they hold");
    assert!((artifact.baseline.label_mean - 1.0 / 3.0).abs() < 1e-12);
    let names: Vec<&str> = artifact.baseline.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["distance", "hour", "carrier", "closed", "early", "pace"]);
    let carrier = &artifact.baseline.columns[2];
    let Shape::Categories { counts, others } = &carrier.shape else { panic!("text") };
    assert_eq!(counts.iter().map(|(_, count)| count).sum::<u64>() + others + carrier.nulls, 300);
    let Shape::Number { deciles, mean, .. } = &artifact.baseline.columns[0].shape else { panic!("numbers") };
    assert!(deciles.is_sorted() && deciles.len() == 11 && deciles[0] <= *mean && *mean <= deciles[10]);
    assert!(matches!(artifact.baseline.columns[4].shape, Shape::Flag { .. }));
}

#[test]
fn a_derived_value_that_cannot_be_computed_names_its_column_and_row() {
    let cast = Expr::Cast(Box::new(Expr::Column("gate".to_owned())), ColumnType::I32);
    let declared = ModelBuilder::new("logistic_regression").input("gate", "str").derived("gate_number", cast).build();
    let rows = set(vec![column("gate", ColumnValues::text([Some("12"), Some("B7")]))], vec![0.0, 1.0]);
    let error = fit(request(&declared, &rows)).expect_err("B7 is no number");
    assert_eq!(error.to_string(), "derived column `gate_number` cannot be computed in row 1");
    let source = std::error::Error::source(&error).expect("a cause");
    assert_eq!(source.to_string(), "cannot cast `B7` to i32");
}

#[test]
fn declared_categories_keep_their_order_and_others_are_all_zeros() {
    let declared =
        ModelBuilder::new("logistic_regression").categorised("carrier", "str", Some(&["UA", "ZZ", "AA"])).build();
    let texts = ["AA", "UA", "B6", "B6", "B6", "UA"];
    let rows = set(
        vec![column("carrier", ColumnValues::text(texts.iter().map(|text| Some(*text))))],
        vec![0.0, 1.0, 0.0, 1.0, 0.0, 1.0],
    );
    let artifact = fit(request(&declared, &rows)).expect("learnt").artifact;
    assert_eq!(artifact.preparation.names(), ["carrier=UA", "carrier=ZZ", "carrier=AA"]);
    assert_eq!(artifact.estimator.weights()[1], 0.0, "no row has it");
    let Encoding::OneHot { impute, .. } = &artifact.preparation.columns[0].encoding else { panic!("one-hot") };
    assert_eq!(impute.as_deref(), Some("B6"), "the most frequent one, though it has no column");
}

#[test]
fn a_text_of_a_thousand_and_one_values_asks_for_named_categories() {
    let declared = ModelBuilder::new("logistic_regression").input("tailnum", "str").build();
    let texts: Vec<String> = (0..1001).map(|plane| format!("N{plane}")).collect();
    let labels = (0..1001).map(|row| f64::from(row % 2)).collect();
    let rows = set(vec![column("tailnum", ColumnValues::text(texts.iter().map(|text| Some(text.as_str()))))], labels);
    let error = fit(request(&declared, &rows)).expect_err("too many");
    assert!(matches!(error, Error::TooManyCategories { found: 1001, limit: 1000, .. }), "{error}");
}

#[test]
fn a_solver_that_stops_early_says_so() {
    let declared = ModelBuilder::new("logistic_regression")
        .parameter("max_iterations", 1.into())
        .parameter("l2", 0.0001.into())
        .input("distance", "f64")
        .build();
    let fitted = fit(request(&declared, &late_when_far(0.2, false))).expect("learnt all the same");
    assert!(
        matches!(fitted.warnings[..], [Warning::NotConverged { max_iterations: 1, gradient, .. }] if gradient > 0.01),
        "{:?}",
        fitted.warnings
    );
}

#[test]
fn held_out_rows_are_measured_and_an_undefined_metric_is_a_warning() {
    let (rows, holdout) = (mixed_rows(300, 5), mixed_rows(90, 6));
    let declared = mixed_model();
    let fitted = fit(daybreak_training::FitRequest { holdout: Some(&holdout), ..request(&declared, &rows) });
    let artifact = fitted.expect("learnt").artifact;
    let scores = score(&artifact, &holdout, &[Metric::Auc]).expect("defined");
    assert_eq!(artifact.metrics["holdout.auc"], scores.metrics[&Metric::Auc]);
    assert_eq!(artifact.metrics.len(), 6);

    let mut quiet = holdout;
    quiet.labels = vec![0.0; 90];
    let fitted = fit(daybreak_training::FitRequest { holdout: Some(&quiet), ..request(&declared, &rows) });
    let fitted = fitted.expect("learnt");
    assert_eq!(fitted.warnings.len(), 1);
    assert_eq!(fitted.warnings[0].to_string(), "auc of the held-out rows: the label has one value only");
    assert!(fitted.artifact.metrics.contains_key("holdout.brier"));
    let error = score(&fitted.artifact, &quiet, &[Metric::Auc]).expect_err("one class");
    assert_eq!(error.to_string(), "auc is not defined over these 90 rows: the label has one value only");
    assert!(matches!(score(&fitted.artifact, &quiet, &[Metric::Rmse]), Err(Error::MetricTarget { .. })));
}

#[test]
fn least_squares_finds_a_line() {
    let far = distance(50, 7);
    let labels = far.iter().map(|far| 3.0 - 2.0 * far).collect();
    let declared = linear().input("distance", "f64").build();
    let rows = set(vec![column("distance", floats(&far))], labels);
    let fitted = fit(request(&declared, &rows)).expect("learnt");
    let predictor = Predictor::new(fitted.artifact).expect("usable");
    let answer = predictor.predict(&[Value::Float(100.0)]).expect("answered").value;
    assert!((answer - -197.0).abs() < 1e-9, "{answer}");
}

#[test]
fn a_column_that_repeats_another_gets_no_weight_without_a_penalty_and_half_of_it_with_one() {
    let far = distance(50, 7);
    let labels: Vec<f64> = far.iter().map(|far| 2.0 * far).collect();
    let twice = far.iter().map(|far| 2.0 * far + 1.0).collect::<Vec<f64>>();
    let rows = set(vec![column("distance", floats(&far)), column("twice", floats(&twice))], labels);
    let plain = linear().input("distance", "f64").input("twice", "f64").build();
    let fitted = fit(request(&plain, &rows)).expect("learnt");
    assert_eq!(fitted.warnings, [Warning::Dependent { column: "twice".to_owned() }]);
    assert_eq!(fitted.artifact.estimator.weights()[1], 0.0);

    let ridge = linear().parameter("l2", 0.5.into()).input("distance", "f64").input("twice", "f64").build();
    let fitted = fit(request(&ridge, &rows)).expect("learnt");
    let weights = fitted.artifact.estimator.weights();
    assert!((weights[0] - weights[1]).abs() < 1e-9 && weights[0] > 0.0, "{weights:?}");
}

#[test]
fn least_squares_with_fewer_rows_than_columns_and_with_a_constant_label_still_answers() {
    let mut declared = linear();
    let mut raw = Vec::new();
    for place in 0..6 {
        let name = format!("c{place}");
        declared = declared.input(&name, "f64");
        raw.push(column(&name, floats(&distance(3, place + 1))));
    }
    let declared = declared.build();
    let rows = set(raw.clone(), vec![1.0, 5.0, 2.0]);
    let fitted = fit(request(&declared, &rows)).expect("learnt");
    for (answer, label) in predictions(&fitted.artifact, &rows).expect("answered").iter().zip(&rows.labels) {
        assert!((answer.expect("imputed") - label).abs() < 1e-8);
    }
    let flat = set(raw, vec![4.0; 3]);
    let fitted = fit(request(&declared, &flat)).expect("learnt");
    assert_eq!(fitted.artifact.metrics.get("fit.r2"), None, "not defined: the label does not vary");
    assert!(fitted.artifact.metrics["fit.rmse"].abs() < 1e-9);
}

#[test]
fn values_too_large_to_be_averaged_name_their_column() {
    let rows = set(vec![column("distance", floats(&[1e308, -1e308, 1e308, 1e308]))], vec![0.0, 1.0, 0.0, 1.0]);
    let error = fit(request(&logistic(), &rows)).expect_err("no deviation");
    assert!(matches!(error, Error::Range { ref column } if column == "distance"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// With an intercept free of penalty the mean answer is the share of true labels, at any size and penalty.
    #[test]
    fn the_mean_answer_is_the_share_of_true_labels(seed in 1_u64..10_000, rows in 8_usize..80, l2 in 0.001_f64..50.0) {
        let declared = ModelBuilder::new("logistic_regression")
            .parameter("l2", l2.into())
            .input("distance", "f64")
            .input("hour", "i32")
            .input("carrier", "str")
            .input("closed", "bool")
            .build();
        let rows = mixed_rows(rows, seed);
        let fitted = fit(request(&declared, &rows)).expect("learnt");
        let early = fitted.warnings.iter().any(|warning| matches!(warning, Warning::NotConverged { .. }));
        prop_assert!(!early, "the solver stopped early");
        let answers = predictions(&fitted.artifact, &rows).expect("answered");
        let mean = answers.iter().map(|answer| answer.expect("imputed")).sum::<f64>() / answers.len() as f64;
        prop_assert!((mean - fitted.artifact.baseline.label_mean).abs() < 1e-3);
    }
}
