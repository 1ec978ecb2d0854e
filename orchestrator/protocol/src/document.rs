//! The OpenAPI 3.1 document of a router, made from its table of routes: what a handler's annotation says, and what every
//! route of its form can answer besides. Must never be written by hand.

use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa::openapi::path::{HttpMethod, Operation, PathItem, Paths};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, InfoBuilder, OpenApi, OpenApiBuilder, Ref, RefOr, Response, ResponseBuilder, Schema,
};
use utoipa::{PartialSchema, ToSchema};

use crate::{For, PROBLEM_JSON};

/// The name of the bearer token among the security schemes.
const TOKEN: &str = "token";

/// A route as its annotation says.
pub struct DescribedRoute {
    /// Whom it is for.
    pub callers: For,
    /// What its parameters, bodies and answers are made of, by name.
    pub schemas: Vec<(String, RefOr<Schema>)>,
    /// Its path with its operations.
    pub paths: Paths,
}

/// The operations of a path with the words of their methods.
pub fn operations(item: &mut PathItem) -> Vec<(&'static str, HttpMethod, &mut Operation)> {
    let PathItem { get, put, post, delete, patch, .. } = item;
    let named = [
        ("GET", HttpMethod::Get, get),
        ("PUT", HttpMethod::Put, put),
        ("POST", HttpMethod::Post, post),
        ("DELETE", HttpMethod::Delete, delete),
        ("PATCH", HttpMethod::Patch, patch),
    ];
    named.into_iter().filter_map(|(word, method, operation)| Some((word, method, operation.as_mut()?))).collect()
}

/// The document of these routes, whose refusals are `P`s.
pub fn document<P: PartialSchema + ToSchema>(routes: impl IntoIterator<Item = DescribedRoute>) -> OpenApi {
    let (mut paths, mut components) = (Paths::new(), ComponentsBuilder::new());
    let mut problem = Vec::new();
    P::schemas(&mut problem);
    components = components.schemas_from_iter(problem);
    components = components.schema(P::name(), P::schema());
    for DescribedRoute { callers, schemas, paths: mut of_route } in routes {
        components = components.schemas_from_iter(schemas);
        for (path, item) in &mut of_route.paths {
            for (word, method, operation) in operations(item) {
                operation.operation_id = Some(operation_id(word, path));
                complete(operation, (path, callers), &P::name());
                paths.add_path_operation(path.clone(), vec![method], operation.clone());
            }
        }
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

/// Names an operation, as no other one of the document: `post_runs_run_cancel`.
fn operation_id(method: &str, path: &str) -> String {
    let words = path.strip_prefix("/api/v1").unwrap_or(path).split(|sign: char| !sign.is_ascii_alphanumeric());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    format!("{}_{}", method.to_ascii_lowercase(), words.join("_"))
}

/// What the form of a route says about it.
fn complete(operation: &mut Operation, (path, callers): (&str, For), problem: &str) {
    let mut refusals = vec![("503", "cannot be answered now; try again after `retry-after` seconds")];
    if callers != For::Everybody {
        operation.security = Some(vec![SecurityRequirement::new(TOKEN, Vec::<String>::new())]);
        refusals.push(("401", "no token that is good, whatever is wrong with it"));
        refusals.push(("403", "a good token whose role may not do this"));
        refusals.push(("422", "refused for what it says, or for the state things are in"));
    }
    // A body can name things too.
    if path.contains('{') || operation.request_body.is_some() {
        refusals.push(("404", "there is no such thing"));
    }
    if operation.request_body.is_some() {
        refusals.push(("400", "the body is not JSON"));
        refusals.push(("413", "the body is too large"));
        refusals.push(("415", "the body is not `application/json`, or it is compressed"));
    }
    for (status, words) in refusals {
        if !operation.responses.responses.contains_key(status) {
            operation.responses.responses.insert(status.to_owned(), refusal(words, problem).into());
        }
    }
    let roles = if callers == For::Everybody { vec!["everybody"] } else { callers.roles() };
    operation.extensions = Some(ExtensionsBuilder::new().add("x-roles", roles).build());
}

/// A refusal as RFC 9457.
fn refusal(words: &str, problem: &str) -> Response {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(problem))).build();
    ResponseBuilder::new().description(words).content(PROBLEM_JSON, content).build()
}
