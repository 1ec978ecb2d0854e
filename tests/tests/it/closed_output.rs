//! Whoever reads what a command says may go away before it has said all: `daybreak runs | head -1`.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use daybreak_tests::{binary, daybreak, json, wait_for};

/// A pipe's end that nobody reads at the other.
fn nobody() -> Stdio {
    std::io::pipe().expect("a pipe").1.into()
}

fn start(folder: &Path, arguments: &[&str], errors: Stdio) -> Child {
    let mut command = Command::new(binary());
    command.args(arguments).current_dir(folder).stdout(nobody()).stderr(errors).spawn().expect("daybreak starts")
}

fn fresh() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    assert!(daybreak(folder.path(), &["init"]).status.success());
    folder
}

#[test]
fn a_command_whose_reader_has_gone_ends_without_a_word_and_as_the_pipes_signal_would_end_it() {
    let folder = fresh();
    let cases: &[&[&str]] = &[
        &["check"],
        &["check", "--json"],
        &["test"],
        &["schema"],
        &["openapi"],
        &["explain", "nightly"],
        &["schedule", "nightly"],
        &["simulate", "--from", "2025-03-01T00:00:00Z", "--to", "2025-04-01T00:00:00Z"],
        &["dags", "--json"],
        &["runs"],
        &["token"],
    ];
    for arguments in cases {
        let ended = start(folder.path(), arguments, Stdio::piped()).wait_with_output().expect("an end");
        let said = String::from_utf8_lossy(&ended.stderr);
        assert_eq!((ended.status.code(), &*said), (Some(141), ""), "{arguments:?}");
    }
}

#[test]
fn what_a_command_does_is_done_although_nobody_reads_what_it_says_of_it() {
    let folder = fresh();
    let at = "2025-03-01T02:00:00Z";
    let mut run = start(folder.path(), &["run", "nightly", "--at", at, "--wait"], nobody());
    assert_eq!(run.wait().expect("an end").code(), Some(141));
    let runs = json(&daybreak(folder.path(), &["runs", "--json"]));
    assert_eq!(runs[0]["state"], "succeeded", "{runs}");
}

#[test]
fn a_server_goes_on_although_nobody_reads_what_it_says() {
    let folder = fresh();
    let mut up = start(folder.path(), &["up", "--listen", "127.0.0.1:0"], nobody());
    wait_for("the server's note", Duration::from_secs(30), || {
        folder.path().join(".daybreak/server.json").exists().then_some(())
    });
    let path = folder.path().join("daybreak.yaml");
    let project = std::fs::read_to_string(&path).expect("a project");
    // Both are told of: the reload on standard output, what is wrong on standard error.
    std::fs::write(&path, format!("{project}  wrong: {{}}\n")).expect("a mistake");
    let told = |word: &str| {
        let dags = daybreak(folder.path(), &["dags"]);
        let told = String::from_utf8_lossy(&dags.stdout).into_owned() + &String::from_utf8_lossy(&dags.stderr);
        told.contains(word).then_some(())
    };
    wait_for("the mistake", Duration::from_secs(30), || told("have problems"));
    std::fs::write(&path, format!("{project}  second:\n    tasks:\n      nothing: {{ kind: noop }}\n")).expect("a DAG");
    wait_for("the second DAG", Duration::from_secs(30), || told("second"));
    assert!(up.try_wait().expect("a look").is_none(), "it still serves");
    Command::new("kill").arg("-INT").arg(up.id().to_string()).status().expect("kill");
    assert_eq!(up.wait().expect("an end").code(), Some(0));
}
