use crate::{Rejection, Timestamp};

/// What every stored resource carries: a revision that grows by one with each change, and when it
/// was created and last changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Version {
    /// 1 at creation; an id that was deleted and is created again continues its count (T9, X6).
    pub revision: i64,
    /// Commit time of the creation.
    pub create_time: Timestamp,
    /// Commit time of the latest change.
    pub update_time: Timestamp,
}

impl Version {
    /// The version of something created now; `last_revision` is that of a deleted namesake, or 0.
    pub fn first(last_revision: i64, now: Timestamp) -> Self {
        Self { revision: last_revision + 1, create_time: now, update_time: now }
    }

    /// The version after one more change.
    #[must_use]
    pub fn next(self, now: Timestamp) -> Self {
        Self { revision: self.revision + 1, update_time: now, ..self }
    }

    /// Refuses unless the caller expects this revision; 0 expects nothing (X4, T9).
    pub fn expect(self, expected_revision: i64) -> Result<(), Rejection> {
        if expected_revision == 0 || expected_revision == self.revision {
            Ok(())
        } else {
            Err(Rejection::RevisionMismatch { expected_revision, actual_revision: self.revision })
        }
    }
}
