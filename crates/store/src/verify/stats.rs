use std::collections::HashMap;

use pawl_domain::{TriggerId, TriggerStats, VerdictResult};

use super::finding::{Fault, Findings};
use crate::{Change, Record, StatsRow};

/// A row of statistics beside what the log counts up to its position.
#[derive(Debug)]
struct Tally {
    said: TriggerStats,
    position: u64,
    counted: TriggerStats,
    /// Whether everything that counts was seen: the log goes back to when the trigger was created.
    is_whole: bool,
    /// The record that deleted it, when it was not created again.
    deleted_by: Option<u64>,
}

/// The statistics of triggers, counted once more.
#[derive(Debug)]
pub(super) struct Tallies {
    tallies: HashMap<TriggerId, Tally>,
    /// Whether records are missing.
    has_gaps: bool,
}

impl Tallies {
    /// With the rows, before a log that goes back to the first record or does not.
    pub(super) fn new(rows: Vec<StatsRow>, from_start: bool) -> Self {
        let tally = |(id, said, position): StatsRow| {
            let counted = TriggerStats::default();
            (id, Tally { said, position, counted, is_whole: from_start, deleted_by: None })
        };
        Self { tallies: rows.into_iter().map(tally).collect(), has_gaps: false }
    }

    /// Records are missing.
    pub(super) fn restart(&mut self) {
        self.has_gaps = true;
        self.tallies.values_mut().for_each(|tally| tally.is_whole = false);
    }

    pub(super) fn take(&mut self, record: &Record) {
        if self.tallies.is_empty() {
            return;
        }
        match &record.change {
            Change::TriggerDeleted(trigger) => {
                if let Some(tally) = self.tallies.get_mut(&trigger.id) {
                    tally.deleted_by = Some(record.sequence);
                    if record.sequence <= tally.position {
                        (tally.counted, tally.is_whole) = (TriggerStats::default(), true);
                    }
                }
            }
            Change::TriggerWritten(trigger) => {
                if let Some(tally) = self.tallies.get_mut(&trigger.id) {
                    tally.deleted_by = None;
                    tally.is_whole |=
                        trigger.created_at == record.sequence && record.sequence <= tally.position;
                }
            }
            _ => {}
        }
        for verdict in record.decisions().iter().flat_map(|decision| decision.verdicts.iter()) {
            if !verdict.result.is_considered() {
                continue;
            }
            let Some(tally) = self.tallies.get_mut(&verdict.asked.trigger_id) else { continue };
            if record.sequence > tally.position {
                continue;
            }
            let counted = &mut tally.counted;
            counted.considered += 1;
            counted.last_considered_time = Some(record.time);
            counted.matched += u64::from(verdict.result.is_match());
            if *verdict.result == VerdictResult::Moved {
                counted.moved += 1;
                counted.last_moved_time = Some(record.time);
            }
        }
    }

    /// Compares, once the log is at its end. `is_deleted` tells of the triggers that have rows.
    pub(super) fn check(
        &self,
        head: u64,
        is_deleted: impl Fn(&TriggerId) -> Option<bool>,
        findings: &mut Findings,
    ) {
        let mut ids: Vec<_> = self.tallies.keys().collect();
        ids.sort_unstable();
        for id in ids {
            let Tally { said, position, counted, is_whole, deleted_by } = &self.tallies[id];
            let mut add = |problem: String| {
                let place = format!("key 23 {id}, statistics of trigger {id}");
                findings.add(Fault::TriggerStats, place, problem);
            };
            if *position > head {
                add(format!("they count record {position}, which is missing"));
                continue;
            }
            match (is_deleted(id), deleted_by) {
                (None, _) => add("there is no such trigger".to_owned()),
                (Some(true), None) if !self.has_gaps => {
                    add("it was deleted before the log begins".to_owned());
                }
                (_, Some(by)) if by <= position => {
                    add(format!("they go to record {position}, though record {by} deleted it"));
                }
                _ => {}
            }
            let differs = if *is_whole { said != counted } else { !may_hold(said, counted) };
            if differs {
                let (said, counted) = (shown(said), shown(counted));
                let at_least = if *is_whole { "" } else { "at least " };
                add(format!(
                    "they say {said}; up to record {position} the log has {at_least}{counted}"
                ));
            }
        }
    }
}

/// Whether statistics may be those of a trigger of which the log counts this, and more lay before.
fn may_hold(said: &TriggerStats, counted: &TriggerStats) -> bool {
    said.considered >= counted.considered
        && said.matched >= counted.matched
        && said.moved >= counted.moved
        && said.considered >= said.matched
        && said.matched >= said.moved
        && (counted.considered == 0 || said.last_considered_time == counted.last_considered_time)
        && (counted.moved == 0 || said.last_moved_time == counted.last_moved_time)
}

fn shown(stats: &TriggerStats) -> String {
    let time = |time: Option<_>| {
        time.map_or("never".to_owned(), |t: pawl_domain::Timestamp| t.to_string())
    };
    format!(
        "{} considered (last {}), {} matched, {} moved (last {})",
        stats.considered,
        time(stats.last_considered_time),
        stats.matched,
        stats.moved,
        time(stats.last_moved_time)
    )
}
