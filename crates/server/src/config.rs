use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use pawl_engine::{
    DEFAULT_BACKUP_PATIENCE, DEFAULT_MIN_FREE_BYTES, DEFAULT_STALL_AFTER, Reserve, Retention,
};

use crate::limits::Limits;
use crate::machine;
use crate::telemetry::LostSpans;
use crate::tls::TlsFiles;

/// For how long event and request identities are remembered unless said otherwise (E4).
pub const DEFAULT_DEDUPE_WINDOW: Duration = Duration::from_hours(24);

/// Unary calls that may be waiting to be decided unless said otherwise: a tenth of a second's work.
pub const DEFAULT_MAX_WAITING: u32 = 4_096;

/// How to serve.
#[derive(Debug, Clone)]
pub struct Config {
    /// The directory of the database; made where it is missing.
    pub data: PathBuf,
    /// Where to listen; port 0 chooses a free one.
    pub listen: SocketAddr,
    /// Allows to listen beyond loopback although nobody has to say who they are.
    pub insecure: bool,
    /// Who gets in; `None` lets everyone do everything.
    pub access_file: Option<PathBuf>,
    /// TLS; `None` speaks in the clear.
    pub tls: Option<TlsFiles>,
    /// Origins whose pages may call from a browser, such as `https://board.example.com`; `*` stands
    /// for all.
    pub cors_origins: Vec<String>,
    /// For how long event and request identities are remembered (E4).
    pub dedupe_window: Duration,
    /// How far back events, decisions, moves and watches reach; at least the dedupe window (Q4).
    pub retention: Retention,
    /// What stays free on the file system of the data.
    pub reserve: Reserve,
    /// After how long health is told to be bad when work is in hand and nothing becomes of it.
    pub stall_after: Duration,
    /// How long nothing may be taken of a backup before it is ended: it holds up trimming.
    pub backup_patience: Duration,
    /// How connections live.
    pub connections: Connections,
    /// Unary calls that may be waiting to be decided, all clients together; further ones are refused.
    pub max_waiting: u32,
    /// How much one request may hold.
    pub limits: Limits,
    /// Of [`Traces::lost`](crate::Traces::lost), so that it is told among the numbers.
    pub lost_spans: LostSpans,
}

/// How connections live, and the watches on them: which are held for weeks, through proxies that cut
/// what is idle and balancers that would like to spread them anew.
#[derive(Debug, Clone)]
pub struct Connections {
    /// After so long without a word from the client it is asked whether it is there; `None`: never.
    pub keepalive_interval: Option<Duration>,
    /// A connection that does not answer for so long is dead.
    pub keepalive_timeout: Duration,
    /// Calls that one connection may have open at a time.
    pub max_streams: u32,
    /// Connections that may be open at a time; further ones are closed at once.
    pub max_connections: u32,
    /// How long a client may take from the connection to its first words, TLS included.
    pub handshake_timeout: Duration,
    /// How old a connection may become before new calls are sent elsewhere, and a watch before it is
    /// told to come back, give or take a tenth; `None`: of any age.
    pub max_age: Option<Duration>,
}

impl Default for Connections {
    fn default() -> Self {
        Self {
            keepalive_interval: Some(Duration::from_secs(30)),
            keepalive_timeout: Duration::from_secs(20),
            max_streams: 1_024,
            max_connections: 10_000,
            handshake_timeout: Duration::from_secs(10),
            max_age: None,
        }
    }
}

impl Config {
    /// Everything as it is unless said otherwise.
    pub fn new(data: PathBuf, listen: SocketAddr) -> Self {
        Self {
            data,
            listen,
            insecure: false,
            access_file: None,
            tls: None,
            cors_origins: Vec::new(),
            dedupe_window: DEFAULT_DEDUPE_WINDOW,
            retention: Retention::default(),
            reserve: Reserve {
                min_free_bytes: DEFAULT_MIN_FREE_BYTES,
                free_space: machine::free_space(),
            },
            stall_after: DEFAULT_STALL_AFTER,
            backup_patience: DEFAULT_BACKUP_PATIENCE,
            connections: Connections::default(),
            max_waiting: DEFAULT_MAX_WAITING,
            limits: Limits::default(),
            lost_spans: LostSpans::default(),
        }
    }
}

/// Most bytes of a request's headers, tokens among them.
pub(crate) const HEADERS_MAX_BYTES: u32 = 16 * 1_024;
/// So often may the server have to end a stream of a connection for what its client did wrong.
pub(crate) const ERRORS_MAX: usize = 1_024;
/// How many results a page of a list has unless said otherwise, if so many may be.
pub(crate) const PAGE_SIZE_DEFAULT: usize = 50;
/// Most values in one list of a watch's filter.
pub(crate) const FILTER_VALUES_MAX: usize = 1_000;
/// How often a quiet watch shows a sign of life (W3).
pub(crate) const HEARTBEAT_MIN: Duration = Duration::from_secs(1);
pub(crate) const HEARTBEAT_MAX: Duration = Duration::from_mins(1);
pub(crate) const HEARTBEAT_DEFAULT: Duration = Duration::from_secs(15);
/// Requests of one `PublishEvents` stream, and events in them, that may wait until their outcomes are
/// read; then its reading pauses.
pub(crate) const STREAM_REQUESTS_MAX: usize = 256;
pub(crate) const STREAM_EVENTS_MAX: usize = 4_096;
/// Requests of one stream that have arrived already are joined until they have this many events.
pub(crate) const TOGETHER_EVENTS: usize = 128;
/// A response with outcomes is closed once it has grown to this: clients refuse more than 4 MiB.
pub(crate) const RESPONSE_BYTES: usize = 1_024 * 1_024;
/// How long calls in flight may take to end when the server stops.
pub(crate) const STOP_GRACE: Duration = Duration::from_secs(10);
