use std::sync::Arc;

use pawl_domain::{
    Asked, Cause, Changes, Decision, Direction, Event, Move, Outcome, PipelineId, Responsible,
    Value, ValueMap, VerdictResult, Verdicts,
};

use super::nanos_since_epoch;
use super::wire::Wire;
use crate::{Change, Record, pb};

/// Writes records one after the other. Whom several of them asked is written once.
#[derive(Debug, Default)]
pub(crate) struct Encoder {
    /// Who was written already, each by where it lies in memory; its number is its place, from 1.
    known: Vec<*const Asked>,
}

impl Encoder {
    /// The next record, after its length. All records that it is given must live until it is dropped.
    pub(crate) fn record(&mut self, record: &Record, out: &mut Vec<u8>) {
        Wire(out).delimited(|wire| self.write(record, wire));
    }

    fn write(&mut self, record: &Record, wire: &mut Wire<'_>) {
        wire.number(1, record.sequence);
        wire.fixed64(2, nanos_since_epoch(record.time));
        wire.number(3, record.moves_before);
        if let Some(request) = &record.request {
            wire.text(4, request.id.as_str());
            wire.fixed64(5, request.fingerprint);
        }
        if !record.previous_moves.is_empty() {
            let mut packed = Vec::with_capacity(10 * record.previous_moves.len());
            let numbers = record.previous_moves.iter();
            numbers.for_each(|number| prost::encoding::encode_varint(*number, &mut packed));
            wire.item(6, &packed);
        }
        let begin = self.known.len();
        match &record.change {
            Change::EventDecided { event, decisions } => wire.message(10, |wire| {
                wire.message(1, |wire| write_event(event, wire));
                self.decisions(2, event, decisions, wire);
            }),
            Change::EntityMoved { event, decisions, entity } => wire.message(11, |wire| {
                wire.message(1, |wire| write_event(event, wire));
                let (own, chained) = decisions.split_at(decisions.len().min(1));
                self.decisions(2, event, own, wire);
                wire.made(3, &pb::Entity::from(entity));
                self.decisions(4, event, chained, wire);
            }),
            Change::EntityUpdated { event, decisions, entity } => wire.message(21, |wire| {
                wire.message(1, |wire| write_event(event, wire));
                self.decisions(2, event, decisions, wire);
                wire.made(3, &pb::Entity::from(entity));
            }),
            Change::PipelineWritten(pipeline) => wire.made(12, &pb::Pipeline::from(pipeline)),
            Change::PipelineDeleted(pipeline) => wire.made(13, &pb::Pipeline::from(pipeline)),
            Change::TriggerTypeWritten(written) => wire.made(14, &pb::TriggerType::from(written)),
            Change::TriggerTypeDeleted(deleted) => wire.made(15, &pb::TriggerType::from(deleted)),
            Change::TriggerWritten(trigger) => wire.made(16, &pb::Trigger::from(trigger)),
            Change::TriggerDeleted(trigger) => wire.made(17, &pb::Trigger::from(trigger)),
            Change::EntityWritten(entity) => wire.made(18, &pb::Entity::from(entity)),
            Change::EntityDeleted(entity) => wire.made(19, &pb::Entity::from(entity)),
            Change::EntitiesImported { entities, skipped } => wire.message(20, |wire| {
                for entity in entities {
                    wire.made(1, &pb::Entity::from(entity));
                }
                wire.number(2, *skipped);
            }),
        }
        if self.known.len() > begin {
            self.introduce(begin, record, wire);
        }
    }

    /// Says who those are that this record is the first to refer to.
    fn introduce(&self, begin: usize, record: &Record, wire: &mut Wire<'_>) {
        for (number, known) in (1..).zip(&self.known).skip(begin) {
            let asked = |decision: &&Decision| decision.verdicts.asked().as_ptr() == *known;
            let Some(decision) = record.decisions().iter().find(asked) else { continue };
            wire.message(7, |wire| {
                wire.number(1, number);
                for asked in &**decision.verdicts.asked() {
                    wire.message(2, |wire| {
                        wire.text(1, asked.trigger_id.as_str());
                        wire.number(2, asked.trigger_revision.cast_unsigned());
                        wire.text(3, asked.stage_id.as_str());
                    });
                }
            });
        }
    }

    fn decisions(
        &mut self,
        field: u32,
        event: &Event,
        decisions: &[Decision],
        wire: &mut Wire<'_>,
    ) {
        for decision in decisions {
            wire.message(field, |wire| self.decision(decision, event, wire));
        }
    }

    fn decision(&mut self, decision: &Decision, event: &Event, wire: &mut Wire<'_>) {
        wire.text(1, decision.subject.as_str());
        // The event's type is not repeated when it is the one that was considered.
        if decision.event_type != event.event_type {
            wire.text(2, decision.event_type.as_str());
        }
        wire.number(3, decision.hop.into());
        match &decision.outcome {
            Outcome::Moved(moved) => wire.message(4, |wire| write_move(moved, wire)),
            Outcome::NotMoved(id) => wire.item(5, id.as_str().as_bytes()),
            Outcome::NoTrigger(id) => wire.item(6, id.as_str().as_bytes()),
            Outcome::EntityNotFound(id) => wire.item(7, id.as_str().as_bytes()),
            Outcome::NotReached => wire.chosen(9, 1),
        }
        if !decision.verdicts.is_empty() {
            self.verdicts(&decision.verdicts, wire);
        }
    }

