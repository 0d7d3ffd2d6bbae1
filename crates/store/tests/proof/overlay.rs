//! What sled does not have yet is read as if it had.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fastrand::Rng;
use pawl_domain::{CustomerId, EntityId};
use pawl_store::{Batch, Change, EntityRow, Head, Record};
use tempfile::tempdir;

use crate::build::{Log, at, decided, entity, event, id, row};

/// What there must be.
#[derive(Default)]
struct Expected {
    rows: BTreeMap<EntityId, EntityRow>,
    naming: BTreeMap<CustomerId, BTreeSet<EntityId>>,
    records: Vec<Arc<Record>>,
}

impl Expected {
    /// Writes a batch of a few rows and links, and leaves it to the store when sled gets it.
    fn write(&mut self, log: &mut Log, rng: &mut Rng) {
        let sequence = log.head.sequence + 1;
        let mut entities: BTreeMap<EntityId, EntityRow> = BTreeMap::new();
        let mut links: BTreeMap<(CustomerId, EntityId), bool> = BTreeMap::new();
        for _ in 0..rng.usize(0..4) {
            let name = format!("deal/{}", rng.u32(0..30));
            let deleted = rng.u32(0..5) == 0;
            let written = EntityRow { deleted, last_write: sequence, ..row(&entity(&name)) };
            entities.insert(written.entity.id.clone(), written);
            let link = (id(&format!("contact/{}", rng.u32(0..5))), id(&name));
            links.insert(link, rng.bool());
        }
        let record = Arc::new(Record {
            sequence,
            time: at(1_000 + sequence),
            moves_before: log.head.moves,
            request: None,
            previous_moves: Vec::new(),
            change: decided(event(&format!("e{sequence}")), "deal/1", at(1_000 + sequence)),
        });
        log.head = Head {
            sequence,
            time: record.time,
            moves: log.head.moves + record.moves().count() as u64,
            events: log.head.events + 1,
        };
        for ((customer, entity), names) in &links {
            let naming = self.naming.entry(CustomerId::clone(customer)).or_default();
            if *names {
                naming.insert(entity.clone())
            } else {
                naming.remove(entity)
            };
        }
        self.rows.extend(entities.clone());
        self.records.push(Arc::clone(&record));
        let entities = entities.into_values().map(Arc::new).collect();
        let links = links.into_iter().collect();
        log.store.remember(&record);
        let batch = Batch { records: vec![record], entities, links, head: log.head };
        let applied = log.store.apply(batch).unwrap();
        drop(log.store.sync(vec![applied]).unwrap());
    }

    fn check(&self, log: &Log, rng: &mut Rng) {
        let store = &log.store;
        let asked: EntityId = id(&format!("deal/{}", rng.u32(0..30)));
        assert_eq!(store.entity(&asked).unwrap().as_ref(), self.rows.get(&asked));
        let customer: CustomerId = id(&format!("contact/{}", rng.u32(0..5)));
        let naming = self.naming.get(&customer).cloned().unwrap_or_default();
        assert_eq!(store.entities_naming(&customer).unwrap(), naming);
        let expected = &self.records[rng.usize(0..self.records.len())];
        assert_eq!(store.record(expected.sequence).unwrap().as_ref(), Some(&**expected));
        let of = expected.event().unwrap();
        let found = store.find_event(&of.source, &of.id).unwrap();
        assert_eq!(found.as_ref(), Some(&**expected));
        let chunk = store.chunk_with(expected.sequence).unwrap().unwrap();
        assert!(chunk.iter().any(|record| *record == **expected));
        assert!(chunk.windows(2).all(|pair| pair[0].sequence + 1 == pair[1].sequence));
        assert!(store.record(log.head.sequence + 1).unwrap().is_none());
        assert!(store.chunk_with(log.head.sequence + 1).unwrap().is_none());
    }

    fn check_lists(&self, log: &Log) {
        assert_eq!(Log::read_all(&log.store), records(&self.records));
        let listed = log.store.entity_rows("", 100).unwrap().items;
        assert_eq!(listed, self.rows.values().cloned().collect::<Vec<_>>());
        assert_eq!(log.store.head().unwrap(), log.head);
    }
}

fn records(shared: &[Arc<Record>]) -> Vec<Record> {
    shared.iter().map(|record| Record::clone(record)).collect()
}

#[test]
fn everything_is_read_as_if_sled_had_it() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let (dir, mut rng) = (tempdir().unwrap(), Rng::with_seed(seed));
    let mut log = Log::open(dir.path());
    let mut expected = Expected::default();
    for round in 0..3_000 {
        expected.write(&mut log, &mut rng);
        expected.check(&log, &mut rng);
        match rng.u32(0..600) {
            0 => expected.check_lists(&log),
            1 => log = log.reopen(dir.path()),
            _ => {}
        }
        // It is checked while sled gets it, too.
        if round % 100 == 0 {
            std::thread::yield_now();
        }
    }
    expected.check_lists(&log);
    let log = log.reopen(dir.path());
    expected.check_lists(&log);
    // What was written one by one lies together.
    let chunk = log.store.chunk_with(1).unwrap().unwrap();
    assert!(chunk.len() > 1, "{} record in a chunk", chunk.len());
}

/// Configuration is asked of sled alone, which must have it then.
#[test]
fn configuration_is_there_at_once() {
    let dir = tempdir().unwrap();
    let mut log = Log::open(dir.path());
    for revision in 1..=20 {
        let written = crate::build::trigger("won", revision);
        log.write(vec![Change::TriggerWritten(written.clone())], Vec::new());
        let (found, deleted) = log.store.trigger(&written.id).unwrap().unwrap();
        assert_eq!((found, deleted), (written, false));
    }
}
