use std::sync::Arc;

use foldhash::{HashMap, HashMapExt};

use crate::limits::{RESOURCE_MAX_BYTES, STAGES_MAX};
use crate::{
    Color, DisplayName, EntityKind, PipelineId, Rejection, Resource, StageId, Timestamp, Version,
};

/// An ordered list of stages for one entity kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pipeline {
    /// Its id.
    pub id: PipelineId,
    /// What people call it.
    pub display_name: DisplayName,
    /// The only kind of entity it holds; never changes (P2).
    pub kind: EntityKind,
    /// Its stages, in order.
    pub stages: Stages,
    /// How one winner is picked among triggers that all want to move (T6).
    pub selection: TriggerSelection,
    /// Which entities a customer's event reaches here (E3).
    pub reach: CustomerReach,
    /// Revision and times.
    pub version: Version,
}

/// One step of a pipeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    /// Unique in the pipeline; renaming or reordering never changes it (P2).
    pub id: StageId,
    /// What people call it.
    pub display_name: DisplayName,
    /// Whether work goes on here, or how it ended.
    pub semantics: Semantics,
    /// How a board paints it.
    pub color: Color,
}

/// What a stage means for the entities on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum Semantics {
    /// Work goes on.
    #[default]
    Open,
    /// Closed, successfully.
    Won,
    /// Closed, without success.
    Lost,
}

impl Semantics {
    /// WON and LOST are closed.
    pub fn is_closed(self) -> bool {
        match self {
            Self::Open => false,
            Self::Won | Self::Lost => true,
        }
    }
}

/// Which eligible trigger moves the entity when several could (T6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum TriggerSelection {
    /// The one on the earliest stage in pipeline order.
    #[default]
    EarliestStage,
    /// The one on the nearest stage ahead; if there is none, on the nearest behind.
    NextStage,
    /// The one on the furthest stage in pipeline order.
    FurthestStage,
}

/// Which open entities that name a customer its event reaches, in one pipeline (E3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum CustomerReach {
    /// The one that was written last.
    #[default]
    Latest,
    /// All of them.
    All,
    /// None.
    None,
}

/// The stages of a pipeline: 1 to 200, unique, at least one of them OPEN (P1, P2).
#[derive(Debug, Clone)]
pub struct Stages {
    in_order: Arc<[Stage]>,
    positions: Arc<HashMap<StageId, usize>>,
}

impl Stages {
    /// Checks P1 and P2; a refusal names a path under `field`.
    pub fn parse(field: &str, stages: Vec<Stage>) -> Result<Self, Rejection> {
        if stages.is_empty() || stages.len() > STAGES_MAX {
            return Err(Rejection::invalid(
                field,
                format!("has {} stages; a pipeline has 1 to {STAGES_MAX}", stages.len()),
            ));
        }
        let mut positions = HashMap::with_capacity(stages.len());
        for (position, stage) in stages.iter().enumerate() {
            if let Some(first) = positions.insert(stage.id.clone(), position) {
                return Err(Rejection::invalid(
                    format!("{field}[{position}].stage_id"),
                    format!("{:?} is the id of stage {first} already; ids are unique", stage.id),
                ));
            }
        }
        if stages.iter().all(|stage| stage.semantics.is_closed()) {
            return Err(Rejection::invalid(
                field,
                "has no OPEN stage; new entities need one to enter",
            ));
        }
        Ok(Self { in_order: stages.into(), positions: Arc::new(positions) })
    }

    /// The stages, in pipeline order.
    pub fn in_order(&self) -> std::slice::Iter<'_, Stage> {
        self.in_order.iter()
    }

    /// The stage at a position, which is one.
    pub(crate) fn at(&self, position: usize) -> &Stage {
        &self.in_order[position]
    }

    /// Where a stage stands in pipeline order.
    pub fn position(&self, id: &StageId) -> Option<usize> {
        self.positions.get(id).copied()
    }

    /// Whether a stage is WON or LOST; a stage that is not there is not.
    pub fn is_closed(&self, id: &StageId) -> bool {
        self.semantics(id).is_some_and(Semantics::is_closed)
    }

    /// What a stage means.
    pub fn semantics(&self, id: &StageId) -> Option<Semantics> {
        self.position(id).map(|position| self.at(position).semantics)
    }

    /// The stage that new entities enter (P1).
    pub fn first_open(&self) -> &StageId {
        let stage = self.in_order.iter().find(|stage| !stage.semantics.is_closed());
        // `parse` refuses pipelines without an open stage.
        &stage.unwrap_or(&self.in_order[0]).id
    }
}

