use std::collections::BTreeMap;

use pawl_domain::{
    Actor, Cause, Change as Changed, Changes, Decision, Detail, Direction, Entity, EntityId, Event,
    EventId, EventType, Move, Outcome, PipelineId, Prose, Rejection, RequestId, Responsible,
    Source, StageId, Subject, Timestamp, TriggerId, Value, Verdict, VerdictResult,
};

use super::resource::{fields_of, unknown, values_of};
use super::{from_nanos_since_epoch, nanos_since_epoch, optional, required};
use crate::{Change, Record, RequestIdentity, pb};

impl From<&Record> for pb::Record {
    fn from(record: &Record) -> Self {
        use pb::record::Change as Stored;
        Self {
            sequence: record.sequence,
            commit_time_nanos: nanos_since_epoch(record.time),
            moves_before: record.moves_before,
            request_id: record.request.as_ref().map(|r| r.id.to_string()).unwrap_or_default(),
            request_fingerprint: record.request.as_ref().map_or(0, |r| r.fingerprint),
            previous_moves: record.previous_moves.clone(),
            change: Some(match &record.change {
                Change::EventDecided { event, decisions } => {
                    Stored::EventDecided(pb::EventDecided {
                        event: Some(event.into()),
                        decisions: decisions.iter().map(|d| decision_to(d, event)).collect(),
                    })
                }
                Change::EntityMoved { event, decisions, entity } => {
                    let mut decisions = decisions.iter().map(|d| decision_to(d, event));
                    Stored::EntityMoved(pb::EntityMoved {
                        event: Some(event.into()),
                        decision: decisions.next(),
                        entity: Some(entity.into()),
                        chained: decisions.collect(),
                    })
                }
                Change::EntityUpdated { event, decisions, entity } => {
                    Stored::EntityUpdated(pb::EntityUpdated {
                        event: Some(event.into()),
                        decisions: decisions.iter().map(|d| decision_to(d, event)).collect(),
                        entity: Some(entity.into()),
                    })
                }
                Change::PipelineWritten(pipeline) => Stored::PipelineWritten(pipeline.into()),
                Change::PipelineDeleted(pipeline) => Stored::PipelineDeleted(pipeline.into()),
                Change::TriggerTypeWritten(written) => Stored::TriggerTypeWritten(written.into()),
                Change::TriggerTypeDeleted(deleted) => Stored::TriggerTypeDeleted(deleted.into()),
                Change::TriggerWritten(trigger) => Stored::TriggerWritten(trigger.into()),
                Change::TriggerDeleted(trigger) => Stored::TriggerDeleted(trigger.into()),
                Change::EntityWritten(entity) => Stored::EntityWritten(entity.into()),
                Change::EntityDeleted(entity) => Stored::EntityDeleted(entity.into()),
                Change::EntitiesImported { entities, skipped } => {
                    Stored::EntitiesImported(pb::EntitiesImported {
                        entities: entities.iter().map(Into::into).collect(),
                        skipped: *skipped,
                    })
                }
            }),
        }
    }
}

impl TryFrom<pb::Record> for Record {
    type Error = Rejection;

