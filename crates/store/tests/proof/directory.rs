//! What a data directory may be, and what is refused.

use std::fs;
use std::path::Path;

use pawl_store::{Change, Head, OpenError, Store};
use prost::Message;
use tempfile::tempdir;

use crate::build::{Log, entity, row};

/// The `Identity` row, as FORMAT.md describes it.
#[derive(Clone, PartialEq, prost::Message)]
struct Identity {
    #[prost(uint32, tag = "1")]
    format_version: u32,
    #[prost(bytes = "vec", tag = "2")]
    database_id: Vec<u8>,
}

/// Removes the journal, which mends whatever it can.
pub(crate) fn remove_journal(data: &Path) {
    for name in ["journal.0", "journal.1"] {
        fs::remove_file(data.join(name)).unwrap();
    }
}

/// The same store through sled alone.
pub(crate) fn raw(data: &Path) -> sled::Db {
    remove_journal(data);
    let config = sled::Config::new().path(data.join("sled")).segment_size(8 * 1_024 * 1_024);
    // The store that had it may be closing still.
    loop {
        match config.open() {
            Err(sled::Error::Io(_)) => std::thread::yield_now(),
            opened => return opened.unwrap(),
        }
    }
}

fn with_identity(value: Option<Identity>) -> Result<Store, OpenError> {
    let dir = tempdir().unwrap();
    drop(Store::open(dir.path()).unwrap());
    let db = raw(dir.path());
    match value {
        Some(value) => db.insert([1], value.encode_to_vec()).unwrap(),
        None => db.remove([1]).unwrap(),
    };
    db.flush().unwrap();
    drop(db);
    // It is of the database that was made here, whose identity is gone.
    fs::remove_file(dir.path().join("mark")).unwrap();
    Store::open(dir.path())
}

#[test]
fn makes_what_is_missing() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("deep/er");
    let store = Store::open(&path).unwrap();
    assert_eq!(store.recovered(), Head::default());
    assert_eq!(store.identities().count, 0);
    assert!(path.join("sled").is_dir());
    assert!(!path.join("sled.new").exists());
}

#[test]
fn every_database_has_an_id_of_its_own_and_keeps_it() {
    let (one, two) = (tempdir().unwrap(), tempdir().unwrap());
    let first = Store::open(one.path()).unwrap().database_id();
    let second = Store::open(two.path()).unwrap().database_id();
    assert_ne!(first, second);
    assert_eq!(Store::open(one.path()).unwrap().database_id(), first);
    assert_eq!(first.as_bytes().len(), 16);
    assert_eq!(first.to_string().len(), 36);
}

#[test]
fn one_at_a_time() {
    let dir = tempdir().unwrap();
    let log = Log::open(dir.path());
    match Store::open(dir.path()) {
        Err(OpenError::InUse { path }) => assert_eq!(path, dir.path()),
        other => panic!("{other:?}"),
    }
    drop(log);
    Store::open(dir.path()).unwrap();
}

#[test]
fn a_directory_of_something_else_is_left_alone() {
    let dir = tempdir().unwrap();
    fs::write(dir.path().join("thesis.txt"), "years of work").unwrap();
    match Store::open(dir.path()) {
        Err(OpenError::Foreign { path, found }) => {
            assert_eq!((path.as_path(), found.as_str()), (dir.path(), "thesis.txt"));
        }
        other => panic!("{other:?}"),
    }
    let left: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left, ["thesis.txt"]);
}

#[test]
fn a_file_in_place_of_the_directory_is_an_io_error() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("file");
    fs::write(&path, "").unwrap();
    assert!(matches!(Store::open(&path), Err(OpenError::Io { .. })));
}

#[test]
fn a_half_made_database_is_made_anew() {
    for leave in ["empty", "garbage", "a whole one that was not renamed yet"] {
        let dir = tempdir().unwrap();
        let unfinished = dir.path().join("sled.new");
        match leave {
            "empty" => fs::create_dir(&unfinished).unwrap(),
            "garbage" => {
                fs::create_dir(&unfinished).unwrap();
                fs::write(unfinished.join("db"), [7; 5_000]).unwrap();
                fs::write(unfinished.join("conf"), "what").unwrap();
            }
            _ => {
                drop(Store::open(dir.path()).unwrap());
                fs::rename(dir.path().join("sled"), &unfinished).unwrap();
                fs::remove_file(dir.path().join("mark")).unwrap();
                remove_journal(dir.path());
            }
        }
        let store = Store::open(dir.path()).unwrap();
        assert_eq!(store.recovered(), Head::default(), "{leave}");
        assert!(!unfinished.exists(), "{leave}");
    }
}

/// Once there is a database, what lies beside it is no concern.
#[test]
fn leftovers_beside_a_database_do_not_matter() {
    let dir = tempdir().unwrap();
    let mut log = Log::open(dir.path());
    log.write(vec![Change::EntityWritten(entity("deal/1"))], vec![row(&entity("deal/1"))]);
    let Log { store, head, .. } = log;
    drop(store);
    fs::create_dir(dir.path().join("sled.new")).unwrap();
    fs::write(dir.path().join("notes"), "").unwrap();
    assert_eq!(Store::open(dir.path()).unwrap().recovered(), head);
}

#[test]
fn a_newer_format_is_refused_and_an_unknown_identity_is_damage() {
    let identity = |format_version, database_id| Some(Identity { format_version, database_id });
    match with_identity(identity(3, vec![9; 16])) {
        Err(OpenError::Newer { found: 3, known: 2, .. }) => {}
        other => panic!("{other:?}"),
    }
    let id = with_identity(identity(1, vec![9; 16])).unwrap().database_id();
    assert_eq!(id.as_bytes(), &[9; 16]);
    let damaged = |outcome: Result<Store, OpenError>, part: &str| match outcome {
        Err(OpenError::Damaged { problem, .. }) => assert!(problem.contains(part), "{problem}"),
        other => panic!("{other:?}"),
    };
    damaged(with_identity(identity(1, vec![9; 15])), "16 bytes");
    damaged(with_identity(None), "which database");
}
