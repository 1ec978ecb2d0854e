//! The one form of an error over HTTP: RFC 9457 `application/problem+json`. Never holds a stack, SQL, a path of the
//! server or a secret. To add a code: name it where it is made; clients match `code`, people read `detail`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The content type of a problem.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// Codes that the worker protocol acts on.
pub mod code {
    /// 409: the fence is not the current one.
    pub const STALE_ATTEMPT: &str = "stale_attempt";
    /// 401: the worker's lease is gone, register again.
    pub const RE_REGISTER: &str = "re_register";
    /// 409: the worker speaks a protocol that the server does not.
    pub const OTHER_PROTOCOL: &str = "other_protocol";
    /// 401: no credential, or a wrong one.
    pub const UNAUTHORIZED: &str = "unauthorized";
    /// 404: no such thing.
    pub const NOT_FOUND: &str = "not_found";
    /// 422: refused for what it says.
    pub const REFUSED: &str = "refused";
    /// 409: it does not fit what the thing is doing now.
    pub const NOT_NOW: &str = "not_now";
    /// 503: cannot be answered now; try again.
    pub const UNAVAILABLE: &str = "unavailable";
}

/// What went wrong with a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProblemDetails {
    /// `about:blank`: `code` says which problem it is.
    #[serde(rename = "type")]
    pub problem_type: String,
    /// The HTTP status in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What was tried, on what, what to do next.
    pub detail: String,
    /// The request's path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// A stable slug.
    pub code: String,
    /// The single mistakes, all at once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<ErrorItem>,
    /// Stands in the server's log too.
    pub request_id: String,
}

/// One mistake in a request or a project.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErrorItem {
    /// JSON pointer into the body, e.g. `/params/limit`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// 1-based line where the mistake is in a text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// 1-based column in characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub col: Option<u32>,
    /// A stable slug.
    pub code: String,
    /// What is wrong, and what to write instead.
    pub hint: String,
}
