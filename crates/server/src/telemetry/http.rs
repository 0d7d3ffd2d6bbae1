//! What is asked over plain HTTP by what watches over servers.

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{StatusCode, header};
use pawl_engine::Engine;

use super::{CONTENT_TYPE, Telemetry};

/// What the answers are made of.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) telemetry: Telemetry,
    pub(crate) engine: Engine,
}

impl Seen {
    /// What `GET /metrics` answers.
    pub(crate) fn metrics(&self) -> Response {
        ([(header::CONTENT_TYPE, CONTENT_TYPE)], self.telemetry.metrics_text(&self.engine))
            .into_response()
    }
}

/// `GET /healthz`, which is answered as long as the process lives, and `GET /readyz`, whose answer is
/// that of gRPC's health: 200 while the server serves, else 503. Neither tells more than that.
pub(crate) fn health(seen: Seen) -> Router {
    let ready = async |State(seen): State<Seen>| {
        if seen.telemetry.is_serving() {
            (StatusCode::OK, "SERVING\n")
        } else {
            (StatusCode::SERVICE_UNAVAILABLE, "NOT_SERVING\n")
        }
    };
    Router::new()
        .route("/healthz", get(async || "ALIVE\n"))
        .route("/readyz", get(ready))
        .with_state(seen)
}
