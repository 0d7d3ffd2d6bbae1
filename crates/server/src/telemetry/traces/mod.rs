//! Calls as OpenTelemetry knows them, sent to a collector. Nothing of it is there unless it was asked
//! for.

mod bounded;
mod named;

use std::sync::Arc;
use std::time::Duration;

pub use bounded::LostSpans;
use bounded::{Bounded, Reporting, Waiting};
use http::HeaderMap;
use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry::trace::{TraceContextExt, TracerProvider};
use opentelemetry::{Key, KeyValue};
use opentelemetry_otlp::{
    OTEL_EXPORTER_OTLP_TIMEOUT_DEFAULT, SpanExporter, WithExportConfig, WithTonicConfig,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracer, SdkTracerProvider,
};
use tonic::transport::{ClientTlsConfig, Endpoint};
use tracing::{Level, Metadata, Span, Subscriber, warn};
use tracing_opentelemetry::{OpenTelemetryLayer, OpenTelemetrySpanExt};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;

/// How long the collector may take to be connected to.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the end may wait for spans to be taken.
const STOP_TIMEOUT: Duration = Duration::from_secs(3);
/// Spans that go in one message.
const BATCH_MAX: usize = 512;
const SERVICE_NAME: Key = Key::from_static_str("service.name");

/// Where spans go, and which.
#[derive(Debug, Clone, PartialEq)]
pub struct TracesConfig {
    /// The collector: `http://HOST:PORT`, or https with an authority that the machine trusts. It is
    /// spoken to by OTLP over gRPC.
    pub endpoint: String,
    /// Of the calls whose caller says nothing about it, this share is traced: from 0 to 1. What the
    /// caller does trace is, and what it does not is not.
    pub ratio: f64,
}

impl TracesConfig {
    /// Whether [`Traces::start`] would take it.
    pub fn check(&self) -> Result<(), TracesError> {
        self.channel().map(drop)
    }

    fn channel(&self) -> Result<Endpoint, TracesError> {
        let failed = |problem: String| TracesError { endpoint: self.endpoint.clone(), problem };
        let endpoint = Endpoint::from_shared(self.endpoint.clone());
        let mut endpoint = endpoint
            .map_err(|error| failed(error.to_string()))?
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(OTEL_EXPORTER_OTLP_TIMEOUT_DEFAULT);
        if endpoint.uri().scheme_str() == Some("https") {
            let tls = ClientTlsConfig::new().with_enabled_roots();
            endpoint = endpoint.tls_config(tls).map_err(|error| failed(error.to_string()))?;
        }
        Ok(endpoint)
    }
}

/// Why traces cannot be exported.
#[derive(Debug, thiserror::Error)]
#[error("traces cannot go to {endpoint}: {problem}")]
pub struct TracesError {
    endpoint: String,
    problem: String,
}

/// Traces on their way to a collector.
#[derive(Debug)]
pub struct Traces {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
    lost: LostSpans,
}

impl Traces {
    /// Begins to export, on the runtime in which this is called. Whether the collector is there shows
    /// only with the first spans, and nothing waits for it.
    pub fn start(config: &TracesConfig) -> Result<Self, TracesError> {
        let failed = |problem: String| TracesError { endpoint: config.endpoint.clone(), problem };
        let endpoint = config.channel()?;
        let exporter = SpanExporter::builder()
            .with_tonic()
            .with_channel(endpoint.connect_lazy())
            .with_timeout(OTEL_EXPORTER_OTLP_TIMEOUT_DEFAULT)
            .build()
            .map_err(|error| failed(error.to_string()))?;
        let waiting = Arc::new(Waiting::default());
        let lost = waiting.lost.clone();
        let batches = BatchConfigBuilder::default()
            .with_max_queue_size(bounded::WAITING_MAX)
            .with_max_export_batch_size(BATCH_MAX)
            .build();
        let reporting = Reporting::new(exporter, Arc::clone(&waiting), config.endpoint.clone());
        let processor = BatchSpanProcessor::builder(reporting).with_batch_config(batches).build();
        let ratio = Box::new(Sampler::TraceIdRatioBased(config.ratio));
        let provider = SdkTracerProvider::builder()
            .with_sampler(Sampler::ParentBased(ratio))
            .with_resource(resource())
            .with_span_processor(Bounded::new(processor, waiting))
            .build();
        let tracer = provider.tracer("pawl");
        Ok(Self { provider, tracer, lost })
    }

    /// How many spans are lost, as [`Config::lost_spans`](crate::Config::lost_spans) has it.
    pub fn lost(&self) -> LostSpans {
        self.lost.clone()
    }

    /// What takes the spans of calls, and what is logged within them.
    pub fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        OpenTelemetryLayer::new(self.tracer.clone())
            .with_context_activation(false)
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false)
            .with_filter(filter_fn(is_told))
    }

    /// Sends what there still is, unless that takes longer than a few seconds.
    pub fn stop(self) {
        if let Err(error) = self.provider.shutdown_with_timeout(STOP_TIMEOUT) {
            warn!(%error, "the last traces may not have been taken");
        }
    }
}

/// Spans of Pawl's own, and of what is logged only what is worth a line anyway.
fn is_told(metadata: &Metadata<'_>) -> bool {
    metadata.target().starts_with("pawl")
        && (metadata.is_span() || *metadata.level() <= Level::INFO)
}

/// Who tells. OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES may say otherwise, and more.
fn resource() -> Resource {
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let instance = KeyValue::new("service.instance.id", crate::request::fresh());
    let given = Resource::builder().build();
    let name = given.get(&SERVICE_NAME).map(|name| name.to_string());
    let name = name.filter(|name| !name.starts_with("unknown_service"));
    let own = Resource::builder_empty()
        .with_service_name(name.unwrap_or_else(|| "pawl".to_owned()))
        .with_attributes([version, instance]);
    let others = given.iter().filter(|(key, _)| **key != SERVICE_NAME);
    own.with_attributes(others.map(|(key, value)| KeyValue::new(key.clone(), value.clone())))
        .build()
}

/// Headers, of which a propagator asks for some.
struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(http::HeaderName::as_str).collect()
    }
}

/// Makes a span, before it is entered, part of the trace that its caller is in, and gives back the id
/// of the trace in which it is now; `None` when none is exported.
pub(crate) fn continue_trace(span: &Span, headers: &HeaderMap) -> Option<String> {
    let parent = TraceContextPropagator::new().extract(&Headers(headers));
    // The layer is not there unless traces are exported.
    span.set_parent(parent).ok()?;
    let own = span.context();
    let own = own.span().span_context().trace_id();
    Some(own.to_string())
}

/// Where the code stands with which a call ended over gRPC.
pub(crate) const GRPC_CODE: &str = "rpc.grpc.status_code";
/// The same of what is not gRPC.
pub(crate) const HTTP_CODE: &str = "http.response.status_code";

/// Tells how a call ended: what was said under one of these names.
pub(crate) fn ended(span: &Span, key: &'static str, code: i64) {
    span.set_attribute(key, code);
}
