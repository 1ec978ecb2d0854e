//! The parameters of paths, by what they name. One that is not of its form names nothing: 404. To add one: a struct whose
//! field has the name that stands in the path.

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use daybreak_spec::Name;
use serde::Deserialize;
use ulid::Ulid;
use utoipa::IntoParams;

/// A path's parameters, or why they name nothing.
pub type PathOf<T> = Result<Path<T>, PathRejection>;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct OfRun {
    /// The run's ULID.
    #[param(value_type = String, pattern = "^[0-7][0-9A-HJKMNP-TV-Z]{25}$")]
    pub run: Ulid,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct OfTask {
    /// The run's ULID.
    #[param(value_type = String, pattern = "^[0-7][0-9A-HJKMNP-TV-Z]{25}$")]
    pub run: Ulid,
    /// The task.
    pub task: Name,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct OfDag {
    /// The DAG.
    pub dag: Name,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct OfView {
    /// The feature view.
    pub view: Name,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct OfModel {
    /// The model.
    pub model: Name,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct OfVersion {
    /// The model.
    pub model: Name,
    /// Its version, from 1.
    pub version: u32,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct OfProjectVersion {
    /// SHA-256 (hex) of the version's snapshot.
    #[param(value_type = String, pattern = "^[0-9a-f]{64}$")]
    pub version: Hash,
}

/// A SHA-256 in hex.
#[derive(Deserialize)]
#[serde(try_from = "String")]
pub struct Hash(pub String);

impl TryFrom<String> for Hash {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if text.len() == 64 && text.bytes().all(hex) { Ok(Self(text)) } else { Err("64 hexadecimal digits") }
    }
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct OfAlias {
    /// The model.
    pub model: Name,
    /// The alias.
    pub alias: Name,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct OfToken {
    /// The token's ULID.
    #[param(value_type = String, pattern = "^[0-7][0-9A-HJKMNP-TV-Z]{25}$")]
    pub token: Ulid,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct OfBackfill {
    /// The backfill's ULID.
    #[param(value_type = String, pattern = "^[0-7][0-9A-HJKMNP-TV-Z]{25}$")]
    pub backfill: Ulid,
}
