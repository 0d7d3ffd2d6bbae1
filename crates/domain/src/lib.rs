//! The vocabulary of CRM triggers and the rules that decide moves.
//!
//! Everything here is pure and synchronous. This crate deliberately does not know where state is
//! kept, how it travels, what time it is or how ids are made: time and ids are arguments. Rule
//! numbers (P1, T5, E4 ...) refer to `docs/semantics.md`.
//!
//! Start reading at [`decide()`].

mod catalogue;
mod changes;
mod decide;
mod decision;
mod entity;
mod event;
mod filter;
mod id;
pub mod limits;
mod listening;
mod parameter;
mod pipeline;
mod rejection;
mod settable;
mod stats;
mod text;
mod time;
mod trigger;
mod trigger_type;
mod unfold;
mod value;
mod verdict;
mod version;

pub use catalogue::{built_in_types, sections};
pub use changes::{Change, Changes};
pub use decide::{Situation, decide};
pub use decision::{Cause, Decision, Direction, Move, MoveId, Outcome};
pub use entity::{Entity, EntityPatch, EntityPlace, NewEntity};
pub use event::{ENTITY_UPDATED, Event, INVOICE_PAID, SERVICE_SOURCE, Subject};
pub use filter::{Filter, FilterPart};
pub use id::{
    Actor, AttributeName, CustomerId, EntityId, EntityKind, EventId, EventType, ParameterName,
    PipelineId, RequestId, Responsible, ServedKind, Source, StageId, TriggerId, TypeCode,
};
pub use listening::{Listener, Listening};
pub use parameter::{Comparison, Parameter, ParameterKind};
pub use pipeline::{
    CustomerReach, NewPipeline, Pipeline, PipelinePatch, Semantics, Stage, Stages, TriggerSelection,
};
pub use rejection::{Rejection, Resource};
pub use settable::Limits;
pub use stats::{TallyPlace, TriggerStats, TriggerTally};
pub use text::{Color, Detail, DisplayName, Prose};
pub use time::Timestamp;
pub use trigger::{NewTrigger, Trigger, TriggerPatch, TriggerState};
pub use trigger_type::{BuiltIn, NewTriggerType, TriggerType, TriggerTypePatch, Watched};
pub use unfold::{Done, Explanations, Unfolded, World, unfold};
pub use value::{Fields, Value, ValueMap};
pub use verdict::{Asked, Verdict, VerdictResult, Verdicts};
pub use version::Version;
