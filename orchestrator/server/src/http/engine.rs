//! What the router needs of the server: the worker protocol and the reads and requests of people. The router decides
//! nothing but who may call what; everything else is asked here. To add a call: a method, a route in `routes.rs`.

use std::time::Duration;

use async_trait::async_trait;
use daybreak_protocol::{
    AliasHistory, AliasHistoryEntry, AliasHistoryQuery, Applied, AttemptList, AttemptsQuery, AuditList, AuditQuery,
    BackfillChangeRequest, BackfillList, BackfillPlan, BackfillRequest, BackfillState, BackfillView, BackfillsQuery,
    BuildList, BuildsQuery, CancelRequest, ClearRequest, ClockView, DagDetail, DagList, DagsQuery, DecisionRequest,
    Durations, EndpointSettings, Error, EventsQuery, FiringList, FiringsQuery, Grid, GridQuery, HealthView, Identity,
    ItemList, ItemsQuery, LogQuery, LogSlice, MarkRequest, Marked, Me, ModelList, ModelsQuery, MoveAliasRequest,
    Orchestrator, Overview, PauseRequest, ProjectFiles, ProjectVersionList, ProjectVersionsQuery, ProjectView,
    QueueList, QueuesQuery, RerunRequest, RunAgain, RunDetail, RunLineage, RunList, RunWhy, RunsQuery, SetClock,
    TaskLog, TokenList, TokenMade, TokenRequest, TokenView, TokensQuery, TriggerRequest, Triggered, VersionList,
    VersionsQuery, ViewList, ViewsQuery, WhyQuery, WorkerList, WorkersQuery,
};
use daybreak_spec::Name;

use crate::following::Events;
use crate::origin::Origin;
use crate::refusals::Refused;

/// Whom a token speaks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// A token with a role.
    Token(Identity),
    /// A current attempt's token: reads of the catalogue, and minting for this very task run.
    Attempt {
        /// The task run.
        task_run_id: String,
        /// Its current fence.
        fence: i64,
    },
    /// Nobody.
    None,
    /// That cannot be found out now: the state does not answer.
    Unknown,
}

/// What came of a request that may have a key under which it is made once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked<T> {
    /// It was done.
    Made(T),
    /// It was done before: the answer of then.
    Before(T),
    /// The key was used for another request.
    OtherRequest,
    /// A request with the key is being answered.
    InFlight,
}

