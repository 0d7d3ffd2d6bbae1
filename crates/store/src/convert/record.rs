use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use pawl_domain::{
    Actor, Asked, Cause, Change as Changed, Changes, Decision, Detail, Direction, Entity, EntityId,
    Event, EventId, EventType, Move, Outcome, PipelineId, Prose, Rejection, RequestId, Responsible,
    Source, StageId, Subject, Timestamp, TriggerId, VerdictResult, Verdicts,
};

use super::resource::{fields_of, unknown};
use super::{from_nanos_since_epoch, optional, required};
use crate::{Change, Record, RequestIdentity, pb};

/// Reads the records of a chunk, one after the other: later ones refer to whom earlier ones name.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    asked: HashMap<u32, Arc<[Asked]>>,
}

impl Decoder {
    /// The chunk's next record.
    pub(crate) fn record(&mut self, record: pb::Record) -> Result<Record, Rejection> {
        use pb::record::Change as Stored;
        let time = from_nanos_since_epoch(record.commit_time_nanos);
        for asked in record.asked {
            let triggers = asked.triggers.into_iter().map(TryInto::try_into);
            self.asked.insert(asked.number, triggers.collect::<Result<_, _>>()?);
        }
        let change = match required("change", record.change)? {
            Stored::EventDecided(decided) => {
                let event: Event = required("event", decided.event)?.try_into()?;
                let decisions = self.decisions(decided.decisions, &event, time)?;
                Change::EventDecided { event, decisions }
            }
            Stored::EntityMoved(moved) => {
                let event: Event = required("event", moved.event)?.try_into()?;
                let first = required("decision", moved.decision)?;
                let all = std::iter::once(first).chain(moved.chained).collect();
                let decisions = self.decisions(all, &event, time)?;
                let entity: Entity = required("entity", moved.entity)?.try_into()?;
                Change::EntityMoved { event, decisions, entity }
            }
            Stored::EntityUpdated(updated) => {
                let event: Event = required("event", updated.event)?.try_into()?;
                let decisions = self.decisions(updated.decisions, &event, time)?;
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
        Ok(Record {
            sequence: record.sequence,
            time,
            moves_before: record.moves_before,
            request: optional("request_id", &record.request_id, RequestId::parse)?
                .map(|id| RequestIdentity { id, fingerprint }),
            previous_moves: record.previous_moves,
            change,
        })
    }

    fn decisions(
        &self,
        decisions: Vec<pb::Decision>,
        event: &Event,
        time: Timestamp,
    ) -> Result<Vec<Decision>, Rejection> {
        decisions.into_iter().map(|decision| self.decision(decision, event, time)).collect()
    }

    fn decision(
        &self,
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
            verdicts: match self.asked.get(&decision.asked) {
                Some(asked) => verdicts_from(asked, &decision.results, decision.details)?,
                None if decision.asked == 0 => unshared(decision.verdicts)?,
                None => return Err(unknown("asked")),
            },
        })
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

/// What became of those who were asked, by number.
fn verdicts_from(
    asked: &Arc<[Asked]>,
    results: &[u8],
    details: Vec<String>,
) -> Result<Verdicts, Rejection> {
    if asked.len() != results.len() {
        let problem = format!("has {} for {} triggers", results.len(), asked.len());
        return Err(Rejection::invalid("results", problem));
    }
    let mut details = details.into_iter();
    let result = |number: &u8| {
        let result = pb::VerdictResult::try_from(i32::from(*number));
        result_from(result.unwrap_or_default(), || details.next().unwrap_or_default())
    };
    let results = results.iter().map(result).collect::<Result<_, _>>()?;
    Ok(Verdicts::new(Arc::clone(asked), results))
}

/// The same as versions wrote it that did not share who was asked.
fn unshared(verdicts: Vec<pb::Verdict>) -> Result<Verdicts, Rejection> {
    let result = |verdict: &pb::Verdict| result_from(verdict.result(), || verdict.detail.clone());
    let results = verdicts.iter().map(result).collect::<Result<_, _>>()?;
    let asked = verdicts.into_iter().map(|verdict| pb::AskedTrigger {
        trigger_id: verdict.trigger_id,
        trigger_revision: verdict.trigger_revision,
        stage_id: verdict.stage_id,
    });
    let asked = asked.map(TryInto::try_into).collect::<Result<Arc<[Asked]>, Rejection>>()?;
    Ok(Verdicts::new(asked, results))
}

/// A result by its number on disk, without the details of some.
pub(crate) fn result_of(number: u32) -> Option<VerdictResult> {
    let result = pb::VerdictResult::try_from(i32::try_from(number).ok()?).ok()?;
    result_from(result, String::new).ok()
}

fn result_from(
    result: pb::VerdictResult,
    mut detail: impl FnMut() -> String,
) -> Result<VerdictResult, Rejection> {
    let mut detail = || Detail::clipped(detail());
    Ok(match result {
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
        pb::VerdictResult::Outranked => VerdictResult::Outranked,
        pb::VerdictResult::Unspecified => return Err(unknown("result")),
    })
}

impl TryFrom<pb::AskedTrigger> for Asked {
    type Error = Rejection;

    fn try_from(asked: pb::AskedTrigger) -> Result<Self, Rejection> {
        Ok(Self {
            trigger_id: TriggerId::parse("trigger_id", &asked.trigger_id)?,
            trigger_revision: asked.trigger_revision,
            stage_id: StageId::parse("stage_id", &asked.stage_id)?,
        })
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
