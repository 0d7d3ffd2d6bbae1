//! A full disk: writes are refused, everything else goes on.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use pawl_domain::{EntityPatch, PipelinePatch, Rejection, TriggerPatch, TriggerTypePatch};
use pawl_engine::{
    EngineError, EntityQuery, FreeSpace, MoveFilter, MoveQuery, OnExisting, Reserve, Retention,
    Start, Step, UpdateByHand, VerdictQuery,
};

use crate::support::{
    Bed, FOREVER, WITHIN, entity_on, id, pipeline, request, stages, trigger, trigger_type, viewed,
};
use crate::watched::{moves_in, to_head};

const MIN: u64 = 1_000_000_000;
/// Enough for what a test writes besides.
const ROOMY: u64 = MIN + 1_000_000;

/// How much is free, set by hand.
#[derive(Clone)]
struct Space {
    free: Arc<AtomicU64>,
    /// How often the writer asked, and everybody.
    by_writer: Arc<AtomicU64>,
    asked: Arc<AtomicU64>,
}

impl Space {
    fn new(free: u64) -> Self {
        let count = || Arc::new(AtomicU64::new(0));
        Self { free: Arc::new(AtomicU64::new(free)), by_writer: count(), asked: count() }
    }

    fn reserve(&self, min_free_bytes: u64) -> Reserve {
        let space = self.clone();
        let free_space = FreeSpace::new(move |_| {
            space.asked.fetch_add(1, Ordering::SeqCst);
            if thread::current().name() == Some("pawl-writer") {
                space.by_writer.fetch_add(1, Ordering::SeqCst);
            }
            match space.free.load(Ordering::SeqCst) {
                u64::MAX => Err(io::Error::other("it does not say")),
                free => Ok(free),
            }
        });
        Reserve { min_free_bytes, free_space }
    }

    /// Sets what is free, and waits until the engine has noticed.
    async fn becomes(&self, bed: &Bed, free: u64) {
        self.free.store(free, Ordering::SeqCst);
        let known = Some(free).filter(|free| *free != u64::MAX);
        until(|| bed.engine.free_bytes() == known).await;
    }
}

