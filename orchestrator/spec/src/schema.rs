//! The JSON Schema (draft 2020-12) of project files for editors, out of the same tables that the decoder reads. Tasks and
//! algorithms are open here (`others`); the package that knows their parameters narrows `$defs/task` and
//! `$defs/algorithm`. A new shape = an arm in `shape`.

use serde_json::{Map, Value as Json, json};

use crate::keys::{self, FUNCTIONS, Key, Presence, Shape, Table};
use crate::placement::LABEL;

/// What a slug looks like.
const NAME: &str = "^[a-z0-9][a-z0-9_-]{0,62}$";
const RUN_TASK: &str = "^[a-z0-9][a-z0-9_-]{0,62}(\\[(0|[1-9][0-9]*)\\])?$";
const DURATION: &str = "^0*[1-9][0-9]*(us|ms|s|m|h|d|w)$";
const SIZE: &str = "^0*[1-9][0-9]* *(B|[kK]B|MB|GB|TB|KiB|MiB|GiB|TiB)$";
const EXIT_CODE: &str = "^exit +[0-9]{1,3}$";
const DATE: &str = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$";
const INSTANT: &str =
    "^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})$";
const TIME_OF_DAY: &str = "^([01]?[0-9]|2[0-3]):[0-5]?[0-9]$";
const WALL_TIME: &str = "^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2})?)?$";

/// The schema of one project file.
pub fn json_schema() -> Json {
    let mut definitions = Map::new();
    let root = table(&keys::FILE, &mut definitions);
    // Tasks are reached through `Shape::Tasks` only.
    define(&keys::TASK, &mut definitions);
    document("Daybreak project file", root, definitions)
}

/// The schema of one file of flow tests, `*.test.yaml`.
pub fn flow_test_schema() -> Json {
    let mut definitions = Map::new();
    let root = table(&keys::FLOW_TEST_FILE, &mut definitions);
    document("Daybreak flow tests", root, definitions)
}

fn document(title: &str, root: Json, definitions: Map<String, Json>) -> Json {
    let mut schema = json!({ "$schema": "https://json-schema.org/draft/2020-12/schema", "title": title });
    if let (Some(schema), Json::Object(root)) = (schema.as_object_mut(), root) {
        schema.extend(root);
        schema.insert("$defs".to_owned(), Json::Object(definitions));
    }
    schema
}

fn define(of: &'static Table, definitions: &mut Map<String, Json>) -> Json {
    if !definitions.contains_key(of.id) {
        // Holds the place while the table is walked.
        definitions.insert(of.id.to_owned(), Json::Null);
        let schema = table(of, definitions);
        definitions.insert(of.id.to_owned(), schema);
    }
    json!({ "$ref": format!("#/$defs/{}", of.id) })
}

fn table(of: &'static Table, definitions: &mut Map<String, Json>) -> Json {
    let mut properties = Map::new();
    for key in of.keys {
        properties.insert(key.name.to_owned(), property(key, definitions));
    }
    let required: Vec<&str> =
        of.keys.iter().filter(|key| key.presence == Presence::Required).map(|key| key.name).collect();
    let others = match of.others {
        Some(doc) => json!({ "description": doc }),
        None => Json::Bool(false),
    };
    let mut schema = json!({
        "type": "object",
        "description": of.doc,
        "properties": properties,
        "additionalProperties": others,
    });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

fn property(key: &'static Key, definitions: &mut Map<String, Json>) -> Json {
    let mut schema = shape(&key.shape, definitions);
    schema["description"] = key.doc.into();
    schema
}

fn shape(of: &'static Shape, definitions: &mut Map<String, Json>) -> Json {
    match of {
        Shape::Version => json!({ "const": 1 }),
        Shape::Name => json!({ "type": "string", "pattern": NAME }),
        Shape::Column => json!({ "type": "string", "minLength": 1, "maxLength": 200 }),
        Shape::Text | Shape::Path | Shape::Expression | Shape::Query => json!({ "type": "string", "minLength": 1 }),
        Shape::AnyText => json!({ "type": "string" }),
        Shape::Duration => json!({ "type": "string", "pattern": DURATION }),
        Shape::Size => json!({ "type": "string", "pattern": SIZE }),
        Shape::Date => json!({ "type": "string", "pattern": DATE }),
        Shape::Instant => json!({ "type": "string", "pattern": INSTANT }),
        Shape::TimeOfDay => json!({ "type": "string", "pattern": TIME_OF_DAY }),
        Shape::WallTime => json!({ "type": "string", "pattern": WALL_TIME }),
        Shape::Integer(least, most) => json!({ "type": "integer", "minimum": least, "maximum": most }),
        Shape::Number(least) => json!({ "type": "number", "minimum": least }),
        Shape::Flag => json!({ "type": "boolean" }),
        Shape::Words(words) => json!({ "enum": words }),
        Shape::AnyNumber => json!({ "type": "number" }),
        Shape::Anything => json!({}),
        Shape::ExitCode => json!({ "type": "string", "pattern": EXIT_CODE }),
        Shape::Function => json!({ "anyOf": [
            { "enum": FUNCTIONS },
            { "type": "string", "pattern": "^p(0|[1-9][0-9]?|100)$" },
        ] }),
        Shape::Label => json!({ "type": "string", "pattern": LABEL }),
        Shape::Scalar => json!({ "type": ["string", "number", "boolean"] }),
        Shape::Map(of) => define(of, definitions),
        Shape::Named(of) => named(define(of, definitions)),
        Shape::NamedOf(of) => named(shape(of, definitions)),
        Shape::RunTask => json!({ "type": "string", "pattern": RUN_TASK }),
        Shape::RunTasksOf(of) => keyed(RUN_TASK, shape(of, definitions)),
        Shape::MapOf(of) => json!({
            "type": ["object", "null"],
            "additionalProperties": shape(of, definitions),
        }),
        Shape::List(of) => json!({ "type": "array", "items": shape(of, definitions), "minItems": 1 }),
        Shape::OneOrMany(of) => {
            let one = shape(of, definitions);
            json!({ "anyOf": [one.clone(), { "type": "array", "items": one, "minItems": 1 }] })
        }
        Shape::Either(shapes) => {
            let shapes: Vec<Json> = shapes.iter().map(|of| shape(of, definitions)).collect();
            json!({ "anyOf": shapes })
        }
        Shape::Tasks => named(json!({ "$ref": "#/$defs/task" })),
    }
}

fn named(item: Json) -> Json {
    keyed(NAME, item)
}

fn keyed(pattern: &str, item: Json) -> Json {
    json!({ "type": ["object", "null"], "propertyNames": { "pattern": pattern }, "additionalProperties": item })
}
