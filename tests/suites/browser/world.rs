//! What stands behind the pages: a server with deals, and what scripts have done to it.

use std::fs;

use pawl_api::pb;
use pawl_tests::{Client, Port, Server, entity, event, pipeline, trigger, trigger_type};
use serde_json::{Value, json};

/// The stages, in their order.
const STAGES: [&str; 3] = ["new", "offer", "won"];
/// How many deals there are: fewer than a column shows.
const DEALS: usize = 30;
/// How many moves stand beside a board.
const FEED: i32 = 30;

pub(crate) struct World {
    pub(crate) server: Server,
    client: Client,
    events: usize,
}

impl World {
    pub(crate) async fn start() -> Self {
        let server = Server::start().await;
        let client = server.client().await;
        furnish(&client, DEALS).await;
        Self { server, client, events: 0 }
    }

    pub(crate) fn address(&self) -> String {
        format!("http://{}", self.server.address())
    }

    /// Does what a script asks for.
    pub(crate) async fn act(&mut self, asked: &[String]) -> String {
        let asked: Vec<&str> = asked.iter().map(String::as_str).collect();
        match asked[..] {
            ["truth"] => return self.truth().await.to_string(),
            ["publish", event_type, deal] => {
                self.publish(event_type, deal).await;
            }
            ["create", deal] => {
                self.client.entity(entity(deal, "sales")).await;
            }
            ["create", deal, name] => self.create(deal, name).await,
            ["rename", deal, name] => self.rename(deal, name).await,
            ["delete", deal] => {
                let request =
                    pb::DeleteEntityRequest { entity_id: deal.to_owned(), ..Default::default() };
                self.client.entities.delete_entity(request).await.expect("it is deleted");
            }
            ["pause", id] => self.set(id, pb::TriggerState::Paused).await,
            ["resume", id] => self.set(id, pb::TriggerState::Active).await,
            ["move-and-kill", round] => self.move_and_kill(is_even(round)).await,
            ["restart"] => self.restart().await,
            ["swing", round] => self.swing(!is_even(round), DEALS).await,
            ["forget"] => self.forget().await,
            ["hundred"] => {
                for number in 0..100 {
                    self.client.entity(entity(&format!("deal/h{number}"), "sales")).await;
                }
            }
            ["stage", deal] => return self.client.get_entity(deal).await.stage_id,
            _ => panic!("nobody knows how to {asked:?}"),
        }
        "done".to_owned()
    }

    async fn publish(&mut self, event_type: &str, deals: &str) {
        self.events += 1;
        let outcome = self.client.publish(event(&self.events.to_string(), event_type, deals)).await;
        assert_eq!(outcome.decisions.len(), deals.split_whitespace().count());
    }

    async fn create(&self, deal: &str, name: &str) {
        let display_name = name.to_owned();
        let fields = pawl_tests::fields([("note", Some(name)), ("\"><script>", Some(name))]);
        let made = pb::Entity { display_name, fields: Some(fields), ..entity(deal, "sales") };
        self.client.entity(made).await;
    }

    async fn rename(&mut self, deal: &str, name: &str) {
        let entity = self.client.get_entity(deal).await;
        let entity = Some(pb::Entity { display_name: name.to_owned(), ..entity });
        let request = pb::UpdateEntityRequest { entity, ..Default::default() };
        self.client.entities.update_entity(request).await.expect("it is renamed");
    }

    async fn set(&mut self, id: &str, state: pb::TriggerState) {
        let request = pb::GetTriggerRequest { trigger_id: id.to_owned(), ..Default::default() };
        let found = self.client.triggers.get_trigger(request).await.expect("it is there");
        let mut trigger = found.into_inner().trigger.expect("it is given");
        trigger.set_state(state);
        let request = pb::UpdateTriggerRequest { trigger: Some(trigger), ..Default::default() };
        self.client.triggers.update_trigger(request).await.expect("it is changed");
    }

    /// Moves deals there or back.
    async fn swing(&mut self, is_there: bool, count: usize) {
        for deal in 0..count {
            self.publish(direction(is_there), &format!("deal/{deal}")).await;
        }
    }

    /// Kills the server while deals move: some moves are known to have been made, of others nobody knows.
    async fn move_and_kill(&mut self, is_there: bool) {
        self.swing(is_there, DEALS / 2).await;
        let (client, first) = (self.client.clone(), self.events + 1);
        self.events += DEALS;
        let rest = tokio::spawn(async move {
            for index in DEALS / 2..DEALS {
                let event_type = direction(is_there);
                let event =
                    event(&(first + index).to_string(), event_type, &format!("deal/{index}"));
                if client.try_publish(event).await.is_err() {
                    break;
                }
            }
        });
        tokio::task::yield_now().await;
        self.server.kill_9().await;
        rest.await.expect("it gives up");
    }

    async fn restart(&mut self) {
        self.server.restart(Port::Same).await;
        self.client = self.server.client().await;
    }

    /// The same address with another database.
    async fn forget(&mut self) {
        self.server.kill_9().await;
        let data = self.server.data().to_owned();
        fs::remove_dir_all(&data).expect("it can be removed");
        fs::create_dir(&data).expect("it can be made");
        self.restart().await;
        furnish(&self.client, 3).await;
    }

    /// What a board must show.
    async fn truth(&mut self) -> Value {
        let query = pb::ListEntitiesRequest {
            pipeline_id: "sales".to_owned(),
            page_size: 1_000,
            ..Default::default()
        };
        let listed = self.client.entities.list_entities(query).await.expect("they are listed");
        let entities = listed.into_inner().entities;
        let on = |stage: &str| {
            let on_it = entities.iter().filter(|entity| entity.stage_id == stage);
            let mut ids: Vec<_> = on_it.map(|entity| entity.entity_id.clone()).collect();
            ids.sort();
            ids
        };
        let query = pb::ListMovesRequest {
            pipeline_id: "sales".to_owned(),
            page_size: FEED,
            ..Default::default()
        };
        let moves = self.client.moves.list_moves(query).await.expect("they are listed");
        let moves = moves.into_inner().moves;
        json!({
            "counts": STAGES.map(|stage| json!([stage, on(stage).len()])),
            "cards": STAGES.map(|stage| json!([stage, on(stage)])),
            "moves": moves.iter().map(|moved| &moved.move_id).collect::<Vec<_>>(),
        })
    }
}

fn is_even(round: &str) -> bool {
    round.parse::<usize>().expect("a number").is_multiple_of(2)
}

fn direction(is_there: bool) -> &'static str {
    if is_there { "go" } else { "back" }
}

/// A pipeline with triggers that move there and back, and deals.
pub(crate) async fn furnish(client: &Client, deals: usize) {
    client.pipeline(pipeline("sales", "new offer won:WON")).await;
    for (event_type, name, stage) in [("go", "Go there", "offer"), ("back", "Go back", "new")] {
        client.trigger_type(trigger_type(event_type)).await;
        let trigger = pb::Trigger {
            display_name: name.to_owned(),
            allow_move_back: true,
            ..trigger(event_type, &format!("sales/{stage}"), event_type)
        };
        client.trigger(trigger).await;
    }
    for deal in 0..deals {
        client.entity(entity(&format!("deal/{deal}"), "sales")).await;
    }
}
