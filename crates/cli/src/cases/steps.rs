use std::sync::Arc;

use pawl_api::convert::{self, Became};
use pawl_api::pb;
use pawl_domain::{
    Actor, Cause, Changes, Done, Entity, EntityId, EntityPlace, Event, EventId, PipelineId, Prose,
    Rejection, Resource, StageId, Unfolded, unfold,
};

use super::file::Step;
use super::world::State;

/// What came of a step: the outcome of its event, if it was one.
pub(super) type Came = Result<Option<pb::EventOutcome>, Rejection>;

/// What happens to entities, and what follows from it.
impl State {
    /// Takes the step of this number. One that is refused changes nothing, except that of several
    /// resources those before the one that is refused are applied.
    pub(super) fn take(&mut self, number: u64, step: Step) -> Came {
        self.set_time(number);
        let now = self.now;
        let event_id = EventId::parse("event_id", &format!("step-{number}"))?;
        match step {
            Step::Event(event) => self.publish(event).map(Some),
            Step::Preview(event) => {
                let event = convert::event("event", event)?;
                self.check_event(&event)?;
                let unfolded = unfold(self, &event, Done::Nothing, now, true)?;
                Ok(Some(outcome(&event, &unfolded)))
            }
            Step::Create(entity) => self.create_entity(entity).map(|()| None),
            Step::Update(entity) => self.update_entity(entity, event_id),
            Step::Move(request) => self.move_entity(request, event_id),
            Step::Delete(deleted) => self.delete(deleted).map(|()| None),
            Step::Apply(manifest) => self.apply(manifest).map(|()| None),
        }
    }

    fn publish(&mut self, event: pb::Event) -> Result<pb::EventOutcome, Rejection> {
        let event = convert::event("event", event)?;
        let identity = (event.source.clone(), event.id.clone());
        if let Some((first, outcome)) = self.published.get(&identity) {
            if *first == event {
                return Ok(pb::EventOutcome { duplicate: true, ..outcome.clone() });
            }
            return Err(Rejection::EventIdReused {
                source_name: event.source.to_string(),
                event_id: event.id.to_string(),
            });
        }
        self.check_event(&event)?;
        let now = self.now;
        let unfolded = unfold(self, &event, Done::Nothing, now, true)?;
        let outcome = self.commit(&event, None, unfolded);
        self.published.insert(identity, (event, outcome.clone()));
        Ok(outcome)
    }

    fn check_event(&self, event: &Event) -> Result<(), Rejection> {
        self.limits.check_event(event).map_err(|rejection| rejection.within("event"))
    }

    fn check_entity(&self, before: Option<&Entity>, after: &Entity) -> Result<(), Rejection> {
        let checked = self.limits.check_entity(before, after);
        checked.map_err(|rejection| rejection.within("entity"))
    }

    pub(super) fn create_entity(&mut self, entity: pb::Entity) -> Result<(), Rejection> {
        let new = convert::new_entity("entity", entity)?;
        if self.live_entity(new.id.as_str()).is_some() {
            return Err(Rejection::already_exists(Resource::Entity, &new.id));
        }
        let version = self.first_version(Resource::Entity, &new.id);
        let pipeline = self.pipeline_of(&new.pipeline_id)?;
        let entity = Entity::create(new, pipeline, version)?;
        self.check_entity(None, &entity)?;
        self.position += 1;
        self.put_entity(Arc::new(entity));
        Ok(())
    }

    /// A change of fields or responsible is an event (X1).
    fn update_entity(&mut self, entity: pb::Entity, event_id: EventId) -> Came {
        let (id, patch) = convert::entity_patch(entity, None)?;
        let known = self.known_entity(&id)?;
        let written = Arc::new(known.revised(patch, self.now)?);
        self.check_entity(Some(known), &written)?;
        let changes = Changes::between(known, &written);
        if changes.is_empty() {
            if written != *known {
                self.position += 1;
                self.put_entity(written);
            }
            return Ok(None);
        }
        let event = Event::updated(event_id, id, None, changes);
        let (now, done) = (self.now, Done::Wrote(Arc::clone(&written)));
        let unfolded = unfold(self, &event, done, now, true)?;
        Ok(Some(self.commit(&event, Some(written), unfolded)))
    }

    /// A move by hand is recorded as an event, to which no trigger listens (X3).
    fn move_entity(&mut self, request: pb::MoveEntityRequest, event_id: EventId) -> Came {
        let id = EntityId::parse("entity_id", &request.entity_id)?;
        let place = EntityPlace {
            pipeline_id: convert::optional("pipeline_id", &request.pipeline_id, PipelineId::parse)?,
            stage_id: StageId::parse("stage_id", &request.stage_id)?,
        };
        let actor = convert::optional("actor", &request.actor, Actor::parse)?;
        let comment = Prose::parse("comment", request.comment)?;
        let entity = self.known_entity(&id)?;
        entity.version.expect(request.expected_revision)?;
        let here = self.pipeline_of(&entity.pipeline_id)?;
        let there = place.pipeline_id.as_ref().map_or(Ok(here), |id| self.pipeline_of(id))?;
        let event = Event::moved_by_hand(event_id, id, actor.clone());
        let (event_source, event_id) = (event.source.clone(), event.id.clone());
        let cause = Cause::Manual { actor, comment, event_source, event_id };
        let Some(moved) = entity.move_by_hand(&place, here, there, cause, self.now)? else {
            return Ok(None);
        };
        let entity = Arc::new(entity.moved(&moved));
        let (now, done) = (self.now, Done::Moved(Arc::clone(&entity), moved));
        let unfolded = unfold(self, &event, done, now, true)?;
        Ok(Some(self.commit(&event, Some(entity), unfolded)))
    }

    pub(super) fn delete_entity(&mut self, id: &str) -> Result<(), Rejection> {
        let id = EntityId::parse("entity_id", id)?;
        let version = self.known_entity(&id)?.version;
        self.forget(Resource::Entity, &id, version);
        self.remove_entity(&id);
        Ok(())
    }

    /// Writes all that an event did, at one position (E5): what it did itself, then what triggers
    /// did.
    fn commit(
        &mut self,
        event: &Event,
        done: Option<Arc<Entity>>,
        unfolded: Unfolded,
    ) -> pb::EventOutcome {
        let outcome = outcome(event, &unfolded);
        self.position += 1;
        done.into_iter().chain(unfolded.moved).for_each(|entity| self.put_entity(entity));
        outcome
    }
}

/// As the API tells it, with every verdict.
fn outcome(event: &Event, unfolded: &Unfolded) -> pb::EventOutcome {
    let became = Became {
        event,
        sequence: None,
        decisions: &unfolded.decisions,
        explanations: &unfolded.explanations,
        duplicate: false,
        move_numbers: &[],
    };
    convert::event_outcome(&became, pb::DecisionView::Full)
}
