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
}

impl Clients {
    pub(crate) fn new(channel: Channel) -> Self {
        Self {
            pipelines: PipelineServiceClient::new(channel.clone()),
            triggers: TriggerServiceClient::new(channel),
        }
    }
}

/// What can be read, created and updated by its id.
pub(crate) trait Resource: Listed {
    /// What people call it.
    const NAME: &'static str;

    fn revision(&self) -> i64;

    async fn get(clients: &mut Clients, id: &str) -> Result<Self, Status>;

    async fn create(self, clients: &mut Clients) -> Result<Self, Status>;

    /// Makes the stored one like this one, with every field that is not for the server to fill in:
    /// a field at its default is set to it. Refused when it is at another revision.
    async fn update(self, clients: &mut Clients, revision: i64) -> Result<Self, Status>;
}

impl Resource for pb::Pipeline {
    const NAME: &'static str = "pipeline";

    fn revision(&self) -> i64 {
        self.revision
    }

    async fn get(clients: &mut Clients, id: &str) -> Result<Self, Status> {
        let request = pb::GetPipelineRequest { pipeline_id: id.to_owned() };
        Ok(clients.pipelines.get_pipeline(request).await?.into_inner().pipeline.unwrap_or_default())
    }

    async fn create(self, clients: &mut Clients) -> Result<Self, Status> {
        let request = pb::CreatePipelineRequest { pipeline: Some(self), ..Default::default() };
        let response = clients.pipelines.create_pipeline(request).await?;
        Ok(response.into_inner().pipeline.unwrap_or_default())
    }

    async fn update(self, clients: &mut Clients, revision: i64) -> Result<Self, Status> {
        let mask = ["entity_kind", "display_name", "stages", "trigger_selection"];
        let request = pb::UpdatePipelineRequest {
            update_mask: Some(masked(&mask)),
            expected_revision: revision,
            pipeline: Some(self),
            validate_only: false,
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

    async fn get(clients: &mut Clients, id: &str) -> Result<Self, Status> {
        let request = pb::GetTriggerTypeRequest { code: id.to_owned() };
        let response = clients.triggers.get_trigger_type(request).await?;
        Ok(response.into_inner().trigger_type.unwrap_or_default())
    }

    async fn create(self, clients: &mut Clients) -> Result<Self, Status> {
        let request =
            pb::CreateTriggerTypeRequest { trigger_type: Some(self), ..Default::default() };
        let response = clients.triggers.create_trigger_type(request).await?;
        Ok(response.into_inner().trigger_type.unwrap_or_default())
    }

    async fn update(self, clients: &mut Clients, revision: i64) -> Result<Self, Status> {
        let mut mask = vec!["section", "title", "description", "entity_kinds"];
        // Absent it stands for the code; it never changes, so that there is nothing to reset.
        if !self.event_type.is_empty() {
            mask.push("event_type");
        }
        let request = pb::UpdateTriggerTypeRequest {
            update_mask: Some(masked(&mask)),
            expected_revision: revision,
            trigger_type: Some(self),
            validate_only: false,
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

    async fn get(clients: &mut Clients, id: &str) -> Result<Self, Status> {
        let request = pb::GetTriggerRequest { trigger_id: id.to_owned(), revision: 0 };
        Ok(clients.triggers.get_trigger(request).await?.into_inner().trigger.unwrap_or_default())
    }

    async fn create(self, clients: &mut Clients) -> Result<Self, Status> {
        let request = pb::CreateTriggerRequest { trigger: Some(self), ..Default::default() };
        let response = clients.triggers.create_trigger(request).await?;
        Ok(response.into_inner().trigger.unwrap_or_default())
    }

    async fn update(self, clients: &mut Clients, revision: i64) -> Result<Self, Status> {
        let mut mask = vec![
            "pipeline_id",
            "stage_id",
            "trigger_type",
            "allow_move_back",
            "allow_reopen",
            "state",
        ];
        // Absent it stands for a sentence that only the server can make: leave it.
        if !self.display_name.is_empty() {
            mask.push("display_name");
        }
        let request = pb::UpdateTriggerRequest {
            update_mask: Some(masked(&mask)),
            expected_revision: revision,
            trigger: Some(self),
            validate_only: false,
        };
        let response = clients.triggers.update_trigger(request).await?;
        Ok(response.into_inner().trigger.unwrap_or_default())
    }
}

fn masked(paths: &[&str]) -> FieldMask {
    FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() }
}
