use crate::limits::{LINKS_MAX, RESOURCE_MAX_BYTES};
use crate::{
    Cause, CustomerId, Direction, DisplayName, EntityId, Fields, Move, Pipeline, PipelineId,
    Rejection, Responsible, StageId, Timestamp, Version,
};

/// A CRM record that moves through the stages of a pipeline.
#[derive(Debug, Clone, PartialEq)]
pub struct Entity {
    /// Its id, which holds its kind.
    pub id: EntityId,
    /// The pipeline it is in; only a move by hand changes it (X5).
    pub pipeline_id: PipelineId,
    /// The stage it stands on; only moves change it.
    pub stage_id: StageId,
    /// What people call it.
    pub display_name: DisplayName,
    /// The employee in charge.
    pub responsible: Option<Responsible>,
    /// The customers it names.
    pub customer_ids: Vec<CustomerId>,
    /// The entities it belongs to.
    pub parent_ids: Vec<EntityId>,
    /// Everything else that is known of it.
    pub fields: Fields,
    /// When it came to its stage.
    pub stage_entered_time: Timestamp,
    /// Revision and times (X4).
    pub version: Version,
}

/// Where a move by hand takes an entity (X3, X5).
#[derive(Debug, Clone)]
pub struct EntityPlace {
    /// Another pipeline of the same kind; `None` stays in this one.
    pub pipeline_id: Option<PipelineId>,
    /// Any stage of that pipeline.
    pub stage_id: StageId,
}

/// What a new entity is made of.
#[derive(Debug, Clone)]
pub struct NewEntity {
    /// Its id.
    pub id: EntityId,
    /// The pipeline it enters.
    pub pipeline_id: PipelineId,
    /// The stage it enters; `None` means the first OPEN one (P1).
    pub stage_id: Option<StageId>,
    /// What people call it.
    pub display_name: DisplayName,
    /// The employee in charge.
    pub responsible: Option<Responsible>,
    /// The customers it names.
    pub customer_ids: Vec<CustomerId>,
    /// The entities it belongs to.
    pub parent_ids: Vec<EntityId>,
    /// Everything else that is known of it.
    pub fields: Fields,
}

/// What an update may change; `None` leaves as it is.
#[derive(Debug, Clone, Default)]
pub struct EntityPatch {
    /// The pipeline that the caller believes it is in: any other is refused (X5).
    pub pipeline_id: Option<PipelineId>,
    /// The stage that the caller believes it stands on: any other is refused (X5).
    pub stage_id: Option<StageId>,
    /// A new display name.
    pub display_name: Option<DisplayName>,
    /// Another responsible, or none.
    pub responsible: Option<Option<Responsible>>,
    /// All customers anew.
    pub customer_ids: Option<Vec<CustomerId>>,
    /// All parents anew.
    pub parent_ids: Option<Vec<EntityId>>,
    /// Laid over the fields key by key; null removes a key.
    pub fields: Option<Fields>,
}

impl Entity {
    /// A new entity in `pipeline`, which is the one it names.
    pub fn create(
        new: NewEntity,
        pipeline: &Pipeline,
        version: Version,
    ) -> Result<Self, Rejection> {
        require_kind("pipeline_id", &new.id, pipeline)?;
        let stage_id = match new.stage_id {
            Some(stage_id) => {
                pipeline.require_stage("stage_id", &stage_id)?;
                stage_id
            }
            None => pipeline.stages.first_open().clone(),
        };
        Self {
            id: new.id,
            pipeline_id: new.pipeline_id,
            stage_id,
            display_name: new.display_name,
            responsible: new.responsible,
            customer_ids: new.customer_ids,
            parent_ids: new.parent_ids,
            fields: new.fields.without_nulls(),
            stage_entered_time: version.create_time,
            version,
        }
        .within_limit()
    }

