//! Making a database of a backup.
//!
//! It is made beside its final place, checked as a whole, and renamed there. It is another database
//! than the one that the backup was taken of: both go on from the same state, so a resume token of
//! the one would mean something else to the other (W5).

mod replay;

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use prost::Message;

use crate::backup::{Begin, Item};
use crate::chunk::{self, Stored};
use crate::directory::{self, Claim, RESTORE_NEW, SLED};
use crate::flush::flush;
use crate::keys::{self, Family};
use crate::open::{Purpose, identity_of, io_error, open_sled, quietly, unopened};
use crate::verify::{Look, Phase, check_new};
use crate::{
    BackupError, BackupReader, DatabaseId, Head, OpenError, Progress, Report, Store, StoreError,
    Tail, pb,
};
use replay::replay;

/// How much is read at a time.
const BUFFER_BYTES: usize = 128 * 1_024;
/// Bytes of keys and values that are written together.
const BATCH_BYTES: usize = 256 * 1_024;

/// Why nothing was restored. Nothing is left of it.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The backup cannot be read.
    #[error("it cannot be read: {0}")]
    Read(#[source] io::Error),
    /// It is not whole.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// The directory cannot be written.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// It is what was written, but what was written is not whole.
    #[error("it is not whole: what it was taken of was not")]
    NotWhole(Box<Report>),
}

/// What was restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// The database that the backup was taken of.
    pub origin: DatabaseId,
    /// What was found: nothing wrong. It names the new database.
    pub report: Report,
}

/// Restores a backup into a directory that is missing or empty.
pub fn restore(
    backup: &mut dyn Read,
    dir: &Path,
    tell: &mut dyn FnMut(Progress),
) -> Result<Restored, RestoreError> {
    let mut source = Source::open(backup)?;
    let existing = directory::make(dir)?;
    let outcome = Claim::of(dir).map_err(RestoreError::from).and_then(|_claim| {
        directory::refuse_unless_empty(dir)?;
        // When it is closed, sled syncs, and panics when it cannot.
        let staged = quietly(|| stage(&mut source, dir, &mut Look::new(tell)));
        let staged = staged.unwrap_or_else(|problem| {
            Err(unopened(&dir.join(RESTORE_NEW).join(SLED), problem).into())
        });
        let restored = staged.and_then(|restored| {
            directory::take_restored(dir, existing.as_deref())?;
            Ok(restored)
        });
        if restored.is_err() {
            // The first error says more.
            let _ = directory::remove(&dir.join(RESTORE_NEW));
        }
        restored
    });
    if outcome.is_err() {
        directory::unmake(dir, existing.as_deref());
    }
    outcome
}

/// A backup that is read from its beginning to its end.
struct Source<'r> {
    read: &'r mut dyn Read,
    reader: BackupReader,
    /// The first item, before which nothing is made.
    first: Option<Item>,
}

impl<'r> Source<'r> {
    fn open(read: &'r mut dyn Read) -> Result<Self, RestoreError> {
        let mut source = Self { read, reader: BackupReader::default(), first: None };
        source.first = source.next(&mut |_| ())?;
        Ok(source)
    }

