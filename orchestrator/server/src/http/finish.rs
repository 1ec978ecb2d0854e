//! The outermost layer: gives every request a limit of time, every refusal its problem+json with a request id, and
//! every answer its protective headers. Decides nothing about the request itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use daybreak_protocol::{PROBLEM_JSON, ProblemDetails};
use tracing::Instrument as _;
use ulid::Ulid;

use super::pages::FOR_EVER;
use super::problem::Refusal;
use super::routes::Shared;

/// Longest a request may take; requests that are held back on purpose end well before.
const PATIENCE: Duration = Duration::from_secs(60);

/// Numbers refusals; real time and the number make the request's id.
#[derive(Clone)]
pub struct Finisher {
    engine: Shared,
    refused: Arc<AtomicU64>,
}

impl Finisher {
    pub fn new(engine: Shared) -> Self {
        Self { engine, refused: Arc::new(AtomicU64::new(0)) }
    }

    async fn request_id(&self) -> String {
        let now_ms = match self.engine.clock().await {
            Ok(clock) => u64::try_from(clock.real_now.micros / 1_000).unwrap_or_default(),
            Err(_) => 0,
        };
        let number = self.refused.fetch_add(1, Ordering::Relaxed);
        Ulid::from_parts(now_ms, u128::from(number)).to_string()
    }

    async fn problem(&self, refusal: Refusal, path: String) -> Response {
        let request_id = self.request_id().await;
        let status = refusal.status;
        tracing::debug!(request.id = request_id, status = status.as_u16(), code = refusal.code, path, "refused");
        let problem = ProblemDetails {
            problem_type: "about:blank".to_owned(),
            title: status.canonical_reason().unwrap_or("error").to_owned(),
            status: status.as_u16(),
            detail: refusal.detail,
            instance: Some(path),
            code: refusal.code.to_owned(),
            errors: refusal.errors,
            request_id: request_id.clone(),
        };
        let mut response = (status, Json(problem)).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        if let Ok(id) = HeaderValue::from_str(&request_id) {
            headers.insert(HeaderName::from_static("x-request-id"), id);
        }
        match status {
            StatusCode::UNAUTHORIZED => headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")),
            StatusCode::SERVICE_UNAVAILABLE => headers.insert(RETRY_AFTER, HeaderValue::from_static("1")),
            _ => None,
        };
        response
    }
}

/// The layer.
pub async fn finish(State(finisher): State<Finisher>, request: Request, next: Next) -> Response {
    let path: String = request.uri().path().chars().take(200).collect();
    let method = word(request.method());
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let begun = Instant::now();
    let span = tracing::info_span!(
        "http",
        http.request.method = method,
        http.route = route,
        http.response.status_code = tracing::field::Empty,
    );
    let mut response = match tokio::time::timeout(PATIENCE, next.run(request).instrument(span.clone())).await {
        Ok(response) => response,
        Err(_) => Refusal::of_status(StatusCode::SERVICE_UNAVAILABLE).into_response(),
    };
    if let Some(refusal) = refusal_in(&mut response) {
        let answered = std::mem::replace(&mut response, finisher.problem(refusal, path).await);
        // What axum has added: `Allow`.
        for (name, value) in answered.headers().iter().filter(|(name, _)| *name == axum::http::header::ALLOW) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    span.record("http.response.status_code", response.status().as_u16());
    finisher.engine.answered((method, &route), response.status().as_u16(), begun.elapsed());
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // A stream says `no-cache` by itself, which may be kept all the same.
    if headers.get(CACHE_CONTROL) != Some(&FOR_EVER) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}

/// A method's word; those that nobody has heard of are counted together.
fn word(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        _ => "other",
    }
}

/// A refusal of ours, or what axum has refused by itself.
fn refusal_in(response: &mut Response) -> Option<Refusal> {
    if let Some(refusal) = response.extensions_mut().remove::<Refusal>() {
        return Some(refusal);
    }
    let status = response.status();
    let json = response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/"));
    let failed = status.is_client_error() || status.is_server_error();
    (failed && !json).then(|| Refusal::of_status(status))
}
