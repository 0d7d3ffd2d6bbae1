use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use bytesize::ByteSize;
use clap::{Args, ValueEnum};

use super::limits::LimitArgs;
use super::span;
use super::traces::TracesArgs;

const ACCESS: &str = "Who gets in";
/// Headings of the help, of `pawl config` and of docs/configuration.md. Fields stand in this order.
const DATA: &str = "Data";
const LISTENING: &str = "Listening";
const RETENTION: &str = "What is retained";
const CONNECTIONS: &str = "Connections";
const LOG: &str = "Log";
/// How a bound that does not bind is written.
const UNLIMITED: &str = "unlimited";

const NOTES: &str = "\
Every option is also a variable of the environment and a key in the file: --stall-after 5s is \
PAWL_STALL_AFTER=5s, and stall_after = \"5s\" there. A flag weighs more than the environment, that \
more than the file, and that more than the default. `pawl config example` prints a file to begin \
with, and `pawl config check` what would be used and where it comes from.";

#[derive(Debug, Args)]
#[command(after_help = NOTES)]
pub(crate) struct ServeArgs {
    /// Reads what is not said here from this file, in TOML.
    #[arg(long, value_name = "FILE", env = "PAWL_CONFIG_FILE", hide_env_values = true)]
    pub(crate) config: Option<PathBuf>,

    /// Sets up a sample sales pipeline, plays its customers and prints the moves.
    #[arg(long)]
    pub(crate) demo: bool,

    /// Where the data is kept; created when it is missing.
    ///
    /// [default: ./pawl-data; with --demo a temporary directory that is removed at the end]
    #[arg(long, value_name = "DIR", help_heading = DATA)]
    pub(crate) data: Option<PathBuf>,

    /// How much room the disk keeps: with less, writes are refused until there is room again, and
    /// reads and watches go on. `unlimited` writes on until the disk is full, after which the
    /// database may not open.
    #[arg(long, value_name = "SIZE", default_value = "256MiB", value_parser = reserve, help_heading = DATA)]
    pub(crate) min_free_bytes: u64,

    /// When work is in hand and nothing becomes of it for so long, as on a disk that hangs, health is
    /// NOT_SERVING and the log says where it is stuck. Nothing else happens, and it may go on.
    #[arg(long, value_name = "SPAN", default_value = "10s", value_parser = span, help_heading = DATA)]
    pub(crate) stall_after: Duration,

    /// A backup of which nothing is taken for so long is ended: it keeps the log from being trimmed.
    /// In all it may take 24 hours.
    #[arg(long, value_name = "SPAN", default_value = "1m", value_parser = span, help_heading = DATA)]
    pub(crate) backup_patience: Duration,

    /// Where to listen. Port 0 takes a free one, which is then printed.
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:7171", help_heading = LISTENING)]
    pub(crate) listen: SocketAddr,

    /// Lets anyone who reaches a --listen address that is not loopback do everything.
    #[arg(long, help_heading = ACCESS)]
    pub(crate) insecure: bool,

    /// Who may call, and for what: a TOML file of hashed tokens, client certificates, webhooks and
    /// whose JSON Web Tokens are believed. `pawl token create` makes one. Read again when it changes.
    ///
    /// Without it nobody has to say who they are, and only loopback addresses are listened on.
    #[arg(long, value_name = "FILE", help_heading = ACCESS, conflicts_with = "demo")]
    pub(crate) access_file: Option<PathBuf>,

    /// The server's certificate in PEM, with those between it and its authority. Clients then need
    /// https. Read again when it changes.
    #[arg(long, value_name = "FILE", help_heading = ACCESS, requires = "tls_key", conflicts_with = "demo")]
    pub(crate) tls_cert: Option<PathBuf>,

    /// The private key of --tls-cert in PEM.
    #[arg(long, value_name = "FILE", help_heading = ACCESS, requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,

    /// Authorities in PEM whose client certificates are believed. The names in such a certificate are
    /// looked up in --access-file; who shows none needs a token.
    #[arg(long, value_name = "FILE", help_heading = ACCESS, requires = "tls_cert", requires = "access_file")]
    pub(crate) tls_client_ca: Option<PathBuf>,

    /// An origin whose pages may call from a browser, such as https://board.example.com; `*` stands
    /// for all. Can be repeated.
    #[arg(long, value_name = "ORIGIN", help_heading = ACCESS)]
    pub(crate) cors_origin: Vec<String>,

    /// For how long the ids of events and requests are remembered, such as 90m, 24h or 7d.
    #[arg(long, value_name = "SPAN", default_value = "24h", value_parser = span, help_heading = RETENTION)]
    pub(crate) dedupe_window: Duration,

    /// How far back events, decisions, moves and watches reach, such as 30d, or `unlimited`. Not
    /// shorter than --dedupe-window.
    #[arg(long, value_name = "SPAN", default_value = "30d", help_heading = RETENTION)]
    pub(crate) retention: Bound,

    /// How large the log may grow before its oldest part is trimmed, such as 20GiB, or `unlimited`.
    /// Nothing younger than --dedupe-window is trimmed, however large it is.
    #[arg(long, value_name = "SIZE", default_value = "unlimited", value_parser = size, help_heading = RETENTION)]
    pub(crate) retention_bytes: u64,

