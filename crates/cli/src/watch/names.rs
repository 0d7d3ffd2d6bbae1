use std::collections::HashMap;

use pawl_api::pb;
use pawl_api::pb::entity_service_client::EntityServiceClient;
use pawl_api::pb::pipeline_service_client::PipelineServiceClient;
use pawl_api::pb::trigger_service_client::TriggerServiceClient;
use tonic::{Code, Response, Status};

use crate::client::Wire;

/// How many names of each sort are kept; when there are more, they are asked for anew.
const NAMES_MAX: usize = 10_000;

/// What people call the things that moves refer to by id, asked from the server when first needed.
///
/// What cannot be found, because it is deleted by now, is called by its id; so is, this once, what
/// cannot be asked for because the server is away.
#[derive(Debug)]
pub(super) struct Names {
    pipeline_service: PipelineServiceClient<Wire>,
    trigger_service: TriggerServiceClient<Wire>,
    entity_service: EntityServiceClient<Wire>,
    /// Display names by pipeline and stage.
    stages: HashMap<(String, String), String>,
    /// Codes by trigger and revision.
    trigger_types: HashMap<(String, i64), String>,
    /// Display names by entity.
    entities: HashMap<String, String>,
}

impl Names {
    pub(super) fn new(channel: Wire) -> Self {
        Self {
            pipeline_service: PipelineServiceClient::new(channel.clone()),
            trigger_service: TriggerServiceClient::new(channel.clone()),
            entity_service: EntityServiceClient::new(channel),
            stages: HashMap::new(),
            trigger_types: HashMap::new(),
            entities: HashMap::new(),
        }
    }

    pub(super) async fn stage(&mut self, pipeline_id: &str, stage_id: &str) -> String {
        let key = (pipeline_id.to_owned(), stage_id.to_owned());
        if let Some(name) = self.stages.get(&key) {
            return name.clone();
        }
        let request = pb::GetPipelineRequest { pipeline_id: pipeline_id.to_owned() };
        let Some(found) = answered(self.pipeline_service.get_pipeline(request).await) else {
            return stage_id.to_owned();
        };
        make_room(&mut self.stages);
        for stage in found.pipeline.unwrap_or_default().stages {
            let name = or_id(stage.display_name, &stage.stage_id);
            self.stages.insert((pipeline_id.to_owned(), stage.stage_id), name);
        }
        self.stages.entry(key).or_insert_with(|| stage_id.to_owned()).clone()
    }

    /// The code of a trigger's type; empty when the trigger is not to be found.
    pub(super) async fn trigger_type(&mut self, trigger_id: &str, revision: i64) -> String {
        let key = (trigger_id.to_owned(), revision);
        if let Some(code) = self.trigger_types.get(&key) {
            return code.clone();
        }
        let request = pb::GetTriggerRequest { trigger_id: trigger_id.to_owned(), revision };
        let Some(found) = answered(self.trigger_service.get_trigger(request).await) else {
            return String::new();
        };
        make_room(&mut self.trigger_types);
        let code = found.trigger.unwrap_or_default().trigger_type;
        self.trigger_types.entry(key).or_insert(code).clone()
    }

    /// The display name of an entity; empty when it has none.
    pub(super) async fn entity(&mut self, entity_id: &str) -> String {
        if let Some(name) = self.entities.get(entity_id) {
            return name.clone();
        }
        let request = pb::GetEntityRequest { entity_id: entity_id.to_owned() };
        let Some(found) = answered(self.entity_service.get_entity(request).await) else {
            return String::new();
        };
        make_room(&mut self.entities);
        let name = found.entity.unwrap_or_default().display_name;
        self.entities.entry(entity_id.to_owned()).or_insert(name).clone()
    }
}

/// The response, which is empty when there is no such thing; `None` when the server did not say.
fn answered<T: Default>(answer: Result<Response<T>, Status>) -> Option<T> {
    match answer {
        Ok(response) => Some(response.into_inner()),
        Err(status) if status.code() == Code::NotFound => Some(T::default()),
        Err(_) => None,
    }
}

fn make_room<K, V>(names: &mut HashMap<K, V>) {
    if names.len() >= NAMES_MAX {
        names.clear();
    }
}

fn or_id(name: String, id: &str) -> String {
    if name.is_empty() { id.to_owned() } else { name }
}
