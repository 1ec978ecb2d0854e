//! Tasks that wait without a worker: instants of business time, runs of other DAGs, decisions, runs that tasks have made.
//! What is told to them is told once, under the fence of their wait, by whichever server sees it.

use daybreak_core::{AttemptEnd, Awaited, OnReject, Resumption, RunStatus, TaskStatus, Wait, WorkerIdentity};
use daybreak_protocol::{AuditQuery, WaitView};
use daybreak_spec::{Timestamp, TriggerRule};
use daybreak_store::{
    Again, ClaimedTask, DecideTask, Decision, DeployedDag, Deployment, Error, MetWait, NewRun, ReportedEnd,
    RunTemplate, Store, SubRunSettled,
};
use serde_json::json;

use crate::semantics::{start, tasks};
use crate::support::{SECOND, World, at, caller, name};

crate::stories! {
    a_probe_goes_on_as_the_same_attempt_until_its_wait_is_over,
    an_instant_of_business_time_is_found_by_whoever_leads,
    a_run_of_another_dag_is_found_by_its_window,
    a_decision_is_taken_once_and_audited,
    a_decision_on_an_earlier_wait_is_refused,
    a_run_is_made_once_with_its_wait_and_its_end_is_told,
    a_run_that_failed_fails_the_attempt_and_the_next_one_makes_another,
    a_run_whose_task_waits_no_more_is_cancelled,
    a_dag_that_would_run_itself_is_refused_and_nothing_is_made,
}

fn wait(condition: Awaited) -> Wait {
    let at_limit = Resumption::Skips { reason: "it did not come about".to_owned() };
    Wait { condition, again_after_us: None, limit_us: None, at_limit }
}

pub async fn long_lived(world: &World) -> WorkerIdentity {
    let worker = world.worker().await;
    world.store.beat(worker.clone(), 100_000 * SECOND, false).await.expect("it is known");
    worker
}

/// ask → then, both light.
fn asking() -> RunTemplate {
    let mut template = tasks(&[("ask", &[], TriggerRule::default()), ("then", &["ask"], TriggerRule::default())]);
    template.tasks.iter_mut().for_each(|task| task.timeout_us = None);
    template
}

pub async fn waits(world: &World, worker: &WorkerIdentity, wait: Wait) -> (String, ClaimedTask) {
    let run = start(world, asking()).await;
    let task = world.claim_one(worker).await;
    world.report(&task, ReportedEnd::Other(AttemptEnd::Deferred(wait))).await.expect("it holds the task");
    (run, task)
}

async fn seen(world: &World, run: &str) -> WaitView {
    let run = world.store.run(run).await.expect("the run");
    run.tasks.into_iter().find_map(|task| task.wait).expect("one waits")
}

async fn a_probe_goes_on_as_the_same_attempt_until_its_wait_is_over(world: World) {
    let worker = long_lived(&world).await;
    let looking = Wait {
        again_after_us: Some(30 * SECOND),
        limit_us: Some(40 * SECOND),
        ..wait(Awaited::File { path: "drop/*.csv".to_owned() })
    };
    let (run, first) = waits(&world, &worker, looking.clone()).await;
    let began = world.store.now();
    let shown = seen(&world, &run).await;
    assert_eq!(shown.words, "a file that `drop/*.csv` names");
    assert_eq!((shown.since, shown.next_look), (Some(began), Some(began.plus_micros(30 * SECOND))));
    assert_eq!((shown.until, shown.fence), (Some(began.plus_micros(40 * SECOND)), first.fence));
    let swept = world.sweep().await;
    assert_eq!((swept.resumed, swept.next_retry), (0, shown.next_look));
    world.pass(30);
    assert_eq!(world.sweep().await.resumed, 1);
    let again = world.claim_one(&worker).await;
    assert_eq!((again.attempt, again.waiting_since), (1, Some(began)), "the same attempt goes on");
    world.report(&again, ReportedEnd::Other(AttemptEnd::Deferred(looking))).await.expect("it holds the task");
    assert_eq!(world.store.attempts(&run, &name("ask")).await.expect("attempts").len(), 1, "one log");
    world.pass(10);
    let other = world.open_another().await;
    let sweep = daybreak_store::Sweep { epoch: world.lead().await, cancel_grace_us: SECOND };
    assert_eq!(other.sweep(sweep).await.expect("it leads").resumed, 1, "the limit counts from the first look");
    assert_eq!(world.task_status(&run, "then").await, TaskStatus::Skipped);
}

