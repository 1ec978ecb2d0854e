//! The worker protocol and the reads of attempts. Handlers check the form of ids, cap waiting, and hold an attempt to
//! its own task run; the rest is the engine's. To add a call: a function here, a line in `routes`.

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::{Extension, Json};
use daybreak_protocol::{
    AliasView, Assignment, BuildRecord, Cancellations, Error, Heartbeat, HeartbeatReply, Held, Live, MintPublication,
    Minted, ModelVersionRecord, Poll, Register, Registration, Report,
};
use daybreak_spec::{Name, Timestamp};
use serde::Deserialize;

use super::body::{Body, require_ids, require_label};
use super::engine::Access;
use super::problem::Refusal;
use super::routes::Shared;

type Answer<T> = Result<Json<T>, Refusal>;

/// Longest time that a request is held back; a longer wish is cut.
const MAX_WAIT_MS: u64 = 20_000;
const MAX_LABEL_BYTES: usize = 200;

pub async fn register(State(engine): State<Shared>, Body(request): Body<Register>) -> Answer<Registration> {
    require_label("/label", &request.label, MAX_LABEL_BYTES)?;
    require_label("/version", &request.version, MAX_LABEL_BYTES)?;
    Ok(Json(engine.register(request).await?))
}

pub async fn poll(State(engine): State<Shared>, Body(request): Body<Poll>) -> Answer<Vec<Assignment>> {
    require_ids(&[("/worker_id".to_owned(), &request.worker_id)])?;
    let request = Poll { wait_ms: request.wait_ms.min(MAX_WAIT_MS), ..request };
    Ok(Json(engine.poll(request).await?))
}

pub async fn heartbeat(State(engine): State<Shared>, Body(request): Body<Heartbeat>) -> Answer<HeartbeatReply> {
    let held = request.held.iter().enumerate();
    let mut ids: Vec<(String, &str)> =
        held.map(|(index, held)| (format!("/held/{index}/task_run_id"), held.task_run_id.as_str())).collect();
    ids.push(("/worker_id".to_owned(), &request.worker_id));
    require_ids(&ids)?;
    Ok(Json(engine.heartbeat(request).await?))
}

pub async fn cancellations(State(engine): State<Shared>, Body(request): Body<Cancellations>) -> Answer<Vec<Held>> {
    let known = request.known.iter().enumerate();
    let mut ids: Vec<(String, &str)> =
        known.map(|(index, held)| (format!("/known/{index}/task_run_id"), held.task_run_id.as_str())).collect();
    ids.push(("/worker_id".to_owned(), &request.worker_id));
    require_ids(&ids)?;
    let request = Cancellations { wait_ms: request.wait_ms.min(MAX_WAIT_MS), ..request };
    Ok(Json(engine.cancellations(request).await?))
}

pub async fn report(State(engine): State<Shared>, Body(report): Body<Report>) -> Result<StatusCode, Refusal> {
    require_ids(&[("/task_run_id".to_owned(), &report.task_run_id)])?;
    engine.report(report).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// An attempt mints for itself alone.
pub async fn mint_publication(
    State(engine): State<Shared>,
    Extension(access): Extension<Access>,
    Body(request): Body<MintPublication>,
) -> Answer<Minted> {
    require_ids(&[("/task_run_id".to_owned(), &request.task_run_id)])?;
    match access {
        Access::Attempt { task_run_id, .. } if task_run_id != request.task_run_id => return Err(Refusal::forbidden()),
        Access::Attempt { fence, .. } if fence != request.fence => return Err(Error::StaleAttempt.into()),
        Access::Attempt { .. } | Access::Admin => {}
        Access::None => return Err(Refusal::unauthorized()),
    }
    Ok(Json(Minted { publication: engine.mint_publication(request).await? }))
}

/// Bounds of `as_of`, inclusive; an absent one does not bound.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Range {
    from: Option<Timestamp>,
    to: Option<Timestamp>,
}

pub async fn builds(
    State(engine): State<Shared>,
    path: Result<Path<Name>, PathRejection>,
    query: Result<Query<Range>, QueryRejection>,
) -> Answer<Vec<BuildRecord>> {
    let (Path(view), Query(range)) = (path?, query?);
    let from = range.from.unwrap_or(Timestamp::from_micros(i64::MIN));
    let to = range.to.unwrap_or(Timestamp::from_micros(i64::MAX));
    Ok(Json(engine.builds(&view, from, to).await?))
}

pub async fn model_version(
    State(engine): State<Shared>,
    path: Result<Path<(Name, u32)>, PathRejection>,
) -> Answer<ModelVersionRecord> {
    let Path((model, version)) = path?;
    Ok(Json(engine.model_version(&model, version).await?))
}

pub async fn alias(State(engine): State<Shared>, path: Result<Path<(Name, Name)>, PathRejection>) -> Answer<AliasView> {
    let Path((model, alias)) = path?;
    Ok(Json(AliasView { version: engine.alias(&model, alias.as_str()).await? }))
}

/// Where the caller stands.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Since {
    after: i64,
    #[serde(default)]
    wait_ms: u64,
}

pub async fn live(State(engine): State<Shared>, query: Result<Query<Since>, QueryRejection>) -> Answer<Live> {
    let Query(since) = query?;
    Ok(Json(engine.live(since.after, since.wait_ms.min(MAX_WAIT_MS)).await?))
}
