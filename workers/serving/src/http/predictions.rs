//! `GET /v1/predictions/{id}`: what was asked, read and answered, out of the log.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use ulid::Ulid;

use crate::http::{Problem, finish};
use crate::log::Record;
use crate::serving::Shared;

/// One prediction: what was asked, read and answered.
#[utoipa::path(get, path = "/v1/predictions/{id}", tag = "endpoint", responses((status = 200, body = Record)),
    params(("id" = String, Path, description = "Its ULID.", pattern = "^[0-7][0-9A-HJKMNP-TV-Z]{25}$")))]
pub async fn show(State(shared): State<Arc<Shared>>, id: Result<Path<String>, PathRejection>) -> Response {
    let id = id.ok().and_then(|Path(text)| Ulid::from_string(&text).ok().filter(|id| id.to_string() == text));
    let found = match id {
        None => Ok(None),
        Some(id) => shared.log.find(id).await,
    };
    let outcome = match found {
        Ok(Some(json)) => Ok(([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], json).into_response()),
        Ok(None) => Err(Problem::not_found(
            "unknown_prediction",
            "no prediction that is still kept has that id (`predictions: keep` in daybreak.yaml)".to_owned(),
        )),
        Err(error) => {
            tracing::error!(%error, "the prediction log cannot be read");
            Err(Problem::unavailable("log_unreadable", "the prediction log cannot be read; the server's log says why"))
        }
    };
    finish(&shared, outcome)
}
