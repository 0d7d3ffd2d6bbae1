//! `pawl entity move`: by hand, to another stage.

use std::fmt::Write;

use pawl_api::pb;
use pawl_api::pb::entity_service_client::EntityServiceClient;
use pawl_api::pb::r#move::Cause;
use tonic::Code;

use crate::args::{Format, MoveArgs};
use crate::client::{ServerError, Target};
use crate::failure::Failure;
use crate::output::{plain, print, to_json};
use crate::show;

pub(crate) async fn run(args: MoveArgs, target: &Target) -> Result<(), Failure> {
    let MoveArgs { id, stage, pipeline, actor, comment, expected_revision, dry_run, shape } = args;
    let mut client = EntityServiceClient::new(target.connect().await?);
    let request = pb::MoveEntityRequest {
        entity_id: id.clone(),
        stage_id: stage,
        pipeline_id: pipeline,
        actor,
        comment,
        expected_revision: expected_revision.unwrap_or(0),
        validate_only: dry_run,
        request_id: String::new(),
    };
    let answer = client.move_entity(request).await.map_err(|status| {
        let error = ServerError::from(status);
        let advice = match (error.code(), error.reason().as_str()) {
            (Code::NotFound, "ENTITY_NOT_FOUND") => {
                "\n  `pawl entity list` shows what there is".to_owned()
            }
            (Code::Aborted, _) => format!("\n  `pawl entity get {id}` shows it as it is now"),
            (_, "STAGE_NOT_FOUND") => {
                "\n  `pawl board PIPELINE` shows the stages of a pipeline".to_owned()
            }
            _ => String::new(),
        };
        Failure::At { what: format!("entity {}", plain(&id)), error, advice }
    })?;
    let answer = answer.into_inner();
    if shape.output != Format::Table {
        return show::document(&to_json("pawl.v1.MoveEntityResponse", &answer), shape.output);
    }
    let verb = if dry_run { "would move" } else { "moved" };
    let mut text = match &answer.r#move {
        Some(moved) => told(verb, moved),
        None => format!("unchanged {}: it stands there already\n", plain(&id)),
    };
    // A move is an event too, on which triggers act; the first move is among what it did.
    let decisions = answer.outcome.map_or_else(Vec::new, |outcome| outcome.decisions);
    let moves = decisions.iter().filter_map(|decision| decision.r#move.as_ref());
    for moved in moves.filter(|moved| matches!(moved.cause, Some(Cause::Trigger(_)))) {
        text.push_str(&told(verb, moved));
    }
    print(&text)
}

fn told(verb: &str, moved: &pb::Move) -> String {
    let pb::Move { entity_id, from_stage_id, to_stage_id, .. } = moved;
    let mut text = format!("{verb} {entity_id} from {from_stage_id} to {to_stage_id}");
    if !moved.from_pipeline_id.is_empty() {
        let _ = write!(text, " of pipeline {}", moved.pipeline_id);
    }
    if let Some(Cause::Trigger(cause)) = &moved.cause {
        let _ = write!(text, " by trigger {}", cause.trigger_id);
    }
    plain(&text) + "\n"
}
