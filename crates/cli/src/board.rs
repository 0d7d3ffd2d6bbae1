//! `pawl board`: a pipeline as it stands, stage by stage.

use pawl_api::pb;
use pawl_api::pb::pipeline_service_client::PipelineServiceClient;
use tonic::Code;

use crate::args::{BoardArgs, Format};
use crate::client::{ServerError, Target};
use crate::failure::Failure;
use crate::output::{plain, print_styled, to_json};
use crate::show::{self, semantics};
use crate::table::{Cell, Table};

pub(crate) async fn run(args: BoardArgs, target: &Target) -> Result<(), Failure> {
    let BoardArgs { pipeline, entities, shape } = args;
    let mut client = PipelineServiceClient::new(target.connect().await?);
    let request =
        pb::GetBoardRequest { pipeline_id: pipeline.clone(), entities_per_stage: entities };
    let board = client.get_board(request).await.map_err(|status| {
        let error = ServerError::from(status);
        let advice = match error.code() {
            Code::NotFound => "\n  `pawl pipeline list` shows what there is",
            _ => "",
        };
        let what = format!("pipeline {}", plain(&pipeline));
        Failure::At { what, error, advice: advice.to_owned() }
    })?;
    let board = board.into_inner();
    match shape.output {
        Format::Table => print_styled(&table(&board).text("")),
        format => show::document(&to_json("pawl.v1.GetBoardResponse", &board), format),
    }
}

fn table(board: &pb::GetBoardResponse) -> Table {
    let stages = board.pipeline.as_ref().map_or(&[][..], |pipeline| &pipeline.stages);
    let mut table = Table::new(&["STAGE", "NAME", "MEANING", "COUNT", "ENTITIES", "TRIGGERS"]);
    for shown in &board.stages {
        let stage = stages.iter().find(|stage| stage.stage_id == shown.stage_id);
        let stage = stage.cloned().unwrap_or_default();
        let triggers = shown.triggers.iter().map(|trigger| trigger.trigger_id.as_str());
        table.add(vec![
            Cell::plain(&shown.stage_id),
            Cell::plain(&stage.display_name),
            semantics(stage.semantics()),
            Cell::number(shown.entity_count),
            Cell::list(shown.entities.iter().map(|entity| entity.entity_id.as_str())),
            Cell::list(triggers),
        ]);
    }
    table
}
