//! Whether what sled is about to read can be read.
//!
//! sled takes whatever it cannot read while it opens for the end of its log, as a power loss leaves
//! it: it goes on without what lies behind, and wipes it. A single sector that the disk does not give
//! would cost everything after it, also when the disk gives it again a moment later. So all of it is
//! read once before sled is let in.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::OpenError;
use crate::open::{SEGMENT_BYTES, io_error};

/// At the beginning of a segment: a checksum, where in the log it lies, and what was stable then.
const HEADER_BYTES: usize = 20;
const LSN_AT: usize = 4;
/// How sled writes where in the log something lies.
const LSN_MASK: u64 = 0x7FFF_FFFF_FFFF_FFFF;
const BUFFER_BYTES: usize = 1_024 * 1_024;

/// Reads the beginning of every segment of `db`, and all of those that sled reads from its newest
/// snapshot on.
pub(crate) fn check(sled_dir: &Path, db: &Path) -> Result<(), OpenError> {
    let known = newest_snapshot(sled_dir)?;
    let file = File::open(db).map_err(io_error("open", db))?;
    let len = file.metadata().map_err(io_error("look at", db))?.len();
    let mut buffer = vec![0; BUFFER_BYTES];
    for begin in (0..len).step_by(SEGMENT_BYTES) {
        let end = len.min(begin + SEGMENT_BYTES as u64);
        let mut at = begin;
        while at < end {
            let wanted = if at == begin { HEADER_BYTES } else { BUFFER_BYTES };
            let wanted = wanted.min(usize::try_from(end - at).unwrap_or(BUFFER_BYTES));
            file.read_exact_at(&mut buffer[..wanted], at).map_err(io_error("read", db))?;
            if at == begin && lies_before(&buffer[..wanted], known) {
                break;
            }
            at += wanted as u64;
        }
    }
    Ok(())
}

/// Where the part of the log begins that sled's newest snapshot does not tell of.
fn newest_snapshot(sled_dir: &Path) -> Result<u64, OpenError> {
    let mut newest = 0;
    for entry in fs::read_dir(sled_dir).map_err(io_error("list", sled_dir))? {
        let name = entry.map_err(io_error("list", sled_dir))?.file_name();
        let lsn = name.to_str().and_then(|name| name.strip_prefix("snap."));
        let lsn = lsn.and_then(|lsn| u64::from_str_radix(lsn, 16).ok());
        newest = newest.max(lsn.unwrap_or(0));
    }
    Ok(newest - newest % SEGMENT_BYTES as u64)
}

/// Whether a segment with this header lies before `known`. What it says is only believed when it
/// spares reading: if it is wrong, sled sees that by the checksum, which it has read here.
fn lies_before(header: &[u8], known: u64) -> bool {
    let lsn = header.get(LSN_AT..).and_then(<[u8]>::first_chunk::<8>);
    lsn.is_some_and(|lsn| (u64::from_le_bytes(*lsn) ^ LSN_MASK) < known)
}
