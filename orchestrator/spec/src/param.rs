//! Parameters of DAGs: what a run may be given, with types and bounds. A value is checked by one function, whether it is a
//! default in a file or came with a request. To add a type: a variant, its word in `keys/dags.rs`, a line in [`Param::check`].

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use serde_json::Value as Json;
use utoipa::ToSchema;

use crate::{Node, NodeValue, Span};

/// A declared parameter. Written short it is a default value, whose type is its own.
#[derive(Clone, Debug, PartialEq)]
pub struct Param {
    /// Where its name stands.
    pub span: Span,
    /// What its values are.
    pub param_type: ParamType,
    /// Its value where a run is given none; without it every run has to be given one.
    pub default: Option<Node>,
    /// Least value, of numbers.
    pub min: Option<Node>,
    /// Greatest value, of numbers.
    pub max: Option<Node>,
    /// The only values, where any are listed.
    pub one_of: Vec<Node>,
    /// For people.
    pub description: Option<String>,
}

/// The type of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum ParamType {
    String,
    /// A whole number.
    Integer,
    Number,
    Boolean,
    List,
    Map,
}

impl ParamType {
    /// Whether it has a least and a greatest value.
    pub fn is_number(self) -> bool {
        matches!(self, Self::Integer | Self::Number)
    }

    /// With its article, for messages.
    fn described(self) -> &'static str {
        match self {
            Self::String => "text",
            Self::Integer => "a whole number",
            Self::Number => "a number",
            Self::Boolean => "true or false",
            Self::List => "a list",
            Self::Map => "a map",
        }
    }

    fn is_type_of(self, value: &Json) -> bool {
        match self {
            Self::String => value.is_string(),
            Self::Integer => value.is_i64(),
            Self::Number => value.is_number(),
            Self::Boolean => value.is_boolean(),
            Self::List => value.is_array(),
            Self::Map => value.is_object(),
        }
    }
}

impl Param {
    /// A parameter of which nothing but a default is said; `None` where that is no scalar.
    pub fn of_default(span: Span, default: Node) -> Option<Self> {
        let param_type = match &default.value {
            NodeValue::Text(_) => ParamType::String,
            NodeValue::Int(_) => ParamType::Integer,
            NodeValue::Float(_) => ParamType::Number,
            NodeValue::Bool(_) => ParamType::Boolean,
            NodeValue::Null | NodeValue::List(_) | NodeValue::Map(_) => return None,
        };
        Some(Self { default: Some(default), ..Self::of_type(span, param_type) })
    }

    /// A parameter that takes every value of a type.
    pub fn of_type(span: Span, param_type: ParamType) -> Self {
        Self { span, param_type, default: None, min: None, max: None, one_of: Vec::new(), description: None }
    }

    /// Whether a value may be given for it.
    ///
    /// # Errors
    /// What is wrong, to stand behind the parameter's name: "must be at least 1, not 0".
    pub fn check(&self, value: &Json) -> Result<(), String> {
        if !self.param_type.is_type_of(value) {
            return Err(format!("must be {}, not {}", self.param_type.described(), shown(value)));
        }
        if !self.one_of.is_empty() && !self.one_of.iter().any(|allowed| equal(&allowed.to_json(), value)) {
            let allowed: Vec<String> = self.one_of.iter().map(|allowed| shown(&allowed.to_json())).collect();
            return Err(format!("must be one of {}, not {}", allowed.join(", "), shown(value)));
        }
        let beyond = |bound: &Option<Node>, wrong: std::cmp::Ordering| {
            let bound = bound.as_ref()?.to_json();
            (order(value, &bound)? == wrong).then_some(bound)
        };
        if let Some(min) = beyond(&self.min, std::cmp::Ordering::Less) {
            return Err(format!("must be at least {min}, not {value}"));
        }
        if let Some(max) = beyond(&self.max, std::cmp::Ordering::Greater) {
            return Err(format!("must be at most {max}, not {value}"));
        }
        Ok(())
    }

    fn is_short(&self) -> bool {
        let Some(default) = &self.default else { return false };
        let short = Self::of_default(self.span, default.clone());
        short.is_some_and(|short| short == *self)
    }
}

/// Numbers by their value: 7 is 7.0.
fn equal(one: &Json, other: &Json) -> bool {
    one == other || order(one, other) == Some(std::cmp::Ordering::Equal)
}

