//! Leases: who waits for work gets it once, who is lost loses it.

use daybreak_core::{MAX_LOST, TaskStatus};
use daybreak_store::{Claim, Error};

use crate::support::{LEASE_US, World, not_yet};

crate::stories! {
    who_waits_is_served_by_the_commit_that_makes_work,
    work_for_somebody_who_has_gone_is_handed_back,
    a_worker_gets_no_more_than_it_has_room_for,
    racing_workers_never_get_the_same_task,
    a_lost_workers_task_goes_to_another_and_its_late_report_is_refused,
    a_worker_whose_lease_is_over_gets_no_work,
    a_task_that_meets_a_worker_whose_lease_is_over_goes_to_the_next,
    a_task_that_loses_five_workers_fails,
    a_task_that_its_worker_does_not_know_of_is_taken_back,
    a_new_server_takes_over_what_ran_under_the_one_before,
}

async fn who_waits_is_served_by_the_commit_that_makes_work(world: World) {
    let worker = world.worker().await;
    let claim = Claim { worker: worker.clone(), free_light: 1, free_heavy: 0 };
    let mut waiting = Box::pin(world.store.claim(claim));
    not_yet(&mut waiting).await;
    world.run().await;
    assert_eq!(waiting.await.expect("it is known").len(), 1);
}

async fn work_for_somebody_who_has_gone_is_handed_back(world: World) {
    let worker = world.worker().await;
    let mut gone = Box::pin(world.store.claim(Claim { worker: worker.clone(), free_light: 1, free_heavy: 0 }));
    not_yet(&mut gone).await;
    drop(gone);
    world.run().await;
    let task = world.claim_one(&worker).await;
    assert_eq!(task.attempt, 1);
}

async fn a_worker_gets_no_more_than_it_has_room_for(world: World) {
    let worker = world.worker().await;
    for _ in 0..3 {
        world.run().await;
    }
    let claim = Claim { worker: worker.clone(), free_light: 2, free_heavy: 1 };
    assert_eq!(world.store.claim(claim).await.expect("it is known").len(), 2);
}

async fn racing_workers_never_get_the_same_task(world: World) {
    let mut runs = Vec::new();
    for _ in 0..20 {
        runs.push(world.run().await);
    }
    let mut claims = Vec::new();
    for _ in 0..10 {
        let claim = Claim { worker: world.worker().await, free_light: 2, free_heavy: 0 };
        let store = world.store.clone();
        claims.push(tokio::spawn(async move { store.claim(claim).await.expect("it is known") }));
    }
    let mut given = std::collections::BTreeSet::new();
    for claim in claims {
        for task in claim.await.expect("no panic") {
            assert!(given.insert(task.task_run_id), "given twice");
        }
    }
    assert_eq!(given.len(), 20);
}

async fn a_lost_workers_task_goes_to_another_and_its_late_report_is_refused(world: World) {
    let (lost, other, run) = (world.worker().await, world.worker().await, world.run().await);
    let first = world.claim_one(&lost).await;
    world.pass(13);
    world.store.beat(other.clone(), LEASE_US, false).await.expect("it is known");
    let swept = world.sweep().await;
    assert_eq!((swept.lost, swept.retried), (1, 1));
    let again = world.claim_one(&other).await;
    assert_eq!((again.attempt, again.fence > first.fence), (1, true));
    assert!(matches!(world.succeed(&first).await, Err(Error::Stale)));
    world.succeed(&again).await.expect("it holds the task");
    assert_eq!(world.task_status(&run, "first").await, TaskStatus::Succeeded);
}

async fn a_worker_whose_lease_is_over_gets_no_work(world: World) {
    let worker = world.worker().await;
    world.run().await;
    world.pass(13);
    let claim = Claim { worker, free_light: 1, free_heavy: 1 };
    assert!(matches!(world.store.claim(claim).await, Err(Error::ReRegister)));
}

async fn a_task_that_meets_a_worker_whose_lease_is_over_goes_to_the_next(world: World) {
    let gone = world.worker().await;
    let mut waiting = Box::pin(world.store.claim(Claim { worker: gone, free_light: 1, free_heavy: 1 }));
    not_yet(&mut waiting).await;
    world.pass(13);
    world.run().await;
    assert!(matches!(waiting.await, Err(Error::ReRegister)));
    world.claim_one(&world.worker().await).await;
}

async fn a_task_that_loses_five_workers_fails(world: World) {
    let run = world.run().await;
    for _ in 0..MAX_LOST {
        world.claim_one(&world.worker().await).await;
        world.pass(13);
        world.sweep().await;
    }
    assert_eq!(world.task_status(&run, "first").await, TaskStatus::Failed);
}

async fn a_task_that_its_worker_does_not_know_of_is_taken_back(world: World) {
    let (worker, run) = (world.worker().await, world.run().await);
    let first = world.claim_one(&worker).await;
    world.store.revoke(first.task_run_id.clone(), first.fence).await.expect("it runs");
    assert_eq!(world.task_status(&run, "first").await, TaskStatus::RetryWait);
    let again = world.store.revoke(first.task_run_id, first.fence).await;
    assert!(matches!(again, Err(Error::Stale)), "{again:?}");
}

async fn a_new_server_takes_over_what_ran_under_the_one_before(world: World) {
    let (worker, light) = (world.worker().await, world.run().await);
    let first = world.claim_one(&worker).await;
    world.succeed(&first).await.expect("it holds the task");
    let heavy = world.claim_one(&worker).await;
    world.run().await;
    let light_task = world.claim_one(&worker).await;
    world.store.close().await;
    // The process died; where other servers live, only its lease tells.
    world.pass(13);
    let store = world.open_another().await;
    assert_eq!(store.take_over("next".to_owned()).await.expect("it takes over"), 2);
    let detail = store.run(&light).await.expect("the run");
    assert_eq!((detail.tasks[1].state, detail.tasks[1].lost), (TaskStatus::Ready, 0), "a heavy task is not blamed");
    let other = store.run(&light_task.run_id).await.expect("the run");
    assert_eq!((other.tasks[0].state, other.tasks[0].lost), (TaskStatus::RetryWait, 1), "a light one may be");
    assert_eq!(store.take_over("next".to_owned()).await.expect("it takes over"), 0);
    assert_eq!(heavy.task.as_str(), "second");
}
