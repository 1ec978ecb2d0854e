//! Queues and labels: a worker is given what it takes and nothing else, and tasks of others cost it nothing. Workers that go.

use std::sync::Arc;
use std::time::Instant;

use daybreak_core::{Takes, TaskStatus, WhyKind, WorkerIdentity, why};
use daybreak_protocol::{QueueView, WorkerState, WorkersQuery};
use daybreak_spec::{Labels, Placement};
use daybreak_store::{Claim, ClaimedTask, Error, LimitShare, NewRun, NewWorker, RunTemplate, TaskTemplate};

use crate::support::{LEASE_US, World, at, fan, name, not_yet};

const ALL: WorkersQuery = WorkersQuery { before: None, limit: None };

crate::stories! {
    a_worker_is_given_what_it_takes_and_waits_for_the_rest,
    ranks_decide_between_the_queues_of_one_worker,
    a_task_that_a_limit_lets_in_goes_to_a_worker_of_its_queue,
    items_of_a_list_stand_in_the_queue_of_their_task,
    a_worker_is_never_given_more_than_it_said_it_can_hold,
    a_queue_without_a_worker_is_shown_and_told,
    a_worker_that_leaves_gives_back_what_it_had_and_is_charged_nothing,
    a_hundred_thousand_tasks_of_another_queue_cost_a_claim_nothing,
    workers_that_could_not_be_heard_get_a_whole_lease_when_somebody_leads_again,
}

fn place(text: &str) -> Placement {
    Placement::parse(text).expect("a placement")
}

fn takes(queues: &[&str], labels: &str) -> Takes {
    let labels = if labels.is_empty() { Labels::new() } else { place(&format!("x {labels}")).labels };
    Takes { queues: Some(queues.iter().map(|queue| name(queue)).collect()), labels }
}

/// Light tasks that need nothing, in these places.
fn placed(places: &[&str]) -> RunTemplate {
    let mut template = fan(places.len());
    for (task, text) in template.tasks.iter_mut().zip(places) {
        task.placement = Arc::new(place(text));
    }
    template
}

async fn start(world: &World, template: RunTemplate) -> String {
    let run = NewRun { template, window_start: None, window_end: at(24) };
    world.store.make_run(run).await.expect("it starts")
}

async fn worker(world: &World, takes: Takes) -> WorkerIdentity {
    sized(world, takes, (8, 8)).await
}

/// In a process of its own.
async fn sized(world: &World, takes: Takes, slots: (u32, u32)) -> WorkerIdentity {
    let worker = NewWorker {
        label: "apart".to_owned(),
        version: "0".to_owned(),
        server_id: None,
        host: "there".to_owned(),
        takes,
        slots,
        lease_us: LEASE_US,
    };
    world.store.register(worker).await.expect("it registers")
}

fn names(tasks: &[ClaimedTask]) -> Vec<&str> {
    tasks.iter().map(|task| task.task.as_str()).collect()
}

async fn nothing_for(world: &World, worker: &WorkerIdentity) {
    let claim = Claim { worker: worker.clone(), free_light: 8, free_heavy: 8 };
    not_yet(&mut Box::pin(world.store.claim(claim))).await;
}

async fn a_worker_is_given_what_it_takes_and_waits_for_the_rest(world: World) {
    let (plain, gpu) =
        (worker(&world, takes(&["default"], "")).await, worker(&world, takes(&["gpu"], "model=a100")).await);
    let claim = Claim { worker: gpu.clone(), free_light: 8, free_heavy: 8 };
    let mut asking = Box::pin(world.store.claim(claim));
    not_yet(&mut asking).await;
    start(&world, placed(&["default", "gpu model=a100", "gpu", "gpu model=h100", "etl"])).await;
    let given = asking.await.expect("it is known");
    assert_eq!(names(&given), ["task_1", "task_2"], "handed out in the commit that made them ready");
    nothing_for(&world, &gpu).await;
    assert_eq!(names(&world.claim(&plain).await), ["task_0"]);
    nothing_for(&world, &plain).await;
    let other = worker(&world, takes(&["etl", "gpu"], "model=h100 zone=eu")).await;
    assert_eq!(names(&world.claim(&other).await), ["task_3", "task_4"], "one that comes later finds what waits");
    let all = worker(&world, Takes::default()).await;
    nothing_for(&world, &all).await;
}

