//! How things stand: what needs somebody, what goes on, what is live; feature views with their builds and publications.

use std::collections::BTreeMap;
use std::sync::Arc;

use daybreak_core::{OnReject, Takes, WorkerIdentity};
use daybreak_protocol::{AliasMove, Attention, BuildRecord, MintPublication, NewModelVersion, TaskResult};
use daybreak_spec::{Placement, TriggerRule};
use daybreak_store::{Again, DeployedCursor, DeployedDag, Deployment, NewRun, NewWorker, ReportedEnd, Standings};

use crate::semantics::{failed, start, tasks};
use crate::support::{LEASE_US, SECOND, World, at, caller, fan, name, template};
use crate::waits::{approval, long_lived, waits};

crate::stories! {
    runs_that_go_on_are_counted_and_shown_newest_first,
    a_dag_whose_newest_ended_run_failed_needs_somebody,
    a_run_past_its_deadline_needs_somebody_until_it_ends,
    a_task_that_waits_for_a_decision_needs_somebody_until_it_is_decided,
    tasks_that_no_worker_takes_need_somebody,
    an_alias_tells_since_when_it_points_there_and_who_moved_it,
    the_publication_in_service_is_of_the_newest_instant_and_of_no_failed_attempt,
    a_view_has_its_newest_build_and_how_many_there_are,
    what_reading_a_project_found_stays_with_its_version,
}

async fn standings(world: &World) -> Standings {
    world.store.standings(&name("demo")).await.expect("it reads")
}

async fn attention(world: &World) -> Vec<Attention> {
    standings(world).await.attention
}

async fn runs_that_go_on_are_counted_and_shown_newest_first(world: World) {
    let worker = world.worker().await;
    let ended = world.run().await;
    world.drive(&worker, &ended).await;
    let (first, second) = (world.run().await, world.run().await);
    let found = standings(&world).await;
    let ids: Vec<&str> = found.running.iter().map(|run| run.id.as_str()).collect();
    assert_eq!((ids, found.active_runs), (vec![&*second, &*first], 2));
    assert_eq!(found.attention, []);
}

async fn a_dag_whose_newest_ended_run_failed_needs_somebody(world: World) {
    let worker = world.worker().await;
    let mut once = tasks(&[("only", &[], TriggerRule::default())]);
    once.tasks[0].retry.attempts = 1;
    let run = start(&world, once).await;
    let only = world.claim_one(&worker).await;
    world.report(&only, failed()).await.expect("it holds the task");
    let going_on = world.run().await;
    let [Attention::FailedRun { dag, run_id, reason, .. }] = &attention(&world).await[..] else { panic!("one failed") };
    assert_eq!((dag.as_str(), run_id, reason.as_str()), ("nightly", &run, "task `only` failed: no rows"));
    world.store.cancel(going_on, "enough".to_owned(), caller()).await.expect("it runs");
    assert_eq!(attention(&world).await, [], "somebody has had to do with the DAG since");
    world.store.rerun(run.clone(), Again::Everything, caller()).await.expect("it has ended");
    world.drive(&worker, &run).await;
    assert_eq!(attention(&world).await, []);
}

async fn a_run_past_its_deadline_needs_somebody_until_it_ends(world: World) {
    let worker = long_lived(&world).await;
    let mut late = template();
    late.deadline_us = Some(60 * SECOND);
    let run = start(&world, late).await;
    let first = world.claim_one(&worker).await;
    world.pass(59);
    assert_eq!(attention(&world).await, []);
    world.pass(1);
    let overdue = |found: Vec<Attention>| match &found[..] {
        [Attention::OverdueRun { run_id, .. }] => Some(run_id.clone()),
        _ => None,
    };
    assert_eq!(overdue(attention(&world).await).as_ref(), Some(&run), "before the sweep has seen it");
    assert_eq!(world.sweep().await.overdue, 1);
    assert_eq!(overdue(attention(&world).await).as_ref(), Some(&run), "while its tasks are being ended");
    let end = ReportedEnd::Other(daybreak_core::AttemptEnd::Cancelled);
    world.report(&first, end).await.expect("it was asked to end");
    assert!(matches!(&attention(&world).await[..], [Attention::FailedRun { .. }]));
}

