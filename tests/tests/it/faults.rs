//! Bad input and bad luck: a clear reason, nothing lost, and everybody else lives on.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use daybreak_tests::served::Served;
use daybreak_tests::{binary, daybreak, json, processes_mentioning, unmistakable_seconds, wait_for};

fn shop(change: impl Fn(String) -> String) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    assert!(daybreak(folder.path(), &["init"]).status.success());
    let path = folder.path().join("daybreak.yaml");
    let project = std::fs::read_to_string(&path).expect("a project");
    std::fs::write(&path, change(project)).expect("a project");
    folder
}

fn run(folder: &Path, dag: &str, at: &str) -> Output {
    daybreak(folder, &["run", dag, "--at", at, "--wait", "--json"])
}

/// The reason of a run that has to fail.
fn failure(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let run: serde_json::Value = serde_json::from_slice(&output.stdout).expect("a run");
    assert_eq!(run["state"], "failed", "{run}");
    run["reason"].as_str().expect("a reason").to_owned()
}

#[test]
fn a_damaged_file_fails_the_run_with_its_name() {
    let folder = shop(|project| project.replace("attempts: 3", "attempts: 1"));
    let path = folder.path().join("data/orders.parquet");
    let mut bytes = std::fs::read(&path).expect("data");
    // All pages are lost; the footer, which `check` reads, is whole.
    let footer = bytes.len() - 4_000;
    bytes[4..footer].fill(0xff);
    std::fs::write(&path, bytes).expect("damage");
    let reason = failure(&run(folder.path(), "nightly", "2025-03-01T02:00:00Z"));
    assert!(reason.contains("orders.parquet"), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_build_is_found_made_again_and_named_in_the_log() {
    let folder = shop(|project| project);
    assert!(run(folder.path(), "nightly", "2025-03-01T02:00:00Z").status.success());
    let served = Served::start(folder.path(), &[]);
    let (builds, _) = served.registered().await;
    let object = &builds["customer_history@2025-03-01T02:00:00Z"];
    let path = folder.path().join(".daybreak/artifacts/objects").join(&object[..2]).join(object);
    let whole = std::fs::read(&path).expect("a build");
    let mut damaged = whole.clone();
    // In the middle of the pages, where no footer would tell.
    damaged[whole.len() / 3] ^= 1;
    std::fs::write(&path, damaged).expect("damage");
    let next = json(&run(folder.path(), "nightly", "2025-03-02T02:00:00Z"));
    assert_eq!(next["state"], "succeeded", "{next}");
    let logs = daybreak(folder.path(), &["logs", next["id"].as_str().expect("an id")]);
    let logs = String::from_utf8_lossy(&logs.stdout);
    let told =
        logs.lines().any(|line| line.contains(object.as_str()) && line.contains("made again with the same bytes"));
    assert!(told, "{logs}");
    assert!(std::fs::read(&path).expect("a build") == whole, "the object is whole again");
    assert_eq!(served.registered().await.0["customer_history@2025-03-01T02:00:00Z"], *object);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_model_is_refused_with_its_name() {
    let folder = shop(|project| project.replace("attempts: 3", "attempts: 1"));
    assert!(run(folder.path(), "nightly", "2025-03-01T02:00:00Z").status.success());
    let served = Served::start(folder.path(), &[]);
    let (_, models) = served.registered().await;
    let object = &models["returned@2025-03-01T02:00:00Z"];
    drop(served);
    let path = folder.path().join(".daybreak/artifacts/objects").join(&object[..2]).join(object);
    let mut bytes = std::fs::read(&path).expect("an artefact");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&path, bytes).expect("damage");
    let reason = failure(&run(folder.path(), "nightly", "2025-03-02T02:00:00Z"));
    assert!(reason.contains("version 1 of model `returned`") && reason.contains(object.as_str()), "{reason}");
}

#[test]
fn a_label_of_one_class_fails_the_training_and_says_so() {
    let folder = shop(|project| project.replace("label: returned,", "label: \"amount > 1000000\","));
    let reason = failure(&run(folder.path(), "nightly", "2025-03-01T02:00:00Z"));
    assert!(reason.contains("class") || reason.contains("true"), "{reason}");
}

#[test]
fn a_window_without_rows_fails_and_names_the_source() {
    let folder = shop(|project| project.replace("attempts: 3", "attempts: 1"));
    let reason = failure(&run(folder.path(), "nightly", "2020-03-01T02:00:00Z"));
    assert!(reason.contains("settled") || reason.contains("customer_history") || reason.contains("orders"), "{reason}");
}

const ROUGH: &str = r#"
  rough:
    tasks:
      abort: { kind: command, argv: [sh, -c, "kill -ABRT $$"] }
      hog: { kind: command, memory: 100MB, argv: [python3, -c, "x = bytearray(2_000_000_000)"] }
      stubborn: { kind: command, timeout: 1s, argv: [sh, -c, "trap '' TERM; setsid sh -c \"trap '' TERM; sleep SECONDS\" & sleep SECONDS"] }
      fine: { kind: noop }
"#;

#[test]
fn rough_tasks_end_alone_and_the_endpoint_answers_all_the_while() {
    let seconds = unmistakable_seconds(2);
    let folder = shop(|project| project + &ROUGH.replace("SECONDS", &seconds));
    assert!(run(folder.path(), "nightly", "2025-03-01T02:00:00Z").status.success());
    let up = Served::start(folder.path(), &[]);
    let mut rough = Command::new(binary());
    rough.args(["run", "rough", "--wait", "--json"]).current_dir(folder.path()).stdout(Stdio::piped());
    let mut rough = rough.spawn().expect("a run");
    let predict = || daybreak(folder.path(), &["predict", "returned", "customer=c1", "amount=120", "--json"]);
    let mut answered = 0;
    wait_for("the rough run's end", Duration::from_secs(60), || {
        let prediction = predict();
        assert!(prediction.status.success(), "{}", String::from_utf8_lossy(&prediction.stderr));
        answered += 1;
        rough.try_wait().expect("a state")
    });
    assert!(answered > 1);
    let output = rough.wait_with_output().expect("an end");
    let run: serde_json::Value = serde_json::from_slice(&output.stdout).expect("a run");
    let task = |name: &str| {
        let found = run["tasks"].as_array().and_then(|tasks| tasks.iter().find(|task| task["name"] == name));
        found.unwrap_or_else(|| panic!("no task {name} in {run}")).clone()
    };
    for name in ["abort", "hog", "stubborn"] {
        assert_eq!(task(name)["state"], "failed", "{}", task(name));
    }
    assert_eq!(task("fine")["state"], "succeeded");
    wait_for("the end of the stubborn grandchild", Duration::from_secs(10), || {
        processes_mentioning(&seconds).is_empty().then_some(())
    });
    drop(up);
}

#[test]
fn a_full_disk_is_a_clear_error_and_nothing_is_lost() {
    let folder = tempfile::tempdir().expect("a folder");
    let mount = Mount::small(folder.path());
    assert!(daybreak(folder.path(), &["init"]).status.success());
    assert!(run(folder.path(), "nightly", "2025-03-01T02:00:00Z").status.success());
    let filler = folder.path().join("filler");
    let _ = std::fs::write(&filler, vec![1_u8; 64 << 20]);
    let full = run(folder.path(), "nightly", "2025-03-02T02:00:00Z");
    assert!(!full.status.success());
    let said = String::from_utf8_lossy(&full.stderr).into_owned() + &String::from_utf8_lossy(&full.stdout);
    assert!(said.to_lowercase().contains("space") || said.to_lowercase().contains("full"), "{said}");
    std::fs::remove_file(filler).expect("space again");
    let models = json(&daybreak(folder.path(), &["models", "--json"]));
    assert_eq!(models[0]["versions"].as_array().map(Vec::len), Some(1), "{models}");
    assert!(run(folder.path(), "nightly", "2025-03-02T02:00:00Z").status.success());
    drop(mount);
}

/// A file system of 64 MB, unmounted when dropped.
struct Mount<'a>(&'a Path);

impl<'a> Mount<'a> {
    fn small(folder: &'a Path) -> Self {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=64m", "tmpfs"]).arg(folder);
        assert!(mount.status().is_ok_and(|status| status.success()), "this test mounts a tmpfs: run it as root");
        Self(folder)
    }
}

impl Drop for Mount<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0).status();
    }
}

#[test]
fn a_program_of_a_task_gains_no_rights_and_leaves_no_core() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = "version: 1
name: rights
dags:
  look:
    tasks:
      rights: { kind: command, argv: [sh, -c, 'grep NoNewPrivs /proc/self/status; ulimit -c'] }
";
    std::fs::write(folder.path().join("daybreak.yaml"), text).expect("a project");
    let ran = daybreak_tests::json(&daybreak(folder.path(), &["run", "look", "--wait", "--json"]));
    let id = ran["id"].as_str().expect("an id");
    let log = String::from_utf8_lossy(&daybreak(folder.path(), &["logs", id, "rights"]).stdout).into_owned();
    assert!(log.contains("NoNewPrivs:\t1\n0\n"), "{log}");
}
