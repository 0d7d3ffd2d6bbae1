//! What ends a watch in time: retention (Q4, W5) and the greatest age of a connection.

use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use pawl_api::pb;
use pawl_api::pb::watch_frame::Frame;
use pawl_tests::{Client, Refused, Server, earliest, now, resume, within};
use tonic::Code;

use crate::{deals, prepare, publish, swings};

/// Waits until nothing of the log is left.
async fn trimmed(client: &Client) -> pb::GetServerInfoResponse {
    loop {
        let info = client.info().await;
        if info.event_count == 0 {
            return info;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_token_older_than_what_is_retained_is_refused_with_the_earliest() {
    let args = ["--dedupe-window", "100ms", "--retention", "300ms"];
    let server = Server::start_with(&args).await;
    let client = server.client().await;
    prepare(&client).await;
    let deals = deals(&client, 2).await;
    let mut watcher = client.watch(now()).await;
    let start = watcher.token().to_vec();
    publish(&client, swings(&deals, 0, 4)).await;
    within(30, "a move", watcher.next_move()).await.expect("the watch goes on");
    let info = within(60, "the trim", trimmed(&client)).await;
    let retention = info.retention.expect("it is told");
    assert_eq!(retention.max_age, Some(prost_types::Duration { seconds: 0, nanos: 300_000_000 }));
    assert_eq!((info.move_count, info.oldest_retained_time, retention.logged_bytes), (0, None, 0));

    let refused = client.try_watch(resume(&start)).await.expect_err("it is too old");
    let refused = Refused::from(&refused);
    assert_eq!((refused.code, &*refused.reason), (Code::OutOfRange, "RESUME_TOKEN_EXPIRED"));
    let token = BASE64_STANDARD.decode(&refused.metadata["earliest_token"]).expect("it is base64");
    assert_eq!(token, retention.earliest_token);
    let mut resumed = client.watch(resume(&token)).await;
    let mut first = client.watch(earliest()).await;
    for moved in publish(&client, swings(&deals, 4, 6)).await {
        for watcher in [&mut resumed, &mut first] {
            let shown = within(30, "a move", watcher.next_move()).await.expect("it goes on");
            assert_eq!(shown, moved);
        }
    }
    assert_eq!(client.get_entity(&deals[0]).await.revision, 7, "what is there is never trimmed");
}

#[tokio::test]
async fn a_retention_shorter_than_the_dedupe_window_is_refused() {
    let args = ["--retention", "1h", "--dedupe-window", "2h", "--listen", "127.0.0.1:0"];
    let refused = Server::refuse(&args).await;
    assert_eq!(refused.status.code(), Some(1), "{}", refused.stderr);
    for part in ["3600s", "7200s", "dedupe window", "lengthen the one"] {
        assert!(refused.stderr.contains(part), "{:?} does not say {part:?}", refused.stderr);
    }
}

#[tokio::test]
async fn an_old_watch_is_told_to_come_back_and_misses_nothing() {
    let server = Server::start_with(&["--max-connection-age", "1s"]).await;
    let client = server.client().await;
    prepare(&client).await;
    let deals = deals(&client, 1).await;
    let mut watcher = client.watch(now()).await;
    let moves = publish(&client, swings(&deals, 0, 1)).await;
    assert_eq!(within(30, "a move", watcher.next_move()).await.expect("it goes on"), moves[0]);
    let closing = loop {
        let frame = within(30, "closing", watcher.next_frame()).await.expect("a last frame");
        if !matches!(frame.frame, Some(Frame::Heartbeat(_))) {
            break frame;
        }
    };
    let reason = pb::ClosingReason::Aged.into();
    assert_eq!(closing.frame, Some(Frame::Closing(pb::Closing { reason })));
    let end = within(30, "the end", watcher.next_frame()).await.expect_err("never with OK");
    let end = Refused::from(&end);
    let expected = (Code::Unavailable, "WATCH_AGED", true);
    assert_eq!((end.code, &*end.reason, end.retry), expected, "{end:?}");
    // The connection is as old: the client makes another by itself.
    let moves = publish(&client, swings(&deals, 1, 2)).await;
    let mut resumed = client.watch(resume(watcher.token())).await;
    assert_eq!(within(30, "a move", resumed.next_move()).await.expect("it goes on"), moves[0]);
    let stated = client.info().await.limits.expect("they are told").max_connection_age;
    assert_eq!(stated, Some(prost_types::Duration { seconds: 1, nanos: 0 }));
}

#[tokio::test]
async fn a_connection_has_so_many_calls_and_no_more() {
    let server = Server::start_with(&["--max-streams-per-connection", "3"]).await;
    let client = server.client().await;
    let mut open = Vec::new();
    for _ in 0..3 {
        open.push(client.watch(now()).await);
    }
    // The client's own side holds back the fourth until one of them ends.
    let (waiting, fourth) = (client.clone(), now());
    let mut fourth = tokio::spawn(async move { drop(waiting.watch(fourth).await) });
    let early = tokio::time::timeout(Duration::from_millis(300), &mut fourth).await;
    assert!(early.is_err(), "a fourth call was let in");
    open.pop();
    within(30, "the fourth call", fourth).await.expect("it is let in");
    let other = server.client().await;
    let stated = other.info().await.limits.expect("they are told").max_streams_per_connection;
    assert_eq!(stated, 3);
}
