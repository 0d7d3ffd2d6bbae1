//! A disk that hangs fails nothing and answers nothing: health and the log say so, and where.

use std::time::Duration;

use pawl_api::pb;
use pawl_tests::{Client, Rig, Signal, event, within};
use tonic_health::ServingStatus;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

/// Longer than anything takes, also on a machine that is busy with something else.
const PATIENCE_S: u64 = 60;
/// Whose health is told; the empty name is the server as a whole.
const SERVICES: [&str; 2] = ["", "pawl.v1.EventService"];

async fn becomes(client: &Client, expected: ServingStatus) {
    for service in SERVICES {
        let becomes = async {
            loop {
                let request = HealthCheckRequest { service: service.to_owned() };
                let told = HealthClient::new(client.channel.clone()).check(request).await;
                if told.expect("health is told").into_inner().status == expected as i32 {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        within(PATIENCE_S, &format!("{service:?} is {expected}"), becomes).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_hangs_is_told_until_it_goes_on() {
    let rig = Rig::new();
    let host = rig.start(&["--stall-after", "1s"]).await;
    let client = host.client().await;
    becomes(&client, ServingStatus::Serving).await;
    for round in 1..=2 {
        rig.hang(true);
        let id = format!("e{round}");
        let (publisher, hung) = (client.clone(), event(&id, "sun.up", "deal/1"));
        let published = tokio::spawn(async move { publisher.publish(hung).await });
        becomes(&client, ServingStatus::NotServing).await;
        let told = |log: &[String]| {
            let mut stuck = log.iter().filter(|line| line.contains("the writer is stuck"));
            stuck.nth(round - 1).cloned()
        };
        let told = host.find_in_log("where it is stuck", told).await;
        assert!(told.contains("ERROR") && told.contains("stage=\"syncing\""), "{told}");
        // Nothing is acknowledged or shown that is not durable.
        let (source, event_id) = ("test".to_owned(), id.clone());
        let mut events = client.events.clone();
        let read = async move { events.get_event(pb::GetEventRequest { source, event_id }).await };
        let read = tokio::spawn(read);
        becomes(&client, ServingStatus::NotServing).await;
        assert!(!published.is_finished() && !read.is_finished(), "before it was synced");
        rig.hang(false);
        becomes(&client, ServingStatus::Serving).await;
        let outcome = within(PATIENCE_S, "the event", published).await.expect("it does not panic");
        assert!(!outcome.duplicate, "{outcome:?}");
        let read = within(PATIENCE_S, "a read", read).await.expect("it does not panic");
        assert!(read.is_ok(), "{read:?}");
        assert!(client.publish(event(&id, "sun.up", "deal/1")).await.duplicate, "it is done");
    }
    let again = |log: &[String]| {
        let again = log.iter().filter(|line| line.contains("the writer gets on again"));
        (again.count() == 2).then_some(())
    };
    host.find_in_log("that it gets on again", again).await;
    host.end(Signal::SIGTERM).await;
}
