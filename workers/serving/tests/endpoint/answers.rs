//! What a good request gets.

use daybreak_model::{Artifact, Estimator, Target};
use daybreak_spec::Missing;
use serde_json::json;

use crate::support::{Endpoint, day, expected, model, row};

#[tokio::test]
async fn a_row_gets_probability_label_version_ages_and_an_id() {
    let folder = tempfile::tempdir().expect("a folder");
    let endpoint = Endpoint::start_live(&folder).await;
    let (status, answer) = endpoint.predict(&row()).await;
    assert_eq!(status, 200, "{answer}");
    let probability = answer["probability"].as_f64().expect("a number");
    assert!((probability - expected(1.0, 1)).abs() < 1e-12, "{probability}");
    assert_eq!(answer["prediction"], true);
    assert_eq!(answer["model_version"], 1);
    let day_one = day(1).to_string();
    let ages = json!({ "carrier_punctuality": day_one, "airport_weather": day_one, "dest_weather": day_one, "network": day_one });
    assert_eq!(answer["features_as_of"], ages);
    assert_eq!(answer["prediction_id"].as_str().map(str::len), Some(26));
    assert_eq!(answer.get("imputed"), None, "nothing was made up");
}

#[tokio::test]
async fn a_batch_answers_row_by_row_as_single_requests_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let endpoint = Endpoint::start_live(&folder).await;
    let rows: Vec<_> = (0..500)
        .map(|number| {
            let origin = ["JFK", "LAX", "EWR"][number % 3];
            let dest = ["EWR", "JFK"][number % 2];
            json!({ "carrier": "UA", "origin": origin, "dest": dest, "distance": number })
        })
        .collect();
    let (status, batch) = endpoint.predict(&json!({ "rows": rows })).await;
    assert_eq!(status, 200, "{batch}");
    let answers = batch["predictions"].as_array().expect("a list");
    assert_eq!(answers.len(), 500);
    let ids: std::collections::BTreeSet<_> = answers.iter().map(|answer| answer["prediction_id"].to_string()).collect();
    assert_eq!(ids.len(), 500, "one id per row");
    for number in [0, 1, 2, 3, 4, 5, 499] {
        let (_, single) = endpoint.predict(&rows[number]).await;
        assert_eq!(single["probability"], answers[number]["probability"], "row {number}");
    }
}

#[tokio::test]
async fn an_empty_batch_gets_an_empty_list() {
    let folder = tempfile::tempdir().expect("a folder");
    let endpoint = Endpoint::start_live(&folder).await;
    assert_eq!(endpoint.predict(&json!({ "rows": [] })).await, (200, json!({ "predictions": [] })));
}

#[tokio::test]
async fn what_is_missing_null_or_expired_is_imputed_and_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let endpoint = Endpoint::start_live(&folder).await;
    let imputed = async |body| {
        let (status, answer) = endpoint.predict(&body).await;
        assert_eq!(status, 200, "{answer}");
        answer
    };
    let unknown = imputed(json!({ "carrier": "UA", "origin": "XXX", "dest": "LAX", "distance": 5 })).await;
    assert_eq!(unknown["imputed"], json!([{ "column": "airport_weather__temp", "status": "NOT_FOUND" }]));
    assert_eq!(unknown["features_as_of"]["airport_weather"], json!(null));
    let null = imputed(json!({ "carrier": "B6", "origin": "JFK", "dest": "LAX", "distance": null })).await;
    let names = json!([
        { "column": "distance", "status": "NULL_VALUE" },
        { "column": "carrier_punctuality__late_share", "status": "NULL_VALUE" },
        { "column": "far", "status": "NULL_VALUE" },
    ]);
    assert_eq!(null["imputed"], names, "derived columns follow");
    assert_eq!(null["unknown_categories"], json!(["carrier"]), "B6 has no column of its own");
    endpoint.clock.set_business(day(4));
    assert_eq!(imputed(row()).await.get("imputed"), None, "an age equal to the ttl is fresh");
    endpoint.clock.set_business(day(4).plus_micros(1));
    let expired = imputed(row()).await;
    let statuses: Vec<_> = expired["imputed"].as_array().expect("a list").iter().map(|it| &it["status"]).collect();
    assert_eq!(statuses, ["OUTSIDE_MAX_AGE"; 4]);
    assert_eq!(expired["features_as_of"]["network"], day(1).to_string(), "the age can be seen");
}

