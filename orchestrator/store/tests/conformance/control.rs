//! What people do to runs by hand: run again, clear, mark; what is written down of it, and what keeps a task.

use daybreak_core::{AttemptEnd, Failure, Mark, RunStatus, TaskStatus, WhyKind, why};
use daybreak_protocol::{AliasMove, AuditQuery, ModelsQuery, NewModelVersion, TaskResult};
use daybreak_spec::Overlap;
use daybreak_store::{Again, AttemptRow, ClaimedTask, Effect, Error, MarkTask, PauseChange, ReportedEnd};
use serde_json::{Map, json};

use crate::support::{World, at, caller, name, not_yet};

crate::stories! {
    a_failed_run_runs_again_from_its_failed_tasks_in_its_own_version,
    a_dry_run_says_what_would_run_again_and_changes_nothing,
    a_whole_run_runs_again_and_keeps_the_logs_of_what_succeeded,
    a_cleared_task_takes_along_what_needs_it_and_queues_behind_the_active_run,
    what_cannot_run_again_says_why_and_what_to_do,
    a_mark_ends_the_attempt_of_a_running_task_and_lets_the_others_go_on,
    a_mark_of_a_task_that_has_ended_is_refused,
    marks_fail_and_skip_what_waits,
    training_again_makes_a_version_only_of_other_bytes,
    the_audit_says_who_when_from_where_and_pages,
    what_keeps_a_task_is_known_from_one_instant,
    a_run_that_another_server_has_run_again_is_read_anew,
    a_database_from_before_keeps_its_models_and_aliases,
}

async fn fail(world: &World, task: &ClaimedTask) {
    let failure = Failure { cause: "task_error".to_owned(), reason: "no rows".to_owned() };
    let end = ReportedEnd::Other(AttemptEnd::Failed { failure, retry: false });
    world.report(task, end).await.expect("it holds the task");
}

/// A run whose `second` failed.
async fn failed_run(world: &World) -> String {
    let (worker, run) = (world.worker().await, world.run().await);
    world.succeed(&world.claim_one(&worker).await).await.expect("it holds the task");
    fail(world, &world.claim_one(&worker).await).await;
    assert_eq!(world.run_status(&run).await, RunStatus::Failed);
    run
}

async fn rerun(world: &World, run: &str, again: Again) -> Result<Vec<String>, Error> {
    let done = world.store.rerun(run.to_owned(), again, caller()).await?;
    assert_eq!(done.version, "aa", "the run's own");
    Ok(done.tasks.iter().map(ToString::to_string).collect())
}

fn mark(run: &str, task: &str, mark: Mark) -> MarkTask {
    let reason = "it was done elsewhere".to_owned();
    MarkTask { run_id: run.to_owned(), task: name(task), mark, reason, caller: caller() }
}

fn succeeded() -> Mark {
    Mark::Succeeded { outputs: Map::from_iter([("rows".to_owned(), json!(7))]) }
}

fn refused<T: std::fmt::Debug>(outcome: Result<T, Error>) -> String {
    match outcome {
        Err(Error::Refused(why)) => why,
        other => panic!("{other:?}"),
    }
}

async fn a_failed_run_runs_again_from_its_failed_tasks_in_its_own_version(world: World) {
    let run = failed_run(&world).await;
    assert_eq!(rerun(&world, &run, Again::FromFailed).await.expect("it has ended"), ["second", "third"]);
    assert_eq!(world.run_status(&run).await, RunStatus::Running, "nothing is in its way");
    let worker = world.worker().await;
    let second = world.claim_one(&worker).await;
    assert_eq!((second.task.as_str(), second.attempt, second.fence), ("second", 1, 3));
    let detail = world.store.run(&run).await.expect("the run");
    assert_eq!((detail.tasks[0].state, detail.tasks[2].state), (TaskStatus::Succeeded, TaskStatus::Waiting));
    assert_eq!((detail.tasks[1].ended_at, detail.summary.ended_at), (None, None), "it goes on");
    world.succeed(&second).await.expect("it holds the task");
    world.drive(&worker, &run).await;
    assert_eq!(world.run_status(&run).await, RunStatus::Succeeded);
    let why = refused(rerun(&world, &run, Again::FromFailed).await);
    assert!(why.ends_with(&format!("all of it runs again with: daybreak rerun {run}")), "{why}");
}

