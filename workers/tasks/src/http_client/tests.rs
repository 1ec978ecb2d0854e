//! The client against servers of this process: what it follows, what it refuses, what names stand for from one moment to
//! the next.

use std::collections::VecDeque;
use std::sync::Mutex;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;

/// Answers each request with the next of some answers and keeps what was asked.
struct Server {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn start(answers: Vec<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let kept = asked.clone();
        tokio::spawn(async move {
            for answer in answers {
                let Ok((mut stream, _)) = listener.accept().await else { return };
                let mut text = vec![0; 16 << 10];
                let read = stream.read(&mut text).await.unwrap_or_default();
                kept.lock().expect("one writer").push(String::from_utf8_lossy(&text[..read]).into_owned());
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        Self { address, asked }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("one writer").clone()
    }
}

fn answer(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n{headers}\r\n{body}", body.len())
}

fn redirect(status: &str, to: &str) -> String {
    answer(status, &format!("location: {to}\r\n"), "")
}

/// A name stands for the next of these each time it is asked for.
struct Changing(Mutex<VecDeque<SocketAddr>>);

#[async_trait]
impl Resolve for Changing {
    async fn resolve(&self, _: &str, _: u16) -> io::Result<Vec<SocketAddr>> {
        Ok(self.0.lock().expect("one reader").pop_front().into_iter().collect())
    }
}

fn allowing(addresses: &[SocketAddr]) -> HttpClient {
    let allow = addresses.iter().map(|address| HttpAllow::parse(&address.to_string()).expect("an address"));
    HttpClient::new(allow.collect())
}

fn get(url: &str) -> Ask {
    let headers = HeaderMap::new();
    Ask { method: Method::GET, url: url.to_owned(), headers, body: None, timeout: Duration::from_secs(10) }
}

fn lasting(outcome: Result<Answer, Refused>) -> String {
    match outcome {
        Err(Refused::Lasting(why)) => why,
        other => panic!("it has to be refused: {other:?}"),
    }
}

#[tokio::test]
async fn an_address_that_is_not_declared_is_refused_before_anything_is_sent() {
    let server = Server::start(vec![answer("200 OK", "", "secret")]).await;
    let why = lasting(HttpClient::new(Vec::new()).ask(get(&server.url("/x?token=1"))).await);
    assert!(why.contains("this host, which tasks do not ask") && why.contains("http: { allow:"), "{why}");
    assert!(server.asked().is_empty());
    let answer = allowing(&[server.address]).ask(get(&server.url("/x"))).await.expect("it is declared");
    assert_eq!((answer.status, answer.body.as_slice()), (200, b"secret".as_slice()));
}

#[tokio::test]
async fn each_redirection_is_checked_and_the_fourth_is_one_too_many() {
    let server = Server::start(vec![
        redirect("302 Found", "/second"),
        redirect("307 Temporary Redirect", "/third"),
        redirect("301 Moved Permanently", "/fourth"),
        answer("200 OK", "", "here"),
    ])
    .await;
    let client = allowing(&[server.address]);
    assert_eq!(client.ask(get(&server.url("/first"))).await.expect("three").body, b"here");

    let server = Server::start((0..5).map(|_| redirect("302 Found", "/again")).collect()).await;
    let why = lasting(allowing(&[server.address]).ask(get(&server.url("/"))).await);
    assert!(why.contains("redirects more than 3 times"), "{why}");
    assert_eq!(server.asked().len(), 4);
}

#[tokio::test]
async fn a_redirection_to_an_address_that_is_not_permitted_is_not_followed() {
    let hidden = Server::start(vec![answer("200 OK", "", "metadata")]).await;
    let targets = [
        hidden.url("/"),
        "http://169.254.169.254/latest/meta-data".to_owned(),
        "http://[::ffff:10.0.0.1]/".to_owned(),
        "http://0x7f.1:1/".to_owned(),
        "file:///etc/passwd".to_owned(),
    ];
    for target in targets {
        let server = Server::start(vec![redirect("302 Found", &target)]).await;
        let why = lasting(allowing(&[server.address]).ask(get(&server.url("/"))).await);
        assert!(why.contains("do not ask") || why.contains("only http and https"), "{target}: {why}");
    }
    assert!(hidden.asked().is_empty());
}

#[tokio::test]
async fn a_name_is_looked_at_once_for_each_hop_and_the_connection_goes_where_it_was_looked_at() {
    let server = Server::start(vec![answer("200 OK", "", "the right one")]).await;
    let metadata: SocketAddr = "169.254.169.254:80".parse().expect("an address");
    let port = server.address.port();
    let client = |stands_for: &[SocketAddr]| HttpClient {
        resolver: Arc::new(Changing(Mutex::new(stands_for.iter().copied().collect()))),
        ..allowing(&[server.address])
    };
    // The second answer, which a client that asks again would follow, is another's.
    let rebound = client(&[server.address, metadata]);
    let answered = rebound.ask(get(&format!("http://rebind.test:{port}/"))).await.expect("it is declared");
    assert_eq!(answered.body, b"the right one");
    let why = lasting(client(&[metadata]).ask(get(&format!("http://rebind.test:{port}/"))).await);
    assert!(why.contains("`rebind.test` is 169.254.169.254:80"), "{why}");

    let server = Server::start(vec![redirect("302 Found", "/again")]).await;
    let rebound = HttpClient {
        resolver: Arc::new(Changing(Mutex::new([server.address, metadata].into()))),
        ..allowing(&[server.address])
    };
    let url = format!("http://rebind.test:{}/", server.address.port());
    let why = lasting(rebound.ask(get(&url)).await);
    assert!(why.contains("169.254.169.254"), "the next hop is looked at anew: {why}");
}

#[tokio::test]
async fn headers_and_bodies_stay_with_the_host_they_are_meant_for() {
    let other = Server::start(vec![answer("200 OK", "", "other")]).await;
    let server = Server::start(vec![redirect("307 Temporary Redirect", &other.url("/x"))]).await;
    let mut headers = HeaderMap::new();
    headers.insert("authorization", "Bearer secret".parse().expect("a value"));
    let ask = Ask { method: Method::POST, headers, body: Some(b"{\"a\":1}".to_vec()), ..get(&server.url("/")) };
    allowing(&[server.address, other.address]).ask(ask).await.expect("both are declared");
    let (first, second) = (server.asked().concat(), other.asked().concat());
    assert!(first.starts_with("POST / ") && first.contains("Bearer secret") && first.ends_with("{\"a\":1}"), "{first}");
    assert!(second.starts_with("POST /x ") && !second.contains("secret") && !second.contains("\"a\""), "{second}");
}

#[tokio::test]
async fn a_server_that_is_silent_or_endless_is_given_up() {
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = silent.local_addr().expect("bound");
    let ask = Ask { timeout: Duration::from_millis(200), ..get(&format!("http://{address}/?key=1")) };
    match allowing(&[address]).ask(ask).await {
        Err(Refused::Passing(why)) => assert!(why.contains("did not answer") && !why.contains("key"), "{why}"),
        other => panic!("{other:?}"),
    }
    let endless = Server::start(vec![answer("200 OK", "", &"x".repeat(MAX_ANSWER_BYTES + 1))]).await;
    let why = lasting(allowing(&[endless.address]).ask(get(&endless.url("/"))).await);
    assert!(why.contains("answers with more than"), "{why}");
    let gone = TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("bound");
    let outcome = allowing(&[gone]).ask(get(&format!("http://{gone}/"))).await;
    assert!(matches!(outcome, Err(Refused::Passing(_))), "nobody is there: {outcome:?}");
}