    /// The next item; `None` at the end of a whole backup.
    fn next(&mut self, look: &mut dyn FnMut(u64)) -> Result<Option<Item>, RestoreError> {
        if let Some(first) = self.first.take() {
            return Ok(Some(first));
        }
        loop {
            if let Some(item) = self.reader.next_item()? {
                return Ok(Some(item));
            }
            let mut buffer = vec![0; BUFFER_BYTES];
            match self.read.read(&mut buffer) {
                Ok(0) => {
                    self.reader.finish()?;
                    return Ok(None);
                }
                Ok(read) => {
                    self.reader.push(&buffer[..read]);
                    look(read as u64);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(RestoreError::Read(error)),
            }
        }
    }
}

/// Makes the database, and checks it.
fn stage(
    source: &mut Source<'_>,
    dir: &Path,
    look: &mut Look<'_>,
) -> Result<Restored, RestoreError> {
    let staged = dir.join(RESTORE_NEW);
    directory::remove(&staged)?;
    fs::create_dir(&staged).map_err(io_error("create", &staged))?;
    let sled_dir = staged.join(SLED);
    let db = open_sled(&sled_dir, Purpose::Passing)?;
    let written = quietly(|| write(source, &db, &sled_dir, look));
    let (origin, head) = written.map_err(|problem| unopened(&sled_dir, problem))??;
    drop(db);
    let store = Store::assemble(&staged, Claim::of(&staged)?, Purpose::Passing)?;
    let report = check_new(&store, look);
    store.mark.set(head.sequence).map_err(io_error("write", store.mark.path()))?;
    drop(store);
    if !report.is_whole() {
        return Err(RestoreError::NotWhole(Box::new(report)));
    }
    directory::sync_database(&sled_dir)?;
    directory::sync(&staged)?;
    Ok(Restored { origin, report })
}

/// Writes all that a backup holds.
fn write(
    source: &mut Source<'_>,
    db: &sled::Db,
    sled_dir: &Path,
    look: &mut Look<'_>,
) -> Result<(DatabaseId, Head), RestoreError> {
    let Some(Item::Begin(begin)) = source.next(&mut |_| ())? else {
        return Err(source.reader.damaged("it does not say what it is of").into());
    };
    let mut target =
        Target { db, begin, batch: sled::Batch::default(), bytes: 0, chunk: Vec::new() };
    let mut end = None;
    while let Some(item) = source.next(&mut |read| look.at(Phase::Copy, read))? {
        let written = match item {
            Item::Entry { key, value } => target.entry(key, value),
            Item::End(head) => {
                end = Some(head);
                target.end(head)
            }
            Item::Begin(_) => Ok(()),
        };
        written.map_err(|error| match error {
            StoreError::Damaged { what, problem } => {
                RestoreError::from(source.reader.damaged(format!("{what}: {problem}")))
            }
            error => unopened(sled_dir, error.to_string()).into(),
        })?;
    }
    let head = end.ok_or_else(|| source.reader.damaged("it does not say where it ends"))?;
    Ok((begin.database_id, head))
}

/// A database that is being written.
struct Target<'a> {
    db: &'a sled::Db,
    begin: Begin,
    batch: sled::Batch,
    bytes: usize,
    /// The parts so far of a chunk that is to be replayed.
    chunk: Vec<Stored>,
}

impl Target<'_> {
    fn entry(&mut self, key: Vec<u8>, value: Vec<u8>) -> Result<(), StoreError> {
        let first = keys::first_of_chunk(&key);
        let rows = Family::Pipeline as u8..=Family::Link as u8;
        // Neither where the log begins and ends, nor which database it is.
        if first.is_none() && !key.first().is_some_and(|tag| rows.contains(tag)) {
            let problem = "it is neither a row's nor the log's";
            return Err(StoreError::damaged(format!("key {}", key.escape_ascii()), problem));
        }
        self.end_chunk(first)?;
        if first.is_some() && chunk::open(&key, &value)?.0.last > self.begin.rows_from {
            self.chunk.push((key.clone().into(), value.clone().into()));
        }
        self.bytes += key.len() + value.len();
        self.batch.insert(key, value);
        if self.bytes >= BATCH_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    fn end(&mut self, head: Head) -> Result<(), StoreError> {
        self.end_chunk(None)?;
        self.batch.insert(&keys::IDENTITY[..], identity_of(DatabaseId::new()));
        self.batch.insert(&keys::HEAD[..], pb::Head::from(head).encode_to_vec());
        let tail = self.begin.tail;
        if tail != Tail::BEGINNING {
            self.batch.insert(&keys::TAIL[..], pb::Tail::from(tail).encode_to_vec());
        }
        self.flush()?;
        flush(self.db)?;
        Ok(())
    }

    /// Does once more what the records of the chunk did to the rows that were read before it, unless
    /// what comes next belongs to it too.
    fn end_chunk(&mut self, next: Option<u64>) -> Result<(), StoreError> {
        let first = self.chunk.first().and_then(|(key, _)| keys::first_of_chunk(key));
        if first.is_none() || first == next {
            return Ok(());
        }
        // The rows are read where they are written.
        self.flush()?;
        for record in chunk::unpack(&std::mem::take(&mut self.chunk))? {
            if record.sequence > self.begin.rows_from {
                replay(self.db, &record)?;
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        self.bytes = 0;
        Ok(self.db.apply_batch(std::mem::take(&mut self.batch))?)
    }
}
