//! Rows that are not what the log has written are noticed, each by its name.

use std::path::Path;

use pawl_domain::Entity;
use pawl_store::{Change, EntityRow, Store};
use tempfile::tempdir;

use crate::build::{Log, entity, pipeline, trigger, trigger_type, trim_all, version};
use crate::directory::raw;

/// An entity that names nobody, with a revision.
fn plain(name: &str, revision: i64) -> Entity {
    Entity { customer_ids: Vec::new(), version: version(revision), ..entity(name) }
}

fn row(entity: &Entity, last_write: u64) -> EntityRow {
    EntityRow { entity: entity.clone().into(), deleted: false, last_move: 0, last_write }
}

fn check(dir: &Path) -> Result<(), String> {
    Store::open_checked(dir, |_| ()).map(drop).map_err(|error| error.to_string())
}

/// Two entities, of which the first was written twice, and one of everything else.
fn database(dir: &Path) -> Log {
    let mut log = Log::open(dir);
    let (one, two) = (plain("deal/1", 1), plain("deal/2", 1));
    log.write(vec![Change::EntityWritten(one.clone())], vec![row(&one, 1)]);
    log.write(vec![Change::EntityWritten(two.clone())], vec![row(&two, 2)]);
    let one = plain("deal/1", 2);
    log.write(vec![Change::EntityWritten(one.clone())], vec![row(&one, 3)]);
    // Asked for once more, with an id: that is no write of the row.
    log.write(vec![Change::EntityWritten(one.clone())], Vec::new());
    log.write(vec![Change::PipelineWritten(pipeline("sales"))], Vec::new());
    log.write(vec![Change::TriggerTypeWritten(trigger_type("sun.up"))], Vec::new());
    log.write(vec![Change::TriggerWritten(trigger("t1", 1))], Vec::new());
    log.write(vec![Change::TriggerWritten(trigger("t1", 2))], Vec::new());
    log
}

/// The value of a key before and after, as sled has it.
fn value(dir: &Path, key: &[u8]) -> Option<Vec<u8>> {
    raw(dir).get(key).unwrap().map(|value| value.to_vec())
}

fn put(dir: &Path, key: &[u8], value: Option<&[u8]>) {
    let db = raw(dir);
    match value {
        Some(value) => db.insert(key, value).unwrap(),
        None => db.remove(key).unwrap(),
    };
    db.flush().unwrap();
}

#[test]
fn rows_as_they_were_written_pass() {
    let dir = tempdir().unwrap();
    drop(database(dir.path()));
    assert_eq!(check(dir.path()), Ok(()));
}

/// A key, what sled has under it, and what is told of that.
type Case<'a> = (&'a [u8], Option<&'a [u8]>, &'a str);

#[test]
fn what_sled_lost_is_named() {
    let older = {
        let dir = tempdir().unwrap();
        let mut log = Log::open(dir.path());
        let one = plain("deal/1", 1);
        log.write(vec![Change::EntityWritten(one.clone())], vec![row(&one, 1)]);
        drop(log);
        value(dir.path(), b"\x30deal/1").unwrap()
    };
    let trigger_key = [&b"\x22t1\0"[..], &2_i64.to_be_bytes()].concat();
    let cases: [Case<'_>; 6] = [
        (b"\x30deal/1", Some(&older), "entity deal/1 is damaged: it has revision 1, and the log 2"),
        (b"\x30deal/2", None, "entity deal/2 is damaged: it is missing"),
        (
            b"\x20sales",
            None,
            "pipeline sales is damaged: there is nothing, and in the log revision 1",
        ),
        (b"\x21sun.up", None, "trigger type sun.up is damaged: there is nothing"),
        (&trigger_key, None, "trigger t1 is damaged: a revision that the log has is missing"),
        (b"\x31contact/9\0deal/1", Some(b""), "entities name 0 customers, and 1 are found"),
    ];
    for (key, value, told) in cases {
        let dir = tempdir().unwrap();
        drop(database(dir.path()));
        put(dir.path(), key, value);
        let problem = check(dir.path()).unwrap_err();
        assert!(problem.contains(told), "{problem}");
        assert!(problem.contains("what was acknowledged is gone"), "{problem}");
    }
}

/// Of what was trimmed the log tells nothing, and a row is as good as it says.
#[test]
fn rows_outlive_the_records_that_wrote_them() {
    let dir = tempdir().unwrap();
    let log = database(dir.path());
    log.trim(&trim_all());
    drop(log);
    assert_eq!(check(dir.path()), Ok(()));
    // A row of a record that is still to come is none.
    let future = {
        let dir = tempdir().unwrap();
        let mut log = Log::open(dir.path());
        let three = plain("deal/3", 1);
        log.write(vec![Change::EntityWritten(three.clone())], vec![row(&three, 100)]);
        drop(log);
        value(dir.path(), b"\x30deal/3").unwrap()
    };
    put(dir.path(), b"\x30deal/3", Some(&future));
    let problem = check(dir.path()).unwrap_err();
    assert!(problem.contains("entity deal/3"), "{problem}");
}
