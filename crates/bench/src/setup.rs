use pawl_api::pb;
use pawl_api::pb::entity_service_client::EntityServiceClient;
use pawl_api::pb::event_service_client::EventServiceClient;
use pawl_api::pb::pipeline_service_client::PipelineServiceClient;
use pawl_api::pb::system_service_client::SystemServiceClient;
use pawl_api::pb::trigger_service_client::TriggerServiceClient;
use prost_types::value::Kind;
use prost_types::{Struct, Value};
use tonic::transport::Channel;

use crate::Failure;
use crate::case::Mix;
use crate::echo::Answers;
use crate::events::{MOVING, STAYING, Source, entity_id};

pub(crate) const PIPELINE: &str = "sales";
/// Behind all entities: its triggers are considered and move nothing.
const BEHIND: &str = "new";
/// Entities go back and forth between these.
const BETWEEN: [&str; 2] = ["offer", "agreed"];
const LAST: &str = "won";
/// Triggers that listen to each type of event.
const LISTENING: usize = 10;
/// For whom there are as many entities each.
const RESPONSIBLES: u64 = 100;
/// Most entities that one message may bring.
const IMPORT: usize = 1_000;

/// Makes the pipeline, its triggers and the entities, and asks for one answer of each kind.
pub(crate) async fn pawl(channel: &Channel, source: Source) -> Result<Answers, Failure> {
    pipeline(channel).await?;
    for event_type in [MOVING, STAYING] {
        triggers(channel, event_type).await?;
    }
    entities(channel, source.entities).await?;
    answers(channel, source).await
}

/// What the server says of itself.
pub(crate) async fn info(channel: &Channel) -> Result<pb::GetServerInfoResponse, Failure> {
    let mut client = SystemServiceClient::new(channel.clone());
    Ok(client.get_server_info(pb::GetServerInfoRequest {}).await?.into_inner())
}

/// Events and moves that the server has counted.
pub(crate) async fn counted(channel: &Channel) -> Result<(u64, u64), Failure> {
    let info = info(channel).await?;
    Ok((info.event_count.try_into()?, info.move_count.try_into()?))
}

async fn pipeline(channel: &Channel) -> Result<(), Failure> {
    let stage = |(stage_id, semantics): (&str, pb::StageSemantics)| pb::Stage {
        stage_id: stage_id.to_owned(),
        display_name: stage_id.to_owned(),
        semantics: semantics.into(),
        ..pb::Stage::default()
    };
    let open = [BEHIND, BETWEEN[0], BETWEEN[1]].map(|id| (id, pb::StageSemantics::Open));
    let stages = open.into_iter().chain([(LAST, pb::StageSemantics::Won)]).map(stage);
    let pipeline = pb::Pipeline {
        pipeline_id: PIPELINE.to_owned(),
        display_name: "Sales".to_owned(),
        entity_kind: "deal".to_owned(),
        stages: stages.collect(),
        trigger_selection: pb::TriggerSelection::NextStage.into(),
        ..pb::Pipeline::default()
    };
    let request = pb::CreatePipelineRequest {
        pipeline: Some(pipeline),
        ..pb::CreatePipelineRequest::default()
    };
    PipelineServiceClient::new(channel.clone()).create_pipeline(request).await?;
    Ok(())
}

/// A trigger type that listens to this type of event, with ten triggers. Two of those that listen
/// to the moving type move entities back and forth; all the others would move them back and may not.
async fn triggers(channel: &Channel, event_type: &str) -> Result<(), Failure> {
    let mut client = TriggerServiceClient::new(channel.clone());
    let trigger_type = pb::TriggerType {
        code: event_type.to_owned(),
        section: "bench".to_owned(),
        title: event_type.to_owned(),
        event_type: event_type.to_owned(),
        entity_kinds: vec!["deal".to_owned()],
        ..pb::TriggerType::default()
    };
    let request = pb::CreateTriggerTypeRequest {
        trigger_type: Some(trigger_type),
        ..pb::CreateTriggerTypeRequest::default()
    };
    client.create_trigger_type(request).await?;
    for index in 0..LISTENING {
        let moving = BETWEEN.get(index).filter(|_| event_type == MOVING);
        let trigger = pb::Trigger {
            trigger_id: format!("{event_type}-{index}"),
            pipeline_id: PIPELINE.to_owned(),
            stage_id: moving.copied().unwrap_or(BEHIND).to_owned(),
            display_name: format!("On {event_type} ({index})"),
            trigger_type: event_type.to_owned(),
            allow_move_back: moving.is_some(),
            state: pb::TriggerState::Active.into(),
            ..pb::Trigger::default()
        };
        let request = pb::CreateTriggerRequest {
            trigger: Some(trigger),
            ..pb::CreateTriggerRequest::default()
        };
        client.create_trigger(request).await?;
    }
    Ok(())
}

/// Who is responsible for an entity, by its number: one of a hundred.
pub(crate) fn responsible(number: u64) -> String {
    format!("user/{}", number % RESPONSIBLES)
}

async fn entities(channel: &Channel, count: u64) -> Result<(), Failure> {
    let entity = |number| {
        let amount = Value { kind: Some(Kind::NumberValue(129.5)) };
        let fields = [("amount".to_owned(), amount)];
        pb::Entity {
            entity_id: entity_id(number),
            pipeline_id: PIPELINE.to_owned(),
            stage_id: BETWEEN[0].to_owned(),
            display_name: format!("Deal {number}"),
            responsible: responsible(number),
            fields: Some(Struct { fields: fields.into() }),
            ..pb::Entity::default()
        }
    };
    let request = move |from: u64| pb::ImportEntitiesRequest {
        entities: (from..count.min(from + IMPORT as u64)).map(entity).collect(),
        ..pb::ImportEntitiesRequest::default()
    };
    let requests = (0..count).step_by(IMPORT).map(request);
    let mut client = EntityServiceClient::new(channel.clone());
    let imported = client.import_entities(tokio_stream::iter(requests)).await?.into_inner();
    if u64::try_from(imported.created_count) == Ok(count) {
        Ok(())
    } else {
        Err(format!("{} of {count} entities were imported", imported.created_count).into())
    }
}

async fn answers(channel: &Channel, source: Source) -> Result<Answers, Failure> {
    let mut client = EventServiceClient::new(channel.clone());
    // Lanes of rounds begin at 0, so these ids are free.
    let mut events = Source { mix: Mix::Real, ..source }.events(0, 999);
    let (mut stayed, mut moved) = (None, None);
    while stayed.is_none() || moved.is_none() {
        let request = pb::PublishEventRequest { event: Some(events.make()), view: 0 };
        let outcome = client.publish_event(request).await?.into_inner().outcome.unwrap_or_default();
        match outcome.decisions.first().map(pb::Decision::outcome) {
            Some(pb::DecisionOutcome::Moved) => moved = Some(outcome),
            Some(pb::DecisionOutcome::NotMoved) => stayed = Some(outcome),
            _ => return Err(format!("an unexpected outcome: {outcome:?}").into()),
        }
    }
    stayed.zip(moved).map(|(stayed, moved)| Answers { stayed, moved }).ok_or_else(|| "no".into())
}
