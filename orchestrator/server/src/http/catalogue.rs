//! Builds, models, versions and aliases over HTTP, for people and for attempts. To add a call: a function here, a line in
//! `routes`.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use daybreak_protocol::{
    AliasHistory, AliasHistoryEntry, AliasHistoryQuery, AliasView, BuildList, BuildRecord, BuildsQuery, ModelList,
    ModelVersionRecord, ModelsQuery, MoveAliasRequest, ProblemDetails, VersionList, VersionsQuery,
};
use daybreak_spec::Timestamp;
use serde::Deserialize;
use utoipa::IntoParams;

use super::body::Body;
use super::control::{require_caller, require_reason};
use super::path::{OfAlias, OfModel, OfVersion, OfView, PathOf};
use super::people::{Answer, require_page};
use super::problem::Refusal;
use super::routes::Shared;
use crate::origin::Origin;

/// Builds of a view, oldest first; the newest record per instant and definition.
#[utoipa::path(get, path = "/api/v1/views/{view}/builds", tag = "catalogue", params(OfView, BuildsQuery), responses((status = 200, body = BuildList)))]
pub async fn list_builds(
    State(engine): State<Shared>,
    path: PathOf<OfView>,
    query: Result<Query<BuildsQuery>, QueryRejection>,
) -> Answer<BuildList> {
    let (Path(OfView { view }), Query(query)) = (path?, query?);
    require_page(None, query.limit)?;
    Ok(Json(engine.list_builds(&view, query).await?))
}

/// Bounds of `as_of`, inclusive; an absent one does not bound.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RangeOfBuilds {
    /// The earliest instant.
    from: Option<Timestamp>,
    /// The latest.
    to: Option<Timestamp>,
}

/// All builds of a range at once, for workers of protocol 1. Everybody else: `/api/v1/views/{view}/builds`.
#[utoipa::path(get, path = "/api/v1/builds/{view}", tag = "worker", params(OfView, RangeOfBuilds), responses((status = 200, body = Vec<BuildRecord>)))]
pub async fn builds(
    State(engine): State<Shared>,
    path: PathOf<OfView>,
    query: Result<Query<RangeOfBuilds>, QueryRejection>,
) -> Answer<Vec<BuildRecord>> {
    let (Path(OfView { view }), Query(range)) = (path?, query?);
    let from = range.from.unwrap_or(Timestamp::from_micros(i64::MIN));
    let to = range.to.unwrap_or(Timestamp::from_micros(i64::MAX));
    Ok(Json(engine.builds(&view, from, to).await?))
}

/// Models with their aliases, by name.
#[utoipa::path(get, path = "/api/v1/models", tag = "models", params(ModelsQuery), responses((status = 200, body = ModelList)))]
pub async fn models(
    State(engine): State<Shared>,
    query: Result<Query<ModelsQuery>, QueryRejection>,
) -> Answer<ModelList> {
    let Query(query) = query?;
    require_page(None, query.limit)?;
    Ok(Json(engine.models(query).await?))
}

/// The versions of a model, newest first.
#[utoipa::path(get, path = "/api/v1/models/{model}/versions", tag = "models", params(OfModel, VersionsQuery), responses((status = 200, body = VersionList)))]
pub async fn model_versions(
    State(engine): State<Shared>,
    path: PathOf<OfModel>,
    query: Result<Query<VersionsQuery>, QueryRejection>,
) -> Answer<VersionList> {
    let (Path(OfModel { model }), Query(query)) = (path?, query?);
    require_page(None, query.limit)?;
    Ok(Json(engine.model_versions(&model, query).await?))
}

/// The moves of a model's aliases, newest first.
#[utoipa::path(get, path = "/api/v1/models/{model}/history", tag = "models", params(OfModel, AliasHistoryQuery), responses((status = 200, body = AliasHistory)))]
pub async fn alias_history(
    State(engine): State<Shared>,
    path: PathOf<OfModel>,
    query: Result<Query<AliasHistoryQuery>, QueryRejection>,
) -> Answer<AliasHistory> {
    let (Path(OfModel { model }), Query(query)) = (path?, query?);
    require_page(None, query.limit)?;
    Ok(Json(engine.alias_history(&model, query).await?))
}

/// One version of a model.
#[utoipa::path(get, path = "/api/v1/models/{model}/versions/{version}", tag = "catalogue", params(OfVersion), responses((status = 200, body = ModelVersionRecord)))]
pub async fn model_version(State(engine): State<Shared>, path: PathOf<OfVersion>) -> Answer<ModelVersionRecord> {
    let Path(OfVersion { model, version }) = path?;
    Ok(Json(engine.model_version(&model, version).await?))
}

/// The version that an alias points at.
#[utoipa::path(get, path = "/api/v1/models/{model}/aliases/{alias}", tag = "catalogue", params(OfAlias), responses((status = 200, body = AliasView)))]
pub async fn alias(State(engine): State<Shared>, path: PathOf<OfAlias>) -> Answer<AliasView> {
    let Path(OfAlias { model, alias }) = path?;
    Ok(Json(AliasView { version: engine.alias(&model, alias.as_str()).await? }))
}

/// Lets an alias point at another version: promotes it or goes back to it by hand.
#[utoipa::path(post, path = "/api/v1/models/{model}/aliases/{alias}", tag = "control", request_body = MoveAliasRequest, params(OfAlias),
    responses((status = 200, body = AliasHistoryEntry),
        (status = 409, body = ProblemDetails, content_type = "application/problem+json",
            description = "the alias points there already, or elsewhere than `expected` says")))]
pub async fn move_alias(
    State(engine): State<Shared>,
    path: PathOf<OfAlias>,
    from: Origin,
    body: Result<Body<MoveAliasRequest>, Refusal>,
) -> Answer<AliasHistoryEntry> {
    let (Path(OfAlias { model, alias }), Body(request)) = (path?, body?);
    require_reason(&request.reason)?;
    require_caller(request.by.as_deref())?;
    Ok(Json(engine.move_alias(&model, &alias, request, from).await?))
}
