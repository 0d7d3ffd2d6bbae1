//! Events and requests are found by their identity, also after reopening.

use pawl_store::{Change, RequestIdentity};
use tempfile::tempdir;

use crate::build::{Log, decided, entity, event, id, moved_by_hand};

#[test]
fn events_are_found_by_source_and_id() {
    let dir = tempdir().unwrap();
    let mut log = Log::open(dir.path());
    let mut twin = event("e1");
    twin.source = id("crm");
    let changes = vec![
        decided(event("e1"), "deal/1", log.now()),
        Change::EntityWritten(entity("deal/1")),
        decided(event("e2"), "deal/1", log.now()),
        decided(twin, "deal/1", log.now()),
    ];
    log.write(changes, Vec::new());
    // The same identity once more, as after its window.
    let again = vec![decided(event("e1"), "deal/2", log.now()), moved_by_hand("deal/1", log.now())];
    log.write(again, Vec::new());
    for reopen in [false, true] {
        if reopen {
            drop(log);
            log = Log::open(dir.path());
        }
        let find = |source: &str, event_id: &str| {
            let found = log.store.find_event(&id(source), &id(event_id)).unwrap();
            found.map(|record| record.sequence)
        };
        assert_eq!(find("shop", "e1"), Some(5), "the newest");
        assert_eq!(find("shop", "e2"), Some(3));
        assert_eq!(find("crm", "e1"), Some(4));
        assert_eq!(find("pawl", "m1"), Some(6), "the service's own");
        assert_eq!(find("crm", "e2"), None);
        assert_eq!(find("shop", "e"), None);
        assert_eq!(log.store.identities().count, 5, "one of them twice");
    }
}

#[test]
fn requests_are_found_by_id_and_are_no_events() {
    let dir = tempdir().unwrap();
    let mut log = Log::open(dir.path());
    let request = |name: &str| Some(RequestIdentity { id: id(name), fingerprint: 3 });
    log.write_requests(
        vec![
            (request("r1"), Change::EntityWritten(entity("deal/1"))),
            (None, Change::EntityWritten(entity("deal/2"))),
            (request("r2"), Change::EntitiesImported { entities: vec![], skipped: 1 }),
        ],
        Vec::new(),
    );
    let again = vec![(request("r1"), Change::EntityWritten(entity("deal/3")))];
    log.write_requests(again, Vec::new());
    for reopen in [false, true] {
        if reopen {
            drop(log);
            log = Log::open(dir.path());
        }
        let find = |name: &str| {
            let found = log.store.find_request(&id(name)).unwrap();
            found.map(|record| (record.sequence, record.request.unwrap().fingerprint))
        };
        assert_eq!(find("r1"), Some((4, 3)), "the newest");
        assert_eq!(find("r2"), Some((3, 3)));
        assert_eq!(find("r3"), None);
        assert_eq!(log.store.find_event(&id("shop"), &id("r1")).unwrap(), None);
    }
}
