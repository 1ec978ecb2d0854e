//! The routes: one list, one router, one layer that asks for the token. A route that is not listed does not exist, and
//! one that is not in [`OPEN`] is closed. To add one: a handler in a file below, a line in [`ROUTES`], a line in `router`.

mod features;
mod models;
mod predict;
mod predictions;
mod problem;
mod reply;

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::header::AUTHORIZATION;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::json;

pub use predict::{Predicted, PredictedRow};
pub use problem::{FieldError, Problem};
pub use reply::{Imputed, Outcome, imputed, outcome};

use crate::serving::Shared;

/// Method and path of every route.
pub const ROUTES: &[(&str, &str)] = &[
    ("GET", HEALTH),
    ("GET", "/v1/models/{name}"),
    ("POST", "/v1/models/{name}/predict"),
    ("GET", "/v1/features/{view}"),
    ("GET", "/v1/predictions/{id}"),
];

const HEALTH: &str = "/v1/health";
/// Routes that ask for no token, compared with the matched route and never with the path of a request.
const OPEN: &[&str] = &[HEALTH];
/// Largest body: 10,000 rows of some 800 bytes.
const MAX_BODY_BYTES: usize = 8 << 20;

pub fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route(HEALTH, get(health))
        .route("/v1/models/{name}", get(models::show))
        .route("/v1/models/{name}/predict", post(predict::predict))
        .route("/v1/features/{view}", get(features::show))
        .route("/v1/predictions/{id}", get(predictions::show))
        .method_not_allowed_fallback(wrong_method)
        .route_layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .route_layer(from_fn_with_state(Arc::clone(&shared), authenticate))
        .with_state(shared)
}

async fn authenticate(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let open = route.is_some_and(|route| OPEN.contains(&route));
    if open || shared.token.accepts(request.headers().get(AUTHORIZATION)) {
        return next.run(request).await;
    }
    finish(&shared, Err(Problem::unauthenticated()))
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
