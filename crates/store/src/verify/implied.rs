//! What the log implies: in which state its records leave each thing, kept as small as can be to tell
//! whether a row is that state.
//!
//! An entity takes 64 bytes, and 75 to 150 with the room that hash maps keep; a trigger about 100 and
//! 8 for each revision; a pipeline and a trigger type are kept whole. Things that the retained log
//! does not mention take nothing.

use std::collections::HashMap;

use pawl_domain::{Entity, PipelineId, StageId, Timestamp};

use super::entity::{Entities, How};
use super::finding::{Fault, Findings};
use super::resources::Resources;
use super::stats::Tallies;
use crate::{Change, Record};

/// Where in the log it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct At {
    pub(super) sequence: u64,
    pub(super) time: Timestamp,
    /// Sequence of the first record from which on every one was seen.
    pub(super) begins: u64,
}

impl At {
    /// Whether nothing lay before: then whatever is met first must be new.
    pub(super) fn begins_with_all(self) -> bool {
        self.begins == 1
    }
}

/// Pipelines and stages as numbers.
#[derive(Debug, Default)]
pub(super) struct Places(HashMap<PipelineId, HashMap<StageId, u32>>, u32);

impl Places {
    pub(super) fn number(&mut self, pipeline: &PipelineId, stage: &StageId) -> u32 {
        if let Some(number) = self.0.get(pipeline).and_then(|stages| stages.get(stage)) {
            return *number;
        }
        self.1 += 1;
        self.0.entry(pipeline.clone()).or_default().insert(stage.clone(), self.1);
        self.1
    }
}

/// All that the records so far imply.
#[derive(Debug)]
pub(super) struct Implied {
    pub(super) entities: Entities,
    pub(super) resources: Resources,
    pub(super) tallies: Tallies,
    begins: u64,
    last_time: Option<Timestamp>,
    /// How many moves and events lie before the next record, once that is known.
    moves: Option<u64>,
    events: Option<u64>,
}

impl Implied {
    /// Before a log that begins with record `begins`.
    pub(super) fn new(seed: u64, begins: u64, tallies: Tallies) -> Self {
        Self {
            entities: Entities::new(seed),
            resources: Resources::new(seed),
            tallies,
            begins,
            last_time: None,
            moves: None,
            events: None,
        }
    }

    /// Sequence of the first record from which on every one was seen.
    pub(super) fn begins(&self) -> u64 {
        self.begins
    }

    /// What the tail says of the records before it.
    pub(super) fn count_before(&mut self, moves: u64, events: u64) {
        (self.moves, self.events) = (Some(moves), Some(events));
    }

    /// Moves and events up to here, and the time of the last record, as far as they are known.
    pub(super) fn reached(&self) -> (Option<u64>, Option<u64>, Option<Timestamp>) {
        (self.moves, self.events, self.last_time)
    }

    /// Forgets everything: records are missing before `begins`, and what follows from later ones alone
    /// is still certain.
    pub(super) fn restart(&mut self, begins: u64) {
        self.begins = begins;
        self.entities.clear();
        self.resources.clear();
        self.tallies.restart();
        (self.moves, self.events) = (None, None);
    }

    /// Takes the next record.
    pub(super) fn take(&mut self, record: &Record, findings: &mut Findings) {
        let at = At { sequence: record.sequence, time: record.time, begins: self.begins };
        self.check_times_and_counts(record, findings);
        self.tallies.take(record);
        match &record.change {
            Change::EventDecided { .. } => self.moves(record, at, findings),
            Change::EntityMoved { entity, .. } => {
                self.moves(record, at, findings);
                self.entities.write(entity, How::MovedByHand, at, findings);
            }
            Change::EntityUpdated { entity, .. } => {
                self.entities.write(entity, How::Updated, at, findings);
                self.moves(record, at, findings);
            }
            Change::EntityWritten(entity) => {
                self.entities.write(entity, How::Written, at, findings);
            }
            Change::EntityDeleted(entity) => {
                self.entities.write(entity, How::Deleted, at, findings);
            }
            Change::EntitiesImported { entities, .. } => {
                let write = |entity: &Entity| {
                    self.entities.write(entity, How::Imported, at, findings);
                };
                entities.iter().for_each(write);
            }
            Change::PipelineWritten(pipeline) => {
                self.resources.pipeline(pipeline, false, at, findings);
            }
            Change::PipelineDeleted(pipeline) => {
                self.resources.pipeline(pipeline, true, at, findings);
            }
            Change::TriggerTypeWritten(written) => {
                self.resources.trigger_type(written, false, at, findings);
            }
            Change::TriggerTypeDeleted(deleted) => {
                self.resources.trigger_type(deleted, true, at, findings);
            }
            Change::TriggerWritten(trigger) => {
                self.resources.trigger(trigger, false, at, findings);
            }
            Change::TriggerDeleted(trigger) => {
                self.resources.trigger(trigger, true, at, findings);
            }
        }
        for decision in record.decisions() {
            for asked in &**decision.verdicts.asked() {
                let (id, revision) = (&asked.trigger_id, asked.trigger_revision);
                self.resources.names_trigger(id, revision, at.sequence);
            }
        }
    }

    fn moves(&mut self, record: &Record, at: At, findings: &mut Findings) {
        let previous = &record.previous_moves;
        let count = record.moves().count();
        if previous.len() != count {
            let problem = format!("it has {count} moves and names {} before them", previous.len());
            findings.add(Fault::MoveChain, format!("record {}", at.sequence), problem);
        }
        for (index, moved) in record.moves().enumerate() {
            self.entities.take_move(moved, previous.get(index).copied(), at, findings);
        }
    }

    fn check_times_and_counts(&mut self, record: &Record, findings: &mut Findings) {
        let place = || format!("record {}", record.sequence);
        if let Some(last) = self.last_time.filter(|last| record.time < *last) {
            let problem = format!(
                "its commit time {} lies before {last}, that of the record before it",
                record.time
            );
            findings.add(Fault::CommitTime, place(), problem);
        }
        self.last_time = Some(record.time);
        if let Some(moves) = self.moves.filter(|moves| record.moves_before != *moves) {
            let problem =
                format!("it says {} moves lie before it, not {moves}", record.moves_before);
            findings.add(Fault::Counts, place(), problem);
        }
        self.moves = Some(record.moves_before + record.moves().count() as u64);
        self.events = self.events.map(|events| events + u64::from(record.event().is_some()));
    }
}
