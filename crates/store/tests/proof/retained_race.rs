//! Reads and writes beside a trim: a record is there whole, or it is not there.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use fastrand::Rng;
use pawl_store::{Change, Store, TrimPolicy};
use tempfile::tempdir;

use crate::build::{Log, decided, event, id, large_entity, trim_all};
use crate::retained::Seen;

const RECORDS: u64 = 600;
/// How many of the newest records are kept back.
const KEPT: u64 = 40;

/// Odd records are events; even ones are imports, most of which lie in several parts.
fn change(log: &Log) -> Change {
    let sequence = log.head.sequence + 1;
    if sequence % 2 == 1 {
        return decided(event(&format!("e{sequence}")), "deal/1", log.now());
    }
    let entities =
        (0..sequence % 13).map(|n| large_entity(&format!("deal/{sequence}-{n}"), 32_000));
    Change::EntitiesImported { entities: entities.collect(), skipped: sequence }
}

/// Asks for some record near the tail, in each way that there is. Says whether it was there.
fn read(store: &Store, rng: &mut Rng, written: &AtomicU64) -> bool {
    let (head, tail) = (written.load(Ordering::Acquire), store.tail().sequence);
    let sequence = rng.u64(tail.saturating_sub(4)..tail + KEPT);
    let name = format!("e{sequence}");
    let found = match rng.u32(0..3) {
        0 => store.record(sequence).unwrap(),
        1 => {
            let chunk = store.chunk_with(sequence).unwrap();
            chunk.map(|chunk| chunk.into_iter().find(|record| record.sequence == sequence).unwrap())
        }
        _ if sequence.is_multiple_of(2) => return false,
        _ => store.find_event(&id("shop"), &id(&name)).unwrap(),
    };
    let Some(record) = found else {
        let gone = sequence < store.tail().sequence;
        assert!(gone || sequence > head, "record {sequence} is missing from a log up to {head}");
        return false;
    };
    assert!(sequence >= tail, "record {sequence} was found before the tail {tail}");
    assert_eq!(record.sequence, sequence);
    match record.change {
        Change::EventDecided { event, .. } => assert_eq!(event.id.as_str(), name),
        Change::EntitiesImported { entities, skipped } => {
            assert_eq!((skipped, entities.len() as u64), (sequence, sequence % 13));
        }
        other => panic!("{other:?}"),
    }
    true
}

#[test]
fn reads_beside_a_trim_see_whole_records_or_none() {
    let dir = tempdir().unwrap();
    let mut log = Log::open(dir.path());
    let store = Arc::clone(&log.store);
    let (written, done) = (AtomicU64::new(0), AtomicBool::new(false));
    let found: Vec<(u64, u64)> = thread::scope(|scope| {
        let (store, written, done) = (&store, &written, &done);
        let reader = |seed| {
            move || {
                let mut rng = Rng::with_seed(seed);
                let (mut there, mut gone) = (0, 0);
                // However late it began, each finds something, and something is gone.
                while !done.load(Ordering::Acquire) || there == 0 || gone == 0 {
                    let found = read(store, &mut rng, written);
                    *(if found { &mut there } else { &mut gone }) += 1;
                    // Whatever is retained, its first record is not older than it was.
                    let tail = i64::try_from(store.tail().sequence).unwrap();
                    let oldest = store.oldest_time().unwrap();
                    assert!(oldest.is_none_or(|time| time.seconds() >= 999 + tail));
                }
                (there, gone)
            }
        };
        let readers: Vec<_> = (0..3).map(|seed| scope.spawn(reader(seed))).collect();
        let trimmer = scope.spawn(move || {
            while store.tail().sequence <= RECORDS - KEPT {
                let keep_after = written.load(Ordering::Acquire).saturating_sub(KEPT);
                store.trim_step(&TrimPolicy { keep_after, ..trim_all() }).unwrap();
                thread::yield_now();
            }
            done.store(true, Ordering::Release);
        });
        for _ in 0..RECORDS {
            log.write(vec![change(&log)], Vec::new());
            written.store(log.head.sequence, Ordering::Release);
        }
        trimmer.join().unwrap();
        readers.into_iter().map(|reader| reader.join().unwrap()).collect()
    });
    println!("found and not found: {found:?}");
    assert!(found.iter().all(|(there, gone)| *there > 0 && *gone > 0), "{found:?}");
    drop(store);
    log.assert_in(&log.store);
    let before = Seen::in_log(&log);
    let log = log.reopen(dir.path());
    assert_eq!(before, Seen::in_log(&log));
    assert_eq!(log.store.tail().sequence, RECORDS - KEPT + 1);
}
