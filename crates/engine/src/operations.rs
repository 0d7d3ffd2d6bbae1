//! Every change that one can ask of the engine.

use pawl_domain::{
    Entity, EntityId, Event, Fields, NewEntity, NewPipeline, NewTrigger, NewTriggerType, Pipeline,
    PipelineId, PipelinePatch, Rejection, Subject, Trigger, TriggerId, TriggerPatch, TriggerType,
    TriggerTypePatch, TypeCode,
};
use pawl_store::RequestIdentity;
use tokio::sync::oneshot;

use crate::configure::Mode;
use crate::scope::Touched;
use crate::writer::{Intent, JOB_WEIGHT, Refusal, Writer};
use crate::{
    Changed, Engine, EngineError, ImportSummary, MoveByHand, OnExisting, Previewed, Published,
    UpdateByHand,
};

/// A change is answered once it, and everything that its answer rests on, is durable.
impl Engine {
    /// Publishes events, in order; each is answered for itself (E1 to E7). Returns once they have
    /// their place behind everything that was published before; the outcomes follow, `explained`
    /// with the values of the parts of filters.
    pub async fn publish(
        &self,
        events: Vec<Event>,
        explained: bool,
    ) -> Result<Publishing, EngineError> {
        let mut answered = Vec::new();
        let mut events = events.into_iter().peekable();
        while events.peek().is_some() {
            // Heavy events go in several jobs, so that none holds up the others for long.
            let mut total: u32 = 0;
            let mut part = Vec::new();
            while let Some(event) = events.next_if(|_| total < JOB_WEIGHT) {
                total = total.saturating_add(weight_of_event(&event));
                part.push(event);
            }
            answered.push(self.enqueue(total, move |w| publish(w, part, explained)).await?);
        }
        Ok(Publishing { engine: self.clone(), answered })
    }

    /// Tells what an event would do, with `triggers` as if they were there (Q1).
    pub async fn preview(
        &self,
        event: Event,
        triggers: Vec<NewTrigger>,
    ) -> Result<Previewed, EngineError> {
        let hypothetical = u32::try_from(triggers.len()).unwrap_or(u32::MAX);
        let weight = weight_of_event(&event).saturating_add(hypothetical);
        triggers.iter().try_for_each(|new| self.scope.check(&new.pipeline_id))?;
        let touched = Touched::NewTriggers(triggers.iter().map(|new| new.id.clone()).collect());
        self.write(weight, touched, Intent::Ask, move |w| {
            let previewed = w.preview(event, triggers)?;
            w.tell_previewed(previewed)
        })
        .await
    }

    /// Creates a pipeline, or only checks it.
    pub async fn create_pipeline(
        &self,
        new: NewPipeline,
        request: Option<RequestIdentity>,
        validate_only: bool,
    ) -> Result<Pipeline, EngineError> {
        self.scope.check(&new.id)?;
        let mode = mode(validate_only);
        let intent = Intent::new(mode, request.as_ref());
        self.write(1, Touched::Nothing, intent, move |w| w.create_pipeline(new, request, mode))
            .await
    }

    /// Updates a pipeline, or only checks the update.
    pub async fn update_pipeline(
        &self,
        id: PipelineId,
        patch: PipelinePatch,
        expected_revision: i64,
        validate_only: bool,
    ) -> Result<Pipeline, EngineError> {
        self.scope.check(&id)?;
        let mode = mode(validate_only);
        let intent = Intent::new(mode, None);
        self.write(1, Touched::Nothing, intent, move |w| {
            w.update_pipeline(&id, patch, expected_revision, mode)
        })
        .await
    }

    /// Deletes a pipeline in which nothing stands.
    pub async fn delete_pipeline(
        &self,
        id: PipelineId,
        expected_revision: i64,
    ) -> Result<(), EngineError> {
        self.scope.check(&id)?;
        let intent = Intent::Write(None);
        self.write(1, Touched::Nothing, intent, move |w| w.delete_pipeline(&id, expected_revision))
            .await
    }

