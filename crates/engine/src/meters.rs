//! Numbers by which an engine is seen from outside. What is counted costs the writer a few additions
//! for each batch, nothing for each event; who asks does the rest.

use std::array;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use pawl_domain::{Outcome, TriggerId, TriggerStats};
use pawl_store::{Committed, Remembered};

use crate::core::QUEUE_WEIGHT;
use crate::{Counts, Engine};

/// How many bounds a histogram has; beyond the last is one bucket more.
const BOUNDS: usize = 16;

/// How often what was seen: a fixed row of counters, so that to count is three additions.
#[derive(Debug)]
pub struct Histogram {
    bounds: &'static [u64; BOUNDS],
    buckets: [AtomicU64; BOUNDS + 1],
    sum: AtomicU64,
}

/// What a histogram has counted.
#[derive(Debug, Clone)]
pub struct Distribution {
    /// Up to and at which value, and how many were in the bucket. The last bucket has no bound.
    pub buckets: Vec<(Option<u64>, u64)>,
    /// All values together.
    pub sum: u64,
}

/// Bounds for spans of time, in microseconds: 50 µs to 10 s.
static MICROS: [u64; BOUNDS] = [
    50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000, 2_500_000, 10_000_000,
];
/// Bounds for sizes: 1 to 32,768.
static POWERS: [u64; BOUNDS] =
    [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024, 2_048, 4_096, 8_192, 16_384, 32_768];

impl Histogram {
    /// One for spans of time, in microseconds.
    pub fn of_times() -> Self {
        Self::new(&MICROS)
    }

    fn of_sizes() -> Self {
        Self::new(&POWERS)
    }

    fn new(bounds: &'static [u64; BOUNDS]) -> Self {
        let buckets = array::from_fn(|_| AtomicU64::new(0));
        Self { bounds, buckets, sum: AtomicU64::new(0) }
    }

    /// Counts a span of time.
    pub fn took(&self, time: Duration) {
        self.count(u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
    }

    fn count(&self, value: u64) {
        let bucket = self.bounds.partition_point(|bound| *bound < value);
        self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(value, Ordering::Relaxed);
    }

    /// What it has counted so far.
    pub fn seen(&self) -> Distribution {
        let bounds = self.bounds.iter().copied().map(Some).chain([None]);
        let counts = self.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed));
        Distribution {
            buckets: bounds.zip(counts).collect(),
            sum: self.sum.load(Ordering::Relaxed),
        }
    }
}

/// What writer and committer count.
#[derive(Debug)]
pub(crate) struct Meters {
    /// Records of a batch.
    records: Histogram,
    /// From its first request until a batch is decided and applied.
    deciding: Histogram,
    /// The sync of one or several batches.
    syncing: Histogram,
    decisions: [AtomicU64; 5],
    duplicates: AtomicU64,
    refused: AtomicU64,
}

impl Default for Meters {
    fn default() -> Self {
        let [deciding, syncing] = array::from_fn(|_| Histogram::of_times());
        Self {
            records: Histogram::of_sizes(),
            deciding,
            syncing,
            decisions: array::from_fn(|_| AtomicU64::new(0)),
            duplicates: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        }
    }
}

/// What the writer counts while it decides a batch, on its own.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Drafted {
    /// Events that were published before.
    pub(crate) duplicates: u64,
    /// Events that were refused.
    pub(crate) refused: u64,
}

impl Meters {
    pub(crate) fn decided(&self, records: usize, took: Duration, drafted: Drafted) {
        if records > 0 {
            self.records.count(records as u64);
            self.deciding.took(took);
        }
        for (counter, count) in
            [(&self.duplicates, drafted.duplicates), (&self.refused, drafted.refused)]
        {
            if count > 0 {
                counter.fetch_add(count, Ordering::Relaxed);
            }
        }
    }

