//! Who may call what: one layer that asks by the matched route, never by the text of a path. Default-deny: a route or
//! method that is not in the table, and is no page's, needs an admin's token. Must not look at bodies. To add a kind of caller: a
//! variant of [`For`].

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use daybreak_protocol::For;

use super::control::origin;
use super::engine::Access;
use super::metrics::METRICS;
use super::pages::{self, is_for_a_page};
use super::problem::Refusal;
use super::routes::{RouteInfo, Shared};
use crate::refusals::Refused;

/// Longer than any token.
const MAX_TOKEN_BYTES: usize = 512;

/// Asks for each request who may make it.
#[derive(Clone)]
pub struct Gate {
    engine: Shared,
    /// By path, then by method.
    callers: Arc<HashMap<String, HashMap<&'static str, For>>>,
}

impl Gate {
    pub fn new(engine: Shared, routes: &[RouteInfo]) -> Self {
        let mut callers: HashMap<String, HashMap<&'static str, For>> = HashMap::new();
        for route in routes {
            callers.entry(route.path.clone()).or_default().insert(route.method, route.callers);
        }
        for path in pages::OPEN {
            callers.entry(path.to_owned()).or_default().insert("GET", For::Everybody);
        }
        Self { engine, callers: Arc::new(callers) }
    }

    fn callers(&self, request: &Request) -> For {
        let Some(path) = request.extensions().get::<MatchedPath>() else {
            let page = is_for_a_page(request.method(), request.uri().path(), request.headers());
            return if page { For::Everybody } else { For::Admins };
        };
        let method = if *request.method() == Method::HEAD { "GET" } else { request.method().as_str() };
        let known = self.callers.get(path.as_str()).and_then(|methods| methods.get(method));
        known.copied().unwrap_or(For::Admins)
    }
}

/// The layer.
pub async fn authenticate(State(gate): State<Gate>, mut request: Request, next: Next) -> Response {
    let callers = gate.callers(&request);
    let open = path_of(&request) == Some(METRICS) && gate.engine.metrics_are_open();
    if callers == For::Everybody || open {
        return next.run(request).await;
    }
    let given = bearer(request.headers());
    let access = match given {
        Some(token) => gate.engine.authorises(token).await,
        None => Access::None,
    };
    let says_who = given.is_some();
    let refusal = match &access {
        Access::None => Some(Refusal::unauthorized()),
        Access::Unknown => Some(Refusal::of_status(StatusCode::SERVICE_UNAVAILABLE)),
        Access::Attempt { .. } if callers.admits_attempts() => None,
        Access::Token(identity) if callers.admits(identity.role) => None,
        Access::Attempt { .. } => Some(Refusal::not_for_attempts()),
        Access::Token(identity) => Some(Refusal::forbidden(identity.role, callers)),
    };
    let by = match &access {
        Access::Token(identity) => identity.name.clone(),
        Access::Attempt { task_run_id, .. } => format!("attempt of {task_run_id}"),
        Access::None | Access::Unknown => "nobody".to_owned(),
    };
    request.extensions_mut().insert(access);
    let from = origin(request.extensions(), request.headers());
    let route = path_of(&request).unwrap_or("no route").to_owned();
    let response = match refusal {
        Some(refusal) => refusal.into_response(),
        None => next.run(request).await,
    };
    let refused = response.extensions().get::<Refusal>().filter(|refusal| says_who && refusal.is_audited());
    if let Some(Refusal { code, detail, subject, .. }) = refused.cloned() {
        let subject = subject.unwrap_or(route);
        gate.engine.refused(Refused { code, by, subject, detail }, &from).await;
    }
    response
}

/// The token of a request, for those who ask again whom it speaks for.
pub struct Bearer(Option<String>);

impl Bearer {
    /// Whom it speaks for now.
    pub async fn access(&self, engine: &Shared) -> Access {
        match &self.0 {
            Some(token) => engine.authorises(token).await,
            None => Access::None,
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Bearer {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(bearer(&parts.headers).map(str::to_owned)))
    }
}

fn path_of(request: &Request) -> Option<&str> {
    request.extensions().get::<MatchedPath>().map(MatchedPath::as_str)
}

/// The token of the one `authorization: Bearer …` header.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut given = headers.get_all(AUTHORIZATION).iter();
    let (scheme, token) = given.next()?.to_str().ok()?.split_once(' ')?;
    let plain = given.next().is_none() && !token.is_empty() && token.len() <= MAX_TOKEN_BYTES;
    (plain && scheme.eq_ignore_ascii_case("bearer")).then_some(token)
}
