//! Rows that are not what the log left, each written behind the store's back and found by name.

use pawl_store::Fault;
use pawl_tests::{cases, say};
use prost::Message;

use crate::world::Database;

use crate::edits::{
    Edit, Version, append, chunks, copy, deleted, edit, key, put, raw, remove, resource, trigger,
    verified,
};
/// What is done, and which findings there are then: the name, and what the place or problem says.
type Case = (&'static str, Box<dyn Fn(&sled::Db)>, Vec<(Fault, &'static str)>);

macro_rules! case {
    ($name:literal, $change:expr, $($fault:ident $says:literal),+) => {{
        let change: Box<dyn Fn(&sled::Db)> = Box::new($change);
        ($name, change, vec![$((Fault::$fault, $says)),+])
    }};
}

fn entity_cases() -> Vec<Case> {
    let one = || key("30 deal/1");
    vec![
        case!(
            "stage", move |db| append(db, &one(), resource(|r| r.three = "new".into())),
            EntityRow "deal/1: it has another pipeline or stage"
        ),
        case!(
            "a stage that there is not",
            move |db| append(db, &one(), resource(|r| r.three = "nowhere".into())),
            EntityRow "deal/1: it has another pipeline or stage",
            EntityPlace "there is no stage sales/nowhere"
        ),
        case!(
            "name", move |db| append(db, &one(), resource(|r| r.four = "Shed".into())),
            EntityRow "deal/1: it has another name"
        ),
        case!(
            "responsible", move |db| append(db, &one(), resource(|r| r.five = "bob".into())),
            EntityRow "deal/1: it has another name, responsible"
        ),
        case!(
            "revision",
            move |db| append(db, &one(), resource(|r| r.version = Some(Version { revision: 9 }))),
            EntityRow "deal/1: it has another revision"
        ),
        case!(
            "one more customer",
            move |db| append(db, &one(), resource(|r| r.six = vec!["contact/5".into()])),
            EntityRow "deal/1: it has another name, responsible, customers",
            LinkMissing "contact/5\\x00deal/1: it is missing, though deal/1 names contact/5"
        ),
        case!(
            "deleted", move |db| append(db, &one(), deleted()),
            EntityRow "deal/1: it is deleted, and record",
            LinkExtra "company/4\\x00deal/1: deal/1 is deleted",
            LinkExtra "contact/9\\x00deal/1: deal/1 is deleted"
        ),
        case!(
            "last move", move |db| append(db, &one(), edit(|e| e.three = Some(2))),
            EntityRow "deal/1: it says it was last moved by record 2, not record"
        ),
        case!(
            "last write", move |db| append(db, &one(), edit(|e| e.four = Some(2))),
            EntityRow "deal/1: it says record 2 wrote it last"
        ),
        case!(
            "a last write of a record that only remembers a request",
            move |db| {
                let row = db.get(key("30 deal/2")).expect("it can be read").expect("it is there");
                let row = Edit::decode(&*strip(&row)).expect("a row");
                append(db, &key("30 deal/2"), edit(|e| e.four = row.four.map(|last| last + 1)));
            },
            EntityRow "deal/2: it says record"
        ),
        case!(
            "row gone", move |db| remove(db, &one()),
            EntityMissing "30 deal/1: it is missing, though record",
            LinkExtra "company/4\\x00deal/1: there is no deal/1",
            LinkExtra "contact/9\\x00deal/1: there is no deal/1"
        ),
        case!(
            "row of a deleted one gone", |db| remove(db, &key("30 deal/5")),
            EntityMissing "30 deal/5: it is missing, though record"
        ),
        case!(
            "no message", move |db| put(db, &key("30 deal/7"), b"\xff"),
            EntityRow "30 deal/7: ", LinkExtra "contact/10\\x00deal/7"
        ),
        case!(
            "under another key", move |db| copy(db, &one(), &key("30 deal/100"), b""),
            EntityRow "30 deal/100: it holds deal/1"
        ),
        case!(
            "one that nobody made",
            move |db| {
                let other = resource(|r| r.one = "deal/100".into());
                copy(db, &key("30 deal/5"), &key("30 deal/100"), &other);
            },
            EntityUnexplained "30 deal/100: it says record"
        ),
    ]
}

