//! What the endpoint answers to a client that nobody here wrote.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use daybreak_tests::{binary, daybreak, wait_for};
use serde_json::{Value as Json, json};

struct Served {
    child: Child,
    url: String,
    token: String,
    folder: tempfile::TempDir,
    client: reqwest::Client,
}

impl Served {
    async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(daybreak(folder.path(), &["init"]).status.success());
        let mut up = Command::new(binary());
        up.args(["up", "--listen", "127.0.0.1:0"]).current_dir(folder.path()).stdout(Stdio::null());
        let child = up.spawn().expect("a server");
        let note = wait_for("the server", Duration::from_secs(30), || note(folder.path()));
        let text = |key: &str| note[key].as_str().expect("a note").to_owned();
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        Self { child, url: text("url"), token: text("token"), folder, client }
    }

    async fn post(&self, path: &str, body: Json) -> (u16, Json) {
        let request = self.client.post(format!("{}{path}", self.url)).bearer_auth(&self.token).json(&body);
        let response = request.send().await.expect("an answer");
        (response.status().as_u16(), response.json().await.expect("JSON"))
    }

    async fn predict(&self, body: Json) -> (u16, Json) {
        self.post("/v1/models/returned/predict", body).await
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

fn note(folder: &Path) -> Option<Json> {
    serde_json::from_slice(&std::fs::read(folder.join(".daybreak/server.json")).ok()?).ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_mistake_of_a_request_has_its_status() {
    let served = Served::start().await;
    let good = json!({ "customer": "c1", "amount": 120.0 });
    assert_eq!(served.predict(good.clone()).await.0, 503, "declared, not yet trained");
    assert_eq!(served.post("/v1/models/nobody/predict", good.clone()).await.0, 404);
    let run = daybreak(served.folder.path(), &["run", "nightly", "--at", "2025-03-01T02:00:00Z", "--wait"]);
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let begun = std::time::Instant::now();
    while served.predict(good.clone()).await.0 == 503 {
        assert!(begun.elapsed() < Duration::from_secs(10), "the model goes live");
    }
    let (status, wrong) = served.predict(json!({ "customer": "c1", "amount": "much", "colour": "red" })).await;
    assert_eq!(status, 422, "{wrong}");
    let pointers: Vec<&str> =
        wrong["errors"].as_array().expect("errors").iter().filter_map(|error| error["pointer"].as_str()).collect();
    assert!(pointers.contains(&"/amount") && pointers.contains(&"/colour"), "{wrong}");
    let (status, missing) = served.predict(json!({ "customer": "c1" })).await;
    assert_eq!((status, missing["errors"][0]["pointer"].as_str()), (422, Some("/amount")), "{missing}");
    let stranger = served.client.post(format!("{}/v1/models/returned/predict", served.url)).json(&good);
    assert_eq!(stranger.send().await.expect("an answer").status().as_u16(), 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_answers_row_by_row_like_single_requests_and_every_prediction_is_kept() {
    let served = Served::start().await;
    let run = daybreak(served.folder.path(), &["run", "nightly", "--at", "2025-03-01T02:00:00Z", "--wait"]);
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let row = |customer: u32| json!({ "customer": format!("c{customer}"), "amount": f64::from(customer) });
    let begun = std::time::Instant::now();
    while served.predict(row(1)).await.0 == 503 {
        assert!(begun.elapsed() < Duration::from_secs(10), "the model goes live");
    }
    let (status, batch) = served.predict(json!({ "rows": (0..40).map(row).collect::<Vec<_>>() })).await;
    assert_eq!(status, 200, "{batch}");
    let answers = batch["predictions"].as_array().expect("predictions");
    assert_eq!(answers.len(), 40);
    for customer in 0..40 {
        let (_, single) = served.predict(row(customer)).await;
        assert_eq!(single["probability"], answers[customer as usize]["probability"], "customer {customer}");
    }
    let id = answers[7]["prediction_id"].as_str().expect("an id").to_owned();
    let request = served.client.get(format!("{}/v1/predictions/{id}", served.url)).bearer_auth(&served.token);
    let kept: Json = request.send().await.expect("an answer").json().await.expect("JSON");
    assert!(kept.to_string().contains("c7"), "{kept}");
}
