//! What was acknowledged, and what got no answer.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use pawl_api::pb;

use crate::call::{Answer, Call};
use crate::claims::Claims;
use crate::known::Known;
use crate::scenario::stage::{Stage, machine_time};
use crate::truth::{Moment, MoveKey, Span, key_of};

/// An event with its outcome, as it was acknowledged.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    /// As it was sent; `None` for those that the server makes of updates and moves by hand.
    pub(crate) event: Option<pb::Event>,
    /// As it was first.
    pub(crate) outcome: pb::EventOutcome,
    /// Before it was sent the first time.
    pub(crate) asked: Moment,
}

/// A call that got no answer.
#[derive(Debug, Clone)]
pub(crate) struct Unanswered {
    pub(crate) call: Call,
    pub(crate) asked: Moment,
}

/// Everything that is known of one directory. What contradicts it panics.
#[derive(Debug)]
pub(crate) struct Book {
    pub(crate) stage: Arc<Stage>,
    /// What the clock of the machine said in the beginning.
    began: SystemTime,
    /// For how long the server remembers identities.
    window: Duration,
    /// How many events of the load were acknowledged.
    pub(crate) answers: usize,
    /// In the order in which they were acknowledged.
    pub(crate) told: Vec<Told>,
    places: HashMap<(String, String), usize>,
    /// Calls other than events that can be made again, with their first answers.
    pub(crate) repeatable: Vec<(Call, Answer, Moment)>,
    pub(crate) entities: BTreeMap<String, Claims>,
    pub(crate) moves: BTreeMap<MoveKey, pb::Move>,
    pub(crate) triggers: Known<pb::Trigger>,
    /// Every revision that was answered.
    pub(crate) revisions: BTreeMap<(String, i64), pb::Trigger>,
    pub(crate) pipelines: Known<pb::Pipeline>,
    pub(crate) unanswered: Vec<Unanswered>,
    /// Entities of which it is not known what became of a call.
    pub(crate) doubts: BTreeSet<String>,
    /// Whether something was asked for again so late that it may have been done twice.
    pub(crate) is_vague: bool,
}

impl Book {
    pub(crate) fn new(stage: Arc<Stage>, window: Duration) -> Self {
        let now = machine_time();
        let began = now - stage.now();
        Self {
            stage,
            began,
            window,
            answers: 0,
            told: Vec::new(),
            places: HashMap::new(),
            repeatable: Vec::new(),
            entities: BTreeMap::new(),
            moves: BTreeMap::new(),
            triggers: Known::default(),
            revisions: BTreeMap::new(),
            pipelines: Known::default(),
            unanswered: Vec::new(),
            doubts: BTreeSet::new(),
            is_vague: false,
        }
    }

    /// What the clock of the machine said at a moment, or a little earlier.
    pub(crate) fn machine_time(&self, moment: Moment) -> SystemTime {
        self.began + moment
    }

    /// Counts an event of the load.
    pub(crate) fn answered(&mut self) {
        self.answers += 1;
        self.stage.answered();
    }

    /// Whether the server surely still remembers what was asked for then.
    pub(crate) fn is_remembered(&self, asked: Moment) -> bool {
        self.is_remembered_for(Duration::ZERO, asked)
    }

    /// Whether it surely will for so long.
    pub(crate) fn is_remembered_for(&self, margin: Duration, asked: Moment) -> bool {
        self.stage.now() + margin < asked + self.window
    }

    /// Writes down an answer; `again` when the call was made before.
    pub(crate) fn acknowledge(&mut self, call: &Call, answer: &Answer, span: Span, again: bool) {
        match (call, answer) {
            (Call::Publish(event), Answer::Published(outcome)) => {
                self.stage.ledger().outcome(outcome, span);
                self.outcome(Some(event), outcome, span, again);
            }
            (Call::Create(_), Answer::Created(entity)) => {
                self.stage.ledger().created(entity, span);
                self.entity(entity);
            }
            (Call::Update(_), Answer::Updated(updated)) => {
                self.stage.ledger().updated(updated, span);
                self.changed(updated.entity.as_ref(), updated.outcome.as_ref(), span, again);
            }
            (Call::Move(_), Answer::Moved(moved)) => {
                self.stage.ledger().moved(moved, span);
                self.changed(moved.entity.as_ref(), moved.outcome.as_ref(), span, again);
            }
            (Call::Delete(request), Answer::Deleted) => {
                let revision = request.expected_revision + 1;
                self.stage.ledger().deleted(&request.entity_id, revision, span);
                self.gone(&request.entity_id, revision);
            }
            (Call::CreateTrigger(_) | Call::UpdateTrigger(_), Answer::Trigger(trigger)) => {
                self.trigger(trigger);
            }
            (Call::DeleteTrigger(request), Answer::TriggerDeleted) => {
                self.triggers.gone(&request.trigger_id);
            }
            (Call::UpdatePipeline(_), Answer::Pipeline(pipeline)) => self.pipeline(pipeline),
            _ => unreachable!("{call:?} was answered with {answer:?}"),
        }
        if call.has_identity() && !call.is_event() && !again {
            let asked = span.asked.expect("it was asked for");
            self.repeatable.push((call.clone(), answer.clone(), asked));
        }
    }

    /// Writes down that nobody knows what became of a call: it is to be made again, or else looked for.
    pub(crate) fn lose(&mut self, call: Call, asked: Moment) {
        if call.has_identity() {
            self.unanswered.push(Unanswered { call, asked });
        } else {
            self.doubt(&call);
        }
    }

