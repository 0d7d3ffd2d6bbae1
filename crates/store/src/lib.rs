//! Pawl's embedded store: a log of records and the rows that follow from it, kept in sled.
//!
//! A batch of records and rows is applied as one and is durable once it is synced; only that
//! yields a [`Committed`]. This crate deliberately does not know why anything changes, who waits
//! for it, or what time it is. `FORMAT.md` says what lies where, byte by byte.
//!
//! Start reading at [`Store::apply`].

mod backup;
mod checkpoint;
mod chunk;
mod commit;
mod compact;
mod convert;
mod directory;
mod error;
mod flush;
#[cfg(feature = "fuzz")]
pub mod fuzz;
mod identities;
mod journal;
mod keys;
mod log;
mod mark;
mod open;
mod outline;
mod overlay;
mod read;
mod readable;
mod record;
mod recount;
mod recover;
mod restore;
mod stats;
mod trim;
mod verify;
mod written;

#[expect(unreachable_pub, clippy::large_enum_variant, clippy::pedantic, reason = "generated code")]
mod pb {
    include!(concat!(env!("OUT_DIR"), "/pawl.storage.v1.rs"));
}

pub use backup::{
    BackupError, BackupReader, BackupSummary, BackupWriter, Entry, LogStep, Pin, RowsStep,
};
pub use commit::{Applied, Batch, Committed, EntityRow, Head, Link};
pub use compact::{CompactError, Compacted, compact};
pub use directory::database_bytes;
pub use error::{OpenError, StoreError};
pub use identities::Remembered;
pub use open::{DatabaseId, STORE, Store};
pub use read::{Page, Row};
pub use record::{Change, Record, RequestIdentity};
pub use restore::{RestoreError, Restored, restore};
pub use stats::StatsRow;
pub use trim::{Tail, TrimPolicy};
pub use verify::{Counted, Fault, Finding, Phase, Progress, Report, verify};
