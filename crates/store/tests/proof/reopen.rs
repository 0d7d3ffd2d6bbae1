//! What was synced comes back, as it was.

use std::fs;

use pawl_domain::Value;
use pawl_store::{Change, EntityRow, RequestIdentity};
use tempfile::tempdir;

use crate::build::{
    Log, all_values, at, decided, entity, event, fields, id, large_entity, moved_by_hand, pipeline,
    row, trigger, trigger_type, updated, version,
};

#[test]
fn every_change_comes_back_as_it_was() {
    let dir = tempdir().unwrap();
    let mut log = Log::open(dir.path());
    let mut rich = entity("deal/1");
    rich.fields = all_values();
    let mut paid = event("e1");
    paid.attributes = all_values();
    let request = RequestIdentity { id: id("r1"), fingerprint: u64::MAX };
    let imported = vec![entity("deal/2"), entity("deal/3")];
    let changes = vec![
        Change::PipelineWritten(pipeline("sales")),
        Change::TriggerTypeWritten(trigger_type("payment.received")),
        Change::TriggerWritten(trigger("t1", 1)),
        Change::EntitiesImported { entities: imported, skipped: 7 },
        decided(paid, "deal/1", at(1_005)),
        moved_by_hand("deal/1", at(1_006)),
        updated("deal/1"),
        Change::EntityDeleted(entity("deal/2")),
        Change::TriggerDeleted(trigger("t1", 2)),
        Change::TriggerTypeDeleted(trigger_type("payment.received")),
        Change::PipelineDeleted(pipeline("sales")),
    ];
    log.write_requests(
        vec![(Some(request), Change::EntityWritten(rich.clone()))],
        vec![row(&rich)],
    );
    for change in changes {
        log.write(vec![change], Vec::new());
    }
    log.assert_in(&log.store);
    let Log { store, head, written } = log;
    let database_id = store.database_id();
    drop(store);
    let reopened = Log::open(dir.path());
    assert_eq!(reopened.head, head);
    assert_eq!((head.sequence, head.moves, head.events), (12, 2, 3));
    assert_eq!(reopened.store.database_id(), database_id);
    assert_eq!(reopened.store.entity(&id("deal/1")).unwrap(), Some(row(&rich)));
    let reopened = Log { written, ..reopened };
    reopened.assert_in(&reopened.store);
}

#[test]
fn rows_come_back_with_their_deletions_and_revisions() {
    let dir = tempdir().unwrap();
    let mut log = Log::open(dir.path());
    let mut second = pipeline("second");
    second.version = version(9);
    let gone = EntityRow { deleted: true, last_move: 3, ..row(&entity("deal/2")) };
    log.write(
        vec![
            Change::PipelineWritten(pipeline("sales")),
            Change::PipelineWritten(pipeline("second")),
            Change::PipelineDeleted(second.clone()),
            Change::TriggerTypeWritten(trigger_type("a")),
            Change::TriggerTypeDeleted(trigger_type("b")),
            Change::TriggerWritten(trigger("t1", 1)),
            Change::TriggerWritten(trigger("t1", 2)),
            Change::TriggerDeleted(trigger("t1", 3)),
            Change::TriggerWritten(trigger("t1.1", 1)),
        ],
        vec![row(&entity("deal/1")), gone.clone()],
    );
    for reopen in [false, true] {
        if reopen {
            drop(log);
            log = Log::open(dir.path());
        }
        let store = &log.store;
        assert_eq!(store.pipeline(&id("sales")).unwrap(), Some((pipeline("sales"), false)));
        assert_eq!(store.pipeline(&id("second")).unwrap(), Some((second.clone(), true)));
        assert_eq!(store.pipeline(&id("third")).unwrap(), None);
        assert_eq!(store.trigger_type(&id("a")).unwrap(), Some((trigger_type("a"), false)));
        assert_eq!(store.trigger_type(&id("b")).unwrap(), Some((trigger_type("b"), true)));
        assert_eq!(store.trigger(&id("t1")).unwrap(), Some((trigger("t1", 3), true)));
        assert_eq!(store.trigger(&id("t1.1")).unwrap(), Some((trigger("t1.1", 1), false)));
        assert_eq!(store.trigger(&id("t")).unwrap(), None);
        for (revision, deleted) in [(1, false), (2, false), (3, true)] {
            let found = store.trigger_revision(&id("t1"), revision).unwrap();
            assert_eq!(found, Some((trigger("t1", revision), deleted)));
        }
        assert_eq!(store.trigger_revision(&id("t1"), 4).unwrap(), None);
        assert_eq!(store.entity(&id("deal/1")).unwrap(), Some(row(&entity("deal/1"))));
        assert_eq!(store.entity(&id("deal/2")).unwrap(), Some(gone.clone()));
        assert_eq!(store.entity(&id("deal/3")).unwrap(), None);
    }
}

