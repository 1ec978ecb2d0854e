//! The typed client against the router: every call arrives as it was meant, every error as the right kind.

use daybreak_core::TaskStatus;
use daybreak_protocol::{
    AttemptCursor, AttemptsQuery, AuditQuery, CancelRequest, ClearRequest, Client, Error, EventsQuery, FiringsQuery,
    GridQuery, Heartbeat, ItemsQuery, LogQuery, MarkRequest, MarkWord, Marked, MintPublication, MoveAliasRequest,
    OLDEST_PROTOCOL, Orchestrator as _, Outcome, PROTOCOL_VERSION, PauseRequest, Poll, ProjectVersionsQuery, Register,
    Report, RerunRequest, Role, RunsQuery, TriggerRequest, ViewsQuery, WhyQuery,
};
use daybreak_spec::{Labels, Name, Timestamp};

use crate::canned::{
    ADMIN, ATTEMPT, FENCE, RUN, TASK_RUN, WORKER, again, fault, files, moved, name, noon, run, slice, version, why,
};
use crate::wire::{Served, serve};

fn client(server: &Served, token: &str) -> Client {
    Client::new(&format!("http://{}/", server.address), token)
}

fn report(fence: i64) -> Report {
    Report { task_run_id: TASK_RUN.to_owned(), fence, outcome: Outcome::Cancelled, busy_us: 5, start_us: 6 }
}

#[tokio::test]
async fn a_worker_speaks_its_protocol() {
    let server = serve().await;
    let client = client(&server, ADMIN);
    let registered = client
        .register(Register {
            label: "host 1".to_owned(),
            version: "0.1.0".to_owned(),
            protocol: PROTOCOL_VERSION,
            host: "here".to_owned(),
            queues: None,
            labels: Labels::new(),
            light_slots: 100,
            heavy_slots: 100,
        })
        .await
        .unwrap();
    assert_eq!((registered.worker_id.as_str(), registered.lease_ms), (WORKER, 10_000));
    let poll = Poll { worker_id: WORKER.to_owned(), epoch: 1, free_light: 2, free_heavy: 1, wait_ms: 1 };
    assert!(client.poll(poll).await.unwrap().is_empty());
    client.report(report(FENCE)).await.unwrap();
    let live = client.live(8, 0).await.unwrap();
    assert_eq!((live.cursor, live.models), (9, vec![name("late_arrival")]));
    assert_eq!(server.engine.asked(), ["register host 1", "poll 1", "report Cancelled", "live 8 0"]);
}

#[tokio::test]
async fn a_stale_fence_and_a_lost_lease_are_told_apart() {
    let server = serve().await;
    let client = client(&server, ADMIN);
    assert!(matches!(client.report(report(FENCE - 1)).await, Err(Error::StaleAttempt)));
    let heartbeat = Heartbeat { worker_id: WORKER.to_owned(), epoch: 1, held: Vec::new(), draining: false };
    assert!(matches!(client.heartbeat(heartbeat).await, Err(Error::ReRegister)));
}

#[tokio::test]
async fn an_attempt_reads_the_catalogue_and_mints() {
    let server = serve().await;
    let client = client(&server, ATTEMPT);
    let (from, to) = (Timestamp::parse("2013-03-01T00:00:00.000001Z").unwrap(), noon());
    assert!(client.builds(&name("weather"), from, to).await.unwrap().is_empty());
    assert_eq!(client.model_version(&name("late_arrival"), 3).await.unwrap(), version());
    assert_eq!(client.alias(&name("late_arrival"), "champion").await.unwrap(), Some(version()));
    assert_eq!(client.alias(&name("late_arrival"), "challenger").await.unwrap(), None);
    let mint = MintPublication { task_run_id: TASK_RUN.to_owned(), fence: FENCE, view: name("weather"), as_of: noon() };
    assert_eq!(client.mint_publication(mint).await.unwrap(), 41);
    assert!(matches!(client.runs(&RunsQuery::default()).await, Err(Error::Refused(_))));
    let page = |after: Option<&str>| format!("builds of weather {:?} {:?} {after:?} Some(500)", Some(from), Some(to));
    let second = format!("{}.{}", noon().micros, "0a".repeat(32));
    assert_eq!(server.engine.asked(), [page(None), page(Some(&second)), "mint weather".to_owned()]);
}

