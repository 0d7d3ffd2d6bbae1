use std::sync::Arc;

use foldhash::HashMap;
use pawl_domain::{
    EventType, Limits, Listener, Listening, Pipeline, PipelineId, Rejection, Resource, StageId,
    Trigger, TriggerId, TriggerType, TypeCode, built_in_types,
};
use pawl_store::{EntityRow, Store, StoreError};

use crate::Counts;

/// How many rows recovery reads at a time.
const PAGE: usize = 500;

/// The configuration as the next event will find it (T10), and how many entities stand where.
/// Only the writer has it, so there is nothing that could lag behind.
#[derive(Debug, Default)]
pub(crate) struct State {
    pipelines: HashMap<PipelineId, PipelineState>,
    /// Those that users registered.
    types: HashMap<TypeCode, Arc<TriggerType>>,
    triggers: HashMap<TriggerId, Arc<Trigger>>,
    entities: u64,
}

/// A pipeline with what is on it.
#[derive(Debug)]
pub(crate) struct PipelineState {
    pub(crate) pipeline: Arc<Pipeline>,
    /// Triggers by the event type they listen to, oldest first.
    listening: HashMap<EventType, Listening>,
    /// Entities on each stage.
    entities: HashMap<StageId, u64>,
}

/// How many entities stand where, counted while their rows are checked.
#[derive(Debug, Default)]
pub(crate) struct Standing(HashMap<(PipelineId, StageId), i64>);

impl Standing {
    pub(crate) fn count(&mut self, row: &EntityRow) {
        if !row.deleted {
            let place = (row.entity.pipeline_id.clone(), row.entity.stage_id.clone());
            *self.0.entry(place).or_default() += 1;
        }
    }
}

impl State {
    /// Reads the configuration that the store's rows describe, and takes over where entities stand.
    pub(crate) fn recover(store: &Store, standing: &Standing) -> Result<Self, StoreError> {
        let mut state = Self::default();
        each(|after| store.pipelines(after, PAGE, |_| true), |p| state.put_pipeline(Arc::new(p)))?;
        each(|after| store.trigger_types(after, PAGE, |_| true), |t| state.put_type(Arc::new(t)))?;
        each(|after| store.triggers(after, PAGE, |_| true), |t| state.put_trigger(Arc::new(t)))?;
        for ((pipeline, stage), count) in &standing.0 {
            state.count_entity(pipeline, stage, *count);
        }
        Ok(state)
    }

    pub(crate) fn counts(&self) -> Counts {
        Counts {
            pipelines: self.pipelines.len() as u64,
            trigger_types: (built_in_types().len() + self.types.len()) as u64,
            triggers: self.triggers.len() as u64,
            entities: self.entities,
        }
    }

    /// The pipeline that a request's body refers to.
    pub(crate) fn pipeline(&self, id: &PipelineId) -> Result<&PipelineState, Rejection> {
        let missing = || Rejection::missing("pipeline_id", Resource::Pipeline, id);
        self.pipelines.get(id).ok_or_else(missing)
    }

    /// The trigger type that a request's body refers to.
    pub(crate) fn trigger_type(&self, code: &TypeCode) -> Result<&Arc<TriggerType>, Rejection> {
        let missing = || Rejection::missing("trigger_type", Resource::TriggerType, code);
        built_in_types().get(code).or_else(|| self.types.get(code)).ok_or_else(missing)
    }

    pub(crate) fn trigger(&self, id: &TriggerId) -> Option<&Arc<Trigger>> {
        self.triggers.get(id)
    }

