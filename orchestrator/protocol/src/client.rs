//! The typed client: the worker protocol and the calls of people, over HTTP. No decisions and no retries: an error says
//! whether to try again. To add a call: a method here, a route in `server`.

use std::borrow::Cow;
use std::time::Duration;

use async_trait::async_trait;
use daybreak_spec::{Name, Timestamp};
use reqwest::header::USER_AGENT;
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{
    AliasView, Assignment, AuditList, AuditQuery, BackfillChangeRequest, BackfillList, BackfillPlan, BackfillRequest,
    BackfillView, BackfillsQuery, BuildRecord, CancelRequest, Cancellations, ClearRequest, ClockView, DecisionRequest,
    EndpointSettings, Error, EventStream, EventsQuery, HealthView, Heartbeat, HeartbeatReply, Held, ItemList,
    ItemsQuery, Leave, Live, LogQuery, LogSlice, MarkRequest, Marked, MintPublication, Minted, ModelVersionRecord,
    Orchestrator, PauseRequest, Poll, ProblemDetails, Register, Registration, Report, RerunRequest, RunAgain,
    RunDetail, RunList, RunWhy, RunsQuery, SetClock, TaskLog, TokenList, TokenMade, TokenRequest, TokenView,
    TokensQuery, TriggerRequest, Triggered, WhyQuery, code,
};

/// What the command line calls itself in `user-agent`.
pub const COMMAND_LINE: &str = "daybreak-cli";

/// Longer than any answer takes that is not held back on purpose.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server's address and a token. Clones share their connections.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    url: String,
    token: String,
    command_line: bool,
}

impl Client {
    /// For `http://host:port` and a bearer token.
    ///
    /// # Panics
    /// When the system offers no randomness or TLS set-up to HTTP clients at all.
    pub fn new(url: &str, token: &str) -> Self {
        let http = reqwest::Client::builder().no_proxy().tcp_nodelay(true).build();
        let http = http.expect("a client without options of ours can be built");
        Self { http, url: url.trim_end_matches('/').to_owned(), token: token.to_owned(), command_line: false }
    }

    /// The same, saying that it is the command line: the audit keeps it beside the address.
    pub fn of_command_line(self) -> Self {
        Self { command_line: true, ..self }
    }

    /// Where the server is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Whether the server can do its work.
    pub async fn health(&self) -> Result<HealthView, Error> {
        self.get("/health/ready").await
    }

    /// Whether a server is there at all, able to do its work or not.
    pub async fn is_running(&self) -> bool {
        let sent = self.send(self.request(Method::GET, "/health/live"), PATIENCE).await;
        sent.is_ok_and(|response| response.status().is_success())
    }

    /// Runs, newest first.
    pub async fn runs(&self, query: &RunsQuery) -> Result<RunList, Error> {
        self.get_with("/api/v1/runs", query).await
    }

    /// One run.
    pub async fn run(&self, run_id: &str) -> Result<RunDetail, Error> {
        self.get(&format!("/api/v1/runs/{}", segment(run_id)?)).await
    }

    /// The log of one task of a run, by attempt.
    pub async fn log(&self, run_id: &str, task: &str) -> Result<TaskLog, Error> {
        self.get(&format!("/api/v1/runs/{}/tasks/{}/log", segment(run_id)?, segment(task)?)).await
    }

    /// A piece of one attempt's log; `query` asks for one.
    pub async fn log_slice(&self, run_id: &str, task: &str, query: &LogQuery) -> Result<LogSlice, Error> {
        self.get_with(&format!("/api/v1/runs/{}/tasks/{}/log", segment(run_id)?, segment(task)?), query).await
    }

    /// What an endpoint in a process of its own is told.
    pub async fn endpoint_settings(&self) -> Result<EndpointSettings, Error> {
        self.get("/api/v1/endpoint").await
    }

    /// The items of a task that is done once per item.
    pub async fn items(&self, run_id: &str, task: &str, query: &ItemsQuery) -> Result<ItemList, Error> {
        self.get_with(&format!("/api/v1/runs/{}/tasks/{}/items", segment(run_id)?, segment(task)?), query).await
    }

