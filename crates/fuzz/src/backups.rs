//! Backups, as a file or a server may hand them over.

use crc32fast::Hasher;
use pawl_store::BackupReader;

use crate::Target;
use crate::world::stored;

/// What every backup begins with: `PAWLBACK` and the version of the frame.
const PREAMBLE: &[u8; 12] = b"PAWLBACK\0\0\0\x01";

/// With an even first byte a backup, with an odd one what its blocks hold; checksums fit then.
pub(crate) struct Backups;

/// Puts items into blocks of at most so many bytes.
fn blocks(items: &[u8], bytes: usize) -> Vec<u8> {
    let (mut backup, mut hasher) = (PREAMBLE.to_vec(), Hasher::new());
    hasher.update(PREAMBLE);
    for payload in items.chunks(bytes) {
        let length = u32::try_from(payload.len()).expect("it is short").to_be_bytes();
        hasher.update(&length);
        hasher.update(payload);
        backup.extend_from_slice(&length);
        backup.extend_from_slice(&hasher.clone().finalize().to_be_bytes());
        backup.extend_from_slice(payload);
    }
    backup
}

/// What the blocks of a backup hold.
fn items(backup: &[u8]) -> Vec<u8> {
    let mut rest = &backup[PREAMBLE.len()..];
    let mut items = Vec::new();
    while let Some((header, behind)) = rest.split_first_chunk::<8>() {
        let length = u32::from_be_bytes([header[0], header[1], header[2], header[3]]) as usize;
        items.extend_from_slice(&behind[..length]);
        rest = &behind[length..];
    }
    items
}

impl Target for Backups {
    fn seeds(&self) -> Vec<Vec<u8>> {
        let backup = stored().backup;
        let items = items(&backup);
        vec![[&[0], &backup[..]].concat(), [&[1], &items[..]].concat()]
    }

    fn feed(&mut self, input: &[u8]) -> bool {
        let Some((how, bytes)) = input.split_first() else { return false };
        let backup = if how % 2 == 0 { bytes.to_vec() } else { blocks(bytes, 4_096) };
        let read = |piece_bytes: usize| {
            let mut reader = BackupReader::default();
            for piece in backup.chunks(piece_bytes) {
                reader.push(piece);
                reader.check().map_err(|error| error.to_string())?;
            }
            reader.finish().map_err(|error| error.to_string())
        };
        let whole = read(backup.len().max(1));
        assert_eq!(read(977), whole, "it makes no difference in which pieces it comes");
        if let Ok(summary) = &whole {
            assert_eq!(summary.bytes, backup.len() as u64);
        }
        whole.is_ok()
    }
}
