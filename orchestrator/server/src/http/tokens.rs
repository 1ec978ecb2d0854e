//! Tokens over HTTP: making, listing, taking back. Admins only. To add a call: a function here, a line in `routes`.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use daybreak_protocol::{ErrorItem, TokenList, TokenMade, TokenRequest, TokenView, TokensQuery};
use ulid::Ulid;

use super::body::Body;
use super::path::{OfToken, PathOf};
use super::people::require_page;
use super::problem::Refusal;
use super::routes::Shared;
use crate::origin::Origin;

/// Makes a token. The answer is the only place where it is ever shown.
#[utoipa::path(post, path = "/api/v1/tokens", tag = "tokens", request_body = TokenRequest,
    responses((status = 201, body = TokenMade)))]
pub async fn create(
    State(engine): State<Shared>,
    from: Origin,
    body: Result<Body<TokenRequest>, Refusal>,
) -> Result<(StatusCode, Json<TokenMade>), Refusal> {
    let Body(request) = body?;
    if request.lasts_us() > TokenRequest::LONGEST_US {
        let item = ErrorItem {
            pointer: Some("/expires_in".to_owned()),
            code: "too_long".to_owned(),
            hint: "a token is good for at most `366d`".to_owned(),
            ..ErrorItem::default()
        };
        return Err(Refusal::unprocessable("a token has to expire within a year", vec![item]));
    }
    Ok((StatusCode::CREATED, Json(engine.create_token(request, from).await?)))
}

/// All tokens, newest first, those that are not good any more too.
#[utoipa::path(get, path = "/api/v1/tokens", tag = "tokens", params(TokensQuery),
    responses((status = 200, body = TokenList)))]
pub async fn list(
    State(engine): State<Shared>,
    query: Result<Query<TokensQuery>, QueryRejection>,
) -> Result<Json<TokenList>, Refusal> {
    let Query(query) = query?;
    require_page(query.before.as_deref(), query.limit)?;
    Ok(Json(engine.tokens(query).await?))
}

/// Takes a token back: it is not good from now on, on other servers within some seconds.
#[utoipa::path(delete, path = "/api/v1/tokens/{token}", tag = "tokens", params(OfToken),
    responses((status = 200, body = TokenView)))]
pub async fn revoke(
    State(engine): State<Shared>,
    path: PathOf<OfToken>,
    from: Origin,
) -> Result<Json<TokenView>, Refusal> {
    let Path(OfToken { token }) = path?;
    Ok(Json(engine.revoke_token(&Ulid::to_string(&token), from).await?))
}
