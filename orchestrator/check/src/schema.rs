//! The JSON Schema of project files for editors: the language's own, with tasks narrowed to the kinds that exist and
//! algorithms to those that can be trained. A new parameter type = a line in `parameter_schema`.

use daybreak_core::{KindCatalog, KindDefinition, ParameterDefinition, ParameterRule, ParameterType};
use serde_json::{Map, Value as Json, json};

/// The language's schema with kinds and algorithms filled in.
pub(crate) fn json_schema(kinds: &KindCatalog) -> Json {
    let mut schema = daybreak_spec::json_schema();
    let common = schema.pointer("/$defs/task").cloned().unwrap_or_else(|| json!({ "type": "object" }));
    let tasks: Vec<Json> = kinds.iter().map(|kind| task_schema(&common, kind)).collect();
    if let Some(definitions) = schema.get_mut("$defs").and_then(Json::as_object_mut) {
        definitions.insert("task".to_owned(), json!({ "oneOf": tasks }));
        definitions.insert("algorithm".to_owned(), daybreak_training::json_schema());
    }
    schema
}

/// The common keys of a task and a kind's own.
fn task_schema(common: &Json, kind: &KindDefinition) -> Json {
    let mut properties = common.get("properties").and_then(Json::as_object).cloned().unwrap_or_default();
    properties.insert("kind".to_owned(), json!({ "const": kind.name, "description": kind.summary }));
    for parameter in kind.parameters {
        properties.insert(parameter.name.to_owned(), parameter_schema(parameter));
    }
    let required: Vec<&str> = std::iter::once("kind")
        .chain(kind.parameters.iter().filter(|parameter| parameter.required).map(|parameter| parameter.name))
        .collect();
    let mut schema = json!({
        "type": "object", "description": kind.summary, "properties": properties, "required": required,
        "additionalProperties": false,
    });
    for rule in kind.rules {
        match rule {
            ParameterRule::OneOf(names) => {
                let one_of: Vec<Json> = names.iter().map(|name| json!({ "required": [name] })).collect();
                schema["oneOf"] = one_of.into();
            }
            ParameterRule::Beside(name, others) => {
                let any_of: Vec<Json> = others.iter().map(|other| json!({ "required": [other] })).collect();
                schema["dependentSchemas"][name] = json!({ "anyOf": any_of });
            }
        }
    }
    schema
}

fn parameter_schema(parameter: &ParameterDefinition) -> Json {
    let name = || json!({ "type": "string", "pattern": "^([a-z0-9][a-z0-9_-]{0,62}|.*\\$\\{.*\\}.*)$" });
    let status = || json!({ "type": "integer", "minimum": 100, "maximum": 599 });
    let one_or_many = |item: Json| json!({ "oneOf": [item, { "type": "array", "items": item, "minItems": 1 }] });
    let schema = match parameter.parameter_type {
        ParameterType::Text | ParameterType::Path => json!({ "type": "string" }),
        ParameterType::Int => {
            json!({ "oneOf": [{ "type": "integer" }, { "type": "string", "pattern": "^\\$\\{.*\\}$" }] })
        }
        ParameterType::Bool => {
            json!({ "oneOf": [{ "type": "boolean" }, { "type": "string", "pattern": "^\\$\\{.*\\}$" }] })
        }
        ParameterType::Duration => {
            json!({ "type": "string", "pattern": "^([0-9]+(us|ms|s|m|h|d|w)|.*\\$\\{.*\\}.*)$" })
        }
        ParameterType::Model | ParameterType::Alias => name(),
        ParameterType::Views => one_or_many(name()),
        ParameterType::Gates => one_or_many(json!({ "type": "string" })),
        ParameterType::Argv => json!({ "type": "array", "items": { "type": "string" }, "minItems": 1 }),
        ParameterType::Environment => json!({ "type": "object", "additionalProperties": { "type": "string" } }),
        ParameterType::Files | ParameterType::Objects | ParameterType::Moment => {
            json!({ "type": "string", "minLength": 1 })
        }
        ParameterType::Words(words) => {
            json!({ "oneOf": [{ "enum": words }, { "type": "string", "pattern": "^\\$\\{.*\\}$" }] })
        }
        ParameterType::Dag => name(),
        ParameterType::DagParams(_) => json!({ "type": "object" }),
        ParameterType::Url => json!({ "type": "string", "minLength": 1 }),
        ParameterType::Probe => json!({
            "type": "object", "required": ["url"], "additionalProperties": false,
            "properties": { "url": { "type": "string" }, "status": one_or_many(status()) },
        }),
        ParameterType::Headers | ParameterType::Pointers => {
            json!({ "type": "object", "additionalProperties": { "type": "string" } })
        }
        ParameterType::Json => json!({}),
        ParameterType::Statuses => one_or_many(status()),
        ParameterType::DagWindow => json!({
            "type": "object", "required": ["name"], "additionalProperties": false,
            "properties": { "name": name(), "window": { "enum": ["same", "end"] } },
        }),
    };
    let mut described: Map<String, Json> = schema.as_object().cloned().unwrap_or_default();
    described.insert("description".to_owned(), parameter.summary.into());
    Json::Object(described)
}
