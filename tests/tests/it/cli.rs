//! The command line as a new user meets it.

use std::time::Duration;

use daybreak_tests::{copy_project, daybreak, json, root, wait_for};

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_fresh_project_checks_explains_and_runs() {
    let folder = tempfile::tempdir().expect("a folder");
    let init = daybreak(folder.path(), &["init", "shop"]);
    assert!(init.status.success(), "{}", text(&init.stderr));
    let shop = folder.path().join("shop");
    assert!(daybreak(&shop, &["check"]).status.success());
    let explained = daybreak(&shop, &["explain", "nightly"]);
    assert!(text(&explained.stdout).contains("customer_history"), "{}", text(&explained.stdout));
    let run = json(&daybreak(&shop, &["run", "nightly", "--at", "2025-03-01T02:00:00Z", "--wait", "--json"]));
    assert_eq!(run["state"], "succeeded", "{run}");
    let prediction = json(&daybreak(&shop, &["predict", "returned", "customer=c1", "amount=120", "--json"]));
    let probability = prediction["probability"].as_f64().expect("a probability");
    assert!((0.0..=1.0).contains(&probability), "{prediction}");
    assert_eq!(prediction["model_version"], 1, "{prediction}");
}

#[test]
fn a_typo_is_shown_with_its_place_and_what_was_meant() {
    let folder = tempfile::tempdir().expect("a folder");
    daybreak(folder.path(), &["init", "."]);
    let path = folder.path().join("daybreak.yaml");
    let project = std::fs::read_to_string(&path).expect("a project");
    std::fs::write(&path, project.replace("entity: customer", "entity: custmer")).expect("a mistake");
    let check = daybreak(folder.path(), &["check"]);
    let shown = text(&check.stdout) + &text(&check.stderr);
    assert_eq!(check.status.code(), Some(1), "{shown}");
    assert!(shown.contains("daybreak.yaml:") && shown.contains("did you mean `customer`"), "{shown}");
}

#[test]
fn init_never_writes_over_a_project() {
    let folder = tempfile::tempdir().expect("a folder");
    assert!(daybreak(folder.path(), &["init"]).status.success());
    assert_eq!(daybreak(folder.path(), &["init"]).status.code(), Some(3));
}

#[test]
fn a_second_server_on_the_same_folder_refuses_with_status_3() {
    let folder = tempfile::tempdir().expect("a folder");
    daybreak(folder.path(), &["init"]);
    let up = |listen| {
        let mut command = std::process::Command::new(daybreak_tests::binary());
        command.args(["up", "--listen", listen]).current_dir(folder.path());
        command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::piped());
        command.spawn().expect("a server")
    };
    let mut first = up("127.0.0.1:0");
    wait_for("the first server", Duration::from_secs(30), || {
        folder.path().join(".daybreak/server.json").exists().then_some(())
    });
    let second = up("127.0.0.1:0").wait_with_output().expect("a refusal");
    first.kill().expect("a kill");
    first.wait().expect("an end");
    assert_eq!(second.status.code(), Some(3), "{}", text(&second.stderr));
}

#[test]
fn every_example_project_checks_without_a_problem() {
    for entry in std::fs::read_dir(root().join("dags")).expect("dags/").flatten() {
        let folder = tempfile::tempdir().expect("a folder");
        copy_project(&entry.path(), folder.path());
        let check = daybreak(folder.path(), &["check"]);
        assert!(check.status.success(), "{}: {}", entry.path().display(), text(&check.stdout) + &text(&check.stderr));
    }
}

#[test]
fn a_file_that_is_no_demo_is_never_emptied() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("thesis.txt"), "years of work").expect("a file");
    let demo = daybreak(folder.path(), &["demo", "--nights", "1", "--exit", "--data", "."]);
    assert_eq!(demo.status.code(), Some(3), "{}", text(&demo.stderr));
    assert!(folder.path().join("thesis.txt").exists());
}
