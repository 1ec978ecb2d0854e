//! `daybreak test` as its users meet it: what holds, what does not and where, and that nothing else happens.

use std::path::Path;

use daybreak_tests::served::Served;
use daybreak_tests::{daybreak, json, root};

const PROJECT: &str = "version: 1
name: shop
dags:
  nightly:
    retry: { attempts: 2 }
    tasks:
      fetch: { kind: command, argv: [sh, -c, \"touch ran\"] }
      store: { kind: command, needs: fetch, argv: [put, \"${tasks.fetch.outputs.rows}\"] }
";

fn write(folder: &Path, file: &str, text: &str) {
    std::fs::write(folder.join(file), text).expect("it is written");
}

fn project(tests: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), "daybreak.yaml", PROJECT);
    write(folder.path(), "nightly.test.yaml", tests);
    folder
}

fn test_file(tests: &str) -> String {
    format!("version: 1\ntests:\n{tests}")
}

fn said(folder: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let output = daybreak(folder, arguments);
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.code(), said)
}

const GOOD: &str = "  rows are stored:
    dag: nightly
    tasks: { fetch: { outputs: { rows: 3 } } }
    expect: { run: succeeded, tasks: { store: { parameters: { argv: [put, 3] } } } }
";
const WRONG: &str = "  more rows are stored:
    dag: nightly
    tasks: { fetch: { outputs: { rows: 3 } } }
    expect: { run: succeeded, tasks: { store: { parameters: { argv: [put, 4] } } } }
";

#[test]
fn tests_that_hold_run_no_task_and_leave_no_trace() {
    let folder = project(&test_file(GOOD));
    let (status, text) = said(folder.path(), &["test"]);
    assert_eq!(status, Some(0), "{text}");
    assert!(text.contains("ok      rows are stored  (nightly.test.yaml:3, "), "{text}");
    assert!(text.ends_with("1 tests, all ok\n"), "{text}");
    assert!(!folder.path().join("ran").exists() && !folder.path().join(".daybreak").exists());
}

#[test]
fn an_expectation_that_does_not_hold_is_shown_with_its_place_and_the_difference() {
    let folder = project(&test_file(&format!("{GOOD}{WRONG}")));
    let (status, text) = said(folder.path(), &["test"]);
    assert_eq!(status, Some(1), "{text}");
    let shown = [
        "FAILED  more rows are stored  (nightly.test.yaml:7, ",
        "nightly.test.yaml:10:69",
        "parameter `argv` of task `store`",
        "      -   4\n",
        "      +   3\n",
        "    store: succeeded\n",
        "2 tests, 1 failed",
    ];
    for part in shown {
        assert!(text.contains(part), "`{part}` in {text}");
    }
    let (status, text) = said(folder.path(), &["test", "--filter", "more rows", "--json"]);
    let report: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!((status, &report["failed"], &report["passed"]), (Some(1), &1.into(), &0.into()), "{text}");
    let failure = &report["tests"][0]["failures"][0];
    assert_eq!((&failure["line"], &failure["column"]), (&10.into(), &69.into()), "{text}");
    assert_eq!(failure["found"], serde_json::json!(["put", 3]));
}

#[test]
fn mistakes_in_a_test_file_are_told_like_all_others_and_keep_nobody_from_running_the_project() {
    let folder =
        project(&test_file("  odd:\n    dag: nightly\n    tasks: { fetsh: {} }\n    expect: { runs: failed }\n"));
    for command in ["test", "check"] {
        let (status, text) = said(folder.path(), &[command]);
        assert_eq!(status, Some(if command == "test" { 3 } else { 1 }), "{text}");
        assert!(text.contains("nightly.test.yaml:5:14") && text.contains("did you mean `fetch`?"), "{text}");
        assert!(text.contains("nightly.test.yaml:6:15") && text.contains("did you mean `run`?"), "{text}");
    }
    let (status, text) = said(folder.path(), &["apply"]);
    assert_eq!(status, Some(0), "tests are not deployed: {text}");
}

#[test]
fn every_example_and_the_first_project_have_tests_that_hold() {
    let folder = tempfile::tempdir().expect("a folder");
    assert!(daybreak(folder.path(), &["init", "."]).status.success());
    let (status, text) = said(folder.path(), &["test"]);
    assert_eq!(status, Some(0), "{text}");
    for entry in std::fs::read_dir(root().join("dags")).expect("dags/").flatten() {
        let (status, text) = said(&entry.path(), &["test"]);
        assert_eq!(status, Some(0), "{}: {text}", entry.path().display());
    }
}

#[test]
fn misuse_says_what_to_do() {
    let folder = project(&test_file(GOOD));
    let (status, text) = said(folder.path(), &["test", "--filter", "nothing like it"]);
    assert_eq!((status, text.contains("there are: rows are stored")), (Some(2), true), "{text}");
    std::fs::remove_file(folder.path().join("nightly.test.yaml")).expect("it was there");
    let (status, text) = said(folder.path(), &["test"]);
    assert_eq!((status, text.contains("NAME.test.yaml")), (Some(2), true), "{text}");
    let schema = json(&daybreak(folder.path(), &["schema", "--tests"]));
    assert_eq!(schema["required"], serde_json::json!(["version", "tests"]));
}

#[test]
fn tests_run_beside_a_server() {
    let folder = project(&test_file(GOOD));
    let served = Served::start(folder.path(), &[]);
    let (status, text) = said(folder.path(), &["test"]);
    assert_eq!(status, Some(0), "{text}");
    assert!(!folder.path().join("ran").exists());
    drop(served);
}
