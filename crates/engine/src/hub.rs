use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError, RwLock};
use std::thread;
use std::time::Duration;

use pawl_domain::{TriggerId, TriggerStats, TriggerTally};
use pawl_store::{Change, Committed, DatabaseId, Head, Record, Store, StoreError};
use tokio::sync::watch;

use crate::ring::{Following, Ring};
use crate::token::Position;
use crate::watch::{Audience, Interest, Place, Stretch};

/// When many watchers were woken the next ones are woken a little later, so that each message
/// carries more: this long for each of them, and at most that long.
const PAUSE_PER_WATCHER: Duration = Duration::from_micros(100);
const PAUSE_MAX: Duration = Duration::from_millis(50);

/// How many of each thing there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Pipelines.
    pub pipelines: u64,
    /// Trigger types.
    pub trigger_types: u64,
    /// Triggers.
    pub triggers: u64,
    /// Entities.
    pub entities: u64,
}

/// What is durable: where the log ends, its newest part, and who watches it.
#[derive(Debug)]
pub(crate) struct Hub {
    database_id: DatabaseId,
    head: watch::Sender<Durable>,
    ring: RwLock<Ring>,
    audience: Arc<Audience>,
    news: News,
    /// How alive each trigger is, by what is durable (Q3).
    stats: RwLock<Stats>,
    /// Up to where the log can be read already, durable or not.
    decided: AtomicU64,
}

/// The durable end of the log, and what there was then.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Durable {
    pub(crate) head: Head,
    pub(crate) counts: Counts,
}

/// The statistics of triggers, with the last record that is counted.
#[derive(Debug)]
struct Stats {
    tally: TriggerTally,
    through: u64,
}

/// Wakes the one who tells the audience.
#[derive(Debug)]
struct News {
    latest: Mutex<Latest>,
    changed: Condvar,
}

#[derive(Debug, Clone, Copy)]
struct Latest {
    sequence: u64,
    over: bool,
}

impl Hub {
    /// A hub that begins where the store ends, with the newest part of its log.
    pub(crate) fn recover(
        store: &Store,
        counts: Counts,
        stats: TriggerTally,
    ) -> Result<Self, StoreError> {
        let head = store.recovered();
        let latest = Mutex::new(Latest { sequence: head.sequence, over: false });
        Ok(Self {
            database_id: store.database_id(),
            head: watch::Sender::new(Durable { head, counts }),
            ring: RwLock::new(Ring::recover(store, head)?),
            audience: Arc::new(Audience::new(head)),
            news: News { latest, changed: Condvar::new() },
            stats: RwLock::new(Stats { tally: stats, through: head.sequence }),
            decided: AtomicU64::new(head.sequence),
        })
    }

    /// Shows what was committed to watchers and reads.
    pub(crate) fn announce(&self, committed: &Committed, counts: Counts) {
        let Some(head) = committed.head() else { return };
        let mut stats = self.stats.write().unwrap_or_else(PoisonError::into_inner);
        committed.records().for_each(|record| count(&mut stats.tally, record));
        stats.through = head.sequence;
        drop(stats);
        self.show(committed.records(), Durable { head, counts });
    }

    /// Puts records into the ring, and moves the head.
    pub(crate) fn show<'r>(
        &self,
        records: impl Iterator<Item = &'r Arc<Record>>,
        durable: Durable,
    ) {
        let newest = Stretch::cut(self.database_id, records);
        let mut ring = self.ring.write().unwrap_or_else(PoisonError::into_inner);
        ring.extend(newest, durable.head);
        // Before the ring is released: a token that it yields is never ahead of the head.
        self.head.send_replace(durable);
        drop(ring);
        let mut latest = self.news.latest.lock().unwrap_or_else(PoisonError::into_inner);
        latest.sequence = durable.head.sequence;
        drop(latest);
        // Nobody there needs nobody to be woken.
        if !self.audience.is_empty() {
            self.news.changed.notify_one();
        }
    }

    /// Tells the audience of what is announced, until it is over. A thread of its own does this, so
    /// that the number of watchers costs the commit nothing.
    pub(crate) fn tell(&self) {
        loop {
            let told = self.audience.reached();
            let latest = self.news.latest.lock().unwrap_or_else(PoisonError::into_inner);
            let waiting = |latest: &mut Latest| latest.sequence <= told.sequence && !latest.over;
            let latest = self.news.changed.wait_while(latest, waiting);
            if latest.unwrap_or_else(PoisonError::into_inner).over {
                return;
            }
            let ring = self.ring.read().unwrap_or_else(PoisonError::into_inner);
            let (stretches, head) =
                (ring.behind(Position::after(told.sequence)), self.durable().head);
            drop(ring);
            let woken = self.audience.tell(stretches.as_deref(), head);
            let woken = u32::try_from(woken).unwrap_or(u32::MAX);
            if woken > 1 {
                thread::sleep(PAUSE_PER_WATCHER.saturating_mul(woken).min(PAUSE_MAX));
            }
        }
    }

    /// Nothing will be announced any more.
    pub(crate) fn end(&self) {
        self.news.latest.lock().unwrap_or_else(PoisonError::into_inner).over = true;
        self.news.changed.notify_all();
    }

    /// Takes a place in the audience, and says from where on its watcher will be told.
    pub(crate) fn join(&self, interest: Interest) -> (Place, Head) {
        let joined = self.audience.join(interest);
        // Who is the first has perhaps much to be told of.
        self.news.changed.notify_one();
        joined
    }

    /// How alive a trigger is.
    pub(crate) fn stats_of(&self, id: &TriggerId) -> TriggerStats {
        self.stats.read().unwrap_or_else(PoisonError::into_inner).tally.of(id)
    }

    /// The statistics of the triggers that moved most, and of all others together.
    pub(crate) fn busiest(&self, most: usize) -> (Vec<(TriggerId, TriggerStats)>, TriggerStats) {
        self.stats.read().unwrap_or_else(PoisonError::into_inner).tally.busiest(most)
    }

    /// How many watch, and by how many records the last of them is behind.
    pub(crate) fn watchers(&self) -> (usize, u64) {
        self.audience.lag()
    }

    /// What is known of the triggers of which more is known since this was asked last, `None` of
    /// those that are gone; and the last record that is counted.
    pub(crate) fn take_changed_stats(&self) -> (u64, Vec<(TriggerId, Option<TriggerStats>)>) {
        let mut stats = self.stats.write().unwrap_or_else(PoisonError::into_inner);
        (stats.through, stats.tally.take_changed())
    }

    pub(crate) fn durable(&self) -> Durable {
        *self.head.borrow()
    }

    /// Wakes whenever the durable end of the log moves.
    pub(crate) fn subscribe(&self) -> watch::Receiver<Durable> {
        self.head.subscribe()
    }

    pub(crate) fn set_decided(&self, sequence: u64) {
        self.decided.store(sequence, Ordering::Release);
    }

    /// The position up to which a read that has ended may have seen the log.
    pub(crate) fn decided(&self) -> u64 {
        self.decided.load(Ordering::Acquire)
    }

    /// What follows a position, as far as memory reaches.
    pub(crate) fn following(&self, position: Position) -> Following {
        self.ring.read().unwrap_or_else(PoisonError::into_inner).following(position)
    }
}

/// Adds what one record tells of triggers.
fn count(stats: &mut TriggerTally, record: &Record) {
    stats.count(record.decisions(), record.sequence, record.time);
    if let Change::TriggerDeleted(trigger) = &record.change {
        stats.forget(&trigger.id);
    }
}
