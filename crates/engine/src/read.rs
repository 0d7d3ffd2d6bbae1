use std::sync::Arc;

use pawl_domain::{
    CustomerId, Entity, EntityId, EntityKind, EventId, Move, MoveId, Pipeline, PipelineId,
    Rejection, Resource, Responsible, Source, StageId, Timestamp, Trigger, TriggerId, TriggerState,
    TriggerType, TypeCode, built_in_types,
};
use pawl_store::{Page, Record, Store, StoreError};

use crate::seen::Past;
use crate::walk::{Walked, walk_back};
use crate::{Engine, EngineError, Published, Scope};

/// How many moves of one entity, entities of one customer, or entities by their ids one call looks at:
/// each may lie in a place of its own.
pub(crate) const CHAIN_MOVES: usize = 1_000;

/// Which moves to list; `None` means any.
#[derive(Debug, Clone, Default)]
pub struct MoveQuery {
    /// Of one entity: then it takes time in proportion to what is returned.
    pub entity_id: Option<EntityId>,
    /// Into or out of this pipeline.
    pub pipeline_id: Option<PipelineId>,
    /// By this trigger.
    pub trigger_id: Option<TriggerId>,
    /// At or after this time.
    pub start_time: Option<Timestamp>,
    /// Before this time.
    pub end_time: Option<Timestamp>,
}

/// A move with its id.
#[derive(Debug, Clone)]
pub struct LoggedMove {
    /// Its id.
    pub id: MoveId,
    /// The move.
    pub moved: Move,
}

/// Some of the moves, newest first.
#[derive(Debug, Default)]
pub struct MovesPage {
    /// The moves.
    pub moves: Vec<LoggedMove>,
    /// Go on with the moves before this one; `None` at the end. A page can end before it is full.
    pub next: Option<MoveId>,
}

/// Reads see every change that was acknowledged before they began, and nothing that a crash could
/// take back.
impl Engine {
    /// A pipeline.
    pub async fn pipeline(&self, id: PipelineId) -> Result<Pipeline, EngineError> {
        self.scope.check(&id)?;
        self.read(move |store| {
            let not_found = || Rejection::not_found(Resource::Pipeline, &id);
            Ok(present(store.pipeline(&id)?).ok_or_else(not_found)?)
        })
        .await
    }

    /// Pipelines, of one kind or all.
    pub async fn pipelines(
        &self,
        kind: Option<EntityKind>,
        after: String,
        limit: usize,
    ) -> Result<Page<Pipeline>, EngineError> {
        let scope = self.scope.clone();
        self.scan(move |store| {
            let keep = |p: &Pipeline| {
                kind.as_ref().is_none_or(|kind| p.kind == *kind) && scope.holds(&p.id)
            };
            Ok(store.pipelines(&after, limit, keep)?)
        })
        .await
    }

    /// A trigger type, built in or registered.
    pub async fn trigger_type(&self, code: TypeCode) -> Result<TriggerType, EngineError> {
        if let Some(built_in) = built_in_types().get(&code) {
            return Ok(TriggerType::clone(built_in));
        }
        self.read(move |store| {
            let not_found = || Rejection::not_found(Resource::TriggerType, &code);
            Ok(present(store.trigger_type(&code)?).ok_or_else(not_found)?)
        })
        .await
    }

    /// Trigger types that `keep` wants, built in and registered, in the order of their codes.
    pub async fn trigger_types(
        &self,
        keep: impl Fn(&TriggerType) -> bool + Send + 'static,
        after: String,
        limit: usize,
    ) -> Result<Page<TriggerType>, EngineError> {
        self.scan(move |store| {
            // One that a user registered before it was built in is not shown twice.
            let own =
                |found: &TriggerType| !built_in_types().contains_key(&found.code) && keep(found);
            let Page { mut items, next } = store.trigger_types(&after, limit, own)?;
            let built_in = built_in_types().values().filter(|built_in| {
                let code = built_in.code.as_str();
                code > after.as_str() && next.as_deref().is_none_or(|next| code <= next)
            });
            let built_in = built_in.filter(|found| keep(found));
            items.extend(built_in.map(|built_in| TriggerType::clone(built_in)));
            items.sort_by(|one, other| one.code.cmp(&other.code));
            let more = items.len() > limit;
            items.truncate(limit);
            let last = items.last().map(|last| last.code.to_string());
            Ok(Page { items, next: if more { last } else { next } })
        })
        .await
    }

    /// A trigger; one revision of it, or with 0 the latest. Also says whether it is deleted (T9).
    pub async fn trigger(
        &self,
        id: TriggerId,
        revision: i64,
    ) -> Result<(Trigger, bool), EngineError> {
        let scope = self.scope.clone();
        self.read(move |store| {
            let not_found = || scope.not_found(Resource::Trigger, &id);
            let (latest, deleted) = store.trigger(&id)?.ok_or_else(not_found)?;
            let is_gone = deleted || !scope.holds(&latest.pipeline_id);
            if revision == 0 {
                return if is_gone { Err(not_found().into()) } else { Ok((latest, false)) };
            }
            match store.trigger_revision(&id, revision)? {
                Some((trigger, _)) if scope.holds(&trigger.pipeline_id) => Ok((trigger, is_gone)),
                // That it has other revisions is known to whoever sees the latest.
                None if scope.holds(&latest.pipeline_id) => {
                    let id = format!("{id}@{revision}");
                    Err(Rejection::NotFound { resource: Resource::Trigger, id }.into())
                }
                _ => Err(not_found().into()),
            }
        })
        .await
    }