    fn try_from(record: pb::Record) -> Result<Self, Rejection> {
        use pb::record::Change as Stored;
        let time = from_nanos_since_epoch(record.commit_time_nanos);
        let change = match required("change", record.change)? {
            Stored::EventDecided(decided) => {
                let event: Event = required("event", decided.event)?.try_into()?;
                let decisions = decisions_from(decided.decisions, &event, time)?;
                Change::EventDecided { event, decisions }
            }
            Stored::EntityMoved(moved) => {
                let event: Event = required("event", moved.event)?.try_into()?;
                let first = required("decision", moved.decision)?;
                let all = std::iter::once(first).chain(moved.chained).collect();
                let decisions = decisions_from(all, &event, time)?;
                let entity: Entity = required("entity", moved.entity)?.try_into()?;
                Change::EntityMoved { event, decisions, entity }
            }
            Stored::EntityUpdated(updated) => {
                let event: Event = required("event", updated.event)?.try_into()?;
                let decisions = decisions_from(updated.decisions, &event, time)?;
                let entity: Entity = required("entity", updated.entity)?.try_into()?;
                Change::EntityUpdated { event, decisions, entity }
            }
            Stored::PipelineWritten(pipeline) => Change::PipelineWritten(pipeline.try_into()?),
            Stored::PipelineDeleted(pipeline) => Change::PipelineDeleted(pipeline.try_into()?),
            Stored::TriggerTypeWritten(written) => Change::TriggerTypeWritten(written.try_into()?),
            Stored::TriggerTypeDeleted(deleted) => Change::TriggerTypeDeleted(deleted.try_into()?),
            Stored::TriggerWritten(trigger) => Change::TriggerWritten(trigger.try_into()?),
            Stored::TriggerDeleted(trigger) => Change::TriggerDeleted(trigger.try_into()?),
            Stored::EntityWritten(entity) => Change::EntityWritten(entity.try_into()?),
            Stored::EntityDeleted(entity) => Change::EntityDeleted(entity.try_into()?),
            Stored::EntitiesImported(imported) => Change::EntitiesImported {
                entities: imported
                    .entities
                    .into_iter()
                    .map(TryInto::try_into)
                    .collect::<Result<_, _>>()?,
                skipped: imported.skipped,
            },
        };
        let fingerprint = record.request_fingerprint;
        Ok(Self {
            sequence: record.sequence,
            time,
            moves_before: record.moves_before,
            request: optional("request_id", &record.request_id, RequestId::parse)?
                .map(|id| RequestIdentity { id, fingerprint }),
            previous_moves: record.previous_moves,
            change,
        })
    }
}

impl From<&Event> for pb::Event {
    fn from(event: &Event) -> Self {
        Self {
            event_id: event.id.to_string(),
            source: event.source.to_string(),
            r#type: event.event_type.to_string(),
            time: event.time.map(Into::into),
            actor: event.actor.as_ref().map(ToString::to_string).unwrap_or_default(),
            subjects: event.subjects.iter().map(ToString::to_string).collect(),
            attributes: values_of(event.attributes.as_map()),
            changes: (!event.changes.is_empty()).then(|| (&event.changes).into()),
        }
    }
}

impl From<&Changes> for pb::Changes {
    fn from(changes: &Changes) -> Self {
        let name =
            |name: &Option<Responsible>| name.as_ref().map(ToString::to_string).unwrap_or_default();
        let value = |value: &Option<Value>| value.as_ref().map(Into::into);
        let field = |(key, change): (&String, &Changed<Value>)| {
            let change = pb::FieldChange { old: value(&change.old), new: value(&change.new) };
            (key.clone(), change)
        };
        let responsible = changes.responsible.as_ref();
        let responsible = responsible
            .map(|change| pb::ResponsibleChange { old: name(&change.old), new: name(&change.new) });
        Self { responsible, fields: changes.fields.iter().map(field).collect() }
    }
}

impl TryFrom<pb::Changes> for Changes {
    type Error = Rejection;

    fn try_from(changes: pb::Changes) -> Result<Self, Rejection> {
        let name = |name: &str| optional("responsible", name, Responsible::parse);
        let responsible = changes.responsible.map(|change| {
            Ok::<_, Rejection>(Changed { old: name(&change.old)?, new: name(&change.new)? })
        });
        let field = |(key, change): (String, pb::FieldChange)| {
            (key, Changed { old: change.old.map(Into::into), new: change.new.map(Into::into) })
        };
        Ok(Self {
            responsible: responsible.transpose()?,
            fields: changes.fields.into_iter().map(field).collect::<BTreeMap<_, _>>(),
        })
    }
}

impl TryFrom<pb::Event> for Event {
    type Error = Rejection;

