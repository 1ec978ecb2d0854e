//! The API against a program that nobody here wrote: schemathesis makes requests from the OpenAPI document, right and wrong
//! ones, as nobody and as each role, and looks whether every answer is one that the document knows. Streams and requests
//! that are held back on purpose are left to other tests.

use std::net::SocketAddr;
use std::process::{Command, Output};
use std::sync::Arc;

use daybreak_protocol::{Clock, Role, TokenRequest};
use daybreak_server::{Origin, Server, Timings, http};
use futures::StreamExt as _;

use crate::support::{config, name, nights, project, real_now};

/// What is looked at. Not: whether every right request succeeds (names and ids that nobody has made are not found), and
/// whether a method that is not listed gets 405 (who may not call it is told that first).
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,\
    response_schema_conformance,negative_data_rejection,missing_required_header,ignored_auth";

/// Held back, or without an end.
const LEFT_OUT: [&str; 4] = ["/api/v1/events", "/api/v1/live", "/api/v1/worker/poll", "/api/v1/worker/cancellations"];

/// Examples for each operation and phase.
const EXAMPLES: &str = "3";

/// Runs beside each other.
const AT_ONCE: usize = 2;

struct Fuzzed {
    server: Arc<Server>,
    url: String,
    folder: tempfile::TempDir,
}

/// A server whose business time nobody can move: a clock in the year 9999 would have nights made for days.
async fn serve() -> Fuzzed {
    let folder = tempfile::tempdir().expect("a folder");
    let mut config = config(folder.path(), Timings::default());
    config.clock = Clock::real(real_now);
    let server = Server::open(config).await.expect("it opens");
    server.deploy(&project(nights()).into(), folder.path()).await.expect("it deploys");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let service = server.router().into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await });
    let document = serde_json::to_vec(&http::document()).expect("a document");
    std::fs::write(folder.path().join("openapi.json"), document).expect("it is written");
    Fuzzed { server, url, folder }
}

impl Fuzzed {
    fn command(&self, token: Option<&str>) -> Command {
        let mut command = Command::new("python3");
        command.args(["-m", "schemathesis.cli", "run", "openapi.json", "--url", &self.url, "--checks", CHECKS]);
        command.args(["--phases", "examples,coverage,fuzzing", "--max-examples", EXAMPLES]);
        command.args(["--mode", "all", "--no-color", "--generation-deterministic"]);
        command.args(["--suppress-health-check", "all", "--warnings", "off", "--request-timeout", "10"]);
        for path in LEFT_OUT {
            command.args(["--exclude-path", path]);
        }
        if let Some(token) = token {
            command.args(["--header", &format!("Authorization: Bearer {token}")]);
        }
        command.current_dir(self.folder.path());
        command
    }
}

fn expect_no_complaint(who: &str, output: &Output) {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(!err.contains("No module named"), "{err}\n`cargo xtask test` sets up the Python packages of the tests");
    assert!(output.status.success(), "as {who}: {}\n{out}\n{err}", output.status);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_request_gets_an_answer_that_the_document_does_not_know() {
    let fuzzed = serve().await;
    let mut who = vec![("nobody", None)];
    for role in Role::ALL {
        let request = TokenRequest { name: name(role.as_str()), role, expires_in: None };
        let made = fuzzed.server.create_token(request, &Origin::cli()).await.expect("it is made");
        who.push((role.as_str(), Some(made.token)));
    }
    let runs = who.into_iter().map(|(who, token)| {
        let mut command = fuzzed.command(token.as_deref());
        async move {
            let run = tokio::task::spawn_blocking(move || command.output());
            (who, run.await.expect("no panic").expect("python3 starts"))
        }
    });
    let mut answers = futures::stream::iter(runs).buffer_unordered(AT_ONCE);
    while let Some((who, output)) = answers.next().await {
        expect_no_complaint(who, &output);
    }
}
