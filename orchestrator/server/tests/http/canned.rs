//! An engine that answers from a can and remembers what it was asked.

use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use daybreak_core::{RunStatus, TaskStatus, Why, WhyKind};
use daybreak_protocol::{
    AliasHistory, AliasHistoryEntry, AliasHistoryQuery, Applied, Assignment, AttemptList, AttemptsQuery, Attention,
    AuditList, AuditQuery, BackfillChangeRequest, BackfillList, BackfillPlan, BackfillRequest, BackfillState,
    BackfillView, BackfillsQuery, BuildList, BuildRecord, BuildsQuery, CancelRequest, Change, ClearRequest, ClockView,
    DagDetail, DagList, DagsQuery, DecisionRequest, Durations, EndpointSettings, Error, EventsQuery, Fault, FiringList,
    FiringsQuery, Grid, GridQuery, HashCursor, HealthView, Heartbeat, HeartbeatReply, Identity, ItemList, ItemsQuery,
    Live, LogQuery, LogSlice, MarkRequest, Marked, Me, MintPublication, ModelList, ModelVersionRecord, ModelsQuery,
    MoveAliasRequest, NewModelVersion, Orchestrator, Overview, PauseRequest, Poll, ProjectFile, ProjectFiles,
    ProjectVersionList, ProjectVersionsQuery, ProjectView, QueueList, QueuesQuery, Register, Registration, Report,
    Reprocess, RerunRequest, Role, RunAgain, RunDetail, RunLineage, RunList, RunSummary, RunWhy, RunsQuery, SetClock,
    StreamEvent, TaskLog, TaskWhy, TokenList, TokenMade, TokenRequest, TokenView, TokensQuery, Trigger, TriggerRequest,
    Triggered, VersionList, VersionsQuery, ViewList, ViewsQuery, WhyQuery, WorkerList, WorkersQuery,
};
use daybreak_server::http::{Access, Asked, Engine};
use daybreak_server::{Events, Origin, Refused};
use daybreak_spec::{Name, Severity, Timestamp};

pub const ADMIN: &str = "the-projects-token";
pub const ATTEMPT: &str = "the-token-of-an-attempt";
/// Whose it is cannot be found out.
pub const NOT_NOW: &str = "not-now";
pub const RUN: &str = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
pub const TASK_RUN: &str = "01ARZ3NDEKTSV4RRFFQ69G5FAW";
pub const OTHER_TASK_RUN: &str = "01ARZ3NDEKTSV4RRFFQ69G5FAX";
pub const WORKER: &str = "01ARZ3NDEKTSV4RRFFQ69G5FAY";
pub const FENCE: i64 = 7;

pub fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

pub fn backfill() -> BackfillView {
    BackfillView {
        id: "01ARZ3NDEKTSV4RRFFQ69G5FAV".to_owned(),
        dag: name("nightly"),
        state: BackfillState::Running,
        from: noon(),
        to: noon(),
        reprocess: Reprocess::Missing,
        backwards: false,
        parallel: 4,
        priority: -5,
        windows: 10,
        done: 1,
        succeeded: 1,
        failed: 0,
        cancelled: 0,
        going_on: 4,
        busy_s: 1.5,
        left_s: Some(13.5),
        created_at: noon(),
        ended_at: None,
        by: "ann".to_owned(),
        note: None,
    }
}

pub fn noon() -> Timestamp {
    Timestamp::parse("2013-03-10T12:00:00Z").unwrap()
}

/// What was asked, in words.
#[derive(Default)]
pub struct Canned {
    pub asked: Mutex<Vec<String>>,
    pub answered: Mutex<Vec<String>>,
    pub open_metrics: bool,
}

impl Canned {
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    fn note(&self, what: impl Into<String>) {
        self.asked.lock().unwrap().push(what.into());
    }
}

/// What the token of a role speaks for.
pub fn token(role: Role) -> Access {
    Access::Token(Identity { token_id: None, name: format!("the {}", role.as_str()), role })
}

