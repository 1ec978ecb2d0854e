//! What a worker and the server say to each other. Every write of a worker carries the fence it was handed with the
//! task; a stale fence is answered by [`crate::Error::StaleAttempt`].

use std::collections::BTreeMap;
use std::path::PathBuf;

use daybreak_core::{TaskStatus, Wait};
use daybreak_spec::{Labels, Name, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use utoipa::ToSchema;

/// A worker presents itself. Fields that this server does not know are passed over: a newer worker has to be told that it
/// is too new, not that it misspelt something.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Register {
    /// What people call it.
    pub label: String,
    /// Version of the binary.
    pub version: String,
    /// The protocol that it speaks, [`crate::PROTOCOL_VERSION`] of its binary.
    #[serde(default)]
    pub protocol: u32,
    /// The machine it runs on.
    #[serde(default)]
    pub host: String,
    /// The queues that it takes from; none: every queue.
    #[serde(default)]
    pub queues: Option<Vec<Name>>,
    /// What it has.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, String>)]
    pub labels: Labels,
    /// Light tasks at once. It is never given more, whatever its polls say.
    #[serde(default)]
    pub light_slots: u32,
    /// Heavy tasks at once.
    #[serde(default)]
    pub heavy_slots: u32,
}

impl Register {
    /// Most slots of a class.
    pub const MAX_SLOTS: u32 = 10_000;
    /// Most queues, and most labels.
    pub const MAX_NAMES: usize = 100;
}

/// A worker that has ended goes: what its rows still give it is handed to others at once.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Leave {
    /// From the registration.
    pub worker_id: String,
    /// From the registration.
    pub epoch: i64,
}

/// The server's answer: an identity that lasts until its lease runs out.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Registration {
    /// ULID.
    pub worker_id: String,
    /// Rises with every registration of the same worker.
    pub epoch: i64,
    /// How long the lease lasts after an accepted heartbeat.
    pub lease_ms: u64,
    /// How often to send one.
    pub heartbeat_ms: u64,
}

/// "Give me work": held by the server until there is some or `wait_ms` has passed.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Poll {
    /// From the registration.
    pub worker_id: String,
    /// From the registration.
    pub epoch: i64,
    /// Free slots for light tasks.
    pub free_light: u32,
    /// Free slots for heavy tasks (child processes).
    pub free_heavy: u32,
    /// Longest wait, at most 20,000.
    pub wait_ms: u64,
}

/// A task handed to a worker, with everything it needs to run it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Assignment {
    /// The task run's ULID.
    pub task_run_id: String,
    /// Goes with every write about this attempt.
    pub fence: i64,
    /// 1-based attempt, user failures only.
    pub attempt: u32,
    /// The run's ULID.
    pub run_id: String,
    /// The DAG.
    pub dag: Name,
    /// The task in it, `score[3]` for an item of `score`.
    pub task: Name,
    /// Its kind.
    pub kind: String,
    /// SHA-256 (hex) of the project snapshot, an object in the artefact store: `spec::Project` as JSON.
    pub project_hash: String,
    /// The folder that relative paths of the project start from.
    #[schema(value_type = String)]
    pub project_root: PathBuf,
    /// Nominal instant; none for a manual run.
    pub scheduled_for: Option<Timestamp>,
    /// Previous firing; none where there is none.
    pub window_start: Option<Timestamp>,
    /// T: this firing, `--at` or now.
    pub window_end: Timestamp,
    /// The run's parameters (defaults of the DAG overlaid by the caller's).
    #[schema(value_type = Object)]
    pub params: Map<String, Json>,
    /// Outputs of the tasks before it that its parameters name or its kind reads, by task name.
    #[schema(value_type = BTreeMap<String, Object>)]
    pub outputs: BTreeMap<Name, Map<String, Json>>,
    /// Those of them that left none, and where they stand.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub without_outputs: BTreeMap<Name, TaskStatus>,
    /// The item that it is for, where the task is done once per item of a list. That list is in neither `params` nor
    /// `outputs`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<AssignedItem>,
    /// Real time after which the attempt is ended.
    pub timeout_ms: Option<u64>,
    /// Authorises calls about this attempt only. Never logged.
    pub token: String,
    /// Real time at which this very attempt first gave its slot back, if it did: it goes on now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting_since: Option<Timestamp>,
}

impl Assignment {
    /// The task as the DAG declares it.
    pub fn declared_task(&self) -> &str {
        self.task.item().map_or(self.task.as_str(), |(task, _)| task)
    }
}

/// An item of a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AssignedItem {
    /// What stands in the list.
    #[schema(value_type = serde_json::Value)]
    pub value: Json,
    /// Its place, from 0.
    pub index: u32,
}

/// One task that a worker holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Held {
    /// The task run.
    pub task_run_id: String,
    /// The fence it is held under.
    pub fence: i64,
}

/// "I live, and hold these".
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Heartbeat {
    /// From the registration.
    pub worker_id: String,
    /// From the registration.
    pub epoch: i64,
    /// All tasks held now.
    pub held: Vec<Held>,
    /// It takes no more work.
    #[serde(default)]
    pub draining: bool,
}

