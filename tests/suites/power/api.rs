//! The same question to a real server, as any client may ask it: is what was told still there?

use std::path::Path;
use std::time::Duration;

use pawl_api::pb;
use pawl_tests::{Client, within};
use tonic::{Code, Response, Status};

use crate::notes::{Note, Told, moves};
use crate::rig::Host;

/// Longer than it takes to ask for all.
const PATIENCE_S: u64 = 60;

/// Everything that a server on what a power loss left in `root` does not know any more. Of what is
/// older than `window` it may know nothing.
pub(crate) async fn problems(
    root: &Path,
    notes: &[&Note],
    at: Duration,
    window: Duration,
) -> Vec<String> {
    // It keeps all that is there.
    let host = Host::on_image(root, &[]).await;
    let client = host.client().await;
    let mut problems = Vec::new();
    let asking = async {
        for note in notes {
            let trimmed = note.since + window <= at;
            if !holds(&client, &note.told, trimmed).await {
                problems.push(format!("told and lost: {:?}", note.told));
            }
        }
    };
    within(PATIENCE_S, "the questions", asking).await;
    if !host.terminate().await.success() {
        problems.push("the server does not end well".to_owned());
    }
    problems
}

async fn holds(client: &Client, told: &Told, trimmed: bool) -> bool {
    match told {
        Told::Event { .. } if trimmed => true,
        Told::Event { event, moves: told } => {
            let again = client.try_publish(event.clone()).await;
            again.is_ok_and(|outcome| outcome.duplicate && moves(&outcome) == *told)
        }
        Told::Entity { id, revision, stage } => {
            let request = pb::GetEntityRequest { entity_id: id.clone() };
            match found(client.entities.clone().get_entity(request).await) {
                // Deleted now, which was perhaps not yet told.
                None => true,
                Some(found) => {
                    let found = found.entity.expect("it is given");
                    let same = Some(found.stage_id.as_str()) == stage.as_deref();
                    found.revision > *revision || found.revision == *revision && same
                }
            }
        }
        Told::Trigger { id, revision, gone } => {
            // A revision can be read for ever, but for that of a deletion.
            let revision = if *gone { revision - 1 } else { *revision };
            let request = pb::GetTriggerRequest { trigger_id: id.clone(), revision };
            found(client.triggers.clone().get_trigger(request).await).is_some()
        }
        Told::Pipeline { id, revision } => {
            let request = pb::GetPipelineRequest { pipeline_id: id.clone() };
            let pipeline = found(client.pipelines.clone().get_pipeline(request).await);
            let pipeline = pipeline.and_then(|found| found.pipeline);
            pipeline.is_some_and(|pipeline| pipeline.revision >= *revision)
        }
        Told::TriggerType { code, revision } => {
            let request = pb::GetTriggerTypeRequest { code: code.clone() };
            match found(client.triggers.clone().get_trigger_type(request).await) {
                None => true,
                Some(found) => found.trigger_type.expect("it is given").revision >= *revision,
            }
        }
    }
}

/// What was answered, if there is such a thing.
fn found<T>(answer: Result<Response<T>, Status>) -> Option<T> {
    match answer {
        Ok(answer) => Some(answer.into_inner()),
        Err(status) if status.code() == Code::NotFound => None,
        Err(status) => panic!("the server does not answer: {status}"),
    }
}
