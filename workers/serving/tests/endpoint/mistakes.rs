//! What a bad request gets: the right status, every mistake at once, and nothing predicted.

use daybreak_protocol::Role;
use daybreak_serving::routes;
use serde_json::{Value as Json, json};

use crate::support::{Endpoint, TOKEN, read, row, token_of};

fn pointers(problem: &Json) -> Vec<(&str, &str)> {
    let errors = problem["errors"].as_array().expect("a list");
    let mut pointers: Vec<_> = errors
        .iter()
        .map(|error| (error["pointer"].as_str().expect("text"), error["code"].as_str().expect("text")))
        .collect();
    pointers.sort_unstable();
    pointers
}

#[tokio::test]
async fn every_mistake_of_a_row_is_listed_at_once_with_its_pointer() {
    let folder = tempfile::tempdir().expect("a folder");
    let endpoint = Endpoint::start_live(&folder).await;
    let (status, problem) =
        endpoint.predict(&json!({ "carrier": 7, "distanse": 5, "origin": ["JFK"], "a/b~c": 1, "distance": 3e9 })).await;
    assert_eq!(status, 422);
    let wanted = [
        ("/a~1b~0c", "unknown_field"),
        ("/carrier", "wrong_type"),
        ("/dest", "missing_field"),
        ("/distance", "wrong_type"),
        ("/distanse", "unknown_field"),
        ("/origin", "wrong_type"),
    ];
    assert_eq!(pointers(&problem), wanted);
    assert_eq!(problem["status"], 422);
    assert_eq!(problem["code"], "invalid_request");
    assert!(problem.to_string().contains("did you mean `distance`?"), "{problem}");
}

#[tokio::test]
async fn mistakes_in_a_batch_point_at_their_rows() {
    let folder = tempfile::tempdir().expect("a folder");
    let endpoint = Endpoint::start_live(&folder).await;
    let bad = json!({ "carrier": "UA", "origin": "JFK", "dest": "LAX" });
    let (status, problem) = endpoint.predict(&json!({ "rows": [row(), bad, 5], "more": 1 })).await;
    assert_eq!(status, 422);
    let wanted = [("/more", "unknown_field"), ("/rows/1/distance", "missing_field"), ("/rows/2", "wrong_type")];
    assert_eq!(pointers(&problem), wanted);
}

#[tokio::test]
async fn a_body_of_another_shape_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let endpoint = Endpoint::start_live(&folder).await;
    for body in [json!([row()]), json!("row"), json!(null), json!(3)] {
        let (status, problem) = endpoint.predict(&body).await;
        assert_eq!((status, pointers(&problem)), (422, vec![("", "wrong_type")]), "{body}");
    }
    let (status, problem) = endpoint.predict(&json!({ "rows": {} })).await;
    assert_eq!(status, 422, "{problem}");
}

#[tokio::test]
async fn a_field_given_twice_is_refused_and_not_the_last_one_taken() {
    let folder = tempfile::tempdir().expect("a folder");
    let endpoint = Endpoint::start_live(&folder).await;
    let body = r#"{"carrier":"UA","origin":"JFK","dest":"LAX","distance":1,"dist\u0061nce":2}"#;
    let request = endpoint.post("/v1/models/delay/predict").header("content-type", "application/json").body(body);
    let (status, problem) = read(request.send().await.expect("an answer")).await;
    assert_eq!((status, pointers(&problem)), (422, vec![("/distance", "duplicate_field")]));
}

#[tokio::test]
async fn what_is_not_json_is_a_bad_request() {
    let folder = tempfile::tempdir().expect("a folder");
    let endpoint = Endpoint::start_live(&folder).await;
    let deep = "[".repeat(200_000);
    for body in ["", "{", "{\"carrier\":}", "{} {}", "carrier=UA", "\u{feff}{}", deep.as_str(), "{\"distance\": 01}"] {
        let request = endpoint.post("/v1/models/delay/predict").header("content-type", "application/json");
        let (status, problem) = read(request.body(body.to_owned()).send().await.expect("an answer")).await;
        assert_eq!((status, &problem["code"]), (400, &json!("malformed_json")), "{}", &body[..body.len().min(30)]);
    }
    let request = endpoint.post("/v1/models/delay/predict").header("content-type", "application/json");
    let (status, _) = read(request.body(b"{\"carrier\":\"\xff\"}".to_vec()).send().await.expect("an answer")).await;
    assert_eq!(status, 400, "not UTF-8");
}

