//! E2, E5 to E7, T2, T10: what an event does, and to whom.

use pawl_domain::{PipelinePatch, TriggerPatch, TriggerSelection, TriggerState};

use crate::support::{Bed, event, id, pipeline, read, trigger_type, viewed};

#[tokio::test]
async fn every_subject_is_considered_once_and_unknown_ones_stop_nobody() {
    let bed = Bed::new("a b c W+").await;
    bed.trigger("t1", "b").await;
    for (name, stage) in [("deal/1", "a"), ("deal/2", "c"), ("deal/3", "W"), ("deal/4", "b")] {
        bed.entity(name, stage).await;
    }
    let outcome =
        bed.viewed("e1", "deal/9 deal/1 deal/2 deal/1 deal/9 deal/3 deal/4 invoice/1").await;
    assert_eq!(
        outcome,
        "deal/9 NOT_FOUND; deal/1 a>b by t1@1; deal/2 stays [WOULD_MOVE_BACK]; \
         deal/3 stays [ENTITY_CLOSED]; deal/4 stays [SAME_STAGE]; invoice/1 NOT_FOUND",
        "E2, E3"
    );
    assert_eq!(bed.place("deal/1").await, "sales/b r2");
    assert_eq!(bed.place("deal/2").await, "sales/c r1", "what did not move did not change");
}

#[tokio::test]
async fn only_triggers_of_its_pipeline_and_its_event_type_are_considered() {
    let bed = Bed::new("a b c").await;
    bed.engine.create_pipeline(pipeline("service", "deal", "a b c"), None, false).await.unwrap();
    bed.engine.create_trigger_type(trigger_type("phone.missed"), None, false).await.unwrap();
    bed.trigger("viewed", "b").await;
    bed.trigger("missed", "c:phone.missed").await;
    let mut other = crate::support::trigger("other", "c");
    other.pipeline_id = id("service");
    bed.engine.create_trigger(other, None, false).await.unwrap();
    bed.entity("deal/1", "a").await;
    let published = bed.publish(event("e1", "phone.missed", "deal/1")).await.unwrap();
    let verdicts = &published.record.decisions()[0].verdicts;
    assert_eq!(verdicts.len(), 1, "T2: one trigger listens");
    assert_eq!(read(&published.record), "deal/1 a>c by missed@1");
    bed.move_by_hand("deal/1", "service/a", 0, None).await.unwrap();
    assert_eq!(
        bed.viewed("e2", "deal/1").await,
        "deal/1 a>c by other@1",
        "E2: in its own pipeline"
    );
}

#[tokio::test]
async fn an_event_that_nothing_listens_to_is_recorded() {
    let bed = Bed::new("a b").await;
    bed.entity("deal/1", "a").await;
    let published = bed.publish(event("e1", "moon.full", "deal/1 deal/2")).await.unwrap();
    assert_eq!(read(&published.record), "deal/1 NO_TRIGGER; deal/2 NOT_FOUND", "E7");
    assert_eq!(bed.engine.head().events, 1);
    let bed = bed.reopen().await;
    let stored = bed.engine.event(id("mail"), id("e1")).await.unwrap().record;
    assert_eq!(stored, published.record, "E7, Q1: why, of any event");
}

#[tokio::test]
async fn events_on_one_entity_take_effect_in_order() {
    let bed = Bed::new("a b c d").await;
    for (name, text) in [("t1", "b"), ("t2", "c"), ("t3", "d")] {
        bed.trigger(name, text).await;
    }
    bed.entity("deal/1", "a").await;
    // All in one batch: each finds the entity where the one before left it.
    let events = (1..=4).map(|number| viewed(&format!("e{number}"), "deal/1")).collect();
    let outcomes = bed.publish_all(events).await;
    let read: Vec<String> = outcomes.into_iter().map(|o| read(&o.unwrap().record)).collect();
    assert_eq!(
        read,
        [
            "deal/1 a>b by t1@1",
            "deal/1 b>c by t2@1",
            "deal/1 c>d by t3@1",
            "deal/1 stays [WOULD_MOVE_BACK WOULD_MOVE_BACK SAME_STAGE]",
        ],
        "E6"
    );
    let bed = bed.reopen().await;
    assert_eq!(bed.place("deal/1").await, "sales/d r4", "E5: one row after three moves");
}

