//! What nobody here wrote: the tour of the README as it stands there, through buf; Python's and
//! Node's gRPC, in the example scripts too; and a proxy in between. `.ci/run` installs them; where
//! they are missing these tests fail, not skip.

mod proxy;
mod python;
mod scripts;
mod secured;
mod tour;

use pawl_api::pb;
use pawl_tests::{Client, Server, entity, event, pipeline, trigger, trigger_type};

/// A server with `deal/0` and `deal/1`, which `go` and `back` move between two stages.
async fn server() -> (Server, Client) {
    let server = Server::start().await;
    let client = server.client().await;
    client.pipeline(pipeline("sales", "new offer")).await;
    for (event_type, stage) in [("go", "offer"), ("back", "new")] {
        client.trigger_type(trigger_type(event_type)).await;
        let trigger = trigger(event_type, &format!("sales/{stage}"), event_type);
        client.trigger(pb::Trigger { allow_move_back: true, ..trigger }).await;
    }
    for id in ["deal/0", "deal/1"] {
        client.entity(entity(id, "sales")).await;
    }
    (server, client)
}

/// Moves both deals there or back, `count` times from the `from`th on, and tells the moves as the
/// examples do.
async fn swing(client: &Client, from: usize, count: usize) -> Vec<String> {
    let mut moves = Vec::new();
    for index in from..from + count {
        let event_type = if index.is_multiple_of(2) { "go" } else { "back" };
        let event = event(&format!("swing{index}"), event_type, "deal/0 deal/1");
        let decisions = client.publish(event).await.decisions;
        moves.extend(decisions.into_iter().filter_map(|decision| decision.r#move));
    }
    assert_eq!(moves.len(), 2 * count, "each moves both");
    moves.iter().map(line).collect()
}

fn line(moved: &pb::Move) -> String {
    format!("{} {} -> {}", moved.entity_id, moved.from_stage_id, moved.to_stage_id)
}
