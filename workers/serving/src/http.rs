//! The routes: one table that says whom each is for, one layer that asks for the token. A route that is not in the table
//! does not exist. To add one: a handler with its annotation in a file below, a line in `table`, a line in the tests'
//! matrix; the OpenAPI document follows.

mod document;
mod features;
mod models;
mod predict;
mod predictions;
mod problem;
mod reply;

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::MethodRouter;
use axum::{Json, Router};
use daybreak_protocol::{For, operations};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::path::Paths;
use utoipa::openapi::{RefOr, Schema};
use utoipa_axum::router::UtoipaMethodRouter;
use utoipa_axum::routes;

pub use document::document;
pub use predict::{Predicted, PredictedRow};
pub use problem::{FieldError, Problem};
pub use reply::{Imputed, Outcome, imputed, outcome};

use crate::serving::Shared;

/// A route: whom it is for, what its annotation says, its handler.
struct Row {
    callers: For,
    schemas: Vec<(String, RefOr<Schema>)>,
    paths: Paths,
    handler: MethodRouter<Arc<Shared>>,
}

fn route(callers: For, (schemas, paths, handler): UtoipaMethodRouter<Arc<Shared>>) -> Row {
    Row { callers, schemas, paths, handler }
}

/// Features and predictions tell about people: who only looks at runs does not see them.
fn table() -> Vec<Row> {
    vec![
        route(For::Everybody, routes!(health)),
        route(For::Predictors, routes!(document::openapi)),
        route(For::Predictors, routes!(models::show)),
        route(For::Predictors, routes!(predict::predict)),
        route(For::Predictors, routes!(features::show)),
        route(For::Predictors, routes!(predictions::show)),
    ]
}

/// Method and path of every route, and whom it is for.
pub fn routes() -> Vec<(&'static str, String, For)> {
    let mut found = Vec::new();
    for mut row in table() {
        for (path, item) in &mut row.paths.paths {
            found.extend(operations(item).into_iter().map(|(method, ..)| (method, path.clone(), row.callers)));
        }
    }
    found
}

/// Longer than any token.
const MAX_TOKEN_BYTES: usize = 512;
/// Largest body: 10,000 rows of some 800 bytes.
const MAX_BODY_BYTES: usize = 8 << 20;

pub fn router(shared: Arc<Shared>) -> Router {
    let mut router = Router::new();
    let mut callers = HashMap::new();
    for row in table() {
        for path in row.paths.paths.keys() {
            router = router.route(path, row.handler.clone());
            callers.insert(path.clone(), row.callers);
        }
    }
    let gate = Gate { shared: Arc::clone(&shared), callers: Arc::new(callers) };
    router
        .method_not_allowed_fallback(wrong_method)
        .route_layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .route_layer(from_fn_with_state(gate, authenticate))
        .with_state(shared)
}

/// Whom each matched route is for; compared with the matched route and never with the path of a request.
#[derive(Clone)]
struct Gate {
    shared: Arc<Shared>,
    callers: Arc<HashMap<String, For>>,
}

async fn authenticate(State(gate): State<Gate>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().and_then(|path| gate.callers.get(path.as_str()));
    let callers = route.copied().unwrap_or(For::Admins);
    if callers == For::Everybody {
        return next.run(request).await;
    }
    let identity = bearer(request.headers()).and_then(|token| gate.shared.keys.identify(token));
    match identity {
        Some(identity) if callers.admits(identity.role) => next.run(request).await,
        Some(identity) => finish(&gate.shared, Err(Problem::forbidden(identity.role, callers))),
        None => finish(&gate.shared, Err(Problem::unauthenticated())),
    }
}

/// The token of the one `authorization: Bearer …` header.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut given = headers.get_all(AUTHORIZATION).iter();
    let (scheme, token) = given.next()?.to_str().ok()?.split_once(' ')?;
    let plain = given.next().is_none() && !token.is_empty() && token.len() <= MAX_TOKEN_BYTES;
    (plain && scheme.eq_ignore_ascii_case("bearer")).then_some(token)
}

/// Whether the endpoint knows what is live.
#[derive(Serialize, ToSchema)]
struct EndpointHealth {
    /// Where it stands.
    status: EndpointStatus,
}

/// Where the endpoint stands.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum EndpointStatus {
    /// It has not heard yet what is live.
    Starting,
    /// It answers with what is live.
    Serving,
}

/// Whether the endpoint answers.
#[utoipa::path(get, path = "/v1/health", tag = "endpoint", responses((status = 200, body = EndpointHealth)))]
async fn health(State(shared): State<Arc<Shared>>) -> Json<EndpointHealth> {
    let known = shared.live.now().known;
    Json(EndpointHealth { status: if known { EndpointStatus::Serving } else { EndpointStatus::Starting } })
}

async fn wrong_method(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    finish(&shared, Err(Problem::wrong_method(request.method())))
}

/// A handler's outcome as a response; a problem gets an id to find it by.
fn finish(shared: &Shared, outcome: Result<Response, Problem>) -> Response {
    match outcome {
        Ok(response) => response,
        Err(problem) => problem.with_id(shared.new_id()).into_response(),
    }
}
