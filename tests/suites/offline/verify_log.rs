//! Records that cannot follow those before them, each written with the row that it says it made.

use std::sync::Arc;

use pawl_domain::{Asked, DisplayName, Entity, Outcome, Trigger, VerdictResult, Verdicts};
use pawl_store::{Change, Fault};
use pawl_tests::cases;

use crate::edits::verified;
use crate::world::Database;

use crate::forge::{Case, Forge, decision, earlier, event, id, moves};

#[expect(clippy::too_many_lines, reason = "a table")]
fn entity_cases() -> Vec<Case> {
    vec![
        (
            "an honest update",
            |mut f| {
                let change = f.changed("deal/7", |_| ());
                let change = f.written(change);
                f.write(change, Vec::new(), |_| ());
            },
            vec![],
        ),
        (
            "an honest move",
            |mut f| {
                let last = f.row("deal/2").last_move;
                let moved = f.moved("deal/2", "offer", |_| ());
                f.write(moves(moved), vec![last], |_| ());
            },
            vec![],
        ),
        (
            "a commit time before the last",
            |mut f| {
                let time = earlier(f.head.time);
                let change = f.changed("deal/7", |e| e.version.update_time = time);
                let change = f.written(change);
                f.write(change, Vec::new(), |record| record.time = time);
            },
            vec![(Fault::CommitTime, "lies before")],
        ),
        (
            "a wrong count of moves",
            |mut f| {
                let change = f.changed("deal/7", |_| ());
                let change = f.written(change);
                f.write(change, Vec::new(), |record| record.moves_before += 1);
            },
            vec![(Fault::Counts, "moves lie before it, not")],
        ),
        (
            "a revision that jumps",
            |mut f| {
                let change = f.changed("deal/7", |e| e.version.revision = 7);
                let change = f.written(change);
                f.write(change, Vec::new(), |_| ());
            },
            vec![(Fault::Revision, "entity deal/7: it goes from revision 1 to 7")],
        ),
        (
            "another state at the same revision",
            |mut f| {
                let change = f.changed("deal/7", |e| e.version.revision = 1);
                let change = f.written(change);
                f.write(change, Vec::new(), |_| ());
            },
            vec![
                (Fault::Revision, "another name, responsible, customers, parents, fields"),
                (Fault::Revision, "another time"),
                (Fault::EntityRow, "wrote it last"),
            ],
        ),
        (
            "an import of what is there",
            |mut f| {
                let time = f.head.time;
                let entity = f.changed("deal/7", |e| e.version.create_time = time);
                f.put(&entity);
                let change = Change::EntitiesImported { entities: vec![entity], skipped: 0 };
                f.write(change, Vec::new(), |_| ());
            },
            vec![(Fault::Revision, "it is imported, but it is there")],
        ),
        (
            "an update of what is deleted",
            |mut f| {
                let entity = f.changed("deal/5", |_| ());
                f.put(&entity);
                let Change::EventDecided { event, decisions } = event(Vec::new()) else { return };
                f.write(Change::EntityUpdated { event, decisions, entity }, Vec::new(), |_| ());
            },
            vec![
                (Fault::Revision, "entity deal/5: it is changed, but it is not there"),
                (Fault::VersionTime, "created at"),
                (Fault::LinkMissing, "company/4\\x00deal/5"),
                (Fault::LinkMissing, "contact/9\\x00deal/5"),
            ],
        ),
        (
            "a deletion of what is deleted",
            |mut f| {
                let entity = f.changed("deal/5", |_| ());
                f.put(&entity);
                f.rows[0].deleted = true;
                f.write(Change::EntityDeleted(entity), Vec::new(), |_| ());
            },
            vec![
                (Fault::Revision, "entity deal/5: it is changed, but it is not there"),
                (Fault::VersionTime, "created at"),
            ],
        ),
        (
            "an old update time",
            |mut f| {
                let time = earlier(f.head.time);
                let change = f.changed("deal/7", |e| e.version.update_time = time);
                let change = f.written(change);
                f.write(change, Vec::new(), |_| ());
            },
            vec![(Fault::VersionTime, "it says it was changed at")],
        ),
        (
            "a new one with an old creation time",
            |mut f| {
                let change = f.changed("deal/7", |e| {
                    e.id = id("deal/70");
                    e.version.revision = 1;
                    e.customer_ids.clear();
                });
                let change = f.written(change);
                f.write(change, Vec::new(), |_| ());
            },
            vec![(Fault::VersionTime, "entity deal/70: it says it was created at")],
        ),
        (
            "a new one at a later revision",
            |mut f| {
                let time = f.head.time;
                let change = f.changed("deal/7", |e| {
                    e.id = id("deal/70");
                    e.version.create_time = time;
                    e.customer_ids.clear();
                });
                let change = f.written(change);
                f.write(change, Vec::new(), |_| ());
            },
            vec![(Fault::Revision, "entity deal/70: it goes from revision 0 to 2")],
        ),
        (
            "another stage without a move",
            |mut f| {
                let change = f.changed("deal/7", |e| e.stage_id = id("won"));
                let change = f.written(change);
                f.write(change, Vec::new(), |_| ());
            },
            vec![(Fault::MoveStart, "entity deal/7: it stands elsewhere without a move")],
        ),
    ]
}

