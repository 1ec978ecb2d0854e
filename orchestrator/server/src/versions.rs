//! What differs between two versions of a project. Snapshots hold declarations without their positions, so that moving
//! or commenting lines changes nothing.

use daybreak_protocol::{ChangeKind, DeclarationChange};
use serde_json::{Map, Value as Json};

/// The declarations that differ, by section and name.
pub(crate) fn changes(before: &Json, after: &Json) -> Vec<DeclarationChange> {
    let mut changes = Vec::new();
    in_either(before, after, |section, before, after| match (before, after) {
        (Some(Json::Object(_)) | None, Some(Json::Object(_)) | None) => {
            let empty = Json::Object(Map::new());
            in_either(before.unwrap_or(&empty), after.unwrap_or(&empty), |name, before, after| {
                changes.extend(change(section, name, before, after));
            });
        }
        _ => changes.extend(change(section, section, before, after)),
    });
    changes.sort();
    changes
}

fn change(section: &str, name: &str, before: Option<&Json>, after: Option<&Json>) -> Option<DeclarationChange> {
    let change = match (before, after) {
        (None, Some(_)) => ChangeKind::Added,
        (Some(_), None) => ChangeKind::Removed,
        (before, after) if before == after => return None,
        _ => ChangeKind::Changed,
    };
    Some(DeclarationChange { section: section.to_owned(), name: name.to_owned(), change })
}

/// Every key of either map with its values.
fn in_either<'a>(before: &'a Json, after: &'a Json, mut each: impl FnMut(&'a str, Option<&'a Json>, Option<&'a Json>)) {
    let keys = |side: &'a Json| side.as_object().into_iter().flat_map(|map| map.keys());
    for key in keys(before) {
        each(key, before.get(key), after.get(key));
    }
    for key in keys(after).filter(|key| before.get(key.as_str()).is_none()) {
        each(key, None, after.get(key));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn words(before: Json, after: Json) -> Vec<String> {
        let word = |found: &DeclarationChange| format!("{} {} {:?}", found.section, found.name, found.change);
        changes(&before, &after).iter().map(word).collect()
    }

    #[test]
    fn what_was_added_changed_and_removed_is_named() {
        let before = json!({ "name": "shop", "dags": { "a": 1, "b": 2, "c": 3 }, "models": {} });
        let after = json!({ "name": "shop", "dags": { "a": 1, "b": 3, "d": 4 }, "models": { "m": {} } });
        assert_eq!(words(before, after), ["dags b Changed", "dags c Removed", "dags d Added", "models m Added"]);
    }

    #[test]
    fn what_is_no_map_of_names_goes_by_its_section() {
        let before = json!({ "data_roots": ["a"], "dags": { "a": 1 } });
        assert_eq!(
            words(before.clone(), json!({ "data_roots": ["b"] })),
            ["dags a Removed", "data_roots data_roots Changed"]
        );
        assert!(words(before.clone(), before).is_empty());
    }
}
