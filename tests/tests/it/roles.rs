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

/// Asks an endpoint for a prediction until it has an answer.
async fn predicts(url: &str, token: &str) -> serde_json::Value {
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let begun = std::time::Instant::now();
    loop {
        let body = serde_json::json!({ "customer": "c1", "amount": 120 });
        let sent = client.post(format!("{url}/v1/models/returned/predict")).bearer_auth(token).json(&body).send().await;
        let answer = sent.expect("an answer");
        let status = answer.status().as_u16();
        let text = answer.text().await.expect("a text");
        if status == 200 {
            return serde_json::from_str(&text).expect("a prediction");
        }
        assert!([404, 503].contains(&status) && begun.elapsed().as_secs() < 30, "{status}: {text}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_answers_and_starts_again_while_server_and_artefacts_are_away() {
    let (around, project) = shop();
    let served = serve(&project, &["--clock-from", NIGHT]);
    let _worker = Role::worker(&served, "one", &[]);
    let run = json(&daybreak(&project, &["run", "nightly", "--at", NIGHT, "--wait", "--json"]));
    assert_eq!(run["state"], "succeeded", "{run}");
    let (own, predict) = (token(&project, "worker", "endpoint"), token(&project, "predict", "app"));
    let (endpoint, url) = Role::endpoint(&project, &served.url, "one", &own);
    let first = predicts(&url, &predict).await;
    assert_eq!(first["model_version"], 1, "{first}");
    assert!(first["features_as_of"].as_object().is_some_and(|views| views.values().all(|at| at == NIGHT)), "{first}");
    let refused = reqwest::Client::builder().no_proxy().build().expect("a client");
    let refused = refused.get(format!("{url}/v1/models/returned")).bearer_auth(&own).send().await.expect("an answer");
    assert_eq!(refused.status().as_u16(), 403, "its own token does the worker's part and predicts nothing");

    let server = served.url.clone();
    drop(served);
    let second = predicts(&url, &predict).await;
    assert_eq!((&second["probability"], &second["model_version"]), (&first["probability"], &first["model_version"]));
    drop(endpoint);
    std::fs::rename(project.join(".daybreak/artifacts"), around.path().join("away")).expect("moved");
    let (_endpoint, url) = Role::endpoint(&project, &server, "one", &own);
    let third = predicts(&url, &predict).await;
    assert_eq!((&third["probability"], &third["features_as_of"]), (&first["probability"], &first["features_as_of"]));
}
