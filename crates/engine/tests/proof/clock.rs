//! E4 and Q4 when somebody sets the clock: what elapses counts.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use pawl_engine::{FreeSpace, Reserve, Retention};

use crate::support::{Bed, FOREVER, NANOSECOND, WINDOW, WITHIN, id, viewed};

const HOUR: Duration = Duration::from_hours(1);
const YEAR: Duration = Duration::from_hours(365 * 24);

/// A database that is trimmed of what is older than the dedupe window; and how often it was looked
/// whether there is something to trim.
async fn bed() -> (Bed, Arc<AtomicU64>) {
    let looks = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&looks);
    // The disk is looked at before each look at the log.
    let free_space = FreeSpace::new(move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        Ok(1_000_000_000)
    });
    let change = |options: &mut pawl_engine::Options| {
        options.reserve = Reserve { min_free_bytes: 0, free_space };
        options.retention = Retention { max_age: Some(WINDOW), ..FOREVER };
    };
    (Bed::new("a b").await.reopen_as(change).await, looks)
}

async fn looked(looks: &AtomicU64) {
    let before = looks.load(Ordering::SeqCst);
    while looks.load(Ordering::SeqCst) < before + 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_clock_that_is_set_far_neither_ends_the_window_nor_trims_nor_stops() {
    for (by, ahead) in [(HOUR, true), (HOUR, false), (YEAR, true), (YEAR, false)] {
        let what = format!("{by:?}, ahead: {ahead}");
        let (bed, looks) = bed().await;
        let first = bed.publish(viewed("e1", "deal/1")).await.unwrap().record;
        if ahead {
            bed.hands.set_ahead(by);
        } else {
            bed.hands.set_back(by);
        }
        looked(&looks).await;
        assert!(bed.engine.event(id("mail"), id("e1")).await.is_ok(), "Q4: {what}");
        assert!(bed.publish(viewed("e1", "deal/1")).await.unwrap().duplicate, "E4: {what}");
        bed.hands.advance(WITHIN);
        assert!(bed.publish(viewed("e1", "deal/1")).await.unwrap().duplicate, "E4: {what}");
        let second = bed.publish(viewed("e2", "deal/1")).await.unwrap().record;
        assert_eq!(second.time.since(first.time), WITHIN, "time goes on: {what}");
        bed.hands.advance(NANOSECOND);
        assert!(!bed.publish(viewed("e1", "deal/1")).await.unwrap().duplicate, "E4: {what}");
        bed.hands.advance(WINDOW * 2);
        while bed.engine.retained().await.unwrap().events > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

#[tokio::test]
async fn a_clock_that_is_set_a_little_is_followed() {
    let (bed, _) = bed().await;
    let little = Duration::from_secs(30);
    let first = bed.publish(viewed("e1", "deal/1")).await.unwrap().record;
    bed.hands.set_ahead(little);
    let second = bed.publish(viewed("e2", "deal/1")).await.unwrap().record;
    assert_eq!(second.time.since(first.time), little);
    bed.hands.set_back(little);
    let third = bed.publish(viewed("e3", "deal/1")).await.unwrap().record;
    assert_eq!(third.time, second.time, "never back");
    bed.hands.advance(little + NANOSECOND);
    let fourth = bed.publish(viewed("e4", "deal/1")).await.unwrap().record;
    assert_eq!(fourth.time.since(third.time), NANOSECOND);
}

#[tokio::test]
async fn a_start_believes_the_clock_again_but_never_goes_back() {
    let (bed, _) = bed().await;
    let first = bed.publish(viewed("e1", "deal/1")).await.unwrap().record;
    bed.hands.set_ahead(YEAR);
    let second = bed.publish(viewed("e2", "deal/1")).await.unwrap().record;
    assert_eq!(second.time, first.time);
    let bed = bed.reopen().await;
    let third = bed.publish(viewed("e3", "deal/1")).await.unwrap().record;
    assert_eq!((third.time.since(first.time), third.time), (YEAR, bed.hands.now()));
    bed.hands.set_back(YEAR);
    let bed = bed.reopen().await;
    bed.hands.advance(HOUR);
    let fourth = bed.publish(viewed("e4", "deal/1")).await.unwrap().record;
    assert_eq!(fourth.time, third.time, "commit times never decrease");
}
