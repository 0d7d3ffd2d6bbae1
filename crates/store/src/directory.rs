//! The data directory: who has it, what lies in it, and what a step that was cut off left there.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::OpenError;
use crate::journal::Journal;
use crate::mark::{self, Mark};
use crate::open::io_error;

/// sled's own directory inside the data directory.
pub(crate) const SLED: &str = "sled";
/// The same while it is being made, so that a half-made one is never taken for a database.
pub(crate) const SLED_NEW: &str = "sled.new";
/// What was `sled` before a compaction, until the new one has opened.
const SLED_OLD: &str = "sled.old";
/// A data directory inside this one, in which a compaction makes its database.
pub(crate) const COMPACT_NEW: &str = "compact.new";
/// The same for a restore.
pub(crate) const RESTORE_NEW: &str = "restore.new";
/// A process that was just killed may hold its lock a little longer.
pub(crate) const LOCK_ATTEMPTS: u32 = 10;
pub(crate) const LOCK_PAUSE: Duration = Duration::from_millis(100);

/// The right to use a data directory, whatever is renamed in it. One has it at a time, until this is
/// dropped with all its clones.
#[derive(Debug, Clone)]
pub(crate) struct Claim {
    /// The lock goes with the file.
    _directory: Arc<File>,
}

impl Claim {
    /// Waits a second for who has it. sled has a lock of its own, on a file that may be renamed.
    pub(crate) fn of(dir: &Path) -> Result<Self, OpenError> {
        let directory = File::open(named(dir)).map_err(io_error("open", dir))?;
        lock(&directory, dir)?;
        Ok(Self { _directory: Arc::new(directory) })
    }
}

/// Locks a file for as long as it is open, and waits a second for who has it in the data directory
/// `dir`. Not every file system locks every file; then this does nothing.
pub(crate) fn lock(file: &File, dir: &Path) -> Result<(), OpenError> {
    for _ in 1..LOCK_ATTEMPTS {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => thread::sleep(LOCK_PAUSE),
            Ok(()) | Err(TryLockError::Error(_)) => return Ok(()),
        }
    }
    Err(OpenError::InUse { path: dir.to_owned() })
}

/// Makes what is missing of a path, and gives the deepest directory that was there already: below it
/// every new entry must be synced too.
pub(crate) fn make(dir: &Path) -> Result<Option<PathBuf>, OpenError> {
    let existing = dir.ancestors().find(|ancestor| ancestor.exists()).map(Path::to_owned);
    fs::create_dir_all(named(dir)).map_err(io_error("create", dir))?;
    Ok(existing)
}

/// Removes a directory that [`make`] made, and those above it that it made too, if nothing is in them.
pub(crate) fn unmake(dir: &Path, existing: Option<&Path>) {
    for made in dir.ancestors().take_while(|made| Some(*made) != existing) {
        // Whoever put something there needs it.
        if made.as_os_str().is_empty() || fs::remove_dir(made).is_err() {
            break;
        }
    }
}

/// Refuses a directory that does not hold a whole database under its name, without touching it.
pub(crate) fn require(dir: &Path) -> Result<PathBuf, OpenError> {
    let sled_dir = dir.join(SLED);
    if !dir.exists() {
        return Err(OpenError::Missing { path: dir.to_owned() });
    }
    if sled_dir.exists() {
        return Ok(sled_dir);
    }
    // Cut off between its two renames; the next start takes this one.
    let compacted = dir.join(COMPACT_NEW).join(SLED);
    if dir.join(SLED_OLD).exists() && compacted.exists() {
        return Ok(compacted);
    }
    refuse_unless_free(dir)?;
    Err(OpenError::Missing { path: dir.to_owned() })
}

/// Refuses a directory without `sled` in which there is, or was, something else than a new database.
pub(crate) fn refuse_unless_free(dir: &Path) -> Result<(), OpenError> {
    let damaged = |problem: &str| {
        Err(OpenError::Damaged { path: dir.join(SLED), problem: problem.to_owned() })
    };
    if dir.join(SLED_OLD).exists() {
        return damaged(
            "the directory is missing; sled.old beside it is what a compaction replaced",
        );
    }
    if Mark::is_in(dir) || Journal::is_in(dir) {
        return damaged(
            "the directory is missing, though there was a database (once the files `mark`, \
             `journal.0` and `journal.1` beside it are removed, an empty one begins)",
        );
    }
    if dir.join(RESTORE_NEW).exists() {
        return Err(OpenError::Unfinished { path: dir.to_owned() });
    }
    match entries(dir)?.into_iter().find(|found| found != SLED_NEW) {
        Some(found) => Err(OpenError::Foreign { path: dir.to_owned(), found }),
        None => Ok(()),
    }
}

