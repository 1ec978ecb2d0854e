//! The typed declarations of a project: what the YAML says once it has been read without a problem. Plain data with
//! positions; meaning (columns, types, references) is resolved by the `check` package. To add a key: a field here, a
//! line in the decoder, a line in the schema, a fixture.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Alert, Calendar, Dag, Duration, FeatureView, HttpAllow, Limit, Model, Name, Source, Span, Spanned};

/// A whole project: every `*.yaml` below one folder, merged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Project {
    /// `name` of `daybreak.yaml`; the folder's name where it is not given.
    pub name: Spanned<Name>,
    /// Folders outside the project that sources may read from, as written.
    pub data_roots: Vec<Spanned<String>>,
    /// How long logged predictions are kept.
    #[serde(default)]
    pub predictions: Predictions,
    /// Where secrets are found, beside the environment of workers.
    #[serde(default, skip_serializing_if = "Secrets::is_default")]
    pub secrets: Secrets,
    /// Addresses that tasks may ask although they are not of the public internet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub http_allow: Vec<Spanned<HttpAllow>>,
    /// Declared sources.
    pub sources: BTreeMap<Name, Source>,
    /// Declared entities.
    pub entities: BTreeMap<Name, Entity>,
    /// Declared feature views.
    pub feature_views: BTreeMap<Name, FeatureView>,
    /// Declared models.
    pub models: BTreeMap<Name, Model>,
    /// Declared calendars.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub calendars: BTreeMap<Name, Calendar>,
    /// Declared limits.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub limits: BTreeMap<Name, Limit>,
    /// Declared alerts.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub alerts: BTreeMap<Name, Alert>,
    /// Declared DAGs.
    pub dags: BTreeMap<Name, Dag>,
}

/// How long the log of predictions is kept: until the first of its two limits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Predictions {
    /// Every prediction is kept at least so long.
    pub keep: Duration,
    /// Unless the log takes more than this on the disk: then the oldest go first.
    pub max_size_bytes: u64,
}

impl Default for Predictions {
    fn default() -> Self {
        Self { keep: Duration::parse("90d").expect("a duration of this file"), max_size_bytes: 10 << 30 }
    }
}

/// Where `secret://NAME` is found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secrets {
    /// A folder on the workers' machines with a file for each secret; relative to the project.
    pub folder: Option<Spanned<String>>,
}

impl Secrets {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
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
