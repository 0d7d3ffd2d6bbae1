use pawl_api::pb;
use prost_types::FieldMask;
use tonic::Status;

use crate::args::TriggerTypeFilter;
use crate::pages::{Page, Paged};
use crate::resource::{Clients, Configured, Resource, masked};

impl Resource for pb::TriggerType {
    const NAME: &'static str = "trigger type";
    const COMMAND: &'static str = "trigger-type";

    type Filter = TriggerTypeFilter;

    fn revision(&self) -> i64 {
        self.revision
    }

    async fn get(clients: &mut Clients, id: &str) -> Result<Self, Status> {
        let request = pb::GetTriggerTypeRequest { code: id.to_owned() };
        let response = clients.triggers.get_trigger_type(request).await?;
        Ok(response.into_inner().trigger_type.unwrap_or_default())
    }

    async fn list(clients: &mut Clients, filter: &Self::Filter, page: Page) -> Paged<Self> {
        let request = pb::ListTriggerTypesRequest {
            section: filter.section.clone(),
            entity_kind: filter.kind.clone(),
            query: filter.query.clone(),
            page_size: page.size,
            page_token: page.token,
        };
        let page = clients.triggers.list_trigger_types(request).await?.into_inner();
        Ok((page.trigger_types, page.next_page_token))
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

    async fn update(
        self,
        mask: FieldMask,
        revision: i64,
        clients: &mut Clients,
    ) -> Result<Self, Status> {
        let request = pb::UpdateTriggerTypeRequest {
            update_mask: Some(mask),
            expected_revision: revision,
            trigger_type: Some(self),
            validate_only: clients.validate_only,
        };
        let response = clients.triggers.update_trigger_type(request).await?;
        Ok(response.into_inner().trigger_type.unwrap_or_default())
    }

    async fn delete(clients: &mut Clients, id: &str, revision: i64) -> Result<(), Status> {
        let request =
            pb::DeleteTriggerTypeRequest { code: id.to_owned(), expected_revision: revision };
        clients.triggers.delete_trigger_type(request).await.map(drop)
    }
}

impl Configured for pb::TriggerType {
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
}
