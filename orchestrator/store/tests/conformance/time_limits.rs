//! Limits in real time on tasks and runs: they hold across servers and starts, and end what they are for.

use daybreak_core::{AttemptEnd, RunStatus, TaskStatus, WorkerIdentity};
use daybreak_spec::TriggerRule;
use daybreak_store::{Effect, Error, ReportedEnd, RunTemplate, Sweep};

use crate::semantics::{failed, start, tasks};
use crate::support::{SECOND, World, caller};

crate::stories! {
    a_task_that_nobody_takes_fails_after_its_queue_timeout,
    a_task_that_is_ready_again_has_its_queue_timeout_anew,
    a_task_that_takes_too_long_in_all_is_taken_from_its_worker,
    waits_between_attempts_count_to_the_total_and_a_rerun_begins_anew,
    a_run_that_misses_its_deadline_fails_after_its_teardown,
    a_deadline_is_kept_by_the_server_that_leads_next_and_begins_anew_with_a_rerun,
}

/// first → second, both light; the first with these limits in seconds.
fn limited(queue: Option<i64>, total: Option<i64>) -> RunTemplate {
    let mut template = tasks(&[("first", &[], TriggerRule::default()), ("second", &["first"], TriggerRule::default())]);
    template.tasks[0].queue_timeout_us = queue.map(|seconds| seconds * SECOND);
    template.tasks[0].total_timeout_us = total.map(|seconds| seconds * SECOND);
    template
}

/// A worker whose lease outlasts the story.
async fn long_lived(world: &World) -> WorkerIdentity {
    let worker = world.worker().await;
    world.store.beat(worker.clone(), 100_000 * SECOND, false).await.expect("it is known");
    worker
}

async fn reason(world: &World, run: &str, task: &str) -> String {
    let run = world.store.run(run).await.expect("the run");
    let task = run.tasks.into_iter().find(|found| found.name.as_str() == task).expect("the task");
    task.reason.expect("a reason")
}

async fn a_task_that_nobody_takes_fails_after_its_queue_timeout(world: World) {
    let run = start(&world, limited(Some(300), None)).await;
    world.pass(299);
    assert_eq!(world.sweep().await.untaken, 0);
    world.pass(1);
    assert_eq!(world.sweep().await.untaken, 1);
    assert_eq!(world.task_status(&run, "first").await, TaskStatus::Failed);
    assert_eq!(world.task_status(&run, "second").await, TaskStatus::UpstreamFailed);
    let words = reason(&world, &run, "first").await;
    assert!(words.starts_with("no worker took it within its `queue_timeout` of 5m: run more workers"), "{words}");
    assert_eq!(world.sweep().await.untaken, 0, "once");
}

async fn a_task_that_is_ready_again_has_its_queue_timeout_anew(world: World) {
    let worker = long_lived(&world).await;
    let run = start(&world, limited(Some(10), None)).await;
    world.pass(9);
    let task = world.claim_one(&worker).await;
    world.pass(9);
    assert_eq!(world.sweep().await.untaken, 0, "it is taken");
    world.report(&task, ReportedEnd::Other(AttemptEnd::HandedBack)).await.expect("it holds the task");
    world.pass(9);
    assert_eq!(world.sweep().await.untaken, 0);
    world.pass(1);
    assert_eq!(world.sweep().await.untaken, 1);
    assert_eq!(world.run_status(&run).await, RunStatus::Failed);
}

async fn a_task_that_takes_too_long_in_all_is_taken_from_its_worker(world: World) {
    let worker = long_lived(&world).await;
    let run = start(&world, limited(None, Some(40))).await;
    world.pass(30);
    let task = world.claim_one(&worker).await;
    world.pass(9);
    assert_eq!(world.sweep().await.too_long, 0);
    world.pass(1);
    let mut effects = world.store.effects();
    assert_eq!(world.sweep().await.too_long, 1);
    let revoked =
        Effect::Revoked { worker_id: worker.id.clone(), task_run_id: task.task_run_id.clone(), fence: task.fence };
    assert_eq!(effects.recv().await.expect("it was told"), revoked);
    assert!(matches!(world.succeed(&task).await, Err(Error::Stale)));
    let words = reason(&world, &run, "first").await;
    assert_eq!(words, "it took longer in all than its `total_timeout` of 40s; attempt 1 was running");
    assert_eq!(world.run_status(&run).await, RunStatus::Failed);
}

