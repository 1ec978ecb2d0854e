//! What every refusal looks like: RFC 9457 `application/problem+json`, all mistakes at once. Never a path, a stack or a
//! secret in it. To add one: a constructor here that fixes status, code and title.

use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use daybreak_features::Status;
use daybreak_protocol::{For, Role};
use daybreak_spec::Name;
use serde::Serialize;
use ulid::Ulid;
use utoipa::ToSchema;

/// Most mistakes that are listed; the rest are counted.
const MAX_LISTED: usize = 1_000;

/// A refusal.
#[derive(Debug)]
pub struct Problem(Box<Content>);

#[derive(Debug)]
struct Content {
    status: StatusCode,
    code: &'static str,
    title: &'static str,
    detail: String,
    errors: Vec<FieldError>,
    id: Option<Ulid>,
}

/// One mistake in a request.
#[derive(Debug, Serialize, ToSchema)]
pub struct FieldError {
    /// RFC 6901 pointer into the body; of a query parameter `?name`.
    pub pointer: String,
    /// A slug.
    pub code: &'static str,
    /// What is wrong and what to write instead.
    pub hint: String,
    /// `{role}__{feature}`, where a feature is the reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub feature: Option<String>,
    /// Its view.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub view: Option<Name>,
    /// What became of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
}

impl FieldError {
    /// A mistake that no feature is part of.
    pub fn new(pointer: String, code: &'static str, hint: String) -> Self {
        Self { pointer, code, hint, feature: None, view: None, status: None }
    }
}

impl Problem {
    fn new(status: StatusCode, code: &'static str, title: &'static str, detail: String) -> Self {
        Self(Box::new(Content { status, code, title, detail, errors: Vec::new(), id: None }))
    }

    /// 401, the same for every cause.
    pub fn unauthenticated() -> Self {
        let detail = "send the token as `Authorization: Bearer TOKEN`; `daybreak token` prints it".to_owned();
        Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", "no valid token", detail)
    }

    /// 403: a good token of another role.
    pub fn forbidden(role: Role, callers: For) -> Self {
        let roles = callers.roles().join(", ");
        let detail = format!("a token of the role `{}` may not do this; use one of: {roles}", role.as_str());
        Self::new(StatusCode::FORBIDDEN, "forbidden", "not for this role", detail)
    }

    /// 404.
    pub fn not_found(code: &'static str, detail: String) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, "not found", detail)
    }

    /// 405.
    pub fn wrong_method(method: &Method) -> Self {
        let detail = format!("{method} is not possible here; the `Allow` header says what is");
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "wrong_method", "method not allowed", detail)
    }

    /// 503, worth another try.
    pub fn unavailable(code: &'static str, detail: &str) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, code, "not available now", detail.to_owned())
    }

    /// 400: not JSON.
    pub fn malformed(detail: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed_json", "the body is not JSON", detail.to_owned())
    }

    /// 400: the body did not arrive.
    pub fn unreadable_body() -> Self {
        let detail = "the body ended before it was complete".to_owned();
        Self::new(StatusCode::BAD_REQUEST, "incomplete_body", "the body cannot be read", detail)
    }

    /// 408.
    pub fn slow_body(limit_s: u64) -> Self {
        let detail = format!("the body did not arrive within {limit_s} s");
        Self::new(StatusCode::REQUEST_TIMEOUT, "slow_body", "the body came too slowly", detail)
    }

    /// 413.
    pub fn too_large(detail: &str) -> Self {
        let detail = format!("{detail}; send several requests");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "the request is too large", detail)
    }

    /// 415.
    pub fn wrong_content_type() -> Self {
        let detail = "send the body as `Content-Type: application/json`, not compressed".to_owned();
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "wrong_content_type", "JSON is expected", detail)
    }

    /// 422 with all mistakes.
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        let detail = match errors.len() {
            1 => "1 mistake in the request; nothing was predicted".to_owned(),
            count => format!("{count} mistakes in the request; nothing was predicted"),
        };
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        let mut problem = Self::new(status, "invalid_request", "the request does not fit", detail);
        problem.0.errors = errors;
        problem
    }

    /// With the id it is logged under.
    pub fn with_id(mut self, id: Ulid) -> Self {
        self.0.id = Some(id);
        self
    }

    fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if self.0.status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"daybreak\""));
        }
        if self.0.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        headers
    }
}

/// Why the endpoint does not answer, as RFC 9457.
#[derive(Serialize, ToSchema)]
pub struct EndpointProblem<'a> {
    /// `urn:daybreak:problem:` and the code.
    r#type: String,
    /// What happened, in a few words.
    title: &'a str,
    /// The HTTP status.
    status: u16,
    /// A stable slug.
    code: &'a str,
    /// What was tried, on what, what to do next.
    detail: &'a str,
    /// All mistakes at once, up to 1,000.
    #[serde(skip_serializing_if = "<[FieldError]>::is_empty")]
    #[schema(required = false)]
    errors: &'a [FieldError],
    /// How many mistakes are not listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    errors_omitted: Option<usize>,
    /// An id to find it by.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    request_id: Option<Ulid>,
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let content = &self.0;
        let listed = content.errors.len().min(MAX_LISTED);
        let body = EndpointProblem {
            r#type: format!("urn:daybreak:problem:{}", content.code),
            title: content.title,
            status: content.status.as_u16(),
            code: content.code,
            detail: &content.detail,
            errors: &content.errors[..listed],
            errors_omitted: (content.errors.len() > listed).then(|| content.errors.len() - listed),
            request_id: content.id,
        };
        let json = serde_json::to_vec(&body).expect("text and numbers always have a JSON form");
        (content.status, self.headers(), json).into_response()
    }
}
