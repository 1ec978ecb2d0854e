//! Server, workers and endpoint as processes of their own.

use std::path::Path;
use std::process::Command;

use daybreak_tests::roles::{Role, token};
use daybreak_tests::served::Served;
use daybreak_tests::{binary, daybreak, json};

const NIGHT: &str = "2025-03-01T02:00:00Z";

/// The project of `daybreak init` in a folder beside which others have room.
fn shop() -> (tempfile::TempDir, std::path::PathBuf) {
    let around = tempfile::tempdir().expect("a folder");
    let project = around.path().join("shop");
    std::fs::create_dir(&project).expect("a folder");
    assert!(daybreak(&project, &["init"]).status.success());
    (around, project)
}

fn serve(project: &Path, more: &[&str]) -> Served {
    Served::start_as("server", project, &[&["--listen", "127.0.0.1:0"], more].concat())
}

#[test]
fn a_server_and_a_worker_in_processes_of_their_own_run_a_night() {
    let (_around, project) = shop();
    let served = serve(&project, &[]);
    let _worker = Role::worker(&served, "one", &["--slots", "1"]);
    let run = json(&daybreak(&project, &["run", "nightly", "--at", NIGHT, "--wait", "--json"]));
    assert_eq!(run["state"], "succeeded", "{run}");
    let models = json(&daybreak(&project, &["models", "--json"]));
    assert_eq!(models[0]["aliases"], serde_json::json!({ "champion": 1 }), "{models}");
    let log = daybreak(&project, &["logs", run["id"].as_str().expect("an id"), "train"]);
    assert!(!log.stdout.is_empty(), "the worker's logs are read by the server");
}

#[test]
fn a_worker_whose_token_is_no_good_ends_and_says_so() {
    let (around, project) = shop();
    let served = serve(&project, &[]);
    let start = |token: &str| {
        let folder = around.path().join("worker");
        let arguments = ["worker", "--server", &served.url, "--artifacts", "../shop/.daybreak/artifacts"];
        Role::start("refused", &folder, token, &arguments)
    };
    let mut forged = start("db_01ARZ3NDEKTSV4RRFFQ69G5FAV_forged_000000");
    assert_eq!(forged.wait().code(), Some(4), "{}", forged.said());
    forged.says("needs a bearer token that is good here");
    let mut predicts = start(&token(&project, "predict", "not-for-workers"));
    assert_eq!(predicts.wait().code(), Some(4), "{}", predicts.said());
    predicts.says("a token of the role `predict` may not do this");
}

#[test]
fn a_worker_is_not_started_with_what_opens_the_database() {
    let arguments = ["worker", "--server", "http://127.0.0.1:1", "--artifacts", "."];
    let mut command = Command::new(binary());
    command.args(arguments).env("DAYBREAK_DATABASE", "postgres://daybreak:secret@db/daybreak");
    let output = command.env("DAYBREAK_TOKEN", "x").output().expect("it starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("without DAYBREAK_DATABASE") && !said.contains("secret"), "{said}");
}

#[test]
fn an_address_that_others_reach_needs_a_word_that_allows_it() {
    let (_around, project) = shop();
    for role in ["server", "up"] {
        let refused = daybreak(&project, &[role, "--listen", "0.0.0.0:0"]);
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(refused.status.code(), Some(2), "{said}");
        assert!(said.contains("--allow-remote") && said.contains("in clear text"), "{said}");
    }
    let served = Served::start_as("server", &project, &["--listen", "0.0.0.0:0", "--allow-remote"]);
    assert!(served.url.starts_with("http://127.0.0.1:"), "{}", served.url);
}

/// Answers every request as a server does that does not speak the worker's protocol.
fn server_of_another_protocol() -> String {
    use std::io::{BufRead as _, BufReader, Read as _, Write as _};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (mut stream, mut line, mut length) = (BufReader::new(stream), String::new(), 0);
            while stream.read_line(&mut line).is_ok_and(|read| read > 2) {
                let header = line.to_ascii_lowercase();
                length = header
                    .strip_prefix("content-length:")
                    .map_or(length, |text| text.trim().parse().expect("a length"));
                line.clear();
            }
            stream.read_exact(&mut vec![0; length]).expect("a body");
            let detail = "the worker speaks protocol 1, the server takes 7 to 9: replace the worker by a newer one";
            let body = serde_json::json!({ "type": "about:blank", "title": "Conflict", "status": 409, "detail": detail,
                "code": "other_protocol", "request_id": "x" });
            let body = body.to_string();
            let head = "HTTP/1.1 409 Conflict\r\ncontent-type: application/problem+json\r\nconnection: close";
            let _ = write!(stream.get_mut(), "{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        }
    });
    url
}

#[test]
fn a_worker_that_the_server_does_not_understand_ends_with_a_status_of_its_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let url = server_of_another_protocol();
    let mut worker = Role::start("other", folder.path(), "x", &["worker", "--server", &url, "--artifacts", "."]);
    assert_eq!(worker.wait().code(), Some(6), "{}", worker.said());
    worker.says("speaks protocol 1, the server takes 7 to 9");
}