    fn verdicts(&mut self, verdicts: &Verdicts, wire: &mut Wire<'_>) {
        wire.number(10, self.number_of(verdicts.asked()));
        let results = verdicts.results();
        let numbers: Vec<u8> = results.iter().map(number_of).collect();
        wire.item(11, &numbers);
        for result in results {
            if let VerdictResult::ParametersDiffer(detail)
            | VerdictResult::FilterFalse(detail)
            | VerdictResult::EvaluationError(detail) = result
            {
                wire.item(12, detail.as_str().as_bytes());
            }
        }
    }

    fn number_of(&mut self, asked: &Arc<[Asked]>) -> u64 {
        let known = self.known.iter().position(|known| *known == asked.as_ptr());
        let index = known.unwrap_or_else(|| {
            self.known.push(asked.as_ptr());
            self.known.len() - 1
        });
        index as u64 + 1
    }
}

fn number_of(result: &VerdictResult) -> u8 {
    let result = match result {
        VerdictResult::Moved => pb::VerdictResult::Moved,
        VerdictResult::WouldMove => pb::VerdictResult::WouldMove,
        VerdictResult::Paused => pb::VerdictResult::Paused,
        VerdictResult::ParametersDiffer(_) => pb::VerdictResult::ParametersDiffer,
        VerdictResult::FilterFalse(_) => pb::VerdictResult::FilterFalse,
        VerdictResult::EvaluationError(_) => pb::VerdictResult::EvaluationError,
        VerdictResult::Loop => pb::VerdictResult::Loop,
        VerdictResult::HopLimit => pb::VerdictResult::HopLimit,
        VerdictResult::SameStage => pb::VerdictResult::SameStage,
        VerdictResult::EntityClosed => pb::VerdictResult::EntityClosed,
        VerdictResult::WouldMoveBack => pb::VerdictResult::WouldMoveBack,
        VerdictResult::Outranked => pb::VerdictResult::Outranked,
    };
    u8::try_from(i32::from(result)).unwrap_or_default()
}

fn write_event(event: &Event, wire: &mut Wire<'_>) {
    wire.text(1, event.id.as_str());
    wire.text(2, event.source.as_str());
    wire.text(3, event.event_type.as_str());
    if let Some(time) = event.time {
        wire.made(4, &pb::Time::from(time));
    }
    if let Some(actor) = &event.actor {
        wire.text(5, actor.as_str());
    }
    for subject in &event.subjects {
        wire.item(6, subject.as_str().as_bytes());
    }
    write_values(7, event.attributes.as_map(), wire);
    if !event.changes.is_empty() {
        wire.message(8, |wire| write_changes(&event.changes, wire));
    }
}

fn write_changes(changes: &Changes, wire: &mut Wire<'_>) {
    let name = |name: &Option<Responsible>| name.as_ref().map(ToString::to_string);
    if let Some(change) = &changes.responsible {
        wire.message(1, |wire| {
            wire.text(1, &name(&change.old).unwrap_or_default());
            wire.text(2, &name(&change.new).unwrap_or_default());
        });
    }
    for (key, change) in &changes.fields {
        wire.message(2, |wire| {
            wire.text(1, key);
            wire.message(2, |wire| {
                for (field, value) in (1..).zip([&change.old, &change.new]) {
                    if let Some(value) = value {
                        wire.message(field, |wire| write_value(value, wire));
                    }
                }
            });
        });
    }
}

fn write_values(field: u32, values: &ValueMap, wire: &mut Wire<'_>) {
    for (key, value) in values {
        wire.message(field, |wire| {
            wire.text(1, key);
            wire.message(2, |wire| write_value(value, wire));
        });
    }
}

fn write_value(value: &Value, wire: &mut Wire<'_>) {
    match value {
        Value::Null => {}
        Value::Bool(bool) => wire.chosen(1, (*bool).into()),
        Value::Number(number) => wire.double(2, *number),
        Value::Text(text) => wire.item(3, text.as_bytes()),
        Value::List(items) => wire.message(4, |wire| {
            for item in items {
                wire.message(1, |wire| write_value(item, wire));
            }
        }),
        Value::Map(map) => wire.message(5, |wire| write_values(1, map, wire)),
    }
}

fn write_move(moved: &Move, wire: &mut Wire<'_>) {
    wire.text(1, moved.entity_id.as_str());
    wire.text(2, moved.pipeline_id.as_str());
    wire.text(3, moved.from_pipeline_id.as_ref().map_or("", PipelineId::as_str));
    wire.text(4, moved.from_stage_id.as_str());
    wire.text(5, moved.to_stage_id.as_str());
    let direction = match moved.direction {
        Some(Direction::Forward) => pb::Direction::Forward,
        Some(Direction::Backward) => pb::Direction::Backward,
        None => pb::Direction::Unspecified,
    };
    wire.number(6, i64::from(i32::from(direction)).cast_unsigned());
    match &moved.cause {
        Cause::Trigger { trigger_id, trigger_revision, .. } => wire.message(7, |wire| {
            wire.text(1, trigger_id.as_str());
            wire.number(2, trigger_revision.cast_unsigned());
        }),
        Cause::Manual { actor, comment, .. } => wire.message(8, |wire| {
            wire.text(1, actor.as_ref().map_or("", |actor| actor.as_str()));
            wire.text(2, comment.as_str());
        }),
    }
    wire.text(9, moved.responsible.as_ref().map_or("", Responsible::as_str));
    wire.number(10, moved.entity_revision.cast_unsigned());
}