impl PartialEq for Stages {
    fn eq(&self, other: &Self) -> bool {
        self.in_order == other.in_order
    }
}

impl Eq for Stages {}

/// What a new pipeline is made of.
#[derive(Debug, Clone)]
pub struct NewPipeline {
    /// Its id.
    pub id: PipelineId,
    /// What people call it.
    pub display_name: DisplayName,
    /// The only kind of entity it holds.
    pub kind: EntityKind,
    /// Its stages, in order.
    pub stages: Stages,
    /// How one winner is picked (T6).
    pub selection: TriggerSelection,
    /// Which entities a customer's event reaches (E3).
    pub reach: CustomerReach,
}

/// What an update may change; `None` leaves as it is.
#[derive(Debug, Clone, Default)]
pub struct PipelinePatch {
    /// The kind that the caller believes it has: any other is refused (P2).
    pub kind: Option<EntityKind>,
    /// A new display name.
    pub display_name: Option<DisplayName>,
    /// All stages anew, in order.
    pub stages: Option<Stages>,
    /// Another selection.
    pub selection: Option<TriggerSelection>,
    /// Another reach.
    pub reach: Option<CustomerReach>,
}

impl Pipeline {
    /// A new pipeline.
    pub fn create(new: NewPipeline, version: Version) -> Result<Self, Rejection> {
        let NewPipeline { id, display_name, kind, stages, selection, reach } = new;
        Self { id, display_name, kind, stages, selection, reach, version }.within_limit()
    }

    /// This pipeline after `patch`; the same revision when nothing changes. `usage` counts the
    /// triggers and entities on a stage: a stage in use cannot go (P2).
    pub fn revised(
        &self,
        patch: PipelinePatch,
        usage: impl Fn(&StageId) -> (u64, u64),
        now: Timestamp,
    ) -> Result<Self, Rejection> {
        let PipelinePatch { kind, display_name, stages, selection, reach } = patch;
        if kind.is_some_and(|kind| kind != self.kind) {
            return Err(Rejection::Immutable {
                field: "entity_kind".to_owned(),
                remedy: "create another pipeline for that kind",
            });
        }
        let mut revised = self.clone();
        if let Some(display_name) = display_name {
            revised.display_name = display_name;
        }
        if let Some(selection) = selection {
            revised.selection = selection;
        }
        if let Some(reach) = reach {
            revised.reach = reach;
        }
        if let Some(stages) = stages {
            for gone in self.stages.in_order().filter(|old| stages.position(&old.id).is_none()) {
                let (triggers, entities) = usage(&gone.id);
                if triggers + entities > 0 {
                    let stage_id = gone.id.to_string();
                    return Err(Rejection::StageInUse { stage_id, triggers, entities });
                }
            }
            revised.stages = stages;
        }
        if revised != *self {
            revised.version = self.version.next(now);
        }
        revised.within_limit()
    }

    /// Refuses unless a stage of this id exists; the refusal names `field`.
    pub fn require_stage(&self, field: &str, id: &StageId) -> Result<(), Rejection> {
        match self.stages.position(id) {
            Some(_) => Ok(()),
            None => Err(Rejection::missing(field, Resource::Stage, &format!("{}/{id}", self.id))),
        }
    }

    fn within_limit(self) -> Result<Self, Rejection> {
        let text = |stage: &Stage| {
            stage.id.as_str().len() + stage.display_name.as_str().len() + stage.color.as_str().len()
        };
        let bytes = self.display_name.as_str().len()
            + self.stages.in_order().map(|stage| 8 + text(stage)).sum::<usize>();
        if bytes > RESOURCE_MAX_BYTES {
            return Err(Rejection::invalid(
                "stages",
                format!("take {bytes} bytes, the limit is {RESOURCE_MAX_BYTES}; shorten names"),
            ));
        }
        Ok(self)
    }
}
