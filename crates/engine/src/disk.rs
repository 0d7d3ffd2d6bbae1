//! Room on the disk. Below a reserve nothing more is written, and reads go on: sled cannot open a
//! database again on a disk that is full, so the last of the room belongs to that.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, TryLockError};
use std::{fmt, io};

use pawl_domain::Rejection;
use tracing::{info, warn};

/// How many bytes stay free unless said otherwise.
pub const DEFAULT_MIN_FREE_BYTES: u64 = 256 * 1_024 * 1_024;
/// After what part of the reserve was written it is looked again: what a batch costs sled in the end
/// is not known when it is written, so little of the reserve may depend on it.
const PART: u64 = 16;
/// Free bytes while they are not known: nothing is refused then.
const UNKNOWN: u64 = u64::MAX;

/// Where the engine learns how many bytes are free on the file system of a directory, so that tests
/// can hand it their own.
#[derive(Clone)]
pub struct FreeSpace(Arc<Probe>);

type Probe = dyn Fn(&Path) -> io::Result<u64> + Send + Sync;

impl FreeSpace {
    /// Asks `probe`.
    pub fn new(probe: impl Fn(&Path) -> io::Result<u64> + Send + Sync + 'static) -> Self {
        Self(Arc::new(probe))
    }
}

impl fmt::Debug for FreeSpace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FreeSpace")
    }
}

/// What stays free on the disk.
#[derive(Debug, Clone)]
pub struct Reserve {
    /// With fewer bytes free writes are refused; with 0 they never are.
    pub min_free_bytes: u64,
    /// Says how many there are.
    pub free_space: FreeSpace,
}

impl Reserve {
    /// Everything may be written full.
    pub fn none() -> Self {
        let unasked = |_: &Path| Err(io::Error::from(io::ErrorKind::Unsupported));
        Self { min_free_bytes: 0, free_space: FreeSpace::new(unasked) }
    }
}

/// The disk on which the database lies. Looked at by the trimming thread from time to time, and by the
/// writer when it has written much since, so that a burst does not overrun the reserve.
#[derive(Debug)]
pub(crate) struct Disk {
    dir: PathBuf,
    reserve: Reserve,
    /// Free bytes when it was looked last.
    free: AtomicU64,
    /// Bytes that were written since.
    written: AtomicU64,
    /// One looks at a time; what it told last.
    told: Mutex<Told>,
}

/// What the log says of the disk. It says each thing once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Roomy,
    Full,
    Unknown,
}

impl Disk {
    pub(crate) fn new(dir: &Path, reserve: Reserve) -> Self {
        let (free, written) = (AtomicU64::new(UNKNOWN), AtomicU64::new(0));
        let disk =
            Self { dir: dir.to_owned(), reserve, free, written, told: Mutex::new(Told::Roomy) };
        disk.look();
        disk
    }

    /// Bytes that are free, but for those that were written since it was looked.
    fn left(&self) -> u64 {
        match self.free.load(Ordering::Relaxed) {
            UNKNOWN => UNKNOWN,
            free => free.saturating_sub(self.written.load(Ordering::Relaxed)),
        }
    }

    /// Bytes that are free, if that is known.
    pub(crate) fn free_bytes(&self) -> Option<u64> {
        Some(self.left()).filter(|free| *free != UNKNOWN)
    }

    /// Refuses when nothing more is to be written.
    pub(crate) fn check(&self) -> Result<(), Rejection> {
        let (free_bytes, min_free_bytes) = (self.left(), self.reserve.min_free_bytes);
        if free_bytes >= min_free_bytes {
            return Ok(());
        }
        let path = self.dir.display().to_string();
        Err(Rejection::DiskFull { path, free_bytes, min_free_bytes })
    }

    /// Notes that so many bytes are on their way to the disk.
    pub(crate) fn wrote(&self, bytes: u64) {
        let before = self.written.fetch_add(bytes, Ordering::Relaxed);
        let min = self.reserve.min_free_bytes;
        if min > 0 && before.saturating_add(bytes) >= min / PART {
            self.look();
        }
    }

