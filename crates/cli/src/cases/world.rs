use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use pawl_api::pb;
use pawl_domain::{
    CustomerId, Entity, EntityId, Event, EventId, EventType, Limits, Listener, Listening, Pipeline,
    PipelineId, Rejection, Resource, Source, StageId, Timestamp, Trigger, TriggerId, TriggerType,
    TypeCode, Version, World, built_in_types,
};

use super::file::Given;

/// When a case begins, in seconds since the epoch: 1 January 2024. Fixed, so that a case comes out
/// the same on every day.
const BEGIN_SECONDS: u64 = 1_704_067_200;

/// What a server holds, in memory and for one case. The rules are the domain's; here is only what
/// they rest on.
#[derive(Debug, Default)]
pub(super) struct State {
    /// As a server may be told by its settings.
    pub(super) limits: Limits,
    pub(super) now: Timestamp,
    /// How many changes were made so far: where in a log the latest would stand.
    pub(super) position: u64,
    pub(super) pipelines: BTreeMap<PipelineId, Arc<Pipeline>>,
    /// Those that are not built in.
    pub(super) types: BTreeMap<TypeCode, Arc<TriggerType>>,
    pub(super) triggers: BTreeMap<TriggerId, Arc<Trigger>>,
    listening: HashMap<PipelineId, HashMap<EventType, Listening>>,
    /// Each with the position of its latest write.
    entities: BTreeMap<EntityId, (Arc<Entity>, u64)>,
    /// The last revisions of what was deleted, from which its namesakes count on.
    deleted: HashMap<(Resource, String), i64>,
    /// What came of the events so far (E4).
    pub(super) published: HashMap<(Source, EventId), (Event, pb::EventOutcome)>,
}

impl State {
    /// The state in which a case begins. A given that is refused is a mistake of the file's.
    pub(super) fn begin(given: Given, limits: Limits) -> Result<Self, String> {
        let mut state = Self { limits, ..Self::default() };
        state.set_time(0);
        let Given { pipelines, trigger_types, triggers, entities } = given;
        let refused = |what: &str, id: &str, rejection: Rejection| {
            format!("given {what} {id}: refused: {}", told(&rejection))
        };
        for pipeline in pipelines {
            let id = pipeline.pipeline_id.clone();
            state.apply_pipeline(pipeline).map_err(|r| refused("pipeline", &id, r))?;
        }
        for trigger_type in trigger_types {
            let code = trigger_type.code.clone();
            state.apply_type(trigger_type).map_err(|r| refused("trigger type", &code, r))?;
        }
        for trigger in triggers {
            let id = trigger.trigger_id.clone();
            state.apply_trigger(trigger).map_err(|r| refused("trigger", &id, r))?;
        }
        for entity in entities {
            let id = entity.entity_id.clone();
            state.create_entity(entity).map_err(|r| refused("entity", &id, r))?;
        }
        Ok(state)
    }

    /// A step takes a second.
    pub(super) fn set_time(&mut self, step: u64) {
        self.now = Timestamp::since_epoch(Duration::from_secs(BEGIN_SECONDS + step));
    }

    /// The trigger type that a request's body refers to.
    pub(super) fn trigger_type(&self, code: &TypeCode) -> Result<&Arc<TriggerType>, Rejection> {
        let missing = || Rejection::missing("trigger_type", Resource::TriggerType, code);
        built_in_types().get(code).or_else(|| self.types.get(code)).ok_or_else(missing)
    }

    /// The pipeline that a request's body refers to.
    pub(super) fn pipeline_of(&self, id: &PipelineId) -> Result<&Arc<Pipeline>, Rejection> {
        let missing = || Rejection::missing("pipeline_id", Resource::Pipeline, id);
        self.pipelines.get(id).ok_or_else(missing)
    }

    /// An entity that the request is about.
    pub(super) fn known_entity(&self, id: &EntityId) -> Result<&Arc<Entity>, Rejection> {
        self.live_entity(id.as_str()).ok_or_else(|| Rejection::not_found(Resource::Entity, id))
    }

    pub(super) fn live_entity(&self, id: &str) -> Option<&Arc<Entity>> {
        self.entities.get(id).map(|(entity, _)| entity)
    }

    /// Writes an entity at the current position.
    pub(super) fn put_entity(&mut self, entity: Arc<Entity>) {
        self.entities.insert(entity.id.clone(), (entity, self.position));
    }

    pub(super) fn remove_entity(&mut self, id: &EntityId) {
        self.entities.remove(id);
    }