/// Refuses to restore into a directory that is not empty, but for what an earlier restore left.
pub(crate) fn refuse_unless_empty(dir: &Path) -> Result<(), OpenError> {
    let left = |found: &String| [SLED_NEW, RESTORE_NEW].contains(&found.as_str());
    match entries(dir)?.into_iter().find(|found| !left(found)) {
        Some(found) => Err(OpenError::NotEmpty { path: dir.to_owned(), found }),
        None => Ok(()),
    }
}

fn entries(dir: &Path) -> Result<Vec<String>, OpenError> {
    let mut names = Vec::new();
    for entry in fs::read_dir(named(dir)).map_err(io_error("list", dir))? {
        let name = entry.map_err(io_error("list", dir))?.file_name();
        names.push(name.to_string_lossy().into_owned());
    }
    Ok(names)
}

/// Gives the database that lies in `compact.new` the place of `sled`. Whatever is cut off here is
/// finished by [`finish_swap`].
pub(crate) fn swap(dir: &Path) -> Result<(), OpenError> {
    let (sled, old) = (dir.join(SLED), dir.join(SLED_OLD));
    remove(&old)?;
    fs::rename(&sled, &old).map_err(io_error("rename", &sled))?;
    sync(dir)?;
    finish_swap(dir)
}

/// Finishes a compaction that was cut off between its two renames. `sled` is renamed only once the
/// new one is whole, so that one is taken.
pub(crate) fn finish_swap(dir: &Path) -> Result<(), OpenError> {
    let staged = dir.join(COMPACT_NEW);
    let compacted = staged.join(SLED);
    let sled = dir.join(SLED);
    if sled.exists() || !dir.join(SLED_OLD).exists() || !compacted.exists() {
        return Ok(());
    }
    fs::rename(&compacted, &sled).map_err(io_error("rename", &compacted))?;
    sync(&staged)?;
    sync(dir)
}

/// Removes what a compaction or a restore left: what it had not finished, and what it replaced. Only
/// once `sled` has opened.
pub(crate) fn tidy(dir: &Path) -> Result<(), OpenError> {
    for left in [COMPACT_NEW, RESTORE_NEW, SLED_OLD] {
        remove(&dir.join(left))?;
    }
    Ok(())
}

/// Gives the database that lies in `restore.new` its place, with its mark. Without the mark it is as
/// good: the next start makes one.
pub(crate) fn take_restored(dir: &Path, existing: Option<&Path>) -> Result<(), OpenError> {
    let staged = dir.join(RESTORE_NEW);
    for name in [SLED, mark::MARK] {
        let from = staged.join(name);
        fs::rename(&from, dir.join(name)).map_err(io_error("rename", &from))?;
        sync(&staged)?;
        sync(dir)?;
    }
    remove(&staged)?;
    sync_up(dir, existing)
}

/// Removes a directory with all that is in it, if it is there.
pub(crate) fn remove(path: &Path) -> Result<(), OpenError> {
    if !path.exists() {
        return Ok(());
    }
    fs::remove_dir_all(path).map_err(io_error("remove", path))
}

/// Syncs a closed database, so that it can be given its name.
pub(crate) fn sync_database(sled_dir: &Path) -> Result<(), OpenError> {
    for name in ["db", "conf"] {
        sync(&sled_dir.join(name))?;
    }
    sync(sled_dir)
}

/// Syncs a directory and those above it, down from which they are new.
pub(crate) fn sync_up(dir: &Path, existing: Option<&Path>) -> Result<(), OpenError> {
    for directory in dir.ancestors() {
        sync(directory)?;
        if existing == Some(directory) || directory.as_os_str().is_empty() {
            break;
        }
    }
    Ok(())
}

pub(crate) fn sync(path: &Path) -> Result<(), OpenError> {
    File::open(named(path)).and_then(|file| file.sync_all()).map_err(io_error("sync", path))
}

/// How many bytes the files of the database in `dir` have. Refuses a directory without one, and touches
/// nothing.
pub fn database_bytes(dir: &Path) -> Result<u64, OpenError> {
    bytes_in(&require(dir)?)
}

/// How many bytes the files in a directory of sled have.
pub(crate) fn bytes_in(sled_dir: &Path) -> Result<u64, OpenError> {
    let mut bytes = 0;
    for entry in fs::read_dir(sled_dir).map_err(io_error("list", sled_dir))? {
        let metadata = entry.and_then(|entry| entry.metadata());
        bytes += metadata.map_err(io_error("list", sled_dir))?.len();
    }
    Ok(bytes)
}

/// An empty path is the directory in which the process runs.
fn named(path: &Path) -> &Path {
    if path.as_os_str().is_empty() { Path::new(".") } else { path }
}
