use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use tokio::time::Instant;

use crate::Failure;

const APPENDS: usize = 200;
const APPEND_BYTES: usize = 512;

/// Median time to append 512 bytes to a growing file in `dir` and make them durable: below it no
/// server that keeps its word can answer.
pub(crate) fn append_and_sync(dir: &Path) -> Result<Duration, Failure> {
    let path = dir.join("append");
    let mut file = File::create(&path)?;
    let mut times = Vec::with_capacity(APPENDS);
    for _ in 0..APPENDS {
        let start = Instant::now();
        file.write_all(&[0x5A; APPEND_BYTES])?;
        file.sync_data()?;
        times.push(start.elapsed());
    }
    std::fs::remove_file(path)?;
    times.sort_unstable();
    Ok(times[APPENDS / 2])
}
