//! Limits, priorities and runs at once: nobody gets more than there is, nothing leaks, nobody starves.

use daybreak_core::{RunStatus, TaskStatus};
use daybreak_store::{
    Claim, ClaimedTask, DeployedCursor, DeployedDag, Deployment, LimitShare, NewRun, RunTemplate, TaskTemplate,
};
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use serde_json::json;

use crate::support::{LEASE_US, SECOND, World, at, caller, fan, name, not_yet};

crate::stories! {
    a_limit_is_kept_and_tasks_without_it_pass,
    a_large_task_is_not_passed_by_smaller_ones_that_came_later,
    the_slots_of_a_lost_worker_are_free_again,
    a_key_has_slots_of_its_own,
    a_task_that_a_full_limit_kept_too_long_says_so,
    how_long_a_task_was_ready_is_measured_when_it_is_handed_out,
    two_servers_count_the_same_slots,
    slots_that_a_deployment_adds_are_taken_at_the_next_sweep,
    a_higher_priority_is_some_minutes_of_waiting,
    no_more_runs_go_on_at_once_than_the_dag_allows,
    what_keeps_a_task_is_told,
}

fn share(limit: &str, slots: u32) -> LimitShare {
    LimitShare { limit: name(limit), slots, key: None }
}

/// Light tasks that need nothing and take these slots of `gpu`; 0: none.
fn taking(slots: &[u32]) -> RunTemplate {
    let mut template = fan(slots.len());
    for (task, slots) in template.tasks.iter_mut().zip(slots) {
        task.limits = if *slots == 0 { Vec::new() } else { vec![share("gpu", *slots)] };
    }
    template
}

async fn start(world: &World, template: RunTemplate) -> String {
    let run = NewRun { template, window_start: None, window_end: at(24) };
    world.store.make_run(run).await.expect("it starts")
}

fn names(tasks: &[ClaimedTask]) -> Vec<&str> {
    tasks.iter().map(|task| task.task.as_str()).collect()
}

async fn a_limit_is_kept_and_tasks_without_it_pass(world: World) {
    let run = start(&world, taking(&[1, 1, 1, 1, 0])).await;
    let worker = world.worker().await;
    let first = world.claim(&worker).await;
    assert_eq!(names(&first), ["task_0", "task_1", "task_4"]);
    let claim = Claim { worker: worker.clone(), free_light: 8, free_heavy: 8 };
    let mut asking = Box::pin(world.store.claim(claim));
    not_yet(&mut asking).await;
    world.succeed(&first[2]).await.expect("it holds the task");
    not_yet(&mut asking).await;
    world.succeed(&first[1]).await.expect("it holds the task");
    let next = asking.await.expect("the worker is known");
    assert_eq!(names(&next), ["task_2"]);
    world.succeed(&first[0]).await.expect("it holds the task");
    world.succeed(&next[0]).await.expect("it holds the task");
    world.drive(&worker, &run).await;
    assert_eq!(world.run_status(&run).await, RunStatus::Succeeded);
}

async fn a_large_task_is_not_passed_by_smaller_ones_that_came_later(world: World) {
    start(&world, taking(&[1])).await;
    let worker = world.worker().await;
    let small = world.claim_one(&worker).await;
    let large = start(&world, taking(&[2])).await;
    let claim = Claim { worker: worker.clone(), free_light: 8, free_heavy: 8 };
    let mut asking = Box::pin(world.store.claim(claim));
    not_yet(&mut asking).await;
    world.pass(1);
    start(&world, taking(&[1])).await;
    not_yet(&mut asking).await;
    world.succeed(&small).await.expect("it holds the task");
    let given = asking.await.expect("the worker is known");
    assert_eq!(given.iter().map(|task| task.run_id.as_str()).collect::<Vec<_>>(), [large.as_str()]);
    world.succeed(&given[0]).await.expect("it holds the task");
    assert_eq!(world.claim(&worker).await.len(), 1);
}

