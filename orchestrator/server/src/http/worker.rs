//! The worker protocol, and workers and queues as people see them. Handlers check the form of ids, cap waiting, and hold an
//! attempt to its own task run; the rest is the engine's. To add a call: a function here, a line in `routes`.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::{Extension, Json};
use daybreak_protocol::{
    Assignment, Cancellations, EndpointSettings, Error, ErrorItem, Heartbeat, HeartbeatReply, Held, Leave, Live,
    MintPublication, Minted, Poll, ProblemDetails, QueueList, QueuesQuery, Register, Registration, Report, WorkerList,
    WorkersQuery,
};
use daybreak_spec::Placement;
use serde::Deserialize;
use utoipa::IntoParams;

use super::body::{Body, require_ids, require_label};
use super::engine::Access;
use super::people::{Answer, no_page, require_page};
use super::problem::Refusal;
use super::routes::Shared;

/// Longest time that a request is held back; a longer wish is cut.
const MAX_WAIT_MS: u64 = 20_000;
const MAX_LABEL_BYTES: usize = 200;

/// A worker presents itself.
#[utoipa::path(post, path = "/api/v1/worker/register", tag = "worker", request_body = Register, responses((status = 200, body = Registration), (status = 409, body = ProblemDetails, content_type = "application/problem+json", description = "worker and server speak other protocols")))]
pub async fn register(State(engine): State<Shared>, Body(request): Body<Register>) -> Answer<Registration> {
    require_label("/label", &request.label, MAX_LABEL_BYTES)?;
    require_label("/version", &request.version, MAX_LABEL_BYTES)?;
    require_label("/host", &request.host, MAX_LABEL_BYTES)?;
    require_modest(&request)?;
    let subject: String = request.label.chars().take(63).collect();
    let registration = engine.register(request).await.map_err(|error| Refusal::from(error).about(&subject))?;
    Ok(Json(registration))
}

/// Refuses a worker that says it is larger than any is.
fn require_modest(request: &Register) -> Result<(), Refusal> {
    let slots = [("/light_slots", request.light_slots), ("/heavy_slots", request.heavy_slots)];
    let too_many = slots.into_iter().filter(|(_, slots)| *slots > Register::MAX_SLOTS);
    let mut errors: Vec<ErrorItem> =
        too_many.map(|(pointer, _)| item(pointer, format!("at most {} tasks at once", Register::MAX_SLOTS))).collect();
    let names = [("/queues", request.queues.as_ref().map_or(0, Vec::len)), ("/labels", request.labels.len())];
    let too_many = names.into_iter().filter(|(_, names)| *names > Register::MAX_NAMES);
    errors.extend(too_many.map(|(pointer, _)| item(pointer, format!("at most {}", Register::MAX_NAMES))));
    if errors.is_empty() { Ok(()) } else { Err(Refusal::unprocessable("no worker is so large", errors)) }
}

fn item(pointer: &str, hint: String) -> ErrorItem {
    ErrorItem { pointer: Some(pointer.to_owned()), code: "out_of_range".to_owned(), hint, ..ErrorItem::default() }
}

/// Waits for work.
#[utoipa::path(post, path = "/api/v1/worker/poll", tag = "worker", request_body = Poll, responses((status = 200, body = Vec<Assignment>)))]
pub async fn poll(State(engine): State<Shared>, Body(request): Body<Poll>) -> Answer<Vec<Assignment>> {
    require_ids(&[("/worker_id".to_owned(), &request.worker_id)])?;
    let request = Poll { wait_ms: request.wait_ms.min(MAX_WAIT_MS), ..request };
    Ok(Json(engine.poll(request).await?))
}

/// Renews a worker's lease.
#[utoipa::path(post, path = "/api/v1/worker/heartbeat", tag = "worker", request_body = Heartbeat, responses((status = 200, body = HeartbeatReply)))]
pub async fn heartbeat(State(engine): State<Shared>, Body(request): Body<Heartbeat>) -> Answer<HeartbeatReply> {
    let held = request.held.iter().enumerate();
    let mut ids: Vec<(String, &str)> =
        held.map(|(index, held)| (format!("/held/{index}/task_run_id"), held.task_run_id.as_str())).collect();
    ids.push(("/worker_id".to_owned(), &request.worker_id));
    require_ids(&ids)?;
    Ok(Json(engine.heartbeat(request).await?))
}

