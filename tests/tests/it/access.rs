//! Tokens, the document, metrics, logs that are followed, as an operator meets them: through the real binary and its server.

use std::process::Command;

use daybreak_protocol::{AuditQuery, Client, Error, RunsQuery, TriggerRequest};
use daybreak_tests::roles::Role;
use daybreak_tests::served::Served;
use daybreak_tests::{binary, daybreak, json};
use serde_json::Value as Json;

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn token(folder: &std::path::Path, role: &str) -> (String, String) {
    let made = json(&daybreak(folder, &["token", "create", "--role", role, "--name", role, "--json"]));
    let part = |key: &str| made[key].as_str().expect("a text").to_owned();
    assert_eq!(part("role"), role);
    (part("id"), part("token"))
}

async fn status(url: &str, token: &str) -> u16 {
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    client.get(url).bearer_auth(token).send().await.expect("an answer").status().as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_open_what_their_role_may_until_they_are_taken_back() {
    let folder = tempfile::tempdir().expect("a folder");
    assert!(daybreak(folder.path(), &["init"]).status.success());
    let served = Served::start(folder.path(), &[]);
    let (viewer_id, viewer) = token(folder.path(), "viewer");
    let (_, predict) = token(folder.path(), "predict");
    let (_, operator) = token(folder.path(), "operator");
    let as_viewer = Client::new(&served.url, &viewer);
    as_viewer.runs(&RunsQuery::default()).await.expect("a viewer looks");
    let refused = as_viewer.trigger("nightly", &TriggerRequest::default()).await;
    assert!(matches!(&refused, Err(Error::Refused(detail)) if detail.contains("`viewer` may not")), "{refused:?}");
    let model = format!("{}/v1/models/returned", served.url);
    assert_eq!(status(&model, &viewer).await, 403);
    assert_ne!(status(&model, &predict).await, 403);
    assert_eq!(status(&format!("{}/api/v1/runs", served.url), &predict).await, 403);
    assert_eq!(status(&format!("{}/metrics", served.url), &viewer).await, 200);
    assert_eq!(status(&format!("{}/metrics", served.url), "wrong").await, 401);
    let run = Client::new(&served.url, &operator).trigger("nightly", &TriggerRequest::default()).await.expect("it may");
    let of_run = AuditQuery { subject: Some(run), ..AuditQuery::default() };
    let entries = served.client().audit(&of_run).await.expect("the audit").entries;
    assert_eq!(entries[0].by.as_deref(), Some("operator"), "{entries:?}");
    let revoked = daybreak(folder.path(), &["token", "revoke", &viewer_id]);
    assert!(revoked.status.success(), "{}", text(&revoked.stderr));
    assert_eq!(status(&format!("{}/api/v1/runs", served.url), &viewer).await, 401);
    assert_eq!(status(&model, &viewer).await, 401, "the endpoint knows it too");
    let listed = text(&daybreak(folder.path(), &["token", "list"]).stdout);
    for shown in ["taken back by project token", "predict", "good until"] {
        assert!(listed.contains(shown), "{shown}: {listed}");
    }
    assert!(!listed.contains("db_"), "{listed}");
    let state = std::fs::read(folder.path().join(".daybreak/state.db")).expect("the state");
    let secret = viewer.rsplit('_').nth(1).expect("a secret").as_bytes();
    assert!(!state.windows(secret.len()).any(|window| window == secret), "the token is nowhere in the state");
}

#[test]
fn a_log_is_followed_to_the_end_of_its_task() {
    let folder = tempfile::tempdir().expect("a folder");
    assert!(daybreak(folder.path(), &["init"]).status.success());
    let run = json(&daybreak(folder.path(), &["run", "nightly", "--at", "2025-03-01T02:00:00Z", "--wait", "--json"]));
    let id = run["id"].as_str().expect("an id");
    let followed = daybreak(folder.path(), &["logs", id, "train", "--follow"]);
    let shown = text(&followed.stdout);
    assert!(followed.status.success(), "{shown}{}", text(&followed.stderr));
    assert!(shown.starts_with("-- attempt 1\n") && shown.ends_with("-- succeeded\n"), "{shown}");
    let unknown = daybreak(folder.path(), &["logs", id, "nothing", "--follow"]);
    assert_eq!(unknown.status.code(), Some(4), "{}", text(&unknown.stderr));
}

#[test]
fn the_document_and_the_logs_are_for_programs_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let document = json(&daybreak(folder.path(), &["openapi"]));
    assert_eq!(document["openapi"], "3.1.0");
    assert!(document["paths"]["/api/v1/runs/{run}"]["get"].is_object());
    assert!(daybreak(folder.path(), &["init"]).status.success());
    let mut command = Command::new(binary());
    command.args(["--log-format", "json", "runs"]).env("DAYBREAK_LOG", "debug").current_dir(folder.path());
    let logged = text(&command.output().expect("it starts").stderr);
    let lines: Vec<Json> = logged.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    assert!(!lines.is_empty() && lines.len() == logged.lines().count(), "{logged}");
    assert!(lines.iter().all(|line| line["level"].is_string() && line["fields"].is_object()), "{logged}");
}

