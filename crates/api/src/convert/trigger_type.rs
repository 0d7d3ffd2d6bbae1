use pawl_domain::{
    DisplayName, ENTITY_UPDATED, EntityKind, EventType, NewTriggerType, Prose, Rejection,
    TriggerType, TriggerTypePatch, TypeCode,
};
use prost_types::FieldMask;

use super::mask::{Mask, Updatable};
use super::value::{each, timestamp_to_pb};
use crate::pb;

const UPDATABLE: Updatable = Updatable {
    resource: "trigger_type",
    key: "code",
    changeable: &["section", "title", "description", "entity_kinds"],
    claimable: &["event_type"],
    output: &["revision", "create_time", "update_time"],
};

/// What CreateTriggerType asks for. Without an event type it listens to its own code.
pub fn new_trigger_type(trigger_type: pb::TriggerType) -> Result<NewTriggerType, Rejection> {
    parse_new(trigger_type).map_err(|rejection| rejection.within(UPDATABLE.resource))
}

/// What UpdateTriggerType asks for. The event type, if sent, is a claim that the domain checks.
pub fn trigger_type_patch(
    trigger_type: pb::TriggerType,
    mask: Option<FieldMask>,
) -> Result<(TypeCode, TriggerTypePatch), Rejection> {
    let mask = UPDATABLE.mask(mask)?;
    parse_patch(trigger_type, &mask).map_err(|rejection| rejection.within(UPDATABLE.resource))
}

fn parse_new(trigger_type: pb::TriggerType) -> Result<NewTriggerType, Rejection> {
    let code = TypeCode::parse("code", &trigger_type.code)?;
    let event_type = match trigger_type.event_type.as_str() {
        "" => EventType::parse("event_type", code.as_str())?,
        given => EventType::parse("event_type", given)?,
    };
    if event_type.as_str() == ENTITY_UPDATED {
        return Err(Rejection::Reserved {
            field: "event_type".to_owned(),
            value: ENTITY_UPDATED.to_owned(),
        });
    }
    Ok(NewTriggerType {
        code,
        section: DisplayName::parse("section", trigger_type.section)?,
        title: DisplayName::parse("title", trigger_type.title)?,
        description: Prose::parse("description", trigger_type.description)?,
        event_type,
        kinds: kinds("entity_kinds", trigger_type.entity_kinds)?,
    })
}

fn parse_patch(
    trigger_type: pb::TriggerType,
    mask: &Mask,
) -> Result<(TypeCode, TriggerTypePatch), Rejection> {
    let code = TypeCode::parse("code", &trigger_type.code)?;
    let patch = TriggerTypePatch {
        event_type: mask.change(
            "event_type",
            trigger_type.event_type.as_str(),
            EventType::parse,
        )?,
        section: mask.change("section", trigger_type.section, DisplayName::parse)?,
        title: mask.change("title", trigger_type.title, DisplayName::parse)?,
        description: mask.change("description", trigger_type.description, Prose::parse)?,
        kinds: mask.change("entity_kinds", trigger_type.entity_kinds, kinds)?,
    };
    Ok((code, patch))
}

fn kinds(field: &str, kinds: Vec<String>) -> Result<Vec<EntityKind>, Rejection> {
    each(field, &kinds, EntityKind::parse)
}

impl From<&TriggerType> for pb::TriggerType {
    fn from(trigger_type: &TriggerType) -> Self {
        Self {
            code: trigger_type.code.to_string(),
            section: trigger_type.section.to_string(),
            title: trigger_type.title.to_string(),
            description: trigger_type.description.to_string(),
            event_type: trigger_type.event_type.to_string(),
            entity_kinds: trigger_type.kinds.iter().map(ToString::to_string).collect(),
            revision: trigger_type.version.revision,
            create_time: Some(timestamp_to_pb(trigger_type.version.create_time)),
            update_time: Some(timestamp_to_pb(trigger_type.version.update_time)),
        }
    }
}