#[tokio::test]
async fn a_changed_trigger_counts_from_the_next_event_on() {
    let bed = Bed::new("a b c").await;
    bed.entity("deal/1", "a").await;
    assert_eq!(bed.viewed("e0", "deal/1").await, "deal/1 NO_TRIGGER");
    bed.trigger("t1", "b/paused").await;
    assert_eq!(bed.viewed("e1", "deal/1").await, "deal/1 stays [PAUSED]", "T10 created");
    let patch = |patch| bed.engine.update_trigger(id("t1"), patch, 0, false);
    let state = Some(TriggerState::Active);
    patch(TriggerPatch { state, ..TriggerPatch::default() }).await.unwrap();
    assert_eq!(bed.viewed("e2", "deal/1").await, "deal/1 a>b by t1@2", "T10 activated");
    let stage_id = Some(id("a"));
    patch(TriggerPatch { stage_id, ..TriggerPatch::default() }).await.unwrap();
    assert_eq!(bed.viewed("e3", "deal/1").await, "deal/1 stays [WOULD_MOVE_BACK]", "T10 moved");
    let allow_move_back = Some(true);
    patch(TriggerPatch { allow_move_back, ..TriggerPatch::default() }).await.unwrap();
    assert_eq!(bed.viewed("e4", "deal/1").await, "deal/1 b<a by t1@4", "T10 allowed back");
    bed.engine.delete_trigger(id("t1"), 0).await.unwrap();
    assert_eq!(bed.viewed("e5", "deal/1").await, "deal/1 NO_TRIGGER", "T10 deleted");
    bed.trigger("t1", "c").await;
    assert_eq!(bed.viewed("e6", "deal/1").await, "deal/1 a>c by t1@6", "T9, T10 created again");
}

#[tokio::test]
async fn a_changed_pipeline_counts_from_the_next_event_on() {
    let bed = Bed::new("a b c d").await;
    bed.trigger("near", "b").await;
    bed.trigger("far", "d").await;
    bed.entity("deal/1", "a").await;
    bed.entity("deal/2", "a").await;
    bed.entity("deal/3", "c").await;
    let patch = |patch| bed.engine.update_pipeline(id("sales"), patch, 0, false);
    let selection = Some(TriggerSelection::FurthestStage);
    patch(PipelinePatch { selection, ..PipelinePatch::default() }).await.unwrap();
    assert_eq!(bed.viewed("e1", "deal/1").await, "deal/1 a>d by far@1", "T6");
    let stages = Some(crate::support::stages("d c b a"));
    patch(PipelinePatch { stages, ..PipelinePatch::default() }).await.unwrap();
    assert_eq!(
        bed.viewed("e2", "deal/2 deal/3").await,
        "deal/2 stays [WOULD_MOVE_BACK WOULD_MOVE_BACK]; deal/3 c>b by near@1",
        "P2 reordered"
    );
}

#[tokio::test]
async fn the_trigger_created_first_wins_also_after_reopening_and_changes() {
    let bed = Bed::new("a b").await;
    bed.trigger("z-older", "b").await;
    bed.trigger("a-newer", "b").await;
    let patch = TriggerPatch { allow_reopen: Some(true), ..TriggerPatch::default() };
    bed.engine.update_trigger(id("z-older"), patch, 0, false).await.unwrap();
    let bed = bed.reopen().await;
    bed.entity("deal/1", "a").await;
    let published = bed.publish(viewed("e1", "deal/1")).await.unwrap();
    assert_eq!(read(&published.record), "deal/1 a>b by z-older@2", "T6");
    let verdicts = published.record.decisions()[0].verdicts.iter();
    let order: Vec<_> = verdicts.map(|verdict| verdict.asked.trigger_id.as_str()).collect();
    assert_eq!(order, ["z-older", "a-newer"], "oldest first");
    bed.engine.delete_trigger(id("z-older"), 0).await.unwrap();
    bed.trigger("z-older", "b").await;
    bed.entity("deal/2", "a").await;
    assert_eq!(bed.viewed("e2", "deal/2").await, "deal/2 a>b by a-newer@1", "T6: created anew");
}
