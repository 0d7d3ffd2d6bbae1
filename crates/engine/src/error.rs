use pawl_domain::Rejection;
use pawl_store::StoreError;

use crate::Earliest;

/// Why the engine gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The caller's mistake; nothing was written.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The engine is stopping; nothing was written.
    #[error("the server is stopping; nothing was written, try again")]
    Stopping,
    /// A commit failed: the change may or may not survive.
    #[error("a commit failed, so the outcome is unknown; send the same again")]
    OutcomeUnknown,
    /// A read failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a watch cannot start where it was asked to (W5).
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// The token's bytes are not one that this service gave out.
    #[error("the resume token is damaged; start from EARLIEST, SNAPSHOT or NOW instead")]
    Damaged,
    /// The token is another database's, or lies ahead of this one.
    #[error(
        "the resume token is not of this database; start from EARLIEST, SNAPSHOT or NOW instead"
    )]
    Foreign,
    /// What follows the token is no longer retained (Q4).
    #[error(
        "moves after the resume token are no longer retained; take a snapshot, or go on with the \
         earliest token and know that moves are missing"
    )]
    Expired(Earliest),
    /// A read failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
