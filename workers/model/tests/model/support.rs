//! A small model by hand, for the tests of this package.

use std::collections::BTreeMap;

use daybreak_model::{
    Artifact, Baseline, ColumnBaseline, DerivedField, Dropped, Encoding, Estimator, FORMAT_VERSION, FeatureField,
    GoldenRow, InputField, Predictor, Preparation, PreparedColumn, Shape, Signature, Target, TrainingFacts,
};
use daybreak_spec::{BinaryOperator, ColumnType, Expr, Missing, Name, Timestamp, Value};

fn name(text: &str) -> Name {
    Name::parse(text).expect("a slug")
}

/// `sched_hour < 9`
pub fn early() -> Expr {
    Expr::Binary(
        BinaryOperator::Less,
        Box::new(Expr::Column("sched_hour".to_owned())),
        Box::new(Expr::Literal(Value::Int(9))),
    )
}

/// Inputs `sched_hour: i32` and `carrier: str`, feature `punctuality__late_share: f64` under some policy, derived
/// `early`.
pub fn signature(missing: Missing) -> Signature {
    let field = |name: &str, column_type| InputField { name: name.to_owned(), column_type };
    Signature {
        model: name("late_arrival"),
        entity_keys: vec![field("carrier", ColumnType::Str)],
        inputs: vec![field("sched_hour", ColumnType::I32), field("carrier", ColumnType::Str)],
        features: vec![FeatureField {
            name: "punctuality__late_share".to_owned(),
            role: name("punctuality"),
            view: name("carrier_punctuality"),
            feature: "late_share".to_owned(),
            column_type: ColumnType::F64,
            keys: vec![("carrier".to_owned(), "carrier".to_owned())],
            missing,
            ttl_us: Some(259_200_000_000),
        }],
        derived: vec![DerivedField { name: "early".to_owned(), expr: early() }],
        missing: Missing::Impute,
        target: Target::Probability,
    }
}

/// A logistic model with two golden rows.
pub fn artifact(missing: Missing) -> Artifact {
    let signature = signature(missing);
    let encodings = [
        Encoding::Numeric { impute: 13.1, mean: 13.1, scale: 4.7 },
        Encoding::OneHot { categories: vec!["AA".to_owned(), "UA".to_owned()], impute: Some("UA".to_owned()) },
        Encoding::Numeric { impute: 0.1 + 0.2, mean: 0.1 + 0.2, scale: 0.07 },
        Encoding::Flag { impute: false },
    ];
    let names: Vec<String> = signature.columns().map(str::to_owned).collect();
    let columns = names.iter().zip(encodings);
    let preparation = Preparation {
        columns: columns.map(|(name, encoding)| PreparedColumn { name: name.clone(), encoding }).collect(),
    };
    let baseline = |name: &String| ColumnBaseline { name: name.clone(), rows: 2, nulls: 0, shape: Shape::Empty };
    let instant = |text: &str| Timestamp::parse(text).expect("an instant");
    let mut artifact = Artifact {
        format_version: FORMAT_VERSION,
        preparation,
        estimator: Estimator::Logistic { weights: vec![0.31, -0.2, 0.4, 1.0 / 3.0, -0.5], intercept: -1.2 },
        metrics: BTreeMap::from([("holdout.auc".to_owned(), 0.71)]),
        training: TrainingFacts {
            as_of: instant("2013-03-10T07:00:00Z"),
            fit_from: instant("2013-01-01T00:00:00Z"),
            fit_to: instant("2013-03-03T07:00:00Z"),
            rows: 2,
            dropped: Dropped { null_label: 1, unknown_label: 0, refused: BTreeMap::new() },
        },
        baseline: Baseline { label_mean: 0.25, columns: names.iter().map(baseline).collect() },
        golden: Vec::new(),
        signature,
    };
    let predictor = Predictor::new(artifact.clone()).expect("the parts fit");
    for (hour, carrier, share) in [(7, "AA", 0.123_456_789), (17, "UA", 1.0 / 3.0)] {
        let raw = row(Value::Int(hour), Value::Text(carrier.to_owned()), Value::Float(share));
        let (derived, prediction) = predictor.predict_traced(&raw).expect("a whole row");
        artifact.golden.push(GoldenRow { raw, derived, expected: prediction.value });
    }
    artifact
}

/// A raw row of that model.
pub fn row(hour: Value, carrier: Value, share: Value) -> Vec<Value> {
    vec![hour, carrier, share]
}
