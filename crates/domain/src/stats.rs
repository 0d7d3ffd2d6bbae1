use foldhash::fast::RandomState;
use indexmap::IndexMap;

use crate::{Decision, Timestamp, TriggerId, VerdictResult};

/// How alive a trigger is (Q3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TriggerStats {
    /// How often an event of its type reached an entity of its pipeline while it was not paused.
    pub considered: u64,
    /// How often its parameters and its filter held.
    pub matched: u64,
    /// How often it moved an entity.
    pub moved: u64,
    /// When it was last considered.
    pub last_considered_time: Option<Timestamp>,
    /// When it last moved an entity.
    pub last_moved_time: Option<Timestamp>,
}

/// The statistics of all triggers, as the decisions so far make them.
#[derive(Debug, Default)]
pub struct TriggerTally {
    known: IndexMap<TriggerId, Tallied, RandomState>,
    /// Those of which more is known than was [taken](Self::take_changed).
    changed: Vec<TriggerId>,
    /// How many were forgotten: each may have changed the places of others.
    forgotten: u64,
}

/// Where a tally has a trigger, for who counts the same ones again and again. It holds until one is
/// forgotten, and is found anew then.
#[derive(Debug, Clone, Copy, Default)]
pub struct TallyPlace(Option<(usize, u64)>);

#[derive(Debug, Default)]
struct Tallied {
    stats: TriggerStats,
    /// What was decided up to and at this place in the log was in `stats` when they were restored.
    restored_to: u64,
    /// Whether it is among the changed.
    is_changed: bool,
}

impl TriggerTally {
    /// Begins with what is known of a trigger from all that was decided up to and at `position`.
    pub fn restore(&mut self, id: TriggerId, stats: TriggerStats, position: u64) {
        self.known.insert(id, Tallied { stats, restored_to: position, is_changed: false });
    }

    /// Counts what was decided at one moment, at this place in the log.
    pub fn count(&mut self, decisions: &[Decision], position: u64, time: Timestamp) {
        for verdict in decisions.iter().flat_map(|decision| decision.verdicts.iter()) {
            let mut place = TallyPlace::default();
            self.count_one(&verdict.asked.trigger_id, &mut place, verdict.result, position, time);
        }
    }

    /// Counts one verdict on a trigger, which is in `place` if that still holds.
    pub fn count_one(
        &mut self,
        trigger_id: &TriggerId,
        place: &mut TallyPlace,
        result: &VerdictResult,
        position: u64,
        time: Timestamp,
    ) {
        if !result.is_considered() {
            return;
        }
        let index = match place.0 {
            Some((index, forgotten)) if forgotten == self.forgotten => index,
            _ => match self.known.get_index_of(trigger_id) {
                Some(index) => index,
                None => self.known.insert_full(trigger_id.clone(), Tallied::default()).0,
            },
        };
        place.0 = Some((index, self.forgotten));
        let tallied = &mut self.known[index];
        if position <= tallied.restored_to {
            return;
        }
        if !tallied.is_changed {
            tallied.is_changed = true;
            self.changed.push(trigger_id.clone());
        }
        let stats = &mut tallied.stats;
        stats.considered += 1;
        stats.last_considered_time = Some(time);
        stats.matched += u64::from(result.is_match());
        if *result == VerdictResult::Moved {
            stats.moved += 1;
            stats.last_moved_time = Some(time);
        }
    }

    /// Forgets a trigger that is deleted, and what was restored of it: one that is created again
    /// begins anew, and all that counts for it comes later in the log.
    pub fn forget(&mut self, id: &TriggerId) {
        if self.known.swap_remove(id).is_some() {
            self.forgotten += 1;
            self.changed.push(id.clone());
        }
    }

    /// What is known of the triggers of which more is known since this was asked last; `None` of
    /// those that were forgotten.
    pub fn take_changed(&mut self) -> Vec<(TriggerId, Option<TriggerStats>)> {
        let changed = std::mem::take(&mut self.changed).into_iter();
        let known = &mut self.known;
        let taken = changed.map(|id| {
            let stats = known.get_mut(&id).map(|tallied| {
                tallied.is_changed = false;
                tallied.stats
            });
            (id, stats)
        });
        taken.collect()
    }

    /// The triggers that moved most, and then those that were considered most; and what is known of
    /// all others together.
    pub fn busiest(&self, most: usize) -> (Vec<(TriggerId, TriggerStats)>, TriggerStats) {
        let mut all: Vec<_> = self.known.iter().map(|(id, tallied)| (id, tallied.stats)).collect();
        if all.len() > most {
            let rank = |stats: &TriggerStats| std::cmp::Reverse((stats.moved, stats.considered));
            // Of two that did the same, one and the same is always taken.
            all.select_nth_unstable_by(most, |(one, a), (other, b)| {
                rank(a).cmp(&rank(b)).then_with(|| one.cmp(other))
            });
        }
        let others = all.split_off(most.min(all.len())).into_iter();
        let others = others.fold(TriggerStats::default(), |sum, (_, stats)| TriggerStats {
            considered: sum.considered + stats.considered,
            matched: sum.matched + stats.matched,
            moved: sum.moved + stats.moved,
            last_considered_time: sum.last_considered_time.max(stats.last_considered_time),
            last_moved_time: sum.last_moved_time.max(stats.last_moved_time),
        });
        (all.into_iter().map(|(id, stats)| (id.clone(), stats)).collect(), others)
    }

    /// What is known of a trigger.
    pub fn of(&self, id: &TriggerId) -> TriggerStats {
        self.known.get(id).map(|tallied| tallied.stats).unwrap_or_default()
    }
}
