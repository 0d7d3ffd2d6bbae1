//! What sled has not synced is applied again from the journal, and nothing else is.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use pawl_store::{Batch, Change, OpenError, Store};
use tempfile::{TempDir, tempdir};

use crate::build::{Log, entity, id, large_entity, row};

const NAMES: [&str; 2] = ["journal.0", "journal.1"];
const FRAMES_AT: usize = 4_096;
const HEADER: usize = 40;
const MIB: u64 = 1_024 * 1_024;

/// A database, and copies of what sled had at two moments.
struct Bed {
    dir: TempDir,
    log: Log,
}

impl Bed {
    fn new() -> Self {
        let dir = tempdir().unwrap();
        let log = Log::open(&dir.path().join("data"));
        Self { dir, log }
    }

    fn write(&mut self, name: &str) {
        self.log.write(vec![Change::EntityWritten(entity(name))], vec![row(&entity(name))]);
    }

    /// Closes it, so that sled has everything, and opens it again.
    fn settle(self) -> Self {
        let Self { dir, log } = self;
        let log = log.reopen(&dir.path().join("data"));
        Self { dir, log }
    }

    /// Keeps what sled has on the disk now.
    fn keep_sled(&self, name: &str) {
        copy(&self.dir.path().join("data/sled"), &self.dir.path().join(name));
    }

    /// Closes it and puts what sled had back: all that was written since is lost there.
    fn lose(self, name: &str) -> TempDir {
        let Self { dir, log } = self;
        drop(log);
        let sled = dir.path().join("data/sled");
        fs::remove_dir_all(&sled).unwrap();
        copy(&dir.path().join(name), &sled);
        dir
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to.join("blobs")).unwrap();
    for name in ["db", "conf"] {
        fs::copy(from.join(name), to.join(name)).unwrap();
    }
}

fn frames(file: &[u8]) -> Vec<(u64, u64, u64, usize)> {
    let number = |at: usize| u64::from_be_bytes(file[at..at + 8].try_into().unwrap());
    let (mut found, mut at) = (Vec::new(), FRAMES_AT);
    while at + HEADER <= file.len() {
        let len = u32::from_be_bytes(file[at + 4..at + 8].try_into().unwrap()) as usize;
        let Some(whole) = file.get(at..at + len).filter(|_| len >= HEADER) else { break };
        if whole[..4] != crc32fast::hash(&whole[4..]).to_be_bytes() {
            break;
        }
        found.push((number(at + 8), number(at + 24), number(at + 32), at));
        at += len;
    }
    found
}

#[test]
fn it_lies_where_the_format_says() {
    let mut bed = Bed::new();
    for number in 1..=3 {
        bed.write(&format!("deal/{number}"));
    }
    let data = bed.dir.path().join("data");
    let files = NAMES.map(|name| fs::read(data.join(name)).unwrap());
    for file in &files {
        assert_eq!(file[..8], *b"pawljrn\x01");
        assert_eq!(&file[8..24], bed.log.store.database_id().as_bytes());
        assert!(file[24..FRAMES_AT].iter().all(|byte| *byte == 0));
    }
    let all: Vec<_> = files.iter().map(|file| frames(file)).collect();
    let used = usize::from(all[0].is_empty());
    assert_eq!(all[1 - used], []);
    let sequences: Vec<_> = all[used].iter().map(|f| (f.0, f.1, f.2)).collect();
    assert_eq!(sequences, [(1, 1, 1), (1, 2, 2), (1, 3, 3)]);
    let file = &files[used];
    assert_eq!(file.len() as u64, MIB, "it grows in steps");
    // The first operation has the records, in their own words.
    let (.., at) = all[used][1];
    let op = &file[at + HEADER..];
    assert_eq!((op[0], &op[1..3]), (2, &[0, 16][..]));
    assert_eq!(op[7..23], [2_u64.to_be_bytes(), 2_u64.to_be_bytes()].concat());
    let payload = u32::from_be_bytes(op[3..7].try_into().unwrap()) as usize;
    assert_eq!(usize::from(op[23]) + 1, payload, "one record after its length");
    // Then the entity's row, then the head.
    let op = &op[23 + payload..];
    assert_eq!((op[0], &op[1..3], &op[7..14]), (1, &[0, 7][..], &b"\x30deal/2"[..]));
    let row = u32::from_be_bytes(op[3..7].try_into().unwrap()) as usize;
    let op = &op[14 + row..];
    assert_eq!((op[0], &op[1..3], op[7]), (1, &[0, 1][..], 2));
}

