use std::net::SocketAddr;

use pawl_api::pb;
use pawl_api::pb::entity_service_client::EntityServiceClient;
use pawl_api::pb::event_service_client::EventServiceClient;
use pawl_api::pb::move_service_client::MoveServiceClient;
use pawl_api::pb::pipeline_service_client::PipelineServiceClient;
use pawl_api::pb::system_service_client::SystemServiceClient;
use pawl_api::pb::trigger_service_client::TriggerServiceClient;
use pawl_api::pb::watch_moves_request::Start;
use tonic::Status;
use tonic::transport::{Channel, Endpoint};

use crate::Watcher;

/// Every service on ONE connection. The fields make the calls; the methods are for what a test
/// takes for granted, and panic when it is refused.
#[derive(Debug, Clone)]
pub struct Client {
    /// The connection.
    pub channel: Channel,
    /// `PipelineService`.
    pub pipelines: PipelineServiceClient<Channel>,
    /// `TriggerService`.
    pub triggers: TriggerServiceClient<Channel>,
    /// `EntityService`.
    pub entities: EntityServiceClient<Channel>,
    /// `EventService`.
    pub events: EventServiceClient<Channel>,
    /// `MoveService`.
    pub moves: MoveServiceClient<Channel>,
    /// `SystemService`.
    pub system: SystemServiceClient<Channel>,
}

impl Client {
    /// Connects.
    pub async fn connect(address: SocketAddr) -> Result<Self, tonic::transport::Error> {
        let endpoint = Endpoint::from_shared(format!("http://{address}"))?;
        let channel = endpoint.connect().await?;
        Ok(Self {
            pipelines: PipelineServiceClient::new(channel.clone()),
            triggers: TriggerServiceClient::new(channel.clone()),
            entities: EntityServiceClient::new(channel.clone()),
            events: EventServiceClient::new(channel.clone()),
            moves: MoveServiceClient::new(channel.clone()),
            system: SystemServiceClient::new(channel.clone()),
            channel,
        })
    }

    /// Creates a pipeline.
    pub async fn pipeline(&self, pipeline: pb::Pipeline) -> pb::Pipeline {
        let pipeline = Some(pipeline);
        let request = pb::CreatePipelineRequest { pipeline, ..Default::default() };
        let created = self.pipelines.clone().create_pipeline(request).await;
        created.expect("the pipeline is created").into_inner().pipeline.expect("it is given")
    }

    /// Registers a trigger type.
    pub async fn trigger_type(&self, trigger_type: pb::TriggerType) -> pb::TriggerType {
        let trigger_type = Some(trigger_type);
        let request = pb::CreateTriggerTypeRequest { trigger_type, ..Default::default() };
        let created = self.triggers.clone().create_trigger_type(request).await;
        let created = created.expect("the trigger type is registered").into_inner();
        created.trigger_type.expect("it is given")
    }

    /// Creates a trigger.
    pub async fn trigger(&self, trigger: pb::Trigger) -> pb::Trigger {
        let request = pb::CreateTriggerRequest { trigger: Some(trigger), ..Default::default() };
        let created = self.triggers.clone().create_trigger(request).await;
        created.expect("the trigger is created").into_inner().trigger.expect("it is given")
    }

    /// Creates an entity.
    pub async fn entity(&self, entity: pb::Entity) -> pb::Entity {
        let request = pb::CreateEntityRequest { entity: Some(entity), ..Default::default() };
        let created = self.entities.clone().create_entity(request).await;
        created.expect("the entity is created").into_inner().entity.expect("it is given")
    }

    /// Reads an entity.
    pub async fn get_entity(&self, id: &str) -> pb::Entity {
        let request = pb::GetEntityRequest { entity_id: id.to_owned() };
        let found = self.entities.clone().get_entity(request).await;
        found.expect("the entity is there").into_inner().entity.expect("it is given")
    }

    /// Publishes an event; the outcome has all verdicts.
    pub async fn publish(&self, event: pb::Event) -> pb::EventOutcome {
        self.try_publish(event).await.expect("the event is accepted")
    }

    /// Publishes an event that may be refused.
    pub async fn try_publish(&self, event: pb::Event) -> Result<pb::EventOutcome, Status> {
        let view = pb::DecisionView::Full.into();
        let request = pb::PublishEventRequest { event: Some(event), view };
        let published = self.events.clone().publish_event(request).await?;
        Ok(published.into_inner().outcome.expect("an outcome is given"))
    }

    /// Publishes again and again until it is accepted; until then it is refused for this reason.
    pub async fn publish_once_admitted(&self, event: pb::Event, reason: &str) -> pb::EventOutcome {
        loop {
            match self.try_publish(event.clone()).await {
                Ok(outcome) => return outcome,
                Err(status) => assert_eq!(crate::Refused::from(&status).reason, reason),
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }

    /// Publishes events on one stream, each in a message of its own, and gives all outcomes.
    pub async fn publish_all(&self, events: Vec<pb::Event>) -> Vec<pb::EventOutcome> {
        let view = pb::DecisionView::Full.into();
        let message = move |event| pb::PublishEventsRequest { events: vec![event], view };
        let messages = tokio_stream::iter(events.into_iter().map(message));
        let answers = self.events.clone().publish_events(messages).await;
        let mut answers = answers.expect("the stream opens").into_inner();
        let mut outcomes = Vec::new();
        while let Some(answer) = answers.message().await.expect("the stream goes on") {
            outcomes.extend(answer.outcomes);
        }
        outcomes
    }

    /// Watches; [`Watcher::next_frame`] gives `started` first.
    pub async fn try_watch(&self, request: pb::WatchMovesRequest) -> Result<Watcher, Status> {
        let token = match &request.start {
            Some(Start::ResumeToken(token)) => token.to_vec(),
            _ => Vec::new(),
        };
        let frames = self.moves.clone().watch_moves(request).await?;
        Ok(Watcher::new(frames.into_inner(), token))
    }

    /// Watches, and returns once the watch stands.
    pub async fn watch(&self, request: pb::WatchMovesRequest) -> Watcher {
        let mut watcher = self.try_watch(request).await.expect("the watch starts");
        let first = watcher.next_frame().await.expect("the watch stands");
        let is_started = matches!(first.frame, Some(pb::watch_frame::Frame::Started(_)));
        assert!(is_started, "`started` comes first, not {first:?}");
        watcher
    }

    /// What the server says of itself.
    pub async fn info(&self) -> pb::GetServerInfoResponse {
        let info = self.system.clone().get_server_info(pb::GetServerInfoRequest {}).await;
        info.expect("the server answers").into_inner()
    }
}
