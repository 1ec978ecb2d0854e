//! The main job on the flights: nights through the real scheduler, store and worker, killed and resumed.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use daybreak_tests::{binary, daybreak, json, processes_mentioning, wait_for};
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

/// Objects in the artefact store.
fn builds(data: &Path) -> usize {
    let folders = std::fs::read_dir(data.join(".daybreak/artifacts/objects")).into_iter().flatten().flatten();
    folders.filter_map(|folder| std::fs::read_dir(folder.path()).ok()).map(Iterator::count).sum()
}