    /// Registers a trigger type, or only checks it.
    pub async fn create_trigger_type(
        &self,
        new: NewTriggerType,
        request: Option<RequestIdentity>,
        validate_only: bool,
    ) -> Result<TriggerType, EngineError> {
        self.scope.check_all()?;
        let mode = mode(validate_only);
        let intent = Intent::new(mode, request.as_ref());
        self.write(1, Touched::Nothing, intent, move |w| w.create_trigger_type(new, request, mode))
            .await
    }

    /// Updates a trigger type, or only checks the update.
    pub async fn update_trigger_type(
        &self,
        code: TypeCode,
        patch: TriggerTypePatch,
        expected_revision: i64,
        validate_only: bool,
    ) -> Result<TriggerType, EngineError> {
        self.scope.check_all()?;
        let mode = mode(validate_only);
        let intent = Intent::new(mode, None);
        let operation =
            move |w: &mut Writer| w.update_trigger_type(&code, patch, expected_revision, mode);
        self.write(1, Touched::Nothing, intent, operation).await
    }

    /// Deletes a trigger type of which there are no triggers.
    pub async fn delete_trigger_type(
        &self,
        code: TypeCode,
        expected_revision: i64,
    ) -> Result<(), EngineError> {
        self.scope.check_all()?;
        let operation = move |w: &mut Writer| w.delete_trigger_type(&code, expected_revision);
        self.write(1, Touched::Nothing, Intent::Write(None), operation).await
    }

    /// Creates a trigger, or only checks it.
    pub async fn create_trigger(
        &self,
        new: NewTrigger,
        request: Option<RequestIdentity>,
        validate_only: bool,
    ) -> Result<Trigger, EngineError> {
        self.scope.check(&new.pipeline_id)?;
        let touched = Touched::NewTriggers(vec![new.id.clone()]);
        let mode = mode(validate_only);
        let intent = Intent::new(mode, request.as_ref());
        self.write(1, touched, intent, move |w| w.create_trigger(new, request, mode)).await
    }

    /// Updates a trigger, or only checks the update.
    pub async fn update_trigger(
        &self,
        id: TriggerId,
        patch: TriggerPatch,
        expected_revision: i64,
        validate_only: bool,
    ) -> Result<Trigger, EngineError> {
        patch.pipeline_id.iter().try_for_each(|id| self.scope.check(id))?;
        let touched = Touched::Trigger(id.clone());
        let mode = mode(validate_only);
        let intent = Intent::new(mode, None);
        let operation = move |w: &mut Writer| w.update_trigger(&id, patch, expected_revision, mode);
        self.write(1, touched, intent, operation).await
    }

    /// Deletes a trigger; its revisions stay readable (T9).
    pub async fn delete_trigger(
        &self,
        id: TriggerId,
        expected_revision: i64,
    ) -> Result<(), EngineError> {
        let touched = Touched::Trigger(id.clone());
        let intent = Intent::Write(None);
        self.write(1, touched, intent, move |w| w.delete_trigger(&id, expected_revision)).await
    }

    /// Creates an entity.
    pub async fn create_entity(
        &self,
        new: NewEntity,
        request: Option<RequestIdentity>,
    ) -> Result<Entity, EngineError> {
        self.scope.check(&new.pipeline_id)?;
        let touched = Touched::NewEntities(vec![new.id.clone()]);
        let intent = Intent::Write(request.clone());
        self.write(1, touched, intent, move |w| w.create_entity(new, request)).await
    }

    /// Creates entities, all or none of them.
    pub async fn import_entities(
        &self,
        news: Vec<NewEntity>,
        on_existing: OnExisting,
        request: Option<RequestIdentity>,
    ) -> Result<ImportSummary, EngineError> {
        let weight = news.iter().map(|new| weight(&new.fields)).sum();
        news.iter().try_for_each(|new| self.scope.check(&new.pipeline_id))?;
        let touched = Touched::NewEntities(news.iter().map(|new| new.id.clone()).collect());
        let intent = Intent::Write(request.clone());
        self.write(weight, touched, intent, move |w| w.import(news, on_existing, request)).await
    }