/// A row without its first field, which is another message than `Edit` takes it for.
fn strip(row: &[u8]) -> Vec<u8> {
    let mut rest = &row[1..];
    let length = prost::decode_length_delimiter(&mut rest).expect("a message comes first");
    rest[length..].to_vec()
}

fn link_cases() -> Vec<Case> {
    let link = || key("31 contact/10|deal/7");
    vec![
        case!(
            "link gone", move |db| remove(db, &link()),
            LinkMissing "contact/10\\x00deal/7: it is missing, though deal/7 names contact/10"
        ),
        case!(
            "link too many", |db| put(db, &key("31 contact/11|deal/7"), b""),
            LinkExtra "contact/11\\x00deal/7: deal/7 does not name contact/11"
        ),
        case!(
            "link to nothing", |db| put(db, &key("31 contact/10|deal/70"), b""),
            LinkExtra "contact/10\\x00deal/70: there is no deal/70"
        ),
        case!(
            "one link in place of another",
            move |db| {
                remove(db, &link());
                put(db, &key("31 contact/11|deal/7"), b"");
            },
            LinkMissing "contact/10\\x00deal/7", LinkExtra "contact/11\\x00deal/7"
        ),
        case!(
            "no link at all", |db| put(db, &key("31 nothing"), b""),
            UnknownKey "31 nothing: it is not a customer and an entity"
        ),
        case!(
            "a link with a value", move |db| put(db, &link(), b"x"),
            UnknownKey "it has a value of 1 bytes"
        ),
    ]
}

fn configuration_cases() -> Vec<Case> {
    vec![
        case!(
            "pipeline", |db| append(db, &key("20 sales"), resource(|r| r.two = "Buys".into())),
            PipelineRow "20 sales: it is not as the log left it"
        ),
        case!(
            "pipeline deleted", |db| append(db, &key("20 bills"), deleted()),
            PipelineRow "20 bills: it is deleted, and the log left it there",
            EntityPlace "30 invoice/1: there is no pipeline bills"
        ),
        case!(
            "pipeline gone", |db| remove(db, &key("20 bills")),
            PipelineRow "20 bills: it is missing",
            EntityPlace "30 invoice/1: there is no pipeline bills"
        ),
        case!(
            "pipeline that nobody made",
            |db| copy(db, &key("20 gone"), &key("20 x"), &resource(|r| r.one = "x".into())),
            PipelineRow "20 x: no record wrote it"
        ),
        case!(
            "pipeline under another key", |db| copy(db, &key("20 gone"), &key("20 x"), b""),
            PipelineRow "20 x: it holds gone"
        ),
        case!("no pipeline", |db| put(db, &key("20 x"), b"\xff"), PipelineRow "20 x: "),
        case!(
            "type", |db| append(db, &key("21 sun.up"), resource(|r| r.three = "Sun".into())),
            TriggerTypeRow "21 sun.up: it is not as the log left it"
        ),
        case!(
            "type gone", |db| remove(db, &key("21 moon.full")),
            TriggerTypeRow "21 moon.full: it is missing",
            TriggerRow "there is no trigger type moon.full"
        ),
        case!(
            "type back", |db| put(db, &key("21 rain"), b""),
            TriggerTypeRow "21 rain: row: holds nothing", TriggerTypeRow "21 rain: it is missing"
        ),
        case!(
            "an old revision of a trigger",
            |db| append(db, &trigger("rises", 1), resource(|r| r.four = "X".into())),
            TriggerRow "22 rises\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x01: it is not as the log wrote"
        ),
        case!(
            "the latest revision of a trigger",
            |db| append(db, &trigger("rises", 3), resource(|r| r.three = "lost".into())),
            TriggerRow "\\x03: it is not as the log wrote"
        ),
        case!(
            "the latest revision gone", |db| remove(db, &trigger("rises", 3)),
            TriggerRow "\\x03: it is missing, though the log wrote it",
            TriggerRow "\\x03: it is missing, though record"
        ),
        case!(
            "a revision between gone", |db| remove(db, &trigger("rises", 2)),
            TriggerRow "\\x03: revision 2 is missing before it"
        ),
        case!(
            "all revisions gone", |db| remove(db, &trigger("pays", 1)),
            TriggerRow "22 pays\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x01: it is missing, though record",
            TriggerRow "\\x01: it is missing, though the log wrote it"
        ),
        case!(
            "a revision too many",
            |db| {
                let version = resource(|r| r.version = Some(Version { revision: 4 }));
                copy(db, &trigger("rises", 3), &trigger("rises", 4), &version);
            },
            TriggerRow "\\x04: no record wrote it"
        ),
        case!(
            "a revision under another key",
            |db| copy(db, &trigger("rises", 3), &trigger("rises", 4), b""),
            TriggerRow "\\x04: it holds revision 3 of rises"
        ),
        case!(
            // Field 2, as it never stands in a message.
            "a deletion that is none", |db| append(db, &trigger("again", 2), vec![0x10, 0]),
            TriggerRow "\\x02: it is not as the log wrote it"
        ),
    ]
}

