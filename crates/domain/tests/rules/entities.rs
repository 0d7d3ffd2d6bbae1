//! P1 and X1 to X5: how entities begin, change, and move by hand.

use pawl_domain::limits::LINKS_MAX;
use pawl_domain::{
    Direction, Entity, EntityPatch, EntityPlace, Fields, NewEntity, Pipeline, Rejection, Value,
};

use crate::build::{
    BOARD, at, by_hand, deal_on, id, name, named_pipeline, new_entity, pipeline, version,
};
use crate::{Reads, Refused, check};

fn read(entity: &Entity) -> String {
    let Entity { pipeline_id, stage_id, version, .. } = entity;
    format!("{pipeline_id}/{stage_id} r{}", version.revision)
}

fn created(new: NewEntity, board: &str) -> Result<String, Rejection> {
    Entity::create(new, &pipeline(board), version(1)).map(|entity| read(&entity))
}

fn entering(stage: &str) -> NewEntity {
    NewEntity { stage_id: Some(id(stage)), ..new_entity("deal/1") }
}

fn links(count: usize) -> NewEntity {
    let customer_ids = (0..count).map(|number| id(&format!("contact/{number}"))).collect();
    NewEntity { customer_ids, ..new_entity("deal/1") }
}

#[test]
fn new_entities() {
    let rows = vec![
        ("P1 enters the first stage", created(new_entity("deal/1"), BOARD), Reads("sales/a r1")),
        (
            "P1 the first that is OPEN",
            created(new_entity("deal/1"), "W+ L- c"),
            Reads("sales/c r1"),
        ),
        ("P1 the stage it names", created(entering("c"), BOARD), Reads("sales/c r1")),
        ("P1 a closed stage if it names it", created(entering("W"), BOARD), Reads("sales/W r1")),
        (
            "P1 a stage that is not there",
            created(entering("x"), BOARD),
            Refused("stage_id: stage \"sales/x\" does not exist; create it first"),
        ),
        (
            "P1 another kind",
            created(new_entity("lead/1"), BOARD),
            Refused("pipeline_id: serves deal, not lead"),
        ),
        (
            "P1 another smart process",
            created(new_entity("smart_process.repairs/1"), BOARD),
            Refused("pipeline_id: serves deal, not smart_process.repairs"),
        ),
        ("limit: 100 customers", created(links(LINKS_MAX), BOARD), Reads("sales/a r1")),
        (
            "limit: 101 customers",
            created(links(LINKS_MAX + 1), BOARD),
            Refused("customer_ids: has 101 ids, the limit is 100"),
        ),
    ];
    check("new entities", 9, rows);
}

fn fields(pairs: &[(&str, Value)]) -> Fields {
    let map = pairs.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
    Fields::parse("fields", map).unwrap()
}

/// A change of a deal on b of revision 5 with the field x.
fn revised(patch: EntityPatch) -> Result<String, Rejection> {
    let before =
        Entity { fields: fields(&[("x", Value::Number(1.0))]), ..deal_on(&pipeline(BOARD), "b") };
    let after = before.revised(patch, at(2))?;
    assert_eq!(after.stage_entered_time, at(1), "an update is no move");
    let keys: Vec<_> = after.fields.as_map().keys().cloned().collect();
    Ok(format!("{} {}", read(&after), keys.join(",")))
}

#[test]
fn updates_of_an_entity() {
    let patch = EntityPatch::default;
    let with = |pairs: &[(&str, Value)]| EntityPatch { fields: Some(fields(pairs)), ..patch() };
    let rows = vec![
        ("X1 nothing changes", revised(patch()), Reads("sales/b r5 x")),
        (
            "X1 a field is added",
            revised(with(&[("y", Value::Bool(true))])),
            Reads("sales/b r6 x,y"),
        ),
        ("X1 null removes a field", revised(with(&[("x", Value::Null)])), Reads("sales/b r6 ")),
        ("X1 null of no field", revised(with(&[("z", Value::Null)])), Reads("sales/b r5 x")),
        ("X1 the same value", revised(with(&[("x", Value::Number(1.0))])), Reads("sales/b r5 x")),
        ("X1 another value", revised(with(&[("x", Value::Number(2.0))])), Reads("sales/b r6 x")),
        (
            "X1 another responsible",
            revised(EntityPatch { responsible: Some(Some(id("bob"))), ..patch() }),
            Reads("sales/b r6 x"),
        ),
        (
            "X1 the same responsible",
            revised(EntityPatch { responsible: Some(Some(id("ann"))), ..patch() }),
            Reads("sales/b r5 x"),
        ),
        (
            "X1 nobody in charge",
            revised(EntityPatch { responsible: Some(None), ..patch() }),
            Reads("sales/b r6 x"),
        ),
        (
            "X1 another name",
            revised(EntityPatch { display_name: Some(name("Big one")), ..patch() }),
            Reads("sales/b r6 x"),
        ),
        (
            "X5 never the pipeline",
            revised(EntityPatch { pipeline_id: Some(id("other")), ..patch() }),
            Refused("pipeline_id cannot be changed: move it by hand (MoveEntity)"),
        ),
        (
            "X5 never the stage",
            revised(EntityPatch { stage_id: Some(id("c")), ..patch() }),
            Refused("stage_id cannot be changed: move it by hand (MoveEntity)"),
        ),
        (
            "X5 naming where it stands is no change",
            revised(EntityPatch {
                pipeline_id: Some(id("sales")),
                stage_id: Some(id("b")),
                ..patch()
            }),
            Reads("sales/b r5 x"),
        ),
    ];
    check("updates of an entity", 13, rows);
}

