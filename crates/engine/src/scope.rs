use std::sync::Arc;

use foldhash::HashSet;
use pawl_domain::{EntityId, Move, PipelineId, Rejection, Resource, TriggerId};

use crate::writer::{Refusal, Writer};

/// The pipelines to which a handle is limited, or no limit at all.
///
/// [`Engine::within`](crate::Engine::within) gives a handle that obeys these rules in whatever it
/// does. They hold on the state on which each thing is decided: nothing slips in between.
///
/// - **What is outside is not told from what does not exist.** Pipelines, triggers and entities
///   that are outside of the scope or nowhere are answered with one and the same
///   [`Rejection::OutOfScope`], which names only what the caller sent. The id of a pipeline is
///   compared before anything is looked up; in the scope it is answered as ever.
/// - **Lists and watches** are intersected with the scope: what is outside is left out, whatever
///   they ask for. A move is shown when every pipeline that it names is in the scope; a verdict
///   when its trigger was in one, as of the revision that was asked; an entity when it stands in
///   one. To a watch that asks for entities, one that crosses the border by a move shows as
///   created or deleted, and the move itself is not shown.
/// - **Events** are found by their identity when at least one decision was made about an entity in
///   the scope, in the pipeline in which it stood then. Only those decisions are shown, and only
///   the subjects that led to them; when they came along a chain alone, nothing of what the event
///   says either, but its identity, type, time and actor.
/// - **Writes by hand** need the place of the thing as it is now, and the one to which it is to go,
///   in the scope. This is checked before a `request_id` is looked up: of what has left the scope
///   not even the first answer is given again. An id that is taken outside is out of scope too.
/// - **Publishing and previews** reach entities in the scope only. A subject that is outside is
///   decided, and recorded, as one that does not exist; a customer reaches those inside, by the
///   pipelines' own reach. What follows along chains is the house's and knows no scope, but answers
///   leave out what is decided outside, and at parents that do not exist. An event that was
///   published before gets its first outcome as this caller would have been told of it. A
///   hypothetical trigger is in the scope.
/// - **Trigger types** can be read by all. Changing them, and backups, concern all pipelines and
///   need a handle without limit.
///
/// What a limit does not hide: ids are one space for all, so that one which is taken cannot be
/// used; nor can the identity of an event or a request. Numbers count everything: sequences, move
/// ids, tokens, lags, [`counts`](crate::Engine::counts) and what is retained and remembered. What
/// is inside is shown whole, also the parents and customers that an entity names; and an event with
/// a subject inside is shown with all its attributes.
#[derive(Debug, Clone, Default)]
pub struct Scope(Option<Arc<HashSet<PipelineId>>>);

impl Scope {
    /// No limit.
    pub fn unlimited() -> Self {
        Self(None)
    }

    /// These pipelines, which need not exist yet; none at all is a limit, too.
    pub fn of(pipelines: impl IntoIterator<Item = PipelineId>) -> Self {
        Self(Some(Arc::new(pipelines.into_iter().collect())))
    }

    /// Whether there is a limit.
    pub fn is_limited(&self) -> bool {
        self.0.is_some()
    }

    /// Whether a pipeline, and what is in it, can be reached.
    pub fn holds(&self, pipeline: &PipelineId) -> bool {
        self.0.as_ref().is_none_or(|pipelines| pipelines.contains(pipeline))
    }

    /// Whether a move is shown: when it neither begins nor ends outside.
    pub fn shows_move(&self, moved: &Move) -> bool {
        self.holds(&moved.pipeline_id)
            && moved.from_pipeline_id.as_ref().is_none_or(|from| self.holds(from))
    }

    /// What both hold.
    #[must_use]
    pub fn intersection(&self, other: Self) -> Self {
        match (&self.0, &other.0) {
            (None, _) => other,
            (_, None) => self.clone(),
            (Some(one), Some(two)) => Self::of(one.intersection(two).cloned()),
        }
    }

    /// The pipelines; `None` without a limit.
    pub(crate) fn pipelines(&self) -> Option<&HashSet<PipelineId>> {
        self.0.as_deref()
    }

    /// Refuses a pipeline that is outside.
    pub(crate) fn check(&self, pipeline: &PipelineId) -> Result<(), Rejection> {
        if self.holds(pipeline) {
            return Ok(());
        }
        Err(Rejection::out_of_scope(Resource::Pipeline, pipeline))
    }

    /// Refuses what concerns all pipelines when there is a limit.
    pub(crate) fn check_all(&self) -> Result<(), Rejection> {
        if self.is_limited() { Err(Rejection::OutOfScope { named: None }) } else { Ok(()) }
    }

    /// The rejection of what is not found.
    pub(crate) fn not_found(&self, resource: Resource, id: &impl ToString) -> Rejection {
        if self.is_limited() {
            Rejection::out_of_scope(resource, id)
        } else {
            Rejection::not_found(resource, id)
        }
    }
}

/// What an operation names beside pipelines, and what a limited handle asks of it.
#[derive(Debug)]
pub(crate) enum Touched {
    /// Nothing.
    Nothing,
    /// Has to be there, in the scope.
    Entity(EntityId),
    /// Has to be there, in the scope.
    Trigger(TriggerId),
    /// May be there, but not outside.
    NewEntities(Vec<EntityId>),
    /// May be there, but not outside.
    NewTriggers(Vec<TriggerId>),
}

impl Writer {
    /// Refuses what the caller cannot reach, by the newest state.
    pub(crate) fn check_scope(&mut self, touched: &Touched) -> Result<(), Refusal> {
        if !self.scope.is_limited() {
            return Ok(());
        }
        match touched {
            Touched::Nothing => {}
            Touched::Entity(id) => {
                let row = self.live_row(id)?;
                if !row.is_some_and(|row| self.scope.holds(&row.entity.pipeline_id)) {
                    return Err(Rejection::out_of_scope(Resource::Entity, id).into());
                }
            }
            Touched::NewEntities(ids) => {
                for id in ids {
                    let row = self.live_row(id)?;
                    if row.is_some_and(|row| !self.scope.holds(&row.entity.pipeline_id)) {
                        return Err(Rejection::out_of_scope(Resource::Entity, id).into());
                    }
                }
            }
            Touched::Trigger(id) => {
                let known = self.state.trigger(id);
                if !known.is_some_and(|trigger| self.scope.holds(&trigger.pipeline_id)) {
                    return Err(Rejection::out_of_scope(Resource::Trigger, id).into());
                }
            }
            Touched::NewTriggers(ids) => {
                for id in ids {
                    let known = self.state.trigger(id);
                    if known.is_some_and(|trigger| !self.scope.holds(&trigger.pipeline_id)) {
                        return Err(Rejection::out_of_scope(Resource::Trigger, id).into());
                    }
                }
            }
        }
        Ok(())
    }
}
