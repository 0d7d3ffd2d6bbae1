//! E4: identities are remembered in memory, of which there is only so much.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use pawl_domain::{DisplayName, EntityPatch, PipelinePatch, Rejection};
use pawl_engine::{EngineError, FreeSpace, MoveFilter, OnExisting, Reserve, Retention, Start};

use crate::support::{
    Bed, FOREVER, NANOSECOND, WINDOW, WITHIN, entity_on, id, pipeline, request, trigger,
    trigger_type, viewed,
};
use crate::watched::to_head;

/// How many may be remembered.
const LIMIT: u64 = 10;

/// A deal that each `mail.opened` moves forth. Nothing of this is remembered.
async fn bed() -> Bed {
    let bed = Bed::new("a b c").await;
    bed.trigger("t1", "b").await;
    bed.trigger("t2", "c").await;
    bed.entity("deal/1", "a").await;
    bed.entity("deal/2", "a").await;
    with_limit(bed, LIMIT).await
}

async fn with_limit(bed: Bed, max_identities: u64) -> Bed {
    bed.reopen_as(|options| options.retention = Retention { max_identities, ..FOREVER }).await
}

/// Publishes and asks until as many are remembered as may be.
async fn fill_up(bed: &Bed) {
    for number in 0..LIMIT - 3 {
        bed.publish(viewed(&format!("e{number}"), "deal/1")).await.unwrap();
    }
    bed.engine.create_entity(entity_on("deal/3", "a"), Some(request("r1", 1))).await.unwrap();
    // An event, and a request.
    bed.move_by_hand("deal/2", "b", 0, Some(request("r2", 1))).await.unwrap();
    assert_eq!(bed.engine.remembered().count, LIMIT);
}

fn assert_full(what: &str, rejection: &Rejection, limit: u64) {
    let full = Rejection::IdentitiesFull { count: LIMIT, limit };
    assert_eq!(rejection, &full, "{what}");
}

fn is_full<T: std::fmt::Debug>(what: &str, result: Result<T, EngineError>) {
    match result {
        Err(EngineError::Rejected(rejection)) => assert_full(what, &rejection, LIMIT),
        other => panic!("{what}: {other:?}"),
    }
}

fn patch(name: &str) -> EntityPatch {
    EntityPatch { responsible: Some(Some(id(name))), ..EntityPatch::default() }
}

#[tokio::test]
async fn what_is_remembered_is_counted_and_takes_memory() {
    let bed = bed().await;
    let mut before = bed.engine.remembered();
    assert_eq!(before.count, 0, "neither entities nor configuration");
    for number in 1..=5 {
        bed.viewed(&format!("e{number}"), "deal/1").await;
        let now = bed.engine.remembered();
        assert_eq!(now.count, number);
        assert!(now.memory_bytes > before.memory_bytes, "{now:?} after {before:?}");
        before = now;
    }
    bed.viewed("e5", "deal/1").await;
    assert_eq!(bed.engine.remembered(), before, "a duplicate");
    let bed = with_limit(bed, LIMIT).await;
    assert_eq!(bed.engine.remembered().count, 5, "from the log");
}

#[tokio::test]
async fn at_the_limit_what_would_be_remembered_is_refused_before_anything_is_done() {
    let bed = bed().await;
    fill_up(&bed).await;
    let engine = &bed.engine;
    let before = (engine.head(), engine.counts(), engine.remembered());
    let named = || Some(request("r3", 1));
    for round in 0..2 {
        assert_full("event", &bed.publish(viewed("e9", "deal/2")).await.unwrap_err(), LIMIT);
        is_full("move", bed.move_by_hand("deal/2", "c", 0, None).await);
        is_full("update", bed.update("deal/2", patch("eve"), 0, None).await);
        is_full("update", bed.update("deal/2", patch("eve"), 0, named()).await);
        is_full("entity", engine.create_entity(entity_on("deal/4", "a"), named()).await);
        let news = vec![entity_on("deal/4", "a")];
        is_full("import", engine.import_entities(news, OnExisting::Fail, named()).await);
        let new = pipeline("p", "lead", "a");
        is_full("pipeline", engine.create_pipeline(new, named(), false).await);
        is_full("type", engine.create_trigger_type(trigger_type("x.y"), named(), false).await);
        is_full("trigger", engine.create_trigger(trigger("t3", "a"), named(), false).await);
        let now = (engine.head(), engine.counts(), engine.remembered());
        assert_eq!(now, before, "nothing was written, round {round}");
        assert_eq!(bed.place("deal/2").await, "sales/b r2");
    }
    let message = bed.publish(viewed("e9", "deal/2")).await.unwrap_err().to_string();
    for word in ["10 identities", "--dedupe-window", "--max-identities", "nothing was written"] {
        assert!(message.contains(word), "{word:?}: {message}");
    }
}