/// What a server answers at a path.
async fn read(url: &str, path: &str, token: &str) -> Json {
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let asked = client.get(format!("{url}{path}")).bearer_auth(token);
    asked.send().await.expect("an answer").json().await.expect("JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_of_a_process_is_of_all_that_it_answers() {
    let around = tempfile::tempdir().expect("a folder");
    let project = around.path().join("shop");
    std::fs::create_dir(&project).expect("a folder");
    assert!(daybreak(&project, &["init"]).status.success());
    let up = Served::start(&project, &[]);
    let whole = read(&up.url, "/api/v1/openapi.json", &up.token).await;
    let endpoint = read(&up.url, "/v1/openapi.json", &up.token).await;
    assert_eq!(whole, json(&daybreak(&project, &["openapi"])));
    drop(up);
    let server = Served::start_as("server", &project, &["--listen", "127.0.0.1:0"]);
    let own = read(&server.url, "/api/v1/openapi.json", &server.token).await;
    let none = read(&server.url, "/v1/openapi.json", &server.token).await;
    assert_eq!(none["status"], 404, "there is no endpoint in it");
    let (_serve, url) = Role::endpoint(&project, &server.url, "nobody", &token(&project, "worker").1);
    assert_eq!(read(&url, "/v1/openapi.json", &server.token).await, endpoint);
    for part in ["/paths", "/components/schemas", "/components/securitySchemes"] {
        let of = |document: &Json| document.pointer(part).and_then(Json::as_object).expect("a map").clone();
        let mut both = of(&own);
        for (name, said) in of(&endpoint) {
            let before = both.insert(name.clone(), said.clone());
            assert!(before.is_none_or(|before| before == said), "{name} of {part} is two things");
        }
        assert_eq!(of(&whole), both, "{part}");
    }
    let predict = "/v1/models/{name}/predict";
    assert!(endpoint["paths"][predict]["post"].is_object() && own["paths"][predict].is_null());
}

/// A collector that keeps what it is sent.
fn collector() -> (String, std::sync::mpsc::Receiver<Vec<u8>>) {
    use std::io::{BufRead as _, BufReader, Read as _, Write as _};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let (sender, received) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut stream = BufReader::new(stream);
            loop {
                let (mut line, mut length, mut path) = (String::new(), 0, String::new());
                while stream.read_line(&mut line).is_ok_and(|read| read > 2) {
                    let header = line.to_ascii_lowercase();
                    path = if path.is_empty() { line.clone() } else { path };
                    if let Some(text) = header.strip_prefix("content-length:") {
                        length = text.trim().parse().expect("a length");
                    }
                    line.clear();
                }
                if path.is_empty() {
                    break;
                }
                assert!(path.starts_with("POST /v1/traces "), "{path}");
                let mut body = vec![0; length];
                stream.read_exact(&mut body).expect("a body");
                let _ = sender.send(body);
                let answer = b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n";
                if stream.get_mut().write_all(answer).is_err() {
                    break;
                }
            }
        }
    });
    (url, received)
}

#[test]
fn traces_of_requests_commits_and_attempts_reach_a_collector() {
    let folder = tempfile::tempdir().expect("a folder");
    assert!(daybreak(folder.path(), &["init"]).status.success());
    let (url, received) = collector();
    let mut command = Command::new(binary());
    command.args(["run", "nightly", "--at", "2025-03-01T02:00:00Z", "--wait", "--json"]).current_dir(folder.path());
    let run = json(&command.env("OTEL_EXPORTER_OTLP_ENDPOINT", &url).output().expect("it starts"));
    let sent: Vec<u8> = received.try_iter().flatten().collect();
    let said = |text: &str| sent.windows(text.len()).any(|window| window == text.as_bytes());
    let id = run["id"].as_str().expect("an id");
    for text in
        ["daybreak", "commit", "attempt", "run.id", id, "task.name", "promote", "http.route", "/api/v1/runs/{run}"]
    {
        assert!(said(text), "{text} is not in the {} bytes that were sent", sent.len());
    }
    assert!(!said("db_local_"), "no token is sent");
}
