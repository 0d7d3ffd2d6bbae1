use pawl_api::pb::trigger_service_server::TriggerService;
use pawl_api::{convert, pb};
use pawl_domain::{
    DisplayName, EntityId, MoveId, PipelineId, Rejection, ServedKind, StageId, Trigger, TriggerId,
    TriggerType, TypeCode,
};
use pawl_engine::{LoggedVerdict, TriggerQuery, VerdictQuery};
use tonic::{Request, Response, Status};

use super::{Services, bad, under};
use crate::page::PageRequest;
use crate::request;
use crate::status::{failed, page_token_invalid};

#[tonic::async_trait]
impl TriggerService for Services {
    async fn create_trigger_type(
        &self,
        request: Request<pb::CreateTriggerTypeRequest>,
    ) -> Result<Response<pb::CreateTriggerTypeResponse>, Status> {
        let (this, request) = self.admitted(request);
        let identity =
            request::identity("CreateTriggerType", &request.request_id, &request).map_err(bad)?;
        let mut new = convert::required("trigger_type", request.trigger_type).map_err(bad)?;
        request::fill_id(&mut new.code);
        let new = convert::new_trigger_type(new).map_err(bad)?;
        let created = this.engine.create_trigger_type(new, identity, request.validate_only).await;
        let created = created.map_err(under("trigger_type"))?;
        Ok(Response::new(pb::CreateTriggerTypeResponse { trigger_type: Some((&created).into()) }))
    }

    async fn get_trigger_type(
        &self,
        request: Request<pb::GetTriggerTypeRequest>,
    ) -> Result<Response<pb::GetTriggerTypeResponse>, Status> {
        let (this, request) = self.admitted(request);
        let code = TypeCode::parse("code", &request.code).map_err(bad)?;
        let found = this.engine.trigger_type(code).await.map_err(failed)?;
        Ok(Response::new(pb::GetTriggerTypeResponse { trigger_type: Some((&found).into()) }))
    }

    async fn list_trigger_types(
        &self,
        request: Request<pb::ListTriggerTypesRequest>,
    ) -> Result<Response<pb::ListTriggerTypesResponse>, Status> {
        let (this, mut request) = self.admitted(request);
        let page = PageRequest::take(&mut request, this.limits.max_page_size)?;
        let keep = type_filter(request).map_err(bad)?;
        let found = this.engine.trigger_types(keep, page.after.clone(), page.limit).await;
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
        let (this, request) = self.admitted(request);
        let changed = convert::required("trigger_type", request.trigger_type).map_err(bad)?;
        let (code, patch) =
            convert::trigger_type_patch(changed, request.update_mask).map_err(bad)?;
        let (expected, validate_only) = (request.expected_revision, request.validate_only);
        let updated = this.engine.update_trigger_type(code, patch, expected, validate_only).await;
        let updated = updated.map_err(under("trigger_type"))?;
        Ok(Response::new(pb::UpdateTriggerTypeResponse { trigger_type: Some((&updated).into()) }))
    }

    async fn delete_trigger_type(
        &self,
        request: Request<pb::DeleteTriggerTypeRequest>,
    ) -> Result<Response<pb::DeleteTriggerTypeResponse>, Status> {
        let (this, request) = self.admitted(request);
        let code = TypeCode::parse("code", &request.code).map_err(bad)?;
        this.engine.delete_trigger_type(code, request.expected_revision).await.map_err(failed)?;
        Ok(Response::new(pb::DeleteTriggerTypeResponse {}))
    }

    async fn create_trigger(
        &self,
        request: Request<pb::CreateTriggerRequest>,
    ) -> Result<Response<pb::CreateTriggerResponse>, Status> {
        let (this, request) = self.admitted(request);
        let identity =
            request::identity("CreateTrigger", &request.request_id, &request).map_err(bad)?;
        let mut trigger = convert::required("trigger", request.trigger).map_err(bad)?;
        request::fill_id(&mut trigger.trigger_id);
        let new = convert::new_trigger("trigger", trigger).map_err(bad)?;
        let created = this.engine.create_trigger(new, identity, request.validate_only).await;
        let created = created.map_err(under("trigger"))?;
        Ok(Response::new(pb::CreateTriggerResponse { trigger: Some(this.shown(&created)) }))
    }

    async fn get_trigger(
        &self,
        request: Request<pb::GetTriggerRequest>,
    ) -> Result<Response<pb::GetTriggerResponse>, Status> {
        let (this, request) = self.admitted(request);
        let id = TriggerId::parse("trigger_id", &request.trigger_id).map_err(bad)?;
        if request.revision < 0 {
            return Err(bad(Rejection::invalid(
                "revision",
                "must not be negative; 0 is the latest",
            )));
        }
        let (trigger, deleted) = this.engine.trigger(id, request.revision).await.map_err(failed)?;
        // Statistics are those of the trigger as it is, not of an older revision.
        let trigger = match request.revision {
            0 => this.shown(&trigger),
            _ => (&trigger).into(),
        };
        Ok(Response::new(pb::GetTriggerResponse { trigger: Some(trigger), deleted }))
    }

