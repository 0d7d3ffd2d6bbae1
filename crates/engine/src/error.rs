use pawl_domain::Rejection;
use pawl_store::StoreError;

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
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum WatchError {
    /// The token's bytes are not one that this service gave out.
    #[error("the resume token is damaged; start from EARLIEST or NOW instead")]
    Damaged,
    /// The token is another database's, or lies ahead of this one.
    #[error("the resume token is not of this database; start from EARLIEST or NOW instead")]
    Foreign,
}
