//! Damage on purpose: the answer is an error or intact data, never a panic, never other data.

use std::fs;
use std::path::{Path, PathBuf};

use pawl_store::{Change, OpenError, Store};
use tempfile::{TempDir, tempdir};

use crate::build::{Log, decided, entity, event, id, row};
use crate::directory::remove_journal;

/// What stands in every record of the log below.
const KNOWN: &[u8] = b"KNOWN-";

/// A database with a log of known text, and what was written to it.
struct Sample {
    dir: TempDir,
    log: Vec<std::sync::Arc<pawl_store::Record>>,
    /// Where the log ended when sled last noted that all before it is whole: at the last open.
    settled: u64,
}

impl Sample {
    /// Ten batches, an open that settles them if `settle`, and otherwise five before and five after.
    fn new(settle: bool) -> Self {
        let dir = tempdir().unwrap();
        let mut written = Vec::new();
        let mut settled = 0;
        for half in [0..5, 5..10] {
            let mut log = Log::open(&dir.path().join("data"));
            settled = log.head.sequence;
            for number in half {
                let changes = vec![
                    decided(event(&format!("KNOWN-{number}")), "deal/1", log.now()),
                    Change::EntityWritten(entity(&format!("deal/{number}"))),
                ];
                log.write(changes, vec![row(&entity(&format!("deal/{number}")))]);
            }
            written.append(&mut log.written);
        }
        if settle {
            settled = Log::open(&dir.path().join("data")).head.sequence;
        }
        Self { dir, log: written, settled }
    }

    fn db(&self) -> Vec<u8> {
        fs::read(self.dir.path().join("data/sled/db")).unwrap()
    }

    /// A copy of the database with other contents of sled's file, and without a journal that could
    /// mend them.
    fn with(&self, db: &[u8]) -> PathBuf {
        let copy = self.mendable(db);
        remove_journal(&copy);
        copy
    }

    fn mendable(&self, db: &[u8]) -> PathBuf {
        let copy = self.dir.path().join("copy");
        let _ = fs::remove_dir_all(&copy);
        copy_dir(&self.dir.path().join("data"), &copy);
        fs::write(copy.join("sled/db"), db).unwrap();
        copy
    }

    /// Opens a copy with `db` for its contents: an error that names the place and a remedy, or the
    /// log as it was up to where it ends. Says where it ends.
    fn outcome(&self, db: &[u8]) -> Result<u64, String> {
        self.opened(&self.with(db))
    }

    fn opened(&self, copy: &Path) -> Result<u64, String> {
        let store = match Store::open(copy) {
            Ok(store) => store,
            Err(error @ OpenError::Damaged { .. }) => {
                let text = error.to_string();
                assert!(text.contains("copy/sled") && text.contains("from a backup"), "{text}");
                return Err(text);
            }
            Err(error) => panic!("damage was taken for something else: {error}"),
        };
        let last = store.recovered().sequence;
        let found = Log::read_all(&store);
        assert_eq!(found.len() as u64, last);
        for (found, written) in found.iter().zip(&self.log) {
            assert_eq!(found, &**written, "other data than was written");
        }
        // Rows are written with their records: whole batches are there, or are not.
        for number in 0..10 {
            let found = store.entity(&id(&format!("deal/{number}"))).ok().flatten();
            assert_eq!(found.is_some(), last >= 2 * (number + 1), "row {number} of {last} records");
        }
        Ok(last)
    }
}

fn copy_dir(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (path, name) = entry.map(|entry| (entry.path(), entry.file_name())).unwrap();
        if path.is_dir() {
            copy_dir(&path, &to.join(name));
        } else {
            fs::copy(&path, to.join(name)).unwrap();
        }
    }
}

/// Where the known text stands, and every so many bytes of all that was written.
fn places(db: &[u8], spread: usize) -> (Vec<usize>, Vec<usize>) {
    let known = db.windows(KNOWN.len()).enumerate().filter(|(_, text)| *text == KNOWN);
    let known: Vec<usize> = known.map(|(at, _)| at + 3).collect();
    let used: Vec<usize> = (0..db.len()).filter(|at| db[*at] != 0).collect();
    let step = (used.len() / spread).max(1);
    (known, used.into_iter().step_by(step).collect())
}

fn flipped(db: &[u8], at: usize) -> Vec<u8> {
    let mut db = db.to_vec();
    db[at] ^= 0x20;
    db
}

