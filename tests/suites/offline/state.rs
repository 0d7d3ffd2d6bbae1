//! Everything that a server tells of what it holds, to hold two of them against each other.

use pawl_api::pb;
use pawl_tests::Client;

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

/// What a server holds, a line for each thing.
pub(crate) struct State(pub(crate) Vec<String>);

impl State {
    pub(crate) async fn of(client: &Client) -> Self {
        let mut lines = Vec::new();
        let request = pb::ListPipelinesRequest { page_size: 1_000, ..Default::default() };
        let pipelines = pages!(client.pipelines, list_pipelines, request, pipelines);
        lines.extend(pipelines.iter().map(|pipeline| format!("{pipeline:?}")));
        let request = pb::ListTriggerTypesRequest { page_size: 1_000, ..Default::default() };
        let types = pages!(client.triggers, list_trigger_types, request, trigger_types);
        lines.extend(types.iter().map(|found| format!("{found:?}")));
        let request = pb::ListTriggersRequest { page_size: 1_000, ..Default::default() };
        let triggers = pages!(client.triggers, list_triggers, request, triggers);
        for trigger in &triggers {
            lines.push(format!("{trigger:?}"));
            for revision in 1..trigger.revision {
                lines.push(old_revision(client, &trigger.trigger_id, revision).await);
            }
            let request = pb::ListVerdictsRequest {
                trigger_id: trigger.trigger_id.clone(),
                page_size: 1_000,
                ..Default::default()
            };
            let verdicts = pages!(client.triggers, list_verdicts, request, verdicts);
            lines.extend(verdicts.iter().map(|verdict| format!("{verdict:?}")));
        }
        let request = pb::ListEntitiesRequest { page_size: 1_000, ..Default::default() };
        let entities = pages!(client.entities, list_entities, request, entities);
        lines.extend(entities.iter().map(|entity| format!("{entity:?}")));
        for customer in ["contact/9", "contact/10", "company/4", "contact/1"] {
            let request = pb::ListEntitiesRequest {
                customer_id: customer.to_owned(),
                page_size: 1_000,
                ..Default::default()
            };
            let entities = pages!(client.entities, list_entities, request, entities);
            let ids: Vec<_> = entities.iter().map(|entity| &entity.entity_id).collect();
            lines.push(format!("{customer}: {ids:?}"));
        }
        lines.extend(moves(client).await.iter().map(|moved| format!("{moved:?}")));
        let info = client.info().await;
        lines.push(format!(
            "{} events, {} moves, the oldest of {:?}",
            info.event_count, info.move_count, info.oldest_retained_time
        ));
        Self(lines)
    }

    /// The first line in which they differ.
    pub(crate) fn difference(&self, other: &Self) -> Option<(String, String)> {
        let nothing = String::from("nothing");
        let longer = self.0.len().max(other.0.len());
        let at = |lines: &[String], index| lines.get(index).unwrap_or(&nothing).clone();
        (0..longer)
            .map(|index| (at(&self.0, index), at(&other.0, index)))
            .find(|(one, other)| one != other)
    }
}

async fn old_revision(client: &Client, trigger_id: &str, revision: i64) -> String {
    let request = pb::GetTriggerRequest { trigger_id: trigger_id.to_owned(), revision };
    let found = client.triggers.clone().get_trigger(request).await.expect("it is readable");
    format!("{:?}", found.into_inner())
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
