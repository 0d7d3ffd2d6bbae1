//! W2 and W5: resume tokens.

use pawl_engine::{Engine, MoveFilter, Start};

use crate::support::{Bed, NEVER, event, start, trigger, trigger_type};

/// Five deals that moved in three events, five moves each.
async fn moved() -> Bed {
    let bed = Bed::new("a b").await;
    bed.engine.create_trigger_type(trigger_type("back"), None, false).await.unwrap();
    bed.trigger("forth", "b").await;
    bed.engine.create_trigger(trigger("back", "a/back:back"), None, false).await.unwrap();
    for number in 1..=5 {
        bed.entity(&format!("deal/{number}"), "a").await;
    }
    for number in 0..3 {
        go_on(&bed, number).await;
    }
    bed
}

async fn go_on(bed: &Bed, number: usize) {
    let event_type = ["mail.opened", "back"][number % 2];
    let event = event(&format!("e{number}"), event_type, "deal/1 deal/2 deal/3 deal/4 deal/5");
    assert_eq!(bed.publish(event).await.unwrap().record.moves().count(), 5);
}

/// Why a watch does not go on from a token.
async fn refused(bed: &Bed, token: &[u8]) -> Option<String> {
    refused_by(&bed.engine, token).await
}

async fn refused_by(engine: &Engine, token: &[u8]) -> Option<String> {
    let start = Start::Resume(token.to_vec());
    let refused = engine.watch(&start, MoveFilter::default(), NEVER).await.err();
    refused.map(|error| format!("{error:?}"))
}

#[tokio::test]
async fn every_token_resumes_right_after_its_move() {
    let mut bed = moved().await;
    for _ in 0..2 {
        let (all, head) = bed.watched(Start::Earliest).await;
        assert_eq!(all.len(), 15);
        for (index, found) in all.iter().enumerate() {
            let (rest, end) = bed.watched(Start::Resume(found.token.as_bytes().to_vec())).await;
            let rest: Vec<_> = rest.iter().map(|rest| (rest.id, rest.token.clone())).collect();
            let expected: Vec<_> =
                all[index + 1..].iter().map(|next| (next.id, next.token.clone())).collect();
            assert_eq!(rest, expected, "W2: after {}", found.id);
            assert_eq!(end, head);
        }
        bed = bed.reopen().await;
    }
}

#[tokio::test]
async fn damaged_tokens_are_refused() {
    let bed = moved().await;
    let (_, token) = bed.watched(Start::Earliest).await;
    assert_eq!(refused(&bed, &token).await, None);
    let mut cases = 0;
    for at in 0..token.len() {
        for bit in 0..8 {
            let mut damaged = token.clone();
            damaged[at] ^= 1 << bit;
            assert_eq!(
                refused(&bed, &damaged).await.as_deref(),
                Some("Damaged"),
                "bit {bit} of {at}"
            );
            cases += 1;
        }
        assert_eq!(refused(&bed, &token[..at]).await.as_deref(), Some("Damaged"), "cut to {at}");
    }
    let longer = [&token[..], &[0]].concat();
    assert_eq!(refused(&bed, &longer).await.as_deref(), Some("Damaged"));
    println!("{cases} flips");
    // Whole, but of no position: records begin with 1.
    let mut nowhere = token.clone();
    nowhere[17..29].fill(0);
    let checksum = crc32fast::hash(&nowhere[..29]);
    nowhere[29..].copy_from_slice(&checksum.to_be_bytes());
    assert_eq!(refused(&bed, &nowhere).await.as_deref(), Some("Damaged"));
}

#[tokio::test]
async fn a_token_of_another_database_is_refused() {
    let (bed, other) = (moved().await, moved().await);
    let (_, token) = other.watched(Start::Earliest).await;
    assert_eq!(refused(&bed, &token).await.as_deref(), Some("Foreign"));
}

#[tokio::test]
async fn a_token_ahead_of_the_head_is_refused() {
    let bed = moved().await;
    bed.engine.stop().await.unwrap();
    let copy = bed.copied("copy");
    let bed = bed.reopen().await;
    let (_, here) = bed.watched(Start::Earliest).await;
    go_on(&bed, 3).await;
    let (_, ahead) = bed.watched(Start::Earliest).await;
    let hands = bed.hands.clone();
    let earlier = start(&copy, &hands);
    assert_eq!(earlier.database_id(), bed.engine.database_id());
    assert_eq!(refused_by(&earlier, &ahead).await.as_deref(), Some("Foreign"), "W5");
    assert_eq!(refused_by(&earlier, &here).await, None, "the head itself is not ahead");
}
