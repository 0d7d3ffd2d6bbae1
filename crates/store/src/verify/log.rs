//! Reading the log from its beginning to its end, past what is damaged.

use super::finding::{Fault, Findings, key_text};
use super::implied::Implied;
use super::{Counted, Look, Phase};
use crate::chunk::{self, Stored};
use crate::keys::{self, Family};
use crate::{Head, Store, StoreError};

/// Sequence of the first record that is there, or would come.
pub(super) fn first(store: &Store, head: Option<Head>) -> Result<u64, StoreError> {
    let first = store.db.scan_prefix(keys::all(Family::Log)).keys().next().transpose()?;
    let first = first.and_then(|key| keys::first_of_chunk(&key));
    Ok(first.unwrap_or_else(|| head.unwrap_or_default().sequence + 1))
}

/// Takes every record, in order.
pub(super) fn walk(
    store: &Store,
    head: Option<Head>,
    implied: &mut Implied,
    counted: &mut Counted,
    findings: &mut Findings,
    look: &mut Look<'_>,
) -> Result<(), StoreError> {
    let tail = implied.begins();
    look.begin(Phase::Log, head.map(|head| (head.sequence + 1).saturating_sub(tail)));
    let mut walk = Walk { implied, counted, findings, look, next: Some(tail), was_early: false };
    let mut parts: Vec<Stored> = Vec::new();
    for entry in store.db.scan_prefix(keys::all(Family::Log)) {
        let (key, value) = entry?;
        let Some(first) = keys::first_of_chunk(&key) else {
            walk.findings.add(Fault::UnknownKey, key_text(&key), "it is no key of a log chunk");
            continue;
        };
        if parts.first().is_some_and(|(key, _)| keys::first_of_chunk(key) != Some(first)) {
            walk.chunk(&std::mem::take(&mut parts));
        }
        if walk.findings.is_full() {
            return Ok(());
        }
        parts.push((key, value));
    }
    walk.chunk(&parts);
    if let Some(head) = head {
        walk.end(head);
    }
    Ok(())
}

struct Walk<'a, 'p> {
    implied: &'a mut Implied,
    counted: &'a mut Counted,
    findings: &'a mut Findings,
    look: &'a mut Look<'p>,
    /// Sequence of the next record; `None` behind a chunk that cannot be read.
    next: Option<u64>,
    /// Whether the chunk before was one too many: of many in a row one is told.
    was_early: bool,
}

impl Walk<'_, '_> {
    fn chunk(&mut self, parts: &[Stored]) {
        let Some(first) = parts.first().and_then(|(key, _)| keys::first_of_chunk(key)) else {
            return;
        };
        let place = format!("log chunk {first}");
        match self.next {
            Some(next) if first < next => {
                if !std::mem::replace(&mut self.was_early, true) {
                    let problem = format!("it begins before record {next}, which is the next");
                    self.findings.add(Fault::LogChunk, place, problem);
                }
                return;
            }
            Some(next) if first > next => {
                self.missing(next, first - 1);
                self.implied.restart(first);
            }
            Some(_) => {}
            None => self.implied.restart(first),
        }
        self.was_early = false;
        match chunk::unpack(parts) {
            Ok(records) => {
                self.next = Some(first + records.len() as u64);
                for record in &records {
                    self.implied.take(record, self.findings);
                    self.counted.events += u64::from(record.event().is_some());
                    self.counted.moves += record.moves().count() as u64;
                }
                self.counted.records += records.len() as u64;
                self.look.at(Phase::Log, records.len() as u64);
            }
            Err(error) => {
                self.next = None;
                self.findings.add_error(Fault::LogChunk, error);
            }
        }
    }

    fn missing(&mut self, first: u64, last: u64) {
        let which =
            if first == last { format!("{first} is") } else { format!("{first} to {last} are") };
        self.findings.add(Fault::LogGap, "the log", format!("record {which} missing"));
    }

    /// Compares with where the log should end.
    fn end(&mut self, head: Head) {
        let known = self.next.filter(|next| *next > head.sequence);
        let Some(next) = known else {
            if let Some(next) = self.next {
                self.missing(next, head.sequence);
            }
            // What the rows are like after records that are gone nobody can tell.
            return self.implied.restart(head.sequence + 1);
        };
        let last = next - 1;
        let (moves, events, time) = self.implied.reached();
        let mut differs = Vec::new();
        if last > head.sequence {
            differs.push(format!("the log ends with record {last}, not {}", head.sequence));
        }
        if let Some(moves) = moves.filter(|moves| *moves != head.moves) {
            differs.push(format!("there were {moves} moves, not {}", head.moves));
        }
        if let Some(events) = events.filter(|events| *events != head.events) {
            differs.push(format!("there were {events} events, not {}", head.events));
        }
        if let Some(time) = time.filter(|time| *time != head.time) {
            differs.push(format!("the last record is of {time}, not {}", head.time));
        }
        for problem in differs {
            self.findings.add(Fault::Head, "key 02", problem);
        }
    }
}