async fn a_dry_run_says_what_would_run_again_and_changes_nothing(world: World) {
    let run = failed_run(&world).await;
    let before = world.store.run(&run).await.expect("the run");
    let audited = world.count("SELECT COUNT(*) FROM audit").await;
    let plan = async |again: Again| -> Result<Vec<String>, Error> {
        let plan = world.store.plan_rerun(run.clone(), again).await?;
        assert_eq!(plan.version, "aa", "the run's own");
        Ok(plan.tasks.iter().map(ToString::to_string).collect())
    };
    assert_eq!(plan(Again::FromFailed).await.expect("it has ended"), ["second", "third"]);
    assert_eq!(plan(Again::Everything).await.expect("it has ended"), ["first", "second", "third"]);
    assert_eq!(plan(Again::Task(name("third"))).await.expect("it has ended"), ["third"]);
    assert!(matches!(plan(Again::Task(name("fourth"))).await, Err(Error::NotFound(_))));
    world.store.plan_latest(&run).await.expect("it has ended");
    let after = world.store.run(&run).await.expect("the run");
    assert_eq!((before, audited), (after, world.count("SELECT COUNT(*) FROM audit").await));
    assert_eq!(rerun(&world, &run, Again::FromFailed).await.expect("it has ended"), ["second", "third"], "as it said");
    assert!(refused(plan(Again::FromFailed).await).contains("is running and has not ended"));
    assert!(refused(world.store.plan_latest(&run).await).contains("has not ended (running)"));
}

async fn a_whole_run_runs_again_and_keeps_the_logs_of_what_succeeded(world: World) {
    let (worker, run) = (world.worker().await, world.run().await);
    world.drive(&worker, &run).await;
    assert_eq!(rerun(&world, &run, Again::Everything).await.expect("it has ended").len(), 3);
    let first = AttemptRow { attempt: 1, fence: 1 };
    assert_eq!(world.store.attempts(&run, &name("first")).await.expect("attempts"), [first]);
    world.drive(&worker, &run).await;
    let again = AttemptRow { attempt: 1, fence: 3 };
    assert_eq!(world.store.attempts(&run, &name("first")).await.expect("attempts"), [first, again]);
    assert_eq!(world.run_status(&run).await, RunStatus::Succeeded);
}

async fn a_cleared_task_takes_along_what_needs_it_and_queues_behind_the_active_run(world: World) {
    let run = failed_run(&world).await;
    let active = world.run().await;
    assert_eq!(rerun(&world, &run, Again::Task(name("second"))).await.expect("it has ended"), ["second", "third"]);
    assert_eq!(world.run_status(&run).await, RunStatus::Queued);
    let standing = world.store.standing(&run).await.expect("it reads");
    assert_eq!(standing.around.running_run, Some(active.clone()));
    let worker = world.worker().await;
    world.drive(&worker, &active).await;
    world.drive(&worker, &run).await;
    assert_eq!(world.run_status(&run).await, RunStatus::Succeeded);
}

