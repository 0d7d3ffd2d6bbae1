//! Writes down what the server answered, and makes the truth of it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use pawl_api::pb;

use crate::truth::{
    History, Moment, MoveKey, Revision, Span, State, TrueMove, Truth, after, key_of,
};

/// Everything that was answered.
#[derive(Debug)]
pub(crate) struct Ledger {
    began: SystemTime,
    moves: BTreeMap<MoveKey, TrueMove>,
    entities: BTreeMap<String, History>,
    /// Revisions that are a creation: what lies before one is a deletion.
    created: BTreeSet<(String, i64)>,
    kills: Vec<(Moment, Moment)>,
    stops: Vec<(Moment, Moment)>,
}

impl Ledger {
    pub(crate) fn new(began: SystemTime) -> Self {
        Self {
            began,
            moves: BTreeMap::new(),
            entities: BTreeMap::new(),
            created: BTreeSet::new(),
            kills: Vec::new(),
            stops: Vec::new(),
        }
    }

    /// An entity was created.
    pub(crate) fn created(&mut self, entity: &pb::Entity, span: Span) {
        self.created.insert((entity.entity_id.clone(), entity.revision));
        self.put(entity, span, false);
    }

    /// An entity was read, and may have been written long before.
    pub(crate) fn read(&mut self, entity: &pb::Entity, answered: Moment) {
        self.put(entity, Span { asked: None, answered: Some(answered) }, false);
    }

