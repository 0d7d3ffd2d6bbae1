//! `PipelineService`.

use pawl_api::pb;
use pawl_api::pb::ErrorReason;
use pawl_tests::pipeline;
use prost_types::FieldMask;

use crate::row::{
    Call, EXISTS, IMMUTABLE, INVALID, PAGE_TOKEN, REQUEST_ID, REVISION, Row, absent, call, unmet,
};

fn create(pipeline: pb::Pipeline) -> Call {
    call!(pipelines.create_pipeline(pb::CreatePipelineRequest {
        pipeline: Some(pipeline),
        ..Default::default()
    }))
}

/// Updates `sales` by a mask, or by what is populated.
fn update(pipeline: pb::Pipeline, mask: &'static [&'static str]) -> Call {
    let paths = mask.iter().map(ToString::to_string).collect();
    call!(pipelines.update_pipeline(pb::UpdatePipelineRequest {
        pipeline: Some(pipeline),
        update_mask: Some(FieldMask { paths }),
        ..Default::default()
    }))
}

fn delete(pipeline_id: &'static str, expected_revision: i64) -> Call {
    let pipeline_id = pipeline_id.to_owned();
    call!(pipelines.delete_pipeline(pb::DeletePipelineRequest { pipeline_id, expected_revision }))
}

fn list(request: pb::ListPipelinesRequest) -> Call {
    call!(pipelines.list_pipelines(request))
}

/// `sales`, not to be changed but for what is said.
fn sales() -> pb::Pipeline {
    pb::Pipeline { pipeline_id: "sales".to_owned(), ..Default::default() }
}

fn with_stage(change: impl Fn(&mut pb::Stage)) -> pb::Pipeline {
    let mut fresh = pipeline("fresh", "a b");
    change(&mut fresh.stages[0]);
    fresh
}

fn stages(count: usize, name: &str) -> pb::Pipeline {
    let ids: Vec<_> = (0..count).map(|index| format!("s{index}")).collect();
    let mut fresh = pipeline("fresh", &ids.join(" "));
    fresh.stages.iter_mut().for_each(|stage| name.clone_into(&mut stage.display_name));
    fresh
}