#[tokio::test]
async fn another_content_type_is_refused_before_the_body_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let endpoint = Endpoint::start_live(&folder).await;
    let body = row().to_string();
    for content_type in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] {
        let request = endpoint.post("/v1/models/delay/predict").header("content-type", content_type).body(body.clone());
        assert_eq!(read(request.send().await.expect("an answer")).await.0, 415, "{content_type}");
    }
    let bare = endpoint.post("/v1/models/delay/predict").body(body.clone());
    assert_eq!(read(bare.send().await.expect("an answer")).await.0, 415, "none");
    let compressed = endpoint.post("/v1/models/delay/predict").header("content-type", "application/json");
    let compressed = compressed.header("content-encoding", "gzip").body(body.clone());
    assert_eq!(read(compressed.send().await.expect("an answer")).await.0, 415, "compressed");
    let charset = endpoint.post("/v1/models/delay/predict").header("content-type", "Application/JSON; charset=utf-8");
    assert_eq!(read(charset.body(body).send().await.expect("an answer")).await.0, 200);
}

#[tokio::test]
async fn too_many_bytes_or_rows_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let endpoint = Endpoint::start_live(&folder).await;
    let rows = json!({ "rows": vec![json!({}); 10_001] });
    let (status, problem) = endpoint.predict(&rows).await;
    assert_eq!(status, 413, "{problem}");
    let long = json!({ "carrier": "x".repeat(9 << 20) });
    assert_eq!(endpoint.predict(&long).await.0, 413);
}

#[tokio::test]
async fn only_the_token_opens_a_route_and_every_route_asks_for_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let endpoint = Endpoint::start_live(&folder).await;
    let mut bodies = std::collections::BTreeSet::new();
    for (method, route, _) in routes().into_iter().filter(|(_, route, _)| *route != "/v1/health") {
        let path = route.replace("{name}", "delay").replace("{view}", "network").replace("{id}", "01JABC");
        for header in [None, Some("Bearer wrong"), Some(&*format!("Basic {TOKEN}")), Some("Bearer")] {
            let method = reqwest::Method::from_bytes(method.as_bytes()).expect("a method");
            let mut request = endpoint.client.request(method, format!("{}{path}", endpoint.url));
            if let Some(header) = header {
                request = request.header("authorization", header);
            }
            let response = request.send().await.expect("an answer");
            assert_eq!(response.headers()["www-authenticate"], "Bearer realm=\"daybreak\"");
            let (status, mut problem) = read(response).await;
            assert_eq!(status, 401, "{path} {header:?}");
            problem.as_object_mut().expect("an object").remove("request_id");
            bodies.insert(problem.to_string());
        }
    }
    assert_eq!(bodies.len(), 1, "the same body whatever the reason");
    let health = endpoint.client.get(format!("{}/v1/health", endpoint.url)).send().await.expect("an answer");
    assert_eq!(read(health).await, (200, json!({ "status": "serving" })));
}

/// Who may call what: V viewer, O operator, E editor, A admin, W worker, P predict.
const MATRIX: &str = "
GET  /v1/health                VOEAWP
GET  /v1/openapi.json           OEA P
GET  /v1/models/{name}          OEA P
POST /v1/models/{name}/predict  OEA P
GET  /v1/features/{view}        OEA P
GET  /v1/predictions/{id}       OEA P
";

