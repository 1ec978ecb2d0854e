//! The main job on the flights: nights through the real scheduler, store and worker, killed and resumed.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use daybreak_tests::served::{Served, nights_of, nights_of_up};
use daybreak_tests::{binary, copy_project, daybreak, json, processes_mentioning, root, wait_for};
use serde_json::Value as Json;

fn demo(folder: &Path, more: &[&str]) -> Json {
    let mut arguments = vec!["demo", "--exit", "--json", "--data", "demo"];
    arguments.extend(more);
    json(&daybreak(folder, &arguments))
}

#[test]
fn nights_cross_the_spring_gap_and_the_replay_has_no_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let report = demo(folder.path(), &["--nights", "38"]);
    let instants: Vec<&str> =
        report["runs"].as_array().expect("runs").iter().filter_map(|run| run["scheduled_for"].as_str()).collect();
    assert_eq!(instants.len(), 38);
    assert_eq!(instants[0], "2013-02-01T07:30:00Z");
    assert_eq!(instants[36], "2013-03-09T07:30:00Z");
    assert_eq!(instants[37], "2013-03-10T07:00:00Z", "02:30 does not exist on that day");
    assert_eq!(report["runs_succeeded"], 38, "{report}");
    assert_eq!(report["replay"]["errors"], 0, "{}", report["replay"]);
    assert!(report["replay"]["n"].as_u64() > Some(500), "{}", report["replay"]);
    assert!(report["promotions"].as_u64() >= Some(1));
}

#[test]
fn a_demo_killed_in_the_middle_of_a_night_ends_as_an_undisturbed_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let plain = demo(folder.path(), &["--nights", "4"]);
    let data = folder.path().join("killed");
    let start = |resume: &[&str]| {
        let mut command = Command::new(binary());
        command.args(["demo", "--exit", "--json", "--nights", "4", "--data"]).arg(&data).args(resume);
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        command.spawn().expect("a demo")
    };
    let mut first = start(&[]);
    wait_for("a task of a night", Duration::from_secs(60), || (builds(&data) >= 3).then_some(()));
    first.kill().expect("a kill");
    first.wait().expect("an end");
    wait_for("the end of its processes", Duration::from_secs(5), || {
        processes_mentioning(&data.display().to_string()).is_empty().then_some(())
    });
    let resumed = json(&start(&["--resume"]).wait_with_output().expect("an end"));
    assert_eq!(resumed["artifacts"], plain["artifacts"]);
    assert_eq!(resumed["runs"].as_array().map(Vec::len), Some(4));
    assert_eq!(resumed["model_versions"], plain["model_versions"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_served_project_makes_the_same_content_as_the_demo() {
    let folder = tempfile::tempdir().expect("a folder");
    let plain = demo(folder.path(), &["--nights", "3"]);
    let project = folder.path().join("served");
    copy_project(&root().join("dags/flights"), &project);
    let served = nights_of_up(&project, &nights_of(&plain)).await;
    assert_eq!(served["models"].as_object().map(serde_json::Map::len), Some(3));
    assert_eq!(served, plain["artifacts"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nights_missed_long_ago_make_the_same_content_as_the_demo() {
    let folder = tempfile::tempdir().expect("a folder");
    let plain = demo(folder.path(), &["--nights", "3"]);
    let project = folder.path().join("served");
    copy_project(&root().join("dags/flights"), &project);
    let dags = project.join("dags.yaml");
    let text = std::fs::read_to_string(&dags).expect("the DAGs");
    std::fs::write(&dags, text.replace("end: 2013-09-01", "end: 2013-02-04")).expect("the DAGs");
    // Business time follows real time: all three nights are missed ones.
    let served = Served::start(&project, &[]);
    for night in nights_of(&plain) {
        served.wait_firing(night, Duration::from_secs(120)).await;
    }
    assert_eq!(served.end().await, plain["artifacts"]);
}

/// Objects in the artefact store.
fn builds(data: &Path) -> usize {
    let folders = std::fs::read_dir(data.join(".daybreak/artifacts/objects")).into_iter().flatten().flatten();
    folders.filter_map(|folder| std::fs::read_dir(folder.path()).ok()).map(Iterator::count).sum()
}