#[test]
fn what_sled_has_lost_is_applied_again() {
    let mut bed = Bed::new();
    bed.write("deal/1");
    let mut bed = bed.settle();
    bed.keep_sled("early");
    for number in 2..=5 {
        bed.write(&format!("deal/{number}"));
    }
    let link = (id("contact/9"), id("deal/5"));
    let change = Change::EntityDeleted(entity("deal/1"));
    bed.log.write(
        vec![change],
        vec![pawl_store::EntityRow { deleted: true, ..row(&entity("deal/1")) }],
    );
    let written = bed.log.written.clone();
    let head = bed.log.head;
    let applied = bed.log.store.apply(Batch {
        records: vec![Arc::new(pawl_store::Record { sequence: 7, ..(*written[5]).clone() })],
        entities: Vec::new(),
        links: vec![(link.clone(), true)],
        head: pawl_store::Head { sequence: 7, ..head },
    });
    drop(bed.log.store.sync(vec![applied.unwrap()]).unwrap());
    let dir = bed.lose("early");
    for _ in 0..2 {
        let store = Store::open(&dir.path().join("data")).unwrap();
        assert_eq!(store.recovered().sequence, 7);
        let records = Log::read_all(&store);
        assert_eq!(&records[1..6], written[1..].iter().map(|r| (**r).clone()).collect::<Vec<_>>());
        assert!(store.entity(&id("deal/1")).unwrap().unwrap().deleted);
        assert!(!store.entity(&id("deal/4")).unwrap().unwrap().deleted);
        assert_eq!(store.entities_naming(&link.0).unwrap(), [link.1.clone()].into());
    }
}

/// A frame that is torn was never acknowledged; the mark tells when that is not how it went.
#[test]
fn what_follows_a_torn_frame_is_not_applied() {
    for torn in 0..4 {
        let mut bed = Bed::new().settle();
        bed.keep_sled("early");
        for number in 1..=4 {
            bed.write(&format!("deal/{number}"));
        }
        let dir = bed.lose("early");
        let data = dir.path().join("data");
        let path = NAMES.map(|name| data.join(name)).into_iter();
        let path = path.max_by_key(|path| frames(&fs::read(path).unwrap()).len()).unwrap();
        let mut file = fs::read(&path).unwrap();
        let (.., at) = frames(&file)[torn];
        file[at + HEADER + 9] ^= 1;
        fs::write(&path, file).unwrap();
        match Store::open(&data) {
            Err(OpenError::Damaged { problem, .. }) => {
                let expected = format!("records {} to 4 were acknowledged", torn + 1);
                assert!(problem.contains(&expected), "{problem}");
            }
            other => panic!("{:?}", other.map(|store| store.recovered())),
        }
        fs::remove_file(data.join("mark")).unwrap();
        assert_eq!(Store::open(&data).unwrap().recovered().sequence, torn as u64);
    }
}

