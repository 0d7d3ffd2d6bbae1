use std::collections::BTreeMap;

use pawl_domain::{
    AttributeName, Color, Comparison, CustomerId, CustomerReach, DisplayName, Entity, EntityId,
    EntityKind, EventType, Fields, Filter, Parameter, ParameterKind, ParameterName, Pipeline,
    PipelineId, Prose, Rejection, Responsible, Semantics, ServedKind, Stage, StageId, Stages,
    Timestamp, Trigger, TriggerId, TriggerSelection, TriggerState, TriggerType, TypeCode, Value,
    ValueMap, Version,
};

use super::{optional, required};
use crate::pb;

impl From<Timestamp> for pb::Time {
    fn from(time: Timestamp) -> Self {
        Self { seconds: time.seconds(), nanos: time.nanos() }
    }
}

impl TryFrom<pb::Time> for Timestamp {
    type Error = Rejection;

    fn try_from(time: pb::Time) -> Result<Self, Rejection> {
        Self::new("time", time.seconds, i32::try_from(time.nanos).unwrap_or(-1))
    }
}

impl From<Version> for pb::Version {
    fn from(version: Version) -> Self {
        Self {
            revision: version.revision,
            create_time: Some(version.create_time.into()),
            update_time: Some(version.update_time.into()),
        }
    }
}

impl TryFrom<pb::Version> for Version {
    type Error = Rejection;

    fn try_from(version: pb::Version) -> Result<Self, Rejection> {
        Ok(Self {
            revision: version.revision,
            create_time: required("create_time", version.create_time)?.try_into()?,
            update_time: required("update_time", version.update_time)?.try_into()?,
        })
    }
}

impl From<&Value> for pb::Value {
    fn from(value: &Value) -> Self {
        use pb::value::Kind;
        Self {
            kind: match value {
                Value::Null => None,
                Value::Bool(boolean) => Some(Kind::Boolean(*boolean)),
                Value::Number(number) => Some(Kind::Number(*number)),
                Value::Text(text) => Some(Kind::Text(text.clone())),
                Value::List(values) => Some(Kind::List(pb::ValueList {
                    values: values.iter().map(Into::into).collect(),
                })),
                Value::Map(map) => Some(Kind::Map(pb::ValueMap { values: values_of(map) })),
            },
        }
    }
}

impl From<pb::Value> for Value {
    fn from(value: pb::Value) -> Self {
        use pb::value::Kind;
        match value.kind {
            None => Self::Null,
            Some(Kind::Boolean(boolean)) => Self::Bool(boolean),
            Some(Kind::Number(number)) => Self::Number(number),
            Some(Kind::Text(text)) => Self::Text(text),
            Some(Kind::List(list)) => Self::List(list.values.into_iter().map(Into::into).collect()),
            Some(Kind::Map(map)) => {
                Self::Map(map.values.into_iter().map(|(key, value)| (key, value.into())).collect())
            }
        }
    }
}

pub(super) fn values_of(map: &ValueMap) -> BTreeMap<String, pb::Value> {
    map.iter().map(|(key, value)| (key.clone(), value.into())).collect()
}

pub(super) fn fields_of(
    field: &str,
    map: BTreeMap<String, pb::Value>,
) -> Result<Fields, Rejection> {
    Fields::parse(field, map.into_iter().map(|(key, value)| (key, value.into())).collect())
}

impl From<&Pipeline> for pb::Pipeline {
    fn from(pipeline: &Pipeline) -> Self {
        let stage = |stage: &Stage| pb::Stage {
            stage_id: stage.id.to_string(),
            display_name: stage.display_name.to_string(),
            semantics: match stage.semantics {
                Semantics::Open => pb::StageSemantics::Open,
                Semantics::Won => pb::StageSemantics::Won,
                Semantics::Lost => pb::StageSemantics::Lost,
            }
            .into(),
            color: stage.color.to_string(),
        };
        Self {
            pipeline_id: pipeline.id.to_string(),
            display_name: pipeline.display_name.to_string(),
            entity_kind: pipeline.kind.to_string(),
            stages: pipeline.stages.in_order().map(stage).collect(),
            trigger_selection: match pipeline.selection {
                TriggerSelection::EarliestStage => pb::TriggerSelection::EarliestStage,
                TriggerSelection::NextStage => pb::TriggerSelection::NextStage,
                TriggerSelection::FurthestStage => pb::TriggerSelection::FurthestStage,
            }
            .into(),
            version: Some(pipeline.version.into()),
            customer_reach: match pipeline.reach {
                CustomerReach::Latest => pb::CustomerReach::Latest,
                CustomerReach::All => pb::CustomerReach::All,
                CustomerReach::None => pb::CustomerReach::None,
            }
            .into(),
        }
    }
}

