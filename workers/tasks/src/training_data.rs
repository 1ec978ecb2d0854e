//! Observations joined with builds: the rows that `train` fits, `evaluate` scores and `training-set` exports are made
//! here and nowhere else. Builds that are recorded are used as they are; those of the schedule that are missing or
//! damaged are made, all in one pass.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use daybreak_core::ScheduleCompiler;
use daybreak_model::{
    Column, ColumnValues, DerivedField, FeatureField, InputField, Signature, TextColumn, TrainingSet,
};
use daybreak_offline::{FrameColumn, TrainingFrame, Values};
use daybreak_protocol::BuildRecord;
use daybreak_runtime::TaskError;
use daybreak_spec::{Dag, Duration, Model, Name, Project, Timestamp};

use crate::failure::{self, blocking};
use crate::instants;
use crate::stores::{Made, Stores, mended};

/// How far back the newest build before the first observation is looked for where nothing else bounds it.
const LOOKBACK_US: i64 = 3_660 * 86_400_000_000;

/// Which rows.
#[derive(Clone, Debug)]
pub(crate) struct FrameRequest<'a> {
    /// The model.
    pub model: &'a Name,
    /// Observations are from `[from, to)`.
    pub from: Timestamp,
    /// See `from`.
    pub to: Timestamp,
    /// Labels and rows were known before this.
    pub at: Timestamp,
    /// The DAG whose firings are the instants of builds.
    pub dag: &'a Dag,
}

/// The rows, and the builds that had to be made for them.
#[derive(Debug)]
pub(crate) struct JoinedFrame {
    pub frame: TrainingFrame,
    pub made: Vec<Made>,
    /// Those of them that were recorded, but did not read back: a line for the log each.
    pub mended: Vec<String>,
}

/// The firings of a DAG in `[from, to]`, also those outside its `start` and `end`.
pub(crate) fn firings(
    project: &Project,
    dag: &Dag,
) -> Result<impl Fn(Timestamp, Timestamp) -> Result<Vec<Timestamp>, TaskError>, TaskError> {
    let firings = ScheduleCompiler::of(project).nominal(dag).map_err(|problems| {
        let messages: Vec<String> = problems.into_iter().map(|problem| problem.message).collect();
        TaskError::lasting(format!("the schedule cannot be read: {}", messages.join("; ")))
    })?;
    Ok(move |from, to| Ok(firings.extended_between(from, to)))
}

/// The views a model reads, each once.
pub(crate) fn views_of(model: &Model) -> BTreeSet<&Name> {
    model.features.iter().map(|reference| &reference.view.value).collect()
}

/// A declared model.
pub(crate) fn model<'a>(project: &'a Project, name: &Name) -> Result<&'a Model, TaskError> {
    let found = project.models.get(name);
    found.ok_or_else(|| TaskError::lasting(format!("the project has no model `{name}`; run `daybreak check`")))
}

/// The builds of a view that answer some observations.
struct Found {
    whole: Vec<(Timestamp, Bytes)>,
    /// Instants without a build that is whole.
    missing: BTreeSet<Timestamp>,
    /// Recorded builds among them whose object is gone or damaged.
    damaged: Vec<BuildRecord>,
}

impl Stores {
    /// The observations of a model with the features that serving would have had.
    pub(crate) async fn frame(&self, request: &FrameRequest<'_>) -> Result<JoinedFrame, TaskError> {
        let mut builds: BTreeMap<Name, Vec<(Timestamp, Bytes)>> = BTreeMap::new();
        let mut wanted: BTreeMap<Name, BTreeSet<Timestamp>> = BTreeMap::new();
        let mut damaged = Vec::new();
        for view in views_of(model(&self.project, request.model)?) {
            let found = self.builds_for(view, request).await?;
            builds.insert(view.clone(), found.whole);
            wanted.insert(view.clone(), found.missing);
            damaged.extend(found.damaged);
        }
        let made = self.make(wanted).await?;
        let mended = damaged.iter().map(|record| mended(record, &made)).collect();
        for build in &made {
            let of_view = builds.entry(build.record.view.clone()).or_default();
            of_view.push((build.record.as_of, build.parquet.clone()));
        }
        for of_view in builds.values_mut() {
            of_view.sort_by_key(|(as_of, _)| *as_of);
        }
        let (offline, model) = (Arc::clone(&self.offline), request.model.clone());
        let (from, to, at) = (request.from, request.to, request.at);
        let frame = blocking(move || {
            offline.training_set(&model, (from, to), at, &builds).map_err(|error| failure::offline(&error))
        })
        .await?;
        Ok(JoinedFrame { frame, made, mended })
    }

