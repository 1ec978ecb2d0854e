//! A TCP proxy between a worker and the servers: hands a connection to the first server that takes it, and can cut, lose one
//! direction, delay, or send each request twice.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// How it behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// As it should.
    Good,
    /// Open connections are closed, new ones are too.
    Cut,
    /// What goes to the server is lost.
    LosesRequests,
    /// What comes from the server is lost.
    LosesAnswers,
    /// Everything takes so many milliseconds longer each way.
    Slow(u64),
    /// Each request comes twice, on a connection of its own.
    Repeats,
}

/// A running proxy.
pub struct Proxy {
    /// Where it listens.
    pub address: SocketAddr,
    line: watch::Sender<Line>,
    /// Requests that it has sent a second time.
    pub repeated: Arc<AtomicU64>,
}

#[derive(Clone)]
struct Route {
    servers: Arc<Vec<SocketAddr>>,
    next: Arc<AtomicUsize>,
    line: watch::Receiver<Line>,
    repeated: Arc<AtomicU64>,
}

impl Proxy {
    /// Listens on a free port.
    pub async fn start(servers: Vec<SocketAddr>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (line, watched) = watch::channel(Line::Good);
        let repeated = Arc::new(AtomicU64::new(0));
        let route =
            Route { servers: Arc::new(servers), next: Arc::default(), line: watched, repeated: repeated.clone() };
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, route.clone()));
            }
        });
        Self { address, line, repeated }
    }

    /// Behaves like this from now on.
    pub fn become_like(&self, line: Line) {
        let _ = self.line.send(line);
    }
}

async fn carry(client: TcpStream, route: Route) {
    if *route.line.borrow() == Line::Cut {
        return;
    }
    let Some(server) = connect(&route).await else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let mut line = route.line.clone();
    let cut = async move {
        let _ = line.wait_for(|line| *line == Line::Cut).await;
    };
    tokio::select! {
        () = pump(from_client, to_server, &route, Side::Requests) => {}
        () = pump(from_server, to_client, &route, Side::Answers) => {}
        () = cut => {}
    }
}

/// The next server that takes the connection, in turn.
async fn connect(route: &Route) -> Option<TcpStream> {
    let first = route.next.fetch_add(1, Ordering::Relaxed);
    for place in 0..route.servers.len() {
        let server = route.servers[(first + place) % route.servers.len()];
        if let Ok(Ok(stream)) = tokio::time::timeout(Duration::from_secs(2), TcpStream::connect(server)).await {
            return Some(stream);
        }
    }
    None
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Requests,
    Answers,
}

async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, route: &Route, side: Side) {
    let mut bytes = vec![0; 64 << 10];
    while let Ok(read @ 1..) = from.read(&mut bytes).await {
        let line = *route.line.borrow();
        match (line, side) {
            (Line::Slow(millis), _) => tokio::time::sleep(Duration::from_millis(millis)).await,
            (Line::LosesRequests, Side::Requests) | (Line::LosesAnswers, Side::Answers) => continue,
            (Line::Repeats, Side::Requests) if is_whole_request(&bytes[..read]) => {
                tokio::spawn(send_again(bytes[..read].to_vec(), route.clone()));
            }
            _ => {}
        }
        if to.write_all(&bytes[..read]).await.is_err() {
            return;
        }
    }
    let _ = to.shutdown().await;
}

/// A POST with its body in one piece, as small ones come.
fn is_whole_request(bytes: &[u8]) -> bool {
    let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { return false };
    let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
    head.starts_with("post ") && length == Some(bytes.len() - end - 4)
}

/// The same request once more, a moment later; what is answered is nobody's.
async fn send_again(request: Vec<u8>, route: Route) {
    tokio::time::sleep(Duration::from_millis(50)).await;
    let Some(mut server) = connect(&route).await else { return };
    if server.write_all(&request).await.is_ok() {
        route.repeated.fetch_add(1, Ordering::Relaxed);
        let mut rest = vec![0; 4 << 10];
        let answer = async { while let Ok(1..) = server.read(&mut rest).await {} };
        let _ = tokio::time::timeout(Duration::from_secs(30), answer).await;
    }
}

/// Addresses that nobody listens on now.
pub fn free_addresses(count: usize) -> Vec<SocketAddr> {
    // All are held until the last is found, so that none comes twice.
    let listeners: Vec<_> = (0..count).map(|_| std::net::TcpListener::bind("127.0.0.1:0").expect("a port")).collect();
    listeners.iter().map(|listener| listener.local_addr().expect("an address")).collect()
}