impl TryFrom<pb::Pipeline> for Pipeline {
    type Error = Rejection;

    fn try_from(pipeline: pb::Pipeline) -> Result<Self, Rejection> {
        let selection = match pipeline.trigger_selection() {
            pb::TriggerSelection::EarliestStage => TriggerSelection::EarliestStage,
            pb::TriggerSelection::NextStage => TriggerSelection::NextStage,
            pb::TriggerSelection::FurthestStage => TriggerSelection::FurthestStage,
            pb::TriggerSelection::Unspecified => return Err(unknown("trigger_selection")),
        };
        let reach = match pipeline.customer_reach() {
            pb::CustomerReach::Unspecified | pb::CustomerReach::Latest => CustomerReach::Latest,
            pb::CustomerReach::All => CustomerReach::All,
            pb::CustomerReach::None => CustomerReach::None,
        };
        let stages: Result<_, _> = pipeline.stages.into_iter().map(Stage::try_from).collect();
        Ok(Self {
            id: PipelineId::parse("pipeline_id", &pipeline.pipeline_id)?,
            display_name: DisplayName::parse("display_name", pipeline.display_name)?,
            kind: EntityKind::parse("entity_kind", &pipeline.entity_kind)?,
            stages: Stages::parse("stages", stages?)?,
            selection,
            reach,
            version: required("version", pipeline.version)?.try_into()?,
        })
    }
}

impl TryFrom<pb::Stage> for Stage {
    type Error = Rejection;

    fn try_from(stage: pb::Stage) -> Result<Self, Rejection> {
        let semantics = match stage.semantics() {
            pb::StageSemantics::Open => Semantics::Open,
            pb::StageSemantics::Won => Semantics::Won,
            pb::StageSemantics::Lost => Semantics::Lost,
            pb::StageSemantics::Unspecified => return Err(unknown("semantics")),
        };
        Ok(Self {
            id: StageId::parse("stage_id", &stage.stage_id)?,
            display_name: DisplayName::parse("display_name", stage.display_name)?,
            semantics,
            color: Color::parse("color", stage.color)?,
        })
    }
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
            version: Some(trigger_type.version.into()),
            parameters: trigger_type.parameters.iter().map(Into::into).collect(),
        }
    }
}

impl TryFrom<pb::TriggerType> for TriggerType {
    type Error = Rejection;

    fn try_from(trigger_type: pb::TriggerType) -> Result<Self, Rejection> {
        let parameters = trigger_type.parameters.into_iter();
        let kind = |kind: &String| ServedKind::parse("entity_kinds", kind);
        Ok(Self {
            code: TypeCode::parse("code", &trigger_type.code)?,
            section: DisplayName::parse("section", trigger_type.section)?,
            title: DisplayName::parse("title", trigger_type.title)?,
            description: Prose::parse("description", trigger_type.description)?,
            event_type: EventType::parse("event_type", &trigger_type.event_type)?,
            parameters: parameters.map(TryInto::try_into).collect::<Result<_, _>>()?,
            built_in: None,
            kinds: trigger_type.entity_kinds.iter().map(kind).collect::<Result<_, _>>()?,
            version: required("version", trigger_type.version)?.try_into()?,
        })
    }
}

impl From<&Parameter> for pb::Parameter {
    fn from(parameter: &Parameter) -> Self {
        Self {
            name: parameter.name.to_string(),
            title: parameter.title.to_string(),
            kind: match parameter.kind {
                ParameterKind::Any => 1,
                ParameterKind::Text => 2,
                ParameterKind::Number => 3,
            },
            comparison: match parameter.comparison {
                Comparison::Exact => 1,
                Comparison::Prefix => 2,
                Comparison::Contains => 3,
                Comparison::AtLeast => 4,
                Comparison::AtMost => 5,
                Comparison::Changed => 6,
                Comparison::ChangedFrom => 7,
                Comparison::ChangedTo => 8,
            },
            attribute: parameter.attribute.to_string(),
            required: parameter.required,
            options: parameter.options.clone(),
        }
    }
}

impl TryFrom<pb::Parameter> for Parameter {
    type Error = Rejection;

