//! `EntityService`.

use pawl_api::pb;
use pawl_api::pb::ErrorReason;
use pawl_tests::{entity, fields};
use prost_types::{FieldMask, Struct, Value, value::Kind};

use crate::row::{
    Call, EXISTS, IMMUTABLE, INVALID, KIND, REQUEST_ID, REVISION, Row, absent, call, unmet,
};

/// Free values `depth` levels deep.
pub(crate) fn deep(depth: usize) -> Struct {
    let inner = match depth {
        1 => Kind::NullValue(0),
        _ => Kind::StructValue(deep(depth - 1)),
    };
    Struct { fields: [("k".to_owned(), Value { kind: Some(inner) })].into() }
}

/// Free values that take more than 32 KiB.
pub(crate) fn large() -> Struct {
    fields([("k", Some(&*"x".repeat(32 * 1_024)))])
}

fn create(entity: pb::Entity) -> Call {
    call!(
        entities
            .create_entity(pb::CreateEntityRequest { entity: Some(entity), ..Default::default() })
    )
}

fn update(entity: pb::Entity, paths: &[&str], expected_revision: i64) -> Call {
    let paths = paths.iter().map(ToString::to_string).collect();
    call!(entities.update_entity(pb::UpdateEntityRequest {
        entity: Some(entity),
        update_mask: Some(FieldMask { paths }),
        expected_revision,
        ..Default::default()
    }))
}

/// Moves to `pipeline/stage`, or with `/stage` within the pipeline.
fn go(id: &str, place: &str, change: impl Fn(&mut pb::MoveEntityRequest)) -> Call {
    let (pipeline_id, stage_id) = place.split_once('/').unwrap_or_default();
    let mut request = pb::MoveEntityRequest {
        entity_id: id.to_owned(),
        pipeline_id: pipeline_id.to_owned(),
        stage_id: stage_id.to_owned(),
        ..Default::default()
    };
    change(&mut request);
    call!(entities.move_entity(request))
}

fn delete(id: &str, expected_revision: i64) -> Call {
    let entity_id = id.to_owned();
    call!(entities.delete_entity(pb::DeleteEntityRequest { entity_id, expected_revision }))
}

fn import(messages: Vec<pb::ImportEntitiesRequest>) -> Call {
    call!(entities.import_entities(tokio_stream::iter(messages)))
}

fn message(entities: Vec<pb::Entity>) -> pb::ImportEntitiesRequest {
    pb::ImportEntitiesRequest { entities, ..Default::default() }
}

/// More than 64 KiB in all, though no field is over its own limit.
fn huge() -> pb::Entity {
    let long = "x".repeat(128);
    pb::Entity {
        customer_ids: vec![format!("contact/{long}"); 100],
        parent_ids: vec![format!("smart_process.{long}/{long}"); 100],
        fields: Some(fields([("k", Some(&*"x".repeat(32_000)))])),
        ..entity("deal/9", "sales")
    }
}

