//! A server that is always right, as it never was one: a log in memory, and watches cut from it.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use pawl_api::pb;
use pawl_api::pb::watch_frame::Frame;

use crate::ledger::Ledger;
use crate::matching::{holds, shows};
use crate::transcript::{End, Place, Seen, Session, Start};
use crate::truth::{Moment, Span, Truth, after};

/// From one record of the log to the next.
const STEP: Duration = Duration::from_millis(100);
/// Between heartbeats.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// What a record of the log says.
#[derive(Debug, Clone)]
enum Done {
    Written(pb::Entity),
    Moved(pb::Move),
    Deleted(pb::EntityDeleted),
}

/// A record, and the entity before it.
#[derive(Debug, Clone)]
struct Record {
    at: Moment,
    done: Done,
    before: Option<pb::Entity>,
}

/// A history in the making.
#[derive(Debug)]
pub(super) struct Play {
    ledger: Ledger,
    log: Vec<Record>,
    entities: BTreeMap<String, pb::Entity>,
    revisions: BTreeMap<String, i64>,
    moves: Vec<pb::Move>,
}

/// What is asked of a watch.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    pub(super) start: Start,
    pub(super) filter: pb::MoveFilter,
    pub(super) changes: bool,
    pub(super) from: Moment,
    pub(super) until: Moment,
    pub(super) end: End,
}

fn began() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_hours(500_000)
}

fn clock(moment: Moment) -> prost_types::Timestamp {
    (began() + moment).into()
}

impl Play {
    pub(super) fn new() -> Self {
        Self {
            ledger: Ledger::new(began()),
            log: Vec::new(),
            entities: BTreeMap::new(),
            revisions: BTreeMap::new(),
            moves: Vec::new(),
        }
    }

    /// When the next record is committed, and the span around it.
    fn next(&self) -> (Moment, Span) {
        let at = STEP * u32::try_from(self.log.len() + 1).expect("a short history");
        let half = STEP / 4;
        (at, Span { asked: Some(at.saturating_sub(half)), answered: Some(at + half) })
    }

    fn revise(&mut self, id: &str) -> i64 {
        let revision = self.revisions.entry(id.to_owned()).or_default();
        *revision += 1;
        *revision
    }

    pub(super) fn create(&mut self, id: &str, pipeline: &str, stage: &str, responsible: &str) {
        let (at, span) = self.next();
        let entity = pb::Entity {
            entity_id: id.to_owned(),
            pipeline_id: pipeline.to_owned(),
            stage_id: stage.to_owned(),
            responsible: responsible.to_owned(),
            revision: self.revise(id),
            create_time: Some(clock(at)),
            update_time: Some(clock(at)),
            stage_entered_time: Some(clock(at)),
            ..Default::default()
        };
        self.ledger.created(&entity, span);
        self.write(at, entity);
    }

    fn write(&mut self, at: Moment, entity: pb::Entity) {
        let before = self.entities.insert(entity.entity_id.clone(), entity.clone());
        self.log.push(Record { at, done: Done::Written(entity), before });
    }

    pub(super) fn update(&mut self, id: &str, responsible: &str) {
        let (at, span) = self.next();
        let revision = self.revise(id);
        let responsible = responsible.to_owned();
        let update_time = Some(clock(at));
        let entity = pb::Entity { responsible, revision, update_time, ..self.entities[id].clone() };
        let outcome = Some(pb::EventOutcome::default());
        let answer = pb::UpdateEntityResponse { entity: Some(entity.clone()), outcome };
        self.ledger.updated(&answer, span);
        self.write(at, entity);
    }