/// The server's answer to a heartbeat.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct HeartbeatReply {
    /// End these, then report `Cancelled`.
    pub cancel: Vec<Held>,
    /// These are no longer yours: end them, report nothing.
    pub revoked: Vec<Held>,
}

/// "Which of my tasks are to end?" Answered as soon as they are others than those the worker knows of, or when its time
/// is over; renews no lease.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Cancellations {
    /// From the registration.
    pub worker_id: String,
    /// From the registration.
    pub epoch: i64,
    /// The answer before.
    pub known: Vec<Held>,
    /// How long the server may hold the request.
    pub wait_ms: u64,
}

/// How an attempt ended.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// The task run.
    pub task_run_id: String,
    /// The fence it was held under.
    pub fence: i64,
    /// The end itself.
    pub outcome: Outcome,
    /// Time spent inside the task's own code, microseconds.
    pub busy_us: u64,
    /// Time from spawn to the task's first own instruction, microseconds (0 in process).
    pub start_us: u64,
}

/// The ways an attempt can end.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Outcome {
    /// It did its work.
    Succeeded(Box<TaskResult>),
    /// It failed by itself; tried again if the policy allows and `retry` holds.
    Failed {
        /// For the user: what was tried, on what, what to do next.
        reason: String,
        /// A slug: `task_error`, `timeout`, `out_of_memory`, `crashed`, `bad_input`.
        cause: String,
        /// False where trying again cannot help.
        retry: bool,
    },
    /// It was ended because the server asked for it.
    Cancelled,
    /// The worker is going away; no attempt is charged.
    HandedBack,
    /// It gives its slot back and waits.
    Deferred(Box<Wait>),
}

/// What a task leaves behind, committed with its success in one transaction.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TaskResult {
    /// `${tasks.NAME.outputs.KEY}`; at most [`daybreak_core::MAX_OUTPUTS_BYTES`] as JSON. `passed: false` skips gated children, with `reason`.
    #[schema(value_type = Object)]
    pub outputs: Map<String, Json>,
    /// New builds.
    pub builds: Vec<BuildRecord>,
    /// A newly trained model; the server numbers it and adds `version` to the outputs.
    pub model_version: Option<NewModelVersion>,
    /// An alias to move.
    pub alias_move: Option<AliasMove>,
    /// It is not done yet: nothing of it counts, and it goes on when this has come about. Becomes [`Outcome::Deferred`].
    #[serde(skip)]
    pub waits: Option<Box<Wait>>,
}

impl TaskResult {
    /// Of a task that gives its slot back.
    pub fn waiting(wait: Wait) -> Self {
        Self { waits: Some(Box::new(wait)), ..Self::default() }
    }
}

/// One view at one instant, stored as an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BuildRecord {
    /// The view.
    pub view: Name,
    /// T.
    pub as_of: Timestamp,
    /// SHA-256 (hex) of everything that defines the view's content (view, entity, source declarations).
    pub definition_hash: String,
    /// SHA-256 (hex) of the Parquet object.
    pub object: String,
    /// Rows in it.
    pub rows: u64,
    /// Its size.
    pub size_bytes: u64,
}

/// A trained model, not yet numbered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NewModelVersion {
    /// The model.
    pub model: Name,
    /// SHA-256 (hex) of the artefact object.
    pub object: String,
    /// T of the training run.
    pub as_of: Timestamp,
    /// Fitted on observations in `[fit_from, fit_to)`.
    pub fit_from: Timestamp,
    /// See `fit_from`.
    pub fit_to: Timestamp,
    /// Rows fitted.
    pub rows: u64,
    /// Metrics by name on the holdout (empty without one).
    pub metrics: BTreeMap<String, f64>,
}

/// A numbered model version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ModelVersionRecord {
    /// 1-based, per model.
    pub version: u32,
    /// The run that trained it.
    pub run_id: String,
    /// Its content.
    #[serde(flatten)]
    pub content: NewModelVersion,
}

/// "Point this alias at that version". An older `as_of` never replaces a newer one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AliasMove {
    /// The model.
    pub model: Name,
    /// E.g. `champion`.
    pub alias: String,
    /// The version.
    pub version: u32,
    /// T of the run that judged it.
    pub as_of: Timestamp,
}

/// Asks for a publication number for a generation of online rows, before its pointer is flipped.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MintPublication {
    /// The task run that publishes.
    pub task_run_id: String,
    /// Its fence, checked in the minting transaction.
    pub fence: i64,
    /// The view.
    pub view: Name,
    /// T of the generation.
    pub as_of: Timestamp,
}

/// A model version that an alias points at now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LiveModel {
    /// The alias, e.g. `champion`.
    pub alias: String,
    /// The version.
    #[serde(flatten)]
    pub version: ModelVersionRecord,
}

/// Everything a serving worker needs to know of the registry.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct Live {
    /// Rises with every alias move; hand it back to wait for the next one.
    pub cursor: i64,
    /// All declared models, also those without a version (404 against 503).
    pub models: Vec<Name>,
    /// All aliases.
    pub live: Vec<LiveModel>,
}