async fn what_cannot_run_again_says_why_and_what_to_do(world: World) {
    let unknown = world.store.rerun("01ARZ3NDEKTSV4RRFFQ69G5FAV".to_owned(), Again::Everything, caller()).await;
    assert!(matches!(unknown, Err(Error::NotFound(_))), "{unknown:?}");
    let (worker, run) = (world.worker().await, world.run().await);
    let why = refused(rerun(&world, &run, Again::FromFailed).await);
    assert!(why.contains("is running and has not ended; wait for its end"), "{why}");
    let why = refused(rerun(&world, &run, Again::Task(name("first"))).await);
    assert!(why.contains("`first`") && why.contains("is ready and has not ended"), "{why}");
    let unknown = rerun(&world, &run, Again::Task(name("fourth"))).await;
    assert!(
        matches!(&unknown, Err(Error::NotFound(why)) if why.contains("it has first, second, third")),
        "{unknown:?}"
    );
    world.succeed(&world.claim_one(&worker).await).await.expect("it holds the task");
    let second = world.claim_one(&worker).await;
    let why = refused(rerun(&world, &run, Again::Task(name("first"))).await);
    assert!(why.contains("under way: `second` (running)") && why.contains("daybreak mark"), "{why}");
    world.store.cancel(run.clone(), "enough".to_owned(), caller()).await.expect("it runs");
    let why = refused(rerun(&world, &run, Again::Task(name("first"))).await);
    assert!(why.contains("is being cancelled"), "{why}");
    world.report(&second, ReportedEnd::Other(AttemptEnd::Cancelled)).await.expect("it holds the task");
    assert_eq!(rerun(&world, &run, Again::FromFailed).await.expect("it has ended"), ["second", "third"]);
    let skipped = world.fire(at(0), &[48], Overlap::Skip).await;
    assert_eq!(skipped.skipped, 1);
    let newest = world.store.newest_run(&name("demo"), &name("nightly")).await.expect("it reads").expect("a run");
    let why = refused(rerun(&world, &newest, Again::Everything).await);
    assert!(why.contains("is a firing that was skipped") && why.contains("daybreak run nightly --at"), "{why}");
}

async fn a_mark_ends_the_attempt_of_a_running_task_and_lets_the_others_go_on(world: World) {
    let (worker, run) = (world.worker().await, world.run().await);
    let first = world.claim_one(&worker).await;
    let mut effects = world.store.effects();
    let was = world.store.mark(mark(&run, "first", succeeded())).await.expect("it has not ended");
    assert_eq!(was, TaskStatus::Running);
    let told =
        Effect::Revoked { worker_id: worker.id.clone(), task_run_id: first.task_run_id.clone(), fence: first.fence };
    assert_eq!(effects.recv().await.expect("an effect"), told);
    assert!(matches!(world.succeed(&first).await, Err(Error::Stale)), "its worker is too late");
    let held = world.store.beat(worker.clone(), crate::support::LEASE_US, false).await.expect("it is known");
    assert_eq!(held, [], "the rows give it nothing");
    let attempt = AttemptRow { attempt: 1, fence: first.fence };
    assert_eq!(world.store.attempts(&run, &name("first")).await.expect("attempts"), [attempt], "its log is kept");
    let second = world.claim_one(&worker).await;
    assert_eq!((second.task.as_str(), &second.outputs[&name("first")]["rows"]), ("second", &json!(7)));
}

async fn a_mark_of_a_task_that_has_ended_is_refused(world: World) {
    let run = failed_run(&world).await;
    let why = refused(world.store.mark(mark(&run, "second", succeeded())).await);
    assert!(
        why.contains("has ended failed already") && why.ends_with(&format!("daybreak clear {run} second")),
        "{why}"
    );
    let unknown = world.store.mark(mark(&run, "fourth", succeeded())).await;
    assert!(matches!(unknown, Err(Error::NotFound(_))), "{unknown:?}");
    let unknown = world.store.mark(mark("01ARZ3NDEKTSV4RRFFQ69G5FAV", "first", succeeded())).await;
    assert!(matches!(unknown, Err(Error::NotFound(_))), "{unknown:?}");
    let entries = world.store.audit(&AuditQuery::default()).await.expect("the audit").entries;
    assert!(entries.iter().all(|entry| entry.action != "mark"), "what was refused has not happened: {entries:?}");
}

