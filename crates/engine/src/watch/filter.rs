use std::borrow::Borrow;
use std::collections::HashSet;
use std::hash::Hash;

use pawl_domain::{
    Entity, EntityId, EntityKind, Move, PipelineId, Responsible, StageId, TriggerId,
};

use crate::Scope;

/// Which moves a watch shows; an empty set means any (W1).
#[derive(Debug, Clone, Default)]
pub struct MoveFilter {
    /// Kinds of the entity.
    pub kinds: HashSet<EntityKind>,
    /// The pipeline, before or after the move.
    pub pipeline_ids: HashSet<PipelineId>,
    /// The stage that was left.
    pub from_stage_ids: HashSet<StageId>,
    /// The stage that was entered.
    pub to_stage_ids: HashSet<StageId>,
    /// The entity.
    pub entity_ids: HashSet<EntityId>,
    /// The trigger that moved it.
    pub trigger_ids: HashSet<TriggerId>,
    /// In charge after the move.
    pub responsibles: HashSet<Responsible>,
}

/// Where an entity stands, as far as filters look at it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Standing<'a> {
    pub(crate) id: &'a EntityId,
    pub(crate) pipeline_id: &'a PipelineId,
    pub(crate) stage_id: &'a StageId,
    pub(crate) responsible: Option<&'a Responsible>,
}

impl<'a> Standing<'a> {
    pub(crate) fn of(entity: &'a Entity) -> Self {
        let Entity { id, pipeline_id, stage_id, responsible, .. } = entity;
        Self { id, pipeline_id, stage_id, responsible: responsible.as_ref() }
    }

    /// Before a move, and after it.
    pub(crate) fn around(moved: &'a Move) -> [Self; 2] {
        let responsible = moved.responsible.as_ref();
        let (id, pipeline_id) = (&moved.entity_id, &moved.pipeline_id);
        let after = Self { id, pipeline_id, stage_id: &moved.to_stage_id, responsible };
        let left = moved.from_pipeline_id.as_ref().unwrap_or(pipeline_id);
        [Self { pipeline_id: left, stage_id: &moved.from_stage_id, ..after }, after]
    }
}

impl MoveFilter {
    /// Whether a move is shown.
    pub fn matches(&self, moved: &Move) -> bool {
        let from_pipeline =
            moved.from_pipeline_id.as_ref().is_some_and(|id| self.pipeline_ids.contains(id));
        (self.kinds.is_empty() || self.kinds.contains(moved.entity_id.kind()))
            && (any(&self.pipeline_ids, Some(&moved.pipeline_id)) || from_pipeline)
            && any(&self.from_stage_ids, Some(&moved.from_stage_id))
            && any(&self.to_stage_ids, Some(&moved.to_stage_id))
            && any(&self.entity_ids, Some(&moved.entity_id))
            && any(&self.trigger_ids, moved.cause.trigger_id())
            && any(&self.responsibles, moved.responsible.as_ref())
    }

    /// Whether an entity that stands there is shown. What caused a move, and from where, is no
    /// property of an entity.
    pub(crate) fn holds(&self, standing: Standing<'_>) -> bool {
        (self.kinds.is_empty() || self.kinds.contains(standing.id.kind()))
            && any(&self.pipeline_ids, Some(standing.pipeline_id))
            && any(&self.to_stage_ids, Some(standing.stage_id))
            && any(&self.entity_ids, Some(standing.id))
            && any(&self.responsibles, standing.responsible)
    }

    /// Whether everything is shown.
    pub(crate) fn is_open(&self) -> bool {
        self.kinds.is_empty()
            && self.pipeline_ids.is_empty()
            && self.from_stage_ids.is_empty()
            && self.to_stage_ids.is_empty()
            && self.entity_ids.is_empty()
            && self.trigger_ids.is_empty()
            && self.responsibles.is_empty()
    }
}

fn any<T: Eq + Hash>(set: &HashSet<T>, value: Option<&T>) -> bool {
    set.is_empty() || value.is_some_and(|value| set.contains(value))
}

/// By what moves and changes are looked up, so that a watcher is woken only by those that it may
/// show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    Entity,
    Trigger,
    Pipeline,
    ToStage,
    FromStage,
    Responsible,
    Kind,
}

impl Key {
    pub(crate) const COUNT: usize = 7;
}

/// What a watcher has to look at: everything, or what one of its lists names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Interest {
    All,
    Some(Key, Vec<String>),
}

impl Interest {
    /// The list of a filter that is likely to match the least; of pipelines those that are in the
    /// scope. Stages, triggers and responsibles are of no use when changes of entities are shown
    /// too: one may leave the filter by them.
    pub(crate) fn of(filter: &MoveFilter, with_entities: bool, scope: &Scope) -> Self {
        fn named<T: Borrow<str>>(key: Key, set: &HashSet<T>) -> Option<Interest> {
            let values = || set.iter().map(|value| value.borrow().to_owned()).collect();
            (!set.is_empty()).then(|| Interest::Some(key, values()))
        }
        let by_move = || {
            named(Key::Trigger, &filter.trigger_ids)
                .or_else(|| named(Key::Responsible, &filter.responsibles))
        };
        let by_pipeline = || match scope.pipelines() {
            None => named(Key::Pipeline, &filter.pipeline_ids),
            Some(scope) => {
                let wanted = scope.iter().filter(|id| any(&filter.pipeline_ids, Some(*id)));
                Some(Self::Some(Key::Pipeline, wanted.map(ToString::to_string).collect()))
            }
        };
        let by_stage = || {
            named(Key::ToStage, &filter.to_stage_ids)
                .or_else(|| named(Key::FromStage, &filter.from_stage_ids))
        };
        named(Key::Entity, &filter.entity_ids)
            .or_else(|| by_move().filter(|_| !with_entities))
            .or_else(by_pipeline)
            .or_else(|| by_stage().filter(|_| !with_entities))
            .or_else(|| named(Key::Kind, &filter.kinds))
            .unwrap_or(Self::All)
    }
}