    /// Follows the log of one task of a run until the task has ended, after the event `last`.
    pub async fn follow_log(&self, run_id: &str, task: &str, last: Option<&str>) -> Result<EventStream, Error> {
        let path = format!("/api/v1/runs/{}/tasks/{}/log?follow=true", segment(run_id)?, segment(task)?);
        self.follow(&path, last).await
    }

    /// Follows changes of runs and tasks, after the event `last`.
    pub async fn events(&self, query: &EventsQuery, last: Option<&str>) -> Result<EventStream, Error> {
        let query = [("run", query.run.clone()), ("dag", query.dag.as_ref().map(Name::to_string))];
        let query: Vec<String> =
            query.into_iter().filter_map(|(key, value)| Some(format!("{key}={}", segment(&value?).ok()?))).collect();
        self.follow(&format!("/api/v1/events?{}", query.join("&")), last).await
    }

    /// Asks for the end of a run.
    pub async fn cancel(&self, run_id: &str, request: &CancelRequest) -> Result<(), Error> {
        self.post_nothing(&format!("/api/v1/runs/{}/cancel", segment(run_id)?), request).await
    }

    /// Has a run that has ended run again.
    pub async fn rerun(&self, run_id: &str, request: &RerunRequest) -> Result<RunAgain, Error> {
        self.post(&format!("/api/v1/runs/{}/rerun", segment(run_id)?), request).await
    }

    /// Has a task that has ended run again, and all that needs it.
    pub async fn clear(&self, run_id: &str, task: &str, request: &ClearRequest) -> Result<RunAgain, Error> {
        self.post(&format!("/api/v1/runs/{}/tasks/{}/clear", segment(run_id)?, segment(task)?), request).await
    }

    /// Says how a task that has not ended ends.
    pub async fn mark(&self, run_id: &str, task: &str, request: &MarkRequest) -> Result<Marked, Error> {
        self.post(&format!("/api/v1/runs/{}/tasks/{}/mark", segment(run_id)?, segment(task)?), request).await
    }

    /// Decides on a task that waits for approval.
    pub async fn decide(&self, run_id: &str, task: &str, request: &DecisionRequest) -> Result<(), Error> {
        let path = format!("/api/v1/runs/{}/tasks/{}/decision", segment(run_id)?, segment(task)?);
        self.post_nothing(&path, request).await
    }

    /// Why a run and its tasks are not running.
    pub async fn why(&self, run_id: &str, query: &WhyQuery) -> Result<RunWhy, Error> {
        self.get_with(&format!("/api/v1/runs/{}/why", segment(run_id)?), query).await
    }

    /// What was done by hand, newest first.
    pub async fn audit(&self, query: &AuditQuery) -> Result<AuditList, Error> {
        self.get_with("/api/v1/audit", query).await
    }

    /// Makes a manual run; returns its id.
    pub async fn trigger(&self, dag: &str, request: &TriggerRequest) -> Result<String, Error> {
        let made: Triggered = self.post(&format!("/api/v1/dags/{}/runs", segment(dag)?), request).await?;
        Ok(made.run_id)
    }

    /// Lets a DAG fire nothing.
    pub async fn pause(&self, dag: &str, request: &PauseRequest) -> Result<(), Error> {
        self.post_nothing(&format!("/api/v1/dags/{}/pause", segment(dag)?), request).await
    }

    /// Lets a DAG fire again.
    pub async fn resume(&self, dag: &str, request: &PauseRequest) -> Result<(), Error> {
        self.post_nothing(&format!("/api/v1/dags/{}/resume", segment(dag)?), request).await
    }

    /// Makes a token.
    pub async fn create_token(&self, request: &TokenRequest) -> Result<TokenMade, Error> {
        self.post("/api/v1/tokens", request).await
    }