    /// Nobody knows what became of a call, and to make it again does not tell.
    pub(crate) fn doubt(&mut self, call: &Call) {
        match call {
            Call::Update(pb::UpdateEntityRequest { entity, .. }) => {
                self.doubts.extend(entity.iter().map(|entity| entity.entity_id.clone()));
            }
            Call::Move(pb::MoveEntityRequest { entity_id, .. })
            | Call::Delete(pb::DeleteEntityRequest { entity_id, .. }) => {
                self.doubts.insert(entity_id.clone());
            }
            Call::Create(pb::CreateEntityRequest { entity, .. }) => {
                self.doubts.extend(entity.iter().map(|entity| entity.entity_id.clone()));
            }
            Call::CreateTrigger(pb::CreateTriggerRequest { trigger, .. })
            | Call::UpdateTrigger(pb::UpdateTriggerRequest { trigger, .. }) => {
                let id = trigger.as_ref().map(|trigger| trigger.trigger_id.as_str());
                self.triggers.doubt(id.unwrap_or_default());
            }
            Call::DeleteTrigger(request) => self.triggers.doubt(&request.trigger_id),
            Call::UpdatePipeline(pb::UpdatePipelineRequest { pipeline, .. }) => {
                let id = pipeline.as_ref().map(|pipeline| pipeline.pipeline_id.as_str());
                self.pipelines.doubt(id.unwrap_or_default());
            }
            Call::Publish(_) => unreachable!("made again, an event has an outcome"),
        }
    }

    /// The outcome that an event had.
    pub(crate) fn find(&self, source: &str, event_id: &str) -> Option<&Told> {
        let place = self.places.get(&(source.to_owned(), event_id.to_owned()));
        place.map(|place| &self.told[*place])
    }

    fn changed(
        &mut self,
        entity: Option<&pb::Entity>,
        outcome: Option<&pb::EventOutcome>,
        span: Span,
        again: bool,
    ) {
        if let Some(outcome) = outcome {
            self.outcome(None, outcome, span, again);
        }
        self.entity(entity.expect("it is given"));
    }

    fn outcome(
        &mut self,
        event: Option<&pb::Event>,
        outcome: &pb::EventOutcome,
        span: Span,
        again: bool,
    ) {
        let asked = span.asked.expect("it was asked for");
        assert_eq!(outcome.refusal, None, "nobody has a reason to refuse {event:?}");
        let first = settled(outcome);
        let moves = first.decisions.iter().filter_map(|decision| decision.r#move.clone());
        moves.for_each(|moved| self.moved(moved));
        let key = (first.source.clone(), first.event_id.clone());
        let known = self.places.get(&key).map(|place| &mut self.told[*place]);
        let Some(known) = known else {
            assert!(again || !outcome.duplicate, "nobody sent it before: {outcome:?}");
            self.places.insert(key, self.told.len());
            self.told.push(Told { event: event.cloned(), outcome: first, asked });
            return;
        };
        if outcome.duplicate {
            assert_eq!(known.outcome, first, "the outcome of one event changed");
            return;
        }
        let answered = span.answered.expect("it was answered");
        let forgotten = answered >= known.asked + self.window;
        assert!(forgotten, "done twice: {outcome:?}, and first {:?}", known.outcome);
        *known = Told { event: event.cloned(), outcome: first, asked };
    }

    pub(crate) fn moved(&mut self, moved: pb::Move) {
        let claims = self.entities.entry(moved.entity_id.clone()).or_default();
        claims.moved(&moved).unwrap_or_else(|problem| panic!("acknowledged and lost: {problem}"));
        let key = key_of(&moved.move_id).expect("a move id is SEQUENCE-INDEX");
        let known = self.moves.entry(key).or_insert_with(|| moved.clone());
        assert_eq!(*known, moved, "one id for two moves");
    }

    pub(crate) fn entity(&mut self, entity: &pb::Entity) {
        let claims = self.entities.entry(entity.entity_id.clone()).or_default();
        claims.entity(entity).unwrap_or_else(|problem| panic!("acknowledged and lost: {problem}"));
    }

    pub(crate) fn gone(&mut self, id: &str, revision: i64) {
        let claims = self.entities.entry(id.to_owned()).or_default();
        claims.gone(revision).unwrap_or_else(|problem| panic!("acknowledged and lost: {problem}"));
    }

    pub(crate) fn trigger(&mut self, trigger: &pb::Trigger) {
        let trigger = without_stats(trigger.clone());
        let (id, revision) = (trigger.trigger_id.clone(), trigger.revision);
        let known = self.revisions.entry((id.clone(), revision)).or_insert_with(|| trigger.clone());
        assert_eq!(*known, trigger, "two triggers of one revision");
        // The answer to a request that is made again may be from before the last change.
        if revision >= self.triggers.revision(&id) {
            self.triggers.put(&id, revision, trigger);
        }
    }

    pub(crate) fn pipeline(&mut self, pipeline: &pb::Pipeline) {
        self.pipelines.put(&pipeline.pipeline_id, pipeline.revision, pipeline.clone());
    }
}

/// An outcome as it is kept: not as a duplicate, and without what only the first answer tells.
pub(crate) fn settled(outcome: &pb::EventOutcome) -> pb::EventOutcome {
    let mut outcome = pb::EventOutcome { duplicate: false, ..outcome.clone() };
    for verdict in outcome.decisions.iter_mut().flat_map(|decision| &mut decision.verdicts) {
        verdict.filter_parts.clear();
    }
    outcome
}

/// A trigger without what it has done so far.
pub(crate) fn without_stats(trigger: pb::Trigger) -> pb::Trigger {
    pb::Trigger { stats: None, ..trigger }
}
