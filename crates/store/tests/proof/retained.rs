//! The log is trimmed from its oldest chunk on (Q4): what goes, what stays, and what is known then.

use std::collections::BTreeSet;

use pawl_domain::{Timestamp, Value};
use pawl_store::{Change, Head, Record, RequestIdentity, Store, Tail, TrimPolicy};
use tempfile::tempdir;

use crate::build::{
    Log, at, decided, entity, event, fields, id, large_entity, moved_by_hand, no_trim, pipeline,
    row, trigger, trigger_type, trim_all, updated,
};

/// Everything that one can ask of a log.
#[derive(Debug, PartialEq)]
pub(crate) struct Seen {
    head: Head,
    tail: Tail,
    logged_bytes: u64,
    oldest_time: Option<Timestamp>,
    identities: u64,
    records: Vec<Record>,
    /// The sequences found, by identity.
    events: Vec<Option<u64>>,
    requests: Vec<Option<u64>>,
}

impl Seen {
    /// By way of all identities that were ever written to `log`.
    pub(crate) fn in_log(log: &Log) -> Self {
        let store = &log.store;
        let sequence = |found: Option<Record>| found.map(|record| record.sequence);
        let events = log.written.iter().filter_map(|record| record.event());
        let events = events.map(|event| store.find_event(&event.source, &event.id).unwrap());
        let requests = log.written.iter().filter_map(|record| record.request.as_ref());
        let requests = requests.map(|request| store.find_request(&request.id).unwrap());
        Self {
            head: store.head().unwrap(),
            tail: store.tail(),
            logged_bytes: store.logged_bytes(),
            oldest_time: store.oldest_time().unwrap(),
            identities: store.identities().count,
            events: events.map(sequence).collect(),
            requests: requests.map(sequence).collect(),
            records: Log::read_all(store),
        }
    }
}

fn request(name: &str) -> RequestIdentity {
    RequestIdentity { id: id(name), fingerprint: 3 }
}

/// Ten chunks of two records: an event that moves and a request. The record `n` was committed at
/// 999 + n seconds. Also gives the bytes of each chunk.
fn ten_chunks(dir: &std::path::Path) -> (Log, Vec<u64>) {
    let mut log = Log::open(dir);
    let mut bytes = Vec::new();
    for number in 1..=10 {
        let before = log.store.logged_bytes();
        let mut paid = event(&format!("e{number}"));
        paid.attributes = fields(&[("text", Value::Text("x".repeat(number * 100)))]);
        let changes = vec![
            (None, decided(paid, "deal/1", log.now())),
            (Some(request(&format!("r{number}"))), Change::EntityWritten(entity("deal/1"))),
        ];
        log.write_requests(changes, Vec::new());
        bytes.push(log.store.logged_bytes() - before);
    }
    (log, bytes)
}

#[test]
fn what_goes_and_what_stays() {
    let dir = tempdir().unwrap();
    let (_, bytes) = ten_chunks(&dir.path().join("sample"));
    let total: u64 = bytes.iter().sum();
    let last = |chunk: u64| at(999 + 2 * chunk);
    let by_age = |before| TrimPolicy { expired_before: Some(before), ..no_trim() };
    let by_size = |max| TrimPolicy { max_bytes: Some(max), ..no_trim() };
    let by_number = |max| TrimPolicy { max_identities: Some(max), ..no_trim() };
    let second = std::time::Duration::from_secs(1);
    let after = |time: Timestamp| Timestamp::since_epoch(time.since(at(0)) + second);
    // The number of chunks that go.
    let cases: Vec<(&str, TrimPolicy, u64)> = vec![
        ("nothing is asked for", no_trim(), 0),
        ("the first record is old, the last of its chunk is not", by_age(last(1)), 0),
        ("a chunk is old with its last record", by_age(after(last(1))), 1),
        ("what is as old as the bound stays", by_age(last(5)), 4),
        ("everything is old", by_age(after(last(10))), 10),
        ("just the size that is allowed", by_size(total), 0),
        ("a byte too much", by_size(total - 1), 1),
        ("one chunk makes room enough", by_size(total - bytes[0]), 1),
        ("one chunk leaves a byte too much", by_size(total - bytes[0] - 1), 2),
        ("no log at all", by_size(0), 10),
        ("just the identities that are allowed", by_number(20), 0),
        ("an identity too many", by_number(19), 1),
        ("one chunk leaves an identity too many", by_number(17), 2),
        ("no identities at all", by_number(0), 10),
        ("the size asks for more", TrimPolicy { max_bytes: Some(0), ..by_age(last(5)) }, 10),
        ("the age asks for more", TrimPolicy { max_bytes: Some(total), ..by_age(last(5)) }, 4),
        ("too large but in the window", TrimPolicy { keep_from: last(4), ..by_size(0) }, 3),
        ("too many but in the window", TrimPolicy { keep_from: last(4), ..by_number(0) }, 3),
        ("too many but not durable", TrimPolicy { keep_after: 12, ..by_number(0) }, 6),
        ("old but in the window", TrimPolicy { keep_from: last(4), ..by_age(last(9)) }, 3),
        ("all but what is not durable", TrimPolicy { keep_after: 12, ..by_size(0) }, 6),
        ("half a chunk is not durable", TrimPolicy { keep_after: 13, ..by_size(0) }, 6),
        ("old but not durable", TrimPolicy { keep_after: 12, ..by_age(last(9)) }, 6),
        ("nothing is durable", TrimPolicy { keep_after: 0, ..by_size(0) }, 0),
    ];
    for (name, policy, chunks) in cases {
        let data = dir.path().join(name);
        let (log, _) = ten_chunks(&data);
        let steps = log.trim(&policy);
        assert_eq!(steps, 1, "{name}: few chunks go at once");
        let expected =
            Tail { sequence: 1 + 2 * chunks, events_before: chunks, moves_before: chunks };
        assert_eq!(log.store.tail(), expected, "{name}");
        let left: u64 = bytes[usize::try_from(chunks).unwrap()..].iter().sum();
        assert_eq!(log.store.logged_bytes(), left, "{name}");
        let oldest = (chunks < 10).then(|| at(1_000 + 2 * chunks));
        assert_eq!(log.store.oldest_time().unwrap(), oldest, "{name}");
        log.assert_in(&log.store);
        let before = Seen::in_log(&log);
        assert_eq!(before, Seen::in_log(&log.reopen(&data)), "{name}: reopened");
    }
}

