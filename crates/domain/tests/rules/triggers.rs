//! T1 and T9: what of a trigger and of its type may change.

use pawl_domain::{
    EntityKind, NewTrigger, Rejection, Trigger, TriggerPatch, TriggerState, TriggerTypePatch,
    Version,
};

use crate::build::{BOARD, at, id, name, new_trigger, pipeline, trigger_type, triggers, version};
use crate::{Reads, Refused, check};

fn read(trigger: &Trigger) -> String {
    let Trigger { stage_id, type_code, pipeline_id, version, .. } = trigger;
    format!("{pipeline_id}/{stage_id} {type_code} r{}", version.revision)
}

fn created(new: NewTrigger, kinds: &[&str]) -> Result<String, Rejection> {
    let made = Trigger::create(new, &pipeline(BOARD), &trigger_type(kinds), 3, version(1))?;
    Ok(read(&made))
}

/// A change of t1, which sits on c with revision 11.
fn revised(patch: TriggerPatch) -> Result<String, Rejection> {
    let pipeline = pipeline(BOARD);
    let trigger = &triggers(&pipeline, "c")[0].trigger;
    let after = trigger.revised(patch, &pipeline, &trigger_type(&[]), at(2))?;
    assert_eq!(after.created_at, trigger.created_at, "T6: a change does not make it younger");
    assert_eq!(after.version.create_time, at(1));
    Ok(read(&after))
}

#[test]
fn changes_of_a_trigger() {
    let patch = TriggerPatch::default;
    let rows = vec![
        (
            "T1 sits on a stage",
            created(new_trigger("t", "b"), &[]),
            Reads("sales/b email.viewed r1"),
        ),
        (
            "T1 on no stage of its pipeline",
            created(new_trigger("t", "x"), &[]),
            Refused("stage_id: stage \"sales/x\" does not exist; create it first"),
        ),
        (
            "T1 its type serves the kind",
            created(new_trigger("t", "b"), &["lead", "deal"]),
            Reads("sales/b email.viewed r1"),
        ),
        (
            "T1 its type does not serve the kind",
            created(new_trigger("t", "b"), &["lead", "invoice"]),
            Refused("trigger_type: serves lead, invoice, not deal"),
        ),
        (
            "T1 the stage may change",
            revised(TriggerPatch { stage_id: Some(id("a")), ..patch() }),
            Reads("sales/a email.viewed r12"),
        ),
        (
            "T1 to no stage of its pipeline",
            revised(TriggerPatch { stage_id: Some(id("x")), ..patch() }),
            Refused("stage_id: stage \"sales/x\" does not exist; create it first"),
        ),
        (
            "T1 the pipeline never changes",
            revised(TriggerPatch { pipeline_id: Some(id("other")), ..patch() }),
            Refused("pipeline_id cannot be changed: delete the trigger and create another"),
        ),
        (
            "T1 the type never changes",
            revised(TriggerPatch { type_code: Some(id("call.missed")), ..patch() }),
            Refused("trigger_type cannot be changed: delete the trigger and create another"),
        ),
        (
            "T1 naming the same pipeline and type is no change",
            revised(TriggerPatch {
                pipeline_id: Some(id("sales")),
                type_code: Some(id("email.viewed")),
                ..patch()
            }),
            Reads("sales/c email.viewed r11"),
        ),
        ("T9 nothing changes", revised(patch()), Reads("sales/c email.viewed r11")),
        (
            "T9 a pause is a change",
            revised(TriggerPatch { state: Some(TriggerState::Paused), ..patch() }),
            Reads("sales/c email.viewed r12"),
        ),
        (
            "T9 an option is a change",
            revised(TriggerPatch { allow_move_back: Some(true), ..patch() }),
            Reads("sales/c email.viewed r12"),
        ),
        (
            "T9 the other option is a change",
            revised(TriggerPatch { allow_reopen: Some(true), ..patch() }),
            Reads("sales/c email.viewed r12"),
        ),
        (
            "T9 a name is a change",
            revised(TriggerPatch { display_name: Some(name("Read")), ..patch() }),
            Reads("sales/c email.viewed r12"),
        ),
        (
            "T9 what it is already is no change",
            revised(TriggerPatch { stage_id: Some(id("c")), allow_reopen: Some(false), ..patch() }),
            Reads("sales/c email.viewed r11"),
        ),
    ];
    check("changes of a trigger", 15, rows);
}

