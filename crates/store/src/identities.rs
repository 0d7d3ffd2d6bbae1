use std::collections::BTreeSet;
use std::mem;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::outline::Outline;
use crate::{DatabaseId, Record};

/// How many tables the identities are spread over: each is so small that making it larger or smaller
/// holds nobody up (under half a millisecond with twenty million of them), with a hundred million too.
const SHARDS: u16 = 4_096;
/// Tables with fewer buckets are not worth making smaller.
const SHRINK_MIN: usize = 128;
/// What one takes in a tree, whose nodes are at least half full.
const OLDER_BYTES: usize = 28;

/// Finds the record of an event or a request by its identity. Kept in memory, rebuilt from the log
/// when the store is opened.
///
/// Identities are known by 44 bits of a hash; whoever looks one up confirms it in the record. An
/// identity takes 10 bytes and a mark of one in a table that is between 7/16 and 7/8 full: 17.5 to 18.6
/// bytes while they grow in number, from a million on, and 21 once for each that comes one is
/// forgotten. Tables that had many have at least 3/8 of the 7/8, so it is never more than 34. The
/// allocator may round this up.
#[derive(Debug)]
pub(crate) struct Identities {
    /// Keyed by the database, so that nobody can choose ids that share a hash.
    key: u64,
    shards: Vec<Shard>,
    held: Remembered,
}

/// What is remembered of identities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Remembered {
    /// How many identities: those of events and those of requests. One that was used again after its
    /// window counts for each of its records.
    pub count: u64,
    /// Bytes of memory that they take.
    pub memory_bytes: u64,
}

impl Identities {
    pub(crate) fn new(database_id: DatabaseId) -> Self {
        let key = xxh3_64(database_id.as_bytes());
        let shards: Vec<_> = (0..SHARDS).map(|_| Shard::default()).collect();
        let held = Remembered { count: 0, memory_bytes: size_of_val(&*shards) as u64 };
        Self { key, shards, held }
    }

    /// Remembers the identities of a record.
    pub(crate) fn insert(&mut self, record: &Record) {
        let event = record.event().map(|event| (event.source.as_str(), event.id.as_str()));
        self.remember(record.sequence, event, record.request.as_ref().map(|r| r.id.as_str()));
    }

    /// The same of a record in the log.
    pub(crate) fn recall(&mut self, record: &Outline) {
        self.remember(record.sequence, record.event(), record.request());
    }

    fn remember(&mut self, sequence: u64, event: Option<(&str, &str)>, request: Option<&str>) {
        let event = event.map(|(source, id)| self.of_event(source, id));
        let request = request.map(|id| self.of_request(id));
        for hash in event.into_iter().chain(request) {
            self.change(hash, |shard, tag| shard.insert(Known::new(tag, sequence)));
        }
    }

    /// Forgets the identities of a record that is trimmed, and only those: another record with the
    /// same ones is still found.
    pub(crate) fn forget(&mut self, record: &Outline) {
        let event = record.event().map(|(source, id)| self.of_event(source, id));
        let request = record.request().map(|id| self.of_request(id));
        for hash in event.into_iter().chain(request) {
            self.change(hash, |shard, tag| shard.forget(Known::new(tag, record.sequence)));
        }
    }

    /// The newest record before `sequence` that may have this identity.
    pub(crate) fn newest_before(&self, sequence: u64, hash: u64) -> Option<u64> {
        self.shards[shard_of(hash)].newest_before(sequence, tag_of(hash))
    }

    /// How many identities are remembered, and what they take.
    pub(crate) fn held(&self) -> Remembered {
        self.held
    }

    pub(crate) fn of_event(&self, source: &str, id: &str) -> u64 {
        xxh3_64_with_seed(id.as_bytes(), xxh3_64_with_seed(source.as_bytes(), self.key))
    }

    pub(crate) fn of_request(&self, id: &str) -> u64 {
        xxh3_64_with_seed(id.as_bytes(), !self.key)
    }

    fn change(&mut self, hash: u64, change: impl FnOnce(&mut Shard, u32)) {
        let shard = &mut self.shards[shard_of(hash)];
        let before = shard.held();
        change(shard, tag_of(hash));
        let after = shard.held();
        self.held.count = self.held.count - before.count + after.count;
        self.held.memory_bytes = self.held.memory_bytes - before.memory_bytes + after.memory_bytes;
    }
}

/// Each shard has a little more of the hashes than the one before, and the last twice as much as the
/// first: so they become too full one after the other, at whatever number, and never all at once.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to SHARDS")]
fn shard_of(hash: u64) -> usize {
    let place = f64::from((hash >> 32) as u32) / f64::from(u32::MAX);
    ((place + 1.0).log2() * f64::from(SHARDS)).min(f64::from(SHARDS - 1)) as usize
}