async fn the_slots_of_a_lost_worker_are_free_again(world: World) {
    let run = start(&world, taking(&[2, 2])).await;
    let lost = world.worker().await;
    assert_eq!(names(&world.claim(&lost).await), ["task_0"]);
    world.pass(LEASE_US / SECOND + 1);
    let worker = world.worker().await;
    assert_eq!(world.sweep().await.lost, 1);
    let claim = Claim { worker: worker.clone(), free_light: 8, free_heavy: 8 };
    let given = world.store.claim(claim).await.expect("the worker is known");
    assert_eq!(given.len(), 1, "{given:?}");
    world.succeed(&given[0]).await.expect("it holds the task");
    world.sweep().await;
    world.drive(&worker, &run).await;
    assert_eq!(world.run_status(&run).await, RunStatus::Succeeded);
    let left = world.count("SELECT COUNT(*) FROM limit_slot JOIN task_run USING (task_run_id) WHERE state = 'running'");
    assert_eq!(left.await, 0);
}

async fn a_key_has_slots_of_its_own(world: World) {
    let of = |customer: &str| {
        let mut template = fan(1);
        template.params.insert("customer".to_owned(), json!(customer));
        let key = "${params.customer}".to_owned();
        template.tasks[0].limits = vec![LimitShare { limit: name("customer"), slots: 1, key: Some(key) }];
        template
    };
    start(&world, of("ana")).await;
    start(&world, of("ana")).await;
    start(&world, of("bo")).await;
    let worker = world.worker().await;
    let given = world.claim(&worker).await;
    let customers: Vec<_> = given.iter().map(|task| task.params["customer"].clone()).collect();
    assert_eq!(customers, [json!("ana"), json!("bo")]);
    world.succeed(&given[0]).await.expect("it holds the task");
    assert_eq!(world.claim_one(&worker).await.params["customer"], json!("ana"));
}

async fn two_servers_count_the_same_slots(world: World) {
    start(&world, taking(&[1, 1, 1, 1])).await;
    let (worker, other_worker) = (world.worker().await, world.worker().await);
    let other = world.open_another().await;
    let given = world.claim(&worker).await;
    assert_eq!(given.len(), 2);
    let claim = Claim { worker: other_worker, free_light: 8, free_heavy: 8 };
    let mut asking = Box::pin(other.claim(claim));
    not_yet(&mut asking).await;
    other.report(given[0].task_run_id.clone(), given[0].fence, success(), (1, 1)).await.expect("it holds the task");
    assert_eq!(asking.await.expect("the worker is known").len(), 1);
}

fn success() -> daybreak_store::ReportedEnd {
    daybreak_store::ReportedEnd::Succeeded(Box::default())
}

async fn slots_that_a_deployment_adds_are_taken_at_the_next_sweep(world: World) {
    start(&world, taking(&[2, 2])).await;
    let worker = world.worker().await;
    assert_eq!(world.claim(&worker).await.len(), 1);
    let claim = Claim { worker: worker.clone(), free_light: 8, free_heavy: 8 };
    let mut asking = Box::pin(world.store.claim(claim));
    not_yet(&mut asking).await;
    let cursor = DeployedCursor { was: Some(at(0)), to: at(0) };
    let deployment = Deployment {
        project: name("demo"),
        version: "bb".to_owned(),
        root: "/project".to_owned(),
        files: None,
        listens: Vec::new(),
        models: vec![name("late")],
        found: None,
        limits: vec![(name("gpu"), 4)],
        caller: None,
        dags: vec![DeployedDag { dag: name("nightly"), cursors: vec![cursor] }],
    };
    world.store.deploy(deployment).await.expect("it deploys");
    world.sweep().await;
    assert_eq!(asking.await.expect("the worker is known").len(), 1);
    assert_eq!(world.count("SELECT COUNT(*) FROM limit_pool").await, 1);
}

async fn a_higher_priority_is_some_minutes_of_waiting(world: World) {
    let of = |priority: i32| {
        let mut template = fan(1);
        template.tasks[0].priority = priority;
        template
    };
    let plain = start(&world, of(0)).await;
    world.pass(90);
    let urgent = start(&world, of(2)).await;
    let later = start(&world, of(1)).await;
    let worker = world.worker().await;
    let mut order = Vec::new();
    for _ in 0..3 {
        let claim = Claim { worker: worker.clone(), free_light: 1, free_heavy: 0 };
        order.extend(world.store.claim(claim).await.expect("the worker is known").into_iter().map(|task| task.run_id));
    }
    assert_eq!(order, [urgent, plain, later]);
}

