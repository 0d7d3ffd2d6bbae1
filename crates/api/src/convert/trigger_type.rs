use pawl_domain::{
    AttributeName, Comparison, DisplayName, EventType, NewTriggerType, Parameter, ParameterKind,
    ParameterName, Prose, Rejection, ServedKind, TriggerType, TriggerTypePatch, TypeCode,
};
use prost_types::FieldMask;

use super::mask::{Mask, Updatable};
use super::value::{choice, each, timestamp_to_pb};
use crate::pb;

const UPDATABLE: Updatable = Updatable {
    resource: "trigger_type",
    key: "code",
    changeable: &["section", "title", "description", "entity_kinds"],
    claimable: &["event_type", "parameters"],
    output: &["built_in", "revision", "create_time", "update_time"],
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
    Ok(NewTriggerType {
        code,
        section: DisplayName::parse("section", trigger_type.section)?,
        title: DisplayName::parse("title", trigger_type.title)?,
        description: Prose::parse("description", trigger_type.description)?,
        event_type,
        parameters: parameters("parameters", trigger_type.parameters)?,
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
        parameters: mask.change("parameters", trigger_type.parameters, parameters)?,
        section: mask.change("section", trigger_type.section, DisplayName::parse)?,
        title: mask.change("title", trigger_type.title, DisplayName::parse)?,
        description: mask.change("description", trigger_type.description, Prose::parse)?,
        kinds: mask.change("entity_kinds", trigger_type.entity_kinds, kinds)?,
    };
    Ok((code, patch))
}

fn kinds(field: &str, kinds: Vec<String>) -> Result<Vec<ServedKind>, Rejection> {
    each(field, &kinds, ServedKind::parse)
}

fn parameters(field: &str, sent: Vec<pb::Parameter>) -> Result<Vec<Parameter>, Rejection> {
    let at = |(index, sent)| {
        parameter(sent).map_err(|rejection| rejection.within(&format!("{field}[{index}]")))
    };
    sent.into_iter().enumerate().map(at).collect()
}

fn parameter(sent: pb::Parameter) -> Result<Parameter, Rejection> {
    let name = ParameterName::parse("name", &sent.name)?;
    let attribute = match sent.attribute.as_str() {
        "" => AttributeName::parse("attribute", name.as_str())?,
        given => AttributeName::parse("attribute", given)?,
    };
    let choices = "EXACT, PREFIX, CONTAINS, AT_LEAST or AT_MOST";
    let comparison = match choice("comparison", sent.comparison, choices)? {
        pb::ParameterComparison::Unspecified | pb::ParameterComparison::Exact => Comparison::Exact,
        pb::ParameterComparison::Prefix => Comparison::Prefix,
        pb::ParameterComparison::Contains => Comparison::Contains,
        pb::ParameterComparison::AtLeast => Comparison::AtLeast,
        pb::ParameterComparison::AtMost => Comparison::AtMost,
        pb::ParameterComparison::Changed => Comparison::Changed,
        pb::ParameterComparison::ChangedFrom => Comparison::ChangedFrom,
        pb::ParameterComparison::ChangedTo => Comparison::ChangedTo,
    };
    let kind = match (choice("kind", sent.kind, "ANY, TEXT or NUMBER")?, comparison) {
        (pb::ParameterKind::Unspecified, Comparison::Prefix | Comparison::Contains)
        | (pb::ParameterKind::Text, _) => ParameterKind::Text,
        (pb::ParameterKind::Unspecified, Comparison::AtLeast | Comparison::AtMost)
        | (pb::ParameterKind::Number, _) => ParameterKind::Number,
        (pb::ParameterKind::Unspecified | pb::ParameterKind::Any, _) => ParameterKind::Any,
    };
    let title = DisplayName::parse("title", sent.title)?;
    let (required, options) = (sent.required, sent.options);
    Ok(Parameter { name, title, kind, comparison, attribute, required, options })
}

impl From<&Parameter> for pb::Parameter {
    fn from(parameter: &Parameter) -> Self {
        let kind = match parameter.kind {
            ParameterKind::Any => pb::ParameterKind::Any,
            ParameterKind::Text => pb::ParameterKind::Text,
            ParameterKind::Number => pb::ParameterKind::Number,
        };
        let comparison = match parameter.comparison {
            Comparison::Exact => pb::ParameterComparison::Exact,
            Comparison::Prefix => pb::ParameterComparison::Prefix,
            Comparison::Contains => pb::ParameterComparison::Contains,
            Comparison::AtLeast => pb::ParameterComparison::AtLeast,
            Comparison::AtMost => pb::ParameterComparison::AtMost,
            Comparison::Changed => pb::ParameterComparison::Changed,
            Comparison::ChangedFrom => pb::ParameterComparison::ChangedFrom,
            Comparison::ChangedTo => pb::ParameterComparison::ChangedTo,
        };
        Self {
            name: parameter.name.to_string(),
            title: parameter.title.to_string(),
            kind: kind.into(),
            comparison: comparison.into(),
            attribute: parameter.attribute.to_string(),
            required: parameter.required,
            options: parameter.options.clone(),
        }
    }
}

impl From<&TriggerType> for pb::TriggerType {
    fn from(trigger_type: &TriggerType) -> Self {
        // Nobody ever made a built-in one.
        let time = |time| trigger_type.built_in.is_none().then(|| timestamp_to_pb(time));
        Self {
            code: trigger_type.code.to_string(),
            section: trigger_type.section.to_string(),
            title: trigger_type.title.to_string(),
            description: trigger_type.description.to_string(),
            event_type: trigger_type.event_type.to_string(),
            entity_kinds: trigger_type.kinds.iter().map(ToString::to_string).collect(),
            parameters: trigger_type.parameters.iter().map(Into::into).collect(),
            built_in: trigger_type.built_in.is_some(),
            revision: trigger_type.version.revision,
            create_time: time(trigger_type.version.create_time),
            update_time: time(trigger_type.version.update_time),
        }
    }
}
