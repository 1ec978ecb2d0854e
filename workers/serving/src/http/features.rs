//! `GET /v1/features/{view}?key=value`: one entity's features as a prediction would get them now.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use daybreak_features::{Generation, Online, OnlineStore};
use daybreak_spec::{Name, Timestamp, Value};
use serde_json::json;

use crate::http::predict::name_of;
use crate::http::{FieldError, Problem, finish};
use crate::serving::Shared;
use crate::values::{self, Shown};

type Parameters = Vec<(String, String)>;

pub async fn show(
    State(shared): State<Arc<Shared>>,
    view: Result<Path<String>, PathRejection>,
    parameters: Result<Query<Parameters>, QueryRejection>,
) -> Response {
    let at = shared.clock.business_now();
    let outcome = look_up(shared.online.as_ref(), name_of(view), parameters, at);
    finish(&shared, outcome)
}

fn look_up(
    online: &dyn OnlineStore,
    view: Option<Name>,
    parameters: Result<Query<Parameters>, QueryRejection>,
    at: Timestamp,
) -> Result<Response, Problem> {
    let unreadable = |error: daybreak_features::Error| {
        tracing::error!(%error, "the online features cannot be read");
        Problem::unavailable("online_store", "the online features cannot be read now; the server's log says why")
    };
    let unpublished = || {
        let detail =
            "no rows of a view of that name have been published; check the name, or run a DAG that materializes it"
                .to_owned();
        Problem::not_found("view_not_published", detail)
    };
    let view = view.ok_or_else(unpublished)?;
    let generation = online.generation(&view).map_err(unreadable)?.ok_or_else(unpublished)?;
    let Query(parameters) = parameters.map_err(|_| {
        let hint = "the query cannot be read; write key=value for each key".to_owned();
        Problem::invalid(vec![FieldError::new("?".to_owned(), "malformed_query", hint)])
    })?;
    let keys = read_keys(&generation, &parameters)?;
    let answer = online.get(&view, &keys, at).map_err(unreadable)?;
    Ok(Json(describe(&view, &generation, &keys, &answer)).into_response())
}

fn read_keys(generation: &Generation, parameters: &Parameters) -> Result<Vec<Value>, Problem> {
    let mut errors = Vec::new();
    let mut keys: Vec<Option<Value>> = vec![None; generation.key_names.len()];
    for (name, text) in parameters {
        let mut mistake = |code, hint| errors.push(FieldError::new(format!("?{name}"), code, hint));
        let Some(place) = generation.key_names.iter().position(|key| key == name) else {
            mistake(
                "unknown_key",
                format!("view `{}` has the keys: {}", generation.view, generation.key_names.join(", ")),
            );
            continue;
        };
        match values::read_parameter(text, generation.key_types[place]) {
            Ok(_) if keys[place].is_some() => mistake("duplicate_key", format!("`{name}` is given twice")),
            Ok(value) => keys[place] = Some(value),
            Err(hint) => {
                keys[place] = Some(Value::Null);
                mistake("wrong_type", hint);
            }
        }
    }
    for (name, _) in generation.key_names.iter().zip(&keys).filter(|(_, key)| key.is_none()) {
        errors.push(FieldError::new(format!("?{name}"), "missing_key", format!("give `{name}=VALUE`")));
    }
    if errors.is_empty() { Ok(keys.into_iter().flatten().collect()) } else { Err(Problem::invalid(errors)) }
}

fn describe(view: &Name, published: &Generation, keys: &[Value], answer: &Online) -> serde_json::Value {
    // The snapshot that answered may be newer than the one that named the keys.
    let generation = answer.generation.as_deref().unwrap_or(published);
    let shown_keys: BTreeMap<_, _> = generation.key_names.iter().zip(keys.iter().map(Shown)).collect();
    let mut features = serde_json::Map::new();
    for (place, name) in generation.feature_names.iter().enumerate() {
        let entry = json!({ "value": Shown(&answer.values[place]), "status": answer.statuses[place] });
        features.insert(name.clone(), entry);
    }
    json!({
        "view": view,
        "keys": shown_keys,
        "status": answer.status,
        "as_of": answer.as_of,
        "measured_from": answer.measured_from,
        "features": features,
        "generation": {
            "as_of": generation.as_of,
            "publication": generation.publication,
            "rows": generation.rows,
            "ttl_us": generation.ttl_us,
        },
    })
}
