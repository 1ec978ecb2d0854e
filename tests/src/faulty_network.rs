//! Stands between a client and an HTTP server and breaks what it is told to break. One request per connection. The tests
//! of `artifacts` include this file as it is, so it needs nothing but the standard library.

use std::io::{self, Read, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

/// What happens to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// It is answered here, with this status and code.
    Answered(u16, &'static str),
    /// The connection breaks after so many bytes of its body have passed.
    CutRequest(usize),
    /// The connection breaks after so many bytes of the answer's body.
    CutAnswer(usize),
    /// The last byte of the answer is another one.
    FlippedAnswer,
}

/// A request as its first line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// E.g. `GET`.
    pub method: String,
    /// With the query.
    pub path: String,
}

type Plan = Box<dyn FnMut(&Request) -> Fault + Send>;

/// The network between. It ends with the process.
pub struct FaultyNetwork {
    /// Where clients connect to.
    pub address: String,
    plan: Arc<Mutex<Plan>>,
    seen: Arc<Mutex<Vec<Request>>>,
}

impl FaultyNetwork {
    /// A network to this address that breaks nothing yet.
    ///
    /// # Panics
    /// When there is no free port.
    pub fn to(upstream: &str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let address = listener.local_addr().expect("an address").to_string();
        let plan: Arc<Mutex<Plan>> = Arc::new(Mutex::new(Box::new(|_| Fault::None)));
        let seen = Arc::<Mutex<Vec<Request>>>::default();
        let network = Self { address, plan: Arc::clone(&plan), seen: Arc::clone(&seen) };
        let upstream = upstream.to_owned();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (upstream, plan, seen) = (upstream.clone(), Arc::clone(&plan), Arc::clone(&seen));
                std::thread::spawn(move || {
                    // A client that goes away in the middle is a normal case.
                    let _ = pass(client, &upstream, &plan, &seen);
                });
            }
        });
        network
    }

    /// From now on.
    pub fn breaks(&self, plan: impl FnMut(&Request) -> Fault + Send + 'static) {
        *self.plan.lock().unwrap_or_else(PoisonError::into_inner) = Box::new(plan);
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The requests since the last plan was made.
    pub fn seen(&self) -> Vec<Request> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn pass(mut client: TcpStream, upstream: &str, plan: &Mutex<Plan>, seen: &Mutex<Vec<Request>>) -> io::Result<()> {
    let head = head_of(&mut client)?;
    let mut words = head.split_whitespace().map(str::to_owned);
    let (Some(method), Some(path)) = (words.next(), words.next()) else { return Ok(()) };
    let request = Request { method, path };
    let fault = plan.lock().unwrap_or_else(PoisonError::into_inner)(&request);
    seen.lock().unwrap_or_else(PoisonError::into_inner).push(request);
    let length = header(&head, "content-length").unwrap_or(0);
    if let Fault::Answered(status, code) = fault {
        io::copy(&mut Read::by_ref(&mut client).take(length as u64), &mut io::sink())?;
        let body = format!("<Error><Code>{code}</Code><Message>said by a test</Message></Error>");
        let answer =
            format!("HTTP/1.1 {status} No\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        return client.write_all(answer.as_bytes());
    }
    let mut server = TcpStream::connect(upstream)?;
    let (first, rest) = head.split_once("\r\n").unwrap_or((&head, ""));
    server.write_all(format!("{first}\r\nConnection: close\r\n{rest}").as_bytes())?;
    let passing = if let Fault::CutRequest(bytes) = fault { bytes.min(length) } else { length };
    io::copy(&mut Read::by_ref(&mut client).take(passing as u64), &mut server)?;
    if matches!(fault, Fault::CutRequest(_)) {
        server.shutdown(Shutdown::Both)?;
        return client.shutdown(Shutdown::Both);
    }
    let head = head_of(&mut server)?;
    let mut body = Vec::new();
    server.read_to_end(&mut body)?;
    match (fault, body.last_mut()) {
        (Fault::FlippedAnswer, Some(last)) => *last ^= 1,
        (Fault::CutAnswer(bytes), _) => body.truncate(bytes),
        _ => {}
    }
    client.write_all(head.as_bytes())?;
    client.write_all(&body)?;
    client.shutdown(Shutdown::Both)
}

/// Up to and with the empty line.
fn head_of(connection: &mut TcpStream) -> io::Result<String> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        connection.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

fn header(head: &str, wanted: &str) -> Option<usize> {
    let mut lines = head.lines().filter_map(|line| line.split_once(':'));
    lines.find(|(name, _)| name.eq_ignore_ascii_case(wanted)).and_then(|(_, value)| value.trim().parse().ok())
}
