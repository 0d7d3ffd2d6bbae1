//! Calls that last end when what let their caller in does.

use pawl_api::pb;
use pawl_api::pb::move_service_client::MoveServiceClient;
use pawl_tests::within;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;

use crate::file::AccessFile;
use crate::{Somebody, guarded, problem};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_and_a_stream_of_events_end_with_their_token() {
    let file = AccessFile::new();
    let token = file.create(&["board", "--role", "viewer", "--role", "publisher"]).await;
    let other = file.create(&["ops", "--role", "admin"]).await;
    let server = guarded(&file).await;
    let board = Somebody::with(&token, &server).await;
    let ops = Somebody::with(&other, &server).await;
    let watch = |somebody: &Somebody| {
        let mut moves = MoveServiceClient::new(somebody.0.clone());
        async move { moves.watch_moves(pb::WatchMovesRequest::default()).await }
    };
    let mut watched = watch(&board).await.expect("it may").into_inner();
    let mut stays = watch(&ops).await.expect("it may").into_inner();
    within(30, "started", watched.message()).await.expect("it goes on");
    within(30, "started", stays.message()).await.expect("it goes on");
    let (sender, requests) = mpsc::channel(1);
    let published = board.events().publish_events(ReceiverStream::new(requests)).await;
    let mut published = published.expect("it may").into_inner();
    let event = pawl_tests::event("e1", "email.viewed", "deal/1");
    let request = pb::PublishEventsRequest { events: vec![event], ..Default::default() };
    sender.send(request.clone()).await.expect("it is read");
    within(30, "an outcome", published.message()).await.expect("it goes on").expect("an outcome");

    file.revoke("board").await;

    let ended = within(30, "the watch ends", async {
        loop {
            match watched.message().await {
                Ok(Some(_)) => {}
                other => break other,
            }
        }
    });
    let ended = ended.await.expect_err("it does not end well");
    assert_eq!(ended.code(), Code::Unauthenticated);
    assert_eq!(problem(&ended), ("UNAUTHENTICATED".to_owned(), "ended".to_owned()));
    let ended = within(30, "the stream ends", published.message()).await;
    assert_eq!(problem(&ended.expect_err("it does not end well")).1, "ended");
    let refused = board.pipelines().list_pipelines(pb::ListPipelinesRequest::default()).await;
    assert_eq!(problem(&refused.expect_err("it is revoked")).1, "unknown");
    // The others notice nothing.
    ops.pipelines().list_pipelines(pb::ListPipelinesRequest::default()).await.expect("it may");
    let beat = within(60, "a heartbeat", stays.message()).await;
    assert!(beat.expect("it goes on").is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_broken_changes_nothing_until_it_is_mended() {
    let file = AccessFile::new();
    let token = file.create(&["ops", "--role", "admin"]).await;
    let server = guarded(&file).await;
    let ops = Somebody::with(&token, &server).await;
    let list = || async {
        ops.pipelines().list_pipelines(pb::ListPipelinesRequest::default()).await.map(drop)
    };
    let whole = std::fs::read_to_string(file.path()).expect("it is there");
    file.append("[[token]]\nname = 1");
    let says = |word: &'static str| {
        move |lines: &[String]| lines.iter().any(|line| line.contains(word)).then_some(())
    };
    server.find_in_log("a complaint", says("the access file is not used")).await;
    list().await.expect("who was let in still is");
    file.change(|_| format!("{whole}# mended\n"));
    server.find_in_log("it is read", says("read the access file again")).await;
    list().await.expect("it may");
    let log = server.log().join("\n");
    assert!(!log.contains(&token), "no secret in the log");
}
