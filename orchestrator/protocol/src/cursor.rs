//! A place in a list whose rows have an instant and a hash. As a text `<microseconds since 1970>.<hash>`, so that it is one
//! parameter of a query. To add another kind of place: a type of its own here, with the text that it is written as.

use std::fmt;

use daybreak_spec::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// Names a row by its instant and its hash: a build by T and its definition, a project's version by when it was deployed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HashCursor {
    /// The instant.
    pub at: Timestamp,
    /// The hash: 1 to 64 digits and small letters.
    pub hash: String,
}

impl HashCursor {
    /// Reads what [`fmt::Display`] has written.
    pub fn parse(text: &str) -> Option<Self> {
        let (micros, hash) = text.split_once('.')?;
        let plain = hash.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase());
        let at = Timestamp::from_micros(micros.parse().ok()?);
        let written = micros == at.micros.to_string() && plain && (1..=64).contains(&hash.len());
        written.then(|| Self { at, hash: hash.to_owned() })
    }
}

impl fmt::Display for HashCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.at.micros, self.hash)
    }
}

impl Serialize for HashCursor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for HashCursor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom("this leads to no page; take `next` of the page before"))
    }
}

impl PartialSchema for HashCursor {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::String).pattern(Some(r"^(0|-?[1-9][0-9]{0,18})\.[0-9a-z]{1,64}$")).into()
    }
}
impl ToSchema for HashCursor {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_is_written_and_no_other_text_is_one() {
        let micros = [0, -1, 1_362_898_800_000_000, i64::MIN, i64::MAX];
        for at in micros.map(Timestamp::from_micros) {
            let cursor = HashCursor { at, hash: "0a".repeat(32) };
            assert_eq!(HashCursor::parse(&cursor.to_string()), Some(cursor));
        }
        let long = format!("1.{}", "0".repeat(65));
        for text in
            ["", ".", "1", "1.", ".a", "x.a", "+1.a", "01.a", "-0.a", "9223372036854775808.a", "1.A", "1.a.b", &long]
        {
            assert_eq!(HashCursor::parse(text), None, "{text}");
        }
    }
}