/// Moves a deal of revision 5 from `stage` by hand, and writes the move and the place after it.
fn moved(stage: &str, to: &str, there: Option<&Pipeline>) -> Result<String, Rejection> {
    let here = pipeline(BOARD);
    let entity = deal_on(&here, stage);
    let place = EntityPlace { pipeline_id: there.map(|there| there.id.clone()), stage_id: id(to) };
    let moved = entity.move_by_hand(&place, &here, there.unwrap_or(&here), by_hand(), at(9))?;
    let Some(moved) = moved else { return Ok("stays".to_owned()) };
    let after = entity.moved(&moved);
    assert_eq!((moved.time, moved.hop, &moved.cause), (at(9), 0, &by_hand()));
    assert_eq!(moved.responsible, Some(id("ann")));
    assert_eq!(moved.entity_revision, after.version.revision, "X4");
    assert_eq!((after.stage_entered_time, after.version.update_time), (at(9), at(9)));
    assert_eq!(moved.from_stage_id.as_str(), stage);
    let arrow = match moved.direction {
        Some(Direction::Forward) => ">",
        Some(Direction::Backward) => "<",
        None => "~",
    };
    let from = moved.from_pipeline_id.map(|id| format!("{id}/")).unwrap_or_default();
    Ok(format!("{from}{stage} {arrow} {}", read(&after)))
}

#[test]
fn moves_by_hand() {
    let other = named_pipeline("service", "deal", "x b Y+");
    let leads = named_pipeline("inbox", "lead", "a b");
    let same = pipeline(BOARD);
    let rows = vec![
        ("X3 forward", moved("a", "b", None), Reads("a > sales/b r6")),
        ("X3 over many stages", moved("a", "L", None), Reads("a > sales/L r6")),
        ("X3 backward needs no option", moved("d", "a", None), Reads("d < sales/a r6")),
        ("X3 into WON", moved("b", "W", None), Reads("b > sales/W r6")),
        ("X3 out of WON, forward", moved("W", "L", None), Reads("W > sales/L r6")),
        ("X3 out of WON, backward", moved("W", "a", None), Reads("W < sales/a r6")),
        ("X3 out of LOST, backward", moved("L", "W", None), Reads("L < sales/W r6")),
        ("X3 the same place is no move", moved("b", "b", None), Reads("stays")),
        ("X3 the same closed place", moved("W", "W", None), Reads("stays")),
        ("X5 its own pipeline by name", moved("b", "c", Some(&same)), Reads("b > sales/c r6")),
        ("X5 its own place by name", moved("b", "b", Some(&same)), Reads("stays")),
        (
            "X3 a stage that is not there",
            moved("a", "x", None),
            Refused("stage_id: stage \"sales/x\" does not exist; create it first"),
        ),
        ("X5 another pipeline", moved("a", "x", Some(&other)), Reads("sales/a ~ service/x r6")),
        (
            "X5 another pipeline, stage of the same id",
            moved("b", "b", Some(&other)),
            Reads("sales/b ~ service/b r6"),
        ),
        (
            "X5 from closed to closed",
            moved("W", "Y", Some(&other)),
            Reads("sales/W ~ service/Y r6"),
        ),
        (
            "X5 a stage of the old pipeline only",
            moved("a", "c", Some(&other)),
            Refused("stage_id: stage \"service/c\" does not exist; create it first"),
        ),
        (
            "X5 a pipeline of another kind",
            moved("a", "b", Some(&leads)),
            Refused("pipeline_id: serves lead, not deal"),
        ),
    ];
    check("moves by hand", 17, rows);
}
