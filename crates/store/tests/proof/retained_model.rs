//! Random histories of writes, trims and reopens against the simplest thing that could be right.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fastrand::Rng;
use pawl_domain::{Timestamp, Value};
use pawl_store::{Change, Record, RequestIdentity, Tail, TrimPolicy};
use tempfile::tempdir;

use crate::build::{
    Log, at, decided, entity, event, fields, id, large_entity, moved_by_hand, no_trim, updated,
};

const HISTORIES: u64 = 8;
const STEPS: usize = 60;
/// So few that the same identities come back.
const NAMES: u32 = 24;

/// One batch, which is one chunk.
struct Chunk {
    records: Vec<Arc<Record>>,
    bytes: u64,
}

impl Chunk {
    fn last(&self) -> &Record {
        self.records.last().unwrap()
    }
}

/// What was written, and how many of the chunks are gone.
#[derive(Default)]
struct Model {
    chunks: Vec<Chunk>,
    gone: usize,
}

impl Model {
    fn retained(&self) -> impl Iterator<Item = &Arc<Record>> {
        self.chunks[self.gone..].iter().flat_map(|chunk| &chunk.records)
    }

    fn bytes(&self) -> u64 {
        self.chunks[self.gone..].iter().map(|chunk| chunk.bytes).sum()
    }

    fn identities(&self) -> u64 {
        let named = |record: &Arc<Record>| {
            u64::from(record.event().is_some()) + u64::from(record.request.is_some())
        };
        self.retained().map(named).sum()
    }

    /// Whether the oldest chunk goes.
    fn lets_go(&self, policy: &TrimPolicy) -> bool {
        let Some(oldest) = self.chunks.get(self.gone) else { return false };
        let old = policy.expired_before.is_some_and(|before| oldest.last().time < before);
        let large = policy.max_bytes.is_some_and(|max| self.bytes() > max);
        let needed = |r: &Arc<Record>| r.time >= policy.keep_from || r.sequence > policy.keep_after;
        let many = policy.max_identities.is_some_and(|max| self.identities() > max);
        (old || large || many) && !oldest.records.iter().any(needed)
    }

    fn tail(&self) -> Tail {
        let gone = || self.chunks[..self.gone].iter().flat_map(|chunk| &chunk.records);
        Tail {
            sequence: 1 + gone().count() as u64,
            events_before: gone().filter(|record| record.event().is_some()).count() as u64,
            moves_before: gone().map(|record| record.moves().count() as u64).sum(),
        }
    }

    fn assert_same(&self, log: &Log, rng: &mut Rng) {
        let store = &log.store;
        assert_eq!(store.head().unwrap(), log.head);
        assert_eq!(store.tail(), self.tail());
        assert_eq!(store.logged_bytes(), self.bytes());
        assert_eq!(store.oldest_time().unwrap(), self.retained().next().map(|record| record.time));
        log.assert_in(store);
        for _ in 0..20 {
            let sequence = rng.u64(0..=log.head.sequence + 1);
            let expected = self.retained().find(|record| record.sequence == sequence);
            assert_eq!(store.record(sequence).unwrap().as_ref(), expected.map(|record| &**record));
        }
        let mut events = BTreeMap::new();
        let mut requests = BTreeMap::new();
        for record in self.retained() {
            if let Some(event) = record.event() {
                events.insert((event.source.clone(), event.id.clone()), record.sequence);
            }
            if let Some(request) = &record.request {
                requests.insert(request.id.clone(), record.sequence);
            }
        }
        assert_eq!(store.identities().count, self.identities());
        let names = (0..NAMES).map(|number| format!("n{number}"));
        let names: BTreeSet<String> = names.chain(["m1".to_owned(), "u1".to_owned()]).collect();
        for name in &names {
            for source in ["shop", "pawl"] {
                let found = store.find_event(&id(source), &id(name)).unwrap();
                let expected = events.get(&(id(source), id(name))).copied();
                assert_eq!(found.map(|record| record.sequence), expected, "event {name}");
            }
            let found = store.find_request(&id(name)).unwrap();
            let expected = requests.get(name.as_str()).copied();
            assert_eq!(found.map(|record| record.sequence), expected, "request {name}");
        }
    }
}