#[tokio::test]
async fn at_the_limit_everything_else_goes_on() {
    let bed = bed().await;
    let engine = &bed.engine;
    let mut watch = engine.watch(&Start::Now, MoveFilter::default(), Duration::ZERO).await.unwrap();
    fill_up(&bed).await;
    let duplicates = vec![viewed("e0", "deal/1"), viewed("e0", "deal/2"), viewed("e9", "deal/1")];
    let outcomes = bed.publish_all(duplicates).await;
    assert!(outcomes[0].as_ref().unwrap().duplicate, "E4: {outcomes:?}");
    assert!(matches!(outcomes[1], Err(Rejection::EventIdReused { .. })), "E4: {outcomes:?}");
    assert_full("each for itself", outcomes[2].as_ref().unwrap_err(), LIMIT);
    let moved = bed.move_by_hand("deal/2", "b", 0, Some(request("r2", 1))).await.unwrap();
    assert_eq!(moved.entity.version.revision, 2, "E4: its first answer");
    assert_eq!(to_head(&mut watch).await.0.len(), 3, "two by triggers, one by hand");
    engine.preview(viewed("e9", "deal/2"), Vec::new()).await.unwrap();
    engine.create_trigger(trigger("t3", "a"), Some(request("r3", 1)), true).await.unwrap();
    // What leaves no identity.
    bed.entity("deal/4", "a").await;
    engine.import_entities(vec![entity_on("deal/5", "a")], OnExisting::Fail, None).await.unwrap();
    engine.delete_entity(id("deal/5"), 0).await.unwrap();
    let display_name = Some(DisplayName::default());
    let patch = PipelinePatch { display_name, ..PipelinePatch::default() };
    engine.update_pipeline(id("sales"), patch, 0, false).await.unwrap();
    assert_eq!(engine.remembered().count, LIMIT);
    drop(watch);
    // A start with more than may be.
    let bed = with_limit(bed, LIMIT / 2).await;
    assert_full("e9", &bed.publish(viewed("e9", "deal/1")).await.unwrap_err(), LIMIT / 2);
    assert!(bed.publish(viewed("e0", "deal/1")).await.unwrap().duplicate, "E4");
}

#[tokio::test]
async fn once_the_window_has_passed_writes_go_on() {
    let bed = bed().await;
    fill_up(&bed).await;
    let looks = Arc::new(AtomicU64::new(0));
    let looked = Arc::clone(&looks);
    // Asked before each look at what is to be trimmed.
    let free_space = FreeSpace::new(move |_| {
        looked.fetch_add(1, Ordering::SeqCst);
        Err(io::Error::other("it does not say"))
    });
    let bed = bed
        .reopen_as(|options| {
            options.retention = Retention { max_identities: LIMIT, ..FOREVER };
            options.reserve = Reserve { min_free_bytes: 0, free_space };
        })
        .await;
    bed.hands.advance(WITHIN);
    let before = looks.load(Ordering::SeqCst);
    while looks.load(Ordering::SeqCst) < before + 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_full("within", &bed.publish(viewed("e9", "deal/2")).await.unwrap_err(), LIMIT);
    assert!(bed.publish(viewed("e0", "deal/1")).await.unwrap().duplicate, "E4");
    bed.hands.advance(NANOSECOND * 2);
    let published = loop {
        match bed.publish(viewed("e9", "deal/2")).await {
            Ok(published) => break published,
            Err(rejection) => assert_full("not yet", &rejection, LIMIT),
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    assert!(!published.duplicate && published.record.moves().count() == 1);
    while bed.engine.remembered().count == LIMIT {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(!bed.publish(viewed("e0", "deal/1")).await.unwrap().duplicate, "E4: a new one");
}

/// So that nobody is refused while the load is steady.
#[tokio::test]
async fn beyond_nine_tenths_the_oldest_go() {
    let bed = bed().await;
    for number in 0..8 {
        bed.viewed(&format!("e{number}"), "deal/1").await;
    }
    let bed = with_limit(bed, LIMIT).await;
    bed.hands.advance(WINDOW * 2);
    bed.viewed("e8", "deal/1").await;
    assert!(bed.engine.event(id("mail"), id("e0")).await.is_ok(), "nine tenths are not too many");
    bed.viewed("e9", "deal/1").await;
    while bed.engine.remembered().count == LIMIT {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // What is in one chunk goes together; how many those are is up to how fast they were written.
    assert!((2..LIMIT).contains(&bed.engine.remembered().count), "{:?}", bed.engine.remembered());
    assert!(bed.engine.event(id("mail"), id("e0")).await.is_err(), "the oldest goes first");
    assert!(bed.publish(viewed("e8", "deal/1")).await.unwrap().duplicate, "E4: within the window");
}
