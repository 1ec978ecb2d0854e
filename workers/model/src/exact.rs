//! Floats in JSON that come back to the bit. serde_json's reader may be off by one unit in the last place, so a float
//! is written as text in its shortest exact form and read with the standard library, which rounds correctly.
//! Non-finite numbers are refused both ways.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _, ser::Error as _};
use serde_json::Value as Json;

/// One exact float.
struct Exact(f64);

impl Serialize for Exact {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !self.0.is_finite() {
            return Err(S::Error::custom(format!("{} cannot stand in an artefact", self.0)));
        }
        serializer.collect_str(&format_args!("{:?}", self.0))
    }
}

impl<'de> Deserialize<'de> for Exact {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse(&text).map(Self).ok_or_else(|| D::Error::custom(format!("`{text}` is not a number in its exact form")))
    }
}

/// Reads the one canonical spelling of a finite float.
fn parse(text: &str) -> Option<f64> {
    let number: f64 = text.parse().ok()?;
    (number.is_finite() && format!("{number:?}") == text).then_some(number)
}

/// For a field of type `f64`.
pub mod number {
    use super::{Deserialize, Deserializer, Exact, Serialize, Serializer};

    pub fn serialize<S: Serializer>(number: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        Exact(*number).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        Exact::deserialize(deserializer).map(|exact| exact.0)
    }
}

/// For a field of type `Vec<f64>`.
pub mod numbers {
    use super::{Deserialize, Deserializer, Exact, Serializer};

    pub fn serialize<S: Serializer>(numbers: &[f64], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(numbers.iter().map(|number| Exact(*number)))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f64>, D::Error> {
        Ok(Vec::<Exact>::deserialize(deserializer)?.into_iter().map(|exact| exact.0).collect())
    }
}

/// For a field of type `BTreeMap<String, f64>`.
pub mod map {
    use super::{BTreeMap, Deserialize, Deserializer, Exact, Serializer};

    pub fn serialize<S: Serializer>(numbers: &BTreeMap<String, f64>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(numbers.iter().map(|(name, number)| (name, Exact(*number))))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, f64>, D::Error> {
        let exact = BTreeMap::<String, Exact>::deserialize(deserializer)?;
        Ok(exact.into_iter().map(|(name, exact)| (name, exact.0)).collect())
    }
}

/// For expressions and values of the language, whose only floats stand as `{"float": x}`.
pub mod tree {
    use super::{Deserialize, Deserializer, Json, Serialize, Serializer};
    use serde::{de::DeserializeOwned, de::Error as _, ser::Error as _};

    pub fn serialize<T: Serialize, S: Serializer>(tree: &T, serializer: S) -> Result<S::Ok, S::Error> {
        let mut json = serde_json::to_value(tree).map_err(S::Error::custom)?;
        super::write_floats(&mut json).map_err(S::Error::custom)?;
        json.serialize(serializer)
    }

    pub fn deserialize<'de, T: DeserializeOwned, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
        let mut json = Json::deserialize(deserializer)?;
        super::read_floats(&mut json).map_err(D::Error::custom)?;
        serde_json::from_value(json).map_err(D::Error::custom)
    }
}

fn write_floats(json: &mut Json) -> Result<(), String> {
    each_float(json, &|number| {
        let exact = number.as_f64().filter(|value| value.is_finite());
        exact.map(|value| Json::String(format!("{value:?}")))
    })
}

fn read_floats(json: &mut Json) -> Result<(), String> {
    each_float(json, &|text| text.as_str().and_then(parse).and_then(serde_json::Number::from_f64).map(Json::Number))
}

/// Rewrites the content of every `{"float": x}`.
fn each_float(json: &mut Json, rewrite: &impl Fn(&Json) -> Option<Json>) -> Result<(), String> {
    match json {
        Json::Array(items) => items.iter_mut().try_for_each(|item| each_float(item, rewrite)),
        Json::Object(entries) => {
            if entries.len() == 1
                && let Some(content) = entries.get_mut("float")
            {
                let rewritten =
                    rewrite(content).ok_or_else(|| format!("{content} is not a finite number in its exact form"))?;
                *content = rewritten;
                return Ok(());
            }
            entries.values_mut().try_for_each(|item| each_float(item, rewrite))
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use daybreak_spec::Value;
    use proptest::prelude::*;

    use super::*;

    #[derive(Serialize, Deserialize)]
    struct Held {
        #[serde(with = "number")]
        number: f64,
        #[serde(with = "tree")]
        values: Vec<Value>,
    }

    proptest! {
        #[test]
        fn any_finite_float_comes_back_to_the_bit(bits in any::<u64>()) {
            let number = f64::from_bits(bits);
            prop_assume!(number.is_finite());
            let text = serde_json::to_string(&Held { number, values: vec![Value::Float(number)] }).expect("writes");
            let held: Held = serde_json::from_str(&text).expect("reads");
            prop_assert_eq!(held.number.to_bits(), bits);
            let Value::Float(inner) = held.values[0] else { panic!("a float") };
            prop_assert_eq!(inner.to_bits(), bits);
        }
    }

    #[test]
    fn a_number_that_is_not_finite_is_refused() {
        let held = |number, value| Held { number, values: vec![Value::Float(value)] };
        assert!(serde_json::to_string(&held(f64::NAN, 0.0)).is_err());
        assert!(serde_json::to_string(&held(0.0, f64::INFINITY)).is_err());
        assert!(serde_json::from_str::<Held>(r#"{"number":"inf","values":[]}"#).is_err());
        assert!(serde_json::from_str::<Held>(r#"{"number":"1","values":[]}"#).is_err(), "1.0 is the only spelling");
    }
}
