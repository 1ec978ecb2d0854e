//! What is kept of a prediction, as JSON: enough to answer "why" later and to recompute it offline. Encoded by the
//! writer, off the path of the request.

use daybreak_features::{Online, Status};
use daybreak_spec::{Name, Timestamp, Value};
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use ulid::Ulid;
use utoipa::ToSchema;

use crate::http::{Imputed, Outcome, Predicted, PredictedRow, imputed, outcome};
use crate::log::{Entries, frame};
use crate::plan::Read;
use crate::values::Shown;

/// A prediction as it is kept.
#[derive(Serialize, ToSchema)]
#[schema(as = PredictionRecord)]
pub struct Record<'a> {
    #[schema(value_type = String)]
    prediction_id: Ulid,
    model: &'a Name,
    model_version: u32,
    /// SHA-256 of the artefact.
    artifact: &'a str,
    /// Of the training run.
    run_id: &'a str,
    /// The instant at which features were read.
    business_time: Timestamp,
    /// The machine's time.
    made_at: Timestamp,
    prediction: Outcome,
    #[serde(skip_serializing_if = "Option::is_none")]
    probability: Option<f64>,
    /// The row as it was asked.
    #[schema(value_type = Object)]
    row: Fields<'a>,
    features: Vec<ReadRecord<'a>>,
    imputed: Vec<Imputed<'a>>,
    unknown_categories: &'a [String],
}

/// What was read from one view.
#[derive(Serialize, ToSchema)]
#[schema(as = PredictionRead)]
struct ReadRecord<'a> {
    view: &'a Name,
    roles: Vec<&'a Name>,
    #[schema(value_type = Vec<serde_json::Value>)]
    keys: Vec<Shown<'a>>,
    as_of: Option<Timestamp>,
    measured_from: Option<Timestamp>,
    publication: Option<i64>,
    /// Feature -> the value the model got.
    #[schema(value_type = Object)]
    values: Values<'a>,
    /// Feature -> what became of it.
    #[schema(value_type = BTreeMap<String, Status>)]
    statuses: Statuses<'a>,
}

/// Feature -> the value the model got.
struct Values<'a> {
    read: &'a Read,
    features: &'a [Value],
}

impl Serialize for Values<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.read.uses.iter().map(|used| (&used.name, Shown(&self.features[used.feature]))))
    }
}

/// Feature -> what became of it.
struct Statuses<'a> {
    read: &'a Read,
    statuses: &'a [Status],
}

impl Serialize for Statuses<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.read.uses.iter().map(|used| (&used.name, self.statuses[used.feature])))
    }
}

/// The row as it was asked.
struct Fields<'a> {
    predicted: &'a Predicted,
    row: &'a PredictedRow,
}

impl Serialize for Fields<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fields = &self.predicted.model.plan.fields;
        let mut map = serializer.serialize_map(Some(fields.len()))?;
        for (field, value) in fields.iter().zip(&self.row.row.fields) {
            map.serialize_entry(&field.name, &Shown(value))?;
        }
        map.end()
    }
}

impl Entries for Predicted {
    fn count(&self) -> usize {
        self.rows.len()
    }

    fn first(&self) -> Option<Ulid> {
        self.rows.first().map(|row| row.id)
    }

    fn append(&self, out: &mut Vec<u8>) {
        for row in &self.rows {
            frame::append(out, row.id, |out| write(self, row, out));
        }
    }
}

/// Appends the record of one row.
fn write(predicted: &Predicted, row: &PredictedRow, out: &mut Vec<u8>) {
    let model = &predicted.model;
    let (prediction, probability) = outcome(model, row);
    let version = &model.live.version;
    let reads = model.plan.reads.iter().enumerate();
    let record = Record {
        prediction_id: row.id,
        model: &model.name,
        model_version: version.version,
        artifact: &version.content.object,
        run_id: &version.run_id,
        business_time: predicted.business,
        made_at: predicted.real,
        prediction,
        probability,
        row: Fields { predicted, row },
        features: reads.map(|(number, read)| read_record(predicted, row, number, read)).collect(),
        imputed: imputed(model, row),
        unknown_categories: &row.prediction.unknown_categories,
    };
    serde_json::to_writer(out, &record).expect("text and numbers, written to memory");
}

fn read_record<'a>(predicted: &'a Predicted, row: &'a PredictedRow, number: usize, read: &'a Read) -> ReadRecord<'a> {
    let plan = &predicted.model.plan;
    let answer: &Online = &predicted.answers[row.row.answers[number]];
    ReadRecord {
        view: &read.view,
        roles: plan.roles.iter().filter(|(_, read)| *read == number).map(|(role, _)| role).collect(),
        keys: read.key_fields.iter().map(|field| Shown(&row.row.fields[*field])).collect(),
        as_of: answer.as_of,
        measured_from: answer.measured_from,
        publication: answer.generation.as_ref().map(|generation| generation.publication),
        values: Values { read, features: &row.row.raw[plan.inputs.len()..] },
        statuses: Statuses { read, statuses: &row.row.statuses },
    }
}
