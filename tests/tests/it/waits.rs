//! Tasks that wait, as a user types them: files, instants, decisions, other DAGs, addresses.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use daybreak_tests::served::Served;
use daybreak_tests::{daybreak, json, wait_for};
use serde_json::Value as Json;

fn project(folder: &Path, more: &str, dags: &str) {
    std::fs::write(folder.join("daybreak.yaml"), format!("version: 1\nname: waiting\n{more}")).expect("a project");
    std::fs::write(folder.join("dags.yaml"), format!("dags:\n{dags}")).expect("its DAGs");
}

fn start(folder: &Path, dag: &str) -> String {
    let run = json(&daybreak(folder, &["run", dag, "--json"]));
    run["id"].as_str().or_else(|| run["run_id"].as_str()).expect("an id").to_owned()
}

fn run(folder: &Path, id: &str) -> Json {
    json(&daybreak(folder, &["run", "show", id, "--json"]))
}

fn task<'a>(run: &'a Json, name: &str) -> &'a Json {
    run["tasks"].as_array().expect("tasks").iter().find(|task| task["name"] == name).expect("the task")
}

/// Waits until a task stands so.
fn stands(folder: &Path, id: &str, name: &str, state: &str) -> Json {
    wait_for(&format!("`{name}` to be {state}"), Duration::from_secs(30), || {
        let run = run(folder, id);
        (task(&run, name)["state"] == state).then_some(run)
    })
}

#[test]
fn a_run_waits_for_a_person_a_file_and_another_dag_and_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    project(
        folder,
        "",
        r#"  outer:
    tasks:
      ask: { kind: approve, message: the new model, deadline: 8h }
      drop: { kind: wait_for, needs: ask, file: "drop/*.csv", every: 1s, timeout: 1h }
      sub: { kind: run_dag, needs: drop, dag: inner, params: { by: "${tasks.ask.outputs.by}" } }
      after: { kind: wait_for, needs: sub, dag: { name: inner, window: same } }
  inner:
    params: { by: nobody }
    tasks:
      tell: { kind: command, argv: [echo, "approved by ${params.by}"] }
"#,
    );
    let _served = Served::start(folder, &[]);
    let id = start(folder, "outer");
    stands(folder, &id, "ask", "deferred");
    let why = json(&daybreak(folder, &["why", &id, "ask", "--json"]));
    let words = why["tasks"][0]["words"].as_str().expect("words");
    assert!(words.contains("to approve or reject it") && words.ends_with("the new model"), "{words}");
    let early = daybreak(folder, &["approve", &id, "drop"]);
    assert_eq!(early.status.code(), Some(4), "it does not wait for a decision");
    let approved = daybreak(folder, &["approve", &id, "ask", "--note", "looks good"]);
    assert!(approved.status.success(), "{}", String::from_utf8_lossy(&approved.stderr));
    let waiting = stands(folder, &id, "drop", "deferred");
    assert_eq!(task(&waiting, "drop")["wait"]["condition"]["path"], "drop/*.csv", "{waiting}");
    std::fs::create_dir(folder.join("drop")).expect("a folder");
    std::fs::write(folder.join("drop/rows.csv"), "a\n").expect("a file");
    let ended = stands(folder, &id, "after", "succeeded");
    assert_eq!(ended["state"], "succeeded", "{ended}");
    assert_eq!(task(&ended, "drop")["outputs"]["files"][0], "drop/rows.csv");
    let inner = task(&ended, "sub")["outputs"]["run_id"].as_str().expect("a run").to_owned();
    assert_eq!(task(&ended, "after")["outputs"]["run_id"], inner.as_str());
    assert_eq!(run(folder, &inner)["window_end"], ended["window_end"]);
    let log = daybreak(folder, &["logs", &inner, "tell"]);
    assert!(String::from_utf8_lossy(&log.stdout).contains("approved by "), "{}", String::from_utf8_lossy(&log.stdout));
    let audit = json(&daybreak(folder, &["audit", "--of", &id, "--json"]));
    assert_eq!((&audit[0]["action"], &audit[0]["detail"]), (&"approve".into(), &"`ask`: looks good".into()));
}

