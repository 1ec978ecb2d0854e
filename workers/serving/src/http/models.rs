//! `GET /v1/models/{name}`: what is live, what it asks for, and why something newer is not.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use daybreak_model::{FeatureField, InputField, Signature, Target};
use daybreak_protocol::ModelVersionRecord;
use daybreak_spec::{ColumnType, Missing, Name, Timestamp, did_you_mean};
use serde::Serialize;
use utoipa::ToSchema;

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

/// A model as the endpoint has it.
#[derive(Serialize, ToSchema)]
struct EndpointModel<'a> {
    model: Name,
    /// What answers; none: no version is live here.
    live: Option<LiveVersion<'a>>,
    /// Why something newer does not.
    load_failed: Option<LoadFailed<'a>>,
}

/// The version that answers.
#[derive(Serialize, ToSchema)]
struct LiveVersion<'a> {
    /// The alias that points at it.
    alias: &'a str,
    version: &'a ModelVersionRecord,
    /// When it went live here, real time.
    loaded_at: Timestamp,
    signature: ShownSignature<'a>,
}

/// Why the version that should be live is not.
#[derive(Serialize, ToSchema)]
struct LoadFailed<'a> {
    version: &'a ModelVersionRecord,
    reason: &'a str,
    /// Whether another try may help.
    retried: bool,
}

/// What a request for a prediction gives, and what it is answered with.
#[derive(Serialize, ToSchema)]
#[schema(as = Signature)]
struct ShownSignature<'a> {
    /// Keys of the feature views; they arrive with the request.
    entity_keys: Vec<ShownField<'a>>,
    /// Values that arrive with the request.
    inputs: Vec<ShownField<'a>>,
    /// Values fetched from feature views.
    features: Vec<ShownFeature<'a>>,
    /// Names of values that are computed.
    derived: Vec<&'a str>,
    /// What happens to a null input.
    missing: Missing,
    /// `probability` or `number`.
    #[schema(value_type = String)]
    target: Target,
}

/// A value that arrives with the request.
#[derive(Serialize, ToSchema)]
#[schema(as = SignatureField)]
struct ShownField<'a> {
    name: &'a str,
    r#type: ColumnType,
}

/// A value fetched from a feature view.
#[derive(Serialize, ToSchema)]
#[schema(as = SignatureFeature)]
struct ShownFeature<'a> {
    /// `{role}__{feature}`.
    name: &'a str,
    /// The role the view plays.
    role: &'a Name,
    view: &'a Name,
    feature: &'a str,
    r#type: ColumnType,
    /// What happens where it is absent, null or too old.
    missing: Missing,
    /// Largest age in microseconds; none: any.
    ttl_us: Option<i64>,
}

/// What is live of a model, what it asks for, and why something newer is not live.
#[utoipa::path(get, path = "/v1/models/{name}", tag = "endpoint", responses((status = 200, body = EndpointModel)),
    params(("name" = Name, Path, description = "The model.")))]
pub async fn show(State(shared): State<Arc<Shared>>, name: Result<Path<String>, PathRejection>) -> Response {
    let registry = shared.live.now();
    let shown = find(&registry, name).map(|(model, entry)| {
        let (live, load_failed) = (entry.loaded.as_deref().map(live), entry.failure.as_ref().map(load_failed));
        Json(EndpointModel { model, live, load_failed }).into_response()
    });
    finish(&shared, shown)
}

fn live(model: &LoadedModel) -> LiveVersion<'_> {
    LiveVersion {
        alias: &model.live.alias,
        version: &model.live.version,
        loaded_at: model.loaded_at,
        signature: signature(&model.predictor.artifact().signature),
    }
}

fn signature(signature: &Signature) -> ShownSignature<'_> {
    ShownSignature {
        entity_keys: signature.entity_keys.iter().map(field).collect(),
        inputs: signature.inputs.iter().map(field).collect(),
        features: signature.features.iter().map(feature).collect(),
        derived: signature.derived.iter().map(|derived| derived.name.as_str()).collect(),
        missing: signature.missing,
        target: signature.target,
    }
}

fn feature(feature: &FeatureField) -> ShownFeature<'_> {
    ShownFeature {
        name: &feature.name,
        role: &feature.role,
        view: &feature.view,
        feature: &feature.feature,
        r#type: feature.column_type,
        missing: feature.missing,
        ttl_us: feature.ttl_us,
    }
}

fn field(field: &InputField) -> ShownField<'_> {
    ShownField { name: &field.name, r#type: field.column_type }
}

fn load_failed(failure: &LoadFailure) -> LoadFailed<'_> {
    LoadFailed { version: &failure.wanted.version, reason: &failure.reason, retried: failure.retry }
}
