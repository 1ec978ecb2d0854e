//! The one way in which tasks ask addresses. A name is resolved once for each hop, every address it stands for is held
//! against the policy, and the connection goes to those very addresses: what the name stands for a moment later does not
//! matter. A redirection is another hop with all its checks. Must never use a proxy of the environment, follow more than
//! three redirections, or read more than it was asked to.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use daybreak_spec::HttpAllow;
use reqwest_tls::header::{HeaderMap, LOCATION, USER_AGENT};
use reqwest_tls::redirect::Policy;
use reqwest_tls::{Client, Method, Response, StatusCode, Url};

use crate::http_policy::{Target, permits};

/// Redirections that are followed.
const MAX_REDIRECTIONS: usize = 3;

/// Longest body of an answer that is read.
const MAX_ANSWER_BYTES: usize = 1 << 20;

/// Longest time until there is a connection.
const CONNECT: Duration = Duration::from_secs(10);

/// What is asked.
pub(crate) struct Ask {
    pub method: Method,
    pub url: String,
    pub headers: HeaderMap,
    /// JSON.
    pub body: Option<Vec<u8>>,
    /// For everything: names, connections, redirections and the answer.
    pub timeout: Duration,
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    /// It is never asked, or what came cannot be read: trying again does not help.
    #[error("{0}")]
    Lasting(String),
    /// It may answer another time.
    #[error("{0}")]
    Passing(String),
}

/// Finds out what a name stands for.
#[async_trait]
pub(crate) trait Resolve: Send + Sync {
    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>>;
}

/// The machine's own way.
pub(crate) struct SystemResolver;

#[async_trait]
impl Resolve for SystemResolver {
    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok(tokio::net::lookup_host((host, port)).await?.collect())
    }
}

/// Asks addresses that the policy permits.
pub(crate) struct HttpClient {
    allow: Vec<HttpAllow>,
    resolver: Arc<dyn Resolve>,
}

impl HttpClient {
    /// With what the project declares.
    pub fn new(allow: Vec<HttpAllow>) -> Self {
        Self { allow, resolver: Arc::new(SystemResolver) }
    }

    /// Asks and reads the answer, whatever its status.
    ///
    /// # Errors
    /// [`Refused`] says which address was asked and what came of it.
    pub async fn ask(&self, ask: Ask) -> Result<Answer, Refused> {
        let (timeout, url) = (ask.timeout, ask.url.clone());
        match tokio::time::timeout(timeout, self.follow(ask)).await {
            Ok(answer) => answer,
            Err(_) => Err(Refused::Passing(format!("{} did not answer within {timeout:?}", shown(&url)))),
        }
    }

    async fn follow(&self, ask: Ask) -> Result<Answer, Refused> {
        let Ask { mut method, url, mut headers, mut body, .. } = ask;
        let mut target = Target::of(&url).map_err(Refused::Lasting)?;
        for _ in 0..=MAX_REDIRECTIONS {
            let response = self.hop(&target, &method, &headers, body.clone()).await?;
            let Some(next) = redirection(&response, &target.url)? else { return read(response, &target).await };
            if target.url.scheme() == "https" && next.url.scheme() != "https" {
                let (from, to) = (shown(target.url.as_str()), shown(next.url.as_str()));
                return Err(Refused::Lasting(format!("{from} redirects to {to}, which is not encrypted")));
            }
            let sends_again = matches!(response.status().as_u16(), 307 | 308);
            if !sends_again && method != Method::HEAD {
                (method, body) = (Method::GET, None);
            }
            if target.url.origin() != next.url.origin() {
                // What is meant for one host is not told to another.
                headers.clear();
                body = None;
            }
            target = next;
        }
        Err(Refused::Lasting(format!("{} redirects more than {MAX_REDIRECTIONS} times", shown(&url))))
    }