/// Waits for the cancellation of one of the worker's tasks.
#[utoipa::path(post, path = "/api/v1/worker/cancellations", tag = "worker", request_body = Cancellations, responses((status = 200, body = Vec<Held>)))]
pub async fn cancellations(State(engine): State<Shared>, Body(request): Body<Cancellations>) -> Answer<Vec<Held>> {
    let known = request.known.iter().enumerate();
    let mut ids: Vec<(String, &str)> =
        known.map(|(index, held)| (format!("/known/{index}/task_run_id"), held.task_run_id.as_str())).collect();
    ids.push(("/worker_id".to_owned(), &request.worker_id));
    require_ids(&ids)?;
    let request = Cancellations { wait_ms: request.wait_ms.min(MAX_WAIT_MS), ..request };
    Ok(Json(engine.cancellations(request).await?))
}

/// Lets a worker go that has ended.
#[utoipa::path(post, path = "/api/v1/worker/leave", tag = "worker", request_body = Leave, responses((status = 204)))]
pub async fn leave(State(engine): State<Shared>, Body(request): Body<Leave>) -> Result<StatusCode, Refusal> {
    require_ids(&[("/worker_id".to_owned(), &request.worker_id)])?;
    engine.leave(request).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What an endpoint in a process of its own is told: hashes of the tokens that are good, how long predictions are kept.
#[utoipa::path(get, path = "/api/v1/endpoint", tag = "worker", responses((status = 200, body = EndpointSettings)))]
pub async fn endpoint_settings(State(engine): State<Shared>) -> Answer<EndpointSettings> {
    Ok(Json(engine.endpoint_settings().await?))
}

/// Workers, newest first.
#[utoipa::path(get, path = "/api/v1/workers", tag = "workers", params(WorkersQuery), responses((status = 200, body = WorkerList)))]
pub async fn workers(
    State(engine): State<Shared>,
    query: Result<Query<WorkersQuery>, QueryRejection>,
) -> Answer<WorkerList> {
    let Query(query) = query?;
    require_page(query.before.as_deref(), query.limit)?;
    Ok(Json(engine.workers(query).await?))
}

/// Queues, by name and labels: what waits, what runs, how many workers take from each.
#[utoipa::path(get, path = "/api/v1/queues", tag = "workers", params(QueuesQuery), responses((status = 200, body = QueueList)))]
pub async fn queues(
    State(engine): State<Shared>,
    query: Result<Query<QueuesQuery>, QueryRejection>,
) -> Answer<QueueList> {
    let Query(query) = query?;
    require_page(None, query.limit)?;
    if query.after.as_deref().is_some_and(|after| Placement::parse(after).is_none()) {
        return Err(no_page("after"));
    }
    Ok(Json(engine.queues(query).await?))
}

/// Ends an attempt.
#[utoipa::path(post, path = "/api/v1/worker/report", tag = "worker", request_body = Report, responses((status = 204), (status = 409, body = ProblemDetails, content_type = "application/problem+json", description = "the attempt is no longer current")))]
pub async fn report(State(engine): State<Shared>, Body(report): Body<Report>) -> Result<StatusCode, Refusal> {
    require_ids(&[("/task_run_id".to_owned(), &report.task_run_id)])?;
    let subject = report.task_run_id.clone();
    engine.report(report).await.map_err(|error| Refusal::from(error).about(&subject))?;
    Ok(StatusCode::NO_CONTENT)
}

/// The number of a publication; an attempt mints for itself alone.
#[utoipa::path(post, path = "/api/v1/worker/publications", tag = "worker", request_body = MintPublication, responses((status = 200, body = Minted), (status = 409, body = ProblemDetails, content_type = "application/problem+json", description = "the attempt is no longer current")))]
pub async fn mint_publication(
    State(engine): State<Shared>,
    Extension(access): Extension<Access>,
    Body(request): Body<MintPublication>,
) -> Answer<Minted> {
    require_ids(&[("/task_run_id".to_owned(), &request.task_run_id)])?;
    match access {
        Access::Attempt { task_run_id, .. } if task_run_id != request.task_run_id => {
            return Err(Refusal::not_for_attempts());
        }
        Access::Attempt { fence, .. } if fence != request.fence => return Err(Error::StaleAttempt.into()),
        Access::Attempt { .. } | Access::Token(_) => {}
        Access::None | Access::Unknown => return Err(Refusal::unauthorized()),
    }
    Ok(Json(Minted { publication: engine.mint_publication(request).await? }))
}

/// Where the caller stands.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct LiveQuery {
    /// The cursor of the answer before; 0 at first.
    after: i64,
    /// How long the server may hold the request, at most 20,000.
    #[serde(default)]
    wait_ms: u64,
}

/// What the aliases point at, as soon as it is news.
#[utoipa::path(get, path = "/api/v1/live", tag = "catalogue", params(LiveQuery), responses((status = 200, body = Live)))]
pub async fn registry(State(engine): State<Shared>, query: Result<Query<LiveQuery>, QueryRejection>) -> Answer<Live> {
    let Query(since) = query?;
    Ok(Json(engine.live(since.after, since.wait_ms.min(MAX_WAIT_MS)).await?))
}
