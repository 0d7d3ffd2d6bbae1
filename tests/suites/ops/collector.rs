//! A collector of traces: what OTLP over gRPC brings, it keeps.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1 as otlp;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::{Identity, Server, ServerTlsConfig};
use tonic::{Request, Response, Status};

/// A span, as tests look at it.
#[derive(Debug, Clone)]
pub(crate) struct Span {
    pub(crate) name: String,
    pub(crate) trace: String,
    pub(crate) id: String,
    /// Empty for the first of its trace.
    pub(crate) parent: String,
    pub(crate) state: String,
    pub(crate) kind: i32,
    pub(crate) status: i32,
    pub(crate) began: u64,
    pub(crate) ended: u64,
    pub(crate) attributes: BTreeMap<String, String>,
    /// Of who told it.
    pub(crate) resource: BTreeMap<String, String>,
}

impl Span {
    pub(crate) fn of(&self, attribute: &str) -> &str {
        self.attributes.get(attribute).map_or("", String::as_str)
    }
}

/// A collector that runs, until this is dropped.
#[derive(Debug)]
pub(crate) struct Collector {
    address: SocketAddr,
    taken: Taken,
    serving: tokio::task::JoinHandle<()>,
}

#[derive(Debug, Clone, Default)]
struct Taken {
    spans: Arc<Mutex<Vec<Span>>>,
    headers: Arc<Mutex<Vec<String>>>,
}

impl Collector {
    pub(crate) async fn start() -> Self {
        Self::start_at("127.0.0.1:0".parse().expect("an address"), None).await
    }

    pub(crate) async fn start_with_tls(certificate: String, key: String) -> Self {
        let identity = Identity::from_pem(certificate, key);
        Self::start_at("127.0.0.1:0".parse().expect("an address"), Some(identity)).await
    }

    pub(crate) async fn start_at(address: SocketAddr, identity: Option<Identity>) -> Self {
        let listener = TcpListener::bind(address).await.expect("there is a port");
        let address = listener.local_addr().expect("it has an address");
        let taken = Taken::default();
        let mut server = Server::builder();
        if let Some(identity) = identity {
            let tls = ServerTlsConfig::new().identity(identity);
            server = server.tls_config(tls).expect("TLS can be had");
        }
        let router = server.add_service(TraceServiceServer::new(taken.clone()));
        let serving = tokio::spawn(async move {
            let incoming = TcpListenerStream::new(listener);
            router.serve_with_incoming(incoming).await.expect("it serves");
        });
        Self { address, taken, serving }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// Everything so far.
    pub(crate) fn spans(&self) -> Vec<Span> {
        self.taken.spans.lock().expect("nobody panicked").clone()
    }

    /// The values of `x-key` that came along, one a message.
    pub(crate) fn keys(&self) -> Vec<String> {
        self.taken.headers.lock().expect("nobody panicked").clone()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

#[tonic::async_trait]
impl TraceService for Taken {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let key = request.metadata().get("x-key").and_then(|key| key.to_str().ok());
        let key = key.unwrap_or_default().to_owned();
        self.headers.lock().expect("nobody panicked").push(key);
        let mut spans = self.spans.lock().expect("nobody panicked");
        for group in request.into_inner().resource_spans {
            let resource = group.resource.map(|one| texts(one.attributes)).unwrap_or_default();
            let found = group.scope_spans.into_iter().flat_map(|scope| scope.spans);
            spans.extend(found.map(|span| read(span, &resource)));
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

fn read(span: otlp::Span, resource: &BTreeMap<String, String>) -> Span {
    Span {
        name: span.name,
        trace: hex(&span.trace_id),
        id: hex(&span.span_id),
        parent: hex(&span.parent_span_id),
        state: span.trace_state,
        kind: span.kind,
        status: span.status.map_or(0, |status| status.code),
        began: span.start_time_unix_nano,
        ended: span.end_time_unix_nano,
        attributes: texts(span.attributes),
        resource: resource.clone(),
    }
}

fn texts(attributes: Vec<KeyValue>) -> BTreeMap<String, String> {
    let text = |one: KeyValue| {
        let value = match one.value.and_then(|value| value.value) {
            Some(Value::StringValue(text)) => text,
            Some(Value::IntValue(number)) => number.to_string(),
            other => format!("{other:?}"),
        };
        (one.key, value)
    };
    attributes.into_iter().map(text).collect()
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        write!(text, "{byte:02x}").expect("a string takes everything");
    }
    text
}
