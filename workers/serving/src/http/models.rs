//! `GET /v1/models/{name}`: what is live, what it asks for, and why something newer is not.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use daybreak_model::{Signature, Target};
use daybreak_spec::{Name, did_you_mean};
use serde_json::{Value as Json_, json};

use crate::http::predict::name_of;
use crate::http::{Problem, finish};
use crate::registry::{Entry, LoadFailure, LoadedModel, Registry};
use crate::serving::Shared;

/// Finds a declared model.
pub fn find(registry: &Registry, name: Result<Path<String>, PathRejection>) -> Result<(Name, &Entry), Problem> {
    let asked = match &name {
        Ok(Path(text)) => text.clone(),
        Err(_) => String::new(),
    };
    let found = name_of(name).and_then(|name| registry.models.get(&name).map(|entry| (name, entry)));
    found.ok_or_else(|| {
        if !registry.known {
            return Problem::unavailable("starting", "the models are not known yet; the server is starting");
        }
        let hint = match did_you_mean(&asked, registry.models.keys().map(Name::as_str)) {
            Some(meant) => format!("there is no model of that name; did you mean `{meant}`?"),
            None => "there is no model of that name".to_owned(),
        };
        Problem::not_found("unknown_model", hint)
    })
}

pub async fn show(State(shared): State<Arc<Shared>>, name: Result<Path<String>, PathRejection>) -> Response {
    let registry = shared.live.now();
    let shown = find(&registry, name).map(|(name, entry)| {
        Json(json!({
            "model": name,
            "live": entry.loaded.as_deref().map(live),
            "load_failed": entry.failure.as_ref().map(failure),
        }))
        .into_response()
    });
    finish(&shared, shown)
}

fn live(model: &LoadedModel) -> Json_ {
    json!({
        "alias": model.live.alias,
        "version": model.live.version,
        "loaded_at": model.loaded_at,
        "signature": signature(&model.predictor.artifact().signature),
    })
}

fn signature(signature: &Signature) -> Json_ {
    let target = match signature.target {
        Target::Probability => "probability",
        Target::Number => "number",
    };
    let feature = |feature: &daybreak_model::FeatureField| {
        json!({
            "name": feature.name, "role": feature.role, "view": feature.view, "feature": feature.feature,
            "type": feature.column_type, "missing": feature.missing, "ttl_us": feature.ttl_us,
        })
    };
    let field = |field: &daybreak_model::InputField| json!({ "name": field.name, "type": field.column_type });
    json!({
        "entity_keys": signature.entity_keys.iter().map(field).collect::<Vec<_>>(),
        "inputs": signature.inputs.iter().map(field).collect::<Vec<_>>(),
        "features": signature.features.iter().map(feature).collect::<Vec<_>>(),
        "derived": signature.derived.iter().map(|derived| &derived.name).collect::<Vec<_>>(),
        "missing": signature.missing,
        "target": target,
    })
}

fn failure(failure: &LoadFailure) -> Json_ {
    json!({ "version": failure.wanted.version, "reason": failure.reason, "retried": failure.retry })
}
