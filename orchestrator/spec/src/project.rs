//! The typed declarations of a project: what the YAML says once it has been read without a problem. Plain data with
//! positions; meaning (columns, types, references) is resolved by the `check` package. To add a key: a field here, a
//! line in the decoder, a line in the schema, a fixture.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Dag, FeatureView, Model, Name, Source, Span, Spanned};

/// A whole project: every `*.yaml` below one folder, merged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Project {
    /// `name` of `daybreak.yaml`; the folder's name where it is not given.
    pub name: Spanned<Name>,
    /// Folders outside the project that sources may read from, as written.
    pub data_roots: Vec<Spanned<String>>,
    /// Declared sources.
    pub sources: BTreeMap<Name, Source>,
    /// Declared entities.
    pub entities: BTreeMap<Name, Entity>,
    /// Declared feature views.
    pub feature_views: BTreeMap<Name, FeatureView>,
    /// Declared models.
    pub models: BTreeMap<Name, Model>,
    /// Declared DAGs.
    pub dags: BTreeMap<Name, Dag>,
}

/// What a feature view describes, found by its key columns.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entity {
    /// Where the entity's name stands.
    #[serde(skip)]
    pub span: Span,
    /// Key columns in order.
    pub keys: Vec<Spanned<String>>,
}
