//! P2, T1 and T9: pipelines, trigger types and triggers.

use pawl_domain::{PipelinePatch, TriggerPatch, TriggerState, TriggerTypePatch};
use pawl_engine::TriggerQuery;

use crate::support::{Bed, id, pipeline, refused, revision, stages, trigger, trigger_type};

fn restaged(board: &str) -> PipelinePatch {
    PipelinePatch { stages: Some(stages(board)), ..PipelinePatch::default() }
}

fn state(state: TriggerState) -> TriggerPatch {
    TriggerPatch { state: Some(state), ..TriggerPatch::default() }
}

#[tokio::test]
async fn a_stage_in_use_stays_with_its_counts() {
    let mut bed = Bed::new("a b c d").await;
    bed.trigger("t1", "b").await;
    bed.trigger("t2", "b/paused").await;
    bed.entity("deal/1", "b").await;
    bed.entity("deal/2", "c").await;
    bed.entity("deal/3", "a").await;
    bed.move_by_hand("deal/3", "c", 0, None).await.unwrap();
    bed.entity("deal/4", "d").await;
    bed.engine.delete_entity(id("deal/4"), 0).await.unwrap();
    for _ in 0..2 {
        let update = |board| bed.engine.update_pipeline(id("sales"), restaged(board), 0, false);
        assert_eq!(
            refused(update("a c d").await),
            "stage \"b\" is in use by 2 triggers and 1 entities; move or delete them first"
        );
        assert_eq!(
            refused(update("a b d").await),
            "stage \"c\" is in use by 0 triggers and 2 entities; move or delete them first"
        );
        assert_eq!(
            refused(bed.engine.delete_pipeline(id("sales"), 0).await),
            "pipeline \"sales\" is in use by 2 triggers and 3 entities; move or delete them first"
        );
        bed = bed.reopen().await;
    }
    let update = |board| bed.engine.update_pipeline(id("sales"), restaged(board), 0, false);
    assert_eq!(revision(&update("c b").await.unwrap()), 2, "P2: what nothing stands on may go");
    let patch = TriggerPatch { stage_id: Some(id("c")), ..TriggerPatch::default() };
    bed.engine.update_trigger(id("t1"), patch, 0, false).await.unwrap();
    assert_eq!(
        refused(update("c").await),
        "stage \"b\" is in use by 1 triggers and 1 entities; move or delete them first"
    );
    bed.engine.delete_trigger(id("t2"), 0).await.unwrap();
    bed.move_by_hand("deal/1", "c", 0, None).await.unwrap();
    assert_eq!(revision(&update("c").await.unwrap()), 3);
}

#[tokio::test]
async fn a_pipeline_goes_once_it_is_empty_and_continues_when_it_comes_back() {
    let bed = Bed::new("a b").await;
    bed.trigger("t1", "b").await;
    bed.entity("deal/1", "a").await;
    refused(bed.engine.delete_pipeline(id("sales"), 0).await);
    bed.engine.delete_trigger(id("t1"), 0).await.unwrap();
    bed.engine.delete_entity(id("deal/1"), 0).await.unwrap();
    assert!(refused(bed.engine.delete_pipeline(id("sales"), 7).await).contains("it is 1"));
    bed.engine.delete_pipeline(id("sales"), 1).await.unwrap();
    assert_eq!(
        refused(bed.engine.pipeline(id("sales")).await),
        "pipeline \"sales\" does not exist"
    );
    let bed = bed.reopen().await;
    assert_eq!(bed.engine.counts().pipelines, 0);
    let again = pipeline("sales", "lead", "x");
    let again = bed.engine.create_pipeline(again, None, false).await.unwrap();
    assert_eq!(revision(&again), 3, "1 created, 2 deleted, 3 created again");
    let taken = bed.engine.create_pipeline(pipeline("sales", "lead", "x"), None, false).await;
    assert!(refused(taken).contains("exists already"));
}

#[tokio::test]
async fn updates_and_deletions_name_the_revision_they_expect() {
    let bed = Bed::new("a b").await;
    bed.trigger("t1", "b").await;
    let mismatch = "expected revision 3, but it is 2; read it again and repeat the change";
    let engine = &bed.engine;

    let pause =
        |expected| engine.update_trigger(id("t1"), state(TriggerState::Paused), expected, false);
    assert_eq!(pause(1).await.unwrap().version.revision, 2);
    assert_eq!(pause(2).await.unwrap().version.revision, 2, "T9: no change, no revision");
    assert_eq!(refused(pause(3).await), mismatch);
    assert_eq!(refused(engine.delete_trigger(id("t1"), 3).await), mismatch);

    let rename = |expected| engine.update_pipeline(id("sales"), restaged("a b c"), expected, false);
    assert_eq!(revision(&rename(1).await.unwrap()), 2);
    assert_eq!(refused(rename(3).await), mismatch);
    assert_eq!(refused(engine.delete_pipeline(id("sales"), 3).await), mismatch);

    let kinds =
        || TriggerTypePatch { kinds: Some(vec![id("deal")]), ..TriggerTypePatch::default() };
    let narrow = |expected| engine.update_trigger_type(id("mail.opened"), kinds(), expected, false);
    assert_eq!(narrow(1).await.unwrap().version.revision, 2);
    assert_eq!(refused(narrow(3).await), mismatch);
    assert_eq!(refused(engine.delete_trigger_type(id("mail.opened"), 3).await), mismatch);
}

