use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{BatchSpanProcessor, Span, SpanData, SpanExporter, SpanProcessor};
use tokio::time::Instant;
use tracing::{info, warn};

use super::named;

/// Spans that have ended and were not taken yet, those on their way among them. What ends beyond is
/// lost: some 2 MiB of memory are never exceeded.
pub(super) const WAITING_MAX: usize = 4_096;
/// How often it is said that spans are lost.
const SAID_EVERY: Duration = Duration::from_mins(1);

/// How many spans wait, and how many are lost.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    count: AtomicUsize,
    /// Since it was last looked whether that is to be said.
    beyond: AtomicU64,
    pub(super) lost: LostSpans,
}

/// How many spans no collector took, since the start. Clones count together.
#[derive(Debug, Clone, Default)]
pub struct LostSpans(Arc<Lost>);

#[derive(Debug, Default)]
struct Lost {
    /// They found no room.
    full: AtomicU64,
    /// The collector was away or refused them.
    not_taken: AtomicU64,
}

impl LostSpans {
    /// Of each reason.
    pub(crate) fn counts(&self) -> [(&'static str, u64); 2] {
        let Lost { full, not_taken } = &*self.0;
        [("full", full), ("not_taken", not_taken)]
            .map(|(reason, count)| (reason, count.load(Ordering::Relaxed)))
    }
}

impl Waiting {
    fn enter(&self) -> bool {
        if self.count.fetch_add(1, Ordering::Relaxed) < WAITING_MAX {
            return true;
        }
        self.count.fetch_sub(1, Ordering::Relaxed);
        self.beyond.fetch_add(1, Ordering::Relaxed);
        self.lost.0.full.fetch_add(1, Ordering::Relaxed);
        false
    }

    fn leave(&self, count: usize) {
        self.count.fetch_sub(count, Ordering::Relaxed);
    }
}

/// Lets no more spans wait than may, and gives each the name by which OpenTelemetry knows it.
#[derive(Debug)]
pub(super) struct Bounded {
    inner: BatchSpanProcessor,
    waiting: Arc<Waiting>,
}

impl Bounded {
    pub(super) fn new(inner: BatchSpanProcessor, waiting: Arc<Waiting>) -> Self {
        Self { inner, waiting }
    }
}

impl SpanProcessor for Bounded {
    fn on_start(&self, span: &mut Span, context: &Context) {
        self.inner.on_start(span, context);
    }

    fn on_end(&self, mut span: SpanData) {
        if self.waiting.enter() {
            named::name(&mut span);
            self.inner.on_end(span);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

/// Exports, and says when spans are lost, but not for each.
#[derive(Debug)]
pub(super) struct Reporting<E> {
    inner: E,
    waiting: Arc<Waiting>,
    endpoint: String,
    said: Mutex<Said>,
}

#[derive(Debug, Default)]
struct Said {
    /// Since it was said that they are.
    lost: u64,
    at: Option<Instant>,
    /// It was said that they are not taken, and not yet that they are again.
    is_bad: bool,
}

impl<E> Reporting<E> {
    pub(super) fn new(inner: E, waiting: Arc<Waiting>, endpoint: String) -> Self {
        Self { inner, waiting, endpoint, said: Mutex::default() }
    }

    fn report(&self, count: usize, result: &OTelSdkResult) {
        let endpoint = &*self.endpoint;
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let beyond = self.waiting.beyond.swap(0, Ordering::Relaxed);
        let not_taken = if result.is_err() { count as u64 } else { 0 };
        self.waiting.lost.0.not_taken.fetch_add(not_taken, Ordering::Relaxed);
        said.lost += beyond + not_taken;
        let is_due = said.at.is_none_or(|at| at.elapsed() >= SAID_EVERY);
        match result {
            Err(error) if is_due => {
                warn!(endpoint, lost = said.lost, %error, "traces are not taken; calls go on");
                *said = Said { lost: 0, at: Some(Instant::now()), is_bad: true };
            }
            Ok(()) if said.is_bad => {
                info!(endpoint, lost = said.lost, "traces are taken again");
                said.is_bad = false;
                said.lost = 0;
            }
            Ok(()) if is_due && said.lost > 0 => {
                let limit = WAITING_MAX;
                warn!(endpoint, lost = said.lost, limit, "more spans end than are taken");
                *said = Said { lost: 0, at: Some(Instant::now()), is_bad: false };
            }
            _ => {}
        }
    }
}

impl<E: SpanExporter> SpanExporter for Reporting<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let count = batch.len();
        let result = self.inner.export(batch).await;
        self.waiting.leave(count);
        self.report(count, &result);
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}
