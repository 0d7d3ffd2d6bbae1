use pawl_store::{DatabaseId, Head, Store};

use crate::WatchError;

/// Where in the log a watch goes on: what it shows next is the first at or after this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    /// Of the record.
    pub(crate) sequence: u64,
    /// Among the places of what the record has to show.
    pub(crate) index: u32,
}

impl Position {
    /// Before everything from `sequence` on.
    pub(crate) fn before(sequence: u64) -> Self {
        Self { sequence, index: 0 }
    }

    /// Behind everything up to `sequence`.
    pub(crate) fn after(sequence: u64) -> Self {
        Self { sequence: sequence + 1, index: 0 }
    }
}

/// A position that a client keeps and comes back with: opaque to it, checked here.
///
/// Version, database id, one position per partition (there is one), checksum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResumeToken([u8; TOKEN_BYTES]);

const TOKEN_BYTES: usize = 1 + 16 + 8 + 4 + 4;
/// Version 1 counted moves where this one counts places; none was ever released.
const TOKEN_VERSION: u8 = 2;

impl ResumeToken {
    pub(crate) fn new(database_id: DatabaseId, position: Position) -> Self {
        let mut bytes = [0; TOKEN_BYTES];
        bytes[0] = TOKEN_VERSION;
        bytes[1..17].copy_from_slice(database_id.as_bytes());
        bytes[17..25].copy_from_slice(&position.sequence.to_be_bytes());
        bytes[25..29].copy_from_slice(&position.index.to_be_bytes());
        let checksum = crc32fast::hash(&bytes[..29]);
        bytes[29..].copy_from_slice(&checksum.to_be_bytes());
        Self(bytes)
    }

    /// The bytes to hand out.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The position in a token that a client brought back (W5); `None` when it is no longer retained.
    pub(crate) fn read(
        bytes: &[u8],
        store: &Store,
        head: Head,
    ) -> Result<Option<Position>, WatchError> {
        let bytes: &[u8; TOKEN_BYTES] = bytes.try_into().map_err(|_| WatchError::Damaged)?;
        let checksum = crc32fast::hash(&bytes[..29]).to_be_bytes();
        if bytes[0] != TOKEN_VERSION || bytes[29..] != checksum {
            return Err(WatchError::Damaged);
        }
        let number = |range: &[u8]| range.iter().fold(0, |n: u64, b| n << 8 | u64::from(*b));
        let position = Position {
            sequence: number(&bytes[17..25]),
            // Four bytes always fit.
            index: u32::try_from(number(&bytes[25..29])).unwrap_or(u32::MAX),
        };
        if position.sequence == 0 {
            return Err(WatchError::Damaged);
        }
        let ahead = position > Position::after(head.sequence);
        if bytes[1..17] != *store.database_id().as_bytes() || ahead {
            return Err(WatchError::Foreign);
        }
        Ok(Some(position).filter(|position| position.sequence >= store.tail().sequence))
    }
}
