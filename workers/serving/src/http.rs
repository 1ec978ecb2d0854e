//! The routes: one table that says whom each is for, one layer that asks for the token. A route that is not in the table
//! does not exist. To add one: a handler in a file below, a line in `table`, a line in the tests' matrix.

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
use axum::routing::{MethodRouter, get, post};
use axum::{Json, Router};
use daybreak_protocol::For;
use serde_json::json;

pub use predict::{Predicted, PredictedRow};
pub use problem::{FieldError, Problem};
pub use reply::{Imputed, Outcome, imputed, outcome};

use crate::serving::Shared;

type Row = (&'static str, &'static str, For, MethodRouter<Arc<Shared>>);

/// Features and predictions tell about people: who only looks at runs does not see them.
fn table() -> Vec<Row> {
    vec![
        ("GET", "/v1/health", For::Everybody, get(health)),
        ("GET", "/v1/models/{name}", For::Predictors, get(models::show)),
        ("POST", "/v1/models/{name}/predict", For::Predictors, post(predict::predict)),
        ("GET", "/v1/features/{view}", For::Predictors, get(features::show)),
        ("GET", "/v1/predictions/{id}", For::Predictors, get(predictions::show)),
    ]
}

/// Method and path of every route, and whom it is for.
pub fn routes() -> Vec<(&'static str, &'static str, For)> {
    table().into_iter().map(|(method, path, callers, _)| (method, path, callers)).collect()
}

/// Longer than any token.
const MAX_TOKEN_BYTES: usize = 512;
/// Largest body: 10,000 rows of some 800 bytes.
const MAX_BODY_BYTES: usize = 8 << 20;

pub fn router(shared: Arc<Shared>) -> Router {
    let mut router = Router::new();
    let mut callers = HashMap::new();
    for (_, path, admitted, handler) in table() {
        router = router.route(path, handler);
        callers.insert(path, admitted);
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
    callers: Arc<HashMap<&'static str, For>>,
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

async fn health(State(shared): State<Arc<Shared>>) -> Json<serde_json::Value> {
    let status = if shared.live.now().known { "serving" } else { "starting" };
    Json(json!({ "status": status }))
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
