//! Streams of server-sent events: changes of runs and tasks. A stream is the engine's; here it gets its form, its heartbeats
//! and its end where the token it was asked for with is not good any more. To add one: a handler that calls [`stream`].

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequestParts, Query, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use daybreak_protocol::{Change, EventsQuery};
use futures::StreamExt as _;
use serde::Deserialize;
use ulid::Ulid;
use utoipa::IntoParams;

use super::access::Bearer;
use super::engine::Access;
use super::problem::Refusal;
use super::routes::Shared;
use crate::following::Events;

/// A comment that keeps proxies from taking a quiet stream for a dead one.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// How often a stream asks whether its token is still good.
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);

/// The id of the last event that a client has seen. One that is none of ours is as good as absent.
pub struct LastEvent(pub Option<String>);

/// The header as the document shows it.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "the document is made from it")]
pub struct LastEventHeader {
    /// The id of the last event seen: the stream goes on after it.
    #[serde(rename = "last-event-id")]
    last: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for LastEvent {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let last = parts.headers.get("last-event-id").and_then(|last| last.to_str().ok());
        Ok(Self(last.map(str::to_owned)))
    }
}

/// States of runs and tasks as they change: events `run` and `task`, whose data is a `Change`. A `reset` says that the lists are to be read again, for what
/// changed before it is not told: it comes first, and again where a client has fallen behind what is kept.
#[utoipa::path(get, path = "/api/v1/events", tag = "runs", params(EventsQuery, LastEventHeader),
    responses((status = 200, body = Change, content_type = "text/event-stream")))]
pub async fn events(
    State(engine): State<Shared>,
    query: Result<Query<EventsQuery>, QueryRejection>,
    LastEvent(last): LastEvent,
    bearer: Bearer,
) -> Result<Response, Refusal> {
    let Query(query) = query?;
    if query.run.as_deref().is_some_and(|run| Ulid::from_string(run).is_err()) {
        return Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_query", "`run` is not the id of a run"));
    }
    let events = engine.follow_changes(query, last).await?;
    Ok(stream(events, (engine, bearer)))
}

/// Events as a response, for as long as the token is good.
pub fn stream(events: Events, asked: (Shared, Bearer)) -> Response {
    let events = events.take_until(taken_back(asked));
    let events =
        events.map(|event| Ok::<_, Infallible>(Event::default().event(event.event).id(event.id).data(event.data)));
    Sse::new(events).keep_alive(KeepAlive::new().interval(HEARTBEAT)).into_response()
}

/// Waits until the token speaks for nobody: it was taken back, has expired, or its attempt has ended.
async fn taken_back((engine, bearer): (Shared, Bearer)) {
    loop {
        tokio::time::sleep(BETWEEN_LOOKS).await;
        if bearer.access(&engine).await == Access::None {
            return;
        }
    }
}
