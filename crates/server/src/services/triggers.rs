use pawl_api::pb::trigger_service_server::TriggerService;
use pawl_api::{convert, pb};
use pawl_domain::{
    DisplayName, EntityKind, PipelineId, Rejection, StageId, TriggerId, TriggerType, TypeCode,
};
use pawl_engine::TriggerQuery;
use tonic::{Request, Response, Status};

use super::{Services, bad, under};
use crate::page::PageRequest;
use crate::request;
use crate::status::failed;

#[tonic::async_trait]
impl TriggerService for Services {
    async fn create_trigger_type(
        &self,
        request: Request<pb::CreateTriggerTypeRequest>,
    ) -> Result<Response<pb::CreateTriggerTypeResponse>, Status> {
        let request = request.into_inner();
        let identity =
            request::identity("CreateTriggerType", &request.request_id, &request).map_err(bad)?;
        let mut new = convert::required("trigger_type", request.trigger_type).map_err(bad)?;
        request::fill_id(&mut new.code);
        let new = convert::new_trigger_type(new).map_err(bad)?;
        let created = self.engine.create_trigger_type(new, identity, request.validate_only).await;
        let created = created.map_err(under("trigger_type"))?;
        Ok(Response::new(pb::CreateTriggerTypeResponse { trigger_type: Some((&created).into()) }))
    }

    async fn get_trigger_type(
        &self,
        request: Request<pb::GetTriggerTypeRequest>,
    ) -> Result<Response<pb::GetTriggerTypeResponse>, Status> {
        let code = TypeCode::parse("code", &request.into_inner().code).map_err(bad)?;
        let found = self.engine.trigger_type(code).await.map_err(failed)?;
        Ok(Response::new(pb::GetTriggerTypeResponse { trigger_type: Some((&found).into()) }))
    }

    async fn list_trigger_types(
        &self,
        request: Request<pb::ListTriggerTypesRequest>,
    ) -> Result<Response<pb::ListTriggerTypesResponse>, Status> {
        let mut request = request.into_inner();
        let page = PageRequest::take(&mut request)?;
        let keep = type_filter(request).map_err(bad)?;
        let found = self.engine.trigger_types(keep, page.after.clone(), page.limit).await;
        let found = found.map_err(failed)?;
        Ok(Response::new(pb::ListTriggerTypesResponse {
            trigger_types: found.items.iter().map(Into::into).collect(),
            next_page_token: page.next_token(found.next),
        }))
    }

    async fn update_trigger_type(
        &self,
        request: Request<pb::UpdateTriggerTypeRequest>,
    ) -> Result<Response<pb::UpdateTriggerTypeResponse>, Status> {
        let request = request.into_inner();
        let changed = convert::required("trigger_type", request.trigger_type).map_err(bad)?;
        let (code, patch) =
            convert::trigger_type_patch(changed, request.update_mask).map_err(bad)?;
        let (expected, validate_only) = (request.expected_revision, request.validate_only);
        let updated = self.engine.update_trigger_type(code, patch, expected, validate_only).await;
        let updated = updated.map_err(under("trigger_type"))?;
        Ok(Response::new(pb::UpdateTriggerTypeResponse { trigger_type: Some((&updated).into()) }))
    }

    async fn delete_trigger_type(
        &self,
        request: Request<pb::DeleteTriggerTypeRequest>,
    ) -> Result<Response<pb::DeleteTriggerTypeResponse>, Status> {
        let request = request.into_inner();
        let code = TypeCode::parse("code", &request.code).map_err(bad)?;
        self.engine.delete_trigger_type(code, request.expected_revision).await.map_err(failed)?;
        Ok(Response::new(pb::DeleteTriggerTypeResponse {}))
    }