async fn a_task_that_waits_for_a_decision_needs_somebody_until_it_is_decided(world: World) {
    let worker = long_lived(&world).await;
    let (run, _) = waits(&world, &worker, approval(OnReject::Fail)).await;
    let [Attention::Approval { dag, run_id, task, since, until, words }] = &attention(&world).await[..] else {
        panic!("one waits")
    };
    assert_eq!((dag.as_str(), run_id, task.as_str(), *until), ("nightly", &run, "ask", None));
    assert!(since.is_some() && words.contains("the new model"), "{words}");
    world.store.cancel(run, "enough".to_owned(), caller()).await.expect("it runs");
    assert_eq!(attention(&world).await, []);
}

async fn registers(world: &World, queue: &str) -> WorkerIdentity {
    let takes = Takes { queues: Some([name(queue)].into()), ..Takes::default() };
    let worker = NewWorker {
        label: "apart".to_owned(),
        version: "0".to_owned(),
        server_id: None,
        host: "there".to_owned(),
        takes,
        slots: (8, 8),
        lease_us: LEASE_US,
    };
    world.store.register(worker).await.expect("it registers")
}

async fn tasks_that_no_worker_takes_need_somebody(world: World) {
    registers(&world, "default").await;
    let mut placed = fan(3);
    for task in &mut placed.tasks[..2] {
        task.placement = Arc::new(Placement::parse("gpu model=a100").expect("a placement"));
    }
    let run = NewRun { template: placed, window_start: None, window_end: at(24) };
    world.store.make_run(run).await.expect("it starts");
    let [Attention::QueueWithoutWorker { queue, labels, ready, since }] = &attention(&world).await[..] else {
        panic!("one queue")
    };
    assert_eq!((queue.as_str(), labels.len(), *ready, since.is_some()), ("gpu", 1, 2, true));
    world
        .store
        .register(NewWorker {
            label: "everything".to_owned(),
            version: "0".to_owned(),
            server_id: None,
            host: "there".to_owned(),
            takes: Takes { queues: None, labels: Placement::parse("x model=a100").expect("a placement").labels },
            slots: (8, 8),
            lease_us: LEASE_US,
        })
        .await
        .expect("it registers");
    assert_eq!(attention(&world).await, []);
}

fn trained() -> TaskResult {
    let version = NewModelVersion {
        model: name("late"),
        object: "m1".to_owned(),
        as_of: at(24),
        fit_from: at(0),
        fit_to: at(20),
        rows: 1000,
        metrics: BTreeMap::from([("auc".to_owned(), 0.7)]),
    };
    TaskResult { model_version: Some(version), ..TaskResult::default() }
}

fn promoted(hours: i64) -> TaskResult {
    let alias_move = AliasMove { model: name("late"), alias: "champion".to_owned(), version: 1, as_of: at(hours) };
    TaskResult { alias_move: Some(alias_move), ..TaskResult::default() }
}

/// A fresh run whose first task leaves this behind.
async fn leave(world: &World, worker: &WorkerIdentity, result: TaskResult) -> String {
    let run = world.run().await;
    let task = world.claim_one(worker).await;
    world.succeed_with(&task, result).await.expect("it holds the task");
    world.store.cancel(run.clone(), "enough".to_owned(), caller()).await.expect("it runs");
    run
}

async fn an_alias_tells_since_when_it_points_there_and_who_moved_it(world: World) {
    let worker = long_lived(&world).await;
    assert_eq!(standings(&world).await.live, []);
    let trainer = leave(&world, &worker, trained()).await;
    leave(&world, &worker, promoted(24)).await;
    world.pass(60);
    let mover = leave(&world, &worker, promoted(48)).await;
    leave(&world, &worker, promoted(36)).await;
    let live = standings(&world).await.live;
    let [alias] = &live[..] else { panic!("one: {live:?}") };
    assert_eq!((alias.model.as_str(), alias.alias.as_str(), alias.version), ("late", "champion", 1));
    assert_eq!(
        (alias.run_id.as_ref(), &alias.trained_by),
        (Some(&mover), &trainer),
        "a move that was refused moves none"
    );
    assert_eq!((alias.since.micros / SECOND, alias.metrics["auc"]), (1_700_000_060, 0.7));
}

