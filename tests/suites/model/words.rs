//! The few words that model, generator and comparison share: plain data with texts for ids, so that
//! nothing of the service's own types can leak into the model.

use std::collections::BTreeMap;

/// Names anything.
pub(crate) type Id = String;
/// Free values by name.
pub(crate) type Fields = BTreeMap<Id, Value>;

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Number(i64),
    Text(String),
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Means {
    Open,
    Won,
    Lost,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Selection {
    Earliest,
    Next,
    Furthest,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Reach {
    Latest,
    All,
    None,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Pipeline {
    pub(crate) id: Id,
    pub(crate) kind: Id,
    pub(crate) stages: Vec<(Id, Means)>,
    pub(crate) selection: Selection,
    pub(crate) reach: Reach,
    pub(crate) revision: i64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum State {
    Active,
    Paused,
    Shadow,
}

/// One part of a filter; a trigger's parts are joined by `&&`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Filter {
    AmountOver(i64),
    CurrencyIs(Id),
    HasField(Id),
    ResponsibleIs(Id),
    NewAmountOver(i64),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Trigger {
    pub(crate) id: Id,
    pub(crate) pipeline: Id,
    pub(crate) stage: Id,
    pub(crate) code: Id,
    /// Several values mean "one of".
    pub(crate) parameters: BTreeMap<Id, Vec<Value>>,
    pub(crate) filter: Vec<Filter>,
    pub(crate) move_back: bool,
    pub(crate) reopen: bool,
    pub(crate) state: State,
    pub(crate) revision: i64,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct TriggerPatch {
    pub(crate) stage: Option<Id>,
    pub(crate) parameters: Option<BTreeMap<Id, Vec<Value>>>,
    pub(crate) filter: Option<Vec<Filter>>,
    pub(crate) move_back: Option<bool>,
    pub(crate) reopen: Option<bool>,
    pub(crate) state: Option<State>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entity {
    pub(crate) id: Id,
    pub(crate) pipeline: Id,
    /// Of one that is to be created, empty means the first OPEN one.
    pub(crate) stage: Id,
    pub(crate) responsible: Option<Id>,
    pub(crate) customers: Vec<Id>,
    pub(crate) parents: Vec<Id>,
    pub(crate) fields: Fields,
    pub(crate) revision: i64,
}

#[derive(Debug, Clone, PartialEq, Default)]
#[expect(clippy::option_option, reason = "left as it is, or taken away, or given")]
pub(crate) struct EntityPatch {
    pub(crate) responsible: Option<Option<Id>>,
    pub(crate) customers: Option<Vec<Id>>,
    pub(crate) parents: Option<Vec<Id>>,
    /// `None` removes a field.
    pub(crate) fields: BTreeMap<Id, Option<Value>>,
}

#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::struct_field_names, reason = "`type` is a word of the language")]
pub(crate) struct Event {
    pub(crate) source: Id,
    pub(crate) id: Id,
    pub(crate) event_type: Id,
    pub(crate) subjects: Vec<Id>,
    pub(crate) attributes: Fields,
}

/// Old and new of what an update changed.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Changes {
    pub(crate) responsible: Option<(Option<Id>, Option<Id>)>,
    pub(crate) fields: BTreeMap<Id, (Option<Value>, Option<Value>)>,
}

/// The revision that a change expects; the run makes a number of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Expected {
    Any,
    Current,
    Stale,
}

/// Everything that a history can do. Operations name things that may not be there.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Operation {
    Publish(Event),
    /// In one call.
    PublishMany(Vec<Event>),
    Preview(Event, Option<Trigger>),
    CreatePipeline(Pipeline),
    UpdatePipeline(Pipeline, Expected),
    DeletePipeline(Id, Expected),
    CreateTrigger(Trigger),
    UpdateTrigger(Id, TriggerPatch, Expected),
    DeleteTrigger(Id, Expected),
    CreateEntity(Entity),
    /// The last says whether it is only asked about.
    UpdateEntity(Id, EntityPatch, Expected, bool),
    /// Entity, pipeline if it is named, stage; the last as above.
    MoveEntity(Id, Option<Id>, Id, Expected, bool),
    DeleteEntity(Id, Expected),
    GetEvent(Id, Id),
    /// 0 is the latest revision.
    GetTrigger(Id, i64),
    ListVerdicts(Option<Id>, Option<Id>),
    ListMoves(Option<Id>),
    /// The entities that name a customer.
    ListEntities(Id),
    /// All that stands: pipelines, triggers with their statistics, entities.
    Everything,
    /// Lets seconds pass.
    Wait(u64),
    Reopen,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Decision {
    pub(crate) subject: Id,
    pub(crate) entity: Option<Id>,
    pub(crate) event_type: Id,
    pub(crate) hop: u32,
    pub(crate) outcome: &'static str,
    pub(crate) moved: Option<Move>,
    /// In the order of the triggers' ids: the rules promise none.
    pub(crate) verdicts: Vec<Verdict>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Verdict {
    pub(crate) trigger: Id,
    pub(crate) revision: i64,
    pub(crate) stage: Id,
    pub(crate) result: &'static str,
    /// The winner, or the parameter that differs.
    pub(crate) note: Id,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Move {
    pub(crate) entity: Id,
    pub(crate) pipeline: Id,
    pub(crate) from_pipeline: Option<Id>,
    pub(crate) from: Id,
    pub(crate) to: Id,
    pub(crate) direction: &'static str,
    /// The trigger with its revision, or `hand`; then the event.
    pub(crate) cause: String,
    pub(crate) hop: u32,
    pub(crate) time: u64,
    pub(crate) responsible: Option<Id>,
    pub(crate) revision: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Statistics {
    pub(crate) considered: u64,
    pub(crate) matched: u64,
    pub(crate) moved: u64,
    pub(crate) last_considered: Option<u64>,
    pub(crate) last_moved: Option<u64>,
}

/// What one is told.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Answer {
    /// Why not; also where an operation has nothing to answer.
    Refused(String),
    Published {
        duplicate: bool,
        decisions: Vec<Decision>,
    },
    Many(Vec<Answer>),
    Previewed(Vec<Decision>),
    Changed(Entity, Option<Vec<Decision>>),
    Pipeline(Pipeline),
    /// Also whether it is deleted by now.
    Trigger(Trigger, bool),
    Entity(Entity),
    Done,
    Event(Id, Vec<Id>, Vec<Decision>),
    /// Entity, source and id of the event, type, hop, verdict, time; of one decision in no order.
    Verdicts(Vec<(Id, Id, Id, u32, Verdict, u64)>),
    Moves(Vec<Move>),
    Entities(Vec<Entity>),
    Everything(Vec<Pipeline>, Vec<(Trigger, Statistics)>, Vec<Entity>),
}
