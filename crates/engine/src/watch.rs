use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use pawl_domain::{
    EntityId, EntityKind, Move, MoveId, PipelineId, Responsible, StageId, Timestamp, TriggerId,
};
use pawl_store::{Head, Record, StoreError};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::core::Core;
use crate::hub::{Durable, RecordMoves};
use crate::token::Position;
use crate::{ResumeToken, WatchError};

/// How many records one step takes from memory; from the log it is one chunk.
const STEP_RECORDS: usize = 1_024;

/// Where a watch begins (W1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// After everything that is durable now.
    Now,
    /// With the first move that is retained.
    Earliest,
    /// Where an earlier watch left off.
    Resume(Vec<u8>),
}

/// Which moves a watch shows; an empty set means any (W1).
#[derive(Debug, Clone, Default)]
pub struct MoveFilter {
    /// Kinds of the entity.
    pub kinds: HashSet<EntityKind>,
    /// The pipeline, before or after the move.
    pub pipeline_ids: HashSet<PipelineId>,
    /// The stage that was left.
    pub from_stage_ids: HashSet<StageId>,
    /// The stage that was entered.
    pub to_stage_ids: HashSet<StageId>,
    /// The entity.
    pub entity_ids: HashSet<EntityId>,
    /// The trigger that moved it.
    pub trigger_ids: HashSet<TriggerId>,
    /// In charge after the move.
    pub responsibles: HashSet<Responsible>,
}

impl MoveFilter {
    /// Whether a move is shown.
    pub fn matches(&self, moved: &Move) -> bool {
        fn any<T: Eq + std::hash::Hash>(set: &HashSet<T>, value: Option<&T>) -> bool {
            set.is_empty() || value.is_some_and(|value| set.contains(value))
        }
        let from_pipeline =
            moved.from_pipeline_id.as_ref().is_some_and(|id| self.pipeline_ids.contains(id));
        (self.kinds.is_empty() || self.kinds.contains(moved.entity_id.kind()))
            && (any(&self.pipeline_ids, Some(&moved.pipeline_id)) || from_pipeline)
            && any(&self.from_stage_ids, Some(&moved.from_stage_id))
            && any(&self.to_stage_ids, Some(&moved.to_stage_id))
            && any(&self.entity_ids, Some(&moved.entity_id))
            && any(&self.trigger_ids, moved.cause.trigger_id())
            && any(&self.responsibles, moved.responsible.as_ref())
    }
}

/// What a watch shows next.
#[derive(Debug)]
pub enum Step {
    /// Moves, each with the token that resumes after it.
    Moves(Vec<WatchedMove>),
    /// Nothing new, or nothing that matches: a sign of life (W3).
    Heartbeat {
        /// Resumes after everything that was looked at.
        token: ResumeToken,
        /// Resumes after everything there is.
        head_token: ResumeToken,
        /// Moves between the two.
        lag_moves: u64,
        /// Time between the two.
        lag: Duration,
        /// The time here.
        now: Timestamp,
    },
    /// The server is stopping; nothing follows (W6).
    Closing {
        /// Resumes after everything that was shown.
        token: ResumeToken,
    },
}

/// A move as a watch shows it.
#[derive(Debug, Clone)]
pub struct WatchedMove {
    /// Its id.
    pub id: MoveId,
    /// The record that made it.
    record: Arc<RecordMoves>,
    /// Resumes after it.
    pub token: ResumeToken,
}

impl WatchedMove {
    /// The move.
    pub fn moved(&self) -> &Move {
        &self.record.moves[self.id.index as usize]
    }
}

/// A cursor over the moves of the log: from memory where it reaches, from the log where not, in one
/// and the same way. It holds no queue, so who is slow costs nothing.
#[derive(Debug)]
pub struct Watch {
    core: Arc<Core>,
    filter: MoveFilter,
    heartbeat: Duration,
    next_heartbeat: Instant,
    head: watch::Receiver<Durable>,
    closing: watch::Receiver<bool>,
    position: Position,
    /// Moves before `position`, and the time of the last record looked at; known after the first
    /// step.
    passed: Option<(u64, Timestamp)>,
    /// Whether it has looked further since the last heartbeat.
    stepped: bool,
}

impl Watch {
    pub(crate) fn start(
        core: Arc<Core>,
        start: &Start,
        filter: MoveFilter,
        heartbeat: Duration,
    ) -> Result<Self, WatchError> {
        let head = core.hub.subscribe();
        let closing = core.closing.subscribe();
        let durable = head.borrow().head;
        let position = match start {
            Start::Now => Position::after(durable.sequence),
            Start::Earliest => Position::EARLIEST,
            Start::Resume(token) => ResumeToken::read(token, &core.store, durable)?,
        };
        let next_heartbeat = Instant::now() + heartbeat;
        Ok(Self {
            core,
            filter,
            heartbeat,
            next_heartbeat,
            head,
            closing,
            position,
            passed: None,
            stepped: false,
        })
    }

