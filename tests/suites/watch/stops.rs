//! W6: how a server that is asked to stop says goodbye, and that it goes on where it was.

use std::time::Duration;

use pawl_api::pb;
use pawl_api::pb::watch_frame::Frame;
use pawl_tests::{Client, Port, Refused, Server, entity, now, resume, say, within};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;
use tonic_health::ServingStatus;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use crate::{deals, publish, server, swings};

#[tokio::test]
async fn sigterm_closes_watches_tells_why_and_ends_with_0() {
    let (mut server, client) = server().await;
    let deals = deals(&client, 2).await;
    let mut watcher = client.watch(now()).await;
    let moves = publish(&client, swings(&deals, 0, 2)).await;
    for moved in &moves {
        assert_eq!(&within(30, "a move", watcher.next_move()).await.expect("it goes on"), moved);
    }
    let (sender, events) = mpsc::channel(1);
    let outcomes = client.events.clone().publish_events(ReceiverStream::new(events)).await;
    let mut outcomes = outcomes.expect("the stream opens").into_inner();
    let request = HealthCheckRequest::default();
    let health = HealthClient::new(client.channel.clone()).watch(request).await;
    let mut health = health.expect("health can be watched").into_inner();
    let first = health.message().await.expect("it stands").expect("it tells");
    assert_eq!(first.status, ServingStatus::Serving as i32);

    server.sigterm();
    let began = Instant::now();
    let frame = within(30, "closing", watcher.next_frame()).await.expect("a last frame");
    let reason = pb::ClosingReason::ServerShutdown.into();
    assert_eq!(frame.frame, Some(Frame::Closing(pb::Closing { reason })));
    let token = watcher.token().to_vec();
    let end = within(30, "the end", watcher.next_frame()).await.expect_err("never with OK");
    check_stopping(&Refused::from(&end));
    let end = within(30, "the stream's end", outcomes.message()).await.expect_err("never with OK");
    check_stopping(&Refused::from(&end));
    drop(sender);
    let last = within(30, "bad health", health.message()).await.expect("it is told first");
    assert_eq!(last.expect("it is told").status, ServingStatus::NotServing as i32);
    drop(health);
    assert_eq!(server.ended().await.code(), Some(0), "{:?}", server.log());
    say(format!("watch: stopped {:?} after SIGTERM", began.elapsed()));

    server.restart(Port::Any).await;
    let client = server.client().await;
    let mut resumed = client.watch(resume(&token)).await;
    let later = publish(&client, swings(&deals, 2, 4)).await;
    for moved in &later {
        assert_eq!(&within(30, "a move", resumed.next_move()).await.expect("it goes on"), moved);
    }
}

fn check_stopping(end: &Refused) {
    let expected = (Code::Unavailable, "SHUTTING_DOWN", "pawl", true);
    assert_eq!((end.code, &*end.reason, &*end.domain, end.retry), expected, "{end:?}");
}

#[tokio::test]
async fn what_was_acknowledged_before_sigterm_is_there_after_it() {
    let (mut server, client) = server().await;
    let deals = deals(&client, 1).await;
    let publishing = client.clone();
    let (acknowledged, mut count) = tokio::sync::watch::channel(0);
    let until_refused = tokio::spawn(async move {
        for event in (0..).flat_map(|index| swings(&deals, index, index + 1)) {
            if publishing.try_publish(event).await.is_err() {
                return;
            }
            acknowledged.send_modify(|count| *count += 1);
        }
    });
    count.wait_for(|count| *count >= 50).await.expect("it publishes");
    assert_eq!(server.terminate().await.code(), Some(0), "{:?}", server.log());
    until_refused.await.expect("it was refused in the end");
    let acknowledged = *count.borrow();
    server.restart(Port::Any).await;
    let info = server.client().await.info().await;
    assert!(info.event_count >= acknowledged, "{} of {acknowledged}", info.event_count);
}

#[tokio::test]
async fn calls_that_never_end_do_not_keep_a_server_from_stopping() {
    let (mut server, client) = server().await;
    // One that waits for an import that does not go on, and one that asks for the health for ever.
    let (sender, entities) = mpsc::channel::<pb::ImportEntitiesRequest>(1);
    let import = pb::ImportEntitiesRequest {
        entities: vec![entity("deal/1", "sales")],
        ..Default::default()
    };
    sender.send(import).await.expect("there is room");
    let mut entities_client = client.entities.clone();
    let importing = tokio::spawn(async move {
        entities_client.import_entities(ReceiverStream::new(entities)).await
    });
    let request = HealthCheckRequest::default();
    let health = HealthClient::new(client.channel.clone()).watch(request).await;
    let mut health = health.expect("health can be watched").into_inner();
    health.message().await.expect("it stands");
    within(30, "the import", imported(&client)).await;
    let began = Instant::now();
    assert_eq!(server.terminate().await.code(), Some(0), "{:?}", server.log());
    let took = began.elapsed();
    say(format!("watch: stopped {took:?} after SIGTERM, with calls that do not end"));
    // The server would cut them off after ten seconds.
    assert!(took < Duration::from_secs(8), "it took {took:?}");
    let end = importing.await.expect("the call ends").expect_err("never with OK");
    let end = Refused::from(&end);
    check_stopping(&end);
    assert_eq!(end.metadata["applied_messages"], "1");
}

/// Asks until an entity is there.
async fn imported(client: &Client) {
    while client.info().await.entity_count == 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_client_finds_the_server_again_on_the_same_port() {
    let (mut server, client) = server().await;
    let before = client.info().await.database_id;
    assert_eq!(server.terminate().await.code(), Some(0));
    let address = server.address();
    server.restart(Port::Same).await;
    assert_eq!(server.address(), address);
    // The same connection as before, which is made anew by itself.
    let again = tokio::time::timeout(Duration::from_secs(30), async {
        loop {
            let info = client.system.clone().get_server_info(pb::GetServerInfoRequest {}).await;
            if let Ok(info) = info {
                return info.into_inner();
            }
        }
    });
    assert_eq!(again.await.expect("it answers again").database_id, before);
    drop::<Server>(server);
}
