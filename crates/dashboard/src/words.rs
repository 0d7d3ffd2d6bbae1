//! Decisions in plain sentences: what they refer to by id is looked up, as far as whoever looks may.

use std::collections::HashMap;

use pawl_api::pb;
use pawl_api::pb::r#move::Cause;
use pawl_api::sentences::{Actor, Label, Mood, Scene, became, headline, sentence};
use pawl_domain::{EntityId, Pipeline, PipelineId, Rejection, StageId, Trigger, TriggerId};
use pawl_engine::{Engine, EngineError, LoggedVerdict};

use crate::board::stage_label;
use crate::door::Visitor;

/// What is said about a decision.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) headline: String,
    /// In the order of the verdicts.
    pub(crate) sentences: Vec<String>,
}

/// What pipelines, stages and triggers are called, each looked up once. Whoever may only publish
/// learns no more than ids.
#[derive(Debug)]
pub(crate) struct Words {
    engine: Engine,
    can_read: bool,
    pipelines: HashMap<String, Option<Pipeline>>,
    triggers: HashMap<(String, i64), Option<Trigger>>,
}

/// What was found; what is not there or out of reach is none.
fn found<T>(asked: Result<T, EngineError>) -> Result<Option<T>, EngineError> {
    match asked {
        Ok(found) => Ok(Some(found)),
        Err(EngineError::Rejected(
            Rejection::NotFound { .. } | Rejection::OutOfScope { .. } | Rejection::Invalid { .. },
        )) => Ok(None),
        Err(error) => Err(error),
    }
}

impl Words {
    pub(crate) fn new(who: &Visitor) -> Self {
        Self {
            engine: who.engine.clone(),
            can_read: who.may.read,
            pipelines: HashMap::new(),
            triggers: HashMap::new(),
        }
    }

    async fn pipeline(&mut self, id: &str) -> Result<Option<&Pipeline>, EngineError> {
        if !self.pipelines.contains_key(id) {
            let asked = PipelineId::parse("pipeline", id).ok().filter(|_| self.can_read);
            let pipeline = match asked {
                Some(asked) => found(self.engine.pipeline(asked).await)?,
                None => None,
            };
            self.pipelines.insert(id.to_owned(), pipeline);
        }
        Ok(self.pipelines.get(id).and_then(Option::as_ref))
    }

    /// A trigger as it was at a revision, also when it is deleted by now.
    async fn trigger(&mut self, id: &str, revision: i64) -> Result<Option<&Trigger>, EngineError> {
        let key = (id.to_owned(), revision);
        if !self.triggers.contains_key(&key) {
            let asked = TriggerId::parse("trigger", id).ok().filter(|_| self.can_read);
            let trigger = match asked {
                Some(asked) => found(self.engine.trigger(asked, revision).await)?,
                None => None,
            };
            self.triggers.insert(key.clone(), trigger.map(|(trigger, _)| trigger));
        }
        Ok(self.triggers.get(&key).and_then(Option::as_ref))
    }

    /// What people call a stage: its name, or its id where it has none or is gone.
    pub(crate) async fn stage(&mut self, pipeline: &str, id: &str) -> Result<String, EngineError> {
        let pipeline = self.pipeline(pipeline).await?;
        let stage = pipeline
            .and_then(|pipeline| pipeline.stages.in_order().find(|stage| stage.id.as_str() == id));
        Ok(stage.map_or(id, stage_label).to_owned())
    }

    /// A trigger by all that people know it by.
    pub(crate) async fn label(&mut self, id: &str, revision: i64) -> Result<Label, EngineError> {
        let trigger = self.trigger(id, revision).await?;
        let name = trigger.map(|trigger| trigger.display_name.to_string()).unwrap_or_default();
        Ok(Label { id: id.to_owned(), name, revision, supposed: false })
    }

    /// What is said about decisions that came of one event, just now or (`is_old`) some time ago.
    pub(crate) async fn tell(
        &mut self,
        decisions: &[pb::Decision],
        mood: Mood,
        is_old: bool,
    ) -> Result<Vec<Told>, EngineError> {
        let mut told = Vec::new();
        for decision in decisions {
            let scene = self.scene(decision, decisions, mood, is_old).await?;
            told.push(self.within(decision, &scene).await?);
        }
        Ok(told)
    }

    /// What is said about a decision of which it is known where it was made.
    pub(crate) async fn within(
        &mut self,
        decision: &pb::Decision,
        scene: &Scene,
    ) -> Result<Told, EngineError> {
        let mut sentences = Vec::new();
        for verdict in &decision.verdicts {
            let actor = self.actor(verdict).await?;
            sentences.push(sentence(verdict, &decision.entity_id, &actor, scene));
        }
        Ok(Told { headline: headline(decision, scene), sentences })
    }

