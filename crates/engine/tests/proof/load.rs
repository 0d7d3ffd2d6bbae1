//! Many at once: order, acknowledgement, and what the end of the engine answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use pawl_domain::{Event, Subject};
use pawl_engine::{EngineError, MoveFilter, MoveQuery, OnExisting, Start, Step};

use crate::support::{Bed, NEVER, entity_on, event, id, refused, trigger, trigger_type, viewed};
use crate::watched::{moves_in, to_head};

/// Entities that one event moves forth and the next moves back.
async fn seesaw(entities: usize) -> Bed {
    let bed = Bed::new("a b").await;
    bed.engine.create_trigger_type(trigger_type("back"), None, false).await.unwrap();
    bed.trigger("forth", "b").await;
    bed.engine.create_trigger(trigger("back", "a/back:back"), None, false).await.unwrap();
    let news = (0..entities).map(|number| entity_on(&format!("deal/{number}"), "a")).collect();
    bed.engine.import_entities(news, OnExisting::Fail, None).await.unwrap();
    bed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn acknowledgements_are_in_the_order_of_the_log() {
    const TASKS: usize = 8;
    const EVENTS: usize = 150;
    let bed = seesaw(5).await;
    let acknowledged = Arc::new(AtomicU64::new(0));
    let running = Arc::new(AtomicBool::new(true));
    let (engine, still) = (bed.engine.clone(), Arc::clone(&running));
    let head_never_falls = tokio::spawn(async move {
        let mut last = engine.head();
        while still.load(Ordering::SeqCst) {
            let head = engine.head();
            assert!(head.sequence >= last.sequence && head.time >= last.time);
            assert!(head.moves >= last.moves && head.events >= last.events);
            last = head;
            tokio::task::yield_now().await;
        }
    });
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..TASKS {
        let (engine, acknowledged) = (bed.engine.clone(), Arc::clone(&acknowledged));
        tasks.spawn(async move {
            let mut sequences = Vec::new();
            for number in 0..EVENTS {
                let event_type = ["mail.opened", "back"][(task + number) % 2];
                let subject = format!("deal/{}", number % 5);
                let event = event(&format!("{task}-{number}"), event_type, &subject);
                let before = acknowledged.load(Ordering::SeqCst);
                let outcomes =
                    engine.publish(vec![event], false).await.unwrap().outcomes().await.unwrap();
                let sequence = outcomes[0].as_ref().unwrap().record.sequence;
                assert!(sequence > before, "E6: what was acknowledged before lies before");
                assert!(engine.head().sequence >= sequence, "E5: acknowledged means durable");
                acknowledged.fetch_max(sequence, Ordering::SeqCst);
                sequences.push(sequence);
            }
            sequences
        });
    }
    let mut all: Vec<u64> = Vec::new();
    for sequences in tasks.join_all().await {
        assert!(sequences.is_sorted(), "E6: in the order sent");
        all.extend(sequences);
    }
    running.store(false, Ordering::SeqCst);
    head_never_falls.await.unwrap();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), TASKS * EVENTS, "every event has a place of its own");
    let bed = bed.reopen().await;
    for number in 0..5 {
        assert_chain(&bed, &format!("deal/{number}")).await;
    }
}

/// Each move begins where the one before ended, and the entity stands where the last one ended.
async fn assert_chain(bed: &Bed, name: &str) {
    let query = MoveQuery { entity_id: Some(id(name)), ..MoveQuery::default() };
    let mut moves = bed.engine.moves(query, None, 10_000).await.unwrap().moves;
    moves.reverse();
    assert!(moves.len() > 10, "{name} moved {} times", moves.len());
    let mut stage = id("a");
    for (revision, found) in (2..).zip(&moves) {
        assert_eq!(found.moved.from_stage_id, stage, "E6");
        assert_eq!(found.moved.entity_revision, revision, "X4");
        stage = found.moved.to_stage_id.clone();
    }
    assert!(moves.is_sorted_by_key(|found| found.id));
    let entity = bed.engine.entity(id(name)).await.unwrap();
    let last = moves.last().unwrap().moved.entity_revision;
    assert_eq!((entity.stage_id, entity.version.revision), (stage, last));
}