    /// How many identities of events and requests are remembered at most. A million take about
    /// 20 MiB of memory.
    ///
    /// Beyond nine tenths of them the oldest part of the log is trimmed, as with --retention-bytes.
    /// When all are within --dedupe-window, events and requests with a request_id are refused until
    /// the oldest are not: with 24h this takes a steady rate of N / 86,400 a second.
    #[arg(
        long,
        value_name = "N",
        default_value_t = pawl_server::DEFAULT_MAX_IDENTITIES,
        value_parser = clap::value_parser!(u64).range(1..),
        help_heading = RETENTION
    )]
    pub(crate) max_identities: u64,

    /// A connection that has been silent for so long is asked whether its client is still there;
    /// `unlimited` never asks.
    #[arg(long, value_name = "SPAN", default_value = "30s", help_heading = CONNECTIONS)]
    pub(crate) keepalive_interval: Bound,

    /// A connection whose client does not answer for so long, or takes nothing, is closed; a request
    /// of which no 64 KiB arrive within it is ended.
    #[arg(long, value_name = "SPAN", default_value = "20s", value_parser = span, help_heading = CONNECTIONS)]
    pub(crate) keepalive_timeout: Duration,

    /// How many calls one connection may have open at a time, watches among them.
    #[arg(
        long,
        value_name = "N",
        default_value_t = 1_024,
        value_parser = clap::value_parser!(u32).range(1..=1_000_000),
        help_heading = CONNECTIONS
    )]
    pub(crate) max_streams_per_connection: u32,

    /// How many connections may be open at a time; further ones are closed at once.
    #[arg(
        long,
        value_name = "N",
        default_value_t = 10_000,
        value_parser = clap::value_parser!(u32).range(1..=1_000_000),
        help_heading = CONNECTIONS
    )]
    pub(crate) max_connections: u32,

    /// How long a client may take from the connection to its first words, TLS included.
    #[arg(long, value_name = "SPAN", default_value = "10s", value_parser = span, help_heading = CONNECTIONS)]
    pub(crate) handshake_timeout: Duration,

    /// How many unary calls may wait to be decided, all clients together; of one connection no more
    /// than it leaves free for others. Further ones are refused with RESOURCE_EXHAUSTED and told when
    /// to try again; streams wait instead.
    #[arg(
        long,
        value_name = "N",
        default_value_t = pawl_server::DEFAULT_MAX_WAITING,
        value_parser = clap::value_parser!(u32).range(1..=1_000_000),
        help_heading = CONNECTIONS
    )]
    pub(crate) max_waiting_calls: u32,

    /// How old a connection and a watch may become before the client is asked to connect anew, give
    /// or take a tenth, so that clients spread over servers behind a balancer.
    #[arg(long, value_name = "SPAN", default_value = "unlimited", help_heading = CONNECTIONS)]
    pub(crate) max_connection_age: Bound,

    #[command(flatten)]
    pub(crate) limits: LimitArgs,

    /// What to log: a level, or levels by module such as `info,pawl_engine=debug`.
    #[arg(
        long,
        value_name = "FILTER",
        default_value = "info",
        value_parser = log_filter,
        help_heading = LOG
    )]
    pub(crate) log: String,

    /// How the log is written to standard error.
    #[arg(long, value_name = "FORMAT", default_value = "pretty", help_heading = LOG)]
    pub(crate) log_format: LogFormat,

    #[command(flatten)]
    pub(crate) traces: TracesArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// A line for people, in color on a terminal.
    Pretty,
    /// A JSON object in each line.
    Json,
}

/// A span that may be unlimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bound(pub(crate) Option<Duration>);

impl FromStr for Bound {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            UNLIMITED => Ok(Self(None)),
            text => match span(text)? {
                Duration::ZERO => Err(format!("it must not be zero; write `{UNLIMITED}`")),
                span => Ok(Self(Some(span))),
            },
        }
    }
}

/// A number of bytes; 0 for one that is unlimited.
fn size(text: &str) -> Result<u64, String> {
    match text {
        UNLIMITED => Ok(0),
        text => match text.parse::<ByteSize>() {
            Ok(ByteSize(0)) => Err(format!("it must not be zero; write `{UNLIMITED}`")),
            Ok(ByteSize(bytes)) => Ok(bytes),
            Err(problem) => Err(format!("{problem}; write it like 500MiB or 20GiB")),
        },
    }
}

/// The same where 0 can be written as well.
fn reserve(text: &str) -> Result<u64, String> {
    if text == "0" { Ok(0) } else { size(text) }
}

fn log_filter(text: &str) -> Result<String, String> {
    match text.parse::<tracing_subscriber::EnvFilter>() {
        Ok(_) => Ok(text.to_owned()),
        Err(problem) => Err(problem.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_spans_and_sizes_or_unlimited() {
        assert_eq!("unlimited".parse(), Ok(Bound(None)));
        assert_eq!("36h".parse(), Ok(Bound(Some(Duration::from_hours(36)))));
        for text in ["0s", "", "soon", "-1h"] {
            assert!(text.parse::<Bound>().is_err(), "{text}");
        }
        assert_eq!(size("unlimited"), Ok(0));
        assert_eq!(size("2GiB"), Ok(2 << 30));
        assert_eq!(size("1048576"), Ok(1 << 20));
        for text in ["0", "", "much", "-1"] {
            assert!(size(text).is_err(), "{text}");
        }
        assert_eq!(
            (reserve("0"), reserve("unlimited"), reserve("1KiB")),
            (Ok(0), Ok(0), Ok(1_024))
        );
    }
}
