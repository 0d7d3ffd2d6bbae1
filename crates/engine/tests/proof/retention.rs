//! Q4 and W5: how far back the log reaches.

use std::time::Duration;

use pawl_domain::TriggerStats;
use pawl_engine::{
    Closing, EngineError, MoveFilter, MoveQuery, Retention, Start, Step, TriggerQuery,
    VerdictQuery, WatchError,
};

use crate::support::{Bed, FOREVER, NEVER, WITHIN, event, id, trigger, trigger_type};
use crate::watched::to_head;

/// How old records may become here.
const AGE: Duration = Duration::from_secs(1_000);

/// A deal that is moved forth and back by `moves` events, half of them now and half a while later.
async fn aging(moves: usize) -> Bed {
    let bed = Bed::new("a b").await;
    bed.engine.create_trigger_type(trigger_type("back"), None, false).await.unwrap();
    bed.trigger("forth", "b").await;
    bed.engine.create_trigger(trigger("back", "a/back:back"), None, false).await.unwrap();
    bed.entity("deal/1", "a").await;
    for number in 0..moves {
        if number == moves / 2 {
            // What is in one chunk goes together, and what is asked for in a list is in one.
            bed.engine.triggers(TriggerQuery::default(), String::new(), 1).await.unwrap();
            bed.hands.advance(AGE / 2);
        }
        swing(&bed, number).await;
    }
    bed
}

async fn swing(bed: &Bed, number: usize) {
    let event_type = ["mail.opened", "back"][number % 2];
    let published = bed.publish(event(&format!("e{number}"), event_type, "deal/1")).await.unwrap();
    assert_eq!(published.record.moves().count(), 1, "{number}");
}

async fn stats_of_forth(bed: &Bed) -> TriggerStats {
    let (forth, _) = bed.engine.trigger(id("forth"), 0).await.unwrap();
    bed.engine.stats_of(&forth)
}

