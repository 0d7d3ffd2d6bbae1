use pawl_domain::{
    DisplayName, NewTrigger, PipelineId, Rejection, StageId, Trigger, TriggerId, TriggerPatch,
    TriggerState, TypeCode,
};
use prost_types::FieldMask;

use super::mask::{Mask, Updatable};
use super::value::{choice, timestamp_to_pb};
use crate::pb;

const UPDATABLE: Updatable = Updatable {
    resource: "trigger",
    key: "trigger_id",
    changeable: &["stage_id", "display_name", "allow_move_back", "allow_reopen", "state"],
    claimable: &["pipeline_id", "trigger_type"],
    output: &["revision", "create_time", "update_time"],
};

/// What CreateTrigger asks for.
pub fn new_trigger(trigger: pb::Trigger) -> Result<NewTrigger, Rejection> {
    parse_new(trigger).map_err(|rejection| rejection.within(UPDATABLE.resource))
}

/// What UpdateTrigger asks for. Pipeline and type, if sent, are claims that the domain checks (T1).
pub fn trigger_patch(
    trigger: pb::Trigger,
    mask: Option<FieldMask>,
) -> Result<(TriggerId, TriggerPatch), Rejection> {
    let mask = UPDATABLE.mask(mask)?;
    parse_patch(trigger, &mask).map_err(|rejection| rejection.within(UPDATABLE.resource))
}

/// The state that a trigger is to have; unspecified means ACTIVE. A refusal names `path`.
pub fn trigger_state(path: &str, number: i32) -> Result<TriggerState, Rejection> {
    trigger_state_filter(path, number).map(Option::unwrap_or_default)
}

/// The state that a list is about; unspecified means any. A refusal names `path`.
pub fn trigger_state_filter(path: &str, number: i32) -> Result<Option<TriggerState>, Rejection> {
    Ok(match choice(path, number, "ACTIVE or PAUSED")? {
        pb::TriggerState::Unspecified => None,
        pb::TriggerState::Active => Some(TriggerState::Active),
        pb::TriggerState::Paused => Some(TriggerState::Paused),
    })
}

fn parse_new(trigger: pb::Trigger) -> Result<NewTrigger, Rejection> {
    Ok(NewTrigger {
        id: TriggerId::parse("trigger_id", &trigger.trigger_id)?,
        pipeline_id: PipelineId::parse("pipeline_id", &trigger.pipeline_id)?,
        stage_id: StageId::parse("stage_id", &trigger.stage_id)?,
        display_name: DisplayName::parse("display_name", trigger.display_name)?,
        type_code: TypeCode::parse("trigger_type", &trigger.trigger_type)?,
        allow_move_back: trigger.allow_move_back,
        allow_reopen: trigger.allow_reopen,
        state: trigger_state("state", trigger.state)?,
    })
}

fn parse_patch(trigger: pb::Trigger, mask: &Mask) -> Result<(TriggerId, TriggerPatch), Rejection> {
    let id = TriggerId::parse("trigger_id", &trigger.trigger_id)?;
    let flag = |_: &str, flag: bool| Ok(flag);
    let patch = TriggerPatch {
        pipeline_id: mask.change("pipeline_id", trigger.pipeline_id.as_str(), PipelineId::parse)?,
        type_code: mask.change("trigger_type", trigger.trigger_type.as_str(), TypeCode::parse)?,
        stage_id: mask.change("stage_id", trigger.stage_id.as_str(), StageId::parse)?,
        display_name: mask.change("display_name", trigger.display_name, DisplayName::parse)?,
        allow_move_back: mask.change("allow_move_back", trigger.allow_move_back, flag)?,
        allow_reopen: mask.change("allow_reopen", trigger.allow_reopen, flag)?,
        state: mask.change("state", trigger.state, trigger_state)?,
    };
    Ok((id, patch))
}

impl From<&Trigger> for pb::Trigger {
    fn from(trigger: &Trigger) -> Self {
        Self {
            trigger_id: trigger.id.to_string(),
            pipeline_id: trigger.pipeline_id.to_string(),
            stage_id: trigger.stage_id.to_string(),
            display_name: trigger.display_name.to_string(),
            trigger_type: trigger.type_code.to_string(),
            allow_move_back: trigger.allow_move_back,
            allow_reopen: trigger.allow_reopen,
            state: pb::TriggerState::from(trigger.state).into(),
            revision: trigger.version.revision,
            create_time: Some(timestamp_to_pb(trigger.version.create_time)),
            update_time: Some(timestamp_to_pb(trigger.version.update_time)),
        }
    }
}

impl From<TriggerState> for pb::TriggerState {
    fn from(state: TriggerState) -> Self {
        match state {
            TriggerState::Active => Self::Active,
            TriggerState::Paused => Self::Paused,
        }
    }
}
