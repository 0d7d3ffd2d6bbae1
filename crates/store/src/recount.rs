use std::sync::LazyLock;

use foldhash::HashMap;
use pawl_domain::{TallyPlace, TriggerId, TriggerTally, VerdictResult};

use crate::StoreError;
use crate::convert::result_of;
use crate::outline::{ChangeOutline, Outline};

/// Results by their numbers on disk, without details: counting asks for none.
static RESULTS: LazyLock<[Option<VerdictResult>; 256]> =
    LazyLock::new(|| std::array::from_fn(|number| result_of(u32::try_from(number).ok()?)));

/// Counts what the log tells of triggers when the store is opened.
#[derive(Debug, Default)]
pub(crate) struct Recount {
    pub(crate) tally: TriggerTally,
    /// Who was asked, by number, and where the tally has them. A part of the log that is understood
    /// without those before it names all its numbers anew.
    asked: HashMap<u32, Vec<(TriggerId, TallyPlace)>>,
}

impl Recount {
    /// Counts the log's next record.
    pub(crate) fn take(&mut self, record: &Outline) -> Result<(), StoreError> {
        let sequence = record.sequence;
        let damaged = |problem: String| {
            StoreError::damaged("the log", format!("record {sequence}: {problem}"))
        };
        let id = |id: &str| TriggerId::parse("trigger_id", id).map_err(|e| damaged(e.to_string()));
        for asked in &record.asked {
            let triggers = asked.triggers.iter();
            let triggers =
                triggers.map(|trigger| Ok((id(&trigger.trigger_id)?, TallyPlace::default())));
            self.asked.insert(asked.number, triggers.collect::<Result<_, StoreError>>()?);
        }
        let time = record.time();
        let result = |number: u32| {
            let result = RESULTS.get(number as usize).and_then(Option::as_ref);
            result.ok_or_else(|| damaged(format!("there is no result {number}")))
        };
        for decision in record.decisions() {
            let asked = match self.asked.get_mut(&decision.asked) {
                Some(asked) if asked.len() == decision.results.len() => asked,
                // As versions wrote it that did not share who was asked.
                None if decision.asked == 0 => {
                    for verdict in &decision.verdicts {
                        let (id, mut place) = (id(&verdict.trigger_id)?, TallyPlace::default());
                        let result = result(verdict.result)?;
                        self.tally.count_one(&id, &mut place, result, sequence, time);
                    }
                    continue;
                }
                _ => {
                    let problem = format!("results are not of those asked as {}", decision.asked);
                    return Err(damaged(problem));
                }
            };
            for ((id, place), number) in asked.iter_mut().zip(&decision.results) {
                self.tally.count_one(id, place, result(u32::from(*number))?, sequence, time);
            }
        }
        if let Some(ChangeOutline::TriggerDeleted(deleted)) = &record.change {
            self.tally.forget(&id(&deleted.id)?);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::*;
    use crate::pb;

    /// What is told of a record in which two triggers have the number 1, and one decision.
    fn taken(asked: u32, results: &[u8]) -> Result<u64, String> {
        let triggers = ["a", "b"].map(|id| pb::AskedTrigger {
            trigger_id: id.to_owned(),
            ..pb::AskedTrigger::default()
        });
        let decision = pb::Decision { asked, results: results.to_vec(), ..pb::Decision::default() };
        let decided = pb::EventDecided { event: None, decisions: vec![decision] };
        let record = pb::Record {
            sequence: 7,
            asked: vec![pb::AskedTriggers { number: 1, triggers: triggers.into() }],
            change: Some(pb::record::Change::EventDecided(decided)),
            ..pb::Record::default()
        };
        let record = Outline::decode(&*record.encode_to_vec()).unwrap();
        let mut recount = Recount::default();
        recount.take(&record).map_err(|error| error.to_string())?;
        let (known, _) = recount.tally.busiest(usize::MAX);
        Ok(known.iter().map(|(_, stats)| stats.considered).sum())
    }

    #[test]
    fn results_that_are_nobodys_are_damage() {
        // Moved and paused: the second was not considered.
        assert_eq!(taken(1, &[1, 3]), Ok(1));
        assert_eq!(taken(0, &[]), Ok(0));
        for (asked, results) in
            [(1, &[1][..]), (1, &[1, 1, 1]), (2, &[1, 1]), (2, &[]), (1, &[1, 99])]
        {
            let problem = taken(asked, results).unwrap_err();
            assert!(problem.contains("record 7"), "{asked} {results:?}: {problem}");
        }
    }
}