/// The server as the router sees it. Errors are those of the worker protocol; a detail of `Unavailable` is logged, not
/// shown.
#[async_trait]
pub trait Engine: Orchestrator + 'static {
    /// Whom the token speaks for. Must compare in constant time, and must know attempt
    /// tokens only while their fence is current.
    async fn authorises(&self, token: &str) -> Access;
    /// A request was refused for who made it, or for being over.
    async fn refused(&self, refused: Refused, from: &Origin);
    /// Runs, newest first.
    async fn runs(&self, query: RunsQuery) -> Result<RunList, Error>;
    /// One run.
    async fn run(&self, run_id: &str) -> Result<RunDetail, Error>;
    /// The log of one task of a run.
    async fn log(&self, run_id: &str, task: &Name) -> Result<TaskLog, Error>;
    /// A piece of one attempt's log.
    async fn log_slice(&self, run_id: &str, task: &Name, query: LogQuery) -> Result<LogSlice, Error>;
    /// The items of a task of a run that is done once per item.
    async fn items(&self, run_id: &str, task: &Name, query: ItemsQuery) -> Result<ItemList, Error>;
    /// Changes of runs and tasks as they come, after the event `last`.
    async fn follow_changes(&self, query: EventsQuery, last: Option<String>) -> Result<Events, Error>;
    /// The log of one task of a run as it is written, after the event `last`.
    async fn follow_log(&self, run_id: &str, task: &Name, last: Option<String>) -> Result<Events, Error>;
    /// A page of models.
    async fn models(&self, query: ModelsQuery) -> Result<ModelList, Error>;
    /// A page of the versions of a model.
    async fn model_versions(&self, model: &Name, query: VersionsQuery) -> Result<VersionList, Error>;
    /// A page of the moves of a model's aliases.
    async fn alias_history(&self, model: &Name, query: AliasHistoryQuery) -> Result<AliasHistory, Error>;
    /// Lets an alias point at another version, by hand.
    async fn move_alias(
        &self,
        model: &Name,
        alias: &Name,
        request: MoveAliasRequest,
        from: Origin,
    ) -> Result<AliasHistoryEntry, Error>;
    /// A page of the builds of a view.
    async fn list_builds(&self, view: &Name, query: BuildsQuery) -> Result<BuildList, Error>;
    /// Whoever asks.
    async fn me(&self, from: Origin) -> Result<Me, Error>;
    /// How things stand.
    async fn overview(&self) -> Result<Overview, Error>;
    /// One deployed DAG.
    async fn dag(&self, dag: &Name) -> Result<DagDetail, Error>;
    /// A page of the runs of a DAG with the states of their tasks.
    async fn grid(&self, dag: &Name, query: GridQuery) -> Result<Grid, Error>;
    /// A page of the runs of a DAG with the times of their tasks.
    async fn durations(&self, dag: &Name, query: GridQuery) -> Result<Durations, Error>;
    /// A page of feature views.
    async fn views(&self, query: ViewsQuery) -> Result<ViewList, Error>;
    /// Firings of a stretch of business time.
    async fn firings(&self, query: FiringsQuery) -> Result<FiringList, Error>;
    /// A page of the attempts of a run.
    async fn attempts(&self, run_id: &str, query: AttemptsQuery) -> Result<AttemptList, Error>;
    /// What a run was made from and what came of it.
    async fn lineage(&self, run_id: &str) -> Result<RunLineage, Error>;
    /// A page of the deployed DAGs.
    async fn dags(&self, query: DagsQuery) -> Result<DagList, Error>;
    /// Lets a DAG fire nothing.
    async fn pause(&self, dag: &Name, request: PauseRequest, from: Origin) -> Result<(), Error>;
    /// Lets a DAG fire again. Refused when it is not paused.
    async fn resume(&self, dag: &Name, request: PauseRequest, from: Origin) -> Result<(), Error>;
    /// Makes a manual run; once, where `key` is given.
    async fn trigger(
        &self,
        dag: &Name,
        request: TriggerRequest,
        from: Origin,
        key: Option<String>,
    ) -> Result<Asked<Triggered>, Error>;
    /// The project that is live.
    async fn project(&self) -> Result<ProjectView, Error>;
    /// Reads the project again. Refused with all that is wrong with it.
    /// `None`: another version than `expected` is live, and nothing was done.
    async fn reload(&self, from: Origin, expected: Option<String>) -> Result<Option<Applied>, Error>;
    /// A page of the versions of the project.
    async fn project_versions(&self, query: ProjectVersionsQuery) -> Result<ProjectVersionList, Error>;
    /// The texts of a version of the project.
    async fn files_of_version(&self, version: &str) -> Result<ProjectFiles, Error>;
    /// The texts of the project's folder as they are now.
    async fn project_files(&self) -> Result<ProjectFiles, Error>;
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
    /// Begins a backfill; once, where `key` is given.
    async fn backfill(
        &self,
        request: BackfillRequest,
        from: Origin,
        key: Option<String>,
    ) -> Result<Asked<BackfillView>, Error>;
    /// What a backfill would do.
    async fn plan_backfill(&self, request: BackfillRequest) -> Result<BackfillPlan, Error>;
    /// Backfills, newest first.
    async fn backfills(&self, query: BackfillsQuery) -> Result<BackfillList, Error>;
    /// One backfill.
    async fn one_backfill(&self, id: &str) -> Result<BackfillView, Error>;
    /// Pauses, resumes or cancels a backfill.
    async fn change_backfill(
        &self,
        id: &str,
        to: BackfillState,
        request: BackfillChangeRequest,
        from: Origin,
    ) -> Result<BackfillView, Error>;
    /// What was done by hand, newest first.
    async fn audit(&self, query: AuditQuery) -> Result<AuditList, Error>;
    /// Both clocks.
    async fn clock(&self) -> Result<ClockView, Error>;
    /// Sets simulated business time, durably.
    async fn set_clock(&self, request: SetClock) -> Result<ClockView, Error>;
    /// Makes a token. Refused when one that is good has the name.
    async fn create_token(&self, request: TokenRequest, from: Origin) -> Result<TokenMade, Error>;
    /// All tokens, newest first.
    async fn tokens(&self, query: TokensQuery) -> Result<TokenList, Error>;
    /// Takes a token back. Refused when that was done before.
    async fn revoke_token(&self, token_id: &str, from: Origin) -> Result<TokenView, Error>;
    /// What is counted, as text for Prometheus.
    async fn metrics(&self) -> Result<String, Error>;
    /// Whether everybody may read that.
    fn metrics_are_open(&self) -> bool;
    /// A request was answered: its method, matched route and status, and how long that took.
    fn answered(&self, request: (&str, &str), status: u16, took: Duration);
    /// Workers, newest first.
    async fn workers(&self, query: WorkersQuery) -> Result<WorkerList, Error>;
    /// What an endpoint in a process of its own is told.
    async fn endpoint_settings(&self) -> Result<EndpointSettings, Error>;
    /// Queues, and who works on them.
    async fn queues(&self, query: QueuesQuery) -> Result<QueueList, Error>;
    /// Whether the server can do its work.
    async fn health(&self) -> HealthView;
}
