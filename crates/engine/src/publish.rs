use std::sync::Arc;

use pawl_domain::{
    Decision, Done, Entity, Event, Explanations, NewTrigger, Rejection, Trigger, Unfolded, Version,
    unfold,
};
use pawl_store::{Change, EntityRow, Record, RequestIdentity};
use tracing::debug;

use crate::writer::{Intent, Refusal, Writer};

/// What came of an event.
#[derive(Debug, Clone)]
pub struct Published {
    /// The record of the event, with its decisions; for a limited handle with those that it sees.
    pub record: Arc<Record>,
    /// It was published before: this is the first outcome, and nothing changed (E4).
    pub duplicate: bool,
    /// The values of the parts of filters, when they were asked for and are known.
    pub explanations: Explanations,
    /// For each move of the record, which it is of all that were made, when some are not shown; empty
    /// when they are numbered as they come.
    pub move_numbers: Vec<u32>,
}

impl Published {
    /// The first time.
    pub(crate) fn first(record: Arc<Record>, explanations: Explanations) -> Self {
        Self { record, duplicate: false, explanations, move_numbers: Vec::new() }
    }

    /// It was published before.
    pub(crate) fn again(record: Arc<Record>) -> Self {
        Self { duplicate: true, ..Self::first(record, Vec::new()) }
    }
}

/// What would come of an event.
#[derive(Debug, Clone)]
pub struct Previewed {
    /// The event.
    pub event: Event,
    /// What would be decided.
    pub decisions: Vec<Decision>,
    /// The values of the parts of filters.
    pub explanations: Explanations,
}

/// What came of a change made through the service, or what would.
#[derive(Debug, Clone)]
pub enum Told {
    /// It was made.
    Published(Published),
    /// It was only asked about (`validate_only`).
    Previewed(Previewed),
}

impl Writer {
    /// Decides an event for each entity that it reaches and appends its record (E1 to E7).
    pub(crate) fn publish(&mut self, event: Event, explained: bool) -> Result<Published, Refusal> {
        if let Some(record) = self.seen_event(&event.source, &event.id)? {
            if record.event() == Some(&event) {
                return Ok(Published::again(record));
            }
            return Err(Refusal::Rejected(Rejection::EventIdReused {
                source_name: event.source.to_string(),
                event_id: event.id.to_string(),
            }));
        }
        // What was published under higher limits is answered all the same.
        self.options.limits.check_event(&event)?;
        // Here and not with the whole of what was published together: each event is answered for itself.
        self.admit(&Intent::WriteEvent(None))?;
        let now = self.now;
        let unfolded = unfold(self, &event, Done::Nothing, now, explained)?;
        self.commit(unfolded, Vec::new(), None, |decisions| Change::EventDecided {
            event,
            decisions,
        })
    }

    /// Puts what an event did into the batch. `moved_by_hand` are the sequences of the moves before
    /// those that no trigger made.
    pub(crate) fn commit(
        &mut self,
        unfolded: Unfolded,
        moved_by_hand: Vec<u64>,
        request: Option<RequestIdentity>,
        change: impl FnOnce(Vec<Decision>) -> Change,
    ) -> Result<Published, Refusal> {
        let Unfolded { decisions, explanations, moved } = unfolded;
        let mut previous_moves = moved_by_hand;
        for entity in moved {
            let before = self.row(&entity.id)?;
            previous_moves.push(before.as_ref().map_or(0, |row| row.last_move));
            let last_move = self.next_sequence();
            let after = EntityRow { entity, deleted: false, last_move, last_write: 0 };
            self.put_row(before.as_deref(), after);
        }
        let record = self.append(request, previous_moves, change(decisions));
        if let Some(event) = record.event() {
            debug!(
                event_id = %event.id, event_source = %event.source, event_type = %event.event_type,
                sequence = record.sequence, moves = record.moves().count(), "decided"
            );
        }
        Ok(Published::first(record, explanations))
    }

    /// Tells what an event would do, with `triggers` as if they were there, and does nothing (Q1).
    pub(crate) fn preview(
        &mut self,
        event: Event,
        triggers: Vec<NewTrigger>,
    ) -> Result<Previewed, Refusal> {
        self.options.limits.check_event(&event).map_err(|rejection| rejection.within("event"))?;
        // Only this thread sees the state, so what is put back nobody has missed.
        let mut replaced = Vec::new();
        let mut previewed = Ok(());
        for (index, new) in triggers.into_iter().enumerate() {
            let before = self.state.trigger(&new.id).cloned();
            let id = new.id.clone();
            let made = self.hypothetical(new, before.as_deref(), index as u64);
            match made.map_err(|rejection| rejection.within(&format!("triggers[{index}]"))) {
                Ok(trigger) => {
                    replaced.push((id, before));
                    self.state.put_trigger(Arc::new(trigger));
                }
                Err(rejection) => {
                    previewed = Err(rejection);
                    break;
                }
            }
        }
        let now = self.now;
        let unfolded = match previewed {
            Ok(()) => unfold(self, &event, Done::Nothing, now, true),
            Err(rejection) => Err(rejection.into()),
        };
        for (id, before) in replaced.into_iter().rev() {
            match before {
                Some(trigger) => self.state.put_trigger(trigger),
                None => self.state.remove_trigger(&id),
            }
        }
        let Unfolded { decisions, explanations, .. } = unfolded?;
        self.weigh(&decisions);
        Ok(Previewed { event, decisions, explanations })
    }

    /// A trigger as it would be, were it created or revised now.
    fn hypothetical(
        &self,
        new: NewTrigger,
        before: Option<&Trigger>,
        index: u64,
    ) -> Result<Trigger, Rejection> {
        let place = self.state.pipeline(&new.pipeline_id)?;
        let trigger_type = self.state.trigger_type(&new.type_code)?;
        let (created_at, version) = if let Some(before) = before {
            let immutable = |field: &str| Rejection::Immutable {
                field: field.to_owned(),
                remedy: "give the hypothetical trigger an id of its own",
            };
            if before.pipeline_id != new.pipeline_id {
                return Err(immutable("pipeline_id"));
            }
            if before.type_code != new.type_code {
                return Err(immutable("trigger_type"));
            }
            (before.created_at, before.version.next(self.now))
        } else {
            place.check_listening(&trigger_type.event_type, &self.options.limits)?;
            place.check_stage(&new.stage_id, &self.options.limits)?;
            (self.next_sequence() + index, Version::first(0, self.now))
        };
        let trigger = Trigger::create(new, &place.pipeline, trigger_type, created_at, version)?;
        self.options.limits.check_trigger(before, &trigger)?;
        Ok(trigger)
    }
}

/// The entity that an event was about, after what the event did to it.
pub(crate) fn after(entity: &Entity, decisions: &[Decision]) -> Entity {
    let moves = decisions.iter().filter_map(Decision::moved);
    let own = moves.filter(|moved| {
        moved.entity_id == entity.id && moved.entity_revision > entity.version.revision
    });
    own.fold(entity.clone(), |entity, moved| entity.moved(moved))
}