    /// The token that resumes where the watch stands.
    pub fn token(&self) -> ResumeToken {
        ResumeToken::new(&self.core.store, self.position)
    }

    /// What comes next; waits until there is something. Safe to drop while it waits.
    pub async fn next(&mut self) -> Result<Step, StoreError> {
        loop {
            if *self.closing.borrow() {
                return Ok(Step::Closing { token: self.token() });
            }
            let durable = *self.head.borrow_and_update();
            let behind = self.position.sequence <= durable.head.sequence;
            // Also while moves come without a pause (W3), but never twice without a step between them.
            if (!behind || self.stepped) && Instant::now() >= self.next_heartbeat {
                self.stepped = false;
                self.next_heartbeat = Instant::now() + self.heartbeat;
                return Ok(self.sign_of_life());
            }
            if behind {
                let moves = self.advance(durable).await?;
                self.stepped = true;
                if !moves.is_empty() {
                    return Ok(Step::Moves(moves));
                }
            } else {
                tokio::select! {
                    // Either the head moved, or the engine is gone and `closing` says so.
                    _ = self.head.changed() => {}
                    _ = self.closing.wait_for(|closing| *closing) => {}
                    () = sleep_until(self.next_heartbeat) => {}
                }
            }
        }
    }

    /// Takes one step towards the head and gives the matching moves on the way.
    async fn advance(&mut self, durable: Durable) -> Result<Vec<WatchedMove>, StoreError> {
        let from = self.position.sequence;
        let Stretch { records, reached, passed } =
            match self.core.hub.moves_from(from, STEP_RECORDS) {
                Some(records) => Stretch::of_ring(records, durable.head),
                None => self.read_log(durable.head.sequence).await?,
            };
        let mut moves = Vec::new();
        for record in &records {
            for (index, moved) in (0..).zip(&record.moves) {
                let at = Position { sequence: record.sequence, index };
                if at >= self.position && self.filter.matches(moved) {
                    let after = Position { index: index + 1, ..at };
                    moves.push(WatchedMove {
                        id: MoveId { sequence: record.sequence, index },
                        record: Arc::clone(record),
                        token: ResumeToken::new(&self.core.store, after),
                    });
                }
            }
        }
        self.passed = passed.or(self.passed);
        self.position = Position::after(reached);
        Ok(moves)
    }

    /// The chunk of the log at the cursor.
    async fn read_log(&self, head: u64) -> Result<Stretch, StoreError> {
        let from = self.position.sequence;
        let chunk = self.core.scan(move |store| store.chunk_with(from)).await??;
        let Some(chunk) = chunk else {
            let (what, problem) = ("the log".to_owned(), format!("record {from} is missing"));
            return Err(StoreError::Damaged { what, problem });
        };
        Ok(Stretch::of_chunk(&chunk, from, head))
    }

    fn sign_of_life(&self) -> Step {
        let durable = *self.head.borrow();
        let caught_up = self.position.sequence > durable.head.sequence;
        let (lag_moves, lag) = match self.passed {
            Some((passed, time)) if !caught_up => {
                (durable.head.moves.saturating_sub(passed), durable.head.time.since(time))
            }
            _ => (0, Duration::ZERO),
        };
        let head = Position::after(durable.head.sequence).max(self.position);
        Step::Heartbeat {
            token: self.token(),
            head_token: ResumeToken::new(&self.core.store, head),
            lag_moves,
            lag,
            now: self.core.options.clock.now(),
        }
    }
}

/// A stretch of the log that a watch has looked at.
struct Stretch {
    /// Those of its records that made moves.
    records: Vec<Arc<RecordMoves>>,
    /// Sequence of the last record looked at.
    reached: u64,
    /// Moves up to there, and when the last record looked at was committed.
    passed: Option<(u64, Timestamp)>,
}

impl Stretch {
    /// Everything that the ring has up to the head, or as much as one step takes.
    fn of_ring(records: Vec<Arc<RecordMoves>>, head: Head) -> Self {
        let last = records.last().map(|record| {
            (record.sequence, record.before + record.moves.len() as u64, record.time)
        });
        let (reached, moves, time) = match last {
            // Further ones may follow; or these were announced after the head was looked up.
            Some(last) if records.len() == STEP_RECORDS || last.0 > head.sequence => last,
            _ => (head.sequence, head.moves, head.time),
        };
        Self { records, reached, passed: Some((moves, time)) }
    }

    /// A chunk of the log; only what is durable counts.
    fn of_chunk(chunk: &[Record], from: u64, head: u64) -> Self {
        let durable = chunk.iter().filter(|record| (from..=head).contains(&record.sequence));
        let (mut records, mut reached, mut passed) = (Vec::new(), from, None);
        for record in durable {
            reached = record.sequence;
            passed = Some((record.moves_before + record.moves().count() as u64, record.time));
            records.extend(RecordMoves::of(record).map(Arc::new));
        }
        Self { records, reached, passed }
    }
}
