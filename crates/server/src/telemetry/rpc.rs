use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use http::{HeaderMap, HeaderValue, Request, Response};
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::Instant;
use tonic::body::Body;
use tonic::{Code, Status};
use tower::Service;
use tracing::{Instrument, Span, debug, debug_span, field};

use super::Telemetry;
use super::traces::{self, GRPC_CODE, continue_trace};
use crate::connection::Peer;

/// By which name a caller knows a call; it is logged, and given back.
const REQUEST_ID: &str = "x-request-id";
/// The longest that is taken.
const REQUEST_ID_MAX: usize = 128;
const GRPC_STATUS: &str = "grpc-status";

/// A service whose calls are counted, each under a span of its own.
#[derive(Debug, Clone)]
pub(crate) struct Measured<S> {
    service: S,
    telemetry: Telemetry,
}

/// A call that is open. It is counted when it ends, also when its client has gone away.
struct Call {
    telemetry: Telemetry,
    method: usize,
    began: Instant,
    code: Code,
    span: Span,
    /// Those of its connection that are.
    open: Option<Arc<AtomicUsize>>,
}

/// The body of an answer, in whose trailers its code stands.
struct Answer {
    body: Body,
    call: Option<Call>,
}

impl<S> Measured<S> {
    pub(super) fn new(service: S, telemetry: Telemetry) -> Self {
        Self { service, telemetry }
    }
}

impl<S> Service<Request<Body>> for Measured<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.service.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let named = named(request.headers());
        let call = Call::begin(&self.telemetry, &request);
        let span = call.span.clone();
        let answer = span.in_scope(|| self.service.call(request));
        let counted = async move {
            let Ok(mut answer) = answer.await;
            if let Some(name) = named {
                answer.headers_mut().insert(REQUEST_ID, name);
            }
            // An answer that is only a refusal has no trailers.
            if let Some(code) = code(answer.headers()) {
                call.end(code);
                return Ok(answer);
            }
            Ok(answer.map(|body| Body::new(Answer { body, call: Some(call) })))
        };
        Box::pin(counted.instrument(span))
    }
}

/// What a caller calls its call.
fn named(headers: &HeaderMap) -> Option<HeaderValue> {
    let name = headers.get(REQUEST_ID)?;
    let is_short = name.len() <= REQUEST_ID_MAX;
    (is_short && name.as_bytes().iter().all(u8::is_ascii_graphic)).then(|| name.clone())
}

/// The trace that a call belongs to: `traceparent` as W3C writes it.
fn trace_id(headers: &HeaderMap) -> Option<&str> {
    let parent = headers.get("traceparent")?.to_str().ok()?;
    let mut parts = parent.split('-');
    let (_, trace_id) = (parts.next().filter(|version| version.len() == 2)?, parts.next()?);
    let is_hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    (trace_id.len() == 32 && is_hex(trace_id)).then_some(trace_id)
}

fn code(headers: &HeaderMap) -> Option<Code> {
    headers.get(GRPC_STATUS).map(|code| Code::from_bytes(code.as_bytes()))
}

impl Call {
    fn begin(telemetry: &Telemetry, request: &Request<Body>) -> Self {
        let (path, headers) = (request.uri().path(), request.headers());
        let number = telemetry.0.rpcs.find(path);
        let method = telemetry.0.rpcs.method(number);
        method.begin();
        let peer = request.extensions().get::<Peer>();
        let open = peer.map(|peer| Arc::clone(&peer.open));
        if let Some(open) = &open {
            open.fetch_add(1, Ordering::Relaxed);
        }
        let peer = peer.map(|peer| field::display(peer.address));
        let span = debug_span!(
            "rpc",
            path,
            peer,
            rpc.service = %method.service,
            rpc.method = %method.name,
            request_id = field::Empty,
            trace_id = field::Empty,
            caller = field::Empty,
        );
        if !span.is_disabled() {
            if let Some(name) = named(headers).as_ref().and_then(|name| name.to_str().ok()) {
                span.record("request_id", name);
            }
            let exported = continue_trace(&span, headers);
            if let Some(trace_id) = exported.as_deref().or_else(|| trace_id(headers)) {
                span.record("trace_id", trace_id);
            }
        }
        // What is dropped before it has a code was given up by its client.
        let (began, code) = (Instant::now(), Code::Cancelled);
        Self { telemetry: telemetry.clone(), method: number, began, code, span, open }
    }
}

impl Call {
    fn end(mut self, code: Code) {
        self.code = code;
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if let Some(open) = &self.open {
            open.fetch_sub(1, Ordering::Relaxed);
        }
        let took = self.began.elapsed();
        self.telemetry.0.rpcs.method(self.method).end(self.code, took);
        traces::ended(&self.span, GRPC_CODE, i64::from(self.code as i32));
        self.span.in_scope(|| {
            let (code, duration_us) = (super::rpcs::CODES[self.code as usize], took.as_micros());
            debug!(code, duration_us = u64::try_from(duration_us).unwrap_or(u64::MAX), "answered");
        });
    }
}

impl HttpBody for Answer {
    type Data = <Body as HttpBody>::Data;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Status>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        let ended = match &frame {
            Some(Ok(frame)) => {
                frame.trailers_ref().map(|found| code(found).unwrap_or(Code::Unknown))
            }
            Some(Err(status)) => Some(status.code()),
            None => Some(Code::Unknown),
        };
        if let Some(code) = ended
            && let Some(call) = self.call.take()
        {
            call.end(code);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_and_a_trace_are_taken_only_as_they_should_be() {
        let mut headers = HeaderMap::new();
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        for (parent, wanted) in [
            (format!("00-{trace}-00f067aa0ba902b7-01"), Some(trace)),
            (format!("00-{}-00f067aa0ba902b7-01", &trace[1..]), None),
            (trace.to_owned(), None),
            (String::new(), None),
        ] {
            headers.insert("traceparent", parent.parse().unwrap());
            assert_eq!(trace_id(&headers), wanted, "{parent}");
        }
        for (name, is_taken) in [("a1-b2", true), ("a b", false), (&*"x".repeat(129), false)] {
            headers.insert(REQUEST_ID, name.parse().unwrap());
            assert_eq!(named(&headers).is_some(), is_taken, "{name}");
        }
    }
}