#[test]
fn nothing_is_answered_from_before_the_tail() {
    let dir = tempdir().unwrap();
    let (mut log, _) = ten_chunks(dir.path());
    // The chunk of the last lookup is kept: this one is to go.
    assert!(log.store.record(6).unwrap().is_some());
    log.trim(&TrimPolicy { keep_after: 6, ..trim_all() });
    for reopen in [false, true] {
        if reopen {
            log = log.reopen(dir.path());
        }
        let store = &log.store;
        assert_eq!(store.tail().sequence, 7);
        for sequence in 0..=6 {
            assert_eq!(store.record(sequence).unwrap(), None, "record {sequence}");
            assert_eq!(store.chunk_with(sequence).unwrap(), None, "chunk with {sequence}");
        }
        for number in 1..=10_u64 {
            let (of_event, of_request) = (2 * number - 1, 2 * number);
            let found = store.find_event(&id("shop"), &id(&format!("e{number}"))).unwrap();
            let kept = number > 3;
            assert_eq!(found.map(|r| r.sequence), kept.then_some(of_event), "event {number}");
            let found = store.find_request(&id(&format!("r{number}"))).unwrap();
            assert_eq!(found.map(|r| r.sequence), kept.then_some(of_request), "request {number}");
        }
        assert_eq!(store.identities().count, 14, "seven events and seven requests");
    }
}

#[test]
fn an_identity_goes_with_the_last_record_that_has_it() {
    let dir = tempdir().unwrap();
    let mut log = Log::open(dir.path());
    let twice = |log: &Log| {
        vec![
            (Some(request("r")), decided(event("e"), "deal/1", log.now())),
            (Some(request("r")), decided(event("e"), "deal/1", log.now())),
        ]
    };
    // Records 1 and 2 in one chunk, 3, 4 and 5 in chunks of their own.
    log.write_requests(twice(&log), Vec::new());
    for _ in 0..2 {
        let once = twice(&log).split_off(1);
        log.write_requests(once, Vec::new());
    }
    log.write(vec![Change::EntityWritten(entity("deal/1"))], Vec::new());
    for (keep_after, found, identities) in
        [(0, Some(4), 8), (2, Some(4), 4), (3, Some(4), 2), (4, None, 0)]
    {
        log.trim(&TrimPolicy { keep_after, ..trim_all() });
        for reopen in [false, true] {
            if reopen {
                log = log.reopen(dir.path());
            }
            let event = log.store.find_event(&id("shop"), &id("e")).unwrap();
            assert_eq!(event.map(|record| record.sequence), found, "{keep_after}");
            let request = log.store.find_request(&id("r")).unwrap();
            assert_eq!(request.map(|record| record.sequence), found, "{keep_after}");
            assert_eq!(log.store.identities().count, identities, "{keep_after}");
        }
    }
    // And is a new one then.
    log.write(vec![decided(event("e"), "deal/1", log.now())], Vec::new());
    let found = log.store.find_event(&id("shop"), &id("e")).unwrap();
    assert_eq!(found.map(|record| record.sequence), Some(6));
}