async fn ranks_decide_between_the_queues_of_one_worker(world: World) {
    start(&world, placed(&["b", "b", "b"])).await;
    world.pass(1);
    start(&world, placed(&["a", "a"])).await;
    let both = sized(&world, takes(&["a", "b"], ""), (4, 0)).await;
    let given = world.claim(&both).await;
    assert_eq!(names(&given), ["task_0", "task_1", "task_2", "task_0"], "the older run first");
    let placements = given.iter().filter(|task| task.run_id == given[0].run_id).count();
    assert_eq!(placements, 3);
}

async fn a_task_that_a_limit_lets_in_goes_to_a_worker_of_its_queue(world: World) {
    let mut template = placed(&["default", "etl"]);
    for task in &mut template.tasks {
        task.limits = vec![LimitShare { limit: name("gpu"), slots: 2, key: None }];
    }
    start(&world, template).await;
    let (plain, etl) = (worker(&world, takes(&["default"], "")).await, worker(&world, takes(&["etl"], "")).await);
    let first = world.claim_one(&plain).await;
    nothing_for(&world, &etl).await;
    world.succeed(&first).await.expect("it holds the task");
    nothing_for(&world, &plain).await;
    assert_eq!(names(&world.claim(&etl).await), ["task_1"]);
}

async fn items_of_a_list_stand_in_the_queue_of_their_task(world: World) {
    let list = daybreak_spec::Node::from_json(serde_json::json!(["a", "b"]));
    let mut template = placed(&["gpu model=a100"]);
    template.tasks[0] = TaskTemplate {
        for_each: Some(Arc::new(daybreak_spec::ForEach { list, max_parallel: Some(1) })),
        ..template.tasks[0].clone()
    };
    start(&world, template).await;
    nothing_for(&world, &worker(&world, takes(&["default", "gpu"], "")).await).await;
    let gpu = worker(&world, takes(&["gpu"], "model=a100")).await;
    let item = world.claim_one(&gpu).await;
    let another = world.open_another().await;
    another
        .report(item.task_run_id.clone(), item.fence, daybreak_store::ReportedEnd::Succeeded(Box::default()), (1, 1))
        .await
        .expect("a store that has read it anew knows its place too");
    let claim = Claim { worker: gpu, free_light: 8, free_heavy: 0 };
    assert_eq!(names(&another.claim(claim).await.expect("it is known")), ["task_0[1]"]);
}

async fn a_worker_is_never_given_more_than_it_said_it_can_hold(world: World) {
    start(&world, fan(7)).await;
    let small = sized(&world, Takes::default(), (2, 0)).await;
    let claim = Claim { worker: small.clone(), free_light: u32::MAX, free_heavy: u32::MAX };
    let given = world.store.claim(claim.clone()).await.expect("it is known");
    assert_eq!(given.len(), 2);
    let waits = sized(&world, Takes::default(), (3, 0)).await;
    world.claim(&waits).await;
    world.claim(&waits).await;
    let mut asking = Box::pin(world.store.claim(claim));
    not_yet(&mut asking).await;
    start(&world, fan(7)).await;
    assert_eq!(asking.await.expect("it is known").len(), 2, "of what a commit makes ready, too");
}

async fn a_queue_without_a_worker_is_shown_and_told(world: World) {
    let run = start(&world, placed(&["default", "gpu model=a100"])).await;
    let plain = worker(&world, takes(&["default"], "zone=eu")).await;
    let first = world.claim_one(&plain).await;
    let declared = [place("default"), place("gpu model=a100"), place("etl")];
    let queues = world.store.queues(&declared).await.expect("queues");
    let shown: Vec<(String, u64, u64, u64)> =
        queues.iter().map(|queue| (queue.queue.to_string(), queue.ready, queue.running, queue.workers)).collect();
    let expected = [("default", 0, 1, 1), ("etl", 0, 0, 0), ("gpu", 1, 0, 0)];
    assert_eq!(shown, expected.map(|(queue, ready, running, workers)| (queue.to_owned(), ready, running, workers)));
    assert!(matches!(&queues[2], QueueView { waits_since: Some(_), labels, .. } if labels.len() == 1));
    let standing = world.store.standing(&run).await.expect("the run");
    let told = why(&standing.run, "task_1", false, &standing.around).expect("the task");
    assert!(told.kind == WhyKind::NoWorker && told.words.contains("queue `gpu` (labels model=a100)"), "{told:?}");
    let told = why(&standing.run, "task_0", false, &standing.around).expect("the task");
    assert_eq!(told.kind, WhyKind::Running);
    let workers = world.store.workers(&ALL).await.expect("workers").workers;
    assert_eq!((workers.len(), workers[0].state, workers[0].host.as_str()), (1, WorkerState::Working, "there"));
    assert_eq!((workers[0].light_slots, workers[0].running[0].task.as_str()), (8, "task_0"));
    world.store.beat(plain.clone(), LEASE_US, true).await.expect("it is known");
    assert_eq!(world.store.workers(&ALL).await.expect("workers").workers[0].state, WorkerState::Draining);
    assert_eq!(world.store.queues(&[]).await.expect("queues")[0].workers, 0, "it takes no more");
    world.pass(LEASE_US / 1_000_000 + 1);
    assert_eq!(world.store.workers(&ALL).await.expect("workers").workers[0].state, WorkerState::Lost);
    assert_eq!(first.task.as_str(), "task_0");
}

