//! The web UI over HTTP: which addresses are pages, what protects them, and that none of it opens the API.

use crate::wire::serve;

const HTML: &str = "accept: text/html,application/xhtml+xml";

#[tokio::test]
async fn every_address_that_a_browser_asks_for_is_the_page_and_needs_no_token() {
    let server = serve().await;
    for path in ["/", "/dags", "/dags/nightly", "/runs/01J", "/no/such/page"] {
        let answer = server.send("GET", path, &[HTML], "").await;
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"), "{path}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
        assert_eq!(answer.header("x-frame-options"), Some("DENY"), "{path}");
    }
    assert!(server.engine.asked().is_empty(), "a page asks the engine for nothing");
}

#[tokio::test]
async fn the_policy_of_a_page_allows_nothing_inline_and_nothing_from_elsewhere() {
    let server = serve().await;
    let answer = server.send("GET", "/", &[HTML], "").await;
    let policy = answer.header("content-security-policy").expect("a policy");
    let directives: Vec<&str> = policy.split("; ").collect();
    for directive in ["default-src 'none'", "script-src 'self'", "connect-src 'self'", "frame-ancestors 'none'"] {
        assert!(directives.contains(&directive), "{directive}: {policy}");
    }
    assert!(!policy.contains("unsafe") && !policy.contains("http:") && !policy.contains("https:"), "{policy}");
    assert!(policy.contains("style-src 'self' 'nonce-0000000000000000000000005ca1ab1e'"), "{policy}");
}

#[tokio::test]
async fn what_is_no_page_stays_closed_to_a_browser_without_a_token() {
    let server = serve().await;
    for path in ["/api/v1/runs", "/api/v1/nothing", "/api", "/v1/models/x", "/health", "/metrics"] {
        assert_eq!(server.send("GET", path, &[HTML], "").await.status, 401, "{path}");
    }
    assert_eq!(server.send("POST", "/dags", &[HTML], "").await.status, 401);
    assert_eq!(server.send("GET", "/dags", &[], "").await.status, 401, "who asks for no page is nobody");
    for path in ["/assets/nothing.js", "/assets/..%2f..%2fCargo.toml", "/assets/%2e%2e/index.html"] {
        assert_eq!(server.send("GET", path, &[], "").await.status, 404, "{path}");
    }
}
