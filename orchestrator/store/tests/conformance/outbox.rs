//! What happens and who hears it: announced with what happened, dealt with once, and only where somebody listens.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use daybreak_core::{AttemptEnd, Data, Failure, RunStatus, UpdateRule};
use daybreak_protocol::{BuildRecord, RunsQuery, TaskResult, Trigger};
use daybreak_spec::{Match, Span, Spanned, Timestamp, Updated};
use daybreak_store::{
    Database, Deployment, Error, FollowUp, FollowingRun, Happened, Happening, Listened, NewRun, PauseChange,
    ReportedEnd, SeenUpdate, Settle, SourceLook,
};

use crate::stories;
use crate::support::{SECOND, World, at, caller, name, template};

async fn listen(world: &World, listens: Vec<Listened>) {
    let deployment = Deployment {
        project: name("demo"),
        version: "bb".to_owned(),
        root: "/project".to_owned(),
        files: None,
        listens,
        models: Vec::new(),
        found: None,
        limits: Vec::new(),
        dags: vec![daybreak_store::DeployedDag { dag: name("nightly"), cursors: Vec::new() }],
        caller: None,
    };
    world.store.deploy(deployment).await.expect("it deploys");
}

async fn heard(world: &World) -> Vec<Happening> {
    world.store.happenings(&name("demo")).await.expect("happenings")
}

fn fails(retry: bool) -> ReportedEnd {
    let failure = Failure { cause: "task_error".to_owned(), reason: "no rows".to_owned() };
    ReportedEnd::Other(AttemptEnd::Failed { failure, retry })
}

fn follow(made_by: Trigger) -> FollowUp {
    FollowUp::Run(FollowingRun {
        template: Arc::new(template()),
        window_start: None,
        window_end: at(24),
        made_by,
        followed: "something".to_owned(),
    })
}

fn build(as_of: Timestamp, object: &str) -> BuildRecord {
    BuildRecord {
        view: name("carriers"),
        as_of,
        definition_hash: "d".to_owned(),
        object: object.to_owned(),
        rows: 1,
        size_bytes: 1,
    }
}

async fn only_what_somebody_listens_to_is_kept(world: World) {
    let worker = world.worker().await;
    let unheard = world.run().await;
    world.drive(&worker, &unheard).await;
    assert_eq!(heard(&world).await, []);
    listen(&world, vec![Listened::RunEnds(Some(name("other"))), Listened::View(name("carriers"))]).await;
    let unheard = world.run().await;
    world.drive(&worker, &unheard).await;
    assert_eq!(heard(&world).await, []);
    listen(&world, vec![Listened::RunEnds(None)]).await;
    let run = world.run().await;
    world.drive(&worker, &run).await;
    let [Happening { what: Happened::RunEnded { run: of, state, overdue, .. }, .. }] = &heard(&world).await[..] else {
        panic!("one end is heard")
    };
    assert_eq!((&of.id, of.dag.as_str(), of.window_end), (&run, "nightly", at(24)));
    assert_eq!((*state, *overdue), (RunStatus::Succeeded, false));
}

async fn runs_of_a_backfill_are_not_heard(world: World) {
    listen(&world, vec![Listened::RunEnds(None), Listened::Retries(None)]).await;
    let (worker, run) = (world.worker().await, world.run().await);
    world.script(&format!("UPDATE run SET backfill_id = 'b' WHERE run_id = '{run}'")).await.expect("written");
    let task = world.claim_one(&worker).await;
    world.report(&task, fails(true)).await.expect("taken");
    world.store.cancel(run, "enough".to_owned(), caller()).await.expect("cancelled");
    assert_eq!(heard(&world).await, []);
}

async fn a_failure_is_announced_as_it_was_then_and_a_retry_with_its_reason(world: World) {
    listen(&world, vec![Listened::RunEnds(Some(name("nightly"))), Listened::Retries(Some(name("nightly")))]).await;
    let worker = world.worker().await;
    let run = world.run().await;
    let first = world.claim_one(&worker).await;
    world.report(&first, fails(true)).await.expect("taken");
    world.pass(11);
    world.sweep().await;
    let again = world.claim_one(&worker).await;
    world.report(&again, fails(true)).await.expect("taken");
    assert_eq!(world.run_status(&run).await, RunStatus::Failed);
    let heard = heard(&world).await;
    let [retried, ended] = &heard[..] else { panic!("{heard:?}") };
    let Happened::TaskRetried { task, reason, .. } = &retried.what else { panic!("{retried:?}") };
    assert_eq!((task.as_str(), reason.as_str()), ("first", "no rows"));
    let Happened::RunEnded { state, reason, .. } = &ended.what else { panic!("{ended:?}") };
    assert_eq!(*state, RunStatus::Failed);
    assert!(reason.contains("no rows"), "{reason}");
}

