//! What people do to runs by hand, why a task is not running, and the audit. Handlers read the request's form and ask the
//! engine; they decide nothing. To add one: a function here, a line in `routes`.

use std::convert::Infallible;
use std::net::SocketAddr;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{ConnectInfo, FromRequestParts, Path, Query, State};
use axum::http::header::USER_AGENT;
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, StatusCode};
use daybreak_protocol::{
    AuditList, AuditQuery, COMMAND_LINE, CancelRequest, ClearRequest, DecisionRequest, ErrorItem, MarkRequest, Marked,
    ProblemDetails, RerunRequest, RunAgain, RunWhy, WhyQuery,
};

use super::body::{Body, require_label};
use super::engine::Access;
use super::path::{OfRun, OfTask, PathOf};
use super::people::require_page;
use super::problem::Refusal;
use super::routes::Shared;
use crate::origin::Origin;

/// Longest reason or note, and longest name of who asks.
pub(super) const MAX_NOTE_BYTES: usize = 500;
const MAX_CALLER_BYTES: usize = 100;

/// Longest subject that an entry of the audit can have: an id or a name.
const MAX_SUBJECT_BYTES: usize = 63;

type Answer<T> = Result<Json<T>, Refusal>;

impl<S: Send + Sync> FromRequestParts<S> for Origin {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(origin(&parts.extensions, &parts.headers))
    }
}

/// Who asks, as the layers before have found out.
pub(super) fn origin(extensions: &Extensions, headers: &HeaderMap) -> Origin {
    let peer = extensions.get::<ConnectInfo<SocketAddr>>();
    let agent = headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok());
    let identity = match extensions.get::<Access>() {
        Some(Access::Token(identity)) => Some(identity.clone()),
        Some(Access::Attempt { .. } | Access::None | Access::Unknown) | None => None,
    };
    Origin::remote(identity, peer.map(|ConnectInfo(peer)| peer.ip()), agent == Some(COMMAND_LINE))
}

/// Asks for the end of a run.
#[utoipa::path(post, path = "/api/v1/runs/{run}/cancel", tag = "control", request_body = CancelRequest, params(OfRun), responses((status = 202)))]
pub async fn cancel(
    State(engine): State<Shared>,
    path: PathOf<OfRun>,
    from: Origin,
    body: Result<Body<CancelRequest>, Refusal>,
) -> Result<StatusCode, Refusal> {
    let (Path(OfRun { run }), Body(request)) = (path?, body?);
    require_label("/reason", request.reason.as_deref().unwrap_or_default(), MAX_NOTE_BYTES)?;
    require_caller(request.by.as_deref())?;
    engine.cancel(&run.to_string(), request, from).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Has a run that has ended run again, or says what would.
#[utoipa::path(post, path = "/api/v1/runs/{run}/rerun", tag = "control", request_body = RerunRequest, params(OfRun), responses(
    (status = 202, body = RunAgain), (status = 200, body = RunAgain, description = "Nothing was done: `dry_run`")))]
pub async fn rerun(
    State(engine): State<Shared>,
    path: PathOf<OfRun>,
    from: Origin,
    body: Result<Body<RerunRequest>, Refusal>,
) -> Result<(StatusCode, Json<RunAgain>), Refusal> {
    let (Path(OfRun { run }), Body(request)) = (path?, body?);
    require_caller(request.by.as_deref())?;
    Ok((begun(request.dry_run), Json(engine.rerun(&run.to_string(), request, from).await?)))
}

/// Has a task that has ended run again, and all that needs it, or says what would.
#[utoipa::path(post, path = "/api/v1/runs/{run}/tasks/{task}/clear", tag = "control", request_body = ClearRequest, params(OfTask), responses(
    (status = 202, body = RunAgain), (status = 200, body = RunAgain, description = "Nothing was done: `dry_run`")))]
pub async fn clear(
    State(engine): State<Shared>,
    path: PathOf<OfTask>,
    from: Origin,
    body: Result<Body<ClearRequest>, Refusal>,
) -> Result<(StatusCode, Json<RunAgain>), Refusal> {
    let (Path(OfTask { run, task }), Body(request)) = (path?, body?);
    require_caller(request.by.as_deref())?;
    Ok((begun(request.dry_run), Json(engine.clear(&run.to_string(), &task, request, from).await?)))
}

