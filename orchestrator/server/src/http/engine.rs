//! What the router needs of the server: the worker protocol and the reads and requests of people. The router decides
//! nothing but who may call what; everything else is asked here. To add a call: a method, a route in `routes.rs`.

use async_trait::async_trait;
use daybreak_protocol::{
    Applied, AuditList, AuditQuery, CancelRequest, ClearRequest, ClockView, DagView, DecisionRequest, Error,
    HealthView, MarkRequest, Marked, ModelView, Orchestrator, PauseRequest, ProjectView, RerunRequest, RunAgain,
    RunDetail, RunList, RunWhy, RunsQuery, SetClock, TaskLog, TriggerRequest, Triggered, WhyQuery,
};
use daybreak_spec::Name;

use crate::origin::Origin;

/// Whom a token speaks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// The project's token: everything.
    Admin,
    /// A current attempt's token: reads of the catalogue, and minting for this very task run.
    Attempt {
        /// The task run.
        task_run_id: String,
        /// Its current fence.
        fence: i64,
    },
    /// Nobody.
    None,
}

/// The server as the router sees it. Errors are those of the worker protocol; a detail of `Unavailable` is logged, not
/// shown.
#[async_trait]
pub trait Engine: Orchestrator + 'static {
    /// Whom the token speaks for. Must compare in constant time, and must know attempt
    /// tokens only while their fence is current.
    async fn authorises(&self, token: &str) -> Access;
    /// Runs, newest first.
    async fn runs(&self, query: RunsQuery) -> Result<RunList, Error>;
    /// One run.
    async fn run(&self, run_id: &str) -> Result<RunDetail, Error>;
    /// The log of one task of a run.
    async fn log(&self, run_id: &str, task: &Name) -> Result<TaskLog, Error>;
    /// All models.
    async fn models(&self) -> Result<Vec<ModelView>, Error>;
    /// All deployed DAGs.
    async fn dags(&self) -> Result<Vec<DagView>, Error>;
    /// Lets a DAG fire nothing.
    async fn pause(&self, dag: &Name, request: PauseRequest, from: Origin) -> Result<(), Error>;
    /// Lets a DAG fire again. Refused when it is not paused.
    async fn resume(&self, dag: &Name, request: PauseRequest, from: Origin) -> Result<(), Error>;
    /// Makes a manual run.
    async fn trigger(&self, dag: &Name, request: TriggerRequest) -> Result<Triggered, Error>;
    /// The project that is live.
    async fn project(&self) -> Result<ProjectView, Error>;
    /// Reads the project again. Refused with all that is wrong with it.
    async fn reload(&self) -> Result<Applied, Error>;
    /// Asks for the end of a run. Refused when it has ended.
    async fn cancel(&self, run_id: &str, request: CancelRequest, from: Origin) -> Result<(), Error>;
    /// Has a run that has ended run again.
    async fn rerun(&self, run_id: &str, request: RerunRequest, from: Origin) -> Result<RunAgain, Error>;
    /// Has a task that has ended run again, and all that needs it.
    async fn clear(&self, run_id: &str, task: &Name, request: ClearRequest, from: Origin) -> Result<RunAgain, Error>;
    /// Says how a task that has not ended ends.
    async fn mark(&self, run_id: &str, task: &Name, request: MarkRequest, from: Origin) -> Result<Marked, Error>;
    /// Decides on a task that waits for approval.
    async fn decide(&self, run_id: &str, task: &Name, request: DecisionRequest, from: Origin) -> Result<(), Error>;
    /// Why a run and its tasks are not running.
    async fn why(&self, run_id: &str, query: WhyQuery) -> Result<RunWhy, Error>;
    /// What was done by hand, newest first.
    async fn audit(&self, query: AuditQuery) -> Result<AuditList, Error>;
    /// Both clocks.
    async fn clock(&self) -> Result<ClockView, Error>;
    /// Sets simulated business time, durably.
    async fn set_clock(&self, request: SetClock) -> Result<ClockView, Error>;
    /// Whether the server can do its work.
    async fn health(&self) -> HealthView;
}
