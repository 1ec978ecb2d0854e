//! An endpoint that ends while a model goes live, while it keeps what it would start with, or while it logs a prediction.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use daybreak_spec::Timestamp;
use daybreak_tests::roles::{Role, token};
use daybreak_tests::served::Served;
use daybreak_tests::{daybreak, json};
use serde_json::{Value as Json, json};

use super::ending;

/// Points on the way of a new version, as they are set: the version before comes by the first one too.
const GOES_LIVE: [(&str, &str); 6] = [
    ("cp07.before", "return"),
    ("cp07.after", "return"),
    ("cp08.after", "return"),
    ("cp09.after", "return"),
    ("cp17.before", "1*off->return"),
    ("cp17.after", "return"),
];

/// Points of the log, and whether what was answered is on the disk after that.
const LOGGED: [(&str, bool); 4] =
    [("cp18.before", false), ("cp18.after", true), ("cp19.before", true), ("cp19.after", true)];

struct Scene {
    around: tempfile::TempDir,
    project: PathBuf,
    served: Served,
    _worker: Role,
    own: String,
    predict: String,
    client: reqwest::Client,
}

impl Scene {
    /// One version is live.
    fn new() -> Self {
        let around = tempfile::tempdir().expect("a folder");
        let project = around.path().join("shop");
        std::fs::create_dir(&project).expect("a folder");
        assert!(daybreak(&project, &["init"]).status.success());
        let served = Served::start_as("server", &project, &["--listen", "127.0.0.1:0", "--clock-from", &night(0)]);
        let worker = Role::worker(&served, "one", &[]);
        let (own, predict) = (token(&project, "worker", "endpoint"), token(&project, "predict", "app"));
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        let run = json(&daybreak(&project, &["run", "nightly", "--at", &night(0), "--wait", "--json"]));
        assert_eq!(run["state"], "succeeded", "{run}");
        Self { around, project, served, _worker: worker, own, predict, client }
    }

    /// A night passes, and with it the next version goes live.
    async fn pass_night(&self, number: usize) {
        let moved = daybreak(&self.project, &["clock", &night(number)]);
        assert!(moved.status.success(), "{}", String::from_utf8_lossy(&moved.stderr));
        let at = Timestamp::parse(&night(number)).expect("an instant");
        self.served.wait_firing(at, Duration::from_secs(60)).await;
    }

    fn endpoint(&self) -> (Role, String) {
        Role::endpoint(&self.project, &self.served.url, "one", &self.own)
    }

    fn endpoint_ending(&self, points: &str) -> (Role, String) {
        let variables = ending(points, self.around.path());
        Role::endpoint_with((&self.project, &self.served.url), "one", &self.own, &variables)
    }

    /// One answer; none where the endpoint ended first.
    async fn predict(&self, url: &str) -> Option<(u16, Json)> {
        let body = json!({ "customer": "c1", "amount": 120 });
        let sent = self.client.post(format!("{url}/v1/models/returned/predict")).bearer_auth(&self.predict);
        let answer = sent.json(&body).send().await.ok()?;
        let status = answer.status().as_u16();
        Some((status, answer.json().await.ok()?))
    }

    /// Asks until a version answers; whatever answers before is whole.
    async fn answers_with(&self, url: &str, version: usize) -> Json {
        let begun = Instant::now();
        loop {
            let (status, answer) = self.predict(url).await.expect("an answer");
            let found = answer["model_version"].as_u64();
            if status == 200 && found == u64::try_from(version).ok() {
                return answer;
            }
            let is_before = status == 200 && found.is_some_and(|found| found + 1 == version as u64);
            assert!(is_before || [404, 503].contains(&status), "{status}: {answer}");
            assert!(begun.elapsed() < Duration::from_secs(30), "waited in vain for version {version}: {answer}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Whether the log has a prediction, which is what was answered.
    async fn is_logged(&self, url: &str, answer: &Json) -> bool {
        let id = answer["prediction_id"].as_str().expect("an id");
        let asked = self.client.get(format!("{url}/v1/predictions/{id}")).bearer_auth(&self.predict);
        let found = asked.send().await.expect("an answer");
        if found.status().as_u16() == 404 {
            return false;
        }
        let record: Json = found.json().await.expect("a record");
        assert!(record.to_string().contains(&answer["probability"].to_string()), "{record} of {answer}");
        true
    }
}

/// What answers is then what it would start with, and nothing is left to be written.
fn stop(mut endpoint: Role) {
    endpoint.signal("TERM");
    assert!(endpoint.wait().success(), "{}", endpoint.said());
}

fn night(number: usize) -> String {
    format!("2025-02-{:02}T02:00:00Z", 20 + number)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_ends_while_a_model_goes_live_answers_with_a_whole_one_when_it_starts_again() {
    let scene = Scene::new();
    let (endpoint, url) = scene.endpoint();
    scene.answers_with(&url, 1).await;
    stop(endpoint);
    for (place, (point, set)) in GOES_LIVE.into_iter().enumerate() {
        let (mut endpoint, url) = scene.endpoint_ending(&format!("{point}={set}"));
        scene.answers_with(&url, place + 1).await;
        scene.pass_night(place + 1).await;
        assert!(endpoint.wait().code().is_none(), "{point} was not crossed: {}", endpoint.said());
        let (endpoint, url) = scene.endpoint();
        scene.answers_with(&url, place + 2).await;
        stop(endpoint);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_ends_while_it_logs_loses_nothing_that_was_written_and_logs_on() {
    let scene = Scene::new();
    for (point, is_kept) in LOGGED {
        let (endpoint, url) = scene.endpoint();
        let first = scene.answers_with(&url, 1).await;
        assert!(scene.is_logged(&url, &first).await, "{point}");
        drop(endpoint);
        let (mut endpoint, url) = scene.endpoint_ending(&format!("{point}=return"));
        let second = loop {
            match scene.predict(&url).await {
                Some((200, answer)) => break Some(answer),
                // Its model is still being loaded.
                Some((404 | 503, _)) => tokio::time::sleep(Duration::from_millis(20)).await,
                Some((status, answer)) => panic!("{status}: {answer}"),
                None => break None,
            }
        };
        assert!(endpoint.wait().code().is_none(), "{point} was not crossed: {}", endpoint.said());
        let (_endpoint, url) = scene.endpoint();
        let third = scene.answers_with(&url, 1).await;
        assert!(scene.is_logged(&url, &first).await && scene.is_logged(&url, &third).await, "{point}");
        // On a machine that is busy it may have ended before its answer was sent.
        if let Some(second) = second {
            assert_eq!(scene.is_logged(&url, &second).await, is_kept, "{point}");
        }
    }
}