pub fn version() -> ModelVersionRecord {
    let content = NewModelVersion {
        model: name("late_arrival"),
        object: "0".repeat(64),
        as_of: noon(),
        fit_from: noon(),
        fit_to: noon(),
        rows: 12,
        metrics: [("auc".to_owned(), 0.7)].into(),
    };
    ModelVersionRecord { version: 3, run_id: RUN.to_owned(), content }
}

pub fn run() -> RunDetail {
    let summary = RunSummary {
        id: RUN.to_owned(),
        dag: name("nightly"),
        state: RunStatus::Failed,
        scheduled_for: Some(noon()),
        window_start: None,
        window_end: noon(),
        trigger: Trigger::Schedule,
        created_at: noon(),
        started_at: None,
        ended_at: Some(noon()),
        followed: None,
        reason: Some("task `train` failed".to_owned()),
    };
    RunDetail { summary, tasks: Vec::new(), params: serde_json::Map::new() }
}

fn once(event: StreamEvent) -> Events {
    Box::pin(futures::stream::iter([event]))
}

pub fn token_view() -> TokenView {
    TokenView {
        id: RUN.to_owned(),
        name: name("ci"),
        role: Role::Operator,
        created_at: noon(),
        created_by: "project token".to_owned(),
        expires_at: noon(),
        last_used_at: None,
        revoked_at: None,
        revoked_by: None,
    }
}

pub fn again() -> RunAgain {
    let tasks = vec![name("judge"), name("train")];
    RunAgain { run_id: RUN.to_owned(), version: "0".repeat(64), version_is_current: false, tasks }
}

/// The move of an alias by hand.
pub fn moved() -> AliasHistoryEntry {
    AliasHistoryEntry {
        alias: "champion".to_owned(),
        from: Some(3),
        to: 2,
        as_of: noon(),
        run_id: None,
        by: Some("ann".to_owned()),
        reason: Some("worse by day".to_owned()),
        moved_at: noon(),
    }
}

pub fn slice() -> LogSlice {
    LogSlice { attempt: 1, fence: FENCE, from: 10, text: "two\n".to_owned(), next: 14, end: true }
}

pub fn files() -> ProjectFiles {
    let file = ProjectFile { path: "daybreak.yaml".to_owned(), text: "version: 1\n".to_owned() };
    ProjectFiles { files: vec![file], left_out: 0 }
}

pub fn fault() -> Fault {
    Fault {
        code: "unknown_key".to_owned(),
        severity: Severity::Error,
        message: "no such key".to_owned(),
        file: Some("daybreak.yaml".to_owned()),
        line: Some(3),
        column: Some(1),
        help: None,
    }
}

pub fn why() -> RunWhy {
    let why = Why { kind: WhyKind::WaitsForTasks, words: "waits for `train` (running)".to_owned() };
    let task = TaskWhy { task: name("judge"), state: TaskStatus::Waiting, why };
    let run = vec![Why { kind: WhyKind::Running, words: "is running".to_owned() }];
    RunWhy { run_id: RUN.to_owned(), dag: name("nightly"), state: RunStatus::Running, run, tasks: vec![task] }
}

#[async_trait]
impl Orchestrator for Canned {
    async fn register(&self, request: Register) -> Result<Registration, Error> {
        self.note(format!("register {}", request.label));
        Ok(Registration { worker_id: WORKER.to_owned(), epoch: 1, lease_ms: 10_000, heartbeat_ms: 3_000 })
    }

    async fn poll(&self, request: Poll) -> Result<Vec<Assignment>, Error> {
        self.note(format!("poll {}", request.wait_ms));
        Ok(Vec::new())
    }

    async fn heartbeat(&self, _: Heartbeat) -> Result<HeartbeatReply, Error> {
        Err(Error::ReRegister)
    }

    async fn report(&self, report: Report) -> Result<(), Error> {
        self.note(format!("report {:?}", report.outcome));
        if report.fence == FENCE { Ok(()) } else { Err(Error::StaleAttempt) }
    }

