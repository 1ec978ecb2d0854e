//! Models with their versions and aliases, and builds, as they are listed. Plain data. To add a list: its query and its page
//! here, a method of the client, a route in `server`.

use std::collections::BTreeMap;

use daybreak_spec::{Name, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::page::rows_of_page;
use crate::{BuildRecord, HashCursor, ModelVersionRecord};

/// Which models are listed, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ModelsQuery {
    /// Models after this one: `next` of the page before.
    pub after: Option<Name>,
    /// At most so many, 1 to 500; default 50.
    #[param(minimum = 1, maximum = 500, default = 50)]
    pub limit: Option<u32>,
}

impl ModelsQuery {
    /// The limit that holds.
    pub fn effective_limit(&self) -> u32 {
        rows_of_page(self.limit)
    }
}

/// A page of models, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ModelList {
    /// Those that are declared, and those that have versions.
    pub models: Vec<ModelSummary>,
    /// `after` of the next page; none on the last.
    pub next: Option<Name>,
}

/// A model in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ModelSummary {
    /// The model.
    pub name: Name,
    /// How many versions it has; they are numbered from 1.
    pub versions: u32,
    /// Alias -> version.
    pub aliases: BTreeMap<String, u32>,
}

/// A model with everything the registry knows of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelView {
    /// The model.
    pub name: Name,
    /// Its versions, oldest first.
    pub versions: Vec<ModelVersionRecord>,
    /// Alias -> version.
    pub aliases: BTreeMap<String, u32>,
    /// Every move of an alias, oldest first.
    pub alias_history: Vec<AliasHistoryEntry>,
}

/// Which versions of a model are listed, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct VersionsQuery {
    /// Versions older than this one: `next` of the page before.
    #[param(value_type = Option<i64>, minimum = 0, maximum = 4_294_967_295_i64)]
    pub before: Option<u32>,
    /// At most so many, 1 to 500; default 50.
    #[param(minimum = 1, maximum = 500, default = 50)]
    pub limit: Option<u32>,
}

impl VersionsQuery {
    /// The limit that holds.
    pub fn effective_limit(&self) -> u32 {
        rows_of_page(self.limit)
    }
}

/// A page of the versions of a model, newest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct VersionList {
    /// The versions.
    pub versions: Vec<ModelVersionRecord>,
    /// `before` of the next page; none on the last.
    pub next: Option<u32>,
}

/// Which moves of a model's aliases are listed, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AliasHistoryQuery {
    /// Moves before this one: `next` of the page before.
    pub before: Option<i64>,
    /// At most so many, 1 to 500; default 50.
    #[param(minimum = 1, maximum = 500, default = 50)]
    pub limit: Option<u32>,
}

impl AliasHistoryQuery {
    /// The limit that holds.
    pub fn effective_limit(&self) -> u32 {
        rows_of_page(self.limit)
    }
}

/// A page of the moves of a model's aliases, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AliasHistory {
    /// The moves.
    pub moves: Vec<AliasHistoryEntry>,
    /// `before` of the next page; none on the last.
    pub next: Option<i64>,
}

/// One move of an alias.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AliasHistoryEntry {
    /// The alias, e.g. `champion`.
    pub alias: String,
    /// Where it pointed before; none for its first move.
    pub from: Option<u32>,
    /// Where it points since.
    pub to: u32,
    /// T of the run that moved it; of a move by hand, the version's own.
    pub as_of: Timestamp,
    /// The run that moved it; none when a person did.
    pub run_id: Option<String>,
    /// Who moved it by hand; none when a run did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Why, in their words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Real time of the move.
    pub moved_at: Timestamp,
}

/// "Let this alias point at that version": promote and roll back by hand. An older version is taken too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MoveAliasRequest {
    /// Where it is to point.
    #[schema(value_type = i64, minimum = 0, maximum = 4_294_967_295_i64)]
    pub version: u32,
    /// Why, for those who look later.
    pub reason: String,
    /// Where it points now, as the caller saw it: if it points elsewhere, nothing is done. None: wherever it points.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i64>, minimum = 0, maximum = 4_294_967_295_i64)]
    pub expected: Option<u32>,
    /// Who asks; none = a caller of the API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

/// The version that an alias points at.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AliasView {
    /// None: the alias points nowhere yet.
    pub version: Option<ModelVersionRecord>,
}

/// Which builds of a view are listed, oldest first. The bounds of `as_of` are inclusive; an absent one does not bound.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct BuildsQuery {
    /// The earliest instant.
    pub from: Option<Timestamp>,
    /// The latest.
    pub to: Option<Timestamp>,
    /// Builds after this one: `next` of the page before.
    pub after: Option<HashCursor>,
    /// At most so many, 1 to 500; default 50.
    #[param(minimum = 1, maximum = 500, default = 50)]
    pub limit: Option<u32>,
}

impl BuildsQuery {
    /// The limit that holds.
    pub fn effective_limit(&self) -> u32 {
        rows_of_page(self.limit)
    }
}

/// A page of the builds of a view, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BuildList {
    /// The newest record per instant and definition.
    pub builds: Vec<BuildRecord>,
    /// `after` of the next page; none on the last.
    pub next: Option<HashCursor>,
}