async fn marks_fail_and_skip_what_waits(world: World) {
    let run = world.run().await;
    let skip = Mark::Skipped { reason: "not today".to_owned() };
    assert_eq!(world.store.mark(mark(&run, "third", skip)).await.expect("it waits"), TaskStatus::Waiting);
    let fail = Mark::Failed { reason: "the feed is broken".to_owned() };
    assert_eq!(world.store.mark(mark(&run, "first", fail)).await.expect("it is ready"), TaskStatus::Ready);
    let detail = world.store.run(&run).await.expect("the run");
    assert_eq!(detail.summary.reason.as_deref(), Some("task `first` failed: the feed is broken"));
    let states: Vec<_> = detail.tasks.iter().map(|task| task.state).collect();
    assert_eq!(states, [TaskStatus::Failed, TaskStatus::UpstreamFailed, TaskStatus::Skipped]);
    assert_eq!(world.store.attempts(&run, &name("first")).await.expect("attempts"), [], "nobody ran it");
    let worker = world.worker().await;
    let mut claim = Box::pin(world.claim(&worker));
    not_yet(&mut claim).await;
}

fn trained(object: &str) -> TaskResult {
    let model = NewModelVersion {
        model: name("late"),
        object: object.to_owned(),
        as_of: at(24),
        fit_from: at(0),
        fit_to: at(24),
        rows: 3,
        metrics: [("auc".to_owned(), 0.7)].into(),
    };
    TaskResult { model_version: Some(model), ..TaskResult::default() }
}

async fn training_again_makes_a_version_only_of_other_bytes(world: World) {
    let worker = world.worker().await;
    let run = world.run().await;
    let mut versions = Vec::new();
    for object in ["one", "one", "other"] {
        world.succeed_with(&world.claim_one(&worker).await, trained(object)).await.expect("it holds the task");
        world.drive(&worker, &run).await;
        versions.push(world.store.run(&run).await.expect("the run").tasks[0].outputs["version"].clone());
        rerun(&world, &run, Again::Everything).await.expect("it has ended");
    }
    assert_eq!(versions, [json!(1), json!(1), json!(2)]);
}

async fn the_audit_says_who_when_from_where_and_pages(world: World) {
    let run = failed_run(&world).await;
    world.pass(60);
    rerun(&world, &run, Again::FromFailed).await.expect("it has ended");
    world.store.mark(mark(&run, "second", succeeded())).await.expect("it is ready");
    let all = world.store.audit(&AuditQuery::default()).await.expect("the audit");
    let told: Vec<_> = all.entries.iter().map(|entry| (entry.action.as_str(), entry.detail.as_str())).collect();
    let expected = [
        ("mark", "`second`, which was ready, succeeded: it was done elsewhere"),
        ("rerun", "from its failed tasks: second, third"),
        ("deploy", "aa"),
    ];
    assert_eq!((told.as_slice(), all.next), (expected.as_slice(), None));
    let newest = &all.entries[0];
    assert_eq!((newest.by.as_deref(), newest.from.as_deref()), (Some("ann"), Some("cli")));
    assert_eq!((newest.subject.as_str(), newest.at), (run.as_str(), world.store.now()));
    assert_eq!((all.entries[2].by.as_deref(), all.entries[2].from.as_deref()), (None, None));
    let mut pages = Vec::new();
    let mut query = AuditQuery { limit: Some(1), ..AuditQuery::default() };
    loop {
        let page = world.store.audit(&query).await.expect("the audit");
        pages.extend(page.entries);
        query.before = page.next;
        if query.before.is_none() {
            break;
        }
    }
    assert_eq!(pages, all.entries);
    let of_run = AuditQuery { subject: Some(run), ..AuditQuery::default() };
    assert_eq!(world.store.audit(&of_run).await.expect("the audit").entries, all.entries[..2]);
}

