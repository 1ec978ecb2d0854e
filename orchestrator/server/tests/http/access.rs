//! Who may call what: every route of the router as nobody, with wrong tokens, as each role, with an attempt's.

use std::collections::{BTreeMap, BTreeSet};

use daybreak_protocol::{For, Role};
use daybreak_server::http::routes;

use crate::canned::{ADMIN, ATTEMPT, Canned, FENCE, NOT_NOW, OTHER_TASK_RUN, RUN, TASK_RUN};
use crate::wire::{serve, serve_as};

/// A path with something in the place of each parameter.
fn concrete(path: &str) -> String {
    let fill = |part: &str| match part {
        "{run}" => RUN.to_owned(),
        "{token}" => RUN.to_owned(),
        "{version}" => "3".to_owned(),
        "{alias}" => "champion".to_owned(),
        _ if part.starts_with('{') => "nightly".to_owned(),
        _ => part.to_owned(),
    };
    path.split('/').map(fill).collect::<Vec<_>>().join("/")
}

/// Who may call what: V viewer, O operator, E editor, A admin, W worker, P predict, T the token of an attempt, N nobody's.
const MATRIX: &str = "
GET    /health/live                                VOEAWPTN
GET    /health/ready                               VOEAWPTN
GET    /metrics                                    VOEA
GET    /api/v1/openapi.json                        VOEA
GET    /api/v1/me                                  VOEA
GET    /api/v1/overview                            VOEA
POST   /api/v1/worker/register                        AW
POST   /api/v1/worker/poll                            AW
POST   /api/v1/worker/heartbeat                       AW
POST   /api/v1/worker/cancellations                   AW
POST   /api/v1/worker/leave                           AW
GET    /api/v1/endpoint                               AW
GET    /api/v1/workers                             VOEA
GET    /api/v1/queues                              VOEA
POST   /api/v1/worker/report                          AW
POST   /api/v1/worker/publications                    AW T
GET    /api/v1/views                               VOEA
GET    /api/v1/views/{view}/builds                 VOEAW T
GET    /api/v1/builds/{view}                          AW T
GET    /api/v1/models                              VOEA
GET    /api/v1/models/{model}/versions             VOEA
GET    /api/v1/models/{model}/history              VOEA
GET    /api/v1/models/{model}/versions/{version}   VOEAW T
GET    /api/v1/models/{model}/aliases/{alias}      VOEAW T
POST   /api/v1/models/{model}/aliases/{alias}       OEA
GET    /api/v1/live                                   AW
GET    /api/v1/runs                                VOEA
GET    /api/v1/runs/{run}                          VOEA
GET    /api/v1/runs/{run}/attempts                 VOEA
GET    /api/v1/runs/{run}/lineage                  VOEA
GET    /api/v1/runs/{run}/why                      VOEA
POST   /api/v1/runs/{run}/cancel                    OEA
POST   /api/v1/runs/{run}/rerun                     OEA
POST   /api/v1/runs/{run}/tasks/{task}/clear        OEA
POST   /api/v1/runs/{run}/tasks/{task}/mark         OEA
POST   /api/v1/runs/{run}/tasks/{task}/decision     OEA
GET    /api/v1/runs/{run}/tasks/{task}/log         VOEA
GET    /api/v1/runs/{run}/tasks/{task}/items       VOEA
GET    /api/v1/events                              VOEA
GET    /api/v1/dags                                VOEA
GET    /api/v1/dags/{dag}                          VOEA
GET    /api/v1/dags/{dag}/grid                     VOEA
GET    /api/v1/dags/{dag}/durations                VOEA
GET    /api/v1/firings                             VOEA
POST   /api/v1/dags/{dag}/runs                      OEA
POST   /api/v1/dags/{dag}/pause                     OEA
POST   /api/v1/dags/{dag}/resume                    OEA
GET    /api/v1/project                             VOEA
POST   /api/v1/project/reload                        EA
GET    /api/v1/project/versions                    VOEA
GET    /api/v1/project/versions/{version}/files    VOEA
GET    /api/v1/project/files                       VOEA
GET    /api/v1/audit                               VOEA
GET    /api/v1/clock                               VOEA
POST   /api/v1/clock                                OEA
POST   /api/v1/backfills                            OEA
POST   /api/v1/backfills/plan                      VOEA
GET    /api/v1/backfills                           VOEA
GET    /api/v1/backfills/{backfill}                VOEA
POST   /api/v1/backfills/{backfill}/pause           OEA
POST   /api/v1/backfills/{backfill}/resume          OEA
POST   /api/v1/backfills/{backfill}/cancel          OEA
POST   /api/v1/tokens                                 A
GET    /api/v1/tokens                                 A
DELETE /api/v1/tokens/{token}                         A
";

/// Method, path and callers of each line.
fn matrix() -> BTreeMap<(&'static str, &'static str), &'static str> {
    let line = |line: &'static str| {
        let (method, rest) = line.split_once(' ')?;
        let (path, callers) = rest.trim_start().split_once(' ')?;
        Some(((method, path), callers.trim_start()))
    };
    MATRIX.lines().filter_map(line).collect()
}

/// The letter of each token.
fn tokens() -> Vec<(char, String)> {
    let mut tokens = vec![('N', "nobody".to_owned()), ('T', ATTEMPT.to_owned())];
    let letter = |role: Role| role.as_str().chars().next().unwrap().to_ascii_uppercase();
    tokens.extend(Role::ALL.into_iter().map(|role| (letter(role), format!("token-of-{}", role.as_str()))));
    tokens
}

