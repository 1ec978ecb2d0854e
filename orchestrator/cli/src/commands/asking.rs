//! Commands that ask the endpoint: `predict` and `features get`.

use std::time::Duration;

use serde_json::{Map, Value as Json};

use super::reading::print;
use crate::arguments::Project;
use crate::connection::Connection;
use crate::failure::{Failure, Outcome};
use crate::home::{Home, Running};

/// `key=value …` as one JSON object. A value that reads as a number, `true`, `false` or `null` is one; `key="5"` is text.
pub fn row(pairs: &[String]) -> Outcome<Map<String, Json>> {
    let mut row = Map::new();
    for pair in pairs {
        let Some((key, value)) = pair.split_once('=') else {
            return Err(Failure::usage(format!("`{pair}` is not KEY=VALUE")));
        };
        let value = serde_json::from_str(value).unwrap_or_else(|_| Json::String(value.to_owned()));
        if row.insert(key.to_owned(), value).is_some() {
            return Err(Failure::usage(format!("`{key}` is given twice")));
        }
    }
    Ok(row)
}

/// `daybreak predict`
pub async fn predict(model: &str, values: &[String], endpoint: Option<&str>, project: &Project) -> Outcome {
    let row = row(values)?;
    let endpoint = Endpoint::open(endpoint, project).await?;
    let answer =
        ask(&endpoint.running, |client, base| client.post(format!("{base}/v1/models/{model}/predict")).json(&row))
            .await;
    endpoint.close().await;
    print(&answer?, project, people)
}

/// Whoever answers predictions.
struct Endpoint {
    running: Running,
    connection: Option<Connection>,
}

impl Endpoint {
    /// The one that is named (`daybreak serve`), which needs no server, or the project's server (`daybreak up`).
    async fn open(named: Option<&str>, project: &Project) -> Outcome<Self> {
        if let Some(url) = named {
            let token = Home::of(&project.directory)?.token()?;
            return Ok(Self { running: Running { url: url.to_owned(), token }, connection: None });
        }
        let connection = Connection::open(&project.directory).await?;
        Ok(Self { running: connection.running.clone(), connection: Some(connection) })
    }

    async fn close(self) {
        if let Some(connection) = self.connection {
            connection.close().await;
        }
    }
}

/// `daybreak features get`
pub async fn features(view: &str, keys: &[String], endpoint: Option<&str>, project: &Project) -> Outcome {
    let row = row(keys)?;
    let query: Vec<(String, String)> = row
        .into_iter()
        .map(|(key, value)| (key, value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
        .collect();
    let endpoint = Endpoint::open(endpoint, project).await?;
    let answer =
        ask(&endpoint.running, |client, base| client.get(format!("{base}/v1/features/{view}")).query(&query)).await;
    endpoint.close().await;
    print(&answer?, project, people)
}

/// One request; 503 right after a start means that the model is still being loaded, and is asked again for a while.
async fn ask(running: &Running, request: impl Fn(&reqwest::Client, &str) -> reqwest::RequestBuilder) -> Outcome<Json> {
    let client = reqwest::Client::builder()
        .no_proxy()
        .build()
        .map_err(|error| Failure::configuration(format!("cannot set up an HTTP client: {error}")))?;
    let mut patience = 20;
    loop {
        let request = request(&client, &running.url).bearer_auth(&running.token);
        let unreachable = |error: reqwest::Error| Failure { status: 5, message: error.to_string() };
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        let body: Json = response.json().await.map_err(unreachable)?;
        if status.is_success() {
            return Ok(body);
        }
        if status != reqwest::StatusCode::SERVICE_UNAVAILABLE || patience == 0 {
            return Err(Failure::refused(problem(&body)));
        }
        patience -= 1;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// A problem+json body for people: its detail, then each error with its pointer.
fn problem(body: &Json) -> String {
    let text = |key: &str| body.get(key).and_then(Json::as_str).unwrap_or_default().to_owned();
    let mut lines = vec![if text("detail").is_empty() { text("title") } else { text("detail") }];
    for error in body.get("errors").and_then(Json::as_array).into_iter().flatten() {
        let part = |key: &str| error.get(key).and_then(Json::as_str).unwrap_or_default();
        lines.push(format!("  {} {} {}", part("pointer"), part("code"), part("hint")));
    }
    lines.join("\n")
}

fn people(answer: &Json) -> String {
    let entries = answer.as_object().into_iter().flatten();
    entries
        .map(|(key, value)| format!("{key}: {}\n", value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
        .collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn values_are_json_where_they_read_as_json() {
        let row = super::row(&["a=5".into(), "b=UA".into(), "c=true".into(), "d=\"5\"".into()]).expect("a row");
        assert_eq!(serde_json::Value::Object(row), serde_json::json!({"a": 5, "b": "UA", "c": true, "d": "5"}));
        assert!(super::row(&["a".into()]).is_err());
    }
}