/// A publication of a view at an instant by the next task, which then ends so.
async fn publish(world: &World, worker: &WorkerIdentity, (view, hours): (&str, i64), end: ReportedEnd) -> i64 {
    let run = world.run().await;
    let task = world.claim_one(worker).await;
    let mint = MintPublication {
        task_run_id: task.task_run_id.clone(),
        fence: task.fence,
        view: name(view),
        as_of: at(hours),
    };
    let number = world.store.mint_publication(mint).await.expect("it holds the task");
    world.report(&task, end).await.expect("it holds the task");
    if !world.run_status(&run).await.is_terminal() {
        world.store.cancel(run, "enough".to_owned(), caller()).await.expect("it runs");
    }
    number
}

async fn the_publication_in_service_is_of_the_newest_instant_and_of_no_failed_attempt(world: World) {
    let worker = long_lived(&world).await;
    let done = || ReportedEnd::Succeeded(Box::default());
    publish(&world, &worker, ("weather", 48), done()).await;
    let again = publish(&world, &worker, ("weather", 48), done()).await;
    publish(&world, &worker, ("weather", 24), done()).await;
    publish(&world, &worker, ("weather", 72), failed()).await;
    let other = publish(&world, &worker, ("prices", 24), done()).await;
    let found = standings(&world).await.publications;
    let shown: Vec<_> = found.iter().map(|(view, one)| (view.as_str(), one.number, one.as_of)).collect();
    assert_eq!(shown, [("prices", other, at(24)), ("weather", again, at(48))]);
    let views = world.store.recorded_views(&name("demo")).await.expect("views");
    assert_eq!(views[&name("weather")].publication, found.get(&name("weather")).cloned());
}

async fn a_view_has_its_newest_build_and_how_many_there_are(world: World) {
    let worker = long_lived(&world).await;
    let build = |view: &str, hours, object: &str| BuildRecord {
        view: name(view),
        as_of: at(hours),
        definition_hash: "def".to_owned(),
        object: object.to_owned(),
        rows: 3,
        size_bytes: 100,
    };
    let builds = vec![build("weather", 24, "b1"), build("weather", 48, "b2"), build("prices", 24, "p1")];
    leave(&world, &worker, TaskResult { builds, ..TaskResult::default() }).await;
    let builds = vec![build("weather", 48, "changed"), build("weather", 12, "b0")];
    leave(&world, &worker, TaskResult { builds, ..TaskResult::default() }).await;
    let views = world.store.recorded_views(&name("demo")).await.expect("views");
    let weather = &views[&name("weather")];
    assert_eq!((weather.latest_build.as_ref(), weather.builds), (Some(&build("weather", 48, "changed")), 3));
    assert_eq!((views[&name("prices")].builds, views.len()), (1, 2));
}

async fn what_reading_a_project_found_stays_with_its_version(world: World) {
    let cursor = world.store.cursors(&name("demo")).await.expect("cursors")[&(name("nightly"), 0)];
    let deploy = async |version: &str, found: Option<&str>| {
        let cursors = vec![DeployedCursor { was: Some(cursor), to: cursor }];
        let deployment = Deployment {
            project: name("demo"),
            version: version.to_owned(),
            root: "/project".to_owned(),
            files: None,
            models: Vec::new(),
            found: found.map(str::to_owned),
            limits: Vec::new(),
            listens: Vec::new(),
            dags: vec![DeployedDag { dag: name("nightly"), cursors }],
            caller: None,
        };
        world.store.deploy(deployment).await.expect("it deploys");
        world.store.current_project().await.expect("it reads").expect("deployed").found
    };
    assert_eq!(deploy("bb", Some("{}")).await.as_deref(), Some("{}"));
    assert_eq!(deploy("cc", None).await, None);
    assert_eq!(deploy("bb", None).await.as_deref(), Some("{}"), "who has not read files takes nothing away");
}