#[tokio::test]
async fn people_read_and_ask() {
    let server = serve().await;
    let client = client(&server, ADMIN);
    assert_eq!(client.run(RUN).await.unwrap(), run());
    let query = RunsQuery { dag: Some(name("nightly")), limit: Some(20), ..RunsQuery::default() };
    assert_eq!(client.runs(&query).await.unwrap().runs, [run().summary]);
    assert!(client.all_dags().await.unwrap().is_empty());
    client.log(RUN, "train").await.unwrap();
    let mut log = client.follow_log(RUN, "train", Some("7-3")).await.unwrap();
    assert_eq!(log.next().await.unwrap().map(|event| event.event), Some("end".to_owned()));
    assert_eq!(log.next().await.unwrap(), None);
    let of_run = EventsQuery { run: Some(RUN.to_owned()), dag: None };
    let mut events = client.events(&of_run, None).await.unwrap();
    assert_eq!(events.next().await.unwrap().map(|event| event.id), Some("a-8".to_owned()));
    let mut request = TriggerRequest { at: Some(noon()), ..TriggerRequest::default() };
    request.params.insert("days".to_owned(), 7.into());
    client.trigger("nightly", &request).await.unwrap();
    let pause = PauseRequest { note: Some("new feed".to_owned()), by: Some("ann".to_owned()) };
    client.pause("nightly", &pause).await.unwrap();
    match client.resume("nightly", &PauseRequest::default()).await {
        Err(Error::Refused(detail)) => assert_eq!(detail, "DAG `nightly` is not paused"),
        other => panic!("{other:?}"),
    }
    assert!(client.clock().await.unwrap().simulated);
    assert_eq!(client.set_clock(noon()).await.unwrap().business_now, noon());
    let asked = [
        r#"runs Some("nightly") Some(20)"#.to_owned(),
        "dags None Some(500)".to_owned(),
        format!("log {RUN} train"),
        format!(r#"follow {RUN} train Some("7-3")"#),
        format!(r#"changes Some("{RUN}") None"#),
        r#"trigger nightly {"at":"2013-03-10T12:00:00Z","params":{"days":7}} by the admin"#.to_owned(),
        r#"pause nightly {"note":"new feed","by":"ann"} from 127.0.0.1"#.to_owned(),
    ];
    assert_eq!(server.engine.asked(), asked);
}

#[tokio::test]
async fn pages_of_a_user_interface_are_looked_at() {
    let server = serve().await;
    let client = client(&server, ADMIN);
    let me = client.me().await.unwrap();
    assert_eq!((me.name.as_str(), me.role), ("the admin", Role::Admin));
    assert_eq!(client.overview().await.unwrap().running, [run().summary]);
    let (nightly, page) = (name("nightly"), GridQuery { before: Some(RUN.to_owned()), limit: Some(500) });
    client.grid(&nightly, &page).await.unwrap();
    client.durations(&nightly, &page).await.unwrap();
    client.views(&ViewsQuery { after: Some(name("weather")), limit: None }).await.unwrap();
    let query = FiringsQuery { from: Some(noon()), to: Some(noon()), dag: Some(nightly.clone()) };
    client.firings(&query).await.unwrap();
    let after = AttemptCursor { started_us: 1_362_916_800_000_000, task_run_id: TASK_RUN.to_owned(), fence: 7 };
    let query = AttemptsQuery { task: Name::parse_of_run("score[3]"), after: Some(after), limit: Some(20) };
    client.attempts(RUN, &query).await.unwrap();
    assert!(matches!(client.dag(&nightly).await, Err(Error::NotFound(_))));
    assert!(matches!(client.lineage(RUN).await, Err(Error::NotFound(_))));
    let asked = [
        format!(r#"grid nightly Some("{RUN}") Some(500)"#),
        format!(r#"durations nightly Some("{RUN}") Some(500)"#),
        r#"views Some("weather") None"#.to_owned(),
        r#"firings Some("nightly")"#.to_owned(),
        format!(r#"attempts {RUN} Some("score[3]") Some("1362916800000000.{TASK_RUN}.7") Some(20)"#),
    ];
    assert_eq!(server.engine.asked(), asked);
}

#[tokio::test]
async fn people_control_runs_by_hand_and_are_known_by_where_they_ask_from() {
    let server = serve().await;
    let (client, by) = (client(&server, ADMIN), Some("ann".to_owned()));
    let rerun = RerunRequest { from_failed: true, latest: false, dry_run: false, by: by.clone() };
    assert_eq!(client.rerun(RUN, &rerun).await.unwrap(), again());
    let client = client.of_command_line();
    assert!(matches!(client.rerun(RUN, &RerunRequest::default()).await, Err(Error::Refused(_))));
    assert_eq!(client.clear(RUN, "train", &ClearRequest { dry_run: true, by }).await.unwrap(), again());
    assert!(matches!(client.clear(RUN, "tests", &ClearRequest::default()).await, Err(Error::NotFound(_))));
    let mark = MarkRequest {
        state: MarkWord::Succeeded,
        reason: "done elsewhere".to_owned(),
        outputs: serde_json::Map::from_iter([("rows".to_owned(), 7.into())]),
        by: None,
    };
    let marked = Marked { was: TaskStatus::Running, state: MarkWord::Succeeded };
    assert_eq!(client.mark(RUN, "train", &mark).await.unwrap(), marked);
    assert_eq!(client.why(RUN, &WhyQuery { task: Some(name("judge")) }).await.unwrap(), why());
    let item = Name::parse_of_run("score[3]").unwrap();
    assert_eq!(client.why(RUN, &WhyQuery { task: Some(item) }).await.unwrap(), why());
    let query = ItemsQuery { state: Some(TaskStatus::Failed), from: Some(7), limit: Some(50) };
    assert_eq!(client.items(RUN, "score", &query).await.unwrap().next, Some(57));
    client.log(RUN, "score[3]").await.unwrap();
    let query = AuditQuery { subject: Some("nightly".to_owned()), before: Some(RUN.to_owned()), limit: Some(7) };
    assert!(client.audit(&query).await.unwrap().entries.is_empty());
    let asked = [
        format!(r#"rerun {RUN} {{"from_failed":true,"latest":false,"by":"ann"}} from 127.0.0.1"#),
        format!(r#"rerun {RUN} {{"from_failed":false,"latest":false}} from cli 127.0.0.1"#),
        format!(r#"clear {RUN} train {{"dry_run":true,"by":"ann"}} from cli 127.0.0.1"#),
        format!("clear {RUN} tests {{}} from cli 127.0.0.1"),
        format!(
            r#"mark {RUN} train {{"state":"succeeded","reason":"done elsewhere","outputs":{{"rows":7}}}} from cli 127.0.0.1"#
        ),
        format!(r#"why {RUN} Some("judge")"#),
        format!(r#"why {RUN} Some("score[3]")"#),
        format!(r#"items {RUN} score Some("failed") Some(7) Some(50)"#),
        format!("log {RUN} score[3]"),
        format!(r#"audit Some("nightly") Some("{RUN}") Some(7)"#),
    ];
    assert_eq!(server.engine.asked(), asked);
}

#[tokio::test]
async fn people_move_an_alias_and_read_the_project_and_pieces_of_logs() {
    let server = serve().await;
    let client = client(&server, ADMIN);
    let mut request = MoveAliasRequest {
        version: 2,
        reason: "worse by day".to_owned(),
        expected: Some(3),
        by: Some("ann".to_owned()),
    };
    assert_eq!(client.move_alias(&name("late_arrival"), &name("champion"), &request).await.unwrap(), moved());
    request.expected = Some(4);
    let refused = client.move_alias(&name("late_arrival"), &name("champion"), &request).await;
    assert!(matches!(refused, Err(Error::NotNow(_))), "{refused:?}");
    assert_eq!(client.project().await.unwrap().faults, [fault()]);
    let page = client.project_versions(&ProjectVersionsQuery::default()).await.unwrap();
    let query = ProjectVersionsQuery { before: page.next, limit: Some(2) };
    client.project_versions(&query).await.unwrap();
    assert_eq!(client.files_of_version(&"f".repeat(64)).await.unwrap(), files());
    assert!(matches!(client.project_files().await, Err(Error::NotFound(_))));
    let query = LogQuery { follow: false, fence: Some(FENCE), from: Some(-20), bytes: Some(16) };
    assert_eq!(client.log_slice(RUN, "train", &query).await.unwrap(), slice());
    let asked = [
        r#"move late_arrival champion {"version":2,"reason":"worse by day","expected":3,"by":"ann"} from 127.0.0.1"#
            .to_owned(),
        r#"move late_arrival champion {"version":2,"reason":"worse by day","expected":4,"by":"ann"} from 127.0.0.1"#
            .to_owned(),
        "versions None None".to_owned(),
        format!(r#"versions Some("{}.{}") Some(2)"#, noon().micros, "f".repeat(64)),
        format!("files of {}", "f".repeat(64)),
        format!("slice {RUN} train Some(7) Some(-20) Some(16)"),
    ];
    assert_eq!(server.engine.asked(), asked);
}

#[tokio::test]
async fn refusals_keep_their_kind_and_their_words() {
    let server = serve().await;
    let client = client(&server, ADMIN);
    match client.run("01ARZ3NDEKTSV4RRFFQ69G5FZZ").await {
        Err(Error::NotFound(detail)) => assert_eq!(detail, "there is no run 01ARZ3NDEKTSV4RRFFQ69G5FZZ"),
        other => panic!("{other:?}"),
    }
    match client.cancel(RUN, &CancelRequest::default()).await {
        Err(Error::Refused(detail)) => assert_eq!(detail, format!("run {RUN} has ended")),
        other => panic!("{other:?}"),
    }
    assert!(matches!(client.all_models().await, Err(Error::Unavailable { .. })));
    assert!(matches!(client.health().await, Err(Error::Unavailable { .. })));
    assert!(matches!(self::client(&server, "wrong").run(RUN).await, Err(Error::Refused(_))));
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unavailable() {
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    match Client::new(&format!("http://{free}"), ADMIN).clock().await {
        Err(Error::Unavailable { url, .. }) => assert!(url.contains(&free.port().to_string())),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_id_never_becomes_another_path() {
    let server = serve().await;
    let client = client(&server, ADMIN);
    for id in ["", "..", "../dags", "a/b", "a?b", "a%2fb"] {
        assert!(matches!(client.run(id).await, Err(Error::NotFound(_))), "{id}");
    }
    assert!(server.engine.asked().is_empty());
}

#[tokio::test]
async fn a_worker_of_protocol_1_is_answered_as_it_always_was() {
    let server = serve().await;
    let path = "/api/v1/builds/weather?from=2013-03-01T00:00:00Z&to=2013-03-10T12:00:00Z";
    for token in [ATTEMPT, "token-of-worker"] {
        let answer = server.send("GET", path, &[&format!("authorization: Bearer {token}")], "").await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "[]"));
    }
    let from = Timestamp::parse("2013-03-01T00:00:00Z").unwrap().micros;
    assert_eq!(server.engine.asked(), vec![format!("builds weather {from} {}", noon().micros); 2]);
    assert_eq!(OLDEST_PROTOCOL, 1, "once none of them is taken any more, the route goes");
}