fn order(one: &Json, other: &Json) -> Option<std::cmp::Ordering> {
    match (one.as_i64(), other.as_i64()) {
        (Some(one), Some(other)) => Some(one.cmp(&other)),
        _ => one.as_f64()?.partial_cmp(&other.as_f64()?),
    }
}

fn shown(value: &Json) -> String {
    crate::small_texts::shortened(&value.to_string())
}

/// The long form.
#[derive(Serialize, Deserialize)]
struct Long {
    #[serde(rename = "type")]
    param_type: ParamType,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    default: Option<Node>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    min: Option<Node>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max: Option<Node>,
    #[serde(default, rename = "enum", skip_serializing_if = "Vec::is_empty")]
    one_of: Vec<Node>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    description: Option<String>,
}

impl Serialize for Param {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.is_short() {
            return self.default.serialize(serializer);
        }
        let Self { param_type, default, min, max, one_of, description, .. } = self.clone();
        Long { param_type, default, min, max, one_of, description }.serialize(serializer)
    }
}
impl<'de> Deserialize<'de> for Param {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = Json::deserialize(deserializer)?;
        if json.is_object() {
            let long: Long = serde_json::from_value(json).map_err(D::Error::custom)?;
            let Long { param_type, default, min, max, one_of, description } = long;
            return Ok(Self { span: Span::default(), param_type, default, min, max, one_of, description });
        }
        let none = || D::Error::custom("a parameter is a text, a number, true/false or a map with its type");
        Self::of_default(Span::default(), Node::from_json(json)).ok_or_else(none)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn param(long: Json) -> Param {
        serde_json::from_value(long).expect("a parameter")
    }

    #[test]
    fn a_value_has_the_type_of_its_parameter() {
        let values = [json!("x"), json!(1), json!(1.5), json!(true), json!([1]), json!({"a": 1}), json!(null)];
        let accepted = |word: &str| -> String {
            let param = param(json!({ "type": word }));
            values.iter().map(|value| if param.check(value).is_ok() { 'y' } else { '.' }).collect()
        };
        assert_eq!(accepted("string"), "y......");
        assert_eq!(accepted("integer"), ".y.....");
        assert_eq!(accepted("number"), ".yy....");
        assert_eq!(accepted("boolean"), "...y...");
        assert_eq!(accepted("list"), "....y..");
        assert_eq!(accepted("map"), ".....y.");
    }

    #[test]
    fn bounds_are_included_and_the_first_breach_is_told() {
        let days = param(json!({ "type": "integer", "min": 1, "max": 90 }));
        assert_eq!((days.check(&json!(1)), days.check(&json!(90))), (Ok(()), Ok(())));
        assert_eq!(days.check(&json!(0)), Err("must be at least 1, not 0".to_owned()));
        assert_eq!(days.check(&json!(91)), Err("must be at most 90, not 91".to_owned()));
        assert_eq!(days.check(&json!("7")), Err("must be a whole number, not \"7\"".to_owned()));
        let share = param(json!({ "type": "number", "min": 0.5 }));
        assert_eq!((share.check(&json!(1)).is_ok(), share.check(&json!(0.4)).is_ok()), (true, false));
        let exact = param(json!({ "type": "integer", "max": 9_007_199_254_740_992_i64 }));
        assert!(exact.check(&json!(9_007_199_254_740_993_i64)).is_err());
    }

    #[test]
    fn a_listed_value_is_one_of_the_list() {
        let city = param(json!({ "type": "string", "enum": ["Rome", "Oslo"] }));
        assert_eq!(city.check(&json!("Oslo")), Ok(()));
        assert_eq!(city.check(&json!("oslo")), Err("must be one of \"Rome\", \"Oslo\", not \"oslo\"".to_owned()));
        assert_eq!(param(json!({ "type": "number", "enum": [7] })).check(&json!(7.0)), Ok(()));
    }

    #[test]
    fn both_forms_read_back_as_they_were_written() {
        for json in [
            json!(7),
            json!("Rome"),
            json!(0.5),
            json!(true),
            json!({ "type": "integer", "default": 7, "min": 1 }),
            json!({ "type": "list", "default": ["a"] }),
            json!({ "type": "string", "enum": ["a", "b"], "description": "Which" }),
        ] {
            assert_eq!(serde_json::to_value(param(json.clone())).expect("it writes"), json);
        }
        assert!(serde_json::from_value::<Param>(json!([1])).is_err());
    }
}
