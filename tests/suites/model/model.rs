//! The naive model: what stands, what was recorded, and what every operation does to it. Written
//! from the rules (`docs/semantics.md`), never from the service's code.

use std::collections::BTreeMap;

use crate::configure::check_trigger;
use crate::rules::Board;
use crate::words::{
    Answer, Changes, Decision, Entity, EntityPatch, Event, Expected, Id, Means, Move, Operation,
    Pipeline, Statistics, Trigger, Value,
};

/// For how long identities are remembered, in half seconds past it: time goes by whole seconds, so
/// nothing ever happens at the very end of the window.
pub(crate) const WINDOW_SECONDS: u64 = 600;

/// An event as it was recorded.
#[derive(Debug)]
pub(crate) struct Recorded {
    pub(crate) event: Event,
    pub(crate) decisions: Vec<Decision>,
    pub(crate) time: u64,
}

#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) board: Board,
    pub(crate) log: Vec<Recorded>,
    pub(crate) statistics: BTreeMap<Id, Statistics>,
    /// Every revision of every trigger there ever was, in order.
    pub(crate) revisions: BTreeMap<Id, Vec<Trigger>>,
    /// The last revision of whatever was deleted; kinds of things cannot share an id's slash.
    buried: BTreeMap<(&'static str, Id), i64>,
}

/// Refuses, in the words that the comparison makes of a rejection.
pub(crate) fn no<T>(why: impl Into<String>) -> Result<T, String> {
    Err(why.into())
}

impl Model {
    pub(crate) fn new(now: u64) -> Self {
        Self {
            board: Board { now, ..Board::default() },
            log: Vec::new(),
            statistics: BTreeMap::new(),
            revisions: BTreeMap::new(),
            buried: BTreeMap::new(),
        }
    }

    /// The number that stands for what an operation expects.
    pub(crate) fn expected(&self, operation: &Operation) -> i64 {
        let board = &self.board;
        let (expected, revision) = match operation {
            Operation::UpdatePipeline(Pipeline { id, .. }, expected)
            | Operation::DeletePipeline(id, expected) => {
                (expected, board.pipelines.get(id).map(|pipeline| pipeline.revision))
            }
            Operation::UpdateTrigger(id, _, expected) | Operation::DeleteTrigger(id, expected) => {
                (expected, board.triggers.get(id).map(|(trigger, _)| trigger.revision))
            }
            Operation::UpdateEntity(id, _, expected, _)
            | Operation::MoveEntity(id, _, _, expected, _)
            | Operation::DeleteEntity(id, expected) => {
                (expected, board.entities.get(id).map(|(entity, _)| entity.revision))
            }
            _ => return 0,
        };
        match expected {
            Expected::Any => 0,
            Expected::Current => revision.unwrap_or(1),
            Expected::Stale => revision.unwrap_or(1) + 7,
        }
    }

    /// Does an operation; `made` is the id of the event that the service makes of it, if it does.
    pub(crate) fn apply(&mut self, operation: &Operation, made: &str, expected: i64) -> Answer {
        let result = match operation.clone() {
            Operation::Publish(event) => self.publish(event),
            Operation::PublishMany(events) => {
                let each = |event| self.publish(event).unwrap_or_else(Answer::Refused);
                Ok(Answer::Many(events.into_iter().map(each).collect()))
            }
            Operation::Preview(event, hypothetical) => self.preview(&event, hypothetical),
            Operation::CreatePipeline(new) => self.create_pipeline(new),
            Operation::UpdatePipeline(new, _) => self.update_pipeline(&new, expected),
            Operation::DeletePipeline(id, _) => self.delete_pipeline(&id, expected),
            Operation::CreateTrigger(new) => self.create_trigger(new),
            Operation::UpdateTrigger(id, patch, _) => self.update_trigger(&id, patch, expected),
            Operation::DeleteTrigger(id, _) => self.delete_trigger(&id, expected),
            Operation::CreateEntity(new) => self.create_entity(new),
            Operation::UpdateEntity(id, patch, _, dry) => {
                self.undone(dry, |model| model.update_entity(&id, patch, made, expected))
            }
            Operation::MoveEntity(id, pipeline, stage, _, dry) => self.undone(dry, |model| {
                model.move_entity(&id, pipeline.as_ref(), &stage, made, expected)
            }),
            Operation::DeleteEntity(id, _) => self.delete_entity(&id, expected),
            Operation::GetEvent(source, id) => self.event(&source, &id),
            Operation::GetTrigger(id, revision) => self.trigger(&id, revision),
            Operation::ListVerdicts(trigger, entity) => {
                Ok(self.verdicts(trigger.as_ref(), entity.as_ref()))
            }
            Operation::ListMoves(entity) => Ok(self.moves(entity.as_ref())),
            Operation::ListEntities(customer) => Ok(self.naming(&customer)),
            Operation::Everything => Ok(self.everything()),
            Operation::Wait(seconds) => {
                self.board.now += seconds;
                Ok(Answer::Done)
            }
            Operation::Reopen => Ok(Answer::Done),
        };
        result.unwrap_or_else(Answer::Refused)
    }

