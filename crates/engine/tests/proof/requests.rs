//! A request that names itself can be sent again: the first answer comes back, and nothing changes.

use std::fmt::Debug;

use pawl_domain::{EntityPatch, PipelinePatch, TriggerPatch, TriggerState, TriggerTypePatch};
use pawl_engine::{EngineError, OnExisting, RequestIdentity};

use crate::support::{
    Bed, NANOSECOND, WITHIN, entity_on, id, pipeline, record, refused, request, stages, trigger,
    trigger_type,
};

const REUSED: &str = "request_id \"r1\" was used before for another request; choose a fresh one";

/// What one kind of request looks like, and how its answer reads.
type Call = for<'a> fn(
    &'a Bed,
    Option<RequestIdentity>,
)
    -> std::pin::Pin<Box<dyn Future<Output = Result<String, EngineError>> + 'a>>;

fn read(result: Result<impl Debug, EngineError>) -> Result<String, EngineError> {
    result.map(|answer| format!("{answer:?}"))
}

/// Every request that can name itself. Each works once, and would be refused or do more if it were
/// carried out again.
const CALLS: [(&str, Call); 7] = [
    ("create pipeline", |bed, r| {
        Box::pin(async {
            read(bed.engine.create_pipeline(pipeline("p", "lead", "a"), r, false).await)
        })
    }),
    ("create trigger type", |bed, r| {
        Box::pin(async {
            read(bed.engine.create_trigger_type(trigger_type("t.t"), r, false).await)
        })
    }),
    ("create trigger", |bed, r| {
        Box::pin(async { read(bed.engine.create_trigger(trigger("t", "b"), r, false).await) })
    }),
    ("create entity", |bed, r| {
        Box::pin(async { read(bed.engine.create_entity(entity_on("deal/9", "a"), r).await) })
    }),
    ("import", |bed, r| {
        let news = ["deal/1", "deal/7", "deal/8"].map(|name| entity_on(name, "a")).to_vec();
        Box::pin(async { read(bed.engine.import_entities(news, OnExisting::Skip, r).await) })
    }),
    ("update entity", |bed, r| {
        let patch = EntityPatch { responsible: Some(Some(id("bob"))), ..EntityPatch::default() };
        Box::pin(async {
            read(bed.update("deal/1", patch, 1, r).await.map(|changed| changed.entity))
        })
    }),
    ("move entity", |bed, r| {
        Box::pin(async {
            let moved = bed.move_by_hand("deal/1", "b", 1, r).await?;
            Ok(format!("{:?} {:?}", moved.entity, record(&moved)))
        })
    }),
];

/// Changes everything that the requests made, so that the present state differs from the answers.
async fn change_all(bed: &Bed) {
    let engine = &bed.engine;
    let patch = PipelinePatch { stages: Some(stages("a b")), ..PipelinePatch::default() };
    let _ = engine.update_pipeline(id("p"), patch, 0, false).await;
    let patch = TriggerTypePatch { kinds: Some(vec![id("deal")]), ..TriggerTypePatch::default() };
    let _ = engine.update_trigger_type(id("t.t"), patch, 0, false).await;
    let patch = TriggerPatch { state: Some(TriggerState::Paused), ..TriggerPatch::default() };
    let _ = engine.update_trigger(id("t"), patch, 0, false).await;
    for name in ["deal/9", "deal/8"] {
        let _ = engine.delete_entity(id(name), 0).await;
    }
    let patch = EntityPatch { responsible: Some(None), ..EntityPatch::default() };
    bed.update("deal/1", patch, 0, None).await.unwrap();
    bed.move_by_hand("deal/1", "c", 0, None).await.unwrap();
}

async fn bed() -> Bed {
    let bed = Bed::new("a b c").await;
    bed.entity("deal/1", "a").await;
    bed
}

#[tokio::test]
async fn a_repeat_gets_the_first_answer() {
    for (name, call) in CALLS {
        let mut bed = bed().await;
        let first = call(&bed, Some(request("r1", 7))).await.unwrap();
        change_all(&bed).await;
        for _ in 0..2 {
            let head = bed.engine.head();
            let again = call(&bed, Some(request("r1", 7))).await;
            assert_eq!(again.as_ref().ok(), Some(&first), "{name}: {again:?}");
            assert_eq!(bed.engine.head(), head, "{name}: nothing was written");
            assert_eq!(refused(call(&bed, Some(request("r1", 8))).await), REUSED, "{name}");
            bed = bed.reopen().await;
        }
    }
    println!("{} requests", CALLS.len());
}

