//! W1 to W3 and W5: NOW, EARLIEST, resume tokens, heartbeats.

use std::time::SystemTime;

use pawl_api::pb;
use pawl_api::pb::watch_frame::Frame;
use pawl_tests::{Client, Port, Watcher, cases, earliest, now, resume, within};
use tokio::time::{Duration, Instant};

use crate::{deals, publish, server, swings};

/// The next moves, as many as there must be, and nothing more until a heartbeat.
async fn expect(watcher: &mut Watcher, expected: &[pb::Move]) {
    let read = async {
        let mut moves = Vec::new();
        while moves.len() < expected.len() {
            moves.extend(watcher.until_caught_up().await.expect("the watch goes on"));
        }
        moves
    };
    assert_eq!(within(30, "the moves", read).await, expected);
}

/// The frames of the next moves, with their tokens.
async fn frames(watcher: &mut Watcher, count: usize) -> Vec<(pb::Move, Vec<u8>)> {
    let mut frames = Vec::new();
    while frames.len() < count {
        let moved = within(30, "a move", watcher.next_move()).await.expect("the watch goes on");
        frames.push((moved, watcher.token().to_vec()));
    }
    frames
}

#[tokio::test]
async fn now_shows_what_comes_and_earliest_what_was_too() {
    let (_server, client) = server().await;
    let deals = deals(&client, 3).await;
    let before = publish(&client, swings(&deals, 0, 4)).await;
    let mut from_now = client.watch(now()).await;
    let mut unsaid = client.watch(pb::WatchMovesRequest { start: None, ..now() }).await;
    let mut from_earliest = client.watch(earliest()).await;
    let after = publish(&client, swings(&deals, 4, 8)).await;
    expect(&mut from_now, &after).await;
    expect(&mut unsaid, &after).await;
    expect(&mut from_earliest, &[before, after].concat()).await;
}

#[tokio::test]
async fn every_token_resumes_with_exactly_what_follows() {
    let (mut server, client) = server().await;
    // Several moves of one event: a token may stand between them.
    let deals = deals(&client, 3).await;
    let moves = publish(&client, swings(&deals, 0, 6)).await;
    let mut watcher = client.watch(earliest()).await;
    let start = watcher.token().to_vec();
    let frames = frames(&mut watcher, moves.len()).await;
    let shown: Vec<_> = frames.iter().map(|(moved, _)| moved.clone()).collect();
    assert_eq!(shown, moves);
    let tokens: Vec<_> = [start].into_iter().chain(frames.into_iter().map(|(_, t)| t)).collect();

    check_tokens(&client, &tokens, &moves).await;
    server.kill_9().await;
    server.restart(Port::Any).await;
    check_tokens(&server.client().await, &tokens, &moves).await;
    cases("watch: tokens", tokens.len() * 2, 38);
}

async fn check_tokens(client: &Client, tokens: &[Vec<u8>], moves: &[pb::Move]) {
    for (index, token) in tokens.iter().enumerate() {
        let mut resumed = client.watch(resume(token)).await;
        assert_eq!(resumed.token(), token, "`started` stands where the token does");
        let rest: Vec<_> = frames(&mut resumed, moves.len() - index).await;
        let rest: Vec<_> = rest.into_iter().map(|(moved, _)| moved).collect();
        assert_eq!(rest, moves[index..], "after token {index}");
    }
}

#[tokio::test]
async fn a_heartbeat_comes_where_nothing_matches_and_its_token_resumes_exactly() {
    let (_server, client) = server().await;
    let deals = deals(&client, 3).await;
    let filter = pb::MoveFilter { entity_ids: vec!["deal/none".to_owned()], ..Default::default() };
    let mut watcher = client.watch(pb::WatchMovesRequest { filter: Some(filter), ..now() }).await;
    let mut rounds = 0;
    for round in 0..3 {
        publish(&client, swings(&deals, round * 2, round * 2 + 1)).await;
        let acknowledged = time_here();
        let beat = loop {
            let (moves, beat) = within(10, "a heartbeat", watcher.until_heartbeat()).await.unwrap();
            assert_eq!(moves, [], "nothing matches");
            // One may have been on its way before the moves were made.
            if SystemTime::try_from(beat.server_time.unwrap()).unwrap() > acknowledged {
                break beat;
            }
        };
        assert_eq!(beat.lag_moves, 0);
        assert_eq!(beat.head_token, watcher.token(), "it has caught up with the head");
        let token = watcher.token().to_vec();
        let later = publish(&client, swings(&deals, round * 2 + 1, round * 2 + 2)).await;
        // Without the filter: had the token passed too little or too much, it would show.
        let mut resumed = client.watch(resume(&token)).await;
        expect(&mut resumed, &later).await;
        rounds += 1;
    }
    cases("watch: heartbeats", rounds, 3);
}

#[expect(clippy::disallowed_methods, reason = "to compare with the clock of the server")]
fn time_here() -> SystemTime {
    SystemTime::now()
}

#[tokio::test]
async fn heartbeats_come_also_while_moves_do() {
    let (_server, client) = server().await;
    let deals = deals(&client, 1).await;
    let mut watcher = client.watch(now()).await;
    let began = Instant::now();
    let mut sent = 0;
    let mut beats = 0;
    // A move at every moment: never is there a second of silence.
    while beats < 2 {
        let elapsed = began.elapsed();
        assert!(
            elapsed < Duration::from_secs(10),
            "{beats} heartbeats in {elapsed:?}, {sent} moves"
        );
        publish(&client, swings(&deals, sent, sent + 1)).await;
        sent += 1;
        let mut moved = false;
        while !moved {
            let frame = within(10, "a frame", watcher.next_frame()).await.unwrap();
            match frame.frame {
                Some(Frame::Heartbeat(_)) => beats += 1,
                Some(Frame::Move(_)) => moved = true,
                other => panic!("unexpected: {other:?}"),
            }
        }
    }
    assert!(began.elapsed() > Duration::from_secs(1), "not more often than asked for");
}