    async fn builds(&self, view: &Name, from: Timestamp, to: Timestamp) -> Result<Vec<BuildRecord>, Error> {
        self.note(format!("builds {view} {} {}", from.micros, to.micros));
        Ok(Vec::new())
    }

    async fn model_version(&self, model: &Name, version: u32) -> Result<ModelVersionRecord, Error> {
        match version {
            3 => Ok(self::version()),
            _ => Err(Error::NotFound(format!("model `{model}` has no version {version}"))),
        }
    }

    async fn alias(&self, _: &Name, alias: &str) -> Result<Option<ModelVersionRecord>, Error> {
        Ok((alias == "champion").then(version))
    }

    async fn mint_publication(&self, request: MintPublication) -> Result<i64, Error> {
        self.note(format!("mint {}", request.view));
        Ok(41)
    }

    async fn live(&self, after: i64, wait_ms: u64) -> Result<Live, Error> {
        self.note(format!("live {after} {wait_ms}"));
        Ok(Live { cursor: after + 1, models: vec![name("late_arrival")], live: Vec::new() })
    }
}

/// What comes of a request with this key.
fn asked<T>(key: Option<&str>, made: T) -> Asked<T> {
    match key {
        None | Some("new") => Asked::Made(made),
        Some("before") => Asked::Before(made),
        Some("other") => Asked::OtherRequest,
        Some(_) => Asked::InFlight,
    }
}

#[async_trait]
impl Engine for Canned {
    async fn refused(&self, _: Refused, _: &Origin) {}

    async fn authorises(&self, token: &str) -> Access {
        match token {
            ADMIN => self::token(Role::Admin),
            NOT_NOW => Access::Unknown,
            ATTEMPT => Access::Attempt { task_run_id: TASK_RUN.to_owned(), fence: FENCE },
            _ => token.strip_prefix("token-of-").and_then(Role::parse).map_or(Access::None, self::token),
        }
    }

    async fn runs(&self, query: RunsQuery) -> Result<RunList, Error> {
        self.note(format!("runs {:?} {:?}", query.dag.map(|dag| dag.to_string()), query.limit));
        Ok(RunList { runs: vec![run().summary], next: None })
    }

    async fn run(&self, run_id: &str) -> Result<RunDetail, Error> {
        if run_id == RUN { Ok(run()) } else { Err(Error::NotFound(format!("there is no run {run_id}"))) }
    }

    async fn log(&self, run_id: &str, task: &Name) -> Result<TaskLog, Error> {
        self.note(format!("log {run_id} {task}"));
        Ok(TaskLog::default())
    }

    async fn log_slice(&self, run_id: &str, task: &Name, query: LogQuery) -> Result<LogSlice, Error> {
        let LogQuery { fence, from, bytes, .. } = query;
        self.note(format!("slice {run_id} {task} {fence:?} {from:?} {bytes:?}"));
        Ok(slice())
    }

    async fn follow_changes(&self, query: EventsQuery, last: Option<String>) -> Result<Events, Error> {
        self.note(format!("changes {:?} {last:?}", query.run));
        let change = Change::Run { run_id: RUN.to_owned(), dag: name("nightly"), state: RunStatus::Running };
        let data = serde_json::to_string(&change).unwrap();
        Ok(once(StreamEvent { event: "run".to_owned(), id: "a-8".to_owned(), data }))
    }

    async fn follow_log(&self, run_id: &str, task: &Name, last: Option<String>) -> Result<Events, Error> {
        self.note(format!("follow {run_id} {task} {last:?}"));
        Ok(once(StreamEvent { event: "end".to_owned(), id: "7-0".to_owned(), data: "{}".to_owned() }))
    }

    async fn models(&self, _: ModelsQuery) -> Result<ModelList, Error> {
        let secret = "/var/lib/daybreak/state.db: SELECT * FROM models".to_owned();
        Err(Error::Unavailable { url: "here".to_owned(), detail: secret })
    }

