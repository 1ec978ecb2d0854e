//! What people and their programs ask: runs, logs, DAGs, clocks, health. Handlers read the request's form and
//! ask the engine; they decide nothing. To add one: a function here, a line in `routes`.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse as _, Response};
use daybreak_protocol::{
    ClockView, DagList, DagsQuery, HealthView, ItemList, ItemsQuery, LogQuery, LogView, MAX_PAGE, PauseRequest,
    ProblemDetails, RunDetail, RunList, RunsQuery, SetClock, TriggerRequest, Triggered,
};
use ulid::Ulid;

use super::access::Bearer;
use super::body::{Body, require_label};
use super::control::{MAX_NOTE_BYTES, require_caller};
use super::events::{LastEvent, LastEventHeader, stream};
use super::once::{OnceHeader, OnceKey, answered};
use super::path::{OfDag, OfRun, OfTask, PathOf};
use super::problem::Refusal;
use super::routes::Shared;
use crate::origin::Origin;

pub(super) type Answer<T> = Result<Json<T>, Refusal>;

/// The process answers.
#[utoipa::path(get, path = "/health/live", tag = "server", responses((status = 200, body = HealthView)))]
pub async fn live() -> Json<HealthView> {
    Json(HealthView { ready: true, reason: None })
}

/// The server can work.
#[utoipa::path(get, path = "/health/ready", tag = "server", responses((status = 200, body = HealthView), (status = 503, body = HealthView)))]
pub async fn ready(State(engine): State<Shared>) -> Response {
    let health = engine.health().await;
    let status = if health.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(health)).into_response()
}

/// Runs, newest first.
#[utoipa::path(get, path = "/api/v1/runs", tag = "runs", params(RunsQuery), responses((status = 200, body = RunList)))]
pub async fn runs(State(engine): State<Shared>, query: Result<Query<RunsQuery>, QueryRejection>) -> Answer<RunList> {
    let Query(query) = query?;
    require_page(query.before.as_deref(), query.limit)?;
    Ok(Json(engine.runs(query).await?))
}

/// One run with its tasks.
#[utoipa::path(get, path = "/api/v1/runs/{run}", tag = "runs", params(OfRun), responses((status = 200, body = RunDetail)))]
pub async fn run(State(engine): State<Shared>, path: PathOf<OfRun>) -> Answer<RunDetail> {
    let Path(OfRun { run }) = path?;
    Ok(Json(engine.run(&run.to_string()).await?))
}

/// What the attempts of a task wrote; with `follow`, as events `log` while it is written, and `end`; with `fence`, `from` or
/// `bytes` a piece of one attempt's.
#[utoipa::path(get, path = "/api/v1/runs/{run}/tasks/{task}/log", tag = "runs", params(OfTask, LogQuery, LastEventHeader),
    responses((status = 200, content((LogView = "application/json"), (String = "text/event-stream")))))]
pub async fn log(
    State(engine): State<Shared>,
    path: PathOf<OfTask>,
    query: Result<Query<LogQuery>, QueryRejection>,
    LastEvent(last): LastEvent,
    bearer: Bearer,
) -> Result<Response, Refusal> {
    let (Path(OfTask { run, task }), Query(query)) = (path?, query?);
    if query.follow && query.wants_slice() {
        let detail =
            "a log is followed as a whole: leave out `fence`, `from` and `bytes`; `last-event-id` says from where";
        return Err(invalid_query(detail.to_owned()));
    }
    if query.bytes.is_some_and(|bytes| !LogQuery::BYTES.contains(&bytes)) {
        return Err(invalid_query(format!("`bytes` is {} to {}", LogQuery::BYTES.start(), LogQuery::BYTES.end())));
    }
    let run = run.to_string();
    if query.follow {
        let events = engine.follow_log(&run, &task, last).await?;
        return Ok(stream(events, (engine, bearer)));
    }
    let view = match query.wants_slice() {
        true => LogView::Slice(engine.log_slice(&run, &task, query).await?),
        false => LogView::Whole(engine.log(&run, &task).await?),
    };
    Ok(Json(view).into_response())
}

/// The items of a task that is done once per item of a list, in its order.
#[utoipa::path(get, path = "/api/v1/runs/{run}/tasks/{task}/items", tag = "runs", params(OfTask, ItemsQuery), responses((status = 200, body = ItemList)))]
pub async fn items(
    State(engine): State<Shared>,
    path: PathOf<OfTask>,
    query: Result<Query<ItemsQuery>, QueryRejection>,
) -> Answer<ItemList> {
    let (Path(OfTask { run, task }), Query(query)) = (path?, query?);
    require_page(None, query.limit)?;
    Ok(Json(engine.items(&run.to_string(), &task, query).await?))
}

