use std::collections::HashMap;

use pawl_domain::{EventId, RequestId, Source};
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use crate::{DatabaseId, Record};

/// Finds the record of an event or a request by its identity. Kept in memory, rebuilt from the log
/// when the store is opened.
///
/// Identities are known by a 64-bit hash; whoever looks one up confirms it in the record.
#[derive(Debug)]
pub(crate) struct Identities {
    /// Keyed by the database, so that nobody can choose ids that share a hash.
    key: u64,
    latest: HashMap<u64, u64>,
    /// Sequences that a later record with the same hash took the place of, oldest first: the same
    /// identity after its window, or a collision.
    replaced: HashMap<u64, Vec<u64>>,
}

impl Identities {
    pub(crate) fn new(database_id: DatabaseId) -> Self {
        let key = xxh3_64(database_id.as_bytes());
        Self { key, latest: HashMap::new(), replaced: HashMap::new() }
    }

    /// Remembers the identities of a record.
    pub(crate) fn insert(&mut self, record: &Record) {
        let event = record.event().map(|event| self.of_event(&event.source, &event.id));
        let request = record.request.as_ref().map(|request| self.of_request(&request.id));
        for hash in event.into_iter().chain(request) {
            if let Some(older) = self.latest.insert(hash, record.sequence) {
                self.replaced.entry(hash).or_default().push(older);
            }
        }
    }

    /// Sequences of the records that may have this identity, newest first.
    pub(crate) fn candidates(&self, hash: u64) -> Vec<u64> {
        let Some(latest) = self.latest.get(&hash) else { return Vec::new() };
        let replaced = self.replaced.get(&hash).map(Vec::as_slice).unwrap_or_default();
        std::iter::once(latest).chain(replaced.iter().rev()).copied().collect()
    }

    /// How many identities are remembered.
    pub(crate) fn len(&self) -> usize {
        self.latest.len()
    }

    pub(crate) fn of_event(&self, source: &Source, id: &EventId) -> u64 {
        let mut hasher = Xxh3::with_seed(self.key);
        hasher.update(source.as_str().as_bytes());
        // Names hold no control characters, so the two cannot run into each other.
        hasher.update(&[0]);
        hasher.update(id.as_str().as_bytes());
        hasher.digest()
    }

    pub(crate) fn of_request(&self, id: &RequestId) -> u64 {
        let mut hasher = Xxh3::with_seed(self.key);
        hasher.update(&[1]);
        hasher.update(id.as_str().as_bytes());
        hasher.digest()
    }
}
