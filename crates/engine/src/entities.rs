use std::sync::Arc;

use pawl_domain::{
    Actor, Cause, Changes, Done, Entity, EntityId, EntityPatch, EntityPlace, Event, EventId,
    NewEntity, Pipeline, Prose, Rejection, Resource, Unfolded, Version, unfold,
};
use pawl_store::{Change, EntityRow, RequestIdentity};

use crate::configure::{Mode, first_answer, reused};
use crate::publish::{Previewed, Published, Told, after};
use crate::seen::check_first_answer;
use crate::writer::{Refusal, Writer};

/// What an import does with entities that exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnExisting {
    /// Refuses the whole message.
    #[default]
    Fail,
    /// Leaves them as they are.
    Skip,
}

/// What an import did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ImportSummary {
    /// Entities created.
    pub created: u64,
    /// Entities that existed and were left alone.
    pub skipped: u64,
}

/// A move that a person or service asks for (X3, X5).
#[derive(Debug)]
pub struct MoveByHand {
    /// The entity.
    pub id: EntityId,
    /// Where it is to go.
    pub place: EntityPlace,
    /// Who asks.
    pub actor: Option<Actor>,
    /// Why.
    pub comment: Prose,
    /// Of the event that will record it.
    pub event_id: EventId,
    /// 0 expects nothing (X4).
    pub expected_revision: i64,
}

/// A change of an entity's data that a person or service asks for (X1).
#[derive(Debug)]
pub struct UpdateByHand {
    /// The entity.
    pub id: EntityId,
    /// What to change.
    pub patch: EntityPatch,
    /// Who asks.
    pub actor: Option<Actor>,
    /// Of the event that it will be.
    pub event_id: EventId,
    /// 0 expects nothing (X4).
    pub expected_revision: i64,
}

/// What a change of an entity did, or would do.
#[derive(Debug, Clone)]
pub struct Changed {
    /// The entity afterwards.
    pub entity: Entity,
    /// What came of the event that it is; `None` when it is none.
    pub told: Option<Told>,
}

impl Writer {
    pub(crate) fn create_entity(
        &mut self,
        new: NewEntity,
        request: Option<RequestIdentity>,
    ) -> Result<Entity, Refusal> {
        first_answer!(self, request, Change::EntityWritten);
        let before = self.row(&new.id)?;
        if before.as_ref().is_some_and(|row| !row.deleted) {
            return Err(Rejection::already_exists(Resource::Entity, &new.id).into());
        }
        let entity = self.new_entity(new, before.as_deref())?;
        self.put_new(before.as_deref(), &entity);
        self.append(request, Vec::new(), Change::EntityWritten(entity.clone()));
        Ok(entity)
    }

    /// Creates entities, all or none of them.
    pub(crate) fn import(
        &mut self,
        news: Vec<NewEntity>,
        on_existing: OnExisting,
        request: Option<RequestIdentity>,
    ) -> Result<ImportSummary, Refusal> {
        if let Some(record) = self.seen_request(request.as_ref())? {
            return match &record.change {
                Change::EntitiesImported { entities, skipped } => {
                    Ok(ImportSummary { created: entities.len() as u64, skipped: *skipped })
                }
                _ => Err(reused(&record).into()),
            };
        }
        let mut created: Vec<(Option<Arc<EntityRow>>, Entity)> = Vec::with_capacity(news.len());
        let mut ids = std::collections::HashSet::with_capacity(news.len());
        let mut skipped = 0;
        for (index, new) in news.into_iter().enumerate() {
            let before = self.row(&new.id)?;
            let exists = before.as_ref().is_some_and(|row| !row.deleted);
            if exists || !ids.insert(new.id.clone()) {
                match on_existing {
                    OnExisting::Skip => skipped += 1,
                    OnExisting::Fail => {
                        return Err(Rejection::already_exists(Resource::Entity, &new.id).into());
                    }
                }
                continue;
            }
            let entity = self
                .new_entity(new, before.as_deref())
                .map_err(|rejection| rejection.within(&format!("entities[{index}]")))?;
            created.push((before, entity));
        }
        let summary = ImportSummary { created: created.len() as u64, skipped };
        if !created.is_empty() || request.is_some() {
            for (before, entity) in &created {
                self.put_new(before.as_deref(), entity);
            }
            let entities = created.into_iter().map(|(_, entity)| entity).collect();
            self.append(request, Vec::new(), Change::EntitiesImported { entities, skipped });
        }
        Ok(summary)
    }

