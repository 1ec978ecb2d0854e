//! What the endpoint answers to a client that nobody here wrote.

use std::path::Path;
use std::time::{Duration, Instant};

use daybreak_spec::Timestamp;
use daybreak_tests::served::Served;
use daybreak_tests::{daybreak, tables};
use polars::prelude::{DataType, TimeUnit, TimeZone, df};
use rand::{Rng as _, SeedableRng as _};
use serde_json::{Value as Json, json};

const AT: &str = "2025-03-01T02:00:00Z";

/// A small project being served, in a folder of its own.
struct Shop {
    served: Served,
    folder: tempfile::TempDir,
    client: reqwest::Client,
}

impl Shop {
    fn open() -> Self {
        Self::with(|_| {})
    }

    /// With its files changed before it is served at the instant of its one run.
    fn with(change: impl FnOnce(&Path)) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(daybreak(folder.path(), &["init"]).status.success());
        change(folder.path());
        let served = Served::start(folder.path(), &["--clock-from", AT]);
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        Self { served, folder, client }
    }

    async fn post(&self, path: &str, body: Json) -> (u16, Json) {
        let request = self.client.post(format!("{}{path}", self.served.url)).bearer_auth(&self.served.token);
        let response = request.json(&body).send().await.expect("an answer");
        (response.status().as_u16(), response.json().await.expect("JSON"))
    }

    async fn predict(&self, body: Json) -> (u16, Json) {
        self.post("/v1/models/returned/predict", body).await
    }

    /// Trains by a run at an instant and waits until the model answers.
    async fn train(&self, sample: Json) {
        let run = daybreak(self.folder.path(), &["run", "nightly", "--at", AT, "--wait"]);
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
        let begun = Instant::now();
        while self.predict(sample.clone()).await.0 == 503 {
            assert!(begun.elapsed() < Duration::from_secs(10), "the model goes live");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_mistake_of_a_request_has_its_status() {
    let shop = Shop::open();
    let good = json!({ "customer": "c1", "amount": 120.0 });
    // Until it has read which models are declared the endpoint cannot tell an unknown one.
    let begun = Instant::now();
    while shop.post("/v1/models/nobody/predict", good.clone()).await.0 != 404 {
        assert!(begun.elapsed() < Duration::from_secs(10), "an unknown model is told apart");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(shop.predict(good.clone()).await.0, 503, "declared, not yet trained");
    shop.train(good.clone()).await;
    let (status, wrong) = shop.predict(json!({ "customer": "c1", "amount": "much", "colour": "red" })).await;
    assert_eq!(status, 422, "{wrong}");
    let pointers: Vec<&str> =
        wrong["errors"].as_array().expect("errors").iter().filter_map(|error| error["pointer"].as_str()).collect();
    assert!(pointers.contains(&"/amount") && pointers.contains(&"/colour"), "{wrong}");
    let (status, missing) = shop.predict(json!({ "customer": "c1" })).await;
    assert_eq!((status, missing["errors"][0]["pointer"].as_str()), (422, Some("/amount")), "{missing}");
    let stranger = shop.client.post(format!("{}/v1/models/returned/predict", shop.served.url)).json(&good);
    assert_eq!(stranger.send().await.expect("an answer").status().as_u16(), 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_answers_row_by_row_like_single_requests_and_every_prediction_is_kept() {
    let shop = Shop::open();
    let row = |customer: u32| json!({ "customer": format!("c{customer}"), "amount": f64::from(customer) });
    shop.train(row(1)).await;
    let (status, batch) = shop.predict(json!({ "rows": (0..40).map(row).collect::<Vec<_>>() })).await;
    assert_eq!(status, 200, "{batch}");
    let answers = batch["predictions"].as_array().expect("predictions");
    assert_eq!(answers.len(), 40);
    for customer in 0..40 {
        let (_, single) = shop.predict(row(customer)).await;
        assert_eq!(single["probability"], answers[customer as usize]["probability"], "customer {customer}");
    }
    let id = answers[7]["prediction_id"].as_str().expect("an id").to_owned();
    let request = shop.client.get(format!("{}/v1/predictions/{id}", shop.served.url)).bearer_auth(&shop.served.token);
    let kept: Json = request.send().await.expect("an answer").json().await.expect("JSON");
    assert!(kept.to_string().contains("c7"), "{kept}");
}

/// P(returned) of an order: rises with its amount.
fn probability(amount: f64, intercept: f64) -> f64 {
    1.0 / (1.0 + (-(intercept + (amount - 105.0) / 40.0)).exp())
}

/// The intercept at which this share of the orders, whose amounts are spread evenly over 10 to 200, is returned.
fn intercept_of(share: f64) -> f64 {
    let mean =
        |intercept: f64| (10..200).map(|amount| probability(f64::from(amount) + 0.5, intercept)).sum::<f64>() / 190.0;
    let (mut low, mut high) = (-10.0, 10.0);
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if mean(middle) < share { low = middle } else { high = middle }
    }
    low
}

/// Six thousand orders of the sixty days before [`AT`].
fn write_orders(path: &Path, intercept: f64) {
    let mut random = rand::rngs::StdRng::seed_from_u64(7);
    let at = Timestamp::parse(AT).expect("an instant").micros;
    let (mut times, mut known, mut customers, mut amounts, mut returned) = (vec![], vec![], vec![], vec![], vec![]);
    for order in 0..6_000_i64 {
        let time = at - (6_000 - order) * 14 * 60_000_000;
        let amount: f64 = random.random_range(10.0..200.0);
        times.push(time);
        known.push(time + 86_400_000_000);
        customers.push(format!("c{}", random.random_range(0..40)));
        amounts.push(amount);
        returned.push(random.random::<f64>() < probability(amount, intercept));
    }
    let rows = df!("ordered_at" => times, "customer" => customers, "amount" => amounts, "returned" => returned,
        "returned_known_at" => known);
    let mut rows = rows.expect("orders");
    for column in ["ordered_at", "returned_known_at"] {
        let instants = DataType::Datetime(TimeUnit::Microseconds, Some(TimeZone::UTC));
        rows.apply(column, |instant| instant.cast(&instants).expect("instants")).expect("a column");
    }
    tables::write(path, rows);
}

/// Trains on orders of which this share is returned, asks for two hundred orders and compares with what is true of them.
async fn predicted_is_the_probability_of_true(share: f64) {
    let intercept = intercept_of(share);
    let shop = Shop::with(|folder| write_orders(&folder.join("data/orders.parquet"), intercept));
    let amount = |row: u32| 10.5 + 0.95 * f64::from(row);
    let row = |order: u32| json!({ "customer": format!("c{}", order % 40), "amount": amount(order) });
    shop.train(row(0)).await;
    let (status, batch) = shop.predict(json!({ "rows": (0..200).map(row).collect::<Vec<_>>() })).await;
    assert_eq!(status, 200, "{batch}");
    let answers = batch["predictions"].as_array().expect("predictions");
    let predicted: Vec<f64> = answers.iter().map(|answer| answer["probability"].as_f64().expect("a number")).collect();
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    assert!((mean(&predicted) - share).abs() < 0.04, "predicted {} where {share} are true", mean(&predicted));
    let (cheap, dear) = (mean(&predicted[..50]), mean(&predicted[150..]));
    assert!(dear > cheap + 0.2, "{cheap} for cheap orders, {dear} for dear ones");
    let errors: Vec<f64> =
        (0..200).map(|order| (predicted[order as usize] - probability(amount(order), intercept)).abs()).collect();
    assert!(mean(&errors) < 0.06, "off by {} on average", mean(&errors));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probability_is_that_of_true_where_true_is_rare() {
    predicted_is_the_probability_of_true(0.2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probability_is_that_of_true_where_true_is_common() {
    predicted_is_the_probability_of_true(0.6).await;
}
