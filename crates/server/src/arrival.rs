//! Requests as they arrive: how slowly they may, and how much may have arrived of those that are not
//! whole yet.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::FutureExt;
use http_body::{Frame, SizeHint};
use tokio::time::{Sleep, sleep};
use tonic::Status;
use tonic::body::Body;

use crate::status::too_slow;

/// Most bytes that are kept of requests that are not whole yet, all clients together.
const ARRIVING_MAX_BYTES: usize = 256 * 1_024 * 1_024;
/// Of a large request so much has to arrive within the patience.
const STRETCH_BYTES: usize = 64 * 1_024;

/// What all requests have in common that are arriving.
#[derive(Debug, Clone)]
pub(crate) struct Arrivals {
    /// How long nothing may become of a request.
    patience: Duration,
    bytes: Arc<AtomicUsize>,
}

impl Arrivals {
    pub(crate) fn new(patience: Duration) -> Self {
        Self { patience, bytes: Arc::default() }
    }

    /// The body of a request that is one message; once it is whole, `admit` is asked.
    pub(crate) fn body(
        &self,
        inner: Body,
        admit: impl FnOnce() -> Result<(), Status> + Send + Unpin + 'static,
    ) -> Body {
        // Nothing has to be waited for.
        if http_body::Body::is_end_stream(&inner) {
            return inner;
        }
        let arrivals = self.clone();
        Body::new(Arriving { inner, arrivals, late: None, bytes: 0, admit: Some(admit) })
    }
}

struct Arriving<F> {
    inner: Body,
    arrivals: Arrivals,
    /// Set as soon as something has to be waited for.
    late: Option<Pin<Box<Sleep>>>,
    bytes: usize,
    /// `None` once it is whole.
    admit: Option<F>,
}

impl<F> Arriving<F> {
    fn count(&mut self, more: usize) -> Result<(), Status> {
        let before = self.bytes;
        self.bytes += more;
        if before / STRETCH_BYTES != self.bytes / STRETCH_BYTES {
            self.late = None;
        }
        let all = self.arrivals.bytes.fetch_add(more, Ordering::Relaxed) + more;
        if all > ARRIVING_MAX_BYTES {
            return Err(Status::resource_exhausted(format!(
                "requests that are not whole yet have {ARRIVING_MAX_BYTES} bytes already; try again later"
            )));
        }
        Ok(())
    }
}

impl<F> Drop for Arriving<F> {
    fn drop(&mut self) {
        self.arrivals.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl<F: FnOnce() -> Result<(), Status> + Send + Unpin> http_body::Body for Arriving<F> {
    type Data = <Body as http_body::Body>::Data;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Status>>> {
        let this = &mut *self;
        let Poll::Ready(frame) = Pin::new(&mut this.inner).poll_frame(cx) else {
            let patience = this.arrivals.patience;
            let late = this.late.get_or_insert_with(|| Box::pin(sleep(patience)));
            ready!(late.poll_unpin(cx));
            return Poll::Ready(Some(Err(too_slow(patience))));
        };
        let frame = frame.transpose()?;
        if let Some(data) = frame.as_ref().and_then(Frame::data_ref) {
            this.count(data.len())?;
        }
        let goes_on = frame.as_ref().is_some_and(Frame::is_data) && !this.inner.is_end_stream();
        if !goes_on && let Some(admit) = this.admit.take() {
            admit()?;
        }
        Poll::Ready(frame.map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.admit.is_none() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
