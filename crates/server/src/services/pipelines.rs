use pawl_api::pb::pipeline_service_server::PipelineService;
use pawl_api::{convert, pb};
use pawl_domain::{EntityKind, PipelineId};
use pawl_engine::BoardStage;
use tonic::{Request, Response, Status};

use super::{Services, bad, under};
use crate::page::{PageRequest, page_limit};
use crate::request;
use crate::status::failed;

#[tonic::async_trait]
impl PipelineService for Services {
    async fn create_pipeline(
        &self,
        request: Request<pb::CreatePipelineRequest>,
    ) -> Result<Response<pb::CreatePipelineResponse>, Status> {
        let (this, request) = self.admitted(request);
        let identity =
            request::identity("CreatePipeline", &request.request_id, &request).map_err(bad)?;
        let mut pipeline = convert::required("pipeline", request.pipeline).map_err(bad)?;
        request::fill_id(&mut pipeline.pipeline_id);
        let new = convert::new_pipeline(pipeline).map_err(bad)?;
        let created = this.engine.create_pipeline(new, identity, request.validate_only).await;
        let created = created.map_err(under("pipeline"))?;
        Ok(Response::new(pb::CreatePipelineResponse { pipeline: Some((&created).into()) }))
    }

    async fn get_pipeline(
        &self,
        request: Request<pb::GetPipelineRequest>,
    ) -> Result<Response<pb::GetPipelineResponse>, Status> {
        let (this, request) = self.admitted(request);
        let id = PipelineId::parse("pipeline_id", &request.pipeline_id).map_err(bad)?;
        let pipeline = this.engine.pipeline(id).await.map_err(failed)?;
        Ok(Response::new(pb::GetPipelineResponse { pipeline: Some((&pipeline).into()) }))
    }

    async fn list_pipelines(
        &self,
        request: Request<pb::ListPipelinesRequest>,
    ) -> Result<Response<pb::ListPipelinesResponse>, Status> {
        let (this, mut request) = self.admitted(request);
        let page = PageRequest::take(&mut request, this.limits.max_page_size)?;
        let kind = convert::optional("entity_kind", &request.entity_kind, EntityKind::parse);
        let kind = kind.map_err(bad)?;
        let found = this.engine.pipelines(kind, page.after.clone(), page.limit).await;
        let found = found.map_err(failed)?;
        Ok(Response::new(pb::ListPipelinesResponse {
            pipelines: found.items.iter().map(Into::into).collect(),
            next_page_token: page.next_token(found.next),
        }))
    }

    async fn update_pipeline(
        &self,
        request: Request<pb::UpdatePipelineRequest>,
    ) -> Result<Response<pb::UpdatePipelineResponse>, Status> {
        let (this, request) = self.admitted(request);
        let pipeline = convert::required("pipeline", request.pipeline).map_err(bad)?;
        let (id, patch) = convert::pipeline_patch(pipeline, request.update_mask).map_err(bad)?;
        let (expected, validate_only) = (request.expected_revision, request.validate_only);
        let updated = this.engine.update_pipeline(id, patch, expected, validate_only).await;
        let updated = updated.map_err(under("pipeline"))?;
        Ok(Response::new(pb::UpdatePipelineResponse { pipeline: Some((&updated).into()) }))
    }

    async fn delete_pipeline(
        &self,
        request: Request<pb::DeletePipelineRequest>,
    ) -> Result<Response<pb::DeletePipelineResponse>, Status> {
        let (this, request) = self.admitted(request);
        let id = PipelineId::parse("pipeline_id", &request.pipeline_id).map_err(bad)?;
        this.engine.delete_pipeline(id, request.expected_revision).await.map_err(failed)?;
        Ok(Response::new(pb::DeletePipelineResponse {}))
    }

    async fn get_board(
        &self,
        request: Request<pb::GetBoardRequest>,
    ) -> Result<Response<pb::GetBoardResponse>, Status> {
        let (this, request) = self.admitted(request);
        let id = PipelineId::parse("pipeline_id", &request.pipeline_id).map_err(bad)?;
        let per_stage = page_limit(
            "entities_per_stage",
            request.entities_per_stage,
            this.limits.max_page_size,
        )?;
        let board = this.engine.board(id, per_stage).await.map_err(failed)?;
        let stage = |stage: &BoardStage| pb::BoardStage {
            stage_id: stage.stage_id.to_string(),
            triggers: stage.triggers.iter().map(|trigger| this.shown(trigger)).collect(),
            entity_count: stage.entity_count.cast_signed(),
            entities: stage.entities.iter().map(Into::into).collect(),
        };
        Ok(Response::new(pb::GetBoardResponse {
            pipeline: Some((&board.pipeline).into()),
            stages: board.stages.iter().map(stage).collect(),
            resume_token: board.token.as_bytes().to_vec(),
        }))
    }
}
