//! The server as the HTTP surface sees it: reads, requests and whom a token speaks for.

use std::time::Duration;

use async_trait::async_trait;
use daybreak_protocol::{
    AliasHistory, AliasHistoryEntry, AliasHistoryQuery, Applied, AttemptList, AttemptsQuery, AuditList, AuditQuery,
    BackfillChangeRequest, BackfillList, BackfillPlan, BackfillRequest, BackfillState, BackfillView, BackfillsQuery,
    BuildList, BuildsQuery, CancelRequest, ClearRequest, ClockView, DagDetail, DagList, DagsQuery, DecisionRequest,
    Durations, EndpointSettings, Error, EventsQuery, FiringList, FiringsQuery, Grid, GridQuery, HealthView, ItemList,
    ItemsQuery, LogQuery, LogSlice, MarkRequest, Marked, Me, ModelList, ModelsQuery, MoveAliasRequest, Overview,
    PauseRequest, ProjectFiles, ProjectVersionList, ProjectVersionsQuery, ProjectView, QueueList, QueuesQuery,
    RerunRequest, RunAgain, RunDetail, RunLineage, RunList, RunWhy, RunsQuery, SetClock, TaskLog, TokenList, TokenMade,
    TokenRequest, TokenView, TokensQuery, TriggerRequest, Triggered, VersionList, VersionsQuery, ViewList, ViewsQuery,
    WhyQuery, WorkerList, WorkersQuery,
};
use daybreak_spec::Name;
use daybreak_store::RunningAttempt;

use crate::Server;
use crate::error::of_store;
use crate::following::Events;
use crate::http::{Access, Asked, Engine};
use crate::origin::Origin;
use crate::refusals::Refused;

#[async_trait]
impl Engine for Server {
    async fn authorises(&self, token: &str) -> Access {
        if let Some(identity) = self.keys.identify(token) {
            return Access::Token(identity);
        }
        let Some(held) = self.tokens.read(token) else { return Access::None };
        let attempt = RunningAttempt { task_run_id: held.task_run_id, fence: held.fence };
        match self.store.is_current(&attempt).await {
            Ok(true) => Access::Attempt { task_run_id: attempt.task_run_id, fence: attempt.fence },
            Ok(false) => Access::None,
            Err(error) => {
                // An attempt that was told it is nobody would fail for good.
                tracing::warn!(%error, "a token could not be looked up");
                Access::Unknown
            }
        }
    }

    async fn refused(&self, refused: Refused, from: &Origin) {
        self.note_refused(refused, from).await;
    }

    async fn runs(&self, query: RunsQuery) -> Result<RunList, Error> {
        let deployed = self.deployed()?;
        self.store.runs(deployed.name(), &query).await.map_err(of_store)
    }

    async fn run(&self, run_id: &str) -> Result<RunDetail, Error> {
        Ok(self.run_detail(run_id).await?)
    }

    async fn log(&self, run_id: &str, task: &Name) -> Result<TaskLog, Error> {
        Ok(self.whole_log(run_id, task).await?)
    }

    async fn log_slice(&self, run_id: &str, task: &Name, query: LogQuery) -> Result<LogSlice, Error> {
        Ok(Self::log_slice(self, run_id, task, query).await?)
    }

    async fn items(&self, run_id: &str, task: &Name, query: ItemsQuery) -> Result<ItemList, Error> {
        self.store.items(run_id, task, &query).await.map_err(of_store)
    }

    async fn follow_changes(&self, query: EventsQuery, last: Option<String>) -> Result<Events, Error> {
        Ok(Self::follow_changes(self, query, last.as_deref())?)
    }

    async fn follow_log(&self, run_id: &str, task: &Name, last: Option<String>) -> Result<Events, Error> {
        Ok(Self::follow_log(self, run_id, task, last.as_deref()).await?)
    }

    async fn models(&self, query: ModelsQuery) -> Result<ModelList, Error> {
        let deployed = self.deployed()?;
        self.store.models(deployed.name(), &query).await.map_err(of_store)
    }