    /// Updates an entity. A change of fields or responsible is an event, to which triggers listen
    /// (X1).
    pub(crate) fn update_entity(
        &mut self,
        request: UpdateByHand,
        identity: Option<RequestIdentity>,
        mode: Mode,
    ) -> Result<Changed, Refusal> {
        if let Some(changed) = self.changed_before(identity.as_ref())? {
            return Ok(changed);
        }
        let UpdateByHand { id, patch, actor, event_id, expected_revision } = request;
        let row = self.known_entity(&id)?;
        row.entity.version.expect(expected_revision)?;
        let entity = row.entity.revised(patch, self.now)?;
        self.options.limits.check_entity(Some(&row.entity), &entity)?;
        let changes = Changes::between(&row.entity, &entity);
        if changes.is_empty() {
            let changed = entity != *row.entity;
            if mode == Mode::Write && changed {
                let after = EntityRow { entity: entity.clone().into(), ..EntityRow::clone(&row) };
                self.put_row(Some(&row), after);
            }
            // Also when nothing changed: the request's id is to be remembered. That is no write (E3).
            if mode == Mode::Write && (changed || identity.is_some()) {
                self.append(identity, Vec::new(), Change::EntityWritten(entity.clone()));
            }
            return Ok(Changed { entity, told: None });
        }
        let event = Event::updated(event_id, id, actor, changes);
        let (now, written) = (self.now, Arc::new(entity));
        let unfolded = unfold(self, &event, Done::Wrote(Arc::clone(&written)), now, true)?;
        let entity = after(&written, &unfolded.decisions);
        if mode == Mode::Validate {
            return Ok(previewed(event, unfolded, entity));
        }
        let row_after = EntityRow { entity: Arc::clone(&written), ..EntityRow::clone(&row) };
        self.put_row(Some(&row), row_after);
        let change =
            |decisions| Change::EntityUpdated { event, decisions, entity: Entity::clone(&written) };
        let published = self.commit(unfolded, Vec::new(), identity, change)?;
        Ok(Changed { entity, told: Some(Told::Published(published)) })
    }

    pub(crate) fn delete_entity(
        &mut self,
        id: &EntityId,
        expected_revision: i64,
    ) -> Result<(), Refusal> {
        let row = self.known_entity(id)?;
        row.entity.version.expect(expected_revision)?;
        let mut entity = Entity::clone(&row.entity);
        entity.version = entity.version.next(self.now);
        let gone = EntityRow {
            entity: entity.clone().into(),
            deleted: true,
            last_move: row.last_move,
            last_write: 0,
        };
        self.put_row(Some(&row), gone);
        self.append(None, Vec::new(), Change::EntityDeleted(entity));
        Ok(())
    }

