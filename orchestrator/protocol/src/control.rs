//! What people do to runs by hand, what is written down of it, and why something is not running. Plain data, no decisions.
//! To add an action: its request and its answer here, a method of the client, a route in `server`.

use daybreak_core::{RunStatus, TaskStatus, Why};
use daybreak_spec::{Name, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use utoipa::{IntoParams, ToSchema};

use crate::page::{MAX_PAGE, rows_of_page};

/// "End this run."
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CancelRequest {
    /// Why; none = somebody asked for its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Who asks; none = a caller of the API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

/// "Run this run again", which has to have ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RerunRequest {
    /// Only what failed, was cancelled or was left out for a failure, and all that needs it.
    #[serde(default)]
    pub from_failed: bool,
    /// A new run of the same instant, window and parameters, as the version that is live now declares it.
    #[serde(default)]
    pub latest: bool,
    /// Only say what would run again: nothing is done.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
    /// Who asks; none = a caller of the API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

/// "Run this task again, and all that needs it."
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClearRequest {
    /// Only say what would run again: nothing is done.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
    /// Who asks; none = a caller of the API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

/// What runs again, or would.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunAgain {
    /// ULID of the run that runs: a new one for `latest`. Where nothing is done, of the run that was named.
    pub run_id: String,
    /// SHA-256 (hex) of the project snapshot that declares it: the run's own, whatever was deployed since, unless `latest`.
    pub version: String,
    /// Whether that is what is deployed now.
    pub version_is_current: bool,
    /// The tasks, in order of name.
    pub tasks: Vec<Name>,
}

/// How somebody says that a task ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "see TaskState")]
pub enum MarkWord {
    Succeeded,
    Failed,
    Skipped,
}

/// "This task has ended so", whatever it does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MarkRequest {
    /// How.
    pub state: MarkWord,
    /// Why, for those who look later.
    pub reason: String,
    /// What it hands on to the tasks that need it; with `succeeded` only.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    #[schema(value_type = Object)]
    pub outputs: Map<String, Json>,
    /// Who says so; none = a caller of the API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

/// What a mark has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Marked {
    /// The task's state before.
    pub was: TaskStatus,
    /// Its state now.
    pub state: MarkWord,
}

/// What somebody decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the words say it")]
pub enum DecisionWord {
    Approve,
    Reject,
}

/// "This is my decision" on a task that waits for approval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DecisionRequest {
    /// Which.
    pub decision: DecisionWord,
    /// Why, for those who look later; the task hands it on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The wait that it is about, as the run's view names it; none: the one that lasts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fence: Option<i64>,
    /// Who decides; none = a caller of the API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

/// Why a run and its tasks are not running.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunWhy {
    /// ULID of the run.
    pub run_id: String,
    /// The DAG.
    pub dag: Name,
    /// Where the run stands.
    pub state: RunStatus,
    /// About the run as a whole.
    pub run: Vec<Why>,
    /// Its tasks, parents before children; those that run too.
    pub tasks: Vec<TaskWhy>,
}

/// Why one task is not running.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TaskWhy {
    /// The task.
    pub task: Name,
    /// Where it stands.
    pub state: TaskStatus,
    /// The answer.
    #[serde(flatten)]
    pub why: Why,
}

/// About which task.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct WhyQuery {
    /// This one only.
    pub task: Option<Name>,
}

/// Which entries of the audit are listed, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AuditQuery {
    /// About this run, DAG, model or project only.
    #[param(max_length = 63)]
    pub subject: Option<String>,
    /// Entries older than this one: `next` of the page before.
    #[param(pattern = "^[0-7][0-9A-HJKMNP-TV-Z]{25}$")]
    pub before: Option<String>,
    /// At most so many, 1 to 500; default 50.
    #[param(minimum = 1, maximum = 500, default = 50)]
    pub limit: Option<u32>,
}

impl AuditQuery {
    /// Largest page.
    pub const MAX_LIMIT: u32 = MAX_PAGE;

    /// The limit that holds.
    pub fn effective_limit(&self) -> u32 {
        rows_of_page(self.limit)
    }
}

/// A page of the audit, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditList {
    /// The entries.
    pub entries: Vec<AuditEntry>,
    /// `before` of the next page; none on the last.
    pub next: Option<String>,
}

/// Something that was done by hand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditEntry {
    /// ULID.
    pub id: String,
    /// Real time.
    pub at: Timestamp,
    /// `pause`, `cancel`, `rerun`, `clear`, `mark`, `approve`, `reject`, `promote`, …
    pub action: String,
    /// The run, the DAG, the model or the project it was done to.
    pub subject: String,
    /// With what, and why.
    pub detail: String,
    /// Who: what their token is called; none where nobody was asked.
    pub by: Option<String>,
    /// The id of their token; none for the project's own.
    pub token_id: Option<String>,
    /// How they called themselves, which nobody has checked.
    pub said: Option<String>,
    /// From where: the address of a caller over HTTP (`cli` before it: through the command line), or `cli`.
    pub from: Option<String>,
}
