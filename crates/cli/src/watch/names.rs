use std::collections::HashMap;

use pawl_api::pb;
use pawl_api::pb::entity_service_client::EntityServiceClient;
use pawl_api::pb::pipeline_service_client::PipelineServiceClient;
use pawl_api::pb::trigger_service_client::TriggerServiceClient;
use tonic::transport::Channel;

/// How many names of each sort are kept; when there are more, they are asked for anew.
const NAMES_MAX: usize = 10_000;

/// What people call the things that moves refer to by id, asked from the server when first needed.
///
/// What cannot be found, because it is deleted by now, is called by its id.
#[derive(Debug)]
pub(super) struct Names {
    pipeline_service: PipelineServiceClient<Channel>,
    trigger_service: TriggerServiceClient<Channel>,
    entity_service: EntityServiceClient<Channel>,
    /// Display names by pipeline and stage.
    stages: HashMap<(String, String), String>,
    /// Codes by trigger and revision.
    trigger_types: HashMap<(String, i64), String>,
    /// Display names by entity.
    entities: HashMap<String, String>,
}

impl Names {
    pub(super) fn new(channel: Channel) -> Self {
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
        let found = self.pipeline_service.get_pipeline(request).await;
        let pipeline = found.ok().and_then(|response| response.into_inner().pipeline);
        make_room(&mut self.stages);
        for stage in pipeline.unwrap_or_default().stages {
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
        let found = self.trigger_service.get_trigger(request).await;
        let trigger = found.ok().and_then(|response| response.into_inner().trigger);
        make_room(&mut self.trigger_types);
        let code = trigger.unwrap_or_default().trigger_type;
        self.trigger_types.entry(key).or_insert(code).clone()
    }

    /// The display name of an entity; empty when it has none.
    pub(super) async fn entity(&mut self, entity_id: &str) -> String {
        if let Some(name) = self.entities.get(entity_id) {
            return name.clone();
        }
        let request = pb::GetEntityRequest { entity_id: entity_id.to_owned() };
        let found = self.entity_service.get_entity(request).await;
        let entity = found.ok().and_then(|response| response.into_inner().entity);
        make_room(&mut self.entities);
        let name = entity.unwrap_or_default().display_name;
        self.entities.entry(entity_id.to_owned()).or_insert(name).clone()
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