    /// Moves an entity by hand; the move is recorded as an event of the service's own (X3, X5).
    pub(crate) fn move_entity(
        &mut self,
        request: MoveByHand,
        identity: Option<RequestIdentity>,
        mode: Mode,
    ) -> Result<Changed, Refusal> {
        if let Some(changed) = self.changed_before(identity.as_ref())? {
            return Ok(changed);
        }
        let MoveByHand { id, place, actor, comment, event_id, expected_revision } = request;
        let row = self.known_entity(&id)?;
        let entity = &row.entity;
        entity.version.expect(expected_revision)?;
        let here = Arc::clone(&self.state.pipeline(&entity.pipeline_id)?.pipeline);
        let there: Arc<Pipeline> = match &place.pipeline_id {
            Some(pipeline_id) => Arc::clone(&self.state.pipeline(pipeline_id)?.pipeline),
            None => Arc::clone(&here),
        };
        let event = Event::moved_by_hand(event_id, id, actor.clone());
        let cause = Cause::Manual {
            actor,
            comment,
            event_source: event.source.clone(),
            event_id: event.id.clone(),
        };
        let Some(moved) = entity.move_by_hand(&place, &here, &there, cause, self.now)? else {
            let entity = Entity::clone(entity);
            if mode == Mode::Write && identity.is_some() {
                self.append(identity, Vec::new(), Change::EntityWritten(entity.clone()));
            }
            return Ok(Changed { entity, told: None });
        };
        let entity = Arc::new(entity.moved(&moved));
        let (now, done) = (self.now, Done::Moved(Arc::clone(&entity), moved));
        let unfolded = unfold(self, &event, done, now, true)?;
        let moved = Entity::clone(&entity);
        if mode == Mode::Validate {
            return Ok(previewed(event, unfolded, moved));
        }
        let last_move = self.next_sequence();
        let after = EntityRow { entity, deleted: false, last_move, last_write: 0 };
        self.put_row(Some(&row), after);
        let change = |decisions| Change::EntityMoved { event, decisions, entity: moved.clone() };
        let published = self.commit(unfolded, vec![row.last_move], identity, change)?;
        Ok(Changed { entity: moved, told: Some(Told::Published(published)) })
    }

    /// The first answer to a request that changed an entity before.
    fn changed_before(
        &self,
        request: Option<&RequestIdentity>,
    ) -> Result<Option<Changed>, Refusal> {
        let Some(record) = self.seen_request(request)? else { return Ok(None) };
        check_first_answer(&self.scope, &record)?;
        let published = |record| Some(Told::Published(Published::again(record)));
        Ok(Some(match &record.change {
            Change::EntityMoved { entity, .. } => {
                Changed { entity: entity.clone(), told: published(Arc::clone(&record)) }
            }
            Change::EntityUpdated { entity, decisions, .. } => {
                Changed { entity: after(entity, decisions), told: published(Arc::clone(&record)) }
            }
            // It was no event: a name or a link changed, or nothing did.
            Change::EntityWritten(entity) => Changed { entity: entity.clone(), told: None },
            _ => return Err(reused(&record).into()),
        }))
    }

    fn known_entity(&mut self, id: &EntityId) -> Result<Arc<EntityRow>, Refusal> {
        let row = self.live_row(id)?;
        Ok(row.ok_or_else(|| Rejection::not_found(Resource::Entity, id))?)
    }

    /// An id that was deleted continues its revisions (X6).
    fn new_entity(&self, new: NewEntity, before: Option<&EntityRow>) -> Result<Entity, Rejection> {
        let place = self.state.pipeline(&new.pipeline_id)?;
        let last_revision = before.map_or(0, |row| row.entity.version.revision);
        let version = Version::first(last_revision, self.now);
        let entity = Entity::create(new, &place.pipeline, version)?;
        self.options.limits.check_entity(None, &entity)?;
        Ok(entity)
    }

    /// The chain of moves goes on behind a deletion: history is kept (X6).
    fn put_new(&mut self, before: Option<&EntityRow>, entity: &Entity) {
        let last_move = before.map_or(0, |row| row.last_move);
        let entity = Arc::new(entity.clone());
        self.put_row(before, EntityRow { entity, deleted: false, last_move, last_write: 0 });
    }
}

fn previewed(event: Event, unfolded: Unfolded, entity: Entity) -> Changed {
    let Unfolded { decisions, explanations, .. } = unfolded;
    let told = Told::Previewed(Previewed { event, decisions, explanations });
    Changed { entity, told: Some(told) }
}
