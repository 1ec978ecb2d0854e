//! The YAML as a tree that keeps positions. Parameters of tasks and algorithms stay in this form until the package that
//! knows their types decodes them.

use serde::{Deserialize, Serialize};

use crate::{Span, Spanned};

/// A YAML value and where it stands. Serialises as plain JSON, with maps in order.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Position of the value (for a map or list: of its first character).
    pub span: Span,
    /// The value.
    pub value: NodeValue,
}

/// YAML 1.2 core values.
#[derive(Clone, Debug, PartialEq)]
pub enum NodeValue {
    /// `null`, `~` or nothing.
    Null,
    /// `true` / `false`.
    Bool(bool),
    /// A whole number that fits i64.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// Text.
    Text(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping with text keys, in order, without duplicates.
    Map(Vec<(Spanned<String>, Node)>),
}

impl Node {
    /// What kind of value it is, in the user's words.
    pub fn kind(&self) -> &'static str {
        match self.value {
            NodeValue::Null => "nothing",
            NodeValue::Bool(_) => "true/false",
            NodeValue::Int(_) => "a whole number",
            NodeValue::Float(_) => "a number",
            NodeValue::Text(_) => "text",
            NodeValue::List(_) => "a list",
            NodeValue::Map(_) => "a map",
        }
    }

    /// The text, if it is text.
    pub fn as_text(&self) -> Option<&str> {
        match &self.value {
            NodeValue::Text(text) => Some(text),
            _ => None,
        }
    }

    /// As plain JSON.
    pub fn to_json(&self) -> serde_json::Value {
        match &self.value {
            NodeValue::Null => serde_json::Value::Null,
            NodeValue::Bool(flag) => (*flag).into(),
            NodeValue::Int(number) => (*number).into(),
            NodeValue::Float(number) => (*number).into(),
            NodeValue::Text(text) => text.as_str().into(),
            NodeValue::List(items) => items.iter().map(Self::to_json).collect(),
            NodeValue::Map(entries) => serde_json::Value::Object(
                entries.iter().map(|(key, node)| (key.value.clone(), node.to_json())).collect(),
            ),
        }
    }

    /// From plain JSON, without positions.
    pub fn from_json(json: serde_json::Value) -> Self {
        use serde_json::Value as Json;
        let value = match json {
            Json::Null => NodeValue::Null,
            Json::Bool(flag) => NodeValue::Bool(flag),
            Json::Number(number) => {
                number.as_i64().map_or_else(|| NodeValue::Float(number.as_f64().unwrap_or(f64::NAN)), NodeValue::Int)
            }
            Json::String(text) => NodeValue::Text(text),
            Json::Array(items) => NodeValue::List(items.into_iter().map(Self::from_json).collect()),
            Json::Object(entries) => NodeValue::Map(
                entries.into_iter().map(|(key, json)| (Spanned::unplaced(key), Self::from_json(json))).collect(),
            ),
        };
        Self { span: Span::default(), value }
    }
}

impl Serialize for Node {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_json().serialize(serializer)
    }
}
impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde_json::Value::deserialize(deserializer).map(Self::from_json)
    }
}