    async fn model_versions(&self, model: &Name, query: VersionsQuery) -> Result<VersionList, Error> {
        self.note(format!("versions {model} {:?} {:?}", query.before, query.limit));
        Ok(VersionList { versions: vec![version()], next: Some(3) })
    }

    async fn alias_history(&self, model: &Name, query: AliasHistoryQuery) -> Result<AliasHistory, Error> {
        self.note(format!("history {model} {:?} {:?}", query.before, query.limit));
        Ok(AliasHistory::default())
    }

    async fn move_alias(
        &self,
        model: &Name,
        alias: &Name,
        request: MoveAliasRequest,
        from: Origin,
    ) -> Result<AliasHistoryEntry, Error> {
        self.note(format!("move {model} {alias} {} from {from}", serde_json::to_string(&request).unwrap()));
        if request.expected == Some(3) { Ok(moved()) } else { Err(Error::NotNow("it points elsewhere".to_owned())) }
    }

    async fn list_builds(&self, view: &Name, query: BuildsQuery) -> Result<BuildList, Error> {
        let after = query.after.map(|after| after.to_string());
        self.note(format!("builds of {view} {:?} {:?} {after:?} {:?}", query.from, query.to, query.limit));
        let first = HashCursor { at: noon(), hash: "0a".repeat(32) };
        Ok(BuildList { builds: Vec::new(), next: after.is_none().then_some(first) })
    }

    async fn me(&self, from: Origin) -> Result<Me, Error> {
        let (name, project) = (from.name().to_owned(), self::name("shop"));
        Ok(Me { name, role: Role::Admin, token_id: None, project, server_version: "0".to_owned() })
    }

    async fn overview(&self) -> Result<Overview, Error> {
        Ok(Overview {
            business_now: noon(),
            real_now: noon(),
            simulated: false,
            attention: vec![Attention::ProjectProblems { text: "daybreak.yaml:3:1: no such key".to_owned() }],
            running: vec![run().summary],
            active_runs: 1,
            next_firings: Vec::new(),
            live: Vec::new(),
        })
    }

    async fn dag(&self, dag: &Name) -> Result<DagDetail, Error> {
        Err(Error::NotFound(format!("there is no DAG {dag}")))
    }

    async fn grid(&self, dag: &Name, query: GridQuery) -> Result<Grid, Error> {
        self.note(format!("grid {dag} {:?} {:?}", query.before, query.limit));
        Ok(Grid::default())
    }

    async fn durations(&self, dag: &Name, query: GridQuery) -> Result<Durations, Error> {
        self.note(format!("durations {dag} {:?} {:?}", query.before, query.limit));
        Ok(Durations::default())
    }

    async fn views(&self, query: ViewsQuery) -> Result<ViewList, Error> {
        self.note(format!("views {:?} {:?}", query.after.map(|after| after.to_string()), query.limit));
        Ok(ViewList::default())
    }

    async fn firings(&self, query: FiringsQuery) -> Result<FiringList, Error> {
        self.note(format!("firings {:?}", query.dag.map(|dag| dag.to_string())));
        Ok(FiringList::default())
    }

    async fn attempts(&self, run_id: &str, query: AttemptsQuery) -> Result<AttemptList, Error> {
        let (task, after) = (query.task.map(|task| task.to_string()), query.after.map(|after| after.to_string()));
        self.note(format!("attempts {run_id} {task:?} {after:?} {:?}", query.limit));
        Ok(AttemptList::default())
    }

    async fn lineage(&self, run_id: &str) -> Result<RunLineage, Error> {
        Err(Error::NotFound(format!("there is no run {run_id}")))
    }

    async fn dags(&self, query: DagsQuery) -> Result<DagList, Error> {
        self.note(format!("dags {:?} {:?}", query.after.map(|after| after.to_string()), query.limit));
        Ok(DagList::default())
    }

