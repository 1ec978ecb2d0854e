//! The web UI: the files that the build has put into the binary, and the one page that they start from, under every address
//! that is a page's. Must not look at who asks: what is secret comes over the API. To add a page: `ui/src/app.tsx`; nothing here.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::header::{
    ACCEPT, ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName,
    HeaderValue, REFERRER_POLICY, VARY, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;

use super::problem::Refusal;
use super::routes::Shared;

/// A file of the bundle.
struct File {
    /// Below the root.
    path: &'static str,
    plain: &'static [u8],
    /// With gzip.
    packed: Option<&'static [u8]>,
}

static FILES: &[File] = include!(concat!(env!("OUT_DIR"), "/pages.rs"));

const ASSETS: &str = "/assets/{*file}";
const HOME: &str = "/";

/// First parts of addresses that are no page's.
const OTHERS: [&str; 5] = ["api", "v1", "health", "metrics", "assets"];

/// Names of files hold the hash of what is in them.
pub const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// Routes that anybody may ask for.
pub const OPEN: [&str; 2] = [HOME, ASSETS];

/// Answers with pages and their files.
pub fn router() -> Router<Shared> {
    Router::new().route(HOME, get(page)).route(ASSETS, get(asset)).fallback(any_page)
}

/// Whether a request that no route is for asks for a page.
pub fn is_for_a_page(method: &Method, path: &str, headers: &HeaderMap) -> bool {
    let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    let wants =
        headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).is_some_and(|accept| accept.contains("text/html"));
    (*method == Method::GET || *method == Method::HEAD) && wants && !OTHERS.contains(&first)
}

async fn any_page(
    State(engine): State<Shared>,
    method: Method,
    uri: axum::http::Uri,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    if is_for_a_page(&method, uri.path(), &headers) {
        return Ok(page(State(engine)).await);
    }
    Err(Refusal::of_status(StatusCode::NOT_FOUND))
}

/// The page that all pages start from. It holds a word that is good once, for the styles that components add to it.
async fn page(State(engine): State<Shared>) -> Response {
    let nonce = format!("{:032x}", engine.random());
    let text = FILES.iter().find(|file| file.path == "index.html").map_or(&b""[..], |file| file.plain);
    let text = String::from_utf8_lossy(text).replace("{{nonce}}", &nonce);
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; img-src 'self' data:; font-src 'self'; \
         connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    );
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (CONTENT_SECURITY_POLICY, HeaderValue::try_from(policy).expect("it is ASCII without line ends")),
        (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
        (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    ];
    (headers, text).into_response()
}

async fn asset(Path(path): Path<String>, headers: HeaderMap) -> Result<Response, Refusal> {
    let found = FILES.iter().find(|file| file.path.strip_prefix("assets/") == Some(&path));
    let file = found.ok_or_else(|| Refusal::of_status(StatusCode::NOT_FOUND))?;
    let takes = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|encoding| encoding.to_str().ok());
    let takes_gzip = takes.flat_map(|encoding| encoding.split(',')).any(|encoding| encoding.trim() == "gzip");
    let always = [
        (CONTENT_TYPE, HeaderValue::from_static(kind_of(file.path))),
        (CACHE_CONTROL, FOR_EVER),
        (VARY, HeaderValue::from_static("accept-encoding")),
    ];
    Ok(match file.packed {
        Some(packed) if takes_gzip => {
            (always, [(CONTENT_ENCODING, HeaderValue::from_static("gzip"))], packed).into_response()
        }
        _ => (always, file.plain).into_response(),
    })
}

/// The media type that a file's ending says.
fn kind_of(path: &str) -> &'static str {
    match path.rsplit('.').next() {
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}
