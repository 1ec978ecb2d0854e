//! `GET /v1/features/{view}?key=value`: one entity's features as a prediction would get them now.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use daybreak_features::{Generation, Online, OnlineStore, Status};
use daybreak_spec::{Name, Timestamp, Value};
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::predict::name_of;
use crate::http::{FieldError, Problem, finish};
use crate::serving::Shared;
use crate::values::{self, Shown};

type Parameters = Vec<(String, String)>;

/// One entity's features as a prediction would get them now.
#[utoipa::path(get, path = "/v1/features/{view}", tag = "endpoint", responses((status = 200, body = EntityFeatures)), params(
    ("view" = Name, Path, description = "The feature view."),
    ("keys" = Option<BTreeMap<String, String>>, Query, style = Form, explode,
        description = "`key=value` for each key of the view; none for a view without an entity.")))]
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

/// One entity's features.
#[derive(Serialize, ToSchema)]
struct EntityFeatures<'a> {
    view: &'a Name,
    /// The entity's keys by name.
    #[schema(value_type = Object)]
    keys: BTreeMap<&'a str, Shown<'a>>,
    /// What became of the row.
    status: Status,
    /// T of the generation that answers; none: it has no row.
    as_of: Option<Timestamp>,
    /// From when its age is counted.
    measured_from: Option<Timestamp>,
    /// By name.
    features: BTreeMap<&'a str, ShownFeature<'a>>,
    generation: ShownGeneration,
}

/// A feature's value, and what became of it.
#[derive(Serialize, ToSchema)]
#[schema(as = EntityFeature)]
struct ShownFeature<'a> {
    #[schema(value_type = serde_json::Value)]
    value: Shown<'a>,
    status: Status,
}

/// The generation of online rows that was read.
#[derive(Serialize, ToSchema)]
#[schema(as = OnlineGeneration)]
struct ShownGeneration {
    /// T.
    as_of: Timestamp,
    /// Its publication's number.
    publication: i64,
    rows: u64,
    /// Largest age in microseconds; none: any.
    ttl_us: Option<i64>,
}

fn describe<'a>(
    view: &'a Name,
    published: &'a Generation,
    keys: &'a [Value],
    answer: &'a Online,
) -> EntityFeatures<'a> {
    // The snapshot that answered may be newer than the one that named the keys.
    let generation = answer.generation.as_deref().unwrap_or(published);
    let features = generation.feature_names.iter().enumerate().map(|(place, name)| {
        let value = Shown(&answer.values[place]);
        (name.as_str(), ShownFeature { value, status: answer.statuses[place] })
    });
    EntityFeatures {
        view,
        keys: generation.key_names.iter().map(String::as_str).zip(keys.iter().map(Shown)).collect(),
        status: answer.status,
        as_of: answer.as_of,
        measured_from: answer.measured_from,
        features: features.collect(),
        generation: ShownGeneration {
            as_of: generation.as_of,
            publication: generation.publication,
            rows: generation.rows,
            ttl_us: generation.ttl_us,
        },
    }
}
