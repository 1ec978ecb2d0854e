//! The deployed project: what is live, and reading it again. To add a route: a function here, a line in `routes`.

use axum::Json;
use axum::extract::State;
use daybreak_protocol::{Applied, ProjectView};
use serde::Deserialize;

use super::body::Body;
use super::problem::Refusal;
use super::routes::Shared;

/// A request that says nothing but its path: `{}`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

pub async fn project(State(engine): State<Shared>) -> Result<Json<ProjectView>, Refusal> {
    Ok(Json(engine.project().await?))
}

pub async fn reload(
    State(engine): State<Shared>,
    body: Result<Body<Nothing>, Refusal>,
) -> Result<Json<Applied>, Refusal> {
    let Body(Nothing {}) = body?;
    Ok(Json(engine.reload().await?))
}
