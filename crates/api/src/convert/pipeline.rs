use pawl_domain::{
    Color, CustomerReach, DisplayName, EntityKind, NewPipeline, Pipeline, PipelineId,
    PipelinePatch, Rejection, Semantics, Stage, StageId, Stages, TriggerSelection,
};
use prost_types::FieldMask;

use super::mask::{Mask, Updatable};
use super::value::{choice, timestamp_to_pb};
use crate::pb;

const UPDATABLE: Updatable = Updatable {
    resource: "pipeline",
    key: "pipeline_id",
    changeable: &["display_name", "stages", "trigger_selection", "customer_reach"],
    claimable: &["entity_kind"],
    output: &["revision", "create_time", "update_time"],
};

/// What CreatePipeline asks for.
pub fn new_pipeline(pipeline: pb::Pipeline) -> Result<NewPipeline, Rejection> {
    parse_new(pipeline).map_err(|rejection| rejection.within(UPDATABLE.resource))
}

/// What UpdatePipeline asks for. The kind, if sent, is a claim that the domain checks (P2).
pub fn pipeline_patch(
    pipeline: pb::Pipeline,
    mask: Option<FieldMask>,
) -> Result<(PipelineId, PipelinePatch), Rejection> {
    let mask = UPDATABLE.mask(mask)?;
    parse_patch(pipeline, &mask).map_err(|rejection| rejection.within(UPDATABLE.resource))
}

fn parse_new(pipeline: pb::Pipeline) -> Result<NewPipeline, Rejection> {
    Ok(NewPipeline {
        id: PipelineId::parse("pipeline_id", &pipeline.pipeline_id)?,
        display_name: DisplayName::parse("display_name", pipeline.display_name)?,
        kind: EntityKind::parse("entity_kind", &pipeline.entity_kind)?,
        stages: stages("stages", pipeline.stages)?,
        selection: selection("trigger_selection", pipeline.trigger_selection)?,
        reach: reach("customer_reach", pipeline.customer_reach)?,
    })
}

fn parse_patch(
    pipeline: pb::Pipeline,
    mask: &Mask,
) -> Result<(PipelineId, PipelinePatch), Rejection> {
    let id = PipelineId::parse("pipeline_id", &pipeline.pipeline_id)?;
    let patch = PipelinePatch {
        kind: mask.change("entity_kind", pipeline.entity_kind.as_str(), EntityKind::parse)?,
        display_name: mask.change("display_name", pipeline.display_name, DisplayName::parse)?,
        stages: mask.change("stages", pipeline.stages, stages)?,
        selection: mask.change("trigger_selection", pipeline.trigger_selection, selection)?,
        reach: mask.change("customer_reach", pipeline.customer_reach, reach)?,
    };
    Ok((id, patch))
}

fn stages(field: &str, stages: Vec<pb::Stage>) -> Result<Stages, Rejection> {
    let parsed = stages.into_iter().enumerate().map(|(index, sent)| {
        stage(sent).map_err(|rejection| rejection.within(&format!("{field}[{index}]")))
    });
    Stages::parse(field, parsed.collect::<Result<_, _>>()?)
}

fn stage(stage: pb::Stage) -> Result<Stage, Rejection> {
    Ok(Stage {
        id: StageId::parse("stage_id", &stage.stage_id)?,
        display_name: DisplayName::parse("display_name", stage.display_name)?,
        semantics: semantics("semantics", stage.semantics)?,
        color: Color::parse("color", stage.color)?,
    })
}

fn semantics(field: &str, number: i32) -> Result<Semantics, Rejection> {
    Ok(match choice(field, number, "OPEN, WON or LOST")? {
        pb::StageSemantics::Unspecified => Semantics::default(),
        pb::StageSemantics::Open => Semantics::Open,
        pb::StageSemantics::Won => Semantics::Won,
        pb::StageSemantics::Lost => Semantics::Lost,
    })
}

fn selection(field: &str, number: i32) -> Result<TriggerSelection, Rejection> {
    Ok(match choice(field, number, "EARLIEST_STAGE, NEXT_STAGE or FURTHEST_STAGE")? {
        pb::TriggerSelection::Unspecified => TriggerSelection::default(),
        pb::TriggerSelection::EarliestStage => TriggerSelection::EarliestStage,
        pb::TriggerSelection::NextStage => TriggerSelection::NextStage,
        pb::TriggerSelection::FurthestStage => TriggerSelection::FurthestStage,
    })
}

fn reach(field: &str, number: i32) -> Result<CustomerReach, Rejection> {
    Ok(match choice(field, number, "LATEST, ALL or NONE")? {
        pb::CustomerReach::Unspecified => CustomerReach::default(),
        pb::CustomerReach::Latest => CustomerReach::Latest,
        pb::CustomerReach::All => CustomerReach::All,
        pb::CustomerReach::None => CustomerReach::None,
    })
}

impl From<&Pipeline> for pb::Pipeline {
    fn from(pipeline: &Pipeline) -> Self {
        Self {
            pipeline_id: pipeline.id.to_string(),
            display_name: pipeline.display_name.to_string(),
            entity_kind: pipeline.kind.to_string(),
            stages: pipeline.stages.in_order().map(Into::into).collect(),
            trigger_selection: pb::TriggerSelection::from(pipeline.selection).into(),
            customer_reach: pb::CustomerReach::from(pipeline.reach).into(),
            revision: pipeline.version.revision,
            create_time: Some(timestamp_to_pb(pipeline.version.create_time)),
            update_time: Some(timestamp_to_pb(pipeline.version.update_time)),
        }
    }
}

impl From<&Stage> for pb::Stage {
    fn from(stage: &Stage) -> Self {
        Self {
            stage_id: stage.id.to_string(),
            display_name: stage.display_name.to_string(),
            semantics: pb::StageSemantics::from(stage.semantics).into(),
            color: stage.color.to_string(),
        }
    }
}

impl From<Semantics> for pb::StageSemantics {
    fn from(semantics: Semantics) -> Self {
        match semantics {
            Semantics::Open => Self::Open,
            Semantics::Won => Self::Won,
            Semantics::Lost => Self::Lost,
        }
    }
}

impl From<TriggerSelection> for pb::TriggerSelection {
    fn from(selection: TriggerSelection) -> Self {
        match selection {
            TriggerSelection::EarliestStage => Self::EarliestStage,
            TriggerSelection::NextStage => Self::NextStage,
            TriggerSelection::FurthestStage => Self::FurthestStage,
        }
    }
}

impl From<CustomerReach> for pb::CustomerReach {
    fn from(reach: CustomerReach) -> Self {
        match reach {
            CustomerReach::Latest => Self::Latest,
            CustomerReach::All => Self::All,
            CustomerReach::None => Self::None,
        }
    }
}