    /// What is only asked about leaves everything as it was.
    fn undone<T>(&mut self, dry: bool, change: impl FnOnce(&mut Self) -> T) -> T {
        let (board, length) = (dry.then(|| self.board.clone()), self.log.len());
        let statistics = dry.then(|| self.statistics.clone());
        let answer = change(self);
        if let (Some(board), Some(statistics)) = (board, statistics) {
            self.board = board;
            self.statistics = statistics;
            self.log.truncate(length);
        }
        answer
    }

    /// E4, E5.
    fn publish(&mut self, event: Event) -> Result<Answer, String> {
        let remembered = self.log.iter().rev().find(|recorded| {
            recorded.event.source == event.source
                && recorded.event.id == event.id
                && self.board.now <= recorded.time + WINDOW_SECONDS
        });
        if let Some(first) = remembered {
            if first.event != event {
                return no("event id reused");
            }
            let decisions = first.decisions.clone();
            return Ok(Answer::Published { duplicate: true, decisions });
        }
        let decisions = self.board.unfold(&event, &Changes::default(), None)?;
        self.record(event, decisions.clone());
        Ok(Answer::Published { duplicate: false, decisions })
    }

    /// Q1. An identity that was used before does not matter: nothing is published.
    fn preview(&self, event: &Event, hypothetical: Option<Trigger>) -> Result<Answer, String> {
        let mut board = self.board.clone();
        if let Some(trigger) = hypothetical {
            check_trigger(&board, &trigger)?;
            let trigger = Trigger { revision: 1, ..trigger };
            board.triggers.insert(trigger.id.clone(), (trigger, board.position));
        }
        Ok(Answer::Previewed(board.unfold(event, &Changes::default(), None)?))
    }

    fn record(&mut self, event: Event, decisions: Vec<Decision>) {
        let now = self.board.now;
        for verdict in decisions.iter().flat_map(|decision| &decision.verdicts) {
            if verdict.result == "PAUSED" {
                continue;
            }
            let of = self.statistics.entry(verdict.trigger.clone()).or_default();
            of.considered += 1;
            of.last_considered = Some(now);
            let differs = ["PARAMETERS_DIFFER", "FILTER_FALSE", "EVALUATION_ERROR"];
            of.matched += u64::from(!differs.contains(&verdict.result));
            if verdict.result == "MOVED" {
                of.moved += 1;
                of.last_moved = Some(now);
            }
        }
        self.log.push(Recorded { event, decisions, time: now });
        self.board.position += 1;
    }

    /// The revision of something new: an id that was deleted continues (T9, X6).
    pub(crate) fn first_revision(&mut self, kind: &'static str, id: &Id) -> i64 {
        self.board.position += 1;
        self.buried.remove(&(kind, id.clone())).unwrap_or(0) + 1
    }

    /// Deleting is a change like others: it has a revision of its own.
    pub(crate) fn bury(&mut self, kind: &'static str, id: &Id, revision: i64) -> Answer {
        self.board.position += 1;
        self.buried.insert((kind, id.clone()), revision + 1);
        Answer::Done
    }

    fn create_entity(&mut self, new: Entity) -> Result<Answer, String> {
        if self.board.entities.contains_key(&new.id) {
            return no("entity exists");
        }
        let Some(pipeline) = self.board.pipelines.get(&new.pipeline) else {
            return no("missing pipeline");
        };
        if new.id.split('/').next() != Some(&pipeline.kind) {
            return no("kind mismatch");
        }
        let first = pipeline.stages.iter().find(|(_, means)| *means == Means::Open);
        let stage = match (new.stage.is_empty(), first) {
            (true, Some((first, _))) => first.clone(),
            _ => new.stage.clone(),
        };
        if pipeline.at(&stage).is_none() {
            return no("missing stage");
        }
        let position = self.board.position;
        let revision = self.first_revision("entity", &new.id);
        let made = Entity { stage, revision, ..new };
        self.board.entities.insert(made.id.clone(), (made.clone(), position));
        Ok(Answer::Entity(made))
    }