    /// The builds of a view that answer the observations.
    async fn builds_for(&self, view: &Name, request: &FrameRequest<'_>) -> Result<Found, TaskError> {
        let declared = self.project.feature_views.get(view);
        let delay_us = declared.and_then(|view| view.publish_delay.as_ref()).map_or(0, |delay| delay.micros);
        let lookback_us = declared.and_then(|view| view.ttl.as_ref()).map_or(LOOKBACK_US, |ttl| ttl.micros);
        let scheduled =
            instants::needed(view, firings(&self.project, request.dag)?, (request.from, request.to), delay_us)?;
        let first = request.from.plus_micros(-delay_us);
        let oldest = scheduled.first().copied().unwrap_or(first).min(first.plus_micros(-lookback_us));
        let mut records = self.recorded(view, (oldest, request.to)).await?;
        let mut missing: BTreeSet<Timestamp> =
            scheduled.into_iter().filter(|instant| !records.contains_key(instant)).collect();
        // Of the builds before the first observation only the newest can answer one.
        let start = records.keys().chain(&missing).filter(|as_of| **as_of <= first).max().copied();
        records.retain(|as_of, _| start.is_none_or(|start| *as_of >= start));
        missing.retain(|as_of| start.is_none_or(|start| *as_of >= start));
        records.retain(|as_of, _| as_of.plus_micros(delay_us) < request.to);
        let mut found = Found { whole: Vec::with_capacity(records.len()), missing, damaged: Vec::new() };
        for (record, bytes) in self.read(records.into_values().collect()).await? {
            match bytes {
                Some(bytes) => found.whole.push((record.as_of, bytes)),
                None => {
                    found.missing.insert(record.as_of);
                    found.damaged.push(record);
                }
            }
        }
        Ok(found)
    }

    /// A model's columns with their resolved types.
    pub(crate) async fn signature(&self, name: &Name) -> Result<Signature, TaskError> {
        let (offline, name) = (Arc::clone(&self.offline), name.clone());
        blocking(move || signature(&offline, &name)).await
    }
}

fn signature(offline: &daybreak_offline::Offline, name: &Name) -> Result<Signature, TaskError> {
    let schema = offline.model_schema(name).map_err(|error| failure::offline(&error))?;
    let declared = model(offline.project(), name)?;
    let algorithm = declared.algorithm.name.as_str();
    let definition = daybreak_training::algorithm(algorithm)
        .ok_or_else(|| TaskError::lasting(format!("there is no algorithm `{algorithm}`; run `daybreak check`")))?;
    let field = |(name, column_type)| InputField { name, column_type };
    let features = schema.features.into_iter().map(|feature| FeatureField {
        name: feature.name,
        role: feature.role,
        view: feature.view,
        feature: feature.feature,
        column_type: feature.column_type,
        keys: feature.keys,
        missing: feature.missing,
        ttl_us: feature.ttl_us,
    });
    let derived = declared
        .derived
        .iter()
        .map(|derived| DerivedField { name: derived.name.value.clone(), expr: derived.expression.tree.clone() });
    Ok(Signature {
        model: name.clone(),
        entity_keys: schema.keys.into_iter().map(field).collect(),
        inputs: schema.inputs.into_iter().map(field).collect(),
        features: features.collect(),
        derived: derived.collect(),
        missing: declared.missing,
        target: definition.target,
    })
}

/// Some rows of a frame as training takes them.
pub(crate) fn to_set(frame: &TrainingFrame, rows: Range<usize>) -> TrainingSet {
    let columns = frame.inputs.iter().chain(&frame.features);
    TrainingSet {
        raw: columns.map(|column| plain(column, rows.clone())).collect(),
        labels: frame.labels()[rows.clone()].to_vec(),
        times_us: frame.times_us[rows].to_vec(),
    }
}

