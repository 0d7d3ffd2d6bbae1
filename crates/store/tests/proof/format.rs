//! The bytes are where FORMAT.md says, and recovery notices when they are not.

use pawl_domain::Value;
use pawl_store::{Change, OpenError, Store, TrimPolicy};
use tempfile::tempdir;

use crate::build::{
    Log, at, decided, entity, event, fields, id, large_entity, pipeline, row, trigger,
    trigger_type, trim_all,
};
use crate::directory::raw;

const PART_MAX: usize = 96 * 1_024;

fn key(text: &str) -> Vec<u8> {
    let (tag, rest) = text.split_once(' ').unwrap_or((text, ""));
    let mut key = vec![u8::from_str_radix(tag, 16).unwrap()];
    key.extend_from_slice(rest.replace('0', "\0").as_bytes());
    key
}

fn part_key(first: u64, part: u16) -> Vec<u8> {
    [&[0x10], &first.to_be_bytes()[..], &part.to_be_bytes()].concat()
}

#[test]
fn rows_and_parts_stand_where_the_format_says() {
    let dir = tempdir().unwrap();
    let mut log = Log::open(dir.path());
    let entities: Vec<_> = (0..9).map(|n| large_entity(&format!("deal/{n}"), 32_000)).collect();
    log.write(
        vec![
            Change::PipelineWritten(pipeline("sales")),
            Change::TriggerTypeWritten(trigger_type("paid")),
            Change::TriggerWritten(trigger("t", 1)),
            Change::TriggerWritten(trigger("t", 258)),
        ],
        vec![row(&entity("deal/x"))],
    );
    log.write(vec![Change::EntitiesImported { entities, skipped: 0 }], Vec::new());
    drop(log);
    let db = raw(dir.path());
    let found: Vec<Vec<u8>> = db.iter().keys().map(|key| key.unwrap().to_vec()).collect();
    let mut expected = vec![key("01"), key("02")];
    expected.push(part_key(1, 0));
    // 9 times 32 KB and a little more, in parts of 96 KiB.
    expected.extend((0..3).map(|part| part_key(5, part)));
    expected.extend([key("20 sales"), key("21 paid")]);
    expected.push([&key("22 t0")[..], &1_i64.to_be_bytes()].concat());
    expected.push([&key("22 t0")[..], &258_i64.to_be_bytes()].concat());
    expected.push(key("30 deal/x"));
    assert_eq!(found, expected);

    let mut payload = Vec::new();
    for part in 0..3 {
        let key = part_key(5, part);
        let value = db.get(&key).unwrap().unwrap();
        assert!(value.len() <= 28 + PART_MAX);
        assert_eq!(value[..2], [1, 0], "layout and zero");
        assert_eq!(value[2..4], 3_u16.to_be_bytes(), "how many parts");
        assert_eq!(value[4..12], 5_u64.to_be_bytes(), "first");
        assert_eq!(value[12..20], 5_u64.to_be_bytes(), "last");
        assert_eq!(value[20..24], [0; 4], "zero");
        let covered = [&key[..], &value[..24], &value[28..]].concat();
        assert_eq!(value[24..28], crc32fast::hash(&covered).to_be_bytes(), "checksum");
        payload.extend_from_slice(&value[28..]);
    }
    let mut rest = payload.as_slice();
    let length = prost::decode_length_delimiter(&mut rest).unwrap();
    assert_eq!(length, rest.len(), "one record after its length");
}

#[test]
fn a_chunk_is_closed_at_48_kib() {
    let dir = tempdir().unwrap();
    let mut log = Log::open(dir.path());
    let text = fields(&[("t", Value::Text("t".repeat(10_000)))]);
    let changes = (0..12).map(|number| {
        let mut event = event(&format!("e{number}"));
        event.attributes = text.clone();
        decided(event, "deal/1", log.now())
    });
    let changes = changes.collect();
    log.write(changes, Vec::new());
    drop(log);
    let db = raw(dir.path());
    let firsts: Vec<u64> = db
        .scan_prefix([0x10])
        .keys()
        .map(|key| u64::from_be_bytes(key.unwrap()[1..9].try_into().unwrap()))
        .collect();
    assert_eq!(firsts, [1, 6, 11]);
}

