use std::collections::{HashMap, HashSet};

use pawl_api::pb;
use pawl_api::pb::pipeline_service_client::PipelineServiceClient;
use pawl_api::pb::trigger_service_client::TriggerServiceClient;
use prost_types::FieldMask;
use tonic::Status;
use tonic::transport::Channel;

use crate::manifest::Listed;

/// The services that keep resources.
#[derive(Debug, Clone)]
pub(crate) struct Clients {
    pipelines: PipelineServiceClient<Channel>,
    triggers: TriggerServiceClient<Channel>,
    validate_only: bool,
}

impl Clients {
    pub(crate) fn new(channel: Channel) -> Self {
        Self {
            pipelines: PipelineServiceClient::new(channel.clone()),
            triggers: TriggerServiceClient::new(channel),
            validate_only: false,
        }
    }

    /// Their creates and updates run every check of the server and change nothing.
    pub(crate) fn that_only_validate(channel: Channel) -> Self {
        Self { validate_only: true, ..Self::new(channel) }
    }
}

/// What a run is about to write, so that a check can tell what is only missing yet.
#[derive(Debug, Default)]
pub(crate) struct Planned {
    /// The stages of each pipeline.
    pub(crate) pipelines: HashMap<String, Vec<String>>,
    /// The codes of trigger types.
    pub(crate) trigger_types: HashSet<String>,
}

/// What can be read, created and updated by its id.
pub(crate) trait Resource: Listed {
    /// What people call it.
    const NAME: &'static str;

    fn revision(&self) -> i64;

    /// Names every field that an update may change, so that one which is absent here falls back to
    /// its default.
    fn update_mask(&self) -> FieldMask;

    async fn get(clients: &mut Clients, id: &str) -> Result<Self, Status>;

    /// Gives it as it is stored, or as it would be.
    async fn create(self, clients: &mut Clients) -> Result<Self, Status>;

    /// Makes the stored one like this one, with every field that is not for the server to fill in:
    /// a field at its default is set to it. Refused when it is at another revision.
    async fn update(self, clients: &mut Clients, revision: i64) -> Result<Self, Status>;

    /// Why a check was refused for this reason only because something that is planned is not there
    /// yet; none when the refusal stands.
    fn waits_for(&self, _reason: &str, _planned: &Planned) -> Option<&'static str> {
        None
    }
}

impl Resource for pb::Pipeline {
    const NAME: &'static str = "pipeline";

    fn revision(&self) -> i64 {
        self.revision
    }

    fn update_mask(&self) -> FieldMask {
        masked(&["entity_kind", "display_name", "stages", "trigger_selection", "customer_reach"])
    }

    async fn get(clients: &mut Clients, id: &str) -> Result<Self, Status> {
        let request = pb::GetPipelineRequest { pipeline_id: id.to_owned() };
        Ok(clients.pipelines.get_pipeline(request).await?.into_inner().pipeline.unwrap_or_default())
    }

    async fn create(self, clients: &mut Clients) -> Result<Self, Status> {
        let request = pb::CreatePipelineRequest {
            pipeline: Some(self),
            validate_only: clients.validate_only,
            ..Default::default()
        };
        let response = clients.pipelines.create_pipeline(request).await?;
        Ok(response.into_inner().pipeline.unwrap_or_default())
    }

    async fn update(self, clients: &mut Clients, revision: i64) -> Result<Self, Status> {
        let request = pb::UpdatePipelineRequest {
            update_mask: Some(self.update_mask()),
            expected_revision: revision,
            pipeline: Some(self),
            validate_only: clients.validate_only,
        };
        let response = clients.pipelines.update_pipeline(request).await?;
        Ok(response.into_inner().pipeline.unwrap_or_default())
    }
}

impl Resource for pb::TriggerType {
    const NAME: &'static str = "trigger type";

    fn revision(&self) -> i64 {
        self.revision
    }