    /// Finds out how many bytes are free, unless another thread is about to.
    pub(crate) fn look(&self) {
        let mut told = match self.told.try_lock() {
            Ok(told) => told,
            Err(TryLockError::Poisoned(told)) => told.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        let written = self.written.load(Ordering::Relaxed);
        let asked = (self.reserve.free_space.0)(&self.dir);
        self.free.store(*asked.as_ref().unwrap_or(&UNKNOWN), Ordering::Relaxed);
        // In this order it counts twice for a moment, and never not at all.
        self.written.fetch_sub(written, Ordering::Relaxed);
        let min_free_bytes = self.reserve.min_free_bytes;
        if min_free_bytes == 0 {
            return;
        }
        let now = match &asked {
            Ok(free) if *free < min_free_bytes => Told::Full,
            Ok(_) => Told::Roomy,
            Err(_) => Told::Unknown,
        };
        if now == std::mem::replace(&mut *told, now) {
            return;
        }
        let path = self.dir.display();
        match asked {
            Ok(free_bytes) if now == Told::Full => {
                warn!(%path, free_bytes, min_free_bytes, "the disk is full: writes are refused");
            }
            Ok(free_bytes) => {
                info!(%path, free_bytes, min_free_bytes, "the disk has room: writes go on");
            }
            Err(error) => {
                warn!(%path, %error, "the disk does not say how much room it has: writes go on");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A disk that says what it is told to, and how often it was asked.
    fn disk(free: &Arc<AtomicU64>, asked: &Arc<AtomicU64>) -> Disk {
        let (free, asked) = (Arc::clone(free), Arc::clone(asked));
        let free_space = FreeSpace::new(move |_| {
            asked.fetch_add(1, Ordering::SeqCst);
            match free.load(Ordering::SeqCst) {
                UNKNOWN => Err(io::Error::other("it does not say")),
                free => Ok(free),
            }
        });
        Disk::new(Path::new("/data"), Reserve { min_free_bytes: 1_600, free_space })
    }

    #[test]
    fn what_is_written_counts_at_once_and_much_of_it_makes_it_look() {
        let (free, asked) = (Arc::new(AtomicU64::new(1_650)), Arc::new(AtomicU64::new(0)));
        let disk = disk(&free, &asked);
        disk.wrote(50);
        assert_eq!((disk.free_bytes(), disk.check()), (Some(1_600), Ok(())), "just enough");
        disk.wrote(1);
        let full = Rejection::DiskFull {
            path: "/data".to_owned(),
            free_bytes: 1_599,
            min_free_bytes: 1_600,
        };
        assert_eq!((disk.check(), asked.load(Ordering::SeqCst)), (Err(full), 1), "nobody looked");
        // A sixteenth of the reserve is 100.
        free.store(1_601, Ordering::SeqCst);
        disk.wrote(49);
        assert_eq!(
            (disk.check(), asked.load(Ordering::SeqCst)),
            (Ok(()), 2),
            "the disk knows better"
        );
        assert_eq!(disk.free_bytes(), Some(1_601), "what was written before is in it");
        free.store(UNKNOWN, Ordering::SeqCst);
        disk.look();
        assert_eq!((disk.check(), disk.free_bytes()), (Ok(()), None), "unknown refuses nothing");
        free.store(0, Ordering::SeqCst);
        disk.look();
        assert!(disk.check().is_err());
    }

    #[test]
    fn without_a_reserve_nothing_is_refused() {
        let free_space = FreeSpace::new(|_| Ok(0));
        let disk = Disk::new(Path::new("/data"), Reserve { min_free_bytes: 0, free_space });
        disk.wrote(1);
        assert_eq!((disk.check(), disk.free_bytes()), (Ok(()), Some(0)));
        assert_eq!(Disk::new(Path::new("/data"), Reserve::none()).check(), Ok(()));
    }
}
