use std::sync::Arc;

use pawl_domain::{Entity, Move, MoveId, PipelineId, Responsible, TriggerId};
use pawl_store::{Change, Record};

use super::filter::{Key, Standing};
use crate::token::Position;

/// How many bytes of an entity weigh as much as a move.
const BYTES_PER_WEIGHT: usize = 256;

/// One thing that a watch may show.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) at: Position,
    /// Where to go on when it was shown.
    pub(crate) after: Position,
    what: What,
}

#[derive(Debug)]
enum What {
    Moved(u32, Box<Move>),
    /// An entity was created or updated: which of those in the record.
    Written(Arc<Record>, usize),
    Deleted(Arc<Record>),
}

/// One thing that a watch shows.
#[derive(Debug, Clone, Copy)]
pub enum Shown<'a> {
    /// An entity moved.
    Move(MoveId, &'a Move),
    /// An entity was created or updated.
    Entity(&'a Entity),
    /// An entity was deleted; what it was, with the revision of the deletion.
    Deleted(&'a Entity),
}

impl Item {
    /// What a record has to show: entities that were written first, then its moves. Each has a
    /// place of its own, and before each move there is one for the entity that enters or leaves a
    /// filter by it; so a token means the same whatever the filter.
    pub(crate) fn all_of(record: &Arc<Record>) -> Vec<Self> {
        let written = written(record).len();
        let moves = record.moves().count();
        let at = |index: usize| Position {
            sequence: record.sequence,
            index: u32::try_from(index).unwrap_or(u32::MAX),
        };
        let after = |index: usize| {
            if index + 1 == written + 2 * moves {
                Position::after(record.sequence)
            } else {
                at(index + 1)
            }
        };
        let entity = |index| {
            let what = match record.change {
                Change::EntityDeleted(_) => What::Deleted(Arc::clone(record)),
                _ => What::Written(Arc::clone(record), index),
            };
            Self { at: at(index), after: after(index), what }
        };
        let moved = |(number, moved): (usize, &Move)| {
            let index = written + 2 * number + 1;
            let id = u32::try_from(number).unwrap_or(u32::MAX);
            let what = What::Moved(id, Box::new(moved.clone()));
            Self { at: at(index), after: after(index), what }
        };
        (0..written).map(entity).chain(record.moves().enumerate().map(moved)).collect()
    }

    pub(crate) fn weight(&self) -> usize {
        match self.shown() {
            Shown::Move(..) => 1,
            Shown::Entity(entity) | Shown::Deleted(entity) => {
                1 + entity.fields.size_bytes() / BYTES_PER_WEIGHT
            }
        }
    }

    pub(crate) fn shown(&self) -> Shown<'_> {
        match &self.what {
            What::Moved(index, moved) => {
                Shown::Move(MoveId { sequence: self.at.sequence, index: *index }, moved)
            }
            What::Written(record, index) => Shown::Entity(&written(record)[*index]),
            What::Deleted(record) => Shown::Deleted(&written(record)[0]),
        }
    }

    /// The move, if it is one.
    pub(crate) fn moved(&self) -> Option<&Move> {
        match &self.what {
            What::Moved(_, moved) => Some(moved),
            What::Written(..) | What::Deleted(_) => None,
        }
    }

    /// The place for the entity that enters or leaves a filter by this move.
    pub(crate) fn place_before(&self) -> Position {
        Position { index: self.at.index.saturating_sub(1), ..self.at }
    }

    /// Where an entity stood before it was written, when that was elsewhere for a filter: only the
    /// responsible can be another.
    pub(crate) fn before(&self) -> Option<Standing<'_>> {
        let What::Written(record, _) = &self.what else { return None };
        let Change::EntityUpdated { event, entity, .. } = &record.change else { return None };
        let responsible = event.changes.responsible.as_ref()?.old.as_ref();
        Some(Standing { responsible, ..Standing::of(entity) })
    }

    /// Its values of a key.
    pub(crate) fn values(&self, key: Key) -> [Option<&str>; 2] {
        let one = |value| [Some(value), None];
        match (self.shown(), key) {
            (Shown::Move(_, moved), Key::Entity) => one(moved.entity_id.as_str()),
            (Shown::Move(_, moved), Key::Kind) => one(moved.entity_id.kind()),
            (Shown::Move(_, moved), Key::Pipeline) => {
                let left = moved.from_pipeline_id.as_ref().map(PipelineId::as_str);
                [Some(moved.pipeline_id.as_str()), left]
            }
            (Shown::Move(_, moved), Key::ToStage) => one(moved.to_stage_id.as_str()),
            (Shown::Move(_, moved), Key::FromStage) => one(moved.from_stage_id.as_str()),
            (Shown::Move(_, moved), Key::Trigger) => {
                [moved.cause.trigger_id().map(TriggerId::as_str), None]
            }
            (Shown::Move(_, moved), Key::Responsible) => {
                [moved.responsible.as_ref().map(Responsible::as_str), None]
            }
            (Shown::Entity(entity) | Shown::Deleted(entity), key) => match key {
                Key::Entity => one(entity.id.as_str()),
                Key::Kind => one(entity.id.kind()),
                Key::Pipeline => one(entity.pipeline_id.as_str()),
                // Nobody who looks for these looks for entities.
                Key::ToStage | Key::FromStage | Key::Trigger | Key::Responsible => [None, None],
            },
        }
    }
}

/// The entities that a record wrote, beside its moves.
fn written(record: &Record) -> &[Entity] {
    match &record.change {
        // When nothing changed the record is there only to remember the request's id.
        Change::EntityWritten(entity) if entity.version.update_time != record.time => &[],
        Change::EntityWritten(entity)
        | Change::EntityDeleted(entity)
        | Change::EntityUpdated { entity, .. } => std::slice::from_ref(entity),
        Change::EntitiesImported { entities, .. } => entities,
        Change::EventDecided { .. }
        | Change::EntityMoved { .. }
        | Change::PipelineWritten(_)
        | Change::PipelineDeleted(_)
        | Change::TriggerTypeWritten(_)
        | Change::TriggerTypeDeleted(_)
        | Change::TriggerWritten(_)
        | Change::TriggerDeleted(_) => &[],
    }
}
