//! What the data takes of its disk.

use std::fs::{self, Metadata};
use std::path::Path;

/// Bytes that the files below a directory take; what goes away meanwhile is not counted. `None` when
/// the directory cannot be read.
pub(super) fn bytes(directory: &Path) -> Option<u64> {
    let mut sum = 0;
    for entry in fs::read_dir(directory).ok()?.flatten() {
        // What a link leads to is not looked at.
        sum += match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => bytes(&entry.path()).unwrap_or_default(),
            Ok(metadata) => taken(&metadata),
            Err(_) => 0,
        };
    }
    Some(sum)
}

/// Files may have holes: what counts is what their blocks take.
#[cfg(unix)]
fn taken(metadata: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::blocks(metadata) * 512
}

#[cfg(not(unix))]
fn taken(metadata: &Metadata) -> u64 {
    metadata.len()
}
