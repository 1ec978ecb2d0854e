//! A request that gets no, and why. Handlers return a [`Refusal`]; `finish` writes it as RFC 9457 with an id that the
//! log has too. Nothing of the server's inside may show: no SQL, no path of a file, no secret. To add a code: name it
//! where it is made.

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use daybreak_protocol::{Error, ErrorItem, For, Role, code};

const FORBIDDEN: &str = "forbidden";

/// A refusal on its way out.
#[derive(Clone, Debug)]
pub struct Refusal {
    pub(super) status: StatusCode,
    pub(super) code: &'static str,
    pub(super) detail: String,
    pub(super) errors: Vec<ErrorItem>,
    /// The thing that it is about, for the audit.
    pub(super) subject: Option<String>,
}

impl Refusal {
    /// With a status, a code and a sentence.
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into(), errors: Vec::new(), subject: None }
    }

    /// Says which thing it is about.
    pub fn about(self, subject: &str) -> Self {
        Self { subject: Some(subject.to_owned()), ..self }
    }

    /// Whether the audit is told: somebody who may not, or something that is over.
    pub fn is_audited(&self) -> bool {
        [code::UNAUTHORIZED, FORBIDDEN, code::STALE_ATTEMPT, code::OTHER_PROTOCOL].contains(&self.code)
    }

    /// No credential, a wrong or an expired one: the same answer for all.
    pub fn unauthorized() -> Self {
        let detail = "this needs a bearer token that is good here; `daybreak token` prints the project's";
        Self::new(StatusCode::UNAUTHORIZED, code::UNAUTHORIZED, detail)
    }

    /// An attempt's token for something else.
    pub fn not_for_attempts() -> Self {
        let detail = "the token of an attempt reads the catalogue and publishes for its own task run only";
        Self::new(StatusCode::FORBIDDEN, FORBIDDEN, detail)
    }

    /// A good token of another role.
    pub fn forbidden(role: Role, callers: For) -> Self {
        let (role, roles) = (role.as_str(), callers.roles().join(", "));
        let detail = format!("a token of the role `{role}` may not do this; use one of: {roles}");
        Self::new(StatusCode::FORBIDDEN, FORBIDDEN, detail)
    }

    /// No such route or thing.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, code::NOT_FOUND, detail)
    }

    /// Mistakes in the body.
    pub fn unprocessable(detail: impl Into<String>, errors: Vec<ErrorItem>) -> Self {
        Self { errors, ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_body", detail) }
    }

    /// For a status that axum answers by itself.
    pub fn of_status(status: StatusCode) -> Self {
        let (code, detail) = match status {
            StatusCode::NOT_FOUND => (code::NOT_FOUND, "there is nothing at this path"),
            StatusCode::METHOD_NOT_ALLOWED => ("method_not_allowed", "this path does not take that method"),
            StatusCode::PAYLOAD_TOO_LARGE => ("too_large", "the body is larger than this path takes"),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => ("unsupported_media_type", "send `content-type: application/json`"),
            _ if status.is_client_error() => ("bad_request", "the request cannot be read"),
            _ => (code::UNAVAILABLE, "the server cannot answer this now; try again"),
        };
        Self::new(status, code, detail)
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        match error {
            Error::StaleAttempt => Self::new(StatusCode::CONFLICT, code::STALE_ATTEMPT, error.to_string()),
            Error::ReRegister => Self::new(StatusCode::UNAUTHORIZED, code::RE_REGISTER, error.to_string()),
            Error::OtherProtocol(detail) => Self::new(StatusCode::CONFLICT, code::OTHER_PROTOCOL, detail),
            Error::NotFound(detail) => Self::not_found(detail),
            Error::NotNow(detail) => Self::new(StatusCode::CONFLICT, code::NOT_NOW, detail),
            Error::Refused(detail) => Self::new(StatusCode::UNPROCESSABLE_ENTITY, code::REFUSED, detail),
            Error::Invalid { detail, errors } => Self::unprocessable(detail, errors),
            Error::Unavailable { url, .. } if url.starts_with("postgres://") => {
                let detail = format!("the state database {url} is away; work goes on when it is back: try again");
                Self::new(StatusCode::SERVICE_UNAVAILABLE, code::UNAVAILABLE, detail)
            }
            Error::Unavailable { detail, .. } => {
                tracing::warn!(detail, "a request could not be answered");
                Self::of_status(StatusCode::SERVICE_UNAVAILABLE)
            }
        }
    }
}

impl From<PathRejection> for Refusal {
    fn from(_: PathRejection) -> Self {
        Self::not_found("a part of the path is not a name or an id")
    }
}

impl From<QueryRejection> for Refusal {
    fn from(rejection: QueryRejection) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_query", rejection.body_text())
    }
}

impl IntoResponse for Refusal {
    /// An empty response that carries the refusal; `finish` writes the body.
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}
