//! A database to which a record can be added that cannot follow.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use pawl_domain::{
    Cause, Changes, Decision, Direction, DisplayName, Entity, Event, Fields, Move, Outcome, Prose,
    Subject, Timestamp, Trigger, Verdicts,
};
use pawl_store::{Batch, Change, EntityRow, Fault, Head, Record, Store};

pub(crate) fn id<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().expect("an id")
}

/// Writes one more record, right or wrong.
pub(crate) struct Forge {
    pub(crate) store: Store,
    pub(crate) head: Head,
    pub(crate) rows: Vec<EntityRow>,
}

impl Forge {
    pub(crate) fn open(data: &Path) -> Self {
        let store = Store::open(data).expect("it opens");
        let head = store.recovered();
        Self { store, head, rows: Vec::new() }
    }

    pub(crate) fn next(&self) -> u64 {
        self.head.sequence + 1
    }

    pub(crate) fn row(&self, name: &str) -> EntityRow {
        self.store.entity(&id(name)).expect("it can be read").expect("it is there")
    }

    /// An entity one revision later, changed.
    pub(crate) fn changed(&self, name: &str, change: impl FnOnce(&mut Entity)) -> Entity {
        let mut entity = Entity::clone(&self.row(name).entity);
        entity.version = entity.version.next(self.head.time);
        entity.display_name = DisplayName::parse("n", "Changed".to_owned()).expect("a name");
        change(&mut entity);
        entity
    }

    /// The row of an entity that the next record writes.
    pub(crate) fn put(&mut self, entity: &Entity) {
        let last_move = self.store.entity(&entity.id).expect("it can be read");
        let last_move = last_move.map_or(0, |row| row.last_move);
        let row = EntityRow {
            entity: Arc::new(entity.clone()),
            deleted: false,
            last_move,
            last_write: self.next(),
        };
        self.rows.push(row);
    }

    pub(crate) fn written(&mut self, entity: Entity) -> Change {
        self.put(&entity);
        Change::EntityWritten(entity)
    }

    /// A move of an entity to another stage, and the row after it.
    pub(crate) fn moved(&mut self, name: &str, to: &str, change: impl FnOnce(&mut Move)) -> Move {
        let row = self.row(name);
        let entity = &row.entity;
        let mut moved = Move {
            entity_id: entity.id.clone(),
            pipeline_id: entity.pipeline_id.clone(),
            from_pipeline_id: None,
            from_stage_id: entity.stage_id.clone(),
            to_stage_id: id(to),
            direction: Some(Direction::Forward),
            cause: Cause::Manual {
                actor: None,
                comment: Prose::default(),
                event_source: id("pawl"),
                event_id: id("forged"),
            },
            hop: 0,
            time: self.head.time,
            responsible: entity.responsible.clone(),
            entity_revision: entity.version.revision + 1,
        };
        change(&mut moved);
        let mut after = entity.moved(&moved);
        after.version.revision = moved.entity_revision;
        let entity = Arc::new(after);
        let last_move = self.next();
        self.rows.push(EntityRow { entity, deleted: false, last_move, last_write: last_move });
        moved
    }

    pub(crate) fn trigger(&self) -> Trigger {
        let (mut trigger, _) =
            self.store.trigger(&id("rises")).expect("it can be read").expect("it is there");
        trigger.version = trigger.version.next(self.head.time);
        trigger
    }

    pub(crate) fn write(
        mut self,
        change: Change,
        previous_moves: Vec<u64>,
        tweak: impl FnOnce(&mut Record),
    ) {
        let mut record = Record {
            sequence: self.next(),
            time: self.head.time,
            moves_before: self.head.moves,
            request: None,
            previous_moves,
            change,
        };
        tweak(&mut record);
        self.head = Head {
            sequence: record.sequence,
            time: record.time,
            moves: record.moves_before + record.moves().count() as u64,
            events: self.head.events + u64::from(record.event().is_some()),
        };
        let entities = self.rows.into_iter().map(Arc::new).collect();
        let records = vec![Arc::new(record)];
        let batch = Batch { records, entities, links: Vec::new(), head: self.head };
        let applied = self.store.apply(batch).expect("it is written");
        drop(self.store.sync(vec![applied]).expect("it is synced"));
    }
}

pub(crate) fn event(decisions: Vec<Decision>) -> Change {
    let event = Event {
        id: id("forged"),
        source: id("test"),
        event_type: id("sun.up"),
        time: None,
        actor: None,
        subjects: vec![Subject::Entity(id("deal/7"))],
        attributes: Fields::default(),
        changes: Changes::default(),
    };
    Change::EventDecided { event, decisions }
}

pub(crate) fn decision(outcome: Outcome, verdicts: Verdicts) -> Decision {
    let subject = Subject::Entity(id("deal/7"));
    Decision { subject, event_type: id("sun.up"), hop: 0, outcome, verdicts }
}

pub(crate) fn moves(moved: Move) -> Change {
    event(vec![decision(Outcome::Moved(moved), Verdicts::default())])
}

pub(crate) fn earlier(time: Timestamp) -> Timestamp {
    time.before(Duration::from_secs(1))
}

pub(crate) type Case = (&'static str, fn(Forge), Vec<(Fault, &'static str)>);
