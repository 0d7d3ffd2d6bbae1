//! Who is woken, and what of a stretch is looked at.

use std::collections::HashSet;
use std::sync::Arc;

use pawl_domain::{
    Cause, Changes, Decision, Direction, EntityId, Event, Fields, Move, Outcome, Subject,
    Timestamp, Verdicts,
};
use pawl_store::{Change, Head, Record, Store};

use super::audience::Audience;
use super::filter::{Interest, MoveFilter};
use super::stretch::Stretch;
use crate::Scope;

fn id<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().expect("a test names things well")
}

/// A record in which `trigger` moves `entity` of `pipeline` from a to b.
fn record(sequence: u64, entity: &str, pipeline: &str, trigger: &str) -> Arc<Record> {
    let entity_id: EntityId = id(entity);
    let event = Event {
        id: id("e"),
        source: id("test"),
        event_type: id("mail.opened"),
        time: None,
        actor: None,
        subjects: vec![Subject::Entity(entity_id.clone())],
        attributes: Fields::default(),
        changes: Changes::default(),
    };
    let moved = Move {
        entity_id: entity_id.clone(),
        pipeline_id: id(pipeline),
        from_pipeline_id: None,
        from_stage_id: id("a"),
        to_stage_id: id("b"),
        direction: Some(Direction::Forward),
        cause: Cause::Trigger {
            trigger_id: id(trigger),
            trigger_revision: 1,
            event_source: event.source.clone(),
            event_id: event.id.clone(),
        },
        hop: 0,
        time: Timestamp::default(),
        responsible: Some(id("ines")),
        entity_revision: 2,
    };
    let decision = Decision {
        subject: Subject::Entity(entity_id),
        event_type: event.event_type.clone(),
        hop: 0,
        outcome: Outcome::Moved(moved),
        verdicts: Verdicts::default(),
    };
    Arc::new(Record {
        sequence,
        time: Timestamp::default(),
        moves_before: sequence - 1,
        request: None,
        previous_moves: vec![0],
        change: Change::EventDecided { event, decisions: vec![decision] },
    })
}

fn only<T: std::str::FromStr<Err: std::fmt::Debug> + Eq + std::hash::Hash>(
    text: &str,
) -> HashSet<T> {
    HashSet::from([id(text)])
}

/// What is told of these records.
fn stretches(records: &[Arc<Record>]) -> Vec<Arc<Stretch>> {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let store = Store::open(dir.path()).expect("a new database");
    Stretch::cut(store.database_id(), records)
}

fn head(sequence: u64) -> Head {
    Head { sequence, ..Head::default() }
}

#[test]
fn only_those_are_woken_whom_it_may_concern() {
    let f = MoveFilter::default;
    let audience = Arc::new(Audience::new(Head::default()));
    let filters = [
        ("everything", f()),
        ("its pipeline", MoveFilter { pipeline_ids: only("sales"), ..f() }),
        ("another pipeline", MoveFilter { pipeline_ids: only("service"), ..f() }),
        ("its entity", MoveFilter { entity_ids: only("deal/1"), ..f() }),
        (
            "another entity of its pipeline",
            MoveFilter { entity_ids: only("deal/2"), pipeline_ids: only("sales"), ..f() },
        ),
        ("its trigger", MoveFilter { trigger_ids: only("read"), ..f() }),
        ("another trigger", MoveFilter { trigger_ids: only("paid"), ..f() }),
        ("its responsible", MoveFilter { responsibles: only("ines"), ..f() }),
        ("the stage it left", MoveFilter { from_stage_ids: only("a"), ..f() }),
        ("another stage", MoveFilter { to_stage_ids: only("a"), ..f() }),
        ("its kind", MoveFilter { kinds: only("deal"), ..f() }),
        ("another kind", MoveFilter { kinds: only("lead"), ..f() }),
    ];
    let places = filters.map(|(name, filter)| {
        (name, audience.join(Interest::of(&filter, false, &Scope::unlimited())).0)
    });
    let news = stretches(&[record(1, "deal/1", "sales", "read")]);
    let woken = audience.tell(Some(&news), head(1));
    let told = places.iter().filter(|(_, place)| place.ask().first == Some(1));
    let told: Vec<&str> = told.map(|(name, _)| *name).collect();
    let expected = [
        "everything",
        "its pipeline",
        "its entity",
        "its trigger",
        "its responsible",
        "the stage it left",
        "its kind",
    ];
    assert_eq!(told, expected);
    assert_eq!(woken, expected.len());
    // Whoever was told knows it; the others know that there is nothing up to there.
    for (name, place) in &places {
        let told = place.ask();
        assert_eq!((told.first, told.reached), (None, head(1)), "{name}");
    }
    drop(places);
    assert_eq!(audience.tell(Some(&news), head(2)), 0, "nobody is left");
}

#[test]
fn the_first_is_remembered_until_it_is_asked_for() {
    let audience = Arc::new(Audience::new(Head::default()));
    let filter = MoveFilter { entity_ids: only("deal/1"), ..MoveFilter::default() };
    let (place, from) = audience.join(Interest::of(&filter, true, &Scope::unlimited()));
    assert_eq!(from, Head::default());
    let news = |sequence| stretches(&[record(sequence, "deal/1", "sales", "read")]);
    assert_eq!(audience.tell(Some(&news(3)), head(3)), 1);
    assert_eq!(audience.tell(Some(&news(5)), head(6)), 0, "woken already");
    let told = place.ask();
    assert_eq!((told.first, told.reached), (Some(3), head(6)));
    // What is no longer in memory may concern anybody.
    assert_eq!(audience.tell(None, head(9)), 1);
    assert_eq!(place.ask().first, Some(7));
}

#[test]
fn a_stretch_ends_where_a_watcher_would_hold_too_much() {
    let records: Vec<_> = (1..=600).map(|n| record(n, "deal/1", "sales", "read")).collect();
    let cut = stretches(&records);
    assert_eq!(cut.iter().map(|stretch| stretch.len()).collect::<Vec<_>>(), [256, 256, 88]);
    let passed: Vec<_> = cut.iter().map(|stretch| stretch.passed.moves).collect();
    assert_eq!(passed, [256, 512, 600]);
    assert_eq!(cut[1].first_sequence(), 257);
}
