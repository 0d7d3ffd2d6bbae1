//! Messages to the domain's words and back: one file for each family of resources.
//!
//! On the way in a refusal names the full path of the field, as it stands in the request. Ids that
//! the server makes when they are left empty must be filled in before: nothing here makes ids.

mod decision;
mod entity;
mod event;
mod mask;
mod moves;
mod pipeline;
mod rejection;
#[cfg(test)]
mod tests;
mod trigger;
mod trigger_type;
mod value;

pub use decision::{Became, decision_view, event_outcome, refused};
pub use entity::{entity_patch, new_entity};
pub use event::{event, event_named, event_to_pb};
pub use moves::move_to_pb;
pub use pipeline::{new_pipeline, pipeline_patch};
pub use rejection::refusal;
pub use trigger::{new_trigger, trigger_patch, trigger_state, trigger_state_filter};
pub use trigger_type::{new_trigger_type, trigger_type_patch};
pub use value::{
    choice, duration, duration_to_pb, fields, fields_to_pb, optional, required, timestamp,
    timestamp_to_pb,
};
