//! Which models are declared, which answer, and which could not be loaded. Replaced whole and read without a lock:
//! a request keeps the model it found, however often it is replaced meanwhile.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use daybreak_model::Predictor;
use daybreak_protocol::LiveModel;
use daybreak_spec::{Name, Timestamp};

use crate::plan::Plan;

/// A model that answers.
pub struct LoadedModel {
    /// Its name.
    pub name: Name,
    /// What the registry says of it.
    pub live: LiveModel,
    /// Computes.
    pub predictor: Predictor,
    /// From a request to a raw row.
    pub plan: Plan,
    /// When it went live here, real time.
    pub loaded_at: Timestamp,
}

/// Why the version that should be live is not.
#[derive(Clone, Debug)]
pub struct LoadFailure {
    /// What should be live.
    pub wanted: LiveModel,
    /// What went wrong.
    pub reason: String,
    /// Whether another try may help.
    pub retry: bool,
}

/// A declared model.
#[derive(Clone, Default)]
pub struct Entry {
    /// What answers.
    pub loaded: Option<Arc<LoadedModel>>,
    /// Why something newer does not.
    pub failure: Option<LoadFailure>,
}

/// All declared models.
#[derive(Clone, Default)]
pub struct Registry {
    /// False until a first state of the registry has been seen.
    pub known: bool,
    /// By name.
    pub models: BTreeMap<Name, Entry>,
}

/// The registry as it is now.
#[derive(Default)]
pub struct Live(ArcSwap<Registry>);

impl Live {
    /// For one request.
    pub fn now(&self) -> arc_swap::Guard<Arc<Registry>> {
        self.0.load()
    }

    /// Replaces it. One task does that.
    pub fn replace(&self, registry: Registry) {
        self.0.store(Arc::new(registry));
    }

    /// Model and version of everything that answers, sorted.
    pub fn versions(&self) -> Vec<(Name, u32)> {
        let registry = self.now();
        let loaded = registry.models.iter().filter_map(|(name, entry)| Some((name, entry.loaded.as_ref()?)));
        loaded.map(|(name, model)| (name.clone(), model.live.version.version)).collect()
    }
}
