//! Small words of the language: names, durations, column types and values.

use std::borrow::Borrow;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// A slug `^[a-z0-9][a-z0-9_-]{0,62}$`: the name of a source, entity, view, model, DAG, task or project.
/// A name never becomes a path unchecked because nothing else can be built.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Name(String);

impl Name {
    /// Checks the form; `None` when the text is not a slug.
    pub fn parse(text: &str) -> Option<Self> {
        let ok = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let first = text.as_bytes().first()?;
        let rest = text.bytes().all(|byte| ok(&byte) || byte == b'_' || byte == b'-');
        (ok(first) && rest && text.len() <= 63).then(|| Self(text.to_owned()))
    }

    /// The slug.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The task run of one item of this task's list: `score[3]`. Nothing that is declared can have such a name.
    pub fn of_item(&self, index: u32) -> Self {
        Self(format!("{self}[{index}]"))
    }

    /// Reads the name of a task of a run: a slug, or that of an item's task run.
    pub fn parse_of_run(text: &str) -> Option<Self> {
        match item_of(text) {
            Some((task, index)) => Self::parse(task).map(|task| task.of_item(index)).filter(|name| name.0 == text),
            None => Self::parse(text),
        }
    }

    /// The task and the place in its list, where it is the name of an item's task run.
    pub fn item(&self) -> Option<(&str, u32)> {
        item_of(&self.0)
    }
}

/// The task and the place in its list, where it is the name of an item's task run.
pub fn item_of(text: &str) -> Option<(&str, u32)> {
    let (task, index) = text.strip_suffix(']')?.split_once('[')?;
    Some((task, index.parse().ok()?))
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}
/// As a text with a pattern.
fn text_schema(pattern: &str, example: &str) -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern)).examples([example]).into()
}
impl PartialSchema for Name {
    fn schema() -> RefOr<Schema> {
        // The task run of an item has its place behind it.
        text_schema(r"^[a-z0-9][a-z0-9_-]{0,62}(\[[0-9]+\])?$", "nightly")
    }
}
impl ToSchema for Name {}
impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        // Files are read by `parse` alone; whatever else has names may name the task run of an item.
        Self::parse_of_run(&text).ok_or_else(|| D::Error::custom(format!("`{text}` is not a name")))
    }
}

/// A length of time as written, e.g. `7d`, `30h`, `10s`, `500ms`. A day is 24 hours.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Duration {
    /// Length in microseconds, at least 1.
    pub micros: i64,
    /// As the user wrote it; stands in feature names.
    pub text: String,
}

impl Duration {
    /// Reads `<whole number><unit>` with unit us, ms, s, m, h, d or w. `None` when malformed, zero or beyond 10,000 years.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let count: i64 = text[..digits].parse().ok()?;
        let unit: i64 = match &text[digits..] {
            "us" => 1,
            "ms" => 1_000,
            "s" => 1_000_000,
            "m" => 60_000_000,
            "h" => 3_600_000_000,
            "d" => 86_400_000_000,
            "w" => 604_800_000_000,
            _ => return None,
        };
        let micros = count.checked_mul(unit)?;
        (micros > 0 && micros < 315_576_000_000_000_000).then(|| Self { micros, text: text.to_owned() })
    }

    /// As a std duration.
    pub fn to_std(&self) -> std::time::Duration {
        std::time::Duration::from_micros(self.micros.unsigned_abs())
    }
}

impl PartialSchema for Duration {
    fn schema() -> RefOr<Schema> {
        text_schema("^[0-9]+(us|ms|s|m|h|d|w)$", "7d")
    }
}
impl ToSchema for Duration {}
impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
impl Serialize for Duration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}
impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom(format!("`{text}` is not a duration")))
    }
}

/// The type of a column, input or feature. The YAML spellings are the serialised ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum ColumnType {
    Bool,
    I8,
    I16,
    I32,
    I64,
    U8,
    U16,
    U32,
    U64,
    F32,
    F64,
    /// Also decimals are read as f64, categoricals as text.
    Str,
    Date,
    /// UTC, microseconds.
    Datetime,
}

impl ColumnType {
    /// Whether arithmetic is defined on it.
    pub fn is_number(self) -> bool {
        self.is_integer() || matches!(self, Self::F32 | Self::F64)
    }

    /// Whether it is one of the eight integer types.
    pub fn is_integer(self) -> bool {
        matches!(self, Self::I8 | Self::I16 | Self::I32 | Self::I64 | Self::U8 | Self::U16 | Self::U32 | Self::U64)
    }

    /// The YAML spelling.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::I8 => "i8",
            Self::I16 => "i16",
            Self::I32 => "i32",
            Self::I64 => "i64",
            Self::U8 => "u8",
            Self::U16 => "u16",
            Self::U32 => "u32",
            Self::U64 => "u64",
            Self::F32 => "f32",
            Self::F64 => "f64",
            Self::Str => "str",
            Self::Date => "date",
            Self::Datetime => "datetime",
        }
    }
}

/// One value of a feature, key or input. Integers of every width are `Int`; u64 above i64::MAX is refused where it is
/// read. Instants are microseconds since 1970-01-01T00:00Z, dates days since 1970-01-01.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    /// Absent.
    Null,
    /// true or false.
    Bool(bool),
    /// Any integer.
    Int(i64),
    /// Any float; NaN is turned to null where data is read.
    Float(f64),
    /// Text.
    Text(String),
    /// Days since 1970-01-01.
    Date(i32),
    /// Microseconds since 1970-01-01T00:00Z.
    Instant(i64),
}

impl Value {
    /// As a number: booleans 0/1, integers, floats; everything else `None`.
    pub fn as_number(&self) -> Option<f64> {
        match self {
            Self::Bool(flag) => Some(f64::from(u8::from(*flag))),
            #[expect(clippy::cast_precision_loss, reason = "features are f64 to a model; 2^53 is enough")]
            Self::Int(number) => Some(*number as f64),
            Self::Float(number) => Some(*number),
            Self::Null | Self::Text(_) | Self::Date(_) | Self::Instant(_) => None,
        }
    }
}
