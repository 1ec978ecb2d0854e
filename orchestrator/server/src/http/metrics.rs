//! `/metrics` in the text form of OpenMetrics.

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};

use super::problem::Refusal;
use super::routes::Shared;

/// Where they are; the one route that a server can be told to leave open.
pub const METRICS: &str = "/metrics";

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Counters, gauges and histograms of this server, for Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "server",
    responses((status = 200, body = String, content_type = "application/openmetrics-text")))]
pub async fn metrics(State(engine): State<Shared>) -> Result<Response, Refusal> {
    let text = engine.metrics().await?;
    Ok(([(CONTENT_TYPE, OPENMETRICS)], text).into_response())
}
