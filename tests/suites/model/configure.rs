//! What the model does to pipelines and triggers: P2, T1, T9.

use crate::model::{Model, expect, no};
use crate::rules::Board;
use crate::words::{Answer, Id, Pipeline, Trigger, TriggerPatch};

impl Model {
    pub(crate) fn create_pipeline(&mut self, new: Pipeline) -> Result<Answer, String> {
        if self.board.pipelines.contains_key(&new.id) {
            return no("pipeline exists");
        }
        let made = Pipeline { revision: self.first_revision("pipeline", &new.id), ..new };
        self.board.pipelines.insert(made.id.clone(), made.clone());
        Ok(Answer::Pipeline(made))
    }

    pub(crate) fn update_pipeline(
        &mut self,
        new: &Pipeline,
        expected: i64,
    ) -> Result<Answer, String> {
        let Some(old) = self.board.pipelines.get(&new.id).cloned() else {
            return no("no pipeline");
        };
        expect(expected, old.revision)?;
        if new.kind != old.kind {
            return no("immutable entity_kind");
        }
        for (stage, _) in old.stages.iter().filter(|(stage, _)| new.at(stage).is_none()) {
            let (triggers, entities) = self.usage(&old.id, Some(stage));
            if triggers + entities > 0 {
                return no(format!("stage {stage} in use by {triggers} and {entities}"));
            }
        }
        let mut made = Pipeline { revision: old.revision, ..new.clone() };
        if made != old {
            made.revision += 1;
            self.board.position += 1;
        }
        self.board.pipelines.insert(made.id.clone(), made.clone());
        Ok(Answer::Pipeline(made))
    }

    pub(crate) fn delete_pipeline(&mut self, id: &Id, expected: i64) -> Result<Answer, String> {
        let Some(old) = self.board.pipelines.get(id).cloned() else { return no("no pipeline") };
        expect(expected, old.revision)?;
        let (triggers, entities) = self.usage(id, None);
        if triggers + entities > 0 {
            return no(format!("pipeline {id} in use by {triggers} and {entities}"));
        }
        self.board.pipelines.remove(id);
        Ok(self.bury("pipeline", id, old.revision))
    }

    fn usage(&self, pipeline: &Id, stage: Option<&Id>) -> (usize, usize) {
        let on = |p: &Id, s: &Id| p == pipeline && stage.is_none_or(|stage| s == stage);
        let triggers = self.board.triggers.values().filter(|(t, _)| on(&t.pipeline, &t.stage));
        let entities = self.board.entities.values().filter(|(e, _)| on(&e.pipeline, &e.stage));
        (triggers.count(), entities.count())
    }

    pub(crate) fn create_trigger(&mut self, new: Trigger) -> Result<Answer, String> {
        if self.board.triggers.contains_key(&new.id) {
            return no("trigger exists");
        }
        check_trigger(&self.board, &new)?;
        let position = self.board.position;
        let made = Trigger { revision: self.first_revision("trigger", &new.id), ..new };
        self.revisions.entry(made.id.clone()).or_default().push(made.clone());
        self.board.triggers.insert(made.id.clone(), (made.clone(), position));
        Ok(Answer::Trigger(made, false))
    }

    pub(crate) fn update_trigger(
        &mut self,
        id: &Id,
        patch: TriggerPatch,
        expected: i64,
    ) -> Result<Answer, String> {
        let Some((old, created)) = self.board.triggers.get(id).cloned() else {
            return no("no trigger");
        };
        expect(expected, old.revision)?;
        let mut made = Trigger {
            stage: patch.stage.unwrap_or(old.stage.clone()),
            parameters: patch.parameters.unwrap_or(old.parameters.clone()),
            filter: patch.filter.unwrap_or(old.filter.clone()),
            move_back: patch.move_back.unwrap_or(old.move_back),
            reopen: patch.reopen.unwrap_or(old.reopen),
            state: patch.state.unwrap_or(old.state),
            ..old.clone()
        };
        check_trigger(&self.board, &made)?;
        if made != old {
            made.revision += 1;
            self.board.position += 1;
            self.revisions.entry(id.clone()).or_default().push(made.clone());
        }
        self.board.triggers.insert(id.clone(), (made.clone(), created));
        Ok(Answer::Trigger(made, false))
    }

    pub(crate) fn delete_trigger(&mut self, id: &Id, expected: i64) -> Result<Answer, String> {
        let Some((old, _)) = self.board.triggers.get(id).cloned() else { return no("no trigger") };
        expect(expected, old.revision)?;
        self.board.triggers.remove(id);
        self.statistics.remove(id);
        let gone = Trigger { revision: old.revision + 1, ..old.clone() };
        self.revisions.entry(id.clone()).or_default().push(gone);
        Ok(self.bury("trigger", id, old.revision))
    }
}

/// T1, and what the catalogue says of the types used here: their kinds and parameters.
pub(crate) fn check_trigger(board: &Board, trigger: &Trigger) -> Result<(), String> {
    let Some(pipeline) = board.pipelines.get(&trigger.pipeline) else {
        return no("missing pipeline");
    };
    if pipeline.at(&trigger.stage).is_none() {
        return no("missing stage");
    }
    let smart = pipeline.kind.starts_with("smart_process.");
    let serves = match trigger.code.as_str() {
        "payment.received" => smart || pipeline.kind == "deal" || pipeline.kind == "invoice",
        "invoice.paid" => smart || pipeline.kind == "deal" || pipeline.kind == "estimate",
        "chained" => pipeline.kind == "invoice",
        _ => true,
    };
    if !serves {
        return no("kind mismatch");
    }
    let takes: &[&str] = match trigger.code.as_str() {
        "payment.received" => &["min_amount", "currency", "method"],
        "task.status_changed" => &["status"],
        "responsible.changed" => &["from", "to"],
        "field.changed" => &["fields", "from", "to"],
        _ => &[],
    };
    let known = trigger.parameters.keys().all(|name| takes.contains(&name.as_str()));
    let whole = trigger.code != "field.changed" || trigger.parameters.contains_key("fields");
    if known && whole { Ok(()) } else { no("invalid") }
}
