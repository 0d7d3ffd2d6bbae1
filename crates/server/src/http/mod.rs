//! What is served beside gRPC on the same port: events over plain HTTP for producers that speak
//! nothing else, webhooks, the board for people, health for balancers.

mod board;
mod cloudevents;
mod front;
mod refusal;
mod webhook;

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::response::Response;
use axum::routing::{get, post};
use http::{Extensions, HeaderMap, Method, StatusCode, Uri};
use pawl_domain::Rejection;
use tonic::Status;

use crate::access::{Caller, Gate, Right};
use crate::services::Services;
use crate::status::{denied, rejected};
use crate::telemetry::{self, Seen};

use board::BoardDoor;
pub(crate) use front::Front;
use refusal::{Refused, plain};

/// What the handlers stand on.
#[derive(Debug, Clone)]
pub(crate) struct Doors {
    pub(crate) services: Services,
    pub(crate) gate: Gate,
    pub(crate) seen: Seen,
}

impl Doors {
    /// Lets in who may do this.
    fn admit(
        &self,
        right: Right,
        headers: &HeaderMap,
        extensions: &Extensions,
    ) -> Result<Caller, Status> {
        self.gate.access.admit(right, headers, extensions).map_err(|reason| denied(&reason))
    }
}

/// Everything that is not gRPC, on a port that clients reach by TLS or only from this machine.
pub(crate) fn router(doors: Doors, is_encrypted: bool, is_local: bool) -> Router {
    let health = telemetry::health(doors.seen.clone());
    let limit = DefaultBodyLimit::max(doors.services.limits.max_message_bytes);
    let door = BoardDoor { doors: doors.clone(), is_encrypted, is_local };
    let board = pawl_dashboard::router(Arc::new(door)).layer(limit);
    Router::new()
        .route("/metrics", get(metrics))
        .route("/v1/events", post(cloudevents::publish))
        .route("/v1/webhooks/{trigger_type}", post(webhook::receive))
        .fallback(nothing)
        .method_not_allowed_fallback(only_post)
        .layer(limit)
        .with_state(doors)
        .merge(health)
        .merge(board)
}

/// Numbers of everything, for those who may read everything.
async fn metrics(
    State(doors): State<Doors>,
    headers: HeaderMap,
    extensions: Extensions,
) -> Result<Response, Refused> {
    let caller = doors.admit(Right::Read, &headers, &extensions)?;
    if caller.grant().is_some_and(|grant| grant.limit.is_some()) {
        return Err(rejected(&Rejection::OutOfScope { named: None }).into());
    }
    Ok(doors.seen.metrics())
}

/// Says what there is, to who looked for something else.
///
/// The body is read all the same: some clients take an answer that comes before they have sent it for
/// a broken connection.
async fn nothing(method: Method, uri: Uri, headers: HeaderMap, _body: Bytes) -> Response {
    let path = uri.path();
    if let Some(page) = pawl_dashboard::nowhere(&method, &headers) {
        return page;
    }
    if path.starts_with("/pawl.v1.") || path.starts_with("/grpc.") {
        let message = format!(
            "{path} is a gRPC method; send it with a gRPC client, or with gRPC-Web \
             (content-type: application/grpc-web+proto)"
        );
        return plain(StatusCode::UNSUPPORTED_MEDIA_TYPE, &message);
    }
    let message = format!(
        "there is no {method} {path}; over HTTP there are the board at GET /, POST /v1/events, \
         POST /v1/webhooks/TRIGGER_TYPE, GET /metrics, GET /healthz and GET /readyz"
    );
    plain(StatusCode::NOT_FOUND, &message)
}

/// Says what to do at a place that is there.
async fn only_post(method: Method, uri: Uri, _body: Bytes) -> Response {
    let message = format!("there is no {method} {}; send a POST", uri.path());
    plain(StatusCode::METHOD_NOT_ALLOWED, &message)
}
