//! What people and programs read of the server, and the few things they ask of it besides the worker protocol. Plain
//! data, no decisions. To add a view: a type here, a method of the client, a route in `server`.

use daybreak_core::{Awaited, RunStatus, TaskStatus};
use daybreak_spec::{Name, ScheduleRules, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use utoipa::{IntoParams, ToSchema};

use crate::page::{MAX_PAGE, rows_of_page};
use crate::{AfterView, ItemCounts, UpdatedView};

/// What made a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// A firing of one of the DAG's schedules.
    Schedule,
    /// A person or a program.
    Manual,
    /// A backfill.
    Backfill,
    /// The end of a run of another DAG.
    After,
    /// An update of data.
    Update,
    /// An alert.
    Alert,
}

impl Trigger {
    /// As written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Schedule => "schedule",
            Self::Manual => "manual",
            Self::Backfill => "backfill",
            Self::After => "after",
            Self::Update => "update",
            Self::Alert => "alert",
        }
    }
}

/// One run in a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RunSummary {
    /// ULID.
    pub id: String,
    /// The DAG.
    pub dag: Name,
    /// Where it stands.
    pub state: RunStatus,
    /// Nominal instant; none for a manual run.
    pub scheduled_for: Option<Timestamp>,
    /// Previous firing; none where there is none.
    pub window_start: Option<Timestamp>,
    /// T.
    pub window_end: Timestamp,
    /// What made it.
    pub trigger: Trigger,
    /// What it followed from, in words, where the end of a run, an update or an alert made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub followed: Option<String>,
    /// Real time of its row.
    pub created_at: Timestamp,
    /// Real time at which its first tasks became ready.
    pub started_at: Option<Timestamp>,
    /// Real time of its end.
    pub ended_at: Option<Timestamp>,
    /// Why it failed, was skipped or cancelled.
    pub reason: Option<String>,
}

/// One run with its tasks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RunDetail {
    /// The run itself.
    #[serde(flatten)]
    pub summary: RunSummary,
    /// Its tasks, parents before children; the items of those that are done once per item are listed by themselves.
    pub tasks: Vec<TaskRunView>,
    /// Its parameters.
    #[schema(value_type = Object)]
    pub params: Map<String, Json>,
}

/// One task of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TaskRunView {
    /// ULID of the task run.
    pub id: String,
    /// The task.
    pub name: Name,
    /// Its kind.
    pub kind: String,
    /// Tasks that had to succeed first.
    pub needs: Vec<Name>,
    /// Where it stands.
    pub state: TaskStatus,
    /// Attempts charged so far: user failures and the current one.
    pub attempt: u32,
    /// Workers lost while they held it.
    pub lost: u32,
    /// Why it failed, was skipped or waits for its next attempt.
    pub reason: Option<String>,
    /// Real time since when its last attempt was ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready_at: Option<Timestamp>,
    /// Real time of the latest claim.
    pub started_at: Option<Timestamp>,
    /// Real time of its end.
    pub ended_at: Option<Timestamp>,
    /// Time inside the task's own code, latest reported attempt, microseconds.
    pub busy_us: u64,
    /// Time from spawn to the task's first own instruction, microseconds (0 in process).
    pub start_us: u64,
    /// What it handed on.
    #[schema(value_type = Object)]
    pub outputs: Map<String, Json>,
    /// The worker that held it last.
    pub worker: Option<String>,
    /// Of a task that is done once per item: how its items stand, once its list is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub items: Option<ItemCounts>,
    /// The item that it is for, where it is the task run of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<serde_json::Value>)]
    pub item: Option<Json>,
    /// The run whose result it took over, where that was known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cached_from: Option<String>,
    /// What it waits for without a worker; none in every state but `deferred`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait: Option<WaitView>,
}

/// What a task waits for without a worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WaitView {
    /// For people.
    pub words: String,
    /// For programs.
    pub condition: Awaited,
    /// Real time at which its attempt first gave its slot back.
    pub since: Option<Timestamp>,
    /// Real time at which it is looked at again.
    pub next_look: Option<Timestamp>,
    /// Real time at which the wait is over whatever came of it; none: it lasts until it is decided.
    pub until: Option<Timestamp>,
    /// Names this very wait: a decision may say which one it is for.
    pub fence: i64,
}

/// Which runs are listed, newest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RunsQuery {
    /// Runs of this DAG only.
    pub dag: Option<Name>,
    /// Runs in this state only.
    pub state: Option<RunStatus>,
    /// Runs older than this one: `next` of the page before.
    #[param(pattern = "^[0-7][0-9A-HJKMNP-TV-Z]{25}$")]
    pub before: Option<String>,
    /// At most so many, 1 to 500; default 50.
    #[param(minimum = 1, maximum = 500, default = 50)]
    pub limit: Option<u32>,
}

