use std::ops::RangeInclusive;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::thread;

use pawl_domain::TriggerTally;

use crate::chunk::{self, Stored};
use crate::identities::Identities;
use crate::open::quietly;
use crate::outline::Outline;
use crate::recount::Recount;
use crate::trim::{bytes_of, missing};
use crate::written::Written;
use crate::{Head, Store, StoreError, Tail, keys};

/// Chunks that are read before they are looked at, each of a hundred kilobytes or so.
const READ_AHEAD: usize = 16;

/// Something of the log, or why it cannot be had.
type Read<T> = Result<T, StoreError>;

/// What was read of the log.
#[derive(Debug)]
struct Chunk {
    bytes: u64,
    records: Vec<Outline>,
}

/// What the log tells when the store is opened.
#[derive(Debug, Default)]
pub(crate) struct Recovered {
    pub(crate) head: Head,
    /// The statistics of triggers: what rows hold, and later records.
    pub(crate) tally: TriggerTally,
    /// What the rows must be.
    pub(crate) written: Written,
}

impl Store {
    /// Walks the log from its tail to its head, counts its bytes and remembers all identities.
    pub(crate) fn recover(&self) -> Result<Recovered, StoreError> {
        let head = self.head()?;
        let tail = self.recover_tail(head)?;
        let mut recount = Recount::default();
        for row in self.trigger_stats() {
            let (id, stats, position) = row?;
            if position > head.sequence {
                let problem = format!("they count record {position}, which is missing");
                return Err(StoreError::damaged(
                    format!("the statistics of trigger {id}"),
                    problem,
                ));
            }
            recount.tally.restore(id, stats, position);
        }
        let mut written = Written::default();
        let mut identities = Identities::new(self.database_id());
        let mut bytes = 0;
        let mut reached = Head {
            sequence: tail.sequence - 1,
            // Of a log without records only the head knows it.
            time: head.time,
            moves: tail.moves_before,
            events: tail.events_before,
        };
        // Reading, unpacking, and everything that is then done take about as long as each other.
        thread::scope(|scope| {
            let (read, packed) = sync_channel(READ_AHEAD);
            let (unpacked, chunks) = sync_channel(READ_AHEAD);
            let (emptied, spare) = channel();
            scope.spawn(move || self.read_log(tail.sequence..=head.sequence, &read));
            scope.spawn(move || unpack(&packed, &unpacked, &spare));
            while reached.sequence < head.sequence {
                let next = reached.sequence + 1;
                // It ends before the log does only when it has told why.
                let mut chunk = chunks.recv().map_err(|_| missing(next))??;
                bytes += chunk.bytes;
                for record in &chunk.records {
                    reached = after(reached, record)?;
                    identities.recall(record);
                    recount.take(record)?;
                    written.note(record);
                }
                chunk.records.clear();
                // Who has read everything needs none any more.
                let _ = emptied.send(chunk.records);
            }
            Ok::<_, StoreError>(())
        })?;
        if reached != head || self.chunk_with(head.sequence + 1)?.is_some() {
            let problem = format!("it ends at {reached:?}, but its head says {head:?}");
            return Err(StoreError::damaged("the log", problem));
        }
        *self.identities.write().unwrap_or_else(PoisonError::into_inner) = identities;
        self.logged_bytes.store(bytes, Ordering::Relaxed);
        Ok(Recovered { head, tally: recount.tally, written })
    }

    /// Reads the log, chunk by chunk, until nobody wants more of it.
    fn read_log(&self, sequences: RangeInclusive<u64>, read: &SyncSender<Read<Vec<Stored>>>) {
        let walked = quietly(|| self.walk_log(sequences, read));
        let walked = walked.map_err(|problem| StoreError::damaged("the log", problem)).flatten();
        if let Err(error) = walked {
            // Whoever does not listen any more has found something else.
            let _ = read.send(Err(error));
        }
    }

    // Chunk by chunk, not by one iterator: sled frees what it has read only while it is asked for
    // something anew, and would have gigabytes to free in the end.
    fn walk_log(
        &self,
        sequences: RangeInclusive<u64>,
        read: &SyncSender<Read<Vec<Stored>>>,
    ) -> Result<(), StoreError> {
        let (mut next, last) = sequences.into_inner();
        while next <= last {
            let parts = self.parts_with(next)?.ok_or_else(|| missing(next))?;
            let (key, value) = parts.first().ok_or_else(|| missing(next))?;
            next = chunk::open(key, value)?.0.last + 1;
            if read.send(Ok(parts)).is_err() {
                return Ok(());
            }
        }
        Ok(())
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

/// Unpacks chunks until nobody wants more of them, into what was emptied: fresh memory costs more than
/// what is written into it.
fn unpack(
    packed: &Receiver<Read<Vec<Stored>>>,
    unpacked: &SyncSender<Read<Chunk>>,
    spare: &Receiver<Vec<Outline>>,
) {
    for parts in packed {
        let chunk = parts.and_then(|parts| {
            let mut records = spare.try_recv().unwrap_or_default();
            chunk::outline_into(&mut records, &parts)?;
            Ok(Chunk { bytes: bytes_of(&parts), records })
        });
        if unpacked.send(chunk).is_err() {
            return;
        }
    }
}

/// Where the log has come to with one more record, which must fit.
fn after(reached: Head, record: &Outline) -> Result<Head, StoreError> {
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
        time: record.time(),
        moves: moves + record.moves(),
        events: reached.events + u64::from(record.event().is_some()),
    })
}
