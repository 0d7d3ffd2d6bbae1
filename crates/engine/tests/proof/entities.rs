//! X1 and X3 to X6: changes of entities.

use pawl_domain::{Cause, EntityPatch, Move};
use pawl_engine::{Change, MoveQuery};

use crate::support::{Bed, entity_on, id, pipeline, read_move, record, refused, request};

fn renamed(responsible: &str) -> EntityPatch {
    EntityPatch { responsible: Some(Some(id(responsible))), ..EntityPatch::default() }
}

#[tokio::test]
async fn a_move_by_hand_goes_anywhere_and_names_its_actor() {
    let bed = Bed::new("a b W+ L-").await;
    bed.trigger("t1", "b").await;
    bed.entity("deal/1", "a").await;
    let steps = [("L", "a>L"), ("a", "L<a"), ("W", "a>W"), ("L", "W>L"), ("W", "L<W")];
    for (revision, (stage, expected)) in (2..).zip(steps) {
        let moved = bed.move_by_hand("deal/1", stage, 0, None).await.unwrap();
        let record = record(&moved);
        let Change::EntityMoved { event, entity, .. } = &record.change else {
            panic!("{record:?}")
        };
        let made: Vec<&Move> = record.moves().collect();
        assert_eq!(read_move(made[0]), format!("{expected} by hand"), "X3");
        let Cause::Manual { actor, event_id, event_source, .. } = &made[0].cause else { panic!() };
        assert_eq!(actor, &Some(id("bob")), "X3: names the actor");
        assert_eq!((event_source.as_str(), event.source.as_str()), ("pawl", "pawl"), "X3");
        assert_eq!(event_id, &event.id);
        assert_eq!((made[0].entity_revision, moved.entity.version.revision), (revision, revision));
        assert_eq!(entity, &moved.entity);
        let stored = bed.engine.event(id("pawl"), event.id.clone()).await.unwrap().record;
        assert_eq!(stored, record, "X3: recorded as an event");
    }
    let head = bed.engine.head();
    let stays = bed.move_by_hand("deal/1", "W", 0, None).await.unwrap();
    assert!(stays.told.is_none(), "X3: it stands there already");
    assert_eq!(stays.entity.version.revision, 6);
    assert_eq!(bed.engine.head(), head);
}

#[tokio::test]
async fn a_move_into_another_pipeline_names_both() {
    let bed = Bed::new("a b").await;
    bed.engine.create_pipeline(pipeline("service", "deal", "x b"), None, false).await.unwrap();
    bed.engine.create_pipeline(pipeline("inbox", "lead", "x"), None, false).await.unwrap();
    bed.entity("deal/1", "b").await;
    assert_eq!(
        refused(bed.move_by_hand("deal/1", "inbox/x", 0, None).await),
        "pipeline_id: serves lead, not deal",
        "X5: same kind"
    );
    assert!(refused(bed.move_by_hand("deal/1", "service/a", 0, None).await).contains("service/a"));
    assert!(refused(bed.move_by_hand("deal/1", "nowhere/a", 0, None).await).contains("nowhere"));
    assert_eq!(bed.place("deal/1").await, "sales/b r1");
    let moved = bed.move_by_hand("deal/1", "service/b", 1, None).await.unwrap();
    let record = record(&moved);
    let made = record.moves().next().unwrap();
    assert_eq!(made.pipeline_id.as_str(), "service");
    assert_eq!(made.from_pipeline_id, Some(id("sales")));
    assert_eq!((made.direction, read_move(made).as_str()), (None, "b~b by hand"), "X5");
    let bed = bed.reopen().await;
    assert_eq!(bed.place("deal/1").await, "service/b r2");
    bed.engine.delete_pipeline(id("sales"), 0).await.unwrap();
    assert!(refused(bed.engine.delete_pipeline(id("service"), 0).await).contains("1 entities"));
}

#[tokio::test]
async fn writes_name_the_revision_they_expect() {
    let bed = Bed::new("a b").await;
    bed.entity("deal/1", "a").await;
    let mismatch = |actual| format!("expected revision 9, but it is {actual}; read it again and");
    let update = |expected, who| bed.update("deal/1", renamed(who), expected, None);
    assert_eq!(update(1, "bob").await.unwrap().entity.version.revision, 2, "X4");
    assert!(refused(update(9, "eve").await).starts_with(&mismatch(2)));
    assert_eq!(
        update(2, "bob").await.unwrap().entity.version.revision,
        2,
        "X1: no change, no revision"
    );
    bed.move_by_hand("deal/1", "b", 2, None).await.unwrap();
    assert!(refused(bed.move_by_hand("deal/1", "a", 9, None).await).starts_with(&mismatch(3)));
    assert!(refused(bed.engine.delete_entity(id("deal/1"), 9).await).starts_with(&mismatch(3)));
    bed.engine.delete_entity(id("deal/1"), 3).await.unwrap();
    let gone = "entity \"deal/1\" does not exist";
    assert_eq!(refused(update(0, "eve").await), gone);
    assert_eq!(refused(bed.move_by_hand("deal/1", "a", 0, None).await), gone);
    assert_eq!(refused(bed.engine.delete_entity(id("deal/1"), 0).await), gone);
    assert_eq!(refused(bed.engine.entity(id("deal/1")).await), gone);
}

