use std::fmt;
use std::str::FromStr;

use crate::{
    Actor, EntityId, EventId, EventType, PipelineId, Prose, Rejection, Responsible, Source,
    StageId, Subject, Timestamp, TriggerId, Verdicts,
};

/// What became of one entity (or one subject) under one event: all verdicts, and the move, if any.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// The event's subject that led here.
    pub subject: Subject,
    /// The type of event that was considered.
    pub event_type: EventType,
    /// 0 for the event itself, more along a chain (X2).
    pub hop: u32,
    /// What came of it.
    pub outcome: Outcome,
    /// One for each trigger of the entity's pipeline that listens to the event's type.
    pub verdicts: Verdicts,
}

/// What came of a decision.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// A trigger, or a person, moved the entity.
    Moved(Move),
    /// Triggers were considered and none moved it.
    NotMoved(EntityId),
    /// No trigger of its pipeline listens to the event's type (E7).
    NoTrigger(EntityId),
    /// There is no such entity (E2).
    EntityNotFound(EntityId),
    /// The subject is a customer that no open entity names, or none that it may reach (E3).
    NotReached,
}

impl Outcome {
    /// The entity that was considered or not found.
    pub fn entity_id(&self) -> Option<&EntityId> {
        match self {
            Self::Moved(moved) => Some(&moved.entity_id),
            Self::NotMoved(id) | Self::NoTrigger(id) | Self::EntityNotFound(id) => Some(id),
            Self::NotReached => None,
        }
    }
}

impl Decision {
    /// The move, if there was one.
    pub fn moved(&self) -> Option<&Move> {
        match &self.outcome {
            Outcome::Moved(moved) => Some(moved),
            Outcome::NotMoved(_)
            | Outcome::NoTrigger(_)
            | Outcome::EntityNotFound(_)
            | Outcome::NotReached => None,
        }
    }
}

/// One change of an entity's stage, whoever caused it (W7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// The entity.
    pub entity_id: EntityId,
    /// Its pipeline after the move.
    pub pipeline_id: PipelineId,
    /// Its pipeline before, only when that changed (X5).
    pub from_pipeline_id: Option<PipelineId>,
    /// The stage it left.
    pub from_stage_id: StageId,
    /// The stage it entered.
    pub to_stage_id: StageId,
    /// `None` when the pipeline changed (X5).
    pub direction: Option<Direction>,
    /// Who or what moved it.
    pub cause: Cause,
    /// 0 when the event itself caused it.
    pub hop: u32,
    /// Commit time.
    pub time: Timestamp,
    /// In charge after the move.
    pub responsible: Option<Responsible>,
    /// The entity's revision after the move.
    pub entity_revision: i64,
}

/// Names a move: where in the log it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MoveId {
    /// Sequence of the record that made it.
    pub sequence: u64,
    /// Which of that record's moves it is, from 0.
    pub index: u32,
}

impl fmt::Display for MoveId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.sequence, self.index)
    }
}

impl FromStr for MoveId {
    type Err = Rejection;

    fn from_str(text: &str) -> Result<Self, Rejection> {
        let parts = text.split_once('-').and_then(|(sequence, index)| {
            Some(Self { sequence: sequence.parse().ok()?, index: index.parse().ok()? })
        });
        parts.ok_or_else(|| Rejection::invalid("move_id", format!("{text:?} is no move id")))
    }
}

/// Whether the new stage comes after or before the old one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// To a later stage.
    Forward,
    /// To an earlier stage.
    Backward,
}

/// Who or what moved an entity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// A trigger, because of an event.
    Trigger {
        /// The trigger.
        trigger_id: TriggerId,
        /// Its revision at that moment.
        trigger_revision: i64,
        /// Source of the event.
        event_source: Source,
        /// Id of the event.
        event_id: EventId,
    },
    /// A person or service, by hand (X3).
    Manual {
        /// Who, if they said.
        actor: Option<Actor>,
        /// Why, if they said.
        comment: Prose,
        /// Source of the event that records it: the service's own.
        event_source: Source,
        /// Id of the event that records it.
        event_id: EventId,
    },
}

impl Cause {
    /// The trigger, if it was one.
    pub fn trigger_id(&self) -> Option<&TriggerId> {
        match self {
            Self::Trigger { trigger_id, .. } => Some(trigger_id),
            Self::Manual { .. } => None,
        }
    }
}
