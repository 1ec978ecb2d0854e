//! Models with their versions and aliases, and builds, as they are listed. Plain data. To add a list: its query and its page
//! here, a method of the client, a route in `server`.

use std::collections::BTreeMap;
use std::fmt;

use daybreak_spec::{Name, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{IntoParams, PartialSchema, ToSchema};

use crate::page::rows_of_page;
use crate::{BuildRecord, ModelVersionRecord};

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
    /// T of the run that judged the version.
    pub as_of: Timestamp,
    /// The run that moved it; none when a person did.
    pub run_id: Option<String>,
    /// Real time of the move.
    pub moved_at: Timestamp,
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
    pub after: Option<BuildCursor>,
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
    pub next: Option<BuildCursor>,
}

/// Names a build of a view: its instant and its definition. As a text `<microseconds since 1970>.<definition hash>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildCursor {
    /// T.
    pub as_of: Timestamp,
    /// The hash of its definition.
    pub definition_hash: String,
}

impl BuildCursor {
    /// Reads what [`fmt::Display`] has written.
    pub fn parse(text: &str) -> Option<Self> {
        let (micros, hash) = text.split_once('.')?;
        let plain = hash.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase());
        let as_of = Timestamp::from_micros(micros.parse().ok()?);
        let written = micros == as_of.micros.to_string() && plain && (1..=64).contains(&hash.len());
        written.then(|| Self { as_of, definition_hash: hash.to_owned() })
    }
}

impl fmt::Display for BuildCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.as_of.micros, self.definition_hash)
    }
}

impl Serialize for BuildCursor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for BuildCursor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom("this leads to no page; take `next` of the page before"))
    }
}

impl PartialSchema for BuildCursor {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::String).pattern(Some(r"^(0|-?[1-9][0-9]{0,18})\.[0-9a-z]{1,64}$")).into()
    }
}
impl ToSchema for BuildCursor {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_is_written_and_no_other_text_is_one() {
        let micros = [0, -1, 1_362_898_800_000_000, i64::MIN, i64::MAX];
        for as_of in micros.map(Timestamp::from_micros) {
            let cursor = BuildCursor { as_of, definition_hash: "0a".repeat(32) };
            assert_eq!(BuildCursor::parse(&cursor.to_string()), Some(cursor));
        }
        let long = format!("1.{}", "0".repeat(65));
        for text in
            ["", ".", "1", "1.", ".a", "x.a", "+1.a", "01.a", "-0.a", "9223372036854775808.a", "1.A", "1.a.b", &long]
        {
            assert_eq!(BuildCursor::parse(text), None, "{text}");
        }
    }
}
