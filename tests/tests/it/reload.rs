//! A project's folder is followed while a server runs: what is written there becomes live as a whole or not at all, and
//! runs keep the version they were made from.

use std::path::Path;
use std::time::Duration;

use daybreak_tests::served::Served;
use daybreak_tests::{daybreak, json, wait_for};

const SOON: Duration = Duration::from_secs(30);

fn write(folder: &Path, file: &str, text: &str) {
    std::fs::write(folder.join(file), text).expect("it is written");
}

fn names(folder: &Path) -> Vec<String> {
    let dags = json(&daybreak(folder, &["dags", "--json"]));
    let dags = dags.as_array().expect("a list").iter();
    dags.map(|dag| dag["name"].as_str().expect("a name").to_owned()).collect()
}

/// Waits until the DAGs are these.
fn wait_for_dags(folder: &Path, wanted: &[&str]) {
    wait_for("the DAGs that were written", SOON, || (names(folder) == wanted).then_some(()));
}

fn project(folder: &Path) {
    write(folder, "daybreak.yaml", "version: 1\nname: followed\n");
    write(folder, "a.yaml", "dags:\n  a:\n    tasks: { t: { kind: noop } }\n");
}

#[test]
fn what_is_written_becomes_live_and_what_is_broken_changes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    project(folder.path());
    let served = Served::start(folder.path(), &[]);
    assert_eq!(names(folder.path()), ["a"]);
    write(folder.path(), "b.yaml", "dags:\n  b:\n    tasks: { t: { kind: noop } }\n");
    wait_for_dags(folder.path(), &["a", "b"]);
    write(folder.path(), "b.yaml", "dags:\n  b:\n    tasks: { t: { kind: nop } }\n");
    let said = wait_for("the problems", SOON, || {
        let shown = daybreak(folder.path(), &["dags"]);
        let said = String::from_utf8_lossy(&shown.stderr).into_owned();
        said.contains("have problems").then_some(said)
    });
    assert!(said.contains("b.yaml:3") && said.contains("noop"), "{said}");
    assert_eq!(names(folder.path()), ["a", "b"], "what was live stays live");
    assert!(daybreak(folder.path(), &["run", "b", "--wait"]).status.success());
    let applied = daybreak(folder.path(), &["apply", "."]);
    assert_eq!(applied.status.code(), Some(3), "{}", String::from_utf8_lossy(&applied.stdout));
    assert!(String::from_utf8_lossy(&applied.stderr).contains("b.yaml:3"));
    std::fs::remove_file(folder.path().join("b.yaml")).expect("it is there");
    wait_for_dags(folder.path(), &["a"]);
    let shown = daybreak(folder.path(), &["dags"]);
    assert!(shown.stderr.is_empty(), "{}", String::from_utf8_lossy(&shown.stderr));
    drop(served);
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_are_told_with_their_places_beside_the_texts_of_the_folder_and_of_versions() {
    let folder = tempfile::tempdir().expect("a folder");
    project(folder.path());
    write(folder.path(), "closed.txt", "2026-12-25 # Christmas\n");
    write(folder.path(), "calendars.yaml", "calendars:\n  closed: { path: closed.txt }\n");
    write(folder.path(), "a.test.yaml", "tests: {}\n");
    let served = Served::start(folder.path(), &[]);
    let client = served.client();
    let live = client.project().await.expect("a project").version;
    let texts = client.files_of_version(&live).await.expect("they are kept").files;
    let paths: Vec<&str> = texts.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths, ["a.yaml", "calendars.yaml", "closed.txt", "daybreak.yaml"], "flow tests are no part of it");
    assert_eq!(texts[2].text, "2026-12-25 # Christmas\n");
    write(folder.path(), "a.yaml", "dags:\n  a:\n    tasks: { t: { kind: nop }, u: { knd: noop } }\n");
    assert!(client.reload().await.is_err());
    let shown = client.project().await.expect("a project");
    let problems = shown.problems.expect("there are some");
    assert!(shown.faults.len() >= 2, "{:?}", shown.faults);
    for fault in &shown.faults {
        let place = (fault.file.as_deref(), fault.line, fault.column.is_some());
        assert_eq!(place, (Some("a.yaml"), Some(3), true), "{fault:?}");
        assert!(problems.contains(&fault.message) && problems.contains(&format!("[{}]", fault.code)), "{problems}");
    }
    assert!(shown.faults.iter().any(|fault| fault.help.as_deref().is_some_and(|help| help.contains("noop"))));
    let now = client.project_files().await.expect("a folder").files;
    assert!(now[0].text.contains("kind: nop }"), "as they are now, right or wrong");
    assert_eq!(client.files_of_version(&live).await.expect("they are kept").files, texts, "what is live is as it was");
    drop(served);
}

#[test]
fn a_run_keeps_the_version_it_was_made_from() {
    let folder = tempfile::tempdir().expect("a folder");
    project(folder.path());
    let gate = folder.path().join("gate");
    let waits = format!("until [ -e {} ]; do sleep 0.05; done", gate.display());
    let dag = |second: &str| {
        format!(
            "dags:\n  a:\n    tasks:\n      first: {{ kind: command, argv: [sh, -c, \"{waits}\"] }}\n      {second}: \
             {{ kind: noop, needs: first }}\n"
        )
    };
    write(folder.path(), "a.yaml", &dag("old"));
    let served = Served::start(folder.path(), &[]);
    let started = json(&daybreak(folder.path(), &["run", "a", "--json"]));
    let run = started["id"].as_str().expect("an id").to_owned();
    write(folder.path(), "a.yaml", &dag("new"));
    let changed = json(&daybreak(folder.path(), &["apply", ".", "--json"]));
    let live = wait_for("the new version", SOON, || {
        let dags = json(&daybreak(folder.path(), &["dags", "--json"]));
        let tasks = dags[0]["tasks"].as_array().expect("tasks").clone();
        tasks.iter().any(|task| task["name"] == "new").then_some(dags)
    });
    assert_eq!(live[0]["name"], "a", "{changed}");
    write(folder.path(), "gate", "");
    let ended = wait_for("the end of the run", SOON, || {
        let run = json(&daybreak(folder.path(), &["run", "show", &run, "--json"]));
        (run["ended_at"] != serde_json::Value::Null).then_some(run)
    });
    assert_eq!(ended["state"], "succeeded", "{ended}");
    let tasks: Vec<_> = ended["tasks"].as_array().expect("tasks").iter().map(|task| task["name"].clone()).collect();
    assert_eq!(tasks.len(), 2);
    assert!(tasks.contains(&"old".into()), "{ended}");
    drop(served);
}

#[test]
fn without_a_server_a_project_is_applied_too_and_says_what_differs() {
    let folder = tempfile::tempdir().expect("a folder");
    project(folder.path());
    let first = json(&daybreak(folder.path(), &["apply", ".", "--json"]));
    assert_eq!((&first["previous"], &first["changes"]), (&serde_json::Value::Null, &serde_json::json!([])), "{first}");
    write(folder.path(), "a.yaml", "# moved down\n\ndags:\n  a:\n    tasks: { t: { kind: noop } }\n");
    let same = daybreak(folder.path(), &["apply", "."]);
    assert!(String::from_utf8_lossy(&same.stdout).contains("nothing has changed"), "comments and places are no change");
    write(folder.path(), "a.yaml", "dags:\n  c:\n    tasks: { t: { kind: noop } }\n");
    let words = String::from_utf8_lossy(&daybreak(folder.path(), &["apply", "."]).stdout).into_owned();
    assert!(words.contains("- dags a") && words.contains("+ dags c") && words.contains("is live; it was"), "{words}");
}