/// Deployed DAGs, by name.
#[utoipa::path(get, path = "/api/v1/dags", tag = "dags", params(DagsQuery), responses((status = 200, body = DagList)))]
pub async fn dags(State(engine): State<Shared>, query: Result<Query<DagsQuery>, QueryRejection>) -> Answer<DagList> {
    let Query(query) = query?;
    require_page(None, query.limit)?;
    Ok(Json(engine.dags(query).await?))
}

/// Starts a run of a DAG.
#[utoipa::path(post, path = "/api/v1/dags/{dag}/runs", tag = "dags", request_body = TriggerRequest,
    params(OfDag, OnceHeader), responses(
        (status = 201, body = Triggered, headers(("location" = String, description = "Where the run is"))),
        (status = 409, body = ProblemDetails, content_type = "application/problem+json",
            description = "a request with the same key is being answered")))]
pub async fn trigger(
    State(engine): State<Shared>,
    path: PathOf<OfDag>,
    from: Origin,
    OnceKey(key): OnceKey,
    body: Result<Body<TriggerRequest>, Refusal>,
) -> Result<Response, Refusal> {
    let (Path(OfDag { dag }), Body(request)) = (path?, body?);
    answered(engine.trigger(&dag, request, from, key).await?, |triggered| {
        let location = format!("/api/v1/runs/{}", triggered.run_id);
        (StatusCode::CREATED, [(LOCATION, location)], Json(triggered)).into_response()
    })
}

/// Lets a DAG fire nothing until it is resumed.
#[utoipa::path(post, path = "/api/v1/dags/{dag}/pause", tag = "dags", request_body = PauseRequest, params(OfDag), responses((status = 204)))]
pub async fn pause(
    State(engine): State<Shared>,
    path: PathOf<OfDag>,
    from: Origin,
    body: Result<Body<PauseRequest>, Refusal>,
) -> Result<StatusCode, Refusal> {
    let (Path(OfDag { dag }), Body(request)) = (path?, body?);
    require_pause_texts(&request)?;
    engine.pause(&dag, request, from).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lets a paused DAG fire again.
#[utoipa::path(post, path = "/api/v1/dags/{dag}/resume", tag = "dags", request_body = PauseRequest, params(OfDag), responses((status = 204)))]
pub async fn resume(
    State(engine): State<Shared>,
    path: PathOf<OfDag>,
    from: Origin,
    body: Result<Body<PauseRequest>, Refusal>,
) -> Result<StatusCode, Refusal> {
    let (Path(OfDag { dag }), Body(request)) = (path?, body?);
    require_pause_texts(&request)?;
    engine.resume(&dag, request, from).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Refuses a page that does not exist.
pub(super) fn require_page(before: Option<&str>, limit: Option<u32>) -> Result<(), Refusal> {
    if before.is_some_and(|before| Ulid::from_string(before).is_err()) {
        return Err(no_page("before"));
    }
    if limit.is_some_and(|limit| !(1..=MAX_PAGE).contains(&limit)) {
        return Err(invalid_query(format!("`limit` is 1 to {MAX_PAGE}")));
    }
    Ok(())
}

/// Refuses a cursor that no page has told.
pub(super) fn no_page(cursor: &str) -> Refusal {
    invalid_query(format!("`{cursor}` leads to no page; take `next` of the page before"))
}

pub(super) fn invalid_query(detail: String) -> Refusal {
    Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_query", detail)
}

fn require_pause_texts(request: &PauseRequest) -> Result<(), Refusal> {
    require_label("/note", request.note.as_deref().unwrap_or_default(), MAX_NOTE_BYTES)?;
    require_caller(request.by.as_deref())
}

/// Both clocks.
#[utoipa::path(get, path = "/api/v1/clock", tag = "server", responses((status = 200, body = ClockView)))]
pub async fn clock(State(engine): State<Shared>) -> Answer<ClockView> {
    Ok(Json(engine.clock().await?))
}

/// Moves simulated business time on.
#[utoipa::path(post, path = "/api/v1/clock", tag = "server", request_body = SetClock, responses((status = 200, body = ClockView)))]
pub async fn set_clock(State(engine): State<Shared>, body: Result<Body<SetClock>, Refusal>) -> Answer<ClockView> {
    let Body(request) = body?;
    Ok(Json(engine.set_clock(request).await?))
}