#[rustfmt::skip]
pub(crate) fn rows() -> Vec<Row> {
    let fresh = || entity("deal/9", "sales");
    let deal = || pb::Entity { entity_id: "deal/1".to_owned(), ..Default::default() };
    let nothing = |_: &mut pb::MoveEntityRequest| {};
    vec![
        Row::new("an entity that is not sent", INVALID, "entity", "is required",
            call!(entities.create_entity(pb::CreateEntityRequest::default()))),
        Row::new("an entity id without a kind", INVALID, "entity.entity_id", "such as deal/57", create(entity("57", "sales"))),
        Row::new("an entity id of a customer", INVALID, "entity.entity_id", "lead, deal", create(entity("contact/9", "sales"))),
        Row::new("an entity id with a blank", INVALID, "entity.entity_id", "A-Z a-z 0-9", create(entity("deal/a b", "sales"))),
        Row::new("an entity id that is too long", INVALID, "entity.entity_id", "limit is 128",
            create(entity(&format!("deal/{}", "x".repeat(129)), "sales"))),
        Row::new("an entity without a pipeline", INVALID, "entity.pipeline_id", "must not be empty", create(entity("deal/9", ""))),
        Row::new("an entity without an id or a pipeline", INVALID, "entity.pipeline_id", "must not be empty", create(entity("", ""))),
        Row::new("an entity in an unknown pipeline", unmet(ErrorReason::PipelineNotFound), "entity.pipeline_id", "create it first",
            create(entity("deal/9", "none"))),
        Row::new("an entity without an id in an unknown pipeline", unmet(ErrorReason::PipelineNotFound), "entity.pipeline_id", "create it first",
            create(entity("", "none"))),
        Row::new("an entity on an unknown stage", unmet(ErrorReason::StageNotFound), "entity.stage_id", "create it first",
            create(entity("deal/9", "sales/none"))),
        Row::new("an entity on another pipeline's stage", unmet(ErrorReason::StageNotFound), "entity.stage_id", "create it first",
            create(entity("deal/9", "sales/done"))),
        Row::new("an entity in a pipeline of another kind", KIND, "entity.pipeline_id", "serves deal, not lead",
            create(entity("lead/9", "sales"))),
        Row::new("an entity that exists", EXISTS, "", "choose another id", create(entity("deal/1", "sales"))),
        Row::new("a responsible that is too long", INVALID, "entity.responsible", "limit is 256",
            create(pb::Entity { responsible: "x".repeat(257), ..fresh() })),
        Row::new("a responsible with a tab", INVALID, "entity.responsible", "printable",
            create(pb::Entity { responsible: "a\tb".to_owned(), ..fresh() })),
        Row::new("an entity for a customer", INVALID, "entity.customer_ids[1]", "contact or company",
            create(pb::Entity { customer_ids: vec!["contact/1".to_owned(), "deal/1".to_owned()], ..fresh() })),
        Row::new("101 customers", INVALID, "entity.customer_ids", "limit is 100",
            create(pb::Entity { customer_ids: vec!["contact/1".to_owned(); 101], ..fresh() })),
        Row::new("a customer for a parent", INVALID, "entity.parent_ids[0]", "lead, deal",
            create(pb::Entity { parent_ids: vec!["contact/1".to_owned()], ..fresh() })),
        Row::new("101 parents", INVALID, "entity.parent_ids", "limit is 100",
            create(pb::Entity { parent_ids: vec!["deal/1".to_owned(); 101], ..fresh() })),
        Row::new("fields that are too deep", INVALID, "entity.fields", "8 levels",
            create(pb::Entity { fields: Some(deep(9)), ..fresh() })),
        Row::new("fields that are too large", INVALID, "entity.fields", "limit is 32768",
            create(pb::Entity { fields: Some(large()), ..fresh() })),
        Row::new("an entity of more than 64 KiB", INVALID, "entity.fields", "limit is 65536", create(huge())),
        Row::new("an entity with a request id of a pipeline", REQUEST_ID, "", "choose a fresh one",
            call!(entities.create_entity(pb::CreateEntityRequest {
                entity: Some(entity("deal/9", "sales")),
                request_id: "taken".to_owned(),
            }))),

        Row::new("to get an entity that does not exist", absent(ErrorReason::EntityNotFound), "", "does not exist",
            call!(entities.get_entity(pb::GetEntityRequest { entity_id: "deal/9".to_owned() }))),
        Row::new("to get an entity by half an id", INVALID, "entity_id", "such as deal/57",
            call!(entities.get_entity(pb::GetEntityRequest { entity_id: "deal".to_owned() }))),
        Row::new("to list entities of a bad id", INVALID, "pipeline_id", "A-Z a-z 0-9",
            call!(entities.list_entities(pb::ListEntitiesRequest { pipeline_id: "a/b".to_owned(), ..Default::default() }))),

        Row::new("to update an entity that does not exist", absent(ErrorReason::EntityNotFound), "", "does not exist",
            update(pb::Entity { responsible: "ann".to_owned(), ..entity("deal/9", "") }, &[], 0)),
        Row::new("to update an entity by an unknown path", INVALID, "update_mask", "responsible, customer_ids",
            update(deal(), &["owner"], 0)),
        Row::new("to update one of the fields by its path", INVALID, "update_mask", "name some of",
            update(deal(), &["fields.budget"], 0)),
        Row::new("to update the entity's id", IMMUTABLE, "entity.entity_id", "leave it out", update(deal(), &["entity_id"], 0)),
        Row::new("to update a stage's time", IMMUTABLE, "entity.stage_entered_time", "leave it out",
            update(deal(), &["stage_entered_time"], 0)),
        Row::new("to update the stage", IMMUTABLE, "entity.stage_id", "MoveEntity", update(entity("deal/1", "/won"), &[], 0)),
        Row::new("to update the pipeline", IMMUTABLE, "entity.pipeline_id", "MoveEntity", update(entity("deal/1", "service"), &[], 0)),
        Row::new("to update another revision of an entity", REVISION, "", "read it again",
            update(pb::Entity { responsible: "ann".to_owned(), ..deal() }, &[], 7)),
        Row::new("to update to fields that are too deep", INVALID, "entity.fields", "8 levels",
            update(pb::Entity { fields: Some(deep(9)), ..deal() }, &[], 0)),
        Row::new("to update with a request id of a pipeline", REQUEST_ID, "", "choose a fresh one",
            call!(entities.update_entity(pb::UpdateEntityRequest {
                entity: Some(pb::Entity { responsible: "ann".to_owned(), ..entity("deal/1", "") }),
                request_id: "taken".to_owned(),
                ..Default::default()
            }))),

        Row::new("to move an entity that does not exist", absent(ErrorReason::EntityNotFound), "", "does not exist", go("deal/9", "/won", nothing)),
        Row::new("to move nowhere", INVALID, "stage_id", "must not be empty", go("deal/1", "/", nothing)),
        Row::new("to move to an unknown stage", unmet(ErrorReason::StageNotFound), "stage_id", "create it first", go("deal/1", "/none", nothing)),
        Row::new("to move to another pipeline's stage", unmet(ErrorReason::StageNotFound), "stage_id", "create it first", go("deal/1", "/done", nothing)),
        Row::new("to move to an unknown pipeline", unmet(ErrorReason::PipelineNotFound), "pipeline_id", "create it first", go("deal/1", "none/new", nothing)),
        Row::new("to move to a pipeline of another kind", KIND, "pipeline_id", "serves lead, not deal", go("deal/1", "people/met", nothing)),
        Row::new("to move another revision of an entity", REVISION, "", "read it again",
            go("deal/1", "/won", |request| request.expected_revision = 7)),
        Row::new("to move with an actor that is too long", INVALID, "actor", "limit is 256",
            go("deal/1", "/won", |request| request.actor = "x".repeat(257))),
        Row::new("to move with a comment that is too long", INVALID, "comment", "limit is 4096",
            go("deal/1", "/won", |request| request.comment = "x".repeat(4_097))),
        Row::new("to move with a request id of a pipeline", REQUEST_ID, "", "choose a fresh one",
            go("deal/1", "/won", |request| request.request_id = "taken".into())),

        Row::new("to delete another revision of an entity", REVISION, "", "read it again", delete("deal/1", 7)),
        Row::new("to delete an entity that does not exist", absent(ErrorReason::EntityNotFound), "", "does not exist", delete("deal/9", 0)),
    ]
}