    async fn trigger(
        &self,
        dag: &Name,
        request: TriggerRequest,
        from: Origin,
        key: Option<String>,
    ) -> Result<Asked<Triggered>, Error> {
        let (request, triggered) = (serde_json::to_string(&request).unwrap(), Triggered { run_id: RUN.to_owned() });
        self.note(format!("trigger {dag} {request} by {}", from.name()));
        Ok(asked(key.as_deref(), triggered))
    }

    async fn pause(&self, dag: &Name, request: PauseRequest, from: Origin) -> Result<(), Error> {
        self.note(format!("pause {dag} {} from {from}", serde_json::to_string(&request).unwrap()));
        Ok(())
    }

    async fn resume(&self, dag: &Name, _: PauseRequest, _: Origin) -> Result<(), Error> {
        Err(Error::Refused(format!("DAG `{dag}` is not paused")))
    }

    async fn cancel(&self, run_id: &str, _: CancelRequest, _: Origin) -> Result<(), Error> {
        Err(Error::Refused(format!("run {run_id} has ended")))
    }

    async fn project(&self) -> Result<ProjectView, Error> {
        let problems = Some("daybreak.yaml:3:1: no such key".to_owned());
        Ok(ProjectView { name: "shop".to_owned(), version: "f".repeat(64), problems, faults: vec![fault()] })
    }

    async fn project_versions(&self, query: ProjectVersionsQuery) -> Result<ProjectVersionList, Error> {
        self.note(format!("versions {:?} {:?}", query.before.map(|before| before.to_string()), query.limit));
        Ok(ProjectVersionList { versions: Vec::new(), next: Some(HashCursor { at: noon(), hash: "f".repeat(64) }) })
    }

    async fn files_of_version(&self, version: &str) -> Result<ProjectFiles, Error> {
        self.note(format!("files of {version}"));
        Ok(files())
    }

    async fn project_files(&self) -> Result<ProjectFiles, Error> {
        Err(Error::NotFound("this server does not follow a folder".to_owned()))
    }

    async fn reload(&self, _: Origin, expected: Option<String>) -> Result<Option<Applied>, Error> {
        if expected.is_some_and(|expected| expected != "f".repeat(64)) {
            return Ok(None);
        }
        Err(Error::Refused("daybreak.yaml:3:1: no such key".to_owned()))
    }

    async fn rerun(&self, run_id: &str, request: RerunRequest, from: Origin) -> Result<RunAgain, Error> {
        self.note(format!("rerun {run_id} {} from {from}", serde_json::to_string(&request).unwrap()));
        if request.from_failed { Ok(again()) } else { Err(Error::Refused(format!("run {run_id} has not ended"))) }
    }

    async fn clear(&self, run_id: &str, task: &Name, request: ClearRequest, from: Origin) -> Result<RunAgain, Error> {
        self.note(format!("clear {run_id} {task} {} from {from}", serde_json::to_string(&request).unwrap()));
        if task.as_str() == "train" { Ok(again()) } else { Err(Error::NotFound(format!("no task `{task}`"))) }
    }

    async fn mark(&self, run_id: &str, task: &Name, request: MarkRequest, from: Origin) -> Result<Marked, Error> {
        self.note(format!("mark {run_id} {task} {} from {from}", serde_json::to_string(&request).unwrap()));
        Ok(Marked { was: TaskStatus::Running, state: request.state })
    }

    async fn decide(&self, run_id: &str, task: &Name, request: DecisionRequest, from: Origin) -> Result<(), Error> {
        self.note(format!("decide {run_id} {task} {} from {from}", serde_json::to_string(&request).unwrap()));
        if task.as_str() == "go" { Ok(()) } else { Err(Error::NotNow(format!("task `{task}` does not wait"))) }
    }

    async fn why(&self, run_id: &str, query: WhyQuery) -> Result<RunWhy, Error> {
        self.note(format!("why {run_id} {:?}", query.task.map(|task| task.to_string())));
        Ok(why())
    }

