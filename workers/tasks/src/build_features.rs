//! `build_features`: builds views at T, and first the instants of the models' history that do not exist yet. Never
//! writes online rows (that is `materialize`) and never builds from rows known at T or later. A new view kind needs
//! nothing here: `daybreak-offline` knows how a view is built.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use daybreak_core::{Dataset, KindDefinition, ParameterDefinition, ParameterType};
use daybreak_protocol::{BuildRecord, TaskResult};
use daybreak_runtime::{Task, TaskContext, TaskError};
use daybreak_spec::{Name, Timestamp};
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

use crate::parameters::{OneOrMany, object};
use crate::stores::{Made, Stores, mended};
use crate::training_data::views_of;
use crate::{instants, train};

/// What checking and scheduling know of it.
pub static DEFINITION: KindDefinition = KindDefinition {
    name: "build_features",
    summary: "builds feature views at the run's instant, and first the instants of the history that are missing",
    parameters: &[ParameterDefinition {
        name: "views",
        parameter_type: ParameterType::Views,
        required: false,
        summary: "the views to build; all of the project when left out",
    }],
    heavy: true,
    side_effects: false,
    gated: false,
    reads: &[],
    makes: &[Dataset::Views("views")],
    rules: &[],
};

/// The task.
pub struct BuildFeatures;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    #[serde(default)]
    views: Option<OneOrMany<Name>>,
}

/// What has to be there for one view, and what is.
#[derive(Default)]
struct Inventory {
    /// Instants to build.
    missing: BTreeSet<Timestamp>,
    /// The build at T, where it exists and is whole.
    reused: Option<BuildRecord>,
    /// The build at T, where it is recorded but does not read back.
    damaged: Option<BuildRecord>,
}

#[async_trait]
impl Task for BuildFeatures {
    fn definition(&self) -> &'static KindDefinition {
        &DEFINITION
    }

    async fn run(&self, context: &TaskContext) -> Result<TaskResult, TaskError> {
        let parameters: Parameters = context.parameters()?;
        let stores = Stores::of(context);
        let views: Vec<Name> = match parameters.views {
            Some(named) => named.into_iter().collect(),
            None => stores.project.feature_views.keys().cloned().collect(),
        };
        let at = context.assignment.window_end;
        let mut inventories = BTreeMap::new();
        for view in &views {
            let history = history_of(context, view)?;
            inventories.insert(view.clone(), take_inventory(&stores, view, history, at).await?);
        }
        let wanted: BTreeMap<Name, BTreeSet<Timestamp>> =
            inventories.iter().map(|(view, inventory)| (view.clone(), inventory.missing.clone())).collect();
        let total: usize = wanted.values().map(BTreeSet::len).sum();
        context.log(&format!("views at {at}: {}; builds to make in one pass: {total}", views.len()));
        let made = stores.make(wanted).await?;
        for damaged in inventories.values().filter_map(|inventory| inventory.damaged.as_ref()) {
            context.log(&mended(damaged, &made));
        }
        let summary = Summary::of(&inventories, &made, at);
        summary.tell(context);
        summary.refuse_if_empty(at)?;
        Ok(TaskResult {
            outputs: summary.outputs(context),
            builds: made.into_iter().map(|made| made.record).collect(),
            ..TaskResult::default()
        })
    }
}

/// The instants that the histories of the DAG's models need of a view.
fn history_of(context: &TaskContext, view: &Name) -> Result<BTreeSet<Timestamp>, TaskError> {
    let (at, dag) = (context.assignment.window_end, context.dag()?);
    let declared = context.project.feature_views.get(view);
    let declared = declared.ok_or_else(|| TaskError::lasting(format!("the project has no feature view `{view}`")))?;
    let delay_us = declared.publish_delay.as_ref().map_or(0, |delay| delay.micros);
    let mut needed = BTreeSet::new();
    for task in dag.tasks.values().filter(|task| task.kind.as_str() == train::DEFINITION.name) {
        let Some(period) = train::Period::of(task, &context.assignment.params) else { continue };
        let model = context.project.models.get(&period.model);
        if model.is_some_and(|model| views_of(model).contains(view)) {
            let from = at.plus_micros(-period.length_us());
            let firings = |from, to| context.firings_between(from, to);
            needed.extend(instants::needed(view, firings, (from, at), delay_us)?);
        }
    }
    Ok(needed)
}

