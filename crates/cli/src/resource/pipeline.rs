use pawl_api::pb;
use prost_types::FieldMask;
use tonic::Status;

use crate::args::PipelineFilter;
use crate::pages::{Page, Paged};
use crate::resource::{Clients, Configured, Resource, masked};

impl Resource for pb::Pipeline {
    const NAME: &'static str = "pipeline";
    const COMMAND: &'static str = "pipeline";

    type Filter = PipelineFilter;

    fn revision(&self) -> i64 {
        self.revision
    }

    async fn get(clients: &mut Clients, id: &str) -> Result<Self, Status> {
        let request = pb::GetPipelineRequest { pipeline_id: id.to_owned() };
        let response = clients.pipelines.get_pipeline(request).await?;
        Ok(response.into_inner().pipeline.unwrap_or_default())
    }

    async fn list(clients: &mut Clients, filter: &Self::Filter, page: Page) -> Paged<Self> {
        let request = pb::ListPipelinesRequest {
            entity_kind: filter.kind.clone(),
            page_size: page.size,
            page_token: page.token,
        };
        let page = clients.pipelines.list_pipelines(request).await?.into_inner();
        Ok((page.pipelines, page.next_page_token))
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

    async fn update(
        self,
        mask: FieldMask,
        revision: i64,
        clients: &mut Clients,
    ) -> Result<Self, Status> {
        let request = pb::UpdatePipelineRequest {
            update_mask: Some(mask),
            expected_revision: revision,
            pipeline: Some(self),
            validate_only: clients.validate_only,
        };
        let response = clients.pipelines.update_pipeline(request).await?;
        Ok(response.into_inner().pipeline.unwrap_or_default())
    }

    async fn delete(clients: &mut Clients, id: &str, revision: i64) -> Result<(), Status> {
        let request =
            pb::DeletePipelineRequest { pipeline_id: id.to_owned(), expected_revision: revision };
        clients.pipelines.delete_pipeline(request).await.map(drop)
    }
}

impl Configured for pb::Pipeline {
    fn update_mask(&self) -> FieldMask {
        masked(&["entity_kind", "display_name", "stages", "trigger_selection", "customer_reach"])
    }
}
