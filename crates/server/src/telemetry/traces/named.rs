use std::borrow::Cow;
use std::net::SocketAddr;

use opentelemetry::trace::{SpanKind, Status};
use opentelemetry::{KeyValue, Value};
use opentelemetry_sdk::trace::SpanData;
use tonic::Code;

use super::{GRPC_CODE, HTTP_CODE};
use crate::telemetry::rpcs::CODES;

/// Gives a span the name, the kind, the status and the attributes that OpenTelemetry's conventions
/// have for it. In the log it keeps those that it has there.
pub(super) fn name(span: &mut SpanData) {
    let name = match &*span.name {
        "rpc" => rpc(&mut span.attributes, &mut span.status),
        "http" => http(&mut span.attributes, &mut span.status),
        // A part of a call.
        _ => return,
    };
    span.name = name;
    span.span_kind = SpanKind::Server;
    if let Some(peer) = take(&mut span.attributes, "peer") {
        addressed(&mut span.attributes, &peer);
    }
    // It is the span's own.
    take(&mut span.attributes, "trace_id");
}

fn rpc(attributes: &mut Vec<KeyValue>, status: &mut Status) -> Cow<'static, str> {
    take(attributes, "path");
    attributes.push(KeyValue::new("rpc.system", "grpc"));
    if let Some(&Value::I64(number)) = find(attributes, GRPC_CODE) {
        let code = Code::from_i32(i32::try_from(number).unwrap_or(Code::Unknown as i32));
        if is_failure(code) {
            *status = Status::error(CODES[code as usize]);
        }
    }
    let of = |key| find(attributes, key).map(Value::as_str).unwrap_or_default();
    match (of("rpc.service"), of("rpc.method")) {
        // Callers could make up any number of names.
        (service, method) if method.is_empty() => Cow::Owned(service.into_owned()),
        (service, method) => Cow::Owned(format!("{service}/{method}")),
    }
}

/// What is the server's failure, not a refusal that its caller has to mind.
fn is_failure(code: Code) -> bool {
    matches!(
        code,
        Code::Unknown
            | Code::DeadlineExceeded
            | Code::Unimplemented
            | Code::Internal
            | Code::Unavailable
            | Code::DataLoss
    )
}

fn http(attributes: &mut Vec<KeyValue>, status: &mut Status) -> Cow<'static, str> {
    if let Some(path) = take(attributes, "path") {
        attributes.push(KeyValue::new("url.path", path));
    }
    if let Some(&Value::I64(500..)) = find(attributes, HTTP_CODE) {
        *status = Status::error("");
    }
    let method = take(attributes, "method").map(|method| method.as_str().into_owned());
    let method = method.unwrap_or_else(|| "HTTP".to_owned());
    attributes.push(KeyValue::new("http.request.method", method.clone()));
    Cow::Owned(method)
}

fn addressed(attributes: &mut Vec<KeyValue>, peer: &Value) {
    if let Ok(peer) = peer.as_str().parse::<SocketAddr>() {
        attributes.push(KeyValue::new("network.peer.address", peer.ip().to_string()));
        attributes.push(KeyValue::new("network.peer.port", i64::from(peer.port())));
    }
}

fn find<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a Value> {
    attributes.iter().find(|one| one.key.as_str() == key).map(|one| &one.value)
}

fn take(attributes: &mut Vec<KeyValue>, key: &str) -> Option<Value> {
    let at = attributes.iter().position(|one| one.key.as_str() == key)?;
    Some(attributes.swap_remove(at).value)
}
