//! `GET /v1/openapi.json`: what the endpoint answers, as OpenAPI 3.1, made from the table of routes.

use axum::Json;
use daybreak_protocol::DescribedRoute;
use utoipa::openapi::OpenApi;

use super::problem::EndpointProblem;
use super::{Row, table};

/// The endpoint's routes with their callers, parameters and answers.
#[utoipa::path(get, path = "/v1/openapi.json", tag = "endpoint", responses((status = 200, body = Object)))]
pub async fn openapi() -> Json<OpenApi> {
    Json(document())
}

/// The document of all routes of the endpoint.
pub fn document() -> OpenApi {
    let described = |Row { callers, schemas, paths, .. }| DescribedRoute { callers, schemas, paths };
    daybreak_protocol::document::<EndpointProblem<'_>>(table().into_iter().map(described))
}
