//! What the event streams carry. Plain data. To add an event: a variant of [`Change`], and the look that finds it in
//! `server`.

use daybreak_core::{RunStatus, TaskStatus};
use daybreak_spec::Name;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::TaskLog;

/// A state that was seen to be another than before. One that lasts shorter than a look may be passed over, the last one never
/// is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Change {
    /// Of a run.
    Run {
        /// ULID.
        run_id: String,
        /// The DAG.
        dag: Name,
        /// Where it stands.
        state: RunStatus,
    },
    /// Of a task of a run.
    Task {
        /// ULID of the run.
        run_id: String,
        /// The DAG.
        dag: Name,
        /// The task.
        task: Name,
        /// Where it stands.
        state: TaskStatus,
        /// Attempts charged so far.
        attempt: u32,
    },
}

impl Change {
    /// The run and the DAG that it is about.
    pub fn about(&self) -> (&str, &Name) {
        match self {
            Self::Run { run_id, dag, .. } | Self::Task { run_id, dag, .. } => (run_id, dag),
        }
    }
}

/// About what.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EventsQuery {
    /// This run only.
    #[param(pattern = "^[0-7][0-9A-HJKMNP-TV-Z]{25}$")]
    pub run: Option<String>,
    /// Runs of this DAG only.
    pub dag: Option<Name>,
}

impl EventsQuery {
    /// Whether a change is asked for.
    pub fn wants(&self, change: &Change) -> bool {
        let (run_id, dag) = change.about();
        self.run.as_deref().is_none_or(|wanted| wanted == run_id)
            && self.dag.as_ref().is_none_or(|wanted| wanted == dag)
    }
}

/// How a log is read: whole, as it is written (`follow`), or a piece of one attempt's (any of the others).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct LogQuery {
    /// As a stream of events until the task has ended.
    #[serde(default)]
    #[param(default = false)]
    pub follow: bool,
    /// A piece of the attempt that was held under this fence; none: of the newest.
    pub fence: Option<i64>,
    /// Where the piece begins, in bytes of the whole output; below 0: so many before the end. Default 0.
    pub from: Option<i64>,
    /// At most so many bytes, 16 to 1,048,576; default 65,536. A line that says what was left out comes on top.
    #[param(minimum = 16, maximum = 1_048_576, default = 65_536)]
    pub bytes: Option<u32>,
}

impl LogQuery {
    /// Fewest and most bytes of a piece: one is never smaller than any character.
    pub const BYTES: std::ops::RangeInclusive<u32> = 16..=1 << 20;

    /// Whether a piece is asked for.
    pub fn wants_slice(&self) -> bool {
        self.fence.is_some() || self.from.is_some() || self.bytes.is_some()
    }

    /// The bytes that hold.
    pub fn effective_bytes(&self) -> u32 {
        self.bytes.unwrap_or(64 << 10).clamp(*Self::BYTES.start(), *Self::BYTES.end())
    }
}

/// What is answered of a log that is not followed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum LogView {
    /// A piece.
    Slice(LogSlice),
    /// All of it.
    Whole(TaskLog),
}

/// A piece of one attempt's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogSlice {
    /// 1-based attempt.
    pub attempt: u32,
    /// The fence it was held under.
    pub fence: i64,
    /// Where it begins, in bytes of the whole output.
    pub from: u64,
    /// The text. A character is never cut.
    pub text: String,
    /// Where the next piece begins: its `from`. `<fence>-<next>` as `last-event-id` follows the log from there.
    pub next: u64,
    /// Nothing after it had been written when it was asked for.
    pub end: bool,
}

/// What an attempt wrote next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogPiece {
    /// 1-based attempt.
    pub attempt: u32,
    /// The fence it was held under.
    pub fence: i64,
    /// The text.
    pub text: String,
}

/// The last event of a log that is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogEnd {
    /// How the task has ended.
    pub state: TaskStatus,
}
