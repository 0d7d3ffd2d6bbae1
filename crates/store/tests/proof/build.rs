//! Builders that state only what matters, and a writer that keeps the log dense.

use std::fmt::Debug;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use pawl_domain::{
    Asked, Cause, Changes, Color, Comparison, CustomerReach, Decision, Detail, Direction,
    DisplayName, Entity, Event, Fields, Filter, Move, NewEntity, NewPipeline, NewTrigger,
    NewTriggerType, Outcome, Parameter, ParameterKind, Pipeline, Prose, Semantics, Stage, Stages,
    Subject, Timestamp, Trigger, TriggerSelection, TriggerState, TriggerType, Value, ValueMap,
    VerdictResult, Verdicts, Version,
};
use pawl_store::{Batch, Change, EntityRow, Head, Record, RequestIdentity, Store, TrimPolicy};

/// Any id or name.
pub(crate) fn id<T: FromStr<Err: Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

pub(crate) fn at(seconds: u64) -> Timestamp {
    Timestamp::since_epoch(Duration::from_secs(seconds))
}

/// Lets nothing go, and would keep nothing either.
pub(crate) fn no_trim() -> TrimPolicy {
    let keep_from = at(1 << 40);
    TrimPolicy {
        expired_before: None,
        max_bytes: None,
        max_identities: None,
        keep_from,
        keep_after: u64::MAX,
    }
}

/// Lets everything go.
pub(crate) fn trim_all() -> TrimPolicy {
    TrimPolicy { max_bytes: Some(0), ..no_trim() }
}

pub(crate) fn version(revision: i64) -> Version {
    Version { revision, ..Version::first(0, at(1)) }
}

pub(crate) fn pipeline(name: &str) -> Pipeline {
    let stage = |stage: &str, semantics: Semantics| Stage {
        id: id(stage),
        display_name: DisplayName::parse("n", format!("Stage {stage}")).unwrap(),
        semantics,
        color: Color::parse("c", "#00ff7f".to_owned()).unwrap(),
    };
    let stages = vec![
        stage("new", Semantics::Open),
        stage("won", Semantics::Won),
        stage("lost", Semantics::Lost),
    ];
    let new = NewPipeline {
        id: id(name),
        display_name: DisplayName::parse("n", "Sales".to_owned()).unwrap(),
        kind: id("deal"),
        stages: Stages::parse("stages", stages).unwrap(),
        selection: TriggerSelection::NextStage,
        reach: CustomerReach::All,
    };
    Pipeline::create(new, version(1)).unwrap()
}

pub(crate) fn trigger_type(code: &str) -> TriggerType {
    let new = NewTriggerType {
        code: id(code),
        section: DisplayName::parse("n", "Payment".to_owned()).unwrap(),
        title: DisplayName::parse("n", "Paid".to_owned()).unwrap(),
        description: Prose::parse("n", "Somebody paid.\nAt last.".to_owned()).unwrap(),
        event_type: id("payment.received"),
        parameters: vec![
            parameter("currency", ParameterKind::Text, Comparison::Exact),
            parameter("min_amount", ParameterKind::Number, Comparison::AtLeast),
        ],
        kinds: vec![id("deal"), id("smart_process.repairs")],
    };
    TriggerType::create(new, version(1)).unwrap()
}

fn parameter(name: &str, kind: ParameterKind, comparison: Comparison) -> Parameter {
    Parameter {
        name: id(name),
        title: DisplayName::parse("n", format!("The {name}")).unwrap(),
        kind,
        comparison,
        attribute: id("amount"),
        required: false,
        options: if kind == ParameterKind::Text { vec!["EUR".to_owned()] } else { Vec::new() },
    }
}

pub(crate) fn trigger(name: &str, revision: i64) -> Trigger {
    let new = NewTrigger {
        id: id(name),
        pipeline_id: id("sales"),
        stage_id: id("won"),
        display_name: DisplayName::default(),
        type_code: id("payment.received"),
        parameters: fields(&[("currency", Value::Text("EUR".to_owned()))]),
        filter: Some(Filter::parse("filter", "event.attributes.amount > 100").unwrap()),
        allow_move_back: true,
        allow_reopen: revision % 2 == 0,
        state: if revision % 2 == 0 { TriggerState::Paused } else { TriggerState::Shadow },
    };
    Trigger::create(
        new,
        &pipeline("sales"),
        &trigger_type("payment.received"),
        3,
        version(revision),
    )
    .unwrap()
}

pub(crate) fn entity(name: &str) -> Entity {
    let new = NewEntity {
        id: id(name),
        pipeline_id: id("sales"),
        stage_id: None,
        display_name: DisplayName::default(),
        responsible: Some(id("ann")),
        customer_ids: vec![id("contact/9"), id("company/4")],
        parent_ids: vec![id("lead/1")],
        fields: Fields::default(),
    };
    Entity::create(new, &pipeline("sales"), version(1)).unwrap()
}

