//! A server on a socket and requests as bytes: what is sent is exactly what a test says.

use std::net::SocketAddr;
use std::sync::Arc;

use daybreak_protocol::{ProblemDetails, Role};
use daybreak_server::http::{document, router};
use serde_json::Value as Json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::canned::{ADMIN, Canned};

pub struct Served {
    pub address: SocketAddr,
    pub engine: Arc<Canned>,
}

pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> Json {
        serde_json::from_str(&self.body).unwrap()
    }

    /// The problem, which has to be one in every respect.
    pub fn problem(&self) -> ProblemDetails {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{}", self.body);
        assert_eq!(self.header("x-content-type-options"), Some("nosniff"));
        let problem: ProblemDetails = serde_json::from_str(&self.body).unwrap();
        assert_eq!((problem.status, problem.problem_type.as_str()), (self.status, "about:blank"));
        assert_eq!(self.header("x-request-id"), Some(problem.request_id.as_str()));
        assert_eq!(problem.request_id.len(), 26);
        problem
    }
}

pub async fn serve() -> Served {
    serve_as(Canned::default()).await
}

pub async fn serve_as(engine: Canned) -> Served {
    let engine = Arc::new(engine);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = router(engine.clone(), document()).into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, app).await });
    Served { address, engine }
}

impl Served {
    /// Sends a request as it stands, up to its end, and reads the answer.
    pub async fn raw(&self, request: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        // The server may answer and close before it has read everything.
        let _ = stream.write_all(request).await;
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes).await;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers = lines.filter_map(|line| line.split_once(": "));
        let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
        let answer = Answer { status, headers, body: body.to_owned() };
        if let Some(line) = String::from_utf8_lossy(request).lines().next() {
            crate::document::expect_documented(line, &answer);
        }
        answer
    }

    /// A request with these header lines.
    pub async fn send(&self, method: &str, path: &str, headers: &[&str], body: &str) -> Answer {
        let mut request = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n");
        for header in headers {
            request.push_str(header);
            request.push_str("\r\n");
        }
        request.push_str(&format!("content-length: {}\r\n\r\n{body}", body.len()));
        self.raw(request.as_bytes()).await
    }

    /// With a role's token.
    pub async fn send_as(&self, role: Role, method: &str, path: &str, body: &str) -> Answer {
        let authorization = format!("authorization: Bearer token-of-{}", role.as_str());
        self.send(method, path, &[&authorization, "content-type: application/json"], body).await
    }

    /// With the project's token.
    pub async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[&format!("authorization: Bearer {ADMIN}")], "").await
    }

    /// JSON with the project's token.
    pub async fn post(&self, path: &str, body: &str) -> Answer {
        let authorization = format!("authorization: Bearer {ADMIN}");
        self.send("POST", path, &[&authorization, "content-type: application/json"], body).await
    }
}
