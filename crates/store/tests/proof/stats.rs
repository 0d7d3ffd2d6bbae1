//! Statistics of triggers outlive the records that they were counted from (Q3, Q4).

use std::path::Path;

use pawl_domain::{Entity, TriggerId, TriggerStats, TriggerTally};
use pawl_store::{Change, EntityRow, OpenError, Record, StatsRow, Store, TrimPolicy};
use tempfile::tempdir;

use crate::build::{Log, at, decided, entity, event, id, trigger, trim_all, version};
use crate::directory::raw;

fn stats(considered: u64) -> TriggerStats {
    TriggerStats {
        considered,
        matched: considered / 2,
        moved: considered / 3,
        last_considered_time: Some(at(2_000 + considered)),
        last_moved_time: (considered > 5).then(|| at(1_000 + considered)),
    }
}

fn rows(store: &Store) -> Vec<StatsRow> {
    store.trigger_stats().map(Result::unwrap).collect()
}

#[test]
fn rows_come_back_as_they_were() {
    let dir = tempdir().unwrap();
    let mut log = Log::open(dir.path());
    log.write(vec![decided(event("e1"), "deal/1", log.now())], Vec::new());
    log.write(vec![Change::TriggerWritten(trigger("a", 1))], Vec::new());
    assert_eq!(rows(&log.store), []);
    let never = TriggerStats::default();
    let written = [(id("b"), stats(9), 2), (id("a"), never, 0), (id("a.b"), stats(4), 1)];
    log.store.put_trigger_stats(&written).unwrap();
    let expected = [(id("a"), never, 0), (id("a.b"), stats(4), 1), (id("b"), stats(9), 2)];
    assert_eq!(rows(&log.store), expected);
    log = log.reopen(dir.path());
    assert_eq!(rows(&log.store), expected);
    log.store.put_trigger_stats(&[(id("a"), stats(7_000_000), 1)]).unwrap();
    log.store.remove_trigger_stats(&[id("a.b"), id("never-there")]).unwrap();
    log = log.reopen(dir.path());
    assert_eq!(rows(&log.store), [(id("a"), stats(7_000_000), 1), (id("b"), stats(9), 2)]);
    assert_eq!(log.store.trigger(&id("a")).unwrap(), Some((trigger("a", 1), false)), "no revision");
}

/// As the engine counts.
fn count(tally: &mut TriggerTally, record: &Record) {
    tally.count(record.decisions(), record.sequence, record.time);
    if let Change::TriggerDeleted(trigger) = &record.change {
        tally.forget(&trigger.id);
    }
}

/// What a start makes of rows and records.
fn recovered(dir: &Path) -> Vec<TriggerStats> {
    let (_store, tally) = Store::open_checked(dir, |_| ()).unwrap();
    triggers().map(|id| tally.of(&id)).collect()
}

fn triggers() -> impl Iterator<Item = TriggerId> {
    (1..=12).map(|number| id(&format!("t{number}")))
}

/// The row of the deal that an event has moved.
fn moved(last_write: u64) -> EntityRow {
    let entity =
        Entity { customer_ids: Vec::new(), version: version(2), ..entity("deal/1") }.into();
    EntityRow { entity, deleted: false, last_move: last_write, last_write }
}

/// Events consider t1 to t12, but not t3, which is paused; t1 moves. t5 is deleted and created again.
fn history(dir: &Path) -> Log {
    let mut log = Log::open(dir);
    for number in 1..=9 {
        let (change, rows) = match number {
            5 => (Change::TriggerDeleted(trigger("t5", 2)), Vec::new()),
            6 => (Change::TriggerWritten(trigger("t5", 3)), Vec::new()),
            _ => (decided(event(&format!("e{number}")), "deal/1", log.now()), vec![moved(number)]),
        };
        log.write(vec![change], rows);
    }
    log
}

#[test]
fn a_start_counts_what_came_after_the_rows() {
    let dir = tempdir().unwrap();
    drop(history(dir.path()));
    let whole = recovered(dir.path());
    let counts = |number: usize| (whole[number - 1].considered, whole[number - 1].moved);
    assert_eq!([counts(1), counts(3), counts(5)], [(7, 7), (0, 0), (3, 0)]);
    // Rows as of each place in the log, for every other trigger as of the place before.
    for position in 1..=9 {
        let dir = tempdir().unwrap();
        let log = history(dir.path());
        let as_of = |position: u64| {
            let mut tally = TriggerTally::default();
            let records = log.written.iter().take_while(|record| record.sequence <= position);
            records.for_each(|record| count(&mut tally, record));
            triggers().map(|id| (id.clone(), tally.of(&id), position)).collect::<Vec<_>>()
        };
        let (now, before) = (as_of(position), as_of(position - 1));
        log.store.put_trigger_stats(&before).unwrap();
        let half: Vec<StatsRow> = now.into_iter().step_by(2).collect();
        log.store.put_trigger_stats(&half).unwrap();
        drop(log);
        assert_eq!(recovered(dir.path()), whole, "rows up to {position}");
        let log = Log::open(dir.path());
        log.trim(&TrimPolicy { keep_after: position - 1, ..trim_all() });
        assert_eq!(log.store.tail().sequence, position);
        drop(log);
        assert_eq!(recovered(dir.path()), whole, "rows up to {position}, without the records");
    }
}

#[test]
fn rows_that_do_not_fit_are_damage() {
    let cases: [(&str, &[u8], &str); 3] = [
        // Field 6, 2 and 3.
        ("counts what is there", &[0x30, 2], ""),
        ("counts what is not there", &[0x30, 3], "they count record 3, which is missing"),
        ("is no message", &[0xff], "the statistics of trigger t1 is damaged"),
    ];
    for (name, row, expected) in cases {
        let dir = tempdir().unwrap();
        let mut log = Log::open(dir.path());
        for number in 1..=2 {
            log.write(vec![decided(event(&format!("e{number}")), "deal/1", log.now())], Vec::new());
        }
        drop(log);
        let db = raw(dir.path());
        db.insert([&[0x23][..], b"t1"].concat(), row).unwrap();
        db.flush().unwrap();
        drop(db);
        match Store::open(dir.path()) {
            Ok(store) => assert_eq!((expected, rows(&store).len()), ("", 1), "{name}"),
            Err(OpenError::Damaged { problem, .. }) => {
                assert!(!expected.is_empty() && problem.contains(expected), "{name}: {problem}");
            }
            Err(error) => panic!("{name}: {error}"),
        }
    }
}