/// An entity whose fields and links take `bytes` and a little more.
pub(crate) fn large_entity(name: &str, bytes: usize) -> Entity {
    let mut entity = entity(name);
    let text = bytes.min(32_000);
    // Nothing in it repeats itself, so it stays large.
    let mut rng = fastrand::Rng::with_seed(name.bytes().map(u64::from).sum());
    let random = (0..text).map(|_| rng.alphanumeric()).collect();
    entity.fields = fields(&[("text", Value::Text(random))]);
    // What fields cannot hold goes into links of 120 bytes and more.
    let link = |number| id(&format!("contact/{number:0>120}"));
    entity.customer_ids = (0..(bytes - text) / 128).map(link).collect();
    entity
}

pub(crate) fn row(entity: &Entity) -> EntityRow {
    EntityRow { entity: entity.clone().into(), deleted: false, last_move: 0, last_write: 7 }
}

pub(crate) fn fields(pairs: &[(&str, Value)]) -> Fields {
    let map = pairs.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
    Fields::parse("fields", map).unwrap()
}

/// Every kind of value that fields can hold.
pub(crate) fn all_values() -> Fields {
    fields(&[
        ("null", Value::List(vec![Value::Null])),
        ("bool", Value::Bool(false)),
        ("number", Value::Number(-0.125)),
        ("text", Value::Text("naïve\u{1F600}".to_owned())),
        ("list", Value::List(vec![Value::Number(1.0), Value::List(Vec::new())])),
        ("map", Value::Map(ValueMap::from_iter([(String::new(), Value::Map(ValueMap::new()))]))),
    ])
}

pub(crate) fn event(name: &str) -> Event {
    Event {
        id: id(name),
        source: id("shop"),
        event_type: id("payment.received"),
        time: Some(at(7)),
        actor: Some(id("till")),
        subjects: vec![Subject::Entity(id("deal/1")), Subject::Customer(id("contact/9"))],
        attributes: Fields::default(),
        changes: Changes::default(),
    }
}

/// `event` moved `entity_id` from new to won, and met every other outcome and verdict too.
pub(crate) fn decided(event: Event, entity_id: &str, time: Timestamp) -> Change {
    let moved = Move {
        entity_id: id(entity_id),
        pipeline_id: id("sales"),
        from_pipeline_id: None,
        from_stage_id: id("new"),
        to_stage_id: id("won"),
        direction: Some(Direction::Forward),
        cause: Cause::Trigger {
            trigger_id: id("t1"),
            trigger_revision: 4,
            event_source: event.source.clone(),
            event_id: event.id.clone(),
        },
        hop: 0,
        time,
        responsible: Some(id("ann")),
        entity_revision: 2,
    };
    let results = [
        VerdictResult::Moved,
        VerdictResult::WouldMove,
        VerdictResult::Paused,
        VerdictResult::ParametersDiffer(Detail::clipped("currency: wants \"EUR\"")),
        VerdictResult::FilterFalse(Detail::clipped("x".repeat(1_000))),
        VerdictResult::EvaluationError(Detail::clipped("there is no \"amount\" here")),
        VerdictResult::Loop,
        VerdictResult::HopLimit,
        VerdictResult::SameStage,
        VerdictResult::EntityClosed,
        VerdictResult::WouldMoveBack,
        VerdictResult::Outranked,
    ];
    let asked = |number| Asked {
        trigger_id: id(&format!("t{number}")),
        trigger_revision: 4,
        stage_id: id("won"),
    };
    let verdicts = Verdicts::new((1..=results.len()).map(asked).collect(), results.to_vec());
    let outcomes = [
        Outcome::Moved(moved),
        Outcome::NotMoved(id("deal/2")),
        Outcome::NoTrigger(id("deal/3")),
        Outcome::EntityNotFound(id("deal/4")),
        Outcome::NotReached,
    ];
    let decision = |outcome: Outcome| Decision {
        subject: match outcome.entity_id() {
            Some(id) => Subject::Entity(id.clone()),
            None => Subject::Customer(id("contact/9")),
        },
        event_type: event.event_type.clone(),
        hop: 0,
        verdicts: match outcome.entity_id() {
            Some(considered) if considered.as_str() == entity_id => verdicts.clone(),
            _ => Verdicts::default(),
        },
        outcome,
    };
    let decisions = outcomes.map(decision).to_vec();
    Change::EventDecided { event, decisions }
}

