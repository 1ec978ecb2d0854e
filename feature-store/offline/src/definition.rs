//! A hash of everything that decides what a build of a view holds: the view, its entity, its sources. What only decides
//! how a build is used (publish delay, and the ttl unless it says which older values may stand in) is left out, so that changing it
//! builds nothing again. To change how builds are made: raise `RULES`.

use daybreak_spec::{FeatureView, Name, Project, ViewDefinition};
use serde_json::json;
use sha2::{Digest, Sha256};

/// Version of the rules by which builds are made.
const RULES: u32 = 1;

/// SHA-256 (hex) of a view's definition; of a view that does not exist, of nothing.
pub fn definition_hash(project: &Project, view: &Name) -> String {
    let definition = project.feature_views.get(view).map(|declared| {
        let keys: Option<Vec<&str>> = declared.entity.as_ref().map(|entity| {
            let entity = project.entities.get(&entity.value);
            entity.map(|entity| entity.keys.iter().map(|key| key.value.as_str()).collect()).unwrap_or_default()
        });
        let sources = sources(declared).into_iter().map(|name| (name.to_string(), json!(project.sources.get(name))));
        json!({
            "rules": RULES,
            "view": view,
            "keys": keys,
            "definition": declared.definition,
            "bounded_by_ttl_us": bounding_ttl(declared),
            "ignore_nulls": declared.ignore_nulls,
            "sources": serde_json::Value::Object(sources.collect()),
        })
    });
    let text = definition.map(|json| json.to_string()).unwrap_or_default();
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn sources(view: &FeatureView) -> Vec<&Name> {
    match &view.definition {
        ViewDefinition::Aggregates { source, .. } | ViewDefinition::Latest { source, .. } => vec![&source.value],
        ViewDefinition::Sql { sources, .. } => sources.iter().collect(),
    }
}

fn bounding_ttl(view: &FeatureView) -> Option<i64> {
    match view.definition {
        ViewDefinition::Latest { .. } if view.ignore_nulls => view.ttl.as_ref().map(|ttl| ttl.micros),
        ViewDefinition::Latest { .. } | ViewDefinition::Aggregates { .. } | ViewDefinition::Sql { .. } => None,
    }
}
