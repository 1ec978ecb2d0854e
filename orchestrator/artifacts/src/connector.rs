//! How a bucket is asked: object_store's requests over the HTTP client and the TLS that the workspace has anyway. A
//! refusal is told apart here, where the answer's body is at hand, so that it is never tried again and keeps its code.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use async_trait::async_trait;
use http_body_util::BodyExt as _;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody, HttpService,
};
use reqwest_tls::redirect::Policy;
use reqwest_tls::{Body, Client, StatusCode, Url};
use tokio::sync::Semaphore;

const CONNECTING: Duration = Duration::from_secs(5);
/// A part of an upload has to be through in that time, or the next bytes of an answer have to come.
const SILENCE: Duration = Duration::from_secs(60);
/// Requests at once: a night looks for hundreds of builds, and each request without a free connection opens one.
const AT_ONCE: usize = 32;
/// Of a refusal's own words.
const MESSAGE_CHARACTERS: usize = 300;
/// Answers that say that the request broke on its way.
const BROKEN_ON_THE_WAY: [&str; 4] = ["RequestTimeout", "IncompleteBody", "BadDigest", "XAmzContentSHA256Mismatch"];

/// What a store said when it would not.
#[derive(Debug, thiserror::Error)]
#[error("{status} {code}: {message}")]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    /// E.g. `ExpiredToken`; empty where an answer has no body.
    pub(crate) code: String,
    pub(crate) message: String,
}

impl Refusal {
    /// The refusal among the causes of an error.
    pub(crate) fn of<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a Self> {
        let mut cause = Some(error);
        while let Some(error) = cause {
            if let Some(refusal) = error.downcast_ref::<Self>() {
                return Some(refusal);
            }
            cause = error.source();
        }
        None
    }

    fn parse(status: StatusCode, body: &str) -> Self {
        let text = |tag: &str| {
            let (_, rest) = body.split_once(&format!("<{tag}>"))?;
            let (text, _) = rest.split_once(&format!("</{tag}>"))?;
            Some(text.chars().take(MESSAGE_CHARACTERS).collect::<String>())
        };
        let message = text("Message").unwrap_or_else(|| status.canonical_reason().unwrap_or_default().to_owned());
        Self { status: status.as_u16(), code: text("Code").unwrap_or_default(), message }
    }
}

/// Makes clients for object_store.
#[derive(Debug)]
pub(crate) struct Connector;

impl HttpConnector for Connector {
    fn connect(&self, _options: &ClientOptions) -> object_store::Result<HttpClient> {
        // The environment's proxies are not asked: nothing below `cli` reads it.
        let client = Client::builder()
            .connect_timeout(CONNECTING)
            .read_timeout(SILENCE)
            .redirect(Policy::none())
            .no_proxy()
            .build()
            .map_err(|error| object_store::Error::Generic { store: "S3", source: Box::new(error) })?;
        Ok(HttpClient::new(Http { client, room: Semaphore::new(AT_ONCE) }))
    }
}

#[derive(Debug)]
struct Http {
    client: Client,
    room: Semaphore,
}

#[async_trait]
impl HttpService for Http {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let (parts, body) = request.into_parts();
        let url = Url::parse(&parts.uri.to_string()).map_err(|error| HttpError::new(HttpErrorKind::Unknown, error))?;
        let mut request = reqwest_tls::Request::new(parts.method, url);
        *request.headers_mut() = parts.headers;
        *request.body_mut() = Some(Body::wrap(body));
        // Until the answer begins.
        let _place = self.room.acquire().await.map_err(|error| HttpError::new(HttpErrorKind::Unknown, error))?;
        let answer = self.client.execute(request).await.map_err(broken)?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let response = |body: HttpResponseBody| {
            let mut response = HttpResponse::new(body);
            *response.status_mut() = status;
            *response.headers_mut() = headers;
            response
        };
        if answered(status) {
            return Ok(response(HttpResponseBody::new(Body::from(answer).map_err(broken))));
        }
        let bytes = answer.bytes().await.map_err(broken)?;
        let refusal = Refusal::parse(status, &String::from_utf8_lossy(&bytes));
        if status == StatusCode::NOT_FOUND && refusal.code != "NoSuchBucket" {
            return Ok(response(bytes.into()));
        }
        let passes = BROKEN_ON_THE_WAY.contains(&refusal.code.as_str());
        let kind = if passes { HttpErrorKind::Interrupted } else { HttpErrorKind::Unknown };
        Err(HttpError::new(kind, refusal))
    }
}

/// Whether object_store knows what to do with it: take it, try again, or name it.
fn answered(status: StatusCode) -> bool {
    let named = [
        StatusCode::NOT_MODIFIED,
        StatusCode::REQUEST_TIMEOUT,
        StatusCode::CONFLICT,
        StatusCode::PRECONDITION_FAILED,
        StatusCode::TOO_MANY_REQUESTS,
    ];
    status.is_success() || status.is_server_error() || named.contains(&status)
}

/// Whether it may be tried again. The address is left out: object_store names it.
fn broken(error: reqwest_tls::Error) -> HttpError {
    let kind = if error.is_timeout() || caused_by(&error, io::ErrorKind::TimedOut) {
        HttpErrorKind::Timeout
    } else if error.is_connect() {
        HttpErrorKind::Connect
    } else if error.is_builder() || error.is_redirect() {
        HttpErrorKind::Unknown
    } else {
        HttpErrorKind::Interrupted
    };
    HttpError::new(kind, error.without_url())
}

fn caused_by(error: &(dyn StdError + 'static), kind: io::ErrorKind) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == kind) {
            return true;
        }
        cause = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_and_the_words_of_a_refusal_are_read() {
        let body =
            "<?xml version=\"1.0\"?><Error><Code>ExpiredToken</Code><Message>The token has expired.</Message></Error>";
        let refusal = Refusal::parse(StatusCode::BAD_REQUEST, body);
        assert_eq!((refusal.code.as_str(), refusal.message.as_str()), ("ExpiredToken", "The token has expired."));
        let silent = Refusal::parse(StatusCode::FORBIDDEN, "");
        assert_eq!((silent.code.as_str(), silent.message.as_str()), ("", "Forbidden"));
        let broken = Refusal::parse(StatusCode::FORBIDDEN, "<Code>Access");
        assert_eq!(broken.code, "");
    }
}