#[tokio::test]
async fn every_revision_of_a_trigger_stays_readable() {
    let mut bed = Bed::new("a b c").await;
    bed.trigger("t1", "b").await;
    let patch = TriggerPatch { stage_id: Some(id("c")), ..TriggerPatch::default() };
    bed.engine.update_trigger(id("t1"), patch, 0, false).await.unwrap();
    bed.engine.delete_trigger(id("t1"), 2).await.unwrap();
    for _ in 0..2 {
        assert_eq!(refused(bed.engine.trigger(id("t1"), 0).await), "trigger \"t1\" does not exist");
        for (revision, stage) in [(1, "b"), (2, "c"), (3, "c")] {
            let (found, deleted) = bed.engine.trigger(id("t1"), revision).await.unwrap();
            assert_eq!((found.version.revision, found.stage_id.as_str()), (revision, stage));
            assert!(deleted, "T9: says that it is gone");
        }
        assert_eq!(
            refused(bed.engine.trigger(id("t1"), 4).await),
            "trigger \"t1@4\" does not exist"
        );
        bed = bed.reopen().await;
    }
    let again = bed.trigger("t1", "a").await;
    assert_eq!(again.version.revision, 4, "T9: continues");
    let (first, deleted) = bed.engine.trigger(id("t1"), 1).await.unwrap();
    assert_eq!((first.stage_id.as_str(), deleted), ("b", false));
    assert_eq!(bed.engine.trigger(id("t1"), 0).await.unwrap().0, again);
}

#[tokio::test]
async fn a_trigger_type_in_use_stays() {
    let bed = Bed::new("a b").await;
    bed.trigger("t1", "b").await;
    bed.trigger("t2", "b").await;
    let delete = || bed.engine.delete_trigger_type(id("mail.opened"), 0);
    let in_use = "trigger type \"mail.opened\" is in use by 2 triggers; delete them first";
    assert_eq!(refused(delete().await), in_use);
    let patch = TriggerTypePatch { kinds: Some(vec![id("lead")]), ..TriggerTypePatch::default() };
    let narrowed = bed.engine.update_trigger_type(id("mail.opened"), patch, 0, false).await;
    assert_eq!(refused(narrowed), in_use);
    for name in ["t1", "t2"] {
        bed.engine.delete_trigger(id(name), 0).await.unwrap();
    }
    delete().await.unwrap();
    let orphan = bed.engine.create_trigger(trigger("t3", "b"), None, false).await;
    assert_eq!(
        refused(orphan),
        "trigger_type: trigger type \"mail.opened\" does not exist; create it first"
    );
    let bed = bed.reopen().await;
    let again = bed.engine.create_trigger_type(trigger_type("mail.opened"), None, false).await;
    assert_eq!(again.unwrap().version.revision, 3);
}

#[tokio::test]
async fn validating_writes_nothing_and_refuses_the_same() {
    let bed = Bed::new("a b").await;
    bed.trigger("t1", "b").await;
    let before = (bed.engine.head(), bed.engine.counts());
    let engine = &bed.engine;
    let made = engine.create_pipeline(pipeline("p2", "lead", "a"), None, true).await.unwrap();
    assert_eq!(made.version.revision, 1, "answers as if it had");
    engine.create_trigger_type(trigger_type("phone.missed"), None, true).await.unwrap();
    engine.create_trigger(trigger("t2", "a"), None, true).await.unwrap();
    let updated = engine.update_pipeline(id("sales"), restaged("a b c"), 1, true).await.unwrap();
    assert_eq!(updated.version.revision, 2);
    engine.update_trigger(id("t1"), state(TriggerState::Paused), 1, true).await.unwrap();
    let patch = TriggerTypePatch { kinds: Some(vec![id("deal")]), ..TriggerTypePatch::default() };
    engine.update_trigger_type(id("mail.opened"), patch, 1, true).await.unwrap();
    refused(engine.create_pipeline(pipeline("sales", "deal", "a"), None, true).await);
    refused(engine.create_trigger(trigger("t2", "x"), None, true).await);
    refused(engine.update_pipeline(id("sales"), restaged("a"), 1, true).await);
    assert_eq!((engine.head(), engine.counts()), before);
    refused(engine.pipeline(id("p2")).await);
    refused(engine.trigger(id("t2"), 0).await);
    bed.entity("deal/1", "a").await;
    assert_eq!(bed.viewed("e1", "deal/1").await, "deal/1 a>b by t1@1", "T10: not even decided on");
}

#[tokio::test]
async fn triggers_are_listed_by_what_they_are() {
    let bed = Bed::new("a b c").await;
    bed.engine.create_trigger_type(trigger_type("phone.missed"), None, false).await.unwrap();
    for (name, text) in [("t1", "a"), ("t2", "b"), ("t3", "b/paused"), ("t4", "c:phone.missed")] {
        bed.trigger(name, text).await;
    }
    bed.trigger("t5", "b").await;
    bed.engine.delete_trigger(id("t5"), 0).await.unwrap();
    let query = TriggerQuery::default;
    let cases = [
        (query(), "t1 t2 t3 t4"),
        (TriggerQuery { stage_id: Some(id("b")), ..query() }, "t2 t3"),
        (TriggerQuery { type_code: Some(id("phone.missed")), ..query() }, "t4"),
        (TriggerQuery { state: Some(TriggerState::Paused), ..query() }, "t3"),
        (TriggerQuery { pipeline_id: Some(id("other")), ..query() }, ""),
    ];
    for (query, expected) in cases {
        let page = bed.engine.triggers(query.clone(), String::new(), 10).await.unwrap();
        let found: Vec<_> = page.items.iter().map(|t| t.id.as_str().to_owned()).collect();
        assert_eq!(found.join(" "), expected, "Q2: {query:?}");
    }
    let counts = bed.engine.counts();
    assert_eq!(
        (counts.triggers, counts.trigger_types, counts.pipelines),
        (4, 2 + pawl_domain::built_in_types().len() as u64, 1)
    );
}
