//! One port, several protocols: what a request's content type and path say decides who takes it.

use std::convert::Infallible;
use std::task::{Context, Poll};

use crate::connection::Peer;
use axum::Router;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Either};
use http::{HeaderValue, Request, Response, header};
use tonic::body::Body;
use tonic_web::GrpcWebLayer;
use tower::util::BoxCloneSyncService;
use tower::{Layer, Service, ServiceExt};
use tower_http::cors::{AllowHeaders, AllowMethods, CorsLayer, ExposeHeaders};
use tracing::field::display;
use tracing::{Instrument, Span, debug_span};

use crate::arrival::Arrivals;
use crate::telemetry::{HTTP_CODE, continue_trace, ended};

/// Takes every request.
#[derive(Clone)]
pub(crate) struct Front<S> {
    grpc: S,
    web: BoxCloneSyncService<Request<Body>, Response<Body>, Infallible>,
    http: Router,
    arrivals: Arrivals,
}

impl<S> std::fmt::Debug for Front<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Front").finish_non_exhaustive()
    }
}

impl<S> Front<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send + 'static,
{
    /// Pages of these origins may call from a browser; `*` stands for all.
    pub(crate) fn new(grpc: S, http: Router, origins: &[HeaderValue], arrivals: Arrivals) -> Self {
        let web = GrpcWebLayer::new().layer(grpc.clone());
        if origins.is_empty() {
            return Self { grpc, web: BoxCloneSyncService::new(web), http, arrivals };
        }
        let cors = cors(origins);
        let web = BoxCloneSyncService::new(cors.layer(web));
        Self { grpc, web, http: http.layer(cors), arrivals }
    }
}

fn cors(origins: &[HeaderValue]) -> CorsLayer {
    let cors = CorsLayer::new()
        .allow_methods(AllowMethods::mirror_request())
        .allow_headers(AllowHeaders::mirror_request())
        // What a status is told in, where there are no trailers.
        .expose_headers(ExposeHeaders::list(
            ["grpc-status", "grpc-message", "grpc-status-details-bin"]
                .map(header::HeaderName::from_static),
        ));
    // Credentials are tokens, which a page has to know; cookies are not looked at.
    if origins.iter().any(|origin| origin == "*") {
        return cors.allow_origin(tower_http::cors::Any);
    }
    cors.allow_origin(origins.to_vec())
}

enum Kind {
    Grpc,
    GrpcWeb,
    Http,
}

fn kind(request: &Request<Body>) -> Kind {
    let named = request.headers().get(header::CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
    if named.starts_with(b"application/grpc-web") {
        Kind::GrpcWeb
    } else if named.starts_with(b"application/grpc") {
        Kind::Grpc
    } else {
        Kind::Http
    }
}

type Answer = Result<Response<Body>, Infallible>;

impl<S> Service<Request<Body>> for Front<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Either<S::Future, BoxFuture<'static, Answer>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // The others are always ready.
        self.grpc.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        match kind(&request) {
            Kind::Grpc => Either::Left(self.grpc.call(request)),
            Kind::GrpcWeb => Either::Right(self.web.clone().oneshot(request).boxed()),
            Kind::Http => {
                let peer = request.extensions().get::<Peer>().map(|peer| display(peer.address));
                let (path, method) = (request.uri().path(), request.method().as_str());
                let span = debug_span!("http", path, method, peer);
                if !span.is_disabled() {
                    continue_trace(&span, request.headers());
                }
                let request = request.map(|body| self.arrivals.body(body, || Ok(())));
                let answer = self.http.clone().oneshot(request.map(axum::body::Body::new));
                Either::Right(
                    answer
                        .map(|answer| {
                            let Ok(answer) = answer;
                            ended(&Span::current(), HTTP_CODE, answer.status().as_u16().into());
                            Ok(answer.map(Body::new))
                        })
                        .instrument(span)
                        .boxed(),
                )
            }
        }
    }
}
