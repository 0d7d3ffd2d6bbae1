use std::sync::{Arc, PoisonError};

use pawl_domain::{EventId, RequestId, Source, Timestamp};

use crate::chunk::{self, Stored};
use crate::identities::Identities;
use crate::{Record, Store, StoreError, keys};

/// What is asked of the log. Nothing is ever answered from before the [`tail`](Store::tail), also
/// while it moves: a record is there as it was written, or it is not there.
impl Store {
    /// The records of the chunk that holds `sequence`, or `None` where there is none. Going on after
    /// the last, or before the first, walks the log in steps.
    pub fn chunk_with(&self, sequence: u64) -> Result<Option<Vec<Record>>, StoreError> {
        if let Some(records) = self.overlay.records_with(sequence) {
            return Ok(Some(records.iter().map(|record| Record::clone(record)).collect()));
        }
        self.read_chunk(sequence, chunk::unpack)
    }

    /// One record.
    pub fn record(&self, sequence: u64) -> Result<Option<Record>, StoreError> {
        let within =
            |chunk: &[Record]| chunk.iter().find(|record| record.sequence == sequence).cloned();
        let latest = || self.latest_chunk.lock().unwrap_or_else(PoisonError::into_inner);
        // The chunk that is kept for the next lookup may have been trimmed since.
        if sequence < self.tail().sequence {
            return Ok(None);
        }
        if let Some(records) = self.overlay.records_with(sequence) {
            let found = records.iter().find(|record| record.sequence == sequence);
            return Ok(found.map(|record| Record::clone(record)));
        }
        // Events that are published again come in the order in which they came before.
        if let Some(record) = within(&latest()) {
            return Ok(Some(record));
        }
        let chunk = self.chunk_with(sequence)?.unwrap_or_default();
        let record = within(&chunk);
        *latest() = chunk;
        Ok(record)
    }

    /// The newest retained record of the event with this identity (E4).
    pub fn find_event(&self, source: &Source, id: &EventId) -> Result<Option<Record>, StoreError> {
        Ok(self.seen_event(source, id, |_| None)?.map(Arc::unwrap_or_clone))
    }

    /// The newest retained record of the request with this id.
    pub fn find_request(&self, id: &RequestId) -> Result<Option<Record>, StoreError> {
        Ok(self.seen_request(id, |_| None)?.map(Arc::unwrap_or_clone))
    }

    /// The same for whoever writes; `unapplied` knows the records that were remembered and not applied
    /// yet.
    pub fn seen_event(
        &self,
        source: &Source,
        id: &EventId,
        unapplied: impl Fn(u64) -> Option<Arc<Record>>,
    ) -> Result<Option<Arc<Record>>, StoreError> {
        self.find(
            |known| known.of_event(source.as_str(), id.as_str()),
            unapplied,
            |record| record.event().is_some_and(|event| event.source == *source && event.id == *id),
        )
    }

    /// The same for whoever writes.
    pub fn seen_request(
        &self,
        id: &RequestId,
        unapplied: impl Fn(u64) -> Option<Arc<Record>>,
    ) -> Result<Option<Arc<Record>>, StoreError> {
        self.find(
            |known| known.of_request(id.as_str()),
            unapplied,
            |record| record.request.as_ref().is_some_and(|request| request.id == *id),
        )
    }

    /// Commit time of the first retained record; `None` when none is.
    pub fn oldest_time(&self) -> Result<Option<Timestamp>, StoreError> {
        self.overlay.drain()?;
        loop {
            let tail = self.tail();
            let outlines = self.read_chunk(tail.sequence, chunk::outline)?;
            if let Some(first) = outlines.iter().flatten().next() {
                return Ok(Some(first.time()));
            }
            // Otherwise it was trimmed meanwhile, and another is the first.
            if self.tail() == tail {
                return Ok(None);
            }
        }
    }

    fn find(
        &self,
        hash: impl Fn(&Identities) -> u64,
        unapplied: impl Fn(u64) -> Option<Arc<Record>>,
        confirm: impl Fn(&Record) -> bool,
    ) -> Result<Option<Arc<Record>>, StoreError> {
        let mut before = u64::MAX;
        loop {
            let identities = self.identities.read().unwrap_or_else(PoisonError::into_inner);
            let candidate = identities.newest_before(before, hash(&identities));
            drop(identities);
            let Some(sequence) = candidate else { return Ok(None) };
            let record = match unapplied(sequence) {
                Some(record) => Some(record),
                None => self.record(sequence)?.map(Arc::new),
            };
            if let Some(record) = record.filter(|record| confirm(record)) {
                return Ok(Some(record));
            }
            before = sequence;
        }
    }

    /// What `read` makes of the parts of the chunk that holds `sequence`.
    pub(crate) fn read_chunk<T>(
        &self,
        sequence: u64,
        read: impl FnOnce(&[Stored]) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        let found =
            self.parts_with(sequence).and_then(|parts| parts.as_deref().map(read).transpose());
        // Parts are read one after the other, and a trim may have taken some of them in between.
        // It moves the tail before it takes any.
        if sequence < self.tail().sequence { Ok(None) } else { found }
    }

    pub(crate) fn parts_with(&self, sequence: u64) -> Result<Option<Vec<Stored>>, StoreError> {
        let beyond = keys::log_part(sequence, u16::MAX);
        let Some((key, value)) = self.db.get_lt(beyond)? else { return Ok(None) };
        let Some(first) = keys::first_of_chunk(&key) else { return Ok(None) };
        let (header, _) = chunk::open(&key, &value)?;
        if header.last < sequence {
            return Ok(None);
        }
        let parts = keys::log_part(first, 0)..=keys::log_part(first, u16::MAX);
        let parts: Vec<_> = self.db.range(parts).collect::<Result<_, _>>()?;
        Ok(Some(parts))
    }
}
