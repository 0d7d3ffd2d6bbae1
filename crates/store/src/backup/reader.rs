//! Reading a backup, piece by piece: nothing is taken from it before its checksum is right.

use crc32fast::Hasher;
use prost::Message;

use super::blocks::{HEADER_BYTES, MAGIC, PAYLOAD_MAX_BYTES, PREAMBLE_BYTES, VERSION};
use crate::convert::from_nanos_since_epoch;
use crate::open::FORMAT_VERSION;
use crate::{DatabaseId, Head, Tail, pb};

/// The longest item: a value has at most 100 KiB.
const ITEM_MAX_BYTES: usize = 1_024 * 1_024;
/// The longest length of one.
const LENGTH_MAX_BYTES: usize = 10;

/// Why something is no backup that can be restored. Each message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// It is something else.
    #[error("it is no backup that `pawl backup` made; name another file")]
    NotABackup,
    /// A newer Pawl made it.
    #[error(
        "it is of version {found}, but this Pawl knows versions up to {known}; use a newer Pawl"
    )]
    Newer {
        /// Its version.
        found: u32,
        /// The newest that is known here.
        known: u32,
    },
    /// It ends too soon.
    #[error("it was cut off after {at} bytes; take another backup, or use an older one")]
    CutOff {
        /// How many bytes there are.
        at: u64,
    },
    /// It is not what was written.
    #[error("it is damaged near byte {at}: {problem}; take another backup, or use an older one")]
    Damaged {
        /// Where the block begins that is wrong.
        at: u64,
        /// What is wrong.
        problem: String,
    },
}

/// One thing in a backup.
#[derive(Debug)]
pub(crate) enum Item {
    Begin(Begin),
    Entry { key: Vec<u8>, value: Vec<u8> },
    End(Head),
}

/// What a backup is a backup of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Begin {
    pub(crate) database_id: DatabaseId,
    pub(crate) tail: Tail,
    /// Records behind this one have to be replayed over the rows.
    pub(crate) rows_from: u64,
}

/// What a whole backup holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackupSummary {
    /// The database that it was taken of.
    pub database_id: DatabaseId,
    /// Where its log begins.
    pub tail: Tail,
    /// Where its log ends.
    pub head: Head,
    /// How many keys it has.
    pub entries: u64,
    /// How long it is.
    pub bytes: u64,
}

/// Reads a backup from pieces of any size.
#[derive(Debug, Default)]
pub struct BackupReader {
    /// What was given and not read.
    given: Buffer,
    /// What blocks held and was not taken apart.
    payload: Buffer,
    hasher: Hasher,
    /// How many bytes were read as blocks.
    at: u64,
    begin: Option<Begin>,
    end: Option<Head>,
    entries: u64,
}

/// Bytes that are added behind and taken in front.
#[derive(Debug, Default)]
struct Buffer {
    bytes: Vec<u8>,
    taken: usize,
}

impl Buffer {
    fn push(&mut self, more: &[u8]) {
        self.bytes.drain(..std::mem::take(&mut self.taken));
        self.bytes.extend_from_slice(more);
    }

    fn rest(&self) -> &[u8] {
        &self.bytes[self.taken..]
    }

    fn take(&mut self, count: usize) {
        self.taken += count;
    }
}

impl BackupReader {
    /// Takes the next piece.
    pub fn push(&mut self, piece: &[u8]) {
        self.given.push(piece);
    }

    /// Looks through all that was given so far.
    pub fn check(&mut self) -> Result<(), BackupError> {
        while self.next_item()?.is_some() {}
        Ok(())
    }

    /// The next thing that was given whole.
    pub(crate) fn next_item(&mut self) -> Result<Option<Item>, BackupError> {
        loop {
            if let Some(item) = self.take_item()? {
                return Ok(Some(item));
            }
            if !self.take_block()? {
                return Ok(None);
            }
        }
    }

    /// Nothing more is given: says what it was, when it was whole.
    pub fn finish(&mut self) -> Result<BackupSummary, BackupError> {
        self.check()?;
        let given = self.given.rest();
        let bytes = self.at + given.len() as u64;
        if self.at == 0 && !MAGIC.starts_with(&given[..given.len().min(MAGIC.len())]) {
            return Err(BackupError::NotABackup);
        }
        match (self.begin, self.end) {
            (Some(Begin { database_id, tail, .. }), Some(head))
                if given.is_empty() && self.payload.rest().is_empty() =>
            {
                Ok(BackupSummary { database_id, tail, head, entries: self.entries, bytes })
            }
            _ => Err(BackupError::CutOff { at: bytes }),
        }
    }