    fn try_from(event: pb::Event) -> Result<Self, Rejection> {
        let subject = |subject: &String| Subject::parse("subjects", subject);
        Ok(Self {
            id: EventId::parse("event_id", &event.event_id)?,
            source: Source::parse("source", &event.source)?,
            event_type: EventType::parse("type", &event.r#type)?,
            time: event.time.map(TryInto::try_into).transpose()?,
            actor: optional("actor", &event.actor, Actor::parse)?,
            subjects: event.subjects.iter().map(subject).collect::<Result<_, _>>()?,
            attributes: fields_of("attributes", event.attributes)?,
            changes: event.changes.map(TryInto::try_into).transpose()?.unwrap_or_default(),
        })
    }
}

/// The event's type is not repeated when it is the one that was considered.
fn decision_to(decision: &Decision, event: &Event) -> pb::Decision {
    use pb::decision::Outcome as Stored;
    let event_type = if decision.event_type == event.event_type {
        String::new()
    } else {
        decision.event_type.to_string()
    };
    pb::Decision {
        subject: decision.subject.to_string(),
        event_type,
        hop: decision.hop,
        outcome: Some(match &decision.outcome {
            Outcome::Moved(moved) => Stored::Moved(moved.into()),
            Outcome::NotMoved(id) => Stored::NotMoved(id.to_string()),
            Outcome::NoTrigger(id) => Stored::NoTrigger(id.to_string()),
            Outcome::EntityNotFound(id) => Stored::EntityNotFound(id.to_string()),
            Outcome::NotReached => Stored::NotReached(true),
        }),
        verdicts: decision.verdicts.iter().map(Into::into).collect(),
    }
}

fn decisions_from(
    decisions: Vec<pb::Decision>,
    event: &Event,
    time: Timestamp,
) -> Result<Vec<Decision>, Rejection> {
    decisions.into_iter().map(|decision| decision_from(decision, event, time)).collect()
}

fn decision_from(
    decision: pb::Decision,
    event: &Event,
    time: Timestamp,
) -> Result<Decision, Rejection> {
    use pb::decision::Outcome as Stored;
    let id = |id: String| EntityId::parse("outcome", &id);
    let hop = decision.hop;
    Ok(Decision {
        subject: Subject::parse("subject", &decision.subject)?,
        event_type: optional("event_type", &decision.event_type, EventType::parse)?
            .unwrap_or_else(|| event.event_type.clone()),
        hop,
        outcome: match required("outcome", decision.outcome)? {
            Stored::Moved(moved) => Outcome::Moved(move_from(moved, event, hop, time)?),
            Stored::NotMoved(entity) => Outcome::NotMoved(id(entity)?),
            Stored::NoTrigger(entity) => Outcome::NoTrigger(id(entity)?),
            Stored::EntityNotFound(entity) => Outcome::EntityNotFound(id(entity)?),
            Stored::NotReached(_) => Outcome::NotReached,
        },
        verdicts: decision.verdicts.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?,
    })
}

impl From<&Verdict> for pb::Verdict {
    fn from(verdict: &Verdict) -> Self {
        let none = || (String::new(), String::new());
        let said = |detail: &Detail| (String::new(), detail.to_string());
        let (result, (winner, detail)) = match &verdict.result {
            VerdictResult::Moved => (pb::VerdictResult::Moved, none()),
            VerdictResult::WouldMove => (pb::VerdictResult::WouldMove, none()),
            VerdictResult::Paused => (pb::VerdictResult::Paused, none()),
            VerdictResult::ParametersDiffer(d) => (pb::VerdictResult::ParametersDiffer, said(d)),
            VerdictResult::FilterFalse(d) => (pb::VerdictResult::FilterFalse, said(d)),
            VerdictResult::EvaluationError(d) => (pb::VerdictResult::EvaluationError, said(d)),
            VerdictResult::Loop => (pb::VerdictResult::Loop, none()),
            VerdictResult::HopLimit => (pb::VerdictResult::HopLimit, none()),
            VerdictResult::SameStage => (pb::VerdictResult::SameStage, none()),
            VerdictResult::EntityClosed => (pb::VerdictResult::EntityClosed, none()),
            VerdictResult::WouldMoveBack => (pb::VerdictResult::WouldMoveBack, none()),
            VerdictResult::Outranked { winner } => {
                (pb::VerdictResult::Outranked, (winner.to_string(), String::new()))
            }
        };
        Self {
            trigger_id: verdict.trigger_id.to_string(),
            trigger_revision: verdict.trigger_revision,
            stage_id: verdict.stage_id.to_string(),
            result: result.into(),
            winner,
            detail,
        }
    }
}

impl TryFrom<pb::Verdict> for Verdict {
    type Error = Rejection;