    /// What became of a trigger, on a page that tells of that one alone.
    pub(crate) async fn became(&mut self, logged: &LoggedVerdict) -> Result<String, EngineError> {
        let verdict = logged.verdict().into();
        let actor = self.actor(&verdict).await?;
        let winner = match &logged.winner {
            Some(winner) => Some(self.label(winner.as_str(), 0).await?),
            None => None,
        };
        let scene = Scene { mood: Mood::Happened, here: None, there: None, winner };
        Ok(became(&verdict, logged.entity_id.as_str(), &actor, &scene))
    }

    async fn actor(&mut self, verdict: &pb::Verdict) -> Result<Actor, EngineError> {
        let pb::Verdict { trigger_id, trigger_revision, stage_id, .. } = verdict;
        let label = self.label(trigger_id, *trigger_revision).await?;
        let trigger = self.trigger(trigger_id, *trigger_revision).await?;
        let (pipeline, filter) = match trigger {
            Some(trigger) => {
                let filter = trigger.filter.as_ref().map_or("", |filter| filter.as_str());
                (trigger.pipeline_id.to_string(), filter.to_owned())
            }
            None => Default::default(),
        };
        Ok(Actor { label, stage: self.stage(&pipeline, stage_id).await?, filter })
    }

    async fn scene(
        &mut self,
        decision: &pb::Decision,
        all: &[pb::Decision],
        mood: Mood,
        is_old: bool,
    ) -> Result<Scene, EngineError> {
        let mut scene = Scene { mood, here: None, there: None, winner: None };
        if let Some(moved) = &decision.r#move {
            let (from, to) = ends(moved);
            scene.here = Some(self.stage(from, &moved.from_stage_id).await?);
            scene.there = Some(self.stage(to, &moved.to_stage_id).await?);
            if let Some(Cause::Trigger(cause)) = &moved.cause {
                scene.winner = Some(self.label(&cause.trigger_id, cause.trigger_revision).await?);
            }
        } else if decision.outcome() == pb::DecisionOutcome::NotMoved {
            scene.here = self.here(decision, all, is_old).await?;
        }
        Ok(scene)
    }

    /// Where an entity stood that did not move.
    async fn here(
        &mut self,
        decision: &pb::Decision,
        all: &[pb::Decision],
        is_old: bool,
    ) -> Result<Option<String>, EngineError> {
        if let Some((pipeline, stage)) = moved_beside(decision, all) {
            return Ok(Some(self.stage(pipeline, stage).await?));
        }
        let same = |verdict: &&pb::Verdict| verdict.result() == pb::VerdictResult::SameStage;
        if let Some(verdict) = decision.verdicts.iter().find(same) {
            return Ok(Some(self.actor(verdict).await?.stage));
        }
        let Some(id) = EntityId::parse("entity", &decision.entity_id).ok() else { return Ok(None) };
        // By now it may stand elsewhere.
        if is_old || !self.can_read {
            return Ok(None);
        }
        let entity = found(self.engine.entity(id).await)?;
        let Some(entity) = entity else { return Ok(None) };
        let (pipeline, stage) = (entity.pipeline_id.as_str(), entity.stage_id.as_str());
        Ok(Some(self.stage(pipeline, stage).await?))
    }

    /// Where an entity stood, in words.
    pub(crate) async fn place(
        &mut self,
        (pipeline, stage): &(PipelineId, StageId),
    ) -> Result<String, EngineError> {
        self.stage(pipeline.as_str(), stage.as_str()).await
    }
}

/// The pipelines that a move leads from and to.
fn ends(moved: &pb::Move) -> (&str, &str) {
    let (to, other) = (moved.pipeline_id.as_str(), moved.from_pipeline_id.as_str());
    (if other.is_empty() { to } else { other }, to)
}

/// On which pipeline and stage an entity stood that did not move here, but at another place of the
/// same chain.
fn moved_beside<'d>(
    decision: &pb::Decision,
    all: &'d [pb::Decision],
) -> Option<(&'d str, &'d str)> {
    let place = all.iter().position(|other| std::ptr::eq(other, decision))?;
    let at = all
        .iter()
        .position(|other| other.entity_id == decision.entity_id && other.r#move.is_some())?;
    let moved = all[at].r#move.as_ref()?;
    let (from, to) = ends(moved);
    Some(if at < place { (to, &moved.to_stage_id) } else { (from, &moved.from_stage_id) })
}