    /// What was read last cannot be.
    pub(crate) fn damaged(&self, problem: impl Into<String>) -> BackupError {
        BackupError::Damaged { at: self.at, problem: problem.into() }
    }

    /// Checks the next block and takes what it holds; false when it was not given whole.
    fn take_block(&mut self) -> Result<bool, BackupError> {
        if self.at == 0 && !self.take_preamble()? {
            return Ok(false);
        }
        if self.end.is_some() && !self.given.rest().is_empty() {
            return Err(self.damaged("something follows its end"));
        }
        let Some((header, rest)) = self.given.rest().split_first_chunk::<HEADER_BYTES>() else {
            return Ok(false);
        };
        let (length_bytes, sum) = header.split_at(4);
        let length = length_bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
        if !(1..=PAYLOAD_MAX_BYTES).contains(&length) {
            return Err(self.damaged(format!("a block of {length} bytes")));
        }
        let Some(payload) = rest.get(..length) else { return Ok(false) };
        self.hasher.update(length_bytes);
        self.hasher.update(payload);
        if self.hasher.clone().finalize().to_be_bytes() != sum {
            return Err(self.damaged("the checksum of a block does not match"));
        }
        self.payload.push(payload);
        self.given.take(HEADER_BYTES + length);
        self.at += (HEADER_BYTES + length) as u64;
        Ok(true)
    }

    fn take_preamble(&mut self) -> Result<bool, BackupError> {
        let Some((preamble, _)) = self.given.rest().split_first_chunk::<PREAMBLE_BYTES>() else {
            return Ok(false);
        };
        let (magic, version) = preamble.split_at(MAGIC.len());
        if magic != MAGIC {
            return Err(BackupError::NotABackup);
        }
        let found = version.iter().fold(0, |number, byte| number << 8 | u32::from(*byte));
        if found > VERSION {
            return Err(BackupError::Newer { found, known: VERSION });
        }
        self.hasher.update(preamble);
        self.given.take(PREAMBLE_BYTES);
        self.at = PREAMBLE_BYTES as u64;
        Ok(true)
    }

    /// The next item that blocks hold whole.
    fn take_item(&mut self) -> Result<Option<Item>, BackupError> {
        let payload = self.payload.rest();
        let mut rest = payload;
        let length = match prost::decode_length_delimiter(&mut rest) {
            Ok(length) if length <= ITEM_MAX_BYTES => length,
            Err(_) if payload.len() < LENGTH_MAX_BYTES => return Ok(None),
            _ => return Err(self.damaged("an item has no length that can be")),
        };
        let Some(message) = rest.get(..length) else { return Ok(None) };
        let item =
            pb::BackupItem::decode(message).map_err(|error| self.damaged(error.to_string()))?;
        self.payload.take(payload.len() - rest.len() + length);
        self.accept(item).map(Some)
    }

    /// Whether an item may come now.
    fn accept(&mut self, item: pb::BackupItem) -> Result<Item, BackupError> {
        use pb::backup_item::Item as Stored;
        match (item.item, self.begin, self.end) {
            (_, _, Some(_)) => Err(self.damaged("something follows its end")),
            (Some(Stored::Begin(begin)), None, _) => {
                if begin.format_version > FORMAT_VERSION {
                    let (found, known) = (begin.format_version, FORMAT_VERSION);
                    return Err(BackupError::Newer { found, known });
                }
                let id = DatabaseId::from_bytes(&begin.database_id);
                let (Some(database_id), Some(tail)) = (id, begin.tail) else {
                    return Err(self.damaged("it does not say what it is of"));
                };
                let begin = Begin { database_id, tail: tail.into(), rows_from: begin.rows_from };
                self.begin = Some(begin);
                Ok(Item::Begin(begin))
            }
            (Some(Stored::Entry(entry)), Some(_), _) => {
                self.entries += 1;
                let pb::BackupEntry { key, value } = entry;
                Ok(Item::Entry { key, value })
            }
            (Some(Stored::End(end)), Some(_), _) => {
                let Some(head) = end.head else {
                    return Err(self.damaged("it does not say where it ends"));
                };
                if end.entries != self.entries {
                    let (said, counted) = (end.entries, self.entries);
                    return Err(self.damaged(format!("{counted} entries instead of {said}")));
                }
                let head = Head {
                    sequence: head.sequence,
                    time: from_nanos_since_epoch(head.commit_time_nanos),
                    moves: head.moves,
                    events: head.events,
                };
                self.end = Some(head);
                Ok(Item::End(head))
            }
            _ => Err(self.damaged("its items are in the wrong order")),
        }
    }
}