/// Waits until the first so many moves are gone.
async fn trimmed(bed: &Bed, gone: u64) {
    let all = bed.engine.head().moves;
    while bed.engine.retained().await.unwrap().moves != all - gone {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn by_age() -> Retention {
    Retention { max_age: Some(AGE), ..FOREVER }
}

#[tokio::test]
async fn everything_reaches_back_to_the_same_bound() {
    let bed = aging(20).await.reopen_with(by_age()).await;
    let (all, _) = bed.watched(Start::Earliest).await;
    assert_eq!(all.len(), 20, "nothing is old enough");
    let stats = stats_of_forth(&bed).await;
    assert_eq!((stats.moved, stats.considered), (10, 10));
    bed.hands.advance(AGE * 3 / 4);
    trimmed(&bed, 10).await;
    let retained = bed.engine.retained().await.unwrap();
    assert_eq!((retained.events, retained.moves), (10, 10));

    let (left, _) = bed.watched(Start::Earliest).await;
    assert_eq!(
        left.iter().map(|m| m.id).collect::<Vec<_>>(),
        all[10..].iter().map(|m| m.id).collect::<Vec<_>>(),
        "W1"
    );
    let (left, _) = bed.watched(Start::Resume(retained.earliest.token.as_bytes().to_vec())).await;
    assert_eq!(left.len(), 10, "W5: the earliest token");
    // The last move before the bound resumes with the first after it; older ones are refused.
    for (index, found) in all.iter().enumerate() {
        let start = Start::Resume(found.token.as_bytes().to_vec());
        let watch = bed.engine.watch(&start, MoveFilter::default(), NEVER).await;
        match watch {
            Ok(_) => assert!(index >= 9, "W5: token {index}"),
            Err(WatchError::Expired(earliest)) => {
                assert!(index < 9, "W5: token {index}");
                assert_eq!(earliest, retained.earliest);
            }
            Err(other) => panic!("{other:?}"),
        }
    }
    let listed = bed.engine.moves(MoveQuery::default(), None, 100).await.unwrap();
    assert_eq!((listed.moves.len(), listed.next), (10, None), "ListMoves");
    let query = MoveQuery { entity_id: Some(id("deal/1")), ..MoveQuery::default() };
    let listed = bed.engine.moves(query, None, 100).await.unwrap();
    assert_eq!((listed.moves.len(), listed.next), (10, None), "ListMoves of an entity");
    let query = VerdictQuery { trigger_id: Some(id("forth")), entity_id: None };
    let verdicts = bed.engine.verdicts(query, None, 100).await.unwrap();
    assert_eq!(verdicts.verdicts.len(), 5, "ListVerdicts");
    for number in 0..20 {
        let found = bed.engine.event(id("mail"), id(&format!("e{number}"))).await;
        match found {
            Ok(_) => assert!(number >= 10, "GetEvent {number}"),
            Err(EngineError::Rejected(_)) => assert!(number < 10, "GetEvent {number}"),
            Err(other) => panic!("{other}"),
        }
    }
    // Current state and statistics stay.
    assert_eq!(bed.place("deal/1").await, "sales/a r21");
    assert_eq!(stats_of_forth(&bed).await, stats, "Q3");
    let triggers = bed.engine.triggers(TriggerQuery::default(), String::new(), 10).await.unwrap();
    assert_eq!(triggers.items.len(), 2);
}

#[tokio::test]
async fn statistics_survive_their_records_and_a_start() {
    let mut bed = aging(20).await.reopen_with(by_age()).await;
    bed.hands.advance(AGE * 3 / 4);
    trimmed(&bed, 10).await;
    let stats = stats_of_forth(&bed).await;
    for round in 0..3 {
        bed = bed.reopen_with(by_age()).await;
        assert_eq!(stats_of_forth(&bed).await, stats, "Q3, start {round}");
    }
    // A trigger that is created again begins anew, also when its deletion is trimmed.
    bed.engine.delete_trigger(id("forth"), 0).await.unwrap();
    bed.hands.advance(AGE * 2);
    trimmed(&bed, 20).await;
    bed.trigger("forth", "b").await;
    for _ in 0..2 {
        assert_eq!(stats_of_forth(&bed).await.considered, 0);
        bed = bed.reopen_with(by_age()).await;
    }
}

/// Trimmed by size, and never what the dedupe window needs.
#[tokio::test]
async fn the_dedupe_window_is_kept_however_large_the_log_is() {
    let bed = aging(20).await;
    let small = Retention { max_bytes: Some(1), ..FOREVER };
    bed.hands.advance(WITHIN);
    let bed = bed.reopen_with(small).await;
    // The first half is older than the window: it is trimmed, the second is not.
    trimmed(&bed, 10).await;
    for number in 10..20 {
        let event_type = ["mail.opened", "back"][number % 2];
        let again = bed.publish(event(&format!("e{number}"), event_type, "deal/1")).await.unwrap();
        assert!(again.duplicate, "E4: e{number}");
    }
    bed.hands.advance(Duration::from_secs(2));
    trimmed(&bed, 20).await;
    let (found, _) = bed.watched(Start::Earliest).await;
    assert_eq!(found.len(), 0);
    // A watch goes on from an empty log as from any other.
    let mut watch = bed.engine.watch(&Start::Earliest, MoveFilter::default(), Duration::ZERO).await;
    swing(&bed, 20).await;
    assert_eq!(to_head(watch.as_mut().unwrap()).await.0.len(), 1);
}

/// One that stands in what is trimmed is told so when it wants to go on; it holds up nothing.
#[tokio::test]
async fn a_watch_that_falls_behind_what_is_retained_ends_with_a_reason() {
    // Enough that the log's beginning is no longer in memory after a start.
    let bed = aging(2).await;
    let deals: Vec<String> = (0..100).map(|number| format!("deal/x{number}")).collect();
    for deal in &deals {
        bed.entity(deal, "a").await;
    }
    let subjects = deals.join(" ");
    for round in 0..700 {
        let event_type = ["mail.opened", "back"][round % 2];
        bed.publish(event(&format!("x{round}"), event_type, &subjects)).await.unwrap();
    }
    let bed = bed.reopen_with(by_age()).await;
    let mut watch = bed.engine.watch(&Start::Earliest, MoveFilter::default(), NEVER).await.unwrap();
    bed.hands.advance(AGE * 2);
    trimmed(&bed, bed.engine.head().moves).await;
    match watch.next().await.unwrap() {
        Step::Closing { token: Some(_), why: Closing::Expired(earliest) } => {
            assert_eq!(earliest, bed.engine.retained().await.unwrap().earliest);
            assert_eq!(earliest.time, None, "nothing is retained");
        }
        other => panic!("W5: {other:?}"),
    }
}
