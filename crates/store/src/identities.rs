use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::outline::Outline;
use crate::{DatabaseId, Record};

/// How many maps the identities are spread over: each is so small that making it larger or smaller
/// holds nobody up, with a hundred million of them too.
const SHARDS: usize = 4_096;
/// Maps of fewer are not worth making smaller.
const SHRINK_MIN: usize = 64;

/// Finds the record of an event or a request by its identity. Kept in memory, rebuilt from the log
/// when the store is opened.
///
/// Identities are known by a 64-bit hash; whoever looks one up confirms it in the record.
#[derive(Debug)]
pub(crate) struct Identities {
    /// Keyed by the database, so that nobody can choose ids that share a hash.
    key: u64,
    shards: Vec<Shard>,
}

/// By hashes, which need not be hashed again.
type ByHash<V> = HashMap<u64, V, BuildHasherDefault<AsItIs>>;

#[derive(Debug, Clone, Copy, Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("only hashes are hashed");
    }
}

#[derive(Debug, Clone, Default)]
struct Shard {
    latest: ByHash<u64>,
    /// Sequences that a later record with the same hash took the place of, oldest first: the same
    /// identity after its window, or a collision.
    replaced: ByHash<VecDeque<u64>>,
}

impl Identities {
    pub(crate) fn new(database_id: DatabaseId) -> Self {
        let key = xxh3_64(database_id.as_bytes());
        Self { key, shards: vec![Shard::default(); SHARDS] }
    }

    /// Remembers the identities of a record.
    pub(crate) fn insert(&mut self, record: &Record) {
        let event = record.event().map(|e| self.of_event(e.source.as_str(), e.id.as_str()));
        let request = record.request.as_ref().map(|request| self.of_request(request.id.as_str()));
        for hash in event.into_iter().chain(request) {
            self.shards[shard_of(hash)].insert(hash, record.sequence);
        }
    }

    /// Forgets the identities of a record that is trimmed, and only those: another record with the
    /// same ones is still found.
    pub(crate) fn forget(&mut self, record: &Outline) {
        let event = record.event().map(|(source, id)| self.of_event(source, id));
        let request = record.request().map(|id| self.of_request(id));
        for hash in event.into_iter().chain(request) {
            self.shards[shard_of(hash)].forget(hash, record.sequence);
        }
    }

    /// Sequences of the records that may have this identity, newest first.
    pub(crate) fn candidates(&self, hash: u64) -> Vec<u64> {
        self.shards[shard_of(hash)].candidates(hash)
    }

    /// How many identities are remembered.
    pub(crate) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.latest.len()).sum()
    }

    pub(crate) fn of_event(&self, source: &str, id: &str) -> u64 {
        xxh3_64_with_seed(id.as_bytes(), xxh3_64_with_seed(source.as_bytes(), self.key))
    }

    pub(crate) fn of_request(&self, id: &str) -> u64 {
        xxh3_64_with_seed(id.as_bytes(), !self.key)
    }
}

fn shard_of(hash: u64) -> usize {
    // Bits that the maps themselves make nothing of.
    usize::try_from((hash >> 32) % SHARDS as u64).unwrap_or_default()
}

impl Shard {
    fn insert(&mut self, hash: u64, sequence: u64) {
        if let Some(older) = self.latest.insert(hash, sequence) {
            self.replaced.entry(hash).or_default().push_back(older);
        }
    }

    fn candidates(&self, hash: u64) -> Vec<u64> {
        let Some(latest) = self.latest.get(&hash) else { return Vec::new() };
        let replaced = self.replaced.get(&hash).into_iter().flat_map(|older| older.iter().rev());
        std::iter::once(latest).chain(replaced).copied().collect()
    }

    fn forget(&mut self, hash: u64, sequence: u64) {
        if let Some(older) = self.replaced.get_mut(&hash)
            && let Ok(at) = older.binary_search(&sequence)
        {
            older.remove(at);
            if older.is_empty() {
                self.replaced.remove(&hash);
                shrink(&mut self.replaced);
            }
        } else if self.latest.get(&hash) == Some(&sequence) {
            self.latest.remove(&hash);
            shrink(&mut self.latest);
        }
    }
}

/// Gives memory back once a map holds much less than it has room for.
fn shrink<V>(map: &mut ByHash<V>) {
    if map.capacity() >= SHRINK_MIN && map.len() < map.capacity() / 4 {
        map.shrink_to(map.len() * 2);
    }
}

#[cfg(test)]
mod tests {
    use super::{SHRINK_MIN, Shard};

    /// Whoever else shares the hash is still found.
    #[test]
    fn records_are_forgotten_one_by_one() {
        let mut shard = Shard::default();
        // Twice the same: an event and a request of one record that share a hash.
        for sequence in [3, 5, 5, 8] {
            shard.insert(7, sequence);
        }
        shard.insert(9, 4);
        assert_eq!(shard.candidates(7), [8, 5, 5, 3]);
        let forgotten: [(u64, &[u64]); 6] =
            [(3, &[8, 5, 5]), (4, &[8, 5, 5]), (5, &[8, 5]), (5, &[8]), (6, &[8]), (8, &[])];
        for (sequence, left) in forgotten {
            shard.forget(7, sequence);
            assert_eq!(shard.candidates(7), left, "without {sequence}");
        }
        assert_eq!(shard.candidates(9), [4]);
        assert_eq!((shard.latest.len(), shard.replaced.len()), (1, 0));
    }

    /// Forgetting gives the memory back too, and what stays is found.
    #[test]
    fn what_is_forgotten_takes_no_room() {
        let mut shard = Shard::default();
        for hash in 0..100_000 {
            shard.insert(hash, hash);
            shard.insert(hash, hash + 1);
        }
        let room = |shard: &Shard| (shard.latest.capacity(), shard.replaced.capacity());
        let full = room(&shard);
        (1_000..100_000).for_each(|hash| shard.forget(hash, hash));
        assert!(room(&shard).1 < full.1 / 20, "{:?} of {full:?}", room(&shard));
        (1_000..100_000).for_each(|hash| shard.forget(hash, hash + 1));
        assert!(room(&shard).0 < full.0 / 20, "{:?} of {full:?}", room(&shard));
        assert_eq!((shard.latest.len(), shard.replaced.len()), (1_000, 1_000));
        (0..1_000).for_each(|hash| assert_eq!(shard.latest[&hash], hash + 1));
        (0..1_000).for_each(|hash| shard.forget(hash, hash));
        (0..1_000).for_each(|hash| shard.forget(hash, hash + 1));
        assert!(room(&shard).0.max(room(&shard).1) < SHRINK_MIN, "{:?}", room(&shard));
    }
}