    /// The triggers of a type.
    pub(crate) fn triggers_of<'a>(
        &'a self,
        code: &'a TypeCode,
    ) -> impl Iterator<Item = &'a Arc<Trigger>> {
        self.triggers.values().filter(move |trigger| trigger.type_code == *code)
    }

    pub(crate) fn put_pipeline(&mut self, pipeline: Arc<Pipeline>) {
        if let Some(state) = self.pipelines.get_mut(&pipeline.id) {
            state.pipeline = pipeline;
        } else {
            let id = pipeline.id.clone();
            let (listening, entities) = Default::default();
            self.pipelines.insert(id, PipelineState { pipeline, listening, entities });
        }
    }

    pub(crate) fn remove_pipeline(&mut self, id: &PipelineId) {
        self.pipelines.remove(id);
    }

    /// Triggers that are there go on with the type as it was when they were put: what they need of it,
    /// event type and parameters, never changes.
    pub(crate) fn put_type(&mut self, trigger_type: Arc<TriggerType>) {
        self.types.insert(trigger_type.code.clone(), trigger_type);
    }

    pub(crate) fn remove_type(&mut self, code: &TypeCode) {
        self.types.remove(code);
    }

    pub(crate) fn put_trigger(&mut self, trigger: Arc<Trigger>) {
        self.remove_trigger(&trigger.id);
        if let Ok(trigger_type) = self.trigger_type(&trigger.type_code).cloned()
            && let Some(listening) = self.listening_mut(&trigger)
        {
            listening.insert(Listener { trigger: Arc::clone(&trigger), trigger_type });
        }
        self.triggers.insert(trigger.id.clone(), trigger);
    }

    pub(crate) fn remove_trigger(&mut self, id: &TriggerId) {
        if let Some(trigger) = self.triggers.remove(id)
            && let Some(listening) = self.listening_mut(&trigger)
        {
            listening.remove(&trigger.id);
        }
    }

    fn listening_mut(&mut self, trigger: &Trigger) -> Option<&mut Listening> {
        let event_type = self.trigger_type(&trigger.type_code).ok()?.event_type.clone();
        let pipeline = self.pipelines.get_mut(&trigger.pipeline_id)?;
        Some(pipeline.listening.entry(event_type).or_default())
    }

    /// Adds `change` to the number of entities on a stage.
    pub(crate) fn count_entity(&mut self, pipeline: &PipelineId, stage: &StageId, change: i64) {
        self.entities = self.entities.saturating_add_signed(change);
        if let Some(state) = self.pipelines.get_mut(pipeline) {
            let count = state.entities.entry(stage.clone()).or_default();
            *count = count.saturating_add_signed(change);
        }
    }
}

impl PipelineState {
    /// The triggers that listen to an event type, oldest first.
    pub(crate) fn listening(&self, event_type: &EventType) -> &Listening {
        self.listening.get(event_type).unwrap_or(Listening::nobody())
    }

    /// Refuses when one more trigger would be too many for one event to consider.
    pub(crate) fn check_listening(
        &self,
        event_type: &EventType,
        limits: &Limits,
    ) -> Result<(), Rejection> {
        let limit = limits.max_triggers_per_pipeline_and_event_type;
        let count = self.listening(event_type).len();
        if count < limit {
            return Ok(());
        }
        Err(Rejection::TriggerLimit {
            pipeline_id: self.pipeline.id.to_string(),
            event_type: event_type.to_string(),
            count,
            limit,
        })
    }

    /// Refuses when one more trigger would be too many on a stage.
    pub(crate) fn check_stage(&self, stage: &StageId, limits: &Limits) -> Result<(), Rejection> {
        let limit = limits.max_triggers_per_stage;
        // Most pipelines have fewer in all: then nothing has to be counted.
        let in_all: usize = self.listening.values().map(|all| all.len()).sum();
        if in_all < limit {
            return Ok(());
        }
        let count = self.triggers().filter(|trigger| trigger.stage_id == *stage).count();
        if count < limit {
            return Ok(());
        }
        Err(Rejection::StageTriggerLimit {
            pipeline_id: self.pipeline.id.to_string(),
            stage_id: stage.to_string(),
            count,
            limit,
        })
    }

    /// How many triggers and entities are on a stage.
    pub(crate) fn usage(&self, stage: &StageId) -> (u64, u64) {
        let on_stage = self.triggers().filter(|trigger| trigger.stage_id == *stage);
        (on_stage.count() as u64, self.entities_on(stage))
    }

    /// How many entities stand on a stage.
    pub(crate) fn entities_on(&self, stage: &StageId) -> u64 {
        self.entities.get(stage).copied().unwrap_or_default()
    }

    /// All triggers of the pipeline.
    pub(crate) fn triggers(&self) -> impl Iterator<Item = &Arc<Trigger>> {
        self.listening.values().flat_map(|all| all.iter()).map(|listener| &listener.trigger)
    }

    /// How many triggers and entities are in the pipeline.
    pub(crate) fn usage_in_all(&self) -> (u64, u64) {
        (
            self.listening.values().map(|all| all.len()).sum::<usize>() as u64,
            self.entities.values().sum(),
        )
    }
}

fn each<T>(
    page: impl Fn(&str) -> Result<pawl_store::Page<T>, StoreError>,
    mut take: impl FnMut(T),
) -> Result<(), StoreError> {
    let mut after = Some(String::new());
    while let Some(id) = after {
        let found = page(&id)?;
        found.items.into_iter().for_each(&mut take);
        after = found.next;
    }
    Ok(())
}
