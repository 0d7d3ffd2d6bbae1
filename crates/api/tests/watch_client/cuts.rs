//! Nothing is missing and nothing comes twice, wherever it is cut.

use std::time::Duration;

use futures_util::{StreamExt, pin_mut};
use pawl_api::pb;
use pawl_api::pb::watch_frame::Frame;
use pawl_api::pb::watch_moves_request::Start;
use pawl_api::watch::{Options, Update, Watch};
use tokio::time::timeout;
use tonic::Code;

use crate::fake::{Call, End, Fake, status};
use crate::{LONG, earliest, from, next, story, watch};

const MOVES: u64 = 11;

fn expected(after: u64) -> Vec<String> {
    (after + 1..=MOVES).map(|number| format!("deal/{number}")).collect()
}

/// The entities that moved, until they are as many as there are moves.
async fn moves(watch: &mut Watch, count: usize) -> Vec<String> {
    let first = position(watch).unwrap_or(0);
    let mut moves = Vec::new();
    while moves.len() < count {
        if let Update::Frame { frame: Frame::Move(moved), .. } = next(watch).await {
            moves.push(moved.entity_id);
        }
        // Whoever keeps the token and starts again with it must not miss what is yet to be told.
        let reached = first + moves.len() as u64;
        assert!(position(watch).is_none_or(|position| position == reached), "{watch:?}");
    }
    moves
}

fn position(watch: &Watch) -> Option<u64> {
    watch.token().map(|token| u64::from_be_bytes(token.as_ref().try_into().expect("of the fake")))
}

/// Every way in which a call can break off and the next one go on.
fn breaks(frames: usize) -> Vec<Call> {
    let cut = |end| Call::Stream { frames, end };
    let aged =
        End::Closing(pb::ClosingReason::Aged, Box::new(End::Status(status(Code::Unavailable))));
    vec![
        cut(End::Status(status(Code::Unknown))),
        cut(End::Status(status(Code::Internal))),
        cut(End::Ok),
        cut(End::Silence),
        cut(aged),
        Call::Refuse(status(Code::Unavailable)),
        Call::Hang,
    ]
}

#[tokio::test(start_paused = true)]
async fn wherever_it_is_cut_each_move_comes_once_and_in_order() {
    let mut count = 0;
    for batch in 1..=4 {
        for frames in 0..=6 {
            let fake = Fake { batch, ..Fake::new(MOVES, breaks(frames)) };
            let mut watch = watch(&fake, earliest());
            assert_eq!(moves(&mut watch, 11).await, expected(0), "{frames} frames, {batch} each");
            // To the end, and nothing comes again.
            let last = story(&mut watch, 'h').await;
            assert!(!last.contains('m'), "{last}");
            count += 1;
        }
    }
    assert_eq!(count, 28);
}

#[tokio::test(start_paused = true)]
async fn what_was_received_before_a_cut_is_handed_on_before_it_is_told() {
    let fake = Fake { batch: 4, ..Fake::new(MOVES, breaks(4)) };
    let mut watch = watch(&fake, earliest());
    assert_eq!(story(&mut watch, 'L').await, "CL");
    assert_eq!(position(&watch), Some(0), "the token of `started`");
    assert_eq!(story(&mut watch, 'I').await, "mmmI");
    assert_eq!(position(&watch), Some(3));
    // The next call goes on after what was handed on.
    assert_eq!(story(&mut watch, 'm').await, "CLm");
}

#[tokio::test(start_paused = true)]
async fn before_the_first_token_the_start_is_repeated_and_then_the_last_token_asked_for() {
    let token = |position: u64| Start::ResumeToken(position.to_be_bytes().to_vec().into());
    let calls = [
        Call::Refuse(status(Code::Unavailable)),
        Call::Stream { frames: 0, end: End::Ok },
        // `started` alone carries a token too.
        Call::Stream { frames: 1, end: End::Ok },
        // And a heartbeat: `started`, three moves, heartbeat.
        Call::Stream { frames: 5, end: End::Ok },
    ];
    let fake = Fake::new(MOVES, calls);
    let mut watch = watch(&fake, earliest());
    assert_eq!(watch.token(), None);
    moves(&mut watch, 11).await;
    let start = Start::Earliest(pb::StartEarliest {});
    let starts = [start.clone(), start.clone(), start, token(0), token(3)];
    assert_eq!(fake.starts(), starts);

    let fake = Fake::new(MOVES, []);
    let mut resumed = crate::watch(&fake, from(token(4)));
    assert_eq!(position(&resumed), Some(4));
    assert_eq!(moves(&mut resumed, 7).await, expected(4));
}

#[tokio::test(start_paused = true)]
async fn waiting_can_be_given_up_at_any_moment() {
    // Each step takes longer than anybody waits.
    let (takes, wait) = (Duration::from_secs(5), Duration::from_millis(700));
    // With more, all moves would come before all breaks did.
    for frames in 0..=2 {
        let fake = Fake { batch: 1, takes, ..Fake::new(MOVES, breaks(frames)) };
        let mut watch = watch(&fake, earliest());
        let (mut moves, mut given_up) = (Vec::new(), 0);
        while moves.len() < expected(0).len() {
            match timeout(wait, watch.next()).await {
                Ok(Ok(Update::Frame { frame: Frame::Move(moved), .. })) => {
                    moves.push(moved.entity_id);
                }
                Ok(update) => drop(update.expect("the watch goes on")),
                Err(_) => given_up += 1,
            }
            assert!(given_up < 10_000, "it does not get on: {watch:?}");
        }
        assert_eq!(moves, expected(0));
        assert!(given_up > 70, "{given_up}");
        // Nothing was called more often than it broke off.
        assert_eq!(fake.starts().len(), breaks(0).len() + 1);
    }
}

#[tokio::test(start_paused = true)]
async fn it_is_a_stream_too_whose_last_item_is_the_error() {
    let calls = [
        Call::Stream { frames: 3, end: End::Ok },
        Call::Stream { frames: 3, end: End::Status(status(Code::PermissionDenied)) },
    ];
    let updates = watch(&Fake::new(MOVES, calls), earliest()).into_stream();
    pin_mut!(updates);
    let collect = async {
        let (mut moves, mut errors) = (Vec::new(), Vec::new());
        while let Some(update) = updates.next().await {
            match update {
                Ok(Update::Frame { frame: Frame::Move(moved), token }) => {
                    assert!(!token.is_empty());
                    moves.push(moved.entity_id);
                }
                Ok(_) => {}
                Err(ended) => errors.push(ended.status().code()),
            }
        }
        (moves, errors)
    };
    let (moves, errors) = timeout(LONG, collect).await.expect("it ends");
    assert_eq!(moves, ["deal/1", "deal/2", "deal/3"]);
    assert_eq!(errors, [Code::PermissionDenied]);
}

#[tokio::test(start_paused = true)]
async fn each_attempt_can_have_a_client_of_its_own() {
    let fake = Fake::new(MOVES, breaks(2));
    let (dialed, dials) = std::sync::mpsc::channel();
    let dial = {
        let fake = fake.clone();
        move || {
            let _ = dialed.send(());
            fake.client()
        }
    };
    let mut watch = Watch::start_dialing(dial, earliest(), Options::default());
    assert_eq!(dials.try_iter().count(), 0, "not before it is awaited");
    assert_eq!(moves(&mut watch, 11).await, expected(0));
    assert_eq!(dials.try_iter().count(), breaks(0).len() + 1);
}
