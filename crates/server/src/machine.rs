//! What the engine learns of the machine: this is the edge where it comes in.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use pawl_engine::{Clock, FreeSpace};

/// The system's clocks.
#[expect(clippy::disallowed_methods, reason = "the edge is where the time comes in")]
pub(crate) fn clock() -> Clock {
    let began = Instant::now();
    Clock::new(SystemTime::now, move || since_boot().unwrap_or_else(|| began.elapsed()))
}

/// The time by the wall clock, as credentials expire.
#[expect(clippy::disallowed_methods, reason = "the edge is where the time comes in")]
pub(crate) fn wall_clock() -> SystemTime {
    SystemTime::now()
}

/// Goes on while the machine sleeps, which `Instant` does not: to wake up is no step of the clock.
#[cfg(target_os = "linux")]
fn since_boot() -> Option<Duration> {
    nix::time::ClockId::CLOCK_BOOTTIME.now().ok().map(Duration::from)
}

#[cfg(not(target_os = "linux"))]
fn since_boot() -> Option<Duration> {
    None
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
