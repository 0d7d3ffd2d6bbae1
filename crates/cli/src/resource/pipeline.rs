use pawl_api::pb;
use prost_types::FieldMask;
use tonic::Status;

use crate::args::PipelineFilter;
use crate::pages::{Page, Paged};
use crate::resource::{Clients, Configured, Resource, calls, masked};

impl Resource for pb::Pipeline {
    const NAME: &'static str = "pipeline";
    const COMMAND: &'static str = "pipeline";

    type Filter = PipelineFilter;

    fn revision(&self) -> i64 {
        self.revision
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

    calls! {
        pipelines, pipeline by pipeline_id:
        get_pipeline(GetPipelineRequest),
        create_pipeline(CreatePipelineRequest),
        update_pipeline(UpdatePipelineRequest),
        delete_pipeline(DeletePipelineRequest)
    }
}

impl Configured for pb::Pipeline {
    fn update_mask(&self) -> FieldMask {
        masked(&["entity_kind", "display_name", "stages", "trigger_selection", "customer_reach"])
    }
}