#[expect(clippy::too_many_lines, reason = "a table")]
fn move_cases() -> Vec<Case> {
    vec![
        (
            "a chain that leads elsewhere",
            |mut f| {
                let moved = f.moved("deal/2", "offer", |_| ());
                f.write(moves(moved), vec![1], |_| ());
            },
            vec![(Fault::MoveChain, "it says the move before was by record 1, not record")],
        ),
        (
            "a chain that begins too late",
            |mut f| {
                let moved = f.moved("deal/7", "offer", |_| ());
                f.write(moves(moved), vec![1], |_| ());
            },
            vec![(Fault::MoveChain, "it says the move before was by record 1, not none")],
        ),
        (
            "a chain without a link",
            |mut f| {
                let moved = f.moved("deal/7", "offer", |_| ());
                f.write(moves(moved), Vec::new(), |_| ());
            },
            vec![(Fault::MoveChain, "it has 1 moves and names 0 before them")],
        ),
        (
            "a move from elsewhere",
            |mut f| {
                let moved = f.moved("deal/7", "offer", |moved| moved.from_stage_id = id("won"));
                f.write(moves(moved), vec![0], |_| ());
            },
            vec![(Fault::MoveStart, "deal/7: its move leaves won, where it did not stand")],
        ),
        (
            "a move out of another pipeline",
            |mut f| {
                let from = Some(id("bills"));
                let moved = f.moved("deal/7", "offer", |moved| moved.from_pipeline_id = from);
                f.write(moves(moved), vec![0], |_| ());
            },
            vec![(Fault::MoveStart, "deal/7: its move leaves new, where it did not stand")],
        ),
        (
            "a move that takes two revisions",
            |mut f| {
                let moved = f.moved("deal/7", "offer", |moved| moved.entity_revision += 1);
                f.write(moves(moved), vec![0], |_| ());
            },
            vec![(Fault::Revision, "its move takes it from revision 1 to 3")],
        ),
        (
            "a move of what is deleted",
            |mut f| {
                let moved = f.moved("deal/5", "offer", |_| ());
                f.rows[0].entity = Arc::new(Entity {
                    customer_ids: Vec::new(),
                    ..Entity::clone(&f.rows[0].entity)
                });
                let last = f.row("deal/5").last_move;
                f.write(moves(moved), vec![last], |_| ());
            },
            vec![
                (Fault::MoveStart, "deal/5: it is moved, but it is deleted"),
                (Fault::EntityRow, "deal/5: it has another name"),
            ],
        ),
        (
            "a move of nothing",
            |mut f| {
                let moved = f.moved("deal/7", "offer", |moved| moved.entity_id = id("deal/70"));
                f.rows.clear();
                f.write(moves(moved), vec![0], |_| ());
            },
            vec![
                (Fault::MoveStart, "deal/70: it is moved, but nothing created it"),
                (Fault::EntityMissing, "30 deal/70"),
            ],
        ),
        (
            "a move by hand of which the record keeps another result",
            |mut f| {
                let moved = f.moved("deal/7", "offer", |_| ());
                let name = DisplayName::parse("n", "Other".to_owned()).expect("a name");
                let entity = Entity { display_name: name, ..Entity::clone(&f.rows[0].entity) };
                let Change::EventDecided { event, decisions } = moves(moved) else { return };
                f.write(Change::EntityMoved { event, decisions, entity }, vec![0], |_| ());
            },
            vec![
                (Fault::Revision, "after its move it has another name"),
                (Fault::EntityRow, "30 deal/7: it has another name"),
            ],
        ),
        (
            "a verdict on a revision that there never was",
            |f| {
                let asked =
                    Asked { trigger_id: id("rises"), trigger_revision: 40, stage_id: id("offer") };
                let verdicts = Verdicts::new([asked].into(), vec![VerdictResult::SameStage]);
                let outcome = Outcome::NotMoved(id("deal/7"));
                f.write(event(vec![decision(outcome, verdicts)]), Vec::new(), |_| ());
            },
            vec![(Fault::TriggerRow, "it is missing, though record")],
        ),
    ]
}

