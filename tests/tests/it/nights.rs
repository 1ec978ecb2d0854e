//! The main job on the flights: nights through the real scheduler, store and worker, killed and resumed.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

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

#[test]
fn a_served_project_makes_the_same_models_as_the_demo() {
    let folder = tempfile::tempdir().expect("a folder");
    let plain = demo(folder.path(), &["--nights", "3"]);
    let project = folder.path().join("served");
    copy_project(&root().join("dags/flights"), &project);
    let dags = project.join("dags.yaml");
    let text = std::fs::read_to_string(&dags).expect("the DAGs");
    std::fs::write(&dags, text.replace("end: 2013-09-01", "end: 2013-02-04")).expect("the DAGs");
    let mut up = Command::new(binary());
    up.args(["up", "--listen", "127.0.0.1:0"]).current_dir(&project).stdout(Stdio::null());
    let mut up = up.spawn().expect("a server");
    let note = project.join(".daybreak/server.json");
    wait_for("the server", Duration::from_secs(30), || note.exists().then_some(()));
    let runs = wait_for("three missed nights", Duration::from_secs(120), || {
        let runs = json(&daybreak(&project, &["runs", "--json"]));
        let runs = runs.as_array().cloned().unwrap_or_default();
        (runs.len() == 3 && runs.iter().all(|run| run["state"] == "succeeded")).then_some(runs)
    });
    let models = json(&daybreak(&project, &["models", "--json"]));
    up.kill().expect("a kill");
    up.wait().expect("an end");
    assert_eq!(runs[2]["scheduled_for"], "2013-02-01T07:30:00Z");
    for version in models[0]["versions"].as_array().expect("versions") {
        let name = format!("late_arrival@{}", version["as_of"].as_str().expect("an instant"));
        assert_eq!(version["object"], plain["artifacts"]["models"][&name], "{name}");
    }
}

/// Objects in the artefact store.
fn builds(data: &Path) -> usize {
    let folders = std::fs::read_dir(data.join(".daybreak/artifacts/objects")).into_iter().flatten().flatten();
    folders.filter_map(|folder| std::fs::read_dir(folder.path()).ok()).map(Iterator::count).sum()
}
