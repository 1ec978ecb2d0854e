//! The deployed project: what is live, and reading it again. To add a route: a function here, a line in `routes`.

use axum::Json;
use axum::extract::State;
use daybreak_protocol::{Applied, ProjectView};
use serde::Deserialize;
use utoipa::ToSchema;

use super::body::Body;
use super::problem::Refusal;
use super::routes::Shared;
use crate::origin::Origin;

/// A request that says nothing but its path: `{}`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// The project that runs are made from, and what is wrong with its files.
#[utoipa::path(get, path = "/api/v1/project", tag = "project", responses((status = 200, body = ProjectView)))]
pub async fn project(State(engine): State<Shared>) -> Result<Json<ProjectView>, Refusal> {
    Ok(Json(engine.project().await?))
}

/// Reads the project's files again and makes them current; refused with all that is wrong with them.
#[utoipa::path(post, path = "/api/v1/project/reload", tag = "project", request_body = Nothing,
    responses((status = 200, body = Applied)))]
pub async fn reload(
    State(engine): State<Shared>,
    from: Origin,
    body: Result<Body<Nothing>, Refusal>,
) -> Result<Json<Applied>, Refusal> {
    let Body(Nothing {}) = body?;
    Ok(Json(engine.reload(from).await?))
}
