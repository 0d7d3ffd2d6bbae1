//! What the server can do. One line each, so that a proof that is ahead of its server can wait.

use std::time::Duration;

/// Watches that begin with a SNAPSHOT.
pub(crate) const SNAPSHOTS: bool = true;
/// Watches that ask for entity changes.
pub(crate) const ENTITY_CHANGES: bool = true;
/// Servers that keep little of the log.
pub(crate) const TRIMS: bool = true;

/// How little: as long as nobody needs it for the identities of events...
pub(crate) const DEDUPE_WINDOW: Duration = Duration::from_millis(500);
/// ...and no more than this.
pub(crate) const RETENTION_BYTES: u64 = 8 * 1_024;