fn frame_cases() -> Vec<Case> {
    let head = || vec![2];
    let flip = |db: &sled::Db, chunk: &[u8]| {
        let mut value = db.get(chunk).expect("it can be read").expect("it is there").to_vec();
        *value.last_mut().expect("it has bytes") ^= 1;
        put(db, chunk, &value);
    };
    vec![
        case!("unknown family", |db| put(db, &[4, 1], b""), UnknownKey "key 04 \\x01"),
        case!("unknown family at the end", |db| put(db, &[0xff], b""), UnknownKey "key ff"),
        case!("an empty key", |db| put(db, b"", b""), UnknownKey "the empty key"),
        case!("a longer key", |db| put(db, &[1, 0], b""), UnknownKey "key 01 \\x00"),
        case!("a shorter key of the log", |db| put(db, &[0x10, 0], b""), UnknownKey "key 10 \\x00"),
        case!(
            "head of other moves", move |db| append(db, &head(), edit(|e| e.three = Some(1))),
            Head "moves, not 1"
        ),
        case!(
            "head of other events", move |db| append(db, &head(), edit(|e| e.four = Some(1))),
            Head "events, not 1"
        ),
        case!(
            "head behind", move |db| append(db, &head(), edit(|e| e.one = Some(3))),
            Mark "records 4 to", Head "the log ends with record"
        ),
        case!(
            "head ahead", move |db| append(db, &head(), edit(|e| e.one = Some(1_000))),
            LogGap "to 1000 are missing"
        ),
        case!("no head", move |db| put(db, &head(), b"\xff"), Mark "acknowledged", Head "row"),
        case!(
            "a chunk gone", |db| remove(db, &chunks(db)[5]),
            LogGap "missing"
        ),
        case!("the first chunk gone", |db| remove(db, &chunks(db)[0]), LogGap "record 1 is missing"),
        case!(
            "the last chunk gone", |db| remove(db, chunks(db).last().expect("some")),
            LogGap "missing"
        ),
        case!(
            "a chunk flipped", move |db| flip(db, &chunks(db)[5]),
            LogChunk "its checksum does not match"
        ),
        case!(
            "a chunk twice",
            |db| {
                let mut key = chunks(db)[5].clone();
                key[10] += 1;
                copy(db, &chunks(db)[5], &key, b"");
            },
            LogChunk "its checksum does not match"
        ),
        case!(
            "a tail in a log that has none", |db| put(db, &[3], &tail_at_end(db)),
            LogChunk "begins before"
        ),
    ]
}

/// A tail that says that the whole log was trimmed.
fn tail_at_end(db: &sled::Db) -> Vec<u8> {
    // A head has its sequence first, then the moves and the events before it; a tail has them the other
    // way round.
    let head = db.get([2]).expect("it can be read").expect("it is there");
    let head = Edit::decode(&*head).expect("a head");
    let number = |number: Option<u64>| number.unwrap_or_default();
    let numbers = [number(head.one) + 1, number(head.four), number(head.three)];
    let mut tail = Vec::new();
    for (tag, number) in [0x08, 0x10, 0x18].into_iter().zip(numbers) {
        tail.push(tag);
        prost::encoding::encode_varint(number, &mut tail);
    }
    tail
}

