//! What people and their programs ask: runs, logs, models, DAGs, clocks, health. Handlers read the request's form and
//! ask the engine; they decide nothing. To add one: a function here, a line in `routes`.

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse as _, Response};
use daybreak_protocol::{
    ClockView, DagView, HealthView, ItemList, ItemsQuery, ModelView, PauseRequest, RunDetail, RunList, RunsQuery,
    SetClock, TaskLog, TriggerRequest,
};
use daybreak_spec::Name;
use ulid::Ulid;

use super::body::{Body, require_label};
use super::control::{MAX_NOTE_BYTES, require_caller};
use super::problem::Refusal;
use super::routes::Shared;
use crate::origin::Origin;

type Answer<T> = Result<Json<T>, Refusal>;

/// The process answers.
pub async fn live() -> Json<HealthView> {
    Json(HealthView { ready: true, reason: None })
}

/// The server can work.
pub async fn ready(State(engine): State<Shared>) -> Response {
    let health = engine.health().await;
    let status = if health.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(health)).into_response()
}

pub async fn runs(State(engine): State<Shared>, query: Result<Query<RunsQuery>, QueryRejection>) -> Answer<RunList> {
    let Query(query) = query?;
    if query.before.as_deref().is_some_and(|before| Ulid::from_string(before).is_err()) {
        return Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_query", "`before` is not the id of a run"));
    }
    if query.limit.is_some_and(|limit| !(1..=RunsQuery::MAX_LIMIT).contains(&limit)) {
        let detail = format!("`limit` is 1 to {}", RunsQuery::MAX_LIMIT);
        return Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_query", detail));
    }
    Ok(Json(engine.runs(query).await?))
}

pub async fn run(State(engine): State<Shared>, path: Result<Path<Ulid>, PathRejection>) -> Answer<RunDetail> {
    let Path(run) = path?;
    Ok(Json(engine.run(&run.to_string()).await?))
}

pub async fn log(State(engine): State<Shared>, path: Result<Path<(Ulid, Name)>, PathRejection>) -> Answer<TaskLog> {
    let Path((run, task)) = path?;
    Ok(Json(engine.log(&run.to_string(), &task).await?))
}

pub async fn items(
    State(engine): State<Shared>,
    path: Result<Path<(Ulid, Name)>, PathRejection>,
    query: Result<Query<ItemsQuery>, QueryRejection>,
) -> Answer<ItemList> {
    let (Path((run, task)), Query(query)) = (path?, query?);
    if query.limit.is_some_and(|limit| !(1..=ItemsQuery::MAX_LIMIT).contains(&limit)) {
        let detail = format!("`limit` is 1 to {}", ItemsQuery::MAX_LIMIT);
        return Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_query", detail));
    }
    Ok(Json(engine.items(&run.to_string(), &task, query).await?))
}

pub async fn models(State(engine): State<Shared>) -> Answer<Vec<ModelView>> {
    Ok(Json(engine.models().await?))
}

pub async fn dags(State(engine): State<Shared>) -> Answer<Vec<DagView>> {
    Ok(Json(engine.dags().await?))
}

pub async fn trigger(
    State(engine): State<Shared>,
    path: Result<Path<Name>, PathRejection>,
    body: Result<Body<TriggerRequest>, Refusal>,
) -> Result<Response, Refusal> {
    let (Path(dag), Body(request)) = (path?, body?);
    let triggered = engine.trigger(&dag, request).await?;
    let location = format!("/api/v1/runs/{}", triggered.run_id);
    Ok((StatusCode::CREATED, [(LOCATION, location)], Json(triggered)).into_response())
}

pub async fn pause(
    State(engine): State<Shared>,
    path: Result<Path<Name>, PathRejection>,
    from: Origin,
    body: Result<Body<PauseRequest>, Refusal>,
) -> Result<StatusCode, Refusal> {
    let (Path(dag), Body(request)) = (path?, body?);
    require_pause_texts(&request)?;
    engine.pause(&dag, request, from).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn resume(
    State(engine): State<Shared>,
    path: Result<Path<Name>, PathRejection>,
    from: Origin,
    body: Result<Body<PauseRequest>, Refusal>,
) -> Result<StatusCode, Refusal> {
    let (Path(dag), Body(request)) = (path?, body?);
    require_pause_texts(&request)?;
    engine.resume(&dag, request, from).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn require_pause_texts(request: &PauseRequest) -> Result<(), Refusal> {
    require_label("/note", request.note.as_deref().unwrap_or_default(), MAX_NOTE_BYTES)?;
    require_caller(request.by.as_deref())
}

pub async fn clock(State(engine): State<Shared>) -> Answer<ClockView> {
    Ok(Json(engine.clock().await?))
}

pub async fn set_clock(State(engine): State<Shared>, body: Result<Body<SetClock>, Refusal>) -> Answer<ClockView> {
    let Body(request) = body?;
    Ok(Json(engine.set_clock(request).await?))
}
