use pawl_api::pb;
use tonic::Code;

use crate::demo::PIPELINE;
use crate::failure::Failure;
use crate::manifest::Manifest;
use crate::resource::{Clients, Resource};

const SALES: &str = include_str!("sales.yaml");

/// Creates what is missing of the sample, and leaves alone what a user has made of it since.
pub(super) async fn set_up(clients: &mut Clients) -> Result<(), Failure> {
    let Manifest { pipelines, trigger_types, triggers } = sales();
    let stages = pipelines.iter().flat_map(|pipeline| pipeline.stages.clone()).collect::<Vec<_>>();
    create_missing(pipelines, clients).await?;
    let found = pb::Pipeline::get(clients, PIPELINE).await?;
    let has = |wanted: &pb::Stage| found.stages.iter().any(|it| it.stage_id == wanted.stage_id);
    if found.entity_kind != "deal" || !stages.iter().all(has) {
        return Err(Failure::Content {
            name: "the demo".to_owned(),
            problem: format!(
                "the data directory has another pipeline {PIPELINE:?}; \
                 leave out --data or name a fresh directory"
            ),
        });
    }
    create_missing(trigger_types, clients).await?;
    create_missing(triggers, clients).await
}

fn sales() -> Manifest {
    let mut manifest = Manifest::default();
    if let Err(problem) = manifest.add(SALES) {
        unreachable!("the sample was tested: {problem}");
    }
    manifest
}

async fn create_missing<R: Resource>(
    resources: Vec<R>,
    clients: &mut Clients,
) -> Result<(), Failure> {
    for resource in resources {
        let what = format!("{} {}", R::NAME, resource.id());
        match resource.create(clients).await {
            Ok(_) => {}
            Err(status) if status.code() == Code::AlreadyExists => {}
            Err(status) => {
                return Err(Failure::At { what, error: status.into(), advice: String::new() });
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::story;

    #[test]
    fn the_sample_is_sound() {
        let Manifest { pipelines, triggers, .. } = sales();
        let stages: Vec<_> = pipelines[0].stages.iter().map(|stage| &stage.stage_id).collect();
        assert_eq!(pipelines[0].pipeline_id, PIPELINE);
        for trigger in &triggers {
            assert_eq!(trigger.pipeline_id, PIPELINE);
            assert!(stages.contains(&&trigger.stage_id), "{}", trigger.trigger_id);
            let code = trigger.trigger_type.parse::<pawl_domain::TypeCode>().unwrap();
            assert!(pawl_domain::built_in_types().contains_key(&code), "{}", trigger.trigger_id);
        }
        for (stage_id, acts) in story::ACTS {
            assert!(stages.iter().any(|stage| stage == stage_id), "{stage_id}");
            for (_, act) in *acts {
                match act {
                    story::Act::Event { event_type, .. } => {
                        let listens = |it: &pb::Trigger| it.trigger_type == *event_type;
                        assert!(triggers.iter().any(listens), "{event_type}");
                    }
                    story::Act::ByHand { stage_id, .. } => {
                        assert!(stages.iter().any(|stage| stage == stage_id), "{stage_id}");
                    }
                }
            }
        }
    }
}