    pub(crate) fn committed(&self, committed: &Committed, took: Duration) {
        self.syncing.took(took);
        let mut counts = [0; 5];
        for decision in committed.records().flat_map(|record| record.decisions()) {
            let index = match &decision.outcome {
                Outcome::Moved(_) => 0,
                Outcome::NotMoved(_) => 1,
                Outcome::NoTrigger(_) => 2,
                Outcome::EntityNotFound(_) => 3,
                Outcome::NotReached => 4,
            };
            counts[index] += 1;
        }
        for (counter, count) in self.decisions.iter().zip(counts) {
            if count > 0 {
                counter.fetch_add(count, Ordering::Relaxed);
            }
        }
    }
}

/// An engine as it is seen from outside. What is counted begins at 0 with the process.
#[derive(Debug, Clone)]
pub struct Observed {
    /// Decisions by outcome: moved, not moved, no trigger, entity not found, not reached.
    pub decisions: [u64; 5],
    /// Events that were published before.
    pub duplicates: u64,
    /// Events that were refused.
    pub refused: u64,
    /// Records of each batch.
    pub batch_records: Distribution,
    /// Microseconds in which each batch was decided and applied.
    pub batch_times: Distribution,
    /// Microseconds of each sync.
    pub sync_times: Distribution,
    /// Requests that wait for the writer.
    pub waiting: usize,
    /// What they weigh, with those that wait for a place.
    pub waiting_weight: usize,
    /// Records that are durable in the journal and that sled does not have yet.
    pub unapplied: u64,
    /// Watches that are open.
    pub watchers: usize,
    /// Records by which the watch that is furthest behind is behind.
    pub watcher_lag: u64,
    /// Events and moves ever recorded.
    pub events: u64,
    /// Moves ever made.
    pub moves: u64,
    /// How many of each thing there are.
    pub counts: Counts,
    /// Identities that are remembered.
    pub remembered: Remembered,
    /// Bytes that are free on the disk, if that is known.
    pub free_bytes: Option<u64>,
    /// Whether work is in hand and nothing becomes of it.
    pub is_stalled: bool,
}

impl Engine {
    /// What there is to see now. Takes no time of the writer.
    pub fn observed(&self) -> Observed {
        let (core, meters) = (&self.core, &self.core.meters);
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let durable = core.hub.durable();
        let (watchers, watcher_lag) = core.hub.watchers();
        Observed {
            decisions: array::from_fn(|index| read(&meters.decisions[index])),
            duplicates: read(&meters.duplicates),
            refused: read(&meters.refused),
            batch_records: meters.records.seen(),
            batch_times: meters.deciding.seen(),
            sync_times: meters.syncing.seen(),
            waiting: self.waiting(),
            waiting_weight: QUEUE_WEIGHT as usize - core.room.available_permits(),
            unapplied: core.store.unapplied(),
            watchers,
            watcher_lag,
            events: durable.head.events,
            moves: durable.head.moves,
            counts: durable.counts,
            remembered: self.remembered(),
            free_bytes: self.free_bytes(),
            is_stalled: *core.stalled.borrow(),
        }
    }

    /// The statistics of the `most` triggers that moved most, and of all others together.
    pub fn busiest_triggers(&self, most: usize) -> (Vec<(TriggerId, TriggerStats)>, TriggerStats) {
        self.core.hub.busiest(most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_counted_in_the_first_bucket_that_holds_it() {
        let histogram = Histogram::of_times();
        for micros in [0, 50, 51, 10_000_000, 10_000_001] {
            histogram.took(Duration::from_micros(micros));
        }
        let seen = histogram.seen();
        assert_eq!(seen.buckets[0], (Some(50), 2));
        assert_eq!(seen.buckets[1], (Some(100), 1));
        assert_eq!(seen.buckets[15], (Some(10_000_000), 1));
        assert_eq!(seen.buckets[16], (None, 1));
        assert_eq!(seen.sum, 20_000_102);
    }
}
