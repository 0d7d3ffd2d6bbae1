//! What clients were told, and where the journal was then.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use pawl_api::pb;

use crate::rig::Rig;

/// An answer. The server had made durable what it tells of before it went out, so a power loss at
/// any later point keeps it.
#[derive(Debug, Clone)]
pub(crate) struct Note {
    /// Where the journal ended when the answer was there.
    pub(crate) position: u64,
    /// Nothing of it was committed before this.
    pub(crate) since: Duration,
    pub(crate) told: Told,
}

/// What an answer tells.
#[derive(Debug, Clone)]
pub(crate) enum Told {
    /// An event was accepted, and did this.
    Event {
        event: pb::Event,
        moves: Vec<pb::Move>,
    },
    /// An entity has this revision, and with it stands on a stage or is gone.
    Entity {
        id: String,
        revision: i64,
        stage: Option<String>,
    },
    /// The same of the others.
    Trigger {
        id: String,
        revision: i64,
        gone: bool,
    },
    Pipeline {
        id: String,
        revision: i64,
    },
    TriggerType {
        code: String,
        revision: i64,
    },
}

/// All answers, in the order in which they came.
#[derive(Debug, Default)]
pub(crate) struct Notes(Mutex<Vec<Note>>);

impl Notes {
    /// Notes what was just told.
    pub(crate) fn add(&self, rig: &Rig, since: Duration, told: impl IntoIterator<Item = Told>) {
        // After the answer, so it is rather too late than too early.
        let position = rig.position();
        let notes = told.into_iter().map(|told| Note { position, since, told });
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(notes);
    }

    pub(crate) fn all(&self) -> Vec<Note> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The moves that an outcome tells of.
pub(crate) fn moves(outcome: &pb::EventOutcome) -> Vec<pb::Move> {
    outcome.decisions.iter().filter_map(|decision| decision.r#move.clone()).collect()
}

/// What is known of an entity that an answer showed.
pub(crate) fn entity(entity: &pb::Entity) -> Told {
    Told::Entity {
        id: entity.entity_id.clone(),
        revision: entity.revision,
        stage: Some(entity.stage_id.clone()),
    }
}

impl Told {
    /// The entity as a move left it.
    pub(crate) fn moved(moved: &pb::Move) -> Self {
        Self::Entity {
            id: moved.entity_id.clone(),
            revision: moved.entity_revision,
            stage: Some(moved.to_stage_id.clone()),
        }
    }
}
