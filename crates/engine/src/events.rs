use pawl_domain::{Event, EventType, MoveId, Timestamp};
use pawl_store::{Record, Store, StoreError};

use crate::seen::Past;
use crate::walk::{Walked, walk_back};
use crate::{Engine, EngineError};

/// Which events to list; `None` means any.
#[derive(Debug, Clone, Default)]
pub struct EventQuery {
    /// About which a decision of this type was made: events of the type, and those that led to it
    /// along a chain (X2).
    pub event_type: Option<EventType>,
    /// Decided at or after this time.
    pub start_time: Option<Timestamp>,
}

/// An event, with when it was decided.
#[derive(Debug, Clone, PartialEq)]
pub struct LoggedEvent {
    /// The event, published or the service's own, as far as the caller sees it.
    pub event: Event,
    /// Commit time.
    pub time: Timestamp,
}

/// Some of the events, newest first.
#[derive(Debug, Default)]
pub struct EventsPage {
    /// The events.
    pub events: Vec<LoggedEvent>,
    /// Go on with the events before this position; `None` at the end. A page can end before it is
    /// full.
    pub next: Option<MoveId>,
}

impl Engine {
    /// The events that are retained, newest first, before a position that an earlier page ended with.
    pub async fn events(
        &self,
        query: EventQuery,
        before: Option<MoveId>,
        limit: usize,
    ) -> Result<EventsPage, EngineError> {
        let (head, scope) = (self.head().sequence, self.scope.clone());
        self.scan(move |store| {
            let before = before.unwrap_or(MoveId { sequence: head + 1, index: 0 });
            Ok(events(Past::new(store, scope), store, &query, before, limit)?)
        })
        .await
    }
}

fn events(
    mut past: Past<'_>,
    store: &Store,
    query: &EventQuery,
    before: MoveId,
    limit: usize,
) -> Result<EventsPage, StoreError> {
    let is_past = |record: &Record| query.start_time.is_some_and(|start| record.time < start);
    let wanted = |record: &Record| {
        if record.event().is_none() || !query.matches(record) {
            return Ok(Vec::new());
        }
        // What led to the type may lie outside of the scope.
        let seen = past.event(record.clone())?.filter(|seen| query.matches(&seen.record));
        let logged = |event: &Event| LoggedEvent { event: event.clone(), time: record.time };
        Ok(vec![seen.and_then(|seen| seen.record.event().map(logged))])
    };
    let Walked { found, next } = walk_back(store, before, limit, is_past, wanted)?;
    Ok(EventsPage { events: found, next })
}

impl EventQuery {
    fn matches(&self, record: &Record) -> bool {
        let mut decisions = record.decisions().iter();
        self.event_type
            .as_ref()
            .is_none_or(|wanted| decisions.any(|decision| decision.event_type == *wanted))
    }
}
