//! Making the file smaller: sled writes new pages where old ones were, and never gives room back.
//!
//! What is there is copied, key by key, into a database beside it, which is checked and takes the
//! place of the old one by two renames. Whatever is cut off, the next start finds one of the two
//! whole, and knows which: see [`directory`].

use std::fs;
use std::path::Path;

use xxhash_rust::xxh3::Xxh3;

use crate::directory::{self, COMPACT_NEW, Claim, SLED};
use crate::flush::flush;
use crate::open::{Purpose, io_error, open_sled, quietly, unopened};
use crate::verify::{Look, Phase, check_new};
use crate::{OpenError, Progress, Report, Store};

/// Bytes of keys and values that are written together.
const BATCH_BYTES: usize = 256 * 1_024;

/// Why a database was not compacted. It is as it was.
#[derive(Debug, thiserror::Error)]
pub enum CompactError {
    /// It, or its copy, cannot be opened or written.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// It is not whole, and its copy would not be either.
    #[error("it is not whole, so it was left as it is")]
    NotWhole(Box<Report>),
    /// The copy is not what was copied.
    #[error("the copy is not what was copied, so it was thrown away; check the disk")]
    Differs,
}

/// What a compaction did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compacted {
    /// Bytes of sled's files before.
    pub before: u64,
    /// And after.
    pub after: u64,
    /// What was found in the copy: nothing wrong.
    pub report: Report,
}

/// Makes the files of the database in `dir` as small as they can be. It must not be in use. Needs room
/// for another one of the size that it will have, until it is done.
pub fn compact(dir: &Path, tell: &mut dyn FnMut(Progress)) -> Result<Compacted, CompactError> {
    directory::require(dir)?;
    let claim = Claim::of(dir)?;
    directory::finish_swap(dir)?;
    let staged = dir.join(COMPACT_NEW);
    // When it is closed, sled syncs, and panics when it cannot.
    let compacted = quietly(|| stage(dir, &claim, &staged, &mut Look::new(tell)));
    let compacted =
        compacted.unwrap_or_else(|problem| Err(unopened(&dir.join(SLED), problem).into()));
    let compacted = match compacted {
        Ok(compacted) => compacted,
        Err(error) => {
            // Nothing rests on it, and the first error says more.
            let _ = directory::remove(&staged);
            return Err(error);
        }
    };
    directory::swap(dir)?;
    directory::tidy(dir)?;
    Ok(compacted)
}

/// Makes the copy, and checks it.
fn stage(
    dir: &Path,
    claim: &Claim,
    staged: &Path,
    look: &mut Look<'_>,
) -> Result<Compacted, CompactError> {
    let (from, to) = (dir.join(SLED), staged.join(SLED));
    let before = directory::bytes_in(&from)?;
    let source = Store::assemble(dir, claim.clone(), Purpose::Passing)?;
    let head = source.head().map_err(|error| unopened(&from, error.to_string()))?;
    source.mark.check(head.sequence, &from)?;
    directory::tidy(dir)?;
    fs::create_dir(staged).map_err(io_error("create", staged))?;
    let copied = write(&source, &from, &to, look)?;
    drop(source);
    let copy = Store::assemble(staged, Claim::of(staged)?, Purpose::Passing)?;
    let found = quietly(|| digest(&copy.db, look)).map_err(|problem| unopened(&to, problem))?;
    if found.map_err(|error| unopened(&to, error.to_string()))? != copied {
        return Err(CompactError::Differs);
    }
    let report = check_new(&copy, look);
    drop(copy);
    if !report.is_whole() {
        return Err(CompactError::NotWhole(Box::new(report)));
    }
    directory::sync_database(&to)?;
    directory::sync(staged)?;
    Ok(Compacted { before, after: directory::bytes_in(&to)?, report })
}

/// Copies everything into a new database, and says what that was.
fn write(source: &Store, from: &Path, to: &Path, look: &mut Look<'_>) -> Result<u128, OpenError> {
    let target = open_sled(to, Purpose::Passing)?;
    let unreadable = |error: sled::Error| unopened(from, error.to_string());
    let unwritable = |error: sled::Error| unopened(to, error.to_string());
    let mut digest = Xxh3::new();
    let (mut batch, mut bytes) = (sled::Batch::default(), 0);
    let written = quietly(|| {
        for entry in source.db.iter() {
            let (key, value) = entry.map_err(unreadable)?;
            take(&mut digest, &key, &value);
            bytes += key.len() + value.len();
            batch.insert(key, value);
            look.at(Phase::Write, 1);
            if bytes >= BATCH_BYTES {
                target.apply_batch(std::mem::take(&mut batch)).map_err(unwritable)?;
                bytes = 0;
            }
        }
        target.apply_batch(std::mem::take(&mut batch)).map_err(unwritable)?;
        flush(&target).map_err(unwritable)
    });
    written.map_err(|problem| unopened(to, problem))??;
    Ok(digest.digest128())
}

/// What all keys and values are, in order.
fn digest(db: &sled::Db, look: &mut Look<'_>) -> sled::Result<u128> {
    let mut digest = Xxh3::new();
    for entry in db.iter() {
        let (key, value) = entry?;
        take(&mut digest, &key, &value);
        look.at(Phase::Copy, (key.len() + value.len()) as u64);
    }
    Ok(digest.digest128())
}

fn take(digest: &mut Xxh3, key: &[u8], value: &[u8]) {
    for part in [key, value] {
        digest.update(&(part.len() as u64).to_be_bytes());
        digest.update(part);
    }
}