async fn a_happening_is_dealt_with_once_whoever_tries(world: World) {
    listen(&world, vec![Listened::RunEnds(None)]).await;
    let worker = world.worker().await;
    let run = world.run().await;
    world.drive(&worker, &run).await;
    let happenings: Vec<String> = heard(&world).await.into_iter().map(|happening| happening.id).collect();
    let epoch = world.lead().await;
    let settle = Settle { happenings, follow_ups: vec![follow(Trigger::After)], epoch };
    let made = world.store.settle(settle.clone()).await.expect("settled");
    assert_eq!(made.len(), 1);
    assert!(matches!(world.store.settle(settle.clone()).await, Err(Error::Conflict { .. })), "its row is gone");
    let stale = Settle { happenings: Vec::new(), epoch: epoch - 1, ..settle };
    assert!(matches!(world.store.settle(stale).await, Err(Error::Conflict { .. })), "somebody else leads");
    assert_eq!(world.run_count().await, 2);
    let summary = world.store.run_summary(&made[0]).await.expect("the run");
    assert_eq!((summary.trigger, summary.followed.as_deref()), (Trigger::After, Some("something")));
    let listed = world.store.runs(&name("demo"), &RunsQuery::default()).await.expect("runs");
    assert_eq!(listed.runs[0].trigger, Trigger::After);
}

async fn runs_that_follow_queue_and_alerts_do_not(world: World) {
    let epoch = world.lead().await;
    let settle = async |follow_ups: Vec<FollowUp>| {
        let made = world.store.settle(Settle { happenings: Vec::new(), follow_ups, epoch }).await.expect("settled");
        let mut states = Vec::new();
        for run in made {
            states.push(world.run_status(&run).await);
        }
        states
    };
    let two = settle(vec![follow(Trigger::After), follow(Trigger::After)]).await;
    assert_eq!(two, [RunStatus::Running, RunStatus::Queued]);
    assert_eq!(settle(vec![follow(Trigger::Alert)]).await, [RunStatus::Running]);
}

async fn a_paused_dag_is_not_run_and_its_updates_are_kept(world: World) {
    let change = PauseChange { project: name("demo"), dag: name("nightly"), caller: caller(), note: None };
    world.store.pause(change.clone()).await.expect("paused");
    let epoch = world.lead().await;
    let update = |data: Data| FollowUp::Update(seen(data, at(24), at(24), at(0)));
    let both = vec![follow(Trigger::Alert), update(view()), update(source())];
    let made = world.store.settle(Settle { happenings: Vec::new(), follow_ups: both, epoch }).await.expect("settled");
    assert_eq!(made, Vec::<String>::new());
    world.store.resume(change).await.expect("resumed");
    let one = vec![update(source())];
    let made = world.store.settle(Settle { happenings: Vec::new(), follow_ups: one, epoch }).await.expect("settled");
    assert_eq!(made.len(), 1, "the view's update was kept");
}

fn view() -> Data {
    Data::View(name("carriers"))
}

fn source() -> Data {
    Data::Source(name("weather"))
}

fn seen(data: Data, as_of: Timestamp, seen_at: Timestamp, counts_from: Timestamp) -> SeenUpdate {
    let declared = Updated {
        span: Span::default(),
        views: vec![Spanned::unplaced(name("carriers"))],
        sources: vec![Spanned::unplaced(name("weather"))],
        matching: Match::All,
        before: None,
        timezone: Spanned::unplaced("UTC".to_owned()),
    };
    let rule = UpdateRule::compile(&declared).expect("a rule");
    SeenUpdate { template: Arc::new(template()), place: 0, rule, data, as_of, seen_at, counts_from }
}

async fn updates_are_collected_and_those_of_another_day_forgotten(world: World) {
    let epoch = world.lead().await;
    let settle = async |update: SeenUpdate| {
        let follow_ups = vec![FollowUp::Update(update)];
        world.store.settle(Settle { happenings: Vec::new(), follow_ups, epoch }).await.expect("settled")
    };
    assert_eq!(settle(seen(view(), at(20), at(21), at(0))).await.len(), 0);
    assert_eq!(settle(seen(source(), at(30), at(30), at(24))).await.len(), 0, "the view's was of the day before");
    assert_eq!(settle(seen(source(), at(31), at(31), at(24))).await.len(), 0, "twice the same is once");
    let waiting = world.store.seen_updates(&name("demo")).await.expect("updates");
    let [update] = &waiting[&(name("nightly"), 0)][..] else { panic!("{waiting:?}") };
    assert_eq!((update.data.as_str(), update.as_of, update.seen_at), ("source:weather", at(31), at(31)));
    let made = settle(seen(view(), at(28), at(32), at(24))).await;
    let run = world.store.run_summary(&made[0]).await.expect("the run");
    assert_eq!((run.window_end, run.trigger), (at(31), Trigger::Update));
    assert_eq!(run.followed.as_deref(), Some("view `carriers`, source `weather` were updated"));
    assert_eq!(settle(seen(source(), at(33), at(33), at(24))).await.len(), 0, "what made a run makes no other");
}

