//! P1 and P2: what a pipeline may look like, and what of it may change.

use pawl_domain::limits::STAGES_MAX;
use pawl_domain::{Pipeline, PipelinePatch, Rejection, StageId, TriggerSelection};

use crate::build::{at, id, name, named_pipeline, pipeline, stages};
use crate::{Reads, Refused, check};

/// The board and the revision.
fn read(pipeline: &Pipeline) -> String {
    let ids: Vec<&str> = pipeline.stages.in_order().map(|stage| stage.id.as_str()).collect();
    format!("{} r{}", ids.join(" "), pipeline.version.revision)
}

fn board(text: &str) -> Result<String, Rejection> {
    let stages = stages(text)?;
    Ok(format!("{} stages, new ones enter {}", stages.in_order().count(), stages.first_open()))
}

fn many(count: usize) -> String {
    (1..=count).map(|number| format!("s{number}")).collect::<Vec<_>>().join(" ")
}

/// Triggers and entities: 2 and 0 stand on b, 0 and 3 on c, 1 and 1 on d.
fn usage(stage: &StageId) -> (u64, u64) {
    match stage.as_str() {
        "b" => (2, 0),
        "c" => (0, 3),
        "d" => (1, 1),
        _ => (0, 0),
    }
}

fn revised(patch: PipelinePatch) -> Result<String, Rejection> {
    pipeline("a b c d W+").revised(patch, usage, at(2)).map(|pipeline| read(&pipeline))
}

fn restaged(board: &str) -> Result<String, Rejection> {
    revised(PipelinePatch { stages: Some(stages(board)?), ..PipelinePatch::default() })
}

#[test]
fn stages_of_a_pipeline() {
    let rows = vec![
        ("P1 no stage", board(""), Refused("stages: has 0 stages; a pipeline has 1 to 200")),
        ("P1 one stage", board("a"), Reads("1 stages, new ones enter a")),
        ("P1 200 stages", board(&many(STAGES_MAX)), Reads("200 stages, new ones enter s1")),
        (
            "P1 201 stages",
            board(&many(STAGES_MAX + 1)),
            Refused("stages: has 201 stages; a pipeline has 1 to 200"),
        ),
        (
            "P1 all closed",
            board("W+ L-"),
            Refused("stages: has no OPEN stage; new entities need one to enter"),
        ),
        ("P1 the first OPEN stage", board("W+ L- a b"), Reads("4 stages, new ones enter a")),
        (
            "P2 ids are unique",
            board("a b a"),
            Refused("stages[2].stage_id: \"a\" is the id of stage 0 already; ids are unique"),
        ),
        (
            "P2 ids are unique across semantics",
            board("a W+ W-"),
            Refused("stages[2].stage_id: \"W\" is the id of stage 1 already; ids are unique"),
        ),
        ("P2 ids differ by case", board("a A"), Reads("2 stages, new ones enter a")),
    ];
    check("stages of a pipeline", 9, rows);
}

#[test]
fn changes_of_a_pipeline() {
    let patch = PipelinePatch::default;
    let renamed = PipelinePatch { display_name: Some(name("Sales")), ..patch() };
    let selects = PipelinePatch { selection: Some(TriggerSelection::FurthestStage), ..patch() };
    let rows = vec![
        ("P2 nothing changes", revised(patch()), Reads("a b c d W r1")),
        ("P2 the same stages are no change", restaged("a b c d W+"), Reads("a b c d W r1")),
        ("P2 renaming", revised(renamed), Reads("a b c d W r2")),
        ("P3 another selection", revised(selects), Reads("a b c d W r2")),
        ("P2 reordering what is in use", restaged("d c b a W+"), Reads("d c b a W r2")),
        ("P2 adding a stage", restaged("a n b c d W+"), Reads("a n b c d W r2")),
        ("P2 other semantics", restaged("a b c d W-"), Reads("a b c d W r2")),
        ("P2 removing an unused stage", restaged("b c d W+"), Reads("b c d W r2")),
        (
            "P2 removing a stage with triggers",
            restaged("a c d W+"),
            Refused(
                "stage \"b\" is in use by 2 triggers and 0 entities; move or delete them first",
            ),
        ),
        (
            "P2 removing a stage with entities",
            restaged("a b d W+"),
            Refused(
                "stage \"c\" is in use by 0 triggers and 3 entities; move or delete them first",
            ),
        ),
        (
            "P2 removing a stage with both",
            restaged("a b c W+"),
            Refused(
                "stage \"d\" is in use by 1 triggers and 1 entities; move or delete them first",
            ),
        ),
        (
            "P2 a stage in use cannot be replaced",
            restaged("a x c d W+"),
            Refused(
                "stage \"b\" is in use by 2 triggers and 0 entities; move or delete them first",
            ),
        ),
        (
            "P1 after a change too",
            restaged("W+"),
            Refused("stages: has no OPEN stage; new entities need one to enter"),
        ),
        (
            "P2 the kind never changes",
            revised(PipelinePatch { kind: Some(id("lead")), ..patch() }),
            Refused("entity_kind cannot be changed: create another pipeline for that kind"),
        ),
        (
            "P2 naming the same kind is no change",
            revised(PipelinePatch { kind: Some(id("deal")), ..patch() }),
            Reads("a b c d W r1"),
        ),
    ];
    check("changes of a pipeline", 15, rows);
}

#[test]
fn a_change_keeps_the_creation() {
    let before = named_pipeline("sales", "deal", "a b");
    let patch = PipelinePatch { display_name: Some(name("Sales")), ..PipelinePatch::default() };
    let after = before.revised(patch, |_| (0, 0), at(7)).unwrap();
    assert_eq!((after.version.create_time, after.version.update_time), (at(1), at(7)));
}