async fn an_instant_of_business_time_is_found_by_whoever_leads(world: World) {
    let worker = long_lived(&world).await;
    let (run, task) = waits(&world, &worker, wait(Awaited::Instant { at: at(30) })).await;
    assert_eq!(world.store.due_instants(at(29)).await.expect("waits"), []);
    assert_eq!(world.store.next_instant().await.expect("waits"), Some(at(30)));
    let other = world.open_another().await;
    let met = other.due_instants(at(30)).await.expect("waits");
    let expected = MetWait { run_id: run.clone(), task: name("ask"), fence: task.fence, by_run: None };
    assert_eq!(met.as_slice(), std::slice::from_ref(&expected));
    let done = || vec![(expected.clone(), Resumption::Succeeds { outputs: Default::default() })];
    assert_eq!(other.resume_waits(done()).await.expect("told"), 1);
    assert_eq!(world.store.resume_waits(done()).await.expect("told"), 0, "once");
    assert_eq!(world.store.next_instant().await.expect("waits"), None);
    assert_eq!(world.task_status(&run, "then").await, TaskStatus::Ready);
    assert_eq!(world.store.attempts(&run, &name("ask")).await.expect("attempts").len(), 1, "its log is kept once");
    // What has ended runs again, although the record of its only attempt is there.
    let then = world.claim_one(&worker).await;
    world.succeed(&then).await.expect("it holds the task");
    world.store.rerun(run.clone(), Again::Everything, caller()).await.expect("it has ended");
    assert_eq!(world.claim_one(&worker).await.waiting_since, None);
}

async fn deploy_too(world: &World, dag: &str) {
    let dags = ["nightly", dag].map(|dag| DeployedDag { dag: name(dag), cursors: Vec::new() });
    let deployment = Deployment {
        project: name("demo"),
        version: "aa".to_owned(),
        root: "/project".to_owned(),
        files: None,
        listens: Vec::new(),
        models: Vec::new(),
        found: None,
        limits: Vec::new(),
        caller: None,
        dags: dags.into(),
    };
    world.store.deploy(deployment).await.expect("it deploys");
}

/// A run of another DAG that has succeeded.
async fn succeeded(world: &World, worker: &WorkerIdentity, dag: &str, window_end: Timestamp) -> String {
    let mut template = tasks(&[("only", &[], TriggerRule::default())]);
    template.dag = name(dag);
    let run = NewRun { template, window_start: None, window_end };
    let run_id = world.store.make_run(run).await.expect("it starts");
    world.drive(worker, &run_id).await;
    run_id
}

async fn a_run_of_another_dag_is_found_by_its_window(world: World) {
    let worker = long_lived(&world).await;
    deploy_too(&world, "prices").await;
    let window = |exact| wait(Awaited::Window { dag: name("prices"), end: at(24), exact });
    let (exactly, _) = waits(&world, &worker, window(true)).await;
    world.store.cancel(exactly.clone(), "to start the next".to_owned(), caller()).await.expect("it runs");
    assert_eq!(world.store.met_windows("").await.expect("waits").met, [], "a wait that was cancelled is gone");
    let (exactly, _) = waits(&world, &worker, window(true)).await;
    let at_least = NewRun { template: asking(), window_start: None, window_end: at(24) };
    let at_least = world.store.make_run(at_least).await.expect("it starts beside");
    let task = world.claim_one(&worker).await;
    world.report(&task, ReportedEnd::Other(AttemptEnd::Deferred(window(false)))).await.expect("it holds the task");
    succeeded(&world, &worker, "prices", at(23)).await;
    let page = world.store.met_windows("").await.expect("waits");
    assert_eq!((page.met, page.next), (Vec::new(), None), "an earlier window is not enough");
    let later = succeeded(&world, &worker, "prices", at(25)).await;
    let met = world.store.met_windows("").await.expect("waits").met;
    let shown: Vec<_> = met.iter().map(|met| (met.run_id.as_str(), met.by_run.as_deref())).collect();
    assert_eq!(shown, [(at_least.as_str(), Some(later.as_str()))]);
    let same = succeeded(&world, &worker, "prices", at(24)).await;
    let met = world.store.met_windows("").await.expect("waits").met;
    let shown: Vec<_> = met.iter().map(|met| (met.run_id.as_str(), met.by_run.as_deref())).collect();
    assert_eq!(shown, [(exactly.as_str(), Some(same.as_str())), (at_least.as_str(), Some(same.as_str()))]);
}

pub fn approval(on_reject: OnReject) -> Wait {
    wait(Awaited::Approval { message: Some("the new model".to_owned()), on_reject })
}

fn decision(run: &str, decision: Decision, fence: Option<i64>) -> DecideTask {
    let (run_id, note) = (run.to_owned(), Some("looks good".to_owned()));
    DecideTask { run_id, task: name("ask"), decision, note, fence, caller: caller() }
}

