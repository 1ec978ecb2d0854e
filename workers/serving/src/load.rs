//! From a registry entry to a model that may answer: bytes checked against their hash, format and limits checked, golden
//! rows replayed, features compared with those in service, one round of warming up. Whatever fails leaves the model that
//! answers now in place.

use std::sync::Arc;

use daybreak_artifacts::Artifacts;
use daybreak_features::OnlineStore;
use daybreak_model::{Artifact, Predictor};
use daybreak_protocol::LiveModel;
use daybreak_spec::{Timestamp, Value};

use crate::copies::Copies;
use crate::plan::Plan;
use crate::registry::{LoadFailure, LoadedModel};

/// Rounds of golden rows before a model goes live.
const WARM_UP_ROUNDS: usize = 3;

/// Where the bytes of models come from.
pub struct Source {
    /// The store that all share.
    pub artifacts: Artifacts,
    /// What is kept here in case it is away.
    pub copies: Option<Copies>,
}

impl Source {
    async fn get(&self, object: &str) -> Result<Vec<u8>, String> {
        let Some(copies) = self.copies.clone() else {
            return self.artifacts.get(object).await.map(Into::into).map_err(|error| error.to_string());
        };
        let (kept, name) = (copies.clone(), object.to_owned());
        if let Ok(Some(bytes)) = tokio::task::spawn_blocking(move || kept.read(&name)).await {
            return Ok(bytes);
        }
        let bytes: Vec<u8> = self.artifacts.get(object).await.map_err(|error| error.to_string())?.into();
        let (name, copy) = (object.to_owned(), bytes.clone());
        match tokio::task::spawn_blocking(move || copies.write(&name, &copy)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "no copy of a model could be kept"),
            Err(error) => tracing::warn!(%error, "no copy of a model could be kept"),
        }
        Ok(bytes)
    }
}

/// Loads a version.
pub async fn load(
    source: &Source,
    online: Arc<dyn OnlineStore>,
    wanted: &LiveModel,
    now: Timestamp,
) -> Result<LoadedModel, LoadFailure> {
    let failed = |reason: String, retry| LoadFailure { wanted: wanted.clone(), reason, retry };
    let object = &wanted.version.content.object;
    let bytes = source.get(object).await.map_err(|error| failed(error, true))?;
    let live = wanted.clone();
    let work = tokio::task::spawn_blocking(move || prepare(&bytes, online.as_ref(), live, now));
    match work.await {
        Ok(Ok(model)) => Ok(model),
        Ok(Err(Unusable { reason, retry })) => Err(failed(reason, retry)),
        Err(error) => Err(failed(format!("loading ended early: {error}"), false)),
    }
}

struct Unusable {
    reason: String,
    retry: bool,
}

fn prepare(bytes: &[u8], online: &dyn OnlineStore, live: LiveModel, now: Timestamp) -> Result<LoadedModel, Unusable> {
    let for_good = |reason: String| Unusable { reason, retry: false };
    let artifact = Artifact::decode(bytes).map_err(|error| for_good(explain(&error)))?;
    let name = live.version.content.model.clone();
    if artifact.signature.model != name {
        return Err(for_good(format!("the artefact is of model `{}`", artifact.signature.model)));
    }
    artifact.verify().map_err(|error| for_good(explain(&error)))?;
    let plan = Plan::new(&artifact.signature).map_err(for_good)?;
    let predictor = Predictor::new(artifact).map_err(|error| for_good(explain(&error)))?;
    // A later publication may bring the features that are missing now.
    check_features(&plan, online).map_err(|reason| Unusable { reason, retry: true })?;
    for _ in 0..WARM_UP_ROUNDS {
        for row in &predictor.artifact().golden {
            predictor.predict(&row.raw).map_err(|error| for_good(explain(&error)))?;
        }
    }
    Ok(LoadedModel { name, live, predictor, plan, loaded_at: now })
}

/// Compares the features of the model with those in service, where there are any, and reads one key of each view.
fn check_features(plan: &Plan, online: &dyn OnlineStore) -> Result<(), String> {
    for read in &plan.reads {
        let keys = vec![Value::Int(0); read.key_fields.len()];
        let at = Timestamp::from_micros(0);
        let answer = online.get(&read.view, &keys, at).map_err(|error| explain(&error))?;
        if let Some(generation) = &answer.generation {
            read.places(generation)?;
        }
    }
    Ok(())
}

/// An error with its causes.
fn explain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