    async fn workers(&self, query: WorkersQuery) -> Result<WorkerList, Error> {
        self.note(format!("workers {:?} {:?}", query.before, query.limit));
        Ok(WorkerList::default())
    }
    async fn endpoint_settings(&self) -> Result<EndpointSettings, Error> {
        self.note("endpoint_settings");
        let (own_token_hash, keys) = (String::new(), Vec::new());
        Ok(EndpointSettings { own_token_hash, keys, predictions: Default::default(), simulated_at: None })
    }
    async fn queues(&self, query: QueuesQuery) -> Result<QueueList, Error> {
        self.note(format!("queues {:?} {:?}", query.after, query.limit));
        Ok(QueueList::default())
    }
    async fn items(&self, run_id: &str, task: &Name, query: ItemsQuery) -> Result<ItemList, Error> {
        let state = query.state.map(TaskStatus::as_str);
        self.note(format!("items {run_id} {task} {state:?} {:?} {:?}", query.from, query.limit));
        Ok(ItemList { items: Vec::new(), next: Some(57) })
    }

    async fn backfill(
        &self,
        request: BackfillRequest,
        _: Origin,
        key: Option<String>,
    ) -> Result<Asked<BackfillView>, Error> {
        self.note(format!("backfill {}", request.dag));
        Ok(asked(key.as_deref(), backfill()))
    }

    async fn plan_backfill(&self, request: BackfillRequest) -> Result<BackfillPlan, Error> {
        self.note(format!("plan backfill {}", request.dag));
        Ok(BackfillPlan::default())
    }

    async fn backfills(&self, _: BackfillsQuery) -> Result<BackfillList, Error> {
        Ok(BackfillList { backfills: vec![backfill()], next: None })
    }

    async fn one_backfill(&self, _: &str) -> Result<BackfillView, Error> {
        Ok(backfill())
    }

    async fn change_backfill(
        &self,
        id: &str,
        to: BackfillState,
        _: BackfillChangeRequest,
        _: Origin,
    ) -> Result<BackfillView, Error> {
        self.note(format!("backfill {id} {to}"));
        Ok(backfill())
    }

    async fn audit(&self, query: AuditQuery) -> Result<AuditList, Error> {
        self.note(format!("audit {:?} {:?} {:?}", query.subject, query.before, query.limit));
        Ok(AuditList::default())
    }

    async fn clock(&self) -> Result<ClockView, Error> {
        Ok(ClockView { business_now: noon(), real_now: noon(), simulated: true })
    }

    async fn set_clock(&self, request: SetClock) -> Result<ClockView, Error> {
        Ok(ClockView { business_now: request.at, real_now: noon(), simulated: true })
    }

    async fn create_token(&self, request: TokenRequest, from: Origin) -> Result<TokenMade, Error> {
        self.note(format!("token {} {} by {}", request.name, request.lasts_us(), from.name()));
        Ok(TokenMade { token: "db_secret".to_owned(), view: token_view() })
    }

    async fn tokens(&self, query: TokensQuery) -> Result<TokenList, Error> {
        self.note(format!("tokens {:?} {:?}", query.before, query.limit));
        Ok(TokenList { tokens: vec![token_view()], next: None })
    }

    async fn revoke_token(&self, token_id: &str, _: Origin) -> Result<TokenView, Error> {
        if token_id == RUN { Ok(token_view()) } else { Err(Error::NotFound(format!("there is no token {token_id}"))) }
    }

    async fn metrics(&self) -> Result<String, Error> {
        Ok("# EOF\n".to_owned())
    }

    fn metrics_are_open(&self) -> bool {
        self.open_metrics
    }

    fn answered(&self, (method, route): (&str, &str), status: u16, _: Duration) {
        self.answered.lock().unwrap().push(format!("{method} {route} {status}"));
    }

    async fn health(&self) -> HealthView {
        HealthView { ready: false, reason: Some("starting".to_owned()) }
    }
}