    fn update_mask(&self) -> FieldMask {
        let mut paths = vec!["section", "title", "description", "entity_kinds"];
        // These never change, so that there is nothing to reset: present they are a claim that is
        // checked, absent they stand for whatever is there.
        if !self.event_type.is_empty() {
            paths.push("event_type");
        }
        if !self.parameters.is_empty() {
            paths.push("parameters");
        }
        masked(&paths)
    }

    async fn get(clients: &mut Clients, id: &str) -> Result<Self, Status> {
        let request = pb::GetTriggerTypeRequest { code: id.to_owned() };
        let response = clients.triggers.get_trigger_type(request).await?;
        Ok(response.into_inner().trigger_type.unwrap_or_default())
    }

    async fn create(self, clients: &mut Clients) -> Result<Self, Status> {
        let request = pb::CreateTriggerTypeRequest {
            trigger_type: Some(self),
            validate_only: clients.validate_only,
            ..Default::default()
        };
        let response = clients.triggers.create_trigger_type(request).await?;
        Ok(response.into_inner().trigger_type.unwrap_or_default())
    }

    async fn update(self, clients: &mut Clients, revision: i64) -> Result<Self, Status> {
        let request = pb::UpdateTriggerTypeRequest {
            update_mask: Some(self.update_mask()),
            expected_revision: revision,
            trigger_type: Some(self),
            validate_only: clients.validate_only,
        };
        let response = clients.triggers.update_trigger_type(request).await?;
        Ok(response.into_inner().trigger_type.unwrap_or_default())
    }
}

impl Resource for pb::Trigger {
    const NAME: &'static str = "trigger";

    fn revision(&self) -> i64 {
        self.revision
    }

    fn update_mask(&self) -> FieldMask {
        // Without a display name it gets the sentence that only the server can make.
        masked(&[
            "pipeline_id",
            "stage_id",
            "display_name",
            "trigger_type",
            "parameters",
            "filter",
            "allow_move_back",
            "allow_reopen",
            "state",
        ])
    }

    async fn get(clients: &mut Clients, id: &str) -> Result<Self, Status> {
        let request = pb::GetTriggerRequest { trigger_id: id.to_owned(), revision: 0 };
        Ok(clients.triggers.get_trigger(request).await?.into_inner().trigger.unwrap_or_default())
    }

    async fn create(self, clients: &mut Clients) -> Result<Self, Status> {
        let request = pb::CreateTriggerRequest {
            trigger: Some(self),
            validate_only: clients.validate_only,
            ..Default::default()
        };
        let response = clients.triggers.create_trigger(request).await?;
        Ok(response.into_inner().trigger.unwrap_or_default())
    }

    async fn update(self, clients: &mut Clients, revision: i64) -> Result<Self, Status> {
        let request = pb::UpdateTriggerRequest {
            update_mask: Some(self.update_mask()),
            expected_revision: revision,
            trigger: Some(self),
            validate_only: clients.validate_only,
        };
        let response = clients.triggers.update_trigger(request).await?;
        Ok(response.into_inner().trigger.unwrap_or_default())
    }

    fn waits_for(&self, reason: &str, planned: &Planned) -> Option<&'static str> {
        let stages = planned.pipelines.get(&self.pipeline_id);
        let has_stage = stages.is_some_and(|stages| stages.contains(&self.stage_id));
        let has_type = planned.trigger_types.contains(&self.trigger_type);
        match reason {
            "PIPELINE_NOT_FOUND" if stages.is_some() => Some("its pipeline would be created first"),
            "STAGE_NOT_FOUND" if has_stage => Some("its stage would be added first"),
            "TRIGGER_TYPE_NOT_FOUND" if has_type => Some("its trigger type would be created first"),
            "KIND_MISMATCH" if has_type => Some("its trigger type would be changed first"),
            _ => None,
        }
    }
}

fn masked(paths: &[&str]) -> FieldMask {
    FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() }
}