fn retyped(patch: TriggerTypePatch, served: &[&str]) -> Result<String, Rejection> {
    let served: Vec<EntityKind> = served.iter().map(|kind| id(kind)).collect();
    let after = trigger_type(&["lead", "deal"]).revised(patch, served.iter(), at(2))?;
    Ok(format!("{} of {:?} r{}", after.event_type, after.kinds, after.version.revision))
}

fn kinds(kinds: &[&str]) -> TriggerTypePatch {
    let kinds = Some(kinds.iter().map(|kind| id(kind)).collect());
    TriggerTypePatch { kinds, ..TriggerTypePatch::default() }
}

#[test]
fn changes_of_a_trigger_type() {
    let listens = |event_type: &str| TriggerTypePatch {
        event_type: Some(id(event_type)),
        ..TriggerTypePatch::default()
    };
    let titled = TriggerTypePatch { title: Some(name("Read")), ..TriggerTypePatch::default() };
    let rows = vec![
        (
            "T2 what it listens to never changes",
            retyped(listens("call.missed"), &[]),
            Refused("event_type cannot be changed: delete the trigger type and register it again"),
        ),
        (
            "T2 naming the same event is no change",
            retyped(listens("email.viewed"), &[]),
            Reads("email.viewed of [\"lead\", \"deal\"] r1"),
        ),
        (
            "T9 a title is a change",
            retyped(titled, &["deal"]),
            Reads("email.viewed of [\"lead\", \"deal\"] r2"),
        ),
        (
            "T1 a kind with triggers cannot be left out",
            retyped(kinds(&["lead"]), &["deal", "deal", "lead"]),
            Refused("trigger type \"email.viewed\" is in use by 2 triggers; delete them first"),
        ),
        (
            "T1 a kind without triggers can",
            retyped(kinds(&["deal"]), &["deal"]),
            Reads("email.viewed of [\"deal\"] r2"),
        ),
        ("T1 none means all", retyped(kinds(&[]), &["deal"]), Reads("email.viewed of [] r2")),
    ];
    check("changes of a trigger type", 6, rows);
}

#[test]
fn revisions() {
    let expect = |expected: i64| version(4).expect(expected).map(|()| "fits".to_owned());
    let reads = |version: Version| {
        let Version { revision, create_time, update_time } = version;
        Ok(format!(
            "r{revision} created {} updated {}",
            create_time.seconds(),
            update_time.seconds()
        ))
    };
    let rows = vec![
        ("T9 0 expects nothing", expect(0), Reads("fits")),
        ("T9 the same revision", expect(4), Reads("fits")),
        (
            "T9 an older revision",
            expect(3),
            Refused("expected revision 3, but it is 4; read it again and repeat the change"),
        ),
        (
            "T9 a revision to come",
            expect(5),
            Refused("expected revision 5, but it is 4; read it again and repeat the change"),
        ),
        (
            "T9 a negative revision",
            expect(-1),
            Refused("expected revision -1, but it is 4; read it again and repeat the change"),
        ),
        ("T9 begins with 1", reads(Version::first(0, at(5))), Reads("r1 created 5 updated 5")),
        ("T9 grows by one", reads(version(4).next(at(6))), Reads("r5 created 1 updated 6")),
        (
            "T9 created again, continues",
            reads(Version::first(7, at(8))),
            Reads("r8 created 8 updated 8"),
        ),
    ];
    check("revisions", 8, rows);
}