#[tokio::test]
async fn every_route_is_for_whom_the_matrix_says() {
    let folder = tempfile::tempdir().expect("a folder");
    let endpoint = Endpoint::start_live(&folder).await;
    let lines: Vec<Vec<&str>> = MATRIX.lines().skip(1).map(|line| line.splitn(3, ' ').collect()).collect();
    assert_eq!(lines.len(), routes().len(), "the matrix lists every route of the router");
    for line in lines {
        let (path, callers) = line[1..].join(" ").trim_start().split_once(' ').map(own).expect("a line");
        assert!(routes().iter().any(|(method, route, _)| *method == line[0] && *route == path), "{path}");
        let concrete = path.replace("{name}", "delay").replace("{view}", "network").replace("{id}", "01JABC");
        for role in Role::ALL {
            let letter = role.as_str()[..1].to_ascii_uppercase();
            let method = reqwest::Method::from_bytes(line[0].as_bytes()).expect("a method");
            let request = endpoint.client.request(method, format!("{}{concrete}", endpoint.url));
            let response = request.bearer_auth(token_of(role)).json(&json!({})).send().await.expect("an answer");
            let status = response.status().as_u16();
            if callers.contains(&letter) {
                assert!(![401, 403].contains(&status), "{path} as {role:?}: {status}");
            } else {
                assert_eq!((status, read(response).await.1["code"].as_str()), (403, Some("forbidden")), "{path}");
            }
        }
    }
}

fn own((path, callers): (&str, &str)) -> (String, String) {
    (path.to_owned(), callers.to_owned())
}

#[tokio::test]
async fn another_method_is_refused_with_those_that_are_possible() {
    let folder = tempfile::tempdir().expect("a folder");
    let endpoint = Endpoint::start_live(&folder).await;
    let request = endpoint.client.get(format!("{}/v1/models/delay/predict", endpoint.url)).bearer_auth(TOKEN);
    let response = request.send().await.expect("an answer");
    assert_eq!(response.headers()["allow"], "POST");
    assert_eq!(read(response).await.0, 405);
}

#[tokio::test]
async fn unknown_models_views_and_predictions_are_not_found() {
    let folder = tempfile::tempdir().expect("a folder");
    let endpoint = Endpoint::start_live(&folder).await;
    for model in ["dellay", "..%2f..%2fetc", "%00", "DELAY", "%ff", "a%2fb"] {
        let request = endpoint.post(&format!("/v1/models/{model}/predict")).json(&row());
        assert_eq!(read(request.send().await.expect("an answer")).await.0, 404, "{model}");
    }
    let (_, problem) = endpoint.get("/v1/models/dellay").await;
    assert!(problem["detail"].to_string().contains("did you mean `delay`?"), "{problem}");
    assert_eq!(endpoint.get("/v1/features/nothing?x=1").await.0, 404);
    for id in ["01ARZ3NDEKTSV4RRFFQ69G5FAV", "x", "..%2fx", "01arz3ndektsv4rrffq69g5fav"] {
        assert_eq!(endpoint.get(&format!("/v1/predictions/{id}")).await.0, 404, "{id}");
    }
}

#[tokio::test]
async fn mistakes_in_the_key_of_a_view_are_listed_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let endpoint = Endpoint::start_live(&folder).await;
    let (status, problem) = endpoint.get("/v1/features/airport_weather?airport=JFK").await;
    assert_eq!((status, pointers(&problem)), (422, vec![("?airport", "unknown_key"), ("?origin", "missing_key")]));
    let (status, problem) = endpoint.get("/v1/features/airport_weather?origin=JFK&origin=LAX").await;
    assert_eq!((status, pointers(&problem)), (422, vec![("?origin", "duplicate_key")]));
}

#[tokio::test]
async fn a_value_that_breaks_an_expression_is_a_mistake_of_the_request() {
    let folder = tempfile::tempdir().expect("a folder");
    let endpoint = Endpoint::start_live(&folder).await;
    let body = r#"{"carrier":"\ud800","origin":"JFK","dest":"LAX","distance":1}"#;
    let request = endpoint.post("/v1/models/delay/predict").header("content-type", "application/json").body(body);
    let (status, problem) = read(request.send().await.expect("an answer")).await;
    assert_eq!((status, pointers(&problem)), (422, vec![("/carrier", "wrong_type")]), "a lone surrogate is no text");
}
