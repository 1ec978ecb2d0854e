//! The OpenAPI document over HTTP: of the server's routes, and of those of an endpoint that answers in the same process.

use std::sync::Arc;

use axum::{Extension, Json};
use daybreak_protocol::{DescribedRoute, ProblemDetails};
use utoipa::openapi::OpenApi;

use super::routes::{Row, table};

/// This document: every route with its callers, parameters and answers.
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "server", responses((status = 200, body = Object)))]
pub async fn openapi(Extension(document): Extension<Arc<OpenApi>>) -> Json<Arc<OpenApi>> {
    Json(document)
}

/// The document of all routes of the server.
pub fn document() -> OpenApi {
    let described = |Row { callers, schemas, paths, .. }| DescribedRoute { callers, schemas, paths };
    daybreak_protocol::document::<ProblemDetails>(table().into_iter().map(described))
}
