//! All that a server holds, as its clients see it.

use std::fmt::Debug;

use futures_util::stream;
use pawl_api::pb;
use pawl_tests::Client;
use tonic::Status;

/// Events in one message.
const IN_MESSAGE: usize = 200;

/// What there is. Two are the same when nothing is missing, nothing is new and nothing is different.
#[derive(Debug)]
pub(crate) struct Picture {
    pipelines: Vec<pb::Pipeline>,
    triggers: Vec<pb::Trigger>,
    /// Every revision of every trigger.
    revisions: Vec<pb::GetTriggerResponse>,
    entities: Vec<pb::Entity>,
    /// The entities of each customer.
    named: Vec<Vec<String>>,
    /// Newest first.
    moves: Vec<pb::Move>,
    /// Of all events that were ever published.
    outcomes: Vec<pb::EventOutcome>,
    /// Events and moves in all.
    counts: (i64, i64),
}

impl Picture {
    /// Looks at everything. Publishes all events again, which does nothing as long as they are known.
    pub(crate) async fn take(
        client: &Client,
        events: &[pb::Event],
        customers: &[String],
    ) -> Result<Self, Status> {
        let triggers = client.all_triggers().await?;
        let mut revisions = Vec::new();
        for trigger in &triggers {
            for revision in 1..=trigger.revision {
                let trigger_id = trigger.trigger_id.clone();
                let request = pb::GetTriggerRequest { trigger_id, revision };
                revisions.push(client.triggers.clone().get_trigger(request).await?.into_inner());
            }
        }
        let mut named = Vec::new();
        for customer_id in customers.iter().cloned() {
            let request =
                pb::ListEntitiesRequest { customer_id, page_size: 1_000, ..Default::default() };
            let found = client.entities.clone().list_entities(request).await?.into_inner();
            named.push(found.entities.into_iter().map(|entity| entity.entity_id).collect());
        }
        let info = client.system.clone().get_server_info(pb::GetServerInfoRequest {}).await?;
        let info = info.into_inner();
        Ok(Self {
            pipelines: client.all_pipelines().await?,
            triggers,
            revisions,
            entities: client.all_entities().await?,
            named,
            moves: client.newest_moves(usize::MAX).await?,
            outcomes: outcomes(client, events).await?,
            counts: (info.event_count, info.move_count),
        })
    }

    /// What is different in `other`, if anything is.
    pub(crate) fn difference(&self, other: &Self) -> Option<String> {
        first("pipelines", &self.pipelines, &other.pipelines)
            .or_else(|| first("triggers", &self.triggers, &other.triggers))
            .or_else(|| first("revisions", &self.revisions, &other.revisions))
            .or_else(|| first("entities", &self.entities, &other.entities))
            .or_else(|| first("customers", &self.named, &other.named))
            .or_else(|| first("moves", &self.moves, &other.moves))
            .or_else(|| first("events", &self.outcomes, &other.outcomes))
            .or_else(|| first("counts", &[self.counts], &[other.counts]))
    }

    /// How many events there are, those that the server makes among them.
    pub(crate) fn events(&self) -> i64 {
        self.counts.0
    }
}

fn first<T: Debug + PartialEq>(what: &str, these: &[T], those: &[T]) -> Option<String> {
    if these.len() != those.len() {
        return Some(format!("{} {what} instead of {}", those.len(), these.len()));
    }
    let (this, that) = these.iter().zip(those).find(|(this, that)| this != that)?;
    Some(format!("{what}: {that:?} instead of {this:?}"))
}

/// The outcomes of events that were published before.
async fn outcomes(client: &Client, events: &[pb::Event]) -> Result<Vec<pb::EventOutcome>, Status> {
    let view = pb::DecisionView::Full.into();
    let messages: Vec<_> = events
        .chunks(IN_MESSAGE)
        .map(|events| pb::PublishEventsRequest { events: events.to_vec(), view })
        .collect();
    let answers = client.events.clone().publish_events(stream::iter(messages)).await?;
    let mut answers = answers.into_inner();
    let mut outcomes = Vec::new();
    while let Some(answer) = answers.message().await? {
        outcomes.extend(answer.outcomes);
    }
    Ok(outcomes)
}
