use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use foldhash::{HashMap, HashMapExt};

use crate::decide::explain;
use crate::limits::{DECISIONS_MAX, EXPLAINED_MAX_BYTES, REACH_MAX};
use crate::{
    CustomerId, CustomerReach, Decision, Entity, EntityId, Event, EventType, FilterPart, Listening,
    Move, Outcome, Pipeline, PipelineId, Rejection, Semantics, Situation, StageId, Subject,
    Timestamp, Verdicts, decide,
};

/// The kind of entity whose winning is an event for others (X2).
const INVOICE: &str = "invoice";

/// Where an event takes what it is about from: the state before it.
pub trait World {
    /// Why it could not be had, or why the event is refused.
    type Error: From<Rejection>;

    /// An entity that is there.
    fn entity(&mut self, id: &EntityId) -> Result<Option<Arc<Entity>>, Self::Error>;

    /// The pipeline of an entity.
    fn pipeline(&mut self, id: &PipelineId) -> Result<Arc<Pipeline>, Self::Error>;

    /// The triggers of a pipeline that listen to an event type, oldest first.
    fn listening(&self, pipeline: &PipelineId, event_type: &EventType) -> &Listening;

    /// The entities that name a customer, each with the log position of its latest write.
    fn entities_of(
        &mut self,
        customer: &CustomerId,
    ) -> Result<Vec<(Arc<Entity>, u64)>, Self::Error>;

    /// Whether subjects reach an entity: one that they do not is for them as if it did not exist.
    /// What follows along a chain asks for no leave.
    fn is_reachable(&self, _: &Entity) -> bool {
        true
    }
}

/// What an event has done before any trigger is asked.
#[derive(Debug)]
pub enum Done {
    /// Nothing: it is about what others did.
    Nothing,
    /// It wrote its subject, which now looks like this (X1).
    Wrote(Arc<Entity>),
    /// It moved its subject by hand, which now looks like this (X3).
    Moved(Arc<Entity>, Move),
}

/// All that one event does: what is committed together (E5).
#[derive(Debug, Default)]
pub struct Unfolded {
    /// In the order of the subjects, then hop by hop.
    pub decisions: Vec<Decision>,
    /// For each decision and each of its verdicts the values of its filter's parts, when asked for.
    pub explanations: Explanations,
    /// The entities that triggers moved, as they stand now.
    pub moved: Vec<Arc<Entity>>,
}

/// For each decision, for each of its verdicts, the values of its filter's parts.
pub type Explanations = Vec<Vec<Vec<FilterPart>>>;

/// Decides an event for everything that it reaches, and for what follows from that (E2, E3, X2).
pub fn unfold<W: World>(
    world: &mut W,
    event: &Event,
    done: Done,
    now: Timestamp,
    explained: bool,
) -> Result<Unfolded, W::Error> {
    let mut unfolding = Unfolding {
        world,
        now,
        explained,
        explained_bytes: 0,
        states: HashMap::new(),
        moved: HashSet::new(),
        unfolded: Unfolded {
            decisions: Vec::with_capacity(event.subjects.len()),
            ..Unfolded::default()
        },
    };
    match done {
        Done::Moved(entity, moved) => {
            let subject = Subject::Entity(entity.id.clone());
            unfolding.moved.insert(entity.id.clone());
            unfolding.states.insert(entity.id.clone(), entity);
            unfolding.record(event, &subject, 0, Outcome::Moved(moved));
        }
        Done::Wrote(entity) => {
            unfolding.states.insert(entity.id.clone(), entity);
            unfolding.consider_all(event)?;
        }
        Done::Nothing => unfolding.consider_all(event)?,
    }
    unfolding.follow_chain(event)?;
    Ok(unfolding.unfolded)
}

struct Unfolding<'w, W> {
    world: &'w mut W,
    now: Timestamp,
    explained: bool,
    explained_bytes: usize,
    /// The entities that this event has written or moved.
    states: HashMap<EntityId, Arc<Entity>>,
    moved: HashSet<EntityId>,
    unfolded: Unfolded,
}

