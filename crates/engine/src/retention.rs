//! How far back events, decisions, moves and watches reach (Q4): a thread of its own trims the log in
//! small steps, beside the writer.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use pawl_store::{StoreError, TrimPolicy};
use tracing::{debug, error};

use crate::core::Core;
use crate::{Earliest, Engine, EngineError};

/// How far back the log reaches unless said otherwise (Q4).
pub const DEFAULT_RETENTION: Duration = Duration::from_hours(30 * 24);
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
}

impl Default for Retention {
    fn default() -> Self {
        Self { max_age: Some(DEFAULT_RETENTION), max_bytes: None }
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
}

/// Looks after the room on the disk and trims, until the engine stops.
pub(crate) fn run(core: &Arc<Core>) {
    let closing = core.closing.subscribe();
    let mut trimming = true;
    while !*closing.borrow() {
        core.disk.look();
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

/// Trims what is to be trimmed now.
fn trim(core: &Core) -> Result<(), StoreError> {
    if core.store.is_pinned() {
        return Ok(());
    }
    let Retention { max_age, max_bytes } = core.options.retention;
    let head = core.hub.durable().head;
    let now = core.options.clock.now().max(head.time);
    let mut policy = TrimPolicy {
        expired_before: max_age.map(|age| now.before(age)),
        max_bytes,
        keep_from: now.before(core.options.dedupe_window),
        keep_after: 0,
    };
    let is_old = match (policy.expired_before, core.store.oldest_time()?) {
        (Some(expired_before), Some(oldest)) => oldest < expired_before,
        _ => false,
    };
    let is_large = max_bytes.is_some_and(|bytes| core.store.logged_bytes() > bytes);
    if !is_old && !is_large {
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