#[tokio::test]
async fn an_id_is_not_shared_between_kinds_of_requests() {
    let bed = bed().await;
    bed.engine
        .create_pipeline(pipeline("q", "lead", "a"), Some(request("r1", 1)), false)
        .await
        .unwrap();
    for (fingerprint, (name, call)) in (2..).zip(CALLS) {
        assert_eq!(refused(call(&bed, Some(request("r1", fingerprint))).await), REUSED, "{name}");
    }
    assert_eq!(bed.place("deal/1").await, "sales/a r1");
}

#[tokio::test]
async fn a_request_is_forgotten_with_the_window() {
    let bed = bed().await;
    let create = |name, fingerprint| {
        bed.engine.create_entity(entity_on(name, "a"), Some(request("r1", fingerprint)))
    };
    create("deal/2", 1).await.unwrap();
    bed.hands.advance(WITHIN);
    assert_eq!(create("deal/2", 1).await.unwrap().id.as_str(), "deal/2");
    assert_eq!(refused(create("deal/3", 2).await), REUSED);
    bed.hands.advance(NANOSECOND);
    assert_eq!(create("deal/3", 2).await.unwrap().id.as_str(), "deal/3");
}

#[tokio::test]
async fn a_refused_request_leaves_no_identity() {
    let bed = bed().await;
    let create = |name, fingerprint| {
        bed.engine.create_entity(entity_on(name, "a"), Some(request("r1", fingerprint)))
    };
    assert!(refused(create("deal/1", 1).await).contains("exists already"));
    create("deal/2", 2).await.unwrap();
}

#[tokio::test]
async fn of_many_at_once_one_is_carried_out() {
    let bed = bed().await;
    let before = bed.engine.head().sequence;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let engine = bed.engine.clone();
        tasks.spawn(async move {
            engine.create_entity(entity_on("deal/2", "a"), Some(request("r1", 1))).await.unwrap()
        });
    }
    let answers = tasks.join_all().await;
    assert!(answers.iter().all(|answer| *answer == answers[0]));
    assert_eq!(bed.engine.head().sequence, before + 1);
}

/// A request that changed nothing had an answer all the same: sent again it must not find a changed
/// world and act on it.
#[tokio::test]
async fn requests_that_change_nothing_are_remembered_too() {
    let bed = bed().await;
    let stood = bed.move_by_hand("deal/1", "a", 0, Some(request("stay", 1))).await.unwrap();
    assert!(stood.told.is_none());
    let patch = || EntityPatch { responsible: Some(None), ..EntityPatch::default() };
    let same = bed.update("deal/1", patch(), 0, Some(request("same", 1))).await.unwrap();
    let news = || vec![entity_on("deal/1", "a")];
    let skip = |r| bed.engine.import_entities(news(), OnExisting::Skip, Some(r));
    let skipped = skip(request("skip", 1)).await.unwrap();

    bed.move_by_hand("deal/1", "c", 0, None).await.unwrap();
    let again = bed.move_by_hand("deal/1", "a", 0, Some(request("stay", 1))).await.unwrap();
    assert!(again.told.is_none(), "it does not move back");
    assert_eq!(again.entity, stood.entity);
    let taken = EntityPatch { responsible: Some(Some(id("bob"))), ..EntityPatch::default() };
    bed.update("deal/1", taken, 0, None).await.unwrap();
    let again = bed.update("deal/1", patch(), 0, Some(request("same", 1))).await;
    let again = again.unwrap();
    assert_eq!((&again.entity, record(&again)), (&same.entity, record(&same)));
    bed.engine.delete_entity(id("deal/1"), 0).await.unwrap();
    assert_eq!(skip(request("skip", 1)).await.unwrap(), skipped);
    assert!(bed.engine.entity(id("deal/1")).await.is_err(), "it is not created after all");
}