fn plain(column: &FrameColumn, rows: Range<usize>) -> Column {
    let values = match &column.values {
        Values::Bool(values) => ColumnValues::Bool(values[rows].to_vec()),
        Values::Int(values) => ColumnValues::Int(values[rows].to_vec()),
        Values::Float(values) => ColumnValues::Float(values[rows].to_vec()),
        Values::Text(values) => ColumnValues::text(values[rows].iter().map(Option::as_deref)),
        Values::Date(values) => ColumnValues::Date(values[rows].to_vec()),
        Values::Instant(values) => ColumnValues::Instant(values[rows].to_vec()),
    };
    Column { name: column.name.clone(), values }
}

/// Some rows of a set, by index.
pub(crate) fn pick(set: &TrainingSet, rows: &[usize]) -> TrainingSet {
    fn some<T: Clone>(values: &[T], rows: &[usize]) -> Vec<T> {
        rows.iter().map(|row| values[*row].clone()).collect()
    }
    let column = |column: &Column| {
        let values = match &column.values {
            ColumnValues::Bool(values) => ColumnValues::Bool(some(values, rows)),
            ColumnValues::Int(values) => ColumnValues::Int(some(values, rows)),
            ColumnValues::Float(values) => ColumnValues::Float(some(values, rows)),
            ColumnValues::Instant(values) => ColumnValues::Instant(some(values, rows)),
            ColumnValues::Date(values) => ColumnValues::Date(some(values, rows)),
            ColumnValues::Text(text) => {
                ColumnValues::Text(TextColumn { dictionary: text.dictionary.clone(), codes: some(&text.codes, rows) })
            }
        };
        Column { name: column.name.clone(), values }
    };
    TrainingSet {
        raw: set.raw.iter().map(column).collect(),
        labels: some(&set.labels, rows),
        times_us: some(&set.times_us, rows),
    }
}

/// A model's training set as a file, for looking at it and for oracles.
#[derive(Clone, Debug)]
pub struct TrainingSetRequest {
    /// The model.
    pub model: Name,
    /// T: only rows and labels known before it.
    pub at: Timestamp,
    /// Length of the period, which ends at T; none = history and holdout of the first task that trains the model.
    pub history: Option<Duration>,
}

/// The file and what is in it.
#[derive(Clone, Debug)]
pub struct TrainingSetFile {
    /// The rows as Parquet.
    pub parquet: Vec<u8>,
    /// The rows themselves, and what was left out of them.
    pub frame: TrainingFrame,
    /// Builds that did not exist and were made for it.
    pub builds_made: usize,
}

/// Exports the rows that a `train` task at that instant would see; nothing is recorded.
///
/// # Errors
/// When no DAG trains the model, or its data cannot be read.
pub async fn training_set(stores: &Stores, request: &TrainingSetRequest) -> Result<TrainingSetFile, TaskError> {
    let name = &request.model;
    model(&stores.project, name)?;
    let (dag, period_us) = trainer(&stores.project, name, request.history.as_ref())?;
    let from = request.at.plus_micros(-period_us);
    let wanted = FrameRequest { model: name, from, to: request.at, at: request.at, dag };
    let JoinedFrame { frame, made, .. } = stores.frame(&wanted).await?;
    let (frame, parquet) = blocking(move || {
        let parquet = frame.to_parquet().map_err(|error| failure::offline(&error))?;
        Ok((frame, parquet))
    })
    .await?;
    Ok(TrainingSetFile { parquet, frame, builds_made: made.len() })
}

/// The DAG that trains a model and the length of the period its task reads.
fn trainer<'a>(project: &'a Project, model: &Name, history: Option<&Duration>) -> Result<(&'a Dag, i64), TaskError> {
    let mut found = None;
    for dag in project.dags.values() {
        for task in dag.tasks.values().filter(|task| task.kind.as_str() == crate::train::DEFINITION.name) {
            let period = crate::train::Period::declared(dag, task);
            if let Some(period) = period.filter(|period| period.model == *model) {
                found = found.or(Some((dag, period.length_us())));
            }
        }
    }
    match (found, history) {
        (Some((dag, _)), Some(history)) => Ok((dag, history.micros)),
        (Some(found), None) => Ok(found),
        (None, _) => Err(TaskError::lasting(format!(
            "no DAG trains model `{model}`, so its builds have no instants; add a task of kind `train` for it"
        ))),
    }
}
