//! What a limited caller sees of what was decided.

use std::collections::{HashMap, HashSet};

use pawl_domain::{
    Changes, Decision, EntityId, Event, Explanations, Fields, FilterPart, Outcome, PipelineId,
    Rejection, Resource, Subject, TriggerId, Verdicts,
};
use pawl_store::{Change, Record, Store, StoreError};

use crate::read::CHAIN_MOVES;
use crate::scope::Scope;
use crate::writer::{Refusal, Writer};
use crate::{Changed, Previewed, Published, Told};

/// Whether a decision is shown. Where an entity stood that did not move is asked of `origin`.
fn shows<E>(
    scope: &Scope,
    decision: &Decision,
    origin: impl FnOnce(&EntityId) -> Result<Option<PipelineId>, E>,
) -> Result<bool, E> {
    match &decision.outcome {
        Outcome::Moved(moved) => Ok(scope.shows_move(moved)),
        Outcome::NotMoved(id) | Outcome::NoTrigger(id) => {
            Ok(origin(id)?.is_some_and(|pipeline| scope.holds(&pipeline)))
        }
        Outcome::EntityNotFound(_) | Outcome::NotReached => Ok(false),
    }
}

/// Some of the decisions of a record or a preview.
#[derive(Default)]
struct Seen {
    decisions: Vec<Decision>,
    explanations: Explanations,
    /// For each of their moves, which it is of all.
    move_numbers: Vec<u32>,
    /// As in a record.
    previous_moves: Vec<u64>,
}

/// All decisions of a record or a preview, with what belongs to each.
struct All<'a> {
    decisions: &'a [Decision],
    explanations: &'a [Vec<Vec<FilterPart>>],
    previous_moves: &'a [u64],
    /// For each decision how many moves there are before it.
    moves_before: Vec<usize>,
}

impl<'a> All<'a> {
    fn new(
        decisions: &'a [Decision],
        explanations: &'a [Vec<Vec<FilterPart>>],
        previous_moves: &'a [u64],
    ) -> Self {
        let count = |moves: &mut usize, decision: &Decision| {
            let before = *moves;
            *moves += usize::from(decision.moved().is_some());
            Some(before)
        };
        let moves_before = decisions.iter().scan(0, count).collect();
        Self { decisions, explanations, previous_moves, moves_before }
    }

    fn of(record: &'a Record, explanations: &'a Explanations) -> Self {
        Self::new(record.decisions(), explanations, &record.previous_moves)
    }
}

impl Seen {
    fn push(&mut self, all: &All<'_>, index: usize) {
        self.decisions.push(all.decisions[index].clone());
        if !all.explanations.is_empty() {
            let parts = all.explanations.get(index).cloned();
            self.explanations.push(parts.unwrap_or_default());
        }
        if all.decisions[index].moved().is_some() {
            let number = all.moves_before[index];
            self.move_numbers.push(u32::try_from(number).unwrap_or(u32::MAX));
            self.previous_moves.extend(all.previous_moves.get(number));
        }
    }

    /// A decision on which no trigger is asked, as it would be made if what is hidden did not exist.
    fn push_instead(&mut self, all: &All<'_>, event: &Event, subject: &Subject, outcome: Outcome) {
        let (subject, event_type) = (subject.clone(), event.event_type.clone());
        let verdicts = Verdicts::default();
        self.decisions.push(Decision { subject, event_type, hop: 0, outcome, verdicts });
        if !all.explanations.is_empty() {
            self.explanations.push(Vec::new());
        }
    }

    /// The record of an event with these decisions alone, and without what else it holds.
    fn record(&mut self, record: &Record, event: Event) -> Record {
        let decisions = std::mem::take(&mut self.decisions);
        Record {
            request: None,
            previous_moves: std::mem::take(&mut self.previous_moves),
            change: Change::EventDecided { event, decisions },
            ..*record
        }
    }
}

impl Writer {
    /// What the caller is told of an event that was published, now or before.
    pub(crate) fn tell_published(&mut self, published: Published) -> Result<Published, Refusal> {
        let Some(event) = published.record.event().filter(|_| self.scope.is_limited()) else {
            return Ok(published);
        };
        let all = All::of(&published.record, &published.explanations);
        let mut seen = self.seen_by_caller(event, &all, published.duplicate)?;
        let record = seen.record(&published.record, event.clone());
        let Seen { explanations, move_numbers, .. } = seen;
        Ok(Published { record: record.into(), explanations, move_numbers, ..published })
    }

