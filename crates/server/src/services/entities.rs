use std::collections::HashMap;
use std::collections::hash_map::Entry;

use pawl_api::pb::entity_service_server::EntityService;
use pawl_api::{convert, pb};
use pawl_domain::{
    Actor, CustomerId, EntityId, EntityKind, EntityPlace, PipelineId, Prose, Rejection,
    Responsible, StageId,
};
use pawl_engine::{EngineError, EntityQuery, ImportSummary, MoveByHand, OnExisting, UpdateByHand};
use tonic::{Request, Response, Status, Streaming};

use super::events::outcome;
use super::{Services, bad, under};
use crate::page::PageRequest;
use crate::request;
use crate::status::{failed, failed_import, unreadable};

#[tonic::async_trait]
impl EntityService for Services {
    async fn create_entity(
        &self,
        request: Request<pb::CreateEntityRequest>,
    ) -> Result<Response<pb::CreateEntityResponse>, Status> {
        let (this, request) = self.admitted(request);
        let identity =
            request::identity("CreateEntity", &request.request_id, &request).map_err(bad)?;
        let mut entity = convert::required("entity", request.entity).map_err(bad)?;
        if entity.entity_id.is_empty() {
            let kind = this.kind_of("entity", &entity).await.map_err(failed)?;
            entity.entity_id = request::entity_id(&kind);
        }
        let new = convert::new_entity("entity", entity).map_err(bad)?;
        let created = this.engine.create_entity(new, identity).await.map_err(under("entity"))?;
        Ok(Response::new(pb::CreateEntityResponse { entity: Some((&created).into()) }))
    }

    async fn get_entity(
        &self,
        request: Request<pb::GetEntityRequest>,
    ) -> Result<Response<pb::GetEntityResponse>, Status> {
        let (this, request) = self.admitted(request);
        let id = EntityId::parse("entity_id", &request.entity_id).map_err(bad)?;
        let entity = this.engine.entity(id).await.map_err(failed)?;
        Ok(Response::new(pb::GetEntityResponse { entity: Some((&entity).into()) }))
    }

    async fn list_entities(
        &self,
        request: Request<pb::ListEntitiesRequest>,
    ) -> Result<Response<pb::ListEntitiesResponse>, Status> {
        let (this, mut request) = self.admitted(request);
        let page = PageRequest::take(&mut request, this.limits.max_page_size)?;
        let query = entity_query(&request).map_err(bad)?;
        let found = this.engine.entities(query, page.after.clone(), page.limit).await;
        let found = found.map_err(failed)?;
        Ok(Response::new(pb::ListEntitiesResponse {
            entities: found.items.iter().map(Into::into).collect(),
            next_page_token: page.next_token(found.next),
        }))
    }

    async fn update_entity(
        &self,
        request: Request<pb::UpdateEntityRequest>,
    ) -> Result<Response<pb::UpdateEntityResponse>, Status> {
        let (this, request) = self.admitted(request);
        let identity =
            request::identity("UpdateEntity", &request.request_id, &request).map_err(bad)?;
        let validate_only = request.validate_only;
        let wish = update_by_hand(request).map_err(bad)?;
        let done = this.engine.update_entity(wish, identity, validate_only).await;
        let done = done.map_err(under("entity"))?;
        Ok(Response::new(pb::UpdateEntityResponse {
            entity: Some((&done.entity).into()),
            outcome: done.told.as_ref().map(|told| outcome(told, pb::DecisionView::Full)),
        }))
    }

