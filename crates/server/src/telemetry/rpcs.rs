use std::array;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use pawl_engine::Histogram;
use prost::Message;
use prost_types::FileDescriptorSet;
use tonic::Code;

/// The codes of gRPC, by their numbers.
pub(super) const CODES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];
/// What is counted under one name, since callers could make up any number of them.
const OTHER: &str = "other";

/// What is counted of calls, by method.
#[derive(Debug)]
pub(super) struct Rpcs {
    by_path: HashMap<String, usize>,
    methods: Vec<Method>,
}

/// One method. A call of it costs a few additions.
#[derive(Debug)]
pub(super) struct Method {
    pub(super) service: String,
    pub(super) name: String,
    /// Whether a call may last for weeks; then its time says nothing.
    pub(super) is_stream: bool,
    ended: [AtomicU64; CODES.len()],
    open: AtomicU64,
    pub(super) times: Histogram,
}

impl Rpcs {
    /// Nothing yet of all methods that are served.
    pub(super) fn new() -> Self {
        let described = [
            pawl_api::FILE_DESCRIPTOR_SET,
            tonic_health::pb::FILE_DESCRIPTOR_SET,
            tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
            tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET,
        ];
        let mut methods = vec![Method::new(OTHER, "", false)];
        let mut by_path = HashMap::new();
        for bytes in described {
            let set = FileDescriptorSet::decode(bytes)
                .unwrap_or_else(|error| unreachable!("made by the compiler: {error}"));
            for file in set.file {
                for service in &file.service {
                    let full = format!("{}.{}", file.package(), service.name());
                    for method in &service.method {
                        let name = method.name();
                        let is_stream = method.client_streaming() || method.server_streaming();
                        by_path.insert(format!("/{full}/{name}"), methods.len());
                        methods.push(Method::new(&full, name, is_stream));
                    }
                }
            }
        }
        Self { by_path, methods }
    }

    /// The number of the method that a path names.
    pub(super) fn find(&self, path: &str) -> usize {
        self.by_path.get(path).copied().unwrap_or(0)
    }

    pub(super) fn method(&self, number: usize) -> &Method {
        &self.methods[number]
    }

    pub(super) fn methods(&self) -> impl Iterator<Item = &Method> {
        self.methods.iter()
    }
}

impl Method {
    fn new(service: &str, name: &str, is_stream: bool) -> Self {
        Self {
            service: service.to_owned(),
            name: name.to_owned(),
            is_stream,
            ended: array::from_fn(|_| AtomicU64::new(0)),
            open: AtomicU64::new(0),
            times: Histogram::of_times(),
        }
    }

    pub(super) fn begin(&self) {
        self.open.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn end(&self, code: Code, took: Duration) {
        self.open.fetch_sub(1, Ordering::Relaxed);
        self.ended[code as usize].fetch_add(1, Ordering::Relaxed);
        if !self.is_stream {
            self.times.took(took);
        }
    }

    /// Calls that are open.
    pub(super) fn open(&self) -> u64 {
        self.open.load(Ordering::Relaxed)
    }

    /// Calls that have ended, by code.
    pub(super) fn ended(&self) -> impl Iterator<Item = (&'static str, u64)> {
        CODES.into_iter().zip(self.ended.iter().map(|count| count.load(Ordering::Relaxed)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_that_is_served_is_known_and_nothing_else() {
        let rpcs = Rpcs::new();
        for (path, is_stream) in [
            ("/pawl.v1.EventService/PublishEvent", false),
            ("/pawl.v1.EventService/PublishEvents", true),
            ("/pawl.v1.MoveService/WatchMoves", true),
            ("/grpc.health.v1.Health/Check", false),
            ("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", true),
            ("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", true),
        ] {
            let method = rpcs.method(rpcs.find(path));
            assert_eq!(format!("/{}/{}", method.service, method.name), path);
            assert_eq!(method.is_stream, is_stream, "{path}");
        }
        assert_eq!(rpcs.method(rpcs.find("/pawl.v1.EventService/Nothing")).service, OTHER);
        let codes = (0..17).map(|code| format!("{:?}", Code::from(code)));
        for (code, name) in codes.zip(CODES) {
            assert_eq!(code.to_uppercase(), name.replace('_', ""), "{name}");
        }
    }
}
