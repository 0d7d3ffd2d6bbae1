//! What the engine learns of the machine: this is the edge where it comes in.

use std::io;
use std::path::Path;
use std::time::SystemTime;

use pawl_engine::{Clock, FreeSpace};

/// The system's clock.
#[expect(clippy::disallowed_methods, reason = "the edge is where the time comes in")]
pub(crate) fn clock() -> Clock {
    Clock::new(SystemTime::now)
}

/// What is free for the user that this process runs as.
pub(crate) fn free_space() -> FreeSpace {
    FreeSpace::new(free_bytes)
}

#[cfg(unix)]
fn free_bytes(dir: &Path) -> io::Result<u64> {
    let found = nix::sys::statvfs::statvfs(dir)?;
    #[allow(clippy::useless_conversion, reason = "some systems count in 32 bits")]
    Ok(u64::from(found.blocks_available()).saturating_mul(u64::from(found.fragment_size())))
}

#[cfg(not(unix))]
fn free_bytes(_: &Path) -> io::Result<u64> {
    Err(io::ErrorKind::Unsupported.into())
}
