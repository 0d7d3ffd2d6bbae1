use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ::http::{HeaderValue, Uri};
use futures_util::Stream;

use pawl_api::FILE_DESCRIPTOR_SET;
use pawl_api::pb::entity_service_server::{self, EntityServiceServer};
use pawl_api::pb::event_service_server::{self, EventServiceServer};
use pawl_api::pb::pipeline_service_server::{self, PipelineServiceServer};
use pawl_api::pb::system_service_server::{self, SystemServiceServer};
use pawl_api::pb::trigger_service_server::{self, TriggerServiceServer};
use pawl_engine::{Engine, OpenError, Options};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tonic::service::Routes;
use tonic::transport::Server;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;
use tower::Layer;
use tracing::{info, warn};

use crate::access::{Access, AccessFileError, Gate, Guarded};
use crate::arrival::Arrivals;
use crate::config::{Connections, ERRORS_MAX, HEADERS_MAX_BYTES, STOP_GRACE};
use crate::connection::{Connection, accept};
use crate::http::{self, Doors, Front};
use crate::services::{MOVE_SERVICE, MoveServiceServer, Services, System};
use crate::telemetry::{Given, Measured, Seen, Telemetry};
use crate::tls::{Tls, TlsError};
use crate::{Config, LimitError, machine};

/// How often it is looked whether credentials have changed.
const FRESHNESS: Duration = Duration::from_secs(1);
/// Connections that may wait to be accepted.
const BACKLOG: u32 = 1_024;

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Anyone could change anything.
    #[error(
        "refusing to listen on {listen}: it is reachable from other machines and nobody has to say \
         who they are; say who may call with --access-file, listen on a loopback address such as \
         127.0.0.1:{port}, or add --insecure",
        port = listen.port()
    )]
    Exposed {
        /// The address.
        listen: SocketAddr,
    },
    /// The log would be trimmed of what has to be remembered.
    #[error(
        "the retention of {retention:?} is shorter than the dedupe window of {window:?}, within which \
         an event that is published again is answered from the log; lengthen the one or shorten the \
         other"
    )]
    Forgetful {
        /// How far back the log is to reach.
        retention: Duration,
        /// For how long identities are to be remembered.
        window: Duration,
    },
    /// A limit is set to what cannot be.
    #[error(transparent)]
    Limit(#[from] LimitError),
    /// The address cannot be had.
    #[error(
        "cannot listen on {listen}: {source}; stop what listens there or choose another address"
    )]
    Listen {
        /// The address.
        listen: SocketAddr,
        /// The refusal.
        source: std::io::Error,
    },
    /// It is not known who may call.
    #[error(transparent)]
    Access(#[from] AccessFileError),
    /// TLS was asked for and cannot be had.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// An origin that no browser would send.
    #[error("{origin:?} is no origin; write it like https://board.example.com, or * for all")]
    Origin {
        /// What was given.
        origin: String,
    },
    /// The database cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The contract's description cannot be served.
    #[error("cannot describe the services: {0}")]
    Reflection(#[from] tonic_reflection::server::Error),
}

/// Why the server ended otherwise than by being told to.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The engine failed: what was in flight may or may not survive.
    #[error("the engine failed: {0}")]
    Engine(String),
    /// The network failed.
    #[error("serving failed: {0}")]
    Transport(#[from] tonic::transport::Error),
}

/// A server that listens, with its database open.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    engine: Engine,
    health: Health,
    front: Front<Measured<Guarded<Routes>>>,
    listener: TcpListener,
    access: Access,
    tls: Option<Arc<Tls>>,
    connections: Connections,
}

/// What the files and values of a configuration come to.
struct Prepared {
    access: Access,
    tls: Option<Arc<Tls>>,
    origins: Vec<HeaderValue>,
}

impl Prepared {
    /// Reads the files and holds the values against each other. Opens no database, takes no address.
    fn of(config: &Config) -> Result<Self, StartError> {
        config.limits.check()?;
        let access = config.access_file.as_deref();
        let access = access.map_or_else(|| Ok(Access::open()), Access::from_file)?;
        let tls = config.tls.clone().map(Tls::read).transpose()?.map(Arc::new);
        let origins = config.cors_origins.iter().map(origin).collect::<Result<Vec<_>, _>>()?;
        let listen = config.listen;
        if !listen.ip().is_loopback() && access.is_open() && !config.insecure {
            return Err(StartError::Exposed { listen });
        }
        let window = config.dedupe_window;
        if let Some(retention) = config.retention.max_age.filter(|age| *age < window) {
            return Err(StartError::Forgetful { retention, window });
        }
        Ok(Self { access, tls, origins })
    }
}

/// Whether [`start`] would take a configuration, as far as can be said without opening its database
/// or listening on its address.
pub fn check(config: &Config) -> Result<(), StartError> {
    Prepared::of(config).map(drop)
}

