//! The frame of a backup file: blocks whose checksums cover everything before them.

use crc32fast::Hasher;

use super::delimited;
use crate::{DatabaseId, Head, Tail, pb};

/// With what every backup begins; the version of what follows stands behind it.
pub(super) const MAGIC: &[u8; 8] = b"PAWLBACK";
/// Version of the frame that FORMAT.md describes.
pub(super) const VERSION: u32 = 1;
/// Bytes before the first block.
pub(super) const PREAMBLE_BYTES: usize = MAGIC.len() + 4;
/// Bytes before the payload of a block: its length and its checksum.
pub(super) const HEADER_BYTES: usize = 8;
/// The most that a block holds: with what is around it, it fits into a message of 64 KiB.
pub(super) const PAYLOAD_MAX_BYTES: usize = 64 * 1_024 - 64;

/// Makes the blocks of a backup.
#[derive(Debug)]
pub struct BackupWriter {
    payload: Vec<u8>,
    /// Of everything so far.
    hasher: Hasher,
    entries: u64,
    began: bool,
}

impl BackupWriter {
    /// A backup of a database whose log begins at `tail`; rows are read from now on, and the log ends
    /// with `head` now.
    pub fn begin(database_id: DatabaseId, tail: Tail, head: u64) -> Self {
        let begin = pb::BackupBegin {
            format_version: crate::open::FORMAT_VERSION,
            database_id: database_id.as_bytes().to_vec(),
            tail: Some(tail.into()),
            rows_from: head,
        };
        let mut writer =
            Self { payload: Vec::new(), hasher: Hasher::new(), entries: 0, began: false };
        writer.add(pb::backup_item::Item::Begin(begin));
        writer
    }

    /// Adds a key with its value.
    pub fn entry(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.entries += 1;
        self.add(pb::backup_item::Item::Entry(pb::BackupEntry { key, value }));
    }

    /// Nothing more comes: it holds the state after `head`.
    pub fn end(&mut self, head: Head) {
        let end = pb::BackupEnd { head: Some(head.into()), entries: self.entries };
        self.add(pb::backup_item::Item::End(end));
    }

    fn add(&mut self, item: pb::backup_item::Item) {
        delimited(&pb::BackupItem { item: Some(item) }, &mut self.payload);
    }

    /// The next block that is full.
    pub fn full_block(&mut self) -> Option<Vec<u8>> {
        (self.payload.len() >= PAYLOAD_MAX_BYTES).then(|| self.block())
    }

    /// The next block, also when it is not full; `None` when nothing is left.
    pub fn rest(&mut self) -> Option<Vec<u8>> {
        (!self.payload.is_empty()).then(|| self.block())
    }

    fn block(&mut self) -> Vec<u8> {
        let rest = self.payload.split_off(self.payload.len().min(PAYLOAD_MAX_BYTES));
        let payload = std::mem::replace(&mut self.payload, rest);
        let mut block = Vec::with_capacity(PREAMBLE_BYTES + HEADER_BYTES + payload.len());
        if !std::mem::replace(&mut self.began, true) {
            block.extend_from_slice(MAGIC);
            block.extend_from_slice(&VERSION.to_be_bytes());
            self.hasher.update(&block);
        }
        // It is at most 64 KiB.
        let length = u32::try_from(payload.len()).unwrap_or(u32::MAX).to_be_bytes();
        self.hasher.update(&length);
        self.hasher.update(&payload);
        block.extend_from_slice(&length);
        block.extend_from_slice(&self.hasher.clone().finalize().to_be_bytes());
        block.extend_from_slice(&payload);
        block
    }
}