    fn try_from(verdict: pb::Verdict) -> Result<Self, Rejection> {
        let detail = || Detail::clipped(verdict.detail.as_str());
        let result = match verdict.result() {
            pb::VerdictResult::Moved => VerdictResult::Moved,
            pb::VerdictResult::WouldMove => VerdictResult::WouldMove,
            pb::VerdictResult::Paused => VerdictResult::Paused,
            pb::VerdictResult::ParametersDiffer => VerdictResult::ParametersDiffer(detail()),
            pb::VerdictResult::FilterFalse => VerdictResult::FilterFalse(detail()),
            pb::VerdictResult::EvaluationError => VerdictResult::EvaluationError(detail()),
            pb::VerdictResult::Loop => VerdictResult::Loop,
            pb::VerdictResult::HopLimit => VerdictResult::HopLimit,
            pb::VerdictResult::SameStage => VerdictResult::SameStage,
            pb::VerdictResult::EntityClosed => VerdictResult::EntityClosed,
            pb::VerdictResult::WouldMoveBack => VerdictResult::WouldMoveBack,
            pb::VerdictResult::Outranked => {
                VerdictResult::Outranked { winner: TriggerId::parse("winner", &verdict.winner)? }
            }
            pb::VerdictResult::Unspecified => return Err(unknown("result")),
        };
        Ok(Self {
            trigger_id: TriggerId::parse("trigger_id", &verdict.trigger_id)?,
            trigger_revision: verdict.trigger_revision,
            stage_id: StageId::parse("stage_id", &verdict.stage_id)?,
            result,
        })
    }
}

impl From<&Move> for pb::Move {
    fn from(moved: &Move) -> Self {
        let text = |id: Option<&PipelineId>| id.map(ToString::to_string).unwrap_or_default();
        Self {
            entity_id: moved.entity_id.to_string(),
            pipeline_id: moved.pipeline_id.to_string(),
            from_pipeline_id: text(moved.from_pipeline_id.as_ref()),
            from_stage_id: moved.from_stage_id.to_string(),
            to_stage_id: moved.to_stage_id.to_string(),
            direction: match moved.direction {
                Some(Direction::Forward) => pb::Direction::Forward,
                Some(Direction::Backward) => pb::Direction::Backward,
                None => pb::Direction::Unspecified,
            }
            .into(),
            cause: Some(match &moved.cause {
                Cause::Trigger { trigger_id, trigger_revision, .. } => {
                    pb::r#move::Cause::Trigger(pb::TriggerCause {
                        trigger_id: trigger_id.to_string(),
                        trigger_revision: *trigger_revision,
                    })
                }
                Cause::Manual { actor, comment, .. } => {
                    pb::r#move::Cause::Manual(pb::ManualCause {
                        actor: actor.as_ref().map(ToString::to_string).unwrap_or_default(),
                        comment: comment.to_string(),
                    })
                }
            }),
            responsible: moved.responsible.as_ref().map(ToString::to_string).unwrap_or_default(),
            entity_revision: moved.entity_revision,
        }
    }
}

/// The event's identity, the hop and the time stand in the record, not in each move.
fn move_from(moved: pb::Move, event: &Event, hop: u32, time: Timestamp) -> Result<Move, Rejection> {
    let direction = match moved.direction() {
        pb::Direction::Forward => Some(Direction::Forward),
        pb::Direction::Backward => Some(Direction::Backward),
        pb::Direction::Unspecified => None,
    };
    let (event_source, event_id) = (event.source.clone(), event.id.clone());
    let cause = match required("cause", moved.cause)? {
        pb::r#move::Cause::Trigger(cause) => Cause::Trigger {
            trigger_id: TriggerId::parse("trigger_id", &cause.trigger_id)?,
            trigger_revision: cause.trigger_revision,
            event_source,
            event_id,
        },
        pb::r#move::Cause::Manual(cause) => Cause::Manual {
            actor: optional("actor", &cause.actor, Actor::parse)?,
            comment: Prose::parse("comment", cause.comment)?,
            event_source,
            event_id,
        },
    };
    Ok(Move {
        entity_id: EntityId::parse("entity_id", &moved.entity_id)?,
        pipeline_id: PipelineId::parse("pipeline_id", &moved.pipeline_id)?,
        from_pipeline_id: optional("from_pipeline_id", &moved.from_pipeline_id, PipelineId::parse)?,
        from_stage_id: StageId::parse("from_stage_id", &moved.from_stage_id)?,
        to_stage_id: StageId::parse("to_stage_id", &moved.to_stage_id)?,
        direction,
        cause,
        hop,
        time,
        responsible: optional("responsible", &moved.responsible, Responsible::parse)?,
        entity_revision: moved.entity_revision,
    })
}