/// Is not ready for the first request and answers each later one with the same.
fn server(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound").to_string();
    std::thread::spawn(move || {
        let mut status = "503 Service Unavailable";
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let _ = stream.read(&mut [0; 8 << 10]);
            let length = answer.len();
            let _ =
                write!(stream, "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{answer}");
            status = "200 OK";
        }
    });
    address
}

#[test]
fn an_address_is_asked_only_where_the_project_declares_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let address = server(r#"{"job": {"id": "j-7"}}"#);
    let dags = format!(
        "  call:\n    tasks:\n      ready: {{ kind: wait_for, http: {{ url: \"http://{address}/ready\" }}, every: 1s }}\n      \
         ask: {{ kind: http, needs: ready, url: \"http://{address}/jobs\", body: {{ day: 1 }}, outputs: {{ id: /job/id }} }}\n"
    );
    project(folder, "", &dags);
    let check = daybreak(folder, &["check"]);
    let shown = String::from_utf8_lossy(&check.stdout).into_owned() + &String::from_utf8_lossy(&check.stderr);
    assert!(!check.status.success() && shown.contains("http: { allow:"), "{shown}");
    project(folder, &format!("http: {{ allow: [\"{address}\"] }}\n"), &dags);
    let run = json(&daybreak(folder, &["run", "call", "--wait", "--json"]));
    assert_eq!(run["state"], "succeeded", "{run}");
    assert_eq!(task(&run, "ask")["outputs"]["id"], "j-7");
}

#[test]
fn a_run_that_misses_its_deadline_fails_and_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    project(
        folder,
        "",
        "  late:\n    deadline: 1s\n    tasks:\n      ask: { kind: approve }\n      clear: { kind: noop, needs: ask, teardown: true }\n",
    );
    let output = daybreak(folder, &["run", "late", "--wait", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let run: Json = serde_json::from_slice(&output.stdout).expect("the run");
    assert_eq!(run["state"], "failed", "{run}");
    assert_eq!(run["reason"], "it had not ended 1s after its start, which is the `deadline` of its DAG");
    assert_eq!(task(&run, "clear")["state"], "succeeded", "what it had begun is torn down: {run}");
}

#[test]
fn a_rejection_skips_or_fails_and_a_wait_that_is_over_does_what_it_says() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    project(
        folder,
        "",
        r#"  ask:
    tasks:
      go: { kind: approve, on_reject: skip }
      then: { kind: noop, needs: go }
  late:
    tasks:
      file: { kind: wait_for, file: never.csv, every: 1s, timeout: 1s, at_timeout: succeed }
      noon: { kind: wait_for, needs: file, until: "${run.window_end}-6h" }
      soon: { kind: approve, needs: noon, deadline: 1s, default: approve }
"#,
    );
    let _served = Served::start(folder, &[]);
    let id = start(folder, "ask");
    stands(folder, &id, "go", "deferred");
    let rejected = daybreak(folder, &["reject", &id, "go", "--note", "not today"]);
    assert!(rejected.status.success(), "{}", String::from_utf8_lossy(&rejected.stderr));
    let ended = stands(folder, &id, "then", "skipped");
    assert_eq!(ended["state"], "succeeded", "{ended}");
    assert!(task(&ended, "go")["reason"].as_str().is_some_and(|reason| reason.ends_with(": not today")), "{ended}");
    let again = daybreak(folder, &["reject", &id, "go"]);
    assert_eq!(again.status.code(), Some(4), "it is decided");
    let late = json(&daybreak(folder, &["run", "late", "--wait", "--json"]));
    assert_eq!(late["state"], "succeeded", "{late}");
    assert_eq!(task(&late, "file")["outputs"]["timed_out"], true);
    assert_eq!(task(&late, "soon")["outputs"]["by"], "the deadline");
}