    async fn model_versions(&self, model: &Name, query: VersionsQuery) -> Result<VersionList, Error> {
        let deployed = self.deployed()?;
        self.store.model_versions(deployed.name(), model, &query).await.map_err(of_store)
    }

    async fn alias_history(&self, model: &Name, query: AliasHistoryQuery) -> Result<AliasHistory, Error> {
        let deployed = self.deployed()?;
        self.store.alias_history(deployed.name(), model, &query).await.map_err(of_store)
    }

    async fn move_alias(
        &self,
        model: &Name,
        alias: &Name,
        request: MoveAliasRequest,
        from: Origin,
    ) -> Result<AliasHistoryEntry, Error> {
        Ok(Self::move_alias(self, (model, alias), request, &from).await?)
    }

    async fn list_builds(&self, view: &Name, query: BuildsQuery) -> Result<BuildList, Error> {
        let deployed = self.deployed()?;
        self.store.builds(deployed.name(), view, &query).await.map_err(of_store)
    }

    async fn me(&self, from: Origin) -> Result<Me, Error> {
        Ok(Self::me(self, &from)?)
    }

    async fn overview(&self) -> Result<Overview, Error> {
        Ok(Self::overview(self).await?)
    }

    async fn dag(&self, dag: &Name) -> Result<DagDetail, Error> {
        self.dag_detail(dag).await
    }

    async fn grid(&self, dag: &Name, query: GridQuery) -> Result<Grid, Error> {
        Ok(Self::grid(self, dag, &query).await?)
    }

    async fn durations(&self, dag: &Name, query: GridQuery) -> Result<Durations, Error> {
        Ok(Self::durations(self, dag, &query).await?)
    }

    async fn views(&self, query: ViewsQuery) -> Result<ViewList, Error> {
        Ok(Self::views(self, &query).await?)
    }

    async fn firings(&self, query: FiringsQuery) -> Result<FiringList, Error> {
        Ok(Self::firings(self, &query).await?)
    }

    async fn attempts(&self, run_id: &str, query: AttemptsQuery) -> Result<AttemptList, Error> {
        self.store.list_attempts(run_id, &query).await.map_err(of_store)
    }

    async fn lineage(&self, run_id: &str) -> Result<RunLineage, Error> {
        self.store.lineage(run_id).await.map_err(of_store)
    }

    async fn dags(&self, query: DagsQuery) -> Result<DagList, Error> {
        self.dag_views(&query).await
    }

    async fn pause(&self, dag: &Name, request: PauseRequest, from: Origin) -> Result<(), Error> {
        Ok(Self::pause(self, dag.as_str(), request, &from).await?)
    }

    async fn resume(&self, dag: &Name, request: PauseRequest, from: Origin) -> Result<(), Error> {
        Ok(Self::resume(self, dag.as_str(), request, &from).await?)
    }

    async fn trigger(
        &self,
        dag: &Name,
        request: TriggerRequest,
        from: Origin,
        key: Option<String>,
    ) -> Result<Asked<Triggered>, Error> {
        Ok(self.trigger_by(dag, request, &from, key).await?)
    }

    async fn cancel(&self, run_id: &str, request: CancelRequest, from: Origin) -> Result<(), Error> {
        Ok(Self::cancel(self, run_id, request, &from).await?)
    }

    async fn rerun(&self, run_id: &str, request: RerunRequest, from: Origin) -> Result<RunAgain, Error> {
        Ok(Self::rerun(self, run_id, request, &from).await?)
    }

    async fn clear(&self, run_id: &str, task: &Name, request: ClearRequest, from: Origin) -> Result<RunAgain, Error> {
        Ok(Self::clear(self, run_id, task, request, &from).await?)
    }

    async fn mark(&self, run_id: &str, task: &Name, request: MarkRequest, from: Origin) -> Result<Marked, Error> {
        Ok(Self::mark(self, run_id, task, request, &from).await?)
    }

    async fn decide(&self, run_id: &str, task: &Name, request: DecisionRequest, from: Origin) -> Result<(), Error> {
        Ok(Self::decide(self, run_id, task, request, &from).await?)
    }

    async fn why(&self, run_id: &str, query: WhyQuery) -> Result<RunWhy, Error> {
        Ok(Self::why(self, run_id, query.task.as_ref()).await?)
    }

