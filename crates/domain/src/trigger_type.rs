use crate::limits::KINDS_MAX;
use crate::{DisplayName, EntityKind, EventType, Prose, Rejection, Timestamp, TypeCode, Version};

/// An entry of the catalogue: which event its triggers listen to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TriggerType {
    /// Its code.
    pub code: TypeCode,
    /// The section of the catalogue that lists it.
    pub section: DisplayName,
    /// What people call it.
    pub title: DisplayName,
    /// What it is for.
    pub description: Prose,
    /// The event that its triggers listen to; never changes, for triggers rely on it.
    pub event_type: EventType,
    /// The entity kinds it serves; empty means all.
    pub kinds: Vec<EntityKind>,
    /// Revision and times.
    pub version: Version,
}

/// What a new trigger type is made of.
#[derive(Debug, Clone)]
pub struct NewTriggerType {
    /// Its code.
    pub code: TypeCode,
    /// The section of the catalogue that lists it.
    pub section: DisplayName,
    /// What people call it.
    pub title: DisplayName,
    /// What it is for.
    pub description: Prose,
    /// The event that its triggers listen to.
    pub event_type: EventType,
    /// The entity kinds it serves; empty means all.
    pub kinds: Vec<EntityKind>,
}

/// What an update may change; `None` leaves as it is.
#[derive(Debug, Clone, Default)]
pub struct TriggerTypePatch {
    /// The event that the caller believes its triggers listen to: any other is refused.
    pub event_type: Option<EventType>,
    /// Another section.
    pub section: Option<DisplayName>,
    /// A new title.
    pub title: Option<DisplayName>,
    /// A new description.
    pub description: Option<Prose>,
    /// The entity kinds anew.
    pub kinds: Option<Vec<EntityKind>>,
}

impl TriggerType {
    /// A new trigger type.
    pub fn create(new: NewTriggerType, version: Version) -> Result<Self, Rejection> {
        let NewTriggerType { code, section, title, description, event_type, kinds } = new;
        Self { code, section, title, description, event_type, kinds, version }.within_limit()
    }

    /// This type after `patch`; the same revision when nothing changes. `served` are the kinds on
    /// which triggers of this type sit: they cannot be left out.
    pub fn revised<'a>(
        &self,
        patch: TriggerTypePatch,
        served: impl Iterator<Item = &'a EntityKind>,
        now: Timestamp,
    ) -> Result<Self, Rejection> {
        let TriggerTypePatch { event_type, section, title, description, kinds } = patch;
        if event_type.is_some_and(|event_type| event_type != self.event_type) {
            return Err(Rejection::Immutable {
                field: "event_type".to_owned(),
                remedy: "delete the trigger type and register it again",
            });
        }
        let mut revised = Self {
            section: section.unwrap_or_else(|| self.section.clone()),
            title: title.unwrap_or_else(|| self.title.clone()),
            description: description.unwrap_or_else(|| self.description.clone()),
            kinds: kinds.unwrap_or_else(|| self.kinds.clone()),
            ..self.clone()
        };
        let left_out = served.filter(|kind| !revised.serves(kind)).count();
        if left_out > 0 {
            let triggers = left_out as u64;
            return Err(Rejection::TriggerTypeInUse { code: self.code.to_string(), triggers });
        }
        if revised != *self {
            revised.version = self.version.next(now);
        }
        revised.within_limit()
    }

    /// Whether triggers of this type may sit on pipelines of `kind`.
    pub fn serves(&self, kind: &EntityKind) -> bool {
        self.kinds.is_empty() || self.kinds.contains(kind)
    }

    fn within_limit(self) -> Result<Self, Rejection> {
        if self.kinds.len() > KINDS_MAX {
            return Err(Rejection::invalid(
                "entity_kinds",
                format!(
                    "has {} kinds, the limit is {KINDS_MAX}; leave it empty to serve all",
                    self.kinds.len()
                ),
            ));
        }
        Ok(self)
    }
}
