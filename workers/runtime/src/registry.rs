//! The kinds a worker knows. Filled once by the binary; a new kind is one line where the list is made.

use std::collections::BTreeMap;
use std::sync::Arc;

use daybreak_core::KindCatalog;

use crate::Task;

/// All kinds of task by name.
pub struct Registry {
    kinds: BTreeMap<&'static str, Arc<dyn Task>>,
}

impl Registry {
    /// From the kinds themselves; of two with the same name the later one counts.
    pub fn new(kinds: Vec<Box<dyn Task>>) -> Self {
        let named = |kind: Box<dyn Task>| (kind.definition().name, Arc::from(kind));
        Self { kinds: kinds.into_iter().map(named).collect() }
    }

    /// The kind of that name.
    pub fn get(&self, kind: &str) -> Option<Arc<dyn Task>> {
        self.kinds.get(kind).cloned()
    }

    /// What checking and scheduling know of the kinds.
    pub fn catalog(&self) -> KindCatalog {
        KindCatalog::new(self.kinds.values().map(|kind| kind.definition()))
    }
}
