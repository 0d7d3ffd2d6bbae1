//! The engine: one writer decides, commits and announces; reads and watches stand beside it.
//!
//! A change goes through a bounded queue into the writer thread, which decides it on the newest
//! state and applies it to the store; the committer thread makes it durable, announces it to
//! watchers and only then lets the answer go. This crate deliberately does not know how requests
//! arrive or how answers leave.
//!
//! Start reading at [`Engine::publish`], then the writer's loop.

mod backup;
mod board;
mod cache;
mod clock;
mod committer;
mod configure;
mod core;
mod disk;
mod entities;
mod error;
mod events;
#[cfg(feature = "feed")]
mod feed;
mod handle;
mod hub;
mod meters;
mod operations;
mod progress;
mod publish;
mod read;
mod retention;
mod ring;
mod scope;
mod seen;
mod state;
mod token;
mod walk;
mod watch;
mod why;
mod writer;

pub use self::core::Options;
pub use backup::{BACKUP_MAX_TIME, Backup, BackupFailure, DEFAULT_BACKUP_PATIENCE};
pub use board::{Board, BoardStage};
pub use clock::{Clock, SystemTime};
pub use disk::{DEFAULT_MIN_FREE_BYTES, FreeSpace, Reserve};
pub use entities::{Changed, ImportSummary, MoveByHand, OnExisting, UpdateByHand};
pub use error::{EngineError, WatchError};
pub use events::{EventQuery, EventsPage, LoggedEvent};
pub use handle::{Engine, QUEUE_CAPACITY};
pub use hub::Counts;
pub use meters::{Distribution, Histogram, Observed};
pub use operations::Publishing;
pub use pawl_store::{
    Change, Head, OpenError, Page, Record, Remembered, RequestIdentity, STORE, Store,
};
pub use progress::DEFAULT_STALL_AFTER;
pub use publish::{Previewed, Published, Told};
pub use read::{EntityQuery, LoggedMove, MoveQuery, MovesPage, TriggerQuery};
pub use retention::{DEFAULT_MAX_IDENTITIES, DEFAULT_RETENTION, Retained, Retention};
pub use scope::Scope;
pub use token::ResumeToken;
pub use watch::{
    Closing, Earliest, Encoded, MoveFilter, Pick, Show, Shown, Start, Step, Stretch, Watch,
};
pub use why::{LoggedVerdict, VerdictQuery, VerdictsPage};
