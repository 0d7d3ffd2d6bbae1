use pawl_domain::{
    DisplayName, Filter, NewTrigger, PipelineId, Rejection, StageId, Trigger, TriggerId,
    TriggerPatch, TriggerState, TriggerStats, TypeCode,
};
use prost_types::FieldMask;

use super::mask::{Mask, Updatable};
use super::value::{choice, fields, fields_to_pb, timestamp_to_pb};
use crate::pb;

const UPDATABLE: Updatable = Updatable {
    resource: "trigger",
    key: "trigger_id",
    changeable: &[
        "stage_id",
        "display_name",
        "parameters",
        "filter",
        "allow_move_back",
        "allow_reopen",
        "state",
    ],
    claimable: &["pipeline_id", "trigger_type"],
    output: &["stats", "revision", "create_time", "update_time"],
};

/// What CreateTrigger asks for, or a hypothetical trigger of a preview; `path` says where the
/// request holds it: `trigger` or `triggers[3]`.
pub fn new_trigger(path: &str, trigger: pb::Trigger) -> Result<NewTrigger, Rejection> {
    parse_new(trigger).map_err(|rejection| rejection.within(path))
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
    Ok(match choice(path, number, "ACTIVE, PAUSED or SHADOW")? {
        pb::TriggerState::Unspecified => None,
        pb::TriggerState::Active => Some(TriggerState::Active),
        pb::TriggerState::Paused => Some(TriggerState::Paused),
        pb::TriggerState::Shadow => Some(TriggerState::Shadow),
    })
}

fn parse_new(trigger: pb::Trigger) -> Result<NewTrigger, Rejection> {
    Ok(NewTrigger {
        id: TriggerId::parse("trigger_id", &trigger.trigger_id)?,
        pipeline_id: PipelineId::parse("pipeline_id", &trigger.pipeline_id)?,
        stage_id: StageId::parse("stage_id", &trigger.stage_id)?,
        display_name: DisplayName::parse("display_name", trigger.display_name)?,
        type_code: TypeCode::parse("trigger_type", &trigger.trigger_type)?,
        parameters: fields("parameters", trigger.parameters.unwrap_or_default())?,
        filter: filter("filter", &trigger.filter)?,
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
        parameters: mask.change("parameters", trigger.parameters.unwrap_or_default(), fields)?,
        filter: mask.change("filter", trigger.filter.as_str(), filter)?,
        allow_move_back: mask.change("allow_move_back", trigger.allow_move_back, flag)?,
        allow_reopen: mask.change("allow_reopen", trigger.allow_reopen, flag)?,
        state: mask.change("state", trigger.state, trigger_state)?,
    };
    Ok((id, patch))
}

fn filter(field: &str, text: &str) -> Result<Option<Filter>, Rejection> {
    if text.is_empty() { Ok(None) } else { Filter::parse(field, text).map(Some) }
}

impl From<&TriggerStats> for pb::TriggerStats {
    fn from(stats: &TriggerStats) -> Self {
        Self {
            considered: stats.considered.cast_signed(),
            matched: stats.matched.cast_signed(),
            moved: stats.moved.cast_signed(),
            last_considered_time: stats.last_considered_time.map(timestamp_to_pb),
            last_moved_time: stats.last_moved_time.map(timestamp_to_pb),
        }
    }
}

impl From<&Trigger> for pb::Trigger {
    fn from(trigger: &Trigger) -> Self {
        Self {
            trigger_id: trigger.id.to_string(),
            pipeline_id: trigger.pipeline_id.to_string(),
            stage_id: trigger.stage_id.to_string(),
            display_name: trigger.display_name.to_string(),
            trigger_type: trigger.type_code.to_string(),
            parameters: (!trigger.parameters.as_map().is_empty())
                .then(|| fields_to_pb(&trigger.parameters)),
            filter: trigger.filter.as_ref().map(|f| f.as_str().to_owned()).unwrap_or_default(),
            stats: None,
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
            TriggerState::Shadow => Self::Shadow,
        }
    }
}
