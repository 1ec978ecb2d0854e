//! Who may call what: every route without a token, with wrong ones, with an attempt's.

use daybreak_server::http::{For, routes};

use crate::canned::{ADMIN, ATTEMPT, FENCE, OTHER_TASK_RUN, RUN, TASK_RUN};
use crate::wire::serve;

/// A path with something in the place of each parameter.
fn concrete(path: &str) -> String {
    let fill = |part: &str| match part {
        "{run}" => RUN.to_owned(),
        "{version}" => "3".to_owned(),
        "{alias}" => "champion".to_owned(),
        _ if part.starts_with('{') => "nightly".to_owned(),
        _ => part.to_owned(),
    };
    path.split('/').map(fill).collect::<Vec<_>>().join("/")
}

#[tokio::test]
async fn every_route_but_health_asks_for_a_token() {
    let server = serve().await;
    let open: Vec<&str> =
        routes().iter().filter(|route| route.callers == For::Everybody).map(|route| route.path).collect();
    assert_eq!(open, ["/health/live", "/health/ready"]);
    let mut answers = Vec::new();
    for route in routes().into_iter().filter(|route| route.callers != For::Everybody) {
        for credential in
            ["x-none: 1", "authorization: Bearer wrong", "authorization: Bearer ", "authorization: Basic x"]
        {
            let answer = server
                .send(route.method, &concrete(route.path), &[credential, "content-type: application/json"], "{}")
                .await;
            assert_eq!(answer.status, 401, "{} {} with {credential}", route.method, route.path);
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
            let problem = answer.problem();
            answers.push((problem.code, problem.detail));
        }
    }
    assert!(answers.len() > 60);
    answers.dedup();
    assert_eq!(answers.len(), 1, "all refusals read alike");
    assert!(server.engine.asked().is_empty(), "no handler has run");
}

#[tokio::test]
async fn a_method_that_is_not_listed_is_denied_before_it_is_refused() {
    let server = serve().await;
    for route in routes() {
        let answer = server.send("DELETE", &concrete(route.path), &[], "").await;
        assert_eq!(answer.status, 401, "DELETE {}", route.path);
        let authorization = format!("authorization: Bearer {ADMIN}");
        let answer = server.send("DELETE", &concrete(route.path), &[&authorization], "").await;
        assert_eq!(
            (answer.status, answer.problem().code.as_str()),
            (405, "method_not_allowed"),
            "DELETE {}",
            route.path
        );
        assert!(answer.header("allow").is_some_and(|allow| allow.contains(route.method)), "DELETE {}", route.path);
    }
}

#[tokio::test]
async fn an_unknown_path_is_denied_without_a_token_and_missing_with_one() {
    let server = serve().await;
    for path in ["/", "/api/v1/nothing", "/api/v2/runs", "/health", "/x/health/live", "/api/v1/runs/health/live"] {
        assert_eq!(server.send("GET", path, &[], "").await.status, 401, "{path}");
        let answer = server.get(path).await;
        assert_eq!((answer.status, answer.problem().code.as_str()), (404, "not_found"), "{path}");
    }
}

#[tokio::test]
async fn health_is_open_and_says_little() {
    let server = serve().await;
    let live = server.send("GET", "/health/live", &[], "").await;
    assert_eq!((live.status, live.body.as_str()), (200, r#"{"ready":true}"#));
    let ready = server.send("GET", "/health/ready", &[], "").await;
    assert_eq!((ready.status, ready.body.as_str()), (503, r#"{"ready":false,"reason":"starting"}"#));
    assert_eq!(server.send("HEAD", "/health/live", &[], "").await.status, 200);
}

#[tokio::test]
async fn an_attempt_reads_the_catalogue_and_nothing_else() {
    let server = serve().await;
    let authorization = format!("authorization: Bearer {ATTEMPT}");
    let headers = [authorization.as_str(), "content-type: application/json"];
    for route in routes() {
        let answer = server.send(route.method, &concrete(route.path), &headers, "{}").await;
        match route.callers {
            For::Admin => {
                assert_eq!((answer.status, answer.problem().code.as_str()), (403, "forbidden"), "{}", route.path);
            }
            For::Attempts | For::Everybody => {
                assert!(![401, 403].contains(&answer.status), "{} {}", answer.status, route.path);
            }
        }
    }
    let by_hand = ["cancel", "rerun", "clear", "mark", "pause", "resume", "why", "audit"];
    for last in by_hand {
        let route = routes().into_iter().find(|route| route.path.ends_with(&format!("/{last}")));
        assert_eq!(route.map(|route| route.callers), Some(For::Admin), "{last}");
    }
    let allowed: Vec<&str> =
        routes().iter().filter(|route| route.callers == For::Attempts).map(|route| route.path).collect();
    let expected = [
        "/api/v1/worker/publications",
        "/api/v1/builds/{view}",
        "/api/v1/models/{model}/versions/{version}",
        "/api/v1/models/{model}/aliases/{alias}",
    ];
    assert_eq!(allowed, expected);
}

#[tokio::test]
async fn an_attempt_publishes_for_its_own_task_run_under_its_own_fence() {
    let server = serve().await;
    let authorization = format!("authorization: Bearer {ATTEMPT}");
    let headers = [authorization.as_str(), "content-type: application/json"];
    let body = |task_run: &str, fence: i64| {
        format!(r#"{{"task_run_id":"{task_run}","fence":{fence},"view":"weather","as_of":"2013-03-10T07:00:00Z"}}"#)
    };
    let path = "/api/v1/worker/publications";
    let own = server.send("POST", path, &headers, &body(TASK_RUN, FENCE)).await;
    assert_eq!((own.status, own.body.as_str()), (200, r#"{"publication":41}"#));
    let other = server.send("POST", path, &headers, &body(OTHER_TASK_RUN, FENCE)).await;
    assert_eq!((other.status, other.problem().code.as_str()), (403, "forbidden"));
    let stale = server.send("POST", path, &headers, &body(TASK_RUN, FENCE - 1)).await;
    assert_eq!((stale.status, stale.problem().code.as_str()), (409, "stale_attempt"));
    assert_eq!(server.engine.asked(), ["mint weather"]);
}

#[tokio::test]
async fn a_request_with_two_credentials_has_none() {
    let server = serve().await;
    let good = format!("authorization: Bearer {ADMIN}");
    let answer = server.send("GET", "/api/v1/runs", &["authorization: Bearer wrong", &good], "").await;
    assert_eq!(answer.status, 401);
    let answer = server.send("GET", "/api/v1/runs", &[&good, &good], "").await;
    assert_eq!(answer.status, 401);
    let lower = format!("authorization: bearer {ADMIN}");
    assert_eq!(server.send("GET", "/api/v1/runs", &[&lower], "").await.status, 200);
}
