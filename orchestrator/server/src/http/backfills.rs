//! Backfills over HTTP. To add a call: a function here, a line in `routes`.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse as _, Response};
use daybreak_protocol::{
    BackfillChangeRequest, BackfillList, BackfillPlan, BackfillRequest, BackfillState, BackfillView, BackfillsQuery,
    ErrorItem, ProblemDetails,
};
use ulid::Ulid;

use super::body::{Body, require_label};
use super::control::MAX_NOTE_BYTES;
use super::once::{OnceHeader, OnceKey, answered};
use super::path::{OfBackfill, PathOf};
use super::people::{Answer, require_page};
use super::problem::Refusal;
use super::routes::Shared;
use crate::origin::Origin;

/// Runs the windows of a range, a few at a time.
#[utoipa::path(post, path = "/api/v1/backfills", tag = "backfills", request_body = BackfillRequest,
    params(OnceHeader), responses(
        (status = 201, body = BackfillView, headers(("location" = String, description = "Where it is"))),
        (status = 409, body = ProblemDetails, content_type = "application/problem+json",
            description = "a request with the same key is being answered")))]
pub async fn create(
    State(engine): State<Shared>,
    from: Origin,
    OnceKey(key): OnceKey,
    body: Result<Body<BackfillRequest>, Refusal>,
) -> Result<Response, Refusal> {
    let Body(request) = body?;
    require_numbers(&request)?;
    answered(engine.backfill(request, from, key).await?, |made| {
        let location = format!("/api/v1/backfills/{}", made.id);
        (StatusCode::CREATED, [(LOCATION, location)], Json(made)).into_response()
    })
}

/// What a backfill would do. Nothing is written.
#[utoipa::path(post, path = "/api/v1/backfills/plan", tag = "backfills", request_body = BackfillRequest,
    responses((status = 200, body = BackfillPlan)))]
pub async fn plan(State(engine): State<Shared>, body: Result<Body<BackfillRequest>, Refusal>) -> Answer<BackfillPlan> {
    let Body(request) = body?;
    require_numbers(&request)?;
    Ok(Json(engine.plan_backfill(request).await?))
}

/// Backfills, newest first.
#[utoipa::path(get, path = "/api/v1/backfills", tag = "backfills", params(BackfillsQuery),
    responses((status = 200, body = BackfillList)))]
pub async fn list(
    State(engine): State<Shared>,
    query: Result<Query<BackfillsQuery>, QueryRejection>,
) -> Answer<BackfillList> {
    let Query(query) = query?;
    require_page(query.before.as_deref(), query.limit)?;
    Ok(Json(engine.backfills(query).await?))
}

/// One backfill: how far it is and when it will be done.
#[utoipa::path(get, path = "/api/v1/backfills/{backfill}", tag = "backfills", params(OfBackfill),
    responses((status = 200, body = BackfillView)))]
pub async fn one(State(engine): State<Shared>, path: PathOf<OfBackfill>) -> Answer<BackfillView> {
    let Path(OfBackfill { backfill }) = path?;
    Ok(Json(engine.one_backfill(&Ulid::to_string(&backfill)).await?))
}

/// Lets a backfill make no more runs until it is resumed; those that exist go on.
#[utoipa::path(post, path = "/api/v1/backfills/{backfill}/pause", tag = "backfills", params(OfBackfill),
    request_body = BackfillChangeRequest, responses((status = 200, body = BackfillView)))]
pub async fn pause(
    engine: State<Shared>,
    path: PathOf<OfBackfill>,
    from: Origin,
    body: Result<Body<BackfillChangeRequest>, Refusal>,
) -> Answer<BackfillView> {
    change(engine, path, from, (body, BackfillState::Paused)).await
}

/// Lets a paused backfill go on.
#[utoipa::path(post, path = "/api/v1/backfills/{backfill}/resume", tag = "backfills", params(OfBackfill),
    request_body = BackfillChangeRequest, responses((status = 200, body = BackfillView)))]
pub async fn resume(
    engine: State<Shared>,
    path: PathOf<OfBackfill>,
    from: Origin,
    body: Result<Body<BackfillChangeRequest>, Refusal>,
) -> Answer<BackfillView> {
    change(engine, path, from, (body, BackfillState::Running)).await
}

/// Ends a backfill and its runs that go on.
#[utoipa::path(post, path = "/api/v1/backfills/{backfill}/cancel", tag = "backfills", params(OfBackfill),
    request_body = BackfillChangeRequest, responses((status = 200, body = BackfillView)))]
pub async fn cancel(
    engine: State<Shared>,
    path: PathOf<OfBackfill>,
    from: Origin,
    body: Result<Body<BackfillChangeRequest>, Refusal>,
) -> Answer<BackfillView> {
    change(engine, path, from, (body, BackfillState::Cancelled)).await
}

async fn change(
    State(engine): State<Shared>,
    path: PathOf<OfBackfill>,
    from: Origin,
    (body, to): (Result<Body<BackfillChangeRequest>, Refusal>, BackfillState),
) -> Answer<BackfillView> {
    let (Path(OfBackfill { backfill }), Body(request)) = (path?, body?);
    require_label("/note", request.note.as_deref().unwrap_or_default(), MAX_NOTE_BYTES)?;
    Ok(Json(engine.change_backfill(&Ulid::to_string(&backfill), to, request, from).await?))
}

fn require_numbers(request: &BackfillRequest) -> Result<(), Refusal> {
    require_label("/note", request.note.as_deref().unwrap_or_default(), MAX_NOTE_BYTES)?;
    let wrong = |key: &str, hint: &str| ErrorItem {
        pointer: Some(format!("/{key}")),
        code: "out_of_range".to_owned(),
        hint: hint.to_owned(),
        ..ErrorItem::default()
    };
    let mut items = Vec::new();
    if request.parallel.is_some_and(|parallel| !(1..=1_000).contains(&parallel)) {
        items.push(wrong("parallel", "1 to 1000 runs at once"));
    }
    if request.priority.is_some_and(|priority| !(-10_000..=10_000).contains(&priority)) {
        items.push(wrong("priority", "-10000 to 10000"));
    }
    match items.is_empty() {
        true => Ok(()),
        false => Err(Refusal::unprocessable("the backfill cannot be made", items)),
    }
}
