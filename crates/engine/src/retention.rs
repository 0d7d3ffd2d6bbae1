//! How far back events, decisions, moves and watches reach (Q4): a thread of its own trims the log in
//! small steps, beside the writer.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use pawl_domain::Rejection;
use pawl_store::{Remembered, StoreError, TrimPolicy};
use tracing::{debug, error, info, warn};

use crate::core::Core;
use crate::{Earliest, Engine, EngineError};

/// How far back the log reaches unless said otherwise (Q4).
pub const DEFAULT_RETENTION: Duration = Duration::from_hours(30 * 24);
/// How many identities are remembered unless said otherwise.
pub const DEFAULT_MAX_IDENTITIES: u64 = 100_000_000;
/// How often it is looked whether something is to be trimmed.
const PAUSE: Duration = Duration::from_secs(1);
/// Between two steps, so that the writer gets its turn.
const BETWEEN_STEPS: Duration = Duration::from_millis(1);
/// How many triggers' statistics are written at a time.
const STATS_AT_ONCE: usize = 256;

/// How far back the log reaches. Whichever bound is met first holds, but nothing that the dedupe
/// window still needs is ever trimmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Older records are trimmed; `None` keeps them however old they are.
    pub max_age: Option<Duration>,
    /// The oldest are trimmed while the log has more bytes; `None` keeps them however many there are.
    pub max_bytes: Option<u64>,
    /// The oldest are trimmed while more than nine tenths of so many identities are remembered; when
    /// so many are, what would leave another is refused.
    pub max_identities: u64,
}

impl Retention {
    /// Refuses when no further identity is to be remembered.
    pub(crate) fn check(&self, remembered: u64) -> Result<(), Rejection> {
        let limit = self.max_identities;
        let full = Rejection::IdentitiesFull { count: remembered, limit };
        if remembered < limit { Ok(()) } else { Err(full) }
    }
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            max_age: Some(DEFAULT_RETENTION),
            max_bytes: None,
            max_identities: DEFAULT_MAX_IDENTITIES,
        }
    }
}

/// What is retained.
#[derive(Debug, Clone)]
pub struct Retained {
    /// Where it begins.
    pub earliest: Earliest,
    /// Events.
    pub events: u64,
    /// Moves.
    pub moves: u64,
    /// Bytes of the log.
    pub bytes: u64,
}

impl Engine {
    /// What is retained of events and moves.
    pub async fn retained(&self) -> Result<Retained, EngineError> {
        let earliest = self.core.earliest().await?;
        let (tail, head) = (self.core.store.tail(), self.head());
        Ok(Retained {
            earliest,
            events: head.events.saturating_sub(tail.events_before),
            moves: head.moves.saturating_sub(tail.moves_before),
            bytes: self.core.store.logged_bytes(),
        })
    }

    /// How many identities of events and requests are remembered, and what they take.
    pub fn remembered(&self) -> Remembered {
        self.core.store.identities()
    }
}

/// Looks after the room on the disk and in memory and trims, until the engine stops.
pub(crate) fn run(core: &Arc<Core>) {
    let closing = core.closing.subscribe();
    let (mut trimming, mut was_full) = (true, false);
    while !*closing.borrow() {
        core.disk.look();
        was_full = tell_if_full(core, was_full);
        // A trim writes as well, and gives the room that it makes to the database, not to the disk.
        if trimming
            && core.disk.check().is_ok()
            && let Err(error) = trim(core)
        {
            // Statistics that were not written must not lose their records. The next start counts
            // them anew.
            error!(%error, "the log is not trimmed any more until the server is started again");
            trimming = false;
        }
        thread::park_timeout(PAUSE);
    }
}

/// Says once in the log that no further identity is remembered, and once that they are again.
fn tell_if_full(core: &Core, was_full: bool) -> bool {
    let (count, limit) = (core.store.identities().count, core.options.retention.max_identities);
    let is_full = count >= limit;
    if is_full && !was_full {
        warn!(count, limit, "as many identities are remembered as may be: events are refused");
    } else if was_full && !is_full {
        info!(count, limit, "identities are forgotten again: events are accepted");
    }
    is_full
}

/// Trims what is to be trimmed now.
fn trim(core: &Core) -> Result<(), StoreError> {
    if core.store.is_pinned() {
        return Ok(());
    }
    let Retention { max_age, max_bytes, max_identities } = core.options.retention;
    // A tenth is kept free, so that it is not waited for a trim.
    let max_identities = max_identities - max_identities / 10;
    let head = core.hub.durable().head;
    let now = core.options.clock.now().max(head.time);
    let mut policy = TrimPolicy {
        expired_before: max_age.map(|age| now.before(age)),
        max_bytes,
        max_identities: Some(max_identities),
        keep_from: now.before(core.options.dedupe_window),
        keep_after: 0,
    };
    let is_old = match (policy.expired_before, core.store.oldest_time()?) {
        (Some(expired_before), Some(oldest)) => oldest < expired_before,
        _ => false,
    };
    let is_large = max_bytes.is_some_and(|bytes| core.store.logged_bytes() > bytes);
    let are_many = core.store.identities().count > max_identities;
    if !is_old && !is_large && !are_many {
        return Ok(());
    }
    policy.keep_after = save_stats(core)?;
    let before = core.store.tail().sequence;
    // A long trim is no reason not to look.
    while core.store.trim_step(&policy)? && !*core.closing.borrow() && core.disk.check().is_ok() {
        thread::sleep(BETWEEN_STEPS);
        core.disk.look();
    }
    let tail = core.store.tail().sequence;
    if tail > before {
        debug!(tail, bytes = core.store.logged_bytes(), "trimmed the log");
    }
    Ok(())
}

/// Writes what the log tells of triggers into rows, so that it is known without the log. Says up to
/// which record it holds.
fn save_stats(core: &Core) -> Result<u64, StoreError> {
    let (sequence, changed) = core.hub.take_changed_stats();
    for some in changed.chunks(STATS_AT_ONCE) {
        let (mut rows, mut gone) = (Vec::new(), Vec::new());
        for (id, stats) in some {
            match stats {
                Some(stats) => rows.push((id.clone(), *stats, sequence)),
                None => gone.push(id.clone()),
            }
        }
        core.store.put_trigger_stats(&rows)?;
        core.store.remove_trigger_stats(&gone)?;
        thread::sleep(BETWEEN_STEPS);
    }
    Ok(sequence)
}
