//! The table of routes: whom each is for, and its handler, whose annotation says method, path, parameters and answers. There
//! is no other way to add a route: a [`Row`] is not made without [`For`]. To add one: a handler with its annotation in the
//! file of its subject, a line in [`table`], a line in the tests' matrix of who may call what.

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::MethodRouter;
use axum::{Extension, Router};
use daybreak_protocol::{For, operations};
use utoipa::openapi::path::Paths;
use utoipa::openapi::{OpenApi, RefOr, Schema};
use utoipa_axum::router::UtoipaMethodRouter;
use utoipa_axum::routes;

use super::access::{Gate, authenticate};
use super::engine::Engine;
use super::finish::{Finisher, finish};
use super::{backfills, catalogue, control, document, events, looks, metrics, people, project, tokens, worker};

/// What the handlers share.
pub type Shared = Arc<dyn Engine>;

/// One route as its callers see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteInfo {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// With `{parameters}`.
    pub path: String,
    /// Who may call it.
    pub callers: For,
}

const MAX_BODY_BYTES: usize = 1 << 20;
/// A report may list the builds of a whole history.
const MAX_REPORT_BYTES: usize = 8 << 20;

/// A route: whom it is for, what its annotation says, its handler.
pub struct Row {
    pub callers: For,
    pub schemas: Vec<(String, RefOr<Schema>)>,
    pub paths: Paths,
    handler: MethodRouter<Shared>,
}

impl Row {
    /// Takes larger bodies than the others.
    fn up_to(self, max_bytes: usize) -> Self {
        Self { handler: self.handler.layer(DefaultBodyLimit::max(max_bytes)), ..self }
    }
}

fn route(callers: For, (schemas, paths, handler): UtoipaMethodRouter<Shared>) -> Row {
    Row { callers, schemas, paths, handler }
}

/// Every route.
pub fn table() -> Vec<Row> {
    use For::{Admins, Catalogue, Editors, Everybody, Operators, Publishers, Viewers, Workers};
    vec![
        route(Everybody, routes!(people::live)),
        route(Everybody, routes!(people::ready)),
        route(Viewers, routes!(metrics::metrics)),
        route(Viewers, routes!(document::openapi)),
        route(Viewers, routes!(looks::me)),
        route(Viewers, routes!(looks::overview)),
        route(Workers, routes!(worker::register)),
        route(Workers, routes!(worker::poll)),
        route(Workers, routes!(worker::heartbeat)),
        route(Workers, routes!(worker::cancellations)),
        route(Workers, routes!(worker::leave)),
        route(Workers, routes!(worker::endpoint_settings)),
        route(Viewers, routes!(worker::workers)),
        route(Viewers, routes!(worker::queues)),
        route(Workers, routes!(worker::report)).up_to(MAX_REPORT_BYTES),
        route(Publishers, routes!(worker::mint_publication)),
        route(Viewers, routes!(looks::views)),
        route(Catalogue, routes!(catalogue::list_builds)),
        route(Publishers, routes!(catalogue::builds)),
        route(Viewers, routes!(catalogue::models)),
        route(Viewers, routes!(catalogue::model_versions)),
        route(Viewers, routes!(catalogue::alias_history)),
        route(Catalogue, routes!(catalogue::model_version)),
        route(Catalogue, routes!(catalogue::alias)),
        route(Operators, routes!(catalogue::move_alias)),
        route(Workers, routes!(worker::registry)),
        route(Viewers, routes!(people::runs)),
        route(Viewers, routes!(people::run)),
        route(Viewers, routes!(looks::attempts)),
        route(Viewers, routes!(looks::lineage)),
        route(Viewers, routes!(control::why)),
        route(Operators, routes!(control::cancel)),
        route(Operators, routes!(control::rerun)),
        route(Operators, routes!(control::clear)),
        route(Operators, routes!(control::mark)),
        route(Operators, routes!(control::decide)),
        route(Viewers, routes!(people::log)),
        route(Viewers, routes!(people::items)),
        route(Viewers, routes!(events::events)),
        route(Viewers, routes!(people::dags)),
        route(Viewers, routes!(looks::dag)),
        route(Viewers, routes!(looks::grid)),
        route(Viewers, routes!(looks::durations)),
        route(Viewers, routes!(looks::firings)),
        route(Operators, routes!(people::trigger)),
        route(Operators, routes!(people::pause)),
        route(Operators, routes!(people::resume)),
        route(Viewers, routes!(project::project)),
        route(Editors, routes!(project::reload)),
        route(Viewers, routes!(project::versions)),
        route(Viewers, routes!(project::files_of_version)),
        route(Viewers, routes!(project::files)),
        route(Viewers, routes!(control::audit)),
        route(Viewers, routes!(people::clock)),
        route(Operators, routes!(people::set_clock)),
        route(Operators, routes!(backfills::create)),
        route(Viewers, routes!(backfills::plan)),
        route(Viewers, routes!(backfills::list)),
        route(Viewers, routes!(backfills::one)),
        route(Operators, routes!(backfills::pause)),
        route(Operators, routes!(backfills::resume)),
        route(Operators, routes!(backfills::cancel)),
        route(Admins, routes!(tokens::create)),
        route(Admins, routes!(tokens::list)),
        route(Admins, routes!(tokens::revoke)),
    ]
}

/// Every route as its callers see it.
pub fn routes() -> Vec<RouteInfo> {
    let mut infos = Vec::new();
    for mut row in table() {
        for (path, item) in &mut row.paths.paths {
            for (method, ..) in operations(item) {
                infos.push(RouteInfo { method, path: path.clone(), callers: row.callers });
            }
        }
    }
    infos
}

/// All routes over a server. `document`: of these routes, and of those that answer beside them.
pub fn router(engine: Shared, document: OpenApi) -> Router {
    let mut router = Router::new();
    for row in table() {
        for path in row.paths.paths.keys() {
            router = router.route(path, row.handler.clone());
        }
    }
    router
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(Extension(Arc::new(document)))
        .layer(from_fn_with_state(Gate::new(engine.clone(), &routes()), authenticate))
        .layer(from_fn_with_state(Finisher::new(engine.clone()), finish))
        .with_state(engine)
}
