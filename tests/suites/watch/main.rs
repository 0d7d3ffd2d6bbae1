//! Watching: where a watch starts, what it shows, how it lives and dies, and the process around it.

mod bounds;
mod command;
mod filters;
mod process;
mod slow;
mod snapshots;
mod starts;
mod stops;

use pawl_api::pb;
use pawl_tests::{Client, Server, entity, event, pipeline, trigger, trigger_type};

/// A server with pipeline `sales`, and triggers that move deals to `offer` on `go` and back to
/// `new` on `back`.
async fn server() -> (Server, Client) {
    let server = Server::start().await;
    let client = server.client().await;
    prepare(&client).await;
    (server, client)
}

async fn prepare(client: &Client) {
    client.pipeline(pipeline("sales", "new offer won:WON")).await;
    for (event_type, stage) in [("go", "offer"), ("back", "new")] {
        client.trigger_type(trigger_type(event_type)).await;
        let trigger = trigger(event_type, &format!("sales/{stage}"), event_type);
        client.trigger(pb::Trigger { allow_move_back: true, ..trigger }).await;
    }
}

/// Creates deals `deal/0` and so on, and gives their ids.
async fn deals(client: &Client, count: usize) -> Vec<String> {
    let ids: Vec<_> = (0..count).map(|index| format!("deal/{index}")).collect();
    for id in &ids {
        client.entity(entity(id, "sales")).await;
    }
    ids
}

/// Events `from` to `to`, each of which moves all the deals.
fn swings(deals: &[String], from: usize, to: usize) -> Vec<pb::Event> {
    let subjects = deals.join(" ");
    let swing = |index: usize| {
        let event_type = if index.is_multiple_of(2) { "go" } else { "back" };
        event(&format!("swing{index}"), event_type, &subjects)
    };
    (from..to).map(swing).collect()
}

/// Publishes events and gives the moves that came of them, in order.
async fn publish(client: &Client, events: Vec<pb::Event>) -> Vec<pb::Move> {
    let outcomes = client.publish_all(events).await;
    let decisions = outcomes.into_iter().flat_map(|outcome| outcome.decisions);
    decisions.filter_map(|decision| decision.r#move).collect()
}
