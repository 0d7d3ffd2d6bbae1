use std::fmt;

use crate::limits::SUBJECTS_MAX;
use crate::{
    Actor, Changes, CustomerId, EntityId, EventId, EventType, Fields, Rejection, Source, Timestamp,
};

/// The source of events that the service itself makes; sources that begin so are reserved (E1).
pub const SERVICE_SOURCE: &str = "pawl";
/// The type of changes to an entity's fields: the service's own, never published (E1).
pub const ENTITY_UPDATED: &str = "entity.updated";
/// An invoice was paid: also what the service itself says of one that is won (X2).
pub const INVOICE_PAID: &str = "invoice.paid";
/// Moves by hand (X3).
const ENTITY_MOVED: &str = "entity.moved";

/// Something that happened: a customer's action or a change in the CRM, as it was sent (E1).
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// The producer's id of it, unique within the source (E4).
    pub id: EventId,
    /// Who says so.
    pub source: Source,
    /// What happened.
    pub event_type: EventType,
    /// When it happened; `None` when the producer did not say: then, when it was accepted.
    pub time: Option<Timestamp>,
    /// Who caused it.
    pub actor: Option<Actor>,
    /// Whom it is about, 1 to 100.
    pub subjects: Vec<Subject>,
    /// Everything else that is known of it.
    pub attributes: Fields,
    /// What an update made through the service changed; nothing for all other events (X1).
    pub changes: Changes,
}

/// Whom an event is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Subject {
    /// An entity, which is considered itself (E2).
    Entity(EntityId),
    /// A customer, who reaches the open entities that name it (E3).
    Customer(CustomerId),
}

impl Subject {
    /// Reads an entity's or a customer's id; a refusal names `field`.
    pub fn parse(field: &str, text: &str) -> Result<Self, Rejection> {
        match text.split_once('/') {
            Some(("contact" | "company", _)) => CustomerId::parse(field, text).map(Self::Customer),
            _ => EntityId::parse(field, text).map(Self::Entity),
        }
    }

    /// The id as it is written.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Entity(id) => id.as_str(),
            Self::Customer(id) => id.as_str(),
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Event {
    /// Refuses what cannot be published: too few or many subjects, and names that belong to the
    /// service itself (E1).
    pub fn check_published(&self) -> Result<(), Rejection> {
        if self.subjects.is_empty() || self.subjects.len() > SUBJECTS_MAX {
            return Err(Rejection::invalid(
                "subjects",
                format!("has {}; an event has 1 to {SUBJECTS_MAX}", self.subjects.len()),
            ));
        }
        let reserved = |field: &str, value: &str| Rejection::Reserved {
            field: field.to_owned(),
            value: value.to_owned(),
        };
        if self.source.as_str().starts_with(SERVICE_SOURCE) {
            return Err(reserved("source", self.source.as_str()));
        }
        if self.event_type.as_str() == ENTITY_UPDATED {
            return Err(reserved("type", self.event_type.as_str()));
        }
        Ok(())
    }

    /// The event that records a move by hand (X3).
    pub fn moved_by_hand(id: EventId, entity_id: EntityId, actor: Option<Actor>) -> Self {
        Self::of_service(ENTITY_MOVED, id, entity_id, actor, Changes::default())
    }

    /// The event that an update of fields or responsible is (X1).
    pub fn updated(
        id: EventId,
        entity_id: EntityId,
        actor: Option<Actor>,
        changes: Changes,
    ) -> Self {
        Self::of_service(ENTITY_UPDATED, id, entity_id, actor, changes)
    }

    fn of_service(
        event_type: &'static str,
        id: EventId,
        entity_id: EntityId,
        actor: Option<Actor>,
        changes: Changes,
    ) -> Self {
        Self {
            id,
            source: service_name(SERVICE_SOURCE),
            event_type: service_name(event_type),
            time: None,
            actor,
            subjects: vec![Subject::Entity(entity_id)],
            attributes: Fields::default(),
            changes,
        }
    }

    /// The event that a paid invoice is for its parents: it carries the identity of the one that
    /// began the chain, and nothing of what that one says (X2).
    pub(crate) fn invoice_paid(&self, parents: &[EntityId]) -> Self {
        Self {
            event_type: service_name(INVOICE_PAID),
            subjects: parents.iter().cloned().map(Subject::Entity).collect(),
            attributes: Fields::default(),
            changes: Changes::default(),
            ..self.clone()
        }
    }
}

/// A name of the service's own, which is always well-formed.
fn service_name<T: std::str::FromStr<Err = Rejection>>(name: &'static str) -> T {
    name.parse().unwrap_or_else(|_| unreachable!("{name:?} is well-formed"))
}