/// What is checked in a log that was trimmed.
fn trimmed_cases() -> Vec<Case> {
    let stats = || key("23 rises");
    vec![
        case!(
            "statistics too small", move |db| append(db, &stats(), edit(|e| e.one = Some(1))),
            TriggerStats "statistics of trigger rises: they say 1 considered"
        ),
        case!(
            // Field 4, eight bytes.
            "another last time", move |db| append(db, &stats(), [&[0x21], &[7; 8][..]].concat()),
            TriggerStats "statistics of trigger rises: they say"
        ),
        case!(
            "statistics of the future", move |db| append(db, &stats(), edit(|e| e.six = Some(9_999))),
            TriggerStats "they count record 9999, which is missing"
        ),
        case!(
            "statistics of nothing", move |db| copy(db, &stats(), &key("23 x"), b""),
            TriggerStats "there is no such trigger"
        ),
        case!("no statistics", move |db| put(db, &stats(), b"\xff"), TriggerStats "rises"),
        case!(
            "an entity that the log tells of in part: stage",
            |db| append(db, &key("30 deal/7"), resource(|r| r.three = "lost".into())),
            EntityRow "30 deal/7: it has another pipeline or stage"
        ),
        case!(
            "an entity that the log tells of in part: responsible",
            |db| append(db, &key("30 deal/7"), resource(|r| r.five = "bob".into())),
            EntityRow "30 deal/7: it has another responsible"
        ),
        case!(
            "an entity of which the log does not tell, of the future",
            |db| append(db, &key("30 deal/4"), edit(|e| e.four = Some(9_999))),
            EntityUnexplained "30 deal/4: it says record 9999 wrote it, which did not"
        ),
        case!(
            "a move of the future",
            |db| append(db, &key("30 deal/4"), edit(|e| e.three = Some(9_999))),
            EntityUnexplained "30 deal/4: it says record 9999 moved it, which did not"
        ),
        case!(
            "tail of other moves", |db| append(db, &[3], edit(|e| e.three = Some(1))),
            Counts "moves lie before it, not 1"
        ),
        case!(
            "tail too late", |db| append(db, &[3], edit(|e| e.one = Some(9_999))),
            Tail "it says the log begins with 9999, and it ends with"
        ),
        case!("no tail", |db| put(db, &[3], b"\xff"), Tail "row"),
    ]
}

fn check(database: &Database, table: Vec<Case>) -> usize {
    assert!(verified(database.path(), 100).is_whole(), "{:?}", verified(database.path(), 100));
    let mut wrong = Vec::new();
    let count = table.len();
    for (name, change, expected) in table {
        let data = database.copied();
        let db = raw(data.path());
        change(&db);
        db.flush().expect("it is written");
        drop(db);
        let report = verified(data.path(), 100);
        let found: Vec<_> = report.findings.iter().map(ToString::to_string).collect();
        let same = report.findings.len() == expected.len()
            && report.findings.iter().zip(&expected).all(|(finding, (fault, says))| {
                let text = format!("{}: {}", finding.place, finding.problem);
                finding.fault == *fault && text.contains(says)
            });
        if !same {
            wrong.push(format!("{name}: {expected:?}\n  {}", found.join("\n  ")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    count
}

#[tokio::test]
async fn each_wrong_row_is_found_by_name() {
    let young = Database::young().await;
    let tables = [entity_cases(), link_cases(), configuration_cases(), frame_cases()];
    let count: usize = tables.into_iter().map(|table| check(young, table)).sum();
    let trimmed = Database::trimmed().await;
    let report = verified(trimmed.path(), 100);
    say(format!("offline: the trimmed log begins with record {}", report.tail.sequence));
    assert!(report.tail.sequence > 20, "{report:?}");
    let count = count + check(trimmed, trimmed_cases());
    cases("offline: wrong rows", count, 60);
}