    /// What the caller is told of a preview.
    pub(crate) fn tell_previewed(&mut self, previewed: Previewed) -> Result<Previewed, Refusal> {
        if !self.scope.is_limited() {
            return Ok(previewed);
        }
        let Previewed { event, decisions, explanations } = &previewed;
        let all = All::new(decisions, explanations, &[]);
        let Seen { decisions, explanations, .. } = self.seen_by_caller(event, &all, false)?;
        Ok(Previewed { decisions, explanations, ..previewed })
    }

    /// What the caller is told of a change of an entity.
    pub(crate) fn tell_changed(&mut self, changed: Changed) -> Result<Changed, Refusal> {
        let told = match changed.told {
            None => None,
            Some(Told::Published(told)) => Some(Told::Published(self.tell_published(told)?)),
            Some(Told::Previewed(told)) => Some(Told::Previewed(self.tell_previewed(told)?)),
        };
        Ok(Changed { told, ..changed })
    }

    /// What was decided, as the caller would have been told first: as if what is outside of the scope
    /// did not exist, and without what followed there.
    fn seen_by_caller(
        &mut self,
        event: &Event,
        all: &All<'_>,
        is_old: bool,
    ) -> Result<Seen, Refusal> {
        let scope = self.scope.clone();
        let mut is_shown = Vec::with_capacity(all.decisions.len());
        for decision in all.decisions {
            let origin = |id: &EntityId| match asked_first(decision).filter(|_| is_old) {
                Some((trigger, revision)) => self.pipeline_of(trigger, revision),
                // Of what was decided just now, or without asking anybody, which tells nothing.
                None => Ok(self.row(id)?.map(|row| row.entity.pipeline_id.clone())),
            };
            is_shown.push(shows(&scope, decision, origin)?);
        }
        let mut seen = Seen::default();
        let mut subjects = HashSet::new();
        for subject in event.subjects.iter().filter(|subject| subjects.insert(*subject)) {
            let of_subject = |index: &usize| {
                let decision = &all.decisions[*index];
                decision.hop == 0 && decision.subject == *subject
            };
            let own: Vec<usize> = (0..all.decisions.len()).filter(of_subject).collect();
            let reached = seen.decisions.len();
            own.iter().filter(|index| is_shown[**index]).for_each(|index| seen.push(all, *index));
            if seen.decisions.len() > reached {
                continue;
            }
            let outcome = match subject {
                Subject::Entity(id) => {
                    let found = |decision: &Decision| decision.outcome.entity_id() == Some(id);
                    if seen.decisions.iter().any(found) {
                        continue;
                    }
                    Outcome::EntityNotFound(id.clone())
                }
                Subject::Customer(customer) => {
                    let not_reached =
                        |index: &usize| all.decisions[*index].outcome == Outcome::NotReached;
                    let mut is_considered = false;
                    if !own.iter().any(not_reached) {
                        for id in seen.decisions.iter().filter_map(|d| d.outcome.entity_id()) {
                            let row = self.live_row(id)?;
                            is_considered |=
                                row.is_some_and(|row| row.entity.customer_ids.contains(customer));
                        }
                    }
                    // All that it reaches was considered under subjects before it.
                    if is_considered {
                        continue;
                    }
                    Outcome::NotReached
                }
            };
            seen.push_instead(all, event, subject, outcome);
        }
        let followed = |index: &usize| all.decisions[*index].hop > 0 && is_shown[*index];
        (0..all.decisions.len()).filter(followed).for_each(|index| seen.push(all, index));
        Ok(seen)
    }

    /// The pipeline of a trigger as it was.
    fn pipeline_of(&self, id: &TriggerId, revision: i64) -> Result<Option<PipelineId>, StoreError> {
        let known = self.state.trigger(id).filter(|known| known.version.revision == revision);
        if let Some(known) = known {
            return Ok(Some(known.pipeline_id.clone()));
        }
        let written = self.find_in_batch(|change| match change {
            Change::TriggerWritten(trigger)
                if trigger.id == *id && trigger.version.revision == revision =>
            {
                Some(trigger.pipeline_id.clone())
            }
            _ => None,
        });
        match written {
            Some(pipeline) => Ok(Some(pipeline)),
            None => Ok(self.store.trigger_revision(id, revision)?.map(|(old, _)| old.pipeline_id)),
        }
    }
}

/// The trigger that was asked first, if any was; all are of the pipeline in which the entity stood.
fn asked_first(decision: &Decision) -> Option<(&TriggerId, i64)> {
    decision.verdicts.asked().first().map(|asked| (&asked.trigger_id, asked.trigger_revision))
}

/// What the log shows within a scope.
pub(crate) struct Past<'s> {
    store: &'s Store,
    scope: Scope,
    /// The pipelines of triggers as they were.
    pipelines: HashMap<(TriggerId, i64), Option<PipelineId>>,
}

impl<'s> Past<'s> {
    pub(crate) fn new(store: &'s Store, scope: Scope) -> Self {
        Self { store, scope, pipelines: HashMap::new() }
    }

