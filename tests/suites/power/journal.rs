//! What the shim wrote down, read back.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::time::Duration;

/// At the head of every entry; the shim has the same.
const MAGIC: u32 = 0x4c57_5031;
const HEAD_BYTES: usize = 56;
const FROZEN: u32 = 14;

/// One thing that the process did to its files.
#[derive(Debug)]
pub(crate) struct Entry<'j> {
    /// Where the journal ends with it.
    pub(crate) end: u64,
    /// By the wall clock, since 1970.
    pub(crate) time: Duration,
    /// The file or directory, by its inode.
    pub(crate) ino: u64,
    pub(crate) what: What<'j>,
}

/// What was done.
#[derive(Debug)]
pub(crate) enum What<'j> {
    /// A process began. Its `ino` is that of the root.
    Start,
    Create(&'j str),
    Mkdir(&'j str),
    Rename(&'j str, &'j str),
    Unlink(&'j str),
    Rmdir(&'j str),
    Write(Write<'j>),
    Truncate(u64),
    /// A sync began: it will cover what was written so far.
    Sync(Sync),
    /// It ended well.
    Synced(Sync),
    /// `sync_file_range`: the disk may still have it in its cache, so nothing is promised.
    Range,
    /// The shim made it fail.
    Failed(Failed),
    /// The process stands still until it is killed.
    Frozen,
    /// What the system has of the file in memory is not to be believed any more.
    Forgotten,
}

/// What failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failed {
    Syncing,
    SomethingElse,
}

/// Bytes that were written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Write<'j> {
    pub(crate) at: u64,
    pub(crate) len: usize,
    bytes: &'j [u8],
    /// What all those behind `bytes` are.
    fill: u8,
}

/// Which sync, of those of one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sync {
    pub(crate) number: u64,
    /// `fdatasync`.
    pub(crate) only_data: bool,
}

impl Write<'_> {
    /// Lays the part from `from` to `to` of it over `content`.
    pub(crate) fn lay(&self, content: &mut Vec<u8>, from: usize, to: usize) {
        let at = usize::try_from(self.at).expect("files are small");
        if content.len() < at + to {
            content.resize(at + to, 0);
        }
        let told = self.bytes.len().clamp(from, to);
        if from < told {
            content[at + from..at + told].copy_from_slice(&self.bytes[from..told]);
        }
        content[at + told..at + to].fill(self.fill);
    }
}

/// All of a journal.
pub(crate) fn read(journal: &[u8]) -> Vec<Entry<'_>> {
    let mut entries = Vec::new();
    let mut rest = journal;
    while !rest.is_empty() {
        let (head, behind) = rest.split_at(HEAD_BYTES);
        let word = |at: usize| u32::from_le_bytes(head[at..at + 4].try_into().expect("four"));
        let number = |at: usize| u64::from_le_bytes(head[at..at + 8].try_into().expect("eight"));
        assert_eq!(word(0), MAGIC, "the journal is whole");
        let (first, behind) = behind.split_at(word(48) as usize);
        let (second, behind) = behind.split_at(word(52) as usize);
        rest = behind;
        let (a, b, c) = (number(16), number(24), number(32));
        entries.push(Entry {
            end: (journal.len() - rest.len()) as u64,
            time: Duration::from_nanos(number(40)),
            ino: number(8),
            what: what(word(4), [a, b, c], first, second),
        });
    }
    entries
}

fn what<'j>(kind: u32, [a, b, c]: [u64; 3], first: &'j [u8], second: &'j [u8]) -> What<'j> {
    let text = |bytes: &'j [u8]| std::str::from_utf8(bytes).expect("paths are text");
    let sync = Sync { number: a, only_data: b == 1 };
    match kind {
        1 => What::Start,
        2 => What::Create(text(first)),
        3 => What::Mkdir(text(first)),
        4 => What::Rename(text(first), text(second)),
        5 => What::Unlink(text(first)),
        6 => What::Rmdir(text(first)),
        7 => {
            let (len, fill) = (usize::try_from(b).expect("it fits"), c.to_le_bytes()[0]);
            What::Write(Write { at: a, len, bytes: first, fill })
        }
        8 => What::Truncate(a),
        10 => What::Sync(sync),
        11 => What::Synced(sync),
        12 => What::Range,
        13 if b == u64::from(b'd') || b == u64::from(b's') => What::Failed(Failed::Syncing),
        13 => What::Failed(Failed::SomethingElse),
        FROZEN => What::Frozen,
        15 => What::Forgotten,
        other => panic!("an entry of kind {other}: teach the rebuilder what it does to a disk"),
    }
}

/// Whether the last entry of a journal says that the process stands still.
pub(crate) fn ends_frozen(journal: &mut File) -> io::Result<bool> {
    let mut head = [0; HEAD_BYTES];
    let from_end = i64::try_from(HEAD_BYTES).expect("it fits");
    journal.seek(SeekFrom::End(-from_end))?;
    journal.read_exact(&mut head)?;
    Ok(head[..4] == MAGIC.to_le_bytes() && head[4..8] == FROZEN.to_le_bytes())
}