async fn waits_between_attempts_count_to_the_total_and_a_rerun_begins_anew(world: World) {
    let worker = long_lived(&world).await;
    let run = start(&world, limited(None, Some(8))).await;
    let task = world.claim_one(&worker).await;
    let end = match failed() {
        ReportedEnd::Other(AttemptEnd::Failed { failure, .. }) => AttemptEnd::Failed { failure, retry: true },
        _ => unreachable!("a failure"),
    };
    world.report(&task, ReportedEnd::Other(end)).await.expect("it holds the task");
    world.pass(8);
    assert_eq!(world.sweep().await.too_long, 1, "its next attempt would begin two seconds later");
    let words = reason(&world, &run, "first").await;
    assert!(words.ends_with("before its next attempt, after: no rows"), "{words}");
    world.store.rerun(run.clone(), daybreak_store::Again::Everything, caller()).await.expect("it has ended");
    assert_eq!(world.task_status(&run, "first").await, TaskStatus::Ready);
    world.pass(7);
    assert_eq!(world.sweep().await.too_long, 0);
    world.pass(1);
    assert_eq!(world.sweep().await.too_long, 1);
}

fn with_deadline(seconds: i64) -> RunTemplate {
    let mut template = tasks(&[
        ("work", &[], TriggerRule::default()),
        ("rest", &["work"], TriggerRule::default()),
        ("clear", &["work"], TriggerRule::Teardown),
    ]);
    template.tasks.iter_mut().for_each(|task| task.timeout_us = None);
    template.deadline_us = Some(seconds * SECOND);
    template
}

async fn a_run_that_misses_its_deadline_fails_after_its_teardown(world: World) {
    let worker = long_lived(&world).await;
    let run = start(&world, with_deadline(7_200)).await;
    let work = world.claim_one(&worker).await;
    world.pass(7_199);
    assert_eq!(world.sweep().await.overdue, 0);
    world.pass(1);
    assert_eq!(world.sweep().await.overdue, 1);
    assert_eq!(world.sweep().await.overdue, 0, "once");
    assert_eq!(world.task_status(&run, "rest").await, TaskStatus::Cancelled);
    world.report(&work, ReportedEnd::Other(AttemptEnd::Cancelled)).await.expect("it was asked to end");
    let clear = world.claim_one(&worker).await;
    assert_eq!((clear.task.as_str(), world.run_status(&run).await), ("clear", RunStatus::Running));
    world.succeed(&clear).await.expect("it holds the task");
    let detail = world.store.run(&run).await.expect("the run");
    assert_eq!(detail.summary.state, RunStatus::Failed);
    let words = "it had not ended 2h after its start, which is the `deadline` of its DAG";
    assert_eq!(detail.summary.reason.as_deref(), Some(words));
}

async fn a_deadline_is_kept_by_the_server_that_leads_next_and_begins_anew_with_a_rerun(world: World) {
    let run = start(&world, with_deadline(60)).await;
    world.pass(60);
    let next = world.open_another().await;
    let epoch = world.lead().await;
    let sweep = Sweep { epoch, cancel_grace_us: 30 * SECOND };
    assert_eq!(next.sweep(sweep).await.expect("it leads").overdue, 1);
    assert_eq!(next.run_summary(&run).await.expect("the run").state, RunStatus::Failed, "nothing of it had begun");
    next.rerun(run.clone(), daybreak_store::Again::Everything, caller()).await.expect("it has ended");
    assert_eq!(next.sweep(sweep).await.expect("it leads").overdue, 0);
    assert_eq!(next.run_summary(&run).await.expect("the run").state, RunStatus::Running);
    world.pass(60);
    assert_eq!(next.sweep(sweep).await.expect("it leads").overdue, 1);
}
