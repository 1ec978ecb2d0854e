//! A private S3 server for tests: moto, which checks signatures, on a free port of loopback, gone when the process that
//! started it is gone, however that ends. The tests of `artifacts` include this file as it is, so it needs nothing but
//! the standard library. Must never talk to a server that somebody else started.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// What the server lets through before it asks who is there: the requests of [`ObjectStorage::set_up`].
const UNASKED: &str = "6";
const STARTING: Duration = Duration::from_secs(60);
const MISSING: &str = "moto is not installed: `cargo xtask test` does that, or \
    `python3 -m pip install 'moto[s3]' flask flask-cors`";
/// moto checks the signature of the address as it has decoded it, which is not what clients sign once it holds a `%2F`.
const SERVER: &str = "
import flask
from moto.iam.access_control import IAMRequestBase
from moto.server import main
check = IAMRequestBase._create_aws_request
def of_the_address_as_it_came(self):
    self._path = flask.request.environ['RAW_URI']
    return check(self)
IAMRequestBase._create_aws_request = of_the_address_as_it_came
main()
";
/// Ends the server once its standard input ends, which it does when the process that holds the other end is gone.
const JANITOR: &str = r#"trap '' INT TERM HUP; "$@" > /dev/null 2>&1 < /dev/null & cat > /dev/null; kill $!"#;
const POLICY: &str = "%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%7B%22Effect%22%3A%22Allow%22%2C\
    %22Action%22%3A%22*%22%2C%22Resource%22%3A%22*%22%7D%5D%7D";

/// A key and its secret.
#[derive(Clone, Debug)]
pub struct Key {
    /// `AWS_ACCESS_KEY_ID`
    pub id: String,
    /// `AWS_SECRET_ACCESS_KEY`
    pub secret: String,
}

/// A server of its own with one bucket, [`ObjectStorage::BUCKET`].
#[derive(Debug)]
pub struct ObjectStorage {
    /// Where it listens, e.g. `127.0.0.1:9000`.
    pub address: String,
    /// May do everything.
    pub owner: Key,
    /// May do nothing.
    pub stranger: Key,
    _janitor: Child,
}

impl ObjectStorage {
    /// The bucket that is there.
    pub const BUCKET: &str = "artefacts";

    /// Starts it and waits until it answers.
    ///
    /// # Errors
    /// What has to be installed, or what the server said.
    pub fn start() -> Result<Self, String> {
        let python =
            Command::new("python3").args(["-c", "import moto, flask, flask_cors"]).stderr(Stdio::null()).status();
        if !python.is_ok_and(|status| status.success()) {
            return Err(MISSING.to_owned());
        }
        let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(|error| error.to_string())?;
        let port = listener.local_addr().map_err(|error| error.to_string())?.port();
        drop(listener);
        let mut janitor = Command::new("sh");
        janitor.args(["-c", JANITOR, "sh", "python3", "-c", SERVER, "-H", "127.0.0.1", "-p"]).arg(port.to_string());
        janitor.env("INITIAL_NO_AUTH_ACTION_COUNT", UNASKED).stdin(Stdio::piped()).current_dir("/");
        let janitor = janitor.spawn().map_err(|error| format!("a shell does not start: {error}"))?;
        let nobody = || Key { id: String::new(), secret: String::new() };
        let address = format!("127.0.0.1:{port}");
        let mut server = Self { address, owner: nobody(), stranger: nobody(), _janitor: janitor };
        let begun = Instant::now();
        while TcpStream::connect(&server.address).is_err() {
            if begun.elapsed() > STARTING {
                return Err(format!("moto does not listen on {} after {STARTING:?}", server.address));
            }
            std::thread::park_timeout(Duration::from_millis(50));
        }
        server.set_up()?;
        Ok(server)
    }

    /// Its address for clients.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    fn set_up(&mut self) -> Result<(), String> {
        self.owner = self.user("owner")?;
        self.stranger = self.user("stranger")?;
        self.iam(&format!("Action=PutUserPolicy&UserName=owner&PolicyName=all&PolicyDocument={POLICY}"))?;
        self.ask("PUT", &format!("/{}", Self::BUCKET), "s3", "").map(|_| ())
    }

    fn user(&self, name: &str) -> Result<Key, String> {
        self.iam(&format!("Action=CreateUser&UserName={name}"))?;
        let answer = self.iam(&format!("Action=CreateAccessKey&UserName={name}"))?;
        let text = |tag: &str| {
            let (_, rest) = answer.split_once(&format!("<{tag}>"))?;
            rest.split_once('<').map(|(text, _)| text.to_owned())
        };
        match (text("AccessKeyId"), text("SecretAccessKey")) {
            (Some(id), Some(secret)) => Ok(Key { id, secret }),
            _ => Err(format!("moto made no key: {answer}")),
        }
    }

    fn iam(&self, body: &str) -> Result<String, String> {
        self.ask("POST", "/", "iam", &format!("{body}&Version=2010-05-08"))
    }

    fn ask(&self, method: &str, path: &str, service: &str, body: &str) -> Result<String, String> {
        let failed = |error: std::io::Error| format!("moto at {}: {error}", self.address);
        let mut connection = TcpStream::connect(&self.address).map_err(failed)?;
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Authorization: AWS4-HMAC-SHA256 Credential=nobody/20260101/us-east-1/{service}/aws4_request, \
             SignedHeaders=host, Signature=0\r\nContent-Length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        );
        connection.write_all(request.as_bytes()).map_err(failed)?;
        let mut answer = String::new();
        connection.read_to_string(&mut answer).map_err(failed)?;
        if answer.split_whitespace().nth(1) == Some("200") { Ok(answer) } else { Err(format!("moto said {answer}")) }
    }
}