fn begun(dry_run: bool) -> StatusCode {
    if dry_run { StatusCode::OK } else { StatusCode::ACCEPTED }
}

/// Says how a task that has not ended ends.
#[utoipa::path(post, path = "/api/v1/runs/{run}/tasks/{task}/mark", tag = "control", request_body = MarkRequest, params(OfTask), responses((status = 200, body = Marked)))]
pub async fn mark(
    State(engine): State<Shared>,
    path: PathOf<OfTask>,
    from: Origin,
    body: Result<Body<MarkRequest>, Refusal>,
) -> Answer<Marked> {
    let (Path(OfTask { run, task }), Body(request)) = (path?, body?);
    require_reason(&request.reason)?;
    require_caller(request.by.as_deref())?;
    Ok(Json(engine.mark(&run.to_string(), &task, request, from).await?))
}

/// Decides on a task that waits for approval.
#[utoipa::path(
    post,
    path = "/api/v1/runs/{run}/tasks/{task}/decision",
    tag = "control",
    request_body = DecisionRequest,
    params(OfTask),
    responses(
        (status = 204),
        (status = 409, body = ProblemDetails, content_type = "application/problem+json",
            description = "the task does not wait for a decision, or for this one")
    )
)]
pub async fn decide(
    State(engine): State<Shared>,
    path: PathOf<OfTask>,
    from: Origin,
    body: Result<Body<DecisionRequest>, Refusal>,
) -> Result<StatusCode, Refusal> {
    let (Path(OfTask { run, task }), Body(request)) = (path?, body?);
    require_label("/note", request.note.as_deref().unwrap_or_default(), MAX_NOTE_BYTES)?;
    require_caller(request.by.as_deref())?;
    engine.decide(&run.to_string(), &task, request, from).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What keeps a run and its tasks from running.
#[utoipa::path(get, path = "/api/v1/runs/{run}/why", tag = "runs", params(OfRun, WhyQuery), responses((status = 200, body = RunWhy)))]
pub async fn why(
    State(engine): State<Shared>,
    path: PathOf<OfRun>,
    query: Result<Query<WhyQuery>, QueryRejection>,
) -> Answer<RunWhy> {
    let (Path(OfRun { run }), Query(query)) = (path?, query?);
    Ok(Json(engine.why(&run.to_string(), query).await?))
}

/// What was done by hand, newest first.
#[utoipa::path(get, path = "/api/v1/audit", tag = "control", params(AuditQuery), responses((status = 200, body = AuditList)))]
pub async fn audit(
    State(engine): State<Shared>,
    query: Result<Query<AuditQuery>, QueryRejection>,
) -> Answer<AuditList> {
    let Query(query) = query?;
    let invalid = |detail: String| Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_query", detail);
    require_page(query.before.as_deref(), query.limit)?;
    let too_long = |subject: &str| subject.len() > MAX_SUBJECT_BYTES || subject.chars().any(char::is_control);
    if query.subject.as_deref().is_some_and(too_long) {
        return Err(invalid("`subject` is the id of a run, or the name of a DAG or a project".to_owned()));
    }
    Ok(Json(engine.audit(query).await?))
}

/// Refuses what nobody has given a reason for.
pub(super) fn require_reason(reason: &str) -> Result<(), Refusal> {
    require_label("/reason", reason, MAX_NOTE_BYTES)?;
    if !reason.trim().is_empty() {
        return Ok(());
    }
    let item = ErrorItem {
        pointer: Some("/reason".to_owned()),
        code: "missing_reason".to_owned(),
        hint: "say why, for those who look later".to_owned(),
        ..ErrorItem::default()
    };
    Err(Refusal::unprocessable("this needs a reason", vec![item]))
}

pub(super) fn require_caller(by: Option<&str>) -> Result<(), Refusal> {
    require_label("/by", by.unwrap_or_default(), MAX_CALLER_BYTES)
}