/// The bits that make no difference to the shard.
#[expect(clippy::cast_possible_truncation, reason = "the lower half")]
fn tag_of(hash: u64) -> u32 {
    hash as u32
}

/// An identity of a record: 32 bits of its hash and 48 of the record's sequence, which suffice for a
/// million records a second during nine years. Ordered by hash, then by sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Known([u8; 10]);

impl Known {
    fn new(tag: u32, sequence: u64) -> Self {
        let mut bytes = [0; 10];
        bytes[..4].copy_from_slice(&tag.to_be_bytes());
        bytes[4..].copy_from_slice(&sequence.to_be_bytes()[2..]);
        Self(bytes)
    }

    fn tag(&self) -> u32 {
        let [tag @ .., _, _, _, _, _, _] = self.0;
        u32::from_be_bytes(tag)
    }

    fn sequence(&self) -> u64 {
        let mut bytes = [0; 8];
        bytes[2..].copy_from_slice(&self.0[4..]);
        u64::from_be_bytes(bytes)
    }

    /// What the table knows it by: it makes a bucket of the lowest bits, and a mark of the highest.
    fn hash(&self) -> u64 {
        u64::from(self.tag()) << 32 | u64::from(self.tag())
    }
}

#[derive(Debug, Default)]
struct Shard {
    /// Of each tag the newest.
    newest: HashTable<Known>,
    /// Those that a later one took the place of: the same identity after its window, or a collision.
    /// However many of one tag there are, they hold up nobody.
    older: BTreeSet<Known>,
}

impl Shard {
    fn insert(&mut self, known: Known) {
        self.make_room();
        let is_same = |other: &Known| other.tag() == known.tag();
        match self.newest.entry(known.hash(), is_same, Known::hash) {
            Entry::Vacant(place) => {
                place.insert(known);
            }
            Entry::Occupied(mut place) => {
                let older = mem::replace(place.get_mut(), known);
                if older != known {
                    self.older.insert(older);
                }
            }
        }
    }

    fn newest_before(&self, sequence: u64, tag: u32) -> Option<u64> {
        let before = Known::new(tag, sequence);
        let newest = self.newest.find(before.hash(), |known| known.tag() == tag);
        let older = || self.older.range(Known::new(tag, 0)..before).next_back();
        newest.filter(|known| **known < before).or_else(older).map(Known::sequence)
    }

    fn forget(&mut self, known: Known) {
        if self.older.remove(&known) {
            return;
        }
        let Ok(place) = self.newest.find_entry(known.hash(), |other| *other == known) else {
            return;
        };
        place.remove();
        // Half of it is room enough then, with a quarter to spare.
        let (held, buckets) = (self.newest.len(), self.newest.num_buckets());
        if buckets >= SHRINK_MIN && held < room_in(buckets) * 3 / 8 {
            self.newest.shrink_to(held, Known::hash);
        }
    }

    /// What is removed may leave marks that take room. Before the table grows for those alone, it is
    /// made anew as large as it is.
    fn make_room(&mut self) {
        let (held, room) = (self.newest.len(), room_in(self.newest.num_buckets()));
        if held == self.newest.capacity() && held < room * 7 / 8 {
            let marked = mem::replace(&mut self.newest, HashTable::with_capacity(room));
            for known in marked {
                self.newest.insert_unique(known.hash(), known, Known::hash);
            }
        }
    }

    fn held(&self) -> Remembered {
        let bytes = self.newest.allocation_size() + self.older.len() * OLDER_BYTES;
        let count = self.newest.len() + self.older.len();
        Remembered { count: count as u64, memory_bytes: bytes as u64 }
    }
}