    async fn list_triggers(
        &self,
        request: Request<pb::ListTriggersRequest>,
    ) -> Result<Response<pb::ListTriggersResponse>, Status> {
        let (this, mut request) = self.admitted(request);
        let page = PageRequest::take(&mut request, this.limits.max_page_size)?;
        let query = trigger_query(&request).map_err(bad)?;
        let found = this.engine.triggers(query, page.after.clone(), page.limit).await;
        let found = found.map_err(failed)?;
        Ok(Response::new(pb::ListTriggersResponse {
            triggers: found.items.iter().map(|trigger| this.shown(trigger)).collect(),
            next_page_token: page.next_token(found.next),
        }))
    }

    async fn update_trigger(
        &self,
        request: Request<pb::UpdateTriggerRequest>,
    ) -> Result<Response<pb::UpdateTriggerResponse>, Status> {
        let (this, request) = self.admitted(request);
        let trigger = convert::required("trigger", request.trigger).map_err(bad)?;
        let (id, patch) = convert::trigger_patch(trigger, request.update_mask).map_err(bad)?;
        let (expected, validate_only) = (request.expected_revision, request.validate_only);
        let updated = this.engine.update_trigger(id, patch, expected, validate_only).await;
        let updated = updated.map_err(under("trigger"))?;
        Ok(Response::new(pb::UpdateTriggerResponse { trigger: Some(this.shown(&updated)) }))
    }

    async fn delete_trigger(
        &self,
        request: Request<pb::DeleteTriggerRequest>,
    ) -> Result<Response<pb::DeleteTriggerResponse>, Status> {
        let (this, request) = self.admitted(request);
        let id = TriggerId::parse("trigger_id", &request.trigger_id).map_err(bad)?;
        this.engine.delete_trigger(id, request.expected_revision).await.map_err(failed)?;
        Ok(Response::new(pb::DeleteTriggerResponse {}))
    }

    async fn list_verdicts(
        &self,
        request: Request<pb::ListVerdictsRequest>,
    ) -> Result<Response<pb::ListVerdictsResponse>, Status> {
        let (this, mut request) = self.admitted(request);
        let page = PageRequest::take(&mut request, this.limits.max_page_size)?;
        let query = verdict_query(&request).map_err(bad)?;
        let before = match page.after.as_str() {
            "" => None,
            after => Some(after.parse::<MoveId>().map_err(|_| page_token_invalid())?),
        };
        let found = this.engine.verdicts(query, before, page.limit).await.map_err(failed)?;
        Ok(Response::new(pb::ListVerdictsResponse {
            verdicts: found.verdicts.iter().map(verdict).collect(),
            next_page_token: page.next_token(found.next),
        }))
    }
}

impl Services {
    /// A trigger as it is, with its statistics.
    pub(super) fn shown(&self, trigger: &Trigger) -> pb::Trigger {
        let stats = Some((&self.engine.stats_of(trigger)).into());
        pb::Trigger { stats, ..trigger.into() }
    }
}

fn verdict_query(request: &pb::ListVerdictsRequest) -> Result<VerdictQuery, Rejection> {
    let query = VerdictQuery {
        trigger_id: convert::optional("trigger_id", &request.trigger_id, TriggerId::parse)?,
        entity_id: convert::optional("entity_id", &request.entity_id, EntityId::parse)?,
    };
    if query.trigger_id.is_none() && query.entity_id.is_none() {
        return Err(Rejection::invalid("trigger_id", "is required unless entity_id is given"));
    }
    Ok(query)
}

fn verdict(logged: &LoggedVerdict) -> pb::Verdict {
    let occasion = pb::VerdictOccasion {
        entity_id: logged.entity_id.to_string(),
        event_source: logged.event_source.to_string(),
        event_id: logged.event_id.to_string(),
        event_type: logged.event_type.to_string(),
        hop: i32::try_from(logged.hop).unwrap_or(i32::MAX),
        time: Some(convert::timestamp_to_pb(logged.time)),
    };
    pb::Verdict { occasion: Some(occasion), ..logged.verdict().into() }
}

fn type_filter(
    request: pb::ListTriggerTypesRequest,
) -> Result<impl Fn(&TriggerType) -> bool + Send + 'static, Rejection> {
    let kind = convert::optional("entity_kind", &request.entity_kind, ServedKind::parse)?;
    // No longer than the titles in which it is looked for.
    let query = DisplayName::parse("query", request.query)?.as_str().to_lowercase();
    let section = request.section;
    Ok(move |found: &TriggerType| {
        (section.is_empty() || found.section.as_str() == section)
            && kind.as_ref().is_none_or(|kind| found.serves(kind.as_str()))
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