    async fn create_trigger(
        &self,
        request: Request<pb::CreateTriggerRequest>,
    ) -> Result<Response<pb::CreateTriggerResponse>, Status> {
        let request = request.into_inner();
        let identity =
            request::identity("CreateTrigger", &request.request_id, &request).map_err(bad)?;
        let mut trigger = convert::required("trigger", request.trigger).map_err(bad)?;
        request::fill_id(&mut trigger.trigger_id);
        let new = convert::new_trigger(trigger).map_err(bad)?;
        let created = self.engine.create_trigger(new, identity, request.validate_only).await;
        let created = created.map_err(under("trigger"))?;
        Ok(Response::new(pb::CreateTriggerResponse { trigger: Some((&created).into()) }))
    }

    async fn get_trigger(
        &self,
        request: Request<pb::GetTriggerRequest>,
    ) -> Result<Response<pb::GetTriggerResponse>, Status> {
        let request = request.into_inner();
        let id = TriggerId::parse("trigger_id", &request.trigger_id).map_err(bad)?;
        if request.revision < 0 {
            return Err(bad(Rejection::invalid(
                "revision",
                "must not be negative; 0 is the latest",
            )));
        }
        let (trigger, deleted) = self.engine.trigger(id, request.revision).await.map_err(failed)?;
        Ok(Response::new(pb::GetTriggerResponse { trigger: Some((&trigger).into()), deleted }))
    }

    async fn list_triggers(
        &self,
        request: Request<pb::ListTriggersRequest>,
    ) -> Result<Response<pb::ListTriggersResponse>, Status> {
        let mut request = request.into_inner();
        let page = PageRequest::take(&mut request)?;
        let query = trigger_query(&request).map_err(bad)?;
        let found = self.engine.triggers(query, page.after.clone(), page.limit).await;
        let found = found.map_err(failed)?;
        Ok(Response::new(pb::ListTriggersResponse {
            triggers: found.items.iter().map(Into::into).collect(),
            next_page_token: page.next_token(found.next),
        }))
    }

    async fn update_trigger(
        &self,
        request: Request<pb::UpdateTriggerRequest>,
    ) -> Result<Response<pb::UpdateTriggerResponse>, Status> {
        let request = request.into_inner();
        let trigger = convert::required("trigger", request.trigger).map_err(bad)?;
        let (id, patch) = convert::trigger_patch(trigger, request.update_mask).map_err(bad)?;
        let (expected, validate_only) = (request.expected_revision, request.validate_only);
        let updated = self.engine.update_trigger(id, patch, expected, validate_only).await;
        let updated = updated.map_err(under("trigger"))?;
        Ok(Response::new(pb::UpdateTriggerResponse { trigger: Some((&updated).into()) }))
    }

    async fn delete_trigger(
        &self,
        request: Request<pb::DeleteTriggerRequest>,
    ) -> Result<Response<pb::DeleteTriggerResponse>, Status> {
        let request = request.into_inner();
        let id = TriggerId::parse("trigger_id", &request.trigger_id).map_err(bad)?;
        self.engine.delete_trigger(id, request.expected_revision).await.map_err(failed)?;
        Ok(Response::new(pb::DeleteTriggerResponse {}))
    }
}

fn type_filter(
    request: pb::ListTriggerTypesRequest,
) -> Result<impl Fn(&TriggerType) -> bool + Send + 'static, Rejection> {
    let kind = convert::optional("entity_kind", &request.entity_kind, EntityKind::parse)?;
    // No longer than the titles in which it is looked for.
    let query = DisplayName::parse("query", request.query)?.as_str().to_lowercase();
    let section = request.section;
    Ok(move |found: &TriggerType| {
        (section.is_empty() || found.section.as_str() == section)
            && kind.as_ref().is_none_or(|kind| found.serves(kind))
            && found.title.as_str().to_lowercase().contains(&query)
    })
}

fn trigger_query(request: &pb::ListTriggersRequest) -> Result<TriggerQuery, Rejection> {
    Ok(TriggerQuery {
        pipeline_id: convert::optional("pipeline_id", &request.pipeline_id, PipelineId::parse)?,
        stage_id: convert::optional("stage_id", &request.stage_id, StageId::parse)?,
        type_code: convert::optional("trigger_type", &request.trigger_type, TypeCode::parse)?,
        state: convert::trigger_state_filter("state", request.state)?,
    })
}