    /// This entity after `patch`; the same revision when nothing changes.
    pub fn revised(&self, patch: EntityPatch, now: Timestamp) -> Result<Self, Rejection> {
        let EntityPatch {
            pipeline_id,
            stage_id,
            display_name,
            responsible,
            customer_ids,
            parent_ids,
            fields,
        } = patch;
        let immutable = |field: &str| Rejection::Immutable {
            field: field.to_owned(),
            remedy: "move it by hand (MoveEntity)",
        };
        if pipeline_id.is_some_and(|id| id != self.pipeline_id) {
            return Err(immutable("pipeline_id"));
        }
        if stage_id.is_some_and(|id| id != self.stage_id) {
            return Err(immutable("stage_id"));
        }
        let mut revised = Self {
            display_name: display_name.unwrap_or_else(|| self.display_name.clone()),
            responsible: responsible.unwrap_or_else(|| self.responsible.clone()),
            customer_ids: customer_ids.unwrap_or_else(|| self.customer_ids.clone()),
            parent_ids: parent_ids.unwrap_or_else(|| self.parent_ids.clone()),
            fields: match fields {
                Some(patch) => self.fields.merged("fields", &patch)?,
                None => self.fields.clone(),
            },
            ..self.clone()
        };
        if revised != *self {
            revised.version = self.version.next(now);
        }
        revised.within_limit()
    }

    /// The move that takes this entity to `place` by hand (X3), or `None` when it is there already.
    /// `here` is its pipeline and `there` the one it goes to, which may be the same.
    pub fn move_by_hand(
        &self,
        place: &EntityPlace,
        here: &Pipeline,
        there: &Pipeline,
        cause: Cause,
        now: Timestamp,
    ) -> Result<Option<Move>, Rejection> {
        require_kind("pipeline_id", &self.id, there)?;
        there.require_stage("stage_id", &place.stage_id)?;
        let changes_pipeline = here.id != there.id;
        if !changes_pipeline && place.stage_id == self.stage_id {
            return Ok(None);
        }
        let direction = match changes_pipeline {
            true => None,
            false
                if there.stages.position(&place.stage_id)
                    > here.stages.position(&self.stage_id) =>
            {
                Some(Direction::Forward)
            }
            false => Some(Direction::Backward),
        };
        Ok(Some(Move {
            entity_id: self.id.clone(),
            pipeline_id: there.id.clone(),
            from_pipeline_id: changes_pipeline.then(|| here.id.clone()),
            from_stage_id: self.stage_id.clone(),
            to_stage_id: place.stage_id.clone(),
            direction,
            cause,
            hop: 0,
            time: now,
            responsible: self.responsible.clone(),
            entity_revision: self.version.revision + 1,
        }))
    }

    /// This entity after a move of it.
    #[must_use]
    pub fn moved(&self, to: &Move) -> Self {
        Self {
            pipeline_id: to.pipeline_id.clone(),
            stage_id: to.to_stage_id.clone(),
            stage_entered_time: to.time,
            version: self.version.next(to.time),
            ..self.clone()
        }
    }

    fn within_limit(self) -> Result<Self, Rejection> {
        for (field, count) in
            [("customer_ids", self.customer_ids.len()), ("parent_ids", self.parent_ids.len())]
        {
            if count > LINKS_MAX {
                return Err(Rejection::invalid(
                    field,
                    format!("has {count} ids, the limit is {LINKS_MAX}"),
                ));
            }
        }
        let customers = self.customer_ids.iter().map(CustomerId::as_str);
        let parents = self.parent_ids.iter().map(EntityId::as_str);
        let bytes = self.fields.size_bytes()
            + self.display_name.as_str().len()
            + customers.chain(parents).map(|id| 8 + id.len()).sum::<usize>();
        if bytes > RESOURCE_MAX_BYTES {
            return Err(Rejection::invalid(
                "fields",
                format!(
                    "and links take {bytes} bytes, the limit is {RESOURCE_MAX_BYTES}; name fewer"
                ),
            ));
        }
        Ok(self)
    }
}

fn require_kind(field: &str, id: &EntityId, pipeline: &Pipeline) -> Result<(), Rejection> {
    if id.kind() == pipeline.kind.as_str() {
        return Ok(());
    }
    Err(Rejection::KindMismatch {
        field: field.to_owned(),
        expected: pipeline.kind.to_string(),
        actual: id.kind().to_owned(),
    })
}
