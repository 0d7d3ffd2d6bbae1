//! What was acknowledged last, kept beside sled: the one thing that sled cannot lose with its log.
//!
//! It is written only after what it tells of is durable, and never synced before the store is
//! closed. So it may be behind after a power loss, but it is never ahead: a log that ends before it
//! has lost something.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::directory::sync;
use crate::open::io_error;
use crate::{DatabaseId, OpenError};

/// Its name in the data directory.
pub(crate) const MARK: &str = "mark";
/// The same while it is being made.
const MARK_NEW: &str = "mark.new";
/// Version of the slots below.
const LAYOUT: u8 = 1;
const SLOT_BYTES: usize = 32;
/// The two slots lie in pages of their own, so that one torn write never hits both.
const SLOT_STEP: usize = 4_096;
const SLOTS: usize = 2;

/// The open file. Dropping it syncs it.
#[derive(Debug)]
pub(crate) struct Mark {
    file: File,
    path: PathBuf,
    database_id: DatabaseId,
    /// Sequence of the last record that was acknowledged before it was opened.
    found: u64,
    /// The slot to write next: the one with the older content.
    next: Mutex<usize>,
}

impl Mark {
    /// Whether a database was ever opened in `dir`, as far as a mark can tell.
    pub(crate) fn is_in(dir: &Path) -> bool {
        path_in(dir).exists()
    }

    /// Opens the mark in `dir`. A missing one is made, and says that nothing was acknowledged: it
    /// was removed, or the database is from before there were any.
    pub(crate) fn open(dir: &Path, database_id: DatabaseId) -> Result<Self, OpenError> {
        let path = path_in(dir);
        if !path.exists() {
            make(dir, &path, database_id)?;
        }
        let options = OpenOptions::new().read(true).write(true).open(&path);
        let file = options.map_err(io_error("open", &path))?;
        let (newest, found) = newest(&file, &path, database_id)?;
        Ok(Self { file, path, database_id, found, next: Mutex::new((newest + 1) % SLOTS) })
    }

    /// Sequence of the last record that was acknowledged, as far as a mark in `dir` tells; `None`
    /// without one. Changes nothing.
    pub(crate) fn acknowledged(
        dir: &Path,
        database_id: DatabaseId,
    ) -> Result<Option<u64>, OpenError> {
        let path = path_in(dir);
        if !path.exists() {
            return Ok(None);
        }
        let file = File::open(&path).map_err(io_error("open", &path))?;
        newest(&file, &path, database_id).map(|(_, found)| Some(found))
    }

    /// Refuses a log that ends with a record before the mark. `sled_dir` is where the log lies.
    pub(crate) fn check(&self, last: u64, sled_dir: &Path) -> Result<(), OpenError> {
        if last >= self.found {
            return Ok(());
        }
        let (first, last, mark) = (last + 1, self.found, self.path.display());
        let problem = format!(
            "records {first} to {last} were acknowledged and are gone (once {mark} is removed, it \
             opens without them)"
        );
        Err(OpenError::Damaged { path: sled_dir.to_owned(), problem })
    }

    /// Notes that everything up to a record is durable. The caller has made sure that it is.
    pub(crate) fn set(&self, sequence: u64) -> io::Result<()> {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let mut file = &self.file;
        file.seek(SeekFrom::Start(at(*next) as u64))?;
        file.write_all(&pack(self.database_id, sequence))?;
        *next = (*next + 1) % SLOTS;
        Ok(())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Mark {
    fn drop(&mut self) {
        // One that does not reach the disk is only behind, as after a power loss.
        let _ = self.file.sync_data();
    }
}

/// The valid slot with the greater sequence, and that.
fn newest(file: &File, path: &Path, id: DatabaseId) -> Result<(usize, u64), OpenError> {
    let mut bytes = Vec::new();
    let read = file.take((SLOTS * SLOT_STEP) as u64).read_to_end(&mut bytes);
    read.map_err(io_error("read", path))?;
    let slots = (0..SLOTS).filter_map(|slot| Some((slot, unpack(bytes.get(at(slot)..)?)?)));
    let newest = slots.max_by_key(|(_, (_, sequence))| *sequence);
    // Only damage gets at both slots. What they said is not known, so nobody can tell whether
    // something is missing: that is for people to decide, not for us.
    let damaged = |problem: &str| OpenError::Damaged {
        path: path.to_owned(),
        problem: format!(
            "{problem}, so it is not known whether records that were acknowledged are gone (once it \
             is removed, what is there opens)"
        ),
    };
    let (newest, (found_id, found)) = newest.ok_or_else(|| damaged("it cannot be read"))?;
    if found_id != *id.as_bytes() {
        return Err(damaged("it belongs to another database"));
    }
    Ok((newest, found))
}

fn path_in(dir: &Path) -> PathBuf {
    dir.join(MARK)
}

fn at(slot: usize) -> usize {
    slot * SLOT_STEP
}

/// Makes the file whole before it gets its name, with room for both slots, so that writing them later
/// needs none.
fn make(dir: &Path, path: &Path, database_id: DatabaseId) -> Result<(), OpenError> {
    let unfinished = dir.join(MARK_NEW);
    let slot = pack(database_id, 0);
    let mut bytes = vec![0; at(SLOTS - 1) + SLOT_BYTES];
    for slot_at in (0..SLOTS).map(at) {
        bytes[slot_at..slot_at + SLOT_BYTES].copy_from_slice(&slot);
    }
    fs::write(&unfinished, bytes).map_err(io_error("write", &unfinished))?;
    sync(&unfinished)?;
    fs::rename(&unfinished, path).map_err(io_error("rename", &unfinished))?;
    sync(dir)
}

fn pack(database_id: DatabaseId, sequence: u64) -> [u8; SLOT_BYTES] {
    let mut slot = [0; SLOT_BYTES];
    slot[0] = LAYOUT;
    slot[4..20].copy_from_slice(database_id.as_bytes());
    slot[20..28].copy_from_slice(&sequence.to_be_bytes());
    let checksum = crc32fast::hash(&slot[..28]);
    slot[28..].copy_from_slice(&checksum.to_be_bytes());
    slot
}

/// The database and the sequence that a slot tells of; `None` when it is torn or of an unknown layout.
fn unpack(bytes: &[u8]) -> Option<([u8; 16], u64)> {
    let (slot, _) = bytes.split_first_chunk::<SLOT_BYTES>()?;
    let (told, checksum) = slot.split_at(28);
    if told[0] != LAYOUT || crc32fast::hash(told).to_be_bytes() != checksum {
        return None;
    }
    let (id, sequence) = told[4..].split_at(16);
    Some((id.try_into().ok()?, u64::from_be_bytes(sequence.try_into().ok()?)))
}