    fn try_from(parameter: pb::Parameter) -> Result<Self, Rejection> {
        Ok(Self {
            name: ParameterName::parse("name", &parameter.name)?,
            title: DisplayName::parse("title", parameter.title)?,
            kind: match parameter.kind {
                1 => ParameterKind::Any,
                2 => ParameterKind::Text,
                3 => ParameterKind::Number,
                _ => return Err(unknown("kind")),
            },
            comparison: match parameter.comparison {
                1 => Comparison::Exact,
                2 => Comparison::Prefix,
                3 => Comparison::Contains,
                4 => Comparison::AtLeast,
                5 => Comparison::AtMost,
                6 => Comparison::Changed,
                7 => Comparison::ChangedFrom,
                8 => Comparison::ChangedTo,
                _ => return Err(unknown("comparison")),
            },
            attribute: AttributeName::parse("attribute", &parameter.attribute)?,
            required: parameter.required,
            options: parameter.options,
        })
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
            allow_move_back: trigger.allow_move_back,
            allow_reopen: trigger.allow_reopen,
            state: match trigger.state {
                TriggerState::Active => pb::TriggerState::Active,
                TriggerState::Paused => pb::TriggerState::Paused,
                TriggerState::Shadow => pb::TriggerState::Shadow,
            }
            .into(),
            created_at: trigger.created_at,
            version: Some(trigger.version.into()),
            is_sentence: !trigger.is_named,
            parameters: values_of(trigger.parameters.as_map()),
            filter: trigger.filter.as_ref().map(|f| f.as_str().to_owned()).unwrap_or_default(),
        }
    }
}

impl TryFrom<pb::Trigger> for Trigger {
    type Error = Rejection;

    fn try_from(trigger: pb::Trigger) -> Result<Self, Rejection> {
        let state = match trigger.state() {
            pb::TriggerState::Active => TriggerState::Active,
            pb::TriggerState::Paused => TriggerState::Paused,
            pb::TriggerState::Shadow => TriggerState::Shadow,
            pb::TriggerState::Unspecified => return Err(unknown("state")),
        };
        Ok(Self {
            id: TriggerId::parse("trigger_id", &trigger.trigger_id)?,
            pipeline_id: PipelineId::parse("pipeline_id", &trigger.pipeline_id)?,
            stage_id: StageId::parse("stage_id", &trigger.stage_id)?,
            display_name: DisplayName::parse("display_name", trigger.display_name)?,
            is_named: !trigger.is_sentence,
            type_code: TypeCode::parse("trigger_type", &trigger.trigger_type)?,
            parameters: fields_of("parameters", trigger.parameters)?,
            filter: (!trigger.filter.is_empty()).then(|| Filter::stored(&trigger.filter)),
            allow_move_back: trigger.allow_move_back,
            allow_reopen: trigger.allow_reopen,
            state,
            created_at: trigger.created_at,
            version: required("version", trigger.version)?.try_into()?,
        })
    }
}

impl From<&Entity> for pb::Entity {
    fn from(entity: &Entity) -> Self {
        Self {
            entity_id: entity.id.to_string(),
            pipeline_id: entity.pipeline_id.to_string(),
            stage_id: entity.stage_id.to_string(),
            display_name: entity.display_name.to_string(),
            responsible: entity.responsible.as_ref().map(ToString::to_string).unwrap_or_default(),
            customer_ids: entity.customer_ids.iter().map(ToString::to_string).collect(),
            parent_ids: entity.parent_ids.iter().map(ToString::to_string).collect(),
            fields: values_of(entity.fields.as_map()),
            stage_entered_time: Some(entity.stage_entered_time.into()),
            version: Some(entity.version.into()),
        }
    }
}

impl TryFrom<pb::Entity> for Entity {
    type Error = Rejection;

    fn try_from(entity: pb::Entity) -> Result<Self, Rejection> {
        let customer = |id: &String| CustomerId::parse("customer_ids", id);
        let parent = |id: &String| EntityId::parse("parent_ids", id);
        Ok(Self {
            id: EntityId::parse("entity_id", &entity.entity_id)?,
            pipeline_id: PipelineId::parse("pipeline_id", &entity.pipeline_id)?,
            stage_id: StageId::parse("stage_id", &entity.stage_id)?,
            display_name: DisplayName::parse("display_name", entity.display_name)?,
            responsible: optional("responsible", &entity.responsible, Responsible::parse)?,
            customer_ids: entity.customer_ids.iter().map(customer).collect::<Result<_, _>>()?,
            parent_ids: entity.parent_ids.iter().map(parent).collect::<Result<_, _>>()?,
            fields: fields_of("fields", entity.fields)?,
            stage_entered_time: required("stage_entered_time", entity.stage_entered_time)?
                .try_into()?,
            version: required("version", entity.version)?.try_into()?,
        })
    }
}

pub(super) fn unknown(field: &str) -> Rejection {
    Rejection::invalid(field, "has a value that this Pawl does not know")
}