#[tokio::test]
async fn every_route_is_for_whom_the_matrix_says() {
    let (server, matrix) = (serve().await, matrix());
    let listed: BTreeSet<(String, String)> =
        matrix.keys().map(|(method, path)| ((*method).to_owned(), (*path).to_owned())).collect();
    let routed: BTreeSet<_> = routes().into_iter().map(|route| (route.method.to_owned(), route.path)).collect();
    assert_eq!(listed, routed, "the matrix lists every route of the router");
    let mut refusals = BTreeSet::new();
    for ((method, path), callers) in matrix {
        for (letter, token) in tokens() {
            let headers = [format!("authorization: Bearer {token}"), "content-type: application/json".to_owned()];
            let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
            let asked_before = server.engine.asked().len();
            let answer = server.send(method, &concrete(path), &headers, "{}").await;
            let shown = format!("{method} {path} as {letter}: {}", answer.status);
            match (callers.contains(letter), letter) {
                (true, _) => assert!(![401, 403].contains(&answer.status), "{shown}"),
                (false, 'N') => {
                    assert_eq!((answer.status, answer.header("www-authenticate")), (401, Some("Bearer")), "{shown}");
                    let problem = answer.problem();
                    refusals.insert((problem.code, problem.detail));
                }
                (false, _) => {
                    assert_eq!((answer.status, answer.problem().code.as_str()), (403, "forbidden"), "{shown}");
                    assert_eq!(server.engine.asked().len(), asked_before, "{shown}: a handler has run");
                }
            }
        }
    }
    assert_eq!(refusals.len(), 1, "who is nobody is told the same everywhere: {refusals:?}");
}

#[tokio::test]
async fn every_credential_that_is_none_is_refused_alike() {
    let server = serve().await;
    let mut answers = Vec::new();
    for route in routes().into_iter().filter(|route| route.callers != For::Everybody) {
        for credential in
            ["x-none: 1", "authorization: Bearer wrong", "authorization: Bearer ", "authorization: Basic x"]
        {
            let answer = server
                .send(route.method, &concrete(&route.path), &[credential, "content-type: application/json"], "{}")
                .await;
            assert_eq!(answer.status, 401, "{} {} with {credential}", route.method, route.path);
            let problem = answer.problem();
            answers.push((answer.header("www-authenticate").map(str::to_owned), problem.code, problem.detail));
        }
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "all refusals read alike");
    assert!(server.engine.asked().is_empty(), "no handler has run");
}

#[tokio::test]
async fn what_is_done_is_done_by_the_name_of_the_token() {
    let server = serve().await;
    assert_eq!(server.send_as(Role::Operator, "POST", "/api/v1/dags/nightly/runs", "{}").await.status, 201);
    let body = r#"{"name":"ci","role":"viewer","expires_in":"30d"}"#;
    let made = server.send_as(Role::Admin, "POST", "/api/v1/tokens", body).await;
    assert_eq!((made.status, made.json()["token"].as_str()), (201, Some("db_secret")));
    let month_us = 30_i64 * 86_400 * 1_000_000;
    let asked = [r"trigger nightly {} by the operator".to_owned(), format!("token ci {month_us} by the admin")];
    assert_eq!(server.engine.asked(), asked);
    let forbidden = server.send_as(Role::Viewer, "POST", "/api/v1/tokens", body).await;
    assert_eq!(forbidden.problem().detail, "a token of the role `viewer` may not do this; use one of: admin");
}

#[tokio::test]
async fn a_method_that_is_not_listed_is_denied_before_it_is_refused() {
    let server = serve().await;
    for route in routes() {
        let answer = server.send("PATCH", &concrete(&route.path), &[], "").await;
        assert_eq!(answer.status, 401, "PATCH {}", route.path);
        let authorization = format!("authorization: Bearer {ADMIN}");
        let answer = server.send("PATCH", &concrete(&route.path), &[&authorization], "").await;
        assert_eq!(
            (answer.status, answer.problem().code.as_str()),
            (405, "method_not_allowed"),
            "PATCH {}",
            route.path
        );
        assert!(answer.header("allow").is_some_and(|allow| allow.contains(route.method)), "PATCH {}", route.path);
    }
}

#[tokio::test]
async fn an_unknown_path_is_denied_without_a_token_and_missing_with_one() {
    let server = serve().await;
    for path in ["/api/v1/nothing", "/api/v2/runs", "/health", "/x/health/live", "/api/v1/runs/health/live"] {
        assert_eq!(server.send("GET", path, &[], "").await.status, 401, "{path}");
        let answer = server.get(path).await;
        assert_eq!((answer.status, answer.problem().code.as_str()), (404, "not_found"), "{path}");
    }
}

#[tokio::test]
async fn metrics_can_be_left_open_and_nothing_else_is() {
    let server = serve_as(Canned { open_metrics: true, ..Canned::default() }).await;
    let answer = server.send("GET", "/metrics", &[], "").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "# EOF\n"));
    assert_eq!(server.send("GET", "/api/v1/runs", &[], "").await.status, 401);
    assert_eq!(server.send("GET", "/metrics/x", &[], "").await.status, 401);
    let counted = server.engine.answered.lock().unwrap().clone();
    assert_eq!(counted, ["GET /metrics 200", "GET /api/v1/runs 401", "GET none 401"]);
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
async fn a_token_that_cannot_be_looked_up_is_not_taken_for_a_wrong_one() {
    let server = serve().await;
    let authorization = format!("authorization: Bearer {NOT_NOW}");
    let answer = server.send("GET", "/api/v1/models/returned/aliases/champion", &[&authorization], "").await;
    assert_eq!((answer.status, answer.problem().code.as_str()), (503, "unavailable"));
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