/// A build at T must be whole to be reused; for the history it is enough that the object is there, since `train` checks
/// what it reads.
async fn take_inventory(
    stores: &Stores,
    view: &Name,
    mut history: BTreeSet<Timestamp>,
    at: Timestamp,
) -> Result<Inventory, TaskError> {
    history.remove(&at);
    let oldest = history.first().copied().unwrap_or(at);
    let mut recorded = stores.recorded(view, (oldest, at)).await?;
    let (reused, damaged) = match recorded.remove(&at) {
        Some(record) => match stores.read(vec![record.clone()]).await?.pop() {
            Some((record, Some(_))) => (Some(record), None),
            _ => (None, Some(record)),
        },
        None => (None, None),
    };
    let asked: Vec<&BuildRecord> = history.iter().filter_map(|instant| recorded.get(instant)).collect();
    let present = stores.present(&asked).await?;
    let mut missing: BTreeSet<Timestamp> = history.difference(&present).copied().collect();
    if reused.is_none() {
        missing.insert(at);
    }
    Ok(Inventory { missing, reused, damaged })
}

/// What came of it, per view.
struct Summary {
    views: BTreeMap<Name, ViewSummary>,
}

#[derive(Default)]
struct ViewSummary {
    rows: u64,
    reused: bool,
    /// No row of any source counted at T.
    is_empty: bool,
    /// Builds made for the history.
    history: usize,
    /// Those of them for which the data holds nothing.
    unfillable: Vec<Timestamp>,
}

impl Summary {
    fn of(inventories: &BTreeMap<Name, Inventory>, made: &[Made], at: Timestamp) -> Self {
        let mut views: BTreeMap<Name, ViewSummary> = BTreeMap::new();
        for (view, inventory) in inventories {
            let summary = views.entry(view.clone()).or_default();
            if let Some(record) = &inventory.reused {
                summary.rows = record.rows;
                summary.reused = true;
                summary.is_empty = record.rows == 0;
            }
        }
        for build in made {
            let summary = views.entry(build.record.view.clone()).or_default();
            if build.record.as_of == at {
                summary.rows = build.record.rows;
                summary.is_empty = build.is_without_source_rows;
            } else {
                summary.history += 1;
                if build.is_without_source_rows {
                    summary.unfillable.push(build.record.as_of);
                }
            }
        }
        Self { views }
    }

    fn tell(&self, context: &TaskContext) {
        for (view, summary) in &self.views {
            let how = if summary.reused { "reused" } else { "built" };
            context.log(&format!(
                "view {view}: {} rows {how}, {} builds of the history made",
                summary.rows, summary.history
            ));
            if summary.is_empty {
                context.log(&format!("view {view}: its sources hold no row that counts at this instant"));
            }
            if let (Some(first), Some(last)) = (summary.unfillable.first(), summary.unfillable.last()) {
                let count = summary.unfillable.len();
                context.log(&format!(
                    "view {view}: the data cannot fill {count} instants of the history, from {first} to {last}; their builds are empty"
                ));
            }
        }
    }

    fn refuse_if_empty(&self, at: Timestamp) -> Result<(), TaskError> {
        if self.views.is_empty() {
            return Err(TaskError::lasting("there is no feature view to build; declare one, or take the task out"));
        }
        if self.views.values().all(|summary| summary.is_empty) {
            let names: Vec<&str> = self.views.keys().map(Name::as_str).take(10).collect();
            return Err(TaskError::lasting(format!(
                "no source holds a row that counts at {at}, so every view is empty ({}); check that the files reach up to this \
                 instant, and the windows and `ttl` of the views",
                names.join(", ")
            )));
        }
        Ok(())
    }

    fn outputs(&self, context: &TaskContext) -> Map<String, Json> {
        let names: Vec<&str> = self.views.keys().map(Name::as_str).collect();
        let empty: Vec<&str> =
            self.views.iter().filter(|(_, summary)| summary.is_empty).map(|(view, _)| view.as_str()).collect();
        let sum = |of: fn(&ViewSummary) -> usize| self.views.values().map(of).sum::<usize>();
        let unfillable = self.views.values().flat_map(|summary| &summary.unfillable);
        let outputs = json!({
            "at": context.assignment.window_end,
            "window_start": context.assignment.window_start,
            "views": names,
            "rows": self.views.values().map(|summary| summary.rows).sum::<u64>(),
            "built": sum(|summary| usize::from(!summary.reused)),
            "reused": sum(|summary| usize::from(summary.reused)),
            "history_built": sum(|summary| summary.history),
            "empty": empty,
            "unfillable": sum(|summary| summary.unfillable.len()),
            "unfillable_until": unfillable.max(),
        });
        object(outputs)
    }
}
