//! Small models and requests for the tests of this package.

use daybreak_model::{DerivedField, Dropped, FeatureField, InputField, Signature, Target, TrainingFacts, TrainingSet};
use daybreak_spec::{
    Algorithm, Categories, ColumnType, Derived, Expr, Expression, FeatureReference, Input, Metric, Missing, Model,
    Name, Node, Observations, Span, Spanned, Timestamp,
};
use daybreak_training::{FitRequest, algorithm};
use serde_json::{Value as Json, json};

/// A model's declaration and the signature that checking would resolve.
#[derive(Debug)]
pub struct ModelBuilder {
    model: Model,
    signature: Signature,
}

/// A finished pair.
#[derive(Debug)]
pub struct Declared {
    pub model: Model,
    pub signature: Signature,
}

fn name(text: &str) -> Name {
    Name::parse(text).expect("a slug")
}

impl ModelBuilder {
    pub fn new(algorithm_name: &str) -> Self {
        let target = algorithm(algorithm_name).map_or(Target::Probability, |definition| definition.target);
        let label = Expression { text: "late".to_owned(), tree: Expr::Column("late".to_owned()) };
        let metrics = match target {
            Target::Probability => vec![Metric::Auc, Metric::LogLoss, Metric::Brier],
            Target::Number => vec![Metric::Rmse, Metric::R2],
        };
        let model = Model {
            span: Span::default(),
            observations: Observations {
                source: Spanned::unplaced(name("departures")),
                label: Spanned::unplaced(label),
                label_known_at: None,
                filter: None,
            },
            inputs: Vec::new(),
            derived: Vec::new(),
            features: Vec::new(),
            missing: Missing::Impute,
            algorithm: Algorithm { name: Spanned::unplaced(algorithm_name.to_owned()), parameters: Vec::new() },
            metrics: metrics.into_iter().map(Spanned::unplaced).collect(),
        };
        let signature = Signature {
            model: name("late_arrival"),
            entity_keys: Vec::new(),
            inputs: Vec::new(),
            features: Vec::new(),
            derived: Vec::new(),
            missing: Missing::Impute,
            target,
        };
        Self { model, signature }
    }

    pub fn parameter(mut self, key: &str, value: Json) -> Self {
        self.model.algorithm.parameters.push((Spanned::unplaced(key.to_owned()), Node::from_json(value)));
        self
    }

    pub fn input(self, input: &str, column_type: &str) -> Self {
        self.categorised(input, column_type, None)
    }

    pub fn categorised(mut self, input: &str, column_type: &str, categories: Option<&[&str]>) -> Self {
        let column_type: ColumnType = serde_json::from_value(json!(column_type)).expect("a type");
        let declared = |names: &[&str]| {
            Categories::Declared(names.iter().map(|name| Spanned::unplaced((*name).to_owned())).collect())
        };
        self.model.inputs.push(Input {
            name: Spanned::unplaced(input.to_owned()),
            column_type: Spanned::unplaced(column_type),
            categories: categories.map(declared),
        });
        self.signature.inputs.push(InputField { name: input.to_owned(), column_type });
        self
    }

    pub fn feature(mut self, view: &str, feature: &str, missing: Missing) -> Self {
        self.model.features.push(FeatureReference {
            span: Span::default(),
            view: Spanned::unplaced(name(view)),
            pick: Some(vec![Spanned::unplaced(feature.to_owned())]),
            entity: std::collections::BTreeMap::new(),
            alias: None,
            missing: Some(missing),
        });
        self.signature.features.push(FeatureField {
            name: format!("{view}__{feature}"),
            role: name(view),
            view: name(view),
            feature: feature.to_owned(),
            column_type: ColumnType::F64,
            keys: Vec::new(),
            missing,
            ttl_us: None,
        });
        self
    }

    pub fn derived(mut self, column: &str, tree: Expr) -> Self {
        let expression = Expression { text: column.to_owned(), tree: tree.clone() };
        self.model
            .derived
            .push(Derived { name: Spanned::unplaced(column.to_owned()), expression: Spanned::unplaced(expression) });
        self.signature.derived.push(DerivedField { name: column.to_owned(), expr: tree });
        self
    }

    pub fn build(self) -> Declared {
        Declared { model: self.model, signature: self.signature }
    }
}

/// A request over all rows, without a holdout.
pub fn request<'a>(declared: &'a Declared, set: &'a TrainingSet) -> FitRequest<'a> {
    let instant = |text: &str| Timestamp::parse(text).expect("an instant");
    FitRequest {
        signature: declared.signature.clone(),
        model: &declared.model,
        set,
        facts: TrainingFacts {
            as_of: instant("2013-03-10T07:00:00Z"),
            fit_from: instant("2013-01-01T00:00:00Z"),
            fit_to: instant("2013-03-03T07:00:00Z"),
            rows: 0,
            dropped: Dropped::default(),
        },
        holdout: None,
    }
}