#[tokio::test]
async fn an_update_never_moves() {
    let bed = Bed::new("a b").await;
    bed.engine.create_pipeline(pipeline("service", "deal", "a"), None, false).await.unwrap();
    bed.entity("deal/1", "a").await;
    let update = |patch| bed.update("deal/1", patch, 0, None);
    let stage_id = Some(id("b"));
    assert_eq!(
        refused(update(EntityPatch { stage_id, ..EntityPatch::default() }).await),
        "stage_id cannot be changed: move it by hand (MoveEntity)",
        "X5"
    );
    let pipeline_id = Some(id("service"));
    assert_eq!(
        refused(update(EntityPatch { pipeline_id, ..EntityPatch::default() }).await),
        "pipeline_id cannot be changed: move it by hand (MoveEntity)",
        "X5"
    );
    let updated = update(renamed("bob")).await.unwrap();
    assert_eq!((updated.entity.stage_id.as_str(), updated.entity.version.revision), ("a", 2));
    assert_eq!(bed.engine.head().moves, 0);
}

#[tokio::test]
async fn an_id_created_again_continues_its_revisions_and_its_history() {
    let mut bed = Bed::new("a b c").await;
    bed.trigger("t1", "b").await;
    bed.entity("deal/1", "a").await;
    bed.viewed("e1", "deal/1").await;
    bed.move_by_hand("deal/1", "c", 0, None).await.unwrap();
    bed.engine.delete_entity(id("deal/1"), 0).await.unwrap();
    assert_eq!(bed.viewed("e2", "deal/1").await, "deal/1 NOT_FOUND", "X6, E2");
    let history = async |bed: &Bed| {
        let query = MoveQuery { entity_id: Some(id("deal/1")), ..MoveQuery::default() };
        let page = bed.engine.moves(query, None, 100).await.unwrap();
        page.moves.iter().map(|found| read_move(&found.moved)).collect::<Vec<_>>()
    };
    bed = bed.reopen().await;
    assert_eq!(history(&bed).await, ["b>c by hand", "a>b by t1@1"], "X6: kept after deletion");
    let again = bed.entity("deal/1", "a").await;
    assert_eq!(again.version.revision, 5, "X6: 1 created, 2 and 3 moved, 4 deleted");
    assert_eq!(history(&bed).await, ["b>c by hand", "a>b by t1@1"]);
    bed.viewed("e3", "deal/1").await;
    let all = ["a>b by t1@1", "b>c by hand", "a>b by t1@1"];
    assert_eq!(history(&bed).await, all, "the chain goes on");
    bed = bed.reopen().await;
    assert_eq!(history(&bed).await, all);
    assert_eq!(bed.place("deal/1").await, "sales/b r6");
    assert_eq!(bed.engine.counts().entities, 1);
}

#[tokio::test]
async fn a_new_entity_needs_a_place() {
    let bed = Bed::new("a b").await;
    let create = |new| bed.engine.create_entity(new, None);
    assert!(refused(create(entity_on("deal/1", "x")).await).contains("sales/x"));
    assert!(refused(create(entity_on("lead/1", "a")).await).contains("serves deal, not lead"));
    let mut nowhere = entity_on("deal/1", "a");
    nowhere.pipeline_id = id("nowhere");
    assert!(refused(create(nowhere).await).contains("pipeline \"nowhere\" does not exist"));
    let mut unplaced = entity_on("deal/1", "a");
    unplaced.stage_id = None;
    assert_eq!(create(unplaced).await.unwrap().stage_id.as_str(), "a", "P1");
    assert!(refused(create(entity_on("deal/1", "a")).await).contains("exists already"));
    assert_eq!(bed.engine.counts().entities, 1);
}

/// What changes nothing is no write, also when its request is remembered: it does not make an entity
/// the latest of its customer.
#[tokio::test]
async fn an_update_that_changes_nothing_does_not_make_it_the_latest() {
    let bed = Bed::new("a b").await;
    bed.trigger("t1", "b").await;
    for name in ["deal/1", "deal/2"] {
        let customer_ids = vec![id("contact/9")];
        let new = pawl_domain::NewEntity { customer_ids, ..entity_on(name, "a") };
        bed.engine.create_entity(new, None).await.unwrap();
    }
    let same = bed.update("deal/1", renamed("ann"), 0, Some(request("r1", 1))).await.unwrap();
    assert_eq!(same.entity.version.revision, 1);
    assert_eq!(bed.viewed("e1", "contact/9").await, "deal/2 a>b by t1@1", "E3");
}
