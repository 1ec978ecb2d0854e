//! The OpenAPI 3.1 document, made from the table of routes: what a handler's annotation says, and what every route of its
//! form can answer besides. Must never be written by hand.

use axum::Json;
use daybreak_protocol::{For, PROBLEM_JSON, ProblemDetails};
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa::openapi::path::{Operation, Paths};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{ComponentsBuilder, InfoBuilder, OpenApi, OpenApiBuilder, Ref, ResponseBuilder};
use utoipa::{PartialSchema as _, ToSchema as _};

use super::routes::{Row, operations, table};

/// The name of the bearer token among the security schemes.
const TOKEN: &str = "token";

/// This document: every route with its callers, parameters and answers.
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "server", responses((status = 200, body = Object)))]
pub async fn openapi() -> Json<OpenApi> {
    Json(document())
}

/// The document of all routes.
pub fn document() -> OpenApi {
    let (mut paths, mut components) = (Paths::new(), ComponentsBuilder::new());
    let mut problem = Vec::new();
    ProblemDetails::schemas(&mut problem);
    components = components.schemas_from_iter(problem);
    components = components.schema(ProblemDetails::name(), ProblemDetails::schema());
    for row in table() {
        components = components.schemas_from_iter(row.schemas.clone());
        describe(row, &mut paths);
    }
    let token = Http::builder()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("the project's token or one that `daybreak token create` has made"));
    let components = components.security_scheme(TOKEN, SecurityScheme::Http(token.build())).build();
    let info = InfoBuilder::new()
        .title("Daybreak")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some("Workflows that train by night and serve by day. Errors are RFC 9457 problem+json."));
    OpenApiBuilder::new().info(info).paths(paths).components(Some(components)).build()
}

fn describe(mut row: Row, paths: &mut Paths) {
    let callers = row.callers;
    for (path, item) in &mut row.paths.paths {
        for (_, method, operation) in operations(item) {
            complete(operation, path, callers);
            paths.add_path_operation(path.clone(), vec![method], operation.clone());
        }
    }
}

/// What the form of a route says about it.
fn complete(operation: &mut Operation, path: &str, callers: For) {
    let mut refusals = vec![("503", "cannot be answered now; try again after `retry-after` seconds")];
    if callers != For::Everybody {
        operation.security = Some(vec![SecurityRequirement::new(TOKEN, Vec::<String>::new())]);
        refusals.push(("401", "no token that is good, whatever is wrong with it"));
        refusals.push(("403", "a good token whose role may not do this"));
        refusals.push(("422", "refused for what it says, or for the state things are in"));
    }
    if path.contains('{') {
        refusals.push(("404", "there is no such thing"));
    }
    if operation.request_body.is_some() {
        refusals.push(("400", "the body is not JSON"));
        refusals.push(("413", "the body is too large"));
        refusals.push(("415", "the body is not `application/json`, or it is compressed"));
    }
    for (status, words) in refusals {
        if !operation.responses.responses.contains_key(status) {
            operation.responses.responses.insert(status.to_owned(), refusal(words).into());
        }
    }
    let roles = if callers == For::Everybody { vec!["everybody"] } else { callers.roles() };
    operation.extensions = Some(ExtensionsBuilder::new().add("x-roles", roles).build());
}

/// A refusal as RFC 9457.
fn refusal(words: &str) -> utoipa::openapi::Response {
    let schema = Ref::from_schema_name(ProblemDetails::name());
    let content = ContentBuilder::new().schema(Some(schema)).build();
    ResponseBuilder::new().description(words).content(PROBLEM_JSON, content).build()
}
