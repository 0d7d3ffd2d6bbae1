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
            let Some(asked) = self.asked.get_mut(&decision.asked) else {
                // As versions wrote it that did not share who was asked.
                for verdict in &decision.verdicts {
                    let (id, mut place) = (id(&verdict.trigger_id)?, TallyPlace::default());
                    self.tally.count_one(&id, &mut place, result(verdict.result)?, sequence, time);
                }
                continue;
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
