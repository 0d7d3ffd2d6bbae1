//! What really happened, as far as it can be known from outside.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::time::{Duration, SystemTime};

use pawl_api::pb;

/// A moment of a scenario: how long after its beginning.
pub(crate) type Moment = Duration;

/// The id of a move: its record's number, and its place among the moves of that record.
pub(crate) type MoveKey = (u64, u32);

/// Reads a move id. They are opaque to clients; this proof may know that they tell the order.
pub(crate) fn key_of(move_id: &str) -> Option<MoveKey> {
    let (sequence, index) = move_id.split_once('-')?;
    Some((sequence.parse().ok()?, index.parse().ok()?))
}

/// When something was asked for and when it was answered: it was committed in between. What is
/// not known, as after a crash, is `None`.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Span {
    pub(crate) asked: Option<Moment>,
    pub(crate) answered: Option<Moment>,
}

impl Span {
    pub(crate) fn surely_before(self, moment: Moment) -> bool {
        self.answered.is_some_and(|answered| answered < moment)
    }

    pub(crate) fn surely_after(self, moment: Moment) -> bool {
        self.asked.is_some_and(|asked| asked > moment)
    }
}

/// A move of the log.
#[derive(Debug, Clone)]
pub(crate) struct TrueMove {
    pub(crate) moved: pb::Move,
    pub(crate) span: Span,
}

/// What an entity was with one of its revisions.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum State {
    Alive(Box<pb::Entity>),
    /// Deleted; where it stood.
    Gone {
        pipeline_id: String,
        stage_id: String,
    },
    /// Nobody was told.
    Unknown,
}

/// A revision of an entity.
#[derive(Debug, Clone)]
pub(crate) struct Revision {
    pub(crate) state: State,
    pub(crate) span: Span,
    /// Between the write of an update and the move that it caused: never committed by itself.
    pub(crate) inner: bool,
}

/// The revisions of an entity, from 1 on without a gap.
pub(crate) type History = BTreeMap<i64, Revision>;

/// Everything that happened.
#[derive(Debug, Clone)]
pub(crate) struct Truth {
    /// When the scenario began, by the clock of the machine.
    pub(crate) began: SystemTime,
    /// All moves, in the order of the log.
    pub(crate) moves: Vec<TrueMove>,
    /// The first of them that is retained in the end.
    pub(crate) retained_from: usize,
    pub(crate) entities: BTreeMap<String, History>,
    /// From when until when a server was being killed.
    pub(crate) kills: Vec<(Moment, Moment)>,
    /// The same for one that was asked to stop.
    pub(crate) stops: Vec<(Moment, Moment)>,
    places: HashMap<String, usize>,
}

impl Truth {
    pub(crate) fn new(
        began: SystemTime,
        moves: Vec<TrueMove>,
        entities: BTreeMap<String, History>,
    ) -> Self {
        let places = moves.iter().enumerate();
        let places = places.map(|(place, one)| (one.moved.move_id.clone(), place)).collect();
        Self {
            began,
            moves,
            retained_from: 0,
            entities,
            kills: Vec::new(),
            stops: Vec::new(),
            places,
        }
    }

    /// Where a move stands in the log.
    pub(crate) fn place(&self, move_id: &str) -> Option<usize> {
        self.places.get(move_id).copied()
    }

    /// How many moves were surely committed before a moment.
    pub(crate) fn surely_before(&self, moment: Moment) -> usize {
        let last = self.moves.iter().rposition(|one| one.span.surely_before(moment));
        last.map_or(0, |last| last + 1)
    }

    /// The first move that was surely committed after a moment.
    pub(crate) fn surely_after(&self, moment: Moment) -> usize {
        let first = self.moves.iter().position(|one| one.span.surely_after(moment));
        first.unwrap_or(self.moves.len())
    }

    /// A time of the server's clock as a moment of the scenario.
    pub(crate) fn moment(&self, time: Option<prost_types::Timestamp>) -> Option<Moment> {
        SystemTime::try_from(time?).ok()?.duration_since(self.began).ok()
    }

    /// The entity as it was with a revision.
    pub(crate) fn revision(&self, entity_id: &str, revision: i64) -> Option<&Revision> {
        self.entities.get(entity_id)?.get(&revision)
    }

    /// How things stood in the end.
    pub(crate) fn standing(&self) -> impl Iterator<Item = &pb::Entity> {
        self.entities.values().filter_map(|history| match &history.last_key_value()?.1.state {
            State::Alive(entity) => Some(&**entity),
            State::Gone { .. } | State::Unknown => None,
        })
    }
}

/// An entity for people.
pub(crate) fn brief(entity: &pb::Entity) -> String {
    let pb::Entity { entity_id, revision, pipeline_id, stage_id, responsible, .. } = entity;
    format!("{entity_id} with {revision} on {pipeline_id}/{stage_id} of {responsible:?}")
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Alive(entity) => f.write_str(&brief(entity)),
            Self::Gone { pipeline_id, stage_id } => write!(f, "gone from {pipeline_id}/{stage_id}"),
            Self::Unknown => f.write_str("unknown"),
        }
    }
}

/// An entity after a move.
pub(crate) fn after(entity: &pb::Entity, moved: &pb::Move) -> pb::Entity {
    pb::Entity {
        pipeline_id: moved.pipeline_id.clone(),
        stage_id: moved.to_stage_id.clone(),
        revision: moved.entity_revision,
        update_time: moved.time,
        stage_entered_time: moved.time,
        ..entity.clone()
    }
}