async fn a_decision_is_taken_once_and_audited(world: World) {
    let worker = long_lived(&world).await;
    let (run, _) = waits(&world, &worker, approval(OnReject::Fail)).await;
    world.store.decide(decision(&run, Decision::Approve, None)).await.expect("it waits for it");
    let detail = world.store.run(&run).await.expect("the run");
    let outputs = json!({ "approved": true, "by": "ann", "note": "looks good" });
    assert_eq!(json!(detail.tasks[0].outputs), outputs);
    let then = world.claim_one(&worker).await;
    world.succeed(&then).await.expect("it holds the task");
    let again = world.store.decide(decision(&run, Decision::Reject, None)).await.expect_err("it is decided");
    assert!(matches!(&again, Error::NotNow(why) if why.contains("it is succeeded")), "{again}");
    let entries = world.store.audit(&AuditQuery { subject: Some(run), ..AuditQuery::default() }).await.expect("audit");
    let shown: Vec<_> = entries.entries.iter().map(|entry| (entry.action.as_str(), entry.detail.as_str())).collect();
    assert_eq!(shown, [("approve", "`ask`: looks good")]);

    let (run, _) = waits(&world, &worker, approval(OnReject::Fail)).await;
    world.store.decide(decision(&run, Decision::Reject, None)).await.expect("it waits for it");
    let detail = world.store.run(&run).await.expect("the run");
    assert_eq!(detail.tasks[0].reason.as_deref(), Some("rejected by ann: looks good"));
    assert_eq!(detail.summary.state, RunStatus::Failed);

    let (run, _) = waits(&world, &worker, approval(OnReject::Skip)).await;
    world.store.decide(decision(&run, Decision::Reject, None)).await.expect("it waits for it");
    assert_eq!(world.task_status(&run, "then").await, TaskStatus::Skipped);
    assert_eq!(world.run_status(&run).await, RunStatus::Succeeded);
}

async fn a_decision_on_an_earlier_wait_is_refused(world: World) {
    let worker = long_lived(&world).await;
    let (run, first) = waits(&world, &worker, approval(OnReject::Fail)).await;
    world.store.decide(decision(&run, Decision::Reject, Some(first.fence))).await.expect("it waits for it");
    world.store.rerun(run.clone(), Again::Everything, caller()).await.expect("it has ended");
    let second = world.claim_one(&worker).await;
    let end = || ReportedEnd::Other(AttemptEnd::Deferred(approval(OnReject::Fail)));
    world.report(&second, end()).await.expect("it holds the task");
    let late =
        world.store.decide(decision(&run, Decision::Approve, Some(first.fence))).await.expect_err("another wait");
    assert!(matches!(late, Error::NotNow(_)), "{late}");
    assert_eq!(world.task_status(&run, "ask").await, TaskStatus::Deferred);
    let other = world.open_another().await;
    other.decide(decision(&run, Decision::Approve, Some(second.fence))).await.expect("this one");
    let nobody = DecideTask { task: name("nobody"), ..decision(&run, Decision::Approve, None) };
    assert!(matches!(other.decide(nobody).await, Err(Error::NotFound(_))));
    let then = DecideTask { task: name("then"), ..decision(&run, Decision::Approve, None) };
    assert!(matches!(other.decide(then).await, Err(Error::NotNow(_))), "it has a worker to wait for, not a person");
}

fn runs(dag: &str) -> Wait {
    let condition = Awaited::Run { dag: name(dag), params: Default::default(), run_id: None };
    wait(condition)
}

fn sub_run(dag: &str) -> Box<NewRun> {
    let mut template = tasks(&[("only", &[], TriggerRule::default())]);
    template.dag = name(dag);
    template.tasks[0].retry.attempts = 1;
    Box::new(NewRun { template, window_start: None, window_end: at(24) })
}

/// `ask` has made a run of `prices` and waits for it: the run, the task and the run that was made.
pub async fn makes(world: &World, worker: &WorkerIdentity) -> (String, ClaimedTask, String) {
    deploy_too(world, "prices").await;
    let run = start(world, asking()).await;
    let task = world.claim_one(worker).await;
    let end = || ReportedEnd::MadeRun { wait: runs("prices"), run: sub_run("prices") };
    world.report(&task, end()).await.expect("it holds the task");
    world.report(&task, end()).await.expect("the same report again is a success");
    let Awaited::Run { run_id: Some(made), .. } = seen(world, &run).await.condition else {
        panic!("it waits for a run")
    };
    (run, task, made)
}

