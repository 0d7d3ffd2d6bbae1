use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use pawl_domain::{Entity, Timestamp};

use super::filter::MoveFilter;
use super::stretch::Stretch;
use crate::ResumeToken;

/// Where a watch begins (W1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// After everything that is durable now.
    Now,
    /// With the first move that is retained.
    Earliest,
    /// With the matching entities as they stand.
    Snapshot,
    /// Where an earlier watch left off.
    Resume(Vec<u8>),
}

/// What a watch shows.
#[derive(Debug, Clone, Default)]
pub struct Show {
    /// Which moves, and which entities.
    pub filter: MoveFilter,
    /// Also entities that are created, updated or deleted, and that enter or leave the filter.
    pub entity_changes: bool,
}

impl From<MoveFilter> for Show {
    fn from(filter: MoveFilter) -> Self {
        Self { filter, entity_changes: false }
    }
}

/// What a watch shows next.
#[derive(Debug)]
pub enum Step {
    /// Some of what a stretch of the log has to show.
    Stretch {
        /// The stretch, which all watches share.
        stretch: Arc<Stretch>,
        /// What of it, in order.
        picks: Vec<Pick>,
        /// Whether its tokens resume this watch: not before its snapshot is complete (W2).
        resumable: bool,
    },
    /// Entities of the snapshot.
    Entities(Vec<Arc<Entity>>),
    /// The snapshot is complete (W1).
    SnapshotComplete {
        /// Resumes after it.
        token: ResumeToken,
        /// How many entities it had.
        entities: u64,
    },
    /// Nothing new, or nothing that matches: a sign of life (W3).
    Heartbeat {
        /// Resumes after everything that was looked at; `None` before the snapshot is complete.
        token: Option<ResumeToken>,
        /// Resumes after everything there is.
        head_token: ResumeToken,
        /// Moves between the two.
        lag_moves: u64,
        /// Time between the two.
        lag: Duration,
        /// The time here.
        now: Timestamp,
    },
    /// The watch ends here; nothing follows (W6).
    Closing {
        /// Resumes after everything that was shown; `None` before the snapshot is complete.
        token: Option<ResumeToken>,
        /// Why.
        why: Closing,
    },
}

/// What of a stretch is shown.
#[derive(Debug, Clone)]
pub enum Pick {
    /// These of its items.
    Items(Range<usize>),
    /// An entity that enters or leaves the filter by the next item, as it stands now.
    Entity {
        /// Resumes after it.
        token: ResumeToken,
        /// The entity.
        entity: Arc<Entity>,
    },
    /// An entity that left the filter by the next item and is gone by now, or outside of the scope.
    Deleted {
        /// Resumes after it.
        token: ResumeToken,
        /// What it was, with the revision of the deletion; or where it stood, with that of the move.
        entity: Arc<Entity>,
    },
}

/// Why a watch ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Closing {
    /// The server is stopping.
    Stopping,
    /// What it would show next is no longer retained (Q4).
    Expired(Earliest),
}

/// Where the retained log begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Earliest {
    /// Resumes with the first retained move.
    pub token: ResumeToken,
    /// When the first retained record was committed; `None` when there is none.
    pub time: Option<Timestamp>,
}
