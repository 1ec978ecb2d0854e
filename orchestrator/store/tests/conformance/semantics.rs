//! What a task is declared to do beside its work: how the tasks it needs must end, what its failure means. It is read back
//! from its rows by whoever goes on with the run.

use daybreak_core::{AttemptEnd, Failure, RunStatus, TaskStatus};
use daybreak_spec::{Condition, Rule, Span, TriggerRule};
use daybreak_store::{Claim, NewRun, ReportedEnd, RunTemplate, Store, TaskTemplate};

use crate::support::{SECOND, World, at, name, template};

crate::stories! {
    rules_and_conditions_are_read_back_by_whoever_goes_on_with_the_run,
    a_tolerated_failure_is_read_back_and_the_run_succeeds,
    a_cancelled_run_ends_after_its_teardown,
}

/// Light tasks as `(name, needs, trigger)`.
pub fn tasks(tasks: &[(&str, &[&str], TriggerRule)]) -> RunTemplate {
    let mut made = template();
    let first = made.tasks.remove(0);
    let task = |(task, needs, trigger): &(&str, &[&str], TriggerRule)| TaskTemplate {
        task: name(task),
        parents: needs.iter().map(|need| name(need)).collect(),
        trigger: trigger.clone(),
        ..first.clone()
    };
    made.tasks = tasks.iter().map(task).collect();
    made
}

pub async fn start(world: &World, template: RunTemplate) -> String {
    world.store.make_run(NewRun { template, window_start: None, window_end: at(24) }).await.expect("it starts")
}

pub fn failed() -> ReportedEnd {
    let failure = Failure { cause: "task_error".to_owned(), reason: "no rows".to_owned() };
    ReportedEnd::Other(AttemptEnd::Failed { failure, retry: false })
}

/// What a store that has read nothing yet makes of the report of the only ready task.
async fn end_next(world: &World, store: &Store, end: ReportedEnd) -> String {
    let worker = world.worker().await;
    let claim = Claim { worker, free_light: 1, free_heavy: 1 };
    let task = store.claim(claim).await.expect("the worker is known").remove(0);
    let other = world.open_another().await;
    other.report(task.task_run_id, task.fence, end, (5, 1)).await.expect("it holds the task");
    task.task.to_string()
}

async fn rules_and_conditions_are_read_back_by_whoever_goes_on_with_the_run(world: World) {
    let condition = Condition::parse("work.failed && !mend.skipped", Span::default()).expect("sound");
    let run = start(
        &world,
        tasks(&[
            ("work", &[], TriggerRule::default()),
            ("mend", &["work"], TriggerRule::Rule(Rule::OneFailed)),
            ("praise", &["work"], TriggerRule::Rule(Rule::NoneFailed)),
            ("tell", &["work", "mend"], TriggerRule::When(condition)),
            ("hush", &["mend", "tell"], TriggerRule::Rule(Rule::AllSkipped)),
        ]),
    )
    .await;
    let other = world.open_another().await;
    assert_eq!(end_next(&world, &other, failed()).await, "work");
    assert_eq!(world.task_status(&run, "mend").await, TaskStatus::Ready);
    assert_eq!(world.task_status(&run, "praise").await, TaskStatus::UpstreamFailed);
    let done = || ReportedEnd::Succeeded(Box::default());
    assert_eq!(end_next(&world, &world.open_another().await, done()).await, "mend");
    assert_eq!(end_next(&world, &world.open_another().await, done()).await, "tell");
    let detail = world.store.run(&run).await.expect("the run");
    let reason = detail.tasks.iter().find(|task| task.name.as_str() == "hush").and_then(|task| task.reason.clone());
    assert_eq!(reason.as_deref(), Some("`rule: all_skipped` does not hold: `mend` is succeeded"));
    assert_eq!(detail.summary.reason.as_deref(), Some("task `work` failed: no rows"));
}

async fn a_tolerated_failure_is_read_back_and_the_run_succeeds(world: World) {
    let mut template = tasks(&[("extra", &[], TriggerRule::default()), ("chart", &["extra"], TriggerRule::default())]);
    template.tasks[0].tolerated = true;
    let run = start(&world, template).await;
    let other = world.open_another().await;
    assert_eq!(end_next(&world, &other, failed()).await, "extra");
    assert_eq!(world.task_status(&run, "chart").await, TaskStatus::UpstreamFailed);
    assert_eq!(world.run_status(&run).await, RunStatus::Succeeded);
}

async fn a_cancelled_run_ends_after_its_teardown(world: World) {
    let worker = world.worker().await;
    let run = start(
        &world,
        tasks(&[
            ("setup", &[], TriggerRule::default()),
            ("work", &["setup"], TriggerRule::default()),
            ("clear", &["setup", "work"], TriggerRule::Teardown),
        ]),
    )
    .await;
    let setup = world.claim_one(&worker).await;
    world.store.cancel(run.clone(), "by hand".to_owned(), crate::support::caller()).await.expect("it runs");
    assert_eq!(world.task_status(&run, "work").await, TaskStatus::Cancelled);
    world.pass(31);
    world.store.beat(worker.clone(), 60 * SECOND, false).await.expect("it is known");
    assert_eq!(world.sweep().await.forced, 1, "its worker does not answer");
    assert!(world.succeed(&setup).await.is_err());
    let clear = world.claim_one(&worker).await;
    assert_eq!(clear.task, name("clear"));
    world.succeed(&clear).await.expect("it holds the task");
    assert_eq!(world.run_status(&run).await, RunStatus::Cancelled);
}
