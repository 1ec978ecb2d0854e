//! What is kept of a prediction, and that it is kept.

use serde_json::json;

use crate::support::{Endpoint, day, row};

#[tokio::test]
async fn a_prediction_is_found_by_its_id_with_everything_behind_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let endpoint = Endpoint::start_live(&folder).await;
    let (_, answer) = endpoint.predict(&row()).await;
    let id = answer["prediction_id"].as_str().expect("text");
    let (status, kept) = endpoint.get(&format!("/v1/predictions/{id}")).await;
    assert_eq!(status, 200, "{kept}");
    assert_eq!(kept["prediction_id"], answer["prediction_id"]);
    assert_eq!((&kept["probability"], &kept["prediction"]), (&answer["probability"], &answer["prediction"]));
    assert_eq!(kept["row"], row());
    assert_eq!((&kept["model"], &kept["model_version"]), (&json!("delay"), &json!(1)));
    assert_eq!((&kept["run_id"], kept["artifact"].as_str().map(str::len)), (&json!("01JRUN"), Some(64)));
    assert_eq!((&kept["business_time"], &kept["made_at"]), (&json!(day(1)), &json!(day(1_000))));
    let weather = &kept["features"][1];
    let wanted = json!({
        "view": "airport_weather", "roles": ["airport_weather"], "keys": ["JFK"], "as_of": day(1),
        "measured_from": day(1), "publication": 1, "values": { "temp": 20.0 }, "statuses": { "temp": "PRESENT" },
    });
    assert_eq!(weather, &wanted);
    assert_eq!(kept["features"].as_array().map(Vec::len), Some(4));
}

#[tokio::test]
async fn predictions_outlive_the_process_and_every_row_of_a_batch_is_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let endpoint = Endpoint::start_live(&folder).await;
    let rows: Vec<_> = (0..300)
        .map(|distance| json!({ "carrier": "UA", "origin": "JFK", "dest": "LAX", "distance": distance }))
        .collect();
    let (_, answer) = endpoint.predict(&json!({ "rows": rows })).await;
    let registry = endpoint.stop().await;
    let endpoint = Endpoint::start_with(&folder, registry).await;
    for (distance, answer) in answer["predictions"].as_array().expect("a list").iter().enumerate() {
        let id = answer["prediction_id"].as_str().expect("text");
        let (status, kept) = endpoint.get(&format!("/v1/predictions/{id}")).await;
        assert_eq!((status, &kept["row"]["distance"]), (200, &json!(distance)));
        assert_eq!(kept["probability"], answer["probability"]);
    }
}

#[tokio::test]
async fn what_was_imputed_is_kept_as_such() {
    let folder = tempfile::tempdir().expect("a folder");
    let endpoint = Endpoint::start_live(&folder).await;
    let (_, answer) =
        endpoint.predict(&json!({ "carrier": "B6", "origin": "XXX", "dest": "LAX", "distance": 5 })).await;
    let id = answer["prediction_id"].as_str().expect("text");
    let (_, kept) = endpoint.get(&format!("/v1/predictions/{id}")).await;
    assert_eq!(kept["imputed"], answer["imputed"]);
    assert_eq!(kept["unknown_categories"], json!(["carrier"]));
    assert_eq!(kept["features"][0]["statuses"], json!({ "late_share": "NULL_VALUE" }));
    assert_eq!(
        (&kept["features"][1]["statuses"], &kept["features"][1]["as_of"]),
        (&json!({ "temp": "NOT_FOUND" }), &json!(null))
    );
}