async fn what_keeps_a_task_is_known_from_one_instant(world: World) {
    let fired = world.fire(at(0), &[24, 48, 72], Overlap::Queue).await;
    let kind = |standing: &daybreak_store::Standing, task: &str| {
        why(&standing.run, task, false, &standing.around).expect("the task").kind
    };
    let standing = world.store.standing(&fired.runs[0]).await.expect("it reads");
    assert_eq!((kind(&standing, "first"), kind(&standing, "second")), (WhyKind::NoWorker, WhyKind::WaitsForTasks));
    let tasks: Vec<_> = standing.tasks.iter().map(|(task, heavy)| (task.as_str(), *heavy)).collect();
    assert_eq!(tasks, [("first", false), ("second", true), ("third", false)]);
    let last = world.store.standing(&fired.runs[2]).await.expect("it reads");
    assert_eq!((last.around.running_run.as_ref(), last.around.queued_before), (Some(&fired.runs[0]), 1));
    assert_eq!(kind(&last, "first"), WhyKind::RunQueued);
    let worker = world.worker().await;
    let first = world.claim_one(&worker).await;
    let standing = world.store.standing(&fired.runs[0]).await.expect("it reads");
    let around = &standing.around;
    assert_eq!((around.workers, around.running_light, around.running_heavy), (1, 1, 0));
    assert_eq!(kind(&standing, "first"), WhyKind::Running);
    world.succeed(&first).await.expect("it holds the task");
    world.claim_one(&worker).await;
    let around = world.store.standing(&fired.runs[0]).await.expect("it reads").around;
    assert_eq!((around.running_light, around.running_heavy), (0, 1));
    let pause = PauseChange { project: name("demo"), dag: name("nightly"), caller: caller(), note: None };
    world.store.pause(pause).await.expect("it is paused");
    let paused = world.store.standing(&fired.runs[0]).await.expect("it reads").around.paused.expect("it says so");
    assert_eq!(paused, format!("since {} by ann", world.store.now()));
    world.pass(3_600);
    assert_eq!(world.store.standing(&fired.runs[0]).await.expect("it reads").around.workers, 0, "its lease is over");
    assert!(matches!(world.store.standing("nonsense").await, Err(Error::NotFound(_))));
}

async fn a_run_that_another_server_has_run_again_is_read_anew(world: World) {
    let run = failed_run(&world).await;
    if !world.store.is_shared() {
        // A file has one server.
        assert_eq!(world.run_status(&run).await, RunStatus::Failed);
        return;
    }
    let other = world.open_another().await;
    other.rerun(run.clone(), Again::FromFailed, caller()).await.expect("it has ended");
    let why = refused(rerun(&world, &run, Again::FromFailed).await);
    assert!(why.contains("is running"), "{why}");
    assert_eq!(world.store.mark(mark(&run, "second", succeeded())).await.expect("it is ready"), TaskStatus::Ready);
    let why = refused(other.mark(mark(&run, "second", succeeded())).await);
    assert!(why.contains("has ended succeeded"), "{why}");
}

/// The step that writes models and aliases anew, on a database that has some.
async fn a_database_from_before_keeps_its_models_and_aliases(world: World) {
    let worker = world.worker().await;
    let run = world.run().await;
    let alias_move = AliasMove { model: name("late"), alias: "champion".to_owned(), version: 1, as_of: at(24) };
    let result = TaskResult { alias_move: Some(alias_move), ..trained("one") };
    world.succeed_with(&world.claim_one(&worker).await, result).await.expect("it holds the task");
    world.drive(&worker, &run).await;
    let before = world.store.models(&name("demo"), &ModelsQuery::default()).await.expect("models");
    let as_before = "DELETE FROM schema_migration WHERE number = 6; DROP INDEX audit_by_subject; \
        DROP INDEX model_version_by_task; ALTER TABLE audit DROP COLUMN origin";
    world.script(as_before).await.expect("it is as before");
    let upgraded = world.open_another().await;
    assert_eq!(upgraded.models(&name("demo"), &ModelsQuery::default()).await.expect("models"), before);
    let before = &before.models[0];
    assert_eq!((before.versions, before.aliases["champion"]), (1, 1));
    let orphaned = world.script("DELETE FROM model_version").await;
    assert!(orphaned.is_err(), "an alias still needs its version");
}
