use std::sync::Arc;

use pawl_domain::{Decision, Event, Outcome, Rejection, Situation, Subject, decide};
use pawl_store::{Change, EntityRow, Record, StoreError};
use tracing::debug;

use crate::writer::{Refusal, Writer};

/// What came of an event.
#[derive(Debug, Clone)]
pub struct Published {
    /// The record of the event, with its decisions.
    pub record: Arc<Record>,
    /// It was published before: this is the first outcome, and nothing changed (E4).
    pub duplicate: bool,
}

impl Writer {
    /// Decides an event for each entity that it is about and appends its record (E1 to E7).
    pub(crate) fn publish(&mut self, event: Event) -> Result<Published, Refusal> {
        if let Some(record) = self.seen_event(&event.source, &event.id)? {
            if record.event() == Some(&event) {
                return Ok(Published { record, duplicate: true });
            }
            return Err(Refusal::Rejected(Rejection::EventIdReused {
                source_name: event.source.to_string(),
                event_id: event.id.to_string(),
            }));
        }
        let mut decisions: Vec<Decision> = Vec::with_capacity(event.subjects.len());
        let mut previous_moves = Vec::new();
        for subject in &event.subjects {
            let Subject::Entity(id) = subject;
            // An entity that is named twice is considered once, under its first subject (E3).
            if decisions.iter().any(|decision| decision.outcome.entity_id() == id) {
                continue;
            }
            let decision = match self.live_row(id)? {
                Some(row) => self.consider(&event, subject, &row, &mut previous_moves)?,
                None => Decision {
                    subject: subject.clone(),
                    event_type: event.event_type.clone(),
                    hop: 0,
                    outcome: Outcome::EntityNotFound(id.clone()),
                    verdicts: Vec::new(),
                },
            };
            decisions.push(decision);
        }
        let record = self.append(None, previous_moves, Change::EventDecided { event, decisions });
        if let Some(event) = record.event() {
            debug!(
                event_id = %event.id, event_source = %event.source, event_type = %event.event_type,
                sequence = record.sequence, moves = record.moves().count(), "decided"
            );
        }
        Ok(Published { record, duplicate: false })
    }

    fn consider(
        &mut self,
        event: &Event,
        subject: &Subject,
        row: &EntityRow,
        previous_moves: &mut Vec<u64>,
    ) -> Result<Decision, Refusal> {
        let entity = &row.entity;
        let place = self.state.pipeline(&entity.pipeline_id).map_err(|_| {
            // A pipeline in which entities stand cannot be deleted (P2).
            let what = entity.id.to_string();
            let problem = format!("its pipeline {} is gone", entity.pipeline_id);
            StoreError::Damaged { what, problem }
        })?;
        let decision = decide(&Situation {
            event,
            subject,
            entity,
            pipeline: &place.pipeline,
            listening: place.listening(&event.event_type),
            now: self.now,
        });
        if let Some(moved) = decision.moved() {
            previous_moves.push(row.last_move);
            let (entity, last_move) = (entity.moved(moved), self.next_sequence());
            self.put_row(Some(row), EntityRow { entity, deleted: false, last_move });
        }
        Ok(decision)
    }
}
