use pawl_domain::{
    Decision, Entity, Event, Move, Pipeline, RequestId, Timestamp, Trigger, TriggerType,
};

/// One change of the state, with everything that it did: what the log holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Position in the log; dense, the first is 1.
    pub sequence: u64,
    /// Commit time; never decreases along the log.
    pub time: Timestamp,
    /// How many moves the log holds before this record.
    pub moves_before: u64,
    /// The request that made this change, when it named itself.
    pub request: Option<RequestIdentity>,
    /// For each of [`moves`](Self::moves), the sequence of the record with the same entity's move
    /// before it, or 0.
    pub previous_moves: Vec<u64>,
    /// What changed.
    pub change: Change,
}

/// The client's own id of a request, and a hash of what it asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestIdentity {
    /// The id.
    pub id: RequestId,
    /// Tells requests apart that use the same id.
    pub fingerprint: u64,
}

/// What a record changed. Resources stand as they are afterwards; deleted ones as they were, with
/// the revision of the deletion.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Change {
    EventDecided {
        event: Event,
        decisions: Vec<Decision>,
    },
    /// The first decision is about the entity, which is as after its move; then what followed.
    EntityMoved {
        event: Event,
        decisions: Vec<Decision>,
        entity: Entity,
    },
    /// The same, with the entity as after the update and before any move.
    EntityUpdated {
        event: Event,
        decisions: Vec<Decision>,
        entity: Entity,
    },
    PipelineWritten(Pipeline),
    PipelineDeleted(Pipeline),
    TriggerTypeWritten(TriggerType),
    TriggerTypeDeleted(TriggerType),
    TriggerWritten(Trigger),
    TriggerDeleted(Trigger),
    EntityWritten(Entity),
    EntityDeleted(Entity),
    EntitiesImported {
        entities: Vec<Entity>,
        skipped: u64,
    },
}

impl Record {
    /// The event, published or the service's own.
    pub fn event(&self) -> Option<&Event> {
        match &self.change {
            Change::EventDecided { event, .. }
            | Change::EntityMoved { event, .. }
            | Change::EntityUpdated { event, .. } => Some(event),
            _ => None,
        }
    }

    /// What was decided, in order.
    pub fn decisions(&self) -> &[Decision] {
        match &self.change {
            Change::EventDecided { decisions, .. }
            | Change::EntityMoved { decisions, .. }
            | Change::EntityUpdated { decisions, .. } => decisions,
            _ => &[],
        }
    }

    /// The moves it made, in order.
    pub fn moves(&self) -> impl Iterator<Item = &Move> {
        self.decisions().iter().filter_map(Decision::moved)
    }
}
