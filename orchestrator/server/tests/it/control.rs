//! What people do to runs by hand, with a worker that is told of it; and what keeps a task.

use std::sync::Arc;
use std::time::{Duration, Instant};

use daybreak_core::{RunStatus, TaskStatus, WhyKind};
use daybreak_protocol::{
    Assignment, AuditQuery, ClearRequest, Error as Asked, Held, Identity, MarkRequest, MarkWord, ModelsQuery, Outcome,
    PauseRequest, RerunRequest, Role,
};
use daybreak_server::http::Engine;
use daybreak_server::{Error, Origin, Server};
use serde_json::{Map, json};

use crate::support::{FIRST, FakeWorker, SECOND, World, name, project};

fn mark(state: MarkWord) -> MarkRequest {
    MarkRequest { state, reason: "done elsewhere".to_owned(), outputs: Map::new(), by: Some("ann".to_owned()) }
}

fn from_failed() -> RerunRequest {
    RerunRequest { from_failed: true, by: Some("ann".to_owned()), ..RerunRequest::default() }
}

fn cli() -> Origin {
    Origin::cli()
}

fn held(task: &Assignment) -> Held {
    Held { task_run_id: task.task_run_id.clone(), fence: task.fence }
}

/// The first night, whose `train` failed while `publish` did its work; its run.
async fn failed_night(world: &World, worker: &FakeWorker) -> String {
    world.advance(FIRST).await;
    let features = worker.take("features").await;
    worker.succeed(&features).await;
    let mut tasks = worker.poll().await;
    while tasks.len() < 2 {
        tasks.extend(worker.poll().await);
    }
    for task in &tasks {
        match task.task.as_str() {
            "train" => worker.fail(task, false).await,
            _ => worker.succeed(task).await,
        }
    }
    let run = world.server.wait_run(&features.run_id).await.expect("the run");
    assert_eq!(run.state, RunStatus::Failed);
    run.id
}