    pub(super) fn go(&mut self, id: &str, pipeline: &str, stage: &str) {
        let (at, span) = self.next();
        let before = self.entities[id].clone();
        let changes = before.pipeline_id != pipeline;
        let moved = pb::Move {
            move_id: format!("{}-0", self.log.len() + 1),
            entity_id: id.to_owned(),
            pipeline_id: pipeline.to_owned(),
            from_pipeline_id: if changes { before.pipeline_id.clone() } else { String::new() },
            from_stage_id: before.stage_id.clone(),
            to_stage_id: stage.to_owned(),
            responsible: before.responsible.clone(),
            entity_revision: self.revise(id),
            time: Some(clock(at)),
            ..Default::default()
        };
        let decision = pb::Decision { r#move: Some(moved.clone()), ..Default::default() };
        let outcome = pb::EventOutcome { decisions: vec![decision], ..Default::default() };
        self.ledger.outcome(&outcome, span);
        self.entities.insert(id.to_owned(), after(&before, &moved));
        self.moves.push(moved.clone());
        self.log.push(Record { at, done: Done::Moved(moved), before: Some(before) });
    }

    pub(super) fn delete(&mut self, id: &str) {
        let (at, span) = self.next();
        let before = self.entities.remove(id).expect("it is there");
        let gone = pb::EntityDeleted {
            entity_id: id.to_owned(),
            pipeline_id: before.pipeline_id.clone(),
            stage_id: before.stage_id.clone(),
            revision: self.revise(id),
            time: Some(clock(at)),
        };
        self.ledger.deleted(id, gone.revision, span);
        self.log.push(Record { at, done: Done::Deleted(gone), before: Some(before) });
    }

    /// The truth of it.
    pub(super) fn truth(self) -> Truth {
        let retained: Vec<_> = self.moves.into_iter().rev().collect();
        let standing: Vec<_> = self.entities.into_values().collect();
        self.ledger.finish(&retained, &standing, STEP * 1_000)
    }

    /// A watch; `before` are the sessions from which it may resume.
    pub(super) fn watch(&self, ask: Ask, before: &[Session]) -> Session {
        let mut frames = Vec::new();
        let mut send = |at: Moment, position: Option<usize>, frame: Frame| {
            let token = position.map(token).unwrap_or_default();
            let frame = pb::WatchFrame { resume_token: token.into(), frame: Some(frame) };
            frames.push(Seen { at, waited: Duration::ZERO, frame });
        };
        let now = self.log.iter().filter(|record| record.at < ask.from).count();
        let mut position = match ask.start {
            Start::Now | Start::Snapshot => now,
            Start::Earliest => 0,
            Start::Resume(Place { session, frame }) => {
                let token = &before[session].frames[frame].frame.resume_token;
                std::str::from_utf8(token).expect("ours").parse().expect("ours")
            }
        };
        let begun = ask.from + Duration::from_millis(1);
        let in_snapshot = ask.start == Start::Snapshot;
        let started = Frame::Started(pb::Started {});
        send(begun, (!in_snapshot).then_some(position), started);
        if in_snapshot {
            let entities = self.standing(now);
            let matching: Vec<_> = entities.filter(|one| holds(&ask.filter, one)).collect();
            let entity_count = i64::try_from(matching.len()).expect("few");
            for entity in matching {
                send(begun, None, Frame::Entity(entity));
            }
            let complete = pb::SnapshotComplete { entity_count };
            send(begun, Some(position), Frame::SnapshotComplete(complete));
        }
        let mut beat = ask.from + HEARTBEAT;
        loop {
            let record = self.log.get(position);
            let at = record.map_or(ask.until, |record| record.at.max(begun));
            while beat < at.min(ask.until) {
                let heartbeat = pb::Heartbeat {
                    head_token: token(position).into(),
                    server_time: Some(clock(beat)),
                    ..Default::default()
                };
                send(beat, Some(position), Frame::Heartbeat(heartbeat));
                beat += HEARTBEAT;
            }
            let Some(record) = record.filter(|_| at < ask.until) else { break };
            for frame in shown(record, &ask) {
                let is_entity = matches!(frame, Frame::Entity(_));
                // From an entity on, its move is still to come.
                send(at, Some(if is_entity { position } else { position + 1 }), frame);
            }
            position += 1;
        }
        if matches!(ask.end, End::Status { .. }) {
            let reason = pb::ClosingReason::ServerShutdown.into();
            send(ask.until, Some(position), Frame::Closing(pb::Closing { reason }));
        }
        Session {
            start: ask.start,
            filter: ask.filter,
            entity_changes: ask.changes,
            heartbeat: HEARTBEAT,
            eager: true,
            narrow: false,
            asked: ask.from,
            frames,
            end: ask.end,
            ended: ask.until,
        }
    }

    /// How the entities stood after so many records.
    fn standing(&self, records: usize) -> impl Iterator<Item = pb::Entity> {
        let mut entities = BTreeMap::new();
        for record in &self.log[..records] {
            match &record.done {
                Done::Written(entity) => {
                    entities.insert(entity.entity_id.clone(), entity.clone());
                }
                Done::Moved(moved) => {
                    entities.entry(moved.entity_id.clone()).and_modify(|e| *e = after(e, moved));
                }
                Done::Deleted(gone) => {
                    entities.remove(&gone.entity_id);
                }
            }
        }
        entities.into_values()
    }
}

/// A position as a token.
pub(super) fn token(position: usize) -> Vec<u8> {
    position.to_string().into_bytes()
}

/// The frames of a record.
fn shown(record: &Record, ask: &Ask) -> Vec<Frame> {
    let matches = |entity: &pb::Entity| holds(&ask.filter, entity);
    let before = record.before.as_ref();
    let was = before.is_some_and(matches);
    match &record.done {
        Done::Moved(moved) => {
            let entity = after(before.expect("it stood somewhere"), moved);
            let crosses = ask.changes && matches(&entity) != was;
            let entity = crosses.then_some(Frame::Entity(entity));
            let moved = shows(&ask.filter, moved).then(|| Frame::Move(moved.clone()));
            entity.into_iter().chain(moved).collect()
        }
        Done::Written(entity) if ask.changes && (was || matches(entity)) => {
            vec![Frame::Entity(entity.clone())]
        }
        Done::Deleted(gone) if ask.changes && was => vec![Frame::EntityDeleted(gone.clone())],
        Done::Written(_) | Done::Deleted(_) => Vec::new(),
    }
}
