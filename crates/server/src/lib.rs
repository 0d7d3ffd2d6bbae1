//! Pawl's gRPC server: the services of the contract on one address, over the engine.
//!
//! A handler decodes, calls the engine and encodes; everything that is the same for all of them
//! (spans, health, reflection, errors) stands around them. This crate deliberately does not decide
//! anything and does not know how things are stored.
//!
//! Start reading at [`start`].

mod access;
mod arrival;
mod config;
mod connection;
mod flood;
mod frames;
#[cfg(feature = "fuzz")]
pub mod fuzz;
mod http;
mod limits;
mod machine;
mod page;
mod request;
mod serve;
mod services;
mod status;
mod telemetry;
mod tls;

pub use access::{
    AccessEditError, AccessFileError, Issued, Kind, Listed, Role, Secret, create as create_token,
    list as list_tokens, revoke as revoke_token,
};
pub use config::{Config, Connections, DEFAULT_DEDUPE_WINDOW, DEFAULT_MAX_WAITING};
pub use limits::{LimitError, Limits};
pub use pawl_domain::Limits as ModelLimits;
pub use pawl_engine::{
    DEFAULT_BACKUP_PATIENCE, DEFAULT_MAX_IDENTITIES, DEFAULT_MIN_FREE_BYTES, DEFAULT_RETENTION,
    DEFAULT_STALL_AFTER, FreeSpace, Reserve, Retention,
};
pub use serve::{RunError, Running, StartError, check, start};
pub use telemetry::{LostSpans, Traces, TracesConfig, TracesError};
pub use tls::{TlsError, TlsFiles};
