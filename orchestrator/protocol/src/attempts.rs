//! The attempts of a run's tasks, as they are listed. Plain data.

use std::fmt;

use daybreak_core::TaskStatus;
use daybreak_spec::{Name, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{IntoParams, PartialSchema, ToSchema};

use crate::page::rows_of_page;

/// Which attempts of a run are listed, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AttemptsQuery {
    /// Of this task only, `score[3]` for an item of `score`; otherwise of all tasks but the items of lists.
    pub task: Option<Name>,
    /// Attempts after this one: `next` of the page before.
    pub after: Option<AttemptCursor>,
    /// At most so many, 1 to 500; default 50.
    #[param(minimum = 1, maximum = 500, default = 50)]
    pub limit: Option<u32>,
}

impl AttemptsQuery {
    /// The limit that holds.
    pub fn effective_limit(&self) -> u32 {
        rows_of_page(self.limit)
    }
}

/// A page of attempts, oldest first: by when a worker took them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AttemptList {
    /// The attempts: those that have ended, and the one that a worker has or that waits. A task that is ready has none yet.
    pub attempts: Vec<AttemptView>,
    /// `after` of the next page; none on the last.
    pub next: Option<AttemptCursor>,
}

/// One attempt of a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AttemptView {
    /// The task.
    pub task: Name,
    /// 1-based; attempts that were lost or handed back are not charged and share their number with the next one.
    pub attempt: u32,
    /// The fence it was held under; tells apart attempts of the same number.
    pub fence: i64,
    /// The worker that held it, while the server knows of it.
    pub worker: Option<String>,
    /// Real time since when it was ready.
    pub ready_at: Option<Timestamp>,
    /// Real time at which a worker took it.
    pub started_at: Option<Timestamp>,
    /// Real time of its end.
    pub ended_at: Option<Timestamp>,
    /// Where the task stood after it; where it stands, if it has not ended.
    pub state: TaskStatus,
    /// Why it ended, as a slug: `task_error`, `timeout`, `lost`, `handed_back`, `deferred`, …
    pub cause: Option<String>,
    /// Why, for people.
    pub reason: Option<String>,
}

/// Names an attempt of a run: when a worker took it, its task run and its fence. As a text
/// `<microseconds since 1970>.<ULID>.<fence>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptCursor {
    /// When a worker took it.
    pub started_us: i64,
    /// The task run.
    pub task_run_id: String,
    /// Its fence.
    pub fence: i64,
}

impl AttemptCursor {
    /// Reads what [`fmt::Display`] has written.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let (started, id, fence) = (parts.next()?, parts.next()?, parts.next()?);
        let plain = id.len() == 26 && id.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase());
        let cursor = Self { started_us: started.parse().ok()?, task_run_id: id.to_owned(), fence: fence.parse().ok()? };
        (plain && parts.next().is_none() && cursor.to_string() == text).then_some(cursor)
    }
}

impl fmt::Display for AttemptCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.started_us, self.task_run_id, self.fence)
    }
}

impl Serialize for AttemptCursor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for AttemptCursor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom("this leads to no page; take `next` of the page before"))
    }
}

impl PartialSchema for AttemptCursor {
    fn schema() -> RefOr<Schema> {
        let number = "(0|-?[1-9][0-9]{0,17})";
        ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(Some(format!(r"^{number}\.[0-9A-Z]{{26}}\.{number}$")))
            .into()
    }
}
impl ToSchema for AttemptCursor {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_is_written_and_no_other_text_is_one() {
        for started_us in [0, -1, 1_362_898_800_000_000] {
            let cursor = AttemptCursor { started_us, task_run_id: "0A".repeat(13), fence: 7 };
            assert_eq!(AttemptCursor::parse(&cursor.to_string()), Some(cursor));
        }
        let id = "0A".repeat(13);
        for text in ["", "..", &id, &format!("1.{id}"), &format!("+1.{id}.1"), &format!("1.{id}.01"), "1.0a.1"] {
            assert_eq!(AttemptCursor::parse(text), None, "{text}");
        }
    }
}