    /// A page of tokens, newest first.
    pub async fn tokens(&self, query: &TokensQuery) -> Result<TokenList, Error> {
        self.get_with("/api/v1/tokens", query).await
    }

    /// Takes a token back.
    pub async fn revoke_token(&self, id: &str) -> Result<TokenView, Error> {
        let request = self.request(Method::DELETE, &format!("/api/v1/tokens/{}", segment(id)?));
        self.read(self.send(request, PATIENCE).await?).await
    }

    /// Begins a backfill.
    pub async fn backfill(&self, request: &BackfillRequest) -> Result<BackfillView, Error> {
        self.post("/api/v1/backfills", request).await
    }

    /// What a backfill would do.
    pub async fn plan_backfill(&self, request: &BackfillRequest) -> Result<BackfillPlan, Error> {
        self.post("/api/v1/backfills/plan", request).await
    }

    /// A page of backfills, newest first.
    pub async fn backfills(&self, query: &BackfillsQuery) -> Result<BackfillList, Error> {
        self.get_with("/api/v1/backfills", query).await
    }

    /// One backfill.
    pub async fn one_backfill(&self, id: &str) -> Result<BackfillView, Error> {
        self.get(&format!("/api/v1/backfills/{}", segment(id)?)).await
    }

    /// Pauses (`pause`), resumes (`resume`) or cancels (`cancel`) a backfill.
    pub async fn change_backfill(
        &self,
        id: &str,
        change: &str,
        request: &BackfillChangeRequest,
    ) -> Result<BackfillView, Error> {
        self.post(&format!("/api/v1/backfills/{}/{}", segment(id)?, segment(change)?), request).await
    }

    /// Both clocks.
    pub async fn clock(&self) -> Result<ClockView, Error> {
        self.get("/api/v1/clock").await
    }

    /// Sets simulated business time.
    pub async fn set_clock(&self, at: Timestamp) -> Result<ClockView, Error> {
        self.post("/api/v1/clock", &SetClock { at }).await
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.url)).bearer_auth(&self.token);
        if self.command_line { request.header(USER_AGENT, COMMAND_LINE) } else { request }
    }

    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        self.read(self.send(self.request(Method::GET, path), PATIENCE).await?).await
    }

    pub(crate) async fn get_with<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &(impl Serialize + Sync),
    ) -> Result<T, Error> {
        self.read(self.send(self.request(Method::GET, path).query(query), PATIENCE).await?).await
    }

    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &(impl Serialize + Sync),
    ) -> Result<T, Error> {
        self.read(self.send(self.request(Method::POST, path).json(body), PATIENCE).await?).await
    }

    async fn post_nothing(&self, path: &str, body: &(impl Serialize + Sync)) -> Result<(), Error> {
        self.send(self.request(Method::POST, path).json(body), PATIENCE).await.map(|_| ())
    }

    /// A stream that may last.
    async fn follow(&self, path: &str, last: Option<&str>) -> Result<EventStream, Error> {
        let mut request = self.request(Method::GET, path);
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let sent = tokio::time::timeout(PATIENCE, request.send()).await;
        let unavailable = |detail: String| Error::Unavailable { url: self.url.clone(), detail };
        let response = sent.map_err(|_| unavailable("it takes too long".to_owned()))?;
        let response = response.map_err(|error| self.unavailable(&error))?;
        if !response.status().is_success() {
            return Err(self.problem(response).await);
        }
        Ok(EventStream::new(response))
    }

    /// Sends and sorts out every answer but a success.
    async fn send(&self, request: RequestBuilder, patience: Duration) -> Result<Response, Error> {
        let response = request.timeout(patience).send().await.map_err(|error| self.unavailable(&error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        Err(self.problem(response).await)
    }

    async fn read<T: DeserializeOwned>(&self, response: Response) -> Result<T, Error> {
        response.json().await.map_err(|error| self.unavailable(&error))
    }

    async fn problem(&self, response: Response) -> Error {
        let status = response.status();
        let problem: Option<ProblemDetails> = response.json().await.ok();
        let told = problem.as_ref().map_or("", |problem| problem.code.as_str());
        let detail = problem.as_ref().map_or_else(|| status.to_string(), |problem| problem.detail.clone());
        match (status, told) {
            (_, code::STALE_ATTEMPT) => Error::StaleAttempt,
            (_, code::RE_REGISTER) => Error::ReRegister,
            (_, code::OTHER_PROTOCOL) => Error::OtherProtocol(detail),
            (_, code::NOT_NOW) => Error::NotNow(detail),
            (StatusCode::NOT_FOUND, _) => Error::NotFound(detail),
            (status, _) if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
                Error::Unavailable { url: self.url.clone(), detail }
            }
            _ => Error::Refused(detail),
        }
    }

    fn unavailable(&self, error: &reqwest::Error) -> Error {
        let mut detail = error.to_string();
        let mut source = std::error::Error::source(error);
        while let Some(cause) = source {
            detail = cause.to_string();
            source = cause.source();
        }
        Error::Unavailable { url: self.url.clone(), detail }
    }
}

