//! Shapes that parameters and outputs of several kinds share. Holds no kind's own parameters.

use daybreak_spec::{Node, NodeValue, Reference, Template};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value as Json};

/// One value, or a list of them.
pub(crate) struct OneOrMany<T>(Vec<T>);

impl<'de, T: DeserializeOwned> Deserialize<'de> for OneOrMany<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let items = match Json::deserialize(deserializer)? {
            Json::Array(items) => items,
            one => vec![one],
        };
        let decoded = items.into_iter().map(serde_json::from_value).collect::<Result<Vec<T>, _>>();
        decoded.map(Self).map_err(D::Error::custom)
    }
}

impl<T> IntoIterator for OneOrMany<T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// The map that outputs are.
pub(crate) fn object(json: Json) -> Map<String, Json> {
    match json {
        Json::Object(map) => map,
        other => Map::from_iter([("value".to_owned(), other)]),
    }
}

/// The text of another task's parameter, with the run's parameters put in; `None` where it depends on anything else.
pub(crate) fn with_params(node: &Node, params: &Map<String, Json>) -> Option<String> {
    let NodeValue::Text(text) = &node.value else { return None };
    let template = Template::parse(text, node.span).ok()?;
    if template.references().any(|reference| !matches!(reference.value, Reference::Param(_))) {
        return None;
    }
    let value = |reference: &Reference| match reference {
        Reference::Param(name) => match params.get(name)? {
            Json::String(text) => Some(text.clone()),
            Json::Null | Json::Array(_) | Json::Object(_) => None,
            scalar @ (Json::Bool(_) | Json::Number(_)) => Some(scalar.to_string()),
        },
        Reference::Run(_) | Reference::Output { .. } | Reference::Item { .. } | Reference::Index => None,
    };
    template.render(&value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Node {
        Node::from_json(text.into())
    }

    #[test]
    fn a_parameter_of_another_task_takes_the_runs_values() {
        let params = object(serde_json::json!({ "days": 30 }));
        assert_eq!(with_params(&text("${params.days}d"), &params).as_deref(), Some("30d"));
        assert_eq!(with_params(&text("60d"), &params).as_deref(), Some("60d"));
    }

    #[test]
    fn what_only_that_task_knows_is_not_guessed() {
        assert_eq!(with_params(&text("${tasks.a.outputs.b}"), &Map::new()), None);
        assert_eq!(with_params(&text("${tasks.a.outputs.b:-c}"), &Map::new()), None);
        assert_eq!(with_params(&text("${params.x}"), &Map::new()), None);
    }

    #[test]
    fn one_value_may_stand_alone() {
        let one: OneOrMany<String> = serde_json::from_str("\"a\"").expect("one");
        let many: OneOrMany<String> = serde_json::from_str("[\"a\", \"b\"]").expect("many");
        assert_eq!((one.into_iter().count(), many.into_iter().count()), (1, 2));
    }
}
