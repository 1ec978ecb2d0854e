//! `http`: asks an address and hands on what it answers. Light: nothing but a request and a small answer. Which addresses
//! are asked at all is the client's to decide. Must never log a header, a body or what follows a `?`.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use daybreak_core::{KindDefinition, ParameterDefinition, ParameterType};
use daybreak_protocol::TaskResult;
use daybreak_runtime::{Task, TaskContext, TaskError};
use reqwest_tls::Method;
use reqwest_tls::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::{Map, Value as Json};

use crate::http_client::{Answer, Ask, HttpClient, Refused, shown};
use crate::parameters::OneOrMany;

/// What checking and scheduling know of it.
pub static DEFINITION: KindDefinition = KindDefinition {
    name: "http",
    summary: "asks an address over HTTP and hands on what it answers",
    parameters: &[
        ParameterDefinition {
            name: "url",
            parameter_type: ParameterType::Url,
            required: true,
            summary: "the address; private ones only where `http: { allow }` in daybreak.yaml declares them",
        },
        ParameterDefinition {
            name: "method",
            parameter_type: ParameterType::Words(&["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]),
            required: false,
            summary: "`GET` when left out, with a `body` `POST`",
        },
        ParameterDefinition {
            name: "headers",
            parameter_type: ParameterType::Headers,
            required: false,
            summary: "headers of the request; they stay with its host when it redirects to another; `secret://NAME` is a secret",
        },
        ParameterDefinition {
            name: "body",
            parameter_type: ParameterType::Json,
            required: false,
            summary: "sent as JSON",
        },
        ParameterDefinition {
            name: "expect",
            parameter_type: ParameterType::Statuses,
            required: false,
            summary: "the statuses that are a success; 200 to 299 when left out",
        },
        ParameterDefinition {
            name: "outputs",
            parameter_type: ParameterType::Pointers,
            required: false,
            summary: "what of a JSON answer is handed on: names to JSON pointers, e.g. `{ id: /data/0/id }`",
        },
    ],
    heavy: false,
    side_effects: true,
    gated: false,
    reads: &[],
    makes: &[],
    rules: &[],
};

/// How long it may take when its `timeout` does not say.
const TIMEOUT: Duration = Duration::from_secs(30);

/// How much of an answer stands in the reason of a failure.
const SHOWN_BYTES: usize = 300;

/// The task.
pub struct Http;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    url: String,
    method: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: Option<Json>,
    expect: Option<OneOrMany<u16>>,
    #[serde(default)]
    outputs: BTreeMap<String, String>,
}

#[async_trait]
impl Task for Http {
    fn definition(&self) -> &'static KindDefinition {
        &DEFINITION
    }

    async fn run(&self, context: &TaskContext) -> Result<TaskResult, TaskError> {
        let Parameters { url, method, mut headers, body, expect, outputs } = context.parameters()?;
        for (name, secret) in context.secrets_of("headers")? {
            headers.insert(name, secret.expose().clone());
        }
        let timeout = context.declaration()?.timeout.as_ref().map_or(TIMEOUT, |timeout| timeout.value.to_std());
        let default = if body.is_some() { "POST" } else { "GET" };
        let method = method.unwrap_or_else(|| default.to_owned());
        let asked = format!("{method} {}", shown(&url));
        let ask = Ask {
            method: Method::from_bytes(method.as_bytes())
                .map_err(|_| TaskError::lasting(format!("`{method}` is not a method")))?,
            url,
            headers: header_map(&headers, body.is_some())?,
            body: body.map(|body| serde_json::to_vec(&body).expect("JSON always writes")),
            timeout,
        };
        let begun = Instant::now();
        let answer = HttpClient::new(allowed(context)).ask(ask).await.map_err(refused)?;
        let (status, size, took) = (answer.status, answer.body.len(), begun.elapsed());
        context.log(&format!("{asked}: {status}, {size} bytes in {} ms", took.as_millis()));
        let expected: Option<Vec<u16>> = expect.map(|expect| expect.into_iter().collect());
        if !expected.as_ref().map_or((200..300).contains(&status), |expected| expected.contains(&status)) {
            return Err(unexpected(&asked, &answer, expected.as_deref()));
        }
        Ok(TaskResult { outputs: picked(&asked, &answer, &outputs)?, ..TaskResult::default() })
    }
}

/// What the project lets tasks ask besides public addresses.
pub(crate) fn allowed(context: &TaskContext) -> Vec<daybreak_spec::HttpAllow> {
    context.project.http_allow.iter().map(|allow| allow.value.clone()).collect()
}

fn refused(refused: Refused) -> TaskError {
    match refused {
        Refused::Lasting(why) => TaskError::lasting(why),
        Refused::Passing(why) => TaskError::passing(why),
    }
}