/// Opens the database and listens. Calls are answered once [`Running::run_until`] is awaited.
pub async fn start(config: Config) -> Result<Running, StartError> {
    let Prepared { access, tls, origins } = Prepared::of(&config)?;
    let (listen, limits) = (config.listen, config.limits);
    if !listen.ip().is_loopback() {
        if access.is_open() {
            warn!(%listen, "INSECURE: anyone who can reach this address can read and change everything");
        } else if tls.is_none() {
            warn!(%listen, "no TLS: whoever is on the way can read tokens; is there a proxy with TLS before this?");
        }
    }
    let unheard = |source| StartError::Listen { listen, source };
    // An address that is taken is found out before anything is made or read.
    let socket = if listen.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() };
    let socket = socket.map_err(unheard)?;
    // As a server that is started again at once needs it.
    socket.set_reuseaddr(true).map_err(unheard)?;
    socket.bind(listen).map_err(unheard)?;
    let clock = machine::clock();
    let start_time = clock.now();
    let (data, min_free_bytes) = (config.data, config.reserve.min_free_bytes);
    let options = Options {
        clock,
        dedupe_window: config.dedupe_window,
        retention: config.retention,
        reserve: config.reserve,
        stall_after: config.stall_after,
        limits: limits.model,
    };
    let directory = data.clone();
    let opened = tokio::task::spawn_blocking(move || Engine::start(&directory, options)).await;
    let engine = opened.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))?;
    // Only now, so that who can connect is answered.
    let listener = socket.listen(BACKLOG).map_err(unheard)?;
    let address = listener.local_addr().map_err(unheard)?;
    info!(
        %address, database_id = %engine.database_id(), events = engine.head().events,
        moves = engine.head().moves, entities = engine.counts().entities, "open"
    );
    let connections = config.connections;
    let services = Services { engine: engine.clone(), max_watch_age: connections.max_age, limits };
    let system = System {
        services: services.clone(),
        start_time,
        connections: connections.clone(),
        backup_patience: config.backup_patience,
        max_waiting: config.max_waiting,
    };
    let (health, routes) = routes(services.clone(), system)?;
    let arrivals = Arrivals::new(connections.keepalive_timeout);
    let gate = Gate::new(access.clone(), config.max_waiting, arrivals.clone());
    let telemetry = Telemetry::new(Given { data, min_free_bytes, lost_spans: config.lost_spans });
    let health = Health { reporter: health, telemetry: telemetry.clone() };
    health.report(ServingStatus::Serving).await;
    let seen = Seen { telemetry: telemetry.clone(), engine: engine.clone() };
    let doors = Doors { services, gate: gate.clone(), seen };
    let grpc = telemetry.layer(gate.layer(routes.prepare()));
    let http = http::router(doors, tls.is_some(), listen.ip().is_loopback());
    let front = Front::new(grpc, http, &origins, arrivals);
    Ok(Running { address, engine, health, front, listener, access, tls, connections })
}

/// What a browser would send of itself.
fn origin(origin: &String) -> Result<HeaderValue, StartError> {
    let malformed = || StartError::Origin { origin: origin.clone() };
    if origin != "*" {
        let uri: Uri = origin.parse().map_err(|_| malformed())?;
        if uri.scheme().is_none() || uri.host().is_none() || origin.ends_with('/') {
            return Err(malformed());
        }
    }
    HeaderValue::from_str(origin).map_err(|_| malformed())
}

/// All services, with health and reflection beside them.
fn routes(services: Services, system: System) -> Result<(HealthReporter, Routes), StartError> {
    let (health, health_service) = tonic_health::server::health_reporter();
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
    };
    let mut routes = Routes::builder();
    let most = services.limits.max_message_bytes;
    macro_rules! add {
        ($($server:ident($service:expr))+) => {$(
            routes.add_service($server::new($service).max_decoding_message_size(most));
        )+};
    }
    add! {
        PipelineServiceServer(services.clone())
        TriggerServiceServer(services.clone())
        EntityServiceServer(services.clone())
        EventServiceServer(services.clone())
        MoveServiceServer(services)
        SystemServiceServer(system)
    }
    routes.add_service(health_service);
    routes.add_service(reflection().build_v1()?);
    routes.add_service(reflection().build_v1alpha()?);
    Ok((health, routes.routes()))
}

/// Whose health is told: each service's, and that of the server as a whole.
const HEALTH_OF: [&str; 7] = [
    "",
    pipeline_service_server::SERVICE_NAME,
    trigger_service_server::SERVICE_NAME,
    entity_service_server::SERVICE_NAME,
    event_service_server::SERVICE_NAME,
    MOVE_SERVICE,
    system_service_server::SERVICE_NAME,
];

