//! Where a task may run: the queue that it waits in, and the labels that its worker must have.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::Name;

/// The form of a label's value.
pub(crate) const LABEL: &str = "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$";

/// The value of a label, e.g. `a100`: letters, digits, `.`, `_` and `-`, beginning with a letter or digit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct LabelValue(String);

impl LabelValue {
    /// Checks the form.
    pub fn parse(text: &str) -> Option<Self> {
        let first = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
        let rest = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
        (first && rest && text.len() <= 63).then(|| Self(text.to_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for LabelValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom(format!("`{text}` is not the value of a label")))
    }
}

impl PartialSchema for LabelValue {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::String).pattern(Some(LABEL)).examples(["a100"]).into()
    }
}
impl ToSchema for LabelValue {}

/// A worker's labels, or those that a task asks for.
pub type Labels = BTreeMap<Name, LabelValue>;

/// Where a task may run. As a text it is its queue and its labels in the order of their names, `gpu model=a100 zone=eu`:
/// equal texts are equal places.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Placement {
    /// The queue that it waits in.
    pub queue: Name,
    /// What its worker must have, all of it.
    pub labels: Labels,
}

impl Placement {
    /// The queue of a task that names none.
    pub const DEFAULT_QUEUE: &str = "default";

    /// Reads what [`fmt::Display`] has written.
    pub fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let queue = Name::parse(words.next()?)?;
        let label = |word: &str| {
            let (key, value) = word.split_once('=')?;
            Some((Name::parse(key)?, LabelValue::parse(value)?))
        };
        Some(Self { queue, labels: words.map(label).collect::<Option<_>>()? })
    }
}

impl Default for Placement {
    fn default() -> Self {
        Self { queue: Name::parse(Self::DEFAULT_QUEUE).expect("a slug"), labels: Labels::new() }
    }
}

impl fmt::Display for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.queue.as_str())?;
        self.labels.iter().try_for_each(|(key, value)| write!(f, " {key}={}", value.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_placement_reads_back_and_its_text_has_one_order() {
        for text in ["default", "gpu", "gpu model=a100", "gpu model=A100.80-gb zone=eu_west"] {
            assert_eq!(Placement::parse(text).map(|placement| placement.to_string()).as_deref(), Some(text));
        }
        let turned = Placement::parse("gpu zone=eu model=a100").map(|placement| placement.to_string());
        assert_eq!(turned.as_deref(), Some("gpu model=a100 zone=eu"));
        for text in
            ["", "GPU", "gpu ", "gpu model", "gpu model=", "gpu =a", "gpu model=a b", "gpu  model=a", "gpu model=ä"]
        {
            assert_eq!(Placement::parse(text), None, "{text}");
        }
    }
}
