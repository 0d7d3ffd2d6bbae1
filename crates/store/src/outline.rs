use pawl_domain::Timestamp;

use crate::convert::from_nanos_since_epoch;

/// What trimming and a start must know of a record: a second reading of `Record` in `record.proto`,
/// which skips all the rest. The numbers are those of the messages there.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Outline {
    #[prost(uint64, tag = "1")]
    pub(crate) sequence: u64,
    #[prost(fixed64, tag = "2")]
    commit_time_nanos: u64,
    #[prost(uint64, tag = "3")]
    pub(crate) moves_before: u64,
    #[prost(string, tag = "4")]
    request_id: String,
    #[prost(message, repeated, tag = "7")]
    pub(crate) asked: Vec<AskedOutline>,
    #[prost(oneof = "ChangeOutline", tags = "10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21")]
    pub(crate) change: Option<ChangeOutline>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(crate) enum ChangeOutline {
    #[prost(message, tag = "10")]
    EventDecided(Decided),
    #[prost(message, tag = "11")]
    EntityMoved(Decided),
    #[prost(message, tag = "12")]
    PipelineWritten(PipelineOutline),
    #[prost(message, tag = "13")]
    PipelineDeleted(PipelineOutline),
    #[prost(message, tag = "14")]
    TriggerTypeWritten(TriggerTypeOutline),
    #[prost(message, tag = "15")]
    TriggerTypeDeleted(TriggerTypeOutline),
    #[prost(message, tag = "16")]
    TriggerWritten(VersionedOutline),
    #[prost(message, tag = "17")]
    TriggerDeleted(VersionedOutline),
    #[prost(message, tag = "18")]
    EntityWritten(VersionedOutline),
    #[prost(message, tag = "19")]
    EntityDeleted(VersionedOutline),
    #[prost(message, tag = "20")]
    EntitiesImported(ImportedOutline),
    #[prost(message, tag = "21")]
    EntityUpdated(Decided),
}

/// Each of the three changes that are events has what it has in the same places.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Decided {
    #[prost(message, optional, tag = "1")]
    event: Option<EventIdentity>,
    /// The only one of a move by hand, too.
    #[prost(message, repeated, tag = "2")]
    decisions: Vec<DecisionOutline>,
    #[prost(message, optional, tag = "3")]
    entity: Option<VersionedOutline>,
    /// What followed a move by hand.
    #[prost(message, repeated, tag = "4")]
    chained: Vec<DecisionOutline>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct EventIdentity {
    #[prost(string, tag = "1")]
    event_id: String,
    #[prost(string, tag = "2")]
    source: String,
}

/// Who was asked, by a number that decisions name.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct AskedOutline {
    #[prost(uint32, tag = "1")]
    pub(crate) number: u32,
    #[prost(message, repeated, tag = "2")]
    pub(crate) triggers: Vec<TriggerName>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct TriggerName {
    #[prost(string, tag = "1")]
    pub(crate) trigger_id: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct DecisionOutline {
    #[prost(message, optional, tag = "4")]
    moved: Option<MoveOutline>,
    /// As versions wrote them that did not share who was asked.
    #[prost(message, repeated, tag = "8")]
    pub(crate) verdicts: Vec<VerdictOutline>,
    #[prost(uint32, tag = "10")]
    pub(crate) asked: u32,
    #[prost(bytes = "vec", tag = "11")]
    pub(crate) results: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct VerdictOutline {
    #[prost(string, tag = "1")]
    pub(crate) trigger_id: String,
    #[prost(uint32, tag = "4")]
    pub(crate) result: u32,
}

#[derive(Clone, PartialEq, prost::Message)]
struct MoveOutline {
    #[prost(string, tag = "1")]
    entity_id: String,
    #[prost(int64, tag = "10")]
    entity_revision: i64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct PipelineOutline {
    #[prost(string, tag = "1")]
    pub(crate) pipeline_id: String,
    #[prost(message, optional, tag = "6")]
    version: Option<RevisionOutline>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct TriggerTypeOutline {
    #[prost(string, tag = "1")]
    pub(crate) code: String,
    #[prost(message, optional, tag = "7")]
    version: Option<RevisionOutline>,
}

/// A trigger or an entity: both have the two in the same places.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct VersionedOutline {
    #[prost(string, tag = "1")]
    pub(crate) id: String,
    #[prost(message, optional, tag = "10")]
    version: Option<RevisionOutline>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ImportedOutline {
    #[prost(message, repeated, tag = "1")]
    entities: Vec<VersionedOutline>,
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
struct RevisionOutline {
    #[prost(int64, tag = "1")]
    revision: i64,
}

fn revision(version: Option<RevisionOutline>) -> i64 {
    version.unwrap_or_default().revision
}

impl PipelineOutline {
    pub(crate) fn revision(&self) -> i64 {
        revision(self.version)
    }
}

impl TriggerTypeOutline {
    pub(crate) fn revision(&self) -> i64 {
        revision(self.version)
    }
}

impl VersionedOutline {
    pub(crate) fn revision(&self) -> i64 {
        revision(self.version)
    }
}

impl Outline {
    pub(crate) fn time(&self) -> Timestamp {
        from_nanos_since_epoch(self.commit_time_nanos)
    }

    /// Source and id of the event, when the record is one.
    pub(crate) fn event(&self) -> Option<(&str, &str)> {
        let event = self.decided()?.event.as_ref()?;
        Some((&event.source, &event.event_id))
    }

    /// The id of the request, when it named itself.
    pub(crate) fn request(&self) -> Option<&str> {
        (!self.request_id.is_empty()).then_some(&self.request_id)
    }

    /// What was decided, in order.
    pub(crate) fn decisions(&self) -> impl Iterator<Item = &DecisionOutline> {
        self.decided()
            .into_iter()
            .flat_map(|decided| decided.decisions.iter().chain(&decided.chained))
    }

    /// How many moves it made.
    pub(crate) fn moves(&self) -> u64 {
        self.decisions().filter(|decision| decision.moved.is_some()).count() as u64
    }

    /// The ids and revisions of the entities that it writes, in order.
    pub(crate) fn entities(&self) -> impl Iterator<Item = (&str, i64)> {
        use ChangeOutline::{EntitiesImported, EntityDeleted, EntityUpdated, EntityWritten};
        let (one, many) = match &self.change {
            Some(EntityUpdated(updated)) => (updated.entity.as_ref(), &[][..]),
            Some(EntityWritten(entity) | EntityDeleted(entity)) => (Some(entity), &[][..]),
            Some(EntitiesImported(imported)) => (None, &*imported.entities),
            // A move by hand is one of its moves.
            _ => (None, &[][..]),
        };
        let written = one.into_iter().chain(many);
        let moved = self.decisions().filter_map(|decision| decision.moved.as_ref());
        written
            .map(|entity| (entity.id.as_str(), entity.revision()))
            .chain(moved.map(|moved| (moved.entity_id.as_str(), moved.entity_revision)))
    }

    fn decided(&self) -> Option<&Decided> {
        use ChangeOutline::{EntityMoved, EntityUpdated, EventDecided};
        match &self.change {
            Some(EventDecided(decided) | EntityMoved(decided) | EntityUpdated(decided)) => {
                Some(decided)
            }
            _ => None,
        }
    }
}
