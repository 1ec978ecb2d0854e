//! What crosses HTTP as plain types, the typed client, and how routers are described. No decisions, no state but the clock
//! handle and the ring of tokens. To add a call: a type in `worker.rs` or `views.rs`, a method of [`Orchestrator`] or of the client, a route in `server`.

mod access;
mod attempts;
mod backfills;
mod catalogue;
mod client;
mod clock;
mod control;
mod cues;
mod cursor;
mod dags;
mod document;
mod endpoint;
mod events;
mod feature_views;
mod firings;
mod follow;
mod grid;
mod items;
mod keys;
mod lineage;
mod lists;
mod looks;
mod orchestrator;
mod overview;
mod page;
mod problem_details;
mod project;
mod project_client;
mod skew;
mod views;
mod worker;
mod workers;

pub use access::{For, Identity, Me, Role, TokenList, TokenMade, TokenRequest, TokenView, TokensQuery};
pub use attempts::{AttemptCursor, AttemptList, AttemptView, AttemptsQuery};
pub use backfills::{
    BackfillChangeRequest, BackfillList, BackfillPlan, BackfillRequest, BackfillState, BackfillView, BackfillsQuery,
    Reprocess,
};
pub use catalogue::{
    AliasHistory, AliasHistoryEntry, AliasHistoryQuery, AliasView, BuildList, BuildsQuery, ModelList, ModelSummary,
    ModelView, ModelsQuery, MoveAliasRequest, VersionList, VersionsQuery,
};
pub use client::{COMMAND_LINE, Client};
pub use clock::Clock;
pub use control::{
    AuditEntry, AuditList, AuditQuery, CancelRequest, ClearRequest, DecisionRequest, DecisionWord, MarkRequest,
    MarkWord, Marked, RerunRequest, RunAgain, RunWhy, TaskWhy, WhyQuery,
};
pub use cues::{AfterView, SeenView, UpdatedView};
pub use cursor::HashCursor;
pub use dags::{DagDetail, DeclaredAt, ParamView};
pub use document::{DescribedRoute, document, operations};
pub use endpoint::{EndpointSettings, KeyView};
pub use events::{Change, EventsQuery, LogEnd, LogPiece, LogQuery, LogSlice, LogView};
pub use feature_views::{FeatureColumn, PublicationView, ViewList, ViewStanding, ViewsQuery};
pub use firings::{ClockChange, Firing, FiringClocks, FiringList, FiringsQuery};
pub use follow::{EventStream, StreamEvent};
pub use grid::{Durations, Grid, GridQuery, GridRun, RunDurations};
pub use items::{ItemCounts, ItemList, ItemsQuery};
pub use keys::{Key, Keys, TokenHash, mint_token, token_hash, token_id};
pub use lineage::{MadeFrom, ModelMove, RunLineage, RunPublication, TaskOfRun};
pub use orchestrator::{Error, Orchestrator};
pub use overview::{Attention, LiveAlias, NextFiring, Overview};
pub use page::{MAX_PAGE, all_pages};
pub use problem_details::{ErrorItem, PROBLEM_JSON, ProblemDetails, code};
pub use project::{
    Applied, ChangeKind, DeclarationChange, Fault, ProjectFile, ProjectFiles, ProjectVersion, ProjectVersionList,
    ProjectVersionsQuery, ProjectView,
};
pub use skew::{OLDEST_PROTOCOL, PROTOCOL_VERSION, accepted};
pub use views::{
    AttemptLog, ClockView, DagList, DagTaskView, DagView, DagsQuery, HealthView, Minted, PauseRequest, PauseView,
    RunDetail, RunList, RunSummary, RunsQuery, ScheduleView, SetClock, TaskLog, TaskRunView, Trigger, TriggerRequest,
    Triggered, WaitView,
};
pub use worker::{
    AliasMove, AssignedItem, Assignment, BuildRecord, Cancellations, Heartbeat, HeartbeatReply, Held, Leave, Live,
    LiveModel, MintPublication, ModelVersionRecord, NewModelVersion, Outcome, Poll, Register, Registration, Report,
    TaskResult,
};
pub use workers::{QueueList, QueueView, QueuesQuery, WorkerList, WorkerState, WorkerTask, WorkerView, WorkersQuery};
