use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use pawl_domain::{Move, Timestamp, TriggerId, TriggerStats, TriggerTally};
use pawl_store::{Change, Committed, Head, Record, Store, StoreError};
use tokio::sync::watch;

/// How many moves watchers find in memory; who is further behind reads the log.
const RING_MOVES: usize = 65_536;

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

/// What is durable: where the log ends, and its newest moves.
#[derive(Debug)]
pub(crate) struct Hub {
    head: watch::Sender<Durable>,
    ring: RwLock<Ring>,
    /// How alive each trigger is, by what is durable (Q3).
    stats: RwLock<TriggerTally>,
    /// Up to where the log can be read already, durable or not.
    decided: AtomicU64,
}

/// The durable end of the log, and what there was then.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Durable {
    pub(crate) head: Head,
    pub(crate) counts: Counts,
}

/// The moves of one record: what watchers need of it, without its event and verdicts.
#[derive(Debug)]
pub(crate) struct RecordMoves {
    pub(crate) sequence: u64,
    pub(crate) time: Timestamp,
    /// How many moves the log holds before these.
    pub(crate) before: u64,
    pub(crate) moves: Vec<Move>,
}

impl RecordMoves {
    /// `None` when the record made none.
    pub(crate) fn of(record: &Record) -> Option<Self> {
        let moves: Vec<Move> = record.moves().cloned().collect();
        let (sequence, time, before) = (record.sequence, record.time, record.moves_before);
        (!moves.is_empty()).then_some(Self { sequence, time, before, moves })
    }
}

/// The newest records that made moves.
#[derive(Debug)]
struct Ring {
    records: VecDeque<Arc<RecordMoves>>,
    moves: usize,
    /// The ring knows of every move in records from here on.
    from: u64,
}

impl Hub {
    /// A hub that begins where the store ends, with the newest moves of its log.
    pub(crate) fn recover(
        store: &Store,
        counts: Counts,
        stats: TriggerTally,
    ) -> Result<Self, StoreError> {
        let head = store.recovered();
        let mut ring = Ring { records: VecDeque::new(), moves: 0, from: head.sequence + 1 };
        let tail = store.tail().sequence;
        while ring.from > tail && ring.moves < RING_MOVES {
            let chunk = store.chunk_with(ring.from - 1)?.unwrap_or_default();
            ring.from = chunk.first().map_or(tail, |record| record.sequence);
            for record in chunk.iter().rev().filter_map(RecordMoves::of) {
                ring.moves += record.moves.len();
                ring.records.push_front(Arc::new(record));
            }
        }
        Ok(Self {
            head: watch::Sender::new(Durable { head, counts }),
            ring: RwLock::new(ring),
            stats: RwLock::new(stats),
            decided: AtomicU64::new(head.sequence),
        })
    }

    /// Shows what was committed to watchers and reads.
    pub(crate) fn announce(&self, committed: &Committed, counts: Counts) {
        let Some(head) = committed.head() else { return };
        let newest: Vec<_> = committed
            .records()
            .filter_map(|record| RecordMoves::of(record))
            .map(Arc::new)
            .collect();
        let mut stats = self.stats.write().unwrap_or_else(PoisonError::into_inner);
        committed.records().for_each(|record| count(&mut stats, record));
        drop(stats);
        let mut ring = self.ring.write().unwrap_or_else(PoisonError::into_inner);
        ring.extend(newest);
        // Before the ring is released: a token that it yields is never ahead of the head.
        self.head.send_replace(Durable { head, counts });
    }

    /// How alive a trigger is.
    pub(crate) fn stats_of(&self, id: &TriggerId) -> TriggerStats {
        self.stats.read().unwrap_or_else(PoisonError::into_inner).of(id)
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

    /// The records with moves from `sequence` on, at most `limit` of them, or `None` when the ring
    /// does not reach back that far.
    pub(crate) fn moves_from(&self, sequence: u64, limit: usize) -> Option<Vec<Arc<RecordMoves>>> {
        let ring = self.ring.read().unwrap_or_else(PoisonError::into_inner);
        if sequence < ring.from {
            return None;
        }
        let start = ring.records.partition_point(|record| record.sequence < sequence);
        Some(ring.records.range(start..).take(limit).cloned().collect())
    }
}

/// Adds what one record tells of triggers.
pub(crate) fn count(stats: &mut TriggerTally, record: &Record) {
    stats.count(record.decisions(), record.sequence, record.time);
    if let Change::TriggerDeleted(trigger) = &record.change {
        stats.forget(&trigger.id);
    }
}

impl Ring {
    fn extend(&mut self, newest: Vec<Arc<RecordMoves>>) {
        self.moves += newest.iter().map(|record| record.moves.len()).sum::<usize>();
        self.records.extend(newest);
        while self.moves > RING_MOVES {
            let Some(oldest) = self.records.pop_front() else { break };
            self.moves -= oldest.moves.len();
            self.from = oldest.sequence + 1;
        }
    }
}