async fn a_build_is_an_update_where_it_is_for_its_runs_instant_and_new(world: World) {
    listen(&world, vec![Listened::View(name("carriers"))]).await;
    let worker = world.worker().await;
    let build_at = async |hours: i64, builds: Vec<BuildRecord>| {
        let run = NewRun { template: template(), window_start: None, window_end: at(hours) };
        world.store.make_run(run).await.expect("made");
        let task = world.claim_one(&worker).await;
        world.succeed_with(&task, TaskResult { builds, ..TaskResult::default() }).await.expect("taken");
        let rest = world.claim(&worker).await;
        for task in rest {
            world.report(&task, fails(false)).await.expect("taken");
        }
    };
    build_at(48, vec![build(at(24), "history"), build(at(48), "one")]).await;
    let as_of = |happening: &Happening| match &happening.what {
        Happened::ViewUpdated { view, as_of } => (view.to_string(), *as_of),
        other => panic!("{other:?}"),
    };
    let first: Vec<_> = heard(&world).await.iter().map(as_of).collect();
    assert_eq!(first, [("carriers".to_owned(), at(48))]);
    build_at(48, vec![build(at(48), "one")]).await;
    build_at(24, vec![build(at(24), "other")]).await;
    assert_eq!(heard(&world).await.len(), 1, "the same bytes, and an older instant, are no news");
    build_at(48, vec![build(at(48), "two")]).await;
    assert_eq!(heard(&world).await.len(), 2, "other bytes of the newest instant are");
}

async fn a_source_is_announced_from_its_second_look_on(world: World) {
    listen(&world, vec![Listened::Source(name("weather"))]).await;
    let epoch = world.lead().await;
    let look = |was: Option<&str>, stamp: &str| SourceLook {
        project: name("demo"),
        source: name("weather"),
        was: was.map(str::to_owned),
        stamp: stamp.to_owned(),
        epoch,
    };
    world.store.look_at_source(look(None, "a")).await.expect("kept");
    assert_eq!(heard(&world).await, []);
    world.store.look_at_source(look(Some("a"), "b")).await.expect("kept");
    assert!(matches!(world.store.look_at_source(look(Some("a"), "b")).await, Err(Error::Conflict { .. })));
    let found = world.store.source_stamp(&name("demo"), &name("weather")).await.expect("read");
    assert_eq!(found.as_deref(), Some("b"));
    let heard = heard(&world).await;
    assert_eq!(heard.len(), 1);
    assert_eq!(heard[0].what, Happened::SourceUpdated { source: name("weather") });
}

stories!(
    only_what_somebody_listens_to_is_kept,
    runs_of_a_backfill_are_not_heard,
    a_failure_is_announced_as_it_was_then_and_a_retry_with_its_reason,
    a_happening_is_dealt_with_once_whoever_tries,
    runs_that_follow_queue_and_alerts_do_not,
    a_paused_dag_is_not_run_and_its_updates_are_kept,
    updates_are_collected_and_those_of_another_day_forgotten,
    a_build_is_an_update_where_it_is_for_its_runs_instant_and_new,
    a_source_is_announced_from_its_second_look_on,
);

const FOLDER: &str = "DAYBREAK_TEST_FOLDER_OF_AN_OUTBOX";

fn database(folder: &std::path::Path) -> Database {
    Database::Sqlite(folder.join("state.db"))
}

/// The process that ends between what has happened and what follows: does nothing unless another test started it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn process_that_ends_over_an_outbox() {
    #[expect(clippy::disallowed_methods, reason = "a test process is told by the one that started it")]
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let world = World::on_database(database(folder.as_ref())).await;
    listen(&world, vec![Listened::RunEnds(None)]).await;
    let (worker, run) = (world.worker().await, world.run().await);
    world.drive(&worker, &run).await;
    let happenings = heard(&world).await.into_iter().map(|happening| happening.id).collect();
    let epoch = world.lead().await;
    fail::cfg_callback("outbox.taken", || std::process::abort()).expect("the point is armed");
    let settle = Settle { happenings, follow_ups: vec![follow(Trigger::After)], epoch };
    world.store.settle(settle).await.expect("it does not get here");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_ends_between_what_has_happened_and_what_follows_leaves_both_to_the_next_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(std::env::current_exe().expect("this process has a path"));
    command.args(["--exact", "outbox::process_that_ends_over_an_outbox", "--nocapture", "--test-threads=1"]);
    command.env(FOLDER, folder.path());
    let output = tokio::task::spawn_blocking(move || command.output()).await.expect("no panic").expect("it starts");
    assert!(output.status.code().is_none(), "not crossed: {}", String::from_utf8_lossy(&output.stdout));
    let now_us = Arc::new(AtomicI64::new((1_700_000_000 + 3_600) * SECOND));
    let world = World::reopened(database(folder.path()), now_us).await;
    let happenings: Vec<String> = heard(&world).await.into_iter().map(|happening| happening.id).collect();
    assert_eq!((happenings.len(), world.run_count().await), (1, 1));
    let epoch = world.lead().await;
    let settle = Settle { happenings, follow_ups: vec![follow(Trigger::After)], epoch };
    assert_eq!(world.store.settle(settle).await.expect("settled").len(), 1);
    assert_eq!((heard(&world).await.len(), world.run_count().await), (0, 2));
}
