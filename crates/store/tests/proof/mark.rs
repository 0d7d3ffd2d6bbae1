//! What was acknowledged is missed when it is gone, and only then.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use pawl_store::{Change, OpenError, Store};
use tempfile::tempdir;

use crate::build::{Log, entity, row};
use crate::directory::remove_journal;

/// Where the slots lie.
const SLOTS: [usize; 2] = [0, 4_096];
/// Names the directory to the process that is killed.
const DATA_OF_CHILD: &str = "PAWL_STORE_TEST_DATA";

fn write_one(log: &mut Log) {
    let entity = entity("deal/1");
    log.write(vec![Change::EntityWritten(entity.clone())], vec![row(&entity)]);
}

/// A closed database of `count` records, each in a batch of its own.
fn database(dir: &Path, count: usize) {
    let mut log = Log::open(dir);
    (0..count).for_each(|_| write_one(&mut log));
}

fn slots(mark: &[u8]) -> [&[u8]; 2] {
    SLOTS.map(|at| &mark[at..at + 32])
}

fn problem(dir: &Path) -> String {
    match Store::open(dir) {
        Err(error @ OpenError::Damaged { .. }) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn it_lies_where_the_format_says() {
    let dir = tempdir().unwrap();
    let mut log = Log::open(dir.path());
    let mark = dir.path().join("mark");
    // The first write was when it was opened.
    let mut expected = [0_u64; 2];
    for written in 1..=5 {
        write_one(&mut log);
        expected[written % 2] = written as u64;
        let bytes = fs::read(&mark).unwrap();
        assert_eq!(bytes.len(), 4_096 + 32);
        for (slot, sequence) in slots(&bytes).into_iter().zip(expected) {
            assert_eq!(slot[..4], [1, 0, 0, 0], "layout and zeros");
            assert_eq!(&slot[4..20], log.store.database_id().as_bytes());
            assert_eq!(slot[20..28], sequence.to_be_bytes(), "after {written} batches");
            assert_eq!(slot[28..], crc32fast::hash(&slot[..28]).to_be_bytes(), "checksum");
        }
    }
}

#[test]
fn a_log_that_ends_before_it_is_damage_until_it_is_removed() {
    let (dir, older) = (tempdir().unwrap(), tempdir().unwrap());
    database(dir.path(), 3);
    let copy = older.path().join("sled");
    fs::create_dir_all(copy.join("blobs")).unwrap();
    for name in ["db", "conf"] {
        fs::copy(dir.path().join("sled").join(name), copy.join(name)).unwrap();
    }
    database(dir.path(), 4);
    // As when only some of a backup is put back.
    remove_journal(dir.path());
    fs::remove_dir_all(dir.path().join("sled")).unwrap();
    fs::rename(copy, dir.path().join("sled")).unwrap();
    for _ in 0..2 {
        let text = problem(dir.path());
        for part in ["sled is damaged", "records 4 to 7 were acknowledged", "backup", "mark is re"]
        {
            assert!(text.contains(part), "{text} does not say {part}");
        }
    }
    fs::remove_file(dir.path().join("mark")).unwrap();
    let mut log = Log::open(dir.path());
    assert_eq!(log.head.sequence, 3);
    write_one(&mut log);
    assert_eq!(log.reopen(dir.path()).head.sequence, 4, "and it goes on from there");
}

#[test]
fn a_missing_one_is_made_anew() {
    let dir = tempdir().unwrap();
    database(dir.path(), 3);
    let mark = dir.path().join("mark");
    fs::remove_file(&mark).unwrap();
    fs::write(dir.path().join("mark.new"), "half of it").unwrap();
    drop(Store::open(dir.path()).unwrap());
    let bytes = fs::read(&mark).unwrap();
    assert!(slots(&bytes).iter().any(|slot| slot[20..28] == 3_u64.to_be_bytes()));
    assert!(!dir.path().join("mark.new").exists());
}

/// Either slot alone will do, and is the one that is kept while the other is written.
#[test]
fn one_torn_slot_is_no_harm_and_two_are_damage() {
    let dir = tempdir().unwrap();
    database(dir.path(), 3);
    let mark = dir.path().join("mark");
    let whole = fs::read(&mark).unwrap();
    for byte in [0, 4, 27, 31] {
        let mut torn = whole.clone();
        for (slot, at) in SLOTS.into_iter().enumerate() {
            torn = whole.clone();
            torn[at + byte] ^= 1;
            fs::write(&mark, &torn).unwrap();
            drop(Store::open(dir.path()).unwrap());
            let after = fs::read(&mark).unwrap();
            assert_eq!(slots(&after)[1 - slot], slots(&whole)[1 - slot], "the good one stays");
            assert_eq!(slots(&after)[slot][20..28], 3_u64.to_be_bytes(), "the torn one is mended");
        }
        torn[SLOTS[0] + byte] ^= 1;
        fs::write(&mark, &torn).unwrap();
        assert!(problem(dir.path()).contains("mark is damaged: it cannot be read"));
    }
    fs::write(&mark, "").unwrap();
    assert!(problem(dir.path()).contains("once it is removed, what is there opens"));
    fs::remove_file(&mark).unwrap();
    assert_eq!(Store::open(dir.path()).unwrap().recovered().sequence, 3);
}

#[test]
fn that_of_another_database_is_damage() {
    let (one, two) = (tempdir().unwrap(), tempdir().unwrap());
    database(one.path(), 3);
    database(two.path(), 3);
    fs::copy(one.path().join("mark"), two.path().join("mark")).unwrap();
    assert!(problem(two.path()).contains("mark is damaged: it belongs to another database"));
}

/// An empty database in place of one that is gone would be the greatest loss of all.
#[test]
fn it_tells_that_a_whole_database_is_gone() {
    let dir = tempdir().unwrap();
    database(dir.path(), 3);
    fs::remove_dir_all(dir.path().join("sled")).unwrap();
    assert!(problem(dir.path()).contains("sled is damaged: the directory is missing"));
    assert!(!dir.path().join("sled").exists(), "nothing was begun in its place");
    fs::remove_file(dir.path().join("mark")).unwrap();
    assert!(problem(dir.path()).contains("sled is damaged: the directory is missing"));
    remove_journal(dir.path());
    assert_eq!(Store::open(dir.path()).unwrap().recovered().sequence, 0);
}

/// Killed at any moment, the mark is at or behind the end of the log, and at most one batch behind
/// what the process was told.
#[test]
fn a_kill_is_no_loss_and_no_false_alarm() {
    let dir = tempdir().unwrap();
    let mut reached = 0;
    for round in 0_u64..12 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "mark::writes_until_it_is_killed", "--nocapture"])
            .env(DATA_OF_CHILD, dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let told = |line: String| line.strip_prefix("synced ").map(|n| n.parse::<u64>().unwrap());
        let mut told = lines.filter_map(told);
        let stop_at = reached + 1 + round * 7;
        let last = told.by_ref().find(|sequence| *sequence >= stop_at);
        child.kill().unwrap();
        child.wait().unwrap();
        // What it said before the kill reached it was acknowledged too.
        let last = told.last().or(last).expect("it writes until it is killed");
        let marked = fs::read(dir.path().join("mark")).unwrap();
        let marked =
            slots(&marked).map(|slot| u64::from_be_bytes(slot[20..28].try_into().unwrap()));
        let marked = *marked.iter().max().unwrap();
        reached = Log::open(dir.path()).head.sequence;
        assert!(
            last <= marked && marked <= reached,
            "{last} told, {marked} marked, {reached} there"
        );
    }
    assert!(reached > 12 * 7);
}

/// What the test above kills.
#[test]
#[ignore = "runs until it is killed, in a process of its own"]
fn writes_until_it_is_killed() {
    let dir = std::env::var_os(DATA_OF_CHILD).expect("the test that starts it names a directory");
    let mut log = Log::open(Path::new(&dir));
    loop {
        write_one(&mut log);
        writeln!(std::io::stdout(), "synced {}", log.head.sequence).unwrap();
    }
}
