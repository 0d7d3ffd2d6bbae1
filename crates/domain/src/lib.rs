//! The vocabulary of CRM triggers and the rules that decide moves.
//!
//! Everything here is pure and synchronous. This crate deliberately does not know where state is
//! kept, how it travels, what time it is or how ids are made: time and ids are arguments. Rule
//! numbers (P1, T5, E4 ...) refer to `docs/semantics.md`.
//!
//! Start reading at [`decide()`].

mod decide;
mod decision;
mod entity;
mod event;
mod id;
pub mod limits;
mod pipeline;
mod rejection;
mod text;
mod time;
mod trigger;
mod trigger_type;
mod value;
mod version;

pub use decide::{Situation, decide};
pub use decision::{Cause, Decision, Direction, Move, MoveId, Outcome, Verdict, VerdictResult};
pub use entity::{Entity, EntityPatch, EntityPlace, NewEntity};
pub use event::{ENTITY_UPDATED, Event, SERVICE_SOURCE, Subject};
pub use id::{
    Actor, CustomerId, EntityId, EntityKind, EventId, EventType, PipelineId, RequestId,
    Responsible, Source, StageId, TriggerId, TypeCode,
};
pub use pipeline::{
    NewPipeline, Pipeline, PipelinePatch, Semantics, Stage, Stages, TriggerSelection,
};
pub use rejection::{Rejection, Resource};
pub use text::{Color, DisplayName, Prose};
pub use time::Timestamp;
pub use trigger::{NewTrigger, Trigger, TriggerPatch, TriggerState};
pub use trigger_type::{NewTriggerType, TriggerType, TriggerTypePatch};
pub use value::{Fields, Value};
pub use version::Version;