fn configuration_cases() -> Vec<Case> {
    vec![
        (
            "a pipeline's revision that jumps",
            |f| {
                let (mut pipeline, _) = f.store.pipeline(&id("sales")).unwrap().unwrap();
                pipeline.version = pipeline.version.next(f.head.time).next(f.head.time);
                f.write(Change::PipelineWritten(pipeline), Vec::new(), |_| ());
            },
            vec![(Fault::Revision, "pipeline sales: it goes from revision 2 to 4")],
        ),
        (
            "a pipeline that is deleted twice",
            |f| {
                let (mut pipeline, _) = f.store.pipeline(&id("gone")).unwrap().unwrap();
                pipeline.version = pipeline.version.next(f.head.time);
                f.write(Change::PipelineDeleted(pipeline), Vec::new(), |_| ());
            },
            vec![(Fault::Revision, "pipeline gone: it is deleted, but it is not there")],
        ),
        (
            "a pipeline's old update time",
            |f| {
                let (mut pipeline, _) = f.store.pipeline(&id("sales")).unwrap().unwrap();
                pipeline.version = pipeline.version.next(earlier(f.head.time));
                f.write(Change::PipelineWritten(pipeline), Vec::new(), |_| ());
            },
            vec![(Fault::VersionTime, "pipeline sales: it says it was changed at")],
        ),
        (
            "a type's revision that jumps",
            |f| {
                let (mut found, _) = f.store.trigger_type(&id("moon.full")).unwrap().unwrap();
                found.version = found.version.next(f.head.time).next(f.head.time);
                f.write(Change::TriggerTypeWritten(found), Vec::new(), |_| ());
            },
            vec![(Fault::Revision, "trigger type moon.full: it goes from revision 1 to 3")],
        ),
        (
            "a trigger's revision that jumps",
            |f| {
                let mut trigger = f.trigger();
                trigger.version.revision += 1;
                f.write(Change::TriggerWritten(trigger), Vec::new(), |_| ());
            },
            vec![
                (Fault::Revision, "trigger rises: it goes from revision 3 to 5"),
                (Fault::TriggerRow, "revision 4 is missing before it"),
            ],
        ),
        (
            "a trigger that another record created",
            |f| {
                let trigger = Trigger { created_at: 1, ..f.trigger() };
                f.write(Change::TriggerWritten(trigger), Vec::new(), |_| ());
            },
            vec![(Fault::Revision, "trigger rises: it says record 1 created it, not")],
        ),
    ]
}

#[tokio::test]
async fn each_record_that_cannot_follow_is_found_by_name() {
    let young = Database::young().await;
    let tables = [entity_cases(), move_cases(), configuration_cases()];
    let mut wrong = Vec::new();
    let mut count = 0;
    for (name, forge, expected) in tables.into_iter().flatten() {
        let data = young.copied();
        forge(Forge::open(data.path()));
        let report = verified(data.path(), 100);
        let found: Vec<_> = report.findings.iter().map(ToString::to_string).collect();
        let same = report.findings.len() == expected.len()
            && report.findings.iter().zip(&expected).all(|(finding, (fault, says))| {
                let text = format!("{}: {}", finding.place, finding.problem);
                finding.fault == *fault && text.contains(says)
            });
        if !same {
            wrong.push(format!("{name}: {expected:?}\n  {}", found.join("\n  ")));
        }
        count += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    cases("offline: records that cannot follow", count, 29);
}
