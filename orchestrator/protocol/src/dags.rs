//! One deployed DAG as its page shows it: what lists show, and its parameters and place. Plain data.

use daybreak_spec::ParamType;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use utoipa::ToSchema;

use crate::DagView;

/// A deployed DAG with what lists leave out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DagDetail {
    /// As lists show it.
    #[serde(flatten)]
    pub view: DagView,
    /// What a run by hand may be given, by name.
    pub params: Vec<ParamView>,
    /// SHA-256 (hex) of the project's snapshot that its next runs are made from.
    pub version: String,
    /// Where it is declared, if a server has read this version from files.
    pub declared: Option<DeclaredAt>,
}

/// A parameter of a DAG.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ParamView {
    /// Its name.
    pub name: String,
    /// What its values are.
    #[serde(rename = "type")]
    pub param_type: ParamType,
    /// Its value where a run is given none; none: every run has to be given one.
    #[schema(value_type = Option<serde_json::Value>)]
    pub default: Option<Json>,
    /// Least value, of numbers.
    #[schema(value_type = Option<serde_json::Value>)]
    pub min: Option<Json>,
    /// Greatest value, of numbers.
    #[schema(value_type = Option<serde_json::Value>)]
    pub max: Option<Json>,
    /// The only values, where any are listed.
    #[serde(rename = "enum", default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<serde_json::Value>)]
    pub one_of: Vec<Json>,
    /// For people.
    pub description: Option<String>,
}

/// A place in the project's files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeclaredAt {
    /// Path, relative to the project.
    pub file: String,
    /// 1-based line.
    pub line: u32,
}