    async fn backfill(
        &self,
        request: BackfillRequest,
        from: Origin,
        key: Option<String>,
    ) -> Result<Asked<BackfillView>, Error> {
        Ok(self.backfill_by(request, &from, key).await?)
    }

    async fn plan_backfill(&self, request: BackfillRequest) -> Result<BackfillPlan, Error> {
        Ok(Self::plan_backfill(self, request).await?)
    }

    async fn backfills(&self, query: BackfillsQuery) -> Result<BackfillList, Error> {
        Ok(self.list_backfills(&query).await?)
    }

    async fn one_backfill(&self, id: &str) -> Result<BackfillView, Error> {
        Ok(Self::one_backfill(self, id).await?)
    }

    async fn change_backfill(
        &self,
        id: &str,
        to: BackfillState,
        request: BackfillChangeRequest,
        from: Origin,
    ) -> Result<BackfillView, Error> {
        Ok(Self::change_backfill(self, id, to, request, &from).await?)
    }

    async fn audit(&self, query: AuditQuery) -> Result<AuditList, Error> {
        Ok(Self::audit(self, &query).await?)
    }

    async fn project(&self) -> Result<ProjectView, Error> {
        Ok(self.project_view()?)
    }

    async fn reload(&self, from: Origin, expected: Option<String>) -> Result<Option<Applied>, Error> {
        Ok(self.reload_if(Some(&from), expected.as_deref()).await?)
    }

    async fn project_versions(&self, query: ProjectVersionsQuery) -> Result<ProjectVersionList, Error> {
        let deployed = self.deployed()?;
        self.store.project_versions(deployed.name(), &query).await.map_err(of_store)
    }

    async fn files_of_version(&self, version: &str) -> Result<ProjectFiles, Error> {
        Ok(Self::files_of_version(self, version).await?)
    }

    async fn project_files(&self) -> Result<ProjectFiles, Error> {
        Ok(Self::project_files(self).await?)
    }

    async fn clock(&self) -> Result<ClockView, Error> {
        Ok(self.clock_view())
    }

    async fn set_clock(&self, request: SetClock) -> Result<ClockView, Error> {
        self.advance_clock(request.at).await?;
        Ok(self.clock_view())
    }

    async fn create_token(&self, request: TokenRequest, from: Origin) -> Result<TokenMade, Error> {
        Ok(Self::create_token(self, request, &from).await?)
    }

    async fn tokens(&self, query: TokensQuery) -> Result<TokenList, Error> {
        Ok(Self::tokens(self, &query).await?)
    }

    async fn revoke_token(&self, token_id: &str, from: Origin) -> Result<TokenView, Error> {
        Ok(Self::revoke_token(self, token_id, &from).await?)
    }

    async fn metrics(&self) -> Result<String, Error> {
        Ok(self.metrics_text().await?)
    }

    fn metrics_are_open(&self) -> bool {
        self.open_metrics
    }

    fn answered(&self, (method, route): (&str, &str), status: u16, took: Duration) {
        self.metrics.answered(method, route, status, took);
    }

    async fn workers(&self, query: WorkersQuery) -> Result<WorkerList, Error> {
        Ok(Self::workers(self, &query).await?)
    }

    async fn endpoint_settings(&self) -> Result<EndpointSettings, Error> {
        Ok(Self::endpoint_settings(self)?)
    }

    async fn queues(&self, query: QueuesQuery) -> Result<QueueList, Error> {
        Ok(Self::queues(self, &query).await?)
    }

    async fn health(&self) -> HealthView {
        if *self.draining.borrow() {
            return HealthView { ready: false, reason: Some("the server is shutting down".to_owned()) };
        }
        if let Some(reason) = self.store.away() {
            return HealthView { ready: false, reason: Some(reason) };
        }
        match self.store.simulated_time().await {
            Ok(_) => HealthView { ready: true, reason: None },
            Err(error) => {
                tracing::warn!(%error, "the state does not answer");
                HealthView { ready: false, reason: Some("the state database does not answer".to_owned()) }
            }
        }
    }
}
