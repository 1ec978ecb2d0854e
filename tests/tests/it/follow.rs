//! DAGs that run after others or when data was updated, and alerts, as a user types them.

use std::path::Path;
use std::time::{Duration, Instant};

use daybreak_tests::served::Served;
use daybreak_tests::{daybreak, json, wait_for};
use serde_json::Value as Json;

const DEADLINE: Duration = Duration::from_secs(40);

fn project(folder: &Path, text: &str) {
    std::fs::write(folder.join("daybreak.yaml"), format!("version: 1\nname: follow\n{text}")).expect("a project");
}

/// The runs of a DAG, once there are so many and all have ended.
fn ended(folder: &Path, dag: &str, count: usize) -> Vec<Json> {
    wait_for(&format!("{count} runs of `{dag}`"), DEADLINE, || {
        let listed = json(&daybreak(folder, &["runs", "--dag", dag, "--json"]));
        let runs = listed.as_array().expect("runs").clone();
        let over = |run: &Json| !run["ended_at"].is_null();
        (runs.len() >= count && runs.iter().all(over)).then_some(runs)
    })
}

const WATCHED: &str = r#"alerts:
  ops: { on: [failed, retry], dags: breaks, run: tell }
  late: { on: deadline, run: tell }
dags:
  breaks:
    params: { code: 3 }
    retry: { attempts: 2, backoff: { first: 100ms, max: 100ms } }
    tasks:
      work: { kind: command, argv: [sh, -c, 'exit "$CODE"'], env: { CODE: "${params.code}" } }
  slow:
    deadline: 1s
    tasks:
      sleeps: { kind: command, argv: [sleep, "60"] }
  clears:
    after: { dag: breaks, ended: failed }
    tasks:
      clear: { kind: noop }
  celebrates:
    after: breaks
    tasks:
      cheer: { kind: noop }
  tell:
    params: { alert: "", event: "", dag: "", run: "", task: "", reason: "", greeting: Hello }
    tasks:
      write:
        kind: command
        argv: [sh, -c, 'echo "$LINE" >> told.txt']
        env: { LINE: "${params.greeting} ${params.alert} ${params.event} ${params.dag} ${params.task} ${params.run} ${params.reason}" }
"#;

#[test]
fn failures_retries_and_missed_deadlines_are_told_and_ends_are_followed() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    project(folder, WATCHED);
    let _served = Served::start(folder, &[]);
    let id = |run: &Json| run["id"].as_str().expect("an id").to_owned();
    let failed = id(&json(&daybreak(folder, &["run", "breaks", "--json"])));
    let told = ended(folder, "tell", 2);
    assert!(told.iter().all(|run| run["trigger"] == "alert" && run["state"] == "succeeded"), "{told:?}");
    let text = std::fs::read_to_string(folder.join("told.txt")).expect("it was told");
    assert!(
        text.contains(&format!("Hello ops retry breaks work {failed} `sh -c exit \"$CODE\"` ended with exit code 3")),
        "{text}"
    );
    assert!(text.contains(&format!("Hello ops failed breaks  {failed} task `work` failed")), "{text}");
    let cleared = ended(folder, "clears", 1);
    assert_eq!(cleared[0]["trigger"], "after");
    assert_eq!(cleared[0]["followed"], format!("run {failed} of DAG `breaks` failed"));
    let well = id(&json(&daybreak(folder, &["run", "breaks", "--wait", "--json", "--param", "code=0"])));
    let cheered = ended(folder, "celebrates", 1);
    assert_eq!(cheered[0]["followed"], format!("run {well} of DAG `breaks` succeeded"));
    let shown = json(&daybreak(folder, &["run", "show", &well, "--json"]));
    assert_eq!(cheered[0]["window_end"], shown["window_end"], "it has the window of the run that it follows");
    daybreak(folder, &["run", "slow", "--wait"]);
    let told = ended(folder, "tell", 3);
    assert_eq!(told.len(), 3, "{told:?}");
    let text = std::fs::read_to_string(folder.join("told.txt")).expect("it was told");
    assert!(text.contains("Hello late deadline slow "), "{text}");
    assert_eq!(ended(folder, "clears", 1).len(), 1, "a success is no failure");
}

const UPDATED: &str = r#"sources:
  planes: { path: "planes/*.parquet" }
  others: { path: others.parquet }
dags:
  each:
    updated: { sources: [planes, others], match: any }
    tasks: { look: { kind: noop } }
  both:
    updated: { sources: [planes, others] }
    tasks: { look: { kind: noop } }
"#;

#[test]
fn a_dag_runs_when_the_files_of_sources_change() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    std::fs::create_dir(folder.join("planes")).expect("a folder");
    let rows = daybreak_tests::root().join("dags/flights/data/planes.parquet");
    let write = |name: &str| {
        std::fs::copy(&rows, folder.join(name)).expect("copied");
    };
    write("planes/1.parquet");
    write("others.parquet");
    project(folder, UPDATED);
    let _served = Served::start(folder, &[]);
    // The files of the first look are no update, so another is written from time to time until one has been seen.
    let (begin, mut number) = (Instant::now(), 1);
    let each = wait_for("a run of `each`", DEADLINE, || {
        if begin.elapsed() > number * Duration::from_secs(6) {
            number += 1;
            write(&format!("planes/{number}.parquet"));
        }
        let runs = json(&daybreak(folder, &["runs", "--dag", "each", "--json"]));
        runs.as_array().and_then(|runs| runs.first().cloned())
    });
    assert_eq!((&each["trigger"], &each["followed"]), (&"update".into(), &"source `planes` was updated".into()));
    assert_eq!(ended(folder, "both", 0).len(), 0);
    write("others.parquet");
    let both = ended(folder, "both", 1);
    assert_eq!(both[0]["followed"], "source `planes`, source `others` were updated");
}

const VIEWED: &str = r#"sources:
  planes: { path: planes.parquet }
entities:
  aircraft: { keys: [tailnum] }
feature_views:
  plane_facts: { entity: aircraft, sql: "SELECT tailnum, seats FROM planes" }
dags:
  builds:
    tasks: { features: { kind: build_features, views: [plane_facts] } }
  reads:
    updated: { views: [plane_facts] }
    tasks: { look: { kind: noop } }
"#;

#[test]
fn a_dag_runs_when_a_view_has_a_newer_build() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let rows = daybreak_tests::root().join("dags/flights/data/planes.parquet");
    std::fs::copy(rows, folder.join("planes.parquet")).expect("copied");
    project(folder, VIEWED);
    let _served = Served::start(folder, &[]);
    let built = |at: &str| assert!(daybreak(folder, &["run", "builds", "--at", at, "--wait"]).status.success());
    built("2013-05-01T00:00:00Z");
    let first = ended(folder, "reads", 1);
    assert_eq!((&first[0]["trigger"], &first[0]["window_end"]), (&"update".into(), &"2013-05-01T00:00:00Z".into()));
    assert_eq!(first[0]["followed"], "view `plane_facts` was updated");
    // An older instant is no update; the newer one after it is, and makes the second run.
    built("2013-04-01T00:00:00Z");
    built("2013-05-02T00:00:00Z");
    let both = ended(folder, "reads", 2);
    assert_eq!((both.len(), &both[0]["window_end"]), (2, &"2013-05-02T00:00:00Z".into()));
}
