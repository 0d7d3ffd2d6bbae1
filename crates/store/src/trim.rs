use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use pawl_domain::Timestamp;
use prost::Message;

use crate::chunk::Stored;
use crate::outline::Outline;
use crate::{Store, StoreError, chunk, keys, pb};

/// A step takes no further chunk when it would have more bytes or keys than this: then removing them
/// holds up the writer for a few hundred microseconds at most, with sled's rewriting of pages.
const STEP_BYTES: u64 = 128 * 1_024;
const STEP_KEYS: usize = 32;

/// Where the retained log begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tail {
    /// Sequence of the first retained record; one more than the head's when none is.
    pub sequence: u64,
    /// Events in the records before it.
    pub events_before: u64,
    /// Moves in the records before it.
    pub moves_before: u64,
}

impl Tail {
    /// Of a log that was never trimmed.
    pub(crate) const BEGINNING: Self = Self { sequence: 1, events_before: 0, moves_before: 0 };
}

/// What may be trimmed (Q4): what is old or too much, but nothing that is still needed.
#[derive(Debug, Clone, Copy)]
pub struct TrimPolicy {
    /// Chunks whose last record was committed before this go, whatever the size of the log.
    pub expired_before: Option<Timestamp>,
    /// The oldest chunks go while the log has more bytes than this.
    pub max_bytes: Option<u64>,
    /// The oldest chunks go while more identities than this are remembered.
    pub max_identities: Option<u64>,
    /// Nothing that was committed at or after this goes: the window of E4.
    pub keep_from: Timestamp,
    /// Nothing with a greater sequence goes: it is not durable yet, or not counted in the statistics.
    pub keep_after: u64,
}

impl TrimPolicy {
    /// Whether a chunk that ends with `last` goes, from the front of a log with so many bytes and
    /// identities.
    fn lets_go(&self, last: &Outline, logged_bytes: u64, identities: u64) -> bool {
        let expired = self.expired_before.is_some_and(|before| last.time() < before);
        let too_much = self.max_bytes.is_some_and(|max| logged_bytes > max);
        let too_many = self.max_identities.is_some_and(|max| identities > max);
        (expired || too_much || too_many)
            && last.time() < self.keep_from
            && last.sequence <= self.keep_after
    }
}

/// One chunk, as far as trimming must know it.
#[derive(Debug)]
struct Chunk {
    keys: Vec<sled::IVec>,
    bytes: u64,
    records: Vec<Outline>,
}

/// The chunks that one step takes, and what it leaves.
#[derive(Debug)]
struct Cut {
    chunks: Vec<Chunk>,
    keys: usize,
    bytes: u64,
    identities: u64,
    /// Where the log begins without them.
    tail: Tail,
    /// Whether the next chunk goes too.
    more: bool,
}

impl Cut {
    fn has_room_for(&self, chunk: &Chunk) -> bool {
        // A single one is never too large: it goes whole or not at all.
        self.chunks.is_empty()
            || self.bytes + chunk.bytes <= STEP_BYTES && self.keys + chunk.keys.len() <= STEP_KEYS
    }

    fn take(&mut self, chunk: Chunk) {
        self.keys += chunk.keys.len();
        self.bytes += chunk.bytes;
        let events = chunk.records.iter().filter(|record| record.event().is_some()).count();
        let requests = chunk.records.iter().filter(|record| record.request().is_some()).count();
        self.identities += (events + requests) as u64;
        self.tail.events_before += events as u64;
        self.tail.sequence += chunk.records.len() as u64;
        self.chunks.push(chunk);
    }
}

