use std::sync::Arc;

use pawl_domain::{
    Cause, Changes, Decision, Direction, EntityId, Event, Fields, Move, Outcome, Rejection,
    Subject, Timestamp,
};
use pawl_engine::{Change, Engine, Record};

use super::{BATCH, Feed};
use crate::Failure;

/// The first record's: later ones have as many digits, so that every run has the same bytes.
const FIRST: u64 = 1_000_000_000;
/// A Thursday in 2026.
const SECONDS: i64 = 1_780_000_000;

/// Feeds Pawl's hub with records that nobody committed.
#[derive(Debug)]
pub(crate) struct Hub {
    engine: Engine,
    next: u64,
    batches: Vec<Vec<Arc<Record>>>,
}

impl Hub {
    pub(crate) fn new(engine: Engine) -> Self {
        Self { engine, next: 0, batches: Vec::new() }
    }
}

impl Feed for Hub {
    fn prepare(&mut self, moves: u64) -> Result<(), Failure> {
        let template = template()?;
        let record = |index| record(&template, index, self.next + index).map(Arc::new);
        let records = (0..moves).map(record);
        let records = records.collect::<Result<Vec<_>, _>>()?;
        self.next += moves;
        self.batches = records.chunks(BATCH).map(<[_]>::to_vec).collect();
        Ok(())
    }

    fn feed(&mut self) {
        // Whoever commits drops them behind the watchers' backs; here they stay until the next run.
        self.batches.iter().for_each(|batch| self.engine.feed(batch));
    }
}

/// An event that moved one entity: the one of this index in its run. Names that many records have
/// are shared, as those of an engine are.
fn record(template: &Move, index: u64, before: u64) -> Result<Record, Rejection> {
    let entity_id: EntityId = format!("deal/{index:08}").parse()?;
    let subject = Subject::Entity(entity_id.clone());
    let mut moved = Move { entity_id, ..template.clone() };
    let Cause::Trigger { event_id, event_source, .. } = &mut moved.cause else {
        return Err(Rejection::invalid("cause", "is no trigger"));
    };
    *event_id = format!("open-{index:08}").parse()?;
    let event = Event {
        id: event_id.clone(),
        source: event_source.clone(),
        event_type: "email.viewed".parse()?,
        time: Some(moved.time),
        actor: Some("contact/4711".parse()?),
        subjects: vec![subject.clone()],
        attributes: Fields::default(),
        changes: Changes::default(),
    };
    let decision = Decision {
        subject,
        event_type: event.event_type.clone(),
        hop: 0,
        outcome: Outcome::Moved(moved),
        verdicts: pawl_domain::Verdicts::default(),
    };
    Ok(Record {
        sequence: FIRST + before,
        time: template.time,
        moves_before: before,
        request: None,
        previous_moves: vec![0],
        change: Change::EventDecided { event, decisions: vec![decision] },
    })
}

fn template() -> Result<Move, Rejection> {
    Ok(Move {
        entity_id: "deal/0".parse()?,
        pipeline_id: "sales".parse()?,
        from_pipeline_id: None,
        from_stage_id: "offer-sent".parse()?,
        to_stage_id: "offer-read".parse()?,
        direction: Some(Direction::Forward),
        cause: Cause::Trigger {
            trigger_id: "offer-read-1".parse()?,
            trigger_revision: 1,
            event_source: "mailer.example".parse()?,
            event_id: "open-0".parse()?,
        },
        hop: 0,
        time: Timestamp::new("time", SECONDS, 123_456_789)?,
        responsible: Some("user/7".parse()?),
        entity_revision: 300,
    })
}
