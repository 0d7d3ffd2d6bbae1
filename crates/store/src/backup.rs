//! Backups: what is read of a database that goes on serving, and how it lies in a file.
//!
//! Rows are read in steps, none of which holds up the writer, so they may be of different moments.
//! The log behind them tells what became of each in the meantime. Trimming waits until a backup ends.

mod blocks;
mod reader;

use std::sync::{Arc, PoisonError};

use prost::Message;

pub use blocks::BackupWriter;
pub use reader::{BackupError, BackupReader, BackupSummary};
pub(crate) use reader::{Begin, Item};

use crate::keys::Family;
use crate::{Store, StoreError, chunk};

/// How many keys one step may read, and bytes: bounds how long it holds back the writer.
const STEP_KEYS: usize = 500;
const STEP_BYTES: usize = 256 * 1_024;

/// A key with its value.
pub type Entry = (Vec<u8>, Vec<u8>);

/// Some rows.
#[derive(Debug)]
pub struct RowsStep {
    /// In the order of their keys.
    pub entries: Vec<Entry>,
    /// Whether there are no more.
    pub is_last: bool,
}

/// A chunk of the log.
#[derive(Debug)]
pub struct LogStep {
    /// Its parts.
    pub entries: Vec<Entry>,
    /// Sequence of its last record.
    pub last: u64,
    /// How many records it has.
    pub records: usize,
}

/// Keeps the log as it is for as long as it lives.
#[derive(Debug)]
pub struct Pin {
    store: Arc<Store>,
}

impl Drop for Pin {
    fn drop(&mut self) {
        *self.store.pins.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
    }
}

/// What a backup reads.
impl Store {
    /// From now on nothing is trimmed, until what this gives is dropped. Waits for the step of a trim.
    pub fn pin(self: &Arc<Self>) -> Pin {
        // A step that has begun has not asked yet whether there are pins, or is over then.
        let _between_steps = self.trimming.lock().unwrap_or_else(PoisonError::into_inner);
        *self.pins.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        Pin { store: Arc::clone(self) }
    }

    /// Whether something keeps the log from being trimmed.
    pub fn is_pinned(&self) -> bool {
        *self.pins.lock().unwrap_or_else(PoisonError::into_inner) > 0
    }

    /// The rows behind a key, up to a bounded number of them; from the beginning behind an empty one.
    pub fn rows_step(&self, after: &[u8]) -> Result<RowsStep, StoreError> {
        let first = [Family::Pipeline as u8];
        if after.is_empty() {
            // No row is older than the backup's beginning.
            self.overlay.drain()?;
        }
        // The smallest key behind another is that one and a zero.
        let begin = if after.is_empty() { first.to_vec() } else { [after, &[0]].concat() };
        let mut step = RowsStep { entries: Vec::new(), is_last: true };
        let mut bytes = 0;
        for entry in self.db.range(begin..vec![Family::Link as u8 + 1]) {
            let (key, value) = entry?;
            bytes += key.len() + value.len();
            step.entries.push((key.to_vec(), value.to_vec()));
            if step.entries.len() >= STEP_KEYS || bytes >= STEP_BYTES {
                step.is_last = false;
                break;
            }
        }
        Ok(step)
    }

    /// The chunk that begins with a record. Its checksums are checked: what is damaged gives no
    /// backup.
    pub fn log_step(&self, sequence: u64) -> Result<LogStep, StoreError> {
        let read = self.read_chunk(sequence, |parts| {
            let records = chunk::outline(parts)?;
            let last = records.last().map_or(sequence, |record| record.sequence);
            let entries = parts.iter().map(|(key, value)| (key.to_vec(), value.to_vec())).collect();
            Ok(LogStep { entries, last, records: records.len() })
        })?;
        read.ok_or_else(|| crate::trim::missing(sequence))
    }
}

/// Puts a message behind its length.
fn delimited(message: &impl Message, into: &mut Vec<u8>) {
    // Encoding into a Vec cannot run out of room.
    let _ = message.encode_length_delimited(into);
}