    /// Triggers; `None` means any.
    pub async fn triggers(
        &self,
        query: TriggerQuery,
        after: String,
        limit: usize,
    ) -> Result<Page<Trigger>, EngineError> {
        let scope = self.scope.clone();
        self.scan(move |store| {
            let keep = |t: &Trigger| query.matches(t) && scope.holds(&t.pipeline_id);
            Ok(store.triggers(&after, limit, keep)?)
        })
        .await
    }

    /// An entity.
    pub async fn entity(&self, id: EntityId) -> Result<Entity, EngineError> {
        let scope = self.scope.clone();
        self.read(move |store| {
            let row = store.entity(&id)?.map(|row| (row.entity, row.deleted));
            let found = present(row).filter(|entity| scope.holds(&entity.pipeline_id));
            let found = found.ok_or_else(|| scope.not_found(Resource::Entity, &id))?;
            Ok(Entity::clone(&found))
        })
        .await
    }

    /// Those of these entities that can be reached, in one read; of the first thousand.
    pub async fn entities_by_id(
        &self,
        ids: Vec<EntityId>,
    ) -> Result<Vec<Arc<Entity>>, EngineError> {
        let scope = self.scope.clone();
        self.read(move |store| {
            let mut found = Vec::with_capacity(ids.len().min(CHAIN_MOVES));
            for id in ids.iter().take(CHAIN_MOVES) {
                let row = store.entity(id)?.map(|row| (row.entity, row.deleted));
                found.extend(present(row).filter(|entity| scope.holds(&entity.pipeline_id)));
            }
            Ok(found)
        })
        .await
    }

    /// Entities in the order of their ids. By customer it takes time in proportion to the entities
    /// of that customer, otherwise to all.
    pub async fn entities(
        &self,
        query: EntityQuery,
        after: String,
        limit: usize,
    ) -> Result<Page<Entity>, EngineError> {
        let scope = self.scope.clone();
        self.scan(move |store| {
            let keep = |entity: &Entity| query.matches(entity) && scope.holds(&entity.pipeline_id);
            Ok(match &query.customer_id {
                Some(customer) => entities_of(store, customer, keep, &after, limit)?,
                None => store.entities(&after, limit, keep)?,
            })
        })
        .await
    }

    /// What came of an event: its record with the event, its decisions, its verdicts.
    pub async fn event(&self, source: Source, id: EventId) -> Result<Published, EngineError> {
        let scope = self.scope.clone();
        self.read(move |store| {
            let not_found = || Rejection::EventNotFound {
                source_name: source.to_string(),
                event_id: id.to_string(),
            };
            let record = store.find_event(&source, &id)?.ok_or_else(not_found)?;
            Ok(Past::new(store, scope).event(record)?.ok_or_else(not_found)?)
        })
        .await
    }

    /// Moves, newest first, before `before`.
    pub async fn moves(
        &self,
        query: MoveQuery,
        before: Option<MoveId>,
        limit: usize,
    ) -> Result<MovesPage, EngineError> {
        let (head, scope) = (self.head().sequence, self.scope.clone());
        self.scan(move |store| {
            let before = before.unwrap_or(MoveId { sequence: head + 1, index: 0 });
            let asked = Asked { query: &query, scope: &scope };
            Ok(match &query.entity_id {
                Some(id) => moves_of_entity(store, id, &asked, before, limit)?,
                None => moves_by_scan(store, &asked, before, limit)?,
            })
        })
        .await
    }
}

/// Which entities to list; `None` means any.
#[derive(Debug, Clone, Default)]
pub struct EntityQuery {
    /// In this pipeline.
    pub pipeline_id: Option<PipelineId>,
    /// On this stage.
    pub stage_id: Option<StageId>,
    /// Naming this customer.
    pub customer_id: Option<CustomerId>,
    /// Of this employee.
    pub responsible: Option<Responsible>,
    /// Last changed at or after this time.
    pub updated_after: Option<Timestamp>,
    /// Last changed before this time.
    pub updated_before: Option<Timestamp>,
}

impl EntityQuery {
    pub(crate) fn matches(&self, entity: &Entity) -> bool {
        let updated = entity.version.update_time;
        self.pipeline_id.as_ref().is_none_or(|id| entity.pipeline_id == *id)
            && self.stage_id.as_ref().is_none_or(|id| entity.stage_id == *id)
            && self.customer_id.as_ref().is_none_or(|id| entity.customer_ids.contains(id))
            && self
                .responsible
                .as_ref()
                .is_none_or(|name| entity.responsible.as_ref() == Some(name))
            && self.updated_after.is_none_or(|after| updated >= after)
            && self.updated_before.is_none_or(|before| updated < before)
    }
}