/// A path segment that cannot change the path: ids and names are slugs, that of an item has its place in brackets.
pub(crate) fn segment(text: &str) -> Result<Cow<'_, str>, Error> {
    if let Some((task, index)) = Name::parse_of_run(text).as_ref().and_then(Name::item) {
        return Ok(format!("{task}%5B{index}%5D").into());
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if !text.is_empty() && text.bytes().all(plain) {
        return Ok(text.into());
    }
    Err(Error::NotFound(format!("`{text}` is neither a name nor an id")))
}

#[async_trait]
impl Orchestrator for Client {
    async fn register(&self, request: Register) -> Result<Registration, Error> {
        self.post("/api/v1/worker/register", &request).await
    }

    async fn poll(&self, request: Poll) -> Result<Vec<Assignment>, Error> {
        let patience = PATIENCE + Duration::from_millis(request.wait_ms);
        let sent = self.request(Method::POST, "/api/v1/worker/poll").json(&request);
        self.read(self.send(sent, patience).await?).await
    }

    async fn heartbeat(&self, request: Heartbeat) -> Result<HeartbeatReply, Error> {
        self.post("/api/v1/worker/heartbeat", &request).await
    }

    async fn cancellations(&self, request: Cancellations) -> Result<Vec<Held>, Error> {
        let patience = PATIENCE + Duration::from_millis(request.wait_ms);
        let sent = self.request(Method::POST, "/api/v1/worker/cancellations").json(&request);
        self.read(self.send(sent, patience).await?).await
    }

    async fn leave(&self, request: Leave) -> Result<(), Error> {
        self.post_nothing("/api/v1/worker/leave", &request).await
    }

    async fn report(&self, report: Report) -> Result<(), Error> {
        self.post_nothing("/api/v1/worker/report", &report).await
    }

    async fn builds(&self, view: &Name, from: Timestamp, to: Timestamp) -> Result<Vec<BuildRecord>, Error> {
        self.all_builds(view, from, to).await
    }

    async fn model_version(&self, model: &Name, version: u32) -> Result<ModelVersionRecord, Error> {
        self.get(&format!("/api/v1/models/{model}/versions/{version}")).await
    }

    async fn alias(&self, model: &Name, alias: &str) -> Result<Option<ModelVersionRecord>, Error> {
        let found: AliasView = self.get(&format!("/api/v1/models/{model}/aliases/{}", segment(alias)?)).await?;
        Ok(found.version)
    }

    async fn mint_publication(&self, request: MintPublication) -> Result<i64, Error> {
        let minted: Minted = self.post("/api/v1/worker/publications", &request).await?;
        Ok(minted.publication)
    }

    async fn live(&self, after: i64, wait_ms: u64) -> Result<Live, Error> {
        let sent = self.request(Method::GET, &format!("/api/v1/live?after={after}&wait_ms={wait_ms}"));
        self.read(self.send(sent, PATIENCE + Duration::from_millis(wait_ms)).await?).await
    }
}
