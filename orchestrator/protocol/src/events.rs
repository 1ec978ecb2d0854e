//! What the event streams carry. Plain data. To add an event: a variant of [`Change`], and the look that finds it in
//! `server`.

use daybreak_core::{RunStatus, TaskStatus};
use daybreak_spec::Name;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

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

/// How a log is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct LogQuery {
    /// As a stream of events until the task has ended.
    #[serde(default)]
    #[param(default = false)]
    pub follow: bool,
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
