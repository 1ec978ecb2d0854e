//! What crosses HTTP as plain types, and the typed client. No decisions, no state but the clock handle.
//! To add a call: a type in `worker.rs` or `views.rs`, a method of [`Orchestrator`] or of the client, a route in `server`.

mod client;
mod clock;
mod control;
mod orchestrator;
mod problem_details;
mod project;
mod views;
mod worker;

pub use client::{COMMAND_LINE, Client};
pub use clock::Clock;
pub use control::{
    AuditEntry, AuditList, AuditQuery, CancelRequest, ClearRequest, DecisionRequest, DecisionWord, MarkRequest,
    MarkWord, Marked, RerunRequest, RunAgain, RunWhy, TaskWhy, WhyQuery,
};
pub use orchestrator::{Error, Orchestrator};
pub use problem_details::{ErrorItem, PROBLEM_JSON, ProblemDetails, code};
pub use project::{Applied, ChangeKind, DeclarationChange, ProjectView};
pub use views::{
    AliasHistoryEntry, AliasView, AttemptLog, ClockView, DagTaskView, DagView, HealthView, Minted, ModelView,
    PauseRequest, PauseView, RunDetail, RunList, RunSummary, RunsQuery, ScheduleView, SetClock, TaskLog, TaskRunView,
    Trigger, TriggerRequest, Triggered, WaitView,
};
pub use worker::{
    AliasMove, Assignment, BuildRecord, Cancellations, Heartbeat, HeartbeatReply, Held, Live, LiveModel,
    MintPublication, ModelVersionRecord, NewModelVersion, Outcome, Poll, Register, Registration, Report, TaskResult,
};