#[rustfmt::skip]
pub(crate) fn import_rows() -> Vec<Row> {
    let fresh = || entity("deal/9", "sales");
    vec![
        Row::new("to import a bad id", INVALID, "entities[1].entity_id", "such as deal/57",
            import(vec![message(vec![fresh(), entity("10", "sales")])])),
        Row::new("to import into an unknown stage", unmet(ErrorReason::StageNotFound), "entities[1].stage_id", "create it first",
            import(vec![message(vec![fresh(), entity("deal/10", "sales/none")])])),
        Row::new("to import into an unknown pipeline", unmet(ErrorReason::PipelineNotFound), "entities[0].pipeline_id", "create it first",
            import(vec![message(vec![entity("deal/9", "none")])])),
        Row::new("to import another kind", KIND, "entities[0].pipeline_id", "serves deal, not lead",
            import(vec![message(vec![entity("lead/9", "sales")])])),
        Row::new("to import an entity that exists", EXISTS, "", "choose another id",
            import(vec![message(vec![fresh(), entity("deal/1", "sales")])])),
        Row::new("to import an entity twice", EXISTS, "", "choose another id", import(vec![message(vec![fresh(), fresh()])])),
        Row::new("to import 1,001 entities in a message", INVALID, "entities", "limit is 1000",
            import(vec![message(vec![fresh(); 1_001])])),
        Row::new("to import an empty message", INVALID, "entities", "1 to 1000", import(vec![message(Vec::new())])),
        Row::new("to import in an unknown way", INVALID, "on_existing", "FAIL or SKIP",
            import(vec![pb::ImportEntitiesRequest { on_existing: 9, ..message(vec![fresh()]) }])),
        Row::new("to import with a request id of a pipeline", REQUEST_ID, "", "choose a fresh one",
            import(vec![pb::ImportEntitiesRequest { request_id: "taken".to_owned(), ..message(vec![fresh()]) }])),
    ]
}
