use pawl_api::pb;
use prost_types::FieldMask;
use tonic::Status;

use crate::args::EntityFilter;
use crate::clock::stored;
use crate::pages::{Page, Paged};
use crate::resource::{Clients, Resource};

impl Resource for pb::Entity {
    const NAME: &'static str = "entity";
    const COMMAND: &'static str = "entity";

    type Filter = EntityFilter;

    fn revision(&self) -> i64 {
        self.revision
    }

    async fn get(clients: &mut Clients, id: &str) -> Result<Self, Status> {
        let request = pb::GetEntityRequest { entity_id: id.to_owned() };
        let response = clients.entities.get_entity(request).await?;
        Ok(response.into_inner().entity.unwrap_or_default())
    }

    async fn list(clients: &mut Clients, filter: &Self::Filter, page: Page) -> Paged<Self> {
        let request = pb::ListEntitiesRequest {
            pipeline_id: filter.pipeline.clone(),
            stage_id: filter.stage.clone(),
            customer_id: filter.customer.clone(),
            responsible: filter.responsible.clone(),
            updated_after: filter.updated_after.map(stored),
            updated_before: filter.updated_before.map(stored),
            page_size: page.size,
            page_token: page.token,
        };
        let page = clients.entities.list_entities(request).await?.into_inner();
        Ok((page.entities, page.next_page_token))
    }

    async fn create(self, clients: &mut Clients) -> Result<Self, Status> {
        let request = pb::CreateEntityRequest { entity: Some(self), ..Default::default() };
        let response = clients.entities.create_entity(request).await?;
        Ok(response.into_inner().entity.unwrap_or_default())
    }

    async fn update(
        self,
        mask: FieldMask,
        revision: i64,
        clients: &mut Clients,
    ) -> Result<Self, Status> {
        let request = pb::UpdateEntityRequest {
            update_mask: Some(mask),
            expected_revision: revision,
            entity: Some(self),
            validate_only: clients.validate_only,
            actor: clients.actor.clone(),
            request_id: String::new(),
        };
        let response = clients.entities.update_entity(request).await?;
        Ok(response.into_inner().entity.unwrap_or_default())
    }

    async fn delete(clients: &mut Clients, id: &str, revision: i64) -> Result<(), Status> {
        let request =
            pb::DeleteEntityRequest { entity_id: id.to_owned(), expected_revision: revision };
        clients.entities.delete_entity(request).await.map(drop)
    }
}