async fn settle(store: &Store) -> Vec<SubRunSettled> {
    let mut settled = Vec::new();
    for run_id in store.unsettled_sub_runs().await.expect("runs") {
        settled.push(store.settle_sub_run(run_id).await.expect("it answers"));
    }
    settled
}

async fn a_run_is_made_once_with_its_wait_and_its_end_is_told(world: World) {
    let worker = long_lived(&world).await;
    let (run, task, made) = makes(&world, &worker).await;
    assert_eq!(world.count("SELECT COUNT(*) FROM run WHERE dag = 'prices'").await, 1);
    let parent = world.store.parent_run(&task.task_run_id).await.expect("the run");
    assert_eq!((parent.version.as_str(), parent.window_end), ("aa", at(24)));
    assert_eq!(settle(&world.store).await, [], "it goes on");
    assert_eq!(world.store.settle_sub_run(made.clone()).await.expect("it answers"), SubRunSettled::Open);
    let only = world.claim_one(&worker).await;
    assert_eq!(only.run_id, made);
    world.succeed(&only).await.expect("it holds the task");
    // Another process finds it, whenever it starts.
    let other = world.open_another().await;
    assert_eq!(settle(&other).await, [SubRunSettled::Told]);
    assert_eq!(settle(&world.store).await, [], "once");
    assert_eq!(world.store.settle_sub_run(made.clone()).await.expect("it answers"), SubRunSettled::Closed);
    let detail = world.store.run(&run).await.expect("the run");
    assert_eq!(json!(detail.tasks[0].outputs), json!({ "run_id": made }));
    assert_eq!(world.task_status(&run, "then").await, TaskStatus::Ready);
}

async fn a_run_that_failed_fails_the_attempt_and_the_next_one_makes_another(world: World) {
    let worker = long_lived(&world).await;
    let (run, _, made) = makes(&world, &worker).await;
    let only = world.claim_one(&worker).await;
    world.report(&only, crate::semantics::failed()).await.expect("it holds the task");
    assert_eq!(settle(&world.store).await, [SubRunSettled::Told]);
    let detail = world.store.run(&run).await.expect("the run");
    let expected = format!("run {made} of DAG `prices` ended failed: task `only` failed: no rows");
    assert_eq!((detail.tasks[0].state, detail.tasks[0].reason.as_ref()), (TaskStatus::RetryWait, Some(&expected)));
    world.pass(10);
    assert_eq!(world.sweep().await.retried, 1);
    let again = world.claim_one(&worker).await;
    assert_eq!(again.attempt, 2);
    let end = ReportedEnd::MadeRun { wait: runs("prices"), run: sub_run("prices") };
    world.report(&again, end).await.expect("it holds the task");
    assert_eq!(world.count("SELECT COUNT(*) FROM sub_run").await, 2);
    let only = world.claim_one(&worker).await;
    world.report(&only, crate::semantics::failed()).await.expect("it holds the task");
    assert_eq!(settle(&world.store).await, [SubRunSettled::Told]);
    assert_eq!(world.task_status(&run, "ask").await, TaskStatus::Failed);
}

async fn a_run_whose_task_waits_no_more_is_cancelled(world: World) {
    let worker = long_lived(&world).await;
    let (run, _, made) = makes(&world, &worker).await;
    world.store.cancel(run.clone(), "by hand".to_owned(), caller()).await.expect("it runs");
    assert_eq!(world.run_status(&run).await, RunStatus::Cancelled);
    assert_eq!(settle(&world.open_another().await).await, [SubRunSettled::Cancelled]);
    let detail = world.store.run(&made).await.expect("the run");
    let reason = format!("the task of run {run} that had made it waits for it no more");
    assert_eq!((detail.summary.state, detail.summary.reason), (RunStatus::Cancelled, Some(reason)));
    assert_eq!(settle(&world.store).await, [SubRunSettled::Closed]);
    assert_eq!(settle(&world.store).await, []);
}

async fn a_dag_that_would_run_itself_is_refused_and_nothing_is_made(world: World) {
    let worker = long_lived(&world).await;
    let (_, _, made) = makes(&world, &worker).await;
    let inner = world.claim_one(&worker).await;
    assert_eq!(inner.run_id, made);
    let before = world.count("SELECT COUNT(*) FROM run").await;
    let end = ReportedEnd::MadeRun { wait: runs("nightly"), run: sub_run("nightly") };
    let refused = world.report(&inner, end).await.expect_err("nightly stands above it");
    assert!(matches!(&refused, Error::Refused(why) if why.contains("DAG `nightly` runs itself")), "{refused}");
    assert_eq!(world.count("SELECT COUNT(*) FROM run").await, before);
    assert_eq!(world.task_status(&made, "only").await, TaskStatus::Running, "its worker may still report");
}
