//! Builders that state only what matters to a rule.
//!
//! A board reads `a b W+ L-`: stages in order, `+` WON, `-` LOST, else OPEN. A trigger reads
//! `c/back/reopen@2`: its stage, its options, its position in the log; the first of a list is t1.

use std::fmt::Debug;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use pawl_domain::{
    Cause, Changes, Color, CustomerReach, DisplayName, Entity, Event, Fields, Listener, Listening,
    NewEntity, NewPipeline, NewTrigger, NewTriggerType, Pipeline, Prose, Rejection, Semantics,
    Stage, Stages, Subject, Timestamp, Trigger, TriggerSelection, TriggerState, TriggerType,
    Version,
};

pub(crate) const BOARD: &str = "a b c d W+ L-";

/// Any id or name.
pub(crate) fn id<T: FromStr<Err: Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

pub(crate) fn at(seconds: u64) -> Timestamp {
    Timestamp::since_epoch(Duration::from_secs(seconds))
}

/// Made at second 1, with this revision.
pub(crate) fn version(revision: i64) -> Version {
    Version { revision, ..Version::first(0, at(1)) }
}

pub(crate) fn name(text: &str) -> DisplayName {
    DisplayName::parse("display_name", text.to_owned()).unwrap()
}

pub(crate) fn stages(board: &str) -> Result<Stages, Rejection> {
    let stage = |text: &str| Stage {
        id: id(text.trim_end_matches(['+', '-'])),
        display_name: DisplayName::default(),
        semantics: match text.chars().last() {
            Some('+') => Semantics::Won,
            Some('-') => Semantics::Lost,
            _ => Semantics::Open,
        },
        color: Color::default(),
    };
    Stages::parse("stages", board.split_whitespace().map(stage).collect())
}

pub(crate) fn pipeline(board: &str) -> Pipeline {
    named_pipeline("sales", "deal", board)
}

pub(crate) fn named_pipeline(pipeline_id: &str, kind: &str, board: &str) -> Pipeline {
    let new = NewPipeline {
        id: id(pipeline_id),
        display_name: DisplayName::default(),
        kind: id(kind),
        stages: stages(board).unwrap(),
        selection: TriggerSelection::default(),
        reach: CustomerReach::default(),
    };
    Pipeline::create(new, version(1)).unwrap()
}

pub(crate) fn trigger_type(kinds: &[&str]) -> TriggerType {
    let new = NewTriggerType {
        code: id("email.viewed"),
        section: name("Client communication"),
        title: name("Track email message view"),
        description: Prose::default(),
        event_type: id("email.viewed"),
        parameters: Vec::new(),
        kinds: kinds.iter().map(|kind| id(kind)).collect(),
    };
    TriggerType::create(new, version(1)).unwrap()
}

pub(crate) fn new_trigger(trigger_id: &str, text: &str) -> NewTrigger {
    let mut parts = text.split('/');
    let stage_id = id(parts.next().unwrap());
    let options: Vec<&str> = parts.collect();
    let known = |option: &&str| ["back", "reopen", "paused", "shadow"].contains(option);
    assert!(options.iter().all(known), "{text:?} has an unknown option");
    NewTrigger {
        id: id(trigger_id),
        pipeline_id: id("sales"),
        stage_id,
        display_name: DisplayName::default(),
        type_code: id("email.viewed"),
        parameters: Fields::default(),
        filter: None,
        allow_move_back: options.contains(&"back"),
        allow_reopen: options.contains(&"reopen"),
        state: if options.contains(&"paused") {
            TriggerState::Paused
        } else if options.contains(&"shadow") {
            TriggerState::Shadow
        } else {
            TriggerState::Active
        },
    }
}

/// The triggers t1, t2 ... of `pipeline`; t1 has revision 11, t2 revision 12.
pub(crate) fn triggers(pipeline: &Pipeline, texts: &str) -> Listening {
    let trigger = |(number, text): (u32, &str)| {
        let (text, created) = text.split_once('@').unwrap_or((text, ""));
        let created = created.parse().unwrap_or_else(|_| u64::from(number));
        let new = new_trigger(&format!("t{number}"), text);
        let version = version(10 + i64::from(number));
        let trigger_type = Arc::new(trigger_type(&[]));
        let trigger = Trigger::create(new, pipeline, &trigger_type, created, version).unwrap();
        Listener { trigger: Arc::new(trigger), trigger_type }
    };
    (1..).zip(texts.split_whitespace()).map(trigger).collect()
}

pub(crate) fn new_entity(entity_id: &str) -> NewEntity {
    NewEntity {
        id: id(entity_id),
        pipeline_id: id("sales"),
        stage_id: None,
        display_name: DisplayName::default(),
        responsible: None,
        customer_ids: Vec::new(),
        parent_ids: Vec::new(),
        fields: Fields::default(),
    }
}

/// `deal/1` of revision 5 in the charge of `ann`, on `stage`.
pub(crate) fn deal_on(pipeline: &Pipeline, stage: &str) -> Entity {
    let new = NewEntity {
        stage_id: Some(id(stage)),
        responsible: Some(id("ann")),
        ..new_entity("deal/1")
    };
    Entity::create(new, pipeline, version(5)).unwrap()
}

/// `email.viewed` of `deal/1`, from the source `mail`.
pub(crate) fn event() -> Event {
    Event {
        id: id("e1"),
        source: id("mail"),
        event_type: id("email.viewed"),
        time: None,
        actor: None,
        subjects: vec![Subject::Entity(id("deal/1"))],
        attributes: Fields::default(),
        changes: Changes::default(),
    }
}

pub(crate) fn by_hand() -> Cause {
    Cause::Manual {
        actor: Some(id("bob")),
        comment: Prose::default(),
        event_source: id("pawl"),
        event_id: id("m1"),
    }
}
