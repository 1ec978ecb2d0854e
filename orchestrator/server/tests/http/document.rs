//! Whether the OpenAPI document says what is so: every route is in it, and no answer of any test here is one that it does
//! not know.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use daybreak_protocol::{For, PROBLEM_JSON};
use daybreak_server::http::{document, routes};
use serde_json::Value as Json;

use crate::wire::{Answer, serve};

static DOCUMENT: LazyLock<Json> = LazyLock::new(|| serde_json::to_value(document()).unwrap());

/// The operation that a request is for, if there is one.
fn operation(method: &str, path: &str) -> Option<&'static Json> {
    let wanted: Vec<&str> = path.split('/').collect();
    let fits = |template: &str| {
        let parts: Vec<&str> = template.split('/').collect();
        parts.len() == wanted.len()
            && parts
                .iter()
                .zip(&wanted)
                .all(|(part, given)| part == given || (part.starts_with('{') && !given.is_empty()))
    };
    let (_, item) = DOCUMENT["paths"].as_object()?.iter().find(|(template, _)| fits(template))?;
    item.get(method.to_ascii_lowercase())
}

/// Fails unless the document has the answer's status, with its type of content. `line`: the first of the request.
pub fn expect_documented(line: &str, answer: &Answer) {
    let mut parts = line.split(' ');
    let (Some(method), Some(target)) = (parts.next(), parts.next()) else { return };
    let Some(operation) = operation(method, target.split('?').next().unwrap_or_default()) else { return };
    let response = &operation["responses"][answer.status.to_string()];
    assert!(response.is_object(), "{line}: {} is not in the document: {}", answer.status, answer.body);
    let content = response["content"].as_object();
    match answer.header("content-type") {
        Some(kind) => {
            let kind = kind.split(';').next().unwrap_or_default();
            let known = content.is_some_and(|content| content.contains_key(kind));
            assert!(known, "{line}: {} as {kind} is not in the document", answer.status);
        }
        None => assert!(content.is_none(), "{line}: {} comes without content", answer.status),
    }
}

#[test]
fn every_route_is_in_the_document_with_its_callers() {
    let (mut routed, mut documented) = (BTreeSet::new(), BTreeSet::new());
    for route in routes() {
        let operation = &DOCUMENT["paths"][&route.path][route.method.to_ascii_lowercase()];
        assert!(operation.is_object(), "{} {} is missing", route.method, route.path);
        assert_eq!(operation["security"].is_array(), route.callers != For::Everybody, "{}", route.path);
        let summary = operation["summary"].as_str().unwrap_or_default();
        assert!(!summary.is_empty(), "{} {} says nothing", route.method, route.path);
        let roles: Vec<&str> = operation["x-roles"].as_array().unwrap().iter().filter_map(Json::as_str).collect();
        let expected = if route.callers == For::Everybody { vec!["everybody"] } else { route.callers.roles() };
        assert_eq!(roles, expected, "{}", route.path);
        routed.insert((route.method.to_ascii_lowercase(), route.path));
    }
    for (path, item) in DOCUMENT["paths"].as_object().unwrap() {
        documented.extend(item.as_object().unwrap().keys().map(|method| (method.clone(), path.clone())));
    }
    assert_eq!(routed, documented);
}

#[test]
fn it_is_openapi_31_and_every_reference_leads_somewhere() {
    assert_eq!(DOCUMENT["openapi"], "3.1.0");
    let mut open = vec![&*DOCUMENT];
    let mut references = 0;
    while let Some(value) = open.pop() {
        match value {
            Json::Object(map) => {
                if let Some(Json::String(reference)) = map.get("$ref") {
                    references += 1;
                    let found = DOCUMENT.pointer(reference.trim_start_matches('#'));
                    assert!(found.is_some(), "{reference} leads nowhere");
                }
                open.extend(map.values());
            }
            Json::Array(items) => open.extend(items),
            _ => {}
        }
    }
    assert!(references > 50, "{references}");
}

#[test]
fn every_refusal_is_a_problem_and_every_body_is_refused_in_every_way() {
    for (path, item) in DOCUMENT["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let responses = operation["responses"].as_object().unwrap();
            for (status, response) in responses.iter().filter(|(status, _)| status.as_str() >= "400") {
                let ready = path == "/health/ready" && status == "503";
                assert!(ready || response["content"][PROBLEM_JSON].is_object(), "{method} {path} {status}");
            }
            if operation["requestBody"].is_object() {
                for status in ["400", "401", "403", "413", "415", "422", "503"] {
                    assert!(responses.contains_key(status), "{method} {path} lacks {status}");
                }
            }
        }
    }
}

#[test]
fn fields_that_are_refused_are_not_allowed_by_the_document() {
    let schemas = DOCUMENT["components"]["schemas"].as_object().unwrap();
    for name in ["TriggerRequest", "CancelRequest", "MarkRequest", "TokenRequest", "Report", "Heartbeat", "Nothing"] {
        assert_eq!(schemas[name]["additionalProperties"], Json::Bool(false), "{name}");
    }
}

#[tokio::test]
async fn the_document_is_served_to_those_who_look() {
    let server = serve().await;
    let answer = server.get("/api/v1/openapi.json").await;
    assert_eq!((answer.status, &answer.json()), (200, &*DOCUMENT));
}
