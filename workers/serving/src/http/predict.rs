//! `POST /v1/models/{name}/predict`: one row or up to 10,000. A request uses one model, one snapshot of the features and
//! one instant; it is answered once its predictions are in the log's queue.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequest, Path, Request, State};
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use daybreak_model::{PredictError, Prediction};
use daybreak_spec::{Name, Timestamp};
use ulid::Ulid;

use crate::assemble::{Assembled, Row, assemble};
use crate::http::problem::EndpointProblem;
use crate::http::{FieldError, Problem, finish, reply};
use crate::log::Refused;
use crate::registry::{LoadedModel, Registry};
use crate::request::{self, PredictRequest, row_pointer};
use crate::serving::Shared;

/// Longest time for a body to arrive.
const BODY_LIMIT_S: u64 = 30;
/// Bodies beyond this are worked on beside the threads that answer small ones.
const INLINE_BODY_BYTES: usize = 32 << 10;

/// The predictions of one request, as they are answered and logged.
pub struct Predicted {
    /// What computed them.
    pub model: Arc<LoadedModel>,
    /// The instant at which features were read.
    pub business: Timestamp,
    /// The machine's time.
    pub real: Timestamp,
    /// What was read.
    pub answers: Vec<daybreak_features::Online>,
    /// One per row.
    pub rows: Vec<PredictedRow>,
    /// Whether rows were asked for as `{"rows": [...]}`.
    pub batch: bool,
}

/// One of them.
pub struct PredictedRow {
    /// Its id.
    pub id: Ulid,
    /// What it was computed from.
    pub row: Row,
    /// What was computed.
    pub prediction: Prediction,
}

/// Predicts for one row or up to 10,000, with the features of their entities. The answers are in the log under their ids.
#[utoipa::path(post, path = "/v1/models/{name}/predict", tag = "endpoint", request_body = PredictRequest,
    params(("name" = Name, Path, description = "The model.")), responses(
        (status = 200, body = reply::Reply),
        (status = 408, body = EndpointProblem, content_type = "application/problem+json",
            description = "the body did not arrive in time")))]
pub async fn predict(
    State(shared): State<Arc<Shared>>,
    name: Result<Path<String>, PathRejection>,
    request: Request,
) -> Response {
    let outcome = answer(&shared, name, request).await;
    finish(&shared, outcome)
}

async fn answer(
    shared: &Arc<Shared>,
    name: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let model = find_model(&shared.live.now(), name)?;
    check_content_type(request.headers())?;
    let body = read_body(request).await?;
    let (predicted, json) = if body.len() > INLINE_BODY_BYTES {
        let shared = Arc::clone(shared);
        let work = tokio::task::spawn_blocking(move || compute(&shared, model, &body));
        work.await.unwrap_or_else(|error| {
            tracing::error!(%error, "a prediction ended early");
            Err(Problem::unavailable("internal", "the prediction ended early; the server's log says why"))
        })?
    } else {
        compute(shared, model, &body)?
    };
    shared.log.accept(predicted).await.map_err(|refused| match refused {
        Refused::Full => Problem::unavailable("log_full", "the prediction log cannot keep up; try again"),
        Refused::Broken => Problem::unavailable("log_broken", "the prediction log cannot be written"),
    })?;
    Ok(([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], json).into_response())
}

/// The model of that name as it is now.
pub fn find_model(registry: &Registry, name: Result<Path<String>, PathRejection>) -> Result<Arc<LoadedModel>, Problem> {
    let entry = super::models::find(registry, name)?;
    let name = &entry.0;
    entry.1.loaded.clone().ok_or_else(|| match &entry.1.failure {
        None => Problem::unavailable("not_live", &format!("no version of model `{name}` is live yet")),
        Some(failure) => Problem::unavailable(
            "load_failed",
            &format!("version {} of model `{name}` could not be loaded", failure.wanted.version.version),
        ),
    })
}

fn check_content_type(headers: &HeaderMap) -> Result<(), Problem> {
    let text = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let media_type = text.split(';').next().unwrap_or("").trim();
    let compressed = headers.get(CONTENT_ENCODING).is_some_and(|coding| coding != "identity");
    if media_type.eq_ignore_ascii_case("application/json") && !compressed {
        Ok(())
    } else {
        Err(Problem::wrong_content_type())
    }
}

async fn read_body(request: Request) -> Result<Bytes, Problem> {
    let arrived = tokio::time::timeout(Duration::from_secs(BODY_LIMIT_S), Bytes::from_request(request, &())).await;
    arrived.map_err(|_| Problem::slow_body(BODY_LIMIT_S))?.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            Problem::too_large(&format!("the body is larger than {} bytes", super::MAX_BODY_BYTES))
        }
        _ => Problem::unreadable_body(),
    })
}

/// Everything between body and reply; waits for nothing.
fn compute(shared: &Shared, model: Arc<LoadedModel>, body: &[u8]) -> Result<(Predicted, Vec<u8>), Problem> {
    let business = shared.clock.business_now();
    let rows = request::read(body, &model.plan)?;
    let batch = rows.batch;
    let Assembled { answers, rows } = assemble(&model.plan, shared.online.as_ref(), rows, business)?;
    let mut errors = Vec::new();
    let mut predicted = Vec::with_capacity(rows.len());
    for (number, row) in rows.into_iter().enumerate() {
        match model.predictor.predict(&row.raw) {
            Ok(prediction) => predicted.push(PredictedRow { id: shared.new_id(), row, prediction }),
            Err(error) => errors.push(unpredictable(&model, &error, row_pointer(batch, number))),
        }
    }
    if !errors.is_empty() {
        return Err(Problem::invalid(errors));
    }
    let real = shared.clock.real_now();
    let predicted = Predicted { model, business, real, answers, rows: predicted, batch };
    let json = reply::encode(&predicted);
    Ok((predicted, json))
}

fn unpredictable(model: &LoadedModel, error: &PredictError, row: String) -> FieldError {
    let field = error.column().and_then(|column| model.plan.field(column));
    let pointer = field.map_or(row.clone(), |field| format!("{row}/{}", model.plan.fields[field].name));
    let mut hint = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        hint = format!("{hint}: {cause}");
        source = cause.source();
    }
    let mistake = FieldError::new(pointer, "not_predictable", hint);
    FieldError { feature: error.column().filter(|_| field.is_none()).map(str::to_owned), ..mistake }
}

/// A model's name out of a path.
pub fn name_of(path: Result<Path<String>, PathRejection>) -> Option<Name> {
    path.ok().and_then(|Path(text)| Name::parse(&text))
}
