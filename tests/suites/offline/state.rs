//! Everything that a server tells of what it holds, to hold two of them against each other.

use pawl_api::pb;
use pawl_tests::Client;
use serde_json::{Value, json};

/// Goes through all pages of a list.
macro_rules! pages {
    ($client:expr, $call:ident, $request:expr, $items:ident) => {{
        let (mut client, mut request) = ($client.clone(), $request);
        let mut found = Vec::new();
        loop {
            let page = client.$call(request.clone()).await.expect("it is listed").into_inner();
            found.extend(page.$items);
            request.page_token = page.next_page_token;
            if request.page_token.is_empty() {
                break found;
            }
        }
    }};
}

/// What a server holds: each thing under the name of its kind.
#[derive(Debug)]
pub(crate) struct State(pub(crate) Vec<Value>);

/// A message of the contract as JSON.
pub(crate) fn fact<T: prost::Message>(kind: &str, message: &str, value: &T) -> Value {
    let value = pawl_api::json::to_json(&format!("pawl.v1.{message}"), value);
    json!({ kind: value.expect("a message of the contract") })
}

impl State {
    pub(crate) async fn of(client: &Client) -> Self {
        let mut facts = Vec::new();
        let request = pb::ListPipelinesRequest { page_size: 1_000, ..Default::default() };
        let pipelines = pages!(client.pipelines, list_pipelines, request, pipelines);
        facts.extend(pipelines.iter().map(|found| fact("pipeline", "Pipeline", found)));
        let request = pb::ListTriggerTypesRequest { page_size: 1_000, ..Default::default() };
        let types = pages!(client.triggers, list_trigger_types, request, trigger_types);
        // What is built in is no state.
        let types = types.iter().filter(|found| !found.built_in);
        facts.extend(types.map(|found| fact("trigger type", "TriggerType", found)));
        let request = pb::ListTriggersRequest { page_size: 1_000, ..Default::default() };
        let triggers = pages!(client.triggers, list_triggers, request, triggers);
        for trigger in &triggers {
            facts.push(fact("trigger", "Trigger", trigger));
            for revision in 1..trigger.revision {
                facts.push(old_revision(client, &trigger.trigger_id, revision).await);
            }
            let request = pb::ListVerdictsRequest {
                trigger_id: trigger.trigger_id.clone(),
                page_size: 1_000,
                ..Default::default()
            };
            let verdicts = pages!(client.triggers, list_verdicts, request, verdicts);
            facts.extend(verdicts.iter().map(|found| fact("verdict", "Verdict", found)));
        }
        let request = pb::ListEntitiesRequest { page_size: 1_000, ..Default::default() };
        let entities = pages!(client.entities, list_entities, request, entities);
        facts.extend(entities.iter().map(|found| fact("entity", "Entity", found)));
        for customer in ["contact/9", "contact/10", "company/4", "contact/1"] {
            let request = pb::ListEntitiesRequest {
                customer_id: customer.to_owned(),
                page_size: 1_000,
                ..Default::default()
            };
            let entities = pages!(client.entities, list_entities, request, entities);
            let ids: Vec<_> = entities.iter().map(|entity| &entity.entity_id).collect();
            facts.push(json!({ "customer": customer, "entities": ids }));
        }
        facts.extend(moves(client).await.iter().map(|found| fact("move", "Move", found)));
        let info = client.info().await;
        let oldest = info.oldest_retained_time.map(|time| (time.seconds, time.nanos));
        facts.push(json!({
            "event_count": info.event_count,
            "move_count": info.move_count,
            "oldest_retained_time": oldest,
        }));
        Self(facts)
    }

    /// The first thing in which they differ.
    pub(crate) fn difference(&self, other: &Self) -> Option<(Value, Value)> {
        let longer = self.0.len().max(other.0.len());
        let at = |facts: &[Value], index| facts.get(index).cloned().unwrap_or_default();
        (0..longer)
            .map(|index| (at(&self.0, index), at(&other.0, index)))
            .find(|(one, other)| one != other)
    }
}

async fn old_revision(client: &Client, trigger_id: &str, revision: i64) -> Value {
    let request = pb::GetTriggerRequest { trigger_id: trigger_id.to_owned(), revision };
    let found = client.triggers.clone().get_trigger(request).await.expect("it is readable");
    fact("old trigger", "GetTriggerResponse", &found.into_inner())
}

/// All moves, newest first.
pub(crate) async fn moves(client: &Client) -> Vec<pb::Move> {
    let request = pb::ListMovesRequest { page_size: 1_000, ..Default::default() };
    pages!(client.moves, list_moves, request, moves)
}

/// An event with its outcome; `None` when it is not there.
pub(crate) async fn get_event(client: &Client, id: &str) -> Option<pb::GetEventResponse> {
    let request = pb::GetEventRequest { source: "test".to_owned(), event_id: id.to_owned() };
    Some(client.events.clone().get_event(request).await.ok()?.into_inner())
}