/// `entity_id` was moved by hand into another pipeline.
pub(crate) fn moved_by_hand(entity_id: &str, time: Timestamp) -> Change {
    let event = Event::moved_by_hand(id("m1"), id(entity_id), Some(id("bob")));
    let moved = Move {
        entity_id: id(entity_id),
        pipeline_id: id("service"),
        from_pipeline_id: Some(id("sales")),
        from_stage_id: id("new"),
        to_stage_id: id("lost"),
        direction: None,
        cause: Cause::Manual {
            actor: Some(id("bob")),
            comment: Prose::parse("c", "wrong board".to_owned()).unwrap(),
            event_source: event.source.clone(),
            event_id: event.id.clone(),
        },
        hop: 0,
        time,
        responsible: None,
        entity_revision: 3,
    };
    let decision = Decision {
        subject: Subject::Entity(id(entity_id)),
        event_type: event.event_type.clone(),
        hop: 0,
        verdicts: Verdicts::default(),
        outcome: Outcome::Moved(moved.clone()),
    };
    let chained = Decision {
        subject: Subject::Entity(id("deal/77")),
        event_type: id("invoice.paid"),
        hop: 1,
        verdicts: Verdicts::default(),
        outcome: Outcome::EntityNotFound(id("deal/77")),
    };
    let decisions = vec![decision, chained];
    Change::EntityMoved { event, decisions, entity: entity(entity_id).moved(&moved) }
}

/// The fields and the responsible of `entity_id` were changed.
pub(crate) fn updated(entity_id: &str) -> Change {
    let old = Entity { fields: fields(&[("a", Value::Number(1.0))]), ..entity(entity_id) };
    let new = Entity { responsible: None, fields: all_values(), ..entity(entity_id) };
    let changes = Changes::between(&old, &new);
    let event = Event::updated(id("u1"), id(entity_id), Some(id("bob")), changes);
    let decision = Decision {
        subject: Subject::Entity(id(entity_id)),
        event_type: event.event_type.clone(),
        hop: 0,
        verdicts: Verdicts::default(),
        outcome: Outcome::NoTrigger(id(entity_id)),
    };
    Change::EntityUpdated { event, decisions: vec![decision], entity: new }
}

/// Writes records as the engine does: dense, with a head.
pub(crate) struct Log {
    pub(crate) store: Arc<Store>,
    pub(crate) head: Head,
    pub(crate) written: Vec<Arc<Record>>,
}

impl Log {
    pub(crate) fn open(dir: &Path) -> Self {
        let store = Arc::new(Store::open(dir).unwrap());
        let head = store.recovered();
        Self { store, head, written: Vec::new() }
    }

    /// Commit time of the next record.
    pub(crate) fn now(&self) -> Timestamp {
        at(1_000 + self.head.sequence)
    }

    pub(crate) fn write(&mut self, changes: Vec<Change>, rows: Vec<EntityRow>) {
        let changes = changes.into_iter().map(|change| (None, change)).collect();
        self.write_requests(changes, rows);
    }

    pub(crate) fn write_requests(
        &mut self,
        changes: Vec<(Option<RequestIdentity>, Change)>,
        rows: Vec<EntityRow>,
    ) {
        let mut records = Vec::new();
        for (request, change) in changes {
            let record = Record {
                sequence: self.head.sequence + 1,
                time: self.now(),
                moves_before: self.head.moves,
                request,
                previous_moves: Vec::new(),
                change,
            };
            self.head = Head {
                sequence: record.sequence,
                time: record.time,
                moves: self.head.moves + record.moves().count() as u64,
                events: self.head.events + u64::from(record.event().is_some()),
            };
            self.store.remember(&record);
            records.push(Arc::new(record));
        }
        self.written.extend(records.iter().cloned());
        let entities = rows.into_iter().map(Arc::new).collect();
        let applied = self
            .store
            .apply(Batch { records, entities, links: Vec::new(), head: self.head })
            .unwrap();
        let committed = self.store.sync(vec![applied]).unwrap();
        assert_eq!(committed.head(), Some(self.head));
        // What is written one by one is not to come together in one chunk.
        assert_eq!(self.store.head().unwrap(), self.head);
    }

    /// Closes the store and opens it again.
    pub(crate) fn reopen(self, dir: &Path) -> Self {
        let Self { store, head, written } = self;
        drop(store);
        let store = Arc::new(Store::open(dir).unwrap());
        assert_eq!(store.recovered(), head);
        Self { store, head, written }
    }

    /// Trims until there is no more to trim, and says in how many steps.
    pub(crate) fn trim(&self, policy: &TrimPolicy) -> usize {
        1 + std::iter::repeat_with(|| self.store.trim_step(policy).unwrap())
            .take_while(|more| *more)
            .count()
    }

    /// Every retained record of the log, read one chunk after the other.
    pub(crate) fn read_all(store: &Store) -> Vec<Record> {
        let mut records: Vec<Record> = Vec::new();
        let tail = store.tail().sequence;
        while let Some(chunk) = store.chunk_with(tail + records.len() as u64).unwrap() {
            records.extend(chunk);
        }
        records
    }

    /// Asserts that `store` holds exactly what was written here, from its tail on.
    pub(crate) fn assert_in(&self, store: &Store) {
        assert_eq!(store.head().unwrap(), self.head);
        let found = Self::read_all(store);
        let tail = store.tail().sequence;
        let retained = self.written.iter().filter(|record| record.sequence >= tail);
        assert_eq!(found.len(), retained.clone().count());
        for (found, written) in found.iter().zip(retained) {
            assert_eq!(found, &**written);
        }
    }
}