#[rustfmt::skip]
pub(crate) fn rows() -> Vec<Row> {
    let fresh = || pipeline("fresh", "a b");
    vec![
        Row::new("a pipeline that is not sent", INVALID, "pipeline", "is required",
            call!(pipelines.create_pipeline(pb::CreatePipelineRequest::default()))),
        Row::new("a pipeline id with a blank", INVALID, "pipeline.pipeline_id", "A-Z a-z 0-9",
            create(pipeline("a b", "new"))),
        Row::new("a pipeline id that is too long", INVALID, "pipeline.pipeline_id", "limit is 128",
            create(pipeline(&"x".repeat(129), "new"))),
        Row::new("a kind that does not exist", INVALID, "pipeline.entity_kind", "lead, deal",
            create(pb::Pipeline { entity_kind: "offer".to_owned(), ..fresh() })),
        Row::new("no kind", INVALID, "pipeline.entity_kind", "lead, deal",
            create(pb::Pipeline { entity_kind: String::new(), ..fresh() })),
        Row::new("a smart process without a name", INVALID, "pipeline.entity_kind", "must not be empty",
            create(pb::Pipeline { entity_kind: "smart_process.".to_owned(), ..fresh() })),
        Row::new("no stages", INVALID, "pipeline.stages", "1 to 200", create(stages(0, ""))),
        Row::new("201 stages", INVALID, "pipeline.stages", "1 to 200", create(stages(201, ""))),
        Row::new("stages of more than 64 KiB", INVALID, "pipeline.stages", "limit is 65536",
            create(stages(200, &"ü".repeat(256)))),
        Row::new("two stages of one id", INVALID, "pipeline.stages[2].stage_id", "unique",
            create(pipeline("fresh", "a b a"))),
        Row::new("no OPEN stage", INVALID, "pipeline.stages", "no OPEN stage",
            create(pipeline("fresh", "won:WON lost:LOST"))),
        Row::new("a stage without an id", INVALID, "pipeline.stages[0].stage_id", "must not be empty",
            create(with_stage(|stage| stage.stage_id.clear()))),
        Row::new("a colour by its name", INVALID, "pipeline.stages[0].color", "#rrggbb",
            create(with_stage(|stage| stage.color = "red".into()))),
        Row::new("unknown semantics", INVALID, "pipeline.stages[0].semantics", "OPEN, WON or LOST",
            create(with_stage(|stage| stage.semantics = 9))),
        Row::new("an unknown selection", INVALID, "pipeline.trigger_selection", "EARLIEST_STAGE",
            create(pb::Pipeline { trigger_selection: 9, ..fresh() })),
        Row::new("a display name that is too long", INVALID, "pipeline.display_name", "limit is 256",
            create(pb::Pipeline { display_name: "x".repeat(257), ..fresh() })),
        Row::new("a pipeline that exists", EXISTS, "", "choose another id",
            create(pipeline("sales", "new"))),
        Row::new("a request id of another pipeline", REQUEST_ID, "", "choose a fresh one",
            call!(pipelines.create_pipeline(pb::CreatePipelineRequest {
                pipeline: Some(pipeline("fresh", "new")),
                request_id: "taken".to_owned(),
                ..Default::default()
            }))),
        Row::new("a request id that is too long", INVALID, "request_id", "limit is 256",
            call!(pipelines.create_pipeline(pb::CreatePipelineRequest {
                pipeline: Some(pipeline("fresh", "new")),
                request_id: "x".repeat(257),
                ..Default::default()
            }))),

        Row::new("to get a pipeline that does not exist", absent(ErrorReason::PipelineNotFound), "", "does not exist",
            call!(pipelines.get_pipeline(pb::GetPipelineRequest { pipeline_id: "none".to_owned() }))),
        Row::new("to get a pipeline without an id", INVALID, "pipeline_id", "must not be empty",
            call!(pipelines.get_pipeline(pb::GetPipelineRequest::default()))),

        Row::new("to update a pipeline that does not exist", absent(ErrorReason::PipelineNotFound), "", "does not exist",
            update(pb::Pipeline { display_name: "None".to_owned(), ..pipeline("none", "a") }, &[])),
        Row::new("to update by an unknown path", INVALID, "update_mask", "display_name, stages, trigger_selection",
            update(sales(), &["name"])),
        Row::new("to update by a path that is too deep", INVALID, "update_mask", "name some of",
            update(sales(), &["stages.color"])),
        Row::new("to update the id", IMMUTABLE, "pipeline.pipeline_id", "leave it out",
            update(sales(), &["pipeline_id"])),
        Row::new("to update the revision", IMMUTABLE, "pipeline.revision", "leave it out",
            update(sales(), &["display_name", "revision"])),
        Row::new("to update the kind", IMMUTABLE, "pipeline.entity_kind", "create another pipeline",
            update(pb::Pipeline { entity_kind: "lead".to_owned(), ..sales() }, &[])),
        Row::new("to update another revision of a pipeline", REVISION, "", "read it again",
            call!(pipelines.update_pipeline(pb::UpdatePipelineRequest {
                pipeline: Some(pb::Pipeline { display_name: "Sales".to_owned(), ..sales() }),
                expected_revision: 7,
                ..Default::default()
            }))),
        Row::new("to remove a stage with an entity", unmet(ErrorReason::StageInUse), "", "0 triggers and 1 entities; move or delete",
            update(pipeline("sales", "new won:WON lost:LOST"), &["stages"])),
        Row::new("to remove a stage with a trigger", unmet(ErrorReason::StageInUse), "", "1 triggers and 0 entities; move or delete",
            update(pipeline("sales", "new offer lost:LOST"), &["stages"])),
        Row::new("to close every stage", INVALID, "pipeline.stages", "no OPEN stage",
            update(pipeline("sales", "new:WON offer:WON won:WON lost:LOST"), &["stages"])),

        Row::new("to delete a pipeline in use", unmet(ErrorReason::PipelineInUse), "", "1 triggers and 2 entities; move or delete",
            delete("sales", 0)),
        Row::new("to delete another revision of a pipeline", REVISION, "", "read it again", delete("service", 7)),
        Row::new("to delete a pipeline that does not exist", absent(ErrorReason::PipelineNotFound), "", "does not exist",
            delete("none", 0)),

        Row::new("a negative page size", INVALID, "page_size", "0 to 1000",
            list(pb::ListPipelinesRequest { page_size: -1, ..Default::default() })),
        Row::new("to list a kind that does not exist", INVALID, "entity_kind", "lead, deal",
            list(pb::ListPipelinesRequest { entity_kind: "offer".to_owned(), ..Default::default() })),
        Row::new("a page token of nobody", PAGE_TOKEN, "page_token", "start again without a token",
            list(pb::ListPipelinesRequest { page_token: "page-2".to_owned(), ..Default::default() })),
        Row::new("a page token with other arguments", PAGE_TOKEN, "page_token", "repeat the arguments",
            call!(|world| pipelines.list_pipelines(pb::ListPipelinesRequest {
                entity_kind: "deal".to_owned(),
                page_token: world.page_token.clone(),
                ..Default::default()
            }))),
        Row::new("a page token of another list", PAGE_TOKEN, "page_token", "repeat the arguments",
            call!(|world| entities.list_entities(pb::ListEntitiesRequest {
                page_token: world.page_token.clone(),
                ..Default::default()
            }))),
    ]
}

#[rustfmt::skip]
pub(crate) fn board_rows() -> Vec<Row> {
    vec![
        Row::new("the board of a pipeline that does not exist", absent(ErrorReason::PipelineNotFound), "", "does not exist",
            call!(pipelines.get_board(pb::GetBoardRequest { pipeline_id: "none".to_owned(), entities_per_stage: 0 }))),
        Row::new("a board with fewer than no entities", INVALID, "entities_per_stage", "0 to 1000",
            call!(pipelines.get_board(pb::GetBoardRequest { pipeline_id: "sales".to_owned(), entities_per_stage: -1 }))),
    ]
}
