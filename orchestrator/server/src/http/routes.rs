//! The table of routes: method, path, callers and handler of each, in one place. There is no other way to add a route.
//! To add one: a line in [`table`], a handler in `people`, `control` or `worker`.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, get, post};

use super::access::{Gate, authenticate};
use super::engine::Engine;
use super::finish::{Finisher, finish};
use super::{control, people, project, worker};

/// What the handlers share.
pub type Shared = Arc<dyn Engine>;

/// Who may call a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum For {
    /// Everybody, without a token.
    Everybody,
    /// The project's token.
    Admin,
    /// The project's token and those of current attempts.
    Attempts,
}

/// One route as its callers see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouteInfo {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// With `{parameters}`.
    pub path: &'static str,
    /// Who may call it.
    pub callers: For,
}

const MAX_BODY_BYTES: usize = 1 << 20;
/// A report may list the builds of a whole history.
const MAX_REPORT_BYTES: usize = 8 << 20;

type Row = (RouteInfo, MethodRouter<Shared>);

fn reads(path: &'static str, callers: For, handler: MethodRouter<Shared>) -> Row {
    (RouteInfo { method: "GET", path, callers }, handler)
}

fn writes(path: &'static str, callers: For, handler: MethodRouter<Shared>) -> Row {
    (RouteInfo { method: "POST", path, callers }, handler)
}

fn table() -> Vec<Row> {
    use For::{Admin, Attempts, Everybody};
    let report = post(worker::report).layer(DefaultBodyLimit::max(MAX_REPORT_BYTES));
    vec![
        reads("/health/live", Everybody, get(people::live)),
        reads("/health/ready", Everybody, get(people::ready)),
        writes("/api/v1/worker/register", Admin, post(worker::register)),
        writes("/api/v1/worker/poll", Admin, post(worker::poll)),
        writes("/api/v1/worker/heartbeat", Admin, post(worker::heartbeat)),
        writes("/api/v1/worker/cancellations", Admin, post(worker::cancellations)),
        writes("/api/v1/worker/report", Admin, report),
        writes("/api/v1/worker/publications", Attempts, post(worker::mint_publication)),
        reads("/api/v1/builds/{view}", Attempts, get(worker::builds)),
        reads("/api/v1/models", Admin, get(people::models)),
        reads("/api/v1/models/{model}/versions/{version}", Attempts, get(worker::model_version)),
        reads("/api/v1/models/{model}/aliases/{alias}", Attempts, get(worker::alias)),
        reads("/api/v1/live", Admin, get(worker::live)),
        reads("/api/v1/runs", Admin, get(people::runs)),
        reads("/api/v1/runs/{run}", Admin, get(people::run)),
        reads("/api/v1/runs/{run}/why", Admin, get(control::why)),
        writes("/api/v1/runs/{run}/cancel", Admin, post(control::cancel)),
        writes("/api/v1/runs/{run}/rerun", Admin, post(control::rerun)),
        writes("/api/v1/runs/{run}/tasks/{task}/clear", Admin, post(control::clear)),
        writes("/api/v1/runs/{run}/tasks/{task}/mark", Admin, post(control::mark)),
        writes("/api/v1/runs/{run}/tasks/{task}/decision", Admin, post(control::decide)),
        reads("/api/v1/runs/{run}/tasks/{task}/log", Admin, get(people::log)),
        reads("/api/v1/dags", Admin, get(people::dags)),
        writes("/api/v1/dags/{dag}/runs", Admin, post(people::trigger)),
        writes("/api/v1/dags/{dag}/pause", Admin, post(people::pause)),
        writes("/api/v1/dags/{dag}/resume", Admin, post(people::resume)),
        reads("/api/v1/project", Admin, get(project::project)),
        writes("/api/v1/project/reload", Admin, post(project::reload)),
        reads("/api/v1/audit", Admin, get(control::audit)),
        reads("/api/v1/clock", Admin, get(people::clock)),
        writes("/api/v1/clock", Admin, post(people::set_clock)),
    ]
}

/// Every route.
pub fn routes() -> Vec<RouteInfo> {
    table().into_iter().map(|(info, _)| info).collect()
}

/// All routes over a server.
pub fn router(engine: Shared) -> Router {
    let mut router = Router::new();
    for (info, handler) in table() {
        router = router.route(info.path, handler);
    }
    router
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(from_fn_with_state(Gate::new(engine.clone(), &routes()), authenticate))
        .layer(from_fn_with_state(Finisher::new(engine.clone()), finish))
        .with_state(engine)
}
