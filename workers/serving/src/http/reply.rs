//! The answer to a prediction request. What was imputed, expired or unknown stands in it.

use daybreak_features::Status;
use daybreak_model::Target;
use daybreak_spec::Timestamp;
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use ulid::Ulid;
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::http::predict::{Predicted, PredictedRow};
use crate::registry::LoadedModel;

/// From this probability on a classifier answers true.
const THRESHOLD: f64 = 0.5;

/// What a prediction request is answered with: as it was asked.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = PredictionReply)]
pub enum Reply<'a> {
    /// To one row.
    One(Answer<'a>),
    /// To `{"rows": [...]}`.
    Many {
        /// In the order of the rows.
        predictions: Vec<Answer<'a>>,
    },
}

/// One answer.
#[derive(Serialize, ToSchema)]
#[schema(as = PredictionAnswer)]
pub struct Answer<'a> {
    /// What is predicted.
    prediction: Outcome,
    /// P(label = true); of a model that estimates a number there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    probability: Option<f64>,
    /// What computed it.
    model_version: u32,
    features_as_of: FeaturesAsOf<'a>,
    /// Under which it stands in the log.
    #[schema(value_type = String)]
    prediction_id: Ulid,
    /// What the model had to make up.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    imputed: Vec<Imputed<'a>>,
    /// Columns whose category the model has not been trained on.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    #[schema(required = false)]
    unknown_categories: &'a [String],
}

/// What is predicted: a boolean label or a number.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = PredictedOutcome)]
pub enum Outcome {
    /// P(label = true) is at least one half.
    Label(bool),
    /// The estimate.
    Number(f64),
}

/// A column whose value the model had to make up, and why.
#[derive(Serialize, ToSchema)]
#[schema(as = ImputedColumn)]
pub struct Imputed<'a> {
    /// Input, derived column, or `{role}__{feature}`.
    column: &'a str,
    /// What became of the real value.
    status: Status,
}

/// Prediction and probability of a row.
pub fn outcome(model: &LoadedModel, row: &PredictedRow) -> (Outcome, Option<f64>) {
    let value = row.prediction.value;
    match model.predictor.artifact().signature.target {
        Target::Probability => (Outcome::Label(value >= THRESHOLD), Some(value)),
        Target::Number => (Outcome::Number(value), None),
    }
}

/// What was made up for a row, in the model's order of columns.
pub fn imputed<'a>(model: &LoadedModel, row: &'a PredictedRow) -> Vec<Imputed<'a>> {
    let signature = &model.predictor.artifact().signature;
    let status = |column: &str| {
        let feature = signature.features.iter().position(|feature| feature.name == column);
        feature.map_or(Status::NullValue, |feature| row.row.statuses[feature])
    };
    row.prediction.imputed.iter().map(|column| Imputed { column, status: status(column) }).collect()
}

/// Role -> T of the generation that gave its features, null where there was no row.
pub struct FeaturesAsOf<'a> {
    predicted: &'a Predicted,
    row: &'a PredictedRow,
}

impl Serialize for FeaturesAsOf<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let roles = &self.predicted.model.plan.roles;
        let mut map = serializer.serialize_map(Some(roles.len()))?;
        for (role, read) in roles {
            map.serialize_entry(role, &self.predicted.answers[self.row.row.answers[*read]].as_of)?;
        }
        map.end()
    }
}

impl PartialSchema for FeaturesAsOf<'_> {
    fn schema() -> RefOr<Schema> {
        let nothing = ObjectBuilder::new().schema_type(Type::Null);
        let instant = OneOfBuilder::new().item(nothing).item(Timestamp::schema()).build();
        ObjectBuilder::new()
            .additional_properties(Some(Schema::OneOf(instant)))
            .description(Some("Role -> T of the generation that gave its features; null where there was no row."))
            .into()
    }
}
impl ToSchema for FeaturesAsOf<'_> {}

impl<'a> Answer<'a> {
    fn new(predicted: &'a Predicted, row: &'a PredictedRow) -> Self {
        let (prediction, probability) = outcome(&predicted.model, row);
        Self {
            prediction,
            probability,
            model_version: predicted.model.live.version.version,
            features_as_of: FeaturesAsOf { predicted, row },
            prediction_id: row.id,
            imputed: imputed(&predicted.model, row),
            unknown_categories: &row.prediction.unknown_categories,
        }
    }
}

/// The body of the reply.
pub fn encode(predicted: &Predicted) -> Vec<u8> {
    let mut answers = predicted.rows.iter().map(|row| Answer::new(predicted, row));
    let reply = match (predicted.batch, answers.next()) {
        (false, Some(answer)) => Reply::One(answer),
        (_, first) => Reply::Many { predictions: first.into_iter().chain(answers).collect() },
    };
    serde_json::to_vec(&reply).expect("text and finite numbers always have a JSON form")
}