async fn no_more_runs_go_on_at_once_than_the_dag_allows(world: World) {
    let template = || RunTemplate { max_active: Some(2), ..fan(1) };
    let mut runs = Vec::new();
    for _ in 0..4 {
        runs.push(start(&world, template()).await);
    }
    let going_on = async || {
        let mut going_on = 0;
        for run in &runs {
            going_on += usize::from(world.run_status(run).await == RunStatus::Running);
        }
        going_on
    };
    assert_eq!(going_on().await, 2);
    let worker = world.worker().await;
    let given = world.claim(&worker).await;
    assert_eq!(given.len(), 2);
    world.succeed(&given[0]).await.expect("it holds the task");
    assert_eq!(going_on().await, 2);
    assert_eq!(world.task_status(&runs[2], "task_0").await, TaskStatus::Ready);
    world.succeed(&given[1]).await.expect("it holds the task");
    assert_eq!(world.claim(&worker).await.len(), 2);
}

async fn what_keeps_a_task_is_told(world: World) {
    let mut template = taking(&[2, 1]);
    template.tasks.push(TaskTemplate { task: name("free"), limits: Vec::new(), ..template.tasks[0].clone() });
    let run = start(&world, template).await;
    let worker = world.worker().await;
    assert_eq!(world.claim(&worker).await.len(), 2);
    let standing = world.store.standing(&run).await.expect("the run");
    let why = daybreak_core::why(&standing.run, "task_1", false, &standing.around).expect("the task");
    assert_eq!(why.words, "is ready, but limit `gpu` has no room for it: 2 of 2 slots are taken");
    world.store.cancel(run.clone(), "enough".to_owned(), caller()).await.expect("it goes on");
    assert_eq!(world.task_status(&run, "task_1").await, TaskStatus::Cancelled);
}

async fn a_task_that_a_full_limit_kept_too_long_says_so(world: World) {
    let of = |limits: (Option<i64>, Option<i64>)| {
        let mut template = taking(&[2]);
        (template.tasks[0].queue_timeout_us, template.tasks[0].total_timeout_us) = limits;
        template
    };
    start(&world, of((None, None))).await;
    let worker = world.worker().await;
    let first = world.claim_one(&worker).await;
    let kept = [
        (
            start(&world, of((Some(9 * SECOND), None))).await,
            "limit `gpu` had no room for it within its `queue_timeout` of 9s: give",
        ),
        (start(&world, of((None, Some(9 * SECOND)))).await, "`total_timeout` of 9s; limit `gpu` had no room for it"),
    ];
    let claim = Claim { worker, free_light: 8, free_heavy: 8 };
    let mut asking = Box::pin(world.store.claim(claim));
    not_yet(&mut asking).await;
    world.pass(9);
    world.sweep().await;
    for (run, words) in kept {
        let reason = world.store.run(&run).await.expect("the run").tasks[0].reason.clone().unwrap_or_default();
        assert!(reason.contains(words), "{reason}");
    }
    world.succeed(&first).await.expect("it holds the task");
    not_yet(&mut asking).await;
}

/// How many tasks were handed out, and how long they had been ready together, in whole seconds.
fn claimed(world: &World) -> (u64, u64) {
    let mut registry = Registry::default();
    world.store.measures().register(&mut registry);
    let mut text = String::new();
    encode(&mut text, &registry).expect("a text");
    let value = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)).expect("it is shown");
        line.trim().split('.').next().expect("a number").parse().expect("a number")
    };
    (value("daybreak_claim_seconds_count"), value("daybreak_claim_seconds_sum"))
}

async fn how_long_a_task_was_ready_is_measured_when_it_is_handed_out(world: World) {
    start(&world, taking(&[2, 1])).await;
    let worker = world.worker().await;
    world.pass(7);
    let first = world.claim_one(&worker).await;
    assert_eq!(claimed(&world), (1, 7), "nobody asked for it");
    let claim = Claim { worker: worker.clone(), free_light: 8, free_heavy: 8 };
    let mut asking = Box::pin(world.store.claim(claim));
    not_yet(&mut asking).await;
    world.pass(4);
    world.succeed(&first).await.expect("it holds the task");
    asking.await.expect("the worker is known");
    assert_eq!(claimed(&world), (2, 7 + 11), "the limit had no room for it");
}
