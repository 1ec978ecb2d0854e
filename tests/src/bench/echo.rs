//! The floor of the predict bench: an axum server that parses a JSON object and sends it back.

use axum::{Json, Router, routing::post};

/// Serves until killed; prints its address on a line.
pub async fn serve() {
    let router = Router::new().route("/echo", post(async |Json(body): Json<serde_json::Value>| Json(body)));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    println!("{}", listener.local_addr().expect("an address"));
    axum::serve(listener, router).await.expect("a server");
}