/// Who goes on without records that are gone writes others in their place; those are not joined by
/// what the journal still has of the old ones.
#[test]
fn leftovers_are_never_applied() {
    let mut bed = Bed::new().settle();
    bed.keep_sled("early");
    (1..=2).for_each(|number| bed.write(&format!("deal/{number}")));
    let mut bed = bed.settle();
    (3..=6).for_each(|number| bed.write(&format!("deal/{number}")));
    let dir = bed.lose("early");
    let data = dir.path().join("data");
    let with = |number: u64| {
        let path = NAMES.map(|name| data.join(name)).into_iter();
        path.clone().find(|path| frames(&fs::read(path).unwrap()).iter().any(|f| f.1 == number))
    };
    fs::remove_file(with(1).unwrap()).unwrap();
    fs::remove_file(data.join("mark")).unwrap();
    let mut log = Log::open(&data);
    assert_eq!(log.head.sequence, 0, "record 1 and 2 are gone, so what follows does not fit");
    let sled_now = dir.path().join("now");
    let written = |log: &mut Log, name: &str| {
        log.write(vec![Change::EntityWritten(entity(name))], vec![row(&entity(name))]);
    };
    written(&mut log, "deal/10");
    written(&mut log, "deal/11");
    assert!(with(3).is_some(), "they are still there");
    let log = log.reopen(&data);
    assert_eq!(log.head.sequence, 2, "and are not taken for what follows");
    drop(log);
    copy(&data.join("sled"), &sled_now);
    assert!(Store::open(&data).unwrap().entity(&id("deal/3")).unwrap().is_none());
}

/// The files take turns, stay bounded, and together reach back to what sled has for certain.
#[test]
fn the_files_take_turns() {
    let mut bed = Bed::new();
    let mut kept = 0;
    for number in 0..1_500 {
        let big = large_entity(&format!("deal/{}", number % 50), 30_000);
        bed.log.write(vec![Change::EntityWritten(big.clone())], vec![row(&big)]);
        if number % 500 == 0 {
            bed.log.written.clear();
        }
        kept = number;
    }
    let head = bed.log.head.sequence;
    assert_eq!(head, kept + 1);
    let data = bed.dir.path().join("data");
    let sizes = NAMES.map(|name| fs::metadata(data.join(name)).unwrap().len());
    println!("90 MB went through journals of {sizes:?} bytes");
    assert!(sizes.iter().all(|bytes| (8 * MIB..=66 * MIB).contains(bytes)), "{sizes:?}");
    let held = NAMES.map(|name| frames(&fs::read(data.join(name)).unwrap()));
    let run = |file: &[(u64, u64, u64, usize)]| file.first().unwrap().0;
    let (newer, older) = if run(&held[0]) > run(&held[1]) { (0, 1) } else { (1, 0) };
    let newest: Vec<_> = held[newer].iter().filter(|f| f.0 == run(&held[newer])).collect();
    let oldest: Vec<_> = held[older].iter().filter(|f| f.0 == run(&held[older])).collect();
    assert!(run(&held[newer]) > 2, "each took over at least once");
    assert_eq!(oldest.last().unwrap().2 + 1, newest.first().unwrap().1);
    assert_eq!(newest.last().unwrap().2, head);
    assert_eq!(bed.settle().log.head.sequence, head);
}

#[test]
fn that_of_another_database_is_damage() {
    let (one, two) = (Bed::new(), Bed::new());
    let path = |bed: &Bed| bed.dir.path().join("data/journal.1");
    fs::copy(path(&one), path(&two)).unwrap();
    let data = two.dir.path().join("data");
    drop(two.log);
    let error = Store::open(&data).unwrap_err().to_string();
    assert!(error.contains("journal.1 is damaged: it belongs to another database"), "{error}");
}

/// A database from before there was a journal, or one of which it is lost, goes on with a new one.
#[test]
fn a_missing_one_is_made_anew() {
    let mut bed = Bed::new();
    bed.write("deal/1");
    let Bed { dir, log } = bed.settle();
    drop(log);
    let data = dir.path().join("data");
    for content in [None, Some(&b""[..]), Some(b"half of"), Some(&[7; 9_000])] {
        for name in NAMES {
            match content {
                None => fs::remove_file(data.join(name)).unwrap(),
                Some(content) => fs::write(data.join(name), content).unwrap(),
            }
        }
        let mut log = Log::open(&data);
        let name = format!("deal/{}", log.head.sequence + 1);
        log.write(vec![Change::EntityWritten(entity(&name))], vec![row(&entity(&name))]);
        log.reopen(&data);
    }
}
