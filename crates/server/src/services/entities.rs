use pawl_api::pb::entity_service_server::EntityService;
use pawl_api::{convert, pb};
use pawl_domain::{Actor, Entity, EntityId, EntityPlace, PipelineId, Prose, Rejection, StageId};
use pawl_engine::{EngineError, ImportSummary, MoveByHand, OnExisting};
use tonic::{Request, Response, Status, Streaming};

use super::events::outcome;
use super::{Services, bad, under};
use crate::config::IMPORT_ENTITIES_MAX;
use crate::page::PageRequest;
use crate::request::{self, optional};
use crate::status::{failed, failed_import};

#[tonic::async_trait]
impl EntityService for Services {
    async fn create_entity(
        &self,
        request: Request<pb::CreateEntityRequest>,
    ) -> Result<Response<pb::CreateEntityResponse>, Status> {
        let request = request.into_inner();
        let identity = request::identity(&request.request_id, &request).map_err(bad)?;
        let mut entity = convert::required("entity", request.entity).map_err(bad)?;
        self.fill_entity_id("entity", &mut entity).await?;
        let new = convert::new_entity("entity", entity).map_err(bad)?;
        let created = self.engine.create_entity(new, identity).await.map_err(under("entity"))?;
        Ok(Response::new(pb::CreateEntityResponse { entity: Some((&created).into()) }))
    }

    async fn get_entity(
        &self,
        request: Request<pb::GetEntityRequest>,
    ) -> Result<Response<pb::GetEntityResponse>, Status> {
        let id = EntityId::parse("entity_id", &request.into_inner().entity_id).map_err(bad)?;
        let entity = self.engine.entity(id).await.map_err(failed)?;
        Ok(Response::new(pb::GetEntityResponse { entity: Some((&entity).into()) }))
    }

    async fn list_entities(
        &self,
        request: Request<pb::ListEntitiesRequest>,
    ) -> Result<Response<pb::ListEntitiesResponse>, Status> {
        let mut request = request.into_inner();
        let page = PageRequest::take(&mut request)?;
        let pipeline = optional("pipeline_id", &request.pipeline_id, PipelineId::parse);
        let pipeline = pipeline.map_err(bad)?;
        let stage = optional("stage_id", &request.stage_id, StageId::parse).map_err(bad)?;
        let keep = move |entity: &Entity| {
            pipeline.as_ref().is_none_or(|id| entity.pipeline_id == *id)
                && stage.as_ref().is_none_or(|id| entity.stage_id == *id)
        };
        let found = self.engine.entities(keep, page.after.clone(), page.limit).await;
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
        let request = request.into_inner();
        let identity = request::identity(&request.request_id, &request).map_err(bad)?;
        let entity = convert::required("entity", request.entity).map_err(bad)?;
        let (id, patch) = convert::entity_patch(entity, request.update_mask).map_err(bad)?;
        let expected = request.expected_revision;
        let updated = self.engine.update_entity(id, patch, expected, identity).await;
        let updated = updated.map_err(under("entity"))?;
        Ok(Response::new(pb::UpdateEntityResponse { entity: Some((&updated).into()) }))
    }

    async fn move_entity(
        &self,
        request: Request<pb::MoveEntityRequest>,
    ) -> Result<Response<pb::MoveEntityResponse>, Status> {
        let request = request.into_inner();
        let identity = request::identity(&request.request_id, &request).map_err(bad)?;
        let wish = move_by_hand(request).map_err(bad)?;
        let done = self.engine.move_entity(wish, identity).await.map_err(failed)?;
        let outcome = done.published.as_ref().map(|p| outcome(p, pb::DecisionView::Full));
        let moved = outcome.as_ref().and_then(|o| o.decisions.first()?.r#move.clone());
        let entity = Some((&done.entity).into());
        Ok(Response::new(pb::MoveEntityResponse { r#move: moved, entity, outcome }))
    }

    async fn delete_entity(
        &self,
        request: Request<pb::DeleteEntityRequest>,
    ) -> Result<Response<pb::DeleteEntityResponse>, Status> {
        let request = request.into_inner();
        let id = EntityId::parse("entity_id", &request.entity_id).map_err(bad)?;
        self.engine.delete_entity(id, request.expected_revision).await.map_err(failed)?;
        Ok(Response::new(pb::DeleteEntityResponse {}))
    }

    async fn import_entities(
        &self,
        request: Request<Streaming<pb::ImportEntitiesRequest>>,
    ) -> Result<Response<pb::ImportEntitiesResponse>, Status> {
        let mut messages = request.into_inner();
        let mut answer = pb::ImportEntitiesResponse::default();
        loop {
            let message = tokio::select! {
                message = messages.message() => message?,
                () = self.engine.stopping() => {
                    return Err(failed_import(EngineError::Stopping, answer.message_count));
                }
            };
            let Some(message) = message else { return Ok(Response::new(answer)) };
            let imported = self.import(message).await;
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
        let identity = request::identity(&message.request_id, &message)?;
        let count = message.entities.len();
        if count == 0 {
            let problem = format!("is empty; a message has 1 to {IMPORT_ENTITIES_MAX}");
            return Err(Rejection::invalid("entities", problem).into());
        }
        if count > IMPORT_ENTITIES_MAX {
            let problem =
                format!("has {count}, the limit is {IMPORT_ENTITIES_MAX}; send more messages");
            return Err(Rejection::invalid("entities", problem).into());
        }
        let on_existing = match pb::OnExisting::try_from(message.on_existing) {
            Ok(pb::OnExisting::Unspecified | pb::OnExisting::Fail) => OnExisting::Fail,
            Ok(pb::OnExisting::Skip) => OnExisting::Skip,
            Err(_) => {
                let problem = format!("{} is unknown; use FAIL or SKIP", message.on_existing);
                return Err(Rejection::invalid("on_existing", problem).into());
            }
        };
        let new = |(index, entity): (usize, pb::Entity)| {
            convert::new_entity(&format!("entities[{index}]"), entity)
        };
        let news = message.entities.into_iter().enumerate().map(new).collect::<Result<_, _>>()?;
        self.engine.import_entities(news, on_existing, identity).await
    }

    /// An entity's id holds its kind, which the pipeline knows.
    async fn fill_entity_id(
        &self,
        path: &'static str,
        entity: &mut pb::Entity,
    ) -> Result<(), Status> {
        if entity.entity_id.is_empty() {
            let field = format!("{path}.pipeline_id");
            let id = PipelineId::parse(&field, &entity.pipeline_id).map_err(bad)?;
            let pipeline = self.engine.pipeline(id).await.map_err(|error| match error {
                EngineError::Rejected(Rejection::NotFound { resource, id }) => {
                    bad(Rejection::Missing { field, resource, id })
                }
                error => failed(error),
            })?;
            request::fill_entity_id(&mut entity.entity_id, &pipeline.kind);
        }
        Ok(())
    }
}

fn move_by_hand(request: pb::MoveEntityRequest) -> Result<MoveByHand, Rejection> {
    Ok(MoveByHand {
        id: EntityId::parse("entity_id", &request.entity_id)?,
        place: EntityPlace {
            pipeline_id: optional("pipeline_id", &request.pipeline_id, PipelineId::parse)?,
            stage_id: StageId::parse("stage_id", &request.stage_id)?,
        },
        actor: optional("actor", &request.actor, Actor::parse)?,
        comment: Prose::parse("comment", request.comment)?,
        event_id: request::event_id()?,
        expected_revision: request.expected_revision,
    })
}
