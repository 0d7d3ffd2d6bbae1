//! Pawl's gRPC server: the services of the contract on one address, over the engine.
//!
//! A handler decodes, calls the engine and encodes; everything that is the same for all of them
//! (spans, health, reflection, errors) stands around them. This crate deliberately does not decide
//! anything and does not know how things are stored.
//!
//! Start reading at [`start`].

mod config;
mod frames;
mod machine;
mod page;
mod request;
mod serve;
mod services;
mod status;

pub use config::{Config, Connections, DEFAULT_DEDUPE_WINDOW};
pub use pawl_engine::{
    DEFAULT_BACKUP_PATIENCE, DEFAULT_MAX_IDENTITIES, DEFAULT_MIN_FREE_BYTES, DEFAULT_RETENTION,
    DEFAULT_STALL_AFTER, FreeSpace, Reserve, Retention,
};
pub use serve::{RunError, Running, StartError, start};
