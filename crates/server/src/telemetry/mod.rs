//! What the server tells of itself: numbers of calls, of connections and of the engine, as Prometheus
//! reads them; spans of calls, also for a collector; whether it is well.

mod disk;
mod http;
mod process;
mod render;
mod rpc;
mod rpcs;
mod traces;

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use pawl_engine::Engine;
use tokio::time::Instant;

use crate::flood::Told;

pub(crate) use http::{Seen, health};
use render::CONTENT_TYPE;
pub(crate) use rpc::Measured;
use rpcs::Rpcs;
pub(crate) use traces::{HTTP_CODE, continue_trace, ended};
pub use traces::{LostSpans, Traces, TracesConfig, TracesError};

/// How many triggers have numbers of their own; all others are told together.
const TRIGGERS_MAX: usize = 100;

/// What is counted around the engine. Clones count together.
#[derive(Debug, Clone)]
pub(crate) struct Telemetry(Arc<Counted>);

#[derive(Debug)]
struct Counted {
    rpcs: Rpcs,
    is_serving: AtomicBool,
    connections: AtomicU64,
    connections_ever: AtomicU64,
    connections_refused: AtomicU64,
    connections_flooding: AtomicU64,
    refusals: Told,
    floods: Told,
    given: Given,
}

/// What is told besides.
#[derive(Debug)]
pub(crate) struct Given {
    /// The directory of the data.
    pub(crate) data: PathBuf,
    /// With less free on its disk writes are refused.
    pub(crate) min_free_bytes: u64,
    pub(crate) lost_spans: LostSpans,
}

/// A connection that is open, until this is dropped.
#[derive(Debug)]
pub(crate) struct Connected(Telemetry);

impl Telemetry {
    pub(crate) fn new(given: Given) -> Self {
        Self(Arc::new(Counted {
            rpcs: Rpcs::new(),
            is_serving: AtomicBool::new(false),
            connections: AtomicU64::new(0),
            connections_ever: AtomicU64::new(0),
            connections_refused: AtomicU64::new(0),
            connections_flooding: AtomicU64::new(0),
            refusals: Told::default(),
            floods: Told::default(),
            given,
        }))
    }

    /// Counts a connection for as long as it is open.
    pub(crate) fn connected(&self) -> Connected {
        self.0.connections.fetch_add(1, Ordering::Relaxed);
        self.0.connections_ever.fetch_add(1, Ordering::Relaxed);
        Connected(self.clone())
    }

    /// Counts a connection that was closed at once, since as many are open as may be; gives whether
    /// the log is to tell of its address.
    pub(crate) fn refused(&self, address: IpAddr) -> bool {
        self.0.connections_refused.fetch_add(1, Ordering::Relaxed);
        self.0.refusals.is_news(address, Instant::now())
    }

    /// Notes what gRPC's health tells.
    pub(crate) fn set_serving(&self, is_serving: bool) {
        self.0.is_serving.store(is_serving, Ordering::Relaxed);
    }

    /// Whether gRPC's health says that the server serves.
    pub(crate) fn is_serving(&self) -> bool {
        self.0.is_serving.load(Ordering::Relaxed)
    }

    /// Counts the calls that a service takes.
    pub(crate) fn layer<S>(&self, service: S) -> Measured<S> {
        Measured::new(service, self.clone())
    }

    /// What `GET /metrics` answers, in the text format of OpenMetrics: see [`CONTENT_TYPE`].
    pub(crate) fn metrics_text(&self, engine: &Engine) -> String {
        render::text(self, engine)
    }
}

impl Connected {
    /// Counts that it is closed because its client floods; gives whether the log is to tell of its
    /// address.
    pub(crate) fn flooded(&self, address: IpAddr) -> bool {
        let counted = &self.0.0;
        counted.connections_flooding.fetch_add(1, Ordering::Relaxed);
        counted.floods.is_news(address, Instant::now())
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        self.0.0.connections.fetch_sub(1, Ordering::Relaxed);
    }
}
