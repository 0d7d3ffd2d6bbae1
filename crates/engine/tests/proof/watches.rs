//! W1 to W3, W6: watching moves.

use std::collections::HashSet;
use std::time::Duration;

use pawl_domain::{Move, MoveId, Responsible};
use pawl_engine::{Closing, MoveFilter, Start, Step};

use crate::support::{
    Bed, NEVER, entity_on, event, id, moves, pipeline, record, trigger, trigger_type, viewed,
};
use crate::watched::{moves_in, to_head};

fn only<T: std::hash::Hash + Eq>(value: T) -> HashSet<T> {
    HashSet::from([value])
}

/// Deals in two pipelines and a lead, moved by two triggers and by hand; what moved, in order.
async fn moved() -> (Bed, Vec<(MoveId, Move)>) {
    let bed = Bed::new("a b c").await;
    bed.engine.create_pipeline(pipeline("service", "deal", "a b"), None, false).await.unwrap();
    bed.engine.create_pipeline(pipeline("inbox", "lead", "a c"), None, false).await.unwrap();
    bed.engine.create_trigger_type(trigger_type("back"), None, false).await.unwrap();
    bed.trigger("forth", "b").await;
    bed.engine.create_trigger(trigger("back", "a/back:back"), None, false).await.unwrap();
    for name in ["deal/1", "deal/2", "deal/3"] {
        let mut new = entity_on(name, "a");
        new.responsible = (name != "deal/3").then(|| id(&format!("of {name}")));
        bed.engine.create_entity(new, None).await.unwrap();
    }
    let mut lead = entity_on("lead/1", "a");
    lead.pipeline_id = id("inbox");
    bed.engine.create_entity(lead, None).await.unwrap();
    let mut made = Vec::new();
    for round in 0..3 {
        let events = vec![
            event(&format!("forth-{round}"), "mail.opened", "deal/1 deal/2 deal/3"),
            event(&format!("none-{round}"), "moon.full", "deal/1"),
            event(&format!("back-{round}"), "back", "deal/2"),
        ];
        for outcome in bed.publish_all(events).await {
            made.extend(moves(&outcome.unwrap().record));
        }
        let steps = [("deal/1", "service/b"), ("deal/1", "sales/a"), ("deal/3", "a")];
        let lead = ("lead/1", ["c", "a"][round % 2]);
        for (name, place) in steps.into_iter().chain([lead]) {
            let by_hand = bed.move_by_hand(name, place, 0, None).await.unwrap();
            made.extend(moves(&record(&by_hand)));
        }
    }
    (bed, made)
}

async fn earliest(bed: &Bed, filter: MoveFilter) -> Vec<(MoveId, Move)> {
    let mut watch = bed.engine.watch(&Start::Earliest, filter, Duration::ZERO).await.unwrap();
    let (found, _) = to_head(&mut watch).await;
    found.iter().map(|found| (found.id, found.moved().clone())).collect()
}

#[tokio::test]
async fn from_the_earliest_on_everything_comes_once_and_in_order() {
    let (mut bed, made) = moved().await;
    for _ in 0..2 {
        assert_eq!(earliest(&bed, MoveFilter::default()).await, made);
        bed = bed.reopen().await;
    }
}

