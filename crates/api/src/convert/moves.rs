use pawl_domain::{Cause, Direction, Move, MoveId};

use super::value::{optional_to_pb, timestamp_to_pb};
use crate::pb;

/// A move, under the id that the log gave it; none gave one to a move that is only previewed.
pub fn move_to_pb(id: Option<MoveId>, moved: &Move) -> pb::Move {
    pb::Move {
        move_id: optional_to_pb(id.as_ref()),
        entity_id: moved.entity_id.to_string(),
        pipeline_id: moved.pipeline_id.to_string(),
        from_pipeline_id: optional_to_pb(moved.from_pipeline_id.as_ref()),
        from_stage_id: moved.from_stage_id.to_string(),
        to_stage_id: moved.to_stage_id.to_string(),
        direction: moved.direction.map_or(pb::MoveDirection::Unspecified, Into::into).into(),
        cause: Some((&moved.cause).into()),
        hop: hop_to_pb(moved.hop),
        time: Some(timestamp_to_pb(moved.time)),
        responsible: optional_to_pb(moved.responsible.as_ref()),
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
                    trigger_id: trigger_id.to_string(),
                    trigger_revision: *trigger_revision,
                    event_source: event_source.to_string(),
                    event_id: event_id.to_string(),
                })
            }
            Cause::Manual { actor, comment, event_source, event_id } => {
                Self::Manual(pb::ManualCause {
                    actor: optional_to_pb(actor.as_ref()),
                    comment: comment.to_string(),
                    event_source: event_source.to_string(),
                    event_id: event_id.to_string(),
                })
            }
        }
    }
}
