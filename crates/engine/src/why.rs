use pawl_domain::{
    Asked, Decision, EntityId, EventId, EventType, MoveId, Source, Timestamp, TriggerId, Verdict,
    VerdictResult,
};
use pawl_store::{Record, Store, StoreError};

use crate::seen::Past;
use crate::walk::{Walked, walk_back};
use crate::{Engine, EngineError};

/// Which verdicts to list; `None` means any (Q1).
#[derive(Debug, Clone, Default)]
pub struct VerdictQuery {
    /// On this trigger.
    pub trigger_id: Option<TriggerId>,
    /// On this entity.
    pub entity_id: Option<EntityId>,
}

/// A verdict with its occasion.
#[derive(Debug, Clone)]
pub struct LoggedVerdict {
    /// The trigger as it was.
    pub asked: Asked,
    /// What became of it.
    pub result: VerdictResult,
    /// The trigger that was picked instead, for [`VerdictResult::Outranked`].
    pub winner: Option<TriggerId>,
    /// The entity that was considered.
    pub entity_id: EntityId,
    /// Source of the event.
    pub event_source: Source,
    /// Id of the event.
    pub event_id: EventId,
    /// What was considered.
    pub event_type: EventType,
    /// How far from that event.
    pub hop: u32,
    /// Commit time.
    pub time: Timestamp,
}

/// Some of the verdicts, newest first.
#[derive(Debug, Default)]
pub struct VerdictsPage {
    /// The verdicts.
    pub verdicts: Vec<LoggedVerdict>,
    /// Go on with the verdicts before this position; `None` at the end. A page can end before it is
    /// full.
    pub next: Option<MoveId>,
}

impl Engine {
    /// Verdicts, newest first, before a position that an earlier page ended with (Q1).
    pub async fn verdicts(
        &self,
        query: VerdictQuery,
        before: Option<MoveId>,
        limit: usize,
    ) -> Result<VerdictsPage, EngineError> {
        let (head, scope) = (self.head().sequence, self.scope.clone());
        self.scan(move |store| {
            let before = before.unwrap_or(MoveId { sequence: head + 1, index: 0 });
            Ok(verdicts(Past::new(store, scope), store, &query, before, limit)?)
        })
        .await
    }
}

/// Positions number the verdicts of a record.
fn verdicts(
    mut past: Past<'_>,
    store: &Store,
    query: &VerdictQuery,
    before: MoveId,
    limit: usize,
) -> Result<VerdictsPage, StoreError> {
    let wanted = |record: &Record| {
        let mut wanted = Vec::new();
        for decision in record.decisions() {
            let matches = |verdict: &Verdict<'_>| query.matches(decision, *verdict);
            let is_asked_for = decision.verdicts.iter().any(|verdict| matches(&verdict));
            let is_shown = is_asked_for && past.shows_verdicts(decision)?;
            wanted.extend(decision.verdicts.iter().map(|verdict| {
                let shown = Some(verdict).filter(|verdict| is_shown && matches(verdict));
                shown.and_then(|verdict| logged(record, decision, verdict))
            }));
        }
        Ok(wanted)
    };
    let Walked { found, next } = walk_back(store, before, limit, |_| false, wanted)?;
    Ok(VerdictsPage { verdicts: found, next })
}

impl LoggedVerdict {
    /// The verdict alone.
    pub fn verdict(&self) -> Verdict<'_> {
        Verdict { asked: &self.asked, result: &self.result, winner: self.winner.as_ref() }
    }
}

impl VerdictQuery {
    fn matches(&self, decision: &Decision, verdict: Verdict<'_>) -> bool {
        self.trigger_id.as_ref().is_none_or(|id| verdict.asked.trigger_id == *id)
            && self.entity_id.as_ref().is_none_or(|id| decision.outcome.entity_id() == Some(id))
    }
}

fn logged(record: &Record, decision: &Decision, verdict: Verdict<'_>) -> Option<LoggedVerdict> {
    let event = record.event()?;
    Some(LoggedVerdict {
        asked: verdict.asked.clone(),
        result: verdict.result.clone(),
        winner: verdict.winner.cloned(),
        entity_id: decision.outcome.entity_id()?.clone(),
        event_source: event.source.clone(),
        event_id: event.id.clone(),
        event_type: decision.event_type.clone(),
        hop: decision.hop,
        time: record.time,
    })
}
