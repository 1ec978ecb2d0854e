//! What the live version declares of its feature views, and which of them each model reads. Never looks at files: what only
//! they tell comes with the project, as [`Found`]. To find something more: a field there, filled by whoever reads projects.

use std::collections::{BTreeMap, BTreeSet};

use daybreak_protocol::{DeclaredAt, FeatureColumn};
use daybreak_spec::{AggregateFunction, ColumnType, FeatureView, Name, Project, ViewDefinition};
use serde::{Deserialize, Serialize};

/// What reading and checking a project found out beside its declarations.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// Where its DAGs are declared.
    pub dags: BTreeMap<Name, DeclaredAt>,
    /// The features of its views with their types.
    pub features: BTreeMap<Name, Vec<FeatureColumn>>,
}

impl Found {
    /// As it is kept; none where nothing was found.
    pub(crate) fn to_json(&self) -> Option<String> {
        (*self != Self::default()).then(|| serde_json::to_string(self).expect("names and texts always write"))
    }

    /// As it was kept; whatever does not read is as good as not known.
    pub(crate) fn of_json(text: Option<&str>) -> Self {
        text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    }
}

/// A feature view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DeclaredView {
    /// None: one row for all.
    pub entity: Option<Name>,
    pub keys: Vec<String>,
    pub sources: Vec<Name>,
    pub ttl_us: Option<i64>,
    pub features: Vec<FeatureColumn>,
}

/// All of a project.
pub(crate) fn views(project: &Project) -> BTreeMap<Name, DeclaredView> {
    project.feature_views.iter().map(|(name, declared)| (name.clone(), view(project, declared))).collect()
}

/// The views that each model reads.
pub(crate) fn views_of_models(project: &Project) -> BTreeMap<Name, BTreeSet<Name>> {
    let views =
        |model: &daybreak_spec::Model| model.features.iter().map(|feature| feature.view.value.clone()).collect();
    project.models.iter().map(|(name, model)| (name.clone(), views(model))).collect()
}

fn view(project: &Project, declared: &FeatureView) -> DeclaredView {
    let entity = declared.entity.as_ref().map(|entity| &entity.value);
    let keys = entity.and_then(|entity| project.entities.get(entity)).map(|entity| &entity.keys);
    let sources = match &declared.definition {
        ViewDefinition::Aggregates { source, .. } | ViewDefinition::Latest { source, .. } => vec![source.value.clone()],
        ViewDefinition::Sql { sources, .. } => sources.clone(),
    };
    DeclaredView {
        entity: entity.cloned(),
        keys: keys.into_iter().flatten().map(|key| key.value.clone()).collect(),
        sources,
        ttl_us: declared.ttl.as_ref().map(|ttl| ttl.micros),
        features: features(project, &declared.definition),
    }
}

/// Its features as far as the declarations alone tell.
fn features(project: &Project, definition: &ViewDefinition) -> Vec<FeatureColumn> {
    match definition {
        ViewDefinition::Aggregates { aggregates, .. } => aggregates
            .iter()
            .flat_map(daybreak_spec::Aggregate::features)
            .map(|(name, function, _)| FeatureColumn { name, column_type: type_of(function) })
            .collect(),
        ViewDefinition::Latest { source, columns } => {
            let schema = project.sources.get(&source.value).and_then(|source| source.schema.as_ref());
            let type_of = |column: &str| schema.and_then(|schema| schema.get(column)).map(|declared| declared.value);
            let columns = columns.iter().map(|column| column.as_str());
            columns.map(|column| FeatureColumn { name: column.to_owned(), column_type: type_of(column) }).collect()
        }
        ViewDefinition::Sql { .. } => Vec::new(),
    }
}

/// Where the column that is aggregated does not matter.
fn type_of(function: AggregateFunction) -> Option<ColumnType> {
    match function {
        AggregateFunction::Count | AggregateFunction::CountDistinct => Some(ColumnType::I64),
        AggregateFunction::Mean | AggregateFunction::Std | AggregateFunction::Percentile(_) => Some(ColumnType::F64),
        AggregateFunction::Sum | AggregateFunction::Min | AggregateFunction::Max => None,
    }
}