    /// Whether the verdicts of a decision are shown.
    pub(crate) fn shows_verdicts(&mut self, decision: &Decision) -> Result<bool, StoreError> {
        if !self.scope.is_limited() {
            return Ok(true);
        }
        let Some((id, revision)) = asked_first(decision) else { return Ok(false) };
        let pipeline = self.pipeline_of(id, revision)?;
        Ok(pipeline.is_some_and(|pipeline| self.scope.holds(&pipeline)))
    }

    /// What is shown of an event; `None` when nothing is.
    pub(crate) fn event(&mut self, record: Record) -> Result<Option<Published>, StoreError> {
        if !self.scope.is_limited() {
            return Ok(Some(Published::first(record.into(), Vec::new())));
        }
        let Some(event) = record.event() else { return Ok(None) };
        let scope = self.scope.clone();
        let none = Explanations::new();
        let all = All::of(&record, &none);
        let mut seen = Seen::default();
        for (index, decision) in all.decisions.iter().enumerate() {
            let origin = |id: &EntityId| match asked_first(decision) {
                Some((trigger, revision)) => self.pipeline_of(trigger, revision),
                None => self.pipeline_at(id, &record),
            };
            if shows(&scope, decision, origin)? {
                seen.push(&all, index);
            }
        }
        if seen.decisions.is_empty() {
            return Ok(None);
        }
        let event = event_within(event, &seen.decisions);
        let seen_record = seen.record(&record, event);
        let move_numbers = seen.move_numbers;
        Ok(Some(Published { move_numbers, ..Published::first(seen_record.into(), Vec::new()) }))
    }

    fn pipeline_of(
        &mut self,
        id: &TriggerId,
        revision: i64,
    ) -> Result<Option<PipelineId>, StoreError> {
        let key = (id.clone(), revision);
        if let Some(known) = self.pipelines.get(&key) {
            return Ok(known.clone());
        }
        let pipeline = self.store.trigger_revision(id, revision)?.map(|(old, _)| old.pipeline_id);
        self.pipelines.insert(key, pipeline.clone());
        Ok(pipeline)
    }

    /// Where an entity stood when a record was made that did not move it: where the first of its moves
    /// since then began, or where it stands. `None` when that lies too far back to be looked for.
    fn pipeline_at(&self, id: &EntityId, at: &Record) -> Result<Option<PipelineId>, StoreError> {
        let Some(row) = self.store.entity(id)? else { return Ok(None) };
        let mut pipeline = row.entity.pipeline_id.clone();
        // One that was created anew stands wherever it was put.
        let mut is_known = row.entity.version.create_time <= at.time;
        let mut sequence = row.last_move;
        for _ in 0..CHAIN_MOVES {
            if sequence <= at.sequence {
                return Ok(is_known.then_some(pipeline));
            }
            let Some(record) = self.store.record(sequence)? else { break };
            let mut moves = record.moves().zip(&record.previous_moves);
            let Some((moved, previous)) = moves.find(|(moved, _)| moved.entity_id == *id) else {
                break;
            };
            pipeline = moved.from_pipeline_id.as_ref().unwrap_or(&moved.pipeline_id).clone();
            (is_known, sequence) = (true, *previous);
        }
        Ok(None)
    }
}

/// An event as those decisions show it: with the subjects that led to them. When it has come along a
/// chain alone, it says as little as to the triggers there (X2).
fn event_within(event: &Event, shown: &[Decision]) -> Event {
    let direct = |decision: &&Decision| decision.hop == 0;
    let led: HashSet<&Subject> = shown.iter().filter(direct).map(|d| &d.subject).collect();
    let is_direct = !led.is_empty();
    let subjects = event.subjects.iter().filter(|subject| led.contains(subject));
    let (attributes, changes) = if is_direct {
        (event.attributes.clone(), event.changes.clone())
    } else {
        (Fields::default(), Changes::default())
    };
    Event { subjects: subjects.cloned().collect(), attributes, changes, ..event.clone() }
}

/// Refuses to repeat an answer about an entity that was outside of the scope then, or came from there.
pub(crate) fn check_first_answer(scope: &Scope, record: &Record) -> Result<(), Rejection> {
    let (Change::EntityMoved { entity, .. }
    | Change::EntityUpdated { entity, .. }
    | Change::EntityWritten(entity)) = &record.change
    else {
        return Ok(());
    };
    let own = record.moves().find(|moved| moved.entity_id == entity.id);
    if scope.holds(&entity.pipeline_id) && own.is_none_or(|moved| scope.shows_move(moved)) {
        return Ok(());
    }
    Err(Rejection::out_of_scope(Resource::Entity, &entity.id))
}
