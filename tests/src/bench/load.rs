//! A load of HTTP POSTs over kept connections, as lean as can be so that it measures the server and not itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Where to send to.
#[derive(Clone)]
pub struct Target {
    /// `127.0.0.1:4321`
    pub address: String,
    /// `/v1/models/m/predict`
    pub path: String,
    /// Bearer token; may be empty.
    pub token: String,
}

/// What to send and for how long.
pub struct Load {
    /// Bodies, sent in turn.
    pub bodies: Arc<Vec<String>>,
    /// Connections, each with one request under way.
    pub concurrency: usize,
    /// Requests in all.
    pub requests: usize,
    /// Ends earlier when this has passed.
    pub at_most: Duration,
}

/// What came of it.
#[derive(Default)]
pub struct Measured {
    /// Per answered request.
    pub latency_us: Vec<u32>,
    /// Index of the body and the answer's text, for the first answer to each body.
    pub answers: Vec<(usize, String)>,
    /// Answers other than 200, broken connections.
    pub errors: usize,
    /// The first of them.
    pub first_error: Option<String>,
    /// Whole time.
    pub wall: Duration,
}

impl Measured {
    /// Latency at a share of the requests, milliseconds.
    pub fn percentile_ms(&mut self, share: f64) -> f64 {
        self.latency_us.sort_unstable();
        let index = ((self.latency_us.len() as f64 * share).ceil() as usize).saturating_sub(1);
        self.latency_us.get(index).map_or(f64::NAN, |micros| f64::from(*micros) / 1_000.0)
    }

    /// Answers per second.
    pub fn per_second(&self) -> f64 {
        self.latency_us.len() as f64 / self.wall.as_secs_f64()
    }
}

/// Sends the load and waits for its end.
pub async fn send(target: &Target, load: &Load) -> Measured {
    let (next, begun) = (Arc::new(AtomicUsize::new(0)), Instant::now());
    let mut connections = Vec::new();
    for _ in 0..load.concurrency {
        let connection = Connection { target: target.clone(), bodies: load.bodies.clone(), next: next.clone() };
        connections.push(tokio::spawn(connection.run(load.requests, begun + load.at_most)));
    }
    let mut measured = Measured::default();
    for connection in connections {
        let part = connection.await.expect("a connection does not panic");
        measured.latency_us.extend(part.latency_us);
        measured.answers.extend(part.answers);
        measured.errors += part.errors;
        measured.first_error = measured.first_error.or(part.first_error);
    }
    measured.wall = begun.elapsed();
    measured
}

struct Connection {
    target: Target,
    bodies: Arc<Vec<String>>,
    next: Arc<AtomicUsize>,
}

impl Connection {
    async fn run(self, requests: usize, until: Instant) -> Measured {
        let mut measured = Measured::default();
        let mut stream = None;
        let mut buffer = Vec::with_capacity(16 * 1024);
        loop {
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            if index >= requests || Instant::now() > until {
                return measured;
            }
            let sent = Instant::now();
            match self.ask(&mut stream, &mut buffer, index).await {
                Ok((200, body)) => {
                    measured.latency_us.push(u32::try_from(sent.elapsed().as_micros()).unwrap_or(u32::MAX));
                    if index < self.bodies.len() {
                        measured.answers.push((index, body));
                    }
                }
                Ok((status, body)) => measured.fail(format!("{status}: {body}")),
                Err(error) => {
                    stream = None;
                    measured.fail(error.to_string());
                }
            }
        }
    }

    async fn ask(
        &self,
        stream: &mut Option<TcpStream>,
        buffer: &mut Vec<u8>,
        index: usize,
    ) -> std::io::Result<(u16, String)> {
        if stream.is_none() {
            let fresh = TcpStream::connect(&self.target.address).await?;
            fresh.set_nodelay(true)?;
            *stream = Some(fresh);
        }
        let stream = stream.as_mut().expect("just connected");
        let body = &self.bodies[index % self.bodies.len()];
        let request = format!(
            "POST {} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            self.target.path,
            self.target.address,
            self.target.token,
            body.len(),
        );
        stream.write_all(request.as_bytes()).await?;
        read_answer(stream, buffer).await
    }
}

impl Measured {
    fn fail(&mut self, what: String) {
        self.errors += 1;
        self.first_error.get_or_insert(what);
    }
}

async fn read_answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> std::io::Result<(u16, String)> {
    buffer.clear();
    loop {
        if stream.read_buf(buffer).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&buffer[..end]).to_ascii_lowercase();
        let status = head.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or(0);
        let length =
            head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok()).unwrap_or(0);
        while buffer.len() < end + 4 + length {
            if stream.read_buf(buffer).await? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
        }
        return Ok((status, String::from_utf8_lossy(&buffer[end + 4..end + 4 + length]).into_owned()));
    }
}