#[tokio::test]
async fn a_model_that_refuses_names_the_feature_and_what_became_of_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let endpoint = Endpoint::start_live(&folder).await;
    endpoint.promote(2, &model(1.0, Missing::Refuse)).await;
    assert_eq!(endpoint.predict(&row()).await.0, 200);
    let rows = json!([row(), { "carrier": "B6", "origin": "XXX", "dest": "LAX", "distance": 5 }]);
    let (status, problem) = endpoint.predict(&json!({ "rows": rows })).await;
    assert_eq!(status, 422);
    let errors = problem["errors"].as_array().expect("a list");
    let short: Vec<_> = errors.iter().map(|it| json!([it["pointer"], it["feature"], it["status"]])).collect();
    let wanted = [
        json!(["/rows/1", "carrier_punctuality__late_share", "NULL_VALUE"]),
        json!(["/rows/1", "airport_weather__temp", "NOT_FOUND"]),
    ];
    assert_eq!(short, wanted);
    endpoint.clock.set_business(day(4).plus_micros(1));
    let (status, problem) = endpoint.predict(&row()).await;
    assert_eq!((status, &problem["errors"][0]["status"]), (422, &json!("OUTSIDE_MAX_AGE")));
    assert_eq!(problem["errors"][0]["view"], "carrier_punctuality");
}

#[tokio::test]
async fn a_regressor_answers_a_number_without_a_probability() {
    let folder = tempfile::tempdir().expect("a folder");
    let endpoint = Endpoint::start_live(&folder).await;
    let mut linear = model(0.0, Missing::Impute);
    linear.signature.target = Target::Number;
    linear.estimator = Estimator::Linear { weights: linear.estimator.weights().to_vec(), intercept: 1.0 };
    endpoint.promote(2, &Artifact { golden: Vec::new(), ..linear }).await;
    let (status, answer) = endpoint.predict(&row()).await;
    assert_eq!(status, 200, "{answer}");
    let number = answer["prediction"].as_f64().expect("a number");
    assert!((number - 5.875).abs() < 1e-12, "{number}");
    assert_eq!(answer.get("probability"), None);
}

#[tokio::test]
async fn features_of_a_key_are_shown_as_a_prediction_would_get_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let endpoint = Endpoint::start_live(&folder).await;
    let (status, shown) = endpoint.get("/v1/features/airport_weather?origin=JFK").await;
    assert_eq!(status, 200, "{shown}");
    assert_eq!(shown["features"]["temp"], json!({ "value": 20.0, "status": "PRESENT" }));
    assert_eq!((&shown["as_of"], &shown["keys"]), (&json!(day(1).to_string()), &json!({ "origin": "JFK" })));
    assert_eq!(endpoint.get("/v1/features/network").await.1["features"]["flights"]["value"], 300);
    let (_, unknown) = endpoint.get("/v1/features/airport_weather?origin=XXX").await;
    assert_eq!((&unknown["status"], &unknown["features"]["temp"]["value"]), (&json!("NOT_FOUND"), &json!(null)));
    endpoint.clock.set_business(day(9));
    let (_, expired) = endpoint.get("/v1/features/airport_weather?origin=JFK").await;
    assert_eq!(expired["features"]["temp"], json!({ "value": null, "status": "OUTSIDE_MAX_AGE" }));
}

#[tokio::test]
async fn a_model_shows_what_is_live_and_what_it_asks_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let endpoint = Endpoint::start_live(&folder).await;
    let (status, shown) = endpoint.get("/v1/models/delay").await;
    assert_eq!(status, 200, "{shown}");
    assert_eq!(shown["live"]["version"]["version"], 1);
    assert_eq!(shown["live"]["signature"]["inputs"][0], json!({ "name": "distance", "type": "i32" }));
    assert_eq!(shown["live"]["signature"]["features"][2]["role"], "dest_weather");
    assert_eq!(shown["load_failed"], json!(null));
}
