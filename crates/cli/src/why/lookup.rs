use std::collections::HashMap;

use pawl_api::pb;
use pawl_api::pb::entity_service_client::EntityServiceClient;
use pawl_api::pb::r#move::Cause;
use pawl_api::pb::move_service_client::MoveServiceClient;
use pawl_api::pb::pipeline_service_client::PipelineServiceClient;
use pawl_api::pb::trigger_service_client::TriggerServiceClient;
use prost_types::Timestamp;
use tonic::{Code, Response, Status};

use crate::client::Wire;
use crate::failure::Failure;

/// The things that decisions refer to by id, each asked from the server once. One command tells of
/// no more of them than fit into memory.
#[derive(Debug)]
pub(crate) struct Lookup {
    pipeline_service: PipelineServiceClient<Wire>,
    trigger_service: TriggerServiceClient<Wire>,
    entity_service: EntityServiceClient<Wire>,
    move_service: MoveServiceClient<Wire>,
    pipelines: HashMap<String, Option<pb::Pipeline>>,
    /// By id and revision, where 0 is the latest.
    triggers: HashMap<(String, i64), Option<pb::Trigger>>,
    /// Triggers that are only supposed to be there, by id.
    supposed: HashMap<String, pb::Trigger>,
    trigger_types: HashMap<String, Option<pb::TriggerType>>,
    entities: HashMap<String, Option<pb::Entity>>,
    order: Order,
}

/// The events with verdicts about one entity, in their order, as far back as was asked.
#[derive(Debug, Default)]
pub(crate) struct Order {
    entity_id: String,
    /// By source and id; the newest is 0.
    ranks: HashMap<(String, String), usize>,
}

impl Order {
    pub(crate) fn new(entity_id: String) -> Self {
        Self { entity_id, ranks: HashMap::new() }
    }

    /// Adds the next older one, if it is another.
    pub(crate) fn add(&mut self, source: &str, event_id: &str) {
        let next = self.ranks.len();
        self.ranks.entry((source.to_owned(), event_id.to_owned())).or_insert(next);
    }

    /// Whether a move that was committed at the same time came after an event; none if that cannot be
    /// said.
    fn is_after(&self, moved: &pb::Move, source: &str, event_id: &str) -> Option<bool> {
        let Some(Cause::Trigger(cause)) = &moved.cause else { return None };
        let rank = |source: &str, id: &str| self.ranks.get(&(source.to_owned(), id.to_owned()));
        if self.entity_id != moved.entity_id {
            return None;
        }
        let this = rank(source, event_id)?;
        // One that is not among them lies further back.
        let other = rank(&cause.event_source, &cause.event_id);
        if other == Some(this) { None } else { Some(other.is_some_and(|other| other < this)) }
    }
}

impl Lookup {
    pub(crate) fn new(channel: Wire) -> Self {
        Self {
            pipeline_service: PipelineServiceClient::new(channel.clone()),
            trigger_service: TriggerServiceClient::new(channel.clone()),
            entity_service: EntityServiceClient::new(channel.clone()),
            move_service: MoveServiceClient::new(channel),
            pipelines: HashMap::new(),
            triggers: HashMap::new(),
            supposed: HashMap::new(),
            trigger_types: HashMap::new(),
            entities: HashMap::new(),
            order: Order::default(),
        }
    }

    /// Makes it known in which order events came that were committed together.
    pub(crate) fn keep_order(&mut self, order: Order) {
        self.order = order;
    }

    /// From now on this trigger is what its id means, in any revision.
    pub(crate) fn suppose(&mut self, trigger: pb::Trigger) {
        self.supposed.insert(trigger.trigger_id.clone(), trigger);
    }

    pub(crate) fn is_supposed(&self, trigger_id: &str) -> bool {
        self.supposed.contains_key(trigger_id)
    }

    pub(crate) async fn pipeline(&mut self, id: &str) -> Result<Option<pb::Pipeline>, Failure> {
        if let Some(known) = self.pipelines.get(id) {
            return Ok(known.clone());
        }
        let request = pb::GetPipelineRequest { pipeline_id: id.to_owned() };
        let found = found(self.pipeline_service.get_pipeline(request).await)?;
        let found = found.and_then(|response| response.pipeline);
        Ok(self.pipelines.entry(id.to_owned()).or_insert(found).clone())
    }

