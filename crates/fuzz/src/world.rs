//! A real server without a network, on a directory of its own, in which something has happened already.

use std::net::Ipv4Addr;
use std::sync::LazyLock;
use std::time::Duration;

use futures_util::FutureExt;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt, Full};
use pawl_engine::{Engine, Reserve};
use pawl_server::{Config, Issued, Kind, Role, Running};
use pawl_store::{Entry, Record, Store};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use tonic::body::Body;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::service;

/// No call takes so long, however slow the machine.
const PATIENCE: Duration = Duration::from_mins(2);
/// Of when the credentials are.
const ISSUED: &str = "2026-01-01T00:00:00Z";

/// The server, and who may call it.
pub(crate) struct World {
    pub(crate) runtime: Runtime,
    /// The secret of somebody who may do everything.
    pub(crate) token: String,
    /// The secret of the webhook for `shop.paid`.
    pub(crate) hook: String,
    server: Running,
    _directory: TempDir,
}

/// How a call ended.
pub(crate) struct Called {
    pub(crate) code: Code,
    /// The documented reason of a refusal.
    pub(crate) reason: String,
    pub(crate) message: String,
}

/// What a database holds in which something has happened.
#[derive(Clone)]
pub(crate) struct Stored {
    pub(crate) records: Vec<Record>,
    /// Parts of the log's first chunk.
    pub(crate) parts: Vec<Entry>,
    pub(crate) rows: Vec<Entry>,
    pub(crate) backup: Vec<u8>,
}

/// Read once.
pub(crate) fn stored() -> Stored {
    static STORED: LazyLock<Stored> = LazyLock::new(|| World::new().stored());
    STORED.clone()
}

impl World {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().expect("there is room");
        let access = directory.path().join("access.toml");
        let secret = |name: &str, kind: Kind| {
            let pipelines = Vec::new();
            let issued = Issued { name: name.to_owned(), kind, pipelines, expires: None };
            let secret = pawl_server::create_token(&access, &issued, ISSUED);
            secret.expect("a secret is made").reveal().to_owned()
        };
        let token = secret("all", Kind::Token { roles: vec![Role::Admin] });
        let trigger_type = "shop.paid".to_owned();
        let hook = secret("hook", Kind::Webhook { trigger_type, code: None });
        let data = directory.path().join("data");
        let mut config = Config::new(data, (Ipv4Addr::LOCALHOST, 0).into());
        config.access_file = Some(access);
        config.reserve = Reserve::none();
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let server = runtime.block_on(pawl_server::start(config)).expect("the server starts");
        let world = Self { runtime, token, hook, server, _directory: directory };
        world.begin();
        world
    }

    /// Lets something of every kind happen.
    pub(crate) fn begin(&self) {
        let create = |path: &str, message: Vec<u8>| {
            let called = self.call(path, &message);
            let is_there = matches!(called.code, Code::Ok | Code::AlreadyExists);
            assert!(is_there, "{path}: {:?} {}", called.code, called.message);
        };
        for (path, message) in service::requests() {
            create(path, message);
        }
    }

    pub(crate) fn engine(&self) -> &Engine {
        self.server.engine()
    }

    /// Asks the server: the status, the headers with the trailers, and what came back.
    pub(crate) fn ask(&self, request: Request<Vec<u8>>) -> (http::StatusCode, HeaderMap, Vec<u8>) {
        let lasts = request.uri().path().ends_with("/WatchMoves");
        let request = request.map(|bytes| Body::new(Full::from(bytes)));
        let answered = async {
            let answer = pawl_server::fuzz::answer(&self.server, request).await;
            let (parts, mut body) = answer.into_parts();
            let (mut headers, mut bytes) = (parts.headers, Vec::new());
            loop {
                // A watch never ends: it is enough that it begins.
                let frame =
                    if lasts { body.frame().now_or_never() } else { Some(body.frame().await) };
                let Some(Some(frame)) = frame else { break };
                // What is wrong with an answer stands in its trailers.
                match frame
                    .unwrap_or_else(|error| panic!("the answer broke off: {error}"))
                    .into_data()
                {
                    Ok(data) => bytes.extend_from_slice(&data),
                    Err(frame) => headers.extend(frame.into_trailers().unwrap_or_default()),
                }
                if lasts {
                    break;
                }
            }
            (parts.status, headers, bytes)
        };
        let answered =
            self.runtime.block_on(async { tokio::time::timeout(PATIENCE, answered).await });
        answered.unwrap_or_else(|_| panic!("no answer within {PATIENCE:?}"))
    }

    /// Calls a method by gRPC, with one message.
    pub(crate) fn call(&self, path: &str, message: &[u8]) -> Called {
        let length = u32::try_from(message.len()).expect("it is short").to_be_bytes();
        let request = Request::post(path)
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .header("authorization", format!("Bearer {}", self.token))
            .body([&[0], &length[..], message].concat());
        let (status, headers, _) = self.ask(request.expect("it is a request"));
        assert_eq!(status, 200, "{path}");
        let begun = path.ends_with("/WatchMoves").then(|| Status::ok(""));
        let status = Status::from_header_map(&headers).or(begun);
        let status = status.unwrap_or_else(|| panic!("{path} ended without a status"));
        let reason = status.get_details_error_info().map(|info| info.reason).unwrap_or_default();
        Called { code: status.code(), reason, message: status.message().to_owned() }
    }

    fn stored(&self) -> Stored {
        let mut backup = Vec::new();
        self.runtime.block_on(async {
            let mut blocks = self.engine().backup(PATIENCE);
            while let Some(block) = blocks.next().await {
                backup.extend(block.expect("the backup goes on"));
            }
        });
        let directory = tempfile::tempdir().expect("there is room");
        let restored = pawl_store::restore(&mut &backup[..], directory.path(), &mut |_| ());
        restored.expect("a backup can be restored");
        let store = Store::open(directory.path()).expect("it can be opened");
        let last = store.head().expect("it has a head").sequence;
        let record =
            |sequence| store.record(sequence).expect("it can be read").expect("it is there");
        Stored {
            records: (1..=last).map(record).collect(),
            parts: store.log_step(1).expect("there is a log").entries,
            rows: store.rows_step(&[]).expect("there are rows").entries,
            backup,
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let (runtime, engine) = (&self.runtime, self.server.engine());
        // libFuzzer ends without a return, and what a thread has then ends after what tokio knows of it.
        std::thread::scope(|threads| {
            // It is gone all the same.
            threads.spawn(|| drop(runtime.block_on(engine.stop())));
        });
    }
}