async fn a_worker_that_leaves_gives_back_what_it_had_and_is_charged_nothing(world: World) {
    let run = start(&world, fan(1)).await;
    let leaves = worker(&world, Takes::default()).await;
    let held = world.claim_one(&leaves).await;
    world.store.leave(leaves.clone()).await.expect("it goes");
    assert_eq!(world.task_status(&run, "task_0").await, TaskStatus::Ready);
    assert!(world.store.workers(&ALL).await.expect("workers").workers.is_empty());
    assert!(matches!(world.succeed(&held).await, Err(Error::Stale)));
    let beat = world.store.beat(leaves.clone(), LEASE_US, false).await;
    assert!(matches!(beat, Err(Error::ReRegister)), "{beat:?}");
    world.store.leave(leaves).await.expect("twice is as good as once");
    let again = world.claim_one(&worker(&world, Takes::default()).await).await;
    assert_eq!((again.attempt, again.fence > held.fence), (1, true));
}

async fn a_hundred_thousand_tasks_of_another_queue_cost_a_claim_nothing(world: World) {
    // One run's rows, doubled past the store: only their number matters here.
    start(&world, placed(&["other model=a100"; 100])).await;
    start(&world, placed(&["default"; 2])).await;
    let columns = "project, run_id, kind, heavy, gated, parents, retry, state, rank_us";
    for round in 0..10 {
        let copied = format!(
            "INSERT INTO task_run (task_run_id, task, placement, {columns}) SELECT task_run_id || '{round}', \
             task || '-{round}', placement, {columns} FROM task_run WHERE state = 'ready' \
             AND placement = 'other model=a100'"
        );
        world.script(&copied).await.expect("rows");
    }
    let waiting = world.count("SELECT COUNT(*) FROM task_run WHERE state = 'ready'").await;
    assert!(waiting > 100_000, "{waiting}");
    let plain = sized(&world, takes(&["default"], ""), (1, 0)).await;
    // A store that has seen nothing has to look.
    let another = world.open_another().await;
    let begun = Instant::now();
    let claim = Claim { worker: plain, free_light: 1, free_heavy: 0 };
    let given = another.claim(claim).await.expect("it is known");
    let took = begun.elapsed();
    assert_eq!(names(&given), ["task_0"]);
    assert!(took.as_millis() < 500, "{took:?}");
    println!("a claim beside {waiting} ready tasks of another queue took {took:?}");
}

async fn workers_that_could_not_be_heard_get_a_whole_lease_when_somebody_leads_again(world: World) {
    let run = start(&world, fan(2)).await;
    let (apart, inside) = (sized(&world, Takes::default(), (1, 0)).await, world.worker().await);
    let held = world.claim_one(&apart).await;
    let idle = sized(&world, Takes::default(), (1, 0)).await;
    world.pass(LEASE_US / 1_000_000 + 1);
    assert_eq!(world.store.spare_workers(LEASE_US).await.expect("it answers"), 1, "the one that runs something");
    assert_eq!(world.sweep().await.lost, 0);
    world.succeed(&held).await.expect("it is still its own");
    for silent in [idle, inside] {
        let claim = Claim { worker: silent, free_light: 1, free_heavy: 0 };
        assert!(matches!(world.store.claim(claim).await, Err(Error::ReRegister)));
    }
    let second = world.claim_one(&apart).await;
    world.pass(LEASE_US / 1_000_000 + 1);
    assert_eq!(world.sweep().await.lost, 1, "only once");
    assert!(matches!(world.succeed(&second).await, Err(Error::Stale)));
    assert_eq!(world.store.workers(&ALL).await.expect("workers").workers.len(), 3, "the lost ones are shown");
    world.pass(3_601);
    world.sweep().await;
    assert_eq!(world.store.workers(&ALL).await.expect("workers").workers.len(), 1, "for an hour");
    assert!(world.store.run(&run).await.is_ok());
}