/// A log of three chunks of two records; `change` goes behind the store's back.
fn after(change: impl Fn(&sled::Db)) -> Result<Store, OpenError> {
    after_trim(0, change)
}

/// The same, without the records up to `last`.
fn after_trim(last: u64, change: impl Fn(&sled::Db)) -> Result<Store, OpenError> {
    let dir = tempdir().unwrap();
    let mut log = Log::open(dir.path());
    for number in 0..3 {
        let changes = vec![
            decided(event(&format!("e{number}")), "deal/1", log.now()),
            Change::EntityWritten(entity("deal/1")),
        ];
        log.write(changes, Vec::new());
    }
    log.trim(&TrimPolicy { keep_after: last, ..trim_all() });
    drop(log);
    let db = raw(dir.path());
    change(&db);
    db.flush().unwrap();
    drop(db);
    Store::open(dir.path())
}

/// What was done, how, and what the refusal says.
type Case<'a> = (&'a str, Box<dyn Fn(&sled::Db) + 'a>, &'a str);

#[test]
fn recovery_notices_what_does_not_fit() {
    let copied = |db: &sled::Db, from: &[u8], to: &[u8]| {
        let value = db.get(from).unwrap().unwrap();
        db.insert(to, value).unwrap();
    };
    let edited = |db: &sled::Db, key: &[u8], edit: &dyn Fn(&mut Vec<u8>)| {
        let mut value = db.get(key).unwrap().unwrap().to_vec();
        edit(&mut value);
        db.insert(key, value).unwrap();
    };
    let chunk = part_key(3, 0);
    let cases: Vec<Case<'_>> = vec![
        ("first chunk gone", Box::new(|db| drop(db.remove(part_key(1, 0)))), "is missing"),
        ("middle chunk gone", Box::new(|db| drop(db.remove(&chunk))), "is missing"),
        ("last chunk gone", Box::new(|db| drop(db.remove(part_key(5, 0)))), "record 5 is missing"),
        ("head gone", Box::new(|db| drop(db.remove([2]))), "its head says"),
        (
            "under another key",
            Box::new(|db| copied(db, &chunk, &part_key(7, 0))),
            "checksum does not match",
        ),
        (
            "one part too many",
            Box::new(|db| copied(db, &chunk, &part_key(3, 1))),
            "checksum does not match",
        ),
        (
            "payload flipped",
            Box::new(|db| edited(db, &chunk, &|value| *value.last_mut().unwrap() ^= 1)),
            "log chunk 3 is damaged: its checksum does not match",
        ),
        (
            "header flipped",
            Box::new(|db| edited(db, &chunk, &|value| value[19] ^= 1)),
            "checksum does not match",
        ),
        (
            "cut to half",
            Box::new(|db| edited(db, &chunk, &|value| value.truncate(value.len() / 2))),
            "checksum does not match",
        ),
        (
            "cut into the header",
            Box::new(|db| edited(db, &chunk, &|v| v.truncate(27))),
            "too short",
        ),
        ("unknown layout", Box::new(|db| edited(db, &chunk, &|v| v[0] = 3)), "layout 3 is unknown"),
        ("head is no message", Box::new(|db| drop(db.insert([2], &[0xff][..]))), "row"),
        (
            "head ahead of the log",
            // Field 1, 7.
            Box::new(|db| edited(db, &[2], &|head| head.extend_from_slice(&[0x08, 7]))),
            "record 7 is missing",
        ),
        (
            "head behind the log",
            Box::new(|db| edited(db, &[2], &|head| head.extend_from_slice(&[0x08, 4]))),
            "its head says",
        ),
        (
            "head of another count of moves",
            Box::new(|db| edited(db, &[2], &|head| head.extend_from_slice(&[0x18, 9]))),
            "its head says",
        ),
    ];
    for (name, change, expected) in cases {
        match after(&*change) {
            Err(OpenError::Damaged { problem, .. }) => {
                assert!(problem.contains(expected), "{name}: {problem}");
            }
            other => panic!("{name}: {other:?}"),
        }
    }
    after(|_| ()).unwrap();
    let store = after(|db| drop(db.insert(&b"\x30deal/9"[..], &[0xff][..]))).unwrap();
    let error = store.entity(&id("deal/9")).unwrap_err().to_string();
    assert!(error.contains("deal/9") && error.contains("damaged"), "{error}");
}