    /// A trigger as it was at a revision, also when it is deleted by now; with 0 as it is.
    pub(crate) async fn trigger(
        &mut self,
        id: &str,
        revision: i64,
    ) -> Result<Option<pb::Trigger>, Failure> {
        if let Some(supposed) = self.supposed.get(id) {
            return Ok(Some(supposed.clone()));
        }
        let key = (id.to_owned(), revision);
        if let Some(known) = self.triggers.get(&key) {
            return Ok(known.clone());
        }
        let request = pb::GetTriggerRequest { trigger_id: id.to_owned(), revision };
        let found = found(self.trigger_service.get_trigger(request).await)?;
        let found = found.and_then(|response| response.trigger);
        Ok(self.triggers.entry(key).or_insert(found).clone())
    }

    pub(crate) async fn trigger_type(
        &mut self,
        code: &str,
    ) -> Result<Option<pb::TriggerType>, Failure> {
        if let Some(known) = self.trigger_types.get(code) {
            return Ok(known.clone());
        }
        let request = pb::GetTriggerTypeRequest { code: code.to_owned() };
        let found = found(self.trigger_service.get_trigger_type(request).await)?;
        let found = found.and_then(|response| response.trigger_type);
        Ok(self.trigger_types.entry(code.to_owned()).or_insert(found).clone())
    }

    pub(crate) async fn entity(&mut self, id: &str) -> Result<Option<pb::Entity>, Failure> {
        if let Some(known) = self.entities.get(id) {
            return Ok(known.clone());
        }
        let request = pb::GetEntityRequest { entity_id: id.to_owned() };
        let found = found(self.entity_service.get_entity(request).await)?;
        let found = found.and_then(|response| response.entity);
        Ok(self.entities.entry(id.to_owned()).or_insert(found).clone())
    }

    /// All triggers of a pipeline.
    pub(crate) async fn triggers_of(&mut self, id: &str) -> Result<Vec<pb::Trigger>, Failure> {
        let mut triggers = Vec::new();
        let mut request = pb::ListTriggersRequest {
            pipeline_id: id.to_owned(),
            page_size: 1_000,
            ..Default::default()
        };
        loop {
            let page = self.trigger_service.list_triggers(request.clone()).await?.into_inner();
            triggers.extend(page.triggers);
            if page.next_page_token.is_empty() {
                return Ok(triggers);
            }
            request.page_token = page.next_page_token;
        }
    }

    /// What people call a stage: its name, or its id where it has none or is gone.
    pub(crate) async fn stage(&mut self, pipeline: &str, stage: &str) -> Result<String, Failure> {
        let stages = self.pipeline(pipeline).await?.unwrap_or_default().stages;
        let found = stages.into_iter().find(|found| found.stage_id == stage);
        let name = found.map(|found| found.display_name).unwrap_or_default();
        Ok(if name.is_empty() { stage.to_owned() } else { name })
    }

    /// On which pipeline and stage an entity stood when an event was committed that did not move
    /// it, if that can be told: it follows from where it is now and how it came there.
    pub(crate) async fn stood(
        &mut self,
        entity_id: &str,
        time: Timestamp,
        (source, event_id): (&str, &str),
    ) -> Result<Option<(String, String)>, Failure> {
        let mut request = pb::ListMovesRequest {
            entity_id: entity_id.to_owned(),
            start_time: Some(time),
            page_size: 1_000,
            ..Default::default()
        };
        let mut first_since = None;
        loop {
            let page = self.move_service.list_moves(request.clone()).await?.into_inner();
            for moved in page.moves {
                let is_after = if moved.time == Some(time) {
                    self.order.is_after(&moved, source, event_id)
                } else {
                    Some(true)
                };
                match is_after {
                    Some(true) => first_since = Some(moved),
                    Some(false) => {}
                    None => return Ok(None),
                }
            }
            if page.next_page_token.is_empty() {
                break;
            }
            request.page_token = page.next_page_token;
        }
        if let Some(moved) = first_since {
            let other = moved.from_pipeline_id;
            let pipeline = if other.is_empty() { moved.pipeline_id } else { other };
            return Ok(Some((pipeline, moved.from_stage_id)));
        }
        let entity = self.entity(entity_id).await?;
        Ok(entity.map(|entity| (entity.pipeline_id, entity.stage_id)))
    }
}

/// What was found, if anything: an id that cannot be one is not found either.
fn found<T>(response: Result<Response<T>, Status>) -> Result<Option<T>, Failure> {
    match response {
        Ok(response) => Ok(Some(response.into_inner())),
        Err(status) if matches!(status.code(), Code::NotFound | Code::InvalidArgument) => Ok(None),
        Err(status) => Err(status.into()),
    }
}