    /// X1.
    fn update_entity(
        &mut self,
        id: &Id,
        patch: EntityPatch,
        made: &str,
        expected: i64,
    ) -> Result<Answer, String> {
        let Some((old, _)) = self.board.entities.get(id).cloned() else { return no("no entity") };
        expect(expected, old.revision)?;
        let mut new = old.clone();
        new.responsible = patch.responsible.unwrap_or(new.responsible);
        new.customers = patch.customers.unwrap_or(new.customers);
        new.parents = patch.parents.unwrap_or(new.parents);
        for (name, value) in patch.fields {
            match value {
                Some(value) => new.fields.insert(name, value),
                None => new.fields.remove(&name),
            };
        }
        if new == old {
            return Ok(Answer::Changed(old, None));
        }
        new.revision += 1;
        self.board.entities.insert(id.clone(), (new.clone(), self.board.position));
        let changes = changes(&old, &new);
        if changes == Changes::default() {
            self.board.position += 1;
            return Ok(Answer::Changed(new, None));
        }
        let event = service_event("entity.updated", made, id);
        let decisions = self.board.unfold(&event, &changes, None)?;
        self.record(event, decisions.clone());
        Ok(Answer::Changed(self.board.entities[id].0.clone(), Some(decisions)))
    }

    /// X3, X5.
    fn move_entity(
        &mut self,
        id: &Id,
        pipeline: Option<&Id>,
        stage: &Id,
        made: &str,
        expected: i64,
    ) -> Result<Answer, String> {
        let Some((old, _)) = self.board.entities.get(id).cloned() else { return no("no entity") };
        expect(expected, old.revision)?;
        let here = &self.board.pipelines[&old.pipeline];
        let Some(there) = self.board.pipelines.get(pipeline.unwrap_or(&old.pipeline)) else {
            return no("missing pipeline");
        };
        if there.kind != here.kind {
            return no("kind mismatch");
        }
        let Some(at) = there.at(stage) else { return no("missing stage") };
        let stays = here.id == there.id;
        if stays && *stage == old.stage {
            return Ok(Answer::Changed(old, None));
        }
        let moved = Move {
            entity: id.clone(),
            pipeline: there.id.clone(),
            from_pipeline: (!stays).then(|| here.id.clone()),
            from: old.stage.clone(),
            to: stage.clone(),
            direction: match (stays, Some(at) > here.at(&old.stage)) {
                (false, _) => "",
                (true, true) => "forward",
                (true, false) => "backward",
            },
            cause: format!("hand pawl/{made}"),
            hop: 0,
            time: self.board.now,
            responsible: old.responsible.clone(),
            revision: old.revision + 1,
        };
        let pipeline = there.id.clone();
        let new = Entity { pipeline, stage: stage.clone(), revision: old.revision + 1, ..old };
        self.board.entities.insert(id.clone(), (new.clone(), self.board.position));
        let event = service_event("entity.moved", made, id);
        let first = Decision {
            subject: id.clone(),
            entity: Some(id.clone()),
            event_type: event.event_type.clone(),
            hop: 0,
            outcome: "MOVED",
            moved: Some(moved),
            verdicts: Vec::new(),
        };
        let decisions = self.board.unfold(&event, &Changes::default(), Some(first))?;
        self.record(event, decisions.clone());
        Ok(Answer::Changed(new, Some(decisions)))
    }

    fn delete_entity(&mut self, id: &Id, expected: i64) -> Result<Answer, String> {
        let Some((old, _)) = self.board.entities.get(id).cloned() else { return no("no entity") };
        expect(expected, old.revision)?;
        self.board.entities.remove(id);
        Ok(self.bury("entity", id, old.revision))
    }
}

pub(crate) fn expect(expected: i64, revision: i64) -> Result<(), String> {
    if expected == 0 || expected == revision { Ok(()) } else { no("revision mismatch") }
}

fn service_event(event_type: &str, id: &str, entity: &Id) -> Event {
    Event {
        source: "pawl".to_owned(),
        id: id.to_owned(),
        event_type: event_type.to_owned(),
        subjects: vec![entity.clone()],
        attributes: BTreeMap::new(),
    }
}

fn changes(old: &Entity, new: &Entity) -> Changes {
    let responsible = (old.responsible != new.responsible)
        .then(|| (old.responsible.clone(), new.responsible.clone()));
    let mut fields: BTreeMap<Id, (Option<Value>, Option<Value>)> = BTreeMap::new();
    for name in old.fields.keys().chain(new.fields.keys()) {
        let (before, after) = (old.fields.get(name), new.fields.get(name));
        if before != after {
            fields.insert(name.clone(), (before.cloned(), after.cloned()));
        }
    }
    Changes { responsible, fields }
}