#[test]
fn a_tail_stands_where_the_format_says() {
    drop(after_trim(4, |db| {
        let found: Vec<Vec<u8>> = db.iter().keys().map(|key| key.unwrap().to_vec()).collect();
        assert_eq!(found, [key("01"), key("02"), key("03"), part_key(5, 0)]);
        // Fields 1 to 3: sequence, events and moves before.
        assert_eq!(db.get([3]).unwrap().unwrap(), [0x08, 5, 0x10, 2, 0x18, 2]);
    }));
    let store = after_trim(0, |db| drop(db.insert([3], &[0x08, 1][..]))).unwrap();
    assert_eq!(store.tail().sequence, 1, "a row that says what none says");
}

#[test]
fn recovery_notices_a_tail_that_does_not_fit() {
    let tail = |db: &sled::Db, sequence: u8, events: u8, moves: u8| {
        drop(db.insert([3], &[0x08, sequence, 0x10, events, 0x18, moves][..]));
    };
    let first = |db: &sled::Db| drop(db.remove(part_key(3, 0)));
    // Records 1 and 2 are trimmed; the first chunk is 3 and 4.
    let cases: Vec<Case<'_>> = vec![
        ("tail gone", Box::new(|db| drop(db.remove([3]))), "record 1 is missing"),
        ("first chunk gone", Box::new(&first), "record 3 is missing"),
        ("tail before the log", Box::new(|db| tail(db, 2, 0, 0)), "record 2 is missing"),
        ("tail within a chunk", Box::new(|db| tail(db, 4, 2, 2)), "it begins with record 3"),
        ("a chunk before the tail", Box::new(|db| tail(db, 5, 2, 2)), "it begins with record 3"),
        ("tail at the end", Box::new(|db| tail(db, 7, 3, 3)), "it begins with record 3"),
        ("tail behind the end", Box::new(|db| tail(db, 8, 3, 3)), "does not fit its head"),
        ("no sequence", Box::new(|db| tail(db, 0, 0, 0)), "does not fit its head"),
        (
            "another count of moves",
            Box::new(|db| tail(db, 3, 1, 2)),
            "1 moves lie before it, not 2",
        ),
        ("another count of events", Box::new(|db| tail(db, 3, 2, 1)), "its head says"),
        ("tail is no message", Box::new(|db| drop(db.insert([3], &[0xff][..]))), "row"),
    ];
    for (name, change, expected) in cases {
        match after_trim(2, &*change) {
            Err(OpenError::Damaged { problem, .. }) => {
                assert!(problem.contains(expected), "{name}: {problem}");
            }
            other => panic!("{name}: {other:?}"),
        }
    }
    let whole: [(&str, u8, u8); 3] = [("events", 2, 3), ("moves", 3, 2), ("nothing", 3, 3)];
    for (name, events, moves) in whole {
        let outcome = after_trim(6, |db| tail(db, 7, events, moves));
        assert_eq!(outcome.is_ok(), name == "nothing", "a log of no records, wrong in {name}");
    }
}

/// What repeats itself is written smaller, and comes back as it was.
#[test]
fn large_chunks_are_compressed() {
    let dir = tempdir().unwrap();
    let mut log = Log::open(dir.path());
    let changes = (0..200).map(|n| decided(event(&format!("e{n}")), "deal/1", at(1_000 + n)));
    let changes: Vec<_> = changes.collect();
    log.write(changes, Vec::new());
    let head = log.head;
    let written = log.written.clone();
    drop(log);
    let db = raw(dir.path());
    let parts: Vec<_> = db.scan_prefix([0x10]).map(|part| part.unwrap().1).collect();
    assert!(parts.iter().any(|part| part[0] == 2));
    let bytes: usize = parts.iter().map(|part| part.len()).sum();
    println!("200 records take {bytes} bytes in {} parts", parts.len());
    assert!(bytes < 200 * 150, "{bytes}");
    drop(db);
    let store = Store::open(dir.path()).unwrap();
    assert_eq!(store.recovered(), head);
    let found = Log::read_all(&store);
    assert!(found.iter().eq(written.iter().map(|record| &**record)));
}
