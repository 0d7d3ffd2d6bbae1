//! The gate before every RPC.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use futures_util::future::{BoxFuture, Either, FutureExt};
use http::{Extensions, HeaderMap, Request, Response};
use http_body::{Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::Status;
use tonic::body::Body;
use tower::{Layer, Service};
use tracing::Span;

use super::rights::needed;
use super::{Access, Caller};
use crate::arrival::Arrivals;
use crate::connection::Peer;
use crate::status::{denied, queue_full};

/// RPCs that can last: they end when what let their caller in does.
const LASTING: [&str; 4] = [
    "/pawl.v1.EntityService/ImportEntities",
    "/pawl.v1.EventService/PublishEvents",
    "/pawl.v1.MoveService/WatchMoves",
    "/pawl.v1.SystemService/Backup",
];

/// RPCs whose requests are streams, which arrive for as long as their client likes.
const STREAMED: [&str; 2] =
    ["/pawl.v1.EntityService/ImportEntities", "/pawl.v1.EventService/PublishEvents"];

/// Lets calls through whose caller may make them, and tells the handler who that is; of those that are
/// to be decided no more than may wait.
#[derive(Debug, Clone)]
pub(crate) struct Gate {
    pub(crate) access: Access,
    pub(crate) arrivals: Arrivals,
    places: Arc<Semaphore>,
    limit: u32,
}

/// A place among those who wait to be decided.
#[derive(Debug)]
pub(crate) struct Place {
    _permit: OwnedSemaphorePermit,
    waiting: Arc<AtomicUsize>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Gate {
    pub(crate) fn new(access: Access, max_waiting: u32, arrivals: Arrivals) -> Self {
        let places = Arc::new(Semaphore::new(max_waiting as usize));
        Self { access, arrivals, places, limit: max_waiting }
    }

    /// A place for a call of this connection.
    ///
    /// A connection gets no more than it leaves free. So one that floods has half of them, two have a
    /// third each, and a modest client always finds some; without a flood nobody notices.
    pub(crate) fn place(&self, waiting: &Arc<AtomicUsize>) -> Result<Place, Status> {
        let permit = Arc::clone(&self.places).try_acquire_owned();
        let permit = permit.map_err(|_| queue_full(self.limit))?;
        let others = waiting.fetch_add(1, Ordering::Relaxed);
        let place = Place { _permit: permit, waiting: Arc::clone(waiting) };
        if others > self.places.available_permits() {
            return Err(queue_full(self.limit));
        }
        Ok(place)
    }
}

/// How many calls of a request's connection wait to be decided.
pub(crate) fn waiting(extensions: &Extensions) -> Arc<AtomicUsize> {
    extensions.get::<Peer>().map(|peer| Arc::clone(&peer.waiting)).unwrap_or_default()
}

impl<S> Layer<S> for Gate {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded { inner, gate: self.clone() }
    }
}

/// A service behind the gate.
#[derive(Debug, Clone)]
pub(crate) struct Guarded<S> {
    inner: S,
    gate: Gate,
}

pin_project! {
    /// A call in its place.
    pub(crate) struct Held<F> {
        #[pin]
        answer: F,
        // Found once the request is whole.
        _place: Arc<OnceLock<Place>>,
    }
}

impl<F: Future> Future for Held<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.project().answer.poll(cx)
    }
}

type Answer = Result<Response<Body>, Infallible>;

impl<S> Service<Request<Body>> for Guarded<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Either<Held<S::Future>, Either<Ready<Answer>, BoxFuture<'static, Answer>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let path = request.uri().path();
        let refuse = |status: Status| Either::Right(Either::Left(ready(Ok(status.into_http()))));
        let Some(right) = needed(path) else {
            return refuse(Status::unimplemented(format!("there is no method {path}")));
        };
        let lasts = LASTING.contains(&path);
        let access = &self.gate.access;
        let caller = match access.admit(right, request.headers(), request.extensions()) {
            Ok(caller) => caller,
            Err(reason) => return refuse(denied(&reason)),
        };
        Span::current().record("caller", caller.name());
        let place = Arc::new(OnceLock::new());
        if !STREAMED.contains(&path) && path.starts_with("/pawl.") {
            // Streams wait for their turn instead, which their client feels. Who sends half a request
            // has no place: calls that never become whole would keep all others out.
            let waits = right.is_decided() && !lasts;
            let (gate, found) = (self.gate.clone(), Arc::clone(&place));
            let of = waiting(request.extensions());
            let admit = move || {
                if waits {
                    let _ = found.set(gate.place(&of)?);
                }
                Ok(())
            };
            let arrivals = &self.gate.arrivals;
            request = request.map(|body| arrivals.body(body, admit));
        }
        let until =
            (lasts && caller.grant().is_some()).then(|| ended(access.clone(), caller.clone()));
        request.extensions_mut().insert(caller);
        let answer = self.inner.call(request);
        match until {
            None => Either::Left(Held { answer, _place: place }),
            Some(until) => Either::Right(Either::Right(bounded(answer, until).boxed())),
        }
    }
}

/// With what a call ends whose caller is no longer let in.
fn ended(access: Access, caller: Caller) -> BoxFuture<'static, Status> {
    async move { denied(&access.ended(&caller).await) }.boxed()
}

/// An answer that is cut off by a status.
async fn bounded(
    answer: impl Future<Output = Answer>,
    mut until: BoxFuture<'static, Status>,
) -> Answer {
    tokio::select! {
        biased;
        status = &mut until => Ok(status.into_http()),
        answer = answer => answer.map(|response| {
            response.map(|inner| Body::new(Bounded { inner, until: Some(until) }))
        }),
    }
}

struct Bounded {
    inner: Body,
    /// `None` once it has ended.
    until: Option<BoxFuture<'static, Status>>,
}

impl http_body::Body for Bounded {
    type Data = <Body as http_body::Body>::Data;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Status>>> {
        let Some(until) = &mut self.until else { return Poll::Ready(None) };
        if let Poll::Ready(status) = until.poll_unpin(cx) {
            self.until = None;
            let mut trailers = HeaderMap::new();
            return Poll::Ready(Some(match status.add_header(&mut trailers) {
                Ok(()) => Ok(Frame::trailers(trailers)),
                Err(status) => Err(status),
            }));
        }
        Pin::new(&mut self.inner).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.until.is_none() || self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}