    /// One request to addresses that were looked at.
    async fn hop(
        &self,
        target: &Target,
        method: &Method,
        headers: &HeaderMap,
        body: Option<Vec<u8>>,
    ) -> Result<Response, Refused> {
        let addresses = self.addresses(target).await?;
        let shown = shown(target.url.as_str());
        let builder = Client::builder()
            .no_proxy()
            .redirect(Policy::none())
            .connect_timeout(CONNECT)
            .pool_max_idle_per_host(0)
            .tls_built_in_root_certs(target.url.scheme() == "https")
            .resolve_to_addrs(&target.host, &addresses);
        let client = builder.build().map_err(|error| Refused::Passing(format!("asking {shown}: {}", chain(&error))))?;
        let mut request = client.request(method.clone(), target.url.clone()).headers(headers.clone());
        if !headers.contains_key(USER_AGENT) {
            request = request.header(USER_AGENT, concat!("daybreak/", env!("CARGO_PKG_VERSION")));
        }
        if let Some(body) = body {
            request = request.body(body);
        }
        request.send().await.map_err(|error| Refused::Passing(format!("asking {shown}: {}", chain(&error))))
    }

    /// What the host stands for now, all of it permitted.
    async fn addresses(&self, target: &Target) -> Result<Vec<SocketAddr>, Refused> {
        let (host, port) = (&target.host, target.port);
        let found = match target.address {
            Some(address) => vec![SocketAddr::new(address, port)],
            None => {
                let resolved = self.resolver.resolve(host, port).await;
                resolved.map_err(|error| Refused::Passing(format!("the name `{host}` cannot be resolved: {error}")))?
            }
        };
        if found.is_empty() {
            return Err(Refused::Passing(format!("the name `{host}` stands for no address")));
        }
        for address in &found {
            permits(&self.allow, *address).map_err(|what| {
                Refused::Lasting(format!(
                    "`{host}` is {address}, {what}, which tasks do not ask; where that is meant, declare it in \
                     daybreak.yaml: `http: {{ allow: [\"{address}\"] }}`"
                ))
            })?;
        }
        Ok(found)
    }
}

/// Where the answer sends on to, if it does.
fn redirection(response: &Response, from: &Url) -> Result<Option<Target>, Refused> {
    let redirects = [
        StatusCode::MOVED_PERMANENTLY,
        StatusCode::FOUND,
        StatusCode::SEE_OTHER,
        StatusCode::TEMPORARY_REDIRECT,
        StatusCode::PERMANENT_REDIRECT,
    ];
    if !redirects.contains(&response.status()) {
        return Ok(None);
    }
    let Some(location) = response.headers().get(LOCATION) else { return Ok(None) };
    let wrong = |why: String| Refused::Lasting(format!("{} redirects wrongly: {why}", shown(from.as_str())));
    let location = location.to_str().map_err(|error| wrong(error.to_string()))?;
    let next = from.join(location).map_err(|error| wrong(error.to_string()))?;
    Target::of_url(next).map(Some).map_err(wrong)
}

async fn read(mut response: Response, target: &Target) -> Result<Answer, Refused> {
    let status = response.status().as_u16();
    let url = shown(target.url.as_str());
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > MAX_ANSWER_BYTES => {
                return Err(Refused::Lasting(format!("{url} answers with more than {MAX_ANSWER_BYTES} bytes")));
            }
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Ok(Answer { status, body }),
            Err(error) => return Err(Refused::Passing(format!("reading what {url} answers: {}", chain(&error)))),
        }
    }
}

/// A URL for people and logs: what follows the `?` may be a secret.
pub(crate) fn shown(url: &str) -> String {
    let end = url.find(['?', '#']).unwrap_or(url.len());
    url[..end].to_owned()
}

/// An error with what caused it, without the URL.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = String::new();
    let mut next = error.source();
    while let Some(cause) = next {
        text = cause.to_string();
        next = cause.source();
    }
    if text.is_empty() { "it failed".to_owned() } else { text }
}

#[cfg(test)]
#[path = "http_client/tests.rs"]
mod tests;