fn header_map(headers: &BTreeMap<String, String>, sends_json: bool) -> Result<HeaderMap, TaskError> {
    let mut map = HeaderMap::new();
    if sends_json {
        map.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    for (name, value) in headers {
        let header: HeaderName =
            name.parse().map_err(|_| TaskError::lasting(format!("`{name}` cannot be the name of a header")))?;
        let mut value: HeaderValue = value
            .parse()
            .map_err(|_| TaskError::lasting(format!("the value of the header `{name}` cannot be sent")))?;
        value.set_sensitive(true);
        map.insert(header, value);
    }
    Ok(map)
}

/// A status that the server itself calls passing is worth another attempt.
fn unexpected(asked: &str, answer: &Answer, expected: Option<&[u16]>) -> TaskError {
    let wanted = match expected {
        Some(statuses) => statuses.iter().map(u16::to_string).collect::<Vec<_>>().join(" or "),
        None => "200 to 299".to_owned(),
    };
    let text = String::from_utf8_lossy(&answer.body);
    let said: String = text.chars().filter(|letter| !letter.is_control()).take(SHOWN_BYTES).collect();
    let said = if said.is_empty() { "nothing".to_owned() } else { format!("`{said}`") };
    let reason = format!("{asked} answered {}, not {wanted}; it said {said}", answer.status);
    match answer.status {
        408 | 425 | 429 | 500..600 => TaskError::passing(reason),
        _ => TaskError { retry: false, ..TaskError::passing(reason) },
    }
}

/// The status, and what was asked for of a JSON answer.
fn picked(asked: &str, answer: &Answer, wanted: &BTreeMap<String, String>) -> Result<Map<String, Json>, TaskError> {
    let mut outputs = Map::from_iter([("status".to_owned(), Json::from(answer.status))]);
    if wanted.is_empty() {
        return Ok(outputs);
    }
    let json: Json = serde_json::from_slice(&answer.body).map_err(|error| {
        TaskError::lasting(format!("{asked} did not answer with JSON, which `outputs` reads: {error}"))
    })?;
    for (name, pointer) in wanted {
        let value = json.pointer(pointer).ok_or_else(|| {
            TaskError::lasting(format!(
                "what {asked} answered has nothing at `{pointer}`, which the output `{name}` is"
            ))
        })?;
        outputs.insert(name.clone(), value.clone());
    }
    Ok(outputs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer { status, body: body.as_bytes().to_vec() }
    }

    #[test]
    fn outputs_are_picked_by_pointers_and_a_missing_one_is_named() {
        let wanted = |pointer: &str| BTreeMap::from([("id".to_owned(), pointer.to_owned())]);
        let body = answer(200, r#"{"data": [{"id": 7}], "a/b": 1}"#);
        let outputs = picked("GET x", &body, &wanted("/data/0/id")).expect("it is there");
        assert_eq!(Json::Object(outputs), serde_json::json!({ "status": 200, "id": 7 }));
        assert_eq!(picked("GET x", &body, &wanted("/a~1b")).expect("it is there")["id"], 1);
        let error = picked("GET x", &body, &wanted("/data/1/id")).expect_err("only one");
        assert!(error.reason.contains("nothing at `/data/1/id`") && !error.retry, "{}", error.reason);
        let error = picked("GET x", &answer(200, "<html>"), &wanted("/x")).expect_err("no JSON");
        assert!(error.reason.contains("did not answer with JSON"), "{}", error.reason);
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        for (status, retry) in [(400, false), (404, false), (408, true), (429, true), (500, true), (503, true)] {
            let error = unexpected("GET x", &answer(status, "no\n"), None);
            assert_eq!(error.retry, retry, "{status}");
            assert!(error.reason.ends_with("it said `no`"), "{}", error.reason);
        }
        let error = unexpected("GET x", &answer(200, ""), Some(&[201, 202]));
        assert_eq!(error.reason, "GET x answered 200, not 201 or 202; it said nothing");
    }

    #[test]
    fn headers_that_cannot_be_sent_are_named_without_their_value() {
        let headers = |name: &str, value: &str| BTreeMap::from([(name.to_owned(), value.to_owned())]);
        let error = header_map(&headers("x y", "1"), false).expect_err("a space");
        assert!(error.reason.contains("`x y`"), "{}", error.reason);
        let error = header_map(&headers("authorization", "secret\n"), false).expect_err("a line feed");
        assert!(error.reason.contains("`authorization`") && !error.reason.contains("secret"), "{}", error.reason);
        assert_eq!(header_map(&BTreeMap::new(), true).expect("sound")[CONTENT_TYPE], "application/json");
    }
}
