use std::ops::RangeInclusive;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use crate::identities::Identities;
use crate::open::quietly;
use crate::trim::{bytes_of, missing};
use crate::{Head, Record, StatsRow, Store, StoreError, Tail, chunk, keys};

/// Chunks that are read before they are looked at, each of a hundred kilobytes or so.
const READ_AHEAD: usize = 16;

/// What was read of the log.
#[derive(Debug)]
struct Chunk {
    bytes: u64,
    records: Vec<Record>,
}

/// What opening a database shows.
#[derive(Debug, Clone, PartialEq)]
pub enum Recovered<'log> {
    /// The statistics of a trigger. Records up to its position are in it already.
    Stats(StatsRow),
    /// The log's next record.
    Record(&'log Record),
}

impl Store {
    /// Walks the log from its tail to its head, counts its bytes and remembers all identities.
    pub(crate) fn recover(
        &self,
        mut observe: impl FnMut(Recovered<'_>),
    ) -> Result<Head, StoreError> {
        let head = self.head()?;
        let tail = self.recover_tail(head)?;
        for row in self.trigger_stats() {
            let (id, stats, position) = row?;
            if position > head.sequence {
                let problem = format!("they count record {position}, which is missing");
                return Err(StoreError::damaged(
                    format!("the statistics of trigger {id}"),
                    problem,
                ));
            }
            observe(Recovered::Stats((id, stats, position)));
        }
        let mut identities = Identities::new(self.database_id());
        let mut bytes = 0;
        let mut reached = Head {
            sequence: tail.sequence - 1,
            // Of a log without records only the head knows it.
            time: head.time,
            moves: tail.moves_before,
            events: tail.events_before,
        };
        // Reading takes as long as everything that is then done with what was read.
        thread::scope(|scope| {
            let (read, chunks) = sync_channel(READ_AHEAD);
            scope.spawn(move || self.read_log(tail.sequence..=head.sequence, &read));
            while reached.sequence < head.sequence {
                let next = reached.sequence + 1;
                // It ends before the log does only when it has told why.
                let chunk = chunks.recv().map_err(|_| missing(next))??;
                bytes += chunk.bytes;
                for record in &chunk.records {
                    reached = after(reached, record)?;
                    identities.insert(record);
                    observe(Recovered::Record(record));
                }
            }
            Ok::<_, StoreError>(())
        })?;
        if reached != head || self.chunk_with(head.sequence + 1)?.is_some() {
            let problem = format!("it ends at {reached:?}, but its head says {head:?}");
            return Err(StoreError::damaged("the log", problem));
        }
        *self.identities.write().unwrap_or_else(PoisonError::into_inner) = identities;
        self.logged_bytes.store(bytes, Ordering::Relaxed);
        Ok(head)
    }

    /// Reads the log, chunk by chunk, until nobody wants more of it.
    fn read_log(
        &self,
        sequences: RangeInclusive<u64>,
        read: &SyncSender<Result<Chunk, StoreError>>,
    ) {
        let (mut next, last) = sequences.into_inner();
        while next <= last {
            let chunk = quietly(|| {
                self.read_chunk(next, |parts| {
                    Ok(Chunk { bytes: bytes_of(parts), records: chunk::unpack(parts)? })
                })
            });
            let chunk = chunk.map_err(|problem| StoreError::damaged("the log", problem));
            let chunk = chunk.flatten().and_then(|chunk| chunk.ok_or_else(|| missing(next)));
            next = match &chunk {
                Ok(chunk) => next + chunk.records.len() as u64,
                Err(_) => u64::MAX,
            };
            if read.send(chunk).is_err() {
                return;
            }
        }
    }

    /// Checks that the log begins where its tail says, as far as that can be told without its records.
    fn recover_tail(&self, head: Head) -> Result<Tail, StoreError> {
        let tail = self.stored_tail()?;
        if !(1..=head.sequence + 1).contains(&tail.sequence) {
            let problem = format!("its tail {tail:?} does not fit its head {head:?}");
            return Err(StoreError::damaged("the log", problem));
        }
        let before = keys::log_part(0, 0)..keys::log_part(tail.sequence, 0);
        if let Some(entry) = self.db.range(before).next() {
            let first = keys::first_of_chunk(&entry?.0).unwrap_or_default();
            let problem = format!("it begins with record {first}, but its tail says {tail:?}");
            return Err(StoreError::damaged("the log", problem));
        }
        self.set_tail(tail);
        Ok(tail)
    }
}

/// Where the log has come to with one more record, which must fit.
fn after(reached: Head, record: &Record) -> Result<Head, StoreError> {
    let Head { moves, .. } = reached;
    if record.sequence != reached.sequence + 1 {
        return Err(missing(reached.sequence + 1));
    }
    if record.moves_before != moves {
        let (sequence, said) = (record.sequence, record.moves_before);
        let problem = format!("record {sequence} says {said} moves lie before it, not {moves}");
        return Err(StoreError::damaged("the log", problem));
    }
    Ok(Head {
        sequence: record.sequence,
        time: record.time,
        moves: moves + record.moves().count() as u64,
        events: reached.events + u64::from(record.event().is_some()),
    })
}