async fn until(mut holds: impl FnMut() -> bool) {
    while !holds() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A deal that each `mail.opened` moves forth, on a disk with room.
async fn bed(space: &Space) -> Bed {
    let bed = Bed::new("a b c").await;
    bed.engine.create_trigger_type(trigger_type("phone.missed"), None, false).await.unwrap();
    bed.trigger("t1", "b").await;
    bed.trigger("t2", "c").await;
    bed.entity("deal/1", "a").await;
    bed.entity("deal/2", "a").await;
    bed.reopen_as(|options| options.reserve = space.reserve(MIN)).await
}

/// What a write that was refused says.
fn is_full<T: std::fmt::Debug>(what: &str, result: Result<T, EngineError>) {
    match result {
        Err(EngineError::Rejected(rejection)) => assert_full(what, &rejection),
        other => panic!("{what}: {other:?}"),
    }
}

fn assert_full(what: &str, rejection: &Rejection) {
    let Rejection::DiskFull { path, free_bytes, min_free_bytes: MIN } = rejection else {
        panic!("{what}: {rejection:?}");
    };
    assert!(path.ends_with("data") && *free_bytes == MIN - 1, "{what}: {rejection:?}");
}

#[tokio::test]
async fn every_write_is_refused_until_there_is_room_again() {
    let space = Space::new(ROOMY);
    let bed = bed(&space).await;
    assert_eq!(bed.viewed("e1", "deal/1").await, "deal/1 a>b by t1@1", "with room");
    space.becomes(&bed, MIN - 1).await;
    let before = (bed.engine.head(), bed.engine.counts());
    let engine = &bed.engine;
    for round in 0..2 {
        let bed = &bed;
        is_full("pipeline", engine.create_pipeline(pipeline("p", "lead", "a"), None, false).await);
        let patch = PipelinePatch { stages: Some(stages("a b c d")), ..PipelinePatch::default() };
        is_full("pipeline", engine.update_pipeline(id("sales"), patch, 0, false).await);
        is_full("pipeline", engine.delete_pipeline(id("sales"), 0).await);
        is_full("type", engine.create_trigger_type(trigger_type("x.y"), None, false).await);
        let patch =
            || TriggerTypePatch { kinds: Some(vec![id("deal")]), ..TriggerTypePatch::default() };
        is_full("type", engine.update_trigger_type(id("phone.missed"), patch(), 0, false).await);
        is_full("type", engine.delete_trigger_type(id("phone.missed"), 0).await);
        is_full("trigger", engine.create_trigger(trigger("t3", "a"), None, false).await);
        let patch = TriggerPatch { stage_id: Some(id("a")), ..TriggerPatch::default() };
        is_full("trigger", engine.update_trigger(id("t2"), patch, 0, false).await);
        is_full("trigger", engine.delete_trigger(id("t2"), 0).await);
        is_full("entity", engine.create_entity(entity_on("deal/3", "a"), None).await);
        let news = vec![entity_on("deal/3", "a"), entity_on("deal/4", "a")];
        is_full("import", engine.import_entities(news, OnExisting::Fail, None).await);
        let patch = || EntityPatch { responsible: Some(Some(id("eve"))), ..EntityPatch::default() };
        is_full("update", bed.update("deal/1", patch(), 0, None).await);
        is_full("move", bed.move_by_hand("deal/1", "c", 0, Some(request("r1", 1))).await);
        is_full("deletion", engine.delete_entity(id("deal/1"), 0).await);
        assert_full("event", &bed.publish(viewed("e2", "deal/1")).await.unwrap_err());
        assert_eq!((engine.head(), engine.counts()), before, "nothing was written, round {round}");
        assert_eq!(bed.place("deal/1").await, "sales/b r2");
    }
    space.becomes(&bed, ROOMY).await;
    assert_eq!(bed.viewed("e2", "deal/1").await, "deal/1 b>c by t2@1", "nothing is half done");
    engine.create_pipeline(pipeline("p", "lead", "a"), None, false).await.unwrap();
    bed.entity("deal/3", "a").await;
    bed.move_by_hand("deal/1", "a", 0, Some(request("r1", 1))).await.unwrap();
    let bed = bed.reopen().await;
    assert_eq!(bed.place("deal/1").await, "sales/a r4");
    assert_eq!((bed.engine.counts().entities, bed.engine.counts().pipelines), (3, 2));
    assert_eq!(bed.engine.head().events, 3, "e1, e2 and the move by hand");
}

#[tokio::test]
async fn reads_previews_checks_and_watches_go_on() {
    let space = Space::new(ROOMY);
    let bed = bed(&space).await;
    bed.viewed("e1", "deal/1").await;
    let mut watch =
        bed.engine.watch(&Start::Now, MoveFilter::default(), Duration::from_secs(1)).await.unwrap();
    space.becomes(&bed, MIN - 1).await;
    let engine = &bed.engine;
    assert_eq!(engine.event(id("mail"), id("e1")).await.unwrap().record.moves().count(), 1);
    assert_eq!(engine.moves(MoveQuery::default(), None, 10).await.unwrap().moves.len(), 1);
    let verdicts = VerdictQuery { trigger_id: Some(id("t1")), entity_id: None };
    assert_eq!(engine.verdicts(verdicts, None, 10).await.unwrap().verdicts.len(), 1);
    let all = engine.entities(EntityQuery::default(), String::new(), 10).await.unwrap();
    assert_eq!(all.items.len(), 2);
    assert_eq!(engine.board(id("sales"), 10).await.unwrap().stages.len(), 3);
    let previewed = engine.preview(viewed("e2", "deal/1"), vec![trigger("t3", "c")]).await.unwrap();
    assert_eq!(previewed.decisions.len(), 1);
    engine.create_pipeline(pipeline("p", "lead", "a"), None, true).await.unwrap();
    engine.create_trigger(trigger("t3", "a"), None, true).await.unwrap();
    let patch = EntityPatch { responsible: Some(Some(id("eve"))), ..EntityPatch::default() };
    let (id_of_deal, event_id) = (id("deal/1"), id("u1"));
    let wish = UpdateByHand { id: id_of_deal, patch, actor: None, event_id, expected_revision: 0 };
    engine.update_entity(wish, None, true).await.unwrap();
    let (found, _) = bed.watched(Start::Earliest).await;
    assert_eq!(found.len(), 1);
    let Step::Heartbeat { .. } = watch.next().await.unwrap() else { panic!("it is there") };
    space.becomes(&bed, ROOMY).await;
    bed.viewed("e2", "deal/1").await;
    loop {
        match watch.next().await.unwrap() {
            Step::Heartbeat { .. } => {}
            step => {
                break assert_eq!(moves_in(step).len(), 1, "the watch that stood all the while");
            }
        }
    }
    assert_eq!(to_head(&mut watch).await.0.len(), 0);
}

#[tokio::test]
async fn what_was_accepted_before_is_answered_and_each_event_for_itself() {
    let space = Space::new(ROOMY);
    let bed = bed(&space).await;
    bed.viewed("e1", "deal/1").await;
    let moved = bed.move_by_hand("deal/2", "b", 0, Some(request("r1", 1))).await.unwrap();
    space.becomes(&bed, MIN - 1).await;
    let head = bed.engine.head();
    let again = bed.move_by_hand("deal/2", "b", 0, Some(request("r1", 1))).await.unwrap();
    assert_eq!(again.entity, moved.entity, "E4");
    let other = bed.move_by_hand("deal/2", "b", 0, Some(request("r1", 2))).await;
    assert!(matches!(other, Err(EngineError::Rejected(Rejection::RequestIdReused { .. }))));
    let outcomes = bed
        .publish_all(vec![
            viewed("e2", "deal/1"),
            viewed("e1", "deal/1"),
            viewed("e1", "deal/2"),
            viewed("e2", "deal/1"),
        ])
        .await;
    assert_full("e2", outcomes[0].as_ref().unwrap_err());
    assert!(outcomes[1].as_ref().unwrap().duplicate, "E4");
    assert!(matches!(outcomes[2], Err(Rejection::EventIdReused { .. })), "E4: {outcomes:?}");
    assert_full("e2 again: a refusal leaves no identity", outcomes[3].as_ref().unwrap_err());
    assert_eq!(bed.engine.head(), head);
}

#[tokio::test]
async fn a_start_on_a_full_disk_reads_and_a_disk_that_does_not_say_refuses_nothing() {
    let space = Space::new(MIN - 1);
    let bed = bed(&space).await;
    assert_eq!(bed.place("deal/1").await, "sales/a r1");
    assert_full("e1", &bed.publish(viewed("e1", "deal/1")).await.unwrap_err());
    space.becomes(&bed, u64::MAX).await;
    bed.publish(viewed("e1", "deal/1")).await.unwrap();
    space.becomes(&bed, MIN - 1).await;
    let bed = bed.reopen_as(|options| options.reserve = space.reserve(0)).await;
    bed.publish(viewed("e2", "deal/1")).await.unwrap();
}

/// Also what the writer itself has written since makes it look.
#[tokio::test]
async fn a_burst_does_not_wait_for_the_next_look() {
    let space = Space::new(1_000_000);
    let bed = Bed::new("a b").await.reopen_as(|options| options.reserve = space.reserve(16)).await;
    // Each of these writes more than a sixteenth of that reserve.
    for number in 0..3 {
        let published = bed.publish(viewed(&format!("e{number}"), "deal/1")).await;
        assert!(published.is_ok(), "there is room all the while: {number}");
    }
    assert!(space.by_writer.load(Ordering::SeqCst) > 0, "the writer never looked");
}

/// A trim writes, too, and gives nothing back to the disk.
#[tokio::test]
async fn nothing_is_trimmed_meanwhile() {
    let space = Space::new(MIN - 1);
    let bed = bed(&Space::new(ROOMY)).await;
    bed.viewed("e1", "deal/1").await;
    let bed = bed
        .reopen_as(|options| {
            options.reserve = space.reserve(MIN);
            options.retention = Retention { max_age: Some(WITHIN), ..FOREVER };
        })
        .await;
    bed.hands.advance(WITHIN * 2);
    // The second look from now comes after a chance to trim.
    let asked = space.asked.load(Ordering::SeqCst);
    until(|| space.asked.load(Ordering::SeqCst) >= asked + 2).await;
    assert_eq!(bed.engine.retained().await.unwrap().events, 1);
    space.becomes(&bed, ROOMY).await;
    while bed.engine.retained().await.unwrap().events > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
