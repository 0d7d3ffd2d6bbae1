//! What a filter matches, word for word as the contract says it.

use pawl_api::pb;

/// Whether a list of the filter lets a value through. Nobody in charge is no value.
fn allows(list: &[String], value: &str) -> bool {
    list.is_empty() || (!value.is_empty() && list.iter().any(|allowed| allowed == value))
}

fn kind(entity_id: &str) -> &str {
    entity_id.split('/').next().unwrap_or_default()
}

/// Whether a watch with this filter shows the move.
pub(crate) fn shows(filter: &pb::MoveFilter, moved: &pb::Move) -> bool {
    let trigger = match &moved.cause {
        Some(pb::r#move::Cause::Trigger(cause)) => cause.trigger_id.as_str(),
        _ => "",
    };
    let here = allows(&filter.pipeline_ids, &moved.pipeline_id);
    let there = allows(&filter.pipeline_ids, &moved.from_pipeline_id);
    allows(&filter.entity_kinds, kind(&moved.entity_id))
        && (here || there)
        && allows(&filter.from_stage_ids, &moved.from_stage_id)
        && allows(&filter.to_stage_ids, &moved.to_stage_id)
        && allows(&filter.entity_ids, &moved.entity_id)
        && allows(&filter.trigger_ids, trigger)
        && allows(&filter.responsibles, &moved.responsible)
}

/// Whether an entity as it stands belongs to what this filter is about.
pub(crate) fn holds(filter: &pb::MoveFilter, entity: &pb::Entity) -> bool {
    allows(&filter.entity_kinds, kind(&entity.entity_id))
        && allows(&filter.pipeline_ids, &entity.pipeline_id)
        && allows(&filter.to_stage_ids, &entity.stage_id)
        && allows(&filter.entity_ids, &entity.entity_id)
        && allows(&filter.responsibles, &entity.responsible)
}