#[test]
fn a_flipped_byte_in_a_settled_log_is_noticed_at_open() {
    let sample = Sample::new(true);
    assert_eq!(sample.settled, 20);
    let db = sample.db();
    let (known, spread) = places(&db, 60);
    assert!(known.len() >= 10, "the log lies in the file in clear");
    for &at in &known {
        let outcome = sample.outcome(&flipped(&db, at));
        assert!(outcome.is_err(), "a flip at {at} in a log chunk: {outcome:?}");
    }
    let mut noticed = 0;
    for &at in &spread {
        match sample.outcome(&flipped(&db, at)) {
            Ok(last) => assert_eq!(last, 20, "a flip at {at}"),
            Err(_) => noticed += 1,
        }
    }
    println!("{} flips in chunks, {noticed} of {} elsewhere noticed", known.len(), spread.len());
    assert!(noticed > 0);
}

/// sled takes damage behind its last snapshot, which it makes when it opens, for a write that a
/// power loss tore, and opens with the batches before. The mark knows better.
#[test]
fn a_flipped_byte_behind_the_last_open_is_noticed_too() {
    let sample = Sample::new(false);
    assert_eq!(sample.settled, 10);
    let db = sample.db();
    let (known, spread) = places(&db, 60);
    let (mut noticed, mut by_mark) = (0, 0);
    for at in known.into_iter().chain(spread) {
        match sample.outcome(&flipped(&db, at)) {
            Err(text) if text.contains("to 20 were acknowledged and are gone") => {
                by_mark += 1;
                let mended = sample.opened(&sample.mendable(&flipped(&db, at)));
                assert_eq!(mended, Ok(20), "the journal has what is gone after flip at {at}");
            }
            Err(_) => noticed += 1,
            Ok(last) => assert_eq!(last, 20, "records are gone without a word after flip at {at}"),
        }
    }
    println!("{noticed} flips noticed by what is there, {by_mark} by what is not");
    assert!(noticed > 0 && by_mark > 0);
}

#[test]
fn a_truncated_file_is_never_an_empty_database() {
    let sample = Sample::new(true);
    let db = sample.db();
    let end = db.iter().rposition(|byte| *byte != 0).unwrap();
    for percent in [0, 1, 10, 25, 50, 75, 90, 99] {
        let outcome = sample.outcome(&db[..end * percent / 100]);
        assert!(outcome.is_err(), "cut to {percent}%: {outcome:?}");
    }
    assert_eq!(sample.outcome(&db), Ok(20), "the copy as such opens");
    assert!(sample.outcome(&vec![0; db.len()]).is_err(), "zeroed");
}

/// What sled can make again is no loss.
#[test]
fn a_missing_snapshot_costs_nothing() {
    let sample = Sample::new(true);
    let sled_dir = sample.dir.path().join("data/sled");
    let mut removed = 0;
    for entry in fs::read_dir(&sled_dir).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_string_lossy().starts_with("snap.") {
            fs::remove_file(path).unwrap();
            removed += 1;
        }
    }
    assert!(removed > 0);
    assert_eq!(sample.outcome(&sample.db()), Ok(20));
}

/// As a start on a full disk, or one that was killed, leaves it.
#[test]
fn an_unfinished_snapshot_costs_nothing() {
    for bytes in [&b""[..], b"begun", &[7; 1_000]] {
        let sample = Sample::new(true);
        let data = sample.dir.path().join("data");
        let unfinished = data.join("sled/snap.7FFFFFFFFFFFFFFF.generating");
        fs::write(&unfinished, bytes).unwrap();
        let store = Store::open(&data).unwrap();
        assert_eq!(store.recovered().sequence, 20, "{} bytes", bytes.len());
        assert!(!unfinished.exists());
    }
}

#[test]
fn a_missing_file_is_damage_and_stays_missing() {
    for name in ["db", "conf"] {
        let sample = Sample::new(true);
        let data = sample.dir.path().join("data");
        let gone = data.join("sled").join(name);
        fs::remove_file(&gone).unwrap();
        for _ in 0..2 {
            match Store::open(&data) {
                Err(OpenError::Damaged { path, problem }) => {
                    assert_eq!((path, problem.as_str()), (gone.clone(), "the file is missing"));
                }
                other => panic!("without {name}: {other:?}"),
            }
            assert!(!gone.exists(), "opening made a new {name}");
        }
    }
}
