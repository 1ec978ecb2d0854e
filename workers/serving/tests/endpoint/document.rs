//! Whether the OpenAPI document says what is so: every route is in it and nothing else, and no answer of any test here is one
//! that it does not know, down to the last field.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use daybreak_protocol::{For, Role};
use daybreak_serving::{document, routes};
use reqwest::StatusCode;
use serde_json::Value as Json;

use crate::support::{Endpoint, read, token_of};

static DOCUMENT: LazyLock<Json> = LazyLock::new(|| serde_json::to_value(document()).expect("JSON"));

/// The one operation of the path that a request was for.
fn operation(path: &str) -> Option<&'static Json> {
    let given: Vec<&str> = path.split('/').collect();
    let fits = |template: &str| {
        let parts: Vec<&str> = template.split('/').collect();
        parts.len() == given.len()
            && parts.iter().zip(&given).all(|(part, given)| part == given || part.starts_with('{'))
    };
    let (_, item) = DOCUMENT["paths"].as_object()?.iter().find(|(template, _)| fits(template))?;
    item.as_object()?.values().next()
}

/// Fails unless the document has the answer's status with a schema that it fits.
pub fn expect_documented(path: &str, status: StatusCode, kind: &str, body: &Json) {
    let Some(operation) = operation(path) else { return };
    // Of another method, which is none of the document's.
    if status == StatusCode::METHOD_NOT_ALLOWED {
        return;
    }
    let content = &operation["responses"][status.as_str()]["content"][kind];
    assert!(content.is_object(), "{path}: {status} as {kind} is not in the document");
    if let Err(why) = fits(&content["schema"], body, "") {
        panic!("{path}: {status}: {why}: {body}");
    }
}

fn resolved(schema: &'static Json) -> &'static Json {
    match schema["$ref"].as_str() {
        Some(reference) => DOCUMENT.pointer(reference.trim_start_matches('#')).expect("it leads somewhere"),
        None => schema,
    }
}

/// The schemas that hold together.
fn parts(schema: &'static Json) -> Vec<&'static Json> {
    let schema = resolved(schema);
    let mut all = vec![schema];
    all.extend(schema["allOf"].as_array().into_iter().flatten().flat_map(parts));
    all
}

/// Whether a value is what a schema says, without a field that stands nowhere in it.
fn fits(schema: &'static Json, value: &Json, at: &str) -> Result<(), String> {
    let schema = resolved(schema);
    for word in ["oneOf", "anyOf"] {
        if let Some(choices) = schema[word].as_array() {
            let fitting = choices.iter().any(|choice| fits(choice, value, at).is_ok());
            return if fitting { Ok(()) } else { Err(format!("{at} is none of {word}")) };
        }
    }
    let types = match &schema["type"] {
        Json::String(one) => vec![one.as_str()],
        Json::Array(types) => types.iter().filter_map(Json::as_str).collect(),
        _ => Vec::new(),
    };
    let named = match value {
        Json::Null => "null",
        Json::Bool(_) => "boolean",
        Json::Number(number) if number.is_f64() => "number",
        Json::Number(_) => "integer",
        Json::String(_) => "string",
        Json::Array(_) => "array",
        Json::Object(_) => "object",
    };
    let whole_number = named == "integer" && types.contains(&"number");
    if !(types.is_empty() || types.contains(&named) || whole_number) {
        return Err(format!("{at} is a {named}, not a {types:?}"));
    }
    if schema["enum"].as_array().is_some_and(|words| !words.contains(value)) {
        return Err(format!("{at} is none of {}", schema["enum"]));
    }
    match value {
        Json::Array(items) if schema["items"].is_object() => items
            .iter()
            .enumerate()
            .try_for_each(|(place, item)| fits(&schema["items"], item, &format!("{at}/{place}"))),
        Json::Object(fields) => fields_fit(schema, fields, at),
        _ => Ok(()),
    }
}

fn fields_fit(schema: &'static Json, fields: &serde_json::Map<String, Json>, at: &str) -> Result<(), String> {
    let parts = parts(schema);
    let known: BTreeMap<&str, &'static Json> = parts
        .iter()
        .filter_map(|part| part["properties"].as_object())
        .flatten()
        .map(|(name, schema)| (name.as_str(), schema))
        .collect();
    for name in parts.iter().filter_map(|part| part["required"].as_array()).flatten().filter_map(Json::as_str) {
        if !fields.contains_key(name) {
            return Err(format!("{at}/{name} is missing"));
        }
    }
    for (name, value) in fields {
        let at = format!("{at}/{name}");
        match (known.get(name.as_str()), &schema["additionalProperties"]) {
            (Some(schema), _) => fits(schema, value, &at)?,
            (None, further @ Json::Object(_)) => fits(further, value, &at)?,
            (None, Json::Bool(true)) => {}
            // An object of which nothing is said may hold anything.
            (None, _) if known.is_empty() => {}
            (None, _) => return Err(format!("{at} stands nowhere")),
        }
    }
    Ok(())
}

#[test]
fn every_route_is_in_the_document_with_its_callers_and_nothing_else_is() {
    let mut documented = BTreeSet::new();
    for (path, item) in DOCUMENT["paths"].as_object().expect("paths") {
        documented.extend(item.as_object().expect("operations").keys().map(|method| (method.clone(), path.clone())));
    }
    let mut routed = BTreeSet::new();
    for (method, path, callers) in routes() {
        let method = method.to_ascii_lowercase();
        let operation = &DOCUMENT["paths"][&path][&method];
        assert!(operation["summary"].as_str().is_some_and(|summary| !summary.is_empty()), "{path} says nothing");
        let open = callers == For::Everybody;
        assert_eq!(operation["security"].is_array(), !open, "{path}");
        let roles = if open { vec!["everybody"] } else { callers.roles() };
        assert_eq!(operation["x-roles"], Json::from(roles), "{path}");
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let named = parameters.filter(|one| one["in"] == "path").filter_map(|one| one["name"].as_str());
        let parts = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        assert_eq!(named.collect::<Vec<_>>(), parts.collect::<Vec<_>>(), "{path}");
        routed.insert((method, path));
    }
    assert_eq!(documented, routed);
}

#[test]
fn every_refusal_is_a_problem_and_every_reference_leads_somewhere() {
    for (path, item) in DOCUMENT["paths"].as_object().expect("paths") {
        for operation in item.as_object().expect("operations").values() {
            let responses = operation["responses"].as_object().expect("responses");
            for (status, response) in responses.iter().filter(|(status, _)| status.as_str() >= "400") {
                let problem = &response["content"]["application/problem+json"]["schema"]["$ref"];
                assert_eq!(problem, "#/components/schemas/EndpointProblem", "{path} {status}");
            }
        }
    }
    let mut open = vec![&*DOCUMENT];
    while let Some(value) = open.pop() {
        if let Some(Json::String(reference)) = value.get("$ref") {
            assert!(DOCUMENT.pointer(reference.trim_start_matches('#')).is_some(), "{reference} leads nowhere");
        }
        match value {
            Json::Object(map) => open.extend(map.values()),
            Json::Array(items) => open.extend(items),
            _ => {}
        }
    }
}

#[tokio::test]
async fn who_may_predict_may_read_how() {
    let folder = tempfile::tempdir().expect("a folder");
    let endpoint = Endpoint::start(&folder).await;
    let request = endpoint.client.get(format!("{}/v1/openapi.json", endpoint.url));
    let answer = request.bearer_auth(token_of(Role::Predict)).send().await.expect("an answer");
    let (status, told) = read(answer).await;
    assert_eq!((status, &told), (200, &*DOCUMENT));
}