    pub(super) fn put_trigger(&mut self, trigger: Trigger) {
        self.triggers.insert(trigger.id.clone(), Arc::new(trigger));
        self.listen_anew();
    }

    pub(super) fn remove_trigger(&mut self, id: &TriggerId) {
        self.triggers.remove(id);
        self.listen_anew();
    }

    /// Who listens to what, oldest first.
    fn listen_anew(&mut self) {
        self.listening.clear();
        for trigger in self.triggers.values().cloned() {
            let Ok(trigger_type) = self.trigger_type(&trigger.type_code).cloned() else { continue };
            let of_pipeline = self.listening.entry(trigger.pipeline_id.clone()).or_default();
            let listeners = of_pipeline.entry(trigger_type.event_type.clone()).or_default();
            listeners.insert(Listener { trigger, trigger_type });
        }
    }

    /// Refuses when one more trigger would be too many for one event to consider.
    pub(super) fn check_listening(
        &self,
        pipeline: &PipelineId,
        event_type: &EventType,
    ) -> Result<(), Rejection> {
        let limit = self.limits.max_triggers_per_pipeline_and_event_type;
        let count = self.listening(pipeline, event_type).len();
        if count < limit {
            return Ok(());
        }
        Err(Rejection::TriggerLimit {
            pipeline_id: pipeline.to_string(),
            event_type: event_type.to_string(),
            count,
            limit,
        })
    }

    /// Refuses when one more trigger would be too many on a stage.
    pub(super) fn check_stage(
        &self,
        pipeline: &PipelineId,
        stage: &StageId,
    ) -> Result<(), Rejection> {
        let limit = self.limits.max_triggers_per_stage;
        let on_stage = self.triggers.values().filter(|t| t.stage_id == *stage);
        let count = on_stage.filter(|t| t.pipeline_id == *pipeline).count();
        if count < limit {
            return Ok(());
        }
        Err(Rejection::StageTriggerLimit {
            pipeline_id: pipeline.to_string(),
            stage_id: stage.to_string(),
            count,
            limit,
        })
    }

    /// How many triggers and entities are in a pipeline, or on one of its stages (P2).
    pub(super) fn usage(&self, pipeline: &PipelineId, stage: Option<&StageId>) -> (u64, u64) {
        let is_there = |its_pipeline: &PipelineId, its_stage: &StageId| {
            its_pipeline == pipeline && stage.is_none_or(|stage| its_stage == stage)
        };
        let triggers = self.triggers.values().filter(|t| is_there(&t.pipeline_id, &t.stage_id));
        let entities = self.entities.values().map(|(entity, _)| entity);
        let entities = entities.filter(|e| is_there(&e.pipeline_id, &e.stage_id));
        (triggers.count() as u64, entities.count() as u64)
    }

    /// The version of something that is created now (T9, X6).
    pub(super) fn first_version(&self, resource: Resource, id: &impl ToString) -> Version {
        let last = self.deleted.get(&(resource, id.to_string())).copied().unwrap_or_default();
        Version::first(last, self.now)
    }

    /// Remembers the revision of something that goes: the deletion is a change too.
    pub(super) fn forget(&mut self, resource: Resource, id: &impl ToString, version: Version) {
        self.position += 1;
        self.deleted.insert((resource, id.to_string()), version.next(self.now).revision);
    }
}

impl World for State {
    type Error = Rejection;

    fn entity(&mut self, id: &EntityId) -> Result<Option<Arc<Entity>>, Rejection> {
        Ok(self.live_entity(id.as_str()).cloned())
    }

    fn pipeline(&mut self, id: &PipelineId) -> Result<Arc<Pipeline>, Rejection> {
        self.pipeline_of(id).cloned()
    }

    fn listening(&self, pipeline: &PipelineId, event_type: &EventType) -> &Listening {
        let listeners = self.listening.get(pipeline).and_then(|types| types.get(event_type));
        listeners.unwrap_or(Listening::nobody())
    }

    fn entities_of(&mut self, customer: &CustomerId) -> Result<Vec<(Arc<Entity>, u64)>, Rejection> {
        let naming = self.entities.values().filter(|(e, _)| e.customer_ids.contains(customer));
        Ok(naming.cloned().collect())
    }
}

/// A refusal as the API gives it: its reason and its message.
pub(super) fn told(rejection: &Rejection) -> String {
    format!("{} ({rejection})", reason(rejection))
}

/// The name of a refusal's reason, without the prefix that all have.
pub(super) fn reason(rejection: &Rejection) -> &'static str {
    let name = pawl_api::convert::refusal(rejection).reason().as_str_name();
    name.trim_start_matches("ERROR_REASON_")
}