/// How many a table of so many buckets holds.
fn room_in(buckets: usize) -> usize {
    buckets / 8 * 7
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::ops::Range;

    use fastrand::Rng;
    use xxhash_rust::xxh3::xxh3_64;

    use super::{Identities, Known, Remembered, SHARDS, SHRINK_MIN, Shard, shard_of};
    use crate::DatabaseId;

    /// Sequences of the records that may be meant, newest first.
    fn candidates(shard: &Shard, tag: u32) -> Vec<u64> {
        let next = |before: &u64| shard.newest_before(*before, tag);
        std::iter::successors(next(&u64::MAX), next).collect()
    }

    #[test]
    fn nothing_is_lost_in_packing() {
        for (tag, sequence) in [(0, 0), (u32::MAX, (1 << 48) - 1), (0x0102_0304, 0x0506_0708_090a)]
        {
            let known = Known::new(tag, sequence);
            assert_eq!((known.tag(), known.sequence()), (tag, sequence));
        }
        assert!(Known::new(1, 256) < Known::new(1, 257) && Known::new(1, 257) < Known::new(2, 0));
        assert_eq!(size_of::<Known>(), 10);
    }

    /// Whoever else has the tag is still found, in whatever order they go.
    #[test]
    fn a_collision_is_harmless() {
        let mut rng = Rng::with_seed(7);
        let (mut shard, mut model) = (Shard::default(), BTreeSet::new());
        let (mut inserted, mut forgotten) = (0, 0);
        for sequence in 0..10_000 {
            // Sometimes there are many, and then hardly any.
            let grows = sequence / 2_500 % 2 == 0;
            let tags = if rng.bool() { 20 } else { 2_000 };
            let tag = rng.u32(0..tags);
            if rng.u32(0..4) > 0 || grows {
                // Also twice the same: an event and a request of one record.
                for _ in 0..rng.u32(1..=2) {
                    shard.insert(Known::new(tag, sequence));
                }
                inserted += usize::from(model.insert((tag, sequence)));
            }
            for _ in 0..rng.u32(0..if grows { 2 } else { 4 }) {
                // Mostly the oldest goes, as in a trim, and sometimes one that is not there.
                let any = model.range((tag, rng.u64(0..=sequence))..).next().copied();
                let oldest = model.iter().min_by_key(|(_, sequence)| *sequence).copied();
                let Some((tag, sequence)) = (if rng.bool() { oldest } else { any }) else {
                    continue;
                };
                let sequence = sequence + u64::from(rng.u32(0..20) == 0);
                shard.forget(Known::new(tag, sequence));
                forgotten += usize::from(model.remove(&(tag, sequence)));
            }
            let tags = [tag, rng.u32(0..2_000)];
            for tag in tags {
                let expected =
                    model.range((tag, 0)..(tag + 1, 0)).rev().map(|(_, sequence)| *sequence);
                assert_eq!(candidates(&shard, tag), expected.collect::<Vec<_>>(), "tag {tag}");
            }
            assert_eq!(shard.held().count, model.len() as u64);
        }
        assert!(inserted > 7_500 && forgotten > 5_000, "{inserted} {forgotten}");
        for (tag, sequence) in model {
            shard.forget(Known::new(tag, sequence));
        }
        assert_eq!(shard.held().count, 0);
    }

    /// Neither how many there are nor that they come and go takes more room than is said.
    #[test]
    fn an_identity_takes_as_much_at_any_number() {
        const MANY: u64 = 600_000;
        let hash = |sequence: u64| xxh3_64(&sequence.to_le_bytes());
        let mut known = Identities::new(DatabaseId::from_bytes(&[3; 16]).unwrap());
        let empty = known.held().memory_bytes;
        let assert_each = |known: &Identities, bytes: Range<u64>| {
            let Remembered { count, memory_bytes } = known.held();
            let range = bytes.start * count..bytes.end * count;
            assert!(range.contains(&(memory_bytes - empty)), "{memory_bytes} for {count}");
        };
        for sequence in 0..MANY {
            known.change(hash(sequence), |shard, tag| shard.insert(Known::new(tag, sequence)));
            if sequence % 10_000 == 0 && sequence >= MANY / 4 {
                assert_each(&known, 17..20);
            }
        }
        // One goes for each that comes, as in a log that is trimmed.
        let mut tail = 0;
        let mut forget = |known: &mut Identities| {
            known.change(hash(tail), |shard, tag| shard.forget(Known::new(tag, tail)));
            tail += 1;
        };
        for sequence in MANY..3 * MANY {
            known.change(hash(sequence), |shard, tag| shard.insert(Known::new(tag, sequence)));
            forget(&mut known);
        }
        assert_eq!(known.held().count, MANY);
        assert_each(&known, 17..23);
        (0..MANY * 2 / 3).for_each(|_| forget(&mut known));
        assert_each(&known, 17..34);
        (0..MANY / 3).for_each(|_| forget(&mut known));
        let Remembered { count, memory_bytes } = known.held();
        assert_eq!(count, 0);
        let least = u64::from(SHARDS) * SHRINK_MIN as u64 * 12;
        assert!(memory_bytes - empty < least, "{memory_bytes}");
    }

    #[test]
    fn the_last_share_is_twice_the_first() {
        let shards = usize::from(SHARDS);
        let mut shares = vec![0_u32; shards];
        (0..1 << 22).for_each(|place: u64| shares[shard_of(place << 42)] += 1);
        let of = |shards: Range<usize>| shards.map(|shard| shares[shard]).sum::<u32>();
        let (first, middle, last) = (of(0..64), of(2_016..2_080), of(shards - 64..shards));
        assert!((196..=200).contains(&(last * 100 / first)), "{first} {last}");
        assert!((139..=142).contains(&(middle * 100 / first)), "{first} {middle}");
        assert!(shares.iter().all(|share| *share > 0));
    }
}
