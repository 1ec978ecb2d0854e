//! A process that ends at a named point leaves a state that the next one goes on from: each firing once, each task once, no
//! result lost that was acknowledged. Each point is crossed in a process of its own, on both databases. To add one: a
//! `crossing!` in the store, its name here, and a move in [`moves`] that comes by it.

use std::collections::BTreeSet;
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use daybreak_core::RunStatus;
use daybreak_spec::Overlap;
use daybreak_store::{Database, PauseChange, RunningAttempt};

use crate::postgres::{Durability, Postgres};
use crate::support::{SECOND, World, at, caller, name};

const POINT: &str = "DAYBREAK_TEST_POINT";
const DATABASE: &str = "DAYBREAK_TEST_DATABASE";

const POINTS: [&str; 22] = [
    "cp01.before",
    "cp01.after",
    "cp02.before",
    "cp02.after",
    "cp03.before",
    "cp03.after",
    "cp10.before",
    "cp10.after",
    "cp11.before",
    "cp11.after",
    "cp12.before",
    "cp12.after",
    "cp13.before",
    "cp13.after",
    "cp14.before",
    "cp14.after",
    "cp21.before",
    "cp21.after",
    "cp23.before",
    "cp23.after",
    "cp25.before",
    "cp25.after",
];

#[expect(clippy::disallowed_methods, reason = "a test process is told by the one that started it")]
fn told(what: &str) -> Option<String> {
    std::env::var(what).ok()
}

/// The process that ends: does nothing unless another test started it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn process_that_ends() {
    let (Some(point), Some(database)) = (told(POINT), told(DATABASE)) else { return };
    let database = match database.strip_prefix("file:") {
        Some(path) => Database::Sqlite(path.into()),
        None => Database::Postgres(database),
    };
    let arm = || fail::cfg_callback(&point, || std::process::abort()).expect("the point is armed");
    if point.starts_with("cp21") {
        arm();
    }
    let world = World::on_database(database).await;
    moves(world, arm).await;
}

/// Everything that comes by a point. What is acknowledged is printed.
async fn moves(world: World, arm: impl Fn()) {
    let (worker, lost) = (world.worker().await, world.worker().await);
    arm();
    world.fire(at(0), &[1, 2, 3], Overlap::Queue).await;
    println!("fired 3");
    let held = world.claim_one(&lost).await;
    println!("claimed {} {}", held.task_run_id, held.fence);
    world.pass(13);
    world.store.beat(worker.clone(), 600 * SECOND, false).await.expect("it is known");
    assert_eq!(world.sweep().await.lost, 1);
    for _ in 0..3 {
        let task = world.claim_one(&worker).await;
        println!("claimed {} {}", task.task_run_id, task.fence);
        world.succeed(&task).await.expect("it holds the task");
        println!("reported {} {}", task.task_run_id, task.fence);
    }
    let pause = PauseChange { project: name("demo"), dag: name("nightly"), caller: caller(), note: None };
    world.store.pause(pause).await.expect("it answers");
    println!("paused");
    let epoch = world.lead().await;
    assert!(world.store.renew_leadership("server".to_owned(), epoch).await.expect("it answers"));
    world.store.close().await;
}

fn end_at(point: &str, database: &str) -> Output {
    let mut command = Command::new(std::env::current_exe().expect("this process has a path"));
    command.args(["--exact", "failpoints::process_that_ends", "--nocapture", "--test-threads=1"]);
    command.env(POINT, point).env(DATABASE, database).output().expect("the process starts")
}

/// What the process had been told when it ended: (task run, fence) of claims and of reports.
fn acknowledged(output: &Output, what: &str) -> Vec<RunningAttempt> {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let lines = text.lines().filter_map(|line| line.strip_prefix(what)?.strip_prefix(' '));
    lines
        .filter_map(|line| line.split_once(' '))
        .map(|(task_run_id, fence)| RunningAttempt {
            task_run_id: task_run_id.to_owned(),
            fence: fence.parse().expect("a fence"),
        })
        .collect()
}