/// Moves bear the commit time of their record.
fn change(time: Timestamp, rng: &mut Rng) -> Change {
    match rng.u32(0..6) {
        0 => Change::EntityWritten(entity("deal/1")),
        1 => moved_by_hand("deal/1", time),
        2 => updated("deal/1"),
        _ => {
            let mut event = event(&format!("n{}", rng.u32(0..NAMES)));
            let text = "x".repeat(rng.usize(0..4_000));
            event.attributes = fields(&[("text", Value::Text(text))]);
            decided(event, "deal/1", time)
        }
    }
}

/// A batch that is one chunk: a few small records, or one of any size.
fn write(log: &mut Log, model: &mut Model, rng: &mut Rng) {
    let named = |rng: &mut Rng| {
        let name = format!("n{}", rng.u32(0..NAMES));
        rng.bool().then(|| RequestIdentity { id: id(&name), fingerprint: 1 })
    };
    let changes: Vec<_> = if rng.u32(0..8) == 0 {
        let number = rng.usize(1..12);
        let entities = (0..number).map(|n| large_entity(&format!("deal/{n}"), 32_000)).collect();
        vec![(named(rng), Change::EntitiesImported { entities, skipped: 0 })]
    } else {
        let first = 1_000 + log.head.sequence;
        (0..rng.u64(1..6)).map(|n| (named(rng), change(at(first + n), rng))).collect()
    };
    let before = (log.written.len(), log.store.logged_bytes());
    log.write_requests(changes, Vec::new());
    let records = log.written[before.0..].to_vec();
    model.chunks.push(Chunk { records, bytes: log.store.logged_bytes() - before.1 });
}

fn policy(log: &Log, model: &Model, rng: &mut Rng) -> TrimPolicy {
    let tail = model.tail().sequence;
    let some_time = |rng: &mut Rng| at(999 + rng.u64(tail..=log.head.sequence + 2));
    TrimPolicy {
        expired_before: rng.bool().then(|| some_time(rng)),
        max_bytes: rng.bool().then(|| rng.u64(0..=model.bytes())),
        max_identities: rng.bool().then(|| rng.u64(0..=model.identities())),
        keep_from: if rng.bool() { some_time(rng) } else { no_trim().keep_from },
        keep_after: if rng.bool() { rng.u64(tail..=log.head.sequence + 1) } else { u64::MAX },
    }
}

/// One step, or all of them: as many chunks as the policy lets go, in order, and no others.
fn trim(log: &Log, model: &mut Model, rng: &mut Rng) {
    let policy = policy(log, model, rng);
    let to_the_end = rng.bool();
    loop {
        let goes = model.lets_go(&policy);
        let more = log.store.trim_step(&policy).unwrap();
        let tail = log.store.tail().sequence;
        assert_eq!(tail > model.tail().sequence, goes, "{policy:?}");
        while model.tail().sequence < tail {
            assert!(model.lets_go(&policy), "{policy:?} took too much, up to {tail}");
            model.gone += 1;
        }
        assert_eq!(more, model.lets_go(&policy), "{policy:?}");
        if !more || !to_the_end {
            return;
        }
    }
}

#[test]
fn histories_end_as_in_the_model() {
    for seed in 0..HISTORIES {
        println!("seed {seed}");
        let mut rng = Rng::with_seed(seed);
        let dir = tempdir().unwrap();
        let mut log = Log::open(dir.path());
        let mut model = Model::default();
        let mut trimmed = 0;
        for _ in 0..STEPS {
            match rng.u32(0..10) {
                0..6 => write(&mut log, &mut model, &mut rng),
                6..9 => trim(&log, &mut model, &mut rng),
                _ => log = log.reopen(dir.path()),
            }
            model.assert_same(&log, &mut rng);
            trimmed = model.gone;
        }
        assert!(trimmed > 5, "only {trimmed} chunks were trimmed");
    }
}
