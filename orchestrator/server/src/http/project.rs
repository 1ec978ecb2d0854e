//! The deployed project: what is live, reading it again, its versions and their texts. To add a route: a function here, a line in `routes`.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequestParts, Path, Query, State};
use axum::http::StatusCode;
use axum::http::header::{ETAG, IF_MATCH};
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Response};
use daybreak_protocol::{Applied, ProblemDetails, ProjectFiles, ProjectVersionList, ProjectVersionsQuery, ProjectView};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::body::Body;
use super::path::{Hash, OfProjectVersion, PathOf};
use super::people::{Answer, require_page};
use super::problem::Refusal;
use super::routes::Shared;
use crate::origin::Origin;

/// A request that says nothing but its path: `{}`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// The project that runs are made from, and what is wrong with its files. The `etag` is its version.
#[utoipa::path(get, path = "/api/v1/project", tag = "project", responses(
    (status = 200, body = ProjectView, headers(("etag" = String, description = "The version that is live")))))]
pub async fn project(State(engine): State<Shared>) -> Result<Response, Refusal> {
    let project = engine.project().await?;
    Ok(([(ETAG, format!("\"{}\"", project.version))], Json(project)).into_response())
}

/// The version that a request is for.
pub struct IfMatch(Option<String>);

/// The header as the document shows it.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "the document is made from it")]
pub struct IfMatchHeader {
    /// The `etag` of the version that is expected to be live: if another is, nothing is done.
    #[serde(rename = "if-match")]
    version: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        let mut given = parts.headers.get_all(IF_MATCH).iter();
        let Some(tag) = given.next() else { return Ok(Self(None)) };
        let tag = tag.to_str().ok().map(str::trim).filter(|_| given.next().is_none());
        match tag {
            Some("*") => Ok(Self(None)),
            // A list or a weak tag is no version that was ever given out.
            Some(tag) => Ok(Self(Some(tag.trim_matches('"').to_owned()))),
            None => Err(stale()),
        }
    }
}

fn stale() -> Refusal {
    let detail = "another version of the project is live; read it again (GET /api/v1/project), then decide";
    Refusal::new(StatusCode::PRECONDITION_FAILED, "stale_version", detail)
}

/// Reads the project's files again and makes them current; refused with all that is wrong with them.
#[utoipa::path(post, path = "/api/v1/project/reload", tag = "project", request_body = Nothing, params(IfMatchHeader),
    responses((status = 200, body = Applied),
        (status = 412, body = ProblemDetails, content_type = "application/problem+json",
            description = "another version than `if-match` says is live")))]
pub async fn reload(
    State(engine): State<Shared>,
    from: Origin,
    expected: Result<IfMatch, Refusal>,
    body: Result<Body<Nothing>, Refusal>,
) -> Result<Json<Applied>, Refusal> {
    let (IfMatch(expected), Body(Nothing {})) = (expected?, body?);
    engine.reload(from, expected).await?.map(Json).ok_or_else(stale)
}

/// The versions of the project that were deployed, newest first.
#[utoipa::path(get, path = "/api/v1/project/versions", tag = "project", params(ProjectVersionsQuery), responses((status = 200, body = ProjectVersionList)))]
pub async fn versions(
    State(engine): State<Shared>,
    query: Result<Query<ProjectVersionsQuery>, QueryRejection>,
) -> Answer<ProjectVersionList> {
    let Query(query) = query?;
    require_page(None, query.limit)?;
    Ok(Json(engine.project_versions(query).await?))
}

/// The texts that a version of the project was read from, as they were when it was deployed last.
#[utoipa::path(get, path = "/api/v1/project/versions/{version}/files", tag = "project", params(OfProjectVersion), responses((status = 200, body = ProjectFiles)))]
pub async fn files_of_version(State(engine): State<Shared>, path: PathOf<OfProjectVersion>) -> Answer<ProjectFiles> {
    let Path(OfProjectVersion { version: Hash(version) }) = path?;
    Ok(Json(engine.files_of_version(&version).await?))
}

/// The texts of the project's folder as they are now: what `problems` of the project is about.
#[utoipa::path(get, path = "/api/v1/project/files", tag = "project", responses((status = 200, body = ProjectFiles),
    (status = 404, body = ProblemDetails, content_type = "application/problem+json",
        description = "the server has no folder that is a project")))]
pub async fn files(State(engine): State<Shared>) -> Answer<ProjectFiles> {
    Ok(Json(engine.project_files().await?))
}