/// What is done by hand and its entry in the audit are one.
async fn a_pause_has_its_entry(point: &str, world: &World, told: &str) {
    let paused = world.count("SELECT COUNT(*) FROM dag_pause").await;
    let noted = world.count("SELECT COUNT(*) FROM audit WHERE action = 'pause'").await;
    assert_eq!(paused, noted, "{point}");
    assert!(!told.contains("paused") || paused == 1, "{point}: an acknowledged pause is lost");
}

async fn goes_on(point: &str, database: Database, output: &Output) {
    let now_us = Arc::new(AtomicI64::new((1_700_000_000 + 3_600) * SECOND));
    let world = World::reopened(database, now_us).await;
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let cursor = world.store.cursors(&name("demo")).await.expect("cursors").remove(&(name("nightly"), 0));
    let fired = cursor.unwrap_or(at(0)).micros / at(1).micros;
    assert_eq!(world.count("SELECT COUNT(*) FROM run").await, fired, "{point}: cursor and runs move together");
    a_pause_has_its_entry(point, &world, &told).await;
    assert!(!told.contains("fired 3") || fired == 3, "{point}: an acknowledged firing is lost");
    let reported = acknowledged(output, "reported");
    let succeeded = world.count("SELECT COUNT(*) FROM task_run WHERE state = 'succeeded'").await;
    let acknowledged_tasks = i64::try_from(reported.len()).expect("few");
    assert!((acknowledged_tasks..=acknowledged_tasks + 1).contains(&succeeded), "{point}: {succeeded} {told}");
    // The next process finishes what there is, and what is still to be fired.
    world.deploy().await;
    let left: Vec<i64> = (fired + 1..=3).collect();
    if !left.is_empty() {
        world.fire(at(fired), &left, Overlap::Queue).await;
    }
    world.store.take_over("next".to_owned()).await.expect("it takes over");
    let worker = world.worker().await;
    for attempt in reported {
        let again = world.store.report(
            attempt.task_run_id,
            attempt.fence,
            daybreak_store::ReportedEnd::Succeeded(Box::default()),
            (1, 1),
        );
        again.await.unwrap_or_else(|error| panic!("{point}: an acknowledged result is lost: {error}"));
    }
    let mut ran = BTreeSet::new();
    while world.count("SELECT COUNT(*) FROM run WHERE ended_at_us IS NULL").await > 0 {
        world.sweep().await;
        for task in world.claim(&worker).await {
            assert!(ran.insert(task.task_run_id.clone()), "{point}: a task is given out twice");
            world.succeed(&task).await.expect("it holds the task");
        }
    }
    assert_eq!(i64::try_from(ran.len()).expect("few") + succeeded, 9, "{point}: each task once");
    for run in world.store.runs(&name("demo"), &daybreak_protocol::RunsQuery::default()).await.expect("runs").runs {
        assert_eq!(run.state, RunStatus::Succeeded, "{point}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_ends_at_any_point_leaves_a_file_to_go_on_from() {
    for point in POINTS {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("state.db");
        let told = format!("file:{}", path.display());
        let output = tokio::task::spawn_blocking(move || end_at(point, &told)).await.expect("no panic");
        assert!(output.status.code().is_none(), "{point} was not crossed: {}", String::from_utf8_lossy(&output.stdout));
        goes_on(point, Database::Sqlite(path), &output).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_ends_at_any_point_leaves_a_postgresql_to_go_on_from() {
    let started = tokio::task::spawn_blocking(|| Postgres::start(Durability::Full)).await.expect("no panic");
    let server = Arc::new(started.unwrap_or_else(|problem| panic!("{problem}")));
    for point in POINTS {
        let database = point.replace('.', "_");
        let url = server.url(&database);
        let (making, told) = (server.clone(), url.clone());
        let ended = tokio::task::spawn_blocking(move || {
            making.create_database(&database, None).unwrap_or_else(|problem| panic!("{problem}"));
            end_at(point, &told)
        });
        let output = ended.await.expect("no panic");
        assert!(output.status.code().is_none(), "{point} was not crossed: {}", String::from_utf8_lossy(&output.stdout));
        goes_on(point, Database::Postgres(url), &output).await;
    }
}
