//! An instant in UTC, as microseconds. The one time type that crosses rooms, files and HTTP.

use std::fmt;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::Duration;

/// Microseconds since 1970-01-01T00:00Z. Written as RFC 3339 with `Z`, e.g. `2013-03-10T07:00:00Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    /// Microseconds since the epoch.
    pub micros: i64,
}

impl Timestamp {
    /// From microseconds.
    pub const fn from_micros(micros: i64) -> Self {
        Self { micros }
    }

    /// Reads RFC 3339 with any offset. `None` when malformed.
    pub fn parse(text: &str) -> Option<Self> {
        let parsed = DateTime::parse_from_rfc3339(text).ok()?;
        Some(Self::from_micros(parsed.timestamp_micros()))
    }

    /// Reads RFC 3339 that a length of time may follow: `2013-03-10T07:00:00Z+6h`, `…-30m`. `None` when malformed.
    pub fn parse_with_offset(text: &str) -> Option<Self> {
        if let Some(plain) = Self::parse(text) {
            return Some(plain);
        }
        let at = text.rfind(['+', '-'])?;
        let (instant, offset) = (Self::parse(text[..at].trim_end())?, Duration::parse(text[at + 1..].trim_start())?);
        let sign = if text[at..].starts_with('-') { -1 } else { 1 };
        Some(instant.plus_micros(sign * offset.micros))
    }

    /// As chrono's type; saturates at chrono's bounds.
    pub fn to_chrono(self) -> DateTime<Utc> {
        let bound = if self.micros < 0 { DateTime::<Utc>::MIN_UTC } else { DateTime::<Utc>::MAX_UTC };
        DateTime::from_timestamp_micros(self.micros).unwrap_or(bound)
    }

    /// This instant plus some microseconds (negative: before it), saturating.
    pub const fn plus_micros(self, micros: i64) -> Self {
        Self::from_micros(self.micros.saturating_add(micros))
    }
}

impl PartialSchema for Timestamp {
    fn schema() -> RefOr<Schema> {
        let format = SchemaFormat::KnownFormat(KnownFormat::DateTime);
        ObjectBuilder::new().schema_type(Type::String).format(Some(format)).examples(["2013-03-10T07:00:00Z"]).into()
    }
}

impl ToSchema for Timestamp {}

impl From<DateTime<Utc>> for Timestamp {
    fn from(value: DateTime<Utc>) -> Self {
        Self::from_micros(value.timestamp_micros())
    }
}
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_chrono().to_rfc3339_opts(SecondsFormat::AutoSi, true))
    }
}
impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom(format!("`{text}` is not an RFC 3339 instant")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_of_time_may_follow_an_instant() {
        let shown = |text: &str| Timestamp::parse_with_offset(text).map(|at| at.to_string());
        assert_eq!(shown("2013-03-10T07:00:00Z").as_deref(), Some("2013-03-10T07:00:00Z"));
        assert_eq!(shown("2013-03-10T07:00:00Z+6h").as_deref(), Some("2013-03-10T13:00:00Z"));
        assert_eq!(shown("2013-03-10T09:00:00+02:00 - 30m").as_deref(), Some("2013-03-10T06:30:00Z"));
        assert_eq!(shown("2013-03-10T09:00:00+02:00").as_deref(), Some("2013-03-10T07:00:00Z"));
        for wrong in ["", "+6h", "noon", "2013-03-10T07:00:00Z+", "2013-03-10T07:00:00Z+6", "2013-03-10+6h"] {
            assert_eq!(shown(wrong), None, "{wrong}");
        }
    }
}
