//! What pages of a user interface look at: who asks, how things stand, a DAG's runs beside each other, feature views, firings,
//! and where a run comes from. Handlers read the request's form and ask the engine; they decide nothing. To add one: a
//! function here, a line in `routes`.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use daybreak_protocol::{
    AttemptList, AttemptsQuery, DagDetail, Durations, FiringList, FiringsQuery, Grid, GridQuery, Me, Overview,
    RunLineage, ViewList, ViewsQuery,
};

use super::path::{OfDag, OfRun, PathOf};
use super::people::{Answer, invalid_query, require_page};
use super::routes::Shared;
use crate::origin::Origin;

/// Whoever asks, as their token says.
#[utoipa::path(get, path = "/api/v1/me", tag = "server", responses((status = 200, body = Me)))]
pub async fn me(State(engine): State<Shared>, from: Origin) -> Answer<Me> {
    Ok(Json(engine.me(from).await?))
}

/// How things stand: what needs somebody, what goes on, what comes next, what is live.
#[utoipa::path(get, path = "/api/v1/overview", tag = "server", responses((status = 200, body = Overview)))]
pub async fn overview(State(engine): State<Shared>) -> Answer<Overview> {
    Ok(Json(engine.overview().await?))
}

/// One DAG, with its parameters.
#[utoipa::path(get, path = "/api/v1/dags/{dag}", tag = "dags", params(OfDag), responses((status = 200, body = DagDetail)))]
pub async fn dag(State(engine): State<Shared>, path: PathOf<OfDag>) -> Answer<DagDetail> {
    let Path(OfDag { dag }) = path?;
    Ok(Json(engine.dag(&dag).await?))
}

/// Runs of a DAG, newest first, with a letter for the state of each task.
#[utoipa::path(get, path = "/api/v1/dags/{dag}/grid", tag = "dags", params(OfDag, GridQuery), responses((status = 200, body = Grid)))]
pub async fn grid(
    State(engine): State<Shared>,
    path: PathOf<OfDag>,
    query: Result<Query<GridQuery>, QueryRejection>,
) -> Answer<Grid> {
    let (Path(OfDag { dag }), Query(query)) = (path?, query?);
    require_page(query.before.as_deref(), query.limit)?;
    Ok(Json(engine.grid(&dag, query).await?))
}

/// Runs of a DAG, newest first, with how long each task was queued and ran.
#[utoipa::path(get, path = "/api/v1/dags/{dag}/durations", tag = "dags", params(OfDag, GridQuery), responses((status = 200, body = Durations)))]
pub async fn durations(
    State(engine): State<Shared>,
    path: PathOf<OfDag>,
    query: Result<Query<GridQuery>, QueryRejection>,
) -> Answer<Durations> {
    let (Path(OfDag { dag }), Query(query)) = (path?, query?);
    require_page(query.before.as_deref(), query.limit)?;
    Ok(Json(engine.durations(&dag, query).await?))
}

/// Feature views as they stand, by name.
#[utoipa::path(get, path = "/api/v1/views", tag = "catalogue", params(ViewsQuery), responses((status = 200, body = ViewList)))]
pub async fn views(State(engine): State<Shared>, query: Result<Query<ViewsQuery>, QueryRejection>) -> Answer<ViewList> {
    let Query(query) = query?;
    require_page(None, query.limit)?;
    Ok(Json(engine.views(query).await?))
}

/// Firings of a stretch of business time, soonest first, and what clocks do there.
#[utoipa::path(get, path = "/api/v1/firings", tag = "dags", params(FiringsQuery), responses((status = 200, body = FiringList)))]
pub async fn firings(
    State(engine): State<Shared>,
    query: Result<Query<FiringsQuery>, QueryRejection>,
) -> Answer<FiringList> {
    let Query(query) = query?;
    if let (Some(from), Some(to)) = (query.from, query.to)
        && !(0..=FiringsQuery::MAX_RANGE_US).contains(&to.micros.saturating_sub(from.micros))
    {
        return Err(invalid_query("`to` is after `from`, by at most 100 days".to_owned()));
    }
    Ok(Json(engine.firings(query).await?))
}

/// The attempts of a run's tasks, oldest first.
#[utoipa::path(get, path = "/api/v1/runs/{run}/attempts", tag = "runs", params(OfRun, AttemptsQuery), responses((status = 200, body = AttemptList)))]
pub async fn attempts(
    State(engine): State<Shared>,
    path: PathOf<OfRun>,
    query: Result<Query<AttemptsQuery>, QueryRejection>,
) -> Answer<AttemptList> {
    let (Path(OfRun { run }), Query(query)) = (path?, query?);
    require_page(None, query.limit)?;
    Ok(Json(engine.attempts(&run.to_string(), query).await?))
}

/// What a run was made from and what came of it.
#[utoipa::path(get, path = "/api/v1/runs/{run}/lineage", tag = "runs", params(OfRun), responses((status = 200, body = RunLineage)))]
pub async fn lineage(State(engine): State<Shared>, path: PathOf<OfRun>) -> Answer<RunLineage> {
    let Path(OfRun { run }) = path?;
    Ok(Json(engine.lineage(&run.to_string()).await?))
}
