//! A board that is open while a thousand deals move every second.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use pawl_api::pb;
use pawl_tests::{Client, Server, cases, entity, event, pipeline, trigger, trigger_type};
use serde_json::json;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::interval;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;

use crate::script;

/// How many deals there are.
const DEALS: usize = 100_000;
/// How many move at once, and how often.
const BATCH: usize = 20;
const PACE: Duration = Duration::from_millis(20);
/// How long, without `PAWL_BOARD_LOAD_S`.
const SECONDS: u64 = 12;

fn named(number: usize) -> pb::Entity {
    let display_name = format!("Number {number}");
    pb::Entity { display_name, ..entity(&format!("deal/{number}"), "sales") }
}

async fn crowded() -> (Server, Client) {
    let server = Server::start().await;
    let client = server.client().await;
    client.pipeline(pipeline("sales", "new offer order won:WON")).await;
    for (event_type, stage) in [("go", "offer"), ("back", "new")] {
        client.trigger_type(trigger_type(event_type)).await;
        let trigger = trigger(event_type, &format!("sales/{stage}"), event_type);
        client.trigger(pb::Trigger { allow_move_back: true, ..trigger }).await;
    }
    let deals: Vec<_> = (0..DEALS).collect();
    let messages: Vec<_> = deals
        .chunks(1_000)
        .map(|part| pb::ImportEntitiesRequest {
            entities: part.iter().map(|n| named(*n)).collect(),
            ..Default::default()
        })
        .collect();
    let imported = client.entities.clone().import_entities(tokio_stream::iter(messages)).await;
    assert_eq!(imported.expect("they are imported").into_inner().created_count, 100_000);
    (server, client)
}

/// Moves deals until it is told to stop.
struct Load {
    stop: Arc<AtomicBool>,
    moved: JoinHandle<usize>,
}

impl Load {
    fn begin(client: &Client) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (send, receive) = mpsc::channel(64);
        let stopped = Arc::clone(&stop);
        tokio::spawn(async move {
            let mut pace = interval(PACE);
            let mut number = 0;
            while !stopped.load(Ordering::Relaxed) {
                pace.tick().await;
                let events = (number..number + BATCH).map(swing).collect();
                number += BATCH;
                if send
                    .send(pb::PublishEventsRequest { events, ..Default::default() })
                    .await
                    .is_err()
                {
                    break;
                }
            }
        });
        let mut events = client.events.clone();
        let moved = tokio::spawn(async move {
            let answers = events.publish_events(ReceiverStream::new(receive)).await;
            let mut answers = answers.expect("the stream opens").into_inner();
            let mut moved = 0;
            while let Some(answer) = answers.next().await {
                let outcomes = answer.expect("the stream goes on").outcomes;
                let decisions = outcomes.iter().flat_map(|outcome| &outcome.decisions);
                moved += decisions.filter(|decision| decision.r#move.is_some()).count();
            }
            moved
        });
        Self { stop, moved }
    }

    /// How many moved.
    async fn end(self) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        self.moved.await.expect("it was published")
    }
}

/// Every deal goes, then every deal comes back.
fn swing(number: usize) -> pb::Event {
    let event_type = if (number / DEALS).is_multiple_of(2) { "go" } else { "back" };
    event(&number.to_string(), event_type, &format!("deal/{}", number % DEALS))
}

/// How many deals stand on each stage.
async fn counts(client: &Client) -> String {
    let request = pb::GetBoardRequest { pipeline_id: "sales".to_owned(), ..Default::default() };
    let board = client.pipelines.clone().get_board(request).await.expect("it is given");
    let stages = board.into_inner().stages;
    let counts: Vec<_> =
        stages.iter().map(|stage| json!([stage.stage_id, stage.entity_count])).collect();
    json!(counts).to_string()
}

#[tokio::test]
#[ignore = "needs Chromium and what .ci/run installs"]
async fn a_thousand_moves_a_second_among_a_hundred_thousand_deals() {
    let (server, client) = crowded().await;
    let seconds = std::env::var("PAWL_BOARD_LOAD_S").ok().and_then(|text| text.parse().ok());
    let seconds: u64 = seconds.unwrap_or(SECONDS);
    let address = format!("http://{}", server.address());
    let told = seconds.to_string();
    let settings = [("PAWL_ADDRESS", address.as_str()), ("PAWL_BOARD_LOAD_S", told.as_str())];
    let mut load = None;
    let act = async |asked: Vec<String>| match asked[0].as_str() {
        "begin" => {
            load = Some(Load::begin(&client));
            String::new()
        }
        "end" => load.take().expect("it began").end().await.to_string(),
        "truth" => counts(&client).await,
        other => panic!("nobody knows how to {other}"),
    };
    let checked = script::play("load.mjs", &settings, seconds, act).await;
    cases("browser: load.mjs", checked, 5);
}
