use std::borrow::Borrow;

use pawl_domain::{Cause, Direction, Move, MoveId};

use super::value::{optional_to_pb, timestamp_to_pb};
use crate::pb;

/// Texts are copied as they are: through the formatter they would take several times as long, and
/// this is what every move that is watched costs.
fn text(name: &impl Borrow<str>) -> String {
    name.borrow().to_owned()
}

fn optional_text(name: Option<&impl Borrow<str>>) -> String {
    name.map(text).unwrap_or_default()
}

/// A move, under the id that the log gave it; none gave one to a move that is only previewed.
pub fn move_to_pb(id: Option<MoveId>, moved: &Move) -> pb::Move {
    pb::Move {
        move_id: optional_to_pb(id.as_ref()),
        entity_id: text(&moved.entity_id),
        pipeline_id: text(&moved.pipeline_id),
        from_pipeline_id: optional_text(moved.from_pipeline_id.as_ref()),
        from_stage_id: text(&moved.from_stage_id),
        to_stage_id: text(&moved.to_stage_id),
        direction: moved.direction.map_or(pb::MoveDirection::Unspecified, Into::into).into(),
        cause: Some((&moved.cause).into()),
        hop: hop_to_pb(moved.hop),
        time: Some(timestamp_to_pb(moved.time)),
        responsible: optional_text(moved.responsible.as_ref()),
        entity_revision: moved.entity_revision,
    }
}

/// A count of hops, of which there are never more than a few.
pub(super) fn hop_to_pb(hop: u32) -> i32 {
    i32::try_from(hop).unwrap_or(i32::MAX)
}

impl From<Direction> for pb::MoveDirection {
    fn from(direction: Direction) -> Self {
        match direction {
            Direction::Forward => Self::Forward,
            Direction::Backward => Self::Backward,
        }
    }
}

impl From<&Cause> for pb::r#move::Cause {
    fn from(cause: &Cause) -> Self {
        match cause {
            Cause::Trigger { trigger_id, trigger_revision, event_source, event_id } => {
                Self::Trigger(pb::TriggerCause {
                    trigger_id: text(trigger_id),
                    trigger_revision: *trigger_revision,
                    event_source: text(event_source),
                    event_id: text(event_id),
                })
            }
            Cause::Manual { actor, comment, event_source, event_id } => {
                Self::Manual(pb::ManualCause {
                    actor: optional_text(actor.as_ref()),
                    comment: comment.to_string(),
                    event_source: text(event_source),
                    event_id: text(event_id),
                })
            }
        }
    }
}