/// What trimming counts and forgets without decoding records is what was counted when they were
/// written, for every kind of change.
#[test]
fn a_log_that_is_trimmed_whole_leaves_its_head() {
    let dir = tempdir().unwrap();
    let mut log = Log::open(dir.path());
    let changes = vec![
        Change::PipelineWritten(pipeline("sales")),
        Change::PipelineDeleted(pipeline("sales")),
        Change::TriggerTypeWritten(trigger_type("payment.received")),
        Change::TriggerTypeDeleted(trigger_type("payment.received")),
        Change::TriggerWritten(trigger("t1", 1)),
        Change::TriggerDeleted(trigger("t1", 2)),
        Change::EntityWritten(entity("deal/1")),
        Change::EntityDeleted(entity("deal/2")),
        Change::EntitiesImported { entities: vec![entity("deal/2"), entity("deal/3")], skipped: 7 },
        decided(event("e1"), "deal/1", at(1_005)),
        moved_by_hand("deal/1", at(1_006)),
        updated("deal/1"),
    ];
    let named = (1..).map(|number| Some(request(&format!("r{number}"))));
    log.write_requests(named.zip(changes).collect(), vec![row(&entity("deal/1"))]);
    assert_eq!((log.store.identities().count, log.head.sequence), (15, 12));
    log.trim(&trim_all());
    for reopen in [false, true] {
        if reopen {
            log = log.reopen(dir.path());
        }
        let store = &log.store;
        assert_eq!(store.head().unwrap(), log.head);
        assert_eq!(store.tail(), Tail { sequence: 13, events_before: 3, moves_before: 2 });
        assert_eq!((store.identities().count, store.logged_bytes()), (0, 0));
        assert_eq!(store.oldest_time().unwrap(), None);
        assert_eq!(Log::read_all(store), []);
        assert!(!store.trim_step(&trim_all()).unwrap());
        assert_eq!(
            store.entity(&id("deal/1")).unwrap(),
            Some(row(&entity("deal/1"))),
            "state stays"
        );
        assert_eq!(store.trigger(&id("t1")).unwrap(), Some((trigger("t1", 2), true)));
    }
    log.write(vec![decided(event("e1"), "deal/1", log.now())], Vec::new());
    log = log.reopen(dir.path());
    log.assert_in(&log.store);
    assert_eq!((log.head.sequence, log.head.moves, log.head.events), (13, 3, 4));
    let found = log.store.find_event(&id("shop"), &id("e1")).unwrap();
    assert_eq!(found.map(|record| (record.sequence, record.moves_before)), Some((13, 2)));
}

#[test]
fn a_step_is_small_and_the_log_is_whole_after_each() {
    let dir = tempdir().unwrap();
    let mut log = Log::open(dir.path());
    for number in 0..200 {
        log.write(vec![decided(event(&format!("e{number}")), "deal/1", log.now())], Vec::new());
    }
    for _ in 0..12 {
        let entities = vec![large_entity("deal/1", 32_000), large_entity("deal/2", 32_000)];
        log.write(vec![Change::EntitiesImported { entities, skipped: 0 }], Vec::new());
    }
    let mut tails = vec![log.store.tail().sequence];
    while log.store.trim_step(&trim_all()).unwrap() {
        tails.push(log.store.tail().sequence);
        let before = Seen::in_log(&log);
        log.assert_in(&log.store);
        log = log.reopen(dir.path());
        assert_eq!(before, Seen::in_log(&log), "reopened at {tails:?}");
    }
    tails.push(log.store.tail().sequence);
    // 32 chunks of one small record, or two of 64 KB.
    assert_eq!(tails, [1, 33, 65, 97, 129, 161, 193, 202, 204, 206, 208, 210, 212, 213]);
}

/// A record of any size goes whole: all the parts of its chunk, and no others.
#[test]
fn a_chunk_of_many_parts_goes_at_once() {
    let dir = tempdir().unwrap();
    let mut log = Log::open(dir.path());
    for number in 0..6 {
        let entities = (0..20).map(|n| large_entity(&format!("deal/{number}-{n}"), 32_000));
        let entities = entities.collect();
        log.write(vec![Change::EntitiesImported { entities, skipped: 0 }], Vec::new());
        log.write(vec![decided(event(&format!("e{number}")), "deal/1", log.now())], Vec::new());
    }
    let mut tails = BTreeSet::new();
    for keep_after in 0..12 {
        log.trim(&TrimPolicy { keep_after, ..trim_all() });
        assert_eq!(log.store.tail().sequence, keep_after + 1);
        log.assert_in(&log.store);
        let before = Seen::in_log(&log);
        log = log.reopen(dir.path());
        assert_eq!(before, Seen::in_log(&log), "{keep_after}");
        tails.insert(log.store.tail().sequence);
    }
    assert_eq!(tails.len(), 12);
}

#[test]
fn a_log_that_was_never_trimmed_has_no_tail() {
    let dir = tempdir().unwrap();
    let (log, _) = ten_chunks(dir.path());
    drop(log);
    let store = Store::open(dir.path()).unwrap();
    assert_eq!(store.tail(), Tail { sequence: 1, events_before: 0, moves_before: 0 });
    assert!(!store.trim_step(&no_trim()).unwrap());
    drop(store);
    let db = crate::directory::raw(dir.path());
    assert_eq!(db.get([3]).unwrap(), None, "nothing was trimmed, so nothing says where");
}
