//! Which model answers: promotions, failures to load, restarts without the orchestrator.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use daybreak_features::Generation;
use daybreak_spec::{ColumnType, Missing, Value};
use serde_json::json;

use crate::support::{Endpoint, day, expected, generations, model, name, row, within};

#[tokio::test]
async fn a_model_without_a_version_is_not_available_and_an_undeclared_one_not_found() {
    let folder = tempfile::tempdir().expect("a folder");
    let endpoint = Endpoint::start(&folder).await;
    endpoint.registry.change(|live| live.models = vec![name("delay")]);
    within(async { while endpoint.get("/v1/models/delay").await.0 != 200 {} }).await;
    let response = endpoint.post("/v1/models/delay/predict").json(&row()).send().await.expect("an answer");
    assert_eq!(response.status().as_u16(), 503);
    assert_eq!(response.headers()["retry-after"], "1");
    let other = endpoint.post("/v1/models/other/predict").json(&row()).send().await.expect("an answer");
    assert_eq!(other.status().as_u16(), 404);
    assert_eq!(endpoint.get("/v1/models/delay").await.1["live"], json!(null));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn promotions_and_publications_under_load_fail_no_request_and_mix_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let endpoint = Arc::new(Endpoint::start(&folder).await);
    endpoint.publish_all(1);
    endpoint.promote(1, &model(0.1, Missing::Impute)).await;
    let done = Arc::new(AtomicBool::new(false));
    let asked = Arc::new(AtomicU64::new(0));
    let mut clients = Vec::new();
    for _ in 0..4 {
        let (endpoint, done, asked) = (Arc::clone(&endpoint), Arc::clone(&done), Arc::clone(&asked));
        clients.push(tokio::spawn(async move {
            while !done.load(Ordering::Acquire) {
                let (status, answer) = endpoint.predict(&row()).await;
                assert_eq!(status, 200, "{answer}");
                let version = answer["model_version"].as_f64().expect("a number");
                let as_of = &answer["features_as_of"]["carrier_punctuality"];
                let number = (1..=3).find(|number| *as_of == day(*number).to_string()).expect("a day");
                let probability = answer["probability"].as_f64().expect("a number");
                assert!((probability - expected(version / 10.0, number)).abs() < 1e-12, "{answer}");
                asked.fetch_add(1, Ordering::Relaxed);
            }
        }));
    }
    for version in 2..30 {
        endpoint.promote(version, &model(f64::from(version) / 10.0, Missing::Impute)).await;
        if version % 10 == 0 {
            endpoint.publish_all(i64::from(version / 10) + 1);
        }
        let before = asked.load(Ordering::Relaxed);
        endpoint.until(|_| asked.load(Ordering::Relaxed) > before + 4).await;
    }
    done.store(true, Ordering::Release);
    for client in clients {
        client.await.expect("every request was answered");
    }
}

#[tokio::test]
async fn a_model_that_cannot_be_loaded_leaves_the_old_one_answering() {
    let folder = tempfile::tempdir().expect("a folder");
    let endpoint = Endpoint::start_live(&folder).await;
    let mut damaged = model(2.0, Missing::Impute).encode().expect("encodes");
    let last = damaged.len() - 2;
    damaged[last] ^= 1;
    let mut liar = model(2.0, Missing::Impute);
    liar.golden[0].expected = 0.123;
    let liar = liar.encode().expect("encodes");
    for (version, bytes, reason) in
        [(2, damaged, "damaged"), (3, liar, "golden row 0"), (4, b"zip".to_vec(), "not a model")]
    {
        endpoint.point_at(version, bytes).await;
        let failed = async || endpoint.get("/v1/models/delay").await.1;
        within(async { while failed().await["load_failed"]["version"]["version"] != version {} }).await;
        let shown = failed().await;
        assert!(shown["load_failed"]["reason"].to_string().contains(reason), "{shown}");
        assert_eq!(shown["live"]["version"]["version"], 1);
        assert_eq!(endpoint.predict(&row()).await.1["model_version"], 1);
    }
    endpoint.promote(5, &model(2.0, Missing::Impute)).await;
    assert_eq!(endpoint.get("/v1/models/delay").await.1["load_failed"], json!(null));
}

#[tokio::test]
async fn an_artefact_that_comes_late_is_loaded_when_it_comes() {
    let folder = tempfile::tempdir().expect("a folder");
    let endpoint = Endpoint::start_live(&folder).await;
    let bytes = model(2.0, Missing::Impute).encode().expect("encodes");
    let object = endpoint.artifacts.put(bytes.clone().into()).await.expect("stores");
    let path = endpoint.artifacts.folder().expect("a folder").join("objects").join(&object[..2]).join(&object);
    std::fs::remove_file(path).expect("removes");
    endpoint.registry.change(|live| live.live = vec![crate::support::champion(2, object)]);
    within(async { while endpoint.get("/v1/models/delay").await.1["load_failed"] == json!(null) {} }).await;
    assert_eq!(endpoint.predict(&row()).await.1["model_version"], 1);
    endpoint.artifacts.put(bytes.into()).await.expect("stores");
    endpoint.until(|endpoint| endpoint.serving.live_versions() == [(name("delay"), 2)]).await;
}

#[tokio::test]
async fn features_of_another_schema_are_never_used() {
    let folder = tempfile::tempdir().expect("a folder");
    let endpoint = Endpoint::start_live(&folder).await;
    assert_eq!(endpoint.predict(&row()).await.0, 200);
    let (generation, mut rows) = generations(2).remove(2);
    let retyped = Generation { feature_types: vec![ColumnType::F64], ..generation };
    rows[0].values = vec![Value::Float(1.5)];
    endpoint.serving.online().publish(retyped, &mut rows.into_iter()).expect("publishes");
    let (status, problem) = endpoint.predict(&row()).await;
    assert_eq!((status, &problem["code"]), (503, &json!("feature_schema")));
    assert!(problem["detail"].to_string().contains("feature `flights` of view `network` is f64 in service and i64"));
    endpoint.publish_all(3);
    assert_eq!(endpoint.predict(&row()).await.0, 200, "the next generation fits again");
}

#[tokio::test]
async fn after_a_restart_it_answers_without_the_orchestrator() {
    let folder = tempfile::tempdir().expect("a folder");
    let endpoint = Endpoint::start_live(&folder).await;
    let (_, before) = endpoint.predict(&row()).await;
    let registry = endpoint.stop().await;
    registry.set_away(true);
    let endpoint = Endpoint::start_with(&folder, registry).await;
    endpoint.until(|endpoint| endpoint.serving.live_versions() == [(name("delay"), 1)]).await;
    let (status, after) = endpoint.predict(&row()).await;
    assert_eq!((status, &after["probability"]), (200, &before["probability"]));
    endpoint.registry.set_away(false);
    endpoint.promote(2, &model(0.5, Missing::Impute)).await;
}

#[tokio::test]
async fn a_model_that_is_no_longer_declared_stops_answering() {
    let folder = tempfile::tempdir().expect("a folder");
    let endpoint = Endpoint::start_live(&folder).await;
    endpoint.registry.change(|live| live.live.clear());
    endpoint.until(|endpoint| endpoint.serving.live_versions().is_empty()).await;
    assert_eq!(endpoint.predict(&row()).await.0, 503, "declared, nothing live");
    endpoint.registry.change(|live| live.models.clear());
    within(async { while endpoint.predict(&row()).await.0 != 404 {} }).await;
}