impl RunsQuery {
    /// Largest page.
    pub const MAX_LIMIT: u32 = MAX_PAGE;

    /// The limit that holds.
    pub fn effective_limit(&self) -> u32 {
        rows_of_page(self.limit)
    }
}

/// A page of runs, newest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RunList {
    /// The runs.
    pub runs: Vec<RunSummary>,
    /// `before` of the next page; none on the last.
    pub next: Option<String>,
}

/// A task's log, attempt by attempt.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TaskLog {
    /// Oldest first.
    pub attempts: Vec<AttemptLog>,
}

/// What one attempt wrote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AttemptLog {
    /// 1-based attempt.
    pub attempt: u32,
    /// The fence it was held under; tells apart attempts of the same number (lost workers).
    pub fence: i64,
    /// Lines, joined by line feeds.
    pub text: String,
}

/// The number of a publication, just minted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Minted {
    /// Rises with every publication of the view.
    pub publication: i64,
}

/// Which DAGs are listed, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DagsQuery {
    /// DAGs after this one: `next` of the page before.
    pub after: Option<Name>,
    /// At most so many, 1 to 500; default 50.
    #[param(minimum = 1, maximum = 500, default = 50)]
    pub limit: Option<u32>,
}

impl DagsQuery {
    /// The limit that holds.
    pub fn effective_limit(&self) -> u32 {
        rows_of_page(self.limit)
    }
}

/// A page of DAGs, by name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DagList {
    /// DAGs of the live version.
    pub dags: Vec<DagView>,
    /// `after` of the next page; none on the last.
    pub next: Option<Name>,
}

/// A deployed DAG.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DagView {
    /// The DAG.
    pub name: Name,
    /// When it fires.
    pub schedules: Vec<ScheduleView>,
    /// DAGs after whose runs it runs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<AfterView>,
    /// Data on whose updates it runs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub updated: Vec<UpdatedView>,
    /// Since when it fires nothing, and why; none while it fires.
    pub paused: Option<PauseView>,
    /// The next firings in business time, soonest first, at most 5, as if it were not paused.
    pub next: Vec<Timestamp>,
    /// Runs that have not ended.
    pub active_runs: u32,
    /// The newest run.
    pub last_run: Option<RunSummary>,
    /// Its tasks, parents before children.
    pub tasks: Vec<DagTaskView>,
}

/// The pause of a DAG.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PauseView {
    /// Real time at which it began.
    pub since: Timestamp,
    /// Who paused it, as they called themselves.
    pub by: String,
    /// Why, in their words.
    pub note: Option<String>,
}

/// "Let this DAG fire nothing", or "let it fire again".
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PauseRequest {
    /// Why, for those who look later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Who asks; none = a caller of the API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

/// One schedule of a DAG, as written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ScheduleView {
    /// The cron expression.
    pub cron: String,
    /// The zone.
    pub timezone: String,
    /// Wall clock in the zone, inclusive, `YYYY-MM-DDTHH:MM:SS`.
    pub start: Option<String>,
    /// Wall clock in the zone, exclusive.
    pub end: Option<String>,
    /// Its policies and dates.
    #[serde(flatten)]
    pub rules: ScheduleRules,
    /// Missed firings that its policy has left out so far.
    pub left_out: u64,
}

/// One task of a deployed DAG.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DagTaskView {
    /// The task.
    pub name: Name,
    /// Its kind.
    pub kind: String,
    /// Tasks that have to succeed first.
    pub needs: Vec<Name>,
}

/// "Run this DAG now."
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TriggerRequest {
    /// T; none = business time now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// Laid over the DAG's defaults; an unknown one is refused.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    #[schema(value_type = Object)]
    pub params: Map<String, Json>,
}

/// The run that was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Triggered {
    /// ULID.
    pub run_id: String,
}

/// Both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClockView {
    /// Business time: firings, T, ttl at a request.
    pub business_now: Timestamp,
    /// Real time: leases, timeouts, backoff.
    pub real_now: Timestamp,
    /// Business time stands still until it is set.
    pub simulated: bool,
}

/// "Set simulated business time." Refused when business time follows real time, and never backwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetClock {
    /// The new business time.
    pub at: Timestamp,
}

/// Whether the server can do its work; says nothing of what it holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HealthView {
    /// It takes requests: the state is open and its loops run.
    pub ready: bool,
    /// Why not, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
