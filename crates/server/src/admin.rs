//! HTTP for the operator: `/metrics`, `/healthz`, `/readyz`, `/v1/explain`.

use std::sync::Arc;

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;
use transport::tcp::Streams;

use crate::clock::Clock;
use crate::explain;
use crate::exposition;
use crate::pump::Post;
use crate::status::Status;
use crate::xdms::entrance::EntranceView;

/// What the pages are made from.
#[derive(Clone)]
pub struct Sight {
    /// The server's threads.
    pub status: Arc<Status>,
    /// Its connections.
    pub streams: Option<Streams>,
    /// The HTTP entrance for clients.
    pub entrance: Option<EntranceView>,
    /// Its clock.
    pub clock: Clock,
    /// The way to its shards.
    pub post: Post,
}

/// Answers until the runtime ends.
pub async fn serve(listener: TcpListener, sight: Sight) -> std::io::Result<()> {
    let pages = Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(health))
        .route("/readyz", get(readiness))
        .route("/v1/explain", get(explanation))
        .with_state(sight);
    axum::serve(listener, pages).await
}

async fn metrics(State(sight): State<Sight>) -> impl IntoResponse {
    let counts = sight.streams.as_ref().map(Streams::counts);
    let text = exposition::text(&sight.status, sight.clock.elapsed(), counts, sight.entrance.as_ref());
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text)
}

async fn health(State(sight): State<Sight>) -> impl IntoResponse {
    verdict(sight.status.health(sight.clock.elapsed()))
}

async fn readiness(State(sight): State<Sight>) -> impl IntoResponse {
    verdict(sight.status.readiness(sight.clock.elapsed()))
}

async fn explanation(State(sight): State<Sight>, RawQuery(query): RawQuery) -> impl IntoResponse {
    let (status, text) = explain::explain(&sight.post, &query.unwrap_or_default()).await;
    let kind = if status == 200 { "application/json" } else { "text/plain; charset=utf-8" };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [(header::CONTENT_TYPE, kind)], text)
}

fn verdict(result: Result<(), String>) -> (StatusCode, String) {
    match result {
        Ok(()) => (StatusCode::OK, "ok\n".to_owned()),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")),
    }
}
