use pawl_domain::{Entity, Pipeline, Rejection, Trigger, TriggerState, TriggerType};
use prost_types::FieldMask;

use super::*;
use crate::convert::{
    entity_patch, new_entity, new_pipeline, new_trigger, new_trigger_type, pipeline_patch,
    trigger_patch, trigger_type_patch,
};

fn mask(paths: &[&str]) -> FieldMask {
    FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() }
}

/// One of each resource, as stored.
struct Stored {
    pipeline: Pipeline,
    trigger_type: TriggerType,
    trigger: Trigger,
    entity: Entity,
}

fn stored() -> Stored {
    let pipeline = Pipeline::create(new_pipeline(pipeline()).unwrap(), version()).unwrap();
    let trigger_type = new_trigger_type(trigger_type()).unwrap();
    let trigger_type = TriggerType::create(trigger_type, version()).unwrap();
    let trigger = new_trigger("trigger", trigger()).unwrap();
    let trigger = Trigger::create(trigger, &pipeline, &trigger_type, 1, version()).unwrap();
    let entity = new_entity("entity", entity()).unwrap();
    let entity = Entity::create(entity, &pipeline, version()).unwrap();
    Stored { pipeline, trigger_type, trigger, entity }
}

fn assert_immutable<T>(result: Result<T, Rejection>, name: &str) {
    let Err(Rejection::Immutable { field, .. }) = result else { panic!("{name} was changed") };
    assert_eq!(field, name);
}

#[test]
fn reads_give_resolved_values() {
    let Stored { pipeline, trigger_type, trigger, entity } = stored();
    let pipeline = pb::Pipeline::from(&pipeline);
    assert_eq!(pipeline.trigger_selection(), pb::TriggerSelection::EarliestStage);
    assert_eq!(pipeline.stages[0].semantics(), pb::StageSemantics::Open);
    assert_eq!(pb::TriggerType::from(&trigger_type).event_type, "email.viewed");
    assert_eq!(pb::Trigger::from(&trigger).state(), pb::TriggerState::Active);
    let read = pb::Entity::from(&entity);
    assert_eq!((read.fields, read.revision), (super::entity().fields, 1));
}

#[test]
fn masks_say_what_changes() {
    // An empty mask means every populated field, and options can only be turned on by it.
    let (id, patch) = trigger_patch(trigger(), Some(mask(&[]))).unwrap();
    assert_eq!(id.as_str(), "t1");
    assert_eq!(patch.stage_id.unwrap().as_str(), "won");
    assert_eq!((patch.allow_reopen, patch.allow_move_back), (Some(true), None));
    assert_eq!((patch.display_name, patch.state), (None, None));

    let turned_off = Some(mask(&["allow_move_back", "state", "display_name"]));
    let (_, patch) = trigger_patch(trigger(), turned_off).unwrap();
    assert_eq!((patch.allow_reopen, patch.allow_move_back), (None, Some(false)));
    assert_eq!(patch.state, Some(TriggerState::Active));
    assert_eq!(patch.display_name.unwrap().as_str(), "");
    assert_eq!((patch.stage_id, patch.pipeline_id), (None, None));

    let cleared = pb::Entity { entity_id: "deal/57".to_owned(), ..Default::default() };
    let (_, patch) = entity_patch(cleared, Some(mask(&["responsible", "customer_ids"]))).unwrap();
    assert_eq!((patch.responsible, patch.customer_ids), (Some(None), Some(Vec::new())));
    assert!(patch.fields.is_none());
}

#[test]
fn masks_refuse_what_no_update_changes() {
    let cases = [
        (pipeline_patch(pipeline(), Some(mask(&["color"]))).err(), "update_mask: \"color\""),
        (
            pipeline_patch(pipeline(), Some(mask(&["*"]))).err(),
            "display_name, stages, trigger_selection",
        ),
        (pipeline_patch(pipeline(), Some(mask(&["stages.color"]))).err(), "update_mask: "),
        (
            pipeline_patch(pipeline(), Some(mask(&["pipeline_id"]))).err(),
            "pipeline.pipeline_id cannot",
        ),
        (entity_patch(entity(), Some(mask(&["create_time"]))).err(), "entity.create_time cannot"),
        (entity_patch(entity(), Some(mask(&["fields.amount"]))).err(), "update_mask: "),
    ];
    for (rejection, part) in cases {
        let message = rejection.unwrap().to_string();
        assert!(message.contains(part), "{message:?}, not {part:?}");
    }
}

#[test]
fn a_resource_may_be_sent_back_as_it_was_read_but_not_with_other_immutable_values() {
    let now = version().update_time;
    let stored = stored();

    let sent = pb::Pipeline::from(&stored.pipeline);
    let revise = |sent, paths: &[&str]| {
        let (_, patch) = pipeline_patch(sent, Some(mask(paths))).unwrap();
        stored.pipeline.revised(patch, |_| (0, 0), now)
    };
    assert_eq!(revise(sent.clone(), &[]).unwrap(), stored.pipeline);
    let other = pb::Pipeline { entity_kind: "lead".to_owned(), ..sent };
    assert!(revise(other.clone(), &["display_name"]).is_ok());
    assert_immutable(revise(other.clone(), &[]), "entity_kind");
    assert_immutable(revise(other, &["entity_kind"]), "entity_kind");

    let sent = pb::TriggerType::from(&stored.trigger_type);
    let revise = |sent| {
        let (_, patch) = trigger_type_patch(sent, None).unwrap();
        stored.trigger_type.revised(patch, std::iter::empty(), now)
    };
    assert_eq!(revise(sent.clone()).unwrap(), stored.trigger_type);
    assert_immutable(revise(pb::TriggerType { event_type: "x".to_owned(), ..sent }), "event_type");

    let sent = pb::Trigger::from(&stored.trigger);
    let revise = |sent| {
        let (_, patch) = trigger_patch(sent, None).unwrap();
        stored.trigger.revised(patch, &stored.pipeline, &stored.trigger_type, now)
    };
    assert_eq!(revise(sent.clone()).unwrap(), stored.trigger);
    let other = pb::Trigger { pipeline_id: "x".to_owned(), ..sent.clone() };
    assert_immutable(revise(other), "pipeline_id");
    assert_immutable(revise(pb::Trigger { trigger_type: "x".to_owned(), ..sent }), "trigger_type");

    let sent = pb::Entity::from(&stored.entity);
    let revise = |sent| {
        let (_, patch) = entity_patch(sent, None).unwrap();
        stored.entity.revised(patch, now)
    };
    assert_eq!(revise(sent.clone()).unwrap(), stored.entity);
    let other = pb::Entity { pipeline_id: "x".to_owned(), ..sent.clone() };
    assert_immutable(revise(other), "pipeline_id");
    assert_immutable(revise(pb::Entity { stage_id: "won".to_owned(), ..sent }), "stage_id");
}