/// 40 imports in one batch, some of them spread over parts of 96 KiB, one after the other.
#[test]
fn records_of_any_size_come_back() {
    let dir = tempdir().unwrap();
    let mut log = Log::open(dir.path());
    let import = |number: usize, entities: usize, bytes: usize| Change::EntitiesImported {
        entities: (0..entities)
            .map(|index| large_entity(&format!("deal/{number}-{index}"), bytes))
            .collect(),
        skipped: 0,
    };
    // Below, at and above the size at which a chunk is closed, and the size of a part.
    let sizes =
        [(1, 10), (1, 30_000), (2, 25_000), (3, 32_000), (4, 24_400), (4, 30_000), (200, 32_000)];
    for size in sizes {
        log.write(vec![import(0, size.0, size.1)], Vec::new());
    }
    let changes = (0..40).map(|number| import(number, 1 + number % 7, 20_000)).collect();
    log.write(changes, Vec::new());
    log.assert_in(&log.store);
    let Log { store, written, .. } = log;
    drop(store);
    let log = Log { written, ..Log::open(dir.path()) };
    log.assert_in(&log.store);
    for record in &log.written {
        let found = log.store.record(record.sequence).unwrap();
        assert_eq!(found.as_ref(), Some(&**record));
    }
    assert_eq!(log.store.record(0).unwrap(), None);
    assert_eq!(log.store.record(log.head.sequence + 1).unwrap(), None);
}

/// sled never syncs what it puts into `blobs`: nothing may land there, whatever is written.
#[test]
fn nothing_lands_in_blobs() {
    let dir = tempdir().unwrap();
    let mut log = Log::open(dir.path());
    let large = |number: usize| large_entity(&format!("deal/{number:03}"), 60_000);
    for round in 0..3 {
        for first in (0..240).step_by(40) {
            let entities: Vec<_> = (first..first + 40)
                .map(|number| {
                    let mut entity = large(number);
                    entity.version = version(1 + round);
                    entity
                })
                .collect();
            let rows = entities.iter().map(row).collect();
            log.write(vec![Change::EntitiesImported { entities, skipped: 0 }], rows);
        }
    }
    let wide = fields(&[("w", Value::Text("w".repeat(32_000)))]);
    let events = (0..200).map(|number| {
        let mut event = event(&format!("e{number}"));
        event.attributes = wide.clone();
        decided(event, "deal/001", at(1))
    });
    let events = events.collect();
    log.write(events, Vec::new());
    let blobs = || fs::read_dir(dir.path().join("sled/blobs")).unwrap().count();
    assert_eq!(blobs(), 0, "while open");
    drop(log);
    assert_eq!(blobs(), 0, "after closing");
    drop(Log::open(dir.path()));
    assert_eq!(blobs(), 0, "after reopening");
}

/// Dropping a store and opening it again at once works, time after time.
#[test]
fn reopens_at_once_in_the_same_process() {
    let dir = tempdir().unwrap();
    let mut sequence = 0;
    for round in 0..10 {
        let mut log = Log::open(dir.path());
        assert_eq!(log.head.sequence, sequence);
        let entity = entity(&format!("deal/{round}"));
        log.write(vec![Change::EntityWritten(entity.clone())], vec![row(&entity)]);
        sequence = log.head.sequence;
    }
    let log = Log::open(dir.path());
    for round in 0..10 {
        assert!(log.store.entity(&id(&format!("deal/{round}"))).unwrap().is_some());
    }
}
