//! Bodies: JSON and nothing else, read strictly, with every mistake told by a JSON pointer. A handler never runs on a
//! body that is not of its type. To add a check of a value: a function here, called by the handler.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse as _;
use daybreak_protocol::ErrorItem;
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use serde_path_to_error::Segment;
use ulid::Ulid;

use super::problem::Refusal;

/// A body of that type.
pub struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        if !is_json(request.headers()) {
            return Err(Refusal::of_status(StatusCode::UNSUPPORTED_MEDIA_TYPE));
        }
        let bytes = Bytes::from_request(request, state)
            .await
            .map_err(|rejection| Refusal::of_status(rejection.into_response().status()))?;
        read(&bytes).map(Self)
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    let plain = headers.get(CONTENT_ENCODING).is_none_or(|encoding| encoding == "identity");
    plain && kind.eq_ignore_ascii_case("application/json")
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Refusal> {
    require_object(bytes)?;
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let mut track = serde_path_to_error::Track::new();
    let value = T::deserialize(serde_path_to_error::Deserializer::new(&mut json, &mut track));
    let error = match value {
        Ok(value) => match json.end() {
            Ok(()) => return Ok(value),
            Err(error) => error,
        },
        Err(error) => error,
    };
    let (line, col) = (u32::try_from(error.line()).ok(), u32::try_from(error.column()).ok());
    if error.classify() != Category::Data {
        let item = ErrorItem { pointer: None, line, col, code: "malformed_json".to_owned(), hint: message(&error) };
        let refusal = Refusal::new(StatusCode::BAD_REQUEST, "malformed_json", "the body is not JSON");
        return Err(Refusal { errors: vec![item], ..refusal });
    }
    let (code, field) = mistake(&error.to_string());
    let mut at = pointer(&track.path());
    if let Some(field) = field
        && !at.ends_with(&format!("/{}", escaped(&field)))
    {
        at = format!("{at}/{}", escaped(&field));
    }
    let item = ErrorItem { pointer: Some(at), line, col, code: code.to_owned(), hint: message(&error) };
    Err(Refusal::unprocessable("the body is not what this path takes", vec![item]))
}

/// Serde would take a list for the fields of an object in their order. What is not JSON at all is told by whoever reads it.
fn require_object(bytes: &[u8]) -> Result<(), Refusal> {
    let begins_as_one = bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
    if begins_as_one || serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_err() {
        return Ok(());
    }
    let item = ErrorItem {
        pointer: Some(String::new()),
        code: "wrong_type".to_owned(),
        hint: "the body is a JSON object".to_owned(),
        ..ErrorItem::default()
    };
    Err(Refusal::unprocessable("the body is not what this path takes", vec![item]))
}

/// Serde's sentence without the place, which stands beside it.
fn message(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

/// What kind of mistake it is, and the field it is about where serde stops one short of it.
fn mistake(text: &str) -> (&'static str, Option<String>) {
    let quoted = || text.split('`').nth(1).map(str::to_owned);
    if text.starts_with("unknown field") {
        return ("unknown_field", quoted());
    }
    if text.starts_with("missing field") {
        return ("missing_field", quoted());
    }
    if text.starts_with("duplicate field") {
        return ("duplicate_field", quoted());
    }
    ("wrong_type", None)
}

/// RFC 6901.
fn pointer(path: &serde_path_to_error::Path) -> String {
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
            Segment::Map { key } => pointer.push_str(&format!("/{}", escaped(key))),
            Segment::Enum { variant } => pointer.push_str(&format!("/{}", escaped(variant))),
            Segment::Unknown => {}
        }
    }
    pointer
}

fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// Refuses a body whose ids are not ULIDs; each comes with its pointer.
pub fn require_ids(ids: &[(String, &str)]) -> Result<(), Refusal> {
    let bad = ids.iter().filter(|(_, id)| Ulid::from_string(id).is_err());
    let errors: Vec<ErrorItem> = bad
        .map(|(pointer, _)| ErrorItem {
            pointer: Some(pointer.clone()),
            code: "invalid_id".to_owned(),
            hint: "an id is a ULID, 26 letters and digits".to_owned(),
            ..ErrorItem::default()
        })
        .collect();
    if errors.is_empty() { Ok(()) } else { Err(Refusal::unprocessable("an id in the body is not an id", errors)) }
}

/// Refuses text that no log or page should show: too long, or with control characters.
pub fn require_label(pointer: &str, text: &str, max_bytes: usize) -> Result<(), Refusal> {
    if text.len() <= max_bytes && !text.chars().any(char::is_control) {
        return Ok(());
    }
    let item = ErrorItem {
        pointer: Some(pointer.to_owned()),
        code: "invalid_text".to_owned(),
        hint: format!("at most {max_bytes} bytes, without control characters"),
        ..ErrorItem::default()
    };
    Err(Refusal::unprocessable("a text in the body cannot be shown", vec![item]))
}
