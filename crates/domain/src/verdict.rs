use std::sync::Arc;

use crate::{Detail, StageId, TriggerId};

/// A trigger as it was when it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The trigger.
    pub trigger_id: TriggerId,
    /// Its revision at that moment (T9).
    pub trigger_revision: i64,
    /// The stage it sat on at that moment.
    pub stage_id: StageId,
}

/// What became of each trigger that was asked about one event and one entity.
///
/// Who was asked is shared by all decisions until one of those triggers changes: what differs from
/// decision to decision are the results.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verdicts {
    asked: Arc<[Asked]>,
    results: Vec<VerdictResult>,
}

/// What became of one trigger for one event and one entity, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict<'a> {
    /// The trigger as it was.
    pub asked: &'a Asked,
    /// What became of it.
    pub result: &'a VerdictResult,
    /// The trigger that was picked instead, for [`VerdictResult::Outranked`].
    pub winner: Option<&'a TriggerId>,
}

/// What became of one trigger; of those that say why not, the first that applies is given (T11).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VerdictResult {
    /// It moved the entity.
    Moved,
    /// It would have moved it, were it active (T4).
    WouldMove,
    /// It is paused (T4).
    Paused,
    /// A parameter differs: which, and what came instead (T2).
    ParametersDiffer(Detail),
    /// Its filter does not hold: which part (T3).
    FilterFalse(Detail),
    /// Its filter could not be evaluated: why (T3).
    EvaluationError(Detail),
    /// The entity moved in this commit already (X2).
    Loop,
    /// The chain has become too long (X2).
    HopLimit,
    /// The entity stands on its stage already (T5).
    SameStage,
    /// The entity's stage is closed and the trigger may not reopen (T5).
    EntityClosed,
    /// Its stage lies behind and the trigger may not move back (T5).
    WouldMoveBack,
    /// The trigger that moved the entity was picked instead (T6).
    Outranked,
}

impl Verdicts {
    /// The results of those who were asked, in the same order; one for each.
    pub fn new(asked: Arc<[Asked]>, results: Vec<VerdictResult>) -> Self {
        debug_assert_eq!(asked.len(), results.len(), "a result for each that was asked");
        Self { asked, results }
    }

    /// Who was asked.
    pub fn asked(&self) -> &Arc<[Asked]> {
        &self.asked
    }

    /// What became of them.
    pub fn results(&self) -> &[VerdictResult] {
        &self.results
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.results.len()
    }

    /// Whether nobody was asked.
    pub fn is_empty(&self) -> bool {
        self.results.is_empty()
    }

    /// One after the other.
    pub fn iter(&self) -> impl Iterator<Item = Verdict<'_>> {
        let moved = self.results.iter().position(|result| *result == VerdictResult::Moved);
        let winner = moved.map(|index| &self.asked[index].trigger_id);
        self.asked.iter().zip(&self.results).map(move |(asked, result)| Verdict {
            asked,
            result,
            winner: winner.filter(|_| *result == VerdictResult::Outranked),
        })
    }
}

impl VerdictResult {
    /// Whether the trigger was considered at all (Q3).
    pub fn is_considered(&self) -> bool {
        !matches!(self, Self::Paused)
    }

    /// Whether type, parameters and filter held (Q3).
    pub fn is_match(&self) -> bool {
        self.is_considered()
            && !matches!(
                self,
                Self::ParametersDiffer(_) | Self::FilterFalse(_) | Self::EvaluationError(_)
            )
    }
}