fn entities_of(
    store: &Store,
    customer: &CustomerId,
    keep: impl Fn(&Entity) -> bool,
    after: &str,
    limit: usize,
) -> Result<Page<Entity>, StoreError> {
    let mut page = Page { items: Vec::new(), next: None };
    let ids = store.entities_naming(customer)?;
    let ids = ids.into_iter().filter(|id| id.as_str() > after);
    for (looked_at, id) in (1..).zip(ids) {
        let row = store.entity(&id)?.filter(|row| !row.deleted && keep(&row.entity));
        page.items.extend(row.map(|row| Entity::clone(&row.entity)));
        if page.items.len() == limit || looked_at == CHAIN_MOVES {
            page.next = Some(id.to_string());
            break;
        }
    }
    Ok(page)
}

/// Which triggers to list; `None` means any.
#[derive(Debug, Clone, Default)]
pub struct TriggerQuery {
    /// On this pipeline.
    pub pipeline_id: Option<PipelineId>,
    /// On this stage.
    pub stage_id: Option<StageId>,
    /// Of this type.
    pub type_code: Option<TypeCode>,
    /// In this state.
    pub state: Option<TriggerState>,
}

impl TriggerQuery {
    fn matches(&self, trigger: &Trigger) -> bool {
        fn is<T: PartialEq>(wanted: Option<&T>, value: &T) -> bool {
            wanted.is_none_or(|wanted| wanted == value)
        }
        is(self.pipeline_id.as_ref(), &trigger.pipeline_id)
            && is(self.stage_id.as_ref(), &trigger.stage_id)
            && is(self.type_code.as_ref(), &trigger.type_code)
            && is(self.state.as_ref(), &trigger.state)
    }
}

impl MoveQuery {
    fn matches(&self, moved: &Move) -> bool {
        let pipeline = |id: &PipelineId| {
            moved.pipeline_id == *id || moved.from_pipeline_id.as_ref() == Some(id)
        };
        self.entity_id.as_ref().is_none_or(|id| moved.entity_id == *id)
            && self.pipeline_id.as_ref().is_none_or(pipeline)
            && self.trigger_id.as_ref().is_none_or(|id| moved.cause.trigger_id() == Some(id))
            && self.end_time.is_none_or(|end| moved.time < end)
    }
}

/// Which moves to list, of those that a scope shows.
struct Asked<'a> {
    query: &'a MoveQuery,
    scope: &'a Scope,
}

impl Asked<'_> {
    fn matches(&self, moved: &Move) -> bool {
        self.query.matches(moved) && self.scope.shows_move(moved)
    }

    /// Commit times never decrease along the log, so nothing older can match either.
    fn is_past(&self, record: &Record) -> bool {
        self.query.start_time.is_some_and(|start| record.time < start)
    }
}

/// Walks the chain of an entity's moves back from its row.
fn moves_of_entity(
    store: &Store,
    id: &EntityId,
    asked: &Asked<'_>,
    before: MoveId,
    limit: usize,
) -> Result<MovesPage, StoreError> {
    let mut page = MovesPage::default();
    let mut sequence = store.entity(id)?.map_or(0, |row| row.last_move);
    // A page token of this list stands on the chain, so that earlier pages are not walked again.
    let on_chain = |record: &Record| record.moves().any(|moved| moved.entity_id == *id);
    if before.sequence < sequence && store.record(before.sequence)?.is_some_and(|r| on_chain(&r)) {
        sequence = before.sequence;
    }
    let mut looked_at = 0;
    while sequence > 0 {
        let Some(record) = store.record(sequence)? else { break };
        if asked.is_past(&record) {
            break;
        }
        let moves = (0..).zip(record.moves()).zip(&record.previous_moves);
        let found = moves.into_iter().find(|((_, moved), _)| moved.entity_id == *id);
        let Some(((index, moved), previous)) = found else { break };
        let at = MoveId { sequence, index };
        if at < before && asked.matches(moved) {
            page.moves.push(LoggedMove { id: at, moved: moved.clone() });
        }
        looked_at += 1;
        if page.moves.len() == limit || looked_at == CHAIN_MOVES {
            page.next = (*previous >= store.tail().sequence).then_some(at);
            break;
        }
        sequence = *previous;
    }
    Ok(page)
}

fn moves_by_scan(
    store: &Store,
    asked: &Asked<'_>,
    before: MoveId,
    limit: usize,
) -> Result<MovesPage, StoreError> {
    let wanted = |record: &Record| {
        let logged = |(index, moved): (u32, &Move)| {
            let id = MoveId { sequence: record.sequence, index };
            asked.matches(moved).then(|| LoggedMove { id, moved: moved.clone() })
        };
        Ok((0..).zip(record.moves()).map(logged).collect())
    };
    let Walked { found, next } =
        walk_back(store, before, limit, |record| asked.is_past(record), wanted)?;
    Ok(MovesPage { moves: found, next })
}

/// What is there and not deleted.
fn present<T>(row: Option<(T, bool)>) -> Option<T> {
    row.filter(|(_, deleted)| !deleted).map(|(found, _)| found)
}