    async fn move_entity(
        &self,
        request: Request<pb::MoveEntityRequest>,
    ) -> Result<Response<pb::MoveEntityResponse>, Status> {
        let (this, request) = self.admitted(request);
        let identity =
            request::identity("MoveEntity", &request.request_id, &request).map_err(bad)?;
        let validate_only = request.validate_only;
        let wish = move_by_hand(request).map_err(bad)?;
        let done = this.engine.move_entity(wish, identity, validate_only).await.map_err(failed)?;
        let outcome = done.told.as_ref().map(|told| outcome(told, pb::DecisionView::Full));
        let moved = outcome.as_ref().and_then(|o| o.decisions.first()?.r#move.clone());
        let entity = Some((&done.entity).into());
        Ok(Response::new(pb::MoveEntityResponse { r#move: moved, entity, outcome }))
    }

    async fn delete_entity(
        &self,
        request: Request<pb::DeleteEntityRequest>,
    ) -> Result<Response<pb::DeleteEntityResponse>, Status> {
        let (this, request) = self.admitted(request);
        let id = EntityId::parse("entity_id", &request.entity_id).map_err(bad)?;
        this.engine.delete_entity(id, request.expected_revision).await.map_err(failed)?;
        Ok(Response::new(pb::DeleteEntityResponse {}))
    }

    async fn import_entities(
        &self,
        request: Request<Streaming<pb::ImportEntitiesRequest>>,
    ) -> Result<Response<pb::ImportEntitiesResponse>, Status> {
        let (this, mut messages) = self.admitted(request);
        let mut answer = pb::ImportEntitiesResponse::default();
        loop {
            let message = tokio::select! {
                message = messages.message() => {
                    message.map_err(|status| unreadable(status, answer.message_count))?
                }
                () = this.engine.stopping() => {
                    return Err(failed_import(EngineError::Stopping, answer.message_count));
                }
            };
            let Some(message) = message else { return Ok(Response::new(answer)) };
            let imported = this.import(message).await;
            let imported = imported.map_err(|error| failed_import(error, answer.message_count))?;
            answer.created_count += imported.created.cast_signed();
            answer.skipped_count += imported.skipped.cast_signed();
            answer.message_count += 1;
        }
    }
}

impl Services {
    async fn import(
        &self,
        message: pb::ImportEntitiesRequest,
    ) -> Result<ImportSummary, EngineError> {
        let identity = request::identity("ImportEntities", &message.request_id, &message)?;
        let (count, limit) = (message.entities.len(), self.limits.max_import_entities);
        if count == 0 {
            let problem = format!("is empty; a message has 1 to {limit}");
            return Err(Rejection::invalid("entities", problem).into());
        }
        if count > limit {
            let problem = format!("has {count}, the limit is {limit}; send more messages");
            return Err(Rejection::invalid("entities", problem).into());
        }
        let on_existing = convert::choice("on_existing", message.on_existing, "FAIL or SKIP")?;
        let on_existing = match on_existing {
            pb::OnExisting::Unspecified | pb::OnExisting::Fail => OnExisting::Fail,
            pb::OnExisting::Skip => OnExisting::Skip,
        };
        let mut news = Vec::with_capacity(count);
        let mut kinds = HashMap::new();
        for (index, mut entity) in message.entities.into_iter().enumerate() {
            let path = format!("entities[{index}]");
            if entity.entity_id.is_empty() {
                let kind = match kinds.entry(entity.pipeline_id.clone()) {
                    Entry::Occupied(known) => known.into_mut(),
                    Entry::Vacant(new) => new.insert(self.kind_of(&path, &entity).await?),
                };
                entity.entity_id = request::entity_id(kind);
            }
            news.push(convert::new_entity(&path, entity)?);
        }
        self.engine.import_entities(news, on_existing, identity).await
    }

    /// The kind that the id of an entity without one will hold: its pipeline's.
    async fn kind_of(&self, path: &str, entity: &pb::Entity) -> Result<EntityKind, EngineError> {
        let field = format!("{path}.pipeline_id");
        let id = PipelineId::parse(&field, &entity.pipeline_id)?;
        match self.engine.pipeline(id).await {
            Ok(pipeline) => Ok(pipeline.kind),
            Err(EngineError::Rejected(Rejection::NotFound { resource, id })) => {
                Err(Rejection::Missing { field, resource, id }.into())
            }
            Err(error) => Err(error),
        }
    }
}

fn update_by_hand(request: pb::UpdateEntityRequest) -> Result<UpdateByHand, Rejection> {
    let entity = convert::required("entity", request.entity)?;
    let (id, patch) = convert::entity_patch(entity, request.update_mask)?;
    Ok(UpdateByHand {
        id,
        patch,
        actor: convert::optional("actor", &request.actor, Actor::parse)?,
        event_id: request::event_id()?,
        expected_revision: request.expected_revision,
    })
}

fn entity_query(request: &pb::ListEntitiesRequest) -> Result<EntityQuery, Rejection> {
    let time = |field, time: Option<_>| time.map(|t| convert::timestamp(field, t)).transpose();
    Ok(EntityQuery {
        pipeline_id: convert::optional("pipeline_id", &request.pipeline_id, PipelineId::parse)?,
        stage_id: convert::optional("stage_id", &request.stage_id, StageId::parse)?,
        customer_id: convert::optional("customer_id", &request.customer_id, CustomerId::parse)?,
        responsible: convert::optional("responsible", &request.responsible, Responsible::parse)?,
        updated_after: time("updated_after", request.updated_after)?,
        updated_before: time("updated_before", request.updated_before)?,
    })
}

fn move_by_hand(request: pb::MoveEntityRequest) -> Result<MoveByHand, Rejection> {
    Ok(MoveByHand {
        id: EntityId::parse("entity_id", &request.entity_id)?,
        place: EntityPlace {
            pipeline_id: convert::optional("pipeline_id", &request.pipeline_id, PipelineId::parse)?,
            stage_id: StageId::parse("stage_id", &request.stage_id)?,
        },
        actor: convert::optional("actor", &request.actor, Actor::parse)?,
        comment: Prose::parse("comment", request.comment)?,
        event_id: request::event_id()?,
        expected_revision: request.expected_revision,
    })
}