/// How the server says that it is well, over gRPC and over HTTP.
#[derive(Debug)]
struct Health {
    reporter: HealthReporter,
    telemetry: Telemetry,
}

impl Health {
    /// Tells the same of all services.
    async fn report(&self, status: ServingStatus) {
        self.telemetry.set_serving(status == ServingStatus::Serving);
        for service in HEALTH_OF {
            self.reporter.set_service_status(service, status).await;
        }
    }
}

/// Tells bad health while the writer does not get on: reads may wait then as well, and another server
/// would do better. It may recover by itself, as a disk does that hung.
async fn tell_stalls(engine: &Engine, health: &Health) -> Infallible {
    loop {
        engine.stalled().await;
        health.report(ServingStatus::NotServing).await;
        engine.gets_on().await;
        health.report(ServingStatus::Serving).await;
    }
}

/// Reads the files again that say who gets in, and by which certificate the server is known.
async fn keep_fresh(access: Access, tls: Option<Arc<Tls>>) -> Infallible {
    loop {
        tokio::time::sleep(FRESHNESS).await;
        let (access, tls) = (access.clone(), tls.clone());
        let read = tokio::task::spawn_blocking(move || {
            access.refresh();
            if let Some(tls) = tls {
                tls.refresh();
            }
        });
        // Whoever was let in before still is.
        if let Err(panic) = read.await {
            warn!(%panic, "the files of credentials were not read again");
        }
    }
}

impl Running {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What clients write before the address: `https` with TLS.
    pub fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }

    /// The engine behind it, for who wants to look at it without the network.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Answers a request as if it had come through a connection.
    #[cfg(feature = "fuzz")]
    pub(crate) async fn answer(
        &self,
        request: ::http::Request<tonic::body::Body>,
    ) -> ::http::Response<tonic::body::Body> {
        let answer = tower::ServiceExt::oneshot(self.front.clone(), request).await;
        answer.unwrap_or_else(|never| match never {})
    }

    /// Serves until `shutdown`, then lets calls in flight end: watches say goodbye, queued changes
    /// become durable. Ends by itself only when the engine fails.
    pub async fn run_until(
        mut self,
        shutdown: impl Future<Output = ()> + Send,
    ) -> Result<(), RunError> {
        let (stop, stopped) = oneshot::channel();
        let incoming = accept(
            self.listener,
            self.tls.clone(),
            &self.connections,
            self.health.telemetry.clone(),
        );
        let mut server = spawn(self.front, incoming, &self.connections, stopped);
        let failed = tokio::select! {
            () = shutdown => None,
            ended = self.engine.ended() => Some(ended),
            never = tell_stalls(&self.engine, &self.health) => match never {},
            never = keep_fresh(self.access.clone(), self.tls.clone()) => match never {},
        };
        info!("stopping");
        self.health.report(ServingStatus::NotServing).await;
        let _ = stop.send(());
        // Whoever watches the health has been told; their calls would never end by themselves.
        for service in HEALTH_OF {
            self.health.reporter.clear_service_status(service).await;
        }
        let ended = match failed {
            Some(ended) => ended,
            None => self.engine.stop().await,
        };
        match tokio::time::timeout(STOP_GRACE, &mut server).await {
            Ok(Ok(served)) => served?,
            Ok(Err(panic)) => warn!(%panic, "serving ended badly"),
            Err(_) => {
                warn!(grace = ?STOP_GRACE, "calls were still open; closing them");
                // It still holds the listener: who connects would wait for an answer for ever.
                server.abort();
            }
        }
        ended.map_err(RunError::Engine)
    }
}

/// Serves until `stopped` has something, or its sender is gone. Not generic, so that the whole of
/// HTTP is compiled here and not once more with every caller.
fn spawn(
    front: Front<Measured<Guarded<Routes>>>,
    incoming: impl Stream<Item = io::Result<Connection>> + Send + 'static,
    connections: &Connections,
    stopped: oneshot::Receiver<()>,
) -> JoinHandle<Result<(), tonic::transport::Error>> {
    let mut server = Server::builder()
        // For webhooks and gRPC-Web; what is gRPC comes by HTTP/2.
        .accept_http1(true)
        .http2_max_header_list_size(HEADERS_MAX_BYTES)
        // Left out, there would be no limit.
        .http2_max_local_error_reset_streams(Some(ERRORS_MAX))
        .http2_keepalive_interval(connections.keepalive_interval)
        .http2_keepalive_timeout(Some(connections.keepalive_timeout))
        .max_concurrent_streams(connections.max_streams);
    if let Some(age) = connections.max_age {
        // New calls go elsewhere; those that are open end by themselves, watches among them.
        server = server.max_connection_age(age);
    }
    let server = server.serve_with_incoming_shutdown(front, incoming, async {
        let _ = stopped.await;
    });
    tokio::spawn(server)
}
