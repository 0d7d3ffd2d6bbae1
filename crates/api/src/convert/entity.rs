use pawl_domain::{
    CustomerId, DisplayName, Entity, EntityId, EntityPatch, NewEntity, PipelineId, Rejection,
    Responsible, StageId,
};
use prost_types::FieldMask;

use super::mask::{Mask, Updatable};
use super::value::{each, fields, fields_to_pb, optional, optional_to_pb, timestamp_to_pb};
use crate::pb;

const UPDATABLE: Updatable = Updatable {
    resource: "entity",
    key: "entity_id",
    changeable: &["display_name", "responsible", "customer_ids", "parent_ids", "fields"],
    claimable: &["pipeline_id", "stage_id"],
    output: &["revision", "create_time", "update_time", "stage_entered_time"],
};

/// What CreateEntity asks for, or one entity of an import; `path` says where the request holds it:
/// `entity` or `entities[3]`.
pub fn new_entity(path: &str, entity: pb::Entity) -> Result<NewEntity, Rejection> {
    parse_new(entity).map_err(|rejection| rejection.within(path))
}

/// What UpdateEntity asks for. Pipeline and stage, if sent, are claims that the domain checks (X5).
pub fn entity_patch(
    entity: pb::Entity,
    mask: Option<FieldMask>,
) -> Result<(EntityId, EntityPatch), Rejection> {
    let mask = UPDATABLE.mask(mask)?;
    parse_patch(entity, &mask).map_err(|rejection| rejection.within(UPDATABLE.resource))
}

fn parse_new(entity: pb::Entity) -> Result<NewEntity, Rejection> {
    Ok(NewEntity {
        id: EntityId::parse("entity_id", &entity.entity_id)?,
        pipeline_id: PipelineId::parse("pipeline_id", &entity.pipeline_id)?,
        stage_id: optional("stage_id", &entity.stage_id, StageId::parse)?,
        display_name: DisplayName::parse("display_name", entity.display_name)?,
        responsible: responsible("responsible", &entity.responsible)?,
        customer_ids: customers("customer_ids", entity.customer_ids)?,
        parent_ids: parents("parent_ids", entity.parent_ids)?,
        fields: fields("fields", entity.fields.unwrap_or_default())?,
    })
}

fn parse_patch(entity: pb::Entity, mask: &Mask) -> Result<(EntityId, EntityPatch), Rejection> {
    let id = EntityId::parse("entity_id", &entity.entity_id)?;
    let patch = EntityPatch {
        pipeline_id: mask.change("pipeline_id", entity.pipeline_id.as_str(), PipelineId::parse)?,
        stage_id: mask.change("stage_id", entity.stage_id.as_str(), StageId::parse)?,
        display_name: mask.change("display_name", entity.display_name, DisplayName::parse)?,
        responsible: mask.change("responsible", entity.responsible.as_str(), responsible)?,
        customer_ids: mask.change("customer_ids", entity.customer_ids, customers)?,
        parent_ids: mask.change("parent_ids", entity.parent_ids, parents)?,
        fields: mask.change("fields", entity.fields.unwrap_or_default(), fields)?,
    };
    Ok((id, patch))
}

fn responsible(field: &str, text: &str) -> Result<Option<Responsible>, Rejection> {
    optional(field, text, Responsible::parse)
}

fn customers(field: &str, ids: Vec<String>) -> Result<Vec<CustomerId>, Rejection> {
    each(field, &ids, CustomerId::parse)
}

fn parents(field: &str, ids: Vec<String>) -> Result<Vec<EntityId>, Rejection> {
    each(field, &ids, EntityId::parse)
}

impl From<&Entity> for pb::Entity {
    fn from(entity: &Entity) -> Self {
        Self {
            entity_id: entity.id.to_string(),
            pipeline_id: entity.pipeline_id.to_string(),
            stage_id: entity.stage_id.to_string(),
            display_name: entity.display_name.to_string(),
            responsible: optional_to_pb(entity.responsible.as_ref()),
            customer_ids: entity.customer_ids.iter().map(ToString::to_string).collect(),
            parent_ids: entity.parent_ids.iter().map(ToString::to_string).collect(),
            fields: Some(fields_to_pb(&entity.fields)),
            revision: entity.version.revision,
            create_time: Some(timestamp_to_pb(entity.version.create_time)),
            update_time: Some(timestamp_to_pb(entity.version.update_time)),
            stage_entered_time: Some(timestamp_to_pb(entity.stage_entered_time)),
        }
    }
}

/// An entity that was deleted: what it was, with the revision of the deletion.
impl From<&Entity> for pb::EntityDeleted {
    fn from(entity: &Entity) -> Self {
        Self {
            entity_id: entity.id.to_string(),
            pipeline_id: entity.pipeline_id.to_string(),
            stage_id: entity.stage_id.to_string(),
            revision: entity.version.revision,
            time: Some(timestamp_to_pb(entity.version.update_time)),
        }
    }
}
