//! `Idempotency-Key`: a request that may be sent again and is made once. The header's form is checked here; whether it was
//! made before is the engine's to know. To take keys on another route: [`OnceKey`] among the handler's arguments, `OnceHeader`
//! among its parameters, [`answered`] around its answer.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::IntoParams;

use super::engine::Asked;
use super::problem::Refusal;

/// The request's header.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// Says that an answer is one of before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

const MAX_KEY_BYTES: usize = 255;

/// The key, where there is one.
pub struct OnceKey(pub Option<String>);

/// The key as the document shows it.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "the document is made from it")]
pub struct OnceHeader {
    /// The same key with the same request within 24 hours gets the same answer, and nothing is done again.
    #[serde(rename = "idempotency-key")]
    #[param(min_length = 1, max_length = 255, pattern = "^[!-~]+$")]
    key: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for OnceKey {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        let mut given = parts.headers.get_all(IDEMPOTENCY_KEY).iter();
        let Some(key) = given.next() else { return Ok(Self(None)) };
        let text = key.to_str().ok().filter(|text| {
            let plain = !text.is_empty() && text.len() <= MAX_KEY_BYTES;
            plain && text.bytes().all(|byte| byte.is_ascii_graphic())
        });
        match (text, given.next()) {
            (Some(text), None) => Ok(Self(Some(text.to_owned()))),
            _ => {
                let detail =
                    format!("`{IDEMPOTENCY_KEY}` is one header of 1 to {MAX_KEY_BYTES} visible ASCII characters");
                Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_idempotency_key", detail))
            }
        }
    }
}

/// The answer to what was asked once.
pub fn answered<T>(asked: Asked<T>, answer: impl FnOnce(T) -> Response) -> Result<Response, Refusal> {
    match asked {
        Asked::Made(made) => Ok(answer(made)),
        Asked::Before(made) => {
            let mut response = answer(made).into_response();
            response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
            Ok(response)
        }
        Asked::OtherRequest => Err(Refusal::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "idempotency_mismatch",
            "this idempotency key was used for another request within 24 hours; take a new one",
        )),
        Asked::InFlight => Err(Refusal::new(
            StatusCode::CONFLICT,
            "in_flight",
            "a request with this idempotency key is being answered; send it again to get its answer",
        )),
    }
}