    /// Updates an entity, never its pipeline or stage, or only tells what that would do (X1, X5).
    pub async fn update_entity(
        &self,
        wish: UpdateByHand,
        request: Option<RequestIdentity>,
        validate_only: bool,
    ) -> Result<Changed, EngineError> {
        wish.patch.pipeline_id.iter().try_for_each(|id| self.scope.check(id))?;
        let touched = Touched::Entity(wish.id.clone());
        let weight = wish.patch.fields.as_ref().map_or(1, weight);
        let mode = mode(validate_only);
        let intent = Intent::of_event(mode, request.as_ref());
        let operation = move |w: &mut Writer| {
            let changed = w.update_entity(wish, request, mode)?;
            w.tell_changed(changed)
        };
        self.write(weight, touched, intent, operation).await
    }

    /// Moves an entity by hand, to any stage, or only tells what that would do (X3, X5).
    pub async fn move_entity(
        &self,
        wish: MoveByHand,
        request: Option<RequestIdentity>,
        validate_only: bool,
    ) -> Result<Changed, EngineError> {
        wish.place.pipeline_id.iter().try_for_each(|id| self.scope.check(id))?;
        let touched = Touched::Entity(wish.id.clone());
        let mode = mode(validate_only);
        let intent = Intent::of_event(mode, request.as_ref());
        let operation = move |w: &mut Writer| {
            let changed = w.move_entity(wish, request, mode)?;
            w.tell_changed(changed)
        };
        self.write(1, touched, intent, operation).await
    }

    /// Deletes an entity; its history is kept (X6).
    pub async fn delete_entity(
        &self,
        id: EntityId,
        expected_revision: i64,
    ) -> Result<(), EngineError> {
        let touched = Touched::Entity(id.clone());
        let intent = Intent::Write(None);
        self.write(1, touched, intent, move |w| w.delete_entity(&id, expected_revision)).await
    }
}

/// What a customer weighs, whose entities are not known before the writer looks.
const CUSTOMER_WEIGHT: u32 = 64;

type Outcomes = Vec<Result<Published, Rejection>>;

fn publish(writer: &mut Writer, events: Vec<Event>, explained: bool) -> Result<Outcomes, Refusal> {
    let each = |event| match writer
        .publish(event, explained)
        .and_then(|published| writer.tell_published(published))
    {
        Ok(published) => {
            writer.count(|drafted| drafted.duplicates += u64::from(published.duplicate));
            Ok(Ok(published))
        }
        Err(Refusal::Rejected(rejection)) => {
            writer.count(|drafted| drafted.refused += 1);
            Ok(Err(rejection))
        }
        Err(Refusal::Failed(error)) => Err(Refusal::Failed(error)),
    };
    events.into_iter().map(each).collect()
}

/// Events that have their place in the order of all.
#[derive(Debug)]
pub struct Publishing {
    engine: Engine,
    answered: Vec<oneshot::Receiver<Result<Outcomes, Rejection>>>,
}

impl Publishing {
    /// What became of each event, once that is durable. Dropping this takes nothing back.
    pub async fn outcomes(self) -> Result<Vec<Result<Published, Rejection>>, EngineError> {
        let mut outcomes = Vec::new();
        for answered in self.answered {
            outcomes.append(&mut self.engine.answer(answered).await??);
        }
        Ok(outcomes)
    }
}

/// What an event weighs in queue and batch: every subject is a decision of its own, and a customer
/// may reach many.
fn weight_of_event(event: &Event) -> u32 {
    let of_subject = |subject: &Subject| match subject {
        Subject::Entity(_) => 1,
        Subject::Customer(_) => CUSTOMER_WEIGHT,
    };
    let subjects: u32 = event.subjects.iter().map(of_subject).sum();
    weight(&event.attributes).saturating_add(subjects.saturating_sub(1))
}

/// What an entity, or an event with one subject, weighs in queue and batch.
fn weight(fields: &Fields) -> u32 {
    1 + u32::try_from(fields.size_bytes() / 256).unwrap_or(u32::MAX)
}

fn mode(validate_only: bool) -> Mode {
    if validate_only { Mode::Validate } else { Mode::Write }
}