/// Batches that one task has in flight at the same time are decided in the order sent.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_stream_that_does_not_wait_is_decided_in_order() {
    let bed = seesaw(1).await;
    let mut in_flight = Vec::new();
    for number in 0..300 {
        let event_type = ["mail.opened", "back"][number % 2];
        let event = event(&format!("e{number}"), event_type, "deal/0");
        in_flight.push(bed.engine.publish(vec![event], false).await.unwrap());
    }
    let mut last = 0;
    for publishing in in_flight {
        let outcome = publishing.outcomes().await.unwrap().remove(0).unwrap();
        assert_eq!(outcome.record.moves().count(), 1, "E6: each finds the place the last one left");
        assert!(outcome.record.sequence > last);
        last = outcome.record.sequence;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn stopping_answers_everything_that_is_queued() {
    let bed = seesaw(1).await;
    let mut waiting = bed.engine.watch(&Start::Now, MoveFilter::default(), NEVER).await.unwrap();
    let goodbye = tokio::spawn(async move {
        loop {
            if let Step::Closing { .. } = waiting.next().await.unwrap() {
                return;
            }
        }
    });
    let mut in_flight = Vec::new();
    // Enough to keep the writer busy, so that the rest still waits when the end is called for.
    for first in [0, 4_096, 8_192] {
        let event = |number| event(&format!("busy-{number}"), "moon.full", "deal/0");
        let busy = (first..first + 4_096).map(event).collect();
        in_flight.push(bed.engine.publish(busy, false).await.unwrap());
    }
    for number in 0..200 {
        let publishing =
            bed.engine.publish(vec![viewed(&format!("e{number}"), "deal/0")], false).await;
        in_flight.push(publishing.unwrap());
    }
    let (engine, late) = (bed.engine.clone(), bed.engine.clone());
    let stopping = tokio::spawn(async move { engine.stop().await });
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..50 {
        let late = late.clone();
        tasks.spawn(async move {
            let name = format!("late-{number}");
            match late.publish(vec![viewed(&name, "deal/0")], false).await {
                Ok(publishing) => (name, publishing.outcomes().await.map(|_| ())),
                Err(error) => (name, Err(error)),
            }
        });
    }
    stopping.await.unwrap().unwrap();
    for publishing in in_flight {
        assert!(publishing.outcomes().await.unwrap()[0].is_ok(), "queued before the stop");
    }
    goodbye.await.unwrap();
    let late_outcomes = tasks.join_all().await;
    let after = late.publish(vec![viewed("after", "deal/0")], false).await;
    assert!(matches!(after, Err(EngineError::Stopping)), "{after:?}");
    late.stop().await.unwrap();
    late.ended().await.unwrap();
    drop(late);
    let bed = bed.reopen().await;
    for number in 0..200 {
        bed.engine.event(id("mail"), id(&format!("e{number}"))).await.unwrap();
    }
    for (name, outcome) in late_outcomes {
        let found = bed.engine.event(id("mail"), id(&name)).await;
        match outcome {
            Ok(()) => assert!(found.is_ok(), "{name} was acknowledged"),
            Err(EngineError::Stopping) => assert!(refused(found).contains("does not exist")),
            Err(error) => panic!("{name}: {error}"),
        }
    }
}

/// More moves than watchers find in memory: who is behind reads them from the log, and sees the
/// same.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_ring_and_the_log_show_the_same() {
    const EVENTS: usize = 700;
    const ENTITIES: usize = 100;
    let bed = seesaw(ENTITIES).await;
    let subjects: Vec<Subject> =
        (0..ENTITIES).map(|number| Subject::Entity(id(&format!("deal/{number}")))).collect();
    let mut live = bed.engine.watch(&Start::Now, MoveFilter::default(), NEVER).await.unwrap();
    let live = tokio::spawn(async move {
        let mut seen = Vec::new();
        while seen.len() < EVENTS * ENTITIES {
            let moves = moves_in(live.next().await.unwrap());
            seen.extend(moves.iter().map(|m| (m.id, m.token.clone(), m.moved().clone())));
        }
        seen
    });
    for first in (0..EVENTS).step_by(10) {
        let event = |number: usize| Event {
            subjects: subjects.clone(),
            ..event(&format!("e{number}"), ["mail.opened", "back"][number % 2], "deal/0")
        };
        bed.publish_all((first..first + 10).map(event).collect()).await;
    }
    let live = live.await.unwrap();
    assert!(live.is_sorted_by_key(|(id, ..)| *id));
    assert_eq!(bed.engine.head().moves, live.len() as u64);
    let mut bed = bed;
    for _ in 0..2 {
        // The first of these lie in the log only, the last in the ring.
        for skip in [0, 1, 137, 3_999, 4_465, 40_000, live.len() - 101, live.len() - 1] {
            let start = match skip {
                0 => Start::Earliest,
                // In the middle of a record, too.
                _ => Start::Resume(live[skip - 1].1.as_bytes().to_vec()),
            };
            let mut watch = bed
                .engine
                .watch(&start, MoveFilter::default(), std::time::Duration::ZERO)
                .await
                .unwrap();
            let (found, _) = to_head(&mut watch).await;
            assert_eq!(found.len(), live.len() - skip);
            for (found, (id, token, moved)) in found.iter().zip(&live[skip..]) {
                assert_eq!((found.id, &found.token), (*id, token));
                assert_eq!(found.moved(), moved);
            }
        }
        bed = bed.reopen().await;
    }
}