impl<W: World> Unfolding<'_, W> {
    /// The event itself, for each of its subjects.
    fn consider_all(&mut self, event: &Event) -> Result<(), W::Error> {
        // As nearly all events are: it reaches one entity, and nothing has to be settled.
        if let [subject @ Subject::Entity(id)] = &event.subjects[..] {
            return self.consider(event, subject, id, 0);
        }
        // Whom the subjects reach is settled before any of them moves.
        let mut reached: Vec<(&Subject, Option<EntityId>)> =
            Vec::with_capacity(event.subjects.len());
        let mut seen = HashSet::new();
        let mut subjects = HashSet::new();
        for subject in &event.subjects {
            if event.subjects.len() > 1 && !subjects.insert(subject) {
                continue;
            }
            match subject {
                Subject::Entity(id) => {
                    if seen.insert(id.clone()) {
                        reached.push((subject, Some(id.clone())));
                    }
                }
                Subject::Customer(id) => {
                    let entities = self.reached_by(id)?;
                    if entities.is_empty() {
                        reached.push((subject, None));
                    }
                    let new = entities.into_iter().filter(|entity| seen.insert(entity.clone()));
                    reached.extend(new.map(|entity| (subject, Some(entity))));
                }
            }
            // Who does not exist is not reached; that is looked up only where it matters.
            if seen.len() > REACH_MAX && seen.len() - self.missing(&event.subjects)? > REACH_MAX {
                return Err(Rejection::ReachTooLarge { limit: REACH_MAX }.into());
            }
        }
        for (subject, entity) in reached {
            match entity {
                Some(id) => self.consider(event, subject, &id, 0)?,
                None => self.record(event, subject, 0, Outcome::NotReached),
            }
        }
        Ok(())
    }

    /// How many of the entities among the subjects do not exist.
    fn missing(&mut self, subjects: &[Subject]) -> Result<usize, W::Error> {
        let mut missing = HashSet::new();
        for subject in subjects {
            if let Subject::Entity(id) = subject
                && self.reachable(id)?.is_none()
            {
                missing.insert(id);
            }
        }
        Ok(missing.len())
    }

    /// The open entities that a customer's event reaches, by pipeline and id (E3).
    fn reached_by(&mut self, customer: &CustomerId) -> Result<Vec<EntityId>, W::Error> {
        let mut by_pipeline: BTreeMap<PipelineId, Vec<(u64, EntityId)>> = BTreeMap::new();
        let mut reaches: HashMap<PipelineId, Arc<Pipeline>> = HashMap::new();
        for (entity, written_at) in self.world.entities_of(customer)? {
            if !self.world.is_reachable(&entity) {
                continue;
            }
            let id = &entity.pipeline_id;
            let pipeline = match reaches.get(id) {
                Some(pipeline) => pipeline,
                None => reaches.entry(id.clone()).or_insert(self.world.pipeline(id)?),
            };
            if pipeline.reach != CustomerReach::None && !pipeline.stages.is_closed(&entity.stage_id)
            {
                let open = by_pipeline.entry(id.clone()).or_default();
                open.push((written_at, entity.id.clone()));
            }
        }
        let mut reached = Vec::new();
        for (pipeline, open) in by_pipeline {
            let latest = reaches[&pipeline].reach == CustomerReach::Latest;
            let mut ids: Vec<EntityId> = if latest {
                open.into_iter().max().map(|(_, id)| id).into_iter().collect()
            } else {
                open.into_iter().map(|(_, id)| id).collect()
            };
            ids.sort_unstable();
            reached.append(&mut ids);
        }
        Ok(reached)
    }

    /// What follows from the moves so far, hop by hop, until nothing does (X2).
    fn follow_chain(&mut self, event: &Event) -> Result<(), W::Error> {
        let (mut hop, mut followed) = (0, 0);
        while followed < self.unfolded.decisions.len() {
            let moves = self.unfolded.decisions[followed..].iter().filter_map(Decision::moved);
            let moves: Vec<Move> =
                moves.filter(|moved| moved.entity_id.kind() == INVOICE).cloned().collect();
            followed = self.unfolded.decisions.len();
            hop += 1;
            for moved in moves {
                if !self.enters_won(&moved)? {
                    continue;
                }
                let Some(invoice) = self.entity(&moved.entity_id)? else { continue };
                let paid = event.invoice_paid(&invoice.parent_ids);
                let mut seen = HashSet::new();
                for subject in &paid.subjects {
                    if let Subject::Entity(id) = subject
                        && seen.insert(id)
                    {
                        self.consider(&paid, subject, id, hop)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether a move leads from a stage that is not WON to one that is.
    fn enters_won(&mut self, moved: &Move) -> Result<bool, W::Error> {
        let from = moved.from_pipeline_id.as_ref().unwrap_or(&moved.pipeline_id);
        Ok(self.is_won(&moved.pipeline_id, &moved.to_stage_id)?
            && !self.is_won(from, &moved.from_stage_id)?)
    }

    fn is_won(&mut self, pipeline: &PipelineId, stage: &StageId) -> Result<bool, W::Error> {
        Ok(self.world.pipeline(pipeline)?.stages.semantics(stage) == Some(Semantics::Won))
    }

    fn entity(&mut self, id: &EntityId) -> Result<Option<Arc<Entity>>, W::Error> {
        match self.states.get(id) {
            Some(entity) => Ok(Some(Arc::clone(entity))),
            None => self.world.entity(id),
        }
    }

    /// An entity that is there for subjects.
    fn reachable(&mut self, id: &EntityId) -> Result<Option<Arc<Entity>>, W::Error> {
        Ok(self.entity(id)?.filter(|entity| self.world.is_reachable(entity)))
    }

    fn consider(
        &mut self,
        event: &Event,
        subject: &Subject,
        id: &EntityId,
        hop: u32,
    ) -> Result<(), W::Error> {
        if self.unfolded.decisions.len() >= DECISIONS_MAX {
            return Err(Rejection::ReachTooLarge { limit: DECISIONS_MAX }.into());
        }
        let found = if hop == 0 { self.reachable(id)? } else { self.entity(id)? };
        let Some(entity) = found else {
            self.record(event, subject, hop, Outcome::EntityNotFound(id.clone()));
            return Ok(());
        };
        let pipeline = self.world.pipeline(&entity.pipeline_id)?;
        let situation = Situation {
            event,
            subject,
            entity: &entity,
            pipeline: &pipeline,
            listening: self.world.listening(&pipeline.id, &event.event_type),
            hop,
            has_moved: self.moved.contains(id),
            now: self.now,
        };
        let decision = decide(&situation);
        if self.explained {
            let room = self.explained_bytes < EXPLAINED_MAX_BYTES;
            let explanation = if room { explain(&situation) } else { Vec::new() };
            let parts = explanation.iter().flatten();
            self.explained_bytes += parts.map(FilterPart::size_bytes).sum::<usize>();
            self.unfolded.explanations.push(explanation);
        }
        if let Some(moved) = decision.moved() {
            let after = Arc::new(entity.moved(moved));
            self.moved.insert(id.clone());
            self.states.insert(id.clone(), Arc::clone(&after));
            self.unfolded.moved.push(after);
        }
        self.unfolded.decisions.push(decision);
        Ok(())
    }

    /// A decision on which no trigger is asked.
    fn record(&mut self, event: &Event, subject: &Subject, hop: u32, outcome: Outcome) {
        let (subject, event_type) = (subject.clone(), event.event_type.clone());
        let decision =
            Decision { subject, event_type, hop, outcome, verdicts: Verdicts::default() };
        self.unfolded.decisions.push(decision);
        if self.explained {
            self.unfolded.explanations.push(Vec::new());
        }
    }
}
