//! What bad input gets: the right status, one form of error with pointers, and a handler that never ran.

use crate::canned::{ADMIN, RUN, WORKER};
use crate::wire::{Served, serve};

#[tokio::test]
async fn a_body_that_is_not_json_gets_400_with_its_place() {
    let server = serve().await;
    for body in ["{", "", "{\"at\": }", "{} {}", "\u{feff}{}", "{\"at\": NaN}"] {
        let answer = server.post("/api/v1/dags/nightly/runs", body).await;
        assert_eq!(answer.status, 400, "{body}");
        let problem = answer.problem();
        assert_eq!((problem.code.as_str(), problem.errors[0].line), ("malformed_json", Some(1)), "{body}");
    }
    assert!(server.engine.asked().is_empty());
}

#[tokio::test]
async fn a_mistake_in_a_body_gets_422_with_its_pointer() {
    let cases = [
        ("/api/v1/dags/nightly/runs", r#"{"ta":"2013-03-10T12:00:00Z"}"#, "/ta", "unknown_field"),
        ("/api/v1/dags/nightly/runs", r#"{"at":7}"#, "/at", "wrong_type"),
        ("/api/v1/dags/nightly/runs", r#"{"at":"yesterday"}"#, "/at", "wrong_type"),
        ("/api/v1/dags/nightly/runs", r#"{"params":[]}"#, "/params", "wrong_type"),
        ("/api/v1/dags/nightly/runs", r#"{"at":null,"at":null}"#, "/at", "duplicate_field"),
        ("/api/v1/dags/nightly/runs", "[1]", "", "wrong_type"),
        ("/api/v1/dags/nightly/runs", " []", "", "wrong_type"),
        ("/api/v1/dags/nightly/runs", "null", "", "wrong_type"),
        ("/api/v1/clock", "{}", "/at", "missing_field"),
        (
            "/api/v1/worker/poll",
            r#"{"worker_id":"w","epoch":1,"free_light":-1,"free_heavy":0,"wait_ms":0}"#,
            "/free_light",
            "wrong_type",
        ),
        (
            "/api/v1/worker/poll",
            r#"{"worker_id":"w","epoch":1,"free_light":1,"free_heavy":0,"wait_ms":0}"#,
            "/worker_id",
            "invalid_id",
        ),
        (
            "/api/v1/worker/heartbeat",
            r#"{"worker_id":"01ARZ3NDEKTSV4RRFFQ69G5FAY","epoch":1,"held":[{"task_run_id":"../x","fence":1}]}"#,
            "/held/0/task_run_id",
            "invalid_id",
        ),
        (
            "/api/v1/worker/cancellations",
            r#"{"worker_id":"01ARZ3NDEKTSV4RRFFQ69G5FAY","epoch":1,"known":[{"task_run_id":"../x","fence":1}],"wait_ms":0}"#,
            "/known/0/task_run_id",
            "invalid_id",
        ),
        (
            "/api/v1/worker/report",
            r#"{"task_run_id":"01ARZ3NDEKTSV4RRFFQ69G5FAY","fence":1,"outcome":{"failed":{"reason":"x","cause":"y"}},"busy_us":0,"start_us":0}"#,
            "/outcome/failed/retry",
            "missing_field",
        ),
        (
            "/api/v1/worker/report",
            r#"{"task_run_id":"01ARZ3NDEKTSV4RRFFQ69G5FAY","fence":1,"outcome":{"failed":{"reason":"x","cause":"y","retry":true,"retires":1}},"busy_us":0,"start_us":0}"#,
            "/outcome/failed/retires",
            "unknown_field",
        ),
        ("/api/v1/worker/register", r#"{"label":"a\u0000b","version":"1"}"#, "/label", "invalid_text"),
        ("/api/v1/tokens", r#"{"name":"ci","role":"root"}"#, "/role", "wrong_type"),
        ("/api/v1/tokens", r#"{"name":"../ci","role":"viewer"}"#, "/name", "wrong_type"),
        ("/api/v1/tokens", r#"{"name":"ci","role":"viewer","expires_in":"367d"}"#, "/expires_in", "too_long"),
        ("/api/v1/tokens", r#"{"name":"ci","role":"viewer","expires_in":"for ever"}"#, "/expires_in", "wrong_type"),
    ];
    each_is_refused(&cases).await;
}

#[tokio::test]
async fn a_worker_that_says_what_no_worker_is_gets_422_with_its_pointer() {
    let cases = [
        (
            "/api/v1/worker/register",
            r#"{"label":"a","version":"1","light_slots":10001}"#,
            "/light_slots",
            "out_of_range",
        ),
        ("/api/v1/worker/register", r#"{"label":"a","version":"1","heavy_slots":-1}"#, "/heavy_slots", "wrong_type"),
        ("/api/v1/worker/register", r#"{"label":"a","version":"1","queues":["../x"]}"#, "/queues/0", "wrong_type"),
        (
            "/api/v1/worker/register",
            r#"{"label":"a","version":"1","labels":{"gpu":"a b"}}"#,
            "/labels/gpu",
            "wrong_type",
        ),
        ("/api/v1/worker/register", r#"{"label":"a","version":"1","host":"a\nb"}"#, "/host", "invalid_text"),
        ("/api/v1/worker/leave", r#"{"worker_id":"me","epoch":1}"#, "/worker_id", "invalid_id"),
    ];
    each_is_refused(&cases).await;
}

#[tokio::test]
async fn a_mistake_in_what_is_asked_by_hand_gets_422_with_its_pointer() {
    let of_run = |action: &str| format!("/api/v1/runs/{RUN}/{action}");
    let (rerun, cancel) = (of_run("rerun"), of_run("cancel"));
    let (clear, mark) = (of_run("tasks/train/clear"), of_run("tasks/train/mark"));
    let decide = of_run("tasks/go/decision");
    let promote = "/api/v1/models/late_arrival/aliases/champion";
    let long_reason = format!(r#"{{"state":"failed","reason":"{}"}}"#, "x".repeat(501));
    let cases = [
        (rerun.as_str(), r#"{"from_faild":true}"#, "/from_faild", "unknown_field"),
        (rerun.as_str(), r#"{"from_failed":"yes"}"#, "/from_failed", "wrong_type"),
        (rerun.as_str(), r#"{"by":"a\u0000b"}"#, "/by", "invalid_text"),
        (&cancel, r#"{"reason":"a\nb"}"#, "/reason", "invalid_text"),
        (&clear, r#"{"by":7}"#, "/by", "wrong_type"),
        (&mark, r#"{"reason":"x"}"#, "/state", "missing_field"),
        (&mark, r#"{"state":"succeeded"}"#, "/reason", "missing_field"),
        (&mark, r#"{"state":"asleep","reason":"x"}"#, "/state", "wrong_type"),
        (&mark, r#"{"state":"failed","reason":" "}"#, "/reason", "missing_reason"),
        (&mark, long_reason.as_str(), "/reason", "invalid_text"),
        (&mark, r#"{"state":"succeeded","reason":"x","outputs":[]}"#, "/outputs", "wrong_type"),
        (&clear, r#"{"dry_run":"yes"}"#, "/dry_run", "wrong_type"),
        (promote, r#"{"reason":"x"}"#, "/version", "missing_field"),
        (promote, r#"{"version":2}"#, "/reason", "missing_field"),
        (promote, r#"{"version":2,"reason":" "}"#, "/reason", "missing_reason"),
        (promote, r#"{"version":2,"reason":"a\u0000b"}"#, "/reason", "invalid_text"),
        (promote, r#"{"version":-2,"reason":"x"}"#, "/version", "wrong_type"),
        (promote, r#"{"version":4294967296,"reason":"x"}"#, "/version", "wrong_type"),
        (promote, r#"{"version":2,"reason":"x","expect":1}"#, "/expect", "unknown_field"),
        (promote, r#"{"version":2,"reason":"x","by":"a\u0000b"}"#, "/by", "invalid_text"),
        (&decide, "{}", "/decision", "missing_field"),
        (&decide, r#"{"decision":"maybe"}"#, "/decision", "wrong_type"),
        (&decide, r#"{"decision":"approve","notes":"x"}"#, "/notes", "unknown_field"),
        (&decide, r#"{"decision":"approve","note":"a\u0000b"}"#, "/note", "invalid_text"),
        (&decide, r#"{"decision":"approve","fence":"1"}"#, "/fence", "wrong_type"),
    ];
    each_is_refused(&cases).await;
}

#[tokio::test]
async fn a_decision_on_a_task_that_does_not_wait_gets_409() {
    let server = serve().await;
    let path = |task: &str| format!("/api/v1/runs/{RUN}/tasks/{task}/decision");
    let body = r#"{"decision":"approve","note":"looks good","by":"ann"}"#;
    assert_eq!(server.post(&path("go"), body).await.status, 204);
    let answer = server.post(&path("train"), body).await;
    assert_eq!((answer.status, answer.problem().code.as_str()), (409, "not_now"));
    assert_eq!(server.post(&path("%2e%2e"), body).await.status, 404);
    assert_eq!(server.engine.asked().len(), 2, "{:?}", server.engine.asked());
}

/// Path, body, pointer and code of each case.
async fn each_is_refused(cases: &[(&str, &str, &str, &str)]) {
    let server = serve().await;
    for (path, body, pointer, code) in cases {
        let answer = server.post(path, body).await;
        assert_eq!(answer.status, 422, "{body}: {}", answer.body);
        let problem = answer.problem();
        let item = &problem.errors[0];
        assert_eq!((item.pointer.as_deref(), item.code.as_str()), (Some(*pointer), *code), "{body}: {}", answer.body);
    }
    assert!(server.engine.asked().is_empty(), "{:?}", server.engine.asked());
}

#[tokio::test]
async fn a_body_of_another_content_type_is_refused_unread() {
    let server = serve().await;
    let authorization = format!("authorization: Bearer {ADMIN}");
    let kinds = [
        "x-none: 1",
        "content-type: text/plain",
        "content-type: multipart/form-data; boundary=x",
        "content-type: application/x-www-form-urlencoded",
        "content-type: application/jsonx",
        "content-type: application/json\r\ncontent-encoding: gzip",
    ];
    for kind in kinds {
        let answer = server.send("POST", "/api/v1/dags/nightly/runs", &[&authorization, kind], "{}").await;
        assert_eq!((answer.status, answer.problem().code.as_str()), (415, "unsupported_media_type"), "{kind}");
    }
    assert!(server.engine.asked().is_empty());
    let charset = "content-type: Application/JSON; charset=utf-8";
    assert_eq!(server.send("POST", "/api/v1/dags/nightly/runs", &[&authorization, charset], "{}").await.status, 201);
}

#[tokio::test]
async fn a_body_beyond_its_limit_gets_413() {
    let server = serve().await;
    let long = format!(r#"{{"params":{{"x":"{}"}}}}"#, "x".repeat(1 << 20));
    let answer = server.post("/api/v1/dags/nightly/runs", &long).await;
    assert_eq!((answer.status, answer.problem().code.as_str()), (413, "too_large"));
    let report = |size: usize| {
        let text = "x".repeat(size);
        format!(
            r#"{{"task_run_id":"{RUN}","fence":7,"outcome":{{"failed":{{"reason":"{text}","cause":"y","retry":true}}}},"busy_us":0,"start_us":0}}"#
        )
    };
    assert_eq!(server.post("/api/v1/worker/report", &report(2 << 20)).await.status, 204);
    assert_eq!(server.post("/api/v1/worker/report", &report(8 << 20)).await.status, 413);
}

#[tokio::test]
async fn names_and_ids_that_are_none_are_not_found() {
    let server = serve().await;
    let long = format!("/api/v1/builds/{}", "a".repeat(64));
    let paths = [
        "/api/v1/runs/7",
        "/api/v1/runs/..%2f..%2fetc",
        "/api/v1/runs/%00",
        "/api/v1/runs/01ARZ3NDEKTSV4RRFFQ69G5FAV%20",
        "/api/v1/runs/%ff",
        "/api/v1/runs/01ARZ3NDEKTSV4RRFFQ69G5FAV/tasks/..%2e/log",
        "/api/v1/runs/01ARZ3NDEKTSV4RRFFQ69G5FAV/tasks/-flag/log",
        "/api/v1/runs/01ARZ3NDEKTSV4RRFFQ69G5FAV/tasks/score%5B03%5D/log",
        "/api/v1/runs/01ARZ3NDEKTSV4RRFFQ69G5FAV/tasks/score%5B%2e%2e%5D/log",
        "/api/v1/runs/7/why",
        "/api/v1/builds/Weather",
        "/api/v1/builds/weather%E2%80%AE",
        "/api/v1/builds/weather%00",
        "/api/v1/builds/%2e%2e",
        "/api/v1/builds/we%5cather",
        "/api/v1/builds/w%D0%B5ather",
        &long,
        "/api/v1/models/late_arrival/versions/-1",
        "/api/v1/models/late_arrival/versions/4294967296",
        "/api/v1/models/late_arrival/aliases/The%20Best",
        "/api/v1/project/versions/ff/files",
        "/api/v1/project/versions/..%2f..%2fetc/files",
    ];
    for path in paths {
        let answer = server.get(path).await;
        assert_eq!((answer.status, answer.problem().code.as_str()), (404, "not_found"), "{path}");
    }
    assert!(server.engine.asked().is_empty());
}

#[tokio::test]
async fn a_query_that_makes_no_sense_gets_422() {
    let server = serve().await;
    let paths = [
        "/api/v1/runs?dga=nightly",
        "/api/v1/runs?dag=Not%20A%20Name",
        "/api/v1/runs?state=asleep",
        "/api/v1/runs?limit=0",
        "/api/v1/runs?limit=501",
        "/api/v1/runs?before=7",
        "/api/v1/audit?before=7",
        "/api/v1/audit?limit=0",
        "/api/v1/audit?limit=501",
        "/api/v1/audit?subject=a%00b",
        "/api/v1/audit?run=7",
        "/api/v1/runs/01ARZ3NDEKTSV4RRFFQ69G5FAV/why?task=Not%20A%20Name",
        "/api/v1/runs/01ARZ3NDEKTSV4RRFFQ69G5FAV/why?tsak=train",
        "/api/v1/runs/01ARZ3NDEKTSV4RRFFQ69G5FAV/tasks/score/items?limit=0",
        "/api/v1/runs/01ARZ3NDEKTSV4RRFFQ69G5FAV/tasks/score/items?state=asleep",
        "/api/v1/runs/01ARZ3NDEKTSV4RRFFQ69G5FAV/tasks/score/items?from=-1",
        "/api/v1/runs/01ARZ3NDEKTSV4RRFFQ69G5FAV/tasks/train/log?follow=perhaps",
        "/api/v1/runs/01ARZ3NDEKTSV4RRFFQ69G5FAV/tasks/train/log?follow=true&from=7",
        "/api/v1/runs/01ARZ3NDEKTSV4RRFFQ69G5FAV/tasks/train/log?fence=x",
        "/api/v1/runs/01ARZ3NDEKTSV4RRFFQ69G5FAV/tasks/train/log?bytes=15",
        "/api/v1/runs/01ARZ3NDEKTSV4RRFFQ69G5FAV/tasks/train/log?bytes=1048577",
        "/api/v1/project/versions?limit=501",
        "/api/v1/project/versions?before=7",
        "/api/v1/events?run=7",
        "/api/v1/events?dag=Not%20A%20Name",
        "/api/v1/events?since=7",
        "/api/v1/tokens?before=../x",
        "/api/v1/tokens?limit=501",
        "/api/v1/live",
        "/api/v1/live?after=x",
        "/api/v1/builds/weather?from=yesterday",
        "/api/v1/views/weather/builds?from=yesterday",
        "/api/v1/views/weather/builds?limit=0",
        "/api/v1/views/weather/builds?limit=501",
        "/api/v1/views/weather/builds?after=yesterday",
        "/api/v1/views/weather/builds?after=1362916800000000",
        "/api/v1/views/weather/builds?before=1",
        "/api/v1/models?limit=0",
        "/api/v1/models?limit=501",
        "/api/v1/models?after=Not%20A%20Name",
        "/api/v1/models/late_arrival/versions?limit=0",
        "/api/v1/models/late_arrival/versions?limit=501",
        "/api/v1/models/late_arrival/versions?before=-1",
        "/api/v1/models/late_arrival/history?limit=501",
        "/api/v1/models/late_arrival/history?before=x",
        "/api/v1/dags?limit=0",
        "/api/v1/dags?limit=501",
        "/api/v1/dags?limit=-1",
        "/api/v1/dags?after=..%2fx",
        "/api/v1/dags?page=2",
        "/api/v1/workers?limit=501",
        "/api/v1/workers?before=x",
        "/api/v1/queues?limit=0",
        "/api/v1/queues?after=gpu%20a100",
    ];
    expect_invalid_queries(&server, &paths).await;
}

#[tokio::test]
async fn a_look_at_what_makes_no_sense_gets_422() {
    let paths = [
        "/api/v1/dags/nightly/grid?limit=0",
        "/api/v1/dags/nightly/grid?before=7",
        "/api/v1/dags/nightly/durations?limit=501",
        "/api/v1/dags/nightly/durations?after=7",
        "/api/v1/views?limit=0",
        "/api/v1/views?after=Not%20A%20Name",
        "/api/v1/firings?from=yesterday",
        "/api/v1/firings?from=2013-03-10T00:00:00Z&to=2013-03-09T00:00:00Z",
        "/api/v1/firings?from=2013-01-01T00:00:00Z&to=2013-04-12T00:00:00Z",
        "/api/v1/runs/01ARZ3NDEKTSV4RRFFQ69G5FAV/attempts?after=7",
        "/api/v1/runs/01ARZ3NDEKTSV4RRFFQ69G5FAV/attempts?limit=0",
        "/api/v1/runs/01ARZ3NDEKTSV4RRFFQ69G5FAV/attempts?before=7",
    ];
    expect_invalid_queries(&serve().await, &paths).await;
}

async fn expect_invalid_queries(server: &Served, paths: &[&str]) {
    for path in paths {
        let answer = server.get(path).await;
        assert_eq!((answer.status, answer.problem().code.as_str()), (422, "invalid_query"), "{path}");
    }
    assert!(server.engine.asked().is_empty());
}

#[tokio::test]
async fn the_inside_of_the_server_never_shows() {
    let server = serve().await;
    let answer = server.get("/api/v1/models").await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")));
    assert_eq!(answer.problem().code, "unavailable");
    for secret in ["SELECT", "/var", "state.db"] {
        assert!(!answer.body.contains(secret), "{}", answer.body);
    }
}

#[tokio::test]
async fn waiting_is_cut_to_twenty_seconds() {
    let server = serve().await;
    let poll = format!(r#"{{"worker_id":"{WORKER}","epoch":1,"free_light":1,"free_heavy":0,"wait_ms":86400000}}"#);
    assert_eq!(server.post("/api/v1/worker/poll", &poll).await.status, 200);
    assert_eq!(server.get("/api/v1/live?after=4&wait_ms=99999999").await.status, 200);
    assert_eq!(server.engine.asked(), ["poll 20000", "live 4 20000"]);
}

#[tokio::test]
async fn every_refusal_has_an_id_of_its_own_and_says_where() {
    let server = serve().await;
    let (one, other) = (server.get("/api/v1/runs/7?x=secret").await.problem(), server.get("/nowhere").await.problem());
    assert_ne!(one.request_id, other.request_id);
    assert_eq!(one.instance.as_deref(), Some("/api/v1/runs/7"), "without the query");
    assert_eq!((one.title.as_str(), one.status), ("Not Found", 404));
}

#[tokio::test]
async fn what_is_made_says_where_it_is() {
    let server = serve().await;
    let answer = server.post("/api/v1/dags/nightly/runs", "{}").await;
    assert_eq!((answer.status, answer.header("location")), (201, Some(format!("/api/v1/runs/{RUN}").as_str())));
    assert_eq!(answer.json()["run_id"], RUN);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}

#[tokio::test]
async fn a_key_makes_a_request_once_and_is_refused_in_every_other_form() {
    let range = r#"{"dag": "nightly", "from": "2013-03-01T00:00:00Z", "to": "2013-03-02T00:00:00Z"}"#;
    for (path, body) in [("/api/v1/dags/nightly/runs", "{}"), ("/api/v1/backfills", range)] {
        made_once(path, body).await;
    }
}

async fn made_once(path: &str, body: &str) {
    let server = serve().await;
    let trigger = async |key: &str| {
        let authorization = format!("authorization: Bearer {ADMIN}");
        let headers = [authorization.as_str(), "content-type: application/json", key];
        server.send("POST", path, &headers, body).await
    };
    let (new, before) = (trigger("idempotency-key: new").await, trigger("idempotency-key: before").await);
    assert_eq!((new.status, new.header("idempotent-replayed")), (201, None));
    assert_eq!((before.status, before.header("idempotent-replayed")), (201, Some("true")));
    assert_eq!((new.body, new.headers.len() + 1), (before.body, before.headers.len()));
    let other = trigger("idempotency-key: other").await;
    assert_eq!((other.status, other.problem().code.as_str()), (422, "idempotency_mismatch"));
    let in_flight = trigger("idempotency-key: slow").await;
    assert_eq!((in_flight.status, in_flight.problem().code.as_str()), (409, "in_flight"));
    let asked = server.engine.asked().len();
    let long = format!("idempotency-key: {}", "x".repeat(256));
    for key in ["idempotency-key: ", "idempotency-key: a b", &long, "idempotency-key: a\r\nidempotency-key: b"] {
        let answer = trigger(key).await;
        assert_eq!((answer.status, answer.problem().code.as_str()), (422, "invalid_idempotency_key"), "{key}");
    }
    assert_eq!(server.engine.asked().len(), asked);
}

#[tokio::test]
async fn a_reload_that_expects_another_version_is_refused() {
    let server = serve().await;
    let project = server.get("/api/v1/project").await;
    let live = format!("\"{}\"", "f".repeat(64));
    assert_eq!(project.header("etag"), Some(live.as_str()));
    let reload = async |tag: &str| {
        let headers = [&format!("authorization: Bearer {ADMIN}"), "content-type: application/json", tag];
        server.send("POST", "/api/v1/project/reload", &headers, "{}").await
    };
    for stale in [
        "if-match: \"0\"",
        "if-match: W/\"f\"",
        "if-match: \"a\", \"b\"",
        "if-match: ",
        "if-match: \"a\"\r\nif-match: \"b\"",
    ] {
        let answer = reload(stale).await;
        assert_eq!((answer.status, answer.problem().code.as_str()), (412, "stale_version"), "{stale}");
    }
    for fresh in [format!("if-match: {live}"), "if-match: *".to_owned(), "x-none: 1".to_owned()] {
        assert_eq!(reload(&fresh).await.problem().code, "refused", "{fresh}: it was tried");
    }
}

#[tokio::test]
async fn bodies_that_are_compressed_are_refused_unread() {
    let server = serve().await;
    let authorization = format!("authorization: Bearer {ADMIN}");
    for encoding in ["gzip", "br", "zstd", "deflate", "identity, gzip"] {
        let headers =
            [authorization.as_str(), "content-type: application/json", &format!("content-encoding: {encoding}")];
        let answer = server.send("POST", "/api/v1/dags/nightly/runs", &headers, "{}").await;
        assert_eq!((answer.status, answer.problem().code.as_str()), (415, "unsupported_media_type"), "{encoding}");
    }
    assert!(server.engine.asked().is_empty());
}
