//! Many more calls than may wait to be decided.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use pawl_api::pb;
use pawl_tests::{Client, Port, Refused, Server, cases, event, say, within};
use tokio::time::Instant;
use tonic::Code;
use tonic_types::StatusExt;

use crate::good::{Good, Process};
use crate::{MEMORY_BYTES, attackers};

/// Calls that one connection has in flight; of these 64 may wait, all clients together.
const IN_FLIGHT: usize = 1_000;
/// Events of a stream, which waits for its turn instead.
const STREAMED: usize = 4_000;

/// For how long: 4 s unless said otherwise.
fn span() -> Duration {
    let seconds = std::env::var("PAWL_OVERLOAD_S").ok().and_then(|text| text.parse().ok());
    Duration::from_secs(seconds.unwrap_or(4))
}

/// Publishes with a thousand calls in flight; gives the ids of what was accepted.
async fn flood(client: Client, until: Instant, refused: Arc<AtomicUsize>) -> Vec<String> {
    let ids = stream::iter(0_u64..).take_while(|_| std::future::ready(Instant::now() < until));
    let calls = ids.map(|index| {
        let (client, refused) = (client.clone(), Arc::clone(&refused));
        async move {
            let id = format!("flood-{index}");
            match client.try_publish(event(&id, "call", "deal/1")).await {
                Ok(_) => Some(id),
                Err(status) => {
                    assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
                    assert_eq!(Refused::from(&status).reason, "QUEUE_FULL");
                    let retry = status.get_details_retry_info().and_then(|info| info.retry_delay);
                    assert!(retry.is_some(), "it is told when to try again: {status:?}");
                    refused.fetch_add(1, Ordering::Relaxed);
                    None
                }
            }
        }
    });
    calls.buffer_unordered(IN_FLIGHT).filter_map(std::future::ready).collect().await
}

async fn is_there(client: &Client, id: &str) -> bool {
    let request = pb::GetEventRequest { source: "test".to_owned(), event_id: id.to_owned() };
    client.events.clone().get_event(request).await.is_ok()
}

#[tokio::test]
async fn too_many_calls_are_refused_and_none_that_was_accepted_is_lost() {
    let mut server = Server::start_with(&["--max-waiting-calls=64", "--log=warn"]).await;
    let process = Process(server.pid());
    let mut modest = Good::connect(&server).await;
    modest.calls(200, Duration::ZERO).await;
    let memory = process.memory();
    let (on, refused) = (attackers(), Arc::new(AtomicUsize::new(0)));
    // One channel belongs to the threads on which it was opened.
    let address = server.address();
    let until = Instant::now() + span();
    let flooding = {
        let refused = Arc::clone(&refused);
        on.spawn(async move {
            let client = Client::connect(address).await.expect("it connects");
            flood(client, until, refused).await
        })
    };
    let streaming = on.spawn(async move {
        let client = Client::connect(address).await.expect("it connects");
        let events =
            (0..STREAMED).map(|index| event(&format!("streamed-{index}"), "call", "deal/1"));
        client.publish_all(events.collect()).await
    });
    // Fails as soon as one of its calls is refused.
    let beside = modest.calls(100, span()).await;
    let accepted = within(60, "the flood ends", flooding).await.expect("no call went wrong");
    let after = Instant::now();
    modest.calls(1, Duration::ZERO).await;
    assert!(after.elapsed() < Duration::from_secs(1), "it answers as soon as the load has ended");
    let streamed = within(60, "the stream ends", streaming).await.expect("it goes well");
    assert_eq!(streamed.len(), STREAMED, "an outcome for each");
    assert!(streamed.iter().all(|outcome| outcome.refusal.is_none()), "none is refused");
    let (grown, refused) = (process.memory(), refused.load(Ordering::Relaxed));
    say(format!(
        "overload: {} accepted, {refused} refused, {} of a modest client; {} MiB, {} before",
        accepted.len(),
        beside.len(),
        grown >> 20,
        memory >> 20
    ));
    assert!(refused > IN_FLIGHT / 2, "only {refused} calls were too many");
    assert!(grown < memory + MEMORY_BYTES, "memory grew from {memory} to {grown}");

    server.kill_9().await;
    server.restart(Port::Any).await;
    let client = server.client().await;
    let ids =
        accepted.iter().cloned().chain((0..STREAMED).map(|index| format!("streamed-{index}")));
    let lost = stream::iter(ids).map(|id| {
        let client = client.clone();
        async move { (!is_there(&client, &id).await).then_some(id) }
    });
    let lost: Vec<_> = lost.buffer_unordered(64).filter_map(std::future::ready).collect().await;
    assert!(lost.is_empty(), "accepted and lost: {lost:?}");
    on.shutdown_background();
    cases("overload: events", accepted.len() + STREAMED, STREAMED + 100);
}
