//! The body of a prediction request: one row or `{"rows": [...]}`, read against the model's plan. Collects every mistake
//! with its JSON pointer and never fills in a value that was not given.

use std::borrow::Cow;
use std::fmt;

use daybreak_spec::{Value, did_you_mean};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::json;
use serde_json::value::RawValue;
use utoipa::openapi::schema::{AdditionalProperties, AnyOfBuilder, ArrayBuilder, ObjectBuilder};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::http::{FieldError, Problem};
use crate::plan::Plan;
use crate::values;

/// Most rows of one request.
pub const MAX_ROWS: usize = 10_000;

/// The body of a prediction request, as it is described: which keys and inputs a row has is the model's to say.
pub struct PredictRequest;

impl PartialSchema for PredictRequest {
    fn schema() -> RefOr<Schema> {
        let row = |words: &str| {
            ObjectBuilder::new()
                .additional_properties(Some(AdditionalProperties::FreeForm(true)))
                .description(Some(words))
                .examples([json!({ "carrier": "UA", "origin": "JFK", "distance": 2475 })])
                .build()
        };
        let rows = ArrayBuilder::new().items(row("A row.")).max_items(Some(MAX_ROWS)).build();
        let batch = ObjectBuilder::new()
            .property("rows", rows)
            .required("rows")
            .additional_properties(Some(AdditionalProperties::<Schema>::FreeForm(false)))
            .description(Some("Many rows."))
            .build();
        let one = row("One row: each key and input of the model, by name; `GET /v1/models/{name}` lists them.");
        AnyOfBuilder::new().item(one).item(batch).into()
    }
}
impl ToSchema for PredictRequest {}

/// The rows of a request.
pub struct Rows {
    /// Whether they came as `{"rows": [...]}`.
    pub batch: bool,
    /// Values in the order of the plan's fields.
    pub rows: Vec<Vec<Value>>,
}

/// Where a row stands in the body.
pub fn row_pointer(batch: bool, number: usize) -> String {
    if batch { format!("/rows/{number}") } else { String::new() }
}

/// Reads a body.
pub fn read(body: &[u8], plan: &Plan) -> Result<Rows, Problem> {
    let json: &RawValue = serde_json::from_slice(body).map_err(|error| Problem::malformed(&error.to_string()))?;
    let mut errors = Vec::new();
    let Some(entries) = entries(json, "", &mut errors) else { return Err(Problem::invalid(errors)) };
    let list = entries.iter().find(|(key, value)| key == "rows" && value.get().starts_with('['));
    let batch = list.is_some();
    let rows = match list {
        None => vec![read_row(entries, plan, "", &mut errors)],
        Some((_, list)) => {
            for (key, _) in entries.iter().filter(|(key, _)| key != "rows") {
                let hint = "beside `rows` nothing else is read".to_owned();
                errors.push(FieldError::new(format!("/{}", escaped(key)), "unknown_field", hint));
            }
            read_rows(list, plan, &mut errors)?
        }
    };
    if errors.is_empty() { Ok(Rows { batch, rows }) } else { Err(Problem::invalid(errors)) }
}

fn read_rows(list: &RawValue, plan: &Plan, errors: &mut Vec<FieldError>) -> Result<Vec<Vec<Value>>, Problem> {
    let list: List<'_> = serde_json::from_str(list.get()).map_err(|error| Problem::malformed(&error.to_string()))?;
    if list.beyond > 0 {
        let found = list.rows.len() + list.beyond;
        return Err(Problem::too_large(&format!("{found} rows came in one request, {MAX_ROWS} are possible")));
    }
    let mut rows = Vec::with_capacity(list.rows.len());
    for (number, row) in list.rows.iter().enumerate() {
        let pointer = row_pointer(true, number);
        if let Some(entries) = entries(row, &pointer, errors) {
            rows.push(read_row(entries, plan, &pointer, errors));
        }
    }
    Ok(rows)
}

/// The entries of an object, in order; a mistake where it is something else.
fn entries<'a>(
    json: &'a RawValue,
    pointer: &str,
    errors: &mut Vec<FieldError>,
) -> Option<Vec<(Cow<'a, str>, &'a RawValue)>> {
    if let Ok(Entries(entries)) = serde_json::from_str(json.get()) {
        return Some(entries);
    }
    let hint = "expected an object with the row's keys and inputs".to_owned();
    errors.push(FieldError::new(pointer.to_owned(), "wrong_type", hint));
    None
}

fn read_row(
    entries: Vec<(Cow<'_, str>, &RawValue)>,
    plan: &Plan,
    pointer: &str,
    errors: &mut Vec<FieldError>,
) -> Vec<Value> {
    let mut given = vec![false; plan.fields.len()];
    let mut row = vec![Value::Null; plan.fields.len()];
    for (key, json) in entries {
        let mut mistake = |code, hint| errors.push(FieldError::new(format!("{pointer}/{}", escaped(&key)), code, hint));
        let Some(place) = plan.field(&key) else {
            mistake("unknown_field", unknown(&key, plan));
            continue;
        };
        let field = &plan.fields[place];
        if std::mem::replace(&mut given[place], true) {
            mistake("duplicate_field", format!("`{}` is given twice", field.name));
            continue;
        }
        match values::read_json(json.get(), field.column_type) {
            Ok(Value::Null) if field.refuses_null => {
                mistake("null_value", format!("`{}` is null and the model refuses to answer without it", field.name));
            }
            Ok(value) => row[place] = value,
            Err(hint) => mistake("wrong_type", hint),
        }
    }
    for (field, _) in plan.fields.iter().zip(&given).filter(|(_, given)| !**given) {
        let hint = format!("`{}` ({}) is missing", field.name, field.column_type.name());
        errors.push(FieldError::new(format!("{pointer}/{}", escaped(&field.name)), "missing_field", hint));
    }
    row
}

fn unknown(key: &str, plan: &Plan) -> String {
    let names = || plan.fields.iter().map(|field| field.name.as_str());
    match did_you_mean(key, names()) {
        Some(meant) => format!("the model reads no `{key}`; did you mean `{meant}`?"),
        None => format!("the model reads no `{key}`; it reads {}", names().collect::<Vec<_>>().join(", ")),
    }
}

/// RFC 6901.
fn escaped(key: &str) -> Cow<'_, str> {
    if key.contains(['~', '/']) { key.replace('~', "~0").replace('/', "~1").into() } else { key.into() }
}

/// An object's entries as they stand, duplicates included.
struct Entries<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Entries<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Walk;
        impl<'de> Visitor<'de> for Walk {
            type Value = Entries<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::with_capacity(16);
                while let Some((Key(key), value)) = map.next_entry::<Key<'de>, &'de RawValue>()? {
                    entries.push((key, value));
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(Walk)
    }
}

/// A key that borrows from the body where it holds no escape.
struct Key<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Key<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Walk;
        impl<'de> Visitor<'de> for Walk {
            type Value = Key<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Walk)
    }
}

/// The items of `rows`, up to the limit, and how many came beyond it.
struct List<'a> {
    rows: Vec<&'a RawValue>,
    beyond: usize,
}

impl<'de: 'a, 'a> Deserialize<'de> for List<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Walk;
        impl<'de> Visitor<'de> for Walk {
            type Value = List<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
                let mut list = List { rows: Vec::new(), beyond: 0 };
                while let Some(row) = items.next_element::<&'de RawValue>()? {
                    if list.rows.len() < MAX_ROWS {
                        list.rows.push(row);
                    } else {
                        list.beyond += 1;
                    }
                }
                Ok(list)
            }
        }
        deserializer.deserialize_seq(Walk)
    }
}