/// A filter, and what it lets through.
type Case = (&'static str, MoveFilter, fn(&Move) -> bool);

#[tokio::test]
async fn filters_show_what_matches() {
    let (bed, made) = moved().await;
    let f = MoveFilter::default;
    let someone: Responsible = id("of deal/2");
    let cases: Vec<Case> = vec![
        ("kind", MoveFilter { kinds: only(id("lead")), ..f() }, |m| m.entity_id.kind() == "lead"),
        (
            "pipeline, also when left",
            MoveFilter { pipeline_ids: only(id("service")), ..f() },
            |m| m.pipeline_id.as_str() == "service" || m.from_pipeline_id == Some(id("service")),
        ),
        ("from", MoveFilter { from_stage_ids: only(id("b")), ..f() }, |m| {
            m.from_stage_id.as_str() == "b"
        }),
        ("to", MoveFilter { to_stage_ids: only(id("a")), ..f() }, |m| {
            m.to_stage_id.as_str() == "a"
        }),
        ("entity", MoveFilter { entity_ids: only(id("deal/2")), ..f() }, |m| {
            m.entity_id.as_str() == "deal/2"
        }),
        ("trigger", MoveFilter { trigger_ids: only(id("back")), ..f() }, |m| {
            m.cause.trigger_id() == Some(&id("back"))
        }),
        ("responsible", MoveFilter { responsibles: only(someone), ..f() }, |m| {
            m.responsible == Some(id("of deal/2"))
        }),
        (
            "one of several",
            MoveFilter { entity_ids: HashSet::from([id("deal/1"), id("lead/1")]), ..f() },
            |m| ["deal/1", "lead/1"].contains(&m.entity_id.as_str()),
        ),
        (
            "all that are named hold",
            MoveFilter {
                entity_ids: only(id("deal/1")),
                from_stage_ids: only(id("a")),
                trigger_ids: only(id("forth")),
                ..f()
            },
            |m| {
                m.entity_id.as_str() == "deal/1"
                    && m.from_stage_id.as_str() == "a"
                    && m.cause.trigger_id() == Some(&id("forth"))
            },
        ),
        ("nothing", MoveFilter { entity_ids: only(id("deal/9")), ..f() }, |_| false),
    ];
    println!("{} filters", cases.len());
    for (name, filter, matches) in cases {
        let expected: Vec<_> = made.iter().filter(|(_, moved)| matches(moved)).cloned().collect();
        assert_eq!(expected.is_empty(), name == "nothing", "{name} proves something");
        assert_eq!(earliest(&bed, filter).await, expected, "W1 {name}");
    }
}

#[tokio::test]
async fn from_now_on_only_later_moves_come() {
    let (bed, _) = moved().await;
    let mut watch = bed.engine.watch(&Start::Now, MoveFilter::default(), NEVER).await.unwrap();
    let mut expected = Vec::new();
    for number in 0..3 {
        let event = event(&format!("late-{number}"), ["mail.opened", "back"][number % 2], "deal/2");
        let published = bed.publish(event).await.unwrap();
        expected.extend(moves(&published.record));
    }
    let mut found = Vec::new();
    while found.len() < expected.len() {
        let next = moves_in(watch.next().await.unwrap());
        found.extend(next.iter().map(|next| (next.id, next.moved().clone())));
    }
    assert_eq!(found, expected);
}

/// A watch that waits is woken by the commit, and shows it at once.
#[tokio::test]
async fn a_waiting_watch_is_woken() {
    let (bed, _) = moved().await;
    let mut watch = bed.engine.watch(&Start::Now, MoveFilter::default(), NEVER).await.unwrap();
    let waiting = tokio::spawn(async move { watch.next().await.unwrap() });
    tokio::task::yield_now().await;
    let published = bed.publish(viewed("late", "deal/2")).await.unwrap();
    let found = moves_in(waiting.await.unwrap());
    assert_eq!(Some(found[0].moved()), published.record.moves().next());
}

#[tokio::test]
async fn dropping_a_wait_loses_nothing() {
    let (bed, made) = moved().await;
    let mut watch = bed.engine.watch(&Start::Earliest, MoveFilter::default(), NEVER).await.unwrap();
    let mut found = Vec::new();
    while found.len() < made.len() {
        // Polled once and dropped, again and again.
        tokio::select! {
            biased;
            step = watch.next() => {
                found.extend(moves_in(step.unwrap()).iter().map(|next| next.id));
            }
            () = tokio::task::yield_now() => {}
        }
    }
    assert_eq!(found, made.iter().map(|(id, _)| *id).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_sign_of_life_passes_what_does_not_match_and_nothing_else() {
    let (bed, made) = moved().await;
    let nothing = MoveFilter { entity_ids: only(id("deal/9")), ..MoveFilter::default() };
    let mut watch = bed.engine.watch(&Start::Earliest, nothing, Duration::ZERO).await.unwrap();
    let (found, token) = to_head(&mut watch).await;
    assert!(found.is_empty());
    let mut expected = Vec::new();
    for number in 0..2 {
        let event = event(&format!("late-{number}"), ["mail.opened", "back"][number], "deal/2");
        expected.extend(moves(&bed.publish(event).await.unwrap().record));
    }
    let (found, _) = bed.watched(Start::Resume(token)).await;
    let found: Vec<_> = found.iter().map(|f| (f.id, f.moved().clone())).collect();
    assert_eq!(found, expected, "W3: {} moves lie before", made.len());
}

#[tokio::test]
async fn a_sign_of_life_says_how_far_behind_it_is() {
    let (bed, made) = moved().await;
    let mut watch =
        bed.engine.watch(&Start::Earliest, MoveFilter::default(), Duration::ZERO).await.unwrap();
    let first = loop {
        let step = watch.next().await.unwrap();
        // One is due at any time, before the first move too.
        if !matches!(step, Step::Heartbeat { .. }) {
            break step;
        }
    };
    let found = moves_in(first);
    assert!(found.len() < made.len(), "what one commit made");
    let Step::Heartbeat { token, head_token, lag_moves, now, .. } = watch.next().await.unwrap()
    else {
        panic!("W3")
    };
    assert_eq!(token.as_ref(), Some(&found.last().unwrap().token), "nothing is passed over");
    assert_ne!(token, Some(head_token));
    assert_eq!(lag_moves, (made.len() - found.len()) as u64);
    assert_eq!(now, bed.hands.now());
    to_head(&mut watch).await;
    let Step::Heartbeat { token, head_token, lag_moves, lag, .. } = watch.next().await.unwrap()
    else {
        panic!("W3")
    };
    assert_eq!((token, lag_moves, lag), (Some(head_token), 0, Duration::ZERO));
}

#[tokio::test]
async fn stopping_says_goodbye_with_a_token_that_resumes() {
    let (bed, made) = moved().await;
    let watch = async |start| bed.engine.watch(&start, MoveFilter::default(), NEVER).await.unwrap();
    let mut waiting = watch(Start::Now).await;
    let mut behind = watch(Start::Earliest).await;
    let goodbye = tokio::spawn(async move { waiting.next().await.unwrap() });
    tokio::task::yield_now().await;
    bed.engine.stop().await.unwrap();
    let closed = |step| match step {
        Step::Closing { token: Some(token), why: Closing::Stopping } => token,
        other => panic!("W6: {other:?}"),
    };
    let at_head = closed(goodbye.await.unwrap());
    let at_start = closed(behind.next().await.unwrap());
    assert!(matches!(behind.next().await.unwrap(), Step::Closing { .. }), "nothing follows");
    drop(behind);
    let bed = bed.reopen().await;
    let resume = async |token: &[u8]| bed.watched(Start::Resume(token.to_vec())).await.0;
    assert_eq!(resume(at_head.as_bytes()).await.len(), 0);
    let all: Vec<_> = resume(at_start.as_bytes()).await.iter().map(|found| found.id).collect();
    assert_eq!(all, made.iter().map(|(id, _)| *id).collect::<Vec<_>>());
}