async fn kind_of(server: &Arc<Server>, run: &str, task: &str) -> (WhyKind, String) {
    let told = server.why(run, Some(&name(task))).await.expect("the task");
    let [only] = told.tasks.as_slice() else { panic!("{told:?}") };
    (only.why.kind, only.why.words.clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_night_runs_again_from_its_failed_tasks_in_the_version_it_was_made_from() {
    let world = World::new().await;
    let worker = world.worker().await;
    let run = failed_night(&world, &worker).await;
    let first_version = world.server.rerun(&run, from_failed(), &cli()).await.expect("it has ended");
    assert!(first_version.version_is_current);
    assert_eq!(first_version.tasks, [name("judge"), name("promote"), name("train")]);
    let train = worker.take("train").await;
    assert_eq!(train.project_hash, first_version.version);
    worker.fail(&train, false).await;
    world.server.wait_run(&run).await.expect("the run");
    let mut changed = crate::support::nights();
    changed["overlap"] = json!("skip");
    world.server.deploy(&project(changed).into(), world.folder.path()).await.expect("it deploys");
    let again = world.server.rerun(&run, from_failed(), &cli()).await.expect("it has ended");
    assert_eq!((again.version_is_current, &again.version), (false, &first_version.version), "its own is pinned");
    worker.finish(&world.server, &run).await;
    assert_eq!(world.server.wait_run(&run).await.expect("the run").state, RunStatus::Succeeded);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_tells_what_would_run_again_and_starts_nothing() {
    let world = World::new().await;
    let worker = world.worker().await;
    let run = failed_night(&world, &worker).await;
    let audited = world.server.audit(&AuditQuery::default()).await.expect("the audit").entries.len();
    let dry = |request: RerunRequest| RerunRequest { dry_run: true, ..request };
    let failed = world.server.rerun(&run, dry(from_failed()), &cli()).await.expect("it has ended");
    assert_eq!(failed.tasks, [name("judge"), name("promote"), name("train")]);
    let latest = RerunRequest { latest: true, ..RerunRequest::default() };
    let anew = world.server.rerun(&run, dry(latest), &cli()).await.expect("it has ended");
    assert_eq!((anew.tasks.len(), &anew.run_id), (5, &run), "there is no new run");
    let judge = ClearRequest { dry_run: true, by: None };
    let cleared = world.server.clear(&run, &name("publish"), judge, &cli()).await.expect("it has ended");
    assert_eq!(cleared.tasks, [name("promote"), name("publish")]);
    assert_eq!(world.runs().await.len(), 1);
    assert_eq!(world.server.wait_run(&run).await.expect("the run").state, RunStatus::Failed);
    assert_eq!(world.server.audit(&AuditQuery::default()).await.expect("the audit").entries.len(), audited);
    let again = world.server.rerun(&run, from_failed(), &cli()).await.expect("it has ended");
    assert_eq!(again, failed, "as it said");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_again_in_the_live_version_is_a_new_run_of_the_same_instant() {
    let world = World::new().await;
    let worker = world.worker().await;
    let latest = || RerunRequest { latest: true, ..RerunRequest::default() };
    world.advance(FIRST).await;
    let runs = Engine::runs(&*world.server, daybreak_protocol::RunsQuery::default()).await.expect("runs").runs;
    let first = world.server.run_detail(&runs[0].id).await.expect("the run").summary;
    let refused = world.server.rerun(&first.id, latest(), &cli()).await;
    assert!(refused.expect_err("it goes on").to_string().contains("has not ended") || first.state.is_terminal());
    worker.finish(&world.server, &first.id).await;
    let mut changed = crate::support::nights();
    changed["overlap"] = json!("skip");
    let applied = world.server.deploy(&project(changed).into(), world.folder.path()).await.expect("it deploys");
    let both = RerunRequest { from_failed: true, ..latest() };
    assert!(matches!(world.server.rerun(&first.id, both, &cli()).await, Err(Error::Refused(_))));
    let again = world.server.rerun(&first.id, latest(), &cli()).await.expect("it has ended");
    assert_eq!((&again.version, again.version_is_current, again.tasks.len()), (&applied.version, true, 5));
    let second = world.server.run_detail(&again.run_id).await.expect("the run").summary;
    assert_ne!(second.id, first.id);
    assert_eq!((second.scheduled_for, second.window_start), (first.scheduled_for, first.window_start));
    assert_eq!(worker.take("features").await.project_hash, applied.version);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cleared_success_trains_and_promotes_again() {
    let world = World::new().await;
    let worker = world.worker().await;
    world.advance(FIRST).await;
    let run =
        Engine::runs(&*world.server, daybreak_protocol::RunsQuery::default()).await.expect("runs").runs[0].id.clone();
    worker.finish(&world.server, &run).await;
    let cleared = world.server.clear(&run, &name("features"), ClearRequest::default(), &cli()).await.expect("it ended");
    assert_eq!(cleared.tasks.len(), 5);
    worker.finish(&world.server, &run).await;
    assert_eq!(world.server.wait_run(&run).await.expect("the run").state, RunStatus::Succeeded);
    let models = Engine::models(&*world.server, ModelsQuery::default()).await.expect("models").models;
    assert_eq!((models[0].versions, models[0].aliases["champion"]), (1, 1), "the same bytes are the same version");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_marked_task_is_taken_from_its_worker_at_once_and_the_others_go_on() {
    let world = World::new().await;
    world.advance(FIRST).await;
    let (worker, other) = (world.worker().await, world.worker().await);
    let features = worker.take("features").await;
    let (run, server) = (features.run_id.clone(), world.server.clone());
    let marking = async {
        let features = name("features");
        server.mark(&run, &features, mark(MarkWord::Succeeded), &cli()).await.expect("it runs")
    };
    let begun = Instant::now();
    let (told, marked) = tokio::join!(worker.cancelled(&[]), marking);
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    assert_eq!((told, marked.was), (vec![held(&features)], TaskStatus::Running));
    assert_eq!(worker.cancelled(&[held(&features)]).await, [], "it is told once");
    assert_eq!(other.cancelled_within(&[], 100).await, [], "other workers are not");
    assert_eq!(worker.beat(&[&features]).await.revoked, [held(&features)], "who missed it is told by the heartbeat");
    let late = worker.report(&features, Outcome::Cancelled).await;
    assert!(matches!(late, Err(Asked::StaleAttempt)), "{late:?}");
    let mut ready: Vec<_> = other.poll().await.iter().map(|task| task.task.to_string()).collect();
    ready.sort();
    assert_eq!(ready, ["publish", "train"]);
    assert_eq!(Engine::log(&*server, &run, &name("features")).await.expect("its log").attempts.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mark_says_who_and_why_and_takes_outputs_only_of_a_success() {
    let world = World::new().await;
    world.advance(FIRST).await;
    let worker = world.worker().await;
    let features = worker.take("features").await;
    let with_outputs = |state| MarkRequest { outputs: Map::from_iter([("x".to_owned(), json!(1))]), ..mark(state) };
    let mark_features = async |request| world.server.mark(&features.run_id, &name("features"), request, &cli()).await;
    let refused = mark_features(with_outputs(MarkWord::Skipped)).await;
    assert!(matches!(&refused, Err(Error::Refused(why)) if why.contains("leave them out")), "{refused:?}");
    let huge = Map::from_iter([("x".to_owned(), json!("x".repeat(66_000)))]);
    let refused = mark_features(MarkRequest { outputs: huge, ..mark(MarkWord::Succeeded) }).await;
    assert!(matches!(&refused, Err(Error::Refused(why)) if why.contains("at most 65536")), "{refused:?}");
    mark_features(mark(MarkWord::Failed)).await.expect("it runs");
    let run = world.server.wait_run(&features.run_id).await.expect("the run");
    assert_eq!(run.reason.as_deref(), Some("task `features` failed: marked by this process (ann): done elsewhere"));
    let again = mark_features(mark(MarkWord::Succeeded)).await;
    assert!(matches!(&again, Err(Error::Refused(why)) if why.contains("daybreak clear")), "{again:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_runs_and_tasks_are_not_found_by_any_action() {
    let world = World::new().await;
    world.advance(FIRST).await;
    let run =
        Engine::runs(&*world.server, daybreak_protocol::RunsQuery::default()).await.expect("runs").runs[0].id.clone();
    let (server, unknown) = (&world.server, "01ARZ3NDEKTSV4RRFFQ69G5FAV");
    let task = name("features");
    assert!(matches!(server.rerun(unknown, from_failed(), &cli()).await, Err(Error::NotFound(_))));
    assert!(matches!(server.clear(unknown, &task, ClearRequest::default(), &cli()).await, Err(Error::NotFound(_))));
    assert!(matches!(server.mark(unknown, &task, mark(MarkWord::Failed), &cli()).await, Err(Error::NotFound(_))));
    assert!(matches!(server.why(unknown, None).await, Err(Error::NotFound(_))));
    let task = name("feature");
    let has = |why: &str| why.contains("it has features, judge, promote, publish, train");
    let cleared = server.clear(&run, &task, ClearRequest::default(), &cli()).await;
    assert!(matches!(&cleared, Err(Error::NotFound(why)) if has(why)), "{cleared:?}");
    let marked = server.mark(&run, &task, mark(MarkWord::Failed), &cli()).await;
    assert!(matches!(&marked, Err(Error::NotFound(why)) if has(why)), "{marked:?}");
    let why = server.why(&run, Some(&task)).await;
    assert!(matches!(&why, Err(Error::NotFound(why)) if has(why)), "{why:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_task_says_what_keeps_it() {
    let world = World::new().await;
    world.advance(SECOND).await;
    let runs = Engine::runs(&*world.server, daybreak_protocol::RunsQuery::default()).await.expect("runs").runs;
    let (second, first) = (runs[0].id.clone(), runs[1].id.clone());
    let server = &world.server;
    assert_eq!(kind_of(server, &first, "features").await.0, WhyKind::NoWorker);
    let (kind, words) = kind_of(server, &second, "features").await;
    let behind = format!("waits: its run is queued behind run {first}, which is running");
    assert_eq!((kind, words), (WhyKind::RunQueued, behind));
    let worker = world.worker().await;
    let features = worker.take("features").await;
    let (kind, words) = kind_of(server, &first, "judge").await;
    assert_eq!(kind, WhyKind::WaitsForTasks);
    assert_eq!(words, "waits for `train` (waiting); behind that `features` (running)");
    let note = PauseRequest { note: Some("new feed".to_owned()), by: Some("ann".to_owned()) };
    server.pause("nightly", note, &cli()).await.expect("it is paused");
    worker.fail(&features, false).await;
    server.wait_run(&first).await.expect("the run");
    let told = server.why(&first, None).await.expect("the run");
    let kinds: Vec<_> = told.run.iter().map(|why| why.kind).collect();
    assert_eq!((kinds, told.tasks.len()), (vec![WhyKind::Failed, WhyKind::DagPaused], 5));
    assert!(told.run[1].words.contains("by this process (ann): new feed"), "{told:?}");
    assert_eq!(told.tasks[0].task, name("features"), "parents before children");
    let words = "was left out because `features`, which it needs, failed: no rows";
    assert_eq!(kind_of(server, &first, "judge").await, (WhyKind::UpstreamFailed, words.to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_done_is_kept_with_who_and_from_where() {
    let world = World::new().await;
    let worker = world.worker().await;
    let run = failed_night(&world, &worker).await;
    let ci = Identity { token_id: Some("01ID".to_owned()), name: "ci".to_owned(), role: Role::Operator };
    let remote = Origin::remote(Some(ci), Some([10, 0, 0, 7].into()), false);
    world.server.rerun(&run, from_failed(), &remote).await.expect("it has ended");
    let nameless = MarkRequest { by: None, ..mark(MarkWord::Skipped) };
    world.server.mark(&run, &name("train"), nameless, &cli()).await.expect("it has not ended");
    let of_run = AuditQuery { subject: Some(run.clone()), ..AuditQuery::default() };
    let entries = world.server.audit(&of_run).await.expect("the audit").entries;
    let told: Vec<_> = entries
        .iter()
        .map(|entry| {
            let text = |text: &Option<String>| text.clone().unwrap_or_default();
            (entry.action.as_str(), text(&entry.by), text(&entry.token_id), text(&entry.said), text(&entry.from))
        })
        .collect();
    let entry = |action, [by, token, said, from]: [&str; 4]| {
        (action, by.to_owned(), token.to_owned(), said.to_owned(), from.to_owned())
    };
    let marked = entry("mark", ["this process", "", "", "cli"]);
    assert_eq!(told, [marked, entry("rerun", ["ci", "01ID", "ann", "10.0.0.7"])], "{entries:?}");
    let refused = world.server.mark(&run, &name("publish"), mark(MarkWord::Failed), &cli()).await;
    assert!(matches!(refused, Err(Error::Refused(_))), "{refused:?}");
    assert_eq!(world.server.audit(&of_run).await.expect("the audit").entries.len(), 2, "what was refused is not done");
}