impl Store {
    /// Where the retained log begins.
    pub fn tail(&self) -> Tail {
        *self.tail.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many bytes the retained log has, counted as sled's values.
    pub fn logged_bytes(&self) -> u64 {
        self.logged_bytes.load(Ordering::Relaxed)
    }

    /// One small step: removes a few of the oldest chunks, and says whether there is more to trim by
    /// this policy. Removes nothing while a backup runs. Other threads may read and write meanwhile. After a crash the log may begin
    /// where it began before the step.
    pub fn trim_step(&self, policy: &TrimPolicy) -> Result<bool, StoreError> {
        let _one_at_a_time = self.trimming.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_pinned() {
            return Ok(false);
        }
        let before = self.tail();
        let cut = self.cut(before, policy)?;
        if cut.chunks.is_empty() {
            return Ok(false);
        }
        let mut writes = sled::Batch::default();
        for key in cut.chunks.iter().flat_map(|chunk| &chunk.keys) {
            writes.remove(key);
        }
        writes.insert(&keys::TAIL[..], pb::Tail::from(cut.tail).encode_to_vec());
        // First, so that a read to which something is missing can tell why.
        self.set_tail(cut.tail);
        if let Err(error) = self.db.apply_batch(writes) {
            self.set_tail(before);
            return Err(error.into());
        }
        self.logged_bytes.fetch_sub(cut.bytes, Ordering::Relaxed);
        for chunk in &cut.chunks {
            // The writer waits for one chunk's identities at most.
            let mut identities = self.identities.write().unwrap_or_else(PoisonError::into_inner);
            chunk.records.iter().for_each(|record| identities.forget(record));
        }
        Ok(cut.more)
    }

    /// What goes from the front of the log.
    fn cut(&self, tail: Tail, policy: &TrimPolicy) -> Result<Cut, StoreError> {
        // What is written from here on stays: so it is known how many moves lie before it.
        let head = self.head()?;
        let (logged_bytes, identities) = (self.logged_bytes(), self.identities().count);
        let chunks = Vec::new();
        let mut cut = Cut { chunks, keys: 0, bytes: 0, identities: 0, tail, more: false };
        while cut.tail.sequence <= head.sequence {
            let chunk = self.outlined(cut.tail.sequence)?;
            let gap = || missing(cut.tail.sequence);
            let first = chunk.records.first().ok_or_else(gap)?;
            let last = chunk.records.last().ok_or_else(gap)?;
            if first.sequence != cut.tail.sequence {
                return Err(gap());
            }
            cut.tail.moves_before = first.moves_before;
            let identities = identities.saturating_sub(cut.identities);
            let goes = policy.lets_go(last, logged_bytes - cut.bytes, identities);
            if !goes || !cut.has_room_for(&chunk) {
                cut.more = goes;
                return Ok(cut);
            }
            cut.take(chunk);
        }
        cut.tail.moves_before = head.moves;
        Ok(cut)
    }

    fn outlined(&self, sequence: u64) -> Result<Chunk, StoreError> {
        let chunk = self.read_chunk(sequence, |parts| {
            Ok(Chunk {
                keys: parts.iter().map(|(key, _)| key.clone()).collect(),
                bytes: bytes_of(parts),
                records: chunk::outline(parts)?,
            })
        })?;
        chunk.ok_or_else(|| missing(sequence))
    }

    /// Where the log begins by its row.
    pub(crate) fn stored_tail(&self) -> Result<Tail, StoreError> {
        let row: Option<pb::Tail> = self.get(&keys::TAIL)?;
        Ok(row.map_or(Tail::BEGINNING, Tail::from))
    }

    pub(crate) fn set_tail(&self, tail: Tail) {
        *self.tail.write().unwrap_or_else(PoisonError::into_inner) = tail;
    }
}

/// What some parts count for in [`Store::logged_bytes`].
pub(crate) fn bytes_of(parts: &[Stored]) -> u64 {
    parts.iter().map(|(_, value)| value.len() as u64).sum()
}

pub(crate) fn missing(sequence: u64) -> StoreError {
    StoreError::damaged("the log", format!("record {sequence} is missing"))
}

impl From<pb::Tail> for Tail {
    fn from(row: pb::Tail) -> Self {
        Self {
            sequence: row.sequence,
            events_before: row.events_before,
            moves_before: row.moves_before,
        }
    }
}

impl From<Tail> for pb::Tail {
    fn from(tail: Tail) -> Self {
        Self {
            sequence: tail.sequence,
            events_before: tail.events_before,
            moves_before: tail.moves_before,
        }
    }
}
