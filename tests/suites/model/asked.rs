//! What the model knows of what was: Q1 to Q3.

use crate::model::{Model, Recorded, no};
use crate::words::{Answer, Id};

impl Model {
    /// Of two events with one identity (E4, after the window), the later one.
    pub(crate) fn event(&self, source: &Id, id: &Id) -> Result<Answer, String> {
        let is = |r: &&Recorded| r.event.source == *source && r.event.id == *id;
        match self.log.iter().rev().find(is) {
            Some(Recorded { event, decisions, .. }) => Ok(Answer::Event(
                event.event_type.clone(),
                event.subjects.clone(),
                decisions.clone(),
            )),
            None => no("no event"),
        }
    }

    pub(crate) fn trigger(&self, id: &Id, revision: i64) -> Result<Answer, String> {
        let alive = self.board.triggers.get(id);
        if revision == 0 {
            let Some((trigger, _)) = alive else { return no("no trigger") };
            return Ok(Answer::Trigger(trigger.clone(), false));
        }
        let revisions = self.revisions.get(id).map(Vec::as_slice).unwrap_or_default();
        match revisions.iter().find(|trigger| trigger.revision == revision) {
            Some(trigger) => Ok(Answer::Trigger(trigger.clone(), alive.is_none())),
            None => no("no trigger"),
        }
    }

    pub(crate) fn verdicts(&self, trigger: Option<&Id>, entity: Option<&Id>) -> Answer {
        let mut found = Vec::new();
        for Recorded { event, decisions, time } in self.log.iter().rev() {
            for decision in decisions
                .iter()
                .rev()
                .filter(|d| entity.is_none_or(|id| d.entity.as_ref() == Some(id)))
            {
                for verdict in
                    decision.verdicts.iter().filter(|v| trigger.is_none_or(|id| v.trigger == *id))
                {
                    let of = decision.entity.clone().unwrap_or_default();
                    found.push((
                        of,
                        event.id.clone(),
                        decision.event_type.clone(),
                        decision.hop,
                        verdict.clone(),
                        *time,
                    ));
                }
            }
        }
        Answer::Verdicts(found)
    }

    pub(crate) fn moves(&self, entity: Option<&Id>) -> Answer {
        let moves = self.log.iter().rev().flat_map(|r| r.decisions.iter().rev());
        let moves = moves.filter_map(|decision| decision.moved.clone());
        Answer::Moves(moves.filter(|m| entity.is_none_or(|id| m.entity == *id)).collect())
    }

    pub(crate) fn naming(&self, customer: &Id) -> Answer {
        let entities = self.board.entities.values().map(|(entity, _)| entity);
        Answer::Entities(entities.filter(|e| e.customers.contains(customer)).cloned().collect())
    }

    pub(crate) fn everything(&self) -> Answer {
        let statistics = |id: &Id| self.statistics.get(id).copied().unwrap_or_default();
        let triggers = self.board.triggers.values();
        Answer::Everything(
            self.board.pipelines.values().cloned().collect(),
            triggers.map(|(trigger, _)| (trigger.clone(), statistics(&trigger.id))).collect(),
            self.board.entities.values().map(|(entity, _)| entity.clone()).collect(),
        )
    }
}
