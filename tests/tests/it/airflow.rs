//! README, "Coming from Airflow": the translated DAG is sound, runs as its test says and fires when Airflow's did.

use std::path::Path;

use daybreak_tests::{daybreak, json, root};

/// The blocks of YAML in the section, in their order, without what marks them.
fn blocks() -> Vec<String> {
    let readme = std::fs::read_to_string(root().join("README.md")).expect("a README");
    let (_, section) = readme.split_once("## Coming from Airflow").expect("the section");
    let section = section.split("\n## ").next().expect("its text");
    let blocks = section.split("```yaml\n").skip(1);
    blocks.map(|block| block.split("```").next().expect("its end").to_owned()).collect()
}

fn project(folder: &Path) {
    let blocks = blocks();
    let [dag, test] = blocks.as_slice() else { panic!("a DAG and its test, not {} blocks", blocks.len()) };
    std::fs::write(folder.join("daybreak.yaml"), dag).expect("written");
    std::fs::write(folder.join("sales.test.yaml"), test).expect("written");
}

#[test]
fn the_translated_dag_of_the_readme_is_sound_and_its_test_holds() {
    let folder = tempfile::tempdir().expect("a folder");
    project(folder.path());
    let checked = json(&daybreak(folder.path(), &["check", "--json"]));
    assert_eq!((&checked["ok"], &checked["problems"]), (&true.into(), &serde_json::json!([])), "{checked}");
    assert_eq!(checked["secrets"]["crm"][0]["task"], "extract");
    let tested = json(&daybreak(folder.path(), &["test", "--json"]));
    assert_eq!((&tested["passed"], &tested["failed"]), (&1.into(), &0.into()), "{tested}");
}

#[test]
fn it_fires_at_six_in_rome_in_winter_and_in_summer() {
    let folder = tempfile::tempdir().expect("a folder");
    project(folder.path());
    for (from, to, at) in [
        ("2026-03-27T12:00:00Z", "2026-03-28T12:00:00Z", "2026-03-28T05:00:00Z"),
        ("2026-03-29T12:00:00Z", "2026-03-30T12:00:00Z", "2026-03-30T04:00:00Z"),
    ] {
        let output = daybreak(folder.path(), &["simulate", "--from", from, "--to", to, "--json"]);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && text.contains(at), "{at} in {text}");
    }
}