    /// An entity was updated, and its triggers may have moved it then.
    pub(crate) fn updated(&mut self, answer: &pb::UpdateEntityResponse, span: Span) {
        let Some(entity) = &answer.entity else { return };
        let Some(outcome) = &answer.outcome else { return self.reread(entity, span) };
        self.outcome(outcome, span);
        let moves = outcome.decisions.iter().filter_map(|decision| decision.r#move.as_ref());
        let own = moves.filter(|moved| moved.entity_id == entity.entity_id);
        let own = own.max_by_key(|moved| moved.entity_revision);
        let Some(moved) = own else { return self.put(entity, span, false) };
        let history = self.entities.entry(entity.entity_id.clone()).or_default();
        // It came to that stage before the update, which is known only of the revision before.
        let entered = match history.get(&(entity.revision - 2)).map(|revision| &revision.state) {
            Some(State::Alive(before)) => before.stage_entered_time,
            _ => None,
        };
        let written = pb::Entity {
            stage_id: moved.from_stage_id.clone(),
            revision: entity.revision - 1,
            stage_entered_time: entered,
            ..entity.clone()
        };
        let state =
            if entered.is_some() { State::Alive(Box::new(written)) } else { State::Unknown };
        history.insert(entity.revision - 1, Revision { state, span, inner: true });
        self.put(entity, span, false);
    }

    /// An entity was moved by hand, or stood there already.
    pub(crate) fn moved(&mut self, answer: &pb::MoveEntityResponse, span: Span) {
        let Some(entity) = &answer.entity else { return };
        let Some(outcome) = &answer.outcome else { return self.reread(entity, span) };
        self.outcome(outcome, span);
        self.put(entity, span, false);
    }

    /// Nothing was written: the revision is of some time before.
    fn reread(&mut self, entity: &pb::Entity, span: Span) {
        self.put(entity, Span { asked: None, ..span }, false);
    }

    /// An entity was deleted with this revision.
    pub(crate) fn deleted(&mut self, entity_id: &str, revision: i64, span: Span) {
        // Where it stood is filled in at the end.
        let gone = State::Gone { pipeline_id: String::new(), stage_id: String::new() };
        let history = self.entities.entry(entity_id.to_owned()).or_default();
        history.insert(revision, Revision { state: gone, span, inner: false });
    }

    /// Moves were made, or had been made before when the event is a duplicate.
    pub(crate) fn outcome(&mut self, outcome: &pb::EventOutcome, span: Span) {
        let asked = if outcome.duplicate { None } else { span.asked };
        let moves = outcome.decisions.iter().filter_map(|decision| decision.r#move.as_ref());
        for moved in moves {
            self.insert(moved, Span { asked, ..span });
        }
    }

    /// Moves are in the log.
    pub(crate) fn listed(&mut self, moves: &[pb::Move], at: Moment) {
        for moved in moves {
            self.insert(moved, Span { asked: None, answered: Some(at) });
        }
    }

    /// A server was killed.
    pub(crate) fn killed(&mut self, from: Moment, until: Moment) {
        self.kills.push((from, until));
    }

    /// A server was stopped.
    pub(crate) fn stopped(&mut self, from: Moment, until: Moment) {
        self.stops.push((from, until));
    }

    fn insert(&mut self, moved: &pb::Move, span: Span) {
        let key = key_of(&moved.move_id).expect("a move id is SEQUENCE-INDEX");
        let entry = self.moves.entry(key);
        let known = entry.or_insert_with(|| TrueMove { moved: moved.clone(), span });
        assert_eq!(known.moved, *moved, "the server tells two stories of one move");
        known.span.asked = known.span.asked.or(span.asked);
        known.span.answered = earlier(known.span.answered, span.answered);
    }

    fn put(&mut self, entity: &pb::Entity, span: Span, inner: bool) {
        let history = self.entities.entry(entity.entity_id.clone()).or_default();
        let state = State::Alive(Box::new(entity.clone()));
        let fresh = || Revision { state: state.clone(), span, inner };
        let known = history.entry(entity.revision).or_insert_with(fresh);
        known.state = state;
        known.span.answered = earlier(known.span.answered, span.answered);
    }

    /// All of it: with the moves that the log has in the end, newest first, and the entities.
    pub(crate) fn finish(
        mut self,
        retained: &[pb::Move],
        standing: &[pb::Entity],
        at: Moment,
    ) -> Truth {
        self.listed(retained, at);
        for entity in standing {
            self.read(entity, at);
        }
        let mut moved: BTreeMap<String, BTreeMap<i64, &TrueMove>> = BTreeMap::new();
        for one in self.moves.values() {
            let moves = moved.entry(one.moved.entity_id.clone()).or_default();
            moves.insert(one.moved.entity_revision, one);
        }
        let mut entities = BTreeMap::new();
        let alive: BTreeSet<_> = standing.iter().map(|entity| entity.entity_id.as_str()).collect();
        for (id, known) in &self.entities {
            let moves = moved.remove(id).unwrap_or_default();
            let created = |number| self.created.contains(&(id.clone(), number));
            let history = fill(known, &moves, created, alive.contains(id.as_str()));
            entities.insert(id.clone(), history);
        }
        let first = retained.last().and_then(|moved| key_of(&moved.move_id));
        let before = |first| self.moves.range(..first).count();
        let retained_from = first.map_or(self.moves.len(), before);
        let mut truth = Truth::new(self.began, self.moves.into_values().collect(), entities);
        (truth.retained_from, truth.kills, truth.stops) = (retained_from, self.kills, self.stops);
        truth
    }
}

fn earlier(one: Option<Moment>, other: Option<Moment>) -> Option<Moment> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// A history without gaps: between what was answered lie moves and deletions.
fn fill(
    known: &History,
    moves: &BTreeMap<i64, &TrueMove>,
    created: impl Fn(i64) -> bool,
    is_alive: bool,
) -> History {
    let last = known.keys().chain(moves.keys()).max().copied().unwrap_or_default();
    let mut history = History::new();
    let mut before = State::Unknown;
    for number in 1..=last {
        let revision = match (known.get(&number), moves.get(&number)) {
            (Some(known), one) => {
                let mut known = known.clone();
                if let Some(one) = one {
                    known.span.asked = known.span.asked.or(one.span.asked);
                    known.span.answered = earlier(known.span.answered, one.span.answered);
                }
                if let State::Gone { .. } = known.state {
                    known.state = gone(&before);
                }
                known
            }
            (None, Some(one)) => {
                let state = match &before {
                    State::Alive(entity) => State::Alive(Box::new(after(entity, &one.moved))),
                    _ => State::Unknown,
                };
                Revision { state, span: one.span, inner: false }
            }
            (None, None) => {
                let state = if created(number + 1) { gone(&before) } else { State::Unknown };
                Revision { state, span: Span::default(), inner: false }
            }
        };
        before = revision.state.clone();
        history.insert(number, revision);
    }
    // It is not there, and nobody was told since when.
    if !is_alive && !matches!(before, State::Gone { .. }) {
        let revision = Revision { state: gone(&before), span: Span::default(), inner: false };
        history.insert(last + 1, revision);
    }
    history
}

fn gone(before: &State) -> State {
    match before {
        State::Alive(entity) => State::Gone {
            pipeline_id: entity.pipeline_id.clone(),
            stage_id: entity.stage_id.clone(),
        },
        _ => State::Unknown,
    }
}
