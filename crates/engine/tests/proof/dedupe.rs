//! E4: the same event again.

use std::time::Duration;

use pawl_domain::{Event, Rejection, Value};

use crate::support::{Bed, NANOSECOND, WINDOW, WITHIN, event, id, read, viewed};

async fn bed() -> Bed {
    let bed = Bed::new("a b c").await;
    bed.trigger("t1", "b").await;
    bed.trigger("t2", "c").await;
    bed.entity("deal/1", "a").await;
    bed
}

#[tokio::test]
async fn a_duplicate_gives_the_first_outcome_and_changes_nothing() {
    let mut bed = bed().await;
    let first = bed.publish(viewed("e1", "deal/1")).await.unwrap();
    assert!(!first.duplicate);
    assert_eq!(read(&first.record), "deal/1 a>b by t1@1");
    bed.engine.delete_trigger(id("t1"), 0).await.unwrap();
    for _ in 0..2 {
        let head = bed.engine.head();
        let again = bed.publish(viewed("e1", "deal/1")).await.unwrap();
        assert!(again.duplicate);
        assert_eq!(again.record, first.record);
        assert_eq!(bed.engine.head(), head, "nothing was written");
        assert_eq!(bed.place("deal/1").await, "sales/b r2");
        bed = bed.reopen().await;
    }
}

#[tokio::test]
async fn a_duplicate_within_one_batch_gives_the_first_outcome() {
    let bed = bed().await;
    let outcomes = bed
        .publish_all(vec![
            viewed("e1", "deal/1"),
            viewed("e1", "deal/1"),
            viewed("e1", "deal/2"),
            viewed("e2", "deal/1"),
            viewed("e1", "deal/1"),
        ])
        .await;
    let read: Vec<String> = outcomes
        .iter()
        .map(|outcome| match outcome {
            Ok(published) => format!("{} {}", published.duplicate, read(&published.record)),
            Err(rejection) => format!("{rejection:?}"),
        })
        .collect();
    assert_eq!(
        read,
        [
            "false deal/1 a>b by t1@1",
            "true deal/1 a>b by t1@1",
            "EventIdReused { source_name: \"mail\", event_id: \"e1\" }",
            "false deal/1 b>c by t2@1",
            "true deal/1 a>b by t1@1",
        ]
    );
    assert_eq!(bed.engine.head().events, 2);
}

#[tokio::test]
async fn other_content_under_the_same_identity_is_refused() {
    let mut bed = bed().await;
    let original = viewed("e1", "deal/1 deal/2");
    let first = bed.publish(original.clone()).await.unwrap();
    let attribute = [("k".to_owned(), Value::Null)].into_iter().collect();
    let attributes = pawl_domain::Fields::parse("attributes", attribute).unwrap();
    let others = [
        ("type", event("e1", "phone.missed", "deal/1 deal/2")),
        ("subjects", viewed("e1", "deal/1")),
        ("order of subjects", viewed("e1", "deal/2 deal/1")),
        ("a subject twice", viewed("e1", "deal/1 deal/2 deal/2")),
        ("time", Event { time: Some(first.record.time), ..original.clone() }),
        ("actor", Event { actor: Some(id("ann")), ..original.clone() }),
        ("attributes", Event { attributes, ..original.clone() }),
    ];
    for _ in 0..2 {
        for (what, other) in &others {
            let head = bed.engine.head();
            let outcome = bed.publish(other.clone()).await;
            assert!(matches!(outcome, Err(Rejection::EventIdReused { .. })), "{what}: {outcome:?}");
            assert_eq!(bed.engine.head(), head, "nothing was written");
        }
        bed = bed.reopen().await;
    }
    let twin = Event { source: id("crm"), ..original };
    assert!(!bed.publish(twin).await.unwrap().duplicate, "another source is another event");
}

#[tokio::test]
async fn the_window_ends_exactly() {
    for reopen in [false, true] {
        let mut bed = bed().await;
        // The event's own time does not count.
        let event = Event { time: Some(bed.hands.now()), ..viewed("e1", "deal/1") };
        let first = bed.publish(event.clone()).await.unwrap();
        bed.hands.advance(WITHIN);
        if reopen {
            bed = bed.reopen().await;
        }
        let again = bed.publish(event.clone()).await.unwrap();
        assert!(again.duplicate, "one nanosecond before the end");
        assert!(
            bed.publish(viewed("e1", "deal/1")).await.is_err(),
            "other content, before the end"
        );
        bed.hands.advance(NANOSECOND);
        if reopen {
            bed = bed.reopen().await;
        }
        let new = bed.publish(event.clone()).await.unwrap();
        assert!(!new.duplicate, "at the end");
        assert!(new.record.sequence > first.record.sequence);
        assert_eq!(read(&new.record), "deal/1 b>c by t2@1", "decided anew");
        bed.hands.advance(WITHIN);
        let again = bed.publish(event.clone()).await.unwrap();
        assert_eq!((again.duplicate, again.record.sequence), (true, new.record.sequence));
        bed.hands.advance(NANOSECOND);
        assert!(!bed.publish(viewed("e1", "deal/1")).await.unwrap().duplicate, "other content");
    }
}

#[tokio::test]
async fn a_clock_that_is_set_back_forgets_nothing_early_and_never_runs_back() {
    let bed = bed().await;
    let first = bed.publish(viewed("e1", "deal/1")).await.unwrap();
    bed.hands.set_back(Duration::from_secs(50));
    let second = bed.publish(viewed("e2", "deal/1")).await.unwrap();
    assert_eq!(second.record.time, first.record.time, "commit time never decreases");
    assert!(bed.publish(viewed("e1", "deal/1")).await.unwrap().duplicate);
    bed.hands.advance(Duration::from_secs(50));
    assert!(bed.publish(viewed("e1", "deal/1")).await.unwrap().duplicate);
}

#[tokio::test]
async fn a_refused_event_leaves_no_identity() {
    let bed = bed().await;
    bed.publish(viewed("e1", "deal/1")).await.unwrap();
    bed.publish(viewed("e1", "deal/2")).await.unwrap_err();
    bed.hands.advance(WINDOW);
    let published = bed.publish(viewed("e1", "deal/3")).await.unwrap();
    assert!(!published.duplicate, "the refused content was never remembered");
    assert_eq!(bed.engine.head().events, 2);
}
